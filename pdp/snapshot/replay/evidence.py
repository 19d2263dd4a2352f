"""What a record's verdicts tell about conditions that cannot be evaluated any more.

A rule that decided a field applied, so each of its conditions held. A rule that would have decided a field, had it
applied, did not apply. Where the candidate has the same rule, or the same condition, that is known there too.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from pdp.engine.outcome import Outcomes
from pdp.engine.request import TYPES
from pdp.engine.rules import CompiledRule, Condition, read_rules
from pdp.lang.expr import (
    AttributeRef,
    Call,
    Comprehension,
    Expr,
    HasKey,
    Literal,
    LocalRef,
    MapExpr,
    VariableRef,
    children,
)
from pdp.snapshot.replay.uses import ReadsVariables
from pdp.v1 import bundle_pb2, snapshot_pb2

Print = Hashable
"""Conditions with the same print come out alike for every request. It is long, and is hashed once."""
_Outcomes = frozenset[bool | None]
_HELD: Final[_Outcomes] = frozenset({True})
_UNDECIDED: Final[_Outcomes] = frozenset({None})


class Prints:
    """Tells which conditions and rules of several bundles mean the same."""

    def __init__(self, bundle: bundle_pb2.Bundle) -> None:
        self._attributes = {
            a.name: (a.name, TYPES[a.type], a.default_value.SerializeToString(deterministic=True))
            for a in bundle.attributes
        }
        self._rules: dict[int, tuple[frozenset[Print], tuple[Print, ...]]] = {}
        self._known: dict[Hashable, Print] = {}
        self._reads_variables = ReadsVariables()

    def rule(self, rule: CompiledRule) -> Print:
        """Return the print of all conditions of a rule."""
        return self._of(rule)[0]

    def conditions(self, rule: CompiledRule) -> tuple[Print, ...]:
        """Return the print of each condition of a rule."""
        return self._of(rule)[1]

    def _of(self, rule: CompiledRule) -> tuple[frozenset[Print], tuple[Print, ...]]:
        known = self._rules.get(rule.index)
        if known is None:
            prints = tuple(self._condition(condition, rule.variables) for condition in rule.conditions)
            known = self._rules[rule.index] = frozenset(prints), prints
        return known

    def _condition(self, condition: Condition, variables: Mapping[str, Expr]) -> Print:
        # Equal texts are lowered once, and the rules that are printed are kept as long as this is.
        used = self._reads_variables(condition.expr)
        place = id(condition.expr), id(variables) if used else None
        known = self._known.get(place)
        if known is None:
            declared = tuple(self._attributes.get(name, name) for name in sorted(condition.attributes))
            known = self._known[place] = repr((_shape(condition.expr, variables), declared))
        return known


def _shape(expr: Expr, variables: Mapping[str, Expr]) -> Hashable:
    """Return an expression without its places in a text and without the names of variables."""
    more: Any = None
    match expr:
        case VariableRef(name=name):
            return _shape(variables[name], variables)
        case Literal(value=value):
            more = repr(value)  # 1, 1.0 and true are equal, and so are the two zeros
        case AttributeRef(name=name) | LocalRef(name=name):
            more = name
        case Call(function=function):
            more = function
        case HasKey(key=key):
            more = key
        case MapExpr(keys=keys):
            more = repr(keys)
        case Comprehension():
            more = (expr.kind, expr.variable, expr.condition is None, expr.transform is None)
    parts = tuple(_shape(child, variables) for child in children(expr))
    return type(expr).__name__, str(expr.type), more, parts


class Evidence:
    """What the verdicts of a record tell, by print. This one tells nothing."""

    def holds(self, condition: Print) -> bool:
        """Whether a condition is known to have held."""
        del condition
        return False

    def narrow(self, rule: Print, outcomes: _Outcomes) -> _Outcomes:
        """Return those of the possible outcomes of a rule that the verdicts allow."""
        del rule
        return outcomes


NO_EVIDENCE: Final = Evidence()


class Witness:
    """Knows the rules of one bundle that decided. Raises BundleError."""

    def __init__(self, bundle: bundle_pb2.Bundle) -> None:
        self.rules = {rule.name: rule for rule in read_rules(bundle)}
        self.prints = Prints(bundle)
        self._outcomes = Outcomes(bundle, [*self.rules.values()])
        self._places: dict[str, dict[int, int]] = {}
        self._numbers: dict[Print, int] = {}
        self._held: dict[str, frozenset[int]] = {}

    def number(self, condition: Print) -> int:
        """Return a number of its own for each print: prints are long."""
        return self._numbers.setdefault(condition, len(self._numbers))

    def conditions(self, rule: str) -> frozenset[int]:
        """Return the numbers of a rule's conditions."""
        held = self._held.get(rule)
        if held is None:
            found = self.rules.get(rule)
            prints = () if found is None else self.prints.conditions(found)
            held = self._held[rule] = frozenset(map(self.number, prints))
        return held

    @cached_property
    def by_print(self) -> Mapping[Print, Sequence[CompiledRule]]:
        """The rules with the same conditions."""
        found: dict[Print, list[CompiledRule]] = {}
        for rule in self.rules.values():
            found.setdefault(self.prints.rule(rule), []).append(rule)
        return found

    def wins(self, field: str, winner: CompiledRule | None, rule: CompiledRule) -> bool:
        """Return whether a rule would have decided a field that another one (None: the default) did."""
        places = self._places.get(field)
        if places is None:
            ranked, _ = self._outcomes.ranked(field, self.rules.values())
            places = self._places[field] = {found.index: place for place, (found, _) in enumerate(ranked)}
        place = places.get(rule.index)
        return place is not None and (winner is None or place < places.get(winner.index, len(places)))


class Testimony(Evidence):
    """What the verdicts of requests without grants tell; worked out for what is asked, which mostly is nothing."""

    def __init__(self, witness: Witness, verdicts: Sequence[snapshot_pb2.RecordedVerdict]) -> None:
        self._witness = witness
        self._verdicts = verdicts
        self._rules: dict[Print, _Outcomes | None] = {}

    def holds(self, condition: Print) -> bool:
        """See `Evidence`."""
        number, held = self._witness.number(condition), self._witness.conditions
        return any(number in held(verdict.rule) for verdict in self._verdicts if not verdict.undecided)

    def narrow(self, rule: Print, outcomes: _Outcomes) -> _Outcomes:
        """See `Evidence`."""
        if rule not in self._rules:
            self._rules[rule] = self._allowed(rule)
        allowed = self._rules[rule]
        # A record that contradicts itself tells nothing.
        return outcomes if allowed is None else (outcomes & allowed or outcomes)

    def _allowed(self, asked: Print) -> _Outcomes | None:
        allowed: _Outcomes | None = None
        for rule in self._witness.by_print.get(asked, ()):
            for verdict in self._verdicts:
                if verdict.rule == rule.name:
                    return _UNDECIDED if verdict.undecided else _HELD
                winner = self._witness.rules.get(verdict.rule)
                if winner is None and verdict.rule:
                    continue  # not a verdict of this bundle
                if any(self._witness.wins(field, winner, rule) for field in verdict.fields):
                    # An undecided rule does not unmask, but it masks.
                    silent: _Outcomes = frozenset({False, None}) if rule.unmasks else frozenset({False})
                    allowed = silent if allowed is None else allowed & silent
        return allowed
