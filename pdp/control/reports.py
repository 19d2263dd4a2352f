"""Records what clients report exactly once, whichever node they report to and whatever is lost on the way.

A client numbers what it reports. A mark in the control store says up to which number it is recorded. Before a node
records, it writes there what it is about to record (an intent); afterwards it moves the mark. An intent that is still
there tells that nobody knows yet:

| whose it is | what became of it |
|---|---|
| this life of this node | known here |
| an earlier life of this node | its spool is shipped, and the store has the record or nobody will ever have it |
| another node that lives | it finds out itself, and the client is asked to wait |
| a node that is gone | what the store does not have may still lie on that node's disk |

Only the last leaves a doubt. The client's report is then recorded here, each record saying whose it may repeat, with
the same id. Should that node come back and bring its own, its record counts and this one does not (`may_repeat`).
docs/adr/0025-reports-once.md says why it is so.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from pdp.control import keeping, layout, tasks
from pdp.control.kv.base import Delete, KeyValue, KeyValueStore, Put, Unchanged
from pdp.errors import (
    AccessDeniedError,
    ControlStoreError,
    LimitError,
    OutOfSequenceError,
    PdpError,
    UnsettledError,
)
from pdp.v1 import control_pb2
from pdp.values import NANOS

PATIENCE_NANOS: Final = 3_600 * NANOS
"""For so long others wait for whoever was about to record; then it counts as gone."""
SETTLE_SECONDS: Final = 1.0
MOST_CLIENTS: Final = 50_000
"""Of one caller: each has a mark in the control store, which is small, and a client's id is whatever it says."""
_PAGE: Final = 500


class ReportedRecord(NamedTuple):
    """A record of an event: its id, its retention class, and a serialized `snapshot_pb2.Record`."""

    id: str
    retention: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """What a client reports under one number; no records for one of which it has nothing left but the number."""

    number: int
    records: Sequence[ReportedRecord] = ()


class Evidence(Protocol):
    """Where records go, and whether they came there."""

    async def append(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Make (retention, record) durable, all or none. Raises SpoolError, and then none ever counts."""

    async def has(self, record_id: str) -> bool:
        """Whether the store has a record. Raises StoreError."""

    async def has_leftovers(self) -> bool:
        """Whether this node holds records of earlier lives that are not in the store yet. Raises OSError."""


class Recorded(NamedTuple):
    """What became of a report: the number up to which all is recorded, and the events that were now."""

    through: int
    taken: Sequence[Event]


class _Fate(enum.Enum):
    RECORDED = 1
    LOST = 2
    DOUBTFUL = 3


class ReportBook:
    """Takes reports for one life of one node. `mark` returns a record that says whose it may repeat."""

    def __init__(
        self,
        store: KeyValueStore,
        node: str,
        life: str,
        evidence: Evidence,
        *,
        clock: Callable[[], int],
        mark: Callable[[bytes, str], bytes],
    ) -> None:
        self._store = store
        self._node = node
        self._life = life
        self._evidence = evidence
        self._clock = clock
        self._mark = mark
        # By key the lock and how many hold it or wait for it.
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        # What this life has recorded while the mark has not moved: number and time of the intent, by key.
        self._appended: dict[str, tuple[int, int]] = {}
        self._unsettled: set[str] = set()
        # The marks of each caller, as far as this node has heard of them.
        self._marked: dict[str, set[str]] = {}
        self._knows_marks = False
        self._wake = asyncio.Event()
        self._settling: asyncio.Task[None] | None = None

    async def record(self, kind: str, client: str, caller: str, events: Sequence[Event]) -> Recorded:
        """Record the events that are not yet, in their order; their numbers ascend without a gap.

        Raises OutOfSequenceError, AccessDeniedError when another system reports as this client, LimitError when the
        caller has too many clients, UnsettledError when somebody else has to find something out first,
        ControlStoreError, StoreError, OSError and SpoolError. Whatever is raised, the same may be reported again.
        """
        key = layout.report_key(kind, client)
        async with self._alone(key):
            while True:
                try:
                    return await self._record(key, caller, events)
                except keeping.Stale:
                    continue  # another node was first

    def start(self) -> None:
        """Find out in the background what became of what earlier lives of this node were about to record."""
        self._settling = asyncio.create_task(self._settle_on())

    async def stop(self) -> None:
        """Find out nothing more."""
        if self._settling is not None:
            await tasks.end((self._settling,))

    async def forget(self, before: int) -> int:
        """Remove the marks of clients that have reported nothing since a time; return how many. Raises
        ControlStoreError.
        """
        gone = 0
        async for item in self._marks():
            mark = control_pb2.ReportMark.FromString(item.value)
            if mark.time_nanos < before and not mark.HasField("intent"):
                done = await self._store.commit([Unchanged(item.key, item.modified)], [Delete(item.key)])
                gone += done.succeeded
                self._marked.get(mark.caller, set()).discard(item.key)
        return gone

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """Let one at a time be at a client's reports of a kind."""
        # INVARIANT: a lock that somebody waits for stays the one: it is free for a moment before the next one has it,
        # and whoever found an intent of this life while another was at it would record the same again.
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            _, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1

    async def _record(self, key: str, caller: str, events: Sequence[Event]) -> Recorded:
        item = await self._store.get(key)
        mark = control_pb2.ReportMark() if item is None else control_pb2.ReportMark.FromString(item.value)
        if item is not None and mark.caller != caller:
            raise AccessDeniedError("another system reports as this client; give each client a state folder of its own")
        self._count(key, caller)
        if mark.HasField("intent"):
            self._apply(mark, await self._fate(key, mark.intent))
        through = mark.recorded_through
        if events[0].number > through + 1:
            raise OutOfSequenceError(through + 1)
        taken = [event for event in events if event.number > through]
        if not taken:
            return Recorded(through, ())
        mark.caller = caller
        records = self._bodies(taken, mark.doubts)
        if records:
            item = await self._intend(key, item, mark, taken)
            await self._evidence.append(records)
            self._appended[key] = mark.intent.through, mark.intent.time_nanos
        mark.ClearField("intent")
        self._move(mark, taken[-1].number)
        try:
            await self._write(key, item, mark)
        except (ControlStoreError, keeping.Stale):
            if records:
                self._unsettled.add(key)
                self._wake.set()
            raise
        self._appended.pop(key, None)
        return Recorded(mark.recorded_through, taken)

    def _count(self, key: str, caller: str) -> None:
        """Take note of a client of a caller. Raises LimitError."""
        marked = self._marked.setdefault(caller, set())
        if key not in marked and len(marked) >= MOST_CLIENTS:
            raise LimitError(
                f"the caller `{caller}` reports as {MOST_CLIENTS} clients already; let each keep its state folder"
            )
        marked.add(key)

    async def _intend(
        self, key: str, item: KeyValue | None, mark: control_pb2.ReportMark, taken: Sequence[Event]
    ) -> KeyValue:
        first = next(record.id for event in taken for record in event.records)
        mark.intent.CopyFrom(
            control_pb2.ReportIntent(
                through=taken[-1].number, node=self._node, boot=self._life, record_id=first, time_nanos=self._clock()
            )
        )
        return await self._write(key, item, mark)

    def _bodies(self, events: Sequence[Event], doubts: Sequence[control_pb2.ReportIntent]) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for event in events:
            # The last one stands for all: whoever reads looks for the id, wherever else it is.
            repeats = [f"{doubt.node}/{doubt.boot}" for doubt in doubts if event.number <= doubt.through][-1:]
            found += [
                (record.retention, self._mark(record.body, repeats[0]) if repeats else record.body)
                for record in event.records
            ]
        return found

    async def _write(self, key: str, item: KeyValue | None, mark: control_pb2.ReportMark) -> KeyValue:
        """Write a mark in place of what was read. Raises Stale and ControlStoreError."""
        put = Put(key, mark.SerializeToString(deterministic=True))
        done = await keeping.commit(
            self._store, [Unchanged(key, 0 if item is None else item.modified)], [put], witness=put
        )
        return KeyValue(key, put.value, 0, 0, done.revision)

    def _move(self, mark: control_pb2.ReportMark, through: int) -> None:
        mark.recorded_through = max(mark.recorded_through, through)
        mark.time_nanos = self._clock()
        left = [doubt for doubt in mark.doubts if doubt.through > mark.recorded_through]
        del mark.doubts[:]
        mark.doubts.extend(left)

    def _apply(self, mark: control_pb2.ReportMark, fate: _Fate) -> None:
        if fate is _Fate.RECORDED:
            self._move(mark, mark.intent.through)
        elif fate is _Fate.DOUBTFUL:
            mark.doubts.append(mark.intent)
        mark.ClearField("intent")

    async def _fate(self, key: str, intent: control_pb2.ReportIntent) -> _Fate:
        """Return what became of an intent. Raises UnsettledError while that will still show."""
        if (intent.node, intent.boot) == (self._node, self._life):
            recorded = self._appended.get(key) == (intent.through, intent.time_nanos)
            return _Fate.RECORDED if recorded else _Fate.LOST
        own = intent.node == self._node
        # INVARIANT: before the store is asked. What is shipped in between is in the store then.
        if own:
            may_come = await self._evidence.has_leftovers()
        else:
            may_come = await self._store.get(layout.node_key(intent.node)) is not None
        if await self._evidence.has(intent.record_id):
            return _Fate.RECORDED
        if may_come and self._clock() - intent.time_nanos < PATIENCE_NANOS:
            raise UnsettledError(f"the node `{intent.node}` was about to record this; try again in a moment")
        return _Fate.LOST if own and not may_come else _Fate.DOUBTFUL

    async def settle(self) -> bool:
        """Find out what can be found out now of what this node left behind; return whether that was all.

        Raises ControlStoreError, StoreError and OSError.
        """
        if not self._knows_marks:
            async for item in self._marks():
                mark = control_pb2.ReportMark.FromString(item.value)
                self._marked.setdefault(mark.caller, set()).add(item.key)
                if mark.intent.node == self._node:
                    self._unsettled.add(item.key)
            self._knows_marks = True
        for key in sorted(self._unsettled):
            await self._settle(key)
        return not self._unsettled

    async def _settle_on(self) -> None:
        while True:
            is_all = False
            # It is tried again, and whoever reports hears of it.
            with contextlib.suppress(PdpError, OSError):
                self._wake.clear()
                is_all = await self.settle()
            if is_all:
                await self._wake.wait()
            else:
                await asyncio.sleep(SETTLE_SECONDS)

    async def _settle(self, key: str) -> None:
        async with self._alone(key):
            item = await self._store.get(key)
            mark = control_pb2.ReportMark() if item is None else control_pb2.ReportMark.FromString(item.value)
            if mark.intent.node == self._node:
                try:
                    self._apply(mark, await self._fate(key, mark.intent))
                    await self._write(key, item, mark)
                except (UnsettledError, keeping.Stale):
                    return
            self._appended.pop(key, None)
            self._unsettled.discard(key)

    async def _marks(self) -> AsyncIterator[KeyValue]:
        after, revision = "", 0
        while True:
            page = await self._store.range(layout.REPORTS, after=after, limit=_PAGE, revision=revision)
            for item in page.items:
                yield item
            if not page.more:
                return
            after, revision = page.items[-1].key, page.revision
