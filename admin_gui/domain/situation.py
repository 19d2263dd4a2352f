"""The circumstances of a simulated request: the time, and whether somebody has authorised it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from admin_gui.domain.say import Say
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2

Step = Literal["asked", "none", "supervisor", "customer", "over"]
STEPS: Final[dict[Step, Say]] = {
    "asked": Say("如情景所述", "as given"),
    "none": Say("没有授权", "no grant"),
    "supervisor": Say("主管已批准", "supervisor's"),
    "customer": Say("客户已同意", "customer's"),
    "over": Say("授权已过期", "expired"),
}
"""What can be looked at one after the other: look, be authorised, look again, and once more when it is over."""
_MINUTE: Final = 60_000_000_000
_VALIDITY: Final = 30 * _MINUTE
_ID: Final = "SIMULATED"
_APPROVER: Final = "M0001"


def grants(
    step: Step, request: decision_service_pb2.DecideRequest, now_nanos: int, level: int, own: Iterable[bundle_pb2.Grant]
) -> list[bundle_pb2.Grant]:
    """Return the grants that there are at a step; `level` is the authority of the supervisor who approves."""
    match step:
        case "asked":
            return list(own)
        case "none":
            return []
        case "customer":
            return [_grant(request, now_nanos, kind="customer", evidence="SAMPLE-CONSENT")]
        case "supervisor":
            return [_grant(request, now_nanos, kind="supervisor", approver=_APPROVER, approver_level=level)]
        case "over":
            earlier = now_nanos - _VALIDITY - _MINUTE
            return [_grant(request, earlier, kind="supervisor", approver=_APPROVER, approver_level=level)]


def _grant(
    request: decision_service_pb2.DecideRequest, now_nanos: int, *, kind: str, evidence: str = "", approver: str = "",
    approver_level: int = 0,
) -> bundle_pb2.Grant:  # fmt: skip
    return bundle_pb2.Grant(
        id=_ID, kind=kind, subject_id=request.subject.id, resource_type=request.resource.type,
        resource_id=request.resource.id, not_before_nanos=now_nanos - _MINUTE,
        expires_at_nanos=now_nanos - _MINUTE + _VALIDITY, approver=approver, approver_level=approver_level,
        scenario=_text(request, "scenario"), reason="simulated", evidence=evidence,
    )  # fmt: skip


def _text(request: decision_service_pb2.DecideRequest, name: str) -> str:
    return request.context[name].string_value if name in request.context else ""


def ids(step: Step, asked: Iterable[str]) -> list[str]:
    """Return the grants that the request names at a step; `asked` are those that the scenario's request names."""
    if step == "asked":
        return list(asked)
    return [] if step == "none" else [_ID]
