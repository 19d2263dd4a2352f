"""The rules of a bundle as the engine needs them: conditions as trees, everything else resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cel.expr import checked_pb2

from pdp.engine.request import TYPES, python_value
from pdp.errors import BundleError
from pdp.lang.cel import TYPES as CEL_TYPES
from pdp.lang.expr import BOOL, AttributeRef, Call, Expr, Literal, VariableRef, attributes_of, list_of, walk
from pdp.lang.lower import LoweringError, lower
from pdp.v1 import bundle_pb2
from pdp.values import AttributeType


@dataclass(frozen=True, slots=True)
class Condition:
    """One conjunct of a rule: a clause of the policy's scope or of the rule's `when`."""

    expr: Expr
    attributes: frozenset[str]
    message: bundle_pb2.Expression | bundle_pb2.ScopeClause


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule in canonical order; `index` is its place in it and its name in compiled code."""

    index: int
    name: str
    conditions: tuple[Condition, ...]
    variables: Mapping[str, Expr]
    fields: frozenset[str]
    priority: int
    unmasks: bool
    needs_grant: bool
    message: bundle_pb2.Rule


class ExpressionReader:
    """Lowers CheckedExprs, equal ones once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Expr] = {}
        self._attributes: dict[int, frozenset[str]] = {}

    def read(self, message: bundle_pb2.Expression) -> Expr:
        """Return the tree of an expression. Raises BundleError."""
        known = self._known.get(message.checked)
        if known is None:
            try:
                known = lower(checked_pb2.CheckedExpr.FromString(message.checked))
            except (LoweringError, ValueError) as error:
                raise BundleError(f"{message.location}: `{message.text}` cannot be compiled: {error}") from error
            self._known[message.checked] = known
        return known

    def attributes(self, expr: Expr, variables: Mapping[str, Expr]) -> frozenset[str]:
        """Return the attributes that an expression out of `read` needs, through its policy's variables."""
        known = self._attributes.get(id(expr))  # `_known` keeps the tree, and so its id
        if known is None:
            known = attributes_of(expr, variables)
            if not any(isinstance(node, VariableRef) for node in walk(expr)):
                self._attributes[id(expr)] = known
        return known


def read_rules(bundle: bundle_pb2.Bundle) -> list[CompiledRule]:
    """Return the rules of a bundle in canonical order: policies by id, rules as written. Raises BundleError."""
    types = {a.name: TYPES[a.type] for a in bundle.attributes}
    reader = ExpressionReader()
    rules: list[CompiledRule] = []
    for policy in bundle.policies:
        variables = {v.name: reader.read(v.expression) for v in policy.variables}
        scope = [_scope_condition(clause, types) for clause in policy.scope]
        for message in policy.rules:
            conditions = list(scope)
            for clause in message.when:
                expr = reader.read(clause)
                conditions.append(Condition(expr, reader.attributes(expr, variables), clause))
            rules.append(
                CompiledRule(
                    index=len(rules),
                    name=f"{policy.id}/{message.id}",
                    conditions=tuple(conditions),
                    variables=variables,
                    fields=frozenset(message.fields),
                    priority=message.priority,
                    unmasks=message.effect == 1,
                    needs_grant=any(a.startswith("grant.") for c in conditions for a in c.attributes),
                    message=message,
                )
            )
    return rules


def _scope_condition(clause: bundle_pb2.ScopeClause, types: Mapping[str, AttributeType]) -> Condition:
    kind = CEL_TYPES[types[clause.attribute]]
    values: tuple[Any, ...] = tuple(python_value(v, types[clause.attribute]) for v in clause.values)
    attribute = AttributeRef(kind, 0, clause.attribute)
    expr = Call(BOOL, 0, "in_list", (attribute, Literal(list_of(kind), 0, values)))
    return Condition(expr, frozenset({clause.attribute}), clause)
