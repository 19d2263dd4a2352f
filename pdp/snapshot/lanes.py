"""Batches on their way into a store that takes several at the same time, each by a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import NamedTuple

from pdp.snapshot.chain import SpooledRecord
from pdp.snapshot.store.base import StreamState, Writer


class _Batch(NamedTuple):
    records: Sequence[SpooledRecord]
    states: Sequence[StreamState]
    writer: Writer


class Lanes:
    """Has a store take at most as many batches at a time as there are writers. Its methods are called by one thread.

    INVARIANT: no two batches under way are of the same boot, for where one of them begins depends on the other's fate.
    """

    def __init__(self, writers: Sequence[Writer]) -> None:
        # The first one is taken first, so that the others connect only when there is something for them.
        self._free = list(reversed(writers))
        self._under_way: list[_Batch] = []
        self._ended: SimpleQueue[tuple[_Batch, BaseException | None]] = SimpleQueue()

    @property
    def are_busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._under_way)

    def are_busy_for(self, states: Sequence[StreamState]) -> bool:
        """Whether a batch that leads to these states must wait for one that is under way."""
        boots = {state.key.boot for state in states}
        return not self._free or any(state.key.boot in boots for batch in self._under_way for state in batch.states)

    def begin(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        """Have the store take a batch, as `Writer.take` does, and do not wait for it."""
        batch = _Batch(records, states, self._free.pop())
        self._under_way.append(batch)
        # Not kept from ending with the process by a store that does not answer.
        threading.Thread(target=self._take, args=(batch,), name="lane", daemon=True).start()

    def wait(self) -> int:
        """Wait until one of the batches is in the store, and return its size. Raises what `Writer.take` raised."""
        batch, error = self._ended.get()
        self._under_way.remove(batch)
        self._free.append(batch.writer)
        if error is not None:
            raise error
        return len(batch.records)

    def end(self) -> int:
        """Wait for all that is under way, whatever becomes of it, and return how many records came into the store."""
        arrived = 0
        while self._under_way:
            batch, error = self._ended.get()
            self._under_way.remove(batch)
            arrived += len(batch.records) if error is None else 0
        return arrived

    def _take(self, batch: _Batch) -> None:
        error: BaseException | None = None
        try:
            batch.writer.take(batch.records, batch.states)
        except BaseException as raised:  # told to whoever waits, who must not wait for ever
            error = raised
        self._ended.put((batch, error))
