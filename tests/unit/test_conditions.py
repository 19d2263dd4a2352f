"""What `check` says about variables and conditions that the loader could read."""

from __future__ import annotations

import pytest

from pdp.lang.cel import no_overload
from pdp.lang.check import check
from pdp.lang.loader import load_texts

HEAD = """\
kind: Attributes
attributes:
  subject.level: {type: int}
---
kind: Dictionary
fields:
  mobile: {label: 手机号, level: C2}
---
kind: Policy
id: p
"""


def codes(policy: str) -> list[tuple[str, int]]:
    policy_set, diagnostics = load_texts({"p.yaml": HEAD + policy})
    check(policy_set, diagnostics)
    return [(item.code, item.span.line - HEAD.count("\n")) for item in diagnostics.sorted()]


def test_a_broken_variable_is_reported_where_it_stands_and_nowhere_else() -> None:
    found = codes("""\
variables:
  senior: subject.levle > 2
rules:
  - id: r
    when: vars.senior && subject.level > 1
    fields: [mobile]
    unmask: true
""")
    assert found == [("unknown-attribute", 2)]


def test_an_unknown_variable_and_an_unused_one_are_reported() -> None:
    found = codes("""\
variables:
  senior: subject.level > 2
rules:
  - id: r
    when: vars.junior
    fields: [mobile]
    unmask: true
""")
    assert found == [("unused-variable", 2), ("unknown-variable", 5)]


def test_a_condition_must_be_true_or_false() -> None:
    found = codes("rules:\n  - {id: r, when: subject.level + 1, fields: [mobile], unmask: true}\n")
    assert found == [("cel-type", 2)]


@pytest.mark.parametrize(
    ("operator", "types", "words"),
    [
        ("_>=_", "(int, string)", "`>=` does not apply to int and string"),
        ("_<_", "(list(string), list(string))", "`<` does not apply to list(string) and list(string)"),
        (
            "_+_",
            "(map(string, int), google.protobuf.Timestamp)",
            "`+` does not apply to map(string, int) and timestamp",
        ),
        ("-_", "(string)", "`-` does not apply to string"),
        ("_?_:_", "(bool, int, string)", "`?:` does not apply to bool, int, string"),
    ],
)
def test_types_that_an_operator_does_not_know_are_told_whole(operator: str, types: str, words: str) -> None:
    assert no_overload(operator, types) == words
