"""Requests and answers as plain data, and what they look like as protobuf messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang.model import GrantSpec
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from pdp.values import NANOS

KINDS: Mapping[str, str] = {
    "string": "string_value",
    "int": "int_value",
    "double": "double_value",
    "bool": "bool_value",
    "timestamp": "timestamp_value",
    "duration": "duration_value",
    "list(string)": "string_list",
    "list(int)": "int_list",
    "list(double)": "double_list",
    "map(string, string)": "string_map",
}
EFFECTS = {types_pb2.EFFECT_UNMASK: "unmask", types_pb2.EFFECT_MASK: "mask"}
REASONS = {
    types_pb2.REASON_KIND_RULE: "rule",
    types_pb2.REASON_KIND_DEFAULT: "default",
    types_pb2.REASON_KIND_UNKNOWN_FIELD: "unknown_field",
}


@dataclass(frozen=True)
class Given:
    """A value as a request carries it: `type` is an attribute type, or empty for a Value without a kind."""

    type: str
    value: Any = None


@dataclass(frozen=True)
class Request:
    """A DecideRequest as plain data; `attributes` by dotted name without the five built-in ones."""

    subject_id: str
    roles: tuple[str, ...]
    action: str
    resource_type: str
    resource_id: str
    attributes: Mapping[str, Given]
    fields: tuple[str, ...]
    message: tuple[str, str, str] | None
    grant_ids: tuple[str, ...]
    now: int

    def message_pb(self) -> decision_service_pb2.DecideRequest:
        """Return it as a protobuf message."""
        out = decision_service_pb2.DecideRequest(
            request_id="r1",
            subject=types_pb2.Subject(id=self.subject_id, roles=self.roles),
            action=types_pb2.Action(name=self.action),
            resource=types_pb2.Resource(type=self.resource_type, id=self.resource_id),
            fields=self.fields,
            grant_ids=self.grant_ids,
        )
        if self.message is not None:
            application, name, part = self.message
            out.message.CopyFrom(types_pb2.MessageRef(application=application, name=name, part=part))
        parts = {
            "subject": out.subject.attributes,
            "action": out.action.attributes,
            "resource": out.resource.attributes,
            "context": out.context,
        }
        for name, given in self.attributes.items():
            prefix, _, key = name.partition(".")
            parts[prefix][key].CopyFrom(value_pb(given))
        return out

    def payload(self) -> bytes:
        """Return its wire bytes."""
        return self.message_pb().SerializeToString()


@dataclass(frozen=True)
class Reason:
    """Why a verdict is as it is; `kind` is rule, default or unknown_field."""

    kind: str
    rule: str = ""
    title: tuple[str, str] = ("", "")
    grant: str = ""
    undecided: bool = False


Mask = tuple[str, str, tuple[tuple[str, Any], ...]]


@dataclass(frozen=True)
class Verdict:
    """The answer for a field; the mask as (name, algorithm, sorted parameters)."""

    field: str
    effect: str
    mask: Mask | None
    reason: Reason


@dataclass(frozen=True)
class Decision:
    """A DecideResponse as plain data.

    Obligations as (type, sorted parameters, fields, rule), diagnostics as (code, subject, attributes).
    """

    verdicts: tuple[Verdict, ...]
    obligations: tuple[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...], str], ...]
    diagnostics: tuple[tuple[str, str, tuple[str, ...]], ...]


def value_pb(given: Given) -> types_pb2.Value:
    """Return a value as a protobuf message."""
    out = types_pb2.Value()
    value = given.value
    match given.type:
        case "":
            pass
        case "timestamp":
            out.timestamp_value.seconds, out.timestamp_value.nanos = divmod(value, NANOS)
        case "duration":
            sign = -1 if value < 0 else 1
            seconds, nanos = divmod(abs(value), NANOS)
            out.duration_value.seconds, out.duration_value.nanos = sign * seconds, sign * nanos
        case "map(string, string)":
            out.string_map.SetInParent()
            out.string_map.entries.update(value)
        case kind if kind.startswith("list("):
            part = getattr(out, KINDS[kind])
            part.SetInParent()
            part.values.extend(value)
        case kind:
            setattr(out, KINDS[kind], value)
    return out


def plain_value(value: types_pb2.Value) -> Any:
    """Return the plain form of a parameter's value."""
    match value.WhichOneof("kind"):
        case None:
            return None
        case "string_list" | "int_list" | "double_list" as kind:
            return tuple(getattr(value, kind).values)
        case "string_map":
            return tuple(sorted(value.string_map.entries.items()))
        case kind:
            return getattr(value, kind)


def plain_mask(mask: types_pb2.Mask) -> Mask:
    """Return the plain form of a mask."""
    return mask.name, mask.algorithm, tuple(sorted((name, plain_value(v)) for name, v in mask.parameters.items()))


def decision_of(response: decision_service_pb2.DecideResponse) -> Decision:
    """Return the plain form of an answer, every index followed."""
    reasons = [
        Reason(REASONS[r.kind], r.rule, (r.title.zh, r.title.en), r.grant_id, r.undecided) for r in response.reasons
    ]
    masks = [plain_mask(m) for m in response.masks]
    return Decision(
        tuple(
            Verdict(
                v.field,
                EFFECTS[v.effect],
                masks[v.mask] if v.effect == types_pb2.EFFECT_MASK else None,
                reasons[v.reason],
            )
            for v in response.verdicts
        ),
        tuple((o.type, tuple(sorted(o.parameters.items())), tuple(o.fields), o.rule) for o in response.obligations),
        tuple(
            (types_pb2.DiagnosticCode.Name(d.code).removeprefix("DIAGNOSTIC_CODE_"), d.subject, tuple(d.attributes))
            for d in response.diagnostics
        ),
    )


def grant_pb(grant: GrantSpec) -> bundle_pb2.Grant:
    """Return a grant as a protobuf message."""
    return bundle_pb2.Grant(
        id=grant.id,
        kind=grant.kind,
        subject_id=grant.subject_id,
        resource_type=grant.resource_type,
        resource_id=grant.resource_id,
        fields=grant.fields,
        levels=grant.levels,
        not_before_nanos=grant.not_before,
        expires_at_nanos=grant.expires_at,
        approver=grant.approver,
        approver_level=grant.approver_level,
        scenario=grant.scenario,
        reason=grant.reason,
        evidence=grant.evidence,
        application=grant.application,
    )


class Grants:
    """A source of grants held in memory."""

    def __init__(self, grants: Iterable[GrantSpec]) -> None:
        self.specs = {grant.id: grant for grant in grants}
        self._messages = {grant.id: grant_pb(grant) for grant in self.specs.values()}

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        """Return the grant with this id."""
        return self._messages.get(grant_id)


def plain_request(message: decision_service_pb2.DecideRequest, now: int) -> Request:
    """Return a protobuf message as plain data."""
    parts = {
        "subject": message.subject.attributes,
        "action": message.action.attributes,
        "resource": message.resource.attributes,
        "context": message.context,
    }
    reference = message.message if message.HasField("message") else None
    return Request(
        subject_id=message.subject.id,
        roles=tuple(message.subject.roles),
        action=message.action.name,
        resource_type=message.resource.type,
        resource_id=message.resource.id,
        attributes={f"{part}.{name}": _given(value) for part, held in parts.items() for name, value in held.items()},
        fields=tuple(message.fields),
        message=None if reference is None else (reference.application, reference.name, reference.part),
        grant_ids=tuple(message.grant_ids),
        now=now,
    )


def _given(value: types_pb2.Value) -> Given:
    kind = value.WhichOneof("kind")
    types = {field: name for name, field in KINDS.items()}
    match kind:
        case None:
            return Given("")
        case "timestamp_value":
            return Given("timestamp", value.timestamp_value.seconds * NANOS + value.timestamp_value.nanos)
        case "duration_value":
            return Given("duration", value.duration_value.seconds * NANOS + value.duration_value.nanos)
        case "string_map":
            return Given(types[kind], dict(value.string_map.entries))
    return Given(types[kind], plain_value(value))
