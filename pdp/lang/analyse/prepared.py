"""Rules ready to be compared: their cases, and their fields as bits."""

from __future__ import annotations

from dataclasses import dataclass

from pdp.lang.analyse.axes import Axes
from pdp.lang.analyse.cubes import Cases, Cube, TooManyCasesError
from pdp.lang.expr import attributes_of
from pdp.lang.resolved import Policy, ResolvedSet, Rule


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
