"""A connection to the PostgreSQL store, and what its readers and writers share."""

# ruff: noqa: S608 - only our own names stand in the texts of SQL

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pdp.errors import ConfigError, StoreError
from pdp.snapshot.chain import RETENTIONS, StreamKey
from pdp.snapshot.store import intake
from pdp.snapshot.store.base import StreamState

STATE: Final = "node, boot, retention, day, count, chain, peaks, closed, dropped_at"

_DEFAULTS: Final[Mapping[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""What makes a connection to a machine that is gone fail within seconds; the URL may say otherwise."""

# The server's names of these. INVARIANT: it is told as well. While it waits for the rows of a COPY no time limit of its
# own ends it, and it holds the locks of its streams until it finds that nobody is there: left to itself, in two hours.
_OF_SERVER: Final = {
    "keepalives_idle": "tcp_keepalives_idle",
    "keepalives_interval": "tcp_keepalives_interval",
    "keepalives_count": "tcp_keepalives_count",
    "tcp_user_timeout": "tcp_user_timeout",
}

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresConnection:
    """A connection that is opened when it is first needed and again after an error. For one thread at a time."""

    def __init__(self, url: str, name: str, seconds: float, settings: Mapping[str, str]) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error as error:
            # The URL itself may hold a password.
            raise ConfigError("the store's URL cannot be read; write `postgresql://user@host:5432/database`") from error
        chosen = {**_DEFAULTS, **given}
        self._info = make_conninfo(url, **{key: value for key, value in _DEFAULTS.items() if key not in given})
        self._settings = {
            **{name: str(chosen[key]) for key, name in _OF_SERVER.items()},
            "application_name": f"jingxi {name}",
            "statement_timeout": str(round(seconds * 1000)),
            "idle_in_transaction_session_timeout": "60000",
            "search_path": "pg_catalog",
            **settings,
        }
        self._opened: Connection | None = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def revive(self) -> None:
        """Let go of a connection that no longer answers, such as after a failover; the next use opens another one.

        For those who read: whoever writes must know that a connection is gone.
        """
        if self._opened is not None:
            try:
                self._opened.execute("SELECT")
            except psycopg.Error:
                self.close()

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Give the connection, outside of a transaction. Raises StoreError for whatever goes wrong in the database."""
        try:
            if self._opened is None:
                self._opened = self._open()
            yield self._opened
        except psycopg.errors.QueryCanceled as error:
            raise StoreError("the question takes too long for the store; narrow it, such as by time") from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
            self.close()
            raise StoreError(f"the store is not as expected: {said(error)}; run `pdp snapshot init-store`") from error
        except psycopg.Error as error:
            self.close()
            raise StoreError(f"the store fails: {said(error)}") from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the connection inside a transaction."""
        with self.use() as connection, connection.transaction():
            yield connection

    def _open(self) -> Connection:
        connection = psycopg.connect(self._info, autocommit=True)
        try:
            if connection.info.encoding != "utf-8":
                connection.execute("SET client_encoding TO 'UTF8'")
            for key, value in self._settings.items():
                connection.execute("SELECT set_config(%s, %s, false)", (key, value))
        except BaseException:
            connection.close()
            raise
        return connection


def said(error: psycopg.Error) -> str:
    """Return what the server said, without the details and places that may quote a record."""
    text = error.diag.message_primary or str(error)
    return text.strip().partition("\n")[0] or type(error).__name__


def records_table(retention: str, day: int) -> str:
    """Return the name of a partition."""
    if retention not in RETENTIONS:
        raise ValueError(f"there is no retention class `{retention}`")
    return f"jingxi.records_{retention}_{day:d}"


def held_states(
    connection: Connection, keys: list[StreamKey], *, lock: bool
) -> dict[StreamKey, tuple[int, StreamState]]:
    """Return the numbers and states of those streams that are there."""
    found = connection.execute(
        f"SELECT number, {STATE} FROM jingxi.streams WHERE (node, boot, retention, day) IN "
        "(SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[])) "
        f"ORDER BY node, boot, retention, day{' FOR UPDATE' if lock else ''}",
        [list(column) for column in zip(*keys, strict=True)],
        binary=True,
    )
    states = [(row[0], to_state(row[1:])) for row in found]
    return {state.key: (number, state) for number, state in states}


def to_state(row: tuple[Any, ...]) -> StreamState:
    """Return a row of STATE as a state."""
    *key, count, chain, peaks, closed, dropped_at = row
    return StreamState(StreamKey(*key), count, chain, intake.unpack_tree(count, peaks), closed, dropped_at is not None)
