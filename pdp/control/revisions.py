"""What is in force, how it came to be, and what it was before.

Every change is one transaction of the store, which holds only if nothing that it was made from has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pdp.control import garbage, keeping, layout, signatures, sources
from pdp.control.desk import Desk, InForce, Judge, Judgement
from pdp.control.drafts import SUBMITTED, DraftPage, Drafts, Submission, is_approved
from pdp.control.history import History
from pdp.control.keeping import Kept
from pdp.control.kv.base import Delete, Put, Unchanged
from pdp.control.rollouts import MIN_COMPARED, SAMPLE, Rollouts, check_canary
from pdp.control.steps import MAX_REASON, May, Who, check_reason, last_steps, moment
from pdp.errors import CannotSignError, WrongStateError
from pdp.signing import NodeKey
from pdp.v1 import control_pb2, policy_service_pb2

__all__ = [
    "MAX_REASON", "Desk", "DraftPage", "InForce", "Judge", "Judgement", "May", "Publication", "Revisions", "Submission",
    "Who",
]  # fmt: skip


class Publication(NamedTuple):
    """A revision, and the rollout in which it decides on some nodes first; None when it is in force everywhere."""

    revision: control_pb2.Revision
    rollout: control_pb2.Rollout | None


class Revisions(Drafts, Rollouts, History):
    """Everything that is done to drafts, revisions and rollouts. It may raise ControlStoreError and BlobError anywhere.

    After a ControlStoreError a change may or may not have happened; where it can still be seen that it has, there is no
    error.
    """

    async def publish(self, text: control_pb2.Sources, who: Who) -> control_pb2.Revision:
        """Put a text in force that was no draft, such as a folder's, and return its revision; the one in force when
        nothing has changed.

        Raises PolicyError, GoldenCaseError and SourcesError for a text that cannot be used, CannotSignError without a
        key, and WrongStateError while a rollout runs.
        """
        check_reason(who)
        text = await asyncio.to_thread(sources.normal, text)
        return await self._insist(lambda: self._publish(text, who))

    async def publish_draft(
        self,
        name: str,
        version: int,
        who: Who,
        canary: policy_service_pb2.Canary | None = None,
        *,
        four_eyes: bool = False,
        beside: Callable[[control_pb2.Revision], Put] | None = None,
    ) -> Publication:
        """Put a draft that was handed in in force, everywhere or first on the nodes with the labels of a `canary`; with
        `four_eyes` only when somebody who had no part in it approved its text. What `beside` makes of the revision is
        written in the same transaction.

        The draft is gone then: its steps are the revision's. Raises RequestError, NotFoundError, ConflictError,
        WrongStateError when the draft was not handed in, not approved or not begun from the revision in force or a
        rollout runs, CannotSignError without a key, PolicyError and GoldenCaseError when this program makes nothing of
        its text.
        """
        check_reason(who)
        if canary is not None:
            check_canary(canary)
        return await self._insist(
            lambda: self._publish_draft(name, version, who, canary, four_eyes=four_eyes, beside=beside)
        )

    async def roll_back(self, number: int, who: Who) -> control_pb2.Revision:
        """Put the text of an earlier revision in force again, as a new revision; with 0 that of the last one that was
        in force with another text. A reason is required.

        The text is judged again: the bundle is what this program makes of it today. Raises RequestError, NotFoundError,
        WrongStateError when it is in force already, was never, or a rollout runs, CannotSignError, PolicyError and
        GoldenCaseError.
        """
        check_reason(who, required=True)
        self._may("rollback", who.actor, None)
        return await self._insist(lambda: self._roll_back(number, who))

    async def collect_garbage(self) -> garbage.Collected:
        """Remove the texts that nothing names any more; see `garbage`. To be called now and then, on any node."""
        return await garbage.collect(self._store, self._clock)

    async def _publish(self, text: control_pb2.Sources, who: Who) -> control_pb2.Revision:
        now = await self.in_force()
        present = await self.published.revision(now.head.revision) if now.head.revision else None
        base = None if present is None else await self.published.sources(present.sources)
        judged = await self.judge(text, base)
        digest = await asyncio.to_thread(sources.digest, text)
        if present is not None and (present.sources, present.bundle_hash) == (digest, judged.bundle.hash):
            return present
        self._may("publish", who.actor, None)
        _check_quiet(now)
        kept = await keeping.keep(self._store, await asyncio.to_thread(sources.serialize, text))
        made = await self._made(now, judged, who, control_pb2.STEP_KIND_PUBLISHED, kept.digest)
        await self._take_force(now, made.revision, [kept, *made.names])
        return made.revision

    async def _publish_draft(
        self,
        name: str,
        version: int,
        who: Who,
        canary: policy_service_pb2.Canary | None,
        *,
        four_eyes: bool,
        beside: Callable[[control_pb2.Revision], Put] | None,
    ) -> Publication:
        found = await self._draft(name, version)
        draft = found.draft
        self._may("publish", who.actor, draft)
        now = await self.in_force()
        if draft.state != SUBMITTED:
            raise WrongStateError(f"the draft `{name}` was not handed in; submit it first")
        if four_eyes and not is_approved(draft):
            raise WrongStateError(
                f"nobody but its authors approved the draft `{name}` as it is; have it approved with "
                "`pdp policy approve`, or publish in an emergency with `--emergency`"
            )
        _check_quiet(now)
        if draft.base != now.head.revision:
            raise WrongStateError(
                f"the draft `{name}` was begun from revision {draft.base}, and revision {now.head.revision} is in "
                f"force: have it returned, bring it up to date, and save it with base {now.head.revision}"
            )
        if canary is not None and not now.head.revision:
            raise WrongStateError(
                "nothing is in force that a rollout could fall back to; publish the first one everywhere"
            )
        self._signing_key()
        judged = await self.judge(await self.published.sources(draft.sources), await self._text(draft.base))
        made = await self._made(now, judged, who, control_pb2.STEP_KIND_PUBLISHED, draft.sources, draft=draft)
        conditions = [Unchanged(layout.draft_key(name), found.modified)]
        more: list[Put | Delete] = [Delete(layout.draft_key(name))]
        if beside is not None:
            more.append(beside(made.revision))
        if canary is None:
            await self._take_force(now, made.revision, made.names, conditions, more)
            return Publication(made.revision, None)
        rollout = await self._begin(now, made, canary, conditions, more)
        return Publication(made.revision, rollout)

    async def _roll_back(self, number: int, who: Who) -> control_pb2.Revision:
        now = await self.in_force()
        _check_quiet(now)
        if not now.head.revision:
            raise WrongStateError("nothing is in force yet")
        self._signing_key()
        present = await self.published.revision(now.head.revision)
        old = await (self.published.revision(number) if number else self._before(present))
        if number:
            await self._check_was_in_force(now, old)
        if old.sources == present.sources and old.bundle_hash == present.bundle_hash:
            raise WrongStateError(
                f"the text of revision {old.number} is in force already, as revision {present.number}"
            )
        text = await self.published.sources(old.sources)
        judged = await self.judge(text, await self.published.sources(present.sources))
        made = await self._made(
            now, judged, who, control_pb2.STEP_KIND_ROLLED_BACK, old.sources, rollback_of=old.number
        )
        await self._take_force(now, made.revision, made.names)
        return made.revision

    async def _before(self, present: control_pb2.Revision) -> control_pb2.Revision:
        """Return the last revision that was in force with another text."""
        found = present
        while found.previous:
            found = await self.published.revision(found.previous)
            if found.sources != present.sources:
                return found
        raise WrongStateError(f"before revision {present.number} nothing else was in force")

    async def _check_was_in_force(self, now: InForce, old: control_pb2.Revision) -> None:
        state = now.rollout.state if now.rollout.revision == old.number else (await self.ended(old.number)).state
        if state == control_pb2.ROLLOUT_STATE_STOPPED:
            raise WrongStateError(
                f"revision {old.number} was stopped before it took force; save its text as a draft to bring it back"
            )

    async def _made(
        self,
        now: InForce,
        judged: Judgement,
        who: Who,
        kind: control_pb2.StepKind,
        digest: str,
        *,
        rollback_of: int = 0,
        draft: control_pb2.Draft | None = None,
    ) -> _Made:
        """Return the next revision, of the text with this digest, signed, and its blobs, which are in the store."""
        key = self._signing_key()
        bundle = await keeping.keep(self._store, judged.bundle.bundle)
        names = [bundle]
        changes = await self._keep_changes(judged.changes)
        if changes is not None:
            names.append(changes)
        step = self._step(kind, who, digest, now.head.revision, changes)
        revision = control_pb2.Revision(
            number=now.next, bundle_hash=bundle.digest, key_id=key.id,
            signature=signatures.sign(key, now.next, bundle.digest), sources=digest, previous=now.head.revision,
            rollback_of=rollback_of, draft="" if draft is None else draft.name,
            steps=last_steps([*([] if draft is None else draft.steps), step]),
        )  # fmt: skip
        return _Made(revision, names)

    async def _take_force(
        self,
        now: InForce,
        revision: control_pb2.Revision,
        names: Sequence[Kept],
        conditions: Sequence[Unchanged] = (),
        changes: Sequence[Put | Delete] = (),
    ) -> None:
        head = control_pb2.Head(
            revision=revision.number, bundle_hash=revision.bundle_hash, since_nanos=revision.steps[-1].time_nanos
        )
        put = _put(revision)
        await keeping.commit(
            self._store,
            [*_unchanged(now), Unchanged(put.key, 0), *conditions],
            [put, Put(layout.HEAD, head.SerializeToString(deterministic=True)), *changes],
            names=names,
            witness=put,
        )

    async def _begin(
        self,
        now: InForce,
        made: _Made,
        canary: policy_service_pb2.Canary,
        conditions: Sequence[Unchanged],
        changes: Sequence[Put | Delete],
    ) -> control_pb2.Rollout:
        """Begin a rollout of what was made, with the text in force signed under the number after it."""
        key = self._signing_key()
        candidate = made.revision
        present = await self.published.revision(now.head.revision)
        last = candidate.steps[-1]
        step = control_pb2.Step(
            kind=control_pb2.STEP_KIND_ROLLED_BACK, actor=last.actor, time_nanos=last.time_nanos, reason=last.reason,
            sources=present.sources, base=present.number,
        )  # fmt: skip
        fallback = control_pb2.Revision(
            number=candidate.number + 1, bundle_hash=present.bundle_hash, key_id=key.id,
            signature=signatures.sign(key, candidate.number + 1, present.bundle_hash), sources=present.sources,
            previous=present.number, rollback_of=present.number, steps=[step],
        )  # fmt: skip
        rollout = control_pb2.Rollout(
            revision=candidate.number, bundle_hash=candidate.bundle_hash, fallback=fallback.number,
            fallback_hash=fallback.bundle_hash, labels=canary.labels, sample=canary.sample or SAMPLE,
            max_difference=canary.max_difference if canary.HasField("max_difference") else 1.0,
            min_compared=canary.min_compared or MIN_COMPARED, state=control_pb2.ROLLOUT_STATE_RUNNING, steps=[last],
        )  # fmt: skip
        put = _put(candidate)
        if now.rollout_modified:
            # It is there already, unless a restored backup ended the one before in its own way.
            before = now.rollout.SerializeToString(deterministic=True)
            kept = [Put(layout.ended_key(now.rollout.revision), before)]
        else:
            kept = []
        await keeping.commit(
            self._store,
            [*_unchanged(now), Unchanged(put.key, 0), Unchanged(layout.revision_key(fallback.number), 0), *conditions],
            [put, _put(fallback), Put(layout.ROLLOUT, rollout.SerializeToString(deterministic=True)), *kept, *changes],
            names=made.names,
            witness=put,
        )
        return rollout

    def _signing_key(self) -> NodeKey:
        if self._key is None:
            raise CannotSignError(
                "this node has no key to sign revisions by; publish on one that has, or set `control.signing_key`"
            )
        return self._key


class _Made(NamedTuple):
    revision: control_pb2.Revision
    names: Sequence[Kept]


def _put(revision: control_pb2.Revision) -> Put:
    return Put(layout.revision_key(revision.number), revision.SerializeToString(deterministic=True))


def _unchanged(now: InForce) -> list[Unchanged]:
    return [Unchanged(layout.HEAD, now.head_modified), Unchanged(layout.ROLLOUT, now.rollout_modified)]


def _check_quiet(now: InForce) -> None:
    if now.running:
        first = now.rollout.steps[0]
        raise WrongStateError(
            f"the rollout of revision {now.rollout.revision} runs, which `{first.actor}` began at "
            f"{moment(first.time_nanos)}; promote or stop it first"
        )
