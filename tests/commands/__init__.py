"""The program `pdp` for tests that start it often: a process for each command, without importing all of it anew.

What stands at `program()` is a stub: it hands its arguments, environment, folder and streams to the forker, passes
SIGINT, SIGTERM and SIGHUP on, and ends as the command ends. Where the environment has Python itself start differently,
it is `python -m pdp.cli`. Only what one process says of itself differs: its id is `pid_of()`.
"""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PATIENCE = 60

# Python, the loader and the C library read these as they start.
_STARTUP = ("PYTHON", "LD_", "LC_ALL", "FAKETIME")
_HARMLESS = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")


class _Commands:
    """The folder of the program, and the forker, which ends with this process: it reads our pipe."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="jx-pdp-")
        self.folder = Path(self._folder.name)
        usual = {k: v for k, v in os.environ.items() if k.startswith(_STARTUP) and k not in _HARMLESS}
        (self.folder / "usual").write_bytes(marshal.dumps((_STARTUP, _HARMLESS, usual)))
        stub = [sys.executable, "-IS", str(Path(__file__).with_name("stub.py")), str(self.folder)]
        self.program = self.folder / "pdp"
        self.program.write_text(f'#!/bin/sh\nexec {shlex.join(stub)} "$@"\n')
        self.program.chmod(0o755)
        self._forker = subprocess.Popen(
            [sys.executable, "-m", "tests.commands.forker", str(self.folder / "socket")],
            cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        atexit.register(self._close)
        assert self._forker.stdout is not None
        assert self._forker.stdout.readline() == b"ready\n"

    def _close(self) -> None:
        with self._forker:
            assert self._forker.stdin is not None
            self._forker.stdin.close()
        self._folder.cleanup()


@functools.cache
def _commands() -> _Commands:
    return _Commands()


def program() -> str:
    """Return the path of a `pdp`."""
    return str(_commands().program)


def pid_of(started: subprocess.Popen[Any]) -> int:
    """Return the id of the process that our program, once started, stands for."""
    note, until = _commands().folder / str(started.pid), time.monotonic() + PATIENCE
    while time.monotonic() < until and started.poll() is None:
        text = note.read_text(encoding="utf-8") if note.exists() else ""
        if text.endswith("\n"):
            return int(text)
        select.select([], [], [], 0.01)
    raise AssertionError(f"{started.args!r} has not begun, or has ended")


def kill(started: subprocess.Popen[Any]) -> None:
    """End at once what our program stands for, and wait until it has ended."""
    os.kill(pid_of(started), signal.SIGKILL)
    started.wait(PATIENCE)
