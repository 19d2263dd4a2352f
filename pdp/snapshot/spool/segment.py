"""One file of a spool: an SQLite database in WAL mode that is written once, from its first record to its last.

Rows are in the order in which they were written, without any index: this is the cheapest insert there is, and the
reader goes through them from one end to the other. A file names, for every stream that its writer knows, the sequence
from which it takes the stream on and the chain value before; see `Spool` for why.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pdp.snapshot.chain import StreamKey
from pdp.snapshot.spool.files import make_file, remove_segment, sync_file, sync_folder

PAGE_BYTES = 4096
CHECKPOINT_PAGES = 256
"""A checkpoint copies about 1 MiB: that bounds how long it can hold up an append."""

BUSY_SECONDS = 2.0
_APPLICATION = 0x4A585350
_FORMAT = 1
_SCHEMA = (
    """CREATE TABLE segment(node TEXT NOT NULL, boot TEXT NOT NULL, algorithm TEXT NOT NULL, number INTEGER NOT NULL,
    created INTEGER NOT NULL, mended INTEGER NOT NULL)""",
    """CREATE TABLE streams(id INTEGER PRIMARY KEY, retention TEXT NOT NULL, day INTEGER NOT NULL,
    first INTEGER NOT NULL, chain BLOB NOT NULL, seal BLOB NOT NULL)""",
    """CREATE TABLE records(place INTEGER PRIMARY KEY, stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
    body BLOB NOT NULL, chain BLOB NOT NULL)""",
)
_INSERT = "INSERT INTO records(stream, sequence, body, chain) VALUES "
# INVARIANT: one statement for many rows. Each statement lets other threads run and may wait a whole switch interval
# for its next turn: 64 statements beside a busy thread took 46 ms, one takes 1 ms.
_ROWS = 64
_INSERTS = tuple(_INSERT + ", ".join(["(?, ?, ?, ?)"] * count) for count in range(_ROWS + 1))

Row = tuple[int, int, bytes, bytes]
"""stream id, sequence, body, chain value"""


class Header(NamedTuple):
    """What a file says of itself; `mended` files are what was left of a damaged one."""

    node: str
    boot: str
    algorithm: str
    number: int
    created: int
    mended: bool = False


class Start(NamedTuple):
    """Where a file takes a stream on: the sequence of the first record that it may hold, and the chain value before."""

    id: int
    key: StreamKey
    first: int
    chain: bytes


class SegmentWriter:
    """The file that is being written. After any error it must not be written again.

    Raises sqlite3.Error and OSError from every method but `close`.
    """

    def __init__(self, path: Path, header: Header, starts: Iterable[Start]) -> None:
        self.path = path
        self.bytes = 0
        self._pending = 0
        self._told = 0
        self._declared: set[int] = set()
        try:
            self._create(header, starts)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._open()
            except BaseException:
                self.close()
                raise
        except BaseException:
            with contextlib.suppress(OSError):
                # Without records, it would only be in the way.
                remove_segment(path)
            raise

    def _create(self, header: Header, starts: Iterable[Start]) -> None:
        """Make the file with what it says of itself, under another name until that is on the disk.

        So a power cut leaves a whole file or none, and needs no journal.
        """
        spare = self.path.with_name(f".{self.path.name}.new")
        spare.unlink(missing_ok=True)
        make_file(spare)
        try:
            with contextlib.closing(sqlite3.connect(spare, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                for pragma in (
                    "journal_mode = OFF",
                    "synchronous = OFF",
                    f"page_size = {PAGE_BYTES}",
                    f"application_id = {_APPLICATION}",
                    f"user_version = {_FORMAT}",
                ):
                    db.execute(f"PRAGMA {pragma}")
                for statement in _SCHEMA:
                    db.execute(statement)
                db.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)", header)
                self._declare(db, starts)
                db.execute("PRAGMA journal_mode = WAL")
            sync_file(spare)
            spare.rename(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                spare.unlink(missing_ok=True)
            raise

    def _open(self) -> None:
        for pragma in (
            "synchronous = FULL",
            "wal_autocheckpoint = 0",
            f"journal_size_limit = {4 * CHECKPOINT_PAGES * PAGE_BYTES}",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        # This makes the log, so that its name is made durable together with the file's.
        mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"the file system has no place for a write-ahead log, only for `{mode}`")
        self._db.execute("SELECT count(*) FROM segment").fetchone()
        sync_folder(self.path.parent)

    def write(self, rows: Sequence[Row], starts: Iterable[Start]) -> None:
        """Add rows in one transaction that is on the disk when this returns; `starts` are those of their streams."""
        execute = self._db.execute
        new = [start for start in starts if start.id not in self._declared]
        if new or len(rows) > _ROWS:
            execute("BEGIN IMMEDIATE")
            if new:
                self._declare(self._db, new)
            for at in range(0, len(rows), _ROWS):
                part = rows[at : at + _ROWS]
                execute(_INSERTS[len(part)], list(itertools.chain.from_iterable(part)))
            execute("COMMIT")
        else:
            # A statement on its own is a transaction: this thread lets others run once, not three times.
            execute(_INSERTS[len(rows)], list(itertools.chain.from_iterable(rows)))
        added = sum([len(row[2]) for row in rows]) + 48 * len(rows)
        self.bytes += added
        # A transaction writes whole pages, and at least one of rows and one of the file's own.
        self._pending += added // PAGE_BYTES + 2

    def take_written(self) -> int:
        """Return how many bytes were written since the last call."""
        written, self._told = self.bytes - self._told, self.bytes
        return written

    @property
    def wants_checkpoint(self) -> bool:
        """Whether enough has been written for a checkpoint."""
        return self._pending >= CHECKPOINT_PAGES

    def checkpoint(self) -> None:
        """Copy what the log holds into the database, as far as no reader is in the way.

        Not SQLite's own automatic checkpoint, because that hides its errors.
        """
        self._pending = 0
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def abandon(self) -> None:
        """End the transaction that failed, without writing."""
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file, which checkpoints it when nobody else has it open."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def _declare(self, db: sqlite3.Connection, starts: Iterable[Start]) -> None:
        rows = [
            (start.id, start.key.retention, start.key.day, start.first, start.chain, _seal(start)) for start in starts
        ]
        db.executemany("INSERT INTO streams VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._declared.update(row[0] for row in rows)


def open_to_read(path: Path, *, is_closed: bool = False) -> sqlite3.Connection:
    """Open a file without ever writing to it. Raises sqlite3.Error.

    A read-only connection also never checkpoints when it is closed. A file that `is_closed`, and whose log was wholly
    copied into it, needs no index that is shared between processes, so it can be read even on a disk without room.
    """
    try:
        unsaved = path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:  # its writer takes it away when it closes the file, perhaps right now
        unsaved = 0
    is_still = is_closed and not unsaved
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_still else ''}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def read_header(db: sqlite3.Connection) -> Header | None:
    """Return what a file says of itself; None for one whose creation was never finished. Raises sqlite3.Error."""
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return None
    row = db.execute("SELECT node, boot, algorithm, number, created, mended FROM segment").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("the file does not say what it is")
    return Header(row[0], row[1], row[2], row[3], row[4], bool(row[5]))


def read_starts(db: sqlite3.Connection, header: Header, *, strict: bool = True) -> dict[int, Start]:
    """Return where a file takes its streams on, by stream id. Raises sqlite3.Error.

    A row that is not as it was written is an error too, or is left out where not `strict`.
    """
    starts = {}
    for number, retention, day, first, chain, seal in db.execute(
        "SELECT id, retention, day, first, chain, seal FROM streams"
    ):
        start = Start(number, StreamKey(header.node, header.boot, retention, day), first, chain)
        if _seal(start) == seal:
            starts[number] = start
        elif strict:
            raise sqlite3.DatabaseError(f"the beginning of stream {number} is damaged")
    return starts


def _seal(start: Start) -> bytes:
    """Return what tells whether a row of `streams`, which no chain covers, is as it was written."""
    return hashlib.sha256(repr(start).encode()).digest()
