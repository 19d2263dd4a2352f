"""YAML is read as YAML 1.2 core, without tags, merge keys and surprises, and within bounds."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from pdp.lang.diagnostics import Diagnostic, render_text
from pdp.lang.loader import load_texts, nodes
from pdp.lang.loader.scalars import has_leading_zero, resolve


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "python":
        monkeypatch.setattr(nodes, "CParser", None)
    elif nodes.CParser is None:
        pytest.skip("PyYAML was built without libyaml")
    return str(request.param)


def problems(text: str) -> list[str]:
    _, diagnostics = load_texts({"x.yaml": text})
    return [f"{item.span.line}:{item.span.column} {item.code}" for item in diagnostics.sorted()]


def only(text: str) -> Diagnostic:
    policy_set, diagnostics = load_texts({"x.yaml": text})
    (found,) = diagnostics.items
    assert render_text(found, policy_set.sources).startswith(f"x.yaml:{found.span.line}:")
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("nUll", "nUll"),
        ("true", True), ("False", False), ("TRUE", True), ("tRue", "tRue"),
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("OFF", "OFF"), ("y", "y"),
        ("0", 0), ("-1", -1), ("+7", 7), ("012", 12), ("3101", 3101), ("0o17", 15), ("0x1F", 31), ("-0x1", "-0x1"),
        ("0b11", "0b11"), ("1_000", "1_000"), ("190:20:30", "190:20:30"), ("12:30", "12:30"),
        ("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("1.5E-2", 0.015), (".", "."), ("1e", "1e"),
        (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("inf", "inf"),
        ("2026-03-02", "2026-03-02"), ("2026-03-02T10:00:00+08:00", "2026-03-02T10:00:00+08:00"),
        ("=", "="), ("<<", "<<"), ("１２", "１２"), ("9" * 5000, 10**40), ("-" + "9" * 5000, -(10**40)),
        ("0x" + "f" * 5000, 10**40), ("1e999", math.inf),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, value: Any) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(float(resolve(".nan") or 0))


@pytest.mark.parametrize(("text", "odd"), [("012", True), ("-00", True), ("0", False), ("0.5", False), ("10", False)])
def test_leading_zeros(text: str, odd: bool) -> None:
    assert has_leading_zero(text) is odd


def test_words_of_yaml_1_1_are_names_and_texts(parser: str) -> None:
    text = """
kind: Attributes
attributes:
  context.on: {type: string, label: off, values: [{value: yes}, {value: "null"}, {value: 12:30}, {value: 2026-03-02}]}
"""
    policy_set, diagnostics = load_texts({"x.yaml": text})
    assert diagnostics.items == []
    attribute = policy_set.attributes["context.on"]
    assert attribute.label.en == "off"
    assert [a.value for a in attribute.allowed] == ["yes", "null", "12:30", "2026-03-02"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: Masks\nmasks: !!python/object/apply:os.system {m: x}", ["2:8 tag"]),
        ("kind: !!str Masks\nmasks: {}", ["1:7 tag"]),
        ("kind: ! Masks\nmasks: {}", ["1:7 tag"]),
        ("kind: Masks\nmasks: {m: !x [1]}", ["2:12 tag"]),
        ("%TAG ! tag:example.com,2026:\n---\nkind: !Masks x\nmasks: {}", ["3:7 tag"]),
        ("kind: Masks\nmasks: {<<: {m: x}}", ["2:9 merge-key"]),
        ("kind: Masks\nmasks: {'<<': {algorithm: full}}", ["2:9 bad-id"]),
        ("kind: Masks\nmasks: *m", ["2:8 bad-alias"]),
        ("kind: Masks\nmasks: &m {a: *m}", ["2:15 bad-alias"]),
        ("kind: Masks\nmasks: &m {}\n---\nkind: Masks\nmasks: *m", ["5:8 bad-alias"]),
        ("kind: Masks\nmasks: {a: &m {algorithm: full}, b: *m}", []),
        ("---\n---\n# nothing\n---\nkind: Masks\nmasks: {}\n...\n", []),
        ("# nothing", []),
        ("", []),
        ("kind: Masks\nmasks: {a: 'x\n", ["3:1 yaml-syntax"]),
        ("kind: Masks\nmasks: {a: b", ["2:13 yaml-syntax"]),
        ("kind: Masks\nid: a\n---\nkind: Masks\nmasks: {\n---\nkind: Masks\nmask: {}",
         ["1:1 missing-key", "2:1 unknown-key", "6:1 yaml-syntax"]),
        ('kind: Masks\nmasks: {"a\\0": x}', ["2:9 control-character"]),
    ],
)  # fmt: skip
def test_refused(text: str, expected: list[str], parser: str) -> None:
    assert problems(text) == expected


def test_escaped_surrogates(parser: str) -> None:
    code = {"libyaml": "yaml-syntax", "python": "control-character"}[parser]
    assert only('kind: Masks\nmasks: {a: "\\ud800"}').code == code


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("kind: Masks\n\tmasks: x", "2:1", "indent with spaces; tabs are not allowed"),
        ("kind: Masks\nmasks: @a", "2:8", "put text that begins with `@` in quotes"),
        ("kind: Masks\nmasks: a: b", "2:9", "put text that contains `: ` in quotes, and line up the keys of a mapping"),
        ("kind: Masks\nmasks: !a && b", "2:12", "put a condition that begins with `!`, `&` or `*` in quotes"),
        ("when: [!a && b]\n", "1:12", "put a condition that begins with `!`, `&` or `*` in quotes"),
        ('when: "a" == b\n', "1:11", "put text that begins with a quotation mark in single quotes as a whole"),
        ("kind：Masks\nmasks: {}", "2:6", "write ASCII punctuation followed by a space instead of `：`"),
        ("kind:Masks\nmasks: {}", "2:6", "write a space after the colon"),
        ("kind: 'Masks\nmasks: {}", "2:10", "close the quotation mark"),
        ("kind: Masks\n masks: {}", "2:7", "put text that contains `: ` in quotes, and line up the keys of a mapping"),
        ("a:\n  - b\n c: d", "3:2",
         "line up the keys of a mapping and the `-` of a list, and close brackets and quotes"),
    ],
)  # fmt: skip
def test_syntax_errors_say_how_to_mend(text: str, place: str, hint: str) -> None:
    found = only(text)
    assert (found.code, f"{found.span.line}:{found.span.column}", found.hint) == ("yaml-syntax", place, hint)


def test_a_syntax_error_names_what_it_broke() -> None:
    (related,) = only('kind: "Masks\nmasks: {}').related
    assert (related.message, str(related.span)) == ("while scanning a quoted scalar", "x.yaml:1:7")


def test_the_other_files_and_the_documents_before_are_read() -> None:
    policy_set, diagnostics = load_texts(
        {
            "a.yaml": "kind: Masks\nmasks: {a: {algorithm: full}}\n---\nkind: [\n",
            "b.yaml": "kind: Masks\nmasks: {b: {algorithm: full}}\n",
        }
    )
    assert [item.code for item in diagnostics.items] == ["yaml-syntax"]
    assert list(policy_set.masks) == ["a", "b"]
    assert sorted(policy_set.sources) == ["a.yaml", "b.yaml"]


@pytest.mark.parametrize("character", list("\0\x07\x0b\x0c\x1b\x7f\x85\u2028\u202e\u2066\ufeff\ud800\ufffe"))
def test_invisible_characters(character: str, parser: str) -> None:
    found = only(f"# 𠮷\r\nkind: Masks\nmasks: {{a: 'x{character}'}}\n")
    assert (found.code, str(found.span)) == ("control-character", "x.yaml:3:14")
    assert f"U+{ord(character):04X}" in found.message


def test_many_invisible_characters() -> None:
    assert len(problems("\0" * 100_000)) == 20


LAUGHS = "kind: Masks\nmasks:\n  a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"  {name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (LAUGHS, "too-large"),
        ("a: " + "[" * 10_000, "too-deep"),
        ("[" * 10_000 + "]" * 10_000, "too-deep"),
        ("{a: " * 10_000, "too-deep"),
        ("- " * 10_000, "too-deep"),
        ("".join(" " * level + "a:\n" for level in range(2_000)), "too-deep"),
        ("? " * 10_000, "too-deep"),
        ("a: &a [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1 if i > 1 else ''}]\n" for i in range(1, 100)), "too-deep"),
        ("[" + "a," * 20_001 + "]", "too-large"),
        ("---\n" * 10_001, "too-large"),
        ("x" * (16 * 1024 * 1024 + 1), "too-large"),
    ],
    ids=["billion laughs", "sequences", "closed sequences", "mappings", "block sequences", "block mappings", "keys",
         "aliases", "items", "documents", "characters"],
)  # fmt: skip
def test_bombs_are_refused_quickly(text: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_NODES", 20_000)
    start = time.process_time()
    found = only(text)
    assert found.code == code
    assert time.process_time() - start < 2


def test_what_aliases_stand_for_is_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "kind: Masks\nmasks: {a: &a {algorithm: full, x: [1, 2]}, b: *a}\n"
    for limit, expected in ((21, []), (20, ["2:48 too-large"])):
        monkeypatch.setattr(nodes, "MAX_NODES", limit)
        assert problems(text) == expected


def test_sixty_four_levels_are_enough() -> None:
    inside = "[" * 61 + "]" * 61
    assert problems(f"kind: Masks\nmasks: {{m: {{algorithm: full, edges: {inside}}}}}") == []
    assert problems(f"kind: Masks\nmasks: {{m: {{algorithm: full, edges: [{inside}]}}}}") == ["2:98 too-deep"]


@pytest.mark.slow
def test_ten_thousand_rules_load_in_three_seconds() -> None:
    rules = "".join(
        f"""  - id: rule-{number}
    title: {{zh: 高级柜员查看手机号规则 {number}, en: senior tellers see the mobile number {number}}}
    when:
      - subject.level >= {number % 9}
      - context.menu == "{3000 + number % 999}" && resource.customer_class in ["private", "diamond"]
    fields: [mobile, email, {{category: contact}}]
    mask: mobile
    priority: {number % 100}
"""
        for number in range(10_000)
    )
    start = time.process_time()
    policy_set, diagnostics = load_texts({"big.yaml": f"kind: Policy\nid: big\nrules:\n{rules}"})
    assert time.process_time() - start < 3
    assert diagnostics.items == []
    assert len(policy_set.policies[0].rules) == 10_000
