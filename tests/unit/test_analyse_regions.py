"""Regions against plain comparisons of the values they stand for."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.lang.analyse.clock import Reading, moment
from pdp.lang.analyse.regions import (
    ENTRY,
    REAL,
    TEXT,
    TOP,
    Domain,
    Region,
    WholeDomain,
    compare,
    holds,
    intersect,
    meets,
    minus,
    only,
    union,
    within,
)
from pdp.lang.analyse.regular import Beginning, beginning, example
from pdp.lang.patterns import compile_pattern
from pdp.values import INT_MAX, INT_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN, format_timestamp, parse_timestamp

WHOLE = WholeDomain(INT_MIN, INT_MAX)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": operator.eq,
    "less": operator.lt,
    "less_equals": operator.le,
    "greater": operator.gt,
    "greater_equals": operator.ge,
}
TEXTS = st.text(alphabet="\0ab私\ud7ff\ue000\U0010ffff", max_size=4)
REALS = st.floats() | st.sampled_from((0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 2.0**53, 2.0**63))
INTS = st.integers(INT_MIN, INT_MAX) | st.sampled_from((INT_MIN, INT_MAX, 2**53 + 1, 0))
REGIONS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), max_size=5).map(
    lambda spans: union((((low, low + length),) for low, length in spans))
)


@given(REGIONS, REGIONS)
def test_regions_are_sets(left: Region, right: Region) -> None:
    first, second = ({n for n in range(30) if holds(region, n)} for region in (left, right))
    assert {n for n in range(30) if holds(intersect(left, right), n)} == first & second
    assert {n for n in range(30) if holds(minus(left, right), n)} == first - second
    assert {n for n in range(30) if holds(union((left, right)), n)} == first | second
    assert meets(left, right) == bool(first & second)
    assert within(left, right) == (first <= second)
    assert (left == right) == (first == second)


@pytest.mark.parametrize("function", COMPARISONS)
@given(data=st.data())
def test_comparisons(function: str, data: st.DataObject) -> None:
    pools: Sequence[tuple[Domain, Any, Any]] = (
        (TEXT, TEXTS, TEXTS),
        (ENTRY, TEXTS, TEXTS),
        (REAL, REALS, REALS | INTS),
        (WHOLE, INTS, INTS | REALS),
    )
    domain, values, constants = data.draw(st.sampled_from(pools))
    value, constant = data.draw(values), data.draw(constants)
    place = domain.at(value)
    if place is None:
        return
    assert holds(domain.every, place)
    assert holds(compare(domain, function, constant), place) == COMPARISONS[function](value, constant)
    assert domain.value(place) == value


def test_what_compares_with_nothing_has_a_place() -> None:
    assert minus(REAL.every, (REAL.ordered,))
    assert math.isnan(REAL.value(minus(REAL.every, (REAL.ordered,))[0][0]))
    assert only(ENTRY, (None,)) == (("", "\0"),)
    assert ENTRY.value("") is None
    assert ENTRY.value("=") == ""


@given(TEXTS, TEXTS)
def test_prefixes(text: str, prefix: str) -> None:
    assert holds(TEXT.prefix(prefix), text) == text.startswith(prefix)
    place = ENTRY.at(text)
    assert holds(ENTRY.prefix(prefix), place) == text.startswith(prefix)
    assert not holds(ENTRY.prefix(prefix), ENTRY.at(None))


@given(TEXTS)
def test_top_stands_behind_every_text(text: str) -> None:
    assert text < TOP
    assert text <= TOP
    assert text < TOP
    assert text <= TOP
    assert text != TOP
    assert max(text, TOP) is TOP
    assert min(TOP, text) == text


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^31", Beginning("31", whole=False)),
        ("^3101$", Beginning("3101", whole=True)),
        ("^31*", Beginning("3", whole=False)),
        ("^31+", Beginning("31", whole=False)),
        ("^31{0,2}", Beginning("3", whole=False)),
        ("^31|^4", Beginning("", whole=False)),
        ("31", Beginning("", whole=False)),
        ("(?i)^ab", Beginning("", whole=False)),
        ("^$", Beginning("", whole=True)),
        ("^私人(银行)?$", Beginning("私人", whole=False)),
    ],
)
def test_beginnings(pattern: str, expected: Beginning) -> None:
    assert beginning(pattern) == expected


@given(st.text(alphabet="ab^$|*+?{}1,().", max_size=6), st.text(alphabet="ab1", max_size=4))
def test_beginnings_never_say_too_much(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except Exception:
        return
    known = beginning(pattern)
    found = compiled.search(text) is not None
    if found:
        assert text.startswith(known.text)
    if known.whole:
        assert found == (text == known.text)


@pytest.mark.parametrize(
    "pattern",
    [
        "^31[0-9]{4}$", "a|b", "^(31|33)(01)+[a-c]?$", r"^\d{3}-\w+$", "[^0-9a]", ".*x", "a?b*c{2,3}", "^[^A-Za-z]$",
        "(?:ab)+",
    ],
)  # fmt: skip
def test_examples_match(pattern: str) -> None:
    text = example(pattern)
    assert text is not None
    assert compile_pattern(pattern).search(text)


@pytest.mark.parametrize("pattern", ["(?i)a", r"\p{Han}", "[[:alpha:]]", "a{1000}", "(a", "[a", "a)", "\\"])
def test_patterns_that_are_not_understood(pattern: str) -> None:
    assert example(pattern) is None


EVER: Region = ((TIMESTAMP_MIN, TIMESTAMP_MAX + 1),)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([("hours", "Asia/Shanghai", (9, 18))], "2026-03-02T02:00:00Z"),
        ([("hours", "Asia/Shanghai", (22, 24)), ("day_of_week", "Asia/Shanghai", (0, 1))], "2026-03-08T14:00:00Z"),
        ([("hours", "UTC", (1, 2)), ("date", "UTC", (29, 30)), ("month", "UTC", (1, 2))], "2028-02-29T01:00:00Z"),
        ([("year", "UTC", (1999, 2000)), ("minutes", "UTC", (30, 31))], "1999-01-01T10:30:00Z"),
        ([("milliseconds", "UTC", (250, 251))], "2026-03-02T10:00:00.25Z"),
        ([("hours", "Asia/Shanghai", (9, 10)), ("hours", "UTC", (9, 10))], None),
    ],
)
def test_moments(readings: list[tuple[str, str, tuple[int, int]]], expected: str | None) -> None:
    found = moment(EVER, tuple(Reading(accessor, zone, (span,)) for accessor, zone, span in readings))
    assert (None if found is None else format_timestamp(found)) == expected


def test_a_moment_lies_in_its_region() -> None:
    region = ((parse_timestamp("2031-05-01T00:00:00Z"), parse_timestamp("2031-05-03T00:00:00Z")),)
    found = moment(region, (Reading("hours", "+08:00", ((3, 4),)),))
    assert found is not None
    assert format_timestamp(found) == "2031-05-01T19:00:00Z"
