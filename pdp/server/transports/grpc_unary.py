"""Unary calls of the grpc transport: read, answer, reply, mostly without leaving the thread that polls."""

from __future__ import annotations

import enum
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from google.rpc import code_pb2

from pdp.errors import LimitError, SpoolError
from pdp.server.callers import OPEN
from pdp.server.journal import Note
from pdp.server.peers import Peer, certificate_names
from pdp.server.status import Failure, failure_of
from pdp.server.transports import grpc_core as core
from pdp.server.transports.base import REQUEST_SECONDS, TransportOptions
from pdp.server.transports.calls import Behind, Calls, Lane, Served

MISSING = Failure(code_pb2.INTERNAL, "the call holds no request message", b"")
LATE = Failure(code_pb2.DEADLINE_EXCEEDED, f"no request came within {REQUEST_SECONDS} s", b"")
_EXPIRED = Failure(code_pb2.DEADLINE_EXCEEDED, "the deadline passed before the call was read", b"")


class _State(enum.IntEnum):
    READING = 1
    WORKING = 2
    SENDING = 3


class Desk:
    """Takes the unary calls of a server. The thread that polls is the only one to use `lane`."""

    def __init__(self, calls: Calls, options: TransportOptions) -> None:
        self.calls = calls
        self.lane: Lane = calls.lane()
        self.long_lane: Lane = calls.lane()
        self._limit = options.limits.calls
        self._names = options.credentials is not None
        # Calls that have not ended, oldest first, with the tick at which they last came on.
        self.open: dict[_Unary, int] = {}
        self.ticks = 0

    def accept(self, served: Served, event: Any) -> None:
        """Take a call that has just arrived."""
        if len(self.open) >= self._limit:
            error = LimitError(f"{self._limit} calls are in flight already; try again later or ask another node")
            core.fail(event.call, self.lane.refuse(served, error), core.ignore)
            return
        _Unary(self, served, event)

    def peer(self, event: Any) -> Peer | None:
        """Return who calls; None when that does not matter."""
        if self.calls.registry is OPEN:
            return None
        names = certificate_names(core.names_of(event.call)) if self._names else ()
        return self.calls.reader.read_metadata(event.invocation_metadata, core.connection_of(event.call), names)

    def sweep(self) -> None:
        """End calls that do not come on. Called every second, from any thread."""
        self.ticks += 1
        # One look at a time: the thread that polls changes the table meanwhile.
        while self.open:
            oldest = next(iter(self.open.items()), None)
            if oldest is None or self.ticks - oldest[1] <= REQUEST_SECONDS:
                return
            self.open.pop(oldest[0], None)
            oldest[0].expire()


class _Unary:
    """One call. INVARIANT: whatever happens, exactly one batch sends a status, or the call is cancelled."""

    __slots__ = ("_begun", "_behind", "_call", "_desk", "_event", "_gone", "_served", "_state")

    def __init__(self, desk: Desk, served: Served, event: Any) -> None:
        self._desk = desk
        self._served = served
        self._event = event
        self._call = event.call
        self._gone = False
        self._behind: Behind | None = None
        self._state = _State.READING
        desk.open[self] = desk.ticks
        core.receive(self._call, self._received)

    def _received(self, event: Any) -> Any:
        core.guarded(self._read, event)
        return core.NOTHING

    def _read(self, event: Any) -> None:
        if self._state is not _State.READING:
            return
        desk, served = self._desk, self._served
        payload = core.message(event)
        if payload is None:
            self._end(MISSING)
        elif self._event.call_details.deadline < time.time():
            self._end(_EXPIRED)
        elif desk.calls.core.is_long(served.name, payload):
            self._put_off(payload)
        else:
            result = desk.lane.answer(served, payload, desk.peer(self._event), self._event.invocation_metadata)
            if isinstance(result, Behind):
                core.watch_close(self._call, self._closed)
                self._wait(result, desk.lane)
            else:
                self._keep(result, desk.lane.notes.take())

    def _keep(self, result: bytes | Failure, notes: Sequence[Note], *, close: bool = True) -> None:
        """End with a result once its records are durable. This thread does not wait for the disk: others do calls."""
        journal = self._desk.calls.journal
        if journal is None or not notes:
            self._end(result, close=close)
        elif not journal.must_wait(notes):
            self._end(result, close=close)
            journal.submit(notes)
        else:
            self._state = _State.WORKING
            journal.submit(notes, partial(self._kept, result, close))

    def _kept(self, result: bytes | Failure, close: bool, error: SpoolError | None) -> None:
        self._end(result if error is None else failure_of(error, self._served.path), close=close)

    def _wait(self, behind: Behind, lane: Lane) -> None:
        """Wait for the revision that the call demands; `watch_close` was called before."""
        self._state = _State.WORKING
        self._behind = behind
        if not behind.wait(self._event.call_details.deadline - time.time(), self._came):
            self._came(lane.resume(behind), lane.notes.take())

    def _came(self, result: bytes | Failure, notes: Sequence[Note]) -> None:
        self._behind = None
        self._move()
        self._keep(result, notes, close=False)

    def _move(self) -> None:
        """Begin its time anew: it has come on."""
        self._desk.open.pop(self, None)
        self._desk.open[self] = self._desk.ticks

    def _end(self, result: bytes | Failure, *, close: bool = True) -> None:
        self._state = _State.SENDING
        if isinstance(result, bytes):
            core.reply(self._call, result, self._sent, close=close)
        else:
            core.fail(self._call, result, self._sent, close=close)

    def _sent(self, _event: Any) -> Any:
        self._desk.open.pop(self, None)
        # grpc counts the call as long as anybody holds it, and a frame that an exception keeps may hold this object.
        self._call = self._event = None
        return core.NOTHING

    def _put_off(self, payload: bytes) -> None:
        self._state = _State.WORKING
        self._begun = time.perf_counter()
        desk = self._desk
        try:
            peer = desk.peer(self._event)
            desk.calls.long.submit(len(payload), lambda: self._work(payload, peer))
        except LimitError as error:
            self._end(desk.lane.refuse(self._served, error))
            return
        core.watch_close(self._call, self._closed)

    def _work(self, payload: bytes, peer: Peer | None) -> None:
        desk = self._desk
        if self._gone:  # nobody waits for the answer any more
            desk.open.pop(self, None)
            return
        metadata = self._event.invocation_metadata
        result = desk.long_lane.answer(self._served, payload, peer, metadata, self._begun)
        if isinstance(result, Behind):
            self._wait(result, desk.long_lane)
            return
        result = desk.long_lane.keep(self._served, result)
        self._move()
        self._end(result, close=False)

    def _closed(self, event: Any) -> Any:
        self._gone = core.was_cancelled(event)
        behind = self._behind
        if self._gone and behind is not None and behind.leave():
            self._desk.open.pop(self, None)
        return core.NOTHING

    def expire(self) -> None:
        """End a call that did not come on."""
        if self._state is _State.READING:
            # The read ends with the call and finds that it is no longer wanted.
            self._state = _State.SENDING
            core.guarded(lambda _: core.fail(self._call, LATE, self._sent), None)
        elif self._state is _State.SENDING:
            self._call.cancel()
        else:
            self._desk.open[self] = self._desk.ticks
