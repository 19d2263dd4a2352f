"""A tree written back as CEL: what a sentence quotes where words would not be exact."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from pdp.lang.expr import (
    DYN,
    FUNCTIONS,
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
    Type,
    VariableRef,
    children,
)
from pdp.values import format_duration, format_timestamp

_GLOBAL = frozenset({"size", "int", "double", "string", "dyn", "timestamp"})
_INFIX = frozenset({"==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in"})


def cel_text(expr: Expr) -> str:
    """Return the CEL text of a tree. Every operand that is an operation stands in brackets.

    It does not recurse, so that no depth of nesting can exhaust the stack.
    """
    order = list(nodes(expr))
    # Parents before children and the last child first: backwards, operands come left to right before their operator.
    done: list[tuple[str, bool]] = []
    for node in reversed(order):
        count = len(children(node))
        operands = done[len(done) - count :]
        del done[len(done) - count :]
        done.append(_write(node, operands))
    return done[0][0]


def nodes(expr: Expr) -> Iterator[Expr]:
    """Yield a node and everything below it, a parent before its children and the last child first."""
    pending = [expr]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(children(node))


def _write(node: Expr, operands: Sequence[tuple[str, bool]]) -> tuple[str, bool]:
    """Return the text of a node and whether it needs brackets as an operand."""
    plain = [text for text, _ in operands]
    safe = [f"({text})" if loose else text for text, loose in operands]
    match node:
        case Literal():
            return literal_text(node.type, node.value), False
        case AttributeRef() | LocalRef():
            return node.name, False
        case VariableRef():
            return f"vars.{node.name}", False
        case And():
            return " && ".join(safe), True
        case Or():
            return " || ".join(safe), True
        case Conditional():
            return f"{safe[0]} ? {safe[1]} : {safe[2]}", True
        case ListExpr():
            return f"[{', '.join(plain)}]", False
        case MapExpr():
            keys = [json.dumps(key, ensure_ascii=False) for key in node.keys]
            return "{" + ", ".join(f"{k}: {v}" for k, v in zip(keys, plain, strict=True)) + "}", False
        case HasKey():
            return f"has({safe[0]}.{node.key})", False
        case Comprehension():
            return f"{safe[0]}.{node.kind}({', '.join([node.variable, *plain[1:]])})", False
        case Call():
            return _write_call(node, plain, safe)
        case _:
            raise TypeError(f"no CEL text for {type(node).__name__}")


def _write_call(node: Call, plain: list[str], safe: list[str]) -> tuple[str, bool]:
    written, arity = FUNCTIONS[node.function]
    if node.function == "identity" and node.type != DYN:
        return safe[0], False
    if written in _INFIX and arity == 2:
        return f"{safe[0]} {written} {safe[1]}", True
    if arity == 1 and written in ("!", "-"):
        return f"{written}{safe[0]}", True
    if written == "[]":
        return f"{safe[0]}[{plain[1]}]", False
    if written in _GLOBAL:
        return f"{written}({plain[0]})", False
    return f"{safe[0]}.{written}({', '.join(plain[1:])})", False


def literal_text(kind: Type, value: Any) -> str:
    """Return the CEL text of a constant."""
    if isinstance(value, tuple):
        element = kind.parameters[0] if kind.parameters else DYN
        return "[" + ", ".join(literal_text(element, item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'double("{value}")'
    if kind.name == "timestamp":
        return f'timestamp("{format_timestamp(value)}")'
    if kind.name == "duration":
        return f'duration("{format_duration(value)}")'
    return str(value)
