"""What rules say about fields, and which of two rules is heard. Sets of fields are bits, in the dictionary's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang.analyse.prepared import Prepared
from pdp.lang.model import Effect
from pdp.lang.resolved import Field, Mask, Rule

# Greater is stricter; equal only for the same mask.
Strictness = Callable[[str, Mapping[str, Any]], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one field; greater ranks are stricter and equal ranks say the same."""

    rank: tuple[Any, ...]
    text: str


class Verdicts:
    """Compares the verdicts of rules."""

    def __init__(self, fields: Mapping[str, Field], strictness: Strictness) -> None:
        self._names = tuple(fields)
        self._fields = fields
        self._strictness = strictness
        self._unmask = Verdict((), "unmask")
        self._known: dict[int, Verdict] = {}
        # Most rules speak in one of a few ways, so two ways are compared once for all fields.
        self._ways: dict[tuple[Any, ...] | None, int] = {}
        self._speakers: list[Rule] = []
        self._way_of: dict[int, int] = {}
        self._compared: dict[tuple[int, int], tuple[int, int]] = {}

    def of(self, rule: Rule, field: str) -> Verdict:
        """Return what a rule says about a field."""
        return self._of(rule.effect, rule.mask, field)

    def default(self, field: str) -> Verdict:
        """Return what holds for a field when no rule speaks."""
        return self._of(self._fields[field].default, None, field)

    def beaten(self, winner: Prepared, loser: Prepared) -> int:
        """Return the fields that the first rule decides wherever both apply."""
        common = winner.fields & loser.fields
        if winner.rule.priority != loser.rule.priority:
            return common if winner.rule.priority > loser.rule.priority else 0
        stricter, equal = self._compare(winner, loser)
        return common & (stricter | equal if winner.order < loser.order else stricter)

    def differing(self, first: Prepared, second: Prepared) -> int:
        """Return the fields about which two rules say different things."""
        _, equal = self._compare(first, second)
        return first.fields & second.fields & ~equal

    def split(self, bits: int) -> list[str]:
        """Return the ids of fields given as bits."""
        found = []
        while bits:
            lowest = bits & -bits
            found.append(self._names[lowest.bit_length() - 1])
            bits ^= lowest
        return found

    def _compare(self, first: Prepared, second: Prepared) -> tuple[int, int]:
        """Return the fields, of all, where the first rule would be stricter, and where both would say the same."""
        ways = self._way(first), self._way(second)
        known = self._compared.get(ways)
        if known is None:
            left, right = (self._speakers[way] for way in ways)
            stricter = equal = 0
            for place, name in enumerate(self._names):
                own, other = self.of(left, name).rank, self.of(right, name).rank
                stricter |= (own > other) << place
                equal |= (own == other) << place
            known = self._compared[ways] = stricter, equal
        return known

    def _way(self, rule: Prepared) -> int:
        """Return a number that rules share which say the same about every field."""
        known = self._way_of.get(rule.order)
        if known is None:
            own = rule.rule.mask is None and rule.rule.effect is Effect.MASK
            key = None if own or not self._names else self.of(rule.rule, self._names[0]).rank
            known = self._ways.setdefault(key, len(self._ways))
            if known == len(self._speakers):
                self._speakers.append(rule.rule)
            self._way_of[rule.order] = known
        return known

    def _of(self, effect: Effect, mask: Mask | None, field: str) -> Verdict:
        if effect is Effect.UNMASK:
            return self._unmask
        chosen = mask or self._fields[field].mask
        known = self._known.get(id(chosen))
        if known is None:
            # The set outlives this object, so a mask's id stays its own.
            rank = self._strictness(chosen.algorithm, chosen.parameters)
            known = self._known[id(chosen)] = Verdict(rank, f"mask {chosen.name or chosen.algorithm}")
        return known
