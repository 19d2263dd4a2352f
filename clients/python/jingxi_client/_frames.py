"""Frames of a log: length (4 bytes, big-endian), CRC-32 of the payload (4 bytes, big-endian), payload."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

HEAD = 8
_head = Struct(">II").pack
MAX_PAYLOAD = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was read: where it begins and ends; `payload` None when it is damaged."""

    start: int
    end: int
    payload: bytes | None


def frame(payload: bytes) -> bytes:
    """Return a payload as a frame."""
    return _head(len(payload), zlib.crc32(payload)) + payload


def read_frame(data: bytes, start: int) -> Frame | None:
    """Return the frame at a place; None when it is cut off or its length cannot be one."""
    size = int.from_bytes(data[start : start + 4], "big")
    end = start + HEAD + size
    if not 0 < size <= MAX_PAYLOAD or end > len(data):
        return None
    payload = data[start + HEAD : end]
    sound = zlib.crc32(payload) == int.from_bytes(data[start + 4 : start + HEAD], "big")
    return Frame(start, end, payload if sound else None)


def read_frames(data: bytes, start: int = 0) -> Iterator[Frame]:
    """Yield frames up to the first that is damaged, which comes last; one that is cut off is not there."""
    while (found := read_frame(data, start)) is not None:
        yield found
        if found.payload is None:
            return
        start = found.end


def sound_frames(data: bytes) -> int:
    """Return how many sound frames there are anywhere in some bytes, none inside another."""
    count, start = 0, 0
    while start + HEAD < len(data):
        found = read_frame(data, start)
        if found is None or found.payload is None:
            start += 1
        else:
            count, start = count + 1, found.end
    return count
