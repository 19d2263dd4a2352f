"""From the rules that apply to the verdict of each field: the meaning of the policy language, in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pdp.engine.counts import Tally
from pdp.engine.rules import CompiledRule
from pdp.engine.wire_masks import mask_message, mask_parameters
from pdp.lang.model import Label
from pdp.masks import catalogue
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

_UNMASK, _MASK = types_pb2.EFFECT_UNMASK, types_pb2.EFFECT_MASK
# Weaker than every mask: the strictness of showing a field.
_SHOWN: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that applies: under which grant, and whether it masks because it is undecided.

    `covers` says which fields an unmasking rule may speak about; None for all.
    """

    rule: CompiledRule
    grant_id: str = ""
    undecided: bool = False
    covers: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a rule says about a field; `rank` orders verdicts of one priority, `key` tells them apart.

    `wire` is the serialized mask, which tells masks apart too.
    """

    mask: types_pb2.Mask | None
    wire: bytes
    rank: tuple[Any, ...]
    key: str


class Outcomes:
    """Resolves hits against one bundle's dictionary."""

    def __init__(self, bundle: bundle_pb2.Bundle, rules: Sequence[CompiledRule]) -> None:
        self._fields = {field.id: field for field in bundle.fields}
        self._verdicts: dict[bytes, _Verdict] = {}
        self._full = self._masked(mask_message("", "full", catalogue.complete("full", {})))
        self._masks = {field.id: self._masked(field.default_mask) for field in bundle.fields}
        self._rule_masks = [
            self._masked(rule.message.mask) if rule.message.HasField("mask") else None for rule in rules
        ]

    def known(self, field: str) -> bool:
        """Whether the dictionary has the field."""
        return field in self._fields

    def label(self, field: str) -> Label:
        """Return the field's label; its id where there is none."""
        known = self._fields.get(field)
        return Label(known.label.zh or field, known.label.en or field) if known else Label(field, field)

    def level(self, field: str) -> str:
        """Return the field's level."""
        return self._fields[field].level

    def respond(
        self, fields: Sequence[str], hits: Sequence[Hit], response: decision_service_pb2.DecideResponse
    ) -> list[Hit | None]:
        """Fill in verdicts, masks, reasons and obligations; return the hit that decided each field.

        `hits` stand in canonical order, those of one rule by grant in request order.
        """
        table = _Table(response)
        winners: list[Hit | None] = []
        obligations: dict[int, list[tuple[str, CompiledRule]]] = {}
        for field in fields:
            definition = self._fields.get(field)
            if definition is None:
                table.add(field, self._full, None, types_pb2.REASON_KIND_UNKNOWN_FIELD)
                winners.append(None)
                continue
            hit, verdict, agreeing = self._winner(definition, hits)
            winners.append(hit)
            if hit is None:
                shown = definition.default_effect != _MASK
                default = _UNMASKED if shown else self._masks[field]
                table.add(field, default, None, types_pb2.REASON_KIND_DEFAULT)
                continue
            table.add(field, verdict, hit, types_pb2.REASON_KIND_RULE)
            for rule in agreeing:
                if rule.message.obligations:
                    obligations.setdefault(rule.index, []).append((field, rule))
        for index in sorted(obligations):
            carried = obligations[index]
            rule = carried[0][1]
            for obligation in rule.message.obligations:
                response.obligations.add(
                    type=obligation.type,
                    parameters=obligation.parameters,
                    fields=dict.fromkeys(field for field, _ in carried),
                    rule=rule.name,
                )
        return winners

    def ranked(
        self, field: str, rules: Iterable[CompiledRule]
    ) -> tuple[list[tuple[CompiledRule, types_pb2.Mask | None]], types_pb2.Mask | None]:
        """Return the rules that may decide a field and the mask of each (None: shown), and the mask without any rule.

        Of those that apply the first decides, and what a grant covers left aside no other rule does. `rules` stand in
        canonical order.
        """
        definition = self._fields.get(field)
        if definition is None:
            return [], self._full.mask
        spoken = [
            (rule, self._verdict(rule, definition))
            for rule in rules
            if field in rule.fields and not (rule.unmasks and definition.never_unmask)
        ]
        # Sorting keeps equals in canonical order, of which `respond` takes the first too.
        spoken.sort(key=lambda pair: (pair[0].priority, pair[1].rank), reverse=True)
        default = None if definition.default_effect != _MASK else self._masks[field].mask
        return [(rule, verdict.mask) for rule, verdict in spoken], default

    def tally(self, response: decision_service_pb2.DecideResponse) -> Tally:
        """Return how many verdicts of each effect and level a response has."""
        found: Tally = Counter()
        for verdict in response.verdicts:
            level = self._fields[verdict.field].level if verdict.field in self._fields else "unknown"
            found["mask" if verdict.effect == _MASK else "unmask", level] += 1
        return found

    def _winner(
        self, field: bundle_pb2.FieldDefinition, hits: Iterable[Hit]
    ) -> tuple[Hit | None, _Verdict, list[CompiledRule]]:
        """Return the deciding hit, its verdict and the rules that speak for that verdict."""
        spoken: dict[int, tuple[Hit, _Verdict]] = {}
        for hit in hits:
            rule = hit.rule
            if field.id not in rule.fields or rule.index in spoken:
                continue
            if rule.unmasks and (field.never_unmask or (hit.covers is not None and not hit.covers(field.id))):
                continue
            spoken[rule.index] = (hit, self._verdict(rule, field))
        if not spoken:
            return None, _UNMASKED, []
        # `max` keeps the first of equals, and insertion order is canonical order.
        winner, verdict = max(spoken.values(), key=lambda pair: (pair[0].rule.priority, pair[1].rank))
        return winner, verdict, [hit.rule for hit, said in spoken.values() if said.key == verdict.key]

    def _verdict(self, rule: CompiledRule, field: bundle_pb2.FieldDefinition) -> _Verdict:
        return _UNMASKED if rule.unmasks else self._rule_masks[rule.index] or self._masks[field.id]

    def _masked(self, mask: types_pb2.Mask) -> _Verdict:
        """Return the verdict of a mask; equal masks share one."""
        wire = mask.SerializeToString(deterministic=True)
        known = self._verdicts.get(wire)
        if known is None:
            rank = catalogue.strictness(mask.algorithm, mask_parameters(mask))
            known = self._verdicts[wire] = _Verdict(mask, wire, (1, *rank), repr(rank))
        return known


_UNMASKED = _Verdict(None, b"", _SHOWN, "unmask")


class _Table:
    """Writes verdicts with each different mask and reason once."""

    def __init__(self, response: decision_service_pb2.DecideResponse) -> None:
        self._response = response
        self._masks: dict[bytes, int] = {}
        self._reasons: dict[tuple[int, str, bool] | types_pb2.ReasonKind, int] = {}

    def add(self, field: str, verdict: _Verdict, hit: Hit | None, kind: types_pb2.ReasonKind) -> None:
        """Add a field's verdict; `hit` is what decided it, if a rule did."""
        position = 0
        if verdict.mask is not None:
            position = self._masks.setdefault(verdict.wire, len(self._masks))
            if position == len(self._response.masks):
                self._response.masks.append(verdict.mask)
        reason = kind if hit is None else (hit.rule.index, hit.grant_id, hit.undecided)
        place = self._reasons.setdefault(reason, len(self._reasons))
        if place == len(self._response.reasons):
            if hit is None:
                self._response.reasons.add(kind=kind)
            else:
                title, grant_id = hit.rule.message.title, hit.grant_id
                self._response.reasons.add(
                    kind=kind, rule=hit.rule.name, title=title, grant_id=grant_id, undecided=hit.undecided
                )
        effect = _UNMASK if verdict.mask is None else _MASK
        self._response.verdicts.add(field=field, effect=effect, mask=position, reason=place)


def coverage(grant: bundle_pb2.Grant, level: Callable[[str], str]) -> Callable[[str], bool] | None:
    """Return what a grant covers; None when it covers every field."""
    if not grant.fields and not grant.levels:
        return None
    fields, levels = frozenset(grant.fields), frozenset(grant.levels)
    return lambda field: field in fields or level(field) in levels
