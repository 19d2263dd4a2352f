"""How often something may happen: token buckets in cells that several processes can share.

A bucket keeps one number, the time at which it would be full again (the generic cell rate algorithm), so that taking
from it is one comparison and needs neither a lock nor a timer, and an idle bucket costs nothing.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from typing import Self

SLOTS = 8_192
_CELL = 8
_NANOS = 1_000_000_000

Clock = Callable[[], int]


class Cells:
    """The numbers of SLOTS buckets, in this process alone or shared by all that attach to one descriptor.

    Processes that take from one bucket at the very same moment may both be let through for the price of one: a lock
    in every call would cost more than that little.
    """

    def __init__(self, buffer: bytearray | mmap.mmap, fd: int | None) -> None:
        self.view: memoryview = memoryview(buffer).cast("q")
        self.fd = fd

    @classmethod
    def local(cls) -> Self:
        """Return cells of this process."""
        return cls(bytearray(SLOTS * _CELL), None)

    @classmethod
    def single(cls) -> Self:
        """Return one cell of this process."""
        return cls(bytearray(_CELL), None)

    @classmethod
    def create(cls) -> Self:
        """Return cells that other processes can attach to: they inherit `fd` (`pass_fds`)."""
        fd = os.memfd_create("pdp-rates", os.MFD_CLOEXEC)
        os.ftruncate(fd, SLOTS * _CELL)
        return cls.attach(fd)

    @classmethod
    def attach(cls, fd: int) -> Self:
        """Return the cells behind a descriptor that `create` made in another process."""
        return cls(mmap.mmap(fd, SLOTS * _CELL), fd)

    @property
    def is_shared(self) -> bool:
        """Whether other processes may take from the same buckets."""
        return self.fd is not None


class Bucket:
    """A bucket that `burst` tokens fill and into which `per_second` fall.

    The clock must be monotonic and, for shared cells, the same in every process, as Linux's is.
    """

    __slots__ = ("_cells", "_clock", "_depth", "_interval", "_slot")

    def __init__(
        self, per_second: float, burst: float, cells: Cells, slot: int = 0, clock: Clock = time.monotonic_ns
    ) -> None:
        self._interval = max(1, round(_NANOS / per_second))
        self._depth = max(self._interval, round(self._interval * burst))
        self._cells = cells.view
        self._slot = slot
        self._clock = clock

    def take(self) -> float:
        """Take one token and return 0, or take none and return the seconds until there is one."""
        now = self._clock()
        full = self._cells[self._slot]
        after = max(full, now) + self._interval
        wait = after - now - self._depth
        if wait > 0:
            return wait / _NANOS
        self._cells[self._slot] = after
        return 0.0

    def wait(self) -> float:
        """Return the seconds until there is a token, and take none."""
        now = self._clock()
        return max(max(self._cells[self._slot], now) + self._interval - now - self._depth, 0) / _NANOS

    def charge(self, count: int) -> None:
        """Take tokens that may not be there yet; `take` then refuses until they have come in."""
        self._cells[self._slot] = max(self._cells[self._slot], self._clock()) + self._interval * count


class Throttle:
    """Lets a log entry through now and then and counts those that it did not."""

    __slots__ = ("_bucket", "_suppressed")

    def __init__(self, per_second: float, burst: float, clock: Clock = time.monotonic_ns) -> None:
        self._bucket = Bucket(per_second, burst, Cells.single(), clock=clock)
        self._suppressed = 0

    def let_through(self) -> int | None:
        """Return how many entries were suppressed since the last one; None when this one is to be suppressed too."""
        if self._bucket.take() > 0:
            self._suppressed += 1
            return None
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed
