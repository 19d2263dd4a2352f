"""Grants, for people: what each lets somebody see, how it stands, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.rights import Rights
from admin_gui.domain.say import Say, plain
from admin_gui.domain.times import clock
from jingxi_client._gen.pdp.v1 import account_pb2, bundle_pb2, grant_service_pb2

State = account_pb2.GrantState
_SECONDS: Final = 1_000_000_000

STATES: Final[Mapping[int, tuple[Say, str]]] = {
    account_pb2.GRANT_STATE_ASKED: (Say("待审批", "asked"), "warning"),
    account_pb2.GRANT_STATE_ACTIVE: (Say("生效中", "active"), "clear"),
    account_pb2.GRANT_STATE_REFUSED: (Say("已拒绝", "refused"), "quiet"),
    account_pb2.GRANT_STATE_REVOKED: (Say("已收回", "revoked"), "quiet"),
    account_pb2.GRANT_STATE_EXPIRED: (Say("已过期", "expired"), "quiet"),
    account_pb2.GRANT_STATE_USED_UP: (Say("已用完", "used up"), "quiet"),
}
"""What each state is called, and the token of its colour: what holds shows data, so it has the colour of clear."""
_STEPS: Final[Mapping[int, Say]] = {
    account_pb2.GRANT_STATE_ASKED: Say("申请", "asked"),
    account_pb2.GRANT_STATE_ACTIVE: Say("批准", "approved"),
    account_pb2.GRANT_STATE_REFUSED: Say("拒绝", "refused"),
    account_pb2.GRANT_STATE_REVOKED: Say("收回", "revoked"),
    account_pb2.GRANT_STATE_EXPIRED: Say("过期", "expired"),
    account_pb2.GRANT_STATE_USED_UP: Say("用完", "used up"),
}
_UNKNOWN: Final = (Say("未知", "unknown"), "quiet")
_KINDS: Final[Mapping[str, Say]] = {
    "supervisor": Say("主管授权", "by a supervisor"), "customer": Say("客户同意", "by the customer"),
}  # fmt: skip
_EVERYTHING: Final = Say("可由授权展示的全部字段", "every field that grants may show")
_MINUTES: Final = Say("{minutes} 分钟", "{minutes} min")
_UNLIMITED: Final = Say("不限次数", "any number")
_USES: Final = Say("{uses} / {most} 次", "{uses} of {most}")


@dataclass(frozen=True, slots=True)
class Line:
    """What there is to say of a grant. `steps` are `(what, who, when, why)` from the first on."""

    id: str
    kind: Say
    state: Say
    mood: str
    subject: str
    branch: str
    application: str
    resource: str
    covers: Say
    scenario: str
    reason: str
    asked_by: str
    asked_at: str
    validity: Say
    until: str
    uses: Say
    evidence: str
    steps: tuple[tuple[Say, str, str, str], ...]


def line(record: account_pb2.GrantRecord, labels: Mapping[str, Say]) -> Line:
    """Return a grant as it is shown; `labels` are those of fields, by id."""
    grant = record.grant
    said, mood = STATES.get(record.state, _UNKNOWN)
    first = record.steps[0] if record.steps else account_pb2.GrantStep()
    resource = f"{grant.resource_type}:{grant.resource_id}" if grant.resource_id else grant.resource_type
    return Line(
        grant.id, _KINDS.get(grant.kind, plain(grant.kind)), said, mood, grant.subject_id, record.branch,
        record.application, resource, _covers(grant, labels), grant.scenario, grant.reason, first.actor,
        clock(first.time_nanos), _MINUTES.filled(minutes=round(record.validity_nanos / _SECONDS / 60)),
        clock(grant.expires_at_nanos), _uses(record), grant.evidence,
        tuple((_STEPS.get(step.state, _UNKNOWN[0]), step.actor, clock(step.time_nanos), step.reason)
              for step in record.steps),
    )  # fmt: skip


def _covers(grant: bundle_pb2.Grant, labels: Mapping[str, Say]) -> Say:
    names = [labels.get(name, plain(name)) for name in grant.fields] + [plain(level) for level in grant.levels]
    if not names:
        return _EVERYTHING
    return Say("、".join(name.text("zh") for name in names), ", ".join(name.text("en") for name in names))


def _uses(record: account_pb2.GrantRecord) -> Say:
    return _USES.filled(uses=record.uses, most=record.max_uses) if record.max_uses else _UNLIMITED


def may_decide(record: account_pb2.GrantRecord, rights: Rights) -> bool:
    """Whether approving and refusing are to be offered: it waits, and is not one's own."""
    if record.state != account_pb2.GRANT_STATE_ASKED or not rights.may("grant_approve"):
        return False
    asked = record.steps[0].actor if record.steps else ""
    if rights.everything:
        # Where nobody signs in all people are one; what systems asked for is left to decide.
        return asked.startswith("caller:")
    return rights.account not in (asked, record.grant.subject_id)


def may_revoke(record: account_pb2.GrantRecord, rights: Rights) -> bool:
    """Whether taking back is to be offered."""
    asked = record.steps[0].actor if record.steps else ""
    mine = bool(rights.account) and asked == rights.account
    return record.state == account_pb2.GRANT_STATE_ACTIVE and (mine or rights.may("grant_approve"))


def question(
    *, subject: str, branch: str, application: str, resource: str, covers: Iterable[str], scenario: str, reason: str,
    minutes: int, uses: int,
) -> grant_service_pb2.AskForGrantRequest:  # fmt: skip
    """Return what is asked for. `resource` is `type:id`, `covers` are ids of fields and grades such as `C2`.

    Raises ValueError, with the name of what is missing.
    """
    kind, _, number = resource.strip().partition(":")
    if not kind or not number.strip():
        raise ValueError("resource")
    if not reason.strip():
        raise ValueError("reason")
    names = [name.strip() for name in covers if name.strip()]
    levels = [name for name in names if name in ("C1", "C2", "C3")]
    made = grant_service_pb2.AskForGrantRequest(
        subject_id=subject.strip(), branch=branch.strip(), application=application.strip(), resource_type=kind.strip(),
        resource_id=number.strip(), fields=[name for name in names if name not in levels], levels=levels,
        scenario=scenario.strip(), reason=reason.strip(), max_uses=uses,
    )  # fmt: skip
    made.validity.FromSeconds(minutes * 60)
    return made
