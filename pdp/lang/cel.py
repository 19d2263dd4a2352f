"""The door to CEL: Google's parser and type checker, and what they say in this product's words.

`Environment.compile` parses and checks one expression against the declared attributes and lowers it (`lower`).
`Environment.evaluate` is the plain evaluation by Google's runtime that analysis and tests trust.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from cel.expr import checked_pb2
from cel_expr_python import cel
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2

from pdp.lang.expr import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    Expr,
    Type,
    list_of,
    map_of,
)
from pdp.lang.lower import LoweringError, lower
from pdp.lang.model import Attribute
from pdp.source import SourceText
from pdp.values import NANOS, AttributeType

# Google's runtime looks for time zones where the system keeps them; every node must have the same ones (`zones`).
os.environ.setdefault("TZDIR", str(resources.files("tzdata").joinpath("zoneinfo")))

MAX_LENGTH = 4_096
# Google's environments take a millisecond to make and 140 KiB each.
_MAX_SCOPES = 64

TYPES: Mapping[AttributeType, Type] = {
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

_SCALARS = {
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bool": cel.Type.BOOL,
    "string": cel.Type.STRING,
    "timestamp": cel.Type.TIMESTAMP,
    "duration": cel.Type.DURATION,
    "dyn": cel.Type.DYN,
}
_ISSUE = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)' \(in container ''\)")
_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '(.*)'$")
_SYNTAX = re.compile(r"Syntax error: (?:mismatched|extraneous|no viable alternative at|token recognition error at:?)"
                     r"(?: input)?:? '(.*?)'(?: expecting .*)?$")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong at an offset (code points) of an expression; `name` is what it does not know, if that is it."""

    offset: int
    length: int
    code: str
    message: str
    hint: str = ""
    name: str = ""


class CelIssuesError(Exception):
    """An expression that cannot be used, with every issue found."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("; ".join(issue.message for issue in issues))
        self.issues = issues


@dataclass(frozen=True, slots=True)
class Compiled:
    """A checked expression."""

    expr: Expr
    checked: bytes


class Environment:
    """Types the attributes of one policy set and, per policy, its variables."""

    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        self._types = {name: _cel_type(TYPES[a.type]) for name, a in attributes.items()}
        self._plain = Scope(cel.NewEnv(variables=self._types), self._types, ())
        self._scopes: dict[tuple[tuple[str, Type], ...], Scope] = {}

    def scope(self, variables: Mapping[str, Type]) -> Scope:
        """Return a scope in which `vars.<name>` has these types."""
        if not variables:
            return self._plain
        key = tuple(variables.items())
        known = self._scopes.get(key)
        if known is None:
            added = {f"vars.{name}": _cel_type(kind) for name, kind in variables.items()}
            env = cel.NewEnv(variables=self._types | added)
            known = Scope(env, self._types, tuple(variables), self._plain)
            if len(self._scopes) >= _MAX_SCOPES:
                self._scopes.clear()
            self._scopes[key] = known
        return known


class Scope:
    """Compiles and evaluates expressions over attributes and some variables.

    Expressions without variables are compiled in the `plain` scope, once for all policies.
    """

    def __init__(
        self, env: cel.Env, attributes: Mapping[str, Any], variables: tuple[str, ...], plain: Scope | None = None
    ) -> None:
        self._env = env
        self._plain = plain
        self._compiled: dict[str, Compiled] = {}
        self._readable: dict[bytes, cel.Expression] = {}
        self._names = [*attributes, *(f"vars.{name}" for name in variables)]

    def compile(self, text: str) -> Compiled:
        """Parse, type-check and lower an expression. Raises CelIssuesError with every issue."""
        known = self._compiled.get(text)
        if known is None:
            known = self._compiled[text] = self._compile_plain(text) or self._compile(text)
        return known

    def _compile_plain(self, text: str) -> Compiled | None:
        if self._plain is None or may_use_variables(text):
            return None
        try:
            return self._plain.compile(text)
        except CelIssuesError:
            return None  # found again here, where variables may be what was meant

    def _compile(self, text: str) -> Compiled:
        if len(text) > MAX_LENGTH:
            message = f"the expression is {len(text)} characters long, the limit is {MAX_LENGTH}"
            raise CelIssuesError([Issue(0, 1, "cel-limit", message, "split it into clauses or variables")])
        if not text.strip():
            message = "the expression is empty"
            raise CelIssuesError([Issue(0, 1, "cel-syntax", message, "write a condition or leave it out")])
        try:
            compiled = self._env.compile(text)
        except (RuntimeError, ValueError) as error:
            raise CelIssuesError(self._issues(text, str(error))) from None
        wrapped = any_pb2.Any.FromString(compiled.serialize())
        checked = checked_pb2.CheckedExpr.FromString(wrapped.value)
        try:
            expr = lower(checked, text)
        except LoweringError as error:
            raise CelIssuesError([Issue(error.offset, 1, error.code, error.message, error.hint)]) from None
        # The position table and the text itself stay with the source: a runtime needs neither.
        checked.ClearField("source_info")
        return Compiled(expr, checked.SerializeToString(deterministic=True))

    def evaluate(self, checked: bytes, values: Mapping[str, Any]) -> Any:
        """Evaluate by Google's runtime; values as `to_cel` makes them, by dotted name and `vars.<name>`.

        Returns None when the expression is undecided. Times that come back have lost what is below a microsecond.
        """
        expression = self._readable.get(checked)
        if expression is None:
            wrapped = any_pb2.Any(value=checked, type_url="type.googleapis.com/cel.expr.CheckedExpr")
            expression = self._readable[checked] = self._env.deserialize(wrapped.SerializeToString())
        result = expression.eval(data=dict(values))
        return None if result.type().name() == "ERROR" else result.plain_value()

    def _issues(self, text: str, report: str) -> list[Issue]:
        lines = text.split("\n")
        issues = []
        for line, column, message in _ISSUE.findall(report):
            offset = sum(len(part) + 1 for part in lines[: int(line) - 1]) + int(column) - 1
            issues.append(self._issue(text, min(offset, len(text)), message))
        return issues or [Issue(0, len(text), "cel-syntax", report.removesuffix(" [INVALID_ARGUMENT]"))]

    def _issue(self, text: str, offset: int, message: str) -> Issue:
        if match := _UNDECLARED.search(message):
            name = match.group(1)
            start = _name_start(text, offset, name)
            if text[start + len(name) :].lstrip().startswith("("):
                return Issue(start, len(name), "cel-function", f"unknown function `{name}`",
                             "the functions of conditions are listed in the policy language guide")  # fmt: skip
            near = difflib.get_close_matches(name, self._names, 1)
            kind = "variable" if name.startswith("vars.") else "attribute"
            hint = f"did you mean `{near[0]}`" if near else f"declare the {kind}, or put a text in quotes"
            return Issue(start, len(name), f"unknown-{kind}", f"unknown {kind} `{name}`", hint, name)
        if match := _OVERLOAD.search(message):
            operator, types = match.groups()
            words = no_overload(operator, types)
            return Issue(offset, len(_symbol(operator)), "cel-type", words, _overload_hint(types))
        if match := _SYNTAX.search(message):
            found = match.group(1)
            what = "the expression ends too early" if found == "<EOF>" else f"`{found}` is not expected here"
            return Issue(offset, 1, "cel-syntax", what, "check brackets, quotes and operators")
        code = "cel-syntax" if message.startswith("Syntax error") else "cel-type"
        return Issue(offset, 1, code, message.removeprefix("Syntax error: "))


def may_use_variables(text: str) -> bool:
    """Return False only for an expression that means the same in every policy."""
    return "vars" in text


def _cel_type(kind: Type) -> cel.Type:
    if kind.name == "list":
        return cel.Type.List(_cel_type(kind.parameters[0]))
    if kind.name == "map":
        return cel.Type.Map(_cel_type(kind.parameters[0]), _cel_type(kind.parameters[1]))
    return _SCALARS[kind.name]


def _name_start(text: str, offset: int, name: str) -> int:
    """Google points at the last dot of a dotted name; people look for its beginning."""
    start = text.rfind(name, 0, offset + len(name))
    return start if start >= 0 else offset


def no_overload(operator: str, types: str) -> str:
    """Say that an operator does not apply to types, which stand as `(int, list(string))`."""
    shown = _symbol(operator)
    parts, depth = [""], 0
    for letter in types.removeprefix("(").removesuffix(")").replace("google.protobuf.", "").lower():
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    first, *others = (part.strip() for part in parts)
    if len(others) == 1:
        return f"`{shown}` does not apply to {first} and {others[0]}"
    return f"`{shown}` does not apply to {', '.join([first, *others])}"


def _symbol(operator: str) -> str:
    """Return an operator, such as `_<_`, as it is written."""
    return operator.replace("_", "").replace("@", "") or operator


def _overload_hint(types: str) -> str:
    if "int" in types and "double" in types:
        return "convert one side with `double(…)` or write the number with a decimal point, such as `3.0`"
    if "string" in types and ("int" in types or "double" in types):
        return "numbers stand without quotes, texts with them"
    return "both sides must be of types that the operator knows"


def to_cel(kind: AttributeType, value: Any) -> Any:
    """Return the object by which Google's runtime knows a value of `pdp.values`.

    Times go as messages: they keep nanoseconds, and an environment that has not compiled anything refuses datetimes.
    """
    match kind:
        case AttributeType.TIMESTAMP:
            return timestamp_pb2.Timestamp(seconds=value // NANOS, nanos=value % NANOS)
        case AttributeType.DURATION:
            seconds, nanos = divmod(abs(value), NANOS)
            sign = -1 if value < 0 else 1
            return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * nanos)
        case AttributeType.STRING_LIST | AttributeType.INT_LIST | AttributeType.DOUBLE_LIST:
            return list(value)
        case _:
            return value


_TOKEN = re.compile(
    r"""(?P<string>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"|(?P<comment>//[^\n]*)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<and>&&)|(?P<loose>\|\||\?)",
    re.DOTALL,
)


def split_conjunction(text: SourceText) -> Iterator[SourceText]:
    """Yield the operands of the outermost `&&`, so that each is a clause of its own in traces and coverage."""
    operands = _operands(text.value)
    if operands is None:
        yield text
        return
    for start, end in operands:
        piece = text.value[start:end]
        lead, tail = len(piece) - len(piece.lstrip()), len(piece) - len(piece.rstrip())
        yield text.slice(start + lead, end - tail) if piece.strip() else text.slice(start, end)


@functools.lru_cache(maxsize=4_096)  # rules repeat each other
def _operands(text: str) -> tuple[tuple[int, int], ...] | None:
    """Return where the operands of the outermost `&&` begin and end; None when the text is to be left whole."""
    depth, cuts = 0, [0]
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "and" if depth == 0:
                cuts += [token.start(), token.end()]
            case "loose" if depth == 0:
                return None  # `||` and `?:` bind less tightly than `&&`: the whole is one clause
    if depth != 0:
        return None
    cuts.append(len(text))
    return tuple(zip(cuts[::2], cuts[1::2], strict=True))
