"""From a rule to the cases in which it applies, each a cube: a region on every axis that the case constrains.

The logic is Kleene's. An unmasking rule applies where its condition is true, a masking rule where it is not false, so
each expression is asked in one of four ways: is it true, false, not false, not true. The cases are exact as far as the
axes are: whatever an axis cannot express is a test of its own, taken to be independent, so that a rule without cases
never applies, while a case may still turn out to be impossible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pdp.lang.analyse.axes import ACTIVE, GRANT_KINDS, KIND, Axes, Kind
from pdp.lang.analyse.regions import Region, intersect, meets, minus, only, union, within
from pdp.lang.analyse.rewrite import expand, plain_comparison, unroll
from pdp.lang.expr import (
    BOOL,
    And,
    AttributeRef,
    Call,
    Comprehension,
    Conditional,
    Expr,
    ListExpr,
    Literal,
    Or,
)
from pdp.lang.model import Effect, ScopeClause
from pdp.lang.resolved import Policy, Rule
from pdp.values import INT_MAX, INT_MIN

MAX_CASES: Final = 64
_NO_GRANT: Mapping[str, object] = {
    "grant.kind": "", "grant.approver": "", "grant.approver_level": 0, "grant.scenario": "",
}  # fmt: skip

Cube = dict[int, Region]


@dataclass(frozen=True, slots=True)
class Asked:
    """How an expression is asked: for true or for false, surely or at least possibly (that is, not the opposite)."""

    value: bool
    sure: bool

    @property
    def negated(self) -> Asked:
        """How the operand of a `!` is asked."""
        return Asked(not self.value, self.sure)


SURELY_TRUE, SURELY_FALSE = Asked(True, True), Asked(False, True)
MAYBE_TRUE, MAYBE_FALSE = Asked(True, False), Asked(False, False)


class TooManyCasesError(Exception):
    """A condition with more than MAX_CASES cases."""


def meet(left: Cube, right: Cube, clashes: set[int] | None = None) -> Cube | None:
    """Return the common part of two cubes, None when there is none; `clashes` gets the axis that says so."""
    if len(left) < len(right):
        left, right = right, left
    result = dict(left)
    for axis, region in right.items():
        known = result.get(axis)
        if known is not None:
            region = intersect(known, region)  # noqa: PLW2901
            if not region:
                if clashes is not None:
                    clashes.add(axis)
                return None
        result[axis] = region
    return result


def disjoint(left: Cube, right: Cube) -> bool:
    """Whether two cubes have no common part."""
    if len(left) > len(right):
        left, right = right, left
    for axis, region in left.items():
        other = right.get(axis)
        if other is not None and not meets(region, other):
            return True
    return False


def subtract(cube: Cube, taken: Cube, axes: Axes) -> list[Cube]:
    """Return the parts of a cube outside another one, disjoint, the most constrained last."""
    parts = []
    rest = cube
    for axis, region in taken.items():
        universe = axes.all[axis].universe
        own = rest.get(axis, universe)
        outside = minus(own, region)
        if outside:
            parts.append({**rest, axis: outside})
            rest = {**rest, axis: intersect(own, region)}
    return parts


def covers(outer: Cube, inner: Cube, axes: Axes) -> bool:
    """Whether the first cube holds all of the second."""
    return all(within(inner.get(axis, axes.all[axis].universe), region) for axis, region in outer.items())


class Cases:
    """Works out the cases of a policy's rules."""

    def __init__(self, axes: Axes, policy: Policy) -> None:
        self._axes = axes
        self._variables: dict[str, Expr] = {}
        for variable in policy.variables:
            self._variables[variable.name] = expand(variable.clause.expr, self._variables)
        self._clashes: set[int] = set()
        self._scope = self._product([self._scope_clause(clause) for clause in policy.scope])
        self._scope_clashes = frozenset(self._clashes)

    def of(self, rule: Rule, grants: bool) -> tuple[tuple[Cube, ...], frozenset[int]]:
        """Return a rule's cases and, when there are none, the axes that say so. Raises TooManyCasesError.

        `grants` says that the rule mentions `grant.*`.
        """
        self._clashes = set(self._scope_clashes)
        asked = SURELY_TRUE if rule.effect is Effect.UNMASK else MAYBE_TRUE
        conditions = [expand(clause.expr, self._variables) for clause in rule.clauses]
        parts = [self._scope, *(self._ask(condition, asked) for condition in conditions)]
        cubes = self._product(sorted(parts, key=len))
        if cubes and grants:
            cubes = self._product([cubes, grant_worlds(self._axes)])
        return tuple(cubes), frozenset(self._clashes)

    def _scope_clause(self, clause: ScopeClause) -> list[Cube]:
        answer = self._axes.one_of(clause.attribute, clause.values)
        return [{}] if answer is None else self._single(answer.axis, answer.true)

    def _ask(self, expr: Expr, asked: Asked) -> list[Cube]:
        match expr:
            case Literal(value=bool() as value):
                return [{}] if value is asked.value else []
            case Call(function="not", args=(operand,)):
                return self._ask(operand, asked.negated)
            case And(operands=operands) | Or(operands=operands):
                parts = [self._ask(operand, asked) for operand in operands]
                return self._product(parts) if isinstance(expr, And) is asked.value else self._union(parts)
            case Conditional(condition=condition, then=then, otherwise=otherwise):
                chosen = self._ask(then, asked), self._ask(otherwise, asked)
                parts = [
                    self._product([self._ask(condition, SURELY_TRUE), chosen[0]]),
                    self._product([self._ask(condition, SURELY_FALSE), chosen[1]]),
                ]
                if not asked.sure:
                    parts.append(self._product([self._ask(condition, MAYBE_TRUE), self._ask(condition, MAYBE_FALSE)]))
                return self._union(parts)
            case (
                Call(function="equals", args=(operand, Literal(value=bool() as value)))
                | Call(function="equals", args=(Literal(value=bool() as value), operand))
            ) if operand.type == BOOL:
                return self._ask(operand, asked if value else asked.negated)
            case Call(function="in_list", args=(item, ListExpr(items=items))) if all(
                isinstance(i, AttributeRef | Literal) for i in items
            ):
                parts = [self._ask(Call(BOOL, i.offset, "equals", (item, i)), asked) for i in items]
                return self._union(parts) if asked.value else self._product(parts)
            case Call() if (compared := plain_comparison(expr)) is not None:
                plain, negated = compared
                return self._ask(plain, asked.negated if negated else asked)
            case Comprehension():
                unrolled = unroll(expr)
                if unrolled is not None:
                    return self._ask(unrolled, asked)
        answer = self._axes.read(expr)
        if asked.sure or answer.decided == self._axes.all[answer.axis].universe:
            found = self._single(answer.axis, answer.true if asked.value else answer.false)
            implied = self._axes.implied(expr) if asked.value else None
            return self._product([found, self._single(implied.axis, implied.true)]) if implied else found
        against = answer.false if asked.value else answer.true
        return self._single(answer.axis, minus(self._axes.all[answer.axis].universe, against))

    def _single(self, axis: int, region: Region) -> list[Cube]:
        if not region:
            self._clashes.add(axis)
            return []
        return [{}] if region == self._axes.all[axis].universe else [{axis: region}]

    def _product(self, parts: Sequence[list[Cube]]) -> list[Cube]:
        result: list[Cube] = [{}]
        for part in parts:
            if len(result) == 1 and not result[0]:
                result = part
                continue
            grown = []
            for left in result:
                for right in part:
                    both = meet(left, right, self._clashes)
                    if both is not None:
                        grown.append(both)
                if len(grown) > MAX_CASES:
                    raise TooManyCasesError
            result = grown
        return result

    def _union(self, parts: Iterable[list[Cube]]) -> list[Cube]:
        single: dict[int, list[Region]] = {}
        result: list[Cube] = []
        for cube in (cube for part in parts for cube in part):
            if len(cube) == 1:
                [(axis, region)] = cube.items()
                single.setdefault(axis, []).append(region)
            elif cube not in result:
                result.append(cube)
        for axis, regions in single.items():
            merged = union(regions)
            result.append({} if merged == self._axes.all[axis].universe else {axis: merged})
        if {} in result:
            return [{}]
        if len(result) > MAX_CASES:
            raise TooManyCasesError
        return result


def grant_worlds(axes: Axes) -> list[Cube]:
    """Return what `grant.*` can be like: all empty without a grant, or a grant of a known kind.

    Grants know their times as 64-bit nanoseconds, so none counts before 1677 or after 2262.
    """
    active = axes.one_of(ACTIVE, (True,))
    kind = axes.one_of(KIND, GRANT_KINDS)
    now = axes.attribute("now")
    if active is None or kind is None or now is None:
        raise AssertionError("now, grant.active and grant.kind are scalars")
    without: Cube = {active.axis: active.false}
    for name, value in _NO_GRANT.items():
        answer = axes.one_of(name, (value,))
        if answer is not None:
            without[answer.axis] = answer.true
    return [without, {active.axis: active.true, kind.axis: kind.true, now: ((INT_MIN, INT_MAX),)}]


def grant_cube(axes: Axes, active: bool) -> Cube:
    """Return the cube of the requests with a counting grant, or without."""
    answer = axes.one_of(ACTIVE, (active,))
    if answer is None:
        raise AssertionError("grant.active is a scalar")
    return {answer.axis: only(axes.all[answer.axis].domain, (active,))}


def is_exact(cube: Cube, axes: Axes) -> bool:
    """Whether every request in a cube exists: no tests and no local times, which may contradict each other."""
    return all(axes.all[axis].kind not in (Kind.TEST, Kind.ACCESSOR) for axis in cube)
