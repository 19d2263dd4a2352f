"""The parts of policies in words, Chinese and English."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf import json_format

from pdp.control.changes.sides import Clause, Side
from pdp.engine.request import KINDS, TYPE_NUMBERS, python_value
from pdp.engine.wire_masks import mask_parameters
from pdp.lang.sentence.statements import duties
from pdp.masks import catalogue
from pdp.v1 import bundle_pb2, control_pb2, decision_service_pb2, types_pb2
from pdp.values import AttributeType, format_duration, format_timestamp

MAX_NAMES = 12
_MAX_CHARACTERS = 500

Text = types_pb2.LocalizedText
_TYPES = {number: kind.value for kind, number in TYPE_NUMBERS.items()}
_KINDS = {member: kind for kind, member in KINDS.items()}
_RECORDS = {
    bundle_pb2.RECORD_MODE_FULL: ("原值", "full"),
    bundle_pb2.RECORD_MODE_BUCKET: ("区间", "bucket"),
    bundle_pb2.RECORD_MODE_HASH: ("哈希", "hash"),
    bundle_pb2.RECORD_MODE_NONE: ("不留存", "none"),
}
NOTHING = Text()
EVERY_REQUEST = Text(zh="所有请求", en="every request")
ALWAYS = Text(zh="任何情况", en="in every case")
DEFAULT_MASK = Text(zh="各字段的默认脱敏", en="each field's default mask")


def same(text: str) -> Text:
    """Return a text that is alike in both languages."""
    return Text(zh=text, en=text)


def cut(text: str) -> str:
    """Return a text that is not too long to show."""
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"


def part(name: str, before: Text | None, after: Text | None) -> control_pb2.ChangedPart:
    """Return a changed part; None where there is nothing."""
    return control_pb2.ChangedPart(part=name, before=before, after=after)


def all_of(clauses: Iterable[Text], otherwise: Text) -> Text:
    """Return clauses that must all hold as one statement."""
    said = list(clauses)
    if not said:
        return otherwise
    return Text(zh="，且".join(c.zh for c in said), en=" and ".join(c.en for c in said))


def all_said(clauses: Sequence[Clause], otherwise: Text) -> Text:
    """Return the conditions of a rule, which must all hold, as one statement."""
    if not clauses:
        return otherwise
    return Text(zh="，且".join([clause.zh for clause in clauses]), en=" and ".join([clause.en for clause in clauses]))


def effect(value: types_pb2.Effect) -> Text:
    """Return what a rule or a default does."""
    return Text(zh="明文显示", en="show in clear") if value == types_pb2.EFFECT_UNMASK else Text(zh="脱敏", en="mask")


def yes(value: bool) -> Text:
    """Return yes or no."""
    return Text(zh="是", en="yes") if value else Text(zh="否", en="no")


def mask(message: types_pb2.Mask) -> Text:
    """Return what a mask does, with its name."""
    zh, en = catalogue.describe(message.algorithm, mask_parameters(message))
    return Text(zh=f"{zh}（{message.name}）", en=f"{en} ({message.name})") if message.name else Text(zh=zh, en=en)


def mask_in_full(message: types_pb2.Mask) -> Text:
    """Return what a mask does with all its parameters, for where the short form does not tell two apart."""
    said = mask(message)
    given = ", ".join(f"{name}={_plain(value)}" for name, value in sorted(mask_parameters(message).items()))
    return Text(zh=cut(f"{said.zh}：{message.algorithm} {given}"), en=cut(f"{said.en}: {message.algorithm} {given}"))


def masks(before: types_pb2.Mask, after: types_pb2.Mask) -> tuple[Text, Text]:
    """Return two masks that are not the same, told apart."""
    old, new = mask(before), mask(after)
    return (old, new) if old != new else (mask_in_full(before), mask_in_full(after))


def obligations(items: Sequence[types_pb2.Obligation]) -> Text:
    """Return what the caller must do besides."""
    if not items:
        return NOTHING
    pairs: list[tuple[str, Mapping[str, str]]] = [(o.type, dict(sorted(o.parameters.items()))) for o in items]
    return Text(zh=duties(pairs, chinese=True), en=duties(pairs, chinese=False))


def field(side: Side, name: str) -> Text:
    """Return what people call a field; its id where it has no label."""
    known = side.fields.get(name)
    label = known.label if known is not None else NOTHING
    return Text(zh=label.zh or label.en or name, en=label.en or label.zh or name)


def fields(side: Side, names: Sequence[str], first: Iterable[str] = ()) -> Text:
    """Return fields by label, those of `first` before all; only some of many."""
    wanted = set(first)
    ordered = [name for name in names if name in wanted] + [name for name in names if name not in wanted]
    return enumeration([field(side, name) for name in ordered])


def enumeration(items: Sequence[Text]) -> Text:
    """Return a list of things, only the first of many."""
    shown = items[:MAX_NAMES]
    left = len(items) - len(shown)
    zh, en = "、".join(item.zh for item in shown), ", ".join(item.en for item in shown)
    return Text(zh=f"{zh} 等 {len(items)} 项", en=f"{en} and {left} more") if left else Text(zh=zh, en=en)


def value(message: types_pb2.Value) -> str:
    """Return a value as a policy would write it."""
    member = message.WhichOneof("kind")
    if member is None:
        return ""
    kind = _KINDS[member]
    found = python_value(message, kind)
    match kind:
        case AttributeType.TIMESTAMP:
            return format_timestamp(found)
        case AttributeType.DURATION:
            return format_duration(found)
        case _:
            return cut(_plain(found))


def _plain(found: object) -> str:
    match found:
        case bool():
            return "true" if found else "false"
        case tuple() | list():
            return f"[{', '.join(map(_plain, found))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in sorted(found.items())) + "}"
        case _:
            return str(found)


def attribute_type(kind: bundle_pb2.AttributeType) -> Text:
    """Return a type as a policy writes it."""
    return same(_TYPES.get(kind, str(kind)))


def allowed(items: Sequence[bundle_pb2.AllowedValue], first: Iterable[bytes] = ()) -> Text:
    """Return allowed values with their labels, those of `first` (serialized) before all."""
    wanted = set(first)
    ordered = sorted(items, key=lambda item: item.SerializeToString(deterministic=True) not in wanted)
    said = []
    for item in ordered:
        text, label = value(item.value), item.label
        zh, en = label.zh or label.en, label.en or label.zh
        said.append(Text(zh=f"{text}（{zh}）" if zh else text, en=f"{text} ({en})" if en else text))
    return enumeration(said)


def record(mode: bundle_pb2.RecordMode) -> Text:
    """Return how much of an attribute records keep."""
    zh, en = _RECORDS.get(mode, ("", ""))
    return Text(zh=zh, en=en)


def expected(side: Side, items: Iterable[bundle_pb2.ExpectedVerdict]) -> Text:
    """Return the verdicts that a golden case expects."""
    said = []
    for item in items:
        name = field(side, item.field)
        does = mask(item.mask) if item.HasField("mask") else effect(item.effect)
        said.append(Text(zh=f"{name.zh}：{does.zh}", en=f"{name.en}: {does.en}"))
    return enumeration(said)


def message(found: object) -> Text:
    """Return any message as text for programmers, cut short."""
    return same(cut(json_format.MessageToJson(found, indent=None, sort_keys=True, ensure_ascii=False)))  # type: ignore[arg-type]


def requests(before: bytes, after: bytes) -> tuple[Text, Text]:
    """Return what two requests of golden cases do not have in common, as JSON."""
    old, new = (
        json_format.MessageToDict(decision_service_pb2.DecideRequest.FromString(data), preserving_proto_field_name=True)
        for data in (before, after)
    )
    return _json({k: v for k, v in old.items() if new.get(k) != v}), _json(
        {k: v for k, v in new.items() if old.get(k) != v}
    )


def grants(before: Iterable[bundle_pb2.Grant], after: Iterable[bundle_pb2.Grant]) -> tuple[Text, Text]:
    """Return the grants that only one of two golden cases has, as JSON."""
    old, new = ([json_format.MessageToDict(grant) for grant in found] for found in (before, after))
    return _json([grant for grant in old if grant not in new]), _json([grant for grant in new if grant not in old])


def _json(data: object) -> Text:
    return same(cut(json.dumps(data, ensure_ascii=False, sort_keys=True))) if data else NOTHING


def moment(nanos: int) -> Text:
    """Return a time; nothing for 0."""
    return same(format_timestamp(nanos)) if nanos else NOTHING
