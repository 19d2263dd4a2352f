"""What a node says of itself in the control store, under a lease that ends with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError

from pdp.control import layout
from pdp.control.grants.fence import uptime
from pdp.control.kv.base import KeyValueStore, Put
from pdp.errors import LeaseEndedError
from pdp.v1 import control_pb2

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is, for one life of it. `boot` has 16 hexadecimal digits; `started_nanos` counts from 1970."""

    name: str
    boot: str
    address: str
    version: str
    started_nanos: int
    labels: Mapping[str, str] = field(default_factory=dict)


class Presence:
    """Tells how a node is. `taken` hears, once, that another running node has the same name."""

    def __init__(self, store: KeyValueStore, name: str, lease_seconds: int, taken: Callable[[], None]) -> None:
        self._store = store
        self._name = name
        self._seconds = lease_seconds
        self._taken = taken
        self._told = False
        self._lost = False
        self._known: tuple[object, ...] = ()
        self.lease = 0
        self.held_since = 0.0
        """When it last began to renew the lease under which it stands there, as `fence.uptime` tells; 0 for none."""

    async def tell(self, status: control_pb2.NodeStatus) -> None:
        """Renew the lease, or get another, and write the status. Raises ControlStoreError."""
        since = uptime()
        if self.lease and not await self._store.renew(self.lease):
            self.lease = 0
        await self._look_for_another(status.boot)
        known = (status.boot, status.revision, status.bundle_hash, status.refused_revision, status.refused_code)
        data = status.SerializeToString()
        for last in range(_TRIES - 1, -1, -1):
            if not self.lease:
                since = uptime()
                self.lease = await self._store.grant(self._seconds)
            changes = [Put(layout.node_key(self._name), data, self.lease)]
            if known != self._known:
                changes.append(Put(layout.known_key(self._name), data))
            try:
                await self._store.commit([], changes)
            except LeaseEndedError:
                self.lease = 0
                if not last:
                    raise
            else:
                break
        self._told, self._known = True, known
        self.held_since = since

    async def leave(self) -> None:
        """End the lease, so that all see at once that the node is gone. Raises ControlStoreError."""
        lease, self.lease = self.lease, 0
        self.held_since = 0.0
        if lease:
            await self._store.revoke(lease)

    async def _look_for_another(self, boot: str) -> None:
        # What an earlier life of this node left is written over by the first word of this one.
        if not self._told or self._lost:
            return
        found = await self._store.get(layout.node_key(self._name))
        try:
            other = "" if found is None else control_pb2.NodeStatus.FromString(found.value).boot
        except DecodeError:
            return
        if other and other != boot:
            self._lost = True
            self._taken()
