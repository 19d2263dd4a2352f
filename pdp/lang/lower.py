"""From Google's CheckedExpr to the tree of `expr`; whatever the product cannot evaluate alike everywhere is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import re2
from cel.expr import checked_pb2, syntax_pb2

from pdp.errors import ValueFormatError
from pdp.lang.expr import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
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
    list_of,
    map_of,
)
from pdp.lang.patterns import compile_pattern
from pdp.lang.zones import zone_names, zone_offset
from pdp.values import parse_duration, parse_timestamp

MAX_NODES = 500
MAX_LOOPS = 2

_PRIMITIVES = {
    checked_pb2.Type.BOOL: BOOL,
    checked_pb2.Type.INT64: INT,
    checked_pb2.Type.DOUBLE: DOUBLE,
    checked_pb2.Type.STRING: STRING,
}
_WELL_KNOWN = {checked_pb2.Type.TIMESTAMP: TIMESTAMP, checked_pb2.Type.DURATION: DURATION}
_ROOTS = frozenset({"subject", "action", "resource", "context", "grant", "now", "vars"})
_ORDERED = frozenset({INT, DOUBLE, BOOL, STRING, TIMESTAMP, DURATION, DYN})
_DYNAMIC = frozenset({INT, DOUBLE, BOOL, STRING, DYN})

_COMPARISONS = {
    "_==_": "equals",
    "_!=_": "not_equals",
    "_<_": "less",
    "_<=_": "less_equals",
    "_>_": "greater",
    "_>=_": "greater_equals",
}
# (CEL function, types of the arguments) → name; list and map stand for any list and any map.
_STRICT: Mapping[tuple[str, tuple[str, ...]], str] = {
    ("!_", ("bool",)): "not",
    ("_+_", ("int", "int")): "add_int",
    ("_-_", ("int", "int")): "subtract_int",
    ("_*_", ("int", "int")): "multiply_int",
    ("_/_", ("int", "int")): "divide_int",
    ("_%_", ("int", "int")): "modulo_int",
    ("-_", ("int",)): "negate_int",
    ("_+_", ("double", "double")): "add_double",
    ("_-_", ("double", "double")): "subtract_double",
    ("_*_", ("double", "double")): "multiply_double",
    ("_/_", ("double", "double")): "divide_double",
    ("-_", ("double",)): "negate_double",
    ("_+_", ("string", "string")): "concat_string",
    ("_+_", ("list", "list")): "concat_list",
    ("_+_", ("duration", "duration")): "add_duration",
    ("_-_", ("duration", "duration")): "subtract_duration",
    ("_+_", ("timestamp", "duration")): "timestamp_plus_duration",
    ("_+_", ("duration", "timestamp")): "duration_plus_timestamp",
    ("_-_", ("timestamp", "duration")): "timestamp_minus_duration",
    ("_-_", ("timestamp", "timestamp")): "timestamp_minus_timestamp",
    ("_[_]", ("list", "int")): "index_list",
    ("_[_]", ("map", "string")): "index_map",
    ("_[_]", ("map", "int")): "index_map",
    ("size", ("string",)): "size_string",
    ("size", ("list",)): "size_list",
    ("size", ("map",)): "size_map",
    ("contains", ("string", "string")): "contains",
    ("startsWith", ("string", "string")): "starts_with",
    ("endsWith", ("string", "string")): "ends_with",
    ("int", ("int",)): "identity",
    ("int", ("double",)): "int_from_double",
    ("int", ("timestamp",)): "int_from_timestamp",
    ("double", ("double",)): "identity",
    ("double", ("int",)): "double_from_int",
    ("string", ("string",)): "identity",
    ("string", ("int",)): "string_from_int",
    ("string", ("bool",)): "string_from_bool",
    ("bool", ("bool",)): "identity",
    ("timestamp", ("timestamp",)): "identity",
    ("timestamp", ("int",)): "timestamp_from_int",
    ("duration", ("duration",)): "identity",
}
_TIMESTAMP_ACCESSORS = {
    "getFullYear": "year",
    "getMonth": "month",
    "getDayOfYear": "day_of_year",
    "getDayOfMonth": "day_of_month",
    "getDate": "date",
    "getDayOfWeek": "day_of_week",
    "getHours": "hours",
    "getMinutes": "minutes",
    "getSeconds": "seconds",
    "getMilliseconds": "milliseconds",
}
_DURATION_ACCESSORS = {
    "getHours": "duration_hours",
    "getMinutes": "duration_minutes",
    "getSeconds": "duration_seconds",
    "getMilliseconds": "duration_milliseconds",
}
_UNPORTABLE: Final = "runtimes in other languages evaluate it differently, so it is not part of the policy language"


class LoweringError(Exception):
    """A construct that is not part of the policy language, at an offset of the expression."""

    def __init__(self, offset: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.hint = hint


def lower(checked: checked_pb2.CheckedExpr, text: str = "") -> Expr:
    """Return the tree of a checked expression. Raises LoweringError.

    `text` is the expression as written; without it (an expression out of a bundle, already judged) offsets are 0.
    """
    return _Lowering(checked, text).node(checked.expr, frozenset(), 0)


class _Lowering:
    def __init__(self, checked: checked_pb2.CheckedExpr, text: str) -> None:
        self._types = checked.type_map
        self._positions = dict(checked.source_info.positions)
        self._text = text
        self._nodes = 0

    def node(self, expr: syntax_pb2.Expr, local: frozenset[str], loops: int) -> Expr:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"the expression has more than {MAX_NODES} nodes"
            raise LoweringError(self._at(expr), "cel-limit", message, "split it into variables")
        match expr.WhichOneof("expr_kind"):
            case "const_expr":
                return self._constant(expr)
            case "ident_expr":
                return self._identifier(expr, local)
            case "select_expr":
                return self._select(expr, local, loops)
            case "call_expr":
                return self._call(expr, local, loops)
            case "list_expr":
                return self._list(expr, local, loops)
            case "struct_expr":
                return self._map(expr, local, loops)
            case "comprehension_expr":
                return self._comprehension(expr, local, loops)
            case other:
                raise self._refusal(expr, f"`{other}` is not supported")

    def _at(self, expr: syntax_pb2.Expr) -> int:
        return int(self._positions.get(expr.id, 0))

    def _refusal(self, expr: syntax_pb2.Expr, message: str, hint: str = _UNPORTABLE) -> LoweringError:
        return LoweringError(self._at(expr), "cel-unsupported", message, hint)

    def _type(self, expr: syntax_pb2.Expr) -> Type:
        found = self._convert(self._types[expr.id]) if expr.id in self._types else DYN
        if found is None:
            raise self._refusal(expr, "the type of this expression is not supported")
        return found

    def _convert(self, kind: checked_pb2.Type) -> Type | None:
        match kind.WhichOneof("type_kind"):
            case "primitive":
                return _PRIMITIVES.get(kind.primitive)
            case "well_known":
                return _WELL_KNOWN.get(kind.well_known)
            case "dyn":
                return DYN
            case "list_type":
                element = self._convert(kind.list_type.elem_type)
                return list_of(element) if element else None
            case "map_type":
                key = self._convert(kind.map_type.key_type)
                value = self._convert(kind.map_type.value_type)
                return map_of(key, value) if key and value else None
            case "type_param":
                return DYN  # the element type of an empty literal
            case _:
                return None

    def _constant(self, expr: syntax_pb2.Expr) -> Expr:
        constant = expr.const_expr
        at = self._at(expr)
        match constant.WhichOneof("constant_kind"):
            case "bool_value":
                return Literal(BOOL, at, constant.bool_value)
            case "int64_value":
                return Literal(INT, at, constant.int64_value)
            case "double_value":
                return Literal(DOUBLE, at, constant.double_value)
            case "string_value":
                return Literal(STRING, at, constant.string_value)
            case other:
                name = str(other).removesuffix("_value").replace("64", "")
                raise self._refusal(expr, f"a constant of type `{name}` is not supported")

    def _identifier(self, expr: syntax_pb2.Expr, local: frozenset[str]) -> Expr:
        name, at = expr.ident_expr.name, self._at(expr)
        if name in local:
            return LocalRef(self._type(expr), at, name)
        if self._text[at : at + 1] == "(":
            # Google's checker turns `has(subject.level)` into the attribute itself: reading it so would be wrong.
            raise LoweringError(
                at,
                "cel-unsupported",
                f"`has` asks for the key of a map, and `{name}` is not one",
                "a missing attribute leaves the condition undecided by itself; give it a `default` to tell it apart",
            )
        start = max(self._text.rfind(name, 0, at + len(name)), 0) if self._text else 0
        if name.startswith("vars."):
            return VariableRef(self._type(expr), start, name.removeprefix("vars."))
        if name != "now" and "." not in name:
            raise self._refusal(expr, f"the name `{name}` has no value", "names of types cannot be used as values")
        return AttributeRef(self._type(expr), start, name)

    def _select(self, expr: syntax_pb2.Expr, local: frozenset[str], loops: int) -> Expr:
        select = expr.select_expr
        operand = self.node(select.operand, local, loops)
        if operand.type.name != "map" or operand.type.parameters[0] != STRING:
            raise self._refusal(expr, f"`.{select.field}` needs a map with text keys", "")
        if select.test_only:
            return HasKey(BOOL, self._at(expr), operand, select.field)
        key = Literal(STRING, self._at(expr), select.field)
        return Call(self._type(expr), self._at(expr), "index_map", (operand, key))

    def _list(self, expr: syntax_pb2.Expr, local: frozenset[str], loops: int) -> Expr:
        if expr.list_expr.optional_indices:
            raise self._refusal(expr, "optional list elements are not supported")
        items = tuple(self.node(e, local, loops) for e in expr.list_expr.elements)
        kind = self._type(expr)
        if kind.parameters[0] == DYN and any(item.type not in _DYNAMIC for item in items):
            raise self._refusal(expr, "a list that mixes types may hold only numbers, texts and booleans")
        if all(isinstance(item, Literal) for item in items):
            return Literal(kind, self._at(expr), tuple(i.value for i in items if isinstance(i, Literal)))
        return ListExpr(kind, self._at(expr), items)

    def _map(self, expr: syntax_pb2.Expr, local: frozenset[str], loops: int) -> Expr:
        struct = expr.struct_expr
        if struct.message_name:
            raise self._refusal(expr, f"the message `{struct.message_name}` is not supported", "use attributes")
        keys: list[Any] = []
        values: list[Expr] = []
        for entry in struct.entries:
            key = self.node(entry.map_key, local, loops)
            if entry.optional_entry or not isinstance(key, Literal) or key.type not in (STRING, INT):
                raise self._refusal(entry.map_key, "the keys of a map must be constant texts or whole numbers", "")
            keys.append(key.value)
            values.append(self.node(entry.value, local, loops))
        kind = self._type(expr)
        if kind.parameters[0] not in (STRING, INT) and keys:
            raise self._refusal(expr, "the keys of a map must be of one type", "")
        if kind.parameters[1] == DYN and any(v.type not in _DYNAMIC for v in values):
            raise self._refusal(expr, "a map that mixes types may hold only numbers, texts and booleans")
        return MapExpr(kind, self._at(expr), tuple(keys), tuple(values))

    def _call(self, expr: syntax_pb2.Expr, local: frozenset[str], loops: int) -> Expr:
        call = expr.call_expr
        operands = ([call.target] if call.HasField("target") else []) + list(call.args)
        name, kind, at = call.function, self._type(expr), self._at(expr)
        args = tuple(self.node(o, local, loops) for o in operands)
        match name:
            case "_&&_":
                self._require(args, "bool")
                return And(BOOL, at, _flatten(And, args))
            case "_||_":
                self._require(args, "bool")
                return Or(BOOL, at, _flatten(Or, args))
            case "_?_:_":
                self._require(args[:1], "bool")
                return Conditional(kind, at, *args)
            case "dyn":
                if args[0].type not in _DYNAMIC:
                    raise self._refusal(expr, f"`dyn` of {args[0].type} is not supported")
                return Call(DYN, at, "identity", args)
            case "@in":
                return self._membership(expr, args)
            case "timestamp" if args[0].type == STRING:
                return self._parsed(expr, args[0], TIMESTAMP, parse_timestamp)
            case "duration" if args[0].type == STRING:
                return self._parsed(expr, args[0], DURATION, parse_duration)
            case "matches":
                return self._matches(expr, args)
        if name in _COMPARISONS:
            return self._comparison(expr, _COMPARISONS[name], args)
        if name in _TIMESTAMP_ACCESSORS and args[0].type == TIMESTAMP:
            return self._accessor(expr, _TIMESTAMP_ACCESSORS[name], args)
        if name in _DURATION_ACCESSORS and args[0].type == DURATION and len(args) == 1:
            return Call(INT, at, _DURATION_ACCESSORS[name], args)
        function = _STRICT.get((name, tuple(a.type.name for a in args)))
        if function is None:
            shown = name.replace("_", "").replace("@", "") or name
            types = " and ".join(str(a.type) for a in args)
            raise self._refusal(expr, f"`{shown}` of {types} is not supported")
        return Call(kind, at, function, args)

    def _require(self, args: tuple[Expr, ...], kind: str) -> None:
        """Refuse a value of a type known only at run time: CEL would fail on it where Python would go on."""
        for arg in args:
            if arg.type.name != kind:
                raise LoweringError(
                    arg.offset, "cel-unsupported", f"a {kind} is needed here, not {arg.type}", "leave out `dyn`"
                )

    def _membership(self, expr: syntax_pb2.Expr, args: tuple[Expr, ...]) -> Expr:
        item, container = args
        if container.type.name == "map":
            if item.type not in (STRING, INT):
                raise self._refusal(expr, f"`in` a map needs a text or whole number, not {item.type}")
            return Call(BOOL, self._at(expr), "in_map", args)
        self._require((container,), "list")
        return Call(BOOL, self._at(expr), "in_list", args)

    def _comparison(self, expr: syntax_pb2.Expr, function: str, args: tuple[Expr, ...]) -> Expr:
        left, right = args[0].type, args[1].type
        mixed = left != right and DYN in (left, right)
        if mixed and not {left, right} <= _DYNAMIC:
            raise self._refusal(expr, f"a comparison of {left} with {right} is not supported")
        if function not in ("equals", "not_equals") and (left not in _ORDERED or right not in _ORDERED):
            raise self._refusal(expr, f"an order of {left} and {right} is not supported")
        return Call(BOOL, self._at(expr), function, args)

    def _parsed(self, expr: syntax_pb2.Expr, arg: Expr, kind: Type, parse: Callable[[str], int]) -> Expr:
        if not isinstance(arg, Literal):
            raise self._refusal(
                expr, f"`{kind}` of a variable text is not supported", f"declare an attribute of type {kind} instead"
            )
        try:
            return Literal(kind, self._at(expr), parse(arg.value))
        except ValueFormatError as error:
            raise LoweringError(arg.offset, "cel-value", str(error)) from None

    def _matches(self, expr: syntax_pb2.Expr, args: tuple[Expr, ...]) -> Expr:
        pattern = args[1]
        self._require(args[:1], "string")
        if not isinstance(pattern, Literal):
            raise self._refusal(expr, "the pattern of `matches` must be a constant", "write the pattern in the policy")
        try:
            compile_pattern(pattern.value)
        except re2.error as error:
            message = f"`{pattern.value}` is not a RE2 pattern: {_decoded(error)}"
            raise LoweringError(pattern.offset, "cel-pattern", message) from None
        return Call(BOOL, self._at(expr), "matches", args)

    def _accessor(self, expr: syntax_pb2.Expr, function: str, args: tuple[Expr, ...]) -> Expr:
        zone = args[1] if len(args) == 2 else Literal(STRING, self._at(expr), "UTC")
        if not isinstance(zone, Literal):
            raise self._refusal(expr, "the time zone must be a constant", "")
        if zone.value not in zone_names() and zone_offset(zone.value) is None:
            raise LoweringError(
                zone.offset,
                "cel-value",
                f"`{zone.value}` is not a time zone",
                "write a name such as `Asia/Shanghai` or an offset such as `+08:00`",
            )
        return Call(INT, self._at(expr), function, (args[0], zone))

    def _comprehension(self, expr: syntax_pb2.Expr, local: frozenset[str], loops: int) -> Expr:
        loop = expr.comprehension_expr
        if loops >= MAX_LOOPS:
            raise LoweringError(
                self._at(expr), "cel-limit", f"macros are nested more than {MAX_LOOPS} deep", "simplify the condition"
            )
        if loop.iter_var in _ROOTS:
            raise LoweringError(
                self._at(expr), "cel-unsupported", f"`{loop.iter_var}` cannot be a loop variable", "choose another name"
            )
        source = self.node(loop.iter_range, local, loops)
        if source.type.name != "map":
            self._require((source,), "list")
        inner = local | {loop.iter_var}
        step, accumulator = loop.loop_step, loop.accu_var

        def build(kind: str, result: Type, condition: Any, transform: Any = None) -> Expr:
            test = self.node(condition, inner, loops + 1) if condition is not None else None
            if test is not None:
                self._require((test,), "bool")
            return Comprehension(
                result,
                self._at(expr),
                kind,
                loop.iter_var,
                source,
                test,
                self.node(transform, inner, loops + 1) if transform is not None else None,
            )

        if loop.iter_var2:
            raise self._refusal(expr, "macros with two variables are not supported")
        call = step.call_expr
        start = loop.accu_init
        if start.const_expr.HasField("bool_value") and _is_ident(loop.result, accumulator):
            if start.const_expr.bool_value and call.function == "_&&_" and _is_ident(call.args[0], accumulator):
                return build("all", BOOL, call.args[1])
            if not start.const_expr.bool_value and call.function == "_||_" and _is_ident(call.args[0], accumulator):
                return build("exists", BOOL, call.args[1])
        if start.const_expr.HasField("int64_value") and call.function == "_?_:_":
            return build("exists_one", BOOL, call.args[0])
        if start.WhichOneof("expr_kind") == "list_expr" and _is_ident(loop.result, accumulator):
            condition = None
            if call.function == "_?_:_":
                condition, call = call.args[0], call.args[1].call_expr
            if source.type.name == "map":
                raise self._refusal(expr, "`map` and `filter` need a list", "the order of a map's keys is not defined")
            if call.function == "_+_" and len(call.args[1].list_expr.elements) == 1:
                element = call.args[1].list_expr.elements[0]
                if condition is not None and _is_ident(element, loop.iter_var):
                    return build("filter", self._type(expr), condition)
                return build("map", self._type(expr), condition, element)
        raise self._refusal(expr, "this macro is not supported")


def _is_ident(expr: syntax_pb2.Expr, name: str) -> bool:
    return bool(expr.WhichOneof("expr_kind") == "ident_expr" and expr.ident_expr.name == name)


def _flatten(kind: type[And] | type[Or], args: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Kleene's connectives are associative, so nested ones become one."""
    flat: list[Expr] = []
    for arg in args:
        flat.extend(arg.operands if isinstance(arg, kind) else (arg,))
    return tuple(flat)


def _decoded(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode() if isinstance(reason, bytes) else str(reason)
