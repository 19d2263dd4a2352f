"""Clock times, days and months of a time zone.

CEL counts months, days of the month and days of the year from 0 and weekdays from Sunday; people do not. A comparison
with constants is turned into the set of values that it allows, and the set is put in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp.lang.expr import Call, Expr, Literal
from pdp.lang.sentence.formula import Compare, Formula, Member, Within

# Accessor → (lowest, highest value) where a set of values can be put in words.
DOMAINS: Final = {
    "hours": (0, 23),
    "day_of_week": (0, 6),
    "month": (0, 11),
    "day_of_month": (0, 30),
    "date": (1, 31),
}
ACCESSORS: Final = frozenset({*DOMAINS, "year", "day_of_year", "minutes", "seconds", "milliseconds"})

_ZONES = {
    "Asia/Shanghai": ("上海", "Shanghai"),
    "PRC": ("北京", "Beijing"),
    "Asia/Urumqi": ("乌鲁木齐", "Urumqi"),
    "Asia/Hong_Kong": ("香港", "Hong Kong"),
    "Asia/Macau": ("澳门", "Macau"),
    "Asia/Taipei": ("台北", "Taipei"),
    "Asia/Singapore": ("新加坡", "Singapore"),
    "Asia/Tokyo": ("东京", "Tokyo"),
    "Asia/Seoul": ("首尔", "Seoul"),
    "Asia/Dubai": ("迪拜", "Dubai"),
    "Europe/London": ("伦敦", "London"),
    "Europe/Paris": ("巴黎", "Paris"),
    "Europe/Berlin": ("柏林", "Berlin"),
    "Europe/Zurich": ("苏黎世", "Zurich"),
    "Europe/Luxembourg": ("卢森堡", "Luxembourg"),
    "Europe/Moscow": ("莫斯科", "Moscow"),
    "America/New_York": ("纽约", "New York"),
    "America/Chicago": ("芝加哥", "Chicago"),
    "America/Los_Angeles": ("洛杉矶", "Los Angeles"),
    "Australia/Sydney": ("悉尼", "Sydney"),
    "UTC": ("UTC ", "UTC"),
}
_WEEKDAYS = (
    ("星期日", "Sunday"),
    ("星期一", "Monday"),
    ("星期二", "Tuesday"),
    ("星期三", "Wednesday"),
    ("星期四", "Thursday"),
    ("星期五", "Friday"),
    ("星期六", "Saturday"),
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def zone_text(name: str, *, chinese: bool) -> str:
    """Return what a time zone's time is called: 上海时间, Shanghai time, UTC+08:00 time."""
    if name[:1] in ("+", "-"):
        return f"UTC{name} 时间" if chinese else f"UTC{name} time"
    known = _ZONES.get(name)
    if known is None:
        return f"“{name}”时区时间" if chinese else f"{name} time"
    return f"{known[0]}时间" if chinese else f"{known[1]} time"


def accessor(expr: Expr) -> tuple[str, Expr, str] | None:
    """Return (accessor, timestamp, zone) when an expression reads a part of a timestamp."""
    if not isinstance(expr, Call) or expr.function not in ACCESSORS:
        return None
    moment, zone = expr.args
    return (expr.function, moment, str(zone.value)) if isinstance(zone, Literal) else None


def allowed(formula: Formula, function: str) -> list[int] | None:
    """Return the values of an accessor for which a comparison with constants holds, in order.

    None when it is no such comparison or holds of every value or of none, which would read oddly.
    """
    bounds = DOMAINS.get(function)
    if bounds is None:
        return None
    every = range(bounds[0], bounds[1] + 1)
    match formula:
        case Compare(right=Literal(value=int() as value) as right) if right.type.name == "int":
            chosen = [v for v in every if _holds(formula.op, v, value)]
        case Member(items=items):
            values = {i.value for i in items if isinstance(i, Literal) and i.type.name == "int"}
            if len(values) != len(items):
                return None
            chosen = [v for v in every if (v in values) is formula.positive]
        case Within(low=low, high=high) if low.type.name == high.type.name == "int":
            start = low.value if formula.low_closed else low.value + 1
            end = high.value if formula.high_closed else high.value - 1
            chosen = [v for v in every if (start <= v <= end) is formula.positive]
        case _:
            return None
    return chosen if 0 < len(chosen) < len(every) else None


def _holds(op: str, value: int, bound: int) -> bool:
    order = (value > bound) - (value < bound)
    return order in {"eq": (0,), "ne": (-1, 1), "lt": (-1,), "le": (-1, 0), "gt": (1,), "ge": (0, 1)}.get(op, ())


def day_names(function: str, values: Sequence[int], *, chinese: bool) -> list[str]:
    """Return days or months in words, three or more in a row as one: `[星期一至星期五]`."""
    if function == "day_of_week":
        values = sorted(values, key=lambda v: (v - 1) % 7)
        order = [(v - 1) % 7 for v in values]
    else:
        order = list(values)
    names = [_day_name(function, v, chinese=chinese) for v in values]
    out: list[str] = []
    start = 0
    for index in range(1, len(values) + 1):
        if index < len(values) and order[index] == order[index - 1] + 1:
            continue
        if index - start >= 3:
            out.append(f"{names[start]}至 {names[index - 1]}" if chinese else f"{names[start]} to {names[index - 1]}")
            if chinese and function == "day_of_week":
                out[-1] = out[-1].replace("至 ", "至")
        else:
            out.extend(names[start:index])
        start = index
    return out


def _day_name(function: str, value: int, *, chinese: bool) -> str:
    match function:
        case "day_of_week":
            return _WEEKDAYS[value][0 if chinese else 1]
        case "month":
            return f"{value + 1} 月" if chinese else _MONTHS[value]
        case _:
            day = value + 1 if function == "day_of_month" else value
            return f"{day} 日" if chinese else str(day)


def clock(values: Sequence[int]) -> tuple[int, int] | None:
    """Return hours that stand in one row as (first, the one after the last), past midnight as (17, 9); else None."""
    present = set(values)
    starts = [v for v in values if (v - 1) % 24 not in present]
    if len(starts) != 1:
        return None
    return starts[0], (starts[0] + len(values) - 1) % 24 + 1
