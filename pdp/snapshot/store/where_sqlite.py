"""Filters in SQLite's SQL. Numbers that SQLite's own JSON reads inexactly go through functions of ours."""

from __future__ import annotations

import sqlite3
from typing import Any

from pdp.snapshot.filter import nodes, numbers
from pdp.snapshot.store.base import Sql
from pdp.snapshot.store.where import Writer, plain_keys
from pdp.values import AttributeType


def install(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that conditions call."""
    for name, read in (("pdp_int", numbers.whole), ("pdp_time", numbers.moment), ("pdp_double", numbers.double)):
        connection.create_function(name, 1, _reading(read), deterministic=True)
    connection.create_function("pdp_has", 3, _has, deterministic=True)


def _reading(read: Any) -> Any:
    return lambda text: None if text is None else read(numbers.loads(text))


def _has(text: str, kind: str, item: float) -> bool:
    read = numbers.double if kind == "double" else numbers.whole
    return any(read(value) == item for value in numbers.loads(text))


class SqliteWriter(Writer):
    """Writes for `facts` as JSON text; texts compare by bytes of UTF-8, which is by code points."""

    TRUE, FALSE = "1", "0"

    def placeholder(self, name: str) -> str:
        """`:p0`."""
        return f":{name}"

    def stands_in_facts(self, part: str) -> str:
        """A search that knows no patterns."""
        return f"instr(facts, {part}) > 0"

    def by_code_point(self, value: str) -> str:
        """It does."""
        return value

    def scalar(self, fact: nodes.Fact, kind: AttributeType) -> str:
        """SQLite reads a whole number of 64 bits exactly; all others are read from their text."""
        path = _path(fact)
        held = f"json_type(facts, {path})"
        match kind:
            case AttributeType.STRING:
                return f"(CASE {held} WHEN 'text' THEN json_extract(facts, {path}) END)"
            case AttributeType.BOOL:
                return f"(CASE {held} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END)"
            case AttributeType.DOUBLE:
                return f"(CASE WHEN {held} IN ('integer', 'real') THEN pdp_double(facts -> {path}) END)"
        read = "pdp_time" if kind is AttributeType.TIMESTAMP else "pdp_int"
        value = f"json_extract(facts, {path})"
        return (
            f"(CASE WHEN {held} = 'integer' AND typeof({value}) = 'integer' THEN {value}"
            f" WHEN {held} IN ('integer', 'real') THEN {read}(facts -> {path}) END)"
        )

    def entry(self, held: nodes.Fact, key: str) -> str:
        """A key may hold a quote, which SQLite's paths cannot."""
        path = _path(held)
        return (
            f"(SELECT value FROM json_each(facts, {path}) WHERE json_type(facts, {path}) = 'object'"  # noqa: S608 - bound
            f" AND key = {self.bind(key)} AND type = 'text')"
        )

    def of_json_type(self, fact: nodes.Fact, kind: str) -> str:
        """The type's name or NULL."""
        return f"nullif(json_type(facts, {_path(fact)}) = '{kind}', 0)"

    def text_test(self, function: str, value: str, part: str) -> str:
        """`LIKE` would not heed case."""
        if function == "contains":
            return f"(instr({value}, {self.bind(part)}) > 0)"
        at = "1" if function == "starts_with" or not part else f"-{len(part)}"
        return f"(substr({value}, {at}, {len(part)}) = {self.bind(part)})"

    def has(self, fact: nodes.Fact, item: Any, *, strict: bool) -> str:
        """Texts are found by SQLite, numbers by us."""
        del strict  # no index looks into JSON here
        path = _path(fact)
        if fact.kind is AttributeType.STRING_LIST:
            each = f"SELECT 1 FROM json_each(facts, {path})"  # noqa: S608 - a path of plain keys
            test = f"EXISTS ({each} WHERE type = 'text' AND value = {self.bind(item)})"
        else:
            test = f"pdp_has(facts -> {path}, '{fact.kind.element.value}', {self.bind(item)})"
        return f"(CASE json_type(facts, {path}) WHEN 'array' THEN {test} END)"

    def has_key(self, fact: nodes.Fact, key: str) -> str:
        """As `entry`."""
        path = _path(fact)
        test = f"EXISTS (SELECT 1 FROM json_each(facts, {path}) WHERE key = {self.bind(key)})"  # noqa: S608 - bound
        return f"(CASE json_type(facts, {path}) WHEN 'object' THEN {test} END)"

    def period(self, nanos: int, offset: int) -> Sql:
        """Whole numbers divide towards zero, and times before 1970 are none that we group."""
        return Sql(f"(time - {offset}) / {nanos} * {nanos} + {offset}", {})


def _path(fact: nodes.Fact) -> str:
    return "'$" + "".join(f'."{key}"' for key in plain_keys(fact.path)) + "'"
