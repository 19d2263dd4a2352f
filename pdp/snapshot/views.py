"""Parsers of a request and a subject in which what repeats from record to record stays bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool

from pdp.v1 import decision_service_pb2, types_pb2

_Field = descriptor_pb2.FieldDescriptorProto


def _make_views() -> list[Callable[[bytes], Any]]:
    """Return parsers of a request and a subject in which sub-messages stay bytes, but for a request's resource."""
    opened: Any = types_pb2.Resource.DESCRIPTOR
    real: tuple[Any, ...] = (decision_service_pb2.DecideRequest.DESCRIPTOR, types_pb2.Subject.DESCRIPTOR, opened)
    file = descriptor_pb2.FileDescriptorProto(name="view.proto", package="view", syntax="proto3")
    for descriptor in real:
        message = file.message_type.add(name=descriptor.name)
        for field in descriptor.fields:
            added = message.field.add(name=field.name, number=field.number)
            added.label = _Field.LABEL_REPEATED if field.is_repeated else _Field.LABEL_OPTIONAL
            if field.message_type is opened:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".view.{opened.name}"
            elif field.message_type is not None:
                # Repeated, so that one that is empty differs from none, and all parts of one in several are there.
                added.type, added.label = _Field.TYPE_BYTES, _Field.LABEL_REPEATED
            else:
                added.type = field.type
    pool = DescriptorPool()
    pool.Add(file)
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"view.{each.name}")).FromString for each in real[:2]
    ]


parse_request, parse_subject = _make_views()
