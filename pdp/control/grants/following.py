"""Brings the grants that hold to those who decide on this node, and tells them for how long they may rely on them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from google.protobuf.message import DecodeError

from pdp.control import layout, tasks
from pdp.control.grants.fence import FENCE_SECONDS, uptime
from pdp.control.kv.base import Event, KeyValueStore
from pdp.errors import CompactedError, ControlStoreError
from pdp.v1 import account_pb2

# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

_RETRY: Final = 0.5
_SHORTLY: Final = 0.1
"""How long what a look found to be missing may still be on its way."""


class GrantSink(Protocol):
    """Those who decide. INVARIANT: each method returns once all of them do as it says, or decide no more."""

    async def change(self, put: Sequence[account_pb2.ActiveGrant], gone: Sequence[str], revision: int) -> None:
        """Let these hold and those no more, which is how things were at a revision."""

    async def honour_until(self, nanos: int) -> None:
        """Honour grants of the control store until then, as `fence.uptime_nanos` tells it; 0 for not at all."""


class GrantFollower:
    """Follows from `start` to `stop`.

    `held_since` is `Presence.held_since`; `tell` has the node say soon what `revision` is; `told` hears of failures in
    words, and of their end by an empty text. `lease` is that of the node in seconds; `clock` tells the time by which
    grants end, in nanoseconds since 1970.
    """

    def __init__(
        self,
        store: KeyValueStore,
        sink: GrantSink,
        *,
        held_since: Callable[[], float],
        tell: Callable[[], None],
        poll: float,
        lease: float,
        uptime: Callable[[], float] = uptime,
        told: Callable[[str], None] = lambda words: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._sink = sink
        self._held_since = held_since
        self._tell = tell
        self._poll = poll
        self._fence = min(lease, FENCE_SECONDS)
        self._uptime = uptime
        self._told = told
        self._clock = clock
        self._lock = asyncio.Lock()
        self._moved = asyncio.Event()
        # When each grant was last changed, and how often any was: what the store said of it.
        self._known: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._looked = 0.0
        self._version = -1
        self._seen = 0
        self._until = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self.revision = 0
        """The state that all decide by; 0 for none."""
        self.expired = 0
        """How many grants ran out while they were followed."""

    @property
    def count(self) -> int:
        """How many grants hold, as far as this node knows."""
        now = self._clock()
        return sum(1 for grant_id in self._known if self._ends.get(grant_id, 0) > now)

    @property
    def look_age(self) -> float | None:
        """How many seconds ago the last look was, that found the store and missed nothing; None before the first."""
        return max(self._uptime() - self._looked, 0.0) if self._looked else None

    @property
    def is_honouring(self) -> bool:
        """Whether grants count on this node now."""
        return self._uptime() < self._until

    def start(self) -> None:
        """Follow from now on."""
        self._tasks = [asyncio.create_task(self._keep_on(work)) for work in (self._follow, self._watch)]

    async def stop(self) -> None:
        """Follow nothing more; nothing is honoured from now on."""
        await tasks.end(self._tasks)
        self._until = 0.0
        await self._sink.honour_until(0)

    async def look(self) -> None:
        """See that nothing is missing, and honour grants for a while longer. Raises ControlStoreError."""
        held = self._held_since()
        if not held:
            # INVARIANT: nothing is honoured before the node has told that it is there; see `fence`.
            return
        began = self._uptime()
        before = self._version
        item = await self._store.get(layout.GRANTED)
        version = 0 if item is None else item.version
        if before >= 0:
            await self._wait_for(version)
        # A count that goes back is that of a store which was put back.
        if version > self._version or version < before:
            async with self._lock:
                await self._read()
        self._looked = began
        until = min(began, held) + self._fence
        if until > self._uptime():
            self._until = until
            await self._sink.honour_until(int(until * 1e9))

    async def _follow(self) -> None:
        try:
            await self.look()
        except (ControlStoreError, CompactedError) as error:
            if not self.is_honouring:
                self._told(str(error))
            await asyncio.sleep(min(_RETRY, self._poll))
            return
        if self.is_honouring:
            self._told("")
        if not self._held_since():
            await asyncio.sleep(min(0.05, self._poll))
            return
        # Jittered, so that the nodes of a cluster do not all ask at once.
        every = min(self._poll, self._fence / 4)
        await asyncio.sleep(every * _RANDOM.uniform(0.75, 1.25))

    async def _wait_for(self, version: int) -> None:
        end = self._uptime() + _SHORTLY
        while self._version < version and (left := end - self._uptime()) > 0:
            self._moved.clear()
            await tasks.wait(self._moved, left)

    async def _watch(self) -> None:
        try:
            if self._version < 0:
                async with self._lock:
                    await self._read()
            async with contextlib.aclosing(self._store.watch(layout.ACTIVE, self._seen)) as events:
                async for found in events:
                    async with self._lock:
                        await self._take(found)
        except CompactedError:
            async with self._lock:
                await self._read()
        except ControlStoreError:
            # It is a hint only: what it missed the next look finds.
            await asyncio.sleep(_RETRY)

    async def _read(self) -> None:
        """Read all there is, and hand on what is otherwise than known."""
        known: dict[str, int] = {}
        put: list[account_pb2.ActiveGrant] = []
        after, at, version = "", 0, 0
        while True:
            page = await self._store.range(layout.ACTIVE, after=after, revision=at)
            for item in page.items:
                if item.key == layout.GRANTED:
                    version = item.version
                    continue
                grant_id = item.key.removeprefix(layout.ACTIVE)
                known[grant_id] = item.modified
                if self._known.get(grant_id) != item.modified and (active := _active(item.value)) is not None:
                    put.append(active)
            at = page.revision
            if not page.more:
                break
            after = page.items[-1].key
        gone = [grant_id for grant_id in self._known if grant_id not in known]
        await self._hand_on(put, gone, at)
        self._known, self._version, self._seen = known, version, at
        self._moved.set()

    async def _take(self, events: Sequence[Event]) -> None:
        """Hand on what one revision changed."""
        revision = events[0].revision
        if revision <= self._seen:
            return
        put: list[account_pb2.ActiveGrant] = []
        gone: list[str] = []
        changes = 0
        for event in events:
            if event.key == layout.GRANTED:
                changes += 1
            elif event.value is None:
                gone.append(event.key.removeprefix(layout.ACTIVE))
            elif (active := _active(event.value)) is not None:
                put.append(active)
        await self._hand_on(put, gone, revision)
        for active in put:
            self._known[active.grant.id] = revision
        for grant_id in gone:
            self._known.pop(grant_id, None)
        # INVARIANT: a change that a watch swallowed is missing here, so that the next look reads all.
        self._version += changes
        self._seen = revision
        self._moved.set()

    async def _hand_on(
        self, put: Sequence[account_pb2.ActiveGrant], gone: Sequence[str], revision: int
    ) -> None:  # fmt: skip
        await self._sink.change(put, gone, revision)
        self.revision = revision
        now = self._clock()
        self._ends.update({active.grant.id: active.grant.expires_at_nanos for active in put})
        self.expired += sum(1 for grant_id in gone if self._ends.pop(grant_id, now + 1) <= now)
        if gone:
            # Somebody may wait for it.
            self._tell()

    async def _keep_on(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # a node must not cease to follow; what it does not know it does not honour
                self._told(f"following grants failed: {type(error).__name__}: {error}")
                await asyncio.sleep(_RETRY)


def _active(value: bytes) -> account_pb2.ActiveGrant | None:
    try:
        return account_pb2.ActiveGrant.FromString(value)
    except DecodeError:
        return None  # what cannot be read is not honoured
