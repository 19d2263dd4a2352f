"""What backups need of the PostgreSQL store besides reading and writing."""

# ruff: noqa: D102 - `base` tells what methods do

from __future__ import annotations

import threading
from collections.abc import Sequence

from pdp.errors import WatermarkError
from pdp.snapshot.store import intake
from pdp.snapshot.store.base import StreamState
from pdp.snapshot.store.postgres_connection import PostgresConnection

_SECONDS = 60.0


class PostgresKeeper:
    """See `base.Keeper`."""

    def __init__(self, url: str) -> None:
        self._held = PostgresConnection(url, "backup", _SECONDS, {"synchronous_commit": "on"})
        self._lock = threading.RLock()

    def close(self) -> None:
        with self._lock:
            self._held.close()

    def bundles(self) -> list[tuple[str, int]]:
        with self._lock, self._held.use() as connection:
            return connection.execute("SELECT hash, revision FROM jingxi.bundles ORDER BY hash").fetchall()

    def add_checkpoints(self, found: Sequence[tuple[str, int, bytes]]) -> None:
        rows = [(node, number, intake.checkpoint(signed).time_nanos, signed) for node, number, signed in found]
        closing = [(number, *key, count) for node, number, signed in found
                   for key, count in intake.closing(signed, node, number)]  # fmt: skip
        with self._lock, self._held.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO jingxi.checkpoints VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", rows)
            if cursor.rowcount != len(rows):
                raise WatermarkError(f"there is one of the checkpoints of node `{rows[0][0]}` already")
            cursor.executemany(
                "UPDATE jingxi.streams SET checkpoint = %s WHERE node = %s AND boot = %s AND retention = %s "
                "AND day = %s AND closed AND count = %s AND checkpoint IS NULL",
                closing,
            )

    def add_dropped(self, states: Sequence[StreamState], *, by: str, at_nanos: int) -> None:
        text = (
            "INSERT INTO jingxi.streams (node, boot, retention, day, count, chain, peaks, closed, dropped_at, "
            "dropped_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        )
        with self._lock, self._held.transaction() as connection:
            for state in states:
                row = (*state.key, state.count, state.chain, intake.pack_peaks(state.tree), state.closed, at_nanos, by)
                if not connection.execute(text, row).rowcount:
                    raise WatermarkError(f"there is a stream {intake.name(state.key)} already")
