"""Masks on the wire and as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdp.engine.request import KINDS, python_value, wire_value
from pdp.v1 import types_pb2
from pdp.values import AttributeType

_KINDS_OF_MEMBERS = {member: kind for kind, member in KINDS.items()}


def mask_message(name: str, algorithm: str, parameters: Mapping[str, Any]) -> types_pb2.Mask:
    """Return the message for a mask whose parameters are texts, whole numbers, booleans or lists of them."""
    message = types_pb2.Mask(name=name, algorithm=algorithm)
    for key, value in parameters.items():
        message.parameters[key].CopyFrom(wire_value(_kind_of(value), value))
    return message


def mask_parameters(mask: types_pb2.Mask) -> dict[str, Any]:
    """Return a mask's parameters as plain values; lists as tuples."""
    out = {}
    for name, value in mask.parameters.items():
        out[name] = python_value(value, _KINDS_OF_MEMBERS[str(value.WhichOneof("kind"))])
    return out


def _kind_of(value: Any) -> AttributeType:
    match value:
        case bool():
            return AttributeType.BOOL
        case int():
            return AttributeType.INT
        case str():
            return AttributeType.STRING
        case float():
            return AttributeType.DOUBLE
        case list() | tuple():
            if any(isinstance(item, str) for item in value):
                return AttributeType.STRING_LIST
            return AttributeType.DOUBLE_LIST if any(isinstance(i, float) for i in value) else AttributeType.INT_LIST
        case _:
            raise AssertionError(f"no wire form for {type(value).__name__}")
