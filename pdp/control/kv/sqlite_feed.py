"""Notices what any process commits to the embedded store, reads it once and hands it to all watches.

The system's file events make it quick; asking SQLite whether the file changed, ten times a second, is the guarantee.
It also ends leases when nobody else does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from watchfiles import awatch

from pdp.control.kv.base import Event
from pdp.control.kv.sqlite_tables import Changes
from pdp.control.kv.sqlite_worker import Worker
from pdp.errors import CompactedError, ControlStoreError

POLL_SECONDS: Final = 0.1
SWEEP_SECONDS: Final = 0.5
# A burst of file events counts as one once it is quiet for the step, at the latest after the debounce (ms).
_STEP, _DEBOUNCE = 25, 50
_EVENTS_MS: Final = 1_000


class _News:
    """Something to wait for: there is more to read, or the store failed."""

    def __init__(self) -> None:
        self.come = asyncio.Event()
        self.error: ControlStoreError | None = None


class Feed:
    """The changes of a store, as they come, within one event loop."""

    def __init__(self, path: Path, reader: Worker, writer: Worker) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer
        # Where the watches' common reading has come to; None while nobody watches.
        self._head: int | None = None
        self._latest = Changes(0, 0, ())
        self._stale = True
        self._news = _News()
        self._hint = asyncio.Event()
        self._stop = asyncio.Event()
        self._watchers = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._is_listening = False

    def start(self) -> None:
        """Begin to look after leases, if that has not begun."""
        if not self._tasks and not self._stop.is_set():
            self._tasks += [asyncio.create_task(self._live()), asyncio.create_task(self._sweep())]

    def hint(self) -> None:
        """Look at once: there may be something new."""
        self._hint.set()

    async def close(self) -> None:
        """End all watches."""
        self._stop.set()
        self._hint.set()
        self._news.come.set()
        await asyncio.gather(*self._tasks)

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        """See `KeyValueStore.watch`."""
        self.start()
        self._watchers += 1
        self._hint.set()
        try:
            # The first look is by itself: the others' news may be of another time.
            changes = await self._reader.ask(lambda tables: tables.changes(prefix, after))
            if not self._is_listening and not self._stop.is_set():
                self._is_listening = True
                self._tasks.append(asyncio.create_task(self._listen()))
            while not self._stop.is_set():
                for events in changes.revisions:
                    yield events
                after = max(after, changes.upto)
                found = await self._next(prefix, after)
                if found is None:
                    return
                changes = found
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._head, self._latest, self._stale = None, Changes(0, 0, ()), True

    async def _next(self, prefix: str, after: int) -> Changes | None:
        """Return the next changes, once there are some; None when the store is closed."""
        while not self._stop.is_set():
            news, latest = self._news, self._latest
            if latest.after <= after < latest.upto:
                revisions = (
                    [event for event in events if event.key.startswith(prefix)]
                    for events in latest.revisions
                    if events[0].revision > after
                )
                return Changes(after, latest.upto, [events for events in revisions if events])
            if self._head is not None and after < self._head:
                # Slow, or behind from the start: it reads by itself, at its own pace.
                return await self._reader.ask(lambda tables: tables.changes(prefix, after))
            await news.come.wait()
            if news.error is not None:
                raise ControlStoreError(str(news.error)) from news.error
        return None

    async def _live(self) -> None:
        while not self._stop.is_set():
            self._hint.clear()
            try:
                if self._watchers:
                    await self._look()
            except ControlStoreError as error:
                # What was given up may have taken note of a change all the same.
                self._stale = True
                self._tell(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), POLL_SECONDS if self._watchers else None)

    async def _sweep(self) -> None:
        while not self._stop.is_set():
            # Whoever writes ends what is over its time as well, and hears of a fault; here it is tried again.
            with contextlib.suppress(ControlStoreError):
                if await self._reader.ask(lambda tables: tables.is_due()):
                    await self._writer.ask(lambda tables: tables.sweep())
                    self._hint.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), SWEEP_SECONDS)

    async def _look(self) -> None:
        """Take up what is new, until nothing is."""
        self._stale = await self._reader.ask(lambda tables: tables.is_changed()) or self._stale
        while self._stale and self._watchers and not self._stop.is_set():
            changes = await self._read(self._head)
            # Whoever was last to watch may have left meanwhile.
            self._stale = not self._watchers or changes.upto != self._head
            if self._stale and self._watchers:
                self._head, self._latest = changes.upto, changes
                self._tell(None)

    async def _read(self, head: int | None) -> Changes:
        if head is not None:
            after = head
            with contextlib.suppress(CompactedError):
                return await self._reader.ask(lambda tables: tables.changes("", after))
        # From here on; each watch reads by itself what came before, or finds that it is forgotten.
        head = await self._reader.ask(lambda tables: tables.revision())
        return Changes(head, head, ())

    def _tell(self, error: ControlStoreError | None) -> None:
        news, self._news = self._news, _News()
        news.error = error
        news.come.set()

    async def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                events = awatch(
                    self._path.parent, watch_filter=None, recursive=False, stop_event=self._stop, step=_STEP,
                    debounce=_DEBOUNCE, yield_on_timeout=True, rust_timeout=_EVENTS_MS,
                )  # fmt: skip
                async with contextlib.aclosing(events):
                    async for changes in events:
                        if changes:
                            self._hint.set()
            except (OSError, RuntimeError):
                # No file events here: the looks that come anyway do without.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 10)
