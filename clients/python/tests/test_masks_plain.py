"""Masks that take short ways against the same masks written plainly."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from jingxi_client import masks
from jingxi_client._figures import parse_double
from jingxi_client._surnames import COMPOUND_SURNAMES

NUMBER = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
compound = st.sampled_from(sorted(COMPOUND_SURNAMES)[:5])
names = st.builds("{}{}".format, compound | st.just(""), st.text("张三丰欧阳 ·　AbÉz-", max_size=6))
addresses = st.lists(
    st.sampled_from(["区", "县", "旗", "小区", "自治区", "江苏", "市", "a", "自治", "b区"]), min_size=1, max_size=6
).map("".join)
numbers = st.from_regex(NUMBER, fullmatch=True) | st.text("0123456789.,+-eE_ ١", max_size=8)
lengths = st.integers(0, 3)


def hidden(text: str, places: set[int], length: int) -> str:
    """Return the text with stretches of these places hidden; whole when there are none."""
    places = places or set(range(len(text)))
    out, before = "", False
    for place, ch in enumerate(text):
        if place not in places:
            out += ch
        elif not length:
            out += "*"
        elif not before:
            out += "*" * length
        before = place in places
    return out


@settings(deadline=None)
@given(text=names.filter(bool), length=lengths)
def test_name(text: str, length: int) -> None:
    dots, spaces = "\u00b7\u2022\u2027\u30fb", "\u0020\u00a0\u3000"
    letters = [place for place, ch in enumerate(text) if ch not in dots + spaces]
    shown = set(letters[:1])
    if not set(text) & set(dots):
        if len(letters) > 2 and text[letters[0]] + text[letters[1]] in COMPOUND_SURNAMES:
            shown.add(letters[1])
        shown |= {p for p in letters[1:] if text[p - 1] in spaces and re.match("[A-Za-zÀ-ÖØ-öø-ɏ]", text[p])}
    wanted = hidden(text, set(letters) - shown, length)
    assert masks.apply("name", {"length": length}, text) == wanted


@settings(deadline=None)
@given(
    text=addresses,
    markers=st.lists(st.sampled_from(["区", "县", "自治区", "治区", "ab"]), min_size=1, max_size=3),
    exceptions=st.lists(st.sampled_from(["小区", "自治区", "区区"]), min_size=1, max_size=2),
    prefix=st.integers(0, 8),
    length=lengths,
)
def test_address(text: str, markers: list[str], exceptions: list[str], prefix: int, length: int) -> None:
    ends = (
        end
        for end in range(1, len(text) + 1)
        if text[:end].endswith(tuple(markers)) and not text[:end].endswith(tuple(exceptions))
    )
    wanted = hidden(text, set(range(next(ends, prefix), len(text))), length)
    given = {"markers": markers, "exceptions": exceptions, "prefix": prefix, "length": length}
    assert masks.apply("address", given, text) == wanted


@settings(deadline=None)
@given(text=st.text("ab@.", min_size=1, max_size=6), prefix=st.integers(0, 3), length=lengths)
def test_email(text: str, prefix: int, length: int) -> None:
    at = text.rfind("@")
    fits = 0 < at < len(text) - 1
    start = prefix if prefix < at else 0
    wanted = hidden(text, set(range(start, at)) if fits else set(), length)
    assert masks.apply("email", {"prefix": prefix, "length": length}, text) == wanted


@settings(deadline=None)
@given(text=st.text("ab张 ", min_size=1, max_size=8), prefix=lengths, suffix=lengths, length=lengths)
def test_keep(text: str, prefix: int, suffix: int, length: int) -> None:
    wanted = hidden(text, set(range(prefix, len(text) - suffix)), length)
    assert masks.apply("keep", {"prefix": prefix, "suffix": suffix, "length": length}, text) == wanted


@settings(deadline=None)
@given(text=numbers, unit=st.sampled_from(["1000", "1", "0.5", "0.05", "3", "2.50"]), down=st.booleans())
def test_round(text: str, unit: str, down: bool) -> None:
    shown = masks.apply("round", {"unit": unit, "mode": "down" if down else "nearest"}, text)
    if not text:
        assert shown == ""
        return
    if len(text) > 64 or NUMBER.fullmatch(text) is None:
        assert shown == "***"
        return
    number, step = Fraction(text.replace(",", "")), Fraction(unit)
    steps = abs(number) / step
    count = math.floor(steps) if down else math.floor(steps + Fraction(1, 2))
    assert Fraction(shown) == count * step * (-1 if number < 0 else 1)
    assert len(shown.partition(".")[2]) == len(unit.partition(".")[2])


@settings(deadline=None)
@given(text=numbers)
def test_bucket(text: str) -> None:
    shown = masks.apply("bucket", {"edges": ["-1.5", "10", "1000"], "labels": ["0", "1", "2", "3"]}, text)
    if not text:
        assert shown == ""
    elif len(text) > 64 or NUMBER.fullmatch(text) is None:
        assert shown == "***"
    else:
        number = Fraction(text.replace(",", ""))
        assert shown == str(sum(number >= Fraction(edge) for edge in ("-1.5", "10", "1000")))


@settings(deadline=None)
@given(text=numbers)
def test_numbers_of_attributes(text: str) -> None:
    fits = len(text) <= 64 and NUMBER.fullmatch(text) is not None
    assert parse_double(text) == (float(text.replace(",", "")) if fits else None)
