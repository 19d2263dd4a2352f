"""Amounts as buckets: exact enough to show which clauses held, and no more (DESIGN §6).

The edges of an attribute's buckets are the constants that the rules of the same bundle compare it with, and for numbers
the powers of ten. A value that rules name exactly is kept, any other as the open interval between two edges.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pdp.engine.request import KINDS, TYPE_NUMBERS, python_value, wire_value
from pdp.engine.rules import CompiledRule
from pdp.engine.runtime import MISSING
from pdp.lang.expr import AttributeRef, Call, Expr, Literal, VariableRef, walk
from pdp.v1 import snapshot_pb2, types_pb2
from pdp.values import INT_MAX, INT_MIN, AttributeType

_COMPARISONS = frozenset({"less", "less_equals", "greater", "greater_equals", "equals", "not_equals", "in_list"})
_NUMBERS = frozenset({AttributeType.INT, AttributeType.DOUBLE})
_DECADES = tuple(sorted({0, *(sign * 10**power for power in range(1, 16) for sign in (1, -1))}))
# A policy set that compares one attribute with more constants is kept apart no finer.
MAX_EDGES = 4_096


def edges_of(rules: Iterable[CompiledRule]) -> dict[str, set[Any]]:
    """Return the constants that conditions compare each attribute with."""
    found: dict[str, set[Any]] = {}
    seen: set[int] = set()
    for rule in rules:
        for condition in rule.conditions:
            _collect(condition.expr, rule.variables, found, seen)
    return found


def _collect(expr: Expr, variables: Mapping[str, Expr], found: dict[str, set[Any]], seen: set[int]) -> None:
    if id(expr) in seen:
        return
    seen.add(id(expr))
    for node in walk(expr):
        if isinstance(node, VariableRef):
            _collect(variables[node.name], variables, found, seen)
        elif isinstance(node, Call) and node.function in _COMPARISONS and len(node.args) == 2:
            names = [arg.name for arg in node.args if isinstance(arg, AttributeRef)]
            constants = [arg.value for arg in node.args if isinstance(arg, Literal)]
            if len(names) == 1 and len(constants) == 1:
                values = constants[0] if isinstance(constants[0], tuple) else (constants[0],)
                found.setdefault(names[0], set()).update(values)


def bucket_writer(
    kind: AttributeType, constants: Iterable[Any], wrap: Callable[[bytes], bytes]
) -> Callable[[types_pb2.Value], bytes | None]:
    """Return a function from a value to its serialized and wrapped Bucket; None for a value that is not of this type.

    The buckets are written and wrapped once, here.
    """
    edges = sorted({*_usable(kind, constants), *(_DECADES if kind in _NUMBERS else ())})[:MAX_EDGES]
    wires = [_wire(kind, edge) for edge in edges]
    exactly = [wrap(snapshot_pb2.Bucket(exactly=wire).SerializeToString()) for wire in wires]
    between = [
        wrap(snapshot_pb2.Bucket(above=above, below=below).SerializeToString())
        for above, below in zip([None, *wires], [*wires, None], strict=True)
    ]
    last = len(edges)
    # What most values are takes the short way.
    member = KINDS[kind] if kind in _NUMBERS else ""

    def write(value: types_pb2.Value) -> bytes | None:
        held = getattr(value, member) if member and value.HasField(member) else python_value(value, kind)
        if held is MISSING or held != held:  # noqa: PLR0124 - not a number
            return None
        place = bisect_left(edges, held)
        return exactly[place] if place < last and edges[place] == held else between[place]

    return write


def _usable(kind: AttributeType, constants: Iterable[Any]) -> Iterable[Any]:
    """Yield the constants that can be edges, as they are written: an edge must be the same here and in the record."""
    for constant in constants:
        if not isinstance(constant, int | float) or isinstance(constant, bool) or constant - constant != 0:
            continue
        if kind is AttributeType.DOUBLE:
            yield float(constant)
        elif isinstance(constant, float) and constant.is_integer():
            whole = int(constant)
            # Beyond 64 bits it lies beyond every value.
            if INT_MIN <= whole <= INT_MAX:
                yield whole
        else:
            yield constant


def _wire(kind: AttributeType, edge: Any) -> types_pb2.Value:
    """Return an edge as a Value: of the attribute's type, but for a fraction that a whole number is compared with."""
    if kind is AttributeType.INT and isinstance(edge, float):
        return wire_value(AttributeType.DOUBLE, edge)
    if kind is AttributeType.DOUBLE:
        return wire_value(kind, float(edge))
    return wire_value(kind, edge)


def representative(bucket: snapshot_pb2.Bucket, kind: AttributeType) -> types_pb2.Value | None:
    """Return some value of the type that lies in a bucket; None when there is none."""
    if bucket.HasField("exactly"):
        return bucket.exactly
    above, below = (_edge(bucket, side) for side in ("above", "below"))
    for candidate in _between(above, below, kind):
        if kind is not AttributeType.DOUBLE and not INT_MIN <= candidate <= INT_MAX:
            continue
        if (above is None or candidate > above) and (below is None or candidate < below):
            return wire_value(kind, candidate)
    return None


def _edge(bucket: snapshot_pb2.Bucket, side: str) -> Any:
    if not bucket.HasField(side):
        return None
    value = getattr(bucket, side)
    for kind in TYPE_NUMBERS:
        held = python_value(value, kind)
        if held is not MISSING:
            return held
    return None


def _between(above: Any, below: Any, kind: AttributeType) -> list[Any]:
    if above is None and below is None:
        return [0.0 if kind is AttributeType.DOUBLE else 0]
    if above is None:
        return [float(below) - max(1.0, abs(below))] if kind is AttributeType.DOUBLE else [int(below) - 1]
    if below is None:
        return [float(above) + max(1.0, abs(above))] if kind is AttributeType.DOUBLE else [int(above) + 1]
    if kind is AttributeType.DOUBLE:
        return [(above + below) / 2]
    return [(int(above) + int(below)) // 2, int(above) + 1]
