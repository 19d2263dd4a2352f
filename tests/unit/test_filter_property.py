"""Filters mean the same in SQLite, in Python and in a plain evaluation: random records and random expressions."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from hypothesis import given, settings

from pdp.engine.request import wire_value
from pdp.snapshot import columns
from pdp.snapshot.filter import Node, Schema, compile_filter, predicate
from pdp.snapshot.store.base import Sql
from pdp.snapshot.store.where_sqlite import SqliteWriter, install
from pdp.v1 import snapshot_pb2, types_pb2
from pdp.values import INT_MAX, INT_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN, AttributeType
from tests.strategies import PROPERTY, examples, sources

NOW = 1_795_000_000 * 10**9
DECLARED: Mapping[str, AttributeType] = {
    "subject.level": AttributeType.INT,
    "subject.branch": AttributeType.STRING,
    "context.menu": AttributeType.STRING,
    "context.vip": AttributeType.BOOL,
    "context.score": AttributeType.DOUBLE,
    "resource.opened": AttributeType.TIMESTAMP,
    "action.span": AttributeType.DURATION,
    "subject.projects": AttributeType.STRING_LIST,
    "context.codes": AttributeType.INT_LIST,
    "context.rates": AttributeType.DOUBLE_LIST,
    "resource.tags": AttributeType.STRING_MAP,
}
TEXTS = (
    "", "T1", "t1", "T10", "客户", "𠮷", "\ufffd", "\x00", "a\x00b", "'", '"', "%", "_", "\\", "a%b", "ａ",
    "\U0010ffff", "\n", "é", "e\u0301", "null", "1", "x" * 40,
)  # fmt: skip
INTS = (0, 1, -1, 3, 2**53, 2**53 + 1, -(2**53) - 1, INT_MAX, INT_MAX - 1, INT_MIN, 10**18)
DOUBLES = (
    0.0, -0.0, 1.0, 3.0, 0.1, 1.5, -2.5, 2.0**53, 9e18, 1e19, 1e22, 1e300, 5e-324, 1.7976931348623157e308,
    2.2250738585072014e-308, 0.30000000000000004, 123456789.123456789, 1.152921504606847e18,
)  # fmt: skip
TIMES = (0, 1, NOW, NOW - 1, TIMESTAMP_MIN, TIMESTAMP_MAX, INT_MAX, INT_MIN, 2_208_988_800 * 10**9)
SPANS = (0, 1, -1, 10**9, 3_600 * 10**9, INT_MAX)
KEYS = ("a", "b", "", 'q"uote', "d.ot", "𠮷")
FIELDS = ("id_no", "mobile", "", "𠮷", "it's")


def resource_key(kind: str, resource_id: str) -> list[str]:
    return [hmac.digest(key, f"{kind}\0{resource_id}".encode(), hashlib.sha256)[:16].hex() for key in (b"new", b"old")]


SCHEMAS = (
    Schema(DECLARED, resource_key, ("customer", "account")),
    Schema(DECLARED),
)


def _value(random: Random, kind: AttributeType) -> types_pb2.Value:
    match kind:
        case AttributeType.STRING:
            value: Any = random.choice(TEXTS)
        case AttributeType.INT:
            value = random.choice(INTS)
        case AttributeType.DOUBLE:
            if random.randint(0, 3) == 0:
                return types_pb2.Value(double_value=random.choice((float("nan"), float("inf"))))
            value = random.choice(
                (*DOUBLES, random.uniform(-10, 10), random.uniform(0, 1) * 10.0 ** random.randint(-300, 300))
            )
        case AttributeType.BOOL:
            value = random.random() < 0.5
        case AttributeType.TIMESTAMP:
            value = random.choice(TIMES)
        case AttributeType.DURATION:
            value = random.choice(SPANS)
        case AttributeType.STRING_LIST:
            value = [random.choice(TEXTS) for _ in range(random.randint(0, 3))]
        case AttributeType.INT_LIST:
            value = [random.choice(INTS) for _ in range(random.randint(0, 3))]
        case AttributeType.DOUBLE_LIST:
            value = [random.choice((*DOUBLES, float("nan"))) for _ in range(random.randint(0, 3))]
        case _:
            value = {random.choice(KEYS): random.choice(TEXTS) for _ in range(random.randint(0, 3))}
    return wire_value(kind, value)


def record(random: Random) -> bytes:
    """Return a serialized Record: a decision with attributes of right and wrong types, or an operation."""
    if random.randint(0, 5) == 0:
        operation = snapshot_pb2.Operation(
            id=random.choice(TEXTS), time_nanos=random.choice((0, NOW)), actor=random.choice(TEXTS),
            kind="snapshot.export",
            success=random.random() < 0.5, details={random.choice(KEYS): random.choice(TEXTS)}, address="",
        )  # fmt: skip
        return snapshot_pb2.Record(operation=operation).SerializeToString()
    snapshot = snapshot_pb2.Snapshot(
        decision_id=random.choice(TEXTS), request_id=random.choice(TEXTS), revision=random.choice(INTS),
        policy_hash=random.choice(("", "abc")), time_nanos=random.choice((0, 1, NOW, NOW - 10**9, INT_MAX, -5)),
        caller=random.choice(TEXTS), severity=random.randint(0, 3), source=random.randint(0, 6),
        latency_micros=random.choice((0, 1, 2**32 - 1)),
    )  # fmt: skip
    facts = snapshot.facts
    facts.subject.id = random.choice(TEXTS)
    facts.subject.roles.extend(random.choice(TEXTS) for _ in range(random.randint(0, 2)))
    facts.action.name = random.choice(TEXTS)
    facts.resource.type = random.choice(("", "customer", "account", "loan"))
    resource_id = random.choice(("", "C1", "C2"))
    if resource_id:
        key = random.choice(resource_key(facts.resource.type, resource_id))
        snapshot.resource_key = bytes.fromhex(key) if random.randint(0, 4) else b""
        facts.resource.id = resource_id if random.random() < 0.5 else ""
    maps = {
        "subject": facts.subject.attributes, "action": facts.action.attributes,
        "resource": facts.resource.attributes, "context": facts.context,
    }  # fmt: skip
    for name, kind in DECLARED.items():
        if random.randint(0, 3) > 0:
            root, _, key = name.partition(".")
            other = random.choice(list(AttributeType)) if random.randint(0, 4) == 0 else kind
            maps[root][key].CopyFrom(_value(random, other))
    for _ in range(random.randint(0, 2)):
        snapshot.verdicts.add(
            fields=[random.choice(FIELDS)], effect=random.choice((1, 2)), rule=random.choice(("", "p/r", "p/𠮷"))
        )
    if random.random() < 0.3:
        snapshot.grants.add(id="G1", approver=random.choice(("", "M1")))
        snapshot.obligations.add(type="alert")
        snapshot.diagnostics.add(attributes=["subject.level"])
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\\u0000", "\\x00")


class Filters:
    """Makes filters."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def condition(self, depth: int) -> str:
        pick = self._random.choice
        if depth <= 0 or self._random.randint(0, 3) == 0:
            return pick(
                (self._compare, self._compare, self._within, self._test, self._has, self._other, self._resource)
            )()
        match self._random.randint(0, 3):
            case 0:
                return f"!({self.condition(depth - 1)})"
            case 1:
                return f"({self.condition(depth - 1)} || {self.condition(depth - 1)})"
            case _:
                return f"({self.condition(depth - 1)} && {self.condition(depth - 1)})"

    def _literal(self, kind: str) -> str:
        pick = self._random.choice
        match kind:
            case "string":
                return _text(pick((*TEXTS, "decision", "decide", "snapshot.export", "customer")))
            case "int":
                return str(pick(INTS))
            case "double":
                return repr(pick((*DOUBLES, self._random.uniform(-10, 10))))
            case "bool":
                return pick(("true", "false"))
            case "timestamp":
                return pick((
                    'timestamp("2026-11-17T00:00:00+08:00")', "now", 'now - duration("1s")', "timestamp(0)",
                    'timestamp("9999-12-31T00:00:00Z")', 'timestamp("0001-01-01T00:00:00Z")',
                ))  # fmt: skip
            case _:
                return pick(('duration("1h")', 'duration("1ns")', 'duration("-1ns")', "(now - now)"))

    def _name(self, kind: str) -> str:
        names = {
            "string": (
                "id", "kind", "caller", "subject.id", "request_id", "policy_hash", "source", "action.name",
                "resource.type",
                "subject.branch", "context.menu", 'resource.tags["a"]', 'resource.tags["q\\"uote"]', "resource.tags.b",
                'details["a"]', "address",
            ),
            "int": ("severity", "revision", "latency", "subject.level"),
            "double": ("context.score",),
            "bool": ("context.vip", "success"),
            "timestamp": ("time", "resource.opened"),
            "duration": ("action.span",),
        }  # fmt: skip
        return self._random.choice(names[kind])

    def _kind(self) -> str:
        return self._random.choice(("string", "string", "int", "double", "bool", "timestamp", "duration"))

    def _compare(self) -> str:
        kind = self._kind()
        operator = self._random.choice(("==", "!=", "<", "<=", ">", ">="))
        sides = [self._name(kind), self._literal(kind) if self._random.randint(0, 4) else self._name(kind)]
        self._random.shuffle(sides)
        return f" {operator} ".join(sides)

    def _within(self) -> str:
        kind = self._kind()
        items = ", ".join(self._literal(kind) for _ in range(self._random.randint(0, 3)))
        return f"{self._name(kind)} in [{items}]"

    def _test(self) -> str:
        function = self._random.choice(("startsWith", "endsWith", "contains"))
        return f"{self._name('string')}.{function}({self._literal('string')})"

    def _has(self) -> str:
        pick = self._random.choice
        function = pick(("unmasked", "masked", "rule", "grant", "approver", "obligation", "undecided"))
        words = (*FIELDS, "p/r", "p/𠮷", "G1", "M1", "alert", "subject.level")
        return pick((
            f"{function}({_text(pick(words))})",
            f"{self._literal('string')} in {pick(('subject.roles', 'subject.projects'))}",
            f"{self._literal('int')} in context.codes",
            f"{self._literal('double')} in context.rates",
            f"{_text(pick(KEYS))} in resource.tags",
            "has(resource.tags.a)",
        ))  # fmt: skip

    def _other(self) -> str:
        names = [*DECLARED, "subject.roles", "resource.id", "details", "id", "success"]
        return self._random.choice((
            "flagged", "context.vip", "success", "true", "1 < 2", "severity >= MEDIUM", "HIGH == severity",
            f'recorded("{self._random.choice(names)}")',
        ))  # fmt: skip

    def _resource(self) -> str:
        return self._random.choice((
            'resource.id == "C1"', 'resource.id != "C1"', 'resource.id in ["C1", "C2"]', "resource.id in []",
            '(resource.type == "customer" && resource.id == "C1")', 'resource.id.startsWith("C")',
            '(resource.type in ["account", "loan"] && !(resource.id == "C2"))',
        ))  # fmt: skip


def case(random: Random, records: int = 12) -> tuple[str, Node | None, list[dict[str, Any]]]:
    """Return a filter as text and tree, and the columns of some records."""
    text = Filters(random).condition(random.randint(0, 4))
    schema = random.choice(SCHEMAS)
    return text, compile_filter(text, schema, NOW), [columns.extract(record(random)) for _ in range(records)]


class Sqlite:
    """A table with the columns of records."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:")
        install(self._connection)
        kinds = ("INTEGER", "TEXT", "TEXT", "INTEGER", "TEXT", "TEXT", "TEXT", "INTEGER", "INTEGER", "TEXT")
        declared = ", ".join(f"{name} {kind}" for name, kind in zip(columns.NAMES, kinds, strict=True))
        self._connection.execute(f"CREATE TABLE records (number INTEGER PRIMARY KEY, {declared})")

    def matching(self, node: Node | None, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return which of the rows a filter finds."""
        self._connection.execute("DELETE FROM records")
        marks = ", ".join("?" * (len(columns.NAMES) + 1))
        self._connection.executemany(
            f"INSERT INTO records VALUES ({marks})",  # noqa: S608 - marks
            [(number, *(row[name] for name in columns.NAMES)) for number, row in enumerate(rows)],
        )
        where = SqliteWriter().sql(node) if node is not None else Sql("1", {})
        found = self._numbers(where.text, where.parameters)
        if where.marked:
            assert set(found) <= set(self._numbers(where.marked, where.parameters))
        return found

    def _numbers(self, condition: str, parameters: Mapping[str, Any]) -> list[int]:
        sql = f"SELECT number FROM records WHERE {condition} ORDER BY number"  # noqa: S608 - ours
        return [number for (number,) in self._connection.execute(sql, dict(parameters))]


SQLITE = Sqlite()


@settings(PROPERTY, max_examples=examples(100))
@given(sources())
def test_sqlite_finds_what_python_finds(random: Random) -> None:
    text, node, rows = case(random)
    matches = predicate(node)
    assert SQLITE.matching(node, rows) == [n for n, row in enumerate(rows) if matches(row)], text
