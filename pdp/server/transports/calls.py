"""How a call runs, whatever carries it: who calls, may it, what is the answer, and what is counted of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

from google.rpc import code_pb2

from pdp.engine.recording import Notes
from pdp.engine.request import MAX_MESSAGE
from pdp.errors import (
    AccessDeniedError,
    GrantUseError,
    LimitError,
    SpoolError,
    StaleGrantsError,
    StaleRevisionError,
)
from pdp.server import logs
from pdp.server.bundles import WATCH, BundleFeed
from pdp.server.callers import OPEN, Caller, Registry
from pdp.server.control import Asking, Data
from pdp.server.core import GRANT_METHODS, GRANTS, SERVICE, STREAM, DecisionCore, Method, decode_grant_call
from pdp.server.grants import GrantTable
from pdp.server.journal import Journal, Note
from pdp.server.metrics import Recorder, WorkerMetrics
from pdp.server.peers import Peer, PeerReader
from pdp.server.reports import BUNDLES, REPORT_METHODS, Reports
from pdp.server.status import Failure, failure_of
from pdp.server.tracing import NO_TRACER, Span, Tracer
from pdp.server.transports.long_calls import MAX_WAITING, LongCalls
from pdp.server.transports.waiting import MAX_PLACES, WaitingRoom
from pdp.v1.decision_service_pb2 import DecideResponse

Metadata = Iterable[tuple[str, str | bytes]]

_BARRED_SECONDS = 1.0
"""A grant whose use cannot be counted is left alone for so long, so that not every call waits for it."""
_MOST_TRIES = 10
_EARLY_SECONDS = 0.01
# A caller whose deadline is short is to hear why it was not answered, before the deadline tells it nothing.
_SHARE_OF_DEADLINE = 0.9

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """One method of a service; one without a `method` is answered by the supervisor."""

    name: str
    method: Method | None
    service: str = SERVICE
    path: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"/{self.service}/{self.name}")


class Calls:
    """What all threads and transports of a process share. `registry` may be replaced at any time."""

    def __init__(
        self,
        core: DecisionCore,
        metrics: WorkerMetrics,
        *,
        reader: PeerReader | None = None,
        tracer: Tracer = NO_TRACER,
        max_calls: int,
        reply_bytes: int,
        journal: Journal | None = None,
        revision_wait: float = 0.0,
        grants: GrantTable | None = None,
        asking: Asking | None = None,
        reports: Reports | None = None,
        feed: BundleFeed | None = None,
    ) -> None:
        self.core = core
        self.reports = reports
        self.feed = feed or BundleFeed()
        self.grants = grants or GrantTable()
        self.asking = asking
        self.journal = journal
        self.metrics = metrics
        self.registry: Registry = OPEN
        self.reader = reader or PeerReader()
        self.tracer = tracer
        self.reply_bytes = reply_bytes
        self.unary: Mapping[str, Served] = {
            **{name: Served(name, method) for name, method in core.methods.items()},
            **{name: Served(name, None, GRANTS) for name in (GRANT_METHODS if asking is not None else ())},
            **{
                name: Served(name, None, service)
                for name, service in (REPORT_METHODS if asking is not None and reports is not None else {}).items()
            },
        }
        self.bundles = Served(WATCH, None, BUNDLES)
        self.stream = Served(STREAM, core.decide_streamed)
        self.long = LongCalls(min(MAX_WAITING, max_calls))
        # They may not take all the places of calls.
        self.room = WaitingRoom(revision_wait, min(MAX_PLACES, max(1, max_calls // 4)))
        self.late = self.lane()
        # In the thread of the control channel.
        self.errands = self.lane()

    @property
    def is_guarded(self) -> bool:
        """Whether callers must say who they are, so that a transport must read a call's metadata and connection."""
        return self.registry is not OPEN

    def admit_to_bundles(self, peer: Peer | None, *, again: bool) -> str:
        """Return the name of who watches bundles; `again` when it was let in before, which is not counted twice.

        Raises UnauthenticatedError, AccessDeniedError and RateLimitedError.
        """
        registry = self.registry
        if registry is OPEN:
            return ""
        known = registry.identify(peer or Peer())
        if not again:
            known.admit(WATCH)
        elif not known.bundles:
            raise AccessDeniedError(f"the caller `{known.name}` may not have bundles any more")
        return known.name

    def lane(self) -> Lane:
        """Return what one more thread answers calls with."""
        return Lane(self, self.metrics.recorder())

    def awaited(self, error: Exception) -> Callable[[], bool] | None:
        """Return what tells that a call which failed so may be answered; None when waiting does not help."""
        match error:
            case StaleGrantsError(wanted=wanted):
                return lambda: self.grants.revision >= wanted
            case StaleRevisionError(wanted=wanted):
                return lambda: self.core.revision >= wanted
            case GrantUseError(grant_ids=grant_ids) if self.asking is not None:
                for grant_id in grant_ids:
                    self.asking.ask({"what": "use", "grant": grant_id}, b"", partial(self._taken, grant_id))
                return lambda: self.grants.has_uses(grant_ids)
        return None

    def _taken(self, grant_id: str, words: Data, _data: bytes) -> None:
        """Hear what became of the wish for a use."""
        if words.get("taken"):
            self.grants.add_uses(grant_id, words["taken"])
        elif "error" in words:
            self.grants.bar(grant_id, "its use cannot be counted now", _BARRED_SECONDS)
        else:
            self.grants.bar(grant_id, "it was used as often as it may be")
        self.room.look()

    def close(self) -> None:
        """Let go of threads, keep the last records and send the last spans."""
        self.room.close()
        self.long.close()
        if self.journal is not None:
            self.journal.close()
        self.tracer.close()


class Lane:
    """Answers calls in one thread. What was decided is in `notes` until the transport takes it to the journal.

    INVARIANT: an answer leaves only when the journal has said of its notes that it may.
    """

    __slots__ = ("_calls", "_observe", "notes")

    def __init__(self, calls: Calls, recorder: Recorder) -> None:
        self._calls = calls
        self._observe = recorder.observe
        self.notes = Notes()

    def answer(
        self, served: Served, payload: bytes, peer: Peer | None, metadata: Metadata = (), start: float | None = None
    ) -> bytes | Failure | Behind:
        """Answer one call. `peer` may be None while `is_guarded` is false; `start` is when it came, now when None.

        A call that demands what is still to come is not answered yet: `Behind.wait` or `resume` does it.
        """
        calls = self._calls
        begun = time.perf_counter() if start is None else start
        span = calls.tracer.begin(served.name, metadata) if calls.tracer.enabled else None
        registry = calls.registry
        notes = self.notes
        notes.begun = begun
        notes.caller = caller = ""
        reply: bytes | Failure
        try:
            if len(payload) > MAX_MESSAGE:
                _too_large("request", payload, MAX_MESSAGE)
            method = served.method
            if registry is OPEN:
                if method is None:
                    return self._errand(served, payload, None, begun, span)
                reply = method(payload, None, notes)
            else:
                known = registry.identify(peer or Peer())
                notes.caller = caller = known.name
                known.admit(served.name)
                if method is None:
                    return self._errand(served, payload, known, begun, span)
                reply = method(payload, known.check, notes)
            if len(reply) > calls.reply_bytes:
                _too_large("reply", reply, calls.reply_bytes)
        except Exception as error:  # nothing that a client sends may stop the process
            if calls.room.is_open and (ready := calls.awaited(error)) is not None:
                return Behind(calls, served, payload, ready, begun, caller, span)
            reply = self._settle(served, payload, error)
        return self.count(served, reply, begun, caller, span)

    def _errand(
        self, served: Served, payload: bytes, known: Caller | None, begun: float, span: Span | None
    ) -> Errand:  # fmt: skip
        """Return a call that the supervisor answers. Raises what is wrong with it."""
        name, caller = served.name, "" if known is None else known.name
        reports = self._calls.reports
        if reports is not None and name in REPORT_METHODS:
            words, data = reports.prepare(name, payload, caller)
        elif known is None:
            _only_known(served)
        else:
            known.check(decode_grant_call(name, payload))
            words, data = {"what": "call", "method": name, "caller": caller, "key": known.consent_key}, payload
        return Errand(self._calls, served, words, data, caller, begun, span)

    def resume(self, behind: Behind) -> bytes | Failure:
        """Answer a call that waited, be it for nothing."""
        found = self._again(behind)
        reply = self._settle(behind.served, behind.payload, found) if isinstance(found, Exception) else found
        return self.count(behind.served, reply, behind.begun, behind.caller, behind.span)

    def come(self, behind: Behind) -> bytes | Failure | None:
        """Answer a call for which something came; None when it must wait for something else."""
        found = self._again(behind)
        reply: bytes | Failure
        if isinstance(found, Exception):
            calls = self._calls
            # As the room does, which ends those together whose time is nearly up.
            early = behind.until - _EARLY_SECONDS > time.monotonic()
            if early and calls.room.is_open and (ready := calls.awaited(found)) is not None:
                behind.is_ready = ready
                return None
            reply = self._settle(behind.served, behind.payload, found)
        else:
            reply = found
        return self.count(behind.served, reply, behind.begun, behind.caller, behind.span)

    def _again(self, behind: Behind) -> bytes | Exception:
        """Try once more. INVARIANT: nothing is asked of its caller again, for that would count it twice."""
        notes = self.notes
        notes.begun, notes.caller = behind.begun, behind.caller
        try:
            return self._bounded(behind.served, behind.payload)
        except Exception as error:  # as for any call
            return error

    def _settle(self, served: Served, payload: bytes, error: Exception) -> bytes | Failure:
        """Answer a call that can wait no more: what cannot be counted does not show anything."""
        for _ in range(_MOST_TRIES):
            if not isinstance(error, GrantUseError):
                break
            for grant_id in error.grant_ids:
                self._calls.grants.bar(grant_id, "its use cannot be counted now", _BARRED_SECONDS)
            try:
                return self._bounded(served, payload)
            except Exception as another:  # as for any call
                error = another
        return failure_of(error, served.path)

    def _bounded(self, served: Served, payload: bytes) -> bytes:
        method = served.method
        assert method is not None, "the supervisor answers, and nothing waits for it here"  # noqa: S101 - as said
        reply = method(payload, None, self.notes)
        if len(reply) > self._calls.reply_bytes:
            _too_large("reply", reply, self._calls.reply_bytes)
        return reply

    def count(
        self, served: Served, reply: bytes | Failure, begun: float, caller: str, span: Span | None
    ) -> bytes | Failure:
        """Count a call that is answered now, and return its answer."""
        code = 0 if isinstance(reply, bytes) else reply.code
        seconds = time.perf_counter() - begun
        self._observe(served.name, code, seconds)
        if span is not None:
            span.end(code, b"" if code else reply, caller)  # type: ignore[arg-type]
        if log.isEnabledFor(logging.DEBUG):
            _trace(served, code, seconds, caller, reply)
        return reply

    def keep(self, served: Served, reply: bytes | Failure) -> bytes | Failure:
        """Wait until the notes are durable, and return what may leave now: the reply or why there is none."""
        notes = self.notes.take()
        journal = self._calls.journal
        if journal is None or not notes:
            return reply
        if not journal.must_wait(notes):
            journal.submit(notes)
            return reply
        kept = threading.Event()
        errors: list[SpoolError] = []

        def done(error: SpoolError | None) -> None:
            if error is not None:
                errors.append(error)
            kept.set()

        journal.submit(notes, done)
        kept.wait()
        return failure_of(errors[0], served.path) if errors else reply

    def refuse(self, served: Served, error: Exception) -> Failure:
        """Turn a call away unread."""
        failure = failure_of(error, served.path)
        self._observe(served.name, failure.code, 0.0)
        return failure


Came = Callable[[bytes | Failure, Sequence[Note]], None]
"""What is done with the answer of a call that waited, and with its notes; called from another thread."""


class Behind:
    """A call that demands what is still to come; a `waiting.Guest`. Its caller was admitted and charged.

    `is_ready` tells whether it has come.
    """

    __slots__ = ("_calls", "_came", "begun", "caller", "is_ready", "payload", "served", "span", "until")

    def __init__(
        self,
        calls: Calls,
        served: Served,
        payload: bytes,
        is_ready: Callable[[], bool],
        begun: float,
        caller: str,
        span: Span | None,
    ) -> None:
        self._calls = calls
        self._came: Came | None = None
        self.served = served
        self.payload = payload
        self.is_ready = is_ready
        self.begun = begun
        self.caller = caller
        self.span = span
        self.until = 0.0

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return len(self.payload)

    def wait(self, remaining: float | None, came: Came) -> bool:
        """Wait until it comes, the service's patience ends, or the caller's, who waits `remaining` seconds.

        False when there is no place for it: then `Lane.resume` is to answer it now.
        """
        room = self._calls.room
        seconds = room.seconds if remaining is None else min(room.seconds, _SHARE_OF_DEADLINE * remaining)
        self.until = time.monotonic() + seconds
        self._came = came
        return room.enter(self)

    def leave(self) -> bool:
        """Wait no more, for nobody wants the answer; False when it is being made already."""
        return self._calls.room.leave(self)

    def answer(self) -> None:
        """Answer with what there is now; the room calls it."""
        lane = self._calls.late
        result = lane.come(self)
        if result is None:
            if self._calls.room.enter(self):
                return
            result = lane.resume(self)
        notes = lane.notes.take()
        if self._came is not None:
            self._came(result, notes)

    def gone(self) -> None:
        """Hear that it has left; the room calls it."""
        if self.span is not None:
            self.span.end(code_pb2.CANCELLED, b"", self.caller)


class Errand(Behind):
    """A call that the supervisor answers."""

    __slots__ = ("_words",)

    def __init__(
        self, calls: Calls, served: Served, words: Data, data: bytes, caller: str, begun: float, span: Span | None
    ) -> None:  # fmt: skip
        super().__init__(calls, served, data, lambda: False, begun, caller, span)
        self._words = words

    def wait(self, remaining: float | None, came: Came) -> bool:
        """Have it answered; it is always waited for."""
        del remaining
        asking = self._calls.asking
        assert asking is not None, "such calls are served only where there is one"  # noqa: S101 - as said
        self._came = came
        asking.ask(self._words, self.payload, self._told)
        return True

    def leave(self) -> bool:
        """Wait no more. What it asks for is done all the same."""
        return False

    def _told(self, words: Data, data: bytes) -> None:
        reply: bytes | Failure = data
        if "error" in words:
            reply = failure_of(RuntimeError(words["error"]), self.served.path)
        elif words.get("status"):
            reply = Failure(words["status"], words["message"], data)
        lane = self._calls.errands
        result = lane.count(self.served, reply, self.begun, self.caller, self.span)
        if self._came is not None:
            self._came(result, ())


def _only_known(served: Served) -> NoReturn:
    raise AccessDeniedError(
        f"only known systems may call {served.name}; give the server a callers file, or set `control.callers`"
    )


def _too_large(what: str, data: bytes, limit: int) -> NoReturn:
    raise LimitError(f"the {what} is {len(data)} bytes large, the limit is {limit}; ask for less at once")


def _trace(served: Served, code: int, seconds: float, caller: str, reply: bytes | Failure) -> None:
    details = {"caller": caller} if caller else {}
    if served.name == "Decide" and isinstance(reply, bytes):
        # The only id in the log by which a decision can be found again; nothing else of it is written.
        details["decision_id"] = DecideResponse.FromString(reply).decision_id
    logs.event(
        log, logging.DEBUG, "call", "answered",
        method=served.path, code=code_pb2.Code.Name(code), micros=int(seconds * 1_000_000), **details,
    )  # fmt: skip
