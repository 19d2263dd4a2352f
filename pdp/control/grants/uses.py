"""Counts the uses of grants that may be used a number of times only.

INVARIANT: a use is taken from the store before an answer that shows something by it leaves. What is taken and then not
used, because a process ended in between, is lost: a grant is used at most so often, never more.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from pdp.control import keeping, layout
from pdp.control.grants import ids
from pdp.control.kv.base import KeyValueStore, Put, Unchanged
from pdp.errors import ControlStoreError
from pdp.v1 import account_pb2

MOST_AT_ONCE: Final = 1_000
SYSTEM: Final = "system"


class Uses:
    """Takes uses for one node. `clock` is the time in nanoseconds since 1970."""

    def __init__(self, store: KeyValueStore, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        # Decisions of one node that want the same grant need not get in each other's way in the store.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, grant_id: str, count: int) -> int:
        """Take at most `count` uses of a grant and return how many there were; 0 when it is used up or gone.

        Raises ControlStoreError; then some may be lost.
        """
        if not ids.is_id(grant_id):
            return 0
        lock = self._locks[grant_id]
        try:
            async with lock:
                return await self._take(grant_id, min(count, MOST_AT_ONCE))
        finally:
            if not lock.locked():
                self._locks.pop(grant_id, None)

    async def _take(self, grant_id: str, count: int) -> int:
        while True:
            active = await self._store.get(layout.active_key(grant_id))
            if active is None:
                return 0
            most = account_pb2.ActiveGrant.FromString(active.value).max_uses
            key = layout.uses_key(grant_id)
            found = await self._store.get(key)
            used = 0 if found is None else account_pb2.GrantUses.FromString(found.value).count
            taken = min(count, most - used)
            if taken <= 0:
                return 0
            conditions = [
                Unchanged(active.key, active.modified),
                Unchanged(key, 0 if found is None else found.modified),
            ]
            done = await self._store.commit(
                conditions, [Put(key, account_pb2.GrantUses(count=used + taken).SerializeToString())]
            )
            # Not by `keeping.commit`: what another node took in the same moment would look like this one's.
            if done.succeeded:
                if used + taken == most:
                    await self._end(grant_id)
                return taken

    async def _end(self, grant_id: str) -> None:
        """Tell in the grant's record that it is used up; what was taken last still counts."""
        key = ids.grant_key(grant_id)
        while (item := await self._store.get(key)) is not None:
            record = account_pb2.GrantRecord.FromString(item.value)
            if record.state != account_pb2.GRANT_STATE_ACTIVE:
                return
            record.state = account_pb2.GRANT_STATE_USED_UP
            record.steps.add(
                state=record.state, actor=SYSTEM, time_nanos=self._clock(), reason=f"{record.max_uses} uses"
            )
            own = Put(key, record.SerializeToString())
            try:
                await keeping.commit(self._store, [Unchanged(key, item.modified)], [own], witness=own)
            except keeping.Stale:
                continue
            except ControlStoreError:
                return  # lists tell by the count as well
            return
