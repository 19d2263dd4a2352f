"""Attribute types and the Python values that stand for them.

| type | Python value |
|---|---|
| string | str without surrogates |
| int | int, −2⁶³ … 2⁶³−1 |
| double | float |
| bool | bool |
| timestamp | int: nanoseconds since 1970-01-01T00:00:00Z, years 1 … 9999 |
| duration | int: nanoseconds, −2⁶³ … 2⁶³−1 |
| list(…) | tuple |
| map(string, string) | dict |

Times are whole nanoseconds because CEL compares at that resolution and Python's datetime stops at microseconds.
"""

from __future__ import annotations

import datetime
import enum
import json
import math
import re
from typing import Any

from pdp.errors import ValueFormatError

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
NANOS = 1_000_000_000
TIMESTAMP_MIN = -62_135_596_800 * NANOS
TIMESTAMP_MAX = 253_402_300_800 * NANOS - 1
MAX_LIST = 1_000


class AttributeType(enum.Enum):
    """The types that an attribute may have; the value is how policies write it."""

    STRING = "string"
    INT = "int"
    DOUBLE = "double"
    BOOL = "bool"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    STRING_LIST = "list(string)"
    INT_LIST = "list(int)"
    DOUBLE_LIST = "list(double)"
    STRING_MAP = "map(string, string)"

    @property
    def element(self) -> AttributeType:
        """The type of a list's elements or a map's values; the type itself for a scalar."""
        return _ELEMENTS.get(self, self)

    @property
    def is_list(self) -> bool:
        """Whether it is one of the list types."""
        return self in (AttributeType.STRING_LIST, AttributeType.INT_LIST, AttributeType.DOUBLE_LIST)


_ELEMENTS = {
    AttributeType.STRING_LIST: AttributeType.STRING,
    AttributeType.INT_LIST: AttributeType.INT,
    AttributeType.DOUBLE_LIST: AttributeType.DOUBLE,
    AttributeType.STRING_MAP: AttributeType.STRING,
}

_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NANOS, "m": 60 * NANOS, "h": 3_600 * NANOS}


def parse_timestamp(text: str) -> int:
    """Return the nanoseconds of an RFC 3339 date-time. Raises ValueFormatError."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueFormatError(f"`{text}` is not a date-time such as `2026-03-02T10:00:00+08:00`")
    *parts, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.datetime(*(int(p) for p in parts), tzinfo=datetime.UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise ValueFormatError(f"`{text}` is not a date-time: {error}") from error
    offset = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueFormatError(f"`{text}` has a time zone out of range")
        offset = (int(hours) * 60 + int(minutes)) * (60 if sign == "+" else -60)
    nanos = (_seconds(moment) - offset) * NANOS + int((fraction or "0").ljust(9, "0"))
    if not TIMESTAMP_MIN <= nanos <= TIMESTAMP_MAX:
        raise ValueFormatError(f"`{text}` lies outside the years 1 to 9999")
    return nanos


def _seconds(moment: datetime.datetime) -> int:
    delta = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return delta.days * 86_400 + delta.seconds


def format_timestamp(nanos: int) -> str:
    """Return the RFC 3339 text in UTC with as many digits as needed."""
    seconds, rest = divmod(nanos, NANOS)
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction + "Z"


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a text such as `1h30m` or `-1.5s`. Raises ValueFormatError."""
    body = text[1:] if text[:1] in ("-", "+") else text
    total, end = 0, 0
    for part in _DURATION_PART.finditer(body):
        if part.start() != end:
            break
        end = part.end()
        whole, _, fraction = part.group(1).partition(".")
        unit = _UNITS[part.group(2)]
        total += int(whole or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
    if not body or (end != len(body) and body != "0"):
        raise ValueFormatError(f"`{text}` is not a duration such as `1h30m`")
    if total > INT_MAX:
        raise ValueFormatError(f"`{text}` is longer than 292 years")
    return -total if text.startswith("-") else total


def format_duration(nanos: int) -> str:
    """Return a text that parse_duration reads back, in seconds."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    seconds, rest = divmod(nanos, NANOS)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{sign}{seconds}{fraction}s"


def parse_value(kind: AttributeType, value: object) -> Any:
    """Return the Python value of a plain YAML or JSON value. Raises ValueFormatError, naming what was expected."""
    match kind:
        case AttributeType.STRING:
            if isinstance(value, str) and not has_surrogates(value):
                return value
        case AttributeType.BOOL:
            if isinstance(value, bool):
                return value
        case AttributeType.INT:
            if isinstance(value, int) and not isinstance(value, bool) and INT_MIN <= value <= INT_MAX:
                return value
        case AttributeType.DOUBLE:
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 2**1023:
                return float(value)
        case AttributeType.TIMESTAMP:
            if isinstance(value, str):
                return parse_timestamp(value)
        case AttributeType.DURATION:
            if isinstance(value, str):
                return parse_duration(value)
        case AttributeType.STRING_MAP:
            if isinstance(value, dict) and len(value) <= MAX_LIST:
                return {
                    parse_value(AttributeType.STRING, k): parse_value(AttributeType.STRING, v) for k, v in value.items()
                }
        case _:
            if isinstance(value, list | tuple) and len(value) <= MAX_LIST:
                return tuple(parse_value(kind.element, item) for item in value)
    shown = json.dumps(value, ensure_ascii=False, default=str)
    raise ValueFormatError(f"`{shown[:80]}` is not of type {kind.value}")


def cel_literal(kind: AttributeType, value: Any) -> str:
    """Return the CEL text of a value, for people and for counterexamples."""
    match kind:
        case AttributeType.STRING:
            return json.dumps(value, ensure_ascii=False)
        case AttributeType.BOOL:
            return "true" if value else "false"
        case AttributeType.INT:
            return str(value)
        case AttributeType.DOUBLE:
            if math.isfinite(value):
                return repr(value)
            return {"nan": 'double("NaN")', "inf": 'double("inf")'}.get(str(value), 'double("-inf")')
        case AttributeType.TIMESTAMP:
            return f'timestamp("{format_timestamp(value)}")'
        case AttributeType.DURATION:
            return f'duration("{format_duration(value)}")'
        case AttributeType.STRING_MAP:
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        case _:
            return "[" + ", ".join(cel_literal(kind.element, item) for item in value) + "]"


def has_surrogates(text: str) -> bool:
    """Whether a text holds a code point that UTF-8 cannot carry."""
    return any("\ud800" <= ch <= "\udfff" for ch in text)
