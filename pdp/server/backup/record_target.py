"""Writes records into an empty store, so that each stream stands at the end as it stood in the backup."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from pdp.errors import BackupError
from pdp.server.backup.entries import Index, Watermarks
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.store import open_keeper, open_maintainer, open_reader, open_writer
from pdp.snapshot.store.base import Hold, StreamState, TreeState

BY: Final = "restore"
"""Who dropped what was dropped before the backup; the records of the drops tell who really did."""
_BATCH: Final = 4_000
_STATES: Final = 500
_CHECKPOINTS: Final = 1_000


class RecordTarget:
    """A store that is being filled. Raises StoreError from every method."""

    def __init__(self, url: str, final: Watermarks, now: int) -> None:
        self._url = url
        self._final = final
        self._now = now
        self._writer = open_writer(url)
        self._keeper = open_keeper(url)
        self._states: dict[StreamKey, StreamState] = {}
        self._records: list[SpooledRecord] = []
        self._after: dict[StreamKey, StreamState] = {}
        self._checkpoints: list[tuple[str, int, bytes]] = []

    def close(self) -> None:
        """Let go of the store."""
        self._writer.close()
        self._keeper.close()

    def must_be_empty(self) -> None:
        """Raise BackupError when the store holds anything."""
        with closing(open_reader(self._url)) as reader:
            if reader.streams() or self._keeper.bundles() or next(iter(reader.checkpoints()), None) is not None:
                raise BackupError("the store of records is not empty; name a new one by `--store`")

    def take(self, block: Sequence[SpooledRecord], index: Index) -> None:
        """Add records of one stream out of the backup that this is the index of."""
        key, end = block[0].stream, block[-1].sequence + 1
        if self._is_dropped(key):
            return
        state = index.streams.get(key)
        if state is None or end > state.count or block[0].sequence != self._count(key):
            raise BackupError(f"the records of {'/'.join(map(str, key))} do not follow each other in the backups")
        if end < state.count:
            # On the way only; the tree comes with the last of these records.
            state = StreamState(key, end, block[-1].chain, TreeState(end, ()))
        self._records += block
        self._after[key] = state
        if len(self._records) >= _BATCH:
            self._flush()

    def settle(self, index: Index) -> None:
        """Bring the streams to where a backup has them that brought no records, such as closed ones."""
        self._flush()
        waiting = [
            state
            for key, state in index.streams.items()
            if not self._is_dropped(key) and self._states.get(key) != state
        ]
        for state in waiting:
            if state.count != self._count(state.key):
                raise BackupError(f"the backups lack records of {'/'.join(map(str, state.key))}")
        for at in range(0, len(waiting), _STATES):
            self._writer.take([], waiting[at : at + _STATES])
        self._states |= {state.key: state for state in waiting}

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        """Add a checkpoint, when all records are there: it marks the streams that it closes."""
        self._checkpoints.append((node, number, signed))
        if len(self._checkpoints) >= _CHECKPOINTS:
            self._flush_checkpoints()

    def add_bundle(self, name: str, revision: int, signed: bytes) -> None:
        """Add a bundle."""
        self._writer.add_bundle(name, revision, signed)

    def end(self, holds: Sequence[Hold]) -> None:
        """Add what is left of streams whose time was over, and the holds."""
        self._flush_checkpoints()
        dropped = [state for state in self._final.streams.values() if state.dropped]
        for at in range(0, len(dropped), _STATES):
            self._keeper.add_dropped(dropped[at : at + _STATES], by=BY, at_nanos=self._now)
        with closing(open_maintainer(self._url)) as maintainer:
            for hold in holds:
                maintainer.add_hold(hold)

    def _flush(self) -> None:
        if self._records:
            self._writer.take(self._records, list(self._after.values()))
            self._states |= self._after
        self._records, self._after = [], {}

    def _flush_checkpoints(self) -> None:
        if self._checkpoints:
            self._keeper.add_checkpoints(self._checkpoints)
        self._checkpoints = []

    def _count(self, key: StreamKey) -> int:
        state = self._after.get(key) or self._states.get(key)
        return 0 if state is None else state.count

    def _is_dropped(self, key: StreamKey) -> bool:
        return key in self._final.streams and self._final.streams[key].dropped
