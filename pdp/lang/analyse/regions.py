"""Sets of values as sorted, half-open stretches of an ordered line.

Every value of an attribute has a place (a *cut*) on such a line, and so has the gap just behind it; a domain says
where. Whole numbers and times stand on the integers. Floating-point numbers do too, numbered in their order, so that
open and closed ends are exact; NaN, which compares with nothing, has the last number of all. Texts stand in code point
order, where the smallest text after `s` is `s` followed by U+0000: with half-open stretches equality, order and
prefixes all have exact complements. A map's entry is a text behind the mark `=`; the empty text is a missing key.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pdp.values import INT_MAX, INT_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN, AttributeType

Cut = Any
Region = tuple[tuple[Cut, Cut], ...]

EMPTY: Final[Region] = ()


class _Top:
    """Stands behind every text. There is one of it."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return other is self

    def __gt__(self, other: object) -> bool:
        return other is not self

    def __ge__(self, other: object) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return other is self

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "TOP"


TOP: Final = _Top()


def intersect(left: Region, right: Region) -> Region:
    """Return the values that lie in both."""
    if left is right:
        return left
    if len(left) == 1 and len(right) == 1:
        low, high = max(left[0][0], right[0][0]), min(left[0][1], right[0][1])
        return ((low, high),) if low < high else EMPTY
    spans = []
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low < high:
            spans.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(spans)


def meets(left: Region, right: Region) -> bool:
    """Whether a value lies in both."""
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i][1] <= right[j][0]:
            i += 1
        elif right[j][1] <= left[i][0]:
            j += 1
        else:
            return True
    return False


def minus(left: Region, right: Region) -> Region:
    """Return the values of the first that do not lie in the second."""
    spans = []
    j = 0
    for low, high in left:
        start = low
        while j < len(right) and right[j][1] <= start:
            j += 1
        k = j
        while k < len(right) and right[k][0] < high:
            if start < right[k][0]:
                spans.append((start, right[k][0]))
            start = right[k][1]
            k += 1
            if not start < high:
                break
        if start < high:
            spans.append((start, high))
    return tuple(spans)


def union(regions: Iterable[Region]) -> Region:
    """Return the values that lie in any of them."""
    spans: list[tuple[Cut, Cut]] = []
    for low, high in sorted((span for region in regions for span in region), key=lambda span: span[0]):
        if spans and low <= spans[-1][1]:
            if spans[-1][1] < high:
                spans[-1] = (spans[-1][0], high)
        else:
            spans.append((low, high))
    return tuple(spans)


def within(inner: Region, outer: Region) -> bool:
    """Whether every value of the first lies in the second."""
    return inner is outer or not minus(inner, outer)


def holds(region: Region, cut: Cut) -> bool:
    """Whether the value at this cut lies in the region."""
    return any(low <= cut < high for low, high in region)


class Domain(Protocol):
    """Where the values of one type stand."""

    @property
    def every(self) -> Region:
        """All values."""
        ...

    @property
    def ordered(self) -> tuple[Cut, Cut]:
        """The stretch of the values that comparisons can tell apart from one another."""
        ...

    def at(self, value: Any) -> Cut | None:
        """Return the first cut whose values are not less than this one; None when it compares with nothing."""
        ...

    def after(self, value: Any) -> Cut:
        """Return the first cut whose values are greater than this one."""
        ...

    def value(self, cut: Cut) -> Any:
        """Return the value that stands right behind a cut."""
        ...


@dataclass(frozen=True, slots=True)
class WholeDomain:
    """Whole numbers, times in nanoseconds, and booleans as 0 and 1; both ends belong to it."""

    low: int
    high: int
    boolean: bool = False

    @property
    def every(self) -> Region:
        """All values."""
        return ((self.low, self.high + 1),)

    @property
    def ordered(self) -> tuple[Cut, Cut]:
        """All values."""
        return self.low, self.high + 1

    def at(self, value: Any) -> Cut | None:
        """Return the number itself, or the next whole one, kept inside the domain."""
        if isinstance(value, float):
            if math.isnan(value):
                return None
            value = self.high + 1 if value > self.high else self.low if value < self.low else math.ceil(value)
        return min(max(int(value), self.low), self.high + 1)

    def after(self, value: Any) -> Cut:
        """Return the next whole number, kept inside the domain."""
        if isinstance(value, float):
            value = self.high if value > self.high else self.low - 1 if value < self.low else math.floor(value)
        return min(max(int(value) + 1, self.low), self.high + 1)

    def value(self, cut: Cut) -> Any:
        """Return the number."""
        return bool(cut) if self.boolean else cut


def _order(value: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", abs(value)))[0]
    return -bits if value < 0 else bits


_INFINITE = _order(math.inf)


@dataclass(frozen=True, slots=True)
class RealDomain:
    """Floating-point numbers, both zeros as one, and NaN behind them."""

    @property
    def every(self) -> Region:
        """All values."""
        return ((-_INFINITE, _INFINITE + 2),)

    @property
    def ordered(self) -> tuple[Cut, Cut]:
        """From minus to plus infinity."""
        return -_INFINITE, _INFINITE + 1

    def at(self, value: Any) -> Cut | None:
        """Return the number's place; a whole number that no float equals stands between two."""
        real = float(value)
        if math.isnan(real):
            return None
        return _order(real) if real >= value else _order(real) + 1

    def after(self, value: Any) -> Cut:
        """Return the place behind the number."""
        real = float(value)
        return _order(real) + 1 if real <= value else _order(real)

    def value(self, cut: Cut) -> Any:
        """Return the number."""
        if cut > _INFINITE:
            return math.nan
        real: float = struct.unpack("<d", struct.pack("<q", abs(cut)))[0]
        return -real if cut < 0 else real


@dataclass(frozen=True, slots=True)
class TextDomain:
    """Texts in code point order."""

    @property
    def every(self) -> Region:
        """All values."""
        return (("", TOP),)

    @property
    def ordered(self) -> tuple[Cut, Cut]:
        """All values."""
        return "", TOP

    def at(self, value: Any) -> Cut | None:
        """Return the text."""
        return value

    def after(self, value: Any) -> Cut:
        """Return the smallest text behind it."""
        return value + "\0"

    def value(self, cut: Cut) -> Any:
        """Return the text."""
        return cut

    def prefix(self, text: str) -> Region:
        """Return the texts that start with this one."""
        return ((text, _behind(text)),)


@dataclass(frozen=True, slots=True)
class EntryDomain:
    """What a map holds under one key: a text, or nothing."""

    @property
    def every(self) -> Region:
        """The missing key and all texts."""
        return (("", "\0"), ("=", ">"))

    @property
    def ordered(self) -> tuple[Cut, Cut]:
        """The texts."""
        return "=", ">"

    def at(self, value: Any) -> Cut | None:
        """Return the text's place; a missing key's, for None."""
        return "" if value is None else "=" + value

    def after(self, value: Any) -> Cut:
        """Return the place behind the text's or the missing key's."""
        return "\0" if value is None else "=" + value + "\0"

    def value(self, cut: Cut) -> Any:
        """Return the text, or None for a missing key."""
        return cut[1:] if cut.startswith("=") else None

    def prefix(self, text: str) -> Region:
        """Return the entries whose text starts with this one."""
        return (("=" + text, _behind("=" + text)),)


def _behind(prefix: str) -> Cut:
    """Return the smallest text behind every text with the prefix; surrogates are no characters."""
    for index in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[index])
        if code < 0x10FFFF:
            return prefix[:index] + chr(0xE000 if code == 0xD7FF else code + 1)
    return TOP


TEXT: Final = TextDomain()
ENTRY: Final = EntryDomain()
REAL: Final = RealDomain()
BOOLEAN: Final = WholeDomain(0, 1, boolean=True)

_DOMAINS: dict[AttributeType, Domain] = {
    AttributeType.STRING: TEXT,
    AttributeType.INT: WholeDomain(INT_MIN, INT_MAX),
    AttributeType.DOUBLE: REAL,
    AttributeType.BOOL: BOOLEAN,
    AttributeType.TIMESTAMP: WholeDomain(TIMESTAMP_MIN, TIMESTAMP_MAX),
    AttributeType.DURATION: WholeDomain(INT_MIN, INT_MAX),
}


def domain_of(kind: AttributeType) -> Domain | None:
    """Return the domain of a scalar type, None for lists and maps."""
    return _DOMAINS.get(kind)


def only(domain: Domain, values: Iterable[Any]) -> Region:
    """Return the region of exactly these values."""
    spans = []
    for value in values:
        low = domain.at(value)
        if low is not None and low < (high := domain.after(value)):
            spans.append(((low, high),))
    return union(spans)


def compare(domain: Domain, function: str, value: Any) -> Region:
    """Return the values for which `value-of-the-domain <function> value` is true, as CEL compares."""
    first, last = domain.ordered
    low = domain.at(value)
    if low is None:
        return EMPTY
    high = domain.after(value)
    match function:
        case "equals":
            spans = (low, high)
        case "less":
            spans = (first, low)
        case "less_equals":
            spans = (first, high)
        case "greater":
            spans = (high, last)
        case "greater_equals":
            spans = (low, last)
        case _:
            raise AssertionError(function)
    return (spans,) if spans[0] < spans[1] else EMPTY
