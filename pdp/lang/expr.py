"""A condition as a typed tree, the one form that the compiler, the analyser and the sentences read.

`cel.lower` makes it from Google's CheckedExpr. It holds only what every part of the product can handle: a construct
that cannot be lowered is refused by `check` at its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Type:
    """A CEL type: `name` is int, double, bool, string, timestamp, duration, list, map or dyn."""

    name: str
    parameters: tuple[Type, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})" if self.parameters else self.name


INT, DOUBLE, BOOL, STRING = Type("int"), Type("double"), Type("bool"), Type("string")
TIMESTAMP, DURATION, DYN = Type("timestamp"), Type("duration"), Type("dyn")


def list_of(element: Type) -> Type:
    """Return the type of a list of these."""
    return Type("list", (element,))


def map_of(key: Type, value: Type) -> Type:
    """Return the type of a map from key to value."""
    return Type("map", (key, value))


@dataclass(frozen=True, slots=True)
class Expr:
    """Base of all nodes. `offset` is its place in the expression, in code points."""

    type: Type
    offset: int


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A constant. The value is as `pdp.values` describes; lists are tuples of values."""

    value: Any


@dataclass(frozen=True, slots=True)
class AttributeRef(Expr):
    """A request attribute, `grant.*` or `now`, by dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class VariableRef(Expr):
    """A policy variable, by name without `vars.`."""

    name: str


@dataclass(frozen=True, slots=True)
class LocalRef(Expr):
    """The loop variable of an enclosing Comprehension."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A strict function: every argument is evaluated and an undecided one leaves it undecided.

    `function` is one of FUNCTIONS. Operators on times and lists have names of their own, so that no reader needs to
    look at types to know which `+` it is.
    """

    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class And(Expr):
    """CEL's commutative `&&`: false if any operand is false, else undecided if any is, else true."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or(Expr):
    """CEL's commutative `||`: true if any operand is true, else undecided if any is, else false."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Expr):
    """`condition ? then : otherwise`; only the chosen branch is evaluated."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class ListExpr(Expr):
    """A list literal that is not constant; strict."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class MapExpr(Expr):
    """A map literal; keys are constant strings or ints; strict."""

    keys: tuple[Any, ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class HasKey(Expr):
    """`has(map.key)`."""

    operand: Expr
    key: str


@dataclass(frozen=True, slots=True)
class Comprehension(Expr):
    """A macro over a list or the keys of a map.

    `kind` is all, exists, exists_one, filter or map; `condition` is the predicate (for map: the optional filter);
    `transform` is what map computes. `all` and `exists` absorb undecided elements as `&&` and `||` do; the others are
    strict.
    """

    kind: str
    variable: str
    range: Expr
    condition: Expr | None
    transform: Expr | None


# name → (how CEL writes it, number of arguments)
FUNCTIONS: dict[str, tuple[str, int]] = {
    "not": ("!", 1),
    "equals": ("==", 2), "not_equals": ("!=", 2),
    "less": ("<", 2), "less_equals": ("<=", 2), "greater": (">", 2), "greater_equals": (">=", 2),
    "add_int": ("+", 2), "subtract_int": ("-", 2), "multiply_int": ("*", 2), "divide_int": ("/", 2),
    "modulo_int": ("%", 2), "negate_int": ("-", 1),
    "add_double": ("+", 2), "subtract_double": ("-", 2), "multiply_double": ("*", 2), "divide_double": ("/", 2),
    "negate_double": ("-", 1),
    "concat_string": ("+", 2), "concat_list": ("+", 2),
    "add_duration": ("+", 2), "subtract_duration": ("-", 2),
    "timestamp_plus_duration": ("+", 2), "duration_plus_timestamp": ("+", 2),
    "timestamp_minus_duration": ("-", 2), "timestamp_minus_timestamp": ("-", 2),
    "in_list": ("in", 2), "in_map": ("in", 2),
    "index_list": ("[]", 2), "index_map": ("[]", 2),
    "size_string": ("size", 1), "size_list": ("size", 1), "size_map": ("size", 1),
    "contains": ("contains", 2), "starts_with": ("startsWith", 2), "ends_with": ("endsWith", 2),
    "matches": ("matches", 2),
    "int_from_double": ("int", 1), "int_from_timestamp": ("int", 1), "double_from_int": ("double", 1),
    "string_from_int": ("string", 1), "string_from_bool": ("string", 1), "identity": ("dyn", 1),
    "timestamp_from_int": ("timestamp", 1),
    # On timestamps the second argument is the time zone, a constant string, "UTC" where none was written.
    "year": ("getFullYear", 2), "month": ("getMonth", 2), "day_of_year": ("getDayOfYear", 2),
    "day_of_month": ("getDayOfMonth", 2), "date": ("getDate", 2), "day_of_week": ("getDayOfWeek", 2),
    "hours": ("getHours", 2), "minutes": ("getMinutes", 2), "seconds": ("getSeconds", 2),
    "milliseconds": ("getMilliseconds", 2),
    "duration_hours": ("getHours", 1), "duration_minutes": ("getMinutes", 1), "duration_seconds": ("getSeconds", 1),
    "duration_milliseconds": ("getMilliseconds", 1),
}  # fmt: skip


def children(node: Expr) -> tuple[Expr, ...]:
    """Return the direct operands of a node, left to right."""
    match node:
        case Call(args=args):
            return args
        case And(operands=operands) | Or(operands=operands):
            return operands
        case Conditional():
            return (node.condition, node.then, node.otherwise)
        case ListExpr(items=items):
            return items
        case MapExpr(values=values):
            return values
        case HasKey():
            return (node.operand,)
        case Comprehension():
            return tuple(e for e in (node.range, node.condition, node.transform) if e is not None)
        case _:
            return ()


def walk(node: Expr) -> Iterator[Expr]:
    """Yield a node and everything below it, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)


def conjuncts(node: Expr) -> tuple[Expr, ...]:
    """Return the clauses of a condition: the operands of its outermost `&&`, or the condition itself."""
    return node.operands if isinstance(node, And) else (node,)


def attributes_of(node: Expr, variables: Mapping[str, Expr]) -> frozenset[str]:
    """Return the dotted names that an expression needs, through the variables it uses."""
    names: set[str] = set()
    for part in walk(node):
        if isinstance(part, AttributeRef):
            names.add(part.name)
        elif isinstance(part, VariableRef):
            names |= attributes_of(variables[part.name], variables)
    return frozenset(names)
