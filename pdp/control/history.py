"""What was in force, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pdp.control import layout
from pdp.control.desk import Desk, InForce
from pdp.control.published import parse
from pdp.errors import NotFoundError
from pdp.v1 import control_pb2

_CHUNK = 50
_PAGE_BYTES = 8 * 1024 * 1024


class RevisionPage(NamedTuple):
    """Some revisions, the newest first; `next` is where the next page begins, 0 after the last."""

    revisions: Sequence[control_pb2.Revision]
    next: int


class History(Desk):
    """The reading of revisions, with what was done to them since they were written: a rollout promoted or stopped."""

    async def list_revisions(self, *, below: int = 0, limit: int = 50) -> RevisionPage:
        """Return the revisions with numbers below one (0: all), the newest first; at most `limit`, and fewer when they
        are large.

        What a rollout would have fallen back to is left out, unless it did.
        """
        now = await self.in_force()
        top = min(below, now.next) if below else now.next
        found: list[control_pb2.Revision] = []
        size, width = 0, _CHUNK
        while top > 1:
            low = max(1, top - width)
            chunk = await self._between(low, top)
            # Numbers may have a gap as wide as somebody liked who restored a backup.
            width = _CHUNK if chunk else 2 * width
            rollouts = await self._rollouts(now, chunk)
            for revision in chunk:
                # A rollout's candidate stands before what it falls back to.
                if _is_spare(revision, rollouts.get(revision.number - 1)):
                    continue
                told = _told(revision, rollouts.get(revision.number))
                size += told.ByteSize()
                if len(found) == limit or (found and size > _PAGE_BYTES):
                    return RevisionPage(found, revision.number + 1)
                found.append(told)
            top = low
        return RevisionPage(found, 0)

    async def get_revision(self, number: int = 0) -> control_pb2.Revision:
        """Return a revision, with 0 the one in force. Raises NotFoundError."""
        now = await self.in_force()
        if not number and not now.head.revision:
            raise NotFoundError("nothing is in force yet")
        revision = await self.published.revision(number or now.head.revision)
        same = now.rollout.revision == revision.number
        return _told(revision, now.rollout if same else await self.ended(revision.number))

    async def ended(self, number: int) -> control_pb2.Rollout:
        """Return the rollout of a candidate as it ended; an empty one when there was none."""
        rollout, _ = await self._read(layout.ended_key(number), control_pb2.Rollout)
        return rollout

    async def _between(self, low: int, high: int) -> list[control_pb2.Revision]:
        """Return the revisions from `low` to before `high`, the newest first."""
        found: list[control_pb2.Revision] = []
        after = layout.revision_key(low - 1)
        while True:
            page = await self._store.range(layout.REVISIONS, after=after, limit=_CHUNK)
            for item in page.items:
                if item.key >= layout.revision_key(high):
                    return found[::-1]
                found.append(parse(control_pb2.Revision, item.value, item.key))
            if not page.more:
                return found[::-1]
            after = page.items[-1].key

    async def _rollouts(
        self, now: InForce, revisions: Sequence[control_pb2.Revision]
    ) -> dict[int, control_pb2.Rollout]:
        """Return the rollouts of revisions, and of those before them, by their candidates."""
        found = {now.rollout.revision: now.rollout}
        if not revisions:
            return found
        # The oldest is last, and the candidate that it may have been the fallback of is one before it.
        after = layout.ended_key(max(0, revisions[-1].number - 2))
        while True:
            page = await self._store.range(layout.ENDED, after=after, limit=_CHUNK)
            for item in page.items:
                if item.key > layout.ended_key(revisions[0].number):
                    return found
                rollout = parse(control_pb2.Rollout, item.value, item.key)
                found.setdefault(rollout.revision, rollout)
            if not page.more:
                return found
            after = page.items[-1].key


def _is_spare(revision: control_pb2.Revision, rollout: control_pb2.Rollout | None) -> bool:
    """Whether a revision was made for a rollout to fall back to, and it has not, or not yet."""
    if rollout is None or rollout.fallback != revision.number:
        return False
    return rollout.state != control_pb2.ROLLOUT_STATE_STOPPED


def _told(revision: control_pb2.Revision, rollout: control_pb2.Rollout | None) -> control_pb2.Revision:
    """Return a revision with the steps of its rollout after its own."""
    told = control_pb2.Revision()
    told.CopyFrom(revision)
    if rollout is not None:
        told.steps.extend(rollout.steps[1:])  # the first is that it was published
    return told
