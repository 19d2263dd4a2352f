"""Calls that take long, one after another in a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pdp.errors import LimitError
from pdp.server.status import failure_of

# Calls that wait for the thread, and the bytes of their requests.
MAX_WAITING, MAX_WAITING_BYTES = 1_024, 64 * 1024 * 1024


class LongCalls:
    """One thread for calls that take long, with a bound on what waits for it.

    Python runs one thread at a time, and short calls are to have every other turn.
    """

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="long")
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._count = 0
        self._bytes = 0
        self._hurried = False

    def submit(self, size: int, run: Callable[[], None]) -> None:
        """Run something for a request of `size` bytes later, in the order of coming. Raises LimitError."""
        with self._lock:
            if self._count >= self._limit or self._bytes + size > MAX_WAITING_BYTES:
                raise LimitError(f"{self._count} long calls wait already; send smaller batches, or try again later")
            self._count += 1
            self._bytes += size
        self._executor.submit(self._run, size, run)

    def _run(self, size: int, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # the next one must still run
            failure_of(error, "a long call")
        finally:
            with self._lock:
                self._count -= 1
                self._bytes -= size
                if not self._count:
                    self._idle.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until none runs or waits, and say whether that came about in time and before `hurry`."""
        with self._lock:
            self._idle.wait_for(lambda: self._hurried or not self._count, seconds)
            return not self._count

    def hurry(self) -> None:
        """End `wait` now."""
        with self._lock:
            self._hurried = True
            self._idle.notify_all()

    def close(self) -> None:
        """Drop what waits."""
        self._executor.shutdown(wait=False, cancel_futures=True)
