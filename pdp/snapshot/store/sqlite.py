"""Records in one SQLite file: for one machine.

WAL with synchronous=FULL: what `take` has returned from survives a power failure. Every connection is behind a lock, so
one object may serve several threads; the locks between processes are SQLite's.
"""

# ruff: noqa: D102, S608 - `base` tells what methods do; only our own names stand in the texts of SQL

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pdp.errors import StoreError, WatermarkError
from pdp.snapshot import columns
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.columns_cached import ColumnCache, Row
from pdp.snapshot.store import intake, sqlite_path
from pdp.snapshot.store.base import Hold, StreamState
from pdp.snapshot.store.merge import SEQUENCE_BITS
from pdp.snapshot.store.sqlite_connection import STATE, SqliteStore, held_state, one, parts, to_state
from pdp.snapshot.store.sqlite_questions import SqliteQuestions
from pdp.snapshot.store.sqlite_schema import create_part, records_table

# Bytes of the database and of its log, with all indexes, for each byte of records; and what is left to others.
_GROWTH = 6
_ROOM = 8 * 1024 * 1024
_MARKS = ", ".join("?" * (len(columns.NAMES) + 3))


class SqliteWriter(SqliteStore):
    """See `base.Writer`."""

    takes_together: Final = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._columns = ColumnCache()

    def states(self, node: str) -> Mapping[StreamKey, StreamState]:
        sql = f"SELECT {STATE} FROM streams WHERE node = ? AND checkpoint IS NULL AND dropped_at IS NULL"
        states = map(to_state, self._run(lambda connection: connection.execute(sql, (node,)).fetchall()))
        return {state.key: state for state in states}

    def state(self, key: StreamKey) -> StreamState | None:
        return self._run(lambda connection: held_state(connection, key)[1])

    def take(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        batches = intake.batches(records, states)
        self._check_room(sum([len(record.body) for record in records]))
        drawn = [[self._columns.row(record.body) for record in batch.records] for batch in batches]
        with self._transaction() as connection:
            for batch, found in zip(batches, drawn, strict=True):
                self._add(connection, batch, found)

    def _check_room(self, size: int) -> None:
        """Leave the last of a disk to those who must not wait, such as the spool. Raises StoreError."""
        try:
            found = os.statvfs(self._path.parent)
        except OSError:
            return  # a folder that is not there yet, or a broken disk, of which writing will tell
        wanted = _GROWTH * size + _ROOM
        if (free := found.f_bavail * found.f_frsize) < wanted:
            raise StoreError(
                f"the disk of the store `{self._path}` has {free >> 20} MiB of room, and the next records are taken "
                f"from {-(-wanted >> 20)} MiB on; make room"
            )

    def _add(self, connection: sqlite3.Connection, batch: intake.Batch, drawn: list[Row]) -> None:
        state = batch.state
        number, held = held_state(connection, state.key)
        intake.check_watermark(batch, held)
        after = (state.count, state.chain, intake.pack_peaks(state.tree), state.closed)
        if held is None:
            number = connection.execute(
                "INSERT INTO streams (node, boot, retention, day, count, chain, peaks, closed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*state.key, *after),
            ).lastrowid
        else:
            sql = "UPDATE streams SET count = ?, chain = ?, peaks = ?, closed = ? WHERE number = ?"
            connection.execute(sql, (*after, number))
        if not batch.records or number is None:
            return
        table = self._part(connection, state.key, drawn)
        first = number << SEQUENCE_BITS
        connection.executemany(
            f"INSERT INTO {table} (position, body, chain, {', '.join(columns.NAMES)}) VALUES ({_MARKS})",
            (
                (first | record.sequence, record.body, record.chain, *found)
                for record, found in zip(batch.records, drawn, strict=True)
            ),
        )

    def _part(self, connection: sqlite3.Connection, key: StreamKey, drawn: list[Row]) -> str:
        times = [found[0] for found in drawn]
        bounds = (len(times), min(times), max(times))
        part = (key.retention, key.day)
        found = connection.execute(
            "UPDATE parts SET records = records + ?, low = min(low, ?), high = max(high, ?) "
            "WHERE retention = ? AND day = ?",
            (*bounds, *part),
        )
        if not found.rowcount:
            connection.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", (*part, *bounds))
            create_part(self._database(), *part)
        return records_table(*part)

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        closing = intake.closing(signed, node, number)
        at = intake.checkpoint(signed).time_nanos
        with self._transaction() as connection:
            row = (node, number, at, signed)
            if not connection.execute("INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?)", row).rowcount:
                raise WatermarkError(f"there is a checkpoint {number} of node `{node}` already")
            for key, count in closing:
                connection.execute(
                    "UPDATE streams SET checkpoint = ? WHERE node = ? AND boot = ? AND retention = ? AND day = ? "
                    "AND closed AND count = ?",
                    (number, *key, count),
                )

    def last_checkpoint(self, node: str) -> bytes | None:
        sql = "SELECT signed FROM checkpoints WHERE node = ? ORDER BY number DESC LIMIT 1"
        return self._run(lambda connection: one(connection.execute(sql, (node,))))  # type: ignore[no-any-return]

    def add_bundle(self, hash: str, revision: int, signed: bytes) -> None:  # noqa: A002 - the field's name
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO bundles VALUES (?, ?, ?)", (hash, revision, signed))


class SqliteMaintainer(SqliteStore):
    """See `base.Maintainer`."""

    def parts(self) -> list[tuple[str, int]]:
        return self._run(parts)

    def drop(self, retention: str, day: int, *, by: str = "system", at_nanos: int | None = None) -> int:
        part = (retention, day)
        with self._transaction() as connection:
            records = one(connection.execute("SELECT records FROM parts WHERE retention = ? AND day = ?", part))
            if records is None:
                raise StoreError(f"there is no partition `{retention}` of day {day}")
            held = connection.execute("SELECT id, first_day, last_day FROM holds").fetchall()
            rows = connection.execute(
                f"SELECT {STATE}, checkpoint FROM streams WHERE retention = ? AND day = ? AND dropped_at IS NULL "
                "AND count > 0 ORDER BY node, boot",
                part,
            )
            streams = [(to_state(row[:-1]), row[-1]) for row in rows]

            def signed(node: str, number: int) -> bytes | None:
                sql = "SELECT signed FROM checkpoints WHERE node = ? AND number = ?"
                return one(connection.execute(sql, (node, number)))  # type: ignore[no-any-return]

            intake.check_drop({hold: (first, last) for hold, first, last in held}, day, streams, signed)
            connection.execute(
                "UPDATE streams SET dropped_at = ?, dropped_by = ? "
                "WHERE retention = ? AND day = ? AND dropped_at IS NULL",
                (time.time_ns() if at_nanos is None else at_nanos, by, *part),
            )
            connection.execute("DELETE FROM parts WHERE retention = ? AND day = ?", part)
            connection.execute(f"DROP TABLE {records_table(*part)}")
        return int(records)

    def dropped(self) -> list[StreamState]:
        sql = f"SELECT {STATE} FROM streams WHERE dropped_at IS NOT NULL ORDER BY node, boot, retention, day"
        return self._run(lambda connection: [to_state(row) for row in connection.execute(sql)])

    def holds(self) -> list[Hold]:
        sql = "SELECT id, first_day, last_day, reason, by, at_nanos FROM holds ORDER BY id"
        return self._run(lambda connection: [Hold(*row) for row in connection.execute(sql)])

    def add_hold(self, hold: Hold) -> None:
        row = (hold.id, hold.first_day, hold.last_day, hold.reason, hold.by, hold.at_nanos)
        with self._transaction() as connection:
            if not connection.execute("INSERT OR IGNORE INTO holds VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
                raise StoreError(f"there is a hold `{hold.id}` already; choose another id")

    def remove_hold(self, hold_id: str) -> None:
        with self._transaction() as connection:
            if not connection.execute("DELETE FROM holds WHERE id = ?", (hold_id,)).rowcount:
                raise StoreError(f"there is no hold `{hold_id}`")


def open_writer(url: str) -> SqliteWriter:
    """Open the store for a shipper. Raises ConfigError."""
    return SqliteWriter(sqlite_path(url))


def open_reader(url: str) -> SqliteQuestions:
    """Open the store for queries. Raises ConfigError."""
    return SqliteQuestions(sqlite_path(url))


def open_maintainer(url: str) -> SqliteMaintainer:
    """Open the store for retention. Raises ConfigError."""
    return SqliteMaintainer(sqlite_path(url))


def install(url: str, **_roles: str) -> None:
    """Create the file and its tables; SQLite has no roles. Raises ConfigError and StoreError."""
    writer = open_writer(url)
    try:
        writer.states("")
    finally:
        writer.close()
