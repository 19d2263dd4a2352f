"""From a record to what a SIEM is told of it: who did what, where and how it went. Never a field's value or a secret.

What people ask a store for may name a customer, so the text of a filter stays behind; the record has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError

from pdp.server.siem.classes import DECISION, DECISIONS, LOCKED, UNREADABLE, Severity, rule_of
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.columns import SOURCES
from pdp.v1 import snapshot_pb2, types_pb2

WITHHELD: Final = frozenset({"filter"})
"""Details of operations that may name customers."""
_MAX_FIELDS: Final = 50
_LEVELS: Final = ("none", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `facts` are common to all; `details` are those of an operation, `decision` of a decision."""

    id: str
    time_nanos: int
    node: str
    name: str
    """Of its class."""
    kind: str
    severity: Severity
    text: str
    boot: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    decision: Mapping[str, str] = field(default_factory=dict)


def event_of(key: StreamKey, sequence: int, body: bytes, least: int) -> Event | None:
    """Return the event of a record; None for a decision that showed less than `least` (a snapshot_pb2.Severity)."""
    place = {"stream": "/".join(map(str, key[1:])), "sequence": str(sequence)}
    try:
        record = snapshot_pb2.Record.FromString(body)
    except DecodeError:
        return Event(
            id=f"{key.node}/{place['stream']}/{sequence}", time_nanos=0, node=key.node, name="evidence",
            kind=UNREADABLE, severity=Severity.ERROR, text="a record cannot be read", boot=key.boot, facts=place,
        )  # fmt: skip
    if record.WhichOneof("body") == "operation":
        return _operation(key, place, record.operation)
    if record.snapshot.severity < least:
        return None
    return _decision(key, place, record.snapshot)


def own_event(node: str, kind: str, at_nanos: int, words: str, *, success: bool) -> Event:
    """Return an event that no record can tell, because records cannot be had."""
    rule = rule_of(kind)
    return Event(
        id=f"{node}/{kind}/{at_nanos}", time_nanos=at_nanos, node=node, name=rule.name, kind=kind,
        severity=rule.success if success else rule.failure, text=f"{kind}: {words}",
        facts={"actor": "system", "success": _word(success)}, details={"reason": words},
    )  # fmt: skip


def _operation(key: StreamKey, place: Mapping[str, str], told: snapshot_pb2.Operation) -> Event:
    rule = rule_of(told.kind)
    severity = rule.success if told.success else rule.failure
    if told.details.get("locked") == "true":
        severity = min(severity, LOCKED)
    details = {name: value for name, value in sorted(told.details.items()) if name not in WITHHELD}
    kept_back = sorted(WITHHELD & set(told.details))
    if kept_back:
        details["withheld"] = ",".join(kept_back)
    why = told.details.get("reason") or told.details.get("error")
    how = "done" if told.success else f"failed: {why}" if why else "failed"
    address = {"address": told.address} if told.address else {}
    return Event(
        id=told.id, time_nanos=told.time_nanos, node=key.node, name=rule.name, kind=told.kind, severity=severity,
        text=f"{told.kind} by {told.actor}: {how}", boot=key.boot,
        facts={"actor": told.actor, "success": _word(told.success), **address, **place}, details=details,
    )  # fmt: skip


def _decision(key: StreamKey, place: Mapping[str, str], told: snapshot_pb2.Snapshot) -> Event:
    request = told.facts
    shown = [f"{name}:{v.level}" for v in told.verdicts if v.effect == types_pb2.EFFECT_UNMASK for name in v.fields]
    subject = request.subject.id or "somebody"
    # What a later version may write is no less.
    severity = min(max(int(told.severity), 0), len(_LEVELS) - 1)
    decision = {
        "request_id": told.request_id,
        "caller": told.caller,
        "subject": request.subject.id,
        "roles": ",".join(request.subject.roles),
        "action": request.action.name,
        "resource_type": request.resource.type,
        "resource_key": told.resource_key.hex(),
        "key_id": told.key_id,
        "level": _LEVELS[severity],
        "shown": _listed(shown),
        "masked": str(sum(len(v.fields) for v in told.verdicts) - len(shown)),
        "rules": _listed(list(dict.fromkeys(v.rule for v in told.verdicts if v.rule))),
        "grants": _listed([grant.id for grant in told.grants]),
        "approvers": _listed([grant.approver for grant in told.grants if grant.approver]),
        "revision": str(told.revision),
        "hash": told.policy_hash,
        "source": SOURCES.get(told.source, "unspecified"),
    }
    return Event(
        id=told.decision_id, time_nanos=told.time_nanos, node=key.node, name=DECISION, kind=DECISION,
        severity=DECISIONS[severity], text=f"{len(shown)} fields shown in clear to {subject}", boot=key.boot,
        facts={"actor": request.subject.id, "success": "true", **place},
        decision={name: value for name, value in decision.items() if value},
    )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    more = f",+{len(names) - _MAX_FIELDS}" if len(names) > _MAX_FIELDS else ""
    return ",".join(names[:_MAX_FIELDS]) + more


def _word(value: bool) -> str:
    return "true" if value else "false"
