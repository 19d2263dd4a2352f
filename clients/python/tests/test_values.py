from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import json_format

from jingxi_client import AttributeValueError, values
from jingxi_client._gen.pdp.v1 import bundle_pb2

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", {"stringValue": "x"}),
        (True, {"boolValue": True}),
        (5, {"intValue": "5"}),
        (5.0, {"doubleValue": 5.0}),
        (Decimal("5.5"), {"doubleValue": 5.5}),
        (datetime.datetime(2026, 3, 2, 10, tzinfo=UTC), {"timestampValue": "2026-03-02T10:00:00Z"}),
        (datetime.timedelta(minutes=90), {"durationValue": "5400s"}),
        (["a", "b"], {"stringList": {"values": ["a", "b"]}}),
        ([], {"stringList": {}}),
        ((1, 2), {"intList": {"values": ["1", "2"]}}),
        ([1, 2.5], {"doubleList": {"values": [1.0, 2.5]}}),
        ({"a": "b"}, {"stringMap": {"entries": {"a": "b"}}}),
    ],
)
def test_a_python_value_goes_as_its_own_type(value: Any, expected: Any) -> None:
    assert json_format.MessageToDict(values.to_value(value)) == expected


@pytest.mark.parametrize(
    "value",
    [None, object(), b"x", "\ud800", 2**63, float("inf"), datetime.datetime(2026, 3, 2), ["a", 1.5], {"a": True}, {1},  # noqa: DTZ001
     ["x"] * 1_001],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused(value: Any) -> None:
    with pytest.raises(AttributeValueError):
        values.to_value(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("INT", 5.0, {"intValue": "5"}),
        ("INT", "-12", {"intValue": "-12"}),
        ("DOUBLE", 5, {"doubleValue": 5.0}),
        ("DOUBLE", "1,234.50", {"doubleValue": 1234.5}),
        ("STRING", 50.0, {"stringValue": "50"}),
        ("BOOL", "false", {"boolValue": False}),
        ("DURATION", "-1.5s", {"durationValue": "-1.500s"}),
        ("DURATION", "1h2m3s4ms5us6ns", {"durationValue": "3723.004005006s"}),
        ("TIMESTAMP", "2026-03-02T10:00:00+08:00", {"timestampValue": "2026-03-02T02:00:00Z"}),
        ("DOUBLE_LIST", [1, "2.5"], {"doubleList": {"values": [1.0, 2.5]}}),
    ],
)
def test_a_message_value_goes_as_the_declared_type(kind: str, value: Any, expected: Any) -> None:
    number = bundle_pb2.AttributeType.Value(f"ATTRIBUTE_TYPE_{kind}")
    assert json_format.MessageToDict(values.typed_value(value, number)) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INT", "5.0"),
        ("INT", True),
        ("INT", 1.5),
        ("INT", "9223372036854775808"),
        ("DOUBLE", "1e400"),
        ("DOUBLE", "secret"),
        ("DOUBLE", 10**400),
        ("DOUBLE", [1]),
        ("STRING", ["secret"]),
        ("STRING", True),
        ("BOOL", "yes"),
        ("BOOL", 1),
        ("TIMESTAMP", "secret"),
        ("TIMESTAMP", "2026-03-02"),
        ("TIMESTAMP", 5),
        ("DURATION", "secret"),
        ("DURATION", "999999999h"),
        ("STRING_LIST", "secret"),
        ("STRING_MAP", ["secret"]),
        ("UNSPECIFIED", "secret"),
    ],
)
def test_what_does_not_fit_is_refused_without_being_quoted(kind: str, value: Any) -> None:
    number = bundle_pb2.AttributeType.Value(f"ATTRIBUTE_TYPE_{kind}")
    with pytest.raises(AttributeValueError) as caught:
        values.typed_value(value, number)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_plain_knows_the_kinds_of_parameters_only() -> None:
    assert values.plain(values.to_value(["a"])) == ("a",)
    assert values.plain(values.to_value([1])) == (1,)
    assert values.plain(values.to_value(False)) is False
    assert values.plain(values.to_value(1.5)) is None
    assert values.plain(values.Value()) is None
