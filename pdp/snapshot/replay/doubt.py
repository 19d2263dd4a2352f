"""The outcomes that a rule may have when not all that it asks for is known.

A clause comes to a set out of true, false and undecided (None): at least those that some request behind the record
would give. It may be too large, as for `a < 5 || a >= 5`, never too small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pdp.engine.exact import Evaluator
from pdp.lang.expr import And, Call, Conditional, Expr, Or, VariableRef, attributes_of
from pdp.snapshot.replay.known import Interval
from pdp.snapshot.replay.uses import comparison

Outcomes = frozenset[bool | None]
ANYTHING: Final[Outcomes] = frozenset({True, False, None})
_EITHER: Final[Outcomes] = frozenset({True, False})
SURE: Final[Outcomes] = frozenset({True})
REFUTED: Final[Outcomes] = frozenset({False})

Attributes = Callable[[Expr, Mapping[str, Expr]], frozenset[str]]


class AttributeNames:
    """What expressions need, worked out once for each. INVARIANT: their rules are kept as long as this is."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], frozenset[str]] = {}

    def __call__(self, expr: Expr, variables: Mapping[str, Expr]) -> frozenset[str]:
        """Return the attributes that an expression needs."""
        place = (id(expr), id(variables))
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = attributes_of(expr, variables)
        return found


class Doubt:
    """Evaluates conditions of one policy for one record. `attribute` gives MISSING for what is unknown."""

    def __init__(
        self,
        attribute: Callable[[str], Any],
        variables: Mapping[str, Expr],
        unknown: frozenset[str],
        intervals: Mapping[str, Interval],
        attributes: Attributes,
    ) -> None:
        self._unknown = unknown
        self._intervals = intervals
        self._attributes = attributes
        self._variables = variables
        self._evaluator = Evaluator(attribute, variables)

    def condition(self, expr: Expr) -> Outcomes:
        """Return the outcomes that a condition may have."""
        found = self._evaluator.clause(expr)
        if found is not None:
            # What it comes to without the unknown it comes to with it.
            return SURE if found else REFUTED
        return self._clause(expr)

    def _clause(self, expr: Expr) -> Outcomes:
        if self._unknown.isdisjoint(self._attributes(expr, self._variables)):
            return frozenset({self._evaluator.clause(expr)})
        match expr:
            case VariableRef(name=name):
                return self._clause(self._variables[name])
            case And(operands=operands):
                return all_of(map(self._clause, operands))
            case Or(operands=operands):
                return _opposite(all_of(_opposite(self._clause(operand)) for operand in operands))
            case Call(function="not", args=(operand,)):
                return _opposite(self._clause(operand))
            case Conditional(condition=condition, then=then, otherwise=otherwise):
                return self._conditional(self._clause(condition), then, otherwise)
        return self._comparison(expr)

    def _conditional(self, chosen: Outcomes, then: Expr, otherwise: Expr) -> Outcomes:
        found: set[bool | None] = set()
        if True in chosen:
            found |= self._clause(then)
        if False in chosen:
            found |= self._clause(otherwise)
        if None in chosen:
            found.add(None)
        return frozenset(found)

    def _comparison(self, expr: Expr) -> Outcomes:
        compared = comparison(expr)
        if compared is None:
            return ANYTHING
        attribute, function, constants = compared
        interval = self._intervals.get(attribute.name)
        if interval is None:
            return ANYTHING
        # The value was there and of its type: a comparison of it is never undecided.
        above, below = interval
        match function:
            case "less" | "less_equals":
                return _against(constants[0], above, below)
            case "greater" | "greater_equals":
                return _opposite(_against(constants[0], above, below))
        may_equal = any(_lies_in(constant, above, below) for constant in constants)
        if may_equal:
            return _EITHER
        return SURE if function == "not_equals" else REFUTED


def _against(constant: Any, above: Any, below: Any) -> Outcomes:
    """Return whether a value strictly between two edges is less than a constant, which it is not equal to then."""
    if below is not None and below <= constant:
        return SURE
    return REFUTED if above is not None and above >= constant else _EITHER


def _lies_in(constant: Any, above: Any, below: Any) -> bool:
    return (above is None or above < constant) and (below is None or constant < below)


def all_of(operands: Iterable[Outcomes]) -> Outcomes:
    """Return what `&&` may come to: false if any is, else undecided if any is, else true."""
    found: set[bool | None] = set()
    can_be_true = can_be_unrefuted = True
    can_be_undecided = False
    for operand in operands:
        if False in operand:
            found.add(False)
        can_be_true = can_be_true and True in operand
        can_be_unrefuted = can_be_unrefuted and operand != REFUTED
        can_be_undecided = can_be_undecided or None in operand
    if can_be_true:
        found.add(True)
    if can_be_unrefuted and can_be_undecided:
        found.add(None)
    return frozenset(found)


def _opposite(outcomes: Outcomes) -> Outcomes:
    return frozenset(None if outcome is None else not outcome for outcome in outcomes)
