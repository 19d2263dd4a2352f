"""Fills stores with millions of rows: a few records are made and shipped, the database multiplies them.

A multiplied row has a time, an id, a subject and a customer of its own; what a filter reads in `facts` is that of its
model. So the chain does not hold over it, and only questions are asked of these stores.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from snapshots_rows import CUSTOMERS, DAY_NANOS, FIRST_DAY, OPEN_NANOS, OPENS, SUBJECTS, Bodies, make, stream_of

from pdp.snapshot.store.base import Writer
from pdp.snapshot.store.merge import SEQUENCE_BITS
from pdp.snapshot.store.sqlite_schema import records_table

MODELS = 400
"""Records made for each partition."""
_SHARES = {"medium": 0.6, "long": 0.4}


@dataclass(frozen=True, slots=True)
class Part:
    """A partition to fill: `rows` in all, with the models."""

    retention: str
    day: int
    rows: int

    @property
    def start(self) -> int:
        """When its first record was made."""
        return self.day * DAY_NANOS + OPENS


def parts(rows: int, days: int) -> list[Part]:
    """Return the partitions of a number of rows over a number of days."""
    found = [
        Part(retention, FIRST_DAY + day, max(MODELS, round(rows * share / days)))
        for day in range(days)
        for retention, share in _SHARES.items()
    ]
    return sorted(found, key=lambda part: (part.day, part.retention))


def customer_key(number: int) -> str:
    """Return the key of a customer, as the database makes it."""
    return f"{number:032x}"


def ship_models(writer: Writer, wanted: list[Part]) -> None:
    """Take the models of every partition into a store, as a shipper would."""
    bodies = Bodies("models")
    for part in wanted:
        made = make(stream_of(part.retention, part.day), MODELS, bodies)
        writer.take(made.records, [made.state])


_SQLITE_MODELS = """
CREATE TEMP TABLE models AS
SELECT row_number() OVER (ORDER BY position) - 1 AS n, kind, severity, caller, mark_a, mark_b, facts, body FROM {table}
"""
_SQLITE = """
INSERT INTO {table} (position, time, id, kind, severity, subject_id, caller, resource_key, mark_a, mark_b,
  facts, body, chain)
WITH RECURSIVE
  n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count),
  -- Materialized, for else each use of `u` and `v` would be drawn anew.
  g AS MATERIALIZED (
    SELECT i, abs(random() >> 11) / 4503599627370496.0 AS u, abs(random() >> 11) / 4503599627370496.0 AS v FROM n
  )
SELECT
  :first + {models} + g.i, :start + :span / :count * g.i, lower(hex(randomblob(16))), m.kind, m.severity,
  'T' || printf('%04d', CAST({subjects} * u * u AS INTEGER)), m.caller,
  printf('%032x', CAST({customers} * v * v AS INTEGER)), m.mark_a, m.mark_b, m.facts, m.body, randomblob(32)
FROM g JOIN temp.models AS m ON m.n = g.i * 7919 % {models}
"""


def fill_sqlite(path: Path, wanted: list[Part]) -> None:
    """Multiply the models of a SQLite store."""
    connection = sqlite3.connect(path, isolation_level=None)
    # A store that is lost when the machine fails is made again.
    for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    numbers = {tuple(row[:2]): row[2] for row in connection.execute("SELECT retention, day, number FROM streams")}
    for part in wanted:
        count = part.rows - MODELS
        if not count:
            continue
        table = records_table(part.retention, part.day)
        values: dict[str, Any] = {
            "first": numbers[part.retention, part.day] << SEQUENCE_BITS,
            "count": count, "start": part.start, "span": OPEN_NANOS,
        }  # fmt: skip
        connection.execute("BEGIN")
        connection.execute("DROP TABLE IF EXISTS temp.models")
        connection.execute(_SQLITE_MODELS.format(table=table))
        connection.execute("CREATE UNIQUE INDEX temp.models_n ON models (n)")
        connection.execute(_SQLITE.format(table=table, models=MODELS, subjects=SUBJECTS, customers=CUSTOMERS), values)
        connection.execute(
            "UPDATE parts SET records = ?, high = max(high, ?) WHERE retention = ? AND day = ?",
            (part.rows, part.start + OPEN_NANOS, part.retention, part.day),
        )
        connection.execute("COMMIT")
    connection.execute("PRAGMA optimize")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


_POSTGRES_MODELS = """
CREATE TEMP TABLE models ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY position) - 1 AS n, kind, severity, caller, mark_a, mark_b, facts, body FROM {table}
"""
_POSTGRES = """
INSERT INTO {table}
  (retention, day, position, time, id, kind, severity, subject_id, caller, resource_key, mark_a, mark_b,
  facts, body, chain)
SELECT
  %(retention)s, %(day)s, %(first)s + {models} + g.i, %(start)s + %(span)s::bigint / %(count)s * g.i,
  md5(%(first)s::text || g.i), m.kind, m.severity, 'T' || lpad(floor({subjects} * u * u)::text, 4, '0'), m.caller,
  lpad(to_hex(floor({customers} * v * v)::bigint), 32, '0'), m.mark_a, m.mark_b, m.facts, m.body,
  sha256(g.i::text::bytea)
FROM (SELECT i, random() AS u, random() AS v FROM generate_series(0, %(count)s - 1) AS i) AS g
JOIN models AS m ON m.n = g.i * 7919 %% {models}
"""


def fill_postgres(url: str, wanted: list[Part]) -> None:
    """Multiply the models of a PostgreSQL store; the URL is that of its owner."""
    with psycopg.connect(url, autocommit=True) as connection:
        # A store that is lost when the machine fails is made again.
        connection.execute("SET synchronous_commit = off")
        numbers = {
            (retention, day): number
            for retention, day, number in connection.execute("SELECT retention, day, number FROM jingxi.streams")
        }
        for part in wanted:
            count = part.rows - MODELS
            if not count:
                continue
            table = f"jingxi.records_{part.retention}_{part.day}"
            values: dict[str, Any] = {
                "retention": part.retention, "day": part.day, "count": count, "start": part.start, "span": OPEN_NANOS,
                "first": numbers[part.retention, part.day] << SEQUENCE_BITS,
            }  # fmt: skip
            fill = _POSTGRES.format(table=table, models=MODELS, subjects=SUBJECTS, customers=CUSTOMERS)
            with connection.transaction():
                connection.execute(_own(_POSTGRES_MODELS.format(table=table)))
                connection.execute("ANALYZE models")
                connection.execute(_own(fill), values)
                connection.execute(
                    "UPDATE jingxi.parts SET records = %s, high = greatest(high, %s) WHERE retention = %s AND day = %s",
                    (part.rows, part.start + OPEN_NANOS, part.retention, part.day),
                )
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _own(text: str) -> LiteralString:
    return cast("LiteralString", text)
