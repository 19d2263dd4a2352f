"""The breaker: after many failures in a row the service is left alone for a while."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

FAILURES = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
JITTER = 0.1

Clock = Callable[[], float]


class Breaker:
    """Closed at first; opens after FAILURES in a row, for a pause that doubles; then one call at a time is tried.

    Every `admit` that says yes is followed by one of `succeeded`, `failed` and `undecided`. `told` hears whether it
    opened, outside of the lock. Safe to share between threads.
    """

    def __init__(
        self,
        told: Callable[[bool], None],
        clock: Clock = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._told = told
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether the service is left alone, or tried by one call."""
        return self._open_until is not None

    def admit(self) -> bool:
        """Whether to ask the service now."""
        with self._lock:
            if self._open_until is None:
                return True
            if self._trying or self._clock() < self._open_until:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        """Note that the service answered."""
        with self._lock:
            was_open = self._open_until is not None
            self._failures, self._pause, self._open_until, self._trying = 0, FIRST_PAUSE, None, False
        if was_open:
            self._told(False)

    def failed(self) -> None:
        """Note that the service did not answer."""
        with self._lock:
            self._failures += 1
            opens = self._open_until is None and self._failures >= FAILURES
            if opens or self._trying:
                self._open_until = self._clock() + self._pause * (1 + JITTER * self._jitter())
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._trying = False
        if opens:
            self._told(True)

    def undecided(self) -> None:
        """Note that the call says nothing about the service."""
        with self._lock:
            self._trying = False
