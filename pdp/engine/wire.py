"""Protobuf's wire format, as far as answers and records are put together by hand."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """Return a number that is not negative as a varint."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


# The lengths of nearly all that is put together.
_VARINTS = tuple(map(varint, range(4_096)))


def length_delimited(tag: bytes, body: bytes) -> bytes:
    """Return a field that holds a message, a text or bytes."""
    size = len(body)
    return tag + (_VARINTS[size] if size < 4_096 else varint(size)) + body
