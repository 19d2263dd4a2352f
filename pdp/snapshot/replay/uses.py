"""What the conditions of a policy set do with each attribute: so it is known what a bucket can stand in for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pdp.engine.codegen import clock_readings
from pdp.engine.rules import CompiledRule
from pdp.lang.expr import DOUBLE, INT, AttributeRef, Call, Expr, Literal, VariableRef, children

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


def uses_of(rules: Iterable[CompiledRule]) -> dict[str, Use]:
    """Return how the conditions of rules use each attribute that they use at all."""
    found: dict[str, Use] = {}
    seen: set[tuple[int, int]] = set()
    for rule in rules:
        for condition in rule.conditions:
            _collect(condition.expr, rule.variables, found, seen)
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


def readings_of(rules: Iterable[CompiledRule]) -> tuple[tuple[str, str], ...] | None:
    """Return the clock readings (function, time zone) that stand for all that conditions do with the time.

    None when they do more with it.
    """
    found: set[tuple[str, str]] = set()
    for rule in rules:
        for condition in rule.conditions:
            if "now" in condition.attributes:
                if not _reads_only(condition.expr, rule.variables):
                    return None
                found.update(clock_readings(condition.expr, rule.variables))
    return tuple(sorted(found))


def _reads_only(expr: Expr, variables: Mapping[str, Expr]) -> bool:
    match expr:
        case Call(function=function, args=(AttributeRef(name="now"), Literal())) if function in _CLOCK:
            return True
        case AttributeRef(name="now"):
            return False
        case VariableRef(name=name):
            return _reads_only(variables[name], variables)
    return all(_reads_only(child, variables) for child in children(expr))
