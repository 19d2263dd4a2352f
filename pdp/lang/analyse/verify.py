"""Trying a request on a rule for real, by Google's evaluation of the text as it was written."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from google.protobuf import duration_pb2, timestamp_pb2

from pdp.lang.analyse.prepared import Prepared
from pdp.lang.analyse.witness import Assignment
from pdp.lang.cel import Environment, Scope, to_cel
from pdp.lang.expr import Expr, VariableRef, walk
from pdp.lang.model import Attribute, Effect
from pdp.lang.resolved import Policy, Rule, Variable

# Whether scope and condition of a rule hold for these values; None when that is undecided.
Verifier = Callable[[Policy, Rule, Mapping[str, Any]], bool | None]

_NO_GRANT: Final[Mapping[str, Any]] = {
    "grant.active": False, "grant.kind": "", "grant.approver": "", "grant.approver_level": 0, "grant.scenario": "",
}  # fmt: skip


class ReferenceVerifier:
    """Evaluates through `pdp.lang.cel`."""

    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        self._attributes = attributes
        self._environment = Environment(attributes)
        self._scopes: dict[str, Scope] = {}
        self._variables: dict[str, tuple[Variable, ...]] = {}

    def __call__(self, policy: Policy, rule: Rule, values: Mapping[str, Any]) -> bool | None:
        """Return false when any clause is false, else None when any is undecided, else true.

        Values that Google's Python wrapper does not pass on as they are count as a failed trial.
        """
        if not all(map(_is_carried, values.values())):
            return False
        decided: bool | None = True
        for equality in policy.scope:
            if equality.attribute not in values:
                decided = None
            elif values[equality.attribute] not in equality.values:
                return False
        if not rule.clauses:
            return decided
        scope = self._scopes.get(policy.id)
        if scope is None:
            types = {v.name: v.clause.expr.type for v in policy.variables}
            scope = self._scopes[policy.id] = self._environment.scope(types)
        known = {name: to_cel(self._attributes[name].type, value) for name, value in values.items()}
        for variable in self._needed(policy, rule):
            result = scope.evaluate(variable.clause.checked, known)
            if result is not None:
                known[f"vars.{variable.name}"] = _returned(result)
        for clause in rule.clauses:
            result = scope.evaluate(clause.checked, known)
            if result is False:
                return False
            if result is None:
                decided = None
        return decided

    def _needed(self, policy: Policy, rule: Rule) -> tuple[Variable, ...]:
        """Return the variables that a rule uses, itself or through others, each after those it uses."""
        known = self._variables.get(rule.name)
        if known is None:
            used = {name for clause in rule.clauses for name in _variables_in(clause.expr)}
            needed = []
            for variable in reversed(policy.variables):
                if variable.name in used:
                    used |= _variables_in(variable.clause.expr)
                    needed.append(variable)
            known = self._variables[rule.name] = tuple(reversed(needed))
        return known


def _is_carried(value: Any) -> bool:
    """Whether a value reaches Google's runtime as it is: its Python wrapper cuts texts at NUL."""
    if isinstance(value, dict):
        return all(map(_is_carried, (*value, *value.values())))
    if isinstance(value, tuple):
        return all(map(_is_carried, value))
    return not isinstance(value, str) or "\0" not in value


def _returned(value: Any) -> Any:
    """Return the value of a variable as the runtime takes it back."""
    match value:
        case datetime.datetime():
            time = timestamp_pb2.Timestamp()
            time.FromDatetime(value)
            return time
        case datetime.timedelta():
            span = duration_pb2.Duration()
            span.FromTimedelta(value)
            return span
        case list():
            return [_returned(item) for item in value]
        case _:
            return value


def _variables_in(expr: Expr) -> set[str]:
    return {node.name for node in walk(expr) if isinstance(node, VariableRef)}


def outcome(rule: Prepared, assignment: Assignment, verifier: Verifier) -> bool | None:
    """Return whether a rule applies to a request: under one of its grants, if it asks for grants at all.

    None means that it applies only because its condition is undecided, as a masking rule does.
    """
    best: bool | None = False
    for values in _views(rule, assignment):
        found = verifier(rule.policy, rule.rule, values)
        if found:
            return True
        if found is None and rule.rule.effect is Effect.MASK:
            best = None
    return best


def _views(rule: Prepared, assignment: Assignment) -> Iterator[Mapping[str, Any]]:
    if not rule.grants:
        yield assignment.values
    elif not assignment.grants:
        yield {**assignment.values, **_NO_GRANT}
    else:
        for grant in assignment.grants:
            yield {**assignment.values, **grant}
