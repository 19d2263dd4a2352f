"""Stores to measure: a SQLite file, and a PostgreSQL server of our own that waits for the disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from snapshots_fill import Part, fill_postgres, fill_sqlite
from snapshots_pages import forget

from pdp.snapshot.store import install

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.integration.postgres import Postgres


class Started(Protocol):
    """A store that is there."""

    kind: str
    url: str

    def bytes(self) -> int:
        """Return what it takes on the disk."""

    def fill(self, wanted: list[Part]) -> None:
        """Multiply its models."""

    def make_cold(self) -> None:
        """Let everything forget what it has read."""


class _Sqlite:
    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._path = folder / "snapshots.db"
        self.url = f"sqlite:{self._path}"

    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self._path.parent.iterdir())

    def fill(self, wanted: list[Part]) -> None:
        fill_sqlite(self._path, wanted)

    def make_cold(self) -> None:
        forget(self._path.parent.iterdir())


class _Postgres:
    kind = "postgres"

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._name = server.create_database()
        self.url = server.url(self._name)
        install(self.url)
        with psycopg.connect(self.url, autocommit=True) as connection:
            # As a server for so much would be set up; or else filling it takes very long.
            connection.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
            connection.execute("ALTER SYSTEM SET checkpoint_timeout = '30min'")
            connection.execute("SELECT pg_reload_conf()")

    def bytes(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])

    def fill(self, wanted: list[Part]) -> None:
        fill_postgres(self.url, wanted)

    def make_cold(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        with self._server.killed():
            forget(Path(row[0]).rglob("*"))


@contextmanager
def started(kind: str, folder: Path) -> Iterator[Started]:
    """Give an empty store that ends with the context."""
    if kind == "sqlite":
        yield _Sqlite(folder)
        return
    try:
        server = Postgres(durable=True)
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        raise SystemExit(f"PostgreSQL {error}; or leave it out with --store sqlite") from None
    try:
        yield _Postgres(server)
    finally:
        server.close()
