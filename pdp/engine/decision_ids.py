"""Names of decisions: unique over all nodes and time, cheap to make, sorted by time within a process."""

from __future__ import annotations

import itertools
import os
import time


class DecisionIds:
    """Makes ids of 32 hexadecimal digits: start of the process in milliseconds, 40 random bits, a counter."""

    # The lowest number of 10 digits: none needs padding, which would take longer than all else here.
    _FIRST = 1 << 36

    def __init__(self) -> None:
        start = time.time_ns() // 1_000_000
        prefix = f"{start:012x}{os.urandom(5).hex()}".encode()
        # DecideResponse.decision_id is field 1: tag 0x0a, then the length.
        self._head = b"\x0a\x20" + prefix
        self._counter = itertools.count(self._FIRST)

    def head(self) -> bytes:
        """Return the serialized `decision_id` field of the next decision."""
        return self._head + b"%x" % next(self._counter)
