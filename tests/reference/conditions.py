"""Conditions as Google's own runtime evaluates them from their text, one by one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from cel.expr import checked_pb2
from cel_expr_python import cel
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2

from pdp.values import NANOS

# Google's runtime takes its time zones from the machine unless it is told otherwise; the engine has those of `tzdata`.
os.environ["TZDIR"] = str(resources.files("tzdata").joinpath("zoneinfo"))

BUILT_IN: Mapping[str, str] = {
    "now": "timestamp",
    "grant.active": "bool",
    "grant.kind": "string",
    "grant.approver": "string",
    "grant.approver_level": "int",
    "grant.scenario": "string",
}
_TYPES = {
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "duration": cel.Type.DURATION,
    "list(string)": cel.Type.List(cel.Type.STRING),
    "list(int)": cel.Type.List(cel.Type.INT),
    "list(double)": cel.Type.List(cel.Type.DOUBLE),
    "map(string, string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
_TEXT_OR_VARIABLE = re.compile(
    r"""[rR](?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')"""
    r"""|\"\"\"(?:\\.|.)*?\"\"\"|'''(?:\\.|.)*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
    r"|//[^\n]*|(?<![.\w])vars\.([a-z][a-z0-9_]*)",
    re.DOTALL,
)


class Condition:
    """One expression, ready to be evaluated."""

    def __init__(self, expression: cel.Expression, declared: Mapping[str, str]) -> None:
        self._expression = expression
        self._declared = declared
        checked = checked_pb2.CheckedExpr.FromString(any_pb2.Any.FromString(expression.serialize()).value)
        self.names = sorted({r.name for r in checked.reference_map.values()} & declared.keys())

    def value(self, values: Mapping[str, Any]) -> Any:
        """Return what the expression gives, None when it is undecided; values as `pdp.values` by dotted name."""
        data = {name: to_cel(self._declared[name], values[name]) for name in self.names if name in values}
        result = self._expression.eval(data=data)
        if result.type() == cel.Type.ERROR:
            return None
        return result.plain_value()


class Conditions:
    """Compiles expressions over attributes given by name and type."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.declared = {**attributes, **BUILT_IN}
        self._env = cel.NewEnv(variables={name: _TYPES[kind] for name, kind in self.declared.items()})

    def compile(self, text: str, variables: Mapping[str, str] | None = None) -> Condition:
        """Compile an expression in which `vars.<name>` stands for the text of that variable in brackets."""
        return Condition(self._env.compile(substitute(text, variables or {})), self.declared)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Replace `vars.<name>` outside of quotes and comments; variables may use those before them."""

    def replaced(match: re.Match[str]) -> str:
        return f"({substitute(variables[match.group(1)], variables)}\n)" if match.group(1) else match.group()

    return _TEXT_OR_VARIABLE.sub(replaced, text)


def to_cel(kind: str, value: Any) -> Any:
    """Return the object by which Google's wrapper takes a value without losing nanoseconds."""
    if kind == "timestamp":
        return timestamp_pb2.Timestamp(seconds=value // NANOS, nanos=value % NANOS)
    if kind == "duration":
        sign = -1 if value < 0 else 1
        seconds, nanos = divmod(abs(value), NANOS)
        return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * nanos)
    return list(value) if kind.startswith("list(") else value
