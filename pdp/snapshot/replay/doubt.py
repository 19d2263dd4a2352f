"""The outcomes that a rule may have when not all that it asks for is known.

A clause comes to a set out of true, false and undecided (None): at least those that some request behind the record
would give. It may be too large, as for `a < 5 || a >= 5`, never too small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pdp.engine.exact import Evaluator
from pdp.engine.rules import CompiledRule
from pdp.lang.expr import And, Call, Comprehension, Conditional, Expr, Or, VariableRef, attributes_of, children
from pdp.snapshot.replay.evidence import Evidence, Print
from pdp.snapshot.replay.known import Interval
from pdp.snapshot.replay.uses import comparison

Outcomes = frozenset[bool | None]
ANYTHING: Final[Outcomes] = frozenset({True, False, None})
_EITHER: Final[Outcomes] = frozenset({True, False})
_TRUE: Final[Outcomes] = frozenset({True})
REFUTED: Final[Outcomes] = frozenset({False})
_FALSE: Final = REFUTED

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
    """Evaluates the clauses of one rule for one record. `attribute` is asked only for what is not unknown."""

    def __init__(
        self,
        attribute: Callable[[str], Any],
        rule: CompiledRule,
        unknown: frozenset[str],
        intervals: Mapping[str, Interval],
        attributes: Attributes,
    ) -> None:
        self._rule = rule
        self._unknown = unknown
        self._intervals = intervals
        self._attributes = attributes
        self._variables = rule.variables
        self._evaluator = Evaluator(attribute, rule.variables)

    def outcomes(self, places: Iterable[int] | None, prints: Sequence[Print], evidence: Evidence) -> Outcomes:
        """Return the outcomes that the rule may have.

        The conditions that are not at these `places` (None: all are) are known to hold, and those of which the evidence
        says so by their `prints`.
        """
        clauses = []
        conditions = self._rule.conditions
        for place in range(len(conditions)) if places is None else places:
            found = self._clause(conditions[place].expr)
            if len(found) > 1 and evidence.holds(prints[place]):
                found = _TRUE
            elif found == _FALSE:
                return found
            clauses.append(found)
        return _all(clauses)

    def _clause(self, expr: Expr) -> Outcomes:
        if self._unknown.isdisjoint(self._attributes(expr, self._variables)):
            return frozenset({self._evaluator.clause(expr)})
        match expr:
            case VariableRef(name=name):
                return self._clause(self._variables[name])
            case And(operands=operands):
                return _all(map(self._clause, operands))
            case Or(operands=operands):
                return _opposite(_all(_opposite(self._clause(operand)) for operand in operands))
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
        return _TRUE if function == "not_equals" else _FALSE


def is_compound(expr: Expr, variables: Mapping[str, Expr]) -> bool:
    """Whether an expression may have a value although a part of it is undecided."""
    if isinstance(expr, VariableRef):
        return is_compound(variables[expr.name], variables)
    if isinstance(expr, And | Or | Conditional | Comprehension):
        return True
    return any(is_compound(child, variables) for child in children(expr))


def _against(constant: Any, above: Any, below: Any) -> Outcomes:
    """Return whether a value strictly between two edges is less than a constant, which it is not equal to then."""
    if below is not None and below <= constant:
        return _TRUE
    return _FALSE if above is not None and above >= constant else _EITHER


def _lies_in(constant: Any, above: Any, below: Any) -> bool:
    return (above is None or above < constant) and (below is None or constant < below)


def _all(operands: Iterable[Outcomes]) -> Outcomes:
    """Return what `&&` may come to: false if any is, else undecided if any is, else true."""
    found: set[bool | None] = set()
    can_be_true = can_be_unrefuted = True
    can_be_undecided = False
    for operand in operands:
        if False in operand:
            found.add(False)
        can_be_true = can_be_true and True in operand
        can_be_unrefuted = can_be_unrefuted and operand != _FALSE
        can_be_undecided = can_be_undecided or None in operand
    if can_be_true:
        found.add(True)
    if can_be_unrefuted and can_be_undecided:
        found.add(None)
    return frozenset(found)


def _opposite(outcomes: Outcomes) -> Outcomes:
    return frozenset(None if outcome is None else not outcome for outcome in outcomes)
