"""Every character of an expression points back to its place, in every way YAML has to write it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.lang.diagnostics import Diagnostics
from pdp.lang.loader import load_texts, nodes
from pdp.lang.loader.report import Report
from pdp.source import SourceFile, SourceText, Span
from tests.strategies import examples


def policy(fragment: str) -> str:
    return f"kind: Policy\nid: p\nrules:\n  - id: r\n    fields: all\n    unmask: true\n    when: {fragment}\n"


def expression(text: str) -> SourceText:
    policy_set, diagnostics = load_texts({"p.yaml": text})
    assert diagnostics.items == []
    (source,) = policy_set.policies[0].rules[0].when
    return source


def lines_of(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


def assert_places(text: str, source: SourceText) -> None:
    """Each visible character of the value stands at its place; for an escape the place is where it begins."""
    lines = lines_of(text)
    for offset, character in enumerate(source.value):
        if character in " \t\n":
            continue
        place = source.locate(offset)
        found = lines[place.line - 1][place.column - 1]
        assert found == character or (found in "\\'" and character not in "\\'"), (offset, character, place)


CASES = {
    "plain": "subject.level >= 3",
    "plain, Chinese and non-BMP": 'context.名 == "客户𠮷"',
    "plain over lines": "a &&\n      b   \n\n\n      && c",
    "single-quoted": "'a == 1'",
    "single-quoted with quotes": "'a == ''x'' && ''𠮷'' != b'",
    "single-quoted over lines": "'a &&\n\n  b == ''x''\n      && c'",
    "double-quoted": '"!a.b"',
    "double-quoted with escapes": r'"a == \"x\" && \u5ba2\U00020BB7 == \x41 && b"',
    "double-quoted over lines": '"a &&   \n   b \\\n      && \\\n\n   c\\tz"',
    "double-quoted that begins with a line break": '"\n      a && b"',
    "literal": "|\n      a &&\n        b\n\n      || c",
    "literal that keeps its end": "|+\n      a &&\n      b\n\n\n",
    "literal without its end": "|-\n      a",
    "literal with indentation given": "|2\n        a &&\n      b",
    "literal with blank lines first": "|\n\n\n      a &&\n      b",
    "folded": ">\n      a\n      && b\n\n      && c\n        && d\n      && e",
    "folded without its end": ">-\n      a &&\n      b",
    "folded with indentation given": ">2-\n        a\n      && b",
    "in a list": '["a == \\"x\\""]',
    "with an anchor": "&x 'a == ''y'''",
    "with an anchor on a line of its own": "&x # why\n      a\n      && b",
    "with a comment behind": "a && b  # why",
}


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("parser", ["libyaml", "python"])
@pytest.mark.parametrize("case", CASES)
def test_characters_stand_at_their_places(
    case: str, parser: str, line_break: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if parser == "python":
        monkeypatch.setattr(nodes, "CParser", None)
    elif nodes.CParser is None:
        pytest.skip("PyYAML was built without libyaml")
    text = policy(CASES[case]).replace("\n", line_break)
    source = expression(text)
    assert source.anchors[0].offset == 0
    assert source.anchors == tuple(sorted(source.anchors, key=lambda anchor: anchor.offset))
    assert_places(text, source)


@pytest.mark.parametrize(
    ("fragment", "value", "anchors"),
    [
        ("a && b", "a && b", [(0, 7, 11)]),
        ("'a'", "a", [(0, 7, 12)]),
        ("'a ''b'' c'", "a 'b' c", [(0, 7, 12), (3, 7, 16), (5, 7, 19)]),
        (r'"a \"b"', 'a "b', [(0, 7, 12), (3, 7, 16)]),
        ("a\n      b", "a b", [(0, 7, 11), (2, 8, 7)]),
        ("|\n      a\n      b", "a\nb\n", [(0, 8, 7), (2, 9, 7)]),
        (">\n      a\n      b", "a b\n", [(0, 8, 7), (2, 9, 7)]),
        ("|\n\n      a", "\na\n", [(0, 9, 7), (1, 9, 7)]),
        ('"x\\\n      y"', "xy", [(0, 7, 12), (1, 8, 7)]),
    ],
)
def test_anchors(fragment: str, value: str, anchors: list[tuple[int, int, int]]) -> None:
    source = expression(policy(fragment))
    assert source.value == value
    found = [(a.offset, a.line, a.column) for a in source.anchors]
    assert [a for a in found if a in anchors] == anchors
    assert len(found) <= len(anchors) + 2  # an escaped character begins a stretch of its own


def test_an_error_inside_a_folded_expression_is_located() -> None:
    source = expression(policy(">-\n      subject.level >= 3\n      && context.мenu == 1"))
    offset = source.value.index("context")
    assert source.locate(offset, 12) == Span("p.yaml", 9, 10, 9, 22)


# Words without blanks, so that every character that is not a blank can be found again.
words = st.lists(
    st.text(st.sampled_from("ab客𠮷😀&|=<>!()[]{}\"'\\#:,.@%"), min_size=1, max_size=5), min_size=1, max_size=8
)
gaps = st.lists(st.sampled_from([" ", "  ", "\n", "\n\n", " \n  "]), min_size=8, max_size=8)


def quoted_single(parts: list[str], breaks: list[str], pad: str) -> str:
    joined = "".join(w.replace("'", "''") + g.replace("\n", f"\n{pad}") for w, g in zip(parts, breaks, strict=False))
    return f"'{joined.rstrip()}'"


def quoted_double(parts: list[str], breaks: list[str], pad: str) -> str:
    escaped = [
        w.replace("\\", "\\\\").replace('"', '\\"').replace("😀", "\\U0001F600").replace("客", "\\u5BA2") for w in parts
    ]
    joined = "".join(w + g.replace("\n", f"\n{pad}") for w, g in zip(escaped, breaks, strict=False))
    return f'"{joined.rstrip()}"'


def block(indicator: str) -> object:
    def write(parts: list[str], breaks: list[str], pad: str) -> str:
        joined = "".join(w + g.replace("\n", f"\n{pad}") for w, g in zip(parts, breaks, strict=False))
        return f"{indicator}\n{pad}{joined.rstrip()}"

    return write


@settings(deadline=None, max_examples=examples(60))
@given(words, gaps, st.sampled_from([quoted_single, quoted_double, block("|"), block(">"), block("|-")]))
def test_places_of_random_texts(parts: list[str], breaks: list[str], write: object) -> None:
    text = policy(write(parts, breaks, "      "))  # type: ignore[operator]
    assert_places(text, expression(text))


def spans(text: str) -> dict[str, str]:
    """Return the place of each scalar of a document by its text."""
    diagnostics = Diagnostics()
    documents = nodes.compose(SourceFile("f", text), Report(diagnostics))
    assert diagnostics.items == []
    found: dict[str, str] = {}
    todo = list(documents)
    while todo:
        node = todo.pop()
        if isinstance(node, nodes.Scalar):
            found[node.value] = f"{node.span.line}:{node.span.column}-{node.span.end_line}:{node.span.end_column}"
        elif isinstance(node, nodes.Sequence):
            todo += node.items
        elif isinstance(node, nodes.Mapping):
            todo += [part for entry in node.entries.values() for part in entry]
    return found


@pytest.mark.parametrize("parser", ["libyaml", "python"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("客户𠮷: 值", {"客户𠮷": "1:1-1:4", "值": "1:6-1:7"}),
        ("😀: [𠮷, b]", {"😀": "1:1-1:2", "𠮷": "1:5-1:6", "b": "1:8-1:9"}),
        ("a: 'b\tc' # d", {"a": "1:1-1:2", "b\tc": "1:4-1:9"}),
        ("a: 1\r\nb: 2\r\n", {"a": "1:1-1:2", "1": "1:4-1:5", "b": "2:1-2:2", "2": "2:4-2:5"}),
        ("# c\n\na: |\n  x\n  y\n\n\nb: z\n", {"x\ny\n": "3:4-5:4", "b": "8:1-8:2", "a": "3:1-3:2", "z": "8:4-8:5"}),
    ],
)
def test_columns_count_code_points(
    text: str, expected: dict[str, str], parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if parser == "python":
        monkeypatch.setattr(nodes, "CParser", None)
    assert spans(text) == expected


def test_a_byte_order_mark_moves_nothing() -> None:
    policy_set, diagnostics = load_texts({"p.yaml": "\ufeff" + policy("a")})
    assert diagnostics.items == []
    assert policy_set.policies[0].rules[0].when[0].span == Span("p.yaml", 7, 11, 7, 12)
    assert policy_set.sources["p.yaml"].text.startswith("kind")


def test_a_block_ends_with_its_last_item() -> None:
    text = policy("a") + "    # about the next rule\n  - id: s\n    fields: all\n    unmask: true\n\n\n# end\n"
    policy_set, _ = load_texts({"p.yaml": text})
    first, second = policy_set.policies[0].rules
    assert first.span == Span("p.yaml", 4, 5, 7, 12)
    assert second.span == Span("p.yaml", 9, 5, 11, 17)
    assert policy_set.policies[0].span == Span("p.yaml", 1, 1, 11, 17)


def test_what_an_alias_stands_for_is_located_where_it_is_written() -> None:
    text = policy("&x a") + "  - {id: s, fields: all, unmask: true, when: *x}\n"
    policy_set, diagnostics = load_texts({"p.yaml": text})
    assert diagnostics.items == []
    first, second = policy_set.policies[0].rules
    assert second.when == first.when
    assert first.when[0].span == Span("p.yaml", 7, 14, 7, 15)
    assert second.span == Span("p.yaml", 8, 5, 8, 49)
