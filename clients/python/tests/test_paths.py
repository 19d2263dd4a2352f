from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jingxi_client import MessageMismatchError, PathError, paths

DOCUMENT = {
    "customer": {"no": "C1", "手机 号": "138", "a'b\\c": 1, "gone": None},
    "rows": [{"no": 1}, {"no": 2}, None, {}],
    "matrix": [[1, 2], [], [3]],
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$", [DOCUMENT]),
        ("$.customer.no", ["C1"]),
        ("$['customer']['no']", ["C1"]),
        ("$.customer['手机 号']", ["138"]),
        (r"$.customer['a\'b\\c']", [1]),
        ("$.customer.gone", [None]),
        ("$.customer.gone.further", []),
        ("$.nobody.no", []),
        ("$.rows[*].no", [1, 2]),
        ("$.rows[*]", [{"no": 1}, {"no": 2}, None, {}]),
        ("$.matrix[*][*]", [1, 2, 3]),
    ],
)
def test_find(path: str, values: list[object]) -> None:
    found = paths.find(DOCUMENT, paths.parse(path))
    assert [value for _, value in found] == values
    assert [paths.get(DOCUMENT, place) for place, _ in found] == values


@pytest.mark.parametrize(
    "path",
    ["", "customer", ".customer", "$customer", "$.", "$..no", "$.a b", "$.1a", "$[0]", "$[*", "$['']", "$['a", '$["a"]',
     "$.rows[?(@.no)]", "$.*", "$ .a", "$.a.", "$['a\\x']", "$.a\n"],
)  # fmt: skip
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathError, match="path `"):
        paths.parse(path)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$.customer.no.x", r"\$\.customer\.no"),
        ("$.customer[*]", r"\$\.customer"),
        ("$.rows.no", r"\$\.rows"),
        ("$.matrix[*].x", r"\$\.matrix\[0\]"),
    ],
)
def test_another_shape_is_a_mismatch_that_names_the_place(path: str, place: str) -> None:
    with pytest.raises(MessageMismatchError, match=place):
        paths.find(DOCUMENT, paths.parse(path))


def test_find_below_a_place() -> None:
    found = paths.find(DOCUMENT, paths.parse("$.no"), ("rows", 1))
    assert found == [(("rows", 1, "no"), 2)]


def test_replace_and_remove_change_the_document_they_are_given() -> None:
    document = paths.copied(DOCUMENT)
    assert paths.replace(document, ("rows", 0, "no"), "*") is document
    assert paths.replace(document, (), "***") == "***"
    assert paths.remove(document, [("rows", 0), ("rows", 2), ("customer", "no"), ("nobody", "x")]) is document
    assert document["rows"] == [{"no": 2}, {}]
    assert "no" not in document["customer"]
    assert DOCUMENT["rows"][0] == {"no": 1}
    assert paths.remove(document, [()]) is None


def test_copied_turns_tuples_into_lists() -> None:
    assert paths.copied({"a": ({"b": (1,)},)}) == {"a": [{"b": [1]}]}


@given(st.lists(st.integers(0, 7)))
def test_removing_items_keeps_the_places_of_the_others_true(indices: list[int]) -> None:
    document = paths.remove(list(range(8)), [(index,) for index in indices])
    assert document == [item for item in range(8) if item not in indices]


@given(st.text(min_size=1).filter(lambda name: "\ud800" not in name))
def test_any_name_can_be_quoted(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    assert paths.parse(f"$['{quoted}']").steps == (name,)
