"""Between the wire and `pdp.values`: reading attributes by their declared type, bounds, building requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError

from pdp.engine.runtime import MISSING
from pdp.errors import RequestError, Violation
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from pdp.values import INT_MAX, INT_MIN, MAX_LIST, NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN, AttributeType

MAX_MESSAGE = 256 * 1024
MAX_ATTRIBUTES = 64 * 1024
MAX_FIELDS = 512
MAX_ITEMS = 1_000
MAX_GRANTS = 8
MAX_ROLES = 256
MAX_REQUEST_ID = 128
MAX_ID = 512
# A request of at most this size cannot exceed any bound but that of `request_id`, so it is not looked through.
SMALL = 512

TYPES: Final[Mapping[int, AttributeType]] = {
    bundle_pb2.ATTRIBUTE_TYPE_STRING: AttributeType.STRING,
    bundle_pb2.ATTRIBUTE_TYPE_INT: AttributeType.INT,
    bundle_pb2.ATTRIBUTE_TYPE_DOUBLE: AttributeType.DOUBLE,
    bundle_pb2.ATTRIBUTE_TYPE_BOOL: AttributeType.BOOL,
    bundle_pb2.ATTRIBUTE_TYPE_TIMESTAMP: AttributeType.TIMESTAMP,
    bundle_pb2.ATTRIBUTE_TYPE_DURATION: AttributeType.DURATION,
    bundle_pb2.ATTRIBUTE_TYPE_STRING_LIST: AttributeType.STRING_LIST,
    bundle_pb2.ATTRIBUTE_TYPE_INT_LIST: AttributeType.INT_LIST,
    bundle_pb2.ATTRIBUTE_TYPE_DOUBLE_LIST: AttributeType.DOUBLE_LIST,
    bundle_pb2.ATTRIBUTE_TYPE_STRING_MAP: AttributeType.STRING_MAP,
}
TYPE_NUMBERS: Final[Mapping[AttributeType, Any]] = {kind: number for number, kind in TYPES.items()}

# The member of `Value.kind` that carries a type.
KINDS: Final[Mapping[AttributeType, str]] = {
    AttributeType.STRING: "string_value",
    AttributeType.INT: "int_value",
    AttributeType.DOUBLE: "double_value",
    AttributeType.BOOL: "bool_value",
    AttributeType.TIMESTAMP: "timestamp_value",
    AttributeType.DURATION: "duration_value",
    AttributeType.STRING_LIST: "string_list",
    AttributeType.INT_LIST: "int_list",
    AttributeType.DOUBLE_LIST: "double_list",
    AttributeType.STRING_MAP: "string_map",
}
SCALAR_KINDS: Final = frozenset({AttributeType.STRING, AttributeType.INT, AttributeType.DOUBLE, AttributeType.BOOL})


def python_value(value: types_pb2.Value, kind: AttributeType) -> Any:
    """Return what a Value holds, or MISSING when it is of another kind or out of the type's range."""
    member = KINDS[kind]
    if not value.HasField(member):
        return MISSING
    held = getattr(value, member)
    match kind:
        case AttributeType.TIMESTAMP:
            nanos = held.seconds * NANOS + held.nanos
            return nanos if 0 <= held.nanos < NANOS and TIMESTAMP_MIN <= nanos <= TIMESTAMP_MAX else MISSING
        case AttributeType.DURATION:
            nanos = held.seconds * NANOS + held.nanos
            same_sign = -NANOS < held.nanos < NANOS and held.seconds * held.nanos >= 0
            return nanos if same_sign and INT_MIN <= nanos <= INT_MAX else MISSING
        case AttributeType.STRING_MAP:
            return dict(held.entries)
        case _:
            return tuple(held.values) if kind.is_list else held


Read = Callable[[Any, str], Any]


def reader(kind: AttributeType, default: Any) -> Read:
    """Return a function that reads an attribute out of a request's map.

    Looking up an absent key adds an empty Value to the map, which counts as absent too: so reading twice is alike.
    """

    def read(values: Any, key: str) -> Any:
        value = values[key]
        if value.WhichOneof("kind") is None:
            return default
        return python_value(value, kind)

    return read


def zero_reader(kind: AttributeType, default: Any) -> Read:
    """Return what `reader` does for a scalar whose member holds its type's zero, as an absent one does too."""
    member = KINDS[kind]

    def read(values: Any, key: str) -> Any:
        value = values[key]
        if value.HasField(member):
            return getattr(value, member)
        return default if value.WhichOneof("kind") is None else MISSING

    return read


def wire_value(kind: AttributeType, value: Any) -> types_pb2.Value:
    """Return the Value that carries a Python value of this type."""
    match kind:
        case AttributeType.TIMESTAMP:
            out = types_pb2.Value()
            out.timestamp_value.seconds, out.timestamp_value.nanos = divmod(value, NANOS)
            out.timestamp_value.SetInParent()
        case AttributeType.DURATION:
            out = types_pb2.Value()
            seconds, nanos = divmod(abs(value), NANOS)
            sign = -1 if value < 0 else 1
            out.duration_value.seconds, out.duration_value.nanos = sign * seconds, sign * nanos
            out.duration_value.SetInParent()
        case AttributeType.STRING_LIST:
            out = types_pb2.Value(string_list=types_pb2.StringList(values=value))
        case AttributeType.INT_LIST:
            out = types_pb2.Value(int_list=types_pb2.IntList(values=value))
        case AttributeType.DOUBLE_LIST:
            out = types_pb2.Value(double_list=types_pb2.DoubleList(values=value))
        case AttributeType.STRING_MAP:
            out = types_pb2.Value(string_map=types_pb2.StringMap(entries=value))
        case _:
            out = types_pb2.Value(**{KINDS[kind]: value})
    return out


def build_request(
    attributes: Mapping[str, Any],
    types: Mapping[str, AttributeType],
    fields: Sequence[str],
    grant_ids: Sequence[str] = (),
) -> decision_service_pb2.DecideRequest:
    """Return a request from attribute values by dotted name, as scenarios hold them."""
    request = decision_service_pb2.DecideRequest(fields=fields, grant_ids=grant_ids)
    maps: dict[str, Any] = {
        "subject": request.subject.attributes,
        "action": request.action.attributes,
        "resource": request.resource.attributes,
        "context": request.context,
    }
    for name, value in attributes.items():
        root, _, key = name.partition(".")
        match name:
            case "subject.id":
                request.subject.id = value
            case "subject.roles":
                request.subject.roles.extend(value)
            case "action.name":
                request.action.name = value
            case "resource.type":
                request.resource.type = value
            case "resource.id":
                request.resource.id = value
            case _:
                maps[root][key].CopyFrom(wire_value(types[name], value))
    return request


def decode(message: Callable[[bytes], Any], payload: bytes) -> Any:
    """Return a request out of its wire form. Raises RequestError when it is none or is too large."""
    if len(payload) > MAX_MESSAGE:
        raise RequestError(Violation("request", f"is {len(payload)} bytes large, the limit is {MAX_MESSAGE}"))
    try:
        return message(payload)
    except DecodeError as error:
        raise RequestError(Violation("request", f"is not a valid protobuf message: {error}")) from None


def check_parties(request: Any, size: int) -> None:
    """Check what Decide and DecideBatch share. Raises RequestError."""
    found: list[Violation] = []
    subject = request.subject
    if not subject.id:
        found.append(Violation("subject.id", "is required"))
    _check_length(found, "request_id", request.request_id, MAX_REQUEST_ID)
    _check_length(found, "subject.id", subject.id, MAX_ID)
    if size > SMALL:
        _check_count(found, "subject.roles", subject.roles, MAX_ROLES)
        _check_attributes(found, "subject.attributes", subject.attributes)
        _check_attributes(found, "action.attributes", request.action.attributes)
        _check_attributes(found, "context", request.context)
    if len(request.grant_ids) > MAX_GRANTS:
        _check_count(found, "grant_ids", request.grant_ids, MAX_GRANTS)
    if found:
        raise RequestError(*found)


def check_resource(resource: types_pb2.Resource, place: str) -> None:
    """Check the bounds of one resource. Raises RequestError."""
    found: list[Violation] = []
    _check_length(found, f"{place}.id", resource.id, MAX_ID)
    _check_attributes(found, f"{place}.attributes", resource.attributes)
    if found:
        raise RequestError(*found)


def _check_length(found: list[Violation], place: str, text: str, limit: int) -> None:
    if len(text) > limit or len(text.encode()) > limit:
        found.append(Violation(place, f"is longer than {limit} bytes"))


def _check_count(found: list[Violation], place: str, items: Sequence[Any], limit: int) -> None:
    if len(items) > limit:
        found.append(Violation(place, f"has {len(items)} entries, the limit is {limit}"))


def _check_attributes(found: list[Violation], place: str, values: Mapping[str, Any]) -> None:
    size = 0
    for key, value in values.items():
        size += len(key) + value.ByteSize()
        kind = value.WhichOneof("kind")
        if kind in ("string_list", "int_list", "double_list"):
            _check_count(found, f"{place}[{key!r}]", getattr(value, kind).values, MAX_LIST)
        elif kind == "string_map":
            _check_count(found, f"{place}[{key!r}]", value.string_map.entries, MAX_LIST)
    if size > MAX_ATTRIBUTES:
        found.append(Violation(place, f"hold {size} bytes, the limit is {MAX_ATTRIBUTES}"))
