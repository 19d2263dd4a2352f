"""Tables of the SQLite store.

Records stand in one table for each partition (retention, day), so that a partition ends with DROP TABLE. A row's key
is its stream's number and its sequence in one: records lie in the order of their chains, doubles are refused without
an index of their own, and node and boot stand in `streams` once.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlite_utils import Database, Migrations

from pdp.snapshot.chain import RETENTIONS
from pdp.snapshot.columns import NAMES

MIGRATIONS: Final = Migrations("snapshots")


@MIGRATIONS()
def first(db: Database) -> None:
    """Create everything but the records' tables, which come with their days."""
    db.table("streams").create(
        {
            "number": int, "node": str, "boot": str, "retention": str, "day": int, "count": int, "chain": bytes,
            "peaks": bytes, "closed": int, "checkpoint": int, "dropped_at": int, "dropped_by": str,
        },
        pk="number",
        not_null={"node", "boot", "retention", "day", "count", "chain", "peaks", "closed"},
    ).create_index(["node", "boot", "retention", "day"], unique=True)  # fmt: skip
    db.table("streams").create_index(["retention", "day"])
    # `low` and `high` bound the times of a partition's records, which may lie outside its day by a clock's fault.
    db.table("parts").create(
        {"retention": str, "day": int, "records": int, "low": int, "high": int},
        pk=("retention", "day"),
        not_null={"records", "low", "high"},
    )
    db.table("checkpoints").create(
        {"node": str, "number": int, "time": int, "signed": bytes}, pk=("node", "number"), not_null={"time", "signed"}
    ).create_index(["node", "time"])
    db.table("bundles").create({"hash": str, "revision": int, "signed": bytes}, pk="hash", not_null={"signed"})
    db.table("holds").create(
        {"id": str, "first_day": int, "last_day": int, "reason": str, "by": str, "at_nanos": int}, pk="id"
    )
    for table in ("checkpoints", "bundles"):
        _refuse_changes(db.conn, table)


def records_table(retention: str, day: int) -> str:
    """Return the name of a partition's table, quoted."""
    if retention not in RETENTIONS:
        raise ValueError(f"there is no retention class `{retention}`")
    return f'"records_{retention}_{day:d}"'


def create_part(db: Database, retention: str, day: int) -> None:
    """Create a partition's table, within the caller's transaction."""
    table = records_table(retention, day)
    plain = table.strip('"')
    db.table(plain).create(
        {
            "position": int, "time": int, "id": str, "kind": str, "severity": int, "subject_id": str, "caller": str,
            "resource_key": str, "mark_a": int, "mark_b": int, "facts": str, "body": bytes, "chain": bytes,
        },
        pk="position",
        not_null={*NAMES, "body", "chain"},
    )  # fmt: skip
    for name, columns in (
        # With the marks, so that it tells which records are worth a look without reading them.
        ("time", "time, mark_a, mark_b"),
        ("id", "id"),
        ("subject", "subject_id, time"),
        ("resource", "resource_key, time"),
    ):
        db.conn.execute(f'CREATE INDEX "{plain}_{name}" ON {table} ({columns})')
    db.conn.execute(f'CREATE INDEX "{plain}_flagged" ON {table} (time) WHERE severity >= 2')
    _refuse_changes(db.conn, plain)


def _refuse_changes(connection: sqlite3.Connection, table: str) -> None:
    # Against mistakes; against intent there are the chain and the checkpoints.
    for event in ("UPDATE", "DELETE"):
        connection.execute(
            f'CREATE TRIGGER "{table}_no_{event.lower()}" BEFORE {event} ON "{table}" '
            f"BEGIN SELECT RAISE(ABORT, 'records are never changed'); END"
        )
