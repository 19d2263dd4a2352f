"""How long a node honours grants without having heard from the control store.

INVARIANT: a node honours a grant only while less than `FENCE_SECONDS`, and less than its lease, have passed since it
began a look at the store that found nothing which it does not decide by already, and since it began to renew its
lease. So whoever has seen a revocation in the store and waits for `OUTLAST_SECONDS` knows that no node honours that
grant any more, whatever became of the node: it has looked since, or its time has run out. A quicker way is to hear of
it from every node that has a lease: a node without one honours nothing.
"""

from __future__ import annotations

import time
from typing import Final

FENCE_SECONDS: Final = 10.0
OUTLAST_SECONDS: Final = FENCE_SECONDS * 1.02 + 0.3
"""Clocks of machines do not run at quite the same speed; a hundredth is far more than any differs."""


def uptime_nanos() -> int:
    """Return nanoseconds since the machine started, those of its sleep too; the same to all its processes."""
    # CLOCK_MONOTONIC stands still while a machine sleeps, and then a node would honour what ended meanwhile.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


def uptime() -> float:
    """Return the same in seconds."""
    return uptime_nanos() / 1e9
