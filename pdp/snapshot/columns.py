"""What is drawn out of a record for searching: the columns of every store, and what a filter sees.

INVARIANT: a function of the record's bytes alone, so that verification can tell whether a column was changed.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pdp.v1 import snapshot_pb2, types_pb2
from pdp.values import NANOS

NAMES: Final = ("time", "id", "kind", "severity", "subject_id", "caller", "resource_key", "facts")
"""`time` is in nanoseconds since 1970; `kind` is `decision` or an operation's kind; `facts` is JSON."""

_SOURCES = {number: name.removeprefix("SNAPSHOT_SOURCE_").lower() for name, number in snapshot_pb2.SnapshotSource.items()}


def extract(body: bytes) -> dict[str, Any]:
    """Return the columns of a serialized Record by name. Raises google.protobuf.message.DecodeError."""
    record = snapshot_pb2.Record.FromString(body)
    if record.WhichOneof("body") == "operation":
        return _operation(record.operation)
    return _decision(record.snapshot)


def _operation(operation: snapshot_pb2.Operation) -> dict[str, Any]:
    facts = {"details": dict(operation.details), "success": operation.success, "address": operation.address}
    return {
        "time": operation.time_nanos,
        "id": operation.id,
        "kind": operation.kind,
        "severity": 0,
        "subject_id": operation.actor,
        "caller": "",
        "resource_key": "",
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
    shown: list[str] = []
    hidden: list[str] = []
    for verdict in snapshot.verdicts:
        (shown if verdict.effect == types_pb2.EFFECT_UNMASK else hidden).extend(verdict.fields)
    facts = {
        "request_id": snapshot.request_id,
        "revision": snapshot.revision,
        "hash": snapshot.policy_hash,
        "source": _SOURCES.get(snapshot.source, "unspecified"),
        "latency": snapshot.latency_micros,
        "action": request.action.name,
        "roles": list(request.subject.roles),
        "resource_type": request.resource.type,
        "resource_id": request.resource.id,
        "unmasked": shown,
        "masked": hidden,
        "rules": list(dict.fromkeys(verdict.rule for verdict in snapshot.verdicts if verdict.rule)),
        "grants": [grant.id for grant in snapshot.grants],
        "approvers": [grant.approver for grant in snapshot.grants if grant.approver],
        "obligations": [obligation.type for obligation in snapshot.obligations],
        "undecided": sorted({name for found in snapshot.diagnostics for name in found.attributes}),
        "attributes": attributes,
    }
    return {
        "time": snapshot.time_nanos,
        "id": snapshot.decision_id,
        "kind": "decision",
        "severity": int(snapshot.severity),
        "subject_id": request.subject.id,
        "caller": snapshot.caller,
        "resource_key": snapshot.resource_key.hex(),
        "facts": _json(facts),
    }


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


def _json(value: Any) -> str:
    # A zero character is valid text but not in PostgreSQL's JSON.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).replace("\\u0000", "\\ufffd")
