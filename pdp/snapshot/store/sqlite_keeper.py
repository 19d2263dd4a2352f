"""What backups need of the SQLite store besides reading and writing."""

# ruff: noqa: D102 - `base` tells what methods do

from __future__ import annotations

from collections.abc import Sequence

from pdp.errors import WatermarkError
from pdp.snapshot.store import intake
from pdp.snapshot.store.base import StreamState
from pdp.snapshot.store.sqlite_connection import SqliteStore


class SqliteKeeper(SqliteStore):
    """See `base.Keeper`."""

    def bundles(self) -> list[tuple[str, int]]:
        sql = "SELECT hash, revision FROM bundles ORDER BY hash"
        return self._run(lambda connection: connection.execute(sql).fetchall())

    def add_checkpoints(self, found: Sequence[tuple[str, int, bytes]]) -> None:
        with self._transaction() as connection:
            for node, number, signed in found:
                row = (node, number, intake.checkpoint(signed).time_nanos, signed)
                if not connection.execute("INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?)", row).rowcount:
                    raise WatermarkError(f"there is a checkpoint {number} of node `{node}` already")
                connection.executemany(
                    "UPDATE streams SET checkpoint = ? WHERE node = ? AND boot = ? AND retention = ? AND day = ? "
                    "AND closed AND count = ?",
                    [(number, *key, count) for key, count in intake.closing(signed, node, number)],
                )

    def add_dropped(self, states: Sequence[StreamState], *, by: str, at_nanos: int) -> None:
        with self._transaction() as connection:
            for state in states:
                sql = (
                    "INSERT OR IGNORE INTO streams (node, boot, retention, day, count, chain, peaks, closed, "
                    "dropped_at, dropped_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                )
                row = (*state.key, state.count, state.chain, intake.pack_peaks(state.tree), state.closed, at_nanos, by)
                if not connection.execute(sql, row).rowcount:
                    raise WatermarkError(f"there is a stream {intake.name(state.key)} already")
