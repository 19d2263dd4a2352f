"""How all nodes stand: the reading side of what they say of themselves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.control import layout, tasks
from pdp.control.kv.base import Delete, KeyValue, KeyValueStore, Unchanged
from pdp.control.published import Published
from pdp.control.wanted import is_concerned, wanted
from pdp.errors import BlobError, CompactedError, ControlStoreError, NotFoundError, WrongStateError
from pdp.v1 import cluster_service_pb2, control_pb2

# Every node speaks several times a lease: looking at each word would be for nothing.
_PACE: Final = 0.1
_POLL: Final = 2.0
_RETRY: Final = 0.5

Health = cluster_service_pb2.NodeHealth
_EXCUSED: Final = frozenset({cluster_service_pb2.NODE_HEALTH_LOST, cluster_service_pb2.NODE_HEALTH_DRAINING})


@dataclass(frozen=True, slots=True)
class View:
    """All nodes by name, at one time; `number` grows whenever something changed that is more than load."""

    nodes: Sequence[cluster_service_pb2.Node] = ()
    head: control_pb2.Head | None = None
    rollout: control_pb2.Rollout | None = None
    number: int = 0


class Reached(NamedTuple):
    """How nodes stand to a revision; `is_published` tells whether any node should decide by it or a higher one yet."""

    reached: Sequence[cluster_service_pb2.Node]
    missing: Sequence[cluster_service_pb2.Node]
    excused: Sequence[cluster_service_pb2.Node]
    is_published: bool

    @property
    def converged(self) -> bool:
        """Whether all that are waited for decide by it, and there are some: nodes that begin have told nothing yet."""
        return self.is_published and bool(self.reached) and not self.missing


class Nodes:
    """Looks at nodes. `start` begins to follow them, without which it is not known how long ago each spoke.

    `monotonic` and `now` are the clocks of ages.
    """

    def __init__(
        self,
        store: KeyValueStore,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._published = Published(store)
        self._monotonic = monotonic
        self._now = now
        self._heard: dict[str, tuple[int, float]] = {}
        self._view = View()
        self._told: object = None
        self._looking = asyncio.Lock()
        self._changed = asyncio.Event()
        self._hint = asyncio.Event()
        self._seen = monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def view(self) -> View:
        """What was seen last."""
        return self._view

    def store_age(self) -> float:
        """Return how many seconds ago the store was seen."""
        return max(self._monotonic() - self._seen, 0.0)

    def start(self) -> None:
        """Follow the nodes from now on."""
        self._seen = self._monotonic()
        keys = (layout.NODES, layout.KNOWN, layout.HEAD, layout.ROLLOUT)
        self._tasks = [asyncio.create_task(self._follow()), *(asyncio.create_task(self._watch(key)) for key in keys)]

    async def stop(self) -> None:
        """Follow nothing more."""
        await tasks.end(self._tasks)

    async def look(self) -> View:
        """Return how all nodes stand now. Raises ControlStoreError and BlobError."""
        async with self._looking:
            # INVARIANT: `wanted` tells why the rollout comes first; nodes last, so that none is ahead of what is known,
            # and those that live after those that are known, or one that begins meanwhile would seem lost.
            rollout = await self._published.rollout()
            head = await self._published.head()
            known = {item.key.removeprefix(layout.KNOWN): item for item in await self._all(layout.KNOWN)}
            live = {item.key.removeprefix(layout.NODES): item for item in await self._all(layout.NODES)}
            self._seen = self._monotonic()
            self._hear(live)
            nodes = tuple(self._nodes(live, known, head, rollout))
            told = (_serialized(head), _serialized(rollout), [_lasting(node) for node in nodes])
            changed = told != self._told
            self._view = View(nodes, head, rollout, self._view.number + changed)
            self._told = told
            if changed:
                # Who waits holds the event of before.
                self._changed.set()
                self._changed = asyncio.Event()
            return self._view

    async def statuses(self) -> list[control_pb2.NodeStatus]:
        """Return what the nodes that live say of themselves, by name. Raises ControlStoreError and BlobError."""
        view = await self.look()
        return [node.status for node in view.nodes if node.health != cluster_service_pb2.NODE_HEALTH_LOST]

    async def next(self, after: int, within: float) -> View:
        """Return the view once its number is higher than `after`, at the latest after `within` seconds.

        Raises ControlStoreError and BlobError when the store cannot be looked at.
        """
        end = self._monotonic() + within
        while self._view.number <= after and (left := end - self._monotonic()) > 0:
            await tasks.wait(self._changed, min(left, _POLL))
        if self._view.number <= after:
            return await self.look()
        return self._view

    def reached(self, number: int, view: View) -> Reached:
        """Return how nodes stand to a revision."""
        head = 0 if view.head is None else view.head.revision
        rollout = view.rollout
        running = rollout is not None and rollout.state == control_pb2.ROLLOUT_STATE_RUNNING
        is_candidate = running and rollout is not None and rollout.revision == number
        reached, missing, excused = [], [], []
        for node in view.nodes:
            if node.health in _EXCUSED or (is_candidate and not is_concerned(node.status.labels, rollout)):
                excused.append(node)
            elif node.status.revision >= number:
                reached.append(node)
            else:
                missing.append(node)
        return Reached(reached, missing, excused, is_published=number <= head or is_candidate)

    async def find_lost(self, name: str) -> KeyValue:
        """Return what is known of a lost node. Raises NotFoundError, WrongStateError when it is not lost, and
        ControlStoreError.
        """
        known = await self._store.get(layout.known_key(name)) if layout.is_node_name(name) else None
        if known is None:
            raise NotFoundError(f"there is no node `{name[:64]}`")
        if await self._store.get(layout.node_key(name)) is not None:
            raise WrongStateError(f"node `{name}` is not lost: it lives, and would be back at once; stop it first")
        return known

    async def forget(self, known: KeyValue) -> None:
        """Forget a lost node that `find_lost` found. Raises WrongStateError when it is back, and ControlStoreError."""
        name = known.key.removeprefix(layout.KNOWN)
        done = await self._store.commit(
            [Unchanged(layout.node_key(name), 0), Unchanged(known.key, known.modified)], [Delete(known.key)]
        )
        if not done.succeeded:
            raise WrongStateError(f"node `{name}` is back, or somebody else has forgotten it; look again")
        self._hint.set()

    def _hear(self, live: Mapping[str, KeyValue]) -> None:
        now = self._monotonic()
        for name, item in live.items():
            heard = self._heard.get(name)
            # At the first look too: it lives, so it spoke within its lease, and its clock may be wrong.
            if heard is None or heard[0] != item.modified:
                self._heard[name] = (item.modified, now)

    def _since(self, item: KeyValue) -> float:
        status = _status(item)
        return 0.0 if status is None else max(self._now() - status.told_nanos, 0) / 1e9

    def _nodes(
        self,
        live: Mapping[str, KeyValue],
        known: Mapping[str, KeyValue],
        head: control_pb2.Head | None,
        rollout: control_pb2.Rollout | None,
    ) -> Iterator[cluster_service_pb2.Node]:
        now = self._monotonic()
        for name in sorted({*live, *known}):
            item = live.get(name) or known[name]
            status = _status(item) or control_pb2.NodeStatus(node=name)
            aim = wanted(status.labels, head, rollout)
            number = 0 if aim is None else aim.number
            heard = self._heard.get(name)
            age = now - heard[1] if heard is not None else self._since(item)
            yield cluster_service_pb2.Node(
                status=status, wanted=number, age_millis=max(int(age * 1000), 0),
                health=health_of(status, number) if name in live else cluster_service_pb2.NODE_HEALTH_LOST,
            )  # fmt: skip
        for name in set(self._heard) - {*live, *known}:
            del self._heard[name]

    async def _all(self, prefix: str) -> list[KeyValue]:
        found: list[KeyValue] = []
        after, revision = "", 0
        while True:
            page = await self._store.range(prefix, after=after, revision=revision)
            found += page.items
            if not page.more:
                return found
            after, revision = page.items[-1].key, page.revision

    async def _follow(self) -> None:
        while True:
            await tasks.wait(self._hint, _POLL)
            self._hint.clear()
            try:
                await self.look()
            except (ControlStoreError, BlobError, CompactedError):
                # The age of the store tells of it.
                await asyncio.sleep(_RETRY)
            await asyncio.sleep(_PACE)

    async def _watch(self, prefix: str) -> None:
        while True:
            with contextlib.suppress(ControlStoreError, CompactedError):
                after = await self._store.revision()
                self._hint.set()
                async with contextlib.aclosing(self._store.watch(prefix, after)) as events:
                    async for _ in events:
                        self._hint.set()
            await asyncio.sleep(_RETRY)


def health_of(status: control_pb2.NodeStatus, number: int) -> Health:
    """Return how a node that lives stands to the revision that it should decide by; 0 when there is none yet."""
    if status.draining:
        return cluster_service_pb2.NODE_HEALTH_DRAINING
    if not status.revision:
        return cluster_service_pb2.NODE_HEALTH_EMPTY
    if number and status.refused_revision == number:
        return cluster_service_pb2.NODE_HEALTH_REFUSING
    # A node may have seen more than whoever looks.
    if status.revision >= number:
        return cluster_service_pb2.NODE_HEALTH_CURRENT
    return cluster_service_pb2.NODE_HEALTH_BEHIND


def _status(item: KeyValue) -> control_pb2.NodeStatus | None:
    try:
        return control_pb2.NodeStatus.FromString(item.value)
    except DecodeError:
        return None


def _lasting(node: cluster_service_pb2.Node) -> bytes:
    """Return what of a node is more than load."""
    status = control_pb2.NodeStatus()
    status.CopyFrom(node.status)
    for field in ("load", "shadows", "told_nanos"):
        status.ClearField(field)
    return cluster_service_pb2.Node(status=status, health=node.health, wanted=node.wanted).SerializeToString(
        deterministic=True
    )


def _serialized(message: control_pb2.Head | control_pb2.Rollout | None) -> bytes | None:
    return None if message is None else message.SerializeToString(deterministic=True)
