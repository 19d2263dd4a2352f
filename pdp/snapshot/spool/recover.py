"""What can still be read of a damaged file, and which of it is proven by the hash chain."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pdp.snapshot.chain import StreamKey, genesis, hasher, link
from pdp.snapshot.spool.leaves import read_leaves
from pdp.snapshot.spool.segment import PAGE_BYTES, Header, SegmentWriter, Start, open_to_read, read_starts
from pdp.snapshot.spool.wal import Log, log_of, read_log, replay, ways

_SMALLEST_ROW = 40
_NEAR = 1000
_SELECT = "SELECT place, stream, sequence, body, chain FROM records"


class Found(NamedTuple):
    """The rows of a file, by stream id and sequence: several where a damaged number makes them look so."""

    rows: dict[int, dict[int, list[tuple[bytes, bytes]]]]
    starts: dict[int, Start]
    total: int


class Proven(NamedTuple):
    """A record whose chain value fits."""

    sequence: int
    body: bytes
    chain: bytes


@dataclass(slots=True)
class Sorted:
    """A stream's records in a damaged file: those up to the first gap, and those after it.

    `anchor` is the place and chain value before the first kept one, when that is not where the file begins.
    """

    key: StreamKey
    kept: list[Proven] = field(default_factory=list)
    saved: list[Proven] = field(default_factory=list)
    anchor: tuple[int, bytes] | None = None
    first_bad: int | None = None
    missing: int = 0


def find_rows(path: Path, header: Header) -> Found:
    """Read all that SQLite can still find in a file, which stays as it is; `header` is what it says of itself."""
    found = Found({}, {}, 0)
    with contextlib.suppress(sqlite3.Error):
        found = _find(path, header)
    found = _find_hidden(path, header, found)
    if not found.starts:
        # Without its first page SQLite knows nothing of a file. That page is the same in all of them but for numbers.
        with tempfile.TemporaryDirectory(dir=path.parent) as name, contextlib.suppress(sqlite3.Error, OSError):
            found = _join(found, _find(_with_new_first_page(path, Path(name), header), header))
    return found


def sort_out(
    key: StreamKey,
    rows: Mapping[int, list[tuple[bytes, bytes]]],
    start: tuple[int, bytes] | None,
    *,
    expected: int,
    bound: int | None,
    reached: int = 0,
    algorithm: str,
) -> Sorted:
    """Divide a stream's rows into what goes on where the store stands (`expected`) and what comes after a gap.

    `start` is the sequence with which the file begins and the chain value before, where that is still known; `bound`
    is the sequence from which a later file takes the stream on. All below `reached` did exist.
    """
    new = hasher(algorithm)
    found = Sorted(key)
    values: dict[int, bytes] = {-1: genesis(key, algorithm)}
    first = start[0] if start is not None else min(rows, default=0)
    if start is not None:
        values[start[0] - 1] = start[1]
    end = _end(rows, first)
    if bound is not None:
        end = min(end, bound)
    begin = max(first, expected)
    for sequence in range(first, begin):
        # What the store has needs no proof; its stored chain values prove what follows.
        if sequence in rows and sequence < end:
            values[sequence] = rows[sequence][0][1]
    if expected > first and begin - 1 in values:
        found.anchor = (begin - 1, values[begin - 1])
    unbroken = first <= expected
    for sequence in range(begin, end):
        proven = _prove(sequence, rows, values, new)
        if proven is None:
            unbroken = False
            if sequence in rows:
                values[sequence] = rows[sequence][0][1]
        else:
            values[sequence] = proven.chain
        if not unbroken and found.first_bad is None:
            found.first_bad = sequence
        if proven is not None:
            (found.kept if unbroken else found.saved).append(proven)
    whole = max(begin, max(end, reached) if bound is None else bound)
    found.missing = whole - begin - len(found.kept) - len(found.saved)
    if found.missing and found.first_bad is None:
        found.first_bad = begin + len(found.kept)
    return found


def _end(rows: Mapping[int, object], first: int) -> int:
    """Return the sequence after the last; a number far from all others is itself damaged."""
    end = max((sequence for sequence in rows if sequence - 1 in rows or sequence + 1 in rows), default=first - 1) + 1
    return max((sequence + 1 for sequence in rows if sequence < end + _NEAR), default=end)


def _prove(
    sequence: int,
    rows: Mapping[int, list[tuple[bytes, bytes]]],
    values: Mapping[int, bytes],
    new: Callable[[bytes], Any],
) -> Proven | None:
    before = values.get(sequence - 1)
    if before is None:
        return None
    for body, chain in rows.get(sequence, ()):
        value = link(before, sequence, body, new)
        if value == chain:
            return Proven(sequence, body, chain)
        # The chain value itself may be what is damaged: then the next record proves the right one.
        for next_body, next_chain in rows.get(sequence + 1, ()):
            if link(value, sequence + 1, next_body, new) == next_chain:
                return Proven(sequence, body, value)
    return None


def _find(path: Path, header: Header) -> Found:
    with contextlib.closing(open_to_read(path)) as db:
        starts: dict[int, Start] = {}
        with contextlib.suppress(sqlite3.DatabaseError):
            starts = read_starts(db, header, strict=False)
        rows: dict[int, dict[int, list[tuple[bytes, bytes]]]] = {}
        count = 0
        place = 0
        last = sum(side.stat().st_size for side in path.parent.glob(path.name + "*")) // _SMALLEST_ROW
        while True:
            try:
                for row in db.execute(f"{_SELECT} WHERE place > ? ORDER BY place", (place,)):
                    place = max(place, row[0])  # a damaged tree may lead back
                    count += _keep(rows, row)
                return Found(rows, starts, count)
            except sqlite3.DatabaseError:
                row = _next(db, place, last)
                if row is None:
                    return Found(rows, starts, count)
                place = max(place, row[0])  # a damaged tree may lead back
                count += _keep(rows, row)


def _find_hidden(path: Path, header: Header, found: Found) -> Found:
    """Add what SQLite does not find in a file or in its log; the chain says which of all that is true."""
    log = Log(True, [], 0)
    with contextlib.suppress(OSError):
        found = _join(found, _read_leaves(path))
        log = read_log(path)
    if not path.exists() or not log_of(path).exists():
        return found
    for number, way in enumerate(ways(log)):
        with tempfile.TemporaryDirectory(dir=path.parent) as name, contextlib.suppress(sqlite3.Error, OSError):
            copy = Path(name) / f"{number}.db"
            replay(path, copy, log, way)
            found = _join(found, _find(copy, header))
            found = _join(found, _read_leaves(copy))
    return found


def _read_leaves(path: Path) -> Found:
    rows: dict[int, dict[int, list[tuple[bytes, bytes]]]] = {}
    return Found(rows, {}, sum(_keep(rows, row) for row in read_leaves(path)))


def _join(found: Found, other: Found) -> Found:
    total = found.total
    for stream, rows in other.rows.items():
        known = found.rows.setdefault(stream, {})
        for sequence, values in rows.items():
            new = [value for value in values if value not in known.get(sequence, ())]
            known.setdefault(sequence, []).extend(new)
            total += len(new)
    return Found(found.rows, {**other.starts, **found.starts}, total)


def _next(db: sqlite3.Connection, place: int, last: int) -> tuple[Any, ...] | None:
    """Return the next row that can be read by its own place."""
    while place < last:
        place += 1
        with contextlib.suppress(sqlite3.DatabaseError):
            row = db.execute(f"{_SELECT} WHERE place = ?", (place,)).fetchone()
            if row is not None:
                return tuple(row)
    return None


def _keep(rows: dict[int, dict[int, list[tuple[bytes, bytes]]]], row: tuple[Any, ...]) -> int:
    _, stream, sequence, body, chain = row
    kinds = (int, int, bytes, bytes)
    if not all(isinstance(value, kind) for value, kind in zip((stream, sequence, body, chain), kinds, strict=True)):
        return 0
    if sequence < 0:
        return 0
    rows.setdefault(stream, {}).setdefault(sequence, []).append((body, chain))
    return 1


def _with_new_first_page(path: Path, folder: Path, header: Header) -> Path:
    model = folder / "model.db"
    SegmentWriter(model, header, ()).close()
    copy = folder / path.name
    for side in ("", "-wal"):
        if path.with_name(path.name + side).exists():
            shutil.copyfile(path.with_name(path.name + side), copy.with_name(copy.name + side))
    page = bytearray(model.read_bytes()[:PAGE_BYTES])
    page[28:32] = (copy.stat().st_size // PAGE_BYTES).to_bytes(4, "big")
    with copy.open("r+b") as file:
        file.write(page)
    return copy
