"""How many processors this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

# What a container may use of all processors: `<microseconds> <period>` or `max <period>`.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable(quota: Path = _QUOTA) -> int:
    """Return the processors that the system and the control group (version 2) leave to this process, at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # no control groups of version 2 here
        return count
    if not (share.isdigit() and period.isdigit() and int(period)):
        return count
    return max(1, min(count, math.ceil(int(share) / int(period))))
