"""From a typed condition to the text of a Python expression.

The text has CEL's value wherever evaluating it raises nothing. `and`, `or`, `any` and `all` stop at the first operand
that settles them and so may skip an undecided one, which CEL absorbs too; but where an undecided operand comes
*before* the one that settles the matter, the text raises UndecidedError although CEL has a value. `exact` then decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pdp.engine.exact import OUTER
from pdp.engine.runtime import FUNCTIONS
from pdp.errors import UndecidedError
from pdp.lang.expr import (
    DYN,
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
    walk,
)

_PLAIN = frozenset({"int", "bool", "string", "timestamp", "duration"})
_OPERATORS = {
    "less": "<",
    "less_equals": "<=",
    "greater": ">",
    "greater_equals": ">=",
    "add_double": "+",
    "subtract_double": "-",
    "multiply_double": "*",
    "concat_string": "+",
    "concat_list": "+",
}
_METHODS = {"starts_with": "startswith", "ends_with": "endswith"}


def attribute_variable(name: str) -> str:
    """Return the Python name that holds an attribute: `subject.level` is `subject_level`."""
    return name.replace(".", "_") + "_"


# What a clock in a time zone shows now: never undecided, so it may be read before it is needed.
_CLOCK = frozenset({"day_of_week", "hours", "minutes", "seconds"})


def _clock_reading(node: Expr) -> tuple[str, str] | None:
    """Return (function, time zone) of an expression such as `now.getHours("Asia/Shanghai")`; None for any other."""
    match node:
        case Call(function=function, args=(AttributeRef(name="now"), Literal(value=zone))) if function in _CLOCK:
            return function, zone
    return None


def clock_readings(node: Expr, variables: Mapping[str, Expr]) -> Iterator[tuple[str, str]]:
    """Yield the clock readings of an expression, through the variables it uses."""
    for part in walk(node):
        reading = _clock_reading(part)
        if reading is not None:
            yield reading
        elif isinstance(part, VariableRef):
            yield from clock_readings(variables[part.name], variables)


def used_first(node: Expr, variables: Mapping[str, Expr]) -> Iterator[str]:
    """Yield attributes without which an expression is undecided whatever else holds: what is used before anything else.

    Not all of them, but none that an operand could make unnecessary.
    """
    match node:
        case AttributeRef(name=name):
            yield name
        case VariableRef(name=name):
            yield from used_first(variables[name], variables)
        case And(operands=operands) | Or(operands=operands):
            yield from used_first(operands[0], variables)
        case Conditional(condition=condition):
            yield from used_first(condition, variables)
        case HasKey(operand=operand):
            yield from used_first(operand, variables)
        case Call(args=args):  # functions are strict
            for arg in args:
                yield from used_first(arg, variables)


class Codegen:
    """Writes the expressions of one policy.

    `variables` are its named expressions; `clock` names the Python variables that already hold clock readings.
    """

    def __init__(
        self, variables: Mapping[str, Expr], clock: Mapping[tuple[str, str], str] = MappingProxyType({})
    ) -> None:
        self._variables = variables
        self._clock = clock

    def condition(self, expr: Expr) -> str:
        """Return the Python text of an expression."""
        return self._text(fold(expr), {})

    def _text(self, node: Expr, local: Mapping[str, str]) -> str:
        match node:
            case Literal(value=value):
                return _constant(value)
            case AttributeRef(name=name):
                return attribute_variable(name)
            case VariableRef(name=name):
                return self._text(fold(self._variables[name]), {OUTER: local[OUTER]} if OUTER in local else {})
            case LocalRef(name=name):
                return local[name]
            case And(operands=operands):
                return f"({' and '.join(self._text(o, local) for o in operands)})"
            case Or(operands=operands):
                return f"({' or '.join(self._text(o, local) for o in operands)})"
            case Conditional(condition=condition, then=then, otherwise=otherwise):
                chosen = (self._text(then, local), self._text(condition, local), self._text(otherwise, local))
                return "({} if {} else {})".format(*chosen)
            case ListExpr(items=items):
                return f"make_list({self._tuple(items, local)})"
            case MapExpr(keys=keys, values=values):
                return f"make_map({keys!r}, {self._tuple(values, local)})"
            case HasKey(operand=operand, key=key):
                return f"({key!r} in {self._text(operand, local)})"
            case Comprehension():
                return self._comprehension(node, local)
            case Call():
                return self._call(node, local)
        raise AssertionError(f"no text for {type(node).__name__}")

    def _tuple(self, items: tuple[Expr, ...], local: Mapping[str, str]) -> str:
        return "(" + "".join(self._text(i, local) + ", " for i in items) + ")"

    def _call(self, node: Call, local: Mapping[str, str]) -> str:
        name = node.function
        reading = _clock_reading(node)
        if reading is not None and reading in self._clock:
            return self._clock[reading]
        kinds = [arg.type for arg in node.args]
        if name == "in_list" and isinstance(node.args[1], Literal) and _plain(kinds[0]) and _plain(kinds[1]):
            sought, constants = self._text(node.args[0], local), node.args[1].value
            if len(constants) == 1:
                return f"({sought} == {_constant(constants[0])})"
            # A set of constants: one hash however long the list.
            return f"({sought if constants else _used(node.args[0], sought)} in {_constant_set(constants)})"
        args = [self._text(arg, local) for arg in node.args]
        if name in ("equals", "not_equals") and (all(map(_plain, kinds)) or kinds[0] == kinds[1] == _DOUBLE):
            return f"({args[0]} {'==' if name == 'equals' else '!='} {args[1]})"
        if name in ("less", "less_equals", "greater", "greater_equals") and (kinds[0] != kinds[1] or kinds[0] == DYN):
            return f"{name}({', '.join(args)})"
        if name in _OPERATORS:
            return f"({args[0]} {_OPERATORS[name]} {args[1]})"
        if name == "not":
            return f"(not {args[0]})"
        if name in ("in_map", "contains") or (name == "in_list" and all(map(_plain, kinds))):
            item, container = (0, 1) if name != "contains" else (1, 0)
            needle = args[item] if name == "in_map" else _used(node.args[item], args[item])
            return f"({needle} in {args[container]})"
        if name in _METHODS:
            return f"{args[0]}.{_METHODS[name]}({_used(node.args[1], args[1])})"
        if name.startswith("size_"):
            return f"len({args[0]})"
        return f"{name}({', '.join(args)})"

    def _comprehension(self, node: Comprehension, local: Mapping[str, str]) -> str:
        # Depth makes the name unique, so that a nested loop may reuse the outer one's.
        item = f"{node.variable}_{len(local)}"
        inner = {**local, node.variable: item}
        source = self._text(node.range, local)
        loop = f"for {item} in {source}"
        if OUTER in local:
            loop = f"for {item} in within({source}, {local[OUTER]})"
        elif any(self._loops(part) for part in (node.condition, node.transform) if part is not None):
            inner[OUTER] = f"{item}_all"
            loop = f"for {item}_all in ({source},) for {item} in {item}_all"
        condition = self._text(node.condition, inner) if node.condition is not None else ""
        match node.kind:
            case "all" | "exists":
                return f"{'all' if node.kind == 'all' else 'any'}({condition} {loop})"
            case "exists_one":
                return f"(count_true({condition} {loop}) == 1)"
            case "filter":
                return f"make_list({item} {loop} if {condition})"
            case _:
                transform = self._text(node.transform, inner) if node.transform is not None else item
                suffix = f" if {condition}" if condition else ""
                return f"make_list({transform} {loop}{suffix})"

    def _loops(self, node: Expr) -> bool:
        """Whether an expression has a macro in it, itself or through a variable."""
        return any(
            isinstance(part, Comprehension)
            or (isinstance(part, VariableRef) and self._loops(self._variables[part.name]))
            for part in walk(node)
        )


_DOUBLE = Type("double")


def _used(node: Expr, text: str) -> str:
    """Return the text of an operand that Python might not look at, such as what is sought in an empty list."""
    return text if isinstance(node, Literal | LocalRef | Call | HasKey) else f"present({text})"


def _plain(kind: Type) -> bool:
    """Whether Python's `==` and `in` are CEL's for this type: not for doubles inside lists, nor for dyn."""
    return kind.name in _PLAIN or (kind.name in ("list", "map") and all(_plain(p) for p in kind.parameters))


def _constant(value: Any) -> str:
    if isinstance(value, float) and value - value != 0:  # infinite or not a number
        return f"float({str(value)!r})"
    if isinstance(value, tuple):
        return "(" + "".join(_constant(item) + ", " for item in value) + ")"
    return ascii(value)


def _constant_set(values: tuple[Any, ...]) -> str:
    # Python makes a frozenset constant of a set display behind `in`; the order keeps generated code deterministic.
    unique = list(dict.fromkeys(values))
    return "{" + ", ".join(_constant(v) for v in unique) + "}" if unique else "()"


def fold(node: Expr) -> Expr:
    """Return the expression with strict calls on constants replaced by their value, where they have one."""
    match node:
        case Call(function=function, args=args):
            folded = tuple(fold(a) for a in args)
            if all(isinstance(a, Literal) for a in folded):
                try:
                    value = FUNCTIONS[function](*(a.value for a in folded if isinstance(a, Literal)))
                except UndecidedError:
                    return Call(node.type, node.offset, function, folded)
                return Literal(node.type, node.offset, value)
            return Call(node.type, node.offset, function, folded)
        case And(operands=operands):
            return And(node.type, node.offset, tuple(fold(o) for o in operands))
        case Or(operands=operands):
            return Or(node.type, node.offset, tuple(fold(o) for o in operands))
        case Conditional():
            parts = (fold(node.condition), fold(node.then), fold(node.otherwise))
            return Conditional(node.type, node.offset, *parts)
        case _:
            return node
