"""A connection to the SQLite store, and what its readers and writers share."""

# ruff: noqa: S608 - only our own names stand in the texts of SQL

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlite_utils import Database

from pdp.errors import StoreError
from pdp.locks import lock_alone
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.store import intake
from pdp.snapshot.store.base import StreamState
from pdp.snapshot.store.sqlite_schema import MIGRATIONS

T = TypeVar("T")

BUSY_MS: Final = 10_000
"""How long to wait for another process's transaction."""
STATE: Final = "node, boot, retention, day, count, chain, peaks, closed, dropped_at"


class SqliteStore:
    """A connection that is opened when it is first needed and again after an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._opened: Database | None = None

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._opened is not None:
                self._opened.conn.close()
                self._opened = None

    def _run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return act(self._database().conn)
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise StoreError(f"the store `{self._path}` fails: {error}") from error

    def _database(self) -> Database:
        if self._opened is None:
            self._opened = _open(self._path)
            self._begin(self._opened.conn)
        return self._opened

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make a new connection ready."""

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a transaction that nobody else's can come between."""
        with self._lock:
            try:
                connection = self._database().conn
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise StoreError(f"the store `{self._path}` fails: {error}") from error


def _open(path: Path) -> Database:
    """Connect, one at a time: making the file, the switch to WAL and new schemas do not wait by themselves.

    INVARIANT: a file that is there is opened by SQLite alone. Closing any other descriptor of it drops the locks of all
    connections of this process (fcntl); then another process takes itself for the last one and deletes the log.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lock_alone(descriptor, BUSY_MS / 1000)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        return _connect(path)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> Database:
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        # Debian's SQLite writes zeros over whatever is dropped, which makes the end of a partition slow.
        connection.execute("PRAGMA secure_delete = OFF")
        # What somebody has tampered with must still be readable, or nobody could name it.
        connection.text_factory = lambda data: data.decode(errors="replace")
        # Where SQLite is new enough, a column takes no value of another type.
        database = Database(connection, strict=True)
        _prepare(database)
    except BaseException:
        connection.close()
        raise
    return database


def _prepare(database: Database) -> None:
    """Bring the schema up to date."""
    if one(database.conn.execute("PRAGMA journal_mode")) != "wal":
        database.conn.execute("PRAGMA page_size = 8192")
        database.conn.execute("PRAGMA journal_mode = WAL")
    if MIGRATIONS.pending(database):
        MIGRATIONS.apply(database)


def parts(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return every partition, sorted."""
    return connection.execute("SELECT retention, day FROM parts ORDER BY retention, day").fetchall()


def held_state(connection: sqlite3.Connection, key: StreamKey) -> tuple[int | None, StreamState | None]:
    """Return a stream's number and state, if it is there."""
    row = connection.execute(
        f"SELECT number, {STATE} FROM streams WHERE node = ? AND boot = ? AND retention = ? AND day = ?", key
    ).fetchone()
    return (row[0], to_state(row[1:])) if row else (None, None)


def one(cursor: sqlite3.Cursor) -> Any:
    """Return the first value of the first row, if there is one."""
    row = cursor.fetchone()
    return None if row is None else row[0]


def to_state(row: tuple[Any, ...]) -> StreamState:
    """Return a row of STATE as a state."""
    *key, count, chain, peaks, closed, dropped_at = row
    return StreamState(
        StreamKey(*key), count, chain, intake.unpack_tree(count, peaks), bool(closed), dropped_at is not None
    )
