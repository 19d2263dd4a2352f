"""What people must hear of: told to the callback that the client was given, and written to the log."""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


class AlarmKind(enum.Enum):
    """What an alarm is about."""

    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    MANY_FALLBACKS = "many_fallbacks"
    NOT_RECORDED = "not_recorded"
    SPOOL_FILLING = "spool_filling"
    STATE_DAMAGED = "state_damaged"
    BUNDLE_REFUSED = "bundle_refused"
    REPORTING = "reporting"


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm with a sentence in English that holds no value of a message."""

    kind: AlarmKind
    message: str


AlarmCallback = Callable[[Alarm], None]


def no_alarm(_: Alarm) -> None:
    """Tell nobody; the log has it anyway."""


class Alarms:
    """Tells alarms; what the callback raises is logged, since the caller's message must go on."""

    def __init__(self, callback: AlarmCallback) -> None:
        self._callback = callback

    def tell(self, kind: AlarmKind, message: str) -> None:
        """Tell an alarm."""
        log.warning("alarm %s: %s", kind.value, message)
        try:
            self._callback(Alarm(kind, message))
        except Exception:
            log.exception("the alarm callback failed")


class FallbackRate:
    """Says when more than so many messages fell back within so many seconds, once in that time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: deque[float] = deque()
        self._told = float("-inf")

    def count(self, events: int, seconds: int) -> int:
        """Note a message that fell back; return how many did lately when that must be told now, else 0."""
        if seconds <= 0:
            return 0
        now = self._clock()
        with self._lock:
            self._times.append(now)
            while self._times[0] <= now - seconds or len(self._times) > events + 1:
                self._times.popleft()
            if len(self._times) <= events or now < self._told + seconds:
                return 0
            self._told = now
            return len(self._times)
