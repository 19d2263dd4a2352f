"""The time that decisions are made at: the machine's, or another one for demonstrations and tests."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Tells the time in nanoseconds since 1970."""


def machine_clock() -> int:
    """Return the machine's time."""
    return time.time_ns()


def starting_at(moment: int, begun: int | None = None) -> Clock:
    """Return a clock that showed `moment` when `time.monotonic_ns` was `begun` (now when None) and runs on from there.

    That time is one for all processes of a machine, so their clocks agree.
    """
    # Monotonic, so that it runs evenly even while the machine's own clock is set.
    start = time.monotonic_ns() if begun is None else begun
    return lambda: moment + time.monotonic_ns() - start
