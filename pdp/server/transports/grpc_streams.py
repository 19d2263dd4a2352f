"""Streams of the grpc transport: requests answered one after another, and health watches.

They live in the thread that polls and hold no thread while they wait. A stream has one message under way; grpc's
flow control holds the rest at the client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from google.rpc import code_pb2

from pdp.errors import StoppingError
from pdp.server.health import Health
from pdp.server.status import Failure, failure_of
from pdp.server.transports import grpc_core as core
from pdp.server.transports.base import REQUEST_SECONDS, STREAM_IDLE_SECONDS, STREAM_SECONDS
from pdp.server.transports.grpc_unary import MISSING

Leave = Callable[[], object]
"""Says that nobody waits for an answer any more."""
Deferred = Callable[[Callable[[bytes | Failure], None]], Leave | None]
"""An answer that comes later: it takes what to do with it, and may do so at once; it may return how to leave."""
Converse = Callable[[bytes, Any], bytes | Failure | Deferred]
"""Answers one message of a stream, whose request event is given; a Failure ends the stream."""

_IDLE = Failure(code_pb2.DEADLINE_EXCEEDED, f"nothing came for {STREAM_IDLE_SECONDS} s; open another stream", b"")
_OLD = Failure(code_pb2.UNAVAILABLE, f"the stream is {STREAM_SECONDS} s old; open another one", b"")
_FULL = Failure(code_pb2.RESOURCE_EXHAUSTED, "too many streams are open; close some, or ask another node", b"")


class Streams:
    """All streams of a server."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.open: set[Call] = set()
        self.ticks = 0
        self.stopping: Failure | None = None

    def answer_each(self, converse: Converse, event: Any) -> None:
        """Take a bidirectional call."""
        self.admit_call(event, lambda: _Conversation(self, event, converse))

    def watch(self, health: Health, event: Any) -> None:
        """Take a health watch."""
        self.admit_call(event, lambda: _Watch(self, event, health))

    def admit_call(self, event: Any, make: Callable[[], Call]) -> None:
        """Take a call, if there is room for it; `make` makes what leads it."""
        if self.stopping is not None or len(self.open) >= self._limit:
            core.fail(event.call, self.stopping or _FULL, core.ignore)
            return
        call = make()
        with self._lock:
            self.open.add(call)
        call.begin()
        if self.stopping is not None:  # `stop` did not see it yet
            call.stop(self.stopping)

    def discard(self, call: Call) -> None:
        """Forget a call that is over."""
        with self._lock:
            self.open.discard(call)

    def sweep(self) -> None:
        """End calls that are stuck, idle or old. Called every second, from any thread."""
        self.ticks += 1
        with self._lock:
            calls = list(self.open)
        for call in calls:
            call.look(self.ticks)

    def stop(self) -> None:
        """End every stream between two messages, and take no more."""
        self.stopping = failure_of(StoppingError("the server stops; ask another node"), "stream")
        with self._lock:
            calls = list(self.open)
        for call in calls:
            call.stop(self.stopping)


class Call:
    """What all kinds of streams share. INVARIANT: the lock is held around every batch and change of state."""

    def __init__(self, streams: Streams, event: Any) -> None:
        self.streams = streams
        self.call = event.call
        self.lock = threading.Lock()
        self.first = True
        self.ended = False
        self.sending = False
        self.born = self.moved = streams.ticks

    def begin(self) -> None:
        """Start reading."""
        core.watch_close(self.call, core.tag(self._closed))

    def send(self, payload: bytes, then: Callable[[Any], None]) -> None:
        """Send a message, with the lock held."""
        self.sending, self.moved = True, self.streams.ticks
        core.send(self.call, payload, core.tag(then), first=self.first)
        self.first = False

    def end(self, failure: Failure | None) -> None:
        """End with a status, with the lock held."""
        if not self.ended:
            self.ended = True
            self.sending, self.moved = True, self.streams.ticks
            core.fail(self.call, failure, core.ignore, first=self.first, close=False)

    def _closed(self, _event: Any) -> None:
        with self.lock:
            self.ended = True
            # grpc counts the call as long as anybody holds it.
            self.call = None
        self.streams.discard(self)
        self.over()

    def over(self) -> None:
        """Let go of what the call held."""

    def look(self, now: int) -> None:
        """End the call if it is stuck."""
        with self.lock:
            if self.call is not None and self.sending and now - self.moved > REQUEST_SECONDS:
                self.call.cancel()

    def stop(self, failure: Failure) -> None:
        """End the call as soon as nothing is under way."""
        with self.lock:
            if not self.sending:
                self.end(failure)


class _Conversation(Call):
    def __init__(self, streams: Streams, event: Any, converse: Converse) -> None:
        super().__init__(streams, event)
        self._event = event
        self._converse = converse
        self._leave: Leave | None = None

    def begin(self) -> None:
        super().begin()
        with self.lock:
            self._read()

    def _read(self) -> None:
        self.sending, self.moved = False, self.streams.ticks
        core.receive(self.call, core.tag(self._received))

    def _received(self, event: Any) -> None:
        payload = core.message(event)
        with self.lock:
            if self.ended:
                return
            if payload is None:
                self.end(None)
                return
            # A stream that is to end does so after this answer.
            self.sending, self.moved = True, self.streams.ticks
        reply = self._converse(payload, self._event)
        if callable(reply):
            # What closes the call comes in this thread too, so not before this is known.
            self._leave = reply(self._answer)
        else:
            self._answer(reply)

    def over(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _answer(self, reply: bytes | Failure) -> None:
        with self.lock:
            if self.ended:
                return
            if isinstance(reply, Failure):
                self.end(reply)
            else:
                self.send(reply, self._sent)

    def _sent(self, event: Any) -> None:
        with self.lock:
            if self.ended or not event.success:
                return
            if self.streams.stopping is not None:
                self.end(self.streams.stopping)
            elif self.streams.ticks - self.born > STREAM_SECONDS:
                self.end(_OLD)
            else:
                self._read()

    def look(self, now: int) -> None:
        super().look(now)
        with self.lock:
            if self.sending or self.ended:
                return
            if now - self.born > STREAM_SECONDS:
                self.end(_OLD)
            elif now - self.moved > STREAM_IDLE_SECONDS:
                self.end(_IDLE)


class _Watch(Call):
    """Sends the status whenever it changes; while one is on its way only the newest waits."""

    def __init__(self, streams: Streams, event: Any, health: Health) -> None:
        super().__init__(streams, event)
        self._health = health
        self._next: bytes | None = None

    def begin(self) -> None:
        super().begin()
        core.receive(self.call, core.tag(self._received))

    def _received(self, event: Any) -> None:
        payload = core.message(event)
        failure = MISSING if payload is None else self._health.watch(payload, self.notify)
        if failure is not None:
            with self.lock:
                self.end(failure)

    def notify(self, status: bytes) -> None:
        """Send a status, or put it in the place of the one that waits."""
        with self.lock:
            if self.ended:
                return
            if self.sending:
                self._next = status
            else:
                self.send(status, self._sent)

    def _sent(self, event: Any) -> None:
        with self.lock:
            self.sending = False
            if self.ended or not event.success:
                return
            following, self._next = self._next, None
            if following is not None:
                self.send(following, self._sent)
            elif self.streams.stopping is not None:
                self.end(self.streams.stopping)

    def over(self) -> None:
        self._health.forget(self.notify)


def ends_stream(failure: Failure) -> bool:
    """Whether a failed message says that no other one of the stream can do better."""
    return failure.code == int(code_pb2.UNAUTHENTICATED)
