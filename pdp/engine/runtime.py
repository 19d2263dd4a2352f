"""What compiled conditions stand on: CEL's functions over the values of `pdp.values`, and the missing value.

Every function is strict and raises UndecidedError where CEL has an error. `exact` calls them by name; compiled code
inlines the simple ones.
"""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NoReturn

from pdp.errors import UndecidedError
from pdp.lang.patterns import compile_pattern
from pdp.lang.zones import local_date, local_hour, local_seconds
from pdp.values import INT_MAX, INT_MIN, NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN


class Missing:
    """Stands for an attribute without a usable value: whatever is done with it raises UndecidedError.

    So compiled conditions read like plain Python and need no test before each use.
    INVARIANT: nothing may look at a value without using it (`is`, `type`, storing it in a list) unless it goes through
    `present`, else a missing attribute would pass unseen; but for the test whether it is this.
    """

    __slots__ = ()

    def _raise(self, *_: object) -> NoReturn:
        raise UndecidedError("missing attribute")

    def __repr__(self) -> str:
        return "MISSING"

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _raise
    __hash__ = __bool__ = __len__ = __iter__ = __float__ = __int__ = __index__ = _raise
    __contains__ = __getitem__ = __getattr__ = _raise
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __abs__ = _raise
    __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _raise


MISSING: Final[Any] = Missing()
# As many steps as Google's runtime allows an expression; lists come from clients and may hold 1,000 items each.
MAX_PAIRS = 10_000


def present(value: Any) -> Any:
    """Return the value; a missing one is undecided."""
    if value is MISSING:
        raise UndecidedError("missing attribute")
    return value


def make_list(items: Iterable[Any]) -> tuple[Any, ...]:
    """A list literal or the result of `map`: strict in every element."""
    return tuple([present(item) for item in items])


def make_map(keys: tuple[Any, ...], values: tuple[Any, ...]) -> dict[Any, Any]:
    """A map literal: strict in every value."""
    return dict(zip(keys, make_list(values), strict=True))


def _int(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise UndecidedError("integer overflow")


def add_int(a: int, b: int) -> int:
    """`+`, in 64 bits."""
    return _int(a + b)


def subtract_int(a: int, b: int) -> int:
    """`-`, in 64 bits."""
    return _int(a - b)


def multiply_int(a: int, b: int) -> int:
    """`*`, in 64 bits."""
    return _int(a * b)


def negate_int(a: int) -> int:
    """Unary `-`, in 64 bits."""
    return _int(-a)


def divide_int(a: int, b: int) -> int:
    """`/`, towards zero."""
    if b == 0:
        raise UndecidedError("division by zero")
    quotient = abs(a) // abs(b)
    return _int(quotient if (a < 0) == (b < 0) else -quotient)


def modulo_int(a: int, b: int) -> int:
    """`%`, with the sign of the dividend; INT_MIN % -1 overflows as its division does."""
    if b == 0:
        raise UndecidedError("modulus by zero")
    if b == -1 and a == INT_MIN:
        raise UndecidedError("integer overflow")
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def divide_double(a: float, b: float) -> float:
    """`/` after IEEE 754, where division by zero has a value."""
    try:
        return a / b
    except ZeroDivisionError:
        if math.isnan(a) or a == 0.0:
            return float("nan")
        negative = (a < 0) != (str(b)[0] == "-")  # the sign of a zero shows only in its text
        return float("-inf") if negative else float("inf")


def add_duration(a: int, b: int) -> int:
    """Duration + duration, in 64 bits of nanoseconds."""
    return _int(a + b)


def _timestamp(nanos: int) -> int:
    if TIMESTAMP_MIN <= nanos <= TIMESTAMP_MAX:
        return nanos
    raise UndecidedError("timestamp overflow")


def timestamp_plus_duration(a: int, b: int) -> int:
    """Timestamp + duration, within the years 1 to 9999."""
    return _timestamp(a + b)


def timestamp_minus_duration(a: int, b: int) -> int:
    """Timestamp - duration, within the years 1 to 9999; the duration needs an opposite, as in cel-cpp."""
    return _timestamp(a + _int(-b))


def timestamp_minus_timestamp(a: int, b: int) -> int:
    """Timestamp - timestamp; as in cel-cpp, whose difference of whole seconds must fit too."""
    _int((a // NANOS - b // NANOS) * NANOS)
    return _int(a - b)


def timestamp_from_int(seconds: int) -> int:
    """`timestamp(int)`: seconds since 1970."""
    return _timestamp(seconds * NANOS)


def int_from_timestamp(nanos: int) -> int:
    """`int(timestamp)`: whole seconds since 1970, rounded down."""
    return nanos // NANOS


def int_from_double(value: float) -> int:
    """`int(double)`: towards zero; the ends of the range themselves are refused, as in cel-cpp."""
    if not float(INT_MIN) < value < float(INT_MAX):
        raise UndecidedError("double out of int range")
    return int(value)


def string_from_int(value: int) -> str:
    """`string(int)`."""
    return str(present(value))


def string_from_bool(value: bool) -> str:
    """`string(bool)`."""
    return "true" if value else "false"


def index_list(items: tuple[Any, ...], index: int) -> Any:
    """`list[i]`; there is no counting from the end."""
    if 0 <= index < len(items):
        return items[index]
    raise UndecidedError("index out of range")


def index_map(entries: Mapping[Any, Any], key: Any) -> Any:
    """`map[key]`."""
    try:
        return entries[key]
    except KeyError:
        raise UndecidedError("no such key") from None


def matches(text: str, pattern: str) -> bool:
    """`matches`: whether the RE2 pattern occurs in the text."""
    return compile_pattern(pattern).search(present(text)) is not None


def equals(a: Any, b: Any) -> bool:
    """`==` where the types are known only now: numbers by value, other types never equal."""
    kind, other = type(present(a)), type(present(b))
    if kind is tuple and other is tuple:
        return len(a) == len(b) and all(map(equals, a, b))
    if kind is dict and other is dict:
        return len(a) == len(b) and all(key in b and equals(value, b[key]) for key, value in a.items())
    if kind is other:
        return bool(a == b)
    return kind in _NUMBERS and other in _NUMBERS and float(a) == float(b)


def compare(function: Callable[[Any, Any], Any], a: Any, b: Any) -> bool:
    """An order where the types are known only now: numbers by value, other mixtures undecided."""
    kind, other = type(present(a)), type(present(b))
    if kind is other:
        return bool(function(a, b))
    if kind in _NUMBERS and other in _NUMBERS:
        return bool(function(float(a), float(b)))
    raise UndecidedError("no order between these types")


_NUMBERS = (int, float)


def contains_value(item: Any, items: tuple[Any, ...]) -> bool:
    """`in` where equality is not Python's: doubles (a NaN equals nothing) and values of types known only now."""
    present(item)
    return any(equals(item, other) for other in items)


def within(items: Collection[Any], outer: Collection[Any]) -> Collection[Any]:
    """Return what a macro inside another goes through; undecided when that makes too many pairs."""
    if len(items) * len(outer) > MAX_PAIRS:
        raise UndecidedError("too many pairs in nested macros")
    return items


def count_true(values: Iterable[Any]) -> int:
    """How many are true; strict, for `exists_one`."""
    return sum([1 for value in values if value])


def _of_date(pick: Callable[[datetime.date], int]) -> Callable[[int, str], int]:
    def access(nanos: int, zone: str) -> int:
        try:
            return pick(local_date(nanos, zone))
        except OverflowError:
            raise UndecidedError("local date out of range") from None

    return access


def _towards_zero(nanos: int, unit: int) -> int:
    return nanos // unit if nanos >= 0 else -(-nanos // unit)


def duration_milliseconds(nanos: int) -> int:
    """The milliseconds within the second, with the duration's sign."""
    rest = abs(nanos) // 1_000_000 % 1_000
    return rest if nanos >= 0 else -rest


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "not": operator.not_,
    "equals": equals,
    "not_equals": lambda a, b: not equals(a, b),
    "less": lambda a, b: compare(operator.lt, a, b),
    "less_equals": lambda a, b: compare(operator.le, a, b),
    "greater": lambda a, b: compare(operator.gt, a, b),
    "greater_equals": lambda a, b: compare(operator.ge, a, b),
    "add_int": add_int,
    "subtract_int": subtract_int,
    "multiply_int": multiply_int,
    "divide_int": divide_int,
    "modulo_int": modulo_int,
    "negate_int": negate_int,
    "add_double": operator.add,
    "subtract_double": operator.sub,
    "multiply_double": operator.mul,
    "divide_double": divide_double,
    "negate_double": operator.neg,
    "concat_string": operator.add,
    "concat_list": operator.add,
    "add_duration": add_duration,
    "subtract_duration": subtract_int,
    "timestamp_plus_duration": timestamp_plus_duration,
    "duration_plus_timestamp": timestamp_plus_duration,
    "timestamp_minus_duration": timestamp_minus_duration,
    "timestamp_minus_timestamp": timestamp_minus_timestamp,
    "in_list": contains_value,
    "in_map": lambda key, entries: key in entries,
    "index_list": index_list,
    "index_map": index_map,
    "size_string": len,
    "size_list": len,
    "size_map": len,
    "contains": lambda text, part: part in text,
    "starts_with": lambda text, part: text.startswith(part),
    "ends_with": lambda text, part: text.endswith(part),
    "matches": matches,
    "int_from_double": int_from_double,
    "int_from_timestamp": int_from_timestamp,
    "double_from_int": float,
    "string_from_int": string_from_int,
    "string_from_bool": string_from_bool,
    "identity": present,
    "timestamp_from_int": timestamp_from_int,
    "year": _of_date(lambda date: date.year),
    "month": _of_date(lambda date: date.month - 1),
    "day_of_year": _of_date(lambda date: date.timetuple().tm_yday - 1),
    "day_of_month": _of_date(lambda date: date.day - 1),
    "date": _of_date(lambda date: date.day),
    # 1970-01-01 was a Thursday; CEL counts from Sunday.
    "day_of_week": lambda nanos, zone: (local_seconds(nanos, zone) // 86_400 + 4) % 7,
    "hours": local_hour,
    "minutes": lambda nanos, zone: local_seconds(nanos, zone) // 60 % 60,
    "seconds": lambda nanos, zone: local_seconds(nanos, zone) % 60,
    "milliseconds": lambda nanos, _zone: nanos % NANOS // 1_000_000,
    "duration_hours": lambda nanos: _towards_zero(nanos, 3_600 * NANOS),
    "duration_minutes": lambda nanos: _towards_zero(nanos, 60 * NANOS),
    "duration_seconds": lambda nanos: _towards_zero(nanos, NANOS),
    "duration_milliseconds": lambda nanos: (
        _towards_zero(nanos, 1_000_000) % 1_000 if nanos >= 0 else -(_towards_zero(-nanos, 1_000_000) % 1_000)
    ),
}
