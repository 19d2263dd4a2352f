"""What drafts, revisions and rollouts have in common: the store, the judge, and how steps are written."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

from google.protobuf.message import Message

from pdp.control import keeping, layout
from pdp.control.keeping import Kept, Stale
from pdp.control.kv.base import KeyValueStore
from pdp.control.published import Published, parse
from pdp.control.steps import May, Who, anybody, moment
from pdp.errors import ConflictError, NotFoundError
from pdp.signing import NodeKey
from pdp.v1 import bundle_pb2, control_pb2

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_TRIES: Final = 4


class Judgement(NamedTuple):
    """What a text makes: its bundle, unsigned and of revision 0, and its changes against the base that was given."""

    bundle: bundle_pb2.SignedBundle
    changes: control_pb2.Changes


Judge = Callable[[control_pb2.Sources, control_pb2.Sources | None], Awaitable[Judgement]]
"""Judges a text against a base. Raises PolicyError and GoldenCaseError for one that cannot be used."""


class Found(NamedTuple):
    """A draft, and the store's revision that last changed it, which is its version."""

    draft: control_pb2.Draft
    modified: int


class InForce(NamedTuple):
    """What is in force, and when each part was last changed, as the store counts; 0 for what is not there yet."""

    head: control_pb2.Head
    head_modified: int
    rollout: control_pb2.Rollout
    rollout_modified: int

    @property
    def next(self) -> int:
        """The number of the next revision."""
        return max(self.head.revision, self.rollout.revision, self.rollout.fallback) + 1

    @property
    def running(self) -> bool:
        """Whether a rollout is running."""
        return self.rollout.state == control_pb2.ROLLOUT_STATE_RUNNING


class Desk:
    """Base of `Drafts` and `Rollouts`; `Revisions` is both."""

    def __init__(
        self,
        store: KeyValueStore,
        judge: Judge,
        key: NodeKey | None,
        *,
        clock: Callable[[], int] = time.time_ns,
        may: May = anybody,
    ) -> None:
        """Take the store, who judges texts, and the key that revisions are signed by; None where none are made.

        `clock` gives nanoseconds since 1970. `may` is asked before each change.
        """
        self.published = Published(store)
        self._store = store
        self.judge = judge
        self._key = key
        self._clock = clock
        self._may = may

    async def in_force(self) -> InForce:
        """Return what is in force."""
        # The rollout first: what ends one changes the head in the same transaction, and is seen by the head then.
        rollout, rollout_modified = await self._read(layout.ROLLOUT, control_pb2.Rollout)
        head, head_modified = await self._read(layout.HEAD, control_pb2.Head)
        return InForce(head, head_modified, rollout, rollout_modified)

    async def _read(self, key: str, kind: type[M]) -> tuple[M, int]:
        found = await self._store.get(key)
        return (kind(), 0) if found is None else (parse(kind, found.value, key), found.modified)

    async def _find(self, name: str) -> Found | None:
        found = await self._store.get(layout.draft_key(name)) if layout.is_name(name) else None
        if found is None:
            return None
        draft = parse(control_pb2.Draft, found.value, found.key)
        draft.version = found.modified
        return Found(draft, found.modified)

    async def _draft(self, name: str, version: int) -> Found:
        """Return a draft that is at this version. Raises NotFoundError and ConflictError."""
        found = await self._find(name)
        if found is None:
            await self._tell_publication(name, version)
            raise NotFoundError(f"there is no draft `{name[:64]}`; somebody may have deleted it")
        if version != found.modified:
            raise conflict(found.draft, version)
        return found

    async def _tell_publication(self, name: str, version: int) -> None:
        """Raise ConflictError when the newest publication was of this draft."""
        now = await self.in_force()
        number = max(now.head.revision, now.rollout.revision)
        if not version or not number:
            return
        revision = await self.published.revision(number)
        if revision.draft == name:
            last = revision.steps[-1]
            raise ConflictError(
                f"`{last.actor}` published the draft `{name}` as revision {number} at {moment(last.time_nanos)}",
                last.actor, last.time_nanos, number,
            )  # fmt: skip

    async def _text(self, revision: int) -> control_pb2.Sources | None:
        """Return the text of a revision; None for 0. Raises NotFoundError."""
        if not revision:
            return None
        return await self.published.sources((await self.published.revision(revision)).sources)

    async def _keep_changes(self, changes: control_pb2.Changes) -> Kept | None:
        if changes == control_pb2.Changes():
            return None
        return await keeping.keep(self._store, changes.SerializeToString(deterministic=True))

    def _step(
        self, kind: control_pb2.StepKind, who: Who, sources: str, base: int, changes: Kept | None = None
    ) -> control_pb2.Step:
        return control_pb2.Step(
            kind=kind, actor=who.actor, time_nanos=self._clock(), reason=who.reason, sources=sources, base=base,
            changes="" if changes is None else changes.digest,
        )  # fmt: skip

    async def _insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what an attempt makes, which looks anew at how things are each time that somebody was faster."""
        for _ in range(_TRIES):
            try:
                return await attempt()
            except Stale:
                continue
        raise ConflictError("others change the same at this moment, again and again; look, and try again")


def conflict(draft: control_pb2.Draft, version: int) -> ConflictError:
    """Return what whoever changed another version of a draft is told."""
    last = draft.steps[-1]
    done = control_pb2.StepKind.Name(last.kind).removeprefix("STEP_KIND_").lower()
    what = f"the draft `{draft.name}` has changed" if version else f"there is a draft `{draft.name}` already"
    return ConflictError(
        f"{what}: `{last.actor}` {done} it at {moment(last.time_nanos)} as version {draft.version}; nothing was "
        "overwritten: read it, and bring your change in",
        last.actor, last.time_nanos, draft.version,
    )  # fmt: skip
