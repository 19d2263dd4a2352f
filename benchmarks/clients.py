"""Measures the clients of all languages: masking, deciding offline, and asking a service on this machine.

A language's program prints a line of JSON for each figure, `{"name": …, "value": …, "unit": …}`, with a name out of
FIGURES. It finds what it needs in the environment: `JINGXI_VECTORS` (it decides by bundles/bank.pb and trusts
bundles/test.pub there), `JINGXI_POLICIES` (the sample bank) and `JINGXI_TARGET` (a service that decides by it).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from report import machine, write_json
from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "clients"
RESULT = Path(__file__).resolve().parent / "results" / "clients.json"
FIGURES = {
    "mask_40_fields": "mask a message of 40 fields, verdicts known",
    "offline_12_fields": "decide offline and mask a message of 12 fields",
    "offline_12_fields_recorded": "the same with the decision in the log, not awaited",
    "offline_12_fields_cpu": "the processor's time of that, collecting garbage and all",
    "offline_messages_per_second": "messages of 12 fields a second on one core, by that time",
    "online_p50": "mask a message by the service, median",
    "online_p99": "mask a message by the service, 99 of 100",
}
AIMS: dict[tuple[str, str], tuple[str, float]] = {
    ("python", "offline_12_fields"): ("≤", 30.0),
    ("java", "offline_messages_per_second"): ("≥", 50_000.0),
    ("go", "offline_messages_per_second"): ("≥", 50_000.0),
}
PATIENCE = 300.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULT, help="the JSON file to write (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=["python", "go", "java", "typescript"], default=[])
    options = parser.parse_args()
    load = os.getloadavg()
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as target:
        for language, command in commands(Path(folder)).items():
            if options.only and language not in options.only:
                continue
            if isinstance(command, str):
                left_out[language] = command
                continue
            rows += [{"language": language, **figure} for figure in run(command, target)]
    result = {"machine": machine(load), "rows": rows, "left_out": left_out, "aims": aims(rows)}
    write_json(options.out, result)
    show(result)
    return 0


def commands(scratch: Path) -> dict[str, list[str] | str]:
    """Return how each language's program is started, or why it cannot be."""
    return {
        "python": [sys.executable, str(Path(__file__).with_name("clients_python.py"))],
        "go": _go(scratch),
        "java": _built("java", CLIENTS / "java", "**/target/*bench.jar", "-jar"),
        "typescript": _built("node", CLIENTS / "typescript", "**/bench.js"),
    }


def run(command: list[str], target: str) -> list[dict[str, Any]]:
    """Return the figures that a program prints."""
    environment = {
        **os.environ, "JINGXI_VECTORS": str(ROOT / "tests" / "vectors"), "JINGXI_POLICIES": str(ROOT / "policies"),
        "JINGXI_TARGET": target,
    }  # fmt: skip
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE)
    figures = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    unknown = {figure["name"] for figure in figures} - set(FIGURES)
    if unknown:
        raise ValueError(f"`{' '.join(command)}` tells figures that there are not: {', '.join(sorted(unknown))}")
    return figures


def aims(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the figures are held to."""
    found = []
    for row in rows:
        aim = AIMS.get((row["language"], row["name"]))
        if aim is not None:
            sign, limit = aim
            met = row["value"] <= limit if sign == "≤" else row["value"] >= limit
            found.append({**row, "sign": sign, "limit": limit, "met": met})
    return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the sample bank and yield where."""
    ready = folder / "ready.json"
    command = [
        sys.executable, "-m", "pdp.cli", "serve", "--policies", str(ROOT / "policies"), "--listen", "127.0.0.1:0",
        "--ready-file", str(ready), "--data", str(folder / "data"), "--node", "bench", "--drain", "0",
        "--clock", "2026-03-02T10:00:00+08:00",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise RuntimeError("the service did not start")
        yield json.loads(ready.read_text())["address"]
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def show(result: dict[str, Any]) -> None:
    """Print a result as a table."""
    console = Console()
    info = result["machine"]
    console.print(f"{info['cpu']}, {info['cores']} cores, load {info['load_before'][0]} to {info['load_after'][0]}")
    languages = list(dict.fromkeys(row["language"] for row in result["rows"]))
    table = Table(box=box.SIMPLE)
    table.add_column("")
    for language in languages:
        table.add_column(language, justify="right")
    for name, label in FIGURES.items():
        values = {row["language"]: row for row in result["rows"] if row["name"] == name}
        cells = [f"{values[n]['value']:,.1f} {values[n]['unit']}" if n in values else "" for n in languages]
        table.add_row(label, *cells)
    console.print(table)
    for aim in result["aims"]:
        verdict = "met" if aim["met"] else "missed"
        console.print(
            f"{aim['language']}, {FIGURES[aim['name']]}: {aim['sign']} {aim['limit']:g} {aim['unit']}: {verdict}"
        )
    for language, reason in result["left_out"].items():
        console.print(f"left out: {language}: {reason}", style="dim")
    console.print("Times of a busy machine are too long.", style="dim")


def _go(scratch: Path) -> list[str] | str:
    go = shutil.which("go")
    if go is None or not list((CLIENTS / "go" / "internal" / "cmd" / "bench").glob("*.go")):
        return "Go or clients/go/internal/cmd/bench is not here"
    built = scratch / "bench-go"
    subprocess.run([go, "build", "-o", str(built), "./internal/cmd/bench"], cwd=CLIENTS / "go", check=True)
    return [str(built)]


def _built(program: str, folder: Path, pattern: str, *options: str) -> list[str] | str:
    found = shutil.which(program)
    files = [path for path in sorted(folder.glob(pattern)) if "node_modules" not in path.parts]
    if found is None or not files:
        return f"{folder.relative_to(ROOT)}/{pattern} is not built"
    return [found, *options, str(files[0])]


if __name__ == "__main__":
    sys.exit(main())
