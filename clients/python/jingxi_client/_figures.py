"""Masks that make a number or a date coarser, and the text of a number.

What they cannot read becomes HIDDEN; decimals are computed exactly.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from jingxi_client._text import HIDDEN

Parameters = Mapping[str, Any]

MAX_DIGITS = 400
"""Digits on either side of the point; every double fits."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_MAX_NUMBER_TEXT = 64
_TAIL = r"(?:[T ][0-9:.,+Zz-]*)?"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}}){_TAIL}",
        rf"([0-9]{{4}})/([0-9]{{1,2}})/([0-9]{{1,2}}){_TAIL}",
        rf"([0-9]{{4}})\.([0-9]{{1,2}})\.([0-9]{{1,2}}){_TAIL}",
        rf"([0-9]{{4}})年([0-9]{{1,2}})月([0-9]{{1,2}})日{_TAIL}",
        r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{6})?",
    )
)


def number_text(value: float | Decimal) -> str | None:
    """Return a JSON number as text, or None for one that has none.

    Integers and Decimals as they are, without an exponent; a float as the shortest decimal that reads back as the same
    double, without an exponent and without a trailing `.0`.
    """
    if isinstance(value, Decimal):
        if (
            not value.is_finite()
            or abs(value.adjusted()) > MAX_DIGITS
            or abs(int(value.as_tuple().exponent)) > MAX_DIGITS
        ):
            return None
        return format(value, "f")
    if isinstance(value, int):
        return str(int(value)) if abs(value) < 10**MAX_DIGITS else None
    if not math.isfinite(value):
        return None
    if value == 0:
        return "0"
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_number(text: str) -> Fraction | None:
    """Return the exact number of a decimal text, with or without thousands separators; None for any other text."""
    plain = _plain_number(text)
    return None if plain is None else Fraction(plain)


def parse_double(text: str) -> float | None:
    """Return the double next to such a number; None for any other text."""
    plain = _plain_number(text)
    return None if plain is None else float(plain)


def _plain_number(text: str) -> str | None:
    if len(text) > _MAX_NUMBER_TEXT or _NUMBER.fullmatch(text) is None:
        return None
    return text.replace(",", "")


@functools.lru_cache(maxsize=1_024)
def _fraction(text: str) -> Fraction:
    return Fraction(text)


def bucket(text: str, p: Parameters) -> str:
    """Name the range that a number falls in: a lower edge belongs to its range."""
    number = parse_number(text)
    if number is None:
        return HIDDEN
    edges = p["edges"]
    index = sum(number >= _fraction(edge) for edge in edges)
    labels = p.get("labels")
    if labels is not None:
        return str(labels[index])
    if index == 0:
        return f"<{edges[0]}"
    if index == len(edges):
        return f"≥{edges[-1]}"
    return f"{edges[index - 1]}–{edges[index]}"


def round_(text: str, p: Parameters) -> str:
    """Round a number to a multiple of `unit`, written with as many decimals as `unit`."""
    number = parse_number(text)
    if number is None:
        return HIDDEN
    unit = Fraction(p["unit"])
    steps = abs(number) / unit
    count = math.floor(steps + Fraction(1, 2)) if p["mode"] == "nearest" else math.floor(steps)
    decimals = len(p["unit"].partition(".")[2])
    digits = str(int(count * unit * 10**decimals)).rjust(decimals + 1, "0")
    shown = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{shown}" if number < 0 and count else shown


def date_trunc(text: str, p: Parameters, today: datetime.date) -> str:
    """Show the year, the year and month, or the age band of a date."""
    date = _parse_date(text)
    if date is None:
        return HIDDEN
    if p["unit"] == "year":
        return f"{date.year:04d}"
    if p["unit"] == "month":
        return f"{date.year:04d}-{date.month:02d}"
    age = today.year - date.year - ((today.month, today.day) < (date.month, date.day))
    if age < 0:
        return HIDDEN
    low = age // p["band"] * p["band"]
    return f"{low}–{low + p['band'] - 1}"


def _parse_date(text: str) -> datetime.date | None:
    for pattern in _DATES:
        match = pattern.fullmatch(text)
        if match:
            try:
                return datetime.date(*map(int, match.groups()))
            except ValueError:
                return None
    return None
