"""A small world of nodes, disks and a store of records in which clients report and things go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pdp.control import layout
from pdp.control.kv.base import Committed, Delete, Event, KeyValue, KeyValueStore, Page, Put, Unchanged
from pdp.control.reports import PATIENCE_NANOS, Recorded, ReportBook, ReportedRecord
from pdp.control.reports import Event as Reported
from pdp.errors import (
    AccessDeniedError,
    ControlStoreError,
    LimitError,
    OutOfSequenceError,
    SpoolError,
    StoreError,
    UnsettledError,
)

KIND: Final = "fallbacks"
REFUSED = (ControlStoreError, SpoolError, StoreError, UnsettledError)
__all__ = ["AccessDeniedError", "LimitError", "OutOfSequenceError"]


class Crash(Exception):
    """The node dies here."""


def reported(client: str, number: int, items: int = 1) -> Reported:
    """An event with some records."""
    ids = [f"{client}-f{number}-{place}" for place in range(items)]
    return Reported(number, [ReportedRecord(i, "long", json.dumps({"id": i}).encode()) for i in ids])


def repeating(body: bytes, whose: str) -> bytes:
    return json.dumps(json.loads(body) | {"repeats": whose}).encode()


@dataclass
class World:
    """The store of records, and what lies on each node's disk: (life, record). `faults` say what the next calls do."""

    control: KeyValueStore
    shipped: list[dict[str, str]] = field(default_factory=list)
    disks: dict[str, list[tuple[str, dict[str, str]]]] = field(default_factory=lambda: defaultdict(list))
    nodes: dict[str, Node] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    now: int = 1
    lives: int = 0

    async def start(self, name: str) -> Node:
        """Begin a life of a node."""
        self.lives += 1
        node = self.nodes[name] = Node(self, name, f"{self.lives:016x}")
        await self.control.commit([], [Put(layout.node_key(name), b"x")])
        return node

    async def leave(self, name: str) -> None:
        """Let a node go; what is on its disk stays there."""
        self.nodes.pop(name, None)
        await self.control.commit([], [Delete(layout.node_key(name))])

    def ship(self, name: str) -> None:
        """Bring what is on a node's disk into the store."""
        self.shipped += [record for _, record in self.disks.pop(name, [])]

    def later(self) -> None:
        """Let so much time pass that nobody waits any more."""
        self.now += PATIENCE_NANOS

    def fault(self) -> str:
        """Return what the next call does: nothing, fail before or after it is done, or kill the node then."""
        return self.faults.pop(0) if self.faults else ""

    def counted(self) -> Mapping[str, int]:
        """Return how often each id counts: those that may repeat others only where there is no other."""
        own: dict[str, int] = defaultdict(int)
        for record in self.shipped:
            own[record["id"]] += "repeats" not in record
        return {name: count or 1 for name, count in own.items()}


class Node:
    """One life of a node; it is its own evidence, and its own faulty connection to the control store."""

    def __init__(self, world: World, name: str, life: str) -> None:
        self._world = world
        self.name = name
        self.life = life
        self.book = ReportBook(_Faulty(world), name, life, self, clock=lambda: world.now, mark=repeating)

    async def append(self, records: Sequence[tuple[str, bytes]]) -> None:
        fault = self._world.fault()
        if fault == "die before":
            raise Crash
        if fault in ("fail before", "fail after"):
            raise SpoolError("no space left")
        await asyncio.sleep(0)  # as long as a disk takes, others go on
        self._world.disks[self.name] += [(self.life, json.loads(body)) for _, body in records]
        if fault == "die after":
            raise Crash

    async def has(self, record_id: str) -> bool:
        return any(record["id"] == record_id for record in self._world.shipped)

    async def has_leftovers(self) -> bool:
        return any(life != self.life for life, _ in self._world.disks[self.name])

    async def report(self, client: str, events: Sequence[Reported], caller: str = "counter") -> Recorded:
        try:
            return await self.book.record(KIND, client, caller, events)
        except Crash:
            self._world.nodes.pop(self.name, None)
            raise


class _Faulty:
    """A connection on which calls fail as the world wants."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get(self, key: str) -> KeyValue | None:
        with self._failing():
            return await self._world.control.get(key)

    async def commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> Committed:
        with self._failing():
            return await self._world.control.commit(conditions, changes)

    async def range(self, prefix: str, **options: Any) -> Page:
        return await self._world.control.range(prefix, **options)

    @contextlib.contextmanager
    def _failing(self) -> Any:
        fault = self._world.fault()
        if fault == "die before":
            raise Crash
        if fault == "fail before":
            raise ControlStoreError("away")
        yield
        if fault == "die after":
            raise Crash
        if fault == "fail after":
            raise ControlStoreError("no answer")

    async def revision(self) -> int:
        return await self._world.control.revision()

    def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        return self._world.control.watch(prefix, after)

    async def grant(self, seconds: int) -> int:
        return await self._world.control.grant(seconds)

    async def renew(self, lease: int) -> bool:
        return await self._world.control.renew(lease)

    async def revoke(self, lease: int) -> None:
        await self._world.control.revoke(lease)

    async def compact(self, revision: int) -> None:
        await self._world.control.compact(revision)

    async def close(self) -> None:
        return
