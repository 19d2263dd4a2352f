"""Questions to the PostgreSQL store: partition by partition, in the order of their times."""

# ruff: noqa: D102, S608 - `base` tells what methods do; only our own names stand in the texts of SQL

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from pdp.snapshot import columns
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.store import where_postgres
from pdp.snapshot.store.base import Link, Place, Sql, StoredRecord, StreamState
from pdp.snapshot.store.merge import SEQUENCE_BITS, SEQUENCE_MASK, Page, Part, gaps, merged
from pdp.snapshot.store.pool import Pool
from pdp.snapshot.store.postgres_connection import (
    STATE,
    Connection,
    PostgresConnection,
    held_states,
    records_table,
    to_state,
)

READ_SECONDS: Final = 30.0
"""How long one question may take."""
CONNECTIONS: Final = 4
"""How many questions are answered at the same time."""
COUNT_AT_MOST: Final = 10_000
COUNT_MILLISECONDS: Final = 250
"""How far an estimate really counts before it takes the planner's word."""
_CHUNK = 1_000
_LINKS = 4_000
_PARTS_AT_ONCE = 32

_SETTINGS: Final = {
    "default_transaction_read_only": "on",
    "lock_timeout": "10000",
    # The few streams are looked up for each record, which keeps the order of time: no sorting of all that match.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_COLUMNS = ", ".join(f"r.{name}" for name in columns.NAMES)
_OWN = f"r.position & {SEQUENCE_MASK}, r.body, r.chain, {_COLUMNS}"
_BARE_ROW = f"s.node, s.boot, s.retention, s.day, r.position & {SEQUENCE_MASK}, r.body, r.chain, r.time"
_ROW = f"s.node, s.boot, s.retention, s.day, r.position & {SEQUENCE_MASK}, r.body, r.chain, {_COLUMNS}"


class PostgresReader:
    """See `base.Reader`."""

    def __init__(self, url: str, seconds: float = READ_SECONDS) -> None:
        self._pool = Pool(lambda: PostgresConnection(url, "reader", seconds, _SETTINGS), CONNECTIONS)
        # What is wrong with the URL is told now.
        PostgresConnection(url, "reader", seconds, _SETTINGS).close()

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _at_once(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the store throughout."""
        with self._answering() as held, held.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    @contextmanager
    def _any(self) -> Iterator[Connection]:
        with self._answering() as held, held.use() as connection:
            yield connection

    @contextmanager
    def _answering(self) -> Iterator[PostgresConnection]:
        with self._pool.use() as held:
            # A round trip, beside which a question takes long.
            held.revive()
            yield held

    def select(
        self, where: Sql | None, *, after: Place | None, oldest_first: bool, limit: int, bare: bool = False
    ) -> list[StoredRecord]:
        page = Page(where, after, oldest_first, limit, lambda name: f"%({name})s")
        row, read = (_BARE_ROW, _bare) if bare else (_ROW, _record)
        with self._at_once() as connection:

            def ask(due: Sequence[Part]) -> list[StoredRecord]:
                tables = ((part, records_table(*part[:2])) for part in due)
                sources = (
                    (part, where_postgres.page_source(table, where, page.bound, page.direction))
                    for part, table in tables
                )
                text = " UNION ALL ".join(
                    f"({page.statement(part, found, 'jingxi.streams', row)})" for part, found in sources
                )
                return list(map(read, connection.execute(text, page.parameters, binary=True)))

            if where is not None and where.marked:
                # They come in the order of time, so what is left to sort are those of the same moment. The planner
                # takes a page's last record for so rare that it would rather sort all that match.
                connection.execute("SET LOCAL enable_sort = off")
            rows = connection.execute("SELECT retention, day, low, high FROM jingxi.parts WHERE records > 0").fetchall()
            return merged(page, [Part(*row) for row in rows], ask, _PARTS_AT_ONCE)

    def count(self, where: Sql | None, *, exact: bool) -> tuple[int, bool]:
        if where is None and not exact:
            with self._any() as connection:
                row = connection.execute("SELECT coalesce(sum(records), 0)::bigint FROM jingxi.parts").fetchone()
            return _number(row), True
        source = f"{where_postgres.source('jingxi.records', where)}{f' WHERE {where.text}' if where else ''}"
        parameters: dict[str, Any] = dict(where.parameters) if where else {}
        with self._any() as connection:
            if exact:
                return _number(connection.execute(f"SELECT count(*) FROM {source}", parameters).fetchone()), True
            return self._estimate(connection, source, parameters)

    @staticmethod
    def _estimate(connection: Connection, source: str, parameters: dict[str, Any]) -> tuple[int, bool]:
        plan = connection.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {source}", parameters).fetchone()
        expected = int(plan[0][0]["Plan"]["Plan Rows"]) if plan else -1
        counting = f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT {COUNT_AT_MOST + 1}) AS found"
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL statement_timeout = {COUNT_MILLISECONDS}")
                total = _number(connection.execute(counting, parameters).fetchone())
        except psycopg.errors.QueryCanceled:
            return expected, False
        return (max(expected, total), False) if total > COUNT_AT_MOST else (total, True)

    def find(self, record_id: str) -> StoredRecord | None:
        with self._at_once() as connection:
            parts = connection.execute("SELECT retention, day FROM jingxi.parts ORDER BY high DESC").fetchall()
            for at in range(0, len(parts), _PARTS_AT_ONCE):
                text = " UNION ALL ".join(
                    f"(SELECT {_ROW} FROM {records_table(*part)} AS r JOIN jingxi.streams AS s "
                    f"ON s.number = r.position >> {SEQUENCE_BITS} WHERE r.id = %(id)s ORDER BY r.position LIMIT 1)"
                    for part in parts[at : at + _PARTS_AT_ONCE]
                )
                row = connection.execute(text, {"id": record_id}, binary=True).fetchone()
                if row is not None:
                    return _record(row)
        return None

    def streams(self) -> list[StreamState]:
        text = f"SELECT {STATE} FROM jingxi.streams ORDER BY node, boot, retention, day"
        with self._any() as connection:
            return [to_state(row) for row in connection.execute(text, binary=True)]

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        if bare:
            for page in self._link_pages(key, start):
                yield from (StoredRecord(key, *link, {}) for link in page)
            return
        while rows := self._chunk(key, start):
            yield from rows
            start = rows[-1].sequence + 1

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        return self._link_pages(key, 0)

    def _link_pages(self, key: StreamKey, start: int) -> Iterator[list[Link]]:
        text = (
            f"SELECT position & {SEQUENCE_MASK}, body, chain FROM {records_table(*key[2:])} "
            "WHERE position BETWEEN %s AND %s ORDER BY position LIMIT %s"
        )
        while page := self._within(key, start, text, _LINKS):
            yield page
            start = page[-1][0] + 1

    def _chunk(self, key: StreamKey, start: int) -> list[StoredRecord]:
        text = (
            f"SELECT {_OWN} FROM {records_table(*key[2:])} AS r "
            "WHERE r.position BETWEEN %s AND %s ORDER BY r.position LIMIT %s"
        )
        return [_record((*key, *row)) for row in self._within(key, start, text, _CHUNK)]

    def _within(self, key: StreamKey, start: int, text: str, limit: int) -> list[Any]:
        """Return the rows of a stream from a sequence on; none when the stream or its partition is not there."""
        with self._at_once() as connection:
            held = held_states(connection, [key], lock=False).get(key)
            part = connection.execute("SELECT FROM jingxi.parts WHERE retention = %s AND day = %s", key[2:])
            if held is None or not part.rowcount:
                return []
            first = held[0] << SEQUENCE_BITS
            bounds = (first | start, first | SEQUENCE_MASK, limit)
            return connection.execute(text, bounds, binary=True).fetchall()

    def strays(self) -> int:
        total = 0
        with self._at_once() as connection:
            for part in connection.execute("SELECT retention, day FROM jingxi.parts").fetchall():
                known = connection.execute("SELECT number FROM jingxi.streams WHERE retention = %s AND day = %s", part)
                text = (
                    "SELECT coalesce(sum(found.count), 0)::bigint "
                    "FROM unnest(%s::bigint[], %s::bigint[]) AS gap(low, high) "
                    f"CROSS JOIN LATERAL (SELECT count(*) FROM {records_table(*part)} "
                    "WHERE position BETWEEN gap.low AND gap.high) AS found"
                )
                bounds = [list(column) for column in zip(*gaps(number for (number,) in known), strict=True)]
                total += _number(connection.execute(text, bounds).fetchone())
        return total

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        last = ("" if node is None else node, -1)
        condition = "(node, number) > (%s, %s)" if node is None else "node = %s AND number > %s"
        text = (
            f"SELECT node, number, signed FROM jingxi.checkpoints WHERE {condition} AND time >= %s "
            "ORDER BY node, number LIMIT %s"
        )
        while True:
            with self._any() as connection:
                page = connection.execute(text, (*last, since, _CHUNK), binary=True).fetchall()
            yield from page
            if len(page) < _CHUNK:
                return
            last = page[-1][:2]

    def bundle(self, hash: str) -> bytes | None:  # noqa: A002 - the field's name
        with self._any() as connection:
            text = "SELECT signed FROM jingxi.bundles WHERE hash = %s"
            row = connection.execute(text, (hash,), binary=True).fetchone()
        return row[0] if row else None


def _number(row: tuple[Any, ...] | None) -> int:
    return int(row[0]) if row else 0


def _record(row: tuple[Any, ...]) -> StoredRecord:
    node, boot, retention, day, sequence, body, chain, *drawn = row
    return StoredRecord(
        StreamKey(node, boot, retention, day), sequence, body, chain, dict(zip(columns.NAMES, drawn, strict=True))
    )


def _bare(row: tuple[Any, ...]) -> StoredRecord:
    node, boot, retention, day, sequence, body, chain, at = row
    return StoredRecord(StreamKey(node, boot, retention, day), sequence, body, chain, {"time": at})
