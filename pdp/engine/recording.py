"""What a program tells whoever keeps the record of its decisions (DESIGN §6), and how little that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pdp.engine.assemble import Schema
from pdp.engine.rules import CompiledRule
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

DECIDE, BATCH, STREAM, EXPLAIN = 1, 2, 3, 4
"""How a decision was asked for: numbers of `snapshot_pb2.SnapshotSource`."""


class OutcomeRecord(NamedTuple):
    """What the record of a decision says of its outcome: written once for each different outcome.

    `shown` is the highest level shown in clear: 0 for nothing, 1 to 3 for C1 to C3.
    """

    body: bytes
    shown: int


class Noteworthy(NamedTuple):
    """What is out of the ordinary about a decision."""

    diagnostics: Sequence[types_pb2.Diagnostic]
    grants: Sequence[bundle_pb2.Grant] = ()
    shown_by: Sequence[str] = ()

    def serialized(self) -> bytes:
        """Return the diagnostics as they stand in a DecideResponse."""
        if not self.diagnostics:
            return b""
        return decision_service_pb2.DecideResponse(diagnostics=self.diagnostics).SerializeToString()


class Recorder(Protocol):
    """Writes records for one program."""

    def outcome(self, response: decision_service_pb2.DecideResponse) -> OutcomeRecord:
        """Return what a record says of verdicts and obligations."""

    def facts(self, request: Any, *, declared: bool) -> bytes:
        """Return what a record keeps of a DecideRequest, which is changed: nobody may need it afterwards.

        `declared` says whether the policy set declares all that the request holds.
        """

    def shared(self, request: Any, *, declared: bool) -> bytes:
        """Return what the records of all items keep of a DecideBatchRequest; `declared` as for `facts`."""

    def item(self, shared: bytes, item: Any) -> bytes:
        """Return what a record keeps of one item, which is changed, and of what it shares."""

    def note(
        self,
        notes: Notes,
        head: bytes,
        facts: bytes,
        now: int,
        outcome: OutcomeRecord,
        noteworthy: Noteworthy | None,
    ) -> None:
        """Add the record of a decision to the notes. `head` is everything of a DecideResponse before its verdicts."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recorder is made for."""

    bundle: bundle_pb2.Bundle
    rules: Sequence[CompiledRule]
    schema: Schema
    levels: Mapping[str, str]


MakeRecorder = Callable[[Recorded], Recorder]


class Notes:
    """The records of decisions that one thread has made and that are not yet kept.

    `source` and `caller` hold for what is decided next. An entry of `records` is the highest level shown and a
    serialized `snapshot_pb2.Record`.
    """

    __slots__ = ("begun", "caller", "records", "source")

    def __init__(self) -> None:
        self.source = DECIDE
        self.caller = ""
        self.begun = 0.0
        self.records: list[tuple[int, bytes]] = []

    def take(self) -> list[tuple[int, bytes]]:
        """Return the records and forget them."""
        taken, self.records = self.records, []
        return taken
