"""Writes the record of a decision, on the way of every answer (requirements A31, A32, A39).

What the outcomes say is written once for each different outcome, what a batch shares once for the batch; the rest is
put together from pieces as protobuf allows: the parts of a message may stand one after another. An attribute is kept as
its declaration says (DESIGN §6): in full, as a bucket, as a keyed hash, or not at all; one that is not declared never.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pdp.engine.recording import MakeRecorder, Notes, Noteworthy, OutcomeRecord, Recorded
from pdp.engine.request import TYPES
from pdp.engine.wire import length_delimited, varint
from pdp.snapshot.buckets import bucket_writer, edges_of
from pdp.snapshot.resource_keys import Hash, ResourceKeys
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, types_pb2

_ROOTS = ("subject", "action", "resource", "context")
_SHOWN = {"C1": 1, "C2": 2, "C3": 3}
_UNMASK = types_pb2.EFFECT_UNMASK

# Tags of snapshot_pb2.Snapshot; `test_recorder` compares them with the descriptor.
_TIME = b"\x29"
_CALLER = b"\x32"
_FACTS = b"\x3a"
_RESOURCE_KEY = b"\x42"
_BUCKETS = b"\x52"
_HASHES = b"\x5a"
_WITHHELD = b"\x62"
_SOURCE = b"\x90\x01"
_LATENCY = b"\x9d\x01"
_RECORD_SNAPSHOT = b"\x0a"
# Tags of decision_service_pb2.DecideRequest.
_RESOURCE = b"\x22"
_MESSAGE = b"\x3a"

_NANOS = struct.Struct("<q")
_MICROS = struct.Struct("<I")
_MOST_MICROS = 0xFFFF_FFFF
# Attributes such as a customer's class have few values, whose hashes need not be worked out again and again.
_MOST_HASHES = 4_096

Keep = Callable[[types_pb2.Value], bytes]
"""Returns what a record holds of an attribute besides the facts, as pieces of a Snapshot.

Nothing for a value that is empty: reading an absent attribute leaves such a one behind.
"""


def recorder(keys: ResourceKeys) -> MakeRecorder:
    """Return what makes a program's recorder."""
    return partial(Recorder, keys)


class Recorder:
    """Writes the records of one program's decisions; a `recording.Recorder`. Safe to share."""

    def __init__(self, keys: ResourceKeys, recorded: Recorded) -> None:
        self._key_id, key = keys.current
        self._hash = Hash(key)
        self._levels = recorded.levels
        definitions = {a.name: a for a in recorded.bundle.attributes}
        edges = edges_of(recorded.rules)
        # By root: the attributes that are kept in full, and how each other declared one is kept.
        self._full: dict[str, frozenset[str]] = {}
        self._keeps: dict[str, Mapping[str, Keep | None]] = {}
        for root in _ROOTS:
            keeps: dict[str, Keep | None] = {}
            for name, definition in definitions.items():
                if name.partition(".")[0] == root:
                    keeps[name.partition(".")[2]] = self._keep(definition, edges.get(name, ()))
            self._keeps[root] = keeps
            self._full[root] = frozenset(key for key, keep in keeps.items() if keep is None)
        # Only these need a look when a request holds nothing undeclared.
        self._mixed = [root for root in _ROOTS if len(self._full[root]) < len(self._keeps[root])]
        self._own = self._own_members(definitions)
        self._keeps_id = _mode(definitions, "resource.id") == bundle_pb2.RECORD_MODE_FULL
        self._sources = [_SOURCE + varint(number) for number in range(8)]
        # Every record names the key, whether or not something in it is hashed.
        self._constant = snapshot_pb2.Snapshot(key_id=self._key_id).SerializeToString()

    def _keep(self, definition: bundle_pb2.AttributeDefinition, constants: Any) -> Keep | None:
        """Return how an attribute is kept; None when it stays in the facts."""
        name = definition.name
        entry = length_delimited(b"\x0a", name.encode())  # key of a map's entry
        match definition.record:
            case bundle_pb2.RECORD_MODE_FULL:
                return None
            case bundle_pb2.RECORD_MODE_BUCKET:
                bucket = bucket_writer(
                    TYPES[definition.type],
                    constants,
                    lambda bucket: length_delimited(_BUCKETS, entry + length_delimited(b"\x12", bucket)),
                )
                withheld = _withheld(name)
                return lambda value: bucket(value) or (withheld if value.ByteSize() else b"")
            case bundle_pb2.RECORD_MODE_HASH:
                return self._hashing(name, entry)
            case _:
                piece = _withheld(name)
                return lambda value: piece if value.ByteSize() else b""

    def _hashing(self, name: str, entry: bytes) -> Keep:
        known: dict[str, bytes] = {}

        def hashed(value: types_pb2.Value) -> bytes:
            text = value.string_value
            piece = known.get(text) if text else None
            if piece is None:
                data = value.SerializeToString(deterministic=True)
                if not data:
                    return b""
                digest = self._hash.value(name, data)
                piece = length_delimited(_HASHES, entry + length_delimited(b"\x12", digest))
                if text and len(known) < _MOST_HASHES:
                    known[text] = piece
            return piece

        return hashed

    def _own_members(self, definitions: Mapping[str, bundle_pb2.AttributeDefinition]) -> list[tuple[str, str, bool]]:
        """Return the members of a request that are not in a map and are not kept in full: root, member, hashed."""
        found = []
        for name in ("subject.id", "subject.roles", "action.name", "resource.type"):
            mode = _mode(definitions, name)
            if mode != bundle_pb2.RECORD_MODE_FULL:
                root, _, member = name.partition(".")
                found.append((root, member, mode == bundle_pb2.RECORD_MODE_HASH))
        return found

    def outcome(self, response: decision_service_pb2.DecideResponse) -> OutcomeRecord:
        """Return what a record says of verdicts and obligations."""
        shown = 0
        groups: dict[tuple[Any, ...], snapshot_pb2.RecordedVerdict] = {}
        for verdict in response.verdicts:
            level = self._levels.get(verdict.field, "")
            reason = response.reasons[verdict.reason]
            mask = ""
            if verdict.effect == _UNMASK:
                # What nobody has graded counts as the most sensitive.
                shown = max(shown, _SHOWN.get(level, 3))
            else:
                found = response.masks[verdict.mask]
                mask = found.name or found.algorithm
            key = (level, verdict.effect, mask, reason.kind, reason.rule, reason.grant_id, reason.undecided)
            group = groups.get(key)
            if group is None:
                group = groups[key] = snapshot_pb2.RecordedVerdict(
                    level=level, effect=verdict.effect, mask=mask, kind=reason.kind, rule=reason.rule,
                    grant_id=reason.grant_id, undecided=reason.undecided,
                )  # fmt: skip
            group.fields.append(verdict.field)
        snapshot = snapshot_pb2.Snapshot(
            verdicts=groups.values(), obligations=response.obligations, severity=snapshot_pb2.Severity.Name(shown)
        )
        return OutcomeRecord(self._constant + snapshot.SerializeToString(deterministic=True), shown)

    def facts(self, request: Any, *, declared: bool) -> bytes:
        """Return what a record keeps of a DecideRequest, which is changed: nobody may need it afterwards."""
        # What this version has no name for would be written as it came, and nobody knows what it holds.
        request.DiscardUnknownFields()
        pieces: list[bytes] = []
        resource = request.resource
        if resource.id:
            self._name(resource, pieces)
        for root in self._mixed if declared else _ROOTS:
            party = request if root == "context" else getattr(request, root)
            self._filter(root, party, pieces)
        if self._own:
            self._filter_own(request, pieces)
        request.ClearField("request_id")
        request.ClearField("fields")
        request.ClearField("min_revision")
        request.ClearField("min_grant_revision")
        return length_delimited(_FACTS, request.SerializeToString()) + b"".join(pieces)

    def shared(self, request: Any, *, declared: bool) -> bytes:
        """Return what the records of all items keep of a DecideBatchRequest."""
        kept = decision_service_pb2.DecideRequest(
            subject=request.subject, action=request.action, context=request.context, grant_ids=request.grant_ids
        )
        return self.facts(kept, declared=declared)

    def item(self, shared: bytes, item: Any) -> bytes:
        """Return what a record keeps of one item, which is changed, and of what it shares."""
        item.DiscardUnknownFields()
        pieces: list[bytes] = []
        resource = item.resource
        if resource.id:
            self._name(resource, pieces)
        self._filter("resource", resource, pieces)
        if self._own:
            self._filter_own(item, pieces)
        facts = length_delimited(_RESOURCE, resource.SerializeToString())
        if item.HasField("message"):
            facts += length_delimited(_MESSAGE, item.message.SerializeToString())
        # Field 7 twice: protobuf merges the parts of a message.
        return shared + length_delimited(_FACTS, facts) + b"".join(pieces)

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
        micros = min(int((time.perf_counter() - notes.begun) * 1e6), _MOST_MICROS)
        # What differs from record to record comes first and the latency last: `columns_cached` knows the rest again.
        body = (
            head
            + _TIME
            + _NANOS.pack(now)
            + (length_delimited(_CALLER, notes.caller.encode()) if notes.caller else b"")
            + facts
            + outcome.body
            + self._sources[notes.source]
            + _LATENCY
            + _MICROS.pack(micros)
        )
        if noteworthy is not None:
            body += _details(noteworthy)
        notes.records.append((outcome.shown, length_delimited(_RECORD_SNAPSHOT, body)))

    def _name(self, resource: Any, pieces: list[bytes]) -> None:
        pieces.append(length_delimited(_RESOURCE_KEY, self._hash.resource(resource.type, resource.id)))
        if not self._keeps_id:
            resource.id = ""

    def _filter(self, root: str, party: Any, pieces: list[bytes]) -> None:
        """Take out of a map what is not kept in full; what stands for it goes to the pieces."""
        values = party.context if root == "context" else party.attributes
        if not values:
            # To clear it would leave an empty party behind.
            return
        full, keeps = self._full[root], self._keeps[root]
        undeclared = False
        gone: list[str] = []
        for key in values:
            if key in full:
                continue
            gone.append(key)
            keep = keeps.get(key)
            if keep is None:
                undeclared = True
                continue
            pieces.append(keep(values[key]))
        if len(gone) == len(values):
            party.ClearField("context" if root == "context" else "attributes")
        else:
            for key in gone:
                del values[key]
        if undeclared:
            pieces.append(_withheld(f"{root}.*"))

    def _filter_own(self, request: Any, pieces: list[bytes]) -> None:
        for root, member, hashed in self._own:
            party = getattr(request, root, None)  # an item has a resource only
            if party is None or not (held := getattr(party, member)):
                continue
            name = f"{root}.{member}"
            if hashed:
                text = held.encode() if isinstance(held, str) else b"\x00".join(sorted(r.encode() for r in held))
                digest = length_delimited(b"\x12", self._hash.value(name, text))
                pieces.append(length_delimited(_HASHES, length_delimited(b"\x0a", name.encode()) + digest))
            else:
                pieces.append(_withheld(name))
            party.ClearField(member)


def _details(noteworthy: Noteworthy) -> bytes:
    """Return diagnostics and grants as a record has them."""
    grants = [
        snapshot_pb2.RecordedGrant(
            id=grant.id, kind=grant.kind, approver=grant.approver, approver_level=grant.approver_level,
            evidence=grant.evidence, scenario=grant.scenario, expires_at_nanos=grant.expires_at_nanos,
        )
        for grant in noteworthy.grants
    ]  # fmt: skip
    # A message about an undeclared attribute names it; who knows what a caller writes there.
    undeclared = types_pb2.DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE
    diagnostics = [found for found in noteworthy.diagnostics if found.code != undeclared]
    return snapshot_pb2.Snapshot(diagnostics=diagnostics, grants=grants).SerializeToString()


def _mode(definitions: Mapping[str, bundle_pb2.AttributeDefinition], name: str) -> int:
    definition = definitions.get(name)
    if definition is None:
        return bundle_pb2.RECORD_MODE_HASH if name == "resource.id" else bundle_pb2.RECORD_MODE_FULL
    return definition.record


def _withheld(name: str) -> bytes:
    return length_delimited(_WITHHELD, name.encode())
