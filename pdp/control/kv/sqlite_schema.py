"""Tables of the embedded key-value store, and how a connection to it is made.

`history` holds every change: its id is the revision and, in the low bits, the position within the revision. `keys`
says which change of a key is the newest, for keys that are there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlite_utils import Database, Migrations

from pdp.locks import lock_alone

POSITION_BITS: Final = 24
"""Bits of an id for the position: the keys of a lease that ends go in one revision, however many there are."""
MIGRATIONS: Final = Migrations("control")


@MIGRATIONS()
def first(db: Database) -> None:
    """Create everything; an empty store is at revision 1, as etcd's is."""
    db.table("state").create(
        {"id": int, "revision": int, "compacted": int}, pk="id", not_null={"revision", "compacted"}
    ).insert({"id": 1, "revision": 1, "compacted": 0})
    # The value last: whoever looks for keys need not read through it.
    db.table("history").create(
        {"id": int, "key": str, "version": int, "created": int, "lease": int, "value": bytes},
        pk="id",
        not_null={"key", "version", "created", "lease"},
    ).create_index(["key", "id"], unique=True)
    db.table("keys").create({"key": str, "id": int, "lease": int}, pk="key", not_null={"id", "lease"}).create_index(
        ["lease"]
    )
    db.table("leases").create(
        {"id": int, "seconds": int, "deadline": int, "boot": str}, pk="id", not_null={"seconds", "deadline", "boot"}
    ).create_index(["deadline"])


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Open the store, and make it if it is not there. Raises sqlite3.Error and OSError.

    WAL with synchronous=FULL: what a transaction has returned from survives a power failure.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(path, busy_seconds):
        # INVARIANT: nobody opens and closes the file beside SQLite once a connection may stand. To close any descriptor
        # of it gives up all of the process's locks; then another process takes itself for the last one, ends the WAL,
        # and what is committed into it afterwards is lost.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            database = Database(connection)
            if MIGRATIONS.pending(database):
                MIGRATIONS.apply(database)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def _alone(path: Path, busy_seconds: float) -> Iterator[None]:
    """Let one thread of one process through at a time: the switch to WAL does not wait for others by itself.

    Raises OSError where another one does not come out for so long.
    """
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        lock_alone(lock, busy_seconds)
        yield
    finally:
        os.close(lock)
