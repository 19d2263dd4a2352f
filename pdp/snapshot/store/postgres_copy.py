"""Rows in PostgreSQL's binary COPY format (PostgreSQL manual, COPY, "Binary Format")."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from pdp.snapshot.columns import NAMES
from pdp.snapshot.columns_cached import ColumnCache
from pdp.snapshot.store.intake import Batch
from pdp.snapshot.store.merge import SEQUENCE_BITS

COPY_COLUMNS: Final = f"retention, day, position, {', '.join(NAMES)}, body, chain"

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_FIELDS = struct.pack(">h", 15)
_LENGTH = struct.Struct(">i").pack
_INT = struct.Struct(">ii").pack
_POSITION_TIME_ID = struct.Struct(">iqiqi").pack
_SEVERITY_SUBJECT = struct.Struct(">iii").pack
_MARKS = struct.Struct(">iqiqi").pack
_PIECE = 100
# Some 150 KB: about what the socket holds, so that the server works on one piece while the next is made.


class CopyRows:
    """The bytes of a COPY of (stream number, records) into one partition, and then how many and the times' bounds.

    Columns are drawn while the server is busy with the rows before.
    """

    def __init__(self, part: tuple[str, int], added: Sequence[tuple[int, Batch]], columns: ColumnCache) -> None:
        self._part, self._added, self._columns = part, added, columns
        self._few: dict[str, bytes] = {}
        self.count = 0
        self.low, self.high = 2**63 - 1, -(2**63)

    def __iter__(self) -> Iterator[bytes]:
        name = self._part[0].encode()
        head = _FIELDS + _LENGTH(len(name)) + name + _INT(4, self._part[1])
        yield _HEADER
        for number, batch in self._added:
            first = number << SEQUENCE_BITS | batch.start
            for at in range(0, len(batch.records), _PIECE):
                yield self._rows(batch, at, head, first + at)
        yield _TRAILER

    def _rows(self, batch: Batch, at: int, head: bytes, position: int) -> bytes:
        draw = self._columns.row
        pieces: list[bytes] = []
        times: list[int] = []
        for _, _, body, chain in batch.records[at : at + _PIECE]:
            time, record_id, kind, severity, subject_id, caller, resource_key, mark_a, mark_b, facts = draw(body)
            identity, subject, key, json = (
                record_id.encode(), subject_id.encode(), resource_key.encode(), facts.encode()
            )  # fmt: skip
            pieces += (
                head, _POSITION_TIME_ID(8, position, 8, time, len(identity)), identity,
                self._few.get(kind) or self._field(kind), _SEVERITY_SUBJECT(4, severity, len(subject)), subject,
                self._few.get(caller) or self._field(caller), _LENGTH(len(key)), key,
                _MARKS(8, mark_a, 8, mark_b, len(json)), json,
                _LENGTH(len(body)), body, _LENGTH(len(chain)), chain,
            )  # fmt: skip
            position += 1
            times.append(time)
        self.count += len(times)
        self.low, self.high = min(self.low, *times), max(self.high, *times)
        return b"".join(pieces)

    def _field(self, text: str) -> bytes:
        """Return a text as a field, and remember it: kinds and callers are few in one batch."""
        data = text.encode()
        field = self._few[text] = _LENGTH(len(data)) + data
        return field
