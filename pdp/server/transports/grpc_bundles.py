"""WatchBundle of the grpc transport: bundles in chunks, one under way on each stream, however slow its reader is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

from pdp.engine.request import decode
from pdp.errors import LimitError, NoPolicyError
from pdp.server.bundles import WATCH, BundleFeed, Parcel
from pdp.server.status import Failure, failure_of
from pdp.server.transports import grpc_core as core
from pdp.server.transports.base import REQUEST_SECONDS
from pdp.server.transports.grpc_streams import Call, Streams
from pdp.server.transports.grpc_unary import LATE, MISSING
from pdp.v1 import bundle_service_pb2

BEAT_SECONDS: Final = 15
"""A stream on which nothing else is sent says so often that it is alive."""


class Admit(Protocol):
    """Lets callers in."""

    def __call__(self, event: Any, *, again: bool) -> str:
        """Return the name of who watches; `again` when it was let in before. Raises UnauthenticatedError and others."""


class BundleStreams(Streams):
    """All streams of bundles; those of one caller may take half of them, so that others find room too."""

    def __init__(self, limit: int, feed: BundleFeed, admit: Admit, changed: Callable[[], object]) -> None:
        """`changed` returns something else whenever `admit` may say something else."""
        super().__init__(limit)
        self.feed = feed
        self.admit = admit
        self.changed = changed
        self._most = max(1, limit // 2)
        self._callers: Counter[str] = Counter()

    def watch_bundle(self, event: Any) -> None:
        """Take a call."""
        try:
            caller = self._identify(event)
        except Exception as error:  # nothing that a client sends may stop the process
            core.fail(event.call, failure_of(error, WATCH), core.ignore)
            return
        self.admit_call(event, lambda: _BundleWatch(self, event, caller))

    def _identify(self, event: Any) -> str:
        caller = self.admit(event, again=False)
        if caller and self._callers[caller] >= self._most:
            raise LimitError(f"the caller `{caller}` has {self._most} streams of bundles already; ask another node")
        return caller

    def entered(self, caller: str) -> None:
        """Count a stream."""
        with self._lock:
            self._callers[caller] += 1

    def left(self, caller: str) -> None:
        """Count it no more."""
        with self._lock:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]


class _BundleWatch(Call):
    """One stream. `_parcel` is under way, `_next` its next chunk; `_has` names what the client has."""

    def __init__(self, streams: BundleStreams, event: Any, caller: str) -> None:
        super().__init__(streams, event)
        self._bundles = streams
        self._event = event
        self._caller = caller
        self._admitted_by = streams.changed()
        self._parcel: Parcel | None = None
        self._next = 0
        self._has: tuple[int, str] = (0, "")
        self._is_told = self._once = self._is_open = False
        streams.entered(caller)

    def begin(self) -> None:
        super().begin()
        core.receive(self.call, core.tag(self._received))

    def _received(self, event: Any) -> None:
        payload = core.message(event)
        failure: Failure | None = None
        if payload is None:
            failure = MISSING
        else:
            try:
                request = decode(bundle_service_pb2.WatchBundleRequest.FromString, payload)
                self._has, self._once = (request.known_revision, request.known_hash), request.once
            except Exception as error:  # as above
                failure = failure_of(error, WATCH)
        with self.lock:
            if failure is not None:
                self.end(failure)
            elif not self.ended:
                # With the lock held: who is told that the call is over comes after this.
                self._bundles.feed.watch(self.notify)
                self._is_open = True
                self._go_on()

    def notify(self) -> None:
        """Hear that there is another bundle."""
        with self.lock:
            if not self.sending and self._is_open:
                self._go_on()

    def _sent(self, event: Any) -> None:
        with self.lock:
            self.sending = False
            if not self.ended and event.success:
                self._go_on()

    def _go_on(self) -> None:
        """Send what comes next, if anything does, with the lock held and nothing under way."""
        feed = self._bundles.feed
        newest = feed.parcel
        if self.ended:
            return
        if self.streams.stopping is not None:
            self.end(self.streams.stopping)
        elif newest is None:
            self.end(failure_of(NoPolicyError("no policy set is loaded yet; try again or ask another node"), WATCH))
        elif self._parcel is not None and newest is self._parcel:
            self._send_chunk(self._parcel)
        elif newest.name != self._has:
            self._parcel, self._next = newest, 0
            self.send(newest.header, self._sent)
        elif not self._is_told:
            self._is_told = True
            self.send(feed.current(newest), self._sent)
        elif self._once:
            self.end(None)

    def _send_chunk(self, parcel: Parcel) -> None:
        number = self._next
        self._next += 1
        if self._next >= parcel.chunks:
            self._parcel, self._has, self._is_told = None, parcel.name, True
        self.send(parcel.chunk(number), self._sent)

    def look(self, now: int) -> None:
        super().look(now)
        with self.lock:
            if self.sending or self.ended:
                return
            if not self._is_open and now - self.born > REQUEST_SECONDS:
                self.end(LATE)
                return
            is_due = self._is_open and now - self.moved >= BEAT_SECONDS
            if is_due or self._admitted_by is not self._bundles.changed():
                # Who may call may have changed meanwhile, and tokens end.
                asked = self._bundles.changed()
                try:
                    self._bundles.admit(self._event, again=True)
                    self._admitted_by = asked
                except Exception as error:  # as above
                    self.end(failure_of(error, WATCH))
                    return
            parcel = self._bundles.feed.parcel
            if parcel is not None and is_due:
                self.send(self._bundles.feed.current(parcel), self._sent)

    def over(self) -> None:
        self._bundles.feed.forget(self.notify)
        self._bundles.left(self._caller)
        self._event = None
