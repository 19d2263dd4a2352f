"""Texts on their way: begun, changed, handed in, handed back.

A draft's version is the store's revision that last changed it: whoever writes says which version they changed, and
nobody can write over what they have not seen, not even when a draft was removed and begun anew under its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from pdp.control import keeping, layout, sources
from pdp.control.desk import Desk, Found, conflict
from pdp.control.keeping import Kept
from pdp.control.kv.base import Committed, Delete, Put, Unchanged
from pdp.control.published import parse
from pdp.control.steps import PARTS, Who, check_reason, last_steps, moment
from pdp.errors import AccessDeniedError, ConflictError, NotFoundError, RequestError, Violation, WrongStateError
from pdp.v1 import control_pb2

OPEN = control_pb2.DRAFT_STATE_OPEN
SUBMITTED = control_pb2.DRAFT_STATE_SUBMITTED


class DraftPage(NamedTuple):
    """Some drafts in the order of their names, and whether there are more."""

    drafts: Sequence[control_pb2.Draft]
    more: bool


class Submission(NamedTuple):
    """A draft that was handed in, and how it differs from its base."""

    draft: control_pb2.Draft
    changes: control_pb2.Changes


class Drafts(Desk):
    """The work on drafts. Everything may raise ControlStoreError and BlobError."""

    async def list_drafts(self, *, after: str = "", limit: int = 100) -> DraftPage:
        """Return the drafts whose names come after one; at most `limit` (1 to 1,000), and fewer when they are large."""
        page = await self._store.range(layout.DRAFTS, after=layout.draft_key(after) if after else "", limit=limit)
        found = []
        for item in page.items:
            draft = parse(control_pb2.Draft, item.value, item.key)
            draft.version = item.modified
            found.append(draft)
        return DraftPage(found, page.more)

    async def get_draft(self, name: str) -> control_pb2.Draft:
        """Return a draft; its text is `published.sources(draft.sources)`. Raises NotFoundError."""
        found = await self._find(name)
        if found is None:
            raise NotFoundError(f"there is no draft `{name[:64]}`")
        return found.draft

    async def save_draft(
        self, name: str, version: int, text: control_pb2.Sources, who: Who, *, base: int = 0
    ) -> control_pb2.Draft:
        """Begin a draft (version 0) or change the text of one that is at this version.

        `base` is the revision that it was begun from, or that it was brought up to: 0 stands for the one in force where
        it begins, and for the one that it has otherwise. Raises RequestError, SourcesError, ConflictError,
        WrongStateError when it was handed in, and NotFoundError when there is no such base.
        """
        check_reason(who)
        if not layout.is_name(name):
            raise RequestError(
                Violation("name", "is a letter or digit and then letters, digits, `.`, `-` or `_`, at most 64")
            )
        text = await asyncio.to_thread(sources.normal, text)
        found = await self._find(name)
        self._may("save", who.actor, None if found is None else found.draft)
        if found is None and version:
            await self._tell_publication(name, version)
            raise ConflictError(f"the draft `{name}` is gone: somebody deleted it; save it as a new one")
        if found is not None and version != found.modified:
            raise conflict(found.draft, version)
        if found is not None and found.draft.state != OPEN:
            last = found.draft.steps[-1]
            raise WrongStateError(
                f"`{last.actor}` handed the draft `{name}` in at {moment(last.time_nanos)}; have it returned first"
            )
        if base:
            await self.published.revision(base)
        elif found is not None:
            base = found.draft.base
        else:
            base = (await self.in_force()).head.revision
        kept = await keeping.keep(self._store, await asyncio.to_thread(sources.serialize, text))
        draft = control_pb2.Draft(name=name, state=OPEN, base=base, sources=kept.digest)
        before = [] if found is None else found.draft.steps
        step = self._step(control_pb2.STEP_KIND_SAVED, who, kept.digest, base)
        return await self._replace(found, draft, [*before, step], [kept])

    async def delete_draft(self, name: str, version: int, who: Who) -> control_pb2.Draft:
        """Remove a draft and return it as it was. Raises RequestError, NotFoundError and ConflictError."""
        check_reason(who)
        found = await self._draft(name, version)
        self._may("delete", who.actor, found.draft)
        key = layout.draft_key(name)
        try:
            await keeping.commit(self._store, [Unchanged(key, version)], [Delete(key)], witness=Delete(key))
        except keeping.Stale:
            raise await self._overtaken(name, version) from None
        return found.draft

    async def submit_draft(self, name: str, version: int, who: Who) -> Submission:
        """Hand a draft in: its text stands still from now on.

        Raises PolicyError and GoldenCaseError when its text cannot be used, and then nothing has changed; RequestError,
        NotFoundError, ConflictError, and WrongStateError when it was handed in already.
        """
        check_reason(who)
        found = await self._draft(name, version)
        draft = found.draft
        if draft.state != OPEN:
            raise WrongStateError(f"the draft `{name}` was handed in already")
        self._may("submit", who.actor, draft)
        text = await self.published.sources(draft.sources)
        judged = await self.judge(text, await self._text(draft.base))
        kept = await self._keep_changes(judged.changes)
        step = self._step(control_pb2.STEP_KIND_SUBMITTED, who, draft.sources, draft.base, kept)
        changed = control_pb2.Draft(name=name, state=SUBMITTED, base=draft.base, sources=draft.sources)
        named = [] if kept is None else [kept]
        return Submission(await self._replace(found, changed, [*draft.steps, step], named), judged.changes)

    async def return_draft(self, name: str, version: int, who: Who) -> control_pb2.Draft:
        """Hand a draft back to be changed; a reason is required.

        Raises RequestError, NotFoundError, ConflictError, and WrongStateError when it was not handed in.
        """
        check_reason(who, required=True)
        found = await self._draft(name, version)
        draft = found.draft
        if draft.state != SUBMITTED:
            raise WrongStateError(f"the draft `{name}` was not handed in, so it can be changed as it is")
        self._may("return", who.actor, draft)
        step = self._step(control_pb2.STEP_KIND_RETURNED, who, draft.sources, draft.base)
        changed = control_pb2.Draft(name=name, state=OPEN, base=draft.base, sources=draft.sources)
        return await self._replace(found, changed, [*draft.steps, step], [])

    async def approve_draft(self, name: str, version: int, who: Who) -> control_pb2.Draft:
        """Approve the text of a draft that was handed in.

        Raises RequestError, NotFoundError, ConflictError, WrongStateError when it was not handed in, and
        AccessDeniedError to whoever wrote or handed in any of it.
        """
        check_reason(who)
        found = await self._draft(name, version)
        draft = found.draft
        if draft.state != SUBMITTED:
            raise WrongStateError(f"the draft `{name}` was not handed in; submit it first")
        self._may("approve", who.actor, draft)
        if who.actor in authors(draft):
            raise AccessDeniedError(f"`{who.actor}` worked on the draft `{name}`, and somebody else has to approve it")
        step = self._step(control_pb2.STEP_KIND_APPROVED, who, draft.sources, draft.base)
        changed = control_pb2.Draft(name=name, state=SUBMITTED, base=draft.base, sources=draft.sources)
        return await self._replace(found, changed, [*draft.steps, step], [])

    async def _replace(
        self, found: Found | None, draft: control_pb2.Draft, steps: Sequence[control_pb2.Step], named: Sequence[Kept]
    ) -> control_pb2.Draft:
        """Write a draft in place of what was found, and return it with its version."""
        draft.steps.extend(last_steps(steps))
        version = 0 if found is None else found.modified
        put = Put(layout.draft_key(draft.name), draft.SerializeToString(deterministic=True))
        try:
            done: Committed = await keeping.commit(
                self._store, [Unchanged(put.key, version)], [put], names=named, witness=put
            )
        except keeping.Stale:
            raise await self._overtaken(draft.name, version) from None
        draft.version = done.revision
        return draft

    async def _overtaken(self, name: str, version: int) -> ConflictError:
        """Return what whoever came second is told."""
        found = await self._find(name)
        if found is not None and found.modified != version:
            return conflict(found.draft, version)
        await self._tell_publication(name, version)
        if found is None and version:
            return ConflictError(f"the draft `{name}` is gone: somebody deleted it at this moment")
        return ConflictError(f"what the draft `{name}` needs was removed from the store at this moment; try again")


def authors(draft: control_pb2.Draft) -> frozenset[str]:
    """Return who wrote a draft or handed it in."""
    return frozenset(step.actor for step in draft.steps if step.kind in PARTS)


def is_approved(draft: control_pb2.Draft) -> bool:
    """Whether somebody who had no part in a draft approved its present text since it was handed in."""
    approvals: list[control_pb2.Step] = []
    for step in draft.steps:
        if step.kind == control_pb2.STEP_KIND_SUBMITTED:
            approvals = []
        elif step.kind == control_pb2.STEP_KIND_APPROVED:
            approvals.append(step)
    mine = authors(draft)
    return any(step.sources == draft.sources and step.actor not in mine for step in approvals)
