"""Measures the clients of all languages: masking, deciding offline, and asking a service on this machine.

Each language's program is built first, which takes minutes where its libraries must still be fetched; measuring takes
two. A program prints a line of JSON for each figure, `{"name": …, "value": …, "unit": …}`, with a name out of FIGURES.
It finds what it needs in the environment: `JINGXI_VECTORS` (it decides by bundles/bank.pb and trusts bundles/test.pub
there), `JINGXI_POLICIES` (the sample bank) and `JINGXI_TARGET` (a service that decides by it). A language whose tools
are not here is left out; where something fails the others are measured all the same, and the run ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clients_report import FIGURES, LANGUAGES, aims, show, write_pages
from report import machine, write_json

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "clients"
RESULT = Path(__file__).resolve().parent / "results" / "clients.json"
# Seconds: nothing takes that long when all is well.
PATIENCE = 300.0
_TAIL = 12


class LeftOut(Exception):
    """A language is not measured; says why. `failed` is false where only its tools are not here."""

    def __init__(self, reason: str, *, failed: bool) -> None:
        super().__init__(reason)
        self.failed = failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help=f"the JSON file to write (default: {RESULT}; with --only none)")
    parser.add_argument("--only", action="append", choices=list(LANGUAGES), default=[], help="measure this one alone")
    parser.add_argument("--pages", action="store_true", help="only write the tables of the guide again")
    options = parser.parse_args()
    if options.pages:
        write_pages(options.out or RESULT)
        return 0
    chosen = options.only or list(LANGUAGES)
    commands: dict[str, list[str]] = {}
    left_out: dict[str, str] = {}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for language in chosen:
            try:
                commands[language] = BUILDS[language](Path(folder))
            except LeftOut as reason:
                left_out[language], failed = str(reason), failed or reason.failed
        # Building is load too.
        load = os.getloadavg()
        rows: list[dict[str, Any]] = []
        with served(Path(folder)) as target:
            for language, command in commands.items():
                _say(f"measuring {LANGUAGES[language]}")
                try:
                    rows += [{"language": language, **figure} for figure in run(command, target)]
                except LeftOut as reason:
                    left_out[language], failed = str(reason), True
    result = {"machine": machine(load), "rows": rows, "left_out": left_out, "aims": aims(rows)}
    out = options.out or (None if options.only else RESULT)
    if out is not None:
        write_json(out, result)
    show(result)
    if out == RESULT:
        write_pages(out)
    return int(failed)


def run(command: list[str], target: str) -> list[dict[str, Any]]:
    """Return the figures that a program prints."""
    environment = {
        **os.environ, "JINGXI_VECTORS": str(ROOT / "tests" / "vectors"), "JINGXI_POLICIES": str(ROOT / "policies"),
        "JINGXI_TARGET": target,
    }  # fmt: skip
    said = _run(command, ROOT, environment)
    figures = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    unknown = {figure["name"] for figure in figures} - set(FIGURES)
    if unknown:
        raise ValueError(f"`{' '.join(command)}` tells figures that there are not: {', '.join(sorted(unknown))}")
    return figures


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the sample bank and yield where."""
    ready = folder / "ready.json"
    command = [
        sys.executable, "-m", "pdp.cli", "serve", "--policies", str(ROOT / "policies"), "--listen", "127.0.0.1:0",
        "--ready-file", str(ready), "--data", str(folder / "data"), "--node", "bench", "--drain", "0",
        "--admin", "off", "--staff", "off", "--clock", "2026-03-02T10:00:00+08:00",
    ]  # fmt: skip
    log = folder / "serve.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            said = "\n".join(log.read_text(encoding="utf-8").splitlines()[-_TAIL:])
            raise RuntimeError(f"the service did not start:\n{said}")
        yield json.loads(ready.read_text())["address"]
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def _python(_: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("clients_python.py"))]


def _go(scratch: Path) -> list[str]:
    go = _tool("go")
    _say("building clients/go")
    built = scratch / "bench-go"
    _run([go, "build", "-o", str(built), "./internal/cmd/bench"], CLIENTS / "go")
    return [str(built)]


def _java(_: Path) -> list[str]:
    java, mvn = _tool("java"), _tool("mvn")
    _say("building clients/java by Maven: minutes the first time, when it fetches libraries")
    arguments = [
        "--batch-mode",
        "--no-transfer-progress",
        "--quiet",
        "-DskipTests",
        "--projects",
        "harness",
        "--also-make",
    ]
    _run([mvn, *arguments, "package"], CLIENTS / "java")
    # The second compiler beside a busy machine's other work would be measured before it has done its own.
    return [java, "-Xbatch", "-jar", str(CLIENTS / "java" / "harness" / "target" / "decide-lines-bench.jar")]


def _typescript(_: Path) -> list[str]:
    node, npm = _tool("node"), _tool("npm")
    folder = CLIENTS / "typescript"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        _say("fetching the libraries of clients/typescript")
        _run([npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    _say("building clients/typescript")
    _run([npm, "run", "--silent", "build"], folder)
    return [node, str(folder / "build" / "bench.js")]


BUILDS: dict[str, Callable[[Path], list[str]]] = {
    "python": _python, "java": _java, "go": _go, "typescript": _typescript,
}  # fmt: skip


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LeftOut(f"`{name}` is not here", failed=False)
    return found


def _run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Return what a command wrote; its errors go to the terminal's."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LeftOut(f"`{' '.join(command)}` took longer than {PATIENCE:.0f} s", failed=True) from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-_TAIL:])
        raise LeftOut(f"`{' '.join(command)}` ended with {done.returncode}\n{tail}".strip(), failed=True)
    return done.stdout


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
