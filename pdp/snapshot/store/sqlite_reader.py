"""Questions to the SQLite store: partition by partition, in the order of their times."""

# ruff: noqa: D102, S608 - `base` tells what methods do; only our own names stand in the texts of SQL

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pdp.errors import StoreError
from pdp.snapshot import columns
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.store.base import Link, Place, Sql, StoredRecord, StreamState
from pdp.snapshot.store.merge import SEQUENCE_BITS, SEQUENCE_MASK, Page, Part, gaps, merged
from pdp.snapshot.store.pool import Pool
from pdp.snapshot.store.sqlite_connection import STATE, SqliteStore, held_state, one, parts, to_state
from pdp.snapshot.store.sqlite_schema import records_table

T = TypeVar("T")

READ_SECONDS: Final = 30.0
"""How long one question may take."""
CONNECTIONS: Final = 4
"""How many questions are answered at the same time."""
COUNT_AT_MOST: Final = 10_000
COUNT_STEPS: Final = 1_000_000
"""How far an estimate counts, in records found and in steps of SQLite's machine (some tens of nanoseconds each)."""
_CHUNK = 1_000
_LINKS = 2_000  # what the processor's cache holds
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_STEPS = 10_000

_COLUMNS = ", ".join(f"r.{name}" for name in columns.NAMES)
_OWN = f"r.position & {SEQUENCE_MASK}, r.body, r.chain, {_COLUMNS}"
_BARE_ROW = f"s.node, s.boot, s.retention, s.day, r.position & {SEQUENCE_MASK}, r.body, r.chain, r.time"
_ROW = f"s.node, s.boot, s.retention, s.day, r.position & {SEQUENCE_MASK}, r.body, r.chain, {_COLUMNS}"


class _Watched(SqliteStore):
    """A connection that can only read and gives up when a question takes too long."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._deadline = 0.0
        self._left = 0.0

    def ask(self, act: Callable[[sqlite3.Connection], T], seconds: float, steps: float = float("inf")) -> T:
        """Return what `act` returns for one state of the store. Raises StoreError, also when it takes too long."""
        self._deadline, self._left = time.monotonic() + seconds, steps

        def at_once(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN")
            try:
                return act(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

        try:
            return self._run(at_once)
        except StoreError as error:
            if self._left < 0:
                raise _TooFarError from error
            if time.monotonic() > self._deadline:
                raise StoreError(f"the question takes longer than {seconds:g} s; narrow it, such as by time") from error
            raise

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")
        connection.set_progress_handler(self._is_late, _STEPS)

    def _is_late(self) -> bool:
        self._left -= _STEPS
        return self._left < 0 or time.monotonic() > self._deadline


class _TooFarError(StoreError):
    pass


class SqliteReader:
    """See `base.Reader`."""

    def __init__(self, path: Path, seconds: float = READ_SECONDS) -> None:
        self._seconds = seconds
        self._pool = Pool(lambda: _Watched(path), CONNECTIONS)

    def close(self) -> None:
        self._pool.close()

    def _ask(self, act: Callable[[sqlite3.Connection], T], steps: float = float("inf")) -> T:
        with self._pool.use() as watched:
            return watched.ask(act, self._seconds, steps)

    def select(
        self, where: Sql | None, *, after: Place | None, oldest_first: bool, limit: int, bare: bool = False
    ) -> list[StoredRecord]:
        page = Page(where, after, oldest_first, limit, lambda name: f":{name}")
        row, read = (_BARE_ROW, _bare) if bare else (_ROW, _record)

        def look(connection: sqlite3.Connection) -> list[StoredRecord]:
            def ask(due: Sequence[Part]) -> list[StoredRecord]:
                sql = page.statement(due[0], f"{records_table(*due[0][:2])} AS r", "streams", row)
                return list(map(read, connection.execute(sql, page.parameters)))

            rows = connection.execute("SELECT retention, day, low, high FROM parts").fetchall()
            return merged(page, [Part(*row) for row in rows], ask)

        return self._ask(look)

    def count(self, where: Sql | None, *, exact: bool) -> tuple[int, bool]:
        if where is None and not exact:
            sql = "SELECT coalesce(sum(records), 0) FROM parts"
            return self._ask(lambda connection: one(connection.execute(sql))), True
        if exact:
            return self._ask(lambda connection: self._count(connection, where)), True
        try:
            total = self._ask(lambda connection: self._count(connection, where, COUNT_AT_MOST + 1), COUNT_STEPS)
        except _TooFarError:
            return -1, False
        return (-1, False) if total > COUNT_AT_MOST else (total, True)

    @staticmethod
    def _count(connection: sqlite3.Connection, where: Sql | None, at_most: int = -1) -> int:
        total = 0
        condition, parameters = (where.text, dict(where.parameters)) if where else ("1", {})
        for part in parts(connection):
            parameters["at_most"] = -1 if at_most < 0 else at_most - total
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {records_table(*part)} WHERE {condition} LIMIT :at_most)"
            total += one(connection.execute(sql, parameters))
            if total == at_most:
                break
        return total

    def find(self, record_id: str) -> StoredRecord | None:
        def look(connection: sqlite3.Connection) -> StoredRecord | None:
            for part in reversed(parts(connection)):
                sql = (
                    f"SELECT {_ROW} FROM {records_table(*part)} AS r CROSS JOIN streams AS s "
                    f"WHERE r.id = ? AND s.number = r.position >> {SEQUENCE_BITS} ORDER BY r.position LIMIT 1"
                )
                row = connection.execute(sql, (record_id,)).fetchone()
                if row is not None:
                    return _record(row)
            return None

        return self._ask(look)

    def streams(self) -> list[StreamState]:
        sql = f"SELECT {STATE} FROM streams ORDER BY node, boot, retention, day"
        return self._ask(lambda connection: [to_state(row) for row in connection.execute(sql)])

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        if bare:
            for page in self._link_pages(key, start):
                yield from (StoredRecord(key, *link, _NOTHING) for link in page)
            return
        while rows := self._ask(lambda connection, start=start: self._chunk(connection, key, start)):  # type: ignore[misc]
            yield from rows
            start = rows[-1].sequence + 1

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        return self._link_pages(key, 0)

    def _link_pages(self, key: StreamKey, start: int) -> Iterator[list[Link]]:
        while page := self._ask(lambda connection, start=start: self._links(connection, key, start)):  # type: ignore[misc]
            yield page
            start = page[-1][0] + 1

    @staticmethod
    def _links(connection: sqlite3.Connection, key: StreamKey, start: int) -> list[Link]:
        number, _ = held_state(connection, key)
        if number is None or key[2:] not in parts(connection):
            return []
        first = number << SEQUENCE_BITS
        # What is no blob, as only somebody's hand puts there, comes as one that fits nothing.
        sql = (
            f"SELECT position - ?, CAST(ifnull(body, '') AS BLOB), CAST(ifnull(chain, '') AS BLOB) "
            f"FROM {records_table(*key[2:])} WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?"
        )
        return connection.execute(sql, (first, first | start, first | SEQUENCE_MASK, _LINKS)).fetchall()

    @staticmethod
    def _chunk(connection: sqlite3.Connection, key: StreamKey, start: int) -> list[StoredRecord]:
        number, _ = held_state(connection, key)
        if number is None or key[2:] not in parts(connection):
            return []
        first = number << SEQUENCE_BITS
        sql = (
            f"SELECT {_OWN} FROM {records_table(*key[2:])} AS r "
            "WHERE r.position BETWEEN ? AND ? ORDER BY r.position LIMIT ?"
        )
        rows = connection.execute(sql, (first | start, first | SEQUENCE_MASK, _CHUNK))
        return [
            StoredRecord(key, sequence, _bytes(body), _bytes(chain), dict(zip(columns.NAMES, drawn, strict=True)))
            for sequence, body, chain, *drawn in rows
        ]

    def strays(self) -> int:
        def look(connection: sqlite3.Connection) -> int:
            total = 0
            for part in parts(connection):
                known = connection.execute("SELECT number FROM streams WHERE retention = ? AND day = ?", part)
                sql = f"SELECT count(*) FROM {records_table(*part)} WHERE position BETWEEN ? AND ?"
                total += sum(one(connection.execute(sql, gap)) for gap in gaps(number for (number,) in known))
            return total

        return self._ask(look)

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        sql = (
            "SELECT node, number, signed FROM checkpoints WHERE (node, number) > (?, ?) AND (? IS NULL OR node = ?) "
            "AND time >= ? ORDER BY node, number LIMIT ?"
        )
        if node is not None:
            sql = sql.replace("(? IS NULL OR node = ?)", "node = ? AND number > ?")
        last: tuple[str, int] = ("" if node is None else node, -1)
        while True:
            values = (*last, node, node if node is None else last[1], since, _CHUNK)
            page = self._ask(lambda connection: connection.execute(sql, values).fetchall())  # noqa: B023 - run at once
            yield from page
            if len(page) < _CHUNK:
                return
            last = page[-1][:2]

    def bundle(self, hash: str) -> bytes | None:  # noqa: A002 - the field's name
        sql = "SELECT signed FROM bundles WHERE hash = ?"
        return self._ask(lambda connection: one(connection.execute(sql, (hash,))))  # type: ignore[no-any-return]


def _record(row: tuple[Any, ...]) -> StoredRecord:
    node, boot, retention, day, sequence, body, chain, *drawn = row
    key = StreamKey(node, boot, retention, day)
    return StoredRecord(key, sequence, _bytes(body), _bytes(chain), dict(zip(columns.NAMES, drawn, strict=True)))


def _bare(row: tuple[Any, ...]) -> StoredRecord:
    node, boot, retention, day, sequence, body, chain, at = row
    return StoredRecord(StreamKey(node, boot, retention, day), sequence, _bytes(body), _bytes(chain), {"time": at})


def _bytes(data: Any) -> bytes:
    # An older SQLite lets somebody put text where bytes belong.
    return data if isinstance(data, bytes) else str(data).encode()
