"""Rows of a file whose tree is broken: the pages that hold them are told by their first byte, wherever they stand.

SQLite finds a page only through those above it. Format: https://www.sqlite.org/fileformat2.html#b_tree_pages
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pdp.snapshot.spool.segment import PAGE_BYTES

_LEAF = 0x0D
_HEAD_BYTES = 8
_MOST = PAGE_BYTES - 35
_LEAST = (PAGE_BYTES - 12) * 32 // 255 - 23
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_COLUMNS = 5

Row = tuple[int, int, int, bytes, bytes]
"""place, stream, sequence, body, chain"""


def read_leaves(path: Path) -> Iterator[Row]:
    """Return what looks like a record, in any order and perhaps more than once. Raises OSError."""
    data = path.read_bytes()
    for at in range(PAGE_BYTES, len(data) - PAGE_BYTES + 1, PAGE_BYTES):
        if data[at] == _LEAF:
            count = int.from_bytes(data[at + 3 : at + 5], "big")
            for pointer in range(at + _HEAD_BYTES, min(at + _HEAD_BYTES + 2 * count, at + PAGE_BYTES - 1), 2):
                begin = at + int.from_bytes(data[pointer : pointer + 2], "big")
                try:
                    row = _row(data, begin, at + PAGE_BYTES)
                except IndexError:
                    # What is damaged points anywhere.
                    continue
                if row is not None:
                    yield row


def _row(data: bytes, at: int, end: int) -> Row | None:
    size, at = _varint(data, at)
    place, at = _varint(data, at)
    payload = _payload(data, at, end, size)
    if payload is None:
        return None
    head_bytes, at = _varint(payload, 0)
    kinds = []
    while at < head_bytes:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if len(kinds) != _COLUMNS or kinds[0] != 0:
        return None
    values: list[int | bytes] = []
    for kind in kinds[1:]:
        if kind in (8, 9):
            values.append(kind - 8)
            continue
        is_blob = kind >= 12 and kind % 2 == 0
        length = (kind - 12) // 2 if is_blob else _INTEGERS.get(kind, -1)
        part = payload[at : at + length]
        if length < 0 or len(part) < length:
            return None
        values.append(part if is_blob else int.from_bytes(part, "big", signed=True))
        at += length
    stream, sequence, body, chain = values
    if isinstance(stream, int) and isinstance(sequence, int) and isinstance(body, bytes) and isinstance(chain, bytes):
        return place, stream, sequence, body, chain
    return None


def _payload(data: bytes, at: int, end: int, size: int) -> bytes | None:
    if size <= _MOST:
        return data[at : at + size] if at + size <= end else None
    if size > len(data):
        return None
    local = _LEAST + (size - _LEAST) % (PAGE_BYTES - 4)
    if local > _MOST:
        local = _LEAST
    parts = [data[at : at + local]]
    left = size - local
    page = int.from_bytes(data[at + local : at + local + 4], "big")
    while left > 0:
        begin = (page - 1) * PAGE_BYTES
        if page < 1 or begin + PAGE_BYTES > len(data):
            return None
        parts.append(data[begin + 4 : begin + 4 + min(left, PAGE_BYTES - 4)])
        left -= PAGE_BYTES - 4
        page = int.from_bytes(data[begin : begin + 4], "big")
    return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(8):
        byte = data[at + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    return value << 8 | data[at + 8], at + 9
