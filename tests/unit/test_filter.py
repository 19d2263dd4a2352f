"""What a filter may say, what it means, and what is said of one that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pdp.errors import FilterError
from pdp.snapshot.filter import Schema, compile_filter, predicate
from pdp.snapshot.store.where import plain_keys
from pdp.snapshot.store.where_postgres import PostgresWriter
from pdp.snapshot.store.where_sqlite import SqliteWriter
from pdp.values import AttributeType

NOW = 1_795_000_000 * 10**9
SCHEMA = Schema(
    {
        "subject.level": AttributeType.INT,
        "subject.branch": AttributeType.STRING,
        "context.menu": AttributeType.STRING,
        "context.score": AttributeType.DOUBLE,
        "context.vip": AttributeType.BOOL,
        "resource.tags": AttributeType.STRING_MAP,
        "resource.opened": AttributeType.TIMESTAMP,
    },
    lambda kind, resource_id: [f"{kind}/{resource_id}"],
    ("customer", "account"),
)


def row(attributes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return the columns of a decision."""
    facts = {
        "request_id": "", "revision": 7, "hash": "ab", "source": "decide", "latency": 12, "action": "query",
        "roles": ["teller"], "resource_type": "customer", "resource_id": "", "unmasked": ["mobile"],
        "masked": ["id_no"],
        "rules": ["core/senior"], "grants": [], "approvers": [], "obligations": ["alert"], "undecided": [],
        "attributes": attributes or {},
    }  # fmt: skip
    columns = {
        "time": NOW - 60 * 10**9, "id": "d1", "kind": "decision", "severity": 2, "subject_id": "T1", "caller": "",
        "resource_key": "customer/C1",
    }  # fmt: skip
    facts |= {name: more.pop(name) for name in list(more) if name in facts}
    return columns | more | {"facts": json.dumps(facts)}


def matches(text: str, columns: dict[str, Any]) -> bool:
    return predicate(compile_filter(text, SCHEMA, NOW))(columns)


EXAMPLE = (
    'subject.id == "T1" && unmasked("mobile") && time > timestamp("2026-11-01T00:00:00+08:00") && '
    'context.menu in ["3101", "3102"] && severity >= MEDIUM && subject.level >= 3 && rule("core/senior") && '
    'resource.id == "C1"'
)


def test_the_usual_question() -> None:
    assert matches(EXAMPLE, row({"context.menu": "3102", "subject.level": 3}))
    assert not matches(EXAMPLE, row({"context.menu": "3103", "subject.level": 3}))
    assert not matches(EXAMPLE, row({"context.menu": "3102"}))


def test_an_empty_filter_is_met_by_all() -> None:
    assert compile_filter(" \n", SCHEMA, NOW) is None
    assert predicate(None)(row())


@pytest.mark.parametrize(
    "text",
    [
        "flagged", "severity == MEDIUM", "MEDIUM <= severity", 'masked("id_no")', 'obligation("alert")',
        '"teller" in subject.roles', 'time > now - duration("2m")', 'time <= now - duration("60s")',
        'source == "decide"',
        "revision == 7", "latency < 13", 'policy_hash.startsWith("a")', 'kind == "decision"', 'caller == ""',
        'resource.type == "customer" && resource.id in ["C1", "C2"]', 'action.name != "print"', 'id.contains("1")',
        'request_id == ""', "true", "// all of them\ntrue", '!grant("G1")', 'recorded("subject.roles")',
        '!recorded("subject.level")',
    ],
)  # fmt: skip
def test_what_is_true(text: str) -> None:
    assert matches(text, row())


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_what_is_missing_is_neither_true_nor_false(operator: str) -> None:
    condition = f"subject.level {operator} 3"
    for columns in (row(), row({"subject.level": "3"}), row({"subject.level": 3.5}), row({"subject.level": None})):
        assert not matches(condition, columns)
        assert not matches(f"!({condition})", columns)
        assert matches(f"({condition}) || flagged", columns)
        assert not matches(f"!(({condition}) && flagged)", columns)
        assert matches(f"!(({condition}) && !flagged)", columns)


def test_an_operation_has_no_fields() -> None:
    done = row(kind="snapshot.export", severity=0, subject_id="alice")
    done["facts"] = json.dumps({"details": {"reason": "audit"}, "success": True, "address": ""})
    assert matches('subject.id == "alice" && success && details["reason"] == "audit" && has(details.reason)', done)
    assert not matches('unmasked("mobile")', done)
    assert not matches('!unmasked("mobile")', done)


def test_a_resource_by_its_hash_and_by_its_clear_id() -> None:
    by_key = 'resource.type == "customer" && resource.id == "C1"'
    assert matches(by_key, row())
    assert not matches(by_key, row(resource_key="", resource_id="C1")), "with the type, the hash alone decides"
    assert matches('resource.id == "C1"', row(resource_key="", resource_id="C1"))
    assert matches('resource.id == "C1"', row(resource_type="account", resource_key="account/C1"))
    assert matches('resource.id != "C1"', row(resource_key="customer/C2"))
    assert not matches('resource.id != "C1"', row(resource_key="")), "a decision without a resource"
    assert not matches('resource.id.startsWith("C")', row()), "only clear ids can be looked into"


def test_numbers_beyond_what_doubles_hold() -> None:
    assert matches("subject.level == 9007199254740993", row({"subject.level": 9007199254740993}))
    assert not matches("subject.level == 9007199254740992", row({"subject.level": 9007199254740993}))
    assert matches("context.score == 3.0", row({"context.score": 3}))


def test_a_time_that_no_clock_tells_is_the_end_of_time() -> None:
    far = 253_402_214_400 * 10**9
    assert matches('resource.opened > timestamp("2200-01-01T00:00:00Z")', row({"resource.opened": far}))
    assert matches('resource.opened == timestamp("9999-12-31T00:00:00Z")', row({"resource.opened": far}))


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("subject.levl > 3", 1, "no name `subject.levl`", "`subject.level`"),
        ("flagged && severity >= HGH", 24, "no name `HGH`", "`HIGH`"),
        ('unmask("x")', 1, "no function `unmask`", "`unmasked`"),
        ('flagged &&\n  foo("x")', 14, "no function `foo`", "`obligation`"),
        ('kind = "x"', 6, "`=` is not expected", "operators"),
        ("kind ==", 8, "ends too early", "brackets"),
        ('severity == "HIGH"', 10, "int and string", "without quotes"),
        ('time > "2026-11-01"', 6, "timestamp and string", 'timestamp("'),
        ("context.score > 3", 15, "double and int", "`3.0`"),
        ("subject.level", 1, "of type int", "compare"),
        ("subject.level + 1 > 3", 15, "`+` of what a record holds", "compare"),
        ('kind.matches("x")', 13, "`matches`", "compare"),
        ('subject.roles.exists(r, r == "x")', 21, "`exists`", "compare"),
        ("time.getHours() > 3", 14, "`getHours`", "compare"),
        ("has(subject.level)", 4, "`has`", 'recorded("subject.level")'),
        ('recorded("subject.levl")', 11, "no name `subject.levl`", "`subject.level`"),
        ("recorded(kind)", 10, "constant name", "recorded"),
        ("unmasked(id)", 9, "constant", "compare"),
        ("flagged == true", 9, "`flagged`", "`!flagged`"),
        ("1 / 0 == 1", 3, "division by zero", ""),
        ('time > timestamp("2026")', 18, "`2026` is not a date-time", ""),
        ("context.score < 1.0 / 0.0", 21, "no finite value", ""),
        ("(" * 40 + "flagged" + ")" * 40, 1, "nested too deeply", "brackets"),
        ("id == '" + "x" * 4_096 + "'", 1, "the limit is 4096", "steps"),
        ("id == '\ud800'", 1, "half a character", "UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text, SCHEMA, NOW)
    assert caught.value.column == column
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_values_are_bound_and_severities_are_not() -> None:
    text = 'subject.id == "\'; --" && flagged && resource.type == "customer" && resource.id == "C1"'
    node = compile_filter(text, SCHEMA, NOW)
    assert node is not None
    for written in (SqliteWriter().sql(node), PostgresWriter().sql(node)):
        assert "'; --" not in written.text
        assert "'; --" in written.parameters.values()
        assert "severity >= 2" in written.text
        assert "resource_key IN (" in written.text


@pytest.mark.parametrize(
    ("text", "flagged"),
    [
        ("severity == HIGH", True),
        ("severity > LOW", True),
        ("severity >= MEDIUM", True),
        ("severity == LOW", False),
        ("severity >= LOW", False),
        ("severity <= HIGH", False),
        ("severity != HIGH", False),
    ],
)
def test_what_is_about_flagged_records_alone_says_so(text: str, flagged: bool) -> None:
    node = compile_filter(text, SCHEMA, NOW)
    assert node is not None
    for written in (SqliteWriter().sql(node), PostgresWriter().sql(node)):
        assert ("severity >= 2" in written.text) is flagged


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (r'context.menu == "31\"01"', [r'"context.menu":"31\"01"']),
        ('context.menu in ["3101", "转账"]', ['"context.menu":"3101"', '"context.menu":"转账"']),
        ('unmasked("id_no")', ['"id_no"']),
        ('action.name == "query"', ['"action":"query"']),
        ('context.menu != "3101"', []),
        ('!(context.menu == "3101")', []),
    ],
)
def test_a_text_is_looked_for_before_json_is_read(text: str, pieces: list[str]) -> None:
    node = compile_filter(text, SCHEMA, NOW)
    assert node is not None
    for written, search in ((SqliteWriter().sql(node), "instr"), (PostgresWriter().sql(node), "strpos")):
        assert written.text.count(search) == len(pieces)
        assert set(pieces) <= set(written.parameters.values())


def test_only_plain_names_stand_in_sql() -> None:
    with pytest.raises(ValueError, match="not the name of an attribute"):
        plain_keys(("attributes", "context.x' OR 1=1"))
