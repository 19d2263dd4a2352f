"""The dictionary of fields, for people: their names, grades and masks, and which rules speak of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.samples import sample_of
from admin_gui.domain.say import Say, plain
from admin_gui.domain.verdicts import preview
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2

LEVELS: Final[Mapping[str, Say]] = {
    "C3": Say("C3 鉴别信息", "C3 authenticates a customer"),
    "C2": Say("C2 可识别身份或财产", "C2 tells who, or how wealthy"),
    "C1": Say("C1 内部信息", "C1 internal"),
}
_SHOWN: Final = Say("默认明文", "clear by default")
_MASKED: Final = Say("默认脱敏", "masked by default")
_NEVER: Final = Say("禁止展示", "never shown")
_UNMASKS: Final = Say("展示明文", "shows in clear")
_MASKS: Final = Say("按 {mask} 脱敏", "masks with {mask}")
_OWN_MASK: Final = Say("字段自己的方式", "the field's own mask")
_INLINE: Final = Say("规则内写明的方式", "a mask written in the rule")


@dataclass(frozen=True, slots=True)
class Use:
    """A rule that speaks of a field."""

    rule: str
    title: Say
    says: Say
    unmasks: bool
    location: str


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field. `preview` is what its mask makes of `sample`, which is made up."""

    id: str
    label: Say
    level: str
    category: str
    tags: tuple[str, ...]
    kind: str
    mask: str
    default: Say
    shown: bool
    sample: str
    preview: Say
    uses: tuple[Use, ...]
    messages: tuple[str, ...]


def lines(bundle: bundle_pb2.Bundle) -> list[FieldLine]:
    """Return the fields in the order of the bundle."""
    uses: dict[str, list[Use]] = {}
    for name, use in _uses(bundle):
        uses.setdefault(name, []).append(use)
    messages: dict[str, list[str]] = {}
    for message in bundle.message_maps:
        for part in message.parts:
            for field in part.fields:
                messages.setdefault(field.field, []).append(f"{message.application}/{message.name}")
    return [
        _line(field, tuple(uses.get(field.id, ())), tuple(dict.fromkeys(messages.get(field.id, ()))))
        for field in bundle.fields
    ]


def masks(bundle: bundle_pb2.Bundle) -> list[str]:
    """Return the names of the masks that a field can have."""
    return [mask.name for mask in bundle.masks]


def _line(field: bundle_pb2.FieldDefinition, uses: tuple[Use, ...], messages: tuple[str, ...]) -> FieldLine:
    label, sample = Say(field.label.zh, field.label.en), sample_of(field.semantic_type)
    masked = field.default_effect != types_pb2.EFFECT_UNMASK
    default = _NEVER if field.never_unmask else _MASKED if masked else _SHOWN
    return FieldLine(
        field.id, label if any(label) else plain(field.id), field.level, field.category, tuple(field.tags),
        field.semantic_type, field.default_mask.name, default, not masked, str(sample),
        preview(field.default_mask, sample), uses, messages,
    )  # fmt: skip


def _uses(bundle: bundle_pb2.Bundle) -> Iterator[tuple[str, Use]]:
    for policy in bundle.policies:
        for rule in policy.rules:
            unmasks = rule.effect == types_pb2.EFFECT_UNMASK
            mask = plain(rule.mask.name) if rule.mask.name else _INLINE if rule.HasField("mask") else _OWN_MASK
            name = f"{policy.id}/{rule.id}"
            title = Say(rule.title.zh, rule.title.en)
            use = Use(
                name, title if any(title) else plain(name), _UNMASKS if unmasks else _MASKS.filled(mask=mask), unmasks,
                rule.location,
            )  # fmt: skip
            for field in rule.fields:
                yield field, use
