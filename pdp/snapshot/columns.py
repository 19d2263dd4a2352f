"""What is drawn out of a record for searching: the columns of every store, and what a filter sees.

INVARIANT: a function of the record's bytes alone, so that verification can tell whether a column was changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from google.protobuf.message import DecodeError

from pdp.snapshot import marks
from pdp.v1 import snapshot_pb2, types_pb2
from pdp.values import NANOS

NAMES: Final = ("time", "id", "kind", "severity", "subject_id", "caller", "resource_key", "mark_a", "mark_b", "facts")
"""`time` is in nanoseconds since 1970; `kind` is `decision` or an operation's kind; `facts` is JSON.

Each text that people search `facts` for has a bit in `mark_a` and one in `mark_b` (`marks.bit`): where one of them is
not set, the JSON need not be read.
"""

UNREADABLE: Final = "unreadable"
"""The `kind` of bytes that are no Record: they are kept as they are, and must not keep what follows from the store."""

LONGEST: Final = 512
"""Longer texts are cut at so many characters: an entry of PostgreSQL's indexes has at most 2,704 bytes."""

SOURCES: Final = {n: name.removeprefix("SNAPSHOT_SOURCE_").lower() for name, n in snapshot_pb2.SnapshotSource.items()}


def extract(body: bytes) -> dict[str, Any]:
    """Return the columns of a serialized Record, in the order of NAMES. Raises google.protobuf.message.DecodeError."""
    record = snapshot_pb2.Record.FromString(body)
    if record.WhichOneof("body") == "operation":
        return _operation(record.operation)
    return _decision(record.snapshot)


def stored(body: bytes) -> dict[str, Any]:
    """Return the columns with which a store keeps bytes, whatever they are."""
    try:
        return extract(body)
    except DecodeError:
        return dict(zip(NAMES, (0, "", UNREADABLE, 0, "", "", "", 0, 0, "{}"), strict=True))


def altered(held: Mapping[str, Any], body: bytes) -> list[str]:
    """Return the names of the columns that are not what the body says. Stores may write `facts` in another form."""
    return differing(held, stored(body))


def differing(held: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns that are not as they were drawn."""
    return [
        name
        for name in NAMES
        if held.get(name) != fresh[name] and not (name == "facts" and _same_json(held.get(name), fresh[name]))
    ]


def _operation(operation: snapshot_pb2.Operation) -> dict[str, Any]:
    facts = {"details": dict(operation.details), "success": operation.success, "address": operation.address}
    return {
        "time": operation.time_nanos,
        "id": clean(operation.id),
        "kind": clean(operation.kind),
        "severity": 0,
        "subject_id": clean(operation.actor),
        "caller": "",
        "resource_key": "",
        "mark_a": 0,
        "mark_b": 0,
        "facts": _json(facts),
    }


def _decision(snapshot: snapshot_pb2.Snapshot) -> dict[str, Any]:
    request = snapshot.facts
    attributes: dict[str, Any] = {}
    for root, values in (
        ("subject", request.subject.attributes),
        ("action", request.action.attributes),
        ("resource", request.resource.attributes),
        ("context", request.context),
    ):
        for key, value in values.items():
            plain = plain_value(value)
            if plain is not None:
                attributes[f"{root}.{key}"] = plain
    shown, hidden, rules = verdict_lists(snapshot.verdicts)
    facts = {
        "request_id": snapshot.request_id,
        "revision": snapshot.revision,
        "hash": snapshot.policy_hash,
        "source": SOURCES.get(snapshot.source, "unspecified"),
        "latency": snapshot.latency_micros,
        "action": request.action.name,
        "roles": list(request.subject.roles),
        "resource_type": request.resource.type,
        "resource_id": request.resource.id,
        "unmasked": shown,
        "masked": hidden,
        "rules": rules,
        "grants": [grant.id for grant in snapshot.grants],
        "approvers": [grant.approver for grant in snapshot.grants if grant.approver],
        "obligations": [obligation.type for obligation in snapshot.obligations],
        "undecided": sorted({name for found in snapshot.diagnostics for name in found.attributes}),
        "attributes": attributes,
    }
    mark_a, mark_b = marks.split(marks.of_facts(facts))
    return {
        "time": snapshot.time_nanos,
        "id": clean(snapshot.decision_id),
        "kind": "decision",
        "severity": int(snapshot.severity),
        "subject_id": clean(request.subject.id),
        "caller": clean(snapshot.caller),
        "resource_key": clean(snapshot.resource_key.hex()),
        "mark_a": mark_a,
        "mark_b": mark_b,
        "facts": _json(facts),
    }


def verdict_lists(verdicts: Iterable[snapshot_pb2.RecordedVerdict]) -> tuple[list[str], list[str], list[str]]:
    """Return the fields that are shown, those that are masked, and the rules."""
    shown: list[str] = []
    hidden: list[str] = []
    rules: dict[str, None] = {}
    for verdict in verdicts:
        (shown if verdict.effect == types_pb2.EFFECT_UNMASK else hidden).extend(verdict.fields)
        if verdict.rule:
            rules[verdict.rule] = None
    return shown, hidden, list(rules)


def plain_value(value: types_pb2.Value) -> Any:
    """Return a Value as JSON has it: times and spans in nanoseconds; None for none and for numbers JSON has not."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    held = getattr(value, kind)
    match kind:
        case "double_value":
            return held if held - held == 0 else None
        case "timestamp_value" | "duration_value":
            return held.seconds * NANOS + held.nanos
        case "string_list" | "int_list":
            return list(held.values)
        case "double_list":
            return [item if item - item == 0 else None for item in held.values]
        case "string_map":
            return dict(held.entries)
        case _:
            return held


def clean(value: str) -> str:
    """Return a text as a column takes it."""
    # A zero character is valid text but not in PostgreSQL.
    return value[:LONGEST].replace("\0", "\ufffd") if "\0" in value or len(value) > LONGEST else value


def _same_json(held: Any, fresh: str) -> bool:
    """Whether two texts say the same, however numbers and spaces are written; `true` is not 1."""
    try:
        return bool(_READER.decode(held) == _READER.decode(fresh))
    except (TypeError, ValueError, ArithmeticError):
        return False


# Made once: `json.loads` and `json.dumps` would make one each time.
_READER: Final = json.JSONDecoder(
    # Pairs and not a dict: what stands twice must not hide behind what stands last.
    object_pairs_hook=lambda pairs: ("object", sorted(pairs, key=lambda pair: pair[0])),
    parse_int=lambda digits: ("number", Decimal(digits)),
    parse_float=lambda digits: ("number", Decimal(digits)),
)
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def plain_json(value: Any) -> str:
    """Return a value as JSON, as `facts` has it but for zero characters."""
    return _WRITER.encode(value)


def without_zeros(text: str) -> str:
    """Return JSON without zero characters, which are valid text but not in PostgreSQL's JSON."""
    return text.replace("\\u0000", "\\ufffd")


def _json(value: Any) -> str:
    return without_zeros(plain_json(value))
