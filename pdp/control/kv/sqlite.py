"""The key-value store in one SQLite file: for one machine, where several processes may use it at once.

Locks between processes are SQLite's. Leases are measured by the machine's own clock since it started, which all its
processes share and nobody can set; when the machine starts anew, each lease that was left gets its full time again.
"""

# ruff: noqa: D102 - `base` tells what methods do

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pdp.control.kv import bounds
from pdp.control.kv.base import Committed, Delete, Event, KeyValue, Page, Put, Unchanged
from pdp.control.kv.sqlite_feed import Feed
from pdp.control.kv.sqlite_tables import Clock, SystemClock, Tables
from pdp.control.kv.sqlite_worker import Worker
from pdp.errors import ControlStoreError

T = TypeVar("T")


class SqliteStore:
    """See `base.KeyValueStore`. The file wants a folder of its own, for every change in there wakes the watches."""

    def __init__(self, path: Path, *, timeout: float = 5.0, clock: Clock | None = None) -> None:
        """Take where the file is, or is to be, the seconds a call may take and the clock of leases.

        Whether the file can be used shows at the first call.
        """
        clock = clock or SystemClock()
        # SQLite gives up on another process's transaction before the caller does on the thread.
        busy = timeout * 0.8
        self._reader = Worker("kv-read", Tables(path, busy, clock), timeout)
        self._writer = Worker("kv-write", Tables(path, busy, clock), timeout)
        self._path = path
        self._feed: Feed | None = None
        self._closed = False

    async def get(self, key: str) -> KeyValue | None:
        bounds.check_key(key)
        return await self._read(lambda tables: tables.get(key))

    async def range(self, prefix: str, *, after: str = "", limit: int = 1_000, revision: int = 0) -> Page:
        bounds.check_range(prefix, after, limit, revision)
        return await self._read(lambda tables: tables.range(prefix, after, limit, revision))

    async def commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> Committed:
        bounds.check_commit(conditions, changes)
        return await self._write(lambda tables: tables.commit(conditions, changes))

    async def revision(self) -> int:
        return await self._read(lambda tables: tables.revision())

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        bounds.check_watch(prefix, after)
        async with contextlib.aclosing(self._begun().watch(prefix, after)) as events:
            async for one in events:
                yield one

    async def grant(self, seconds: int) -> int:
        bounds.check_lease(seconds)
        return await self._write(lambda tables: tables.grant(seconds))

    async def renew(self, lease: int) -> bool:
        return await self._write(lambda tables: tables.renew(lease))

    async def revoke(self, lease: int) -> None:
        await self._write(lambda tables: tables.revoke(lease))

    async def compact(self, revision: int) -> None:
        await self._write(lambda tables: tables.compact(revision))
        while await self._write(lambda tables: tables.forget()):
            pass

    async def close(self) -> None:
        self._closed = True
        if self._feed is not None:
            await self._feed.close()
        await self._writer.close()
        await self._reader.close()

    async def _read(self, act: Callable[[Tables], T]) -> T:
        self._begun()
        return await self._reader.ask(act)

    async def _write(self, act: Callable[[Tables], T]) -> T:
        feed = self._begun()
        try:
            return await self._writer.ask(act)
        finally:
            feed.hint()

    def _begun(self) -> Feed:
        if self._closed:
            raise ControlStoreError("the control store is closed")
        if self._feed is None:
            self._feed = Feed(self._path, self._reader, self._writer)
        self._feed.start()
        return self._feed
