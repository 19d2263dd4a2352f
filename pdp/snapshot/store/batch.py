"""Conditions over records that are in no store: some at a time, in a SQLite database in memory."""

# ruff: noqa: S608 - only our own names stand in the texts of SQL

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from pdp.snapshot import columns
from pdp.snapshot.store import where_sqlite
from pdp.snapshot.store.base import Sql

_COLUMNS = ", ".join(columns.NAMES)
_MARKS = ", ".join(f":{name}" for name in columns.NAMES)


class Batch:
    """Answers as the SQLite store would. For one thread."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        where_sqlite.install(self._connection)
        self._connection.execute(f"CREATE TABLE records (position INTEGER PRIMARY KEY, {_COLUMNS})")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()

    def matching(self, rows: Sequence[Mapping[str, Any]], where: Sql) -> list[int]:
        """Return which of the rows, by their columns, meet a condition: their indexes in order."""
        self._load(rows)
        sql = f"SELECT position FROM records WHERE {where.text} ORDER BY position"
        return [position for (position,) in self._connection.execute(sql, where.parameters)]

    def grouped(self, rows: Sequence[Mapping[str, Any]], where: Sql | None, by: Sql) -> list[tuple[Any, int, int]]:
        """Return (key, records, records with a severity of 2 or more) by the value of an expression, in any order."""
        self._load(rows)
        condition, values = (where.text, dict(where.parameters)) if where else ("1", {})
        sql = f"SELECT {by.text} AS k, count(*), sum(severity >= 2) FROM records WHERE {condition} GROUP BY k"
        return self._connection.execute(sql, values | dict(by.parameters)).fetchall()

    def _load(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._connection.execute("DELETE FROM records")
        self._connection.execute("BEGIN")
        self._connection.executemany(
            f"INSERT INTO records (position, {_COLUMNS}) VALUES (:position, {_MARKS})",
            ({"position": position, **row} for position, row in enumerate(rows)),
        )
        self._connection.execute("COMMIT")
