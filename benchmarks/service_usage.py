"""What processes use, as Linux counts it: CPU time and memory of a process with all that it started."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


# At rest is what uses less than this many cores for so long.
_REST_CORES, _REST_SECONDS = 0.05, 0.4
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of the watched processes and of this one with its children; how many cores everything else used.

    `behind` is for how many seconds the watched processes worked on after the load had ended.
    """

    cpu: float
    own: float
    foreign: float
    behind: float


class Meter:
    """Counts from its making to `stop`: the processes, this process with its children, and everything else."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._before = self._now()

    def stop(self, *, settle: bool = False) -> Usage:
        """Return what was used. Processes that the watched ones started meanwhile are left out.

        With `settle` the watched processes first come to rest: what they do about their answers afterwards is theirs.
        """
        behind = _settle(self._pids) if settle else 0.0
        wall, cpu, own, busy = (after - before for after, before in zip(self._now(), self._before, strict=True))
        return Usage(cpu, own, max(0.0, busy - cpu - own) / wall, behind)

    def _now(self) -> tuple[float, float, float, float]:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        return time.monotonic(), cpu_seconds(self._pids), own, busy_seconds()


def tree(pid: int) -> list[int]:
    """Return a process and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, ())
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time, user and system, of all threads, and of descendants that have ended and were waited for."""
    return sum(int(value) for pid in pids for value in _stat(pid)[11:15]) / _TICKS


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory; a page that several processes share counts once for each."""
    pages = 0
    for pid in pids:
        try:
            pages += int((_PROC / str(pid) / "statm").read_text().split()[1])
        except OSError:  # it has ended
            continue
    return pages * _PAGE


def busy_seconds() -> float:
    """Return the CPU time that the machine has been busy since it started."""
    fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = (int(value) for value in fields[:8])
    return (user + nice + system + interrupts + soft + stolen) / _TICKS


def _settle(pids: Sequence[int]) -> float:
    """Wait until processes rest, at most a minute; return for how many seconds they had worked on."""
    begun = last = time.monotonic()
    used = cpu_seconds(pids)
    while last - begun < _SETTLE_SECONDS:
        time.sleep(_REST_SECONDS)
        now, so_far = time.monotonic(), cpu_seconds(pids)
        if (so_far - used) / (now - last) < _REST_CORES:
            break
        last, used = now, so_far
    return last - begun


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none when the process has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    # The name before it may hold blanks and parentheses.
    return text.rpartition(")")[2].split()
