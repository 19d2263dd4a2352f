"""Filters mean in PostgreSQL what they mean in Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from pdp.snapshot import columns
from pdp.snapshot.filter import Node, predicate
from pdp.snapshot.store.where_postgres import PostgresWriter, source
from tests.integration.postgres import Postgres
from tests.strategies import PROPERTY, examples, sources
from tests.unit.test_filter_property import case

TYPES = ("bigint", "text", "text", "smallint", "text", "text", "text", "bigint", "bigint", "text")


class Table:
    """A table with the columns of records."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        declared = ", ".join(f"{name} {kind}" for name, kind in zip(columns.NAMES, TYPES, strict=True))
        connection.execute(f"CREATE TEMPORARY TABLE records (number int, {declared})")

    def matching(self, node: Node | None, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return which of the rows a filter finds."""
        self._connection.execute("TRUNCATE records")
        marks = ", ".join(["%s"] * (len(columns.NAMES) + 1))
        with self._connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO records VALUES ({marks})",  # noqa: S608 - marks
                [(number, *(row[name] for name in columns.NAMES)) for number, row in enumerate(rows)],
            )
        where = PostgresWriter().sql(node) if node is not None else None
        text = f"SELECT number FROM {source('records', where)} WHERE {where.text if where else 'true'} ORDER BY number"  # noqa: S608 - ours
        return [number for (number,) in self._connection.execute(text, where.parameters if where else None)]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    server = Postgres()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        yield Table(connection)
    server.close()


@settings(PROPERTY, max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(sources())
def test_postgres_finds_what_python_finds(table: Table, random: Random) -> None:
    text, node, rows = case(random)
    matches = predicate(node)
    assert table.matching(node, rows) == [n for n, row in enumerate(rows) if matches(row)], text
