"""Going through one file of a spool in the order in which it was written, and checking it on the way."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pdp.errors import SpoolError
from pdp.snapshot.chain import SpooledRecord, StreamKey, hasher
from pdp.snapshot.spool.segment import Header, Start, open_to_read, read_header, read_starts
from pdp.snapshot.spool.wal import find_break

_CHUNK = 1024
_NO_BOUND = 2**63
Bounds = Mapping[StreamKey, int]
"""For each stream the sequence from which a later file takes it on: records from there on do not count."""


class DamageError(Exception):
    """A file that cannot be read on as it is; `reason` is for the alarm."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Reached(NamedTuple):
    next: int
    chain: bytes


@dataclass(slots=True)
class _Cursor:
    """All rows up to `place` have been passed; `reached` says by stream id how far that is."""

    place: int = 0
    reached: dict[int, _Reached] = field(default_factory=dict)
    is_end: bool = False

    def copy(self) -> _Cursor:
        return _Cursor(self.place, dict(self.reached), self.is_end)


@dataclass(slots=True)
class _Going:
    """A stream whose last row was handed out, and how it goes on."""

    key: StreamKey
    next: int
    chain: bytes
    bound: int


def _settle(going: Mapping[int, _Going], cursor: _Cursor, expected: dict[StreamKey, int]) -> None:
    for number, at in going.items():
        cursor.reached[number] = _Reached(at.next, at.chain)
        expected[at.key] = at.next


class SegmentScan:
    """A file that is read, with two marks: up to `_base` all is shipped, up to `_ahead` all was handed out."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number
        self.header: Header | None = None
        self.starts: dict[int, Start] = {}
        self._db: sqlite3.Connection | None = None
        self._base = _Cursor()
        self._ahead = _Cursor()
        self._is_whole = self._is_log_sound = False
        self.is_closed = False
        """Nothing will be added to the file."""

    def is_ready(self) -> bool:
        """Whether the file's creation was finished. Raises DamageError."""
        if self.header is not None:
            return True
        with self._reading() as db:
            header = read_header(db)
        if header is None:
            self.close()
            return False
        if (header.boot, header.number) != (self.path.parent.name, self.number):
            raise DamageError("the file does not say that it is this one")
        try:
            self._hash = hasher(header.algorithm)
        except ValueError as error:
            raise DamageError(str(error)) from None
        # What vouches for the header are the seals of the starts.
        with self._reading() as db:
            self.starts = read_starts(db, header)
        self.header = header
        return True

    def streams(self) -> list[Start]:
        """Return where every stream begins in this file, as it is now. Raises DamageError."""
        self.is_ready()
        self._load_starts()
        return list(self.starts.values())

    def read(
        self, expected: dict[StreamKey, int], bounds: Bounds, limit: int, *, is_closed: bool
    ) -> tuple[list[SpooledRecord], bool]:
        """Return up to `limit` records from the expected sequences on, which are moved on, and whether that was all.

        Nothing will be added to a file that `is_closed`.
        Raises DamageError at the first record that does not fit; `expected` then stands at it.
        """
        self.is_ready()
        if self._ahead.place > self._base.place and self._is_passed(self._ahead, expected):
            self._base = self._ahead
        if not self._is_passed(self._base, expected):
            self._base = _Cursor()
        cursor = self._ahead = self._base.copy()
        found: list[SpooledRecord] = []
        try:
            while len(found) < limit:
                rows = [] if cursor.is_end else self._rows(cursor.place, min(_CHUNK, limit - len(found)), body=True)
                self._take(cursor, rows, expected, bounds, found)
                if not rows:
                    cursor.is_end = is_closed
                    return found, True
        except DamageError:
            # What comes before the damage is handed out; the next call will meet it again.
            if not found:
                raise
        return found, False

    def advance(self, positions: Mapping[StreamKey, int], bounds: Bounds) -> bool:
        """Move on over records that are below the positions; return whether there are no others. Raises DamageError."""
        self.is_ready()
        for cursor in (self._ahead, self._base):
            if self._is_passed(cursor, positions):
                break
        else:
            cursor = _Cursor()
        cursor = self._base = cursor.copy()
        while not cursor.is_end and (rows := self._rows(cursor.place, _CHUNK, body=False)):
            for place, stream, sequence, _, chain in rows:
                key = self._start(stream).key
                if sequence < bounds.get(key, sequence + 1):
                    if sequence >= positions.get(key, 0):
                        return False
                    cursor.reached[stream] = _Reached(sequence + 1, chain)
                cursor.place = place
        return True

    @property
    def is_mended(self) -> bool:
        """Whether the file is what was left of a damaged one."""
        return self.header is not None and self.header.mended

    def forget(self) -> None:
        """Take back what was handed out last."""
        self._ahead = self._base.copy()

    def reached(self) -> dict[int, Start]:
        """Return how far this file has been handed out, as the starts of a file that went on from there."""
        found = {}
        for number, start in self.starts.items():
            known = self._ahead.reached.get(number) or _Reached(start.first, start.chain)
            found[number] = Start(number, start.key, known.next, known.chain)
        return found

    def check_whole(self) -> None:
        """Look at the whole file once, where no later file tells whether it has lost its end. Raises DamageError."""
        if not self._is_whole:
            with self._reading() as db:
                verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            if verdict != "ok":
                raise DamageError(verdict)
            self._is_whole = True

    def check_log(self) -> None:
        """Look at the log of a file that `is_closed`: SQLite hides what stands behind damage. Raises DamageError."""
        if self.is_closed and not self._is_log_sound:
            try:
                reason = find_break(self.path)
            except OSError:
                # SQLite meets the same error, and it decides what that says of the file.
                reason = None
            if reason is not None:
                raise DamageError(reason)
            self._is_log_sound = True

    def pending(self) -> tuple[int, bytes | None]:
        """Return how many records are not shipped yet, and the oldest one's body. Raises DamageError."""
        with self._reading() as db:
            last = db.execute("SELECT coalesce(max(place), 0) FROM records").fetchone()[0]
        rows = self._rows(self._base.place, 1, body=True)
        return max(0, last - self._base.place), rows[0][3] if rows else None

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _take(
        self,
        cursor: _Cursor,
        rows: Sequence[tuple[int, int, int, bytes, bytes]],
        expected: dict[StreamKey, int],
        bounds: Bounds,
        found: list[SpooledRecord],
    ) -> None:
        """Check rows as `_check` does, and add their records to those found; quick where each continues its stream."""
        new = self._hash
        going: dict[int, _Going] = {}
        for row in rows:
            place, stream, sequence, body, chain = row
            at = going.get(stream)
            if (
                at is not None
                and type(sequence) is int
                and sequence == at.next < at.bound
                and type(body) is bytes
                and new(at.chain + sequence.to_bytes(8, "big") + body).digest() == chain
            ):
                at.next, at.chain = sequence + 1, chain
                found.append(SpooledRecord(at.key, sequence, body, chain))
                cursor.place = place
                continue
            _settle(going, cursor, expected)
            record = self._check(cursor, row, expected, bounds)
            if record is not None:
                found.append(record)
                key = record.stream
                # Two numbers for one stream would be a fault that only the slow way tells.
                going = {number: other for number, other in going.items() if other.key != key}
                going[stream] = _Going(key, sequence + 1, chain, bounds.get(key, _NO_BOUND))
        _settle(going, cursor, expected)

    def _check(
        self, cursor: _Cursor, row: tuple[int, int, int, bytes, bytes], expected: dict[StreamKey, int], bounds: Bounds
    ) -> SpooledRecord | None:
        place, stream, sequence, body, chain = row
        start = self._start(stream)
        key = start.key
        if type(sequence) is not int or type(body) is not bytes or type(chain) is not bytes:
            raise DamageError(f"row {place} does not hold what it should")
        bound = bounds.get(key)
        if bound is not None and sequence >= bound:
            cursor.place = place
            return None
        before = cursor.reached.get(stream) or _Reached(start.first, start.chain)
        position = expected.get(key, 0)
        if sequence != before.next and not (self.is_mended and stream not in cursor.reached and sequence < position):
            raise DamageError(f"record {sequence} of {_name(key)} follows record {before.next - 1}")
        record = None
        if sequence >= position:
            if sequence > position:
                raise DamageError(f"records {position} to {sequence - 1} of {_name(key)} are missing")
            # As `chain.link` does it.
            if self._hash(before.chain + sequence.to_bytes(8, "big") + body).digest() != chain:
                raise DamageError(f"record {sequence} of {_name(key)} does not fit its chain value")
            record = SpooledRecord(key, sequence, body, chain)
            expected[key] = sequence + 1
        cursor.reached[stream] = _Reached(sequence + 1, chain)
        cursor.place = place
        return record

    def _is_passed(self, cursor: _Cursor, positions: Mapping[StreamKey, int]) -> bool:
        return all(
            positions.get(self.starts[stream].key, 0) >= reached.next for stream, reached in cursor.reached.items()
        )

    def _start(self, stream: int) -> Start:
        if stream not in self.starts:
            self._load_starts()
            if stream not in self.starts:
                raise DamageError(f"nothing says what stream {stream} is")
        return self.starts[stream]

    def _load_starts(self) -> None:
        if self.header is not None:
            with self._reading() as db:
                self.starts = read_starts(db, self.header)

    def _rows(self, place: int, limit: int, *, body: bool) -> list[tuple[int, int, int, bytes, bytes]]:
        column = "body" if body else "NULL"
        query = f"SELECT place, stream, sequence, {column}, chain FROM records WHERE place > ? ORDER BY place LIMIT ?"  # noqa: S608
        with self._reading() as db:
            rows: list[tuple[int, int, int, bytes, bytes]] = db.execute(query, (place, limit)).fetchall()
        return rows

    @contextlib.contextmanager
    def _reading(self):  # type: ignore[no-untyped-def]
        try:
            if self._db is None:
                self._db = open_to_read(self.path, is_closed=self.is_closed)
            yield self._db
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise SpoolError(f"cannot read `{self.path}` now: {error}; look at its disk") from error
            raise DamageError(str(error)) from error
        except (TypeError, AttributeError) as error:
            raise DamageError(str(error)) from error


# What SQLite says of a file whose bytes are wrong or cannot be read, by primary or extended code; all else is about
# the moment, such as a disk that has no room for the index that it shares between processes.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGED or code in _UNREADABLE


def _name(key: StreamKey) -> str:
    return f"`{key.boot}/{key.retention}/{key.day}`"
