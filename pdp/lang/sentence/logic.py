"""From an expression to statements: negations carried down to comparisons, variables replaced, constants on the right.

De Morgan's laws hold in CEL's three-valued logic, so carrying negations down changes no outcome.
"""

from __future__ import annotations

from collections.abc import Mapping

from pdp.lang.expr import (
    And,
    Call,
    Comprehension,
    Conditional,
    Expr,
    Literal,
    Or,
    Type,
    VariableRef,
)
from pdp.lang.sentence.celtext import nodes
from pdp.lang.sentence.fold import group
from pdp.lang.sentence.formula import (
    Choice,
    Compare,
    Constant,
    Formula,
    Holds,
    Member,
    Opaque,
    Quantified,
    Same,
    Within,
)

MAX_DEPTH = 24
MAX_VARIABLE = 150

_OPS = {"equals": "eq", "not_equals": "ne", "less": "lt", "less_equals": "le", "greater": "gt", "greater_equals": "ge"}
_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}
# Types whose every two values are equal, less or greater.
_TOTAL = frozenset({"int", "bool", "string", "timestamp", "duration"})


def simplify(expr: Expr, variables: Mapping[str, Expr], positive: bool = True, depth: int = 0) -> Formula:
    """Return the statement that an expression of type bool makes, or its denial; `variables` are replaced."""
    if depth >= MAX_DEPTH:
        return Opaque(expr, positive)
    depth += 1
    if isinstance(expr, Call):
        return _call(expr, variables, positive, depth)
    match expr:
        case Literal() if isinstance(expr.value, bool):
            return Constant(expr.value is positive)
        case And() | Or():
            parts = [simplify(part, variables, positive, depth) for part in expr.operands]
            return group("and" if isinstance(expr, And) is positive else "or", parts)
        case VariableRef():
            known = variables.get(expr.name)
            return Opaque(expr, positive) if known is None else simplify(known, variables, positive, depth)
        case Conditional():
            return Choice(
                simplify(expr.condition, variables, True, depth),
                simplify(expr.then, variables, positive, depth),
                simplify(expr.otherwise, variables, positive, depth),
            )
        case Comprehension(condition=Expr() as condition) if expr.kind in ("all", "exists"):
            kind = expr.kind if positive else "exists" if expr.kind == "all" else "all"
            body = simplify(condition, variables, positive, depth)
            return Quantified(kind, expr.variable, resolve(expr.range, variables), body, True)
        case Comprehension(condition=Expr() as condition) if expr.kind == "exists_one":
            body = simplify(condition, variables, True, depth)
            return Quantified("exists_one", expr.variable, resolve(expr.range, variables), body, positive)
        case _:
            return Holds(expr, positive)


def _call(expr: Call, variables: Mapping[str, Expr], positive: bool, depth: int) -> Formula:
    op = _OPS.get(expr.function)
    if op is not None:
        return _comparison(expr, op, variables, positive, depth)
    match expr.function:
        case "not":
            return simplify(expr.args[0], variables, not positive, depth)
        case "identity":
            return simplify(expr.args[0], variables, positive, depth)
        case "in_list":
            return _membership(expr, variables, positive)
        case _:
            return Holds(expr, positive)


def _comparison(expr: Call, op: str, variables: Mapping[str, Expr], positive: bool, depth: int) -> Formula:
    left, right = resolve(expr.args[0], variables), resolve(expr.args[1], variables)
    if isinstance(left, Literal) and not isinstance(right, Literal):
        left, right, op = right, left, _MIRRORED[op]
    if op in ("eq", "ne") and left.type.name == right.type.name == "bool":
        same = positive is (op == "eq")
        if isinstance(right, Literal):
            return simplify(left, variables, same is bool(right.value), depth)
        return Same(simplify(left, variables, True, depth), simplify(right, variables, True, depth), same)
    if left.type.name == "bool" and op not in ("eq", "ne"):
        return Opaque(expr, positive)  # false is less than true, but nobody says so
    if not positive:
        total = left.type.name == right.type.name and left.type.name in _TOTAL
        op = _OPPOSITE[op] if total or op in ("eq", "ne") else f"n{op}"
    return Compare(op, left, right)


def _membership(expr: Call, variables: Mapping[str, Expr], positive: bool) -> Formula:
    subject, container = resolve(expr.args[0], variables), resolve(expr.args[1], variables)
    items = elements(container)
    if not items or isinstance(subject, Literal) or subject.type.name == "bool":
        return Holds(Call(expr.type, expr.offset, "in_list", (subject, container)), positive)
    if len(items) == 1:
        return Compare("eq" if positive else "ne", subject, items[0])
    return Member(subject, items, positive)


def elements(container: Expr) -> tuple[Expr, ...]:
    """Return the elements of a list that is written out, constants once each; empty for any other."""
    match container:
        case Literal(value=tuple() as values):
            element = container.type.parameters[0] if container.type.parameters else Type("dyn")
            unique = {(type(v), v): Literal(_element_type(element, v), container.offset, v) for v in values}
            return tuple(unique.values())
        case _:
            return tuple(getattr(container, "items", ()))


def _element_type(element: Type, value: object) -> Type:
    if element.name != "dyn":
        return element
    names = {bool: "bool", int: "int", float: "double", str: "string"}
    return Type(names.get(type(value), "dyn"))


def resolve(expr: Expr, variables: Mapping[str, Expr]) -> Expr:
    """Return what a variable stands for; any other expression as it is."""
    seen = 0
    while isinstance(expr, VariableRef) and expr.name in variables and seen < MAX_DEPTH:
        expr = variables[expr.name]
        seen += 1
    return expr


def expandable(variables: Mapping[str, Expr]) -> dict[str, Expr]:
    """Return the variables short enough to be written out wherever they are used.

    Variables may use each other, so that a few lines could unfold into millions of words.
    """
    sizes: dict[str, int] = {}

    def size(name: str, above: frozenset[str]) -> int:
        if name not in variables or name in above:
            return MAX_VARIABLE + 1
        if name not in sizes:
            total = 0
            for node in nodes(variables[name]):
                total += size(node.name, above | {name}) if isinstance(node, VariableRef) else 1
            sizes[name] = min(total, MAX_VARIABLE + 1)
        return sizes[name]

    return {name: expr for name, expr in variables.items() if size(name, frozenset()) <= MAX_VARIABLE}


def deny(formula: Formula) -> Formula | None:
    """Return the plain statement that a negative one denies; None for one that is not negative."""
    match formula:
        case Compare(op="ne"):
            return Compare("eq", formula.left, formula.right)
        case Compare(op="nlt" | "nle" | "ngt" | "nge" as op):
            return Compare(op[1:], formula.left, formula.right)
        case Member(positive=False):
            return Member(formula.subject, formula.items, True)
        case Within(positive=False):
            return Within(formula.subject, formula.low, formula.low_closed, formula.high, formula.high_closed, True)
        case Holds(positive=False):
            return Holds(formula.expr, True)
        case _:
            return None
