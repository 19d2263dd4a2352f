"""Reports what waits in a log to the service, in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from jingxi_client._spool import Entry, Spool
from jingxi_client.alarms import AlarmKind, Alarms
from jingxi_client.errors import JingxiError

AT_A_TIME = 100
MAX_BYTES = 192 * 1024
EVERY = 5.0
CALL_SECONDS = 5.0
LAST_SECONDS = 1.0


class OutOfSequenceError(JingxiError):
    """The service expects another number next."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"the service expects number {expected}")
        self.expected = expected


Send = Callable[[Sequence[Entry], float], int]
"""Sends entries within so many seconds; returns the last number that is recorded.

Raises JingxiError, and OutOfSequenceError when the service expects another number.
"""


class Reporter:
    """A thread that reports a log, at once when it is told that the service answers, else every few seconds."""

    def __init__(self, spool: Spool, send: Send, alarms: Alarms, every: float = EVERY) -> None:
        self._spool = spool
        self._send = send
        self._alarms = alarms
        self._every = every
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._refused = ""
        self.failing = False
        self._thread = threading.Thread(target=self._run, name="jingxi-reporting", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Report soon, if anything waits: the service answers."""
        if self._spool.waiting:
            self._wake.set()

    def close(self) -> None:
        """Try once more for at most a second. What is left is reported at the next start.

        A call that was under way before may last longer: end the connection, then `join`.
        """
        self._closing.set()
        self._wake.set()
        self._thread.join(1.5 * LAST_SECONDS)

    def join(self) -> None:
        """Wait until the thread has ended, after `close` and the end of the connection."""
        self._thread.join(CALL_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._every)
            self._wake.clear()
            end = time.monotonic() + LAST_SECONDS
            while self._spool.waiting and self._one(end) and not (self._closing.is_set() and time.monotonic() > end):
                pass

    def _one(self, end: float) -> bool:
        """Report what fits into one call; whether to go on at once."""
        seconds = max(0.05, end - time.monotonic()) if self._closing.is_set() else CALL_SECONDS
        try:
            entries = self._spool.pending(AT_A_TIME, MAX_BYTES)
            if not entries:
                return False
            self._spool.mark(self._send(entries, seconds))
        except OutOfSequenceError as error:
            # The same number again would go on for ever.
            if error.expected == entries[0].number:
                return self._failed(error)
            return self._moved(error.expected - 1)
        except (JingxiError, OSError) as error:
            return self._failed(error)
        self._refused = ""
        self.failing = False
        return True

    def _moved(self, number: int) -> bool:
        try:
            self._spool.mark(number)
        except OSError as error:
            return self._failed(error)
        return True

    def _failed(self, error: Exception) -> bool:
        self.failing = True
        # While the service is away there is nothing to tell; a refusal stays until somebody mends it.
        kind = getattr(error, "code", "disk")
        if kind not in ("unavailable", self._refused):
            self._alarms.tell(AlarmKind.REPORTING, f"what was done without the service cannot be reported: {error}")
            self._refused = kind
        return False
