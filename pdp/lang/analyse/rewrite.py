"""Expressions made plainer before they are read: variables written out, small loops unrolled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

from pdp.lang.expr import (
    BOOL,
    And,
    AttributeRef,
    Call,
    Comprehension,
    Conditional,
    Expr,
    HasKey,
    ListExpr,
    Literal,
    LocalRef,
    MapExpr,
    Or,
    VariableRef,
    walk,
)

MAX_UNROLLED: Final = 32


def expand(expr: Expr, variables: Mapping[str, Expr]) -> Expr:
    """Return an expression with its variables written out."""
    if not variables or not any(isinstance(node, VariableRef) for node in walk(expr)):
        return expr
    return _rebuilt(expr, lambda node: variables[node.name] if isinstance(node, VariableRef) else None)


def plain_comparison(expr: Call) -> tuple[Call, bool] | None:
    """Return an equality or order as `==`, `<` or `<=`, and whether it is negated; None when it is one already.

    So the same question is asked in the same words however it was written. Only floating-point numbers keep `<=`:
    NaN is neither less than a number nor not less.
    """
    left, right = expr.args[0], expr.args[-1]
    total = {left.type.name, right.type.name} <= {"int", "string", "bool", "timestamp", "duration"}
    match expr.function:
        case "not_equals":
            return dataclasses.replace(expr, function="equals"), True
        case "greater":
            return dataclasses.replace(expr, function="less", args=(right, left)), False
        case "greater_equals" if total:
            return dataclasses.replace(expr, function="less"), True
        case "greater_equals":
            return dataclasses.replace(expr, function="less_equals", args=(right, left)), False
        case "less_equals" if total:
            return dataclasses.replace(expr, function="less", args=(right, left)), True
    return None


def unroll(loop: Comprehension) -> Expr | None:
    """Return a loop over a constant list, or over a list that is searched for constants, as plain clauses."""
    if loop.kind not in ("all", "exists") or loop.condition is None:
        return None
    clauses: list[Expr]
    match loop.range:
        case Literal(value=tuple() as values) if len(values) <= MAX_UNROLLED:
            items = [Literal(loop.range.type.parameters[0], loop.offset, value) for value in values]
            clauses = [_substituted(loop.condition, loop.variable, item) for item in items]
        case AttributeRef() as source if source.type.name == "list":
            sought = _sought(loop.condition, loop.variable, present=loop.kind == "exists")
            if sought is None or len(sought) > MAX_UNROLLED:
                return None
            clauses = [Call(BOOL, loop.offset, "in_list", (item, source)) for item in sought]
            if loop.kind == "all":
                clauses = [Call(BOOL, loop.offset, "not", (clause,)) for clause in clauses]
        case _:
            return None
    if not clauses:
        return Literal(BOOL, loop.offset, loop.kind == "all")
    connective: type[And] | type[Or] = And if loop.kind == "all" else Or
    return connective(BOOL, loop.offset, tuple(clauses))


def _sought(condition: Expr, variable: str, *, present: bool) -> list[Literal] | None:
    """Return the constants whose presence (or absence) in the list a loop's condition is all about."""
    match condition:
        case Call(function="not", args=(inner,)):
            return _sought(inner, variable, present=not present)
        case Or(operands=operands) | And(operands=operands) if isinstance(condition, Or) is present:
            found: list[Literal] = []
            for operand in operands:
                part = _sought(operand, variable, present=present)
                if part is None:
                    return None
                found += part
            return found
        case (
            Call(function="equals" | "not_equals" as function, args=(LocalRef(name=name), Literal() as item))
            | Call(function="equals" | "not_equals" as function, args=(Literal() as item, LocalRef(name=name)))
        ) if name == variable and (function == "equals") is present:
            return [item]
        case Call(function="in_list", args=(LocalRef(name=name), Literal(value=tuple() as values) as items)) if (
            name == variable and present
        ):
            return [Literal(items.type.parameters[0], items.offset, value) for value in values]
    return None


def _substituted(expr: Expr, variable: str, item: Literal) -> Expr:
    def choose(node: Expr) -> Expr | None:
        if isinstance(node, LocalRef) and node.name == variable:
            return item
        if isinstance(node, Comprehension) and node.variable == variable:
            # The inner loop hides the outer variable everywhere but in its range.
            return dataclasses.replace(node, range=_substituted(node.range, variable, item))
        return None

    return _rebuilt(expr, choose)


def _rebuilt(expr: Expr, choose: Callable[[Expr], Expr | None]) -> Expr:
    """Return an expression in which every node that `choose` has an answer for is replaced by it, outermost first."""
    chosen = choose(expr)
    if chosen is not None:
        return chosen
    match expr:
        case Call(args=args):
            return dataclasses.replace(expr, args=tuple(_rebuilt(a, choose) for a in args))
        case And(operands=operands) | Or(operands=operands):
            return dataclasses.replace(expr, operands=tuple(_rebuilt(o, choose) for o in operands))
        case Conditional():
            parts = (_rebuilt(e, choose) for e in (expr.condition, expr.then, expr.otherwise))
            return Conditional(expr.type, expr.offset, *parts)
        case ListExpr(items=items):
            return dataclasses.replace(expr, items=tuple(_rebuilt(i, choose) for i in items))
        case MapExpr(values=values):
            return dataclasses.replace(expr, values=tuple(_rebuilt(v, choose) for v in values))
        case HasKey(operand=operand):
            return dataclasses.replace(expr, operand=_rebuilt(operand, choose))
        case Comprehension():
            return dataclasses.replace(
                expr,
                range=_rebuilt(expr.range, choose),
                condition=None if expr.condition is None else _rebuilt(expr.condition, choose),
                transform=None if expr.transform is None else _rebuilt(expr.transform, choose),
            )
        case _:
            return expr
