"""The processes that another one has started, as Linux tells them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

WORKER, SHIPPER, ZYGOTE = "pdp-worker", "pdp-shipper", "pdp-zygote"
"""What the processes of `pdp serve` are called, other than the supervisor."""


def descendants(pid: int) -> list[int]:
    """Return the processes that this one has started, those that they have started, and so on."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it ended meanwhile
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found


def named(pid: int, name: str) -> list[int]:
    """Return those descendants of a process that are called so."""
    return [found for found in descendants(pid) if name_of(found) == name]


def pause(pids: Sequence[int], patience: float = 60) -> None:
    """Stop processes, and return once they stand still: until then, another thread of one may go on to answer."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    end, step = time.monotonic() + patience, threading.Event()
    while not all(map(_stands_still, pids)):
        assert time.monotonic() < end, "processes that were stopped go on"
        step.wait(0.005)


def _stands_still(pid: int) -> bool:
    states = set()
    with contextlib.suppress(OSError):  # it has ended
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):
                # The name before it may hold anything, also brackets.
                states.add(stat.read_text().rpartition(") ")[2][0])
    return states <= {"T", "t", "Z", "X"}


def name_of(pid: int) -> str:
    """Return what a process is called, nothing when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
