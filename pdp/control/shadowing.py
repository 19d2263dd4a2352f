"""On the nodes of a rollout: the revision in force decides beside the candidate, and what differs is counted."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from pdp.control import layout
from pdp.control.applying import Applier, Applying
from pdp.control.kv.base import KeyValueStore
from pdp.control.presence import Identity
from pdp.control.wanted import Wanted, is_concerned
from pdp.errors import RefusedError, WorkerError
from pdp.v1 import control_pb2


class Shadowing:
    """One node's part of the comparison."""

    def __init__(self, store: KeyValueStore, applying: Applying, applier: Applier, identity: Identity) -> None:
        self._store = store
        self._applying = applying
        self._applier = applier
        self._node, self._labels = identity.name, identity.labels
        self._aim: tuple[Wanted, float] | None = None
        self._set = False
        self._beside = 0

    @property
    def runs(self) -> bool:
        """Whether this node compares now."""
        return self._set

    async def follow(self, head: control_pb2.Head | None, rollout: control_pb2.Rollout | None) -> str:
        """Compare with what is in force while this node decides by a candidate, else not; return what is wrong.

        Raises ControlStoreError.
        """
        aim = self._wanted(head, rollout)
        if aim == self._aim:
            return ""
        if aim is None:
            if self._set:
                await self._applier.set_shadow(None, 0.0)
            self._aim, self._set, self._beside = None, False, 0
            return ""
        beside, sample = aim
        try:
            signed = await self._applying.fetch(beside)
        except RefusedError as error:
            # The candidate decides all the same; there is nothing to compare it with.
            self._aim = aim
            return f"no comparison with revision {beside.number}: {error}"
        self._aim = aim
        try:
            await self._applier.set_shadow(signed, sample)
        except WorkerError as error:
            return f"no comparison with revision {beside.number}: {error}"
        self._set, self._beside = True, beside.number
        return ""

    async def too_different(self, rollout: control_pb2.Rollout) -> str:
        """Return why the candidate should be taken back: the counts of all its nodes; empty while they do not say so.

        Raises ControlStoreError.
        """
        if not self._set or rollout.max_difference >= 1:
            return ""
        compared = differing = 0
        for count in [*self._applier.shadows(), *await self._of_others(rollout)]:
            if count.revision == self._beside:
                compared += count.compared
                differing += count.differing
        if not compared or compared < rollout.min_compared or differing <= rollout.max_difference * compared:
            return ""
        return (
            f"{differing} of {compared} compared decisions differ ({differing / compared:.1%}), "
            f"and {rollout.max_difference:.1%} may"
        )

    def _wanted(
        self, head: control_pb2.Head | None, rollout: control_pb2.Rollout | None
    ) -> tuple[Wanted, float] | None:
        signed = self._applying.signed
        if head is None or rollout is None or signed is None or rollout.sample <= 0:
            return None
        if not is_concerned(self._labels, rollout) or signed.revision != rollout.revision:
            return None
        return Wanted(head.revision, head.bundle_hash), rollout.sample

    async def _of_others(self, rollout: control_pb2.Rollout) -> list[control_pb2.ShadowCount]:
        """Return what the rollout's other nodes said last."""
        counts: list[control_pb2.ShadowCount] = []
        after = ""
        while True:
            page = await self._store.range(layout.NODES, after=after)
            for item in page.items:
                try:
                    status = control_pb2.NodeStatus.FromString(item.value)
                except DecodeError:
                    continue  # it tells nothing
                if status.revision == rollout.revision and status.node != self._node:
                    counts += status.shadows
            if not page.more:
                return counts
            after = page.items[-1].key
