"""Pools of values that conditions and requests draw from alike, so that equalities hold often enough to be tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

from pdp.values import INT_MAX, INT_MIN, NANOS, format_duration, format_timestamp, parse_timestamp

STRINGS = (
    "a", "", "b", "ab", "abc", "A", "private", "私人银行", "3101", "3102", "0", "true",
    "𠮷田", "😀", "\uffff", "é", "e\u0301", "שלום", "\u202eabc", "\u200d", "\ufeff", "\u2028", "\x85",
    "\n", "a\nb", "\t", "'", '"', "\\", "\\n", "{a}", "%s", "ﬁ", "İ", "ß", "１２", "a" * 40,
)  # fmt: skip
_WRITTEN = tuple(text for text in STRINGS if text.isprintable())
# Google's Python wrapper cuts a text that is passed in at its first NUL, so NUL appears in literals alone.
LITERAL_STRINGS = (*STRINGS, "\x00", "a\x00b")
INTS = (
    1, 0, 2, 3, -1, 5, 7, 10, 60, 100, -3, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 10**12,
    INT_MAX, INT_MIN, INT_MAX - 1, INT_MIN + 1, 3_037_000_500,
)  # fmt: skip
DOUBLES = (
    1.0, 0.0, 2.0, 3.0, -1.0, 0.5, -1.5, 100.0, 0.1, 0.30000000000000004, -0.0, 1e308, -1e308, 5e-324, 2.0**53,
    2.0**53 + 2,
    2.0**63, -(2.0**63), 2.0**63 - 1024, 1e19,
)  # fmt: skip
ODD_DOUBLES = (float("nan"), float("inf"), float("-inf"))
# Local times must stay within the years 1 to 9999: the engine, unlike Google's runtime, has no year 0.
TIMESTAMPS = tuple(
    parse_timestamp(text)
    for text in (
        "2026-03-02T10:00:00+08:00", "1970-01-01T00:00:00Z", "2026-03-08T06:59:59.999999999Z", "2026-03-08T07:00:00Z",
        "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "1969-12-31T23:59:59.5Z", "1986-05-03T16:00:00Z",
        "1986-05-03T15:59:59.999999999Z", "1991-09-14T15:00:00Z", "1900-12-31T15:54:16Z", "1900-12-31T15:54:17Z",
        "2000-02-29T23:59:59.001Z", "2024-12-31T18:15:00Z", "2100-03-01T00:00:00Z", "2038-01-19T03:14:08Z",
        "2262-04-11T23:47:16.854775807Z", "1677-09-21T00:12:43.145224192Z", "0001-01-05T00:00:00Z",
        "9999-12-27T23:59:59.999999999Z", "2026-03-02T02:00:00.000000001Z", "2016-12-31T23:59:59Z",
    )
)  # fmt: skip
DURATIONS = (
    0, 1, -1, NANOS, 60 * NANOS, 3_600 * NANOS, 5_400 * NANOS, -NANOS // 2, 1_500_000_001, -3_601_999_999_999,
    36 * 3_600 * NANOS,
    400 * 3_600 * NANOS, INT_MAX, INT_MIN, INT_MAX - NANOS, 999_999, 8 * 3_600 * NANOS,
)  # fmt: skip
ZONES = (
    "Asia/Shanghai", "America/New_York", "+05:30", "UTC", "Asia/Kathmandu", "-00:30", "+08:00", "-11:59", "+14:00",
    "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Africa/Monrovia", "Pacific/Apia",
)  # fmt: skip
PATTERNS = (
    "a", "^a", "b$", "^$", "", "a.b", "(?s)a.b", "(?i)AB", "[a-c]+", "[^a]", "a|b", "^(a|ab)$", r"\d+",
    r"^\w*$", r"\s", r"\bab\b",
    "^私", r"\p{Han}", r"\x{1F600}", "[0-9]{2,4}", "(?m)^b", "a*?b", r"\\", "^.$", "^..$", r"\PL", "(?:a+)+$",
    "[[:alpha:]]", "\\Qa.b\\E",
    "é", "[é]", r"^\S+$", "^[^\\x00]*$",
)  # fmt: skip

SCALARS = ("int", "string", "bool", "double", "timestamp", "duration")
ATTRIBUTE_TYPES = (*SCALARS, "list(string)", "list(int)", "list(double)", "map(string, string)")


def pick(random: Random, pool: Sequence[Any]) -> Any:
    """Return an item of a pool, mostly one of its first."""
    return random.choice(pool[:3] if random.randint(0, 3) else pool)


def random_value(random: Random, kind: str, *, written: bool = False) -> Any:
    """Return a value of an attribute type, as `pdp.values` describes; `written` leaves out what YAML may not hold."""
    match kind:
        case "int":
            return pick(random, INTS)
        case "string":
            return pick(random, _WRITTEN if written else STRINGS)
        case "bool":
            return bool(random.randint(0, 1))
        case "double":
            if written:
                return random.choice([value for value in DOUBLES if abs(value) < 1e300])
            return pick(random, ODD_DOUBLES if random.randint(0, 11) == 11 else DOUBLES)
        case "timestamp":
            return pick(random, TIMESTAMPS)
        case "duration":
            value = pick(random, DURATIONS)
            return max(value, -INT_MAX) if written else value
        case "map(string, string)":
            size = random.randint(0, 3)
            return {random.choice(_WRITTEN): random_value(random, "string", written=written) for _ in range(size)}
        case _:
            element = kind.removeprefix("list(").removesuffix(")")
            return tuple(random_value(random, element, written=written) for _ in range(random.randint(0, 4)))


def string_literal(random: Random, text: str) -> str:
    """Return a CEL literal of a text, in any of the ways to write one."""
    plain = all(ch.isprintable() or ch == " " for ch in text)
    style = random.randint(0, 4)
    if style == 1 and plain and not set(text) & set("'\\"):
        return f"'{text}'"
    if style == 2 and plain and '"' not in text and not text.endswith("\\"):
        return f'r"{text}"'
    if style == 3 and text.isprintable() and not set(text) & set("'\\"):
        return f"'''{text}'''"
    if style == 4:
        return '"' + "".join(f"\\U{ord(ch):08x}" for ch in text) + '"'
    return '"' + "".join(_escaped(ch) for ch in text) + '"'


def written(value: Any) -> str:
    """Return the CEL text of a plain value: a number, a text, a bool or a list of them."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"({value})"
        case float():
            if math.isfinite(value):
                return f"({value!r})"
            return "(0.0 / 0.0)" if math.isnan(value) else f"({'-' if value < 0 else ''}1.0 / 0.0)"
        case str():
            return '"' + "".join(_escaped(ch) for ch in value) + '"'
        case _:
            return "[" + ", ".join(written(item) for item in value) + "]"


def _escaped(ch: str) -> str:
    if ch in '"\\':
        return "\\" + ch
    if ch.isprintable():
        return ch
    named = {"\n": "\\n", "\t": "\\t"}
    return named.get(ch) or (f"\\u{ord(ch):04x}" if ord(ch) < 0x10000 else f"\\U{ord(ch):08x}")


def literal(random: Random, kind: str) -> str:
    """Return a CEL literal of a scalar type."""
    match kind:
        case "int":
            value = pick(random, INTS)
            text = str(value) if random.randint(0, 5) < 5 else hex(value)
            return f"({text})" if value < 0 else text
        case "string":
            return string_literal(random, pick(random, LITERAL_STRINGS))
        case "bool":
            return random.choice(("true", "false"))
        case "double":
            value = pick(random, DOUBLES)
            return f"({value!r})" if str(value).startswith("-") else repr(value)
        case "timestamp":
            return f'timestamp("{format_timestamp(pick(random, TIMESTAMPS))}")'
        case "duration":
            return f'duration("{format_duration(max(pick(random, DURATIONS), -INT_MAX))}")'
    raise AssertionError(kind)
