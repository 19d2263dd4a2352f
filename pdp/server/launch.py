"""Starts children as programs of their own, and tells of any child how it does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol


class Launched(Protocol):
    """A child that was started."""

    @property
    def pid(self) -> int:
        """Its process id."""

    async def wait(self) -> str:
        """Return how it ended, once it has."""

    def kill(self) -> None:
        """End it at once."""

    def cpu_ticks(self) -> int | None:
        """Return the processor time that it has used, in ticks of the system; None when nobody knows."""


Launch = Callable[[socket.socket, Sequence[int]], Awaitable[Launched]]
"""Starts a child on its end of the control channel; it inherits the descriptors besides."""


async def launch_process(channel: socket.socket, descriptors: Sequence[int] = ()) -> Launched:
    """Start a worker. Raises OSError."""
    return await _run("pdp.server.worker", channel, descriptors)


async def launch_shipper(channel: socket.socket, descriptors: Sequence[int] = ()) -> Launched:
    """Start a shipper. Raises OSError."""
    return await _run("pdp.server.shipping", channel, descriptors)


def command_of(module: str) -> list[str]:
    """Return how one of our modules is started: by this interpreter, or by this program where it needs none."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "-m", module]
    # -P: what lies in the working directory is not to be imported.
    return [sys.executable, "-P", "-m", module]


async def _run(module: str, channel: socket.socket, descriptors: Sequence[int]) -> Launched:
    fd = channel.fileno()
    process = await asyncio.create_subprocess_exec(
        *command_of(module), "--control-fd", str(fd),
        pass_fds=(fd, *descriptors), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return _Process(process)


class _Process:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def wait(self) -> str:
        return how_it_ended(await self._process.wait())

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()

    def cpu_ticks(self) -> int | None:
        return cpu_ticks(self.pid)


def call_process(name: str) -> None:
    """Let the list of processes call this one so, where the system has names for processes; 15 characters."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")


def how_it_ended(code: int) -> str:
    """Return in words what an exit code, or minus the number of a signal, tells."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def cpu_ticks(pid: int) -> int | None:
    """Return the processor time that a process has used, in ticks of the system; None when nobody knows."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # The name, in parentheses, may hold anything; `utime` and `stime` are the 12th and 13th after it.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return int(user) + int(system)
    except (OSError, ValueError):
        return None
