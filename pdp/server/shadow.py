"""Compares what one revision decides with what another one would: for a share of the calls, after they are answered.

A call that is to be compared costs the one who answers it a place in a queue. A thread works it off, and rests after
each step for longer than the step took: Python runs one thread at a time, and calls come first.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pdp.engine.program import Check, Program
from pdp.engine.recording import Notes
from pdp.errors import RequestError, UnknownMessageError
from pdp.server import logs
from pdp.server.facts import ShadowCounts, ShadowExample
from pdp.server.grants import GrantTable
from pdp.server.status import frames
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

MAX_WAITING, MAX_WAITING_BYTES = 1_024, 16 * 1024 * 1024
MAX_EXAMPLES = 5
MAX_EXAMPLE_FIELDS = 32
# Items of a batch that are decided in one step: some 300 µs.
_STEP_ITEMS = 16
# So many pairs of different ends of decisions are remembered, of some 700 bytes each, and then others.
_MOST_KNOWN = 4_096
_REST = 3.0
_LEAST_REST_SECONDS = 0.000_2
_IDLE_SECONDS = 0.02

_Request = decision_service_pb2.DecideRequest
_BatchRequest = decision_service_pb2.DecideBatchRequest
_Response = decision_service_pb2.DecideResponse
_BatchResponse = decision_service_pb2.DecideBatchResponse
_MASK = types_pb2.EFFECT_MASK
_SHOWN = b""
# What an answer says besides its verdicts and masks.
_BESIDES = ("decision_id", "request_id", "revision", "policy_hash", "reasons", "obligations", "diagnostics")

Grants = Mapping[str, bundle_pb2.Grant]

log = logging.getLogger(__name__)


class _Frozen:
    """The grants that counted when the call was answered; a `GrantSource`."""

    def __init__(self) -> None:
        self.grants: Grants = {}

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        return self.grants.get(grant_id)


class Beside:
    """A revision that only compares: it keeps no records, and names no decisions that anybody sees."""

    def __init__(self, signed: bundle_pb2.SignedBundle) -> None:
        """Compile it. Raises BundleError."""
        self._grants = _Frozen()
        self.program = Program.from_bundle(signed, grants=self._grants)

    def under(self, grants: Grants) -> Program:
        """Return the program, which decides under these grants until asked again."""
        self._grants.grants = grants
        return self.program


class _Sample(NamedTuple):
    """An answered call. `reply` is None when it named a message that the live revision does not know."""

    payload: bytes
    reply: bytes | None
    now: int
    grants: Grants
    is_batch: bool

    @property
    def size(self) -> int:
        return len(self.payload) + len(self.reply or b"")


class Comparison:
    """One pair of revisions: a decider that answers by the live one and lets a share of it be compared."""

    def __init__(self, live: Program, beside: Beside, share: float, table: GrantTable) -> None:
        self.live = live
        self.beside = beside
        self.share = share
        self._table = table
        self._lock = threading.Lock()
        self._waiting: deque[_Sample] = deque()
        self._bytes = 0
        self._compared = self._differing = self._failed = self._dropped = 0
        self._examples: list[ShadowExample] = []
        self._known: dict[tuple[bytes, bytes], list[str]] = {}

    def decide(self, payload: bytes, now: int, check: Check | None, notes: Notes | None) -> bytes:
        """Answer a serialized DecideRequest."""
        if _RANDOM.random() >= self.share:  # a sample, no secret
            return self.live.decide(payload, now, check, notes)
        grants = self._table.current
        try:
            reply = self.live.decide(payload, now, check, notes)
        except UnknownMessageError:
            self._offer(_Sample(payload, None, now, grants, is_batch=False))
            raise
        self._offer(_Sample(payload, reply, now, grants, is_batch=False))
        return reply

    def decide_batch(
        self, payload: bytes, now: int, check: Check | None, notes: Notes | None, tail: bytes = b""
    ) -> bytes:
        """Answer a serialized DecideBatchRequest."""
        grants = self._table.current
        reply = self.live.decide_batch(payload, now, check, notes, tail)
        if _RANDOM.random() < self.share:  # as above
            self._offer(_Sample(payload, reply, now, grants, is_batch=True))
        return reply

    def _offer(self, sample: _Sample) -> None:
        if self._table.current is not sample.grants:
            return  # it was answered while they changed: nobody knows by which
        with self._lock:
            if len(self._waiting) >= MAX_WAITING or self._bytes + sample.size > MAX_WAITING_BYTES:
                self._dropped += 1
            else:
                self._waiting.append(sample)
                self._bytes += sample.size

    def steps(self) -> Iterator[None]:
        """Compare what waits, a little at each step. One thread at a time."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                sample = self._waiting.popleft()
                self._bytes -= sample.size
            program = self.beside.under(sample.grants)
            try:
                if sample.is_batch:
                    yield from self._compare_batch(program, sample)
                else:
                    self._compare(program, sample)
            except Exception as error:  # whatever it is, calls are answered by the other program
                self._fail(error)
            yield

    def _compare(self, program: Program, sample: _Sample) -> None:
        request = _Request.FromString(sample.payload)
        request.min_revision = request.min_grant_revision = 0  # it is the live one that must be new enough
        try:
            reply = program.answer(request, len(sample.payload), sample.now)
        except RequestError:
            reply = None
        if sample.reply is None or reply is None:
            self._count(_response(sample.reply), _response(reply))
            return
        # There are few different ends of decisions, and the same ones differ in the same.
        ends = _end(sample.reply, self.live.trailer), _end(reply, program.trailer)
        fields = self._known.get(ends)
        if fields is None:
            fields = differences(_Response.FromString(sample.reply), _Response.FromString(reply))
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[ends] = fields
        self._add(fields, sample.reply, differs=bool(fields))

    def _compare_batch(self, program: Program, sample: _Sample) -> Iterator[None]:
        request = _BatchRequest.FromString(sample.payload)
        results = _BatchResponse.FromString(sample.reply or b"").results
        items = list(request.items)
        request.ClearField("items")
        request.min_revision = request.min_grant_revision = 0
        for at in range(0, len(items), _STEP_ITEMS):
            part = _BatchRequest()
            part.CopyFrom(request)
            part.items.extend(items[at : at + _STEP_ITEMS])
            others = _BatchResponse.FromString(program.decide_batch(part.SerializeToString(), sample.now)).results
            for live, other in zip(results[at : at + _STEP_ITEMS], others, strict=True):
                self._count(_decision(live), _decision(other))
            yield

    def _count(
        self, live: decision_service_pb2.DecideResponse | None, other: decision_service_pb2.DecideResponse | None
    ) -> None:
        """Count a pair of answers; None for one that was refused because of what it asked for."""
        if live is not None and other is None:
            with self._lock:
                self._failed += 1
            return
        decision_id = "" if live is None else live.decision_id
        fields = [] if live is None or other is None else differences(live, other)
        self._add(fields, decision_id, differs=bool(fields) or (live is None and other is not None))

    def _add(self, fields: Sequence[str], decision: str | bytes, *, differs: bool) -> None:
        """Count a decision, given its id or its answer."""
        with self._lock:
            self._compared += 1
            self._differing += differs
            if differs and len(self._examples) < MAX_EXAMPLES:
                decision_id = decision if isinstance(decision, str) else _Response.FromString(decision).decision_id
                self._examples.append(ShadowExample(decision_id=decision_id, fields=[*fields[:MAX_EXAMPLE_FIELDS]]))

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._failed += 1
            first = self._failed == 1
        if first:
            logs.event(
                log, logging.ERROR, "shadow.failed", "a decision could not be compared",
                revision=self.beside.program.revision, error=type(error).__name__, traceback=list(frames(error)),
            )  # fmt: skip

    def facts(self) -> ShadowCounts:
        """Return what was compared since this pair met."""
        with self._lock:
            return ShadowCounts(
                revision=self.beside.program.revision,
                live_revision=self.live.revision,
                compared=self._compared,
                differing=self._differing,
                failed=self._failed,
                dropped=self._dropped,
                examples=list(self._examples),
            )


class Shadow:
    """What a worker compares, and the thread that does it. All but `facts` is called from one thread."""

    def __init__(self, table: GrantTable) -> None:
        self._table = table
        self._beside: Beside | None = None
        self._share = 0.0
        self._comparison: Comparison | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def matches(self, signed: bundle_pb2.SignedBundle) -> bool:
        """Whether this bundle is the one beside already."""
        if self._beside is None:
            return False
        program = self._beside.program
        return (program.revision, program.hash) == (signed.revision, signed.hash)

    def set(self, beside: Beside | None, share: float) -> None:
        """Compare with this revision, the one there is when None."""
        self._beside = beside or self._beside
        self._share = share

    def clear(self) -> None:
        """Compare no more."""
        self._beside = self._comparison = None
        self.close()

    def comparing(self, live: Program) -> Comparison | None:
        """Return what is to decide when this program does; None when the program itself is."""
        beside, before = self._beside, self._comparison
        if beside is None:
            return None
        if before is not None and before.live is live and before.beside is beside:
            before.share = self._share
            comparison = before
        else:
            # What was counted was about another pair.
            comparison = Comparison(live, beside, self._share, self._table)
        self._comparison = comparison
        if not self._share:
            self.close()
            return None
        if self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="shadow", daemon=True)
            self._thread.start()
        return comparison

    def facts(self) -> ShadowCounts | None:
        """Return what was compared by the pair there is; None without one."""
        comparison = self._comparison
        return None if comparison is None else comparison.facts()

    def close(self) -> None:
        """Let go of the thread, which ends after the step that it is at."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(_IDLE_SECONDS):
            comparison = self._comparison
            if comparison is None:
                continue
            begun = time.thread_time()
            for _ in comparison.steps():
                rest = max(_LEAST_REST_SECONDS, _REST * (time.thread_time() - begun))
                if stop.wait(rest) or self._comparison is not comparison:
                    break
                begun = time.thread_time()


def _response(reply: bytes | None) -> decision_service_pb2.DecideResponse | None:
    return None if reply is None else _Response.FromString(reply)


def _end(reply: bytes, trailer: bytes) -> bytes:
    """Return what follows the names of decision and revision: at least all verdicts and masks."""
    at = reply.find(trailer)
    return reply if at < 0 else reply[at + len(trailer) :]


def differences(one: decision_service_pb2.DecideResponse, other: decision_service_pb2.DecideResponse) -> list[str]:
    """Return the fields, sorted, that two answers treat differently, or that only one of them speaks about.

    What a field is masked by counts, and not the mask's name nor the reason. Both answers may be changed.
    """
    for answer in (one, other):
        for name in _BESIDES:
            answer.ClearField(name)
    if one == other:
        return []  # nearly always, and far cheaper than what follows
    first, second = _verdicts(one), _verdicts(other)
    return sorted(field for field in first.keys() | second.keys() if first.get(field) != second.get(field))


def _verdicts(response: decision_service_pb2.DecideResponse) -> dict[str, bytes]:
    masks = [_meaning(mask) for mask in response.masks]
    return {v.field: masks[v.mask] if v.effect == _MASK else _SHOWN for v in response.verdicts}


def _meaning(mask: types_pb2.Mask) -> bytes:
    mask.name = ""
    return mask.SerializeToString(deterministic=True)


def _decision(result: Any) -> decision_service_pb2.DecideResponse | None:
    return result.decision if result.HasField("decision") else None
