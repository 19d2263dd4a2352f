"""What the staff's queries ask of the PostgreSQL store besides: groups, new streams, and to be stopped."""

# ruff: noqa: D102, S608 - `base` tells what methods do; only our own names stand in the texts of SQL

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal

import psycopg

from pdp.errors import StoreError
from pdp.snapshot.store import where_postgres
from pdp.snapshot.store.base import Sql, StreamState
from pdp.snapshot.store.postgres_connection import STATE, Connection, to_state
from pdp.snapshot.store.postgres_reader import READ_SECONDS, PostgresReader

_CANCEL_SECONDS: Final = 5.0


class _Asking:
    """What one thread asks at present, which another may stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._stopped = False

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        with self._lock:
            if self._stopped:
                raise StoreError("the question was stopped")
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._connection is not None:
                with suppress(psycopg.Error):  # a server that is away has nothing to stop
                    self._connection.cancel_safe(timeout=_CANCEL_SECONDS)


class PostgresQuestions(PostgresReader):
    """See `base.Reader`."""

    dialect: Literal["postgres"] = "postgres"

    def __init__(self, url: str, seconds: float = READ_SECONDS) -> None:
        super().__init__(url, seconds)
        self._here = threading.local()

    def recent_streams(self, day: int) -> list[StreamState]:
        text = f"SELECT {STATE} FROM jingxi.streams WHERE NOT closed OR day >= %s ORDER BY node, boot, retention, day"
        with self._any() as connection:
            return [to_state(row) for row in connection.execute(text, (day,), binary=True)]

    def group(self, where: Sql | None, by: Sql, *, limit: int, in_order: bool) -> list[tuple[Any, int, int]]:
        order = "1" if in_order else '2 DESC, k::text COLLATE "C"'
        text = (
            "SELECT k, count(*), count(*) FILTER (WHERE severity >= 2) FROM "
            f"(SELECT {by.text} AS k, severity FROM {where_postgres.source('jingxi.records', where, by)}"
            f"{f' WHERE {where.text}' if where else ''}) AS found "
            f"GROUP BY k ORDER BY {order} NULLS LAST LIMIT %(limit)s"
        )
        values = {**(where.parameters if where else {}), **by.parameters, "limit": limit}
        with self._any() as connection:
            return [(key, count, flagged) for key, count, flagged in connection.execute(text, values)]

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        asking = self._here.asking = _Asking()
        try:
            yield asking.stop
        finally:
            self._here.asking = None

    @contextmanager
    def _at_once(self) -> Iterator[Connection]:
        with super()._at_once() as connection, self._stoppable(connection):
            yield connection

    @contextmanager
    def _any(self) -> Iterator[Connection]:
        with super()._any() as connection, self._stoppable(connection):
            yield connection

    @contextmanager
    def _stoppable(self, connection: Connection) -> Iterator[None]:
        asking = getattr(self._here, "asking", None)
        if asking is None:
            yield
            return
        with asking.on(connection):
            yield
