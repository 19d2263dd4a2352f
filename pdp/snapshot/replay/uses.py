"""What the conditions of a policy set do with each attribute: so it is known what a bucket can stand in for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pdp.engine.rules import CompiledRule
from pdp.lang.expr import DOUBLE, INT, AttributeRef, Call, Expr, Literal, VariableRef, children, walk

COMPARISONS: Final = frozenset({"less", "less_equals", "greater", "greater_equals", "equals", "not_equals"})
EXACT: Final = 2**53
"""Up to here whole numbers and fractions compare alike, whichever is turned into the other."""
_CLOCK: Final = frozenset({"day_of_week", "hours", "minutes", "seconds"})


@dataclass(slots=True)
class Use:
    """How an attribute is used: `compared` with these constants only, sorted, or (`otherwise`) in another way too."""

    constants: list[Any] = field(default_factory=list)
    otherwise: bool = False

    def fits(self, above: Any, below: Any) -> bool:
        """Whether all values strictly between two edges (None: no edge) are alike to every condition."""
        if self.otherwise:
            return False
        first = 0 if above is None else bisect_right(self.constants, above)
        last = len(self.constants) if below is None else bisect_left(self.constants, below)
        return first >= last


def comparison(expr: Expr) -> tuple[AttributeRef, str, tuple[Any, ...]] | None:
    """Return (attribute, function, constants) of a comparison of an attribute with constants; None for all else.

    Written the other way around, it is turned. A membership's function is `in_list`.
    """
    match expr:
        case Call(function="in_list", args=(AttributeRef() as attribute, Literal(value=tuple() as values))):
            found: tuple[AttributeRef, str, tuple[Any, ...]] = (attribute, "in_list", values)
        case Call(function=function, args=(AttributeRef() as attribute, Literal(value=value))) if (
            function in COMPARISONS
        ):
            found = (attribute, function, (value,))
        case Call(function=function, args=(Literal(value=value), AttributeRef() as attribute)) if (
            function in COMPARISONS
        ):
            found = (attribute, _TURNED.get(function, function), (value,))
        case _:
            return None
    return found if all(_is_plain(attribute, value) for value in found[2]) else None


_TURNED: Final = {
    "less": "greater", "less_equals": "greater_equals", "greater": "less", "greater_equals": "less_equals",
}  # fmt: skip


def _is_plain(attribute: AttributeRef, value: Any) -> bool:
    """Whether Python orders a constant and the attribute's values as the engine does."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - not a number
        return False
    if isinstance(value, float):
        return attribute.type == DOUBLE or (attribute.type == INT and abs(value) < EXACT)
    return attribute.type != DOUBLE or abs(value) < EXACT


class ReadsVariables:
    """Tells which expressions read variables of their policy. INVARIANT: they are kept as long as this is."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def __call__(self, expr: Expr) -> bool:
        """Return whether an expression reads some; those of equal texts are one, and are looked through once."""
        known = self._known.get(id(expr))
        if known is None:
            known = self._known[id(expr)] = any(isinstance(part, VariableRef) for part in walk(expr))
        return known


def uses_of(rules: Iterable[CompiledRule]) -> dict[str, Use]:
    """Return how the conditions of rules use each attribute that they use at all."""
    found: dict[str, Use] = {}
    seen: set[tuple[int, int]] = set()
    alone: set[int] = set()
    reads_variables = ReadsVariables()
    for rule in rules:
        for condition in rule.conditions:
            if id(condition.expr) not in alone:
                _collect(condition.expr, rule.variables, found, seen)
                if not reads_variables(condition.expr):
                    alone.add(id(condition.expr))
    for use in found.values():
        use.constants = sorted(set(use.constants))
    return found


def _collect(expr: Expr, variables: Mapping[str, Expr], found: dict[str, Use], seen: set[tuple[int, int]]) -> None:
    place = (id(variables), id(expr))
    if place in seen:
        return
    seen.add(place)
    compared = comparison(expr)
    if compared is not None:
        found.setdefault(compared[0].name, Use()).constants.extend(compared[2])
    elif isinstance(expr, AttributeRef):
        found.setdefault(expr.name, Use()).otherwise = True
    elif isinstance(expr, VariableRef):
        _collect(variables[expr.name], variables, found, seen)
    else:
        for child in children(expr):
            _collect(child, variables, found, seen)


def reads_clocks_only(expr: Expr, variables: Mapping[str, Expr]) -> bool:
    """Whether an expression sees nothing of the time but what clocks and calendars of the week show."""
    match expr:
        case Call(function=function, args=(AttributeRef(name="now"), Literal())) if function in _CLOCK:
            return True
        case AttributeRef(name="now"):
            return False
        case VariableRef(name=name):
            return reads_clocks_only(variables[name], variables)
    return all(reads_clocks_only(child, variables) for child in children(expr))
