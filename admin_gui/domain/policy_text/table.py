"""A policy as a decision table: what its rules compare becomes columns, what does not fit stays CEL.

A clause fits a column when it compares one attribute, or variable of the policy, with constants: `a == x`, `a < x` and
the like, `a in [x, y]`, `x in a` for lists, `a` and `!a` for booleans. Clauses about one attribute in one rule, such as
a range, share its cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from admin_gui.domain.policy_text.outline import PolicyOutline, RuleOutline

_ATTRIBUTE: Final = r"(?:subject|action|resource|context|grant|vars)(?:\.[a-z_][a-z0-9_]*)+"
_TEXT: Final = r""""(?:[^"\\]|\\["\\])*"|'(?:[^'\\]|\\['\\])*'"""
_CONSTANT: Final = rf"(?:{_TEXT}|-?[0-9]+(?:\.[0-9]+)?|true|false)"
_COMPARE: Final = re.compile(rf"\s*({_ATTRIBUTE})\s*(==|!=|<=|>=|<|>)\s*({_CONSTANT})\s*")
_AMONG: Final = re.compile(rf"\s*({_ATTRIBUTE})\s+in\s+\[\s*((?:{_CONSTANT}\s*(?:,\s*{_CONSTANT}\s*)*)?)\]\s*")
_HAS: Final = re.compile(rf"\s*({_CONSTANT})\s+in\s+({_ATTRIBUTE})\s*")
_ALONE: Final = re.compile(rf"\s*(!?)\s*({_ATTRIBUTE})\s*")
_ONE: Final = re.compile(_CONSTANT)


@dataclass(frozen=True, slots=True)
class Test:
    """A clause that fits a column. `operator` is `==`, `in`, `has`, `<` and so on; constants are in CEL."""

    attribute: str
    operator: str
    constants: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return it as it stands in a cell, without the attribute."""
        if self.operator == "in":
            return ", ".join(self.constants)
        return self.constants[0] if self.operator == "==" else f"{self.operator} {self.constants[0]}"

    @property
    def clause(self) -> str:
        """Return it as CEL."""
        if self.operator == "in":
            return f"{self.attribute} in [{', '.join(self.constants)}]"
        if self.operator == "has":
            return f"{self.constants[0]} in {self.attribute}"
        return f"{self.attribute} {self.operator} {self.constants[0]}"


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as a row: the tests by attribute, and the clauses that no column can say."""

    rule: RuleOutline
    tests: Mapping[str, tuple[Test, ...]]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A policy as a table; columns in the order in which rules first compare them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def table(policy: PolicyOutline) -> Table:
    """Return a policy as a table."""
    rows = tuple(map(_row, policy.rules))
    columns = dict.fromkeys(attribute for row in rows for attribute in row.tests)
    return Table(tuple(columns), rows)


def _row(rule: RuleOutline) -> Row:
    tests: dict[str, list[Test]] = {}
    others = []
    for clause in clauses(rule.data.get("when")):
        found = parse(clause)
        if found is None:
            others.append(clause)
        else:
            tests.setdefault(found.attribute, []).append(found)
    return Row(rule, {name: tuple(found) for name, found in tests.items()}, tuple(others))


def clauses(when: Any) -> list[str]:
    """Return the clauses of a condition: one expression, whose operands of `&&` stand apart, or a list."""
    if when is None:
        return []
    listed = when if isinstance(when, list) else [when]
    return [part for clause in listed for part in _operands(str(clause))]


def parse(clause: str) -> Test | None:
    """Return the test that a clause is; None for one that fits no column."""
    if match := _COMPARE.fullmatch(clause):
        return Test(match[1], match[2], (match[3],))
    if match := _AMONG.fullmatch(clause):
        constants = tuple(_ONE.findall(match[2]))
        return Test(match[1], "in", constants) if constants else None
    if match := _HAS.fullmatch(clause):
        return Test(match[2], "has", (match[1],))
    if match := _ALONE.fullmatch(clause):
        return Test(match[2], "==", ("false" if match[1] else "true",))
    return None


def condition(tests: Iterable[Test], others: Sequence[str]) -> list[str]:
    """Return the clauses of a row, tests first."""
    return [*(test.clause for test in tests), *others]


def cell(attribute: str, text: str) -> tuple[Test, ...]:
    """Return the tests that a cell's text means, none for an empty one. Raises ValueError for what is none.

    Several values are one of which must hold; `>= 3` and the like compare; `3 .. 5` is a range with both ends.
    """
    text = text.strip()
    if not text:
        return ()
    if match := re.fullmatch(rf"({_CONSTANT})\s*(?:\.\.|…|–)\s*({_CONSTANT})", text):
        return Test(attribute, ">=", (match[1],)), Test(attribute, "<=", (match[2],))
    if match := re.fullmatch(rf"(==|!=|<=|>=|<|>|≥|≤|≠|has\b|含)\s*({_CONSTANT})", text):
        operator = {"≥": ">=", "≤": "<=", "≠": "!=", "含": "has"}.get(match[1], match[1])
        return (Test(attribute, operator, (match[2],)),)
    if re.fullmatch(rf"{_CONSTANT}(?:\s*[,，、]\s*{_CONSTANT})*", text):
        constants = tuple(_ONE.findall(text))
        return (Test(attribute, "in" if len(constants) > 1 else "==", constants),)
    raise ValueError(text)


def _operands(expression: str) -> list[str]:
    """Return what `&&` joins at the top of an expression."""
    parts, depth, start, at, quote = [], 0, 0, 0, ""
    while at < len(expression):
        char = expression[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and expression.startswith(("||", "?"), at):
            return [expression]
        elif depth == 0 and expression.startswith("&&", at):
            parts.append(expression[start:at].strip())
            start = at + 2
            at += 1
        at += 1
    return [*parts, expression[start:].strip()]
