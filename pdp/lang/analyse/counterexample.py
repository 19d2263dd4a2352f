"""Requests as people and programs send them: DecideRequest in protobuf's JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pdp.lang.analyse.clock import PLEASANT
from pdp.lang.analyse.witness import Assignment
from pdp.lang.model import Attribute
from pdp.values import INT_MAX, INT_MIN, NANOS, AttributeType, format_duration, format_timestamp

_OWN_PLACES: Final = {
    "subject.id": "id", "subject.roles": "roles", "action.name": "name", "resource.type": "type", "resource.id": "id",
}  # fmt: skip
_DEFAULT_SUBJECT: Final = "T1001"
_HOUR: Final = 3_600 * NANOS


def request_of(assignment: Assignment, attributes: Mapping[str, Attribute], fields: Sequence[str]) -> dict[str, Any]:
    """Return a DecideRequest.

    Where the time or grants matter, which are no part of one, it is `{"request": …, "now": …, "grants": […]}` with the
    grants as `pdp.v1.Grant` in JSON.
    """
    parts: dict[str, dict[str, Any]] = {"subject": {"id": _DEFAULT_SUBJECT}, "action": {}, "resource": {}}
    context: dict[str, Any] = {}
    for name, value in sorted(assignment.values.items()):
        if name == "now":
            continue
        root, _, key = name.partition(".")
        if name in _OWN_PLACES:
            parts[root][_OWN_PLACES[name]] = list(value) if isinstance(value, tuple) else value
        elif root == "context":
            context[key] = value_json(attributes[name].type, value)
        else:
            parts[root].setdefault("attributes", {})[key] = value_json(attributes[name].type, value)
    if assignment.grants:
        parts["resource"] = {"type": "customer", "id": "C1001", **parts["resource"]}
    request: dict[str, Any] = {root: part for root, part in parts.items() if part}
    if context:
        request["context"] = context
    request["fields"] = list(fields)
    now = assignment.values.get("now")
    if not assignment.grants:
        return request if now is None else {"request": request, "now": format_timestamp(now)}
    moment = PLEASANT if now is None else now
    request["grantIds"] = [f"G{place + 1}" for place in range(len(assignment.grants))]
    grants = [_grant(i, g, request, moment) for i, g in zip(request["grantIds"], assignment.grants, strict=True)]
    return {"request": request, "now": format_timestamp(moment), "grants": grants}


def _grant(grant_id: str, answers: Mapping[str, Any], request: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {
        "id": grant_id,
        "kind": answers["grant.kind"],
        "subjectId": request["subject"]["id"],
        "resourceType": request["resource"]["type"],
        "resourceId": request["resource"]["id"],
        "notBeforeNanos": str(max(now - _HOUR, INT_MIN)),
        "expiresAtNanos": str(min(now + _HOUR, INT_MAX)),
        "approver": answers["grant.approver"],
        "approverLevel": str(answers["grant.approver_level"]),
        "scenario": answers["grant.scenario"],
    }


def value_json(kind: AttributeType, value: Any) -> dict[str, Any]:
    """Return a `pdp.v1.Value` in JSON: 64-bit numbers as texts, times as protobuf writes them."""
    match kind:
        case AttributeType.STRING:
            return {"stringValue": value}
        case AttributeType.INT:
            return {"intValue": str(value)}
        case AttributeType.DOUBLE:
            return {"doubleValue": _double(value)}
        case AttributeType.BOOL:
            return {"boolValue": value}
        case AttributeType.TIMESTAMP:
            return {"timestampValue": format_timestamp(value)}
        case AttributeType.DURATION:
            return {"durationValue": format_duration(value)}
        case AttributeType.STRING_LIST:
            return {"stringList": {"values": list(value)}}
        case AttributeType.INT_LIST:
            return {"intList": {"values": [str(item) for item in value]}}
        case AttributeType.DOUBLE_LIST:
            return {"doubleList": {"values": [_double(item) for item in value]}}
        case AttributeType.STRING_MAP:
            return {"stringMap": {"entries": dict(sorted(value.items()))}}


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
