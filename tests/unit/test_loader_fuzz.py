"""Whatever a file holds, loading it ends soon, raises nothing and says where something is wrong."""

from __future__ import annotations

import copy
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.lang.diagnostics import render_text, to_json
from pdp.lang.loader import load_folder, load_grants, load_texts
from tests.strategies import examples

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "policy-language.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
VALID = "---\n".join(BLOCKS)
PIECES = [
    "", " ", "\n", "\t", "\r\n", "  ", "- ", ": ", "? ", "[", "]", "{", "}", ",", "#", " #", "&a ", "*a", "!x ", "!",
    "|\n", ">-\n", "'", '"', "\\", "\\u0000", "%", "@", "`", "---\n", "...\n", "<<: ", "~", "null", "true", "012",
    "1e999", ".nan", "9" * 400, "手机号", "𠮷", "：", "\x00", "\u2028", "\ufeff", "kind: Policy\n", "$.a[*]",
    "subject.level", "all", "default",
]  # fmt: skip
DOCUMENTS = [yaml.safe_load(block) for block in BLOCKS]
VALUES = [
    None, True, False, 0, -1, 3101, 1.5, 10**30, 1e300, "", "a", "A b", "all", "default", "mask", "unmask", "C1", "*",
    "$.a[*]", "2026-03-02T10:00:00Z", "1h", "subject.id", "now", "手机号", "\U0001F600", [], {}, [[]], [None],
    {"zh": "x"}, {"a": {"b": []}},
]  # fmt: skip


@st.composite
def misshapen(draw: st.DrawFn) -> str:
    """A document of the guide in which some values and keys are others, as JSON, which is YAML."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and draw(st.integers(0, 3)):
                holder = holder[key]
                continue
            change = draw(st.integers(0, 4))
            if change == 0:
                del holder[key]
            elif change == 1 and isinstance(holder, dict):
                holder[draw(st.sampled_from([str(v) for v in VALUES]))] = holder.pop(key)
            else:
                holder[key] = copy.deepcopy(draw(st.sampled_from([*VALUES, draw(st.sampled_from(DOCUMENTS))])))
            break
    return json.dumps(document, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2])))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from([VALID, *BLOCKS]))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        piece = draw(st.sampled_from(PIECES)) or text[end : end + draw(st.integers(0, 80))]
        text = text[:start] + piece + text[end:]
    return text


def assert_loads(text: str) -> None:
    policy_set, diagnostics = load_texts({"x.yaml": text})
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    for item in diagnostics.sorted():
        assert item.message
        assert render_text(item, policy_set.sources)
        assert to_json(item)
        for span in (item.span, *(related.span for related in item.related)):
            assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)
            assert span.line <= len(lines)
            assert span.column <= len(lines[span.line - 1]) + 1
    for policy in policy_set.policies:
        for rule in policy.rules:
            for clause in rule.when:
                assert clause.anchors[0].offset == 0
                for offset, character in enumerate(clause.value):
                    place = clause.locate(offset)
                    assert place.line <= len(lines)
                    if character in "客𠮷=&|" and character in VALID:
                        assert lines[place.line - 1][place.column - 1] in {character, "\\"}


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_mutations_of_valid_files(text: str) -> None:
    assert_loads(text)


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(misshapen())
def test_documents_of_another_shape(text: str) -> None:
    assert_loads(text)


@settings(deadline=None, max_examples=examples(50))
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_yaml_without_sense(text: str) -> None:
    assert_loads(text)


@settings(deadline=None, max_examples=examples(30))
@given(st.binary(max_size=200) | mutated().map(lambda text: text.encode("utf-8", "replace")[7:]))
def test_random_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.yaml").write_bytes(data)
        policy_set, diagnostics = load_folder(Path(folder))
        for item in diagnostics.sorted():
            assert render_text(item, policy_set.sources)


@settings(deadline=None, max_examples=examples(30))
@given(mutated())
def test_grants_files(text: str) -> None:
    text = text.replace("kind: Test", "kind: Grants")
    grants, diagnostics = load_grants("x.yaml", text, ["mobile"])
    assert diagnostics.has_errors or "kind: Grants" in text
    assert all(grant.id == key and grant.expires_at > grant.not_before for key, grant in grants.items())


@settings(deadline=None, max_examples=examples(30))
@given(mutated())
def test_loading_twice_gives_the_same(text: str) -> None:
    first, second = load_texts({"x.yaml": text}), load_texts({"x.yaml": text})
    assert first == second


@pytest.mark.slow
@settings(deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
@given(mutated() | misshapen() | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_many_mutations(text: str) -> None:
    assert_loads(text)
