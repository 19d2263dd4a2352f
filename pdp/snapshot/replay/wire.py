"""Of a record what a replay needs; the rest of its bytes is skipped, and parts that repeat stay bytes to be looked up.

The messages are declared here a second time, with less in them: protobuf reads both alike.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from pdp.engine.wire import length_delimited
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

# Tags of snapshot_pb2.Snapshot.
BUCKETS: Final = b"\x52"
HASHES: Final = b"\x5a"
VERDICTS: Final = b"\x6a"
GRANTS: Final = b"\x8a\x01"
_ATTRIBUTES: Final = b"\x1a"
_Field = descriptor_pb2.FieldDescriptorProto
_FIELDS: Final = {
    "policy_hash": _Field.TYPE_BYTES,
    "time_nanos": _Field.TYPE_SFIXED64,
    # A batch writes what its items share and what is an item's own one after another: together they are one message.
    "facts": _Field.TYPE_MESSAGE,
    "resource_key": _Field.TYPE_BYTES,
    "buckets": _Field.TYPE_BYTES,
    "hashes": _Field.TYPE_BYTES,
    "withheld": _Field.TYPE_BYTES,
    "verdicts": _Field.TYPE_BYTES,
    "grants": _Field.TYPE_BYTES,
}
_ONCE: Final = frozenset({"policy_hash", "time_nanos", "facts", "resource_key"})
# Of these there are few different ones, so they are not taken apart either.
_WHOLE: Final = frozenset({"action", "resource"})
_PACKAGE: Final = "replay"


def _messages() -> tuple[Any, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="replay.proto", package=_PACKAGE, syntax="proto3")
    snapshot = file.message_type.add(name="Part")
    for name, kind in _FIELDS.items():
        number = snapshot_pb2.Snapshot.DESCRIPTOR.fields_by_name[name].number
        label = _Field.LABEL_OPTIONAL if name in _ONCE else _Field.LABEL_REPEATED
        snapshot.field.add(name=name, number=number, type=kind, label=label)
        if kind == _Field.TYPE_MESSAGE:
            snapshot.field[-1].type_name = _with_entries(file, decision_service_pb2.DecideRequest.DESCRIPTOR)
    record = file.message_type.add(name="RecordPart")
    number = snapshot_pb2.Record.DESCRIPTOR.fields_by_name["snapshot"].number
    record.field.add(
        name="snapshot", number=number, type=_Field.TYPE_MESSAGE, label=_Field.LABEL_OPTIONAL,
        type_name=f".{_PACKAGE}.Part",
    )  # fmt: skip
    # A pool of its own: what is declared here is nobody else's.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = (pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in ("RecordPart", "DecideRequest"))
    whole, facts = map(message_factory.GetMessageClass, found)
    return whole, facts


def _with_entries(file: descriptor_pb2.FileDescriptorProto, original: Any) -> str:
    """Declare a message of which the entries of maps are bytes, and some whole parts; return its type's name."""
    copy = descriptor_pb2.DescriptorProto(name=original.name)
    for field in original.fields:
        place = copy.field.add(name=field.name, number=field.number, type=field.type)
        place.label = _Field.LABEL_REPEATED if field.is_repeated else _Field.LABEL_OPTIONAL
        if field.name in _WHOLE:
            place.type, place.label = _Field.TYPE_BYTES, _Field.LABEL_REPEATED
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            place.type = _Field.TYPE_BYTES
        elif field.message_type is not None:
            place.type_name = _with_entries(file, field.message_type)
    file.message_type.append(copy)
    return f".{_PACKAGE}.{original.name}"


RecordPart, FactsPart = _messages()
"""A Record with a `snapshot`, of which all that is a message or repeats is bytes, and the facts in it: a DecideRequest
of which maps are lists of entries, and `action` and `resource` lists of parts that together are one message."""


def name_of(entry: bytes) -> str:
    """Return the key of a map's entry."""
    # A short key stands first in every entry that protobuf writes.
    if entry[:1] == b"\x0a" and len(entry) > 1 and entry[1] < 0x80:
        return entry[2 : 2 + entry[1]].decode()
    return _named(entry)


def _named(entry: bytes) -> str:
    # A record that holds this entry alone.
    return next(iter(snapshot_pb2.Snapshot.FromString(length_delimited(HASHES, entry)).hashes), "")


def checked_name(entry: bytes) -> str:
    """Return the key of an entry of a request's map. Raises DecodeError and UnicodeDecodeError where it is damaged."""
    size = len(entry)
    value = 2 + entry[1] if size > 1 else size
    # A short text under a short key, as most are, is seen to be in order without protobuf.
    if value + 4 <= size < 0x80 and (entry[0], *entry[value : value + 4]) == (
        _KEY, _VALUE, size - value - 2, _STRING, size - value - 4,
    ):  # fmt: skip
        entry[value + 4 :].decode()
        return entry[2:value].decode()
    types_pb2.Subject.FromString(length_delimited(_ATTRIBUTES, entry))
    return name_of(entry)


# Tags of the key and the value in a map's entry, and of the text in a value.
_KEY: Final = 0x0A
_VALUE: Final = 0x12
_STRING: Final = 0x0A


def text_of(piece: bytes) -> str:
    """Return the text in an entry of a request's map, given with its length before it. Raises DecodeError."""
    # A subject that holds this entry alone; the entries of all four maps are alike.
    (value,) = types_pb2.Subject.FromString(_ATTRIBUTES + piece).attributes.values()
    text: str = value.string_value
    return text
