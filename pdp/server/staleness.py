"""Says in every answer, and in its record, that the policies may be old: the control store is out of reach."""

from __future__ import annotations

import time
from collections.abc import Callable

from pdp.engine.program import Check
from pdp.engine.recording import Notes
from pdp.engine.wire import length_delimited
from pdp.server.holder import Decider
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

_SECOND = 1_000_000_000
# Field 1 of snapshot_pb2.Record holds the snapshot.
_RECORD_SNAPSHOT = b"\x0a"


class Staleness:
    """The diagnostic, encoded. `heard` is when the store was last heard, as `time.monotonic_ns` tells it."""

    def __init__(self, heard: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._heard = heard
        self._clock = clock
        self._encoded = (b"", b"")
        self._until = 0

    def encoded(self) -> tuple[bytes, bytes]:
        """Return the end of a DecideResponse and that of a Record. They are made at most once a second."""
        now = self._clock()
        if now >= self._until:
            self._encoded = self._encode(self.seconds())
            self._until = now + _SECOND
        return self._encoded

    def seconds(self) -> int:
        """Return for how long the store has not been heard."""
        return max(self._clock() - self._heard, 0) // _SECOND

    def _encode(self, seconds: int) -> tuple[bytes, bytes]:
        found = types_pb2.Diagnostic(
            code=types_pb2.DIAGNOSTIC_CODE_STALE_POLICIES,
            message=f"the control store was last heard {seconds} s ago, so there may be newer policies",
        )
        response = decision_service_pb2.DecideResponse(diagnostics=[found])
        snapshot = snapshot_pb2.Snapshot(diagnostics=[found])
        # The parts of a message may stand one after another.
        return response.SerializeToString(), length_delimited(_RECORD_SNAPSHOT, snapshot.SerializeToString())


class Stale:
    """A decider whose answers say how old the policies may be."""

    def __init__(self, inner: Decider, staleness: Staleness) -> None:
        self._inner = inner
        self._staleness = staleness

    def decide(self, payload: bytes, now: int, check: Check | None, notes: Notes | None) -> bytes:
        """Answer a serialized DecideRequest."""
        tail, recorded = self._staleness.encoded()
        before = 0 if notes is None else len(notes.records)
        reply = self._inner.decide(payload, now, check, notes)
        if notes is not None:
            _mark(notes, before, recorded)
        return reply + tail

    def decide_batch(
        self, payload: bytes, now: int, check: Check | None, notes: Notes | None, tail: bytes = b""
    ) -> bytes:
        """Answer a serialized DecideBatchRequest."""
        own, recorded = self._staleness.encoded()
        before = 0 if notes is None else len(notes.records)
        reply = self._inner.decide_batch(payload, now, check, notes, tail + own)
        if notes is not None:
            _mark(notes, before, recorded)
        return reply


def _mark(notes: Notes, before: int, recorded: bytes) -> None:
    """Let the records that came after the first `before` say it too."""
    notes.records[before:] = [(shown, body + recorded) for shown, body in notes.records[before:]]
