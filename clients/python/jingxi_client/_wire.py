"""Requests in protobuf's wire form, straight from typed attributes.

An offline client writes each request into its log, and building messages to serialize them takes longer than deciding.
So what stays the same for an attribute (tags, its name, lengths) is made once for each map, and only values are added.
The result is what the generated messages would serialize, up to the order of attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, NamedTuple

from jingxi_client import values
from jingxi_client._gen.pdp.v1 import types_pb2
from jingxi_client.values import Type

Encode = Callable[[Any], bytes]

_double = Struct("<d").pack
_SMALL = 1 << 14
_USUAL = 64
# By root: the field of its message that holds attributes.
_ATTRIBUTES = {"subject": b"\x1a", "action": b"\x12", "resource": b"\x1a", "context": b"\x2a"}


def varint(number: int) -> bytes:
    """Return a number that is not negative as a varint."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


class _Lengths(dict[int, bytes]):
    """Varints of lengths, each made when it is first needed."""

    def __missing__(self, number: int) -> bytes:
        made = varint(number)
        if number < _SMALL:
            self[number] = made
        return made


_LENGTHS = _Lengths()


def delimited(tag: bytes, body: bytes) -> bytes:
    """Return a field that holds a message, a text or bytes."""
    return tag + _LENGTHS[len(body)] + body


def text(tag: bytes, value: str) -> bytes:
    """Return a field that holds a text, nothing for an empty one."""
    if not value:
        return b""
    data = value.encode()
    return tag + _LENGTHS[len(data)] + data


class TypedSubject(NamedTuple):
    """Who asks. `attributes` by name without the root hold what the declared type holds (`values.converter`).

    One that is not declared is a Value. So it is in all that is typed.
    """

    id: str
    roles: tuple[str, ...]
    attributes: dict[str, Any]


class TypedAction(NamedTuple):
    """What is about to be done."""

    name: str
    attributes: dict[str, Any]


class TypedResource(NamedTuple):
    """What is looked at."""

    type: str
    id: str
    attributes: dict[str, Any]


class Coder:
    """Writes what is typed by the declared types of all attributes."""

    def __init__(self, types: Mapping[str, int]) -> None:
        self._encoders: dict[str, dict[str, Encode]] = {root: {} for root in _ATTRIBUTES}
        for name, kind in types.items():
            root, _, key = name.partition(".")
            if root in _ATTRIBUTES:
                self._encoders[root][key] = _encoder(_ATTRIBUTES[root], key, kind)

    def subject(self, subject: TypedSubject) -> bytes:
        """Return a Subject."""
        roles = b"".join([text(b"\x12", role) or b"\x12\x00" for role in subject.roles])
        return text(b"\x0a", subject.id) + roles + self.attributes("subject", subject.attributes)

    def action(self, action: TypedAction) -> bytes:
        """Return an Action."""
        return text(b"\x0a", action.name) + self.attributes("action", action.attributes)

    def resource(self, resource: TypedResource) -> bytes:
        """Return a Resource."""
        head = text(b"\x0a", resource.type) + text(b"\x12", resource.id)
        return head + self.attributes("resource", resource.attributes)

    def head(self, subject: TypedSubject, action: TypedAction) -> bytes:
        """Return a DecideRequest of these."""
        return delimited(b"\x12", self.subject(subject)) + delimited(b"\x1a", self.action(action))

    def attributes(self, root: str, held: Mapping[str, Any]) -> bytes:
        """Return attributes as they stand in the message that holds them; `context` is a field of the request."""
        encoders = self._encoders[root]
        try:
            return b"".join([encoders[name](value) for name, value in held.items()])
        except KeyError:
            return b"".join([self._attribute(root, name, value) for name, value in held.items()])

    def _attribute(self, root: str, name: str, value: Any) -> bytes:
        encode = self._encoders[root].get(name)
        if encode is not None:
            return encode(value)
        return delimited(_ATTRIBUTES[root], _entry(name, value.SerializeToString()))


def message_ref(application: str, name: str, part: str) -> bytes:
    """Return a MessageRef as it stands in a DecideRequest."""
    return delimited(b"\x3a", text(b"\x0a", application) + text(b"\x12", name) + text(b"\x1a", part))


def _entry(name: str, value: bytes) -> bytes:
    """Return an entry of a map from text to Value."""
    return text(b"\x0a", name) + delimited(b"\x12", value)


def _encoder(tag: bytes, name: str, kind: int) -> Encode:
    """Return the function from what an attribute holds to its entry in the map of attributes."""

    def whole(value: bytes) -> bytes:
        return delimited(tag, _entry(name, value))

    match kind:
        case Type.ATTRIBUTE_TYPE_STRING:
            return _texts(lambda size: whole(b"\x0a" + varint(size) + bytes(size))[: -size or None])
        case Type.ATTRIBUTE_TYPE_BOOL:
            true, false = whole(b"\x20\x01"), whole(b"\x20\x00")
            return lambda held: true if held else false
        case Type.ATTRIBUTE_TYPE_DOUBLE:
            head = whole(b"\x19" + bytes(8))[:-8]
            return lambda held: head + _double(held)
        case Type.ATTRIBUTE_TYPE_INT:
            # A negative number is written as its complement of 64 bits.
            return lambda held: whole(b"\x10" + varint(held & 0xFFFF_FFFF_FFFF_FFFF))
        case Type.ATTRIBUTE_TYPE_STRING_MAP:
            empty = whole(types_pb2.Value(string_map=types_pb2.StringMap()).SerializeToString())
            return lambda held: whole(values.message_of(held, kind).SerializeToString()) if held else empty
    return lambda held: whole(values.message_of(held, kind).SerializeToString())


def _texts(head: Callable[[int], bytes]) -> Encode:
    """Return the encoding of a text behind what its length asks for, kept for lengths that are usual."""
    usual = [head(size) for size in range(_USUAL)]

    def encode(held: str) -> bytes:
        data = held.encode()
        size = len(data)
        return (usual[size] if size < _USUAL else head(size)) + data

    return encode
