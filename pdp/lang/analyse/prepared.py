"""Rules ready to be compared: their cases, their fields as bits, and which of two verdicts wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang.analyse.axes import Axes
from pdp.lang.analyse.cubes import Cases, Cube, TooManyCasesError
from pdp.lang.expr import attributes_of
from pdp.lang.model import Effect
from pdp.lang.resolved import Field, Mask, Policy, ResolvedSet, Rule

# Greater is stricter; equal only for the same mask.
Strictness = Callable[[str, Mapping[str, Any]], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule with its cases. `order` is its place in the canonical order, `names` are the attributes it mentions."""

    order: int
    policy: Policy
    rule: Rule
    cubes: tuple[Cube, ...]
    names: frozenset[str]
    grants: bool
    fields: int


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A rule without cases; `clashes` are the axes that rule every case out."""

    policy: Policy
    rule: Rule
    clashes: frozenset[int]


@dataclass(frozen=True, slots=True)
class TooComplex:
    """A rule with more cases than are looked at."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one field; greater ranks are stricter and equal ranks say the same."""

    rank: tuple[Any, ...]
    text: str


class Verdicts:
    """Says what rules say, and who is heard."""

    def __init__(self, fields: Mapping[str, Field], strictness: Strictness) -> None:
        self.names = tuple(fields)
        self._fields = fields
        self._strictness = strictness
        self._unmask = Verdict((), "unmask")
        self._known: dict[int, tuple[Mask, Verdict]] = {}

    def of(self, rule: Rule, field: str) -> Verdict:
        """Return what a rule says about a field."""
        return self._of(rule.effect, rule.mask, field)

    def default(self, field: str) -> Verdict:
        """Return what holds for a field when no rule speaks."""
        return self._of(self._fields[field].default, None, field)

    def _of(self, effect: Effect, mask: Mask | None, field: str) -> Verdict:
        if effect is Effect.UNMASK:
            return self._unmask
        chosen = mask or self._fields[field].mask
        known = self._known.get(id(chosen))
        if known is None:
            text = f"mask {chosen.name or chosen.algorithm}"
            # The mask is kept beside its verdict so that its id stays its own.
            known = (chosen, Verdict(self._strictness(chosen.algorithm, chosen.parameters), text))
            self._known[id(chosen)] = known
        return known[1]

    def beats(self, winner: Prepared, loser: Prepared, field: str) -> bool:
        """Whether the first rule decides the field wherever both apply."""
        left, right = winner.rule, loser.rule
        if left.priority != right.priority:
            return left.priority > right.priority
        first, second = self.of(left, field).rank, self.of(right, field).rank
        return first > second if first != second else winner.order < loser.order

    def split(self, bits: int) -> list[str]:
        """Return the ids of fields given as bits."""
        found = []
        while bits:
            lowest = bits & -bits
            found.append(self.names[lowest.bit_length() - 1])
            bits ^= lowest
        return found


def prepare(resolved: ResolvedSet, axes: Axes) -> tuple[list[Prepared], list[Unreachable], list[TooComplex]]:
    """Work out the cases of every rule, in canonical order."""
    bits = {name: 1 << index for index, name in enumerate(resolved.fields)}
    ready: list[Prepared] = []
    unreachable: list[Unreachable] = []
    complex_: list[TooComplex] = []
    order = 0
    for policy in resolved.policies:
        cases = Cases(axes, policy)
        variables = policy.variable_exprs
        scope = frozenset(clause.attribute for clause in policy.scope)
        for rule in policy.rules:
            names = scope.union(*(attributes_of(clause.expr, variables) for clause in rule.clauses))
            grants = any(name.startswith("grant.") for name in names)
            try:
                cubes, clashes = cases.of(rule, grants)
            except TooManyCasesError:
                complex_.append(TooComplex(rule))
                continue
            if not cubes:
                unreachable.append(Unreachable(policy, rule, clashes))
                continue
            fields = sum(bits[name] for name in set(rule.fields))
            ready.append(Prepared(order, policy, rule, cubes, names, grants, fields))
            order += 1
    return ready, unreachable, complex_
