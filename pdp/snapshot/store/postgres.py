"""Records in PostgreSQL 12 or later: for a cluster.

Only what compatible databases have too: no LISTEN, no extensions. Records go by COPY into the partition of their
(retention, day), in one transaction with the watermarks of their streams.
"""

# ruff: noqa: D102, S608 - `base` tells what methods do; only our own names stand in the texts of SQL

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from pdp.errors import StoreError, WatermarkError
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.columns_cached import ColumnCache
from pdp.snapshot.store import intake
from pdp.snapshot.store.base import Hold, StreamState
from pdp.snapshot.store.postgres_connection import (
    STATE,
    Connection,
    PostgresConnection,
    held_states,
    records_table,
    to_state,
)
from pdp.snapshot.store.postgres_copy import COPY_COLUMNS, CopyRows
from pdp.snapshot.store.postgres_questions import PostgresQuestions
from pdp.snapshot.store.postgres_schema import LOCK, RIGHTS, VERSIONS

WRITE_SECONDS: Final = 60.0
"""How long one statement of a shipper or of retention may take."""
LOCK_SECONDS: Final = 10.0
"""How long to wait for another's lock."""

_SETTINGS: Final = {"lock_timeout": str(round(LOCK_SECONDS * 1000)), "synchronous_commit": "on"}


class PostgresWriter:
    """See `base.Writer`."""

    takes_together: Final = True

    def __init__(self, url: str) -> None:
        self._held = PostgresConnection(url, "shipper", WRITE_SECONDS, _SETTINGS)
        self._lock = threading.RLock()
        self._parts: set[tuple[str, int]] = set()
        self._columns = ColumnCache()

    def close(self) -> None:
        with self._lock:
            self._held.close()

    def states(self, node: str) -> Mapping[StreamKey, StreamState]:
        text = f"SELECT {STATE} FROM jingxi.streams WHERE node = %s AND checkpoint IS NULL AND dropped_at IS NULL"
        with self._lock, self._held.use() as connection:
            states = [to_state(row) for row in connection.execute(text, (node,), binary=True)]
        return {state.key: state for state in states}

    def state(self, key: StreamKey) -> StreamState | None:
        with self._lock, self._held.use() as connection:
            found = held_states(connection, [key], lock=False).get(key)
        return found[1] if found else None

    def take(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        batches = intake.batches(records, states)
        if not batches:
            return
        with self._lock:
            try:
                self._create_parts({batch.state.key[2:] for batch in batches if batch.records})
                with self._held.transaction() as connection:
                    self._add(connection, batches)
            except StoreError:
                # A partition may have been dropped meanwhile.
                self._parts.clear()
                raise

    def _create_parts(self, parts: set[tuple[str, int]]) -> None:
        """Create what is not there, in a transaction of its own: others need not wait for the records."""
        for part in sorted(parts - self._parts):
            with self._held.use() as connection:
                connection.execute("SELECT jingxi.ensure_part(%s, %s)", part)
            self._parts.add(part)

    def _add(self, connection: Connection, batches: list[intake.Batch]) -> None:
        keys = [batch.state.key for batch in batches]
        held = held_states(connection, keys, lock=True)
        # A stream that two begin at once: the second waits here for the first and then finds its watermark.
        for batch in batches:
            if batch.state.key not in held:
                connection.execute(
                    "INSERT INTO jingxi.streams (node, boot, retention, day, count, chain, peaks, closed) "
                    "VALUES (%s, %s, %s, %s, 0, '', '', false) ON CONFLICT DO NOTHING",
                    batch.state.key,
                )
        if len(held) < len(keys):
            held = held_states(connection, keys, lock=True)
        by_part: dict[tuple[str, int], list[tuple[int, intake.Batch]]] = defaultdict(list)
        for batch in batches:
            number, state = held[batch.state.key]
            intake.check_watermark(batch, state)
            if batch.records:
                by_part[batch.state.key[2:]].append((number, batch))
        bounds: dict[tuple[str, int], tuple[int, int, int]] = {}
        for part, added in by_part.items():
            rows = CopyRows(part, added, self._columns)
            copy = f"COPY {records_table(*part)} ({COPY_COLUMNS}) FROM STDIN (FORMAT BINARY)"
            with connection.cursor() as cursor, cursor.copy(copy) as stream:
                for piece in rows:
                    stream.write(piece)
            bounds[part] = (rows.count, rows.low, rows.high)
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE jingxi.streams SET count = %s, chain = %s, peaks = %s, closed = %s WHERE number = %s",
                [
                    (state.count, state.chain, intake.pack_peaks(state.tree), state.closed, held[state.key][0])
                    for state in (batch.state for batch in batches)
                ],
            )
            # Last, since every node's records of the day meet in this row.
            for part in sorted(bounds):
                cursor.execute(
                    "UPDATE jingxi.parts SET records = records + %s, low = least(low, %s), high = greatest(high, %s) "
                    "WHERE retention = %s AND day = %s",
                    (*bounds[part], *part),
                )

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        closing = intake.closing(signed, node, number)
        at = intake.checkpoint(signed).time_nanos
        with self._lock, self._held.transaction() as connection:
            text = "INSERT INTO jingxi.checkpoints VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
            if not connection.execute(text, (node, number, at, signed)).rowcount:
                raise WatermarkError(f"there is a checkpoint {number} of node `{node}` already")
            for key, count in closing:
                connection.execute(
                    "UPDATE jingxi.streams SET checkpoint = %s WHERE node = %s AND boot = %s AND retention = %s "
                    "AND day = %s AND closed AND count = %s AND checkpoint IS NULL",
                    (number, *key, count),
                )

    def last_checkpoint(self, node: str) -> bytes | None:
        text = "SELECT signed FROM jingxi.checkpoints WHERE node = %s ORDER BY number DESC LIMIT 1"
        with self._lock, self._held.use() as connection:
            row = connection.execute(text, (node,), binary=True).fetchone()
        return row[0] if row else None

    def add_bundle(self, hash: str, revision: int, signed: bytes) -> None:  # noqa: A002 - the field's name
        text = "INSERT INTO jingxi.bundles VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        with self._lock, self._held.use() as connection:
            connection.execute(text, (hash, revision, signed))


class PostgresMaintainer:
    """See `base.Maintainer`."""

    def __init__(self, url: str) -> None:
        self._held = PostgresConnection(url, "retention", WRITE_SECONDS, _SETTINGS)
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._held.close()

    def parts(self) -> list[tuple[str, int]]:
        with self._lock, self._held.use() as connection:
            text = "SELECT retention, day FROM jingxi.parts WHERE records > 0 ORDER BY retention, day"
            return connection.execute(text).fetchall()

    def drop(self, retention: str, day: int, *, by: str = "system", at_nanos: int | None = None) -> int:
        part = (retention, day)
        at = time.time_ns() if at_nanos is None else at_nanos
        with self._lock, self._held.transaction() as connection:
            # Nobody adds or creates meanwhile.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            there = connection.execute("SELECT FROM jingxi.parts WHERE retention = %s AND day = %s", part)
            if not there.rowcount:
                raise StoreError(f"there is no partition `{retention}` of day {day}")
            holds = connection.execute("SELECT id, first_day, last_day FROM jingxi.holds").fetchall()
            found = connection.execute(
                f"SELECT {STATE}, checkpoint FROM jingxi.streams WHERE retention = %s AND day = %s "
                "AND dropped_at IS NULL AND count > 0 ORDER BY node, boot",
                part,
                binary=True,
            )
            streams = [(to_state(row[:-1]), row[-1]) for row in found]

            def signed(node: str, number: int) -> bytes | None:
                text = "SELECT signed FROM jingxi.checkpoints WHERE node = %s AND number = %s"
                row = connection.execute(text, (node, number), binary=True).fetchone()
                return row[0] if row else None

            intake.check_drop({hold: (first, last) for hold, first, last in holds}, day, streams, signed)
            row = connection.execute("SELECT jingxi.drop_part(%s, %s, %s, %s)", (*part, by, at)).fetchone()
        return int(row[0]) if row else 0

    def dropped(self) -> list[StreamState]:
        text = f"SELECT {STATE} FROM jingxi.streams WHERE dropped_at IS NOT NULL ORDER BY node, boot, retention, day"
        with self._lock, self._held.use() as connection:
            return [to_state(row) for row in connection.execute(text, binary=True)]

    def holds(self) -> list[Hold]:
        with self._lock, self._held.use() as connection:
            text = "SELECT id, first_day, last_day, reason, by, at_nanos FROM jingxi.holds ORDER BY id"
            return [Hold(*row) for row in connection.execute(text)]

    def add_hold(self, hold: Hold) -> None:
        row = (hold.id, hold.first_day, hold.last_day, hold.reason, hold.by, hold.at_nanos)
        text = "INSERT INTO jingxi.holds VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        with self._lock, self._held.use() as connection:
            if not connection.execute(text, row).rowcount:
                raise StoreError(f"there is a hold `{hold.id}` already; choose another id")

    def remove_hold(self, hold_id: str) -> None:
        with self._lock, self._held.use() as connection:
            if not connection.execute("DELETE FROM jingxi.holds WHERE id = %s", (hold_id,)).rowcount:
                raise StoreError(f"there is no hold `{hold_id}`")


def open_writer(url: str) -> PostgresWriter:
    """Open the store for a shipper. Raises ConfigError."""
    return PostgresWriter(url)


def open_reader(url: str) -> PostgresQuestions:
    """Open the store for queries. Raises ConfigError."""
    return PostgresQuestions(url)


def open_maintainer(url: str) -> PostgresMaintainer:
    """Open the store for retention. Raises ConfigError."""
    return PostgresMaintainer(url)


def install(url: str, *, writer: str, auditor: str, maintainer: str) -> None:
    """Create the schema and the roles, or bring them up to date. Raises ConfigError and StoreError."""
    held = PostgresConnection(url, "install", WRITE_SECONDS, _SETTINGS)
    try:
        with held.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            _check_encoding(connection)
            _create_roles(connection, (writer, auditor, maintainer))
            _migrate(connection)
            names: dict[str, Any] = {"writer": writer, "auditor": auditor, "maintainer": maintainer}
            texts = {f"{key}_text": Literal(value) for key, value in names.items()}
            rights = SQL(RIGHTS).format(**{key: Identifier(value) for key, value in names.items()}, **texts)
            connection.execute(rights)
            for part in connection.execute("SELECT retention, day FROM jingxi.parts").fetchall():
                connection.execute(
                    SQL(
                        "GRANT INSERT ON {table} TO {writer}; GRANT SELECT ON {table} TO {auditor}, {maintainer}"
                    ).format(
                        table=SQL(records_table(*part)), **{key: Identifier(value) for key, value in names.items()}
                    )
                )
    finally:
        held.close()


def _check_encoding(connection: Connection) -> None:
    row = connection.execute("SHOW server_encoding").fetchone()
    if row is None or row[0] != "UTF8":
        raise StoreError("the store's database does not keep text as UTF-8; create it with ENCODING 'UTF8'")


def _create_roles(connection: Connection, roles: Sequence[str]) -> None:
    for role in roles:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
            continue
        try:
            with connection.transaction():
                connection.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            continue  # created for another database of the server at this moment


def _migrate(connection: Connection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS jingxi")
    connection.execute("CREATE TABLE IF NOT EXISTS jingxi.version (version integer NOT NULL)")
    row = connection.execute("SELECT version FROM jingxi.version").fetchone()
    version = row[0] if row else 0
    if version > len(VERSIONS):
        raise StoreError(f"the store has version {version} and this program knows {len(VERSIONS)}; update the program")
    for script in VERSIONS[version:]:
        connection.execute(script)
    if row is None:
        connection.execute("INSERT INTO jingxi.version VALUES (%s)", (len(VERSIONS),))
    else:
        connection.execute("UPDATE jingxi.version SET version = %s", (len(VERSIONS),))
