"""The time that decisions are made at: the machine's, or another one for demonstrations and tests."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Tells the time in nanoseconds since 1970."""


def machine_clock() -> int:
    """Return the machine's time."""
    return time.time_ns()


def starting_at(moment: int) -> Clock:
    """Return a clock that shows `moment` now and runs on from there."""
    # Monotonic, so that it runs evenly even while the machine's own clock is set.
    begun = time.monotonic_ns()
    return lambda: moment + time.monotonic_ns() - begun
