"""Of a record what a replay needs; the rest of its bytes is skipped, and parts that repeat stay bytes to be looked up.

The messages are declared here a second time, with less in them: protobuf reads both alike.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from pdp.engine.wire import length_delimited
from pdp.v1 import snapshot_pb2

# Tags of snapshot_pb2.Snapshot.
BUCKETS: Final = b"\x52"
HASHES: Final = b"\x5a"
VERDICTS: Final = b"\x6a"
GRANTS: Final = b"\x8a\x01"
_BYTES: Final = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_FIELDS: Final = {
    "policy_hash": _BYTES,
    "time_nanos": descriptor_pb2.FieldDescriptorProto.TYPE_SFIXED64,
    # A batch writes what its items share and what is an item's own one after another: together they are one message.
    "facts": _BYTES,
    "resource_key": _BYTES,
    "buckets": _BYTES,
    "hashes": _BYTES,
    "withheld": _BYTES,
    "verdicts": _BYTES,
    "grants": _BYTES,
}
_ONCE: Final = frozenset({"policy_hash", "time_nanos", "resource_key"})


def _message() -> Any:
    field = descriptor_pb2.FieldDescriptorProto
    snapshot = descriptor_pb2.DescriptorProto(name="Part")
    for name, kind in _FIELDS.items():
        number = snapshot_pb2.Snapshot.DESCRIPTOR.fields_by_name[name].number
        label = field.LABEL_OPTIONAL if name in _ONCE else field.LABEL_REPEATED
        snapshot.field.add(name=name, number=number, type=kind, label=label)
    record = descriptor_pb2.DescriptorProto(name="RecordPart")
    number = snapshot_pb2.Record.DESCRIPTOR.fields_by_name["snapshot"].number
    record.field.add(
        name="snapshot", number=number, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL, type_name=".replay.Part"
    )
    file = descriptor_pb2.FileDescriptorProto(
        name="replay.proto", package="replay", syntax="proto3", message_type=[snapshot, record]
    )
    # A pool of its own: what is declared here is nobody else's.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("replay.RecordPart"))


RecordPart: Final = _message()
"""A Record with a `snapshot` that has `policy_hash`, `time_nanos` and `resource_key`; all else is a list of bytes."""


def name_of(entry: bytes) -> str:
    """Return the key of a map's entry."""
    # A short key stands first in every entry that protobuf writes.
    if entry[:1] == b"\x0a" and len(entry) > 1 and entry[1] < 0x80:
        return entry[2 : 2 + entry[1]].decode()
    return _named(entry)


def _named(entry: bytes) -> str:
    # A record that holds this entry alone.
    return next(iter(snapshot_pb2.Snapshot.FromString(length_delimited(HASHES, entry)).hashes), "")
