"""The masks against the table that all languages share, and what holds for every mask and every value."""

from __future__ import annotations

import base64
import copy
import datetime
import math
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_support import expected_gaps, load
from jingxi_client import KeyUnavailableError, MaskUnavailableError, masks
from jingxi_client._figures import number_text

CASES = load("masking.json")["cases"]
KEY = b"0123456789abcdef0123456789abcdef"

TEXT_MASKS: dict[str, dict[str, Any]] = {
    "full": {},
    "keep": {"prefix": 3, "suffix": 4},
    "mask": {"prefix": 1},
    "keep_range": {"from": 2, "to": 3},
    "before": {"delimiter": "@"},
    "after": {"delimiter": "·", "occurrence": "last"},
    "name": {},
    "email": {},
    "address": {"prefix": 1},
    "landline": {},
    "ip": {},
    "regex": {"pattern": "(.*)", "template": "$1"},
    "hash": {"key": "k"},
    "encrypt": {"key": "k"},
    "fpe": {"key": "k"},
    "bucket": {"edges": ["5"]},
    "round": {},
    "date_trunc": {},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.text(st.sampled_from("张欧阳三·• John@-0571区1.:"), min_size=1, max_size=12)


def run(case: dict[str, Any]) -> Any:
    keys = {name: base64.b64decode(text) for name, text in case.get("keys", {}).items()}
    today = datetime.date.fromisoformat(case["today"]) if "today" in case else None
    nonce = bytes.fromhex(case.get("nonce", ""))
    return masks.apply(
        case["algorithm"], case["parameters"], case["value"], keys.get, today=today, nonces=lambda size: nonce[:size]
    )


@pytest.mark.parametrize("case", expected_gaps(CASES))
def test_vector(case: dict[str, Any]) -> None:
    before = copy.deepcopy(case["value"])
    shown = run(case)
    if case["expected"] == {"drop": True}:
        assert shown is masks.DROP
    else:
        assert shown == case["expected"]
        assert type(shown) is type(case["expected"])
    assert case["value"] == before


def test_vectors_are_a_table_of_their_schema() -> None:
    jsonschema.validate(load("masking.json"), load("masking.schema.json"))
    ids = [case["id"] for case in CASES]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("algorithm", masks.PARAMETERS)
def test_vectors_cover_every_algorithm_and_every_parameter(algorithm: str) -> None:
    cases = [case for case in CASES if case["algorithm"] == algorithm and case["id"].startswith(f"{algorithm}/")]
    given_parameters = {name for case in cases for name in case["parameters"]}
    assert given_parameters == set(masks.PARAMETERS[algorithm])
    values = [case["value"] for case in cases]
    assert None in values
    assert "" in values


def test_table_above_names_every_mask_that_looks_at_the_value() -> None:
    assert set(TEXT_MASKS) == set(masks.PARAMETERS) - {"suppress", "null"}


@given(st.sampled_from(sorted(TEXT_MASKS)), JSON)
def test_every_value_has_a_result_and_is_left_as_it_was(algorithm: str, value: Any) -> None:
    before = copy.deepcopy(value)
    shown = masks.apply(algorithm, TEXT_MASKS[algorithm], value, lambda _: KEY)
    assert repr(value) == repr(before)  # NaN does not equal itself
    assert _is_masked_json(value, shown)


@given(
    st.sampled_from(["keep", "mask", "keep_range", "before", "after", "name", "email", "address", "landline"]), NAMES
)
def test_no_mask_shows_every_character(algorithm: str, value: str) -> None:
    # Asked with a mask character that no value has, each mask must use it.
    assert "\u25a0" in masks.apply(algorithm, {**TEXT_MASKS[algorithm], "char": "\u25a0"}, value)


@given(st.text(min_size=1), st.integers(0, 6), st.integers(0, 6))
def test_keep_shows_at_most_what_it_says(value: str, prefix: int, suffix: int) -> None:
    shown = masks.apply("keep", {"prefix": prefix, "suffix": suffix, "char": "\ufffc"}, value)
    if len(value) > prefix + suffix:
        assert shown == value[:prefix] + "\ufffc" * (len(value) - prefix - suffix) + value[len(value) - suffix :]
    else:
        assert shown == "\ufffc" * len(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_text_of_a_number_reads_back_as_the_same_double(value: float) -> None:
    text = number_text(value)
    assert text is not None
    assert float(text) == value
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-3"), "0.001"),
        (Decimal("NaN"), None),
        (Decimal("1E+1000000"), None),
        (math.inf, None),
        (math.nan, None),
        (10**500, None),
        (-7, "-7"),
    ],
)
def test_text_of_numbers_that_json_libraries_may_give(value: Any, text: str | None) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", math.nan, b"bytes", datetime.date(2026, 1, 1), {1, 2}])
@pytest.mark.parametrize("algorithm", TEXT_MASKS)
def test_what_is_no_json_is_masked_in_full(algorithm: str, value: Any) -> None:
    assert masks.apply(algorithm, TEXT_MASKS[algorithm], value, lambda _: KEY) == "***"


def test_lists_deeper_than_json_is_ever_nested_end_masked() -> None:
    value: Any = "13812348000"
    for _ in range(500):
        value = [value]
    shown = masks.apply("keep", {"prefix": 3}, value)
    for _ in range(masks.MAX_DEPTH):
        (shown,) = shown
    assert shown == "***"


def test_a_tuple_is_a_list() -> None:
    assert masks.apply("keep", {"prefix": 1}, ("ab", "cd")) == ["a*", "c*"]


def test_parameters_may_come_as_tuples() -> None:
    assert masks.apply("bucket", {"edges": ("5",), "labels": ("low", "high")}, 7) == "high"


def test_masker_says_why_it_cannot() -> None:
    with pytest.raises(MaskUnavailableError, match="does not know the algorithm `tokenize`"):
        masks.masker("tokenize", {})
    with pytest.raises(MaskUnavailableError, match="does not know the parameter `clusters` of `keep`"):
        masks.masker("keep", {"clusters": 1})
    with pytest.raises(MaskUnavailableError, match="there is no key `k9`"):
        masks.masker("hash", {"key": "k9"})


def test_a_key_that_cannot_be_read_drops_the_field() -> None:
    def broken(_: str) -> bytes | None:
        raise KeyUnavailableError("key file cannot be read")

    assert masks.apply("hash", {"key": "k"}, "x", broken) is masks.DROP


def test_ages_count_to_today_by_default() -> None:
    today = datetime.datetime.now().astimezone().date()
    born = today.replace(year=today.year - 41, day=1)
    assert masks.apply("date_trunc", {"unit": "age"}, born.isoformat()) == "40–49"


def _is_masked_json(value: Any, shown: Any) -> bool:
    if isinstance(value, list) and isinstance(shown, list):
        return len(value) == len(shown) and all(map(_is_masked_json, value, shown))
    return (shown is None) if value is None else isinstance(shown, str)
