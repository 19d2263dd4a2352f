"""A simulated request, kept as a `Test` document beside the policies."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from admin_gui.domain.form import value_of
from admin_gui.domain.policy_text.written import written
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

FILE: Final = "tests/desktop.yaml"
"""Where tests that were kept here go; each is a document of its own."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_ID_LINE: Final = re.compile(r"^id:\s*([a-z0-9][a-z0-9-]*)\s*$", re.MULTILINE)
_NANOS: Final = 1_000_000_000
_WIDTH: Final = 110
_SCENARIO: Final = "seen"


def is_name(text: str) -> bool:
    """Whether a test may be called so: small letters, digits and dashes."""
    return _NAME.fullmatch(text) is not None


def names(texts: Mapping[str, str]) -> set[str]:
    """Return what the documents of a policy set are called, to tell whether a name is free."""
    return {found for text in texts.values() for found in _ID_LINE.findall(text)}


def document(
    name: str,
    title: str,
    request: decision_service_pb2.DecideRequest,
    now_nanos: int,
    grants: Iterable[bundle_pb2.Grant],
    decision: decision_service_pb2.DecideResponse,
) -> str:
    """Return the text of the document: it expects what the decision says."""
    body: dict[str, Any] = {
        "kind": "Test", "id": name, "title": {"zh": title, "en": title}, "now": _time(now_nanos),
        "request": _request(request),
    }  # fmt: skip
    given = [_grant(grant) for grant in grants]
    if given:
        body["grants"] = given
    scenario: dict[str, Any] = {"id": _SCENARIO, "title": {"zh": title, "en": title}}
    if request.grant_ids:
        scenario["grant_ids"] = list(request.grant_ids)
    scenario["expect"] = {verdict.field: _expected(verdict, decision) for verdict in decision.verdicts}
    if decision.obligations:
        scenario["obligations"] = sorted({obligation.type for obligation in decision.obligations})
    body["scenarios"] = [scenario]
    return written(body, flow=None, width=_WIDTH)


def added(text: str, made: str) -> str:
    """Return a file's text with one more document at its end; nothing of what was there changes."""
    if not text.strip():
        return made
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}---\n{made}"


def _expected(verdict: types_pb2.Verdict, decision: decision_service_pb2.DecideResponse) -> Any:
    reason = decision.reasons[verdict.reason]
    unmasked = verdict.effect == types_pb2.EFFECT_UNMASK
    mask = "" if unmasked else decision.masks[verdict.mask].name
    if reason.kind == types_pb2.REASON_KIND_RULE:
        return {**({"unmask": True} if unmasked else {"mask": mask or "mask"}), "rule": reason.rule}
    return "unmask" if unmasked else mask or "mask"


def _request(request: decision_service_pb2.DecideRequest) -> dict[str, Any]:
    def plain(attributes: Mapping[str, types_pb2.Value]) -> dict[str, Any]:
        return {name: value_of(attributes[name]) for name in sorted(attributes)}

    subject: dict[str, Any] = {"id": request.subject.id, "roles": list(request.subject.roles)}
    found = {
        "subject": {**subject, **plain(request.subject.attributes)},
        "action": {"name": request.action.name, **plain(request.action.attributes)},
        "resource": {
            "type": request.resource.type, "id": request.resource.id, **plain(request.resource.attributes),
        },
        "context": plain(request.context),
    }  # fmt: skip
    return {section: {k: v for k, v in held.items() if v not in ("", [], None)} for section, held in found.items()}


def _grant(grant: bundle_pb2.Grant) -> dict[str, Any]:
    return {
        "id": grant.id, "kind": grant.kind, "subject": grant.subject_id,
        "resource": {"type": grant.resource_type, "id": grant.resource_id}, "fields": list(grant.fields),
        "levels": list(grant.levels), "not_before": _time(grant.not_before_nanos),
        "expires_at": _time(grant.expires_at_nanos), "approver": grant.approver,
        "approver_level": grant.approver_level, "scenario": grant.scenario, "reason": grant.reason,
        "evidence": grant.evidence, **({"application": grant.application} if grant.application else {}),
    }  # fmt: skip


def _time(nanos: int) -> str:
    moment = datetime.datetime.fromtimestamp(nanos // _NANOS, datetime.UTC).astimezone()
    return moment.isoformat()


def problem(name: str, texts: Mapping[str, str]) -> Literal["shape", "taken"] | None:
    """Return why a test cannot be called so."""
    if not is_name(name):
        return "shape"
    return "taken" if name in names(texts) else None
