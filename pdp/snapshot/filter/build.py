"""From the typed tree of a filter to `nodes`: names become places in a record, constants are computed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

from pdp.engine.runtime import FUNCTIONS as CEL_FUNCTIONS
from pdp.errors import FilterError, UndecidedError
from pdp.lang import expr as ex
from pdp.snapshot.filter import nodes
from pdp.snapshot.filter.names import FLAGGED, FUNCTIONS, NAMES, NOW, Schema
from pdp.snapshot.filter.nodes import Node
from pdp.snapshot.filter.parse import HAS, RECORD, WHAT_THERE_IS, parse
from pdp.snapshot.filter.predicate import NUL, REPLACEMENT
from pdp.values import INT_MAX, INT_MIN, AttributeType

_OPERATORS: Final = {
    "equals": "==", "not_equals": "!=", "less": "<", "less_equals": "<=", "greater": ">", "greater_equals": ">=",
}  # fmt: skip
_MIRRORED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_KINDS: Final = {
    "int": AttributeType.INT, "double": AttributeType.DOUBLE, "bool": AttributeType.BOOL,
    "string": AttributeType.STRING, "timestamp": AttributeType.TIMESTAMP, "duration": AttributeType.DURATION,
}  # fmt: skip
_RESOURCE_ID, _RESOURCE_TYPE = NAMES["resource.id"], NAMES["resource.type"]


def compile_filter(text: str, schema: Schema, now: int) -> Node | None:
    """Return the tree of a filter; None for one that is empty, which every record meets.

    `now` is what `now` stands for, in nanoseconds since 1970. Raises FilterError.
    """
    if not text.strip():
        return None
    tree = _folded(parse(text, schema), now)
    if tree.type != ex.BOOL:
        raise FilterError(f"the filter is of type {tree.type}, not a condition", 1, WHAT_THERE_IS)
    return _Builder(schema).node(tree, None)


def _folded(node: ex.Expr, now: int) -> ex.Expr:
    """Compute what is constant: `now - duration("168h")`."""
    match node:
        case ex.AttributeRef(name=name) if name == RECORD + NOW:
            return ex.Literal(node.type, node.offset, now)
        case ex.Call(function=function):
            args = tuple(_folded(arg, now) for arg in node.args)
            if function != "matches" and all(isinstance(arg, ex.Literal) for arg in args):
                try:
                    value = CEL_FUNCTIONS[function](*[arg.value for arg in args if isinstance(arg, ex.Literal)])
                except UndecidedError as error:
                    raise FilterError(f"cannot be computed: {error}", node.offset + 1) from None
                return ex.Literal(node.type, node.offset, value)
            return dataclasses.replace(node, args=args)
        case ex.And() | ex.Or():
            return dataclasses.replace(node, operands=tuple(_folded(operand, now) for operand in node.operands))
        case ex.ListExpr():
            items = tuple(_folded(item, now) for item in node.items)
            if all(isinstance(item, ex.Literal) for item in items):
                return ex.Literal(
                    node.type, node.offset, tuple(item.value for item in items if isinstance(item, ex.Literal))
                )
            return dataclasses.replace(node, items=items)
        case _:
            return node


class _Builder:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def node(self, expr: ex.Expr, types: tuple[str, ...] | None) -> Node:
        """Return a condition; `types` are the resource types that the conjunctions around it allow."""
        match expr:
            case ex.And(operands=operands):
                named = [found for operand in operands if (found := self._types_of(operand)) is not None]
                inner = named[0] if named else types
                return nodes.All(tuple(self.node(operand, inner) for operand in operands))
            case ex.Or(operands=operands):
                return nodes.AnyOf(tuple(self.node(operand, types) for operand in operands))
            case ex.Literal(value=bool(value)):
                return nodes.Fixed(value)
            case ex.Call(function="not", args=(operand,)):
                return nodes.Not(self.node(operand, types))
            case ex.Call(function=function) if function in _OPERATORS:
                return self._comparison(expr, types)
            case ex.Call(function="in_list"):
                return self._membership(expr, types)
            case ex.Call(function="in_map", args=(key, held)):
                return nodes.HasKey(self._map(held, expr), self._text(key, expr))
            case ex.Call(function="contains" | "starts_with" | "ends_with" as function, args=(held, part)):
                return nodes.TextTest(function, self._term(held, expr), self._text(part, expr))
            case ex.HasKey(operand=held, key=key):
                return nodes.HasKey(self._map(held, expr), _clean(key))
            case ex.AttributeRef(name=name) if name == RECORD + FLAGGED:
                severity = NAMES["severity"]
                return nodes.Compare(">=", severity, nodes.Constant(severity.kind, 2))
            case ex.AttributeRef(name=name) if name.startswith(HAS):
                return nodes.Present(self._named(name.removeprefix(HAS), expr))
            case _:
                return nodes.Holds(self._term(expr, expr))

    def _comparison(self, expr: ex.Call, types: tuple[str, ...] | None) -> Node:
        operator = _OPERATORS[expr.function]
        left, right = expr.args
        if isinstance(left, ex.Literal):
            left, right, operator = right, left, _MIRRORED[operator]
        if left.type != right.type or left.type.name not in _KINDS:
            shown = f"{left.type} and {right.type}" if left.type != right.type else str(left.type)
            raise FilterError(f"`{operator}` of {shown} is not part of filters", expr.offset + 1, WHAT_THERE_IS)
        if left.type == ex.BOOL and not isinstance(left, ex.AttributeRef | ex.Literal):
            raise FilterError("a condition cannot be compared", expr.offset + 1, "write it alone, or with `!`")
        if left.type == ex.BOOL and _is_flagged(left, right):
            raise FilterError("`flagged` cannot be compared", expr.offset + 1, "write `flagged` or `!flagged`")
        term = self._term(left, expr)
        if not isinstance(right, ex.Literal):
            return nodes.Compare(operator, term, self._term(right, expr))
        value = self._constant(right)
        if term == _RESOURCE_ID and operator in ("==", "!="):
            found = self._resource((value,), types)
            return found if operator == "==" else nodes.Not(found)
        return nodes.Compare(operator, term, nodes.Constant(term.kind, value))

    def _membership(self, expr: ex.Call, types: tuple[str, ...] | None) -> Node:
        item, container = expr.args
        if isinstance(container, ex.Literal):
            if isinstance(item, ex.Literal):  # folded, but for lists of mixed types
                raise FilterError("a list of mixed types is not part of filters", expr.offset + 1)
            if container.value and container.type.parameters[0] != item.type:
                raise FilterError(
                    f"a list of {container.type.parameters[0]} has no {item.type}", container.offset + 1,
                    "numbers stand without quotes, texts with them",
                )  # fmt: skip
            values = tuple(dict.fromkeys(self._constant(container, value) for value in container.value))
            term = self._term(item, expr)
            return self._resource(values, types) if term == _RESOURCE_ID and values else nodes.OneOf(term, values)
        if not isinstance(item, ex.Literal):
            raise FilterError("`in` needs a constant on one side", expr.offset + 1, WHAT_THERE_IS)
        held = self._term(container, expr)
        if not isinstance(held, nodes.Fact) or not held.kind.is_list:
            raise FilterError("`in` needs a list", expr.offset + 1, WHAT_THERE_IS)
        return nodes.Has(held, self._constant(item))

    def _types_of(self, expr: ex.Expr) -> tuple[str, ...] | None:
        """Return the resource types that a conjunct allows; None when it is about something else."""
        match expr:
            case ex.Call(function="equals", args=(ex.AttributeRef(name="resource.type"), ex.Literal(value=value))):
                return (value,)
            case ex.Call(function="equals", args=(ex.Literal(value=value), ex.AttributeRef(name="resource.type"))):
                return (value,)
            case ex.Call(function="in_list", args=(ex.AttributeRef(name="resource.type"), ex.Literal(value=values))):
                return tuple(values)
        return None

    def _resource(self, ids: tuple[str, ...], types: tuple[str, ...] | None) -> nodes.ResourceIs:
        known = self._schema.resource_types if types is None else types
        keys = (key for kind in known for wanted in ids for key in self._schema.key_of(kind, wanted))
        return nodes.ResourceIs(ids, tuple(dict.fromkeys(keys)), clear=types is None)

    def _term(self, expr: ex.Expr, at: ex.Expr) -> nodes.Term:
        match expr:
            case ex.AttributeRef(name=name) if not name.startswith(HAS) and name != RECORD + FLAGGED:
                return self._named(name, expr)
            case ex.Call(function="index_map", args=(held, key)):
                return nodes.Entry(self._map(held, expr), self._text(key, expr))
        if isinstance(expr, ex.Comprehension):
            what = "`all`, `exists`, `filter` and `map` are"
        elif isinstance(expr, ex.Call):
            what = f"`{ex.FUNCTIONS[expr.function][0]}` of what a record holds is"
        else:
            what = "this is"
        raise FilterError(f"{what} not part of filters", (expr.offset or at.offset) + 1, WHAT_THERE_IS)

    def _named(self, name: str, expr: ex.Expr) -> nodes.Term:
        short = name.removeprefix(RECORD)
        found = FUNCTIONS.get(short) if name != short else None
        term = found or self._schema.term(short)
        if term is None:
            raise FilterError(f"`{short}` is not a name of a record", expr.offset + 1, WHAT_THERE_IS)
        return term

    def _map(self, expr: ex.Expr, at: ex.Expr) -> nodes.Fact:
        term = self._term(expr, at)
        if not isinstance(term, nodes.Fact) or term.kind is not AttributeType.STRING_MAP:
            raise FilterError("a map is needed here", at.offset + 1, WHAT_THERE_IS)
        return term

    def _text(self, expr: ex.Expr, at: ex.Expr) -> str:
        if not isinstance(expr, ex.Literal) or not isinstance(expr.value, str):
            raise FilterError("a constant text is needed here", (expr.offset or at.offset) + 1, "write it in quotes")
        return _clean(expr.value)

    def _constant(self, literal: ex.Literal, value: Any = None) -> Any:
        """Return a constant's value as records hold it; `value` is one item of a list."""
        value = literal.value if value is None else value
        if isinstance(value, float) and not math.isfinite(value):
            raise FilterError("the number has no finite value", literal.offset + 1)
        if isinstance(value, str):
            return _clean(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return min(max(value, INT_MIN), INT_MAX)  # only times can be beyond
        return value


def _clean(text: str) -> str:
    return text.replace(NUL, REPLACEMENT)


def _is_flagged(*sides: ex.Expr) -> bool:
    return any(isinstance(side, ex.AttributeRef) and side.name == RECORD + FLAGGED for side in sides)
