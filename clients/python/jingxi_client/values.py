"""From Python and JSON values to the typed values of a request.

| type | Python value | also read from a message |
|---|---|---|
| string | str | number: its text |
| int | int, 64 bits | float without fraction, text such as `"12"` |
| double | float, int, Decimal | text such as `"1234.56"` or `"1,234.56"` |
| bool | bool | `"true"`, `"false"` |
| timestamp | datetime with a time zone | text such as `"2026-03-02T10:00:00+08:00"` |
| duration | timedelta | text such as `"1h30m"` |
| list(…) | list, tuple | items as above |
| map(string, string) | mapping | |
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from google.protobuf.timestamp_pb2 import Timestamp

from jingxi_client._figures import number_text, parse_double
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from jingxi_client._text import has_lone_surrogate
from jingxi_client.errors import AttributeValueError

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MAX_LIST = 1_000

Value = types_pb2.Value
Type = bundle_pb2.AttributeType

_INT = re.compile(r"[+-]?[0-9]{1,19}")
_DURATION = re.compile(r"([+-]?)((?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+)")
_DURATION_PART = re.compile(r"([0-9]+)(?:\.([0-9]+))?(ns|us|ms|s|m|h)")
_NANOS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9}


def kind_of(value: Any) -> int:
    """Return the type that a Python value goes as by itself. Raises AttributeValueError."""
    match value:
        case bool():
            return Type.ATTRIBUTE_TYPE_BOOL
        case str():
            return Type.ATTRIBUTE_TYPE_STRING
        case int():
            return Type.ATTRIBUTE_TYPE_INT
        case float() | Decimal():
            return Type.ATTRIBUTE_TYPE_DOUBLE
        case datetime.datetime():
            return Type.ATTRIBUTE_TYPE_TIMESTAMP
        case datetime.timedelta():
            return Type.ATTRIBUTE_TYPE_DURATION
        case Mapping():
            return Type.ATTRIBUTE_TYPE_STRING_MAP
        case list() | tuple() if any(isinstance(item, float | Decimal) for item in value):
            return Type.ATTRIBUTE_TYPE_DOUBLE_LIST
        case list() | tuple() if any(isinstance(item, int) for item in value):
            return Type.ATTRIBUTE_TYPE_INT_LIST
        case list() | tuple():
            return Type.ATTRIBUTE_TYPE_STRING_LIST
    raise AttributeValueError(f"a value of Python type `{type(value).__name__}` cannot be sent")


def converter(kind: int) -> Callable[[Any], Any]:
    """Return the function from a Python or JSON value to what a declared type holds of it.

    That is a str, int, float or bool, nanoseconds since 1970 for a timestamp, nanoseconds for a duration, a tuple for a
    list and a dict for a map: what the engine of the service computes with. The function raises AttributeValueError,
    which never quotes the value.
    """
    return _CONVERTERS.get(kind, _unknown_type)


def message_of(held: Any, kind: int) -> Value:
    """Return the message that carries what a type holds."""
    return _MESSAGES[kind](held)


def to_value(value: Any) -> Value:
    """Return a Python value as its own type says. Raises AttributeValueError."""
    return typed_value(value, kind_of(value))


def typed_value(value: Any, kind: int) -> Value:
    """Return a Python or JSON value as a declared type. Raises AttributeValueError, which never quotes the value."""
    return message_of(converter(kind)(value), kind)


def text_of(name: str, value: Any) -> str:
    """Return a text that is no attribute, such as the subject's id. Raises AttributeValueError."""
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, str) and not has_lone_surrogate(value):
        return str.__str__(value)
    raise AttributeValueError(f"`{name}` is a value of type `{type(value).__name__}` and not a text without surrogates")


def is_list_type(kind: int) -> bool:
    """Whether an attribute type is one of the list types."""
    lists = (Type.ATTRIBUTE_TYPE_STRING_LIST, Type.ATTRIBUTE_TYPE_INT_LIST, Type.ATTRIBUTE_TYPE_DOUBLE_LIST)
    return kind in lists


def plain(value: Value) -> Any:
    """Return the Python value of a mask's parameter; None for a kind that no parameter has."""
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "string_list":
            return tuple(value.string_list.values)
        case "int_list":
            return tuple(value.int_list.values)
    return None


def _unknown_type(value: Any) -> NoReturn:
    raise AttributeValueError("its declared type is not known to this client; update the client")


def _string(value: Any) -> str:
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, str):
        if has_lone_surrogate(value):
            raise AttributeValueError("the text holds a lone surrogate")
        # Not `str(value)`: of a kind of text, such as a member of an Enum, the text itself counts.
        return value if type(value) is str else str.__str__(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        text = number_text(value)
        if text is not None:
            return text
    raise _unfit(value, "a text")


def _int(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    is_whole = isinstance(value, float) and value.is_integer()
    is_text = isinstance(value, str) and _INT.fullmatch(value) is not None
    number = int(value) if is_number or is_whole or is_text else None
    if number is None or not INT_MIN <= number <= INT_MAX:
        raise _unfit(value, "a whole number of 64 bits")
    return number


def _double(value: Any) -> float:
    if isinstance(value, str):
        number = parse_double(value)
        if number is not None:
            return number
    elif not isinstance(value, bool) and value is not None:
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found):
            return found
    raise _unfit(value, "a number")


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _unfit(value, "true or false")


def _timestamp(value: Any) -> int:
    found = Timestamp()
    try:
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            found.FromDatetime(value)
        elif isinstance(value, str):
            found.FromJsonString(value)
        else:
            raise _unfit(value, "a date-time with a time zone")
    except (ValueError, OverflowError):
        # The cause would quote the value.
        raise _unfit(value, "a date-time with a time zone") from None
    return found.seconds * 10**9 + found.nanos


def _duration(value: Any) -> int:
    if isinstance(value, datetime.timedelta):
        nanos = (value.days * 86_400 + value.seconds) * 10**9 + value.microseconds * 1_000
    else:
        match = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
        if match is None:
            raise _unfit(value, "a duration")
        nanos = 0
        for whole, fraction, unit in _DURATION_PART.findall(match[2]):
            nanos += int(whole) * _NANOS[unit] + int(fraction or 0) * _NANOS[unit] // 10 ** len(fraction)
        nanos = -nanos if match[1] == "-" else nanos
    if not INT_MIN <= nanos <= INT_MAX:
        raise _unfit(value, "a duration of at most 292 years")
    return nanos


def _list(value: Any) -> list[Any]:
    if isinstance(value, list | tuple) and len(value) <= MAX_LIST:
        return list(value)
    raise _unfit(value, f"a list of at most {MAX_LIST} items")


def _unfit(value: Any, expected: str) -> AttributeValueError:
    return AttributeValueError(f"a value of type `{type(value).__name__}` is not {expected}")


def _map(value: Any) -> dict[str, str]:
    # Whether it is a Mapping takes longer to find out than all else here.
    if (type(value) is dict or isinstance(value, Mapping)) and len(value) <= MAX_LIST:
        return {_string(key): _string(item) for key, item in value.items()} if value else {}
    raise _unfit(value, "an object of texts")


_CONVERTERS: Mapping[int, Callable[[Any], Any]] = {
    int(Type.ATTRIBUTE_TYPE_STRING): _string,
    int(Type.ATTRIBUTE_TYPE_INT): _int,
    int(Type.ATTRIBUTE_TYPE_DOUBLE): _double,
    int(Type.ATTRIBUTE_TYPE_BOOL): _bool,
    int(Type.ATTRIBUTE_TYPE_TIMESTAMP): _timestamp,
    int(Type.ATTRIBUTE_TYPE_DURATION): _duration,
    int(Type.ATTRIBUTE_TYPE_STRING_LIST): lambda value: tuple([_string(item) for item in _list(value)]),
    int(Type.ATTRIBUTE_TYPE_INT_LIST): lambda value: tuple([_int(item) for item in _list(value)]),
    int(Type.ATTRIBUTE_TYPE_DOUBLE_LIST): lambda value: tuple([_double(item) for item in _list(value)]),
    int(Type.ATTRIBUTE_TYPE_STRING_MAP): _map,
}


def _timestamp_message(nanos: int) -> Value:
    found = Value()
    found.timestamp_value.seconds, found.timestamp_value.nanos = divmod(nanos, 10**9)
    found.timestamp_value.SetInParent()
    return found


def _duration_message(nanos: int) -> Value:
    found = Value()
    found.duration_value.FromNanoseconds(nanos)
    found.duration_value.SetInParent()
    return found


_MESSAGES: Mapping[int, Callable[[Any], Value]] = {
    int(Type.ATTRIBUTE_TYPE_STRING): lambda held: Value(string_value=held),
    int(Type.ATTRIBUTE_TYPE_INT): lambda held: Value(int_value=held),
    int(Type.ATTRIBUTE_TYPE_DOUBLE): lambda held: Value(double_value=held),
    int(Type.ATTRIBUTE_TYPE_BOOL): lambda held: Value(bool_value=held),
    int(Type.ATTRIBUTE_TYPE_TIMESTAMP): _timestamp_message,
    int(Type.ATTRIBUTE_TYPE_DURATION): _duration_message,
    int(Type.ATTRIBUTE_TYPE_STRING_LIST): lambda held: Value(string_list=types_pb2.StringList(values=held)),
    int(Type.ATTRIBUTE_TYPE_INT_LIST): lambda held: Value(int_list=types_pb2.IntList(values=held)),
    int(Type.ATTRIBUTE_TYPE_DOUBLE_LIST): lambda held: Value(double_list=types_pb2.DoubleList(values=held)),
    int(Type.ATTRIBUTE_TYPE_STRING_MAP): lambda held: Value(string_map=types_pb2.StringMap(entries=held)),
}
