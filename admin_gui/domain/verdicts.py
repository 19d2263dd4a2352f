"""What a simulated decision says, for people: one line a field, with a preview on a made-up value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from admin_gui.domain.form import value_of
from admin_gui.domain.samples import sample_of
from admin_gui.domain.say import Say, plain
from jingxi_client import masks
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

_LEFT_OUT = Say("（不返回）", "(left out)")
_EMPTY = Say("（空值）", "(null)")
_DEFAULT = Say("字典默认", "default of the dictionary")
_UNKNOWN = Say("字典中没有此字段", "not in the dictionary")
_UNDECIDED = Say("（条件无法判定，从严）", " (could not be decided: strict)")
# Previews of keyed masks need some key; what they show means nothing.
_KEY = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Line:
    """A field's verdict. `rule` is `policy/rule`, empty for a default; `beside` tells whether the other text agrees."""

    field: str
    label: Say
    level: str
    unmasked: bool
    sample: str
    preview: Say
    reason: Say
    rule: str
    sentence: Say
    beside: Line | None = None

    @property
    def differs(self) -> bool:
        """Whether the other text says something else."""
        return self.beside is not None and (self.unmasked, self.preview) != (self.beside.unmasked, self.beside.preview)


def lines(bundle: bundle_pb2.Bundle, answer: Any) -> list[Line]:
    """Return the lines of a SimulateResponse, in the order of the question."""
    fields = {field.id: field for field in bundle.fields}
    beside = dict(_lines(fields, answer.beside)) if answer.HasField("beside") else {}
    return [
        line if name not in beside else Line(**{**_parts(line), "beside": beside[name]})
        for name, line in _lines(fields, answer.explained)
    ]


def _parts(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in Line.__dataclass_fields__}


def _lines(
    fields: Mapping[str, bundle_pb2.FieldDefinition], explained: decision_service_pb2.ExplainResponse
) -> Iterator[tuple[str, Line]]:
    decision = explained.decision
    for verdict in decision.verdicts:
        field = fields.get(verdict.field, bundle_pb2.FieldDefinition())
        reason = decision.reasons[verdict.reason]
        unmasked = verdict.effect == types_pb2.EFFECT_UNMASK
        sample = sample_of(field.semantic_type)
        said = explained.sentences[verdict.field] if verdict.field in explained.sentences else types_pb2.LocalizedText()
        label = Say(field.label.zh, field.label.en)
        yield (
            verdict.field,
            Line(
                verdict.field,
                label if any(label) else plain(verdict.field),
                field.level,
                unmasked,
                str(sample),
                plain(str(sample)) if unmasked else preview(decision.masks[verdict.mask], sample),
                _reason(reason),
                reason.rule,
                Say(said.zh, said.en),
            ),
        )


def preview(mask: types_pb2.Mask, sample: Any) -> Say:
    """Return what a mask makes of a made-up value."""
    parameters = {name: value_of(value) for name, value in mask.parameters.items()}
    shown = masks.apply(mask.algorithm, parameters, sample, keys=lambda _: _KEY)
    if shown is masks.DROP:
        return _LEFT_OUT
    return _EMPTY if shown is None else plain(str(shown))


def _reason(reason: types_pb2.Reason) -> Say:
    if reason.kind == types_pb2.REASON_KIND_RULE:
        title = Say(reason.title.zh or reason.rule, reason.title.en or reason.rule)
        return Say(title.zh + _UNDECIDED.zh, title.en + _UNDECIDED.en) if reason.undecided else title
    return _UNKNOWN if reason.kind == types_pb2.REASON_KIND_UNKNOWN_FIELD else _DEFAULT
