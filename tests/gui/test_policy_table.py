"""Policies as decision tables: what fits a column, and what comes back as it was."""

from __future__ import annotations

import pytest

from admin_gui.domain import policy_text
from admin_gui.domain.policy_text import table
from admin_gui.domain.policy_text.table import Test as Comparison
from tests.gui.conftest import POLICIES


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("subject.level >= 3", Comparison("subject.level", ">=", ("3",))),
        (' context.menu=="31\\"01" ', Comparison("context.menu", "==", ('"31\\"01"',))),
        ("context.menu in [\"a, b\", 'c']", Comparison("context.menu", "in", ('"a, b"', "'c'"))),
        ("resource.balance < -5.5", Comparison("resource.balance", "<", ("-5.5",))),
        ("grant.active", Comparison("grant.active", "==", ("true",))),
        ("!resource.is_vip", Comparison("resource.is_vip", "==", ("false",))),
        ("resource.a == subject.a", None),
        ("subject.level + 1 >= 3", None),
        ("context.menu in []", None),
        ("subject.roles.exists(r, r == 'x')", None),
        ('context.menu == "a" || context.menu == "b"', None),
        ("vars.big", Comparison("vars.big", "==", ("true",))),
        ('"teller" in subject.roles', Comparison("subject.roles", "has", ('"teller"',))),
        ('!("teller" in subject.roles)', None),
    ],
)
def test_what_fits_a_column(clause: str, expected: Comparison | None) -> None:
    assert table.parse(clause) == expected
    if expected is not None:
        assert table.parse(expected.clause) == expected
        assert table.cell(expected.attribute, expected.text) == (expected,)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", []),
        ('"teller"', ['a.b == "teller"']),
        ("1，2、3", ["a.b in [1, 2, 3]"]),
        ("≥ 3", ["a.b >= 3"]),
        ("3 .. 5", ["a.b >= 3", "a.b <= 5"]),
        ("!= true", ["a.b != true"]),
        ('含 "x"', ['"x" in a.b']),
    ],
)
def test_what_is_typed_into_a_cell(text: str, clauses: list[str]) -> None:
    assert [test.clause for test in table.cell("a.b", text)] == clauses


@pytest.mark.parametrize("text", ["teller", ">=", "1 2", ">= subject.level", '"a', "1..x"])
def test_what_is_no_cell(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        table.cell("a.b", text)


def test_operands_of_an_expression() -> None:
    assert table.clauses('subject.level >= 3 && (a || b) && context.s == "x && y"') == [
        "subject.level >= 3", "(a || b)", 'context.s == "x && y"',
    ]  # fmt: skip
    assert table.clauses("a && b || c") == ["a && b || c"]
    assert table.clauses(["a && b", "c"]) == ["a", "b", "c"]
    assert table.clauses(None) == []


def test_most_of_the_sample_bank_fits() -> None:
    tests = others = 0
    for path in sorted((POLICIES / "policies").glob("*.yaml")):
        for policy in policy_text.outline(path.read_text(encoding="utf-8")).policies:
            for row in table.table(policy).rows:
                tests += sum(map(len, row.tests.values()))
                others += len(row.others)
                said = table.condition([test for found in row.tests.values() for test in found], row.others)
                assert len(said) == len(table.clauses(row.rule.data.get("when")))
    assert tests > 10 * others > 0
