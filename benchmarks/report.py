"""What a run leaves behind: a table to read and a JSON file to compare with later runs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Timing
from rich import box
from rich.console import Console
from rich.table import Table

_LIBRARIES = ("protobuf", "cel-expr-python", "cedarpy", "regopy", "casbin")
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section; `key` is stable, for programs."""

    section: str
    key: str
    label: str
    timing: Timing
    base: Timing | None = None
    ratio_to: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain data, times in microseconds."""
        return {
            "section": self.section,
            "key": self.key,
            "label": self.label,
            "cpu_us": _summary(self.timing.cpu),
            "wall_us": _summary(self.timing.wall),
            "ratio": round(self.timing.ratio(self.base), 3) if self.base else None,
            "ratio_to": self.ratio_to or None,
            "rounds": len(self.timing.cpu),
            "operations": self.timing.operations,
        }


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure the product is held to; met when the value is not above the limit."""

    label: str
    value: float
    limit: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        """Return the aim as plain data."""
        met = self.value <= self.limit
        return {"label": self.label, "value": round(self.value, 3), "limit": self.limit, "unit": self.unit, "met": met}


def machine(load_before: tuple[float, ...]) -> dict[str, Any]:
    """Return what the figures depend on besides the code. A load above 0 means that others used the machine too."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": [round(value, 2) for value in load_before],
        "load_after": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
    }


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write the result of a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def show(result: dict[str, Any]) -> None:
    """Print a result as tables."""
    console = Console()
    console.width = max(console.width, 120)
    info = result["machine"]
    console.print(f"{info['cpu']}, {info['cores']} cores, load {info['load_before'][0]} to {info['load_after'][0]}")
    console.print(f"Python {info['python']}, {', '.join(f'{k} {v}' for k, v in info['libraries'].items())}")
    for section, title in result["sections"].items():
        rows = [row for row in result["rows"] if row["section"] == section]
        table = Table(title=title, box=box.SIMPLE, title_justify="left")
        table.add_column("")
        for name in ("CPU µs median", "CPU µs min", "wall µs median", "wall µs min", "ratio"):
            table.add_column(name, justify="right")
        for row in rows:
            ratio = "" if row["ratio"] is None else f"{row['ratio']:,.2f} × {row['ratio_to']}"
            figures = [f"{row[clock][kind]:,.1f}" for clock in ("cpu_us", "wall_us") for kind in ("median", "min")]
            table.add_row(row["label"], *figures, ratio)
        console.print(table)
    _show_stages(console, result["compile"])
    table = Table(title="Aims", box=box.SIMPLE, title_justify="left")
    for name in ("", "measured", "aim", ""):
        table.add_column(name)
    for aim in result["aims"]:
        unit = aim["unit"]
        table.add_row(
            aim["label"], f"{aim['value']:,.2f} {unit}", f"≤ {aim['limit']:g} {unit}", "met" if aim["met"] else "missed"
        )
    console.print(table)
    console.print("Times of a busy machine are too long; ratios were taken turn by turn and hold.", style="dim")


def _show_stages(console: Console, compiled: dict[str, Any]) -> None:
    publish, worker = compiled["publish"], compiled["worker"]
    title = f"{publish['rules']:,} rules in {publish['files']:,} files, from text to program"
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for name in ("stage", "CPU s", "wall s"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for name, seconds in publish["stages"].items():
        table.add_row(name, f"{seconds['cpu_seconds']:.2f}", f"{seconds['wall_seconds']:.2f}")
    console.print(table)
    mib = 1024 * 1024
    console.print(
        f"{publish['clauses']:,} clauses, {publish['different_clauses']:,} of them different; "
        f"text {publish['text_bytes'] / mib:.1f} MiB, bundle {publish['bundle_bytes'] / mib:.1f} MiB, "
        f"memory of the publisher {publish['resident_bytes'] / mib:.0f} MiB, "
        f"of a decision worker {worker['resident_bytes'] / mib:.0f} MiB, "
        f"start of a worker {sum(s['wall_seconds'] for s in worker['stages'].values()):.2f} s\n"
    )


def _summary(seconds: tuple[float, ...]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds) * 1e6, 3), "min": round(min(seconds) * 1e6, 3)}


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    """Return what git says; empty where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
