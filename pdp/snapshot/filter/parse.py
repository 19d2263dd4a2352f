"""From the text of a filter to a typed tree, by Google's CEL parser and type checker.

Names without a dot and functions are rewritten in the checked tree, not in the text: `kind` becomes an attribute
`record.kind`, `unmasked("f")` becomes `"f" in record.unmasked`. So `pdp.lang.lower` reads filters as it reads policies.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from cel.expr import checked_pb2, syntax_pb2
from cel_expr_python import cel
from google.protobuf import any_pb2

from pdp.errors import FilterError
from pdp.lang.cel import no_overload
from pdp.lang.expr import Expr
from pdp.lang.lower import LoweringError, lower
from pdp.snapshot.filter.names import CONSTANTS, FUNCTIONS, RECORDED, Schema
from pdp.values import AttributeType, has_surrogates

MAX_BYTES: Final = 4_096
RECORD: Final = "record."
HAS: Final = "record.has."

_TYPES: Final[Mapping[AttributeType, Any]] = {
    AttributeType.STRING: cel.Type.STRING,
    AttributeType.INT: cel.Type.INT,
    AttributeType.DOUBLE: cel.Type.DOUBLE,
    AttributeType.BOOL: cel.Type.BOOL,
    AttributeType.TIMESTAMP: cel.Type.TIMESTAMP,
    AttributeType.DURATION: cel.Type.DURATION,
    AttributeType.STRING_LIST: cel.Type.List(cel.Type.STRING),
    AttributeType.INT_LIST: cel.Type.List(cel.Type.INT),
    AttributeType.DOUBLE_LIST: cel.Type.List(cel.Type.DOUBLE),
    AttributeType.STRING_MAP: cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_ISSUE = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '(.*)'$")
_SYNTAX = re.compile(r"Syntax error: (?:mismatched|extraneous|no viable alternative at|token recognition error at:?)"
                     r"(?: input)?:? '(.*?)'(?: expecting .*)?$")  # fmt: skip
_ALL_FUNCTIONS: Final = (*FUNCTIONS, RECORDED)
_GUIDE: Final = 'a filter looks like `subject.id == "T1001" && unmasked("id_no")`'
WHAT_THERE_IS: Final = (
    "compare names by `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `startsWith`, `endsWith` and `contains`, "
    "and join them by `&&`, `||` and `!`"
)


def parse(text: str, schema: Schema) -> Expr:
    """Return the typed tree of a filter. Raises FilterError with the column of the first mistake."""
    if has_surrogates(text):
        raise FilterError("the filter holds half a character", 1, "write it as UTF-8")
    size = len(text.encode())
    if size > MAX_BYTES:
        raise FilterError(f"the filter is {size} bytes long, the limit is {MAX_BYTES}", 1, "ask in several steps")
    try:
        compiled = _environment(tuple(sorted(schema.types().items(), key=lambda item: item[0]))).compile(text)
    except (RuntimeError, ValueError) as error:
        _refuse(text, str(error), schema)
    wrapped = any_pb2.Any.FromString(compiled.serialize())
    checked = checked_pb2.CheckedExpr.FromString(wrapped.value)
    _Rewriting(checked, schema).node(checked.expr)
    try:
        return lower(checked, text)
    except LoweringError as error:
        hint = error.hint if error.code in ("cel-value", "cel-limit") else WHAT_THERE_IS
        if error.message.startswith("`has`"):
            hint = _type_hint(text, "")
        raise FilterError(_own_words(error.message), error.offset + 1, hint) from None


@functools.lru_cache(maxsize=8)
def _environment(types: tuple[tuple[str, AttributeType], ...]) -> Any:
    functions = [
        cel.FunctionDecl(name, [cel.Overload(f"{name}_string", cel.Type.BOOL, [cel.Type.STRING])])
        for name in _ALL_FUNCTIONS
    ]
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in types}, functions=functions)


class _Rewriting:
    """Gives names and functions of filters the form that conditions of policies have."""

    def __init__(self, checked: checked_pb2.CheckedExpr, schema: Schema) -> None:
        self._types = checked.type_map
        self._positions = checked.source_info.positions
        self._schema = schema
        self._next = max(self._positions, default=0) + 1_000_000

    def node(self, expr: syntax_pb2.Expr) -> None:
        match expr.WhichOneof("expr_kind"):
            case "ident_expr":
                self._identifier(expr)
            case "select_expr":
                self.node(expr.select_expr.operand)
            case "list_expr":
                for item in expr.list_expr.elements:
                    self.node(item)
            case "call_expr":
                call = expr.call_expr
                if call.HasField("target"):
                    self.node(call.target)
                for argument in call.args:
                    self.node(argument)
                if call.function in FUNCTIONS:
                    self._function(expr)
                elif call.function == RECORDED:
                    self._recorded(expr)

    def _identifier(self, expr: syntax_pb2.Expr) -> None:
        name = expr.ident_expr.name
        if name in CONSTANTS:
            expr.const_expr.int64_value = CONSTANTS[name]
        elif "." not in name:
            expr.ident_expr.name = RECORD + name

    def _function(self, expr: syntax_pb2.Expr) -> None:
        call = expr.call_expr
        self._next += 1
        held = syntax_pb2.Expr(id=self._next, ident_expr=syntax_pb2.Expr.Ident(name=RECORD + call.function))
        self._types[self._next].list_type.elem_type.primitive = checked_pb2.Type.STRING
        self._positions[self._next] = self._before(expr)
        call.function = "@in"
        call.args.append(held)

    def _recorded(self, expr: syntax_pb2.Expr) -> None:
        constant = expr.call_expr.args[0]
        at = self._positions.get(constant.id, 0)
        if constant.WhichOneof("expr_kind") != "const_expr":
            raise FilterError(f"`{RECORDED}` needs a constant name", at + 1, f'write `{RECORDED}("subject.level")`')
        name = constant.const_expr.string_value
        if self._schema.term(name) is None:
            raise _unknown_name(name, at + 2, self._schema)
        self._positions[expr.id] = self._before(expr)
        expr.ident_expr.name = HAS + name

    def _before(self, expr: syntax_pb2.Expr) -> int:
        """Return the place of the last character of a function's name; that of a call is its bracket."""
        return max(int(self._positions.get(expr.id, 0)) - 1, 0)


def _refuse(text: str, report: str, schema: Schema) -> NoReturn:
    if "recursion limit" in report:
        raise FilterError("the filter is nested too deeply", 1, "leave out brackets, or ask in several steps")
    match = _ISSUE.search(report)
    if match is None:
        raise FilterError("the filter is not an expression", 1, _GUIDE)
    lines = text.split("\n")
    offset = sum(len(part) + 1 for part in lines[: int(match[1]) - 1]) + int(match[2]) - 1
    raise _issue(text, min(offset, len(text)), match[3], schema)


def _issue(text: str, offset: int, message: str, schema: Schema) -> FilterError:
    if found := _UNDECLARED.search(message):
        name = found[1]
        start = max(text.rfind(name, 0, offset + len(name)), 0)
        if text[start + len(name) :].lstrip().startswith("("):
            near = difflib.get_close_matches(name, _ALL_FUNCTIONS, 1)
            hint = f"did you mean `{near[0]}`" if near else f"the functions are {_listed(_ALL_FUNCTIONS)}"
            return FilterError(f"there is no function `{name}`", start + 1, hint)
        return _unknown_name(name, start + 1, schema)
    if found := _OVERLOAD.search(message):
        words = no_overload(*found.groups())
        return FilterError(words, offset + 1, _type_hint(text, found[2].lower()))
    if found := _SYNTAX.search(message):
        what = "the filter ends too early" if found[1] == "<EOF>" else f"`{found[1].strip()}` is not expected here"
        return FilterError(what, offset + 1, "check brackets, quotes and operators")
    words = message.removeprefix("Syntax error: ")
    return FilterError(words[:1].lower() + words[1:], offset + 1, _GUIDE)


def _unknown_name(name: str, column: int, schema: Schema) -> FilterError:
    near = difflib.get_close_matches(name, schema.types(), 1) or difflib.get_close_matches(name.upper(), CONSTANTS, 1)
    hint = f"did you mean `{near[0]}`" if near else "put a text in quotes; an attribute must be declared"
    return FilterError(f"there is no name `{name}`", column, hint)


def _type_hint(text: str, types: str) -> str:
    if "has(" in text.replace(" ", ""):
        return f'`has` asks for the key of a map; whether a name is there tells `{RECORDED}("subject.level")`'
    if "severity" in text and "string" in types:
        return f"a severity is one of {_listed(CONSTANTS)}, without quotes"
    if "timestamp" in types:
        return 'a time is written `timestamp("2026-11-01T00:00:00+08:00")` or `now - duration("24h")`'
    if "int" in types and "double" in types:
        return "write the number with a decimal point, such as `3.0`"
    if "string" in types and ("int" in types or "double" in types):
        return "numbers stand without quotes, texts with them"
    return "both sides must be of one type"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _own_words(message: str) -> str:
    return message.replace(HAS, "").replace(RECORD, "")
