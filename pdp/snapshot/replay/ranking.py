"""What decides a field: the rules that may, those first that win over the others, and what it comes to by each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pdp.engine.outcome import Outcomes
from pdp.engine.rules import CompiledRule
from pdp.snapshot.replay.origin import Mask, mask_of
from pdp.v1 import types_pb2

_MOST_KEPT: Final = 10_000


class After(NamedTuple):
    """What a field comes to: `mask` is None when it is shown, `rule` empty for a default."""

    mask: Mask | None
    rule: str


class Ranking(NamedTuple):
    """What decides a field.

    `places` are those of the rules by index: of several that apply the one with the lowest place decides. `afters` is
    what the field comes to by place, and at last what it comes to where no rule applies.
    """

    places: Mapping[int, int]
    afters: Sequence[After]


class Rankings:
    """Knows what decides each field by the rules of one bundle, given in canonical order."""

    def __init__(self, outcomes: Outcomes, rules: Sequence[CompiledRule]) -> None:
        self._outcomes = outcomes
        self._rules = rules
        self._known: dict[str, Ranking] = {}

    def of(self, field: str) -> Ranking:
        """Return what decides a field."""
        found = self._known.get(field)
        if found is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()  # a request may ask for fields that nobody ever heard of
            found = self._known[field] = self._ranked(field)
        return found

    def _ranked(self, field: str) -> Ranking:
        ranked, default = self._outcomes.ranked(field, self._rules)
        afters = [_after(mask, rule.name) for rule, mask in ranked]
        return Ranking(
            {rule.index: place for place, (rule, _) in enumerate(ranked)},
            (*afters, _after(default, "")),
        )


def _after(mask: types_pb2.Mask | None, rule: str) -> After:
    return After(None if mask is None else mask_of(mask), rule)
