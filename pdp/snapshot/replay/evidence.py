"""What a record's verdicts tell about conditions that cannot be evaluated any more.

A rule that decided a field applied, so each of its conditions held. A rule that would have decided a field, had it
applied, did not apply. Where the candidate has the same rule, or the same condition, that is known there too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from pdp.engine.outcome import Hit, Outcomes
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
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2

Print = Hashable
"""Conditions with the same print come out alike for every request."""
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
        declared = tuple(self._attributes.get(name, name) for name in sorted(condition.attributes))
        return _shape(condition.expr, variables), declared


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


_Told = tuple[frozenset[Print], Mapping[Print, _Outcomes]]


class Evidence:
    """What the verdicts of a record tell, by print: drawn when it is first asked for, which most never are."""

    def __init__(self, draw: Callable[[], _Told] = lambda: (frozenset(), {})) -> None:
        self._draw = draw

    @cached_property
    def _told(self) -> _Told:
        return self._draw()

    def holds(self, condition: Print) -> bool:
        """Whether a condition is known to have held."""
        return condition in self._told[0]

    def narrow(self, rule: Print, outcomes: _Outcomes) -> _Outcomes:
        """Return those of the possible outcomes of a rule that the verdicts allow."""
        allowed = self._told[1].get(rule)
        # A record that contradicts itself tells nothing.
        return outcomes if allowed is None else (outcomes & allowed or outcomes)


NO_EVIDENCE: Final = Evidence()


class Witness:
    """Draws the evidence out of the verdicts of records by one bundle. Raises BundleError."""

    def __init__(self, bundle: bundle_pb2.Bundle) -> None:
        self._rules = read_rules(bundle)
        self._by_name = {rule.name: rule for rule in self._rules}
        self._by_field: dict[str, list[CompiledRule]] = {}
        for rule in self._rules:
            for field in rule.fields:
                self._by_field.setdefault(field, []).append(rule)
        self._outcomes = Outcomes(bundle, self._rules)
        self._prints = Prints(bundle)
        self._beats: dict[tuple[str, str, int], bool] = {}

    def evidence(self, verdicts: Iterable[snapshot_pb2.RecordedVerdict]) -> Evidence:
        """Return what the verdicts of a request without grants tell."""
        return Evidence(lambda: self._draw(verdicts))

    def _draw(self, verdicts: Iterable[snapshot_pb2.RecordedVerdict]) -> _Told:
        held: set[Print] = set()
        rules: dict[Print, _Outcomes] = {}
        silent: dict[int, CompiledRule] = {}
        for verdict in verdicts:
            winner = self._by_name.get(verdict.rule)
            if winner is None and verdict.rule:
                continue  # not a verdict of this bundle
            if winner is not None:
                rules[self._prints.rule(winner)] = _UNDECIDED if verdict.undecided else _HELD
                if not verdict.undecided:
                    held.update(self._prints.conditions(winner))
            for field in verdict.fields:
                for rule in self._by_field.get(field, ()):
                    if rule.index not in silent and self._wins(field, winner, rule):
                        silent[rule.index] = rule
        for rule in silent.values():
            # An undecided rule does not unmask, but it masks.
            allowed: _Outcomes = frozenset({False, None}) if rule.unmasks else frozenset({False})
            known = rules.get(self._prints.rule(rule))
            rules[self._prints.rule(rule)] = allowed if known is None else known & allowed or known
        return frozenset(held), rules

    def _wins(self, field: str, winner: CompiledRule | None, rule: CompiledRule) -> bool:
        """Return whether a rule would have decided a field that another one (None: the default) did."""
        if rule is winner:
            return False
        place = (field, "" if winner is None else winner.name, rule.index)
        known = self._beats.get(place)
        if known is None:
            spoken = [rule] if winner is None else sorted((winner, rule), key=lambda found: found.index)
            hits = [Hit(found) for found in spoken]
            decided = self._outcomes.respond((field,), hits, decision_service_pb2.DecideResponse())[0]
            known = self._beats[place] = decided is not None and decided.rule is rule
        return known
