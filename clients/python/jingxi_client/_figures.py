"""Masks that make a number or a date coarser, and the text of a number.

What they cannot read becomes HIDDEN; decimals are computed exactly.
"""

from __future__ import annotations

import bisect
import datetime
import itertools
import math
import re
from decimal import Decimal
from fractions import Fraction

from jingxi_client._text import HIDDEN, Parameters, TextMask

MAX_DIGITS = 400
"""Digits on either side of the point; every double fits."""
_TOO_LARGE = 10**MAX_DIGITS

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
        return str(int(value)) if abs(value) < _TOO_LARGE else None
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
    if len(text) > _MAX_NUMBER_TEXT:
        return None
    # What most texts are; the exact test takes longer than all else.
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return text if text[0] != "." != text[-1] else None
    return None if _NUMBER.fullmatch(text) is None else text.replace(",", "")


def bucket(p: Parameters) -> TextMask:
    """Name the range that a number falls in: a lower edge belongs to its range."""
    texts = p["edges"]
    edges = sorted(Decimal(text) for text in texts)
    # Rounding keeps the order, so only a number that rounds to an edge needs to be compared exactly.
    doubles = [float(edge) for edge in edges]
    close = frozenset(doubles)
    between = [f"{low}–{high}" for low, high in itertools.pairwise(texts)]
    labels = [str(label) for label in p.get("labels", [f"<{texts[0]}", *between, f"≥{texts[-1]}"])]

    def show(text: str) -> str:
        plain = _plain_number(text)
        if plain is None:
            return HIDDEN
        number = float(plain)
        if number in close:
            return labels[bisect.bisect_right(edges, Decimal(plain))]
        return labels[bisect.bisect_right(doubles, number)]

    return show


def round_(p: Parameters) -> TextMask:
    """Round a number to a multiple of `unit`, written with as many decimals as `unit`."""
    unit, half = Fraction(p["unit"]), p["mode"] == "nearest"
    decimals = len(p["unit"].partition(".")[2])
    smallest = int(unit * 10**decimals)

    def show(text: str) -> str:
        plain = _plain_number(text)
        if plain is None:
            return HIDDEN
        # In whole numbers: Fraction would look for common divisors at every step.
        whole, _, fraction = plain.lstrip("+-").partition(".")
        divided = int(whole + fraction) * unit.denominator
        divisor = 10 ** len(fraction) * unit.numerator
        count = (2 * divided + divisor) // (2 * divisor) if half else divided // divisor
        digits = str(count * smallest).rjust(decimals + 1, "0")
        shown = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
        return f"-{shown}" if plain[0] == "-" and count else shown

    return show


def date_trunc(p: Parameters, today: datetime.date) -> TextMask:
    """Show the year, the year and month, or the age band of a date."""
    unit, band = p["unit"], p["band"]
    if unit != "age":
        size = len("2026" if unit == "year" else "2026-11")

        def cut(text: str) -> str:
            if _is_usual_date(text):
                return text[:size]
            date = _parse_date(text)
            return HIDDEN if date is None else date.isoformat()[:size]

        return cut

    def show(text: str) -> str:
        date = _parse_date(text)
        if date is None:
            return HIDDEN
        age = today.year - date.year - ((today.month, today.day) < (date.month, date.day))
        if age < 0:
            return HIDDEN
        low = age // band * band
        return f"{low}–{low + band - 1}"

    return show


def _is_usual_date(text: str) -> bool:
    """Whether a text is a date in the form 2026-03-02."""
    if len(text) != 10 or not text[4] == text[7] == "-":
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _parse_date(text: str) -> datetime.date | None:
    for pattern in _DATES:
        match = pattern.fullmatch(text)
        if match:
            try:
                return datetime.date(*map(int, match.groups()))
            except ValueError:
                return None
    return None
