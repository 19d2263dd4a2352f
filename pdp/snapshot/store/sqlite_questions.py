"""What the staff's queries ask of the SQLite store besides: groups, new streams, and to be stopped."""

# ruff: noqa: D102, S608 - `base` tells what methods do; only our own names stand in the texts of SQL

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pdp.errors import StoreError
from pdp.snapshot.store.base import Sql, StreamState
from pdp.snapshot.store.pool import Pool
from pdp.snapshot.store.sqlite_connection import STATE, parts, to_state
from pdp.snapshot.store.sqlite_reader import CONNECTIONS, READ_SECONDS, SqliteReader, _Watched
from pdp.snapshot.store.sqlite_schema import records_table
from pdp.snapshot.store.where_sqlite import install

T = TypeVar("T")


class _Stoppable(_Watched):
    """A connection whose questions end when the thread that asks is told to stop."""

    def __init__(self, path: Path, is_stopped: Callable[[], bool]) -> None:
        super().__init__(path)
        self._is_stopped = is_stopped

    def _begin(self, connection: sqlite3.Connection) -> None:
        super()._begin(connection)
        install(connection)

    def _is_late(self) -> bool:
        return super()._is_late() or self._is_stopped()


class SqliteQuestions(SqliteReader):
    """See `base.Reader`."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path, seconds: float = READ_SECONDS) -> None:
        super().__init__(path, seconds)
        self._here = threading.local()
        self._pool = Pool(lambda: _Stoppable(path, self._is_stopped), CONNECTIONS)

    def recent_streams(self, day: int) -> list[StreamState]:
        sql = f"SELECT {STATE} FROM streams WHERE NOT closed OR day >= ? ORDER BY node, boot, retention, day"
        return self._ask(lambda connection: [to_state(row) for row in connection.execute(sql, (day,))])

    def group(self, where: Sql | None, by: Sql, *, limit: int, in_order: bool) -> list[tuple[Any, int, int]]:
        condition, values = (where.text, dict(where.parameters)) if where else ("1", {})

        def look(connection: sqlite3.Connection) -> dict[Any, tuple[int, int]]:
            found: dict[Any, tuple[int, int]] = {}
            for part in parts(connection):
                sql = (
                    f"SELECT {by.text} AS k, count(*), sum(severity >= 2) FROM {records_table(*part)} "
                    f"WHERE {condition} GROUP BY k"
                )
                for key, count, flagged in connection.execute(sql, values | dict(by.parameters)):
                    before = found.get(key, (0, 0))
                    found[key] = (before[0] + count, before[1] + flagged)
            return found

        rows = [(key, *counts) for key, counts in self._ask(look).items()]
        rows.sort(key=lambda row: (0 if in_order else -row[1], row[0] is None, row[0]))
        return rows[:limit]

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        stop = threading.Event()
        self._here.stop = stop
        try:
            yield stop.set
        finally:
            self._here.stop = None

    def _is_stopped(self) -> bool:
        stop = getattr(self._here, "stop", None)
        return stop is not None and stop.is_set()

    def _ask(self, act: Callable[[sqlite3.Connection], T], steps: float = float("inf")) -> T:
        if self._is_stopped():
            raise StoreError("the question was stopped")
        return super()._ask(act, steps)
