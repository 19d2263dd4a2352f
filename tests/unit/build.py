"""Resolved policy sets built by hand, and their meaning by the plainest evaluation there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pdp.lang.expr import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    And,
    AttributeRef,
    Call,
    Conditional,
    Expr,
    HasKey,
    Literal,
    Or,
    Type,
    list_of,
    map_of,
)
from pdp.lang.loader.builtins import REQUEST, SUPPLIED
from pdp.lang.model import AllowedValue, Attribute, Effect, Label, Obligation, RecordMode, ScopeClause
from pdp.lang.resolved import Clause, Field, Mask, Policy, ResolvedSet, Rule
from pdp.masks import catalogue
from pdp.source import Anchor, SourceText, Span, whole
from pdp.values import AttributeType

FILE = "built.yaml"
_LINES = itertools.count(1)
_TYPES = {
    AttributeType.STRING: STRING,
    AttributeType.INT: INT,
    AttributeType.DOUBLE: DOUBLE,
    AttributeType.BOOL: BOOL,
    AttributeType.TIMESTAMP: TIMESTAMP,
    AttributeType.DURATION: DURATION,
    AttributeType.STRING_LIST: list_of(STRING),
    AttributeType.INT_LIST: list_of(INT),
    AttributeType.DOUBLE_LIST: list_of(DOUBLE),
    AttributeType.STRING_MAP: map_of(STRING, STRING),
}


def span() -> Span:
    """Return a place that no other thing has."""
    line = next(_LINES)
    return Span(FILE, line, 1, line, 2)


def attribute(name: str, kind: AttributeType, allowed: Iterable[Any] = (), default: Any = None) -> Attribute:
    values = tuple(AllowedValue(value, Label(), span()) for value in allowed)
    return Attribute(name, kind, Label(), values, default, RecordMode.FULL, span())


def mask(algorithm: str, **parameters: Any) -> Mask:
    return Mask("", algorithm, catalogue.complete(algorithm, parameters), Label())


def field(name: str, default: Effect = Effect.MASK, own_mask: Mask | None = None) -> Field:
    return Field(name, Label(), "C2", "contact", (), "text", own_mask or mask("full"), default, False, span())


class Names:
    """Makes references to attributes of their declared types."""

    def __init__(self, *declared: Attribute) -> None:
        self.all = dict(sorted({**REQUEST, **SUPPLIED, **{a.name: a for a in declared}}.items()))

    def __call__(self, name: str) -> Expr:
        return AttributeRef(_TYPES[self.all[name].type], 0, name)


def value(of: Any) -> Literal:
    return Literal(_type_of(of), 0, of)


def _type_of(of: Any) -> Type:
    match of:
        case bool():
            return BOOL
        case int():
            return INT
        case float():
            return DOUBLE
        case str():
            return STRING
        case tuple():
            return list_of(_type_of(of[0]) if of else STRING)
    raise AssertionError(of)


def call(function: str, *args: Expr) -> Expr:
    return Call(BOOL, 0, function, args)


def entry(owner: Expr, key: str) -> Expr:
    return Call(STRING, 0, "index_map", (owner, value(key)))


def both(*operands: Expr) -> Expr:
    return And(BOOL, 0, operands)


def either(*operands: Expr) -> Expr:
    return Or(BOOL, 0, operands)


def negation(operand: Expr) -> Expr:
    return call("not", operand)


def rule(
    name: str,
    fields: Sequence[str],
    verdict: Mask | Effect,
    *clauses: Expr,
    priority: int = 0,
    obligations: Sequence[str] = (),
) -> Rule:
    """Return a rule that unmasks, masks by each field's own mask (`Effect.MASK`), or masks by the given one."""
    effect = verdict if isinstance(verdict, Effect) else Effect.MASK
    built = tuple(Clause(SourceText("…", whole(FILE), (Anchor(0, 1, 1),)), expr, b"") for expr in clauses)
    asked = tuple(Obligation(kind, {}, span()) for kind in obligations)
    own_mask = None if isinstance(verdict, Effect) else verdict
    return Rule(f"p/{name}", name, Label(), built, tuple(sorted(fields)), effect, own_mask, priority, asked, span())


def policy(name: str, rules: Sequence[Rule], scope: Mapping[str, Sequence[Any]] | None = None) -> Policy:
    clauses = tuple(
        ScopeClause(attribute, tuple(values), span(), tuple(span() for _ in values))
        for attribute, values in (scope or {}).items()
    )
    return Policy(name, Label(), clauses, (), tuple(rules), span())


def resolved(names: Names, fields: Sequence[Field], *policies: Policy) -> ResolvedSet:
    by_name = {f.id: f for f in sorted(fields, key=lambda f: f.id)}
    return ResolvedSet(names.all, by_name, {}, (), tuple(sorted(policies, key=lambda p: p.id)), (), {})


def evaluate(expr: Expr, values: Mapping[str, Any]) -> Any:
    """Return the value of an expression, None when it is undecided."""
    match expr:
        case Literal():
            return expr.value
        case AttributeRef():
            return values.get(expr.name)
        case And(operands=operands):
            results = [evaluate(o, values) for o in operands]
            return False if False in results else None if None in results else True
        case Or(operands=operands):
            results = [evaluate(o, values) for o in operands]
            return True if True in results else None if None in results else False
        case Conditional():
            condition = evaluate(expr.condition, values)
            return None if condition is None else evaluate(expr.then if condition else expr.otherwise, values)
        case HasKey():
            return expr.key in evaluate(expr.operand, values)
        case Call(function="index_map", args=(owner, key)):
            return evaluate(owner, values).get(evaluate(key, values))
        case Call(args=args):
            results = [evaluate(a, values) for a in args]
            return None if None in results else _applied(expr.function, results)
    raise AssertionError(expr)


def _applied(function: str, args: list[Any]) -> bool:
    left, right = args[0], args[-1]
    match function:
        case "not":
            return not left
        case "equals":
            return bool(left == right)
        case "not_equals":
            return bool(left != right)
        case "less":
            return bool(left < right)
        case "less_equals":
            return bool(left <= right)
        case "greater":
            return bool(left > right)
        case "greater_equals":
            return bool(left >= right)
        case "in_list":
            return left in right
        case "starts_with":
            return bool(left.startswith(right))
        case "ends_with":
            return bool(left.endswith(right))
    raise AssertionError(function)


def holds(policy: Policy, rule: Rule, values: Mapping[str, Any]) -> bool | None:
    """Whether scope and clauses hold, after Kleene."""
    results = [values[c.attribute] in c.values if c.attribute in values else None for c in policy.scope]
    results += [evaluate(clause.expr, values) for clause in rule.clauses]
    return False if False in results else None if None in results else True


_KINDS: Mapping[str, Any] = {
    "stringValue": str, "intValue": int, "doubleValue": float, "boolValue": bool,
    "stringList": lambda found: tuple(found.get("values", ())),
    "stringMap": lambda found: dict(found.get("entries", {})),
}  # fmt: skip


def values_of(found: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the attributes of a counterexample by dotted name, and `grant.*` of each of its grants."""
    request = found.get("request", found)
    values: dict[str, Any] = {f"context.{k}": _plain(v) for k, v in request.get("context", {}).items()}
    for part in ("subject", "action", "resource"):
        for key, given in request.get(part, {}).items():
            if key == "attributes":
                values |= {f"{part}.{name}": _plain(v) for name, v in given.items()}
            else:
                values[f"{part}.{key}"] = tuple(given) if isinstance(given, list) else given
    grants = [
        {
            "grant.active": True,
            "grant.kind": grant["kind"],
            "grant.approver": grant["approver"],
            "grant.approver_level": int(grant["approverLevel"]),
            "grant.scenario": grant["scenario"],
        }
        for grant in found.get("grants", [])
    ]
    return values, grants


def _plain(given: Mapping[str, Any]) -> Any:
    [(kind, found)] = given.items()
    return _KINDS[kind](found)
