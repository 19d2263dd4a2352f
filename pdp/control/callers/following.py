"""Brings the managed callers to those who judge calls on this node, at once; what a watch misses, within a second.

Unlike grants they go on counting while the store is away: a bank's systems must be let in then too. So a node that is
cut off lets in whom it knew last, until it hears of the store again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pdp.control import layout, tasks
from pdp.control.callers.book import Mark, read_all
from pdp.control.callers.last_known import LastKnown
from pdp.control.kv.base import KeyValueStore
from pdp.errors import BlobError, CompactedError, ControlStoreError, RefusedError
from pdp.v1 import caller_pb2

# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

_RETRY: Final = 0.5
_MOST_POLL: Final = 0.75
"""With its jitter less than a second, whatever the settings say: a revoked token may hold so long if a watch fails."""

CallerSink = Callable[[Sequence[caller_pb2.Caller]], Awaitable[None]]
"""Lets these managed callers call, and no other ones; returns once all who judge calls do so."""


class CallerFollower:
    """Follows from `start` to `stop`. `told` hears of failures in words, and of their end by an empty text."""

    def __init__(
        self,
        store: KeyValueStore,
        sink: CallerSink,
        kept: LastKnown,
        *,
        poll: float,
        told: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._store = store
        self._sink = sink
        self._kept = kept
        self._poll = min(poll, _MOST_POLL)
        self._told = told
        self._lock = asyncio.Lock()
        self._hint = asyncio.Event()
        # None before the store was asked.
        self._mark: Mark | None = None
        self._callers: Sequence[caller_pb2.Caller] = ()
        self._is_kept = True
        self._tasks: list[asyncio.Task[None]] = []

    async def recover(self, within: float) -> None:
        """Let in whom the store knows, or, when it does not answer in so many seconds, whom this node knew last.

        INVARIANT: the sink has heard of callers when this returns, if only of none: who may call is never open.
        """
        try:
            async with asyncio.timeout(within):
                await self.look()
        except (ControlStoreError, BlobError, CompactedError, TimeoutError) as error:
            words = str(error) or "no answer"
            known: Sequence[caller_pb2.Caller] = ()
            try:
                known = await asyncio.to_thread(self._kept.read)
            except RefusedError as damaged:
                words = f"{words}; {damaged}"
            await self._sink(known)
            self._told(words)

    def start(self) -> None:
        """Follow from now on."""
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Follow nothing more; who may call goes on."""
        await tasks.end(self._tasks)

    async def look(self) -> None:
        """See that nothing is missing. Raises ControlStoreError, BlobError and CompactedError."""
        async with self._lock:
            item = await self._store.get(layout.CALLERS_CHANGED)
            if self._mark != Mark.of(item):
                known = await read_all(self._store)
                self._callers = list(known.callers.values())
                await self._sink(self._callers)
                self._mark, self._is_kept = known.mark, False
            if not self._is_kept:
                try:
                    await asyncio.to_thread(self._kept.write, self._callers)
                except OSError as error:
                    # They count all the same, and the next look tries again.
                    reason = (error.strerror or str(error)).lower()
                    self._told(f"cannot keep the callers in `{self._kept.path}`: {reason}")
                    return
                self._is_kept = True
        self._told("")

    async def _follow(self) -> None:
        while True:
            self._hint.clear()
            try:
                await self.look()
            except (ControlStoreError, BlobError, CompactedError) as error:
                self._told(str(error))
                await asyncio.sleep(min(_RETRY, self._poll))
            except Exception as error:  # a node must not cease to follow
                self._told(f"{type(error).__name__}: {error}")
                await asyncio.sleep(_RETRY)
            # Jittered, so that the nodes of a cluster do not all ask at once.
            await tasks.wait(self._hint, self._poll * _RANDOM.uniform(0.75, 1.25))

    async def _watch(self) -> None:
        while True:
            # It is a hint only: what it missed the next look finds.
            with contextlib.suppress(ControlStoreError, CompactedError):
                after = await self._store.revision()
                self._hint.set()
                async with contextlib.aclosing(self._store.watch(layout.CALLERS_CHANGED, after)) as events:
                    async for _ in events:
                        self._hint.set()
            await asyncio.sleep(_RETRY)
