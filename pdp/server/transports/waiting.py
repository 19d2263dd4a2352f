"""Where calls wait for what the node does not have yet: a revision, a state of grants, a use of a grant.

They hold no thread meanwhile, only a place. One thread answers them: all at once when it comes, each by itself when its
time is up.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

from pdp.server.status import failure_of

MAX_PLACES, MAX_BYTES = 1_024, 64 * 1024 * 1024

# Calls whose time is up within this are ended together, so that many of them do not keep the thread awake.
_TOGETHER_SECONDS = 0.01
_CLOSE_SECONDS = 5.0


class Guest(Protocol):
    """Who waits. INVARIANT: either `answer` or `gone` is called, once, and never before `enter` has let it in."""

    def is_ready(self) -> bool:
        """Whether what it waits for has come."""

    @property
    def until(self) -> float:
        """When its time is up, as `time.monotonic` tells it."""

    @property
    def size(self) -> int:
        """How many bytes it holds."""

    def answer(self) -> None:
        """Answer with what there is now."""

    def gone(self) -> None:
        """Hear that it has left."""


class WaitingRoom:
    """The waiting calls of one process. Safe to share."""

    def __init__(self, seconds: float, places: int) -> None:
        self.seconds = seconds
        self._places = places
        self._condition = threading.Condition()
        self._guests: dict[Guest, None] = {}
        self._bytes = 0
        self._busy = self._ended = self._hurried = False
        # When the thread looks again by itself.
        self._next = math.inf
        self._thread: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is worth asking for a place."""
        return self.seconds > 0 and not self._ended

    def enter(self, guest: Guest) -> bool:
        """Let a call wait. False when all places are taken, or nobody waits any more: it is to be answered now."""
        with self._condition:
            full = len(self._guests) >= self._places or self._bytes + guest.size > MAX_BYTES
            if full or not self.is_open:
                return False
            self._guests[guest] = None
            self._bytes += guest.size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="revisions", daemon=True)
                self._thread.start()
            # It may have come since the call was found to be ahead of it.
            if guest.until < self._next or guest.is_ready():
                self._condition.notify_all()
            return True

    def leave(self, guest: Guest) -> bool:
        """Forget a call that nobody waits for any more; False when it is being answered already."""
        with self._condition:
            found = guest in self._guests
            if found:
                self._remove(guest)
        if found:
            guest.gone()
        return found

    def look(self) -> None:
        """Hear that something may have come."""
        with self._condition:
            self._condition.notify_all()

    def end(self) -> None:
        """Answer all with what there is, and let nobody wait from now on."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until all are answered, and say whether that came about in time and before `hurry`."""
        with self._condition:
            self._condition.wait_for(lambda: self._hurried or not (self._guests or self._busy), seconds)
            return not (self._guests or self._busy)

    def hurry(self) -> None:
        """End `wait` now."""
        with self._condition:
            self._hurried = True
            self._condition.notify_all()

    def close(self) -> None:
        """Answer all, and let go of the thread."""
        self.end()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._busy = False
                if not self._guests:
                    self._condition.notify_all()
                while not (ready := self._ready()):
                    if self._ended:
                        return
                    self._next = min((guest.until for guest in self._guests), default=math.inf)
                    pause = max(_TOGETHER_SECONDS, self._next - time.monotonic())
                    self._condition.wait(None if math.isinf(pause) else pause)
                for guest in ready:
                    self._remove(guest)
                self._busy = True
            for guest in ready:
                try:
                    guest.answer()
                except Exception as error:  # the others must still be answered
                    failure_of(error, "a call that waited")

    def _ready(self) -> list[Guest]:
        """Return those that wait no longer."""
        if not self._guests:
            return []
        now = time.monotonic() + _TOGETHER_SECONDS / 2
        return [guest for guest in self._guests if self._ended or guest.until <= now or guest.is_ready()]

    def _remove(self, guest: Guest) -> None:
        del self._guests[guest]
        self._bytes -= guest.size
