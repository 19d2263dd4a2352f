"""Values as YAML text, read again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from admin_gui.domain.policy_text.written import flow, written

texts = st.text(max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values, st.sampled_from([True, None]), st.sampled_from([110, 10**9]))
@example({"\u2028": "a\u2029b"}, True, 110)
@example(["\u0085", "手\u0085机"], None, 110)
def test_what_is_written_is_read(value: Any, style: bool | None, width: int) -> None:
    assert yaml.safe_load(written(value, flow=style, width=width)) == value
    assert yaml.safe_load(f"{{a: {flow(value)}}}") == {"a": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [("手机号", "手机号"), ("yes", "'yes'"), (["a", 1, None], "[a, 1, null]"), ("a\u2028b", '"a\\Lb"')],
)
def test_only_what_needs_it_is_quoted(value: Any, text: str) -> None:
    assert flow(value) == text
