"""Any order of saves, submissions, publications and rollouts, against a slow and obvious model."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pdp.control import sources
from pdp.control.kv.base import Delete
from pdp.control.revisions import Judgement, Revisions, Who
from pdp.errors import ConflictError, NotFoundError, PdpError, WrongStateError
from pdp.v1 import bundle_pb2, control_pb2, policy_service_pb2
from tests.integration.kv_steps import Opener
from tests.integration.revisions_steps import CANARY, KEY

T = TypeVar("T")

NAMES = st.sampled_from(["a", "b"])
TEXTS = st.sampled_from(["1", "2", "3"])
WHO = Who("eva", "because")


async def judge(text: control_pb2.Sources, base: control_pb2.Sources | None) -> Judgement:
    """Make anything of any text: what is made of one is not what is asked here."""
    data = b"bundle of " + sources.serialize(text)
    changes = control_pb2.Changes(incomplete=f"{sources.digest(text)} {'' if base is None else sources.digest(base)}")
    return Judgement(bundle_pb2.SignedBundle(bundle=data, hash=hashlib.sha256(data).hexdigest()), changes)


@dataclass
class Model:
    """What there is: drafts as (text, base, handed in), texts by revision, what is in force, and what runs."""

    drafts: dict[str, tuple[str, int, bool]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    previous: dict[int, int] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    spare: set[int] = field(default_factory=set)
    head: int = 0
    running: int = 0

    def publish(self, text: str) -> int:
        number = len(self.texts) + 1
        self.texts[number], self.previous[number] = text, self.head
        return number

    def before(self) -> int:
        number = self.head
        while number and self.texts[number] == self.texts[self.head]:
            number = self.previous[number]
        return number


class Desks(RuleBasedStateMachine):
    """Does everything with the store and with the model."""

    def __init__(self, open_store: Opener) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._opened = open_store()
        store = self._run(self._opened.__aenter__())
        self._store = store
        self._run(self._empty())
        self._revisions = Revisions(store, judge, KEY)
        self._model = Model()
        self._versions: dict[str, int] = {}

    def teardown(self) -> None:
        self._run(self._opened.__aexit__(None, None, None))
        self._runner.close()

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(doing, 60))

    async def _empty(self) -> None:
        while items := (await self._store.range("", limit=100)).items:
            await self._store.commit([], [Delete(item.key) for item in items])

    def _try(self, doing: Coroutine[Any, Any, T], expected: type[PdpError] | None) -> T | None:
        if expected is None:
            return self._run(doing)
        with pytest.raises(expected):
            self._run(doing)
        return None

    @rule(name=NAMES, words=TEXTS, stale=st.booleans(), up=st.booleans())
    def save(self, name: str, words: str, stale: bool, up: bool) -> None:
        model, version = self._model, self._versions.get(name, 0)
        draft = model.drafts.get(name)
        expected: type[PdpError] | None = None
        if stale:
            version, expected = version + 1, ConflictError
        elif draft is not None and draft[2]:
            expected = WrongStateError
        base = model.head if up else 0
        done = self._try(self._revisions.save_draft(name, version, _text(words), WHO, base=base), expected)
        if done is not None:
            kept = draft[1] if draft is not None and not base else model.head
            model.drafts[name], self._versions[name] = (words, kept, False), done.version

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        expected = None if name in self._model.drafts else NotFoundError
        self._try(self._revisions.delete_draft(name, self._versions.get(name, 0), WHO), expected)
        self._model.drafts.pop(name, None)
        self._versions.pop(name, None)

    @rule(name=NAMES)
    def submit(self, name: str) -> None:
        draft = self._model.drafts.get(name)
        expected = NotFoundError if draft is None else WrongStateError if draft[2] else None
        done = self._try(self._revisions.submit_draft(name, self._versions.get(name, 0), WHO), expected)
        if done is not None and draft is not None:
            base = self._model.texts.get(draft[1])
            held = "" if base is None else sources.digest(_text(base))
            assert done.changes.incomplete == f"{sources.digest(_text(draft[0]))} {held}"
            self._model.drafts[name], self._versions[name] = (draft[0], draft[1], True), done.draft.version

    @rule(name=NAMES)
    def hand_back(self, name: str) -> None:
        draft = self._model.drafts.get(name)
        expected = NotFoundError if draft is None else None if draft[2] else WrongStateError
        done = self._try(self._revisions.return_draft(name, self._versions.get(name, 0), WHO), expected)
        if done is not None and draft is not None:
            self._model.drafts[name], self._versions[name] = (draft[0], draft[1], False), done.version

    @rule(name=NAMES, first=st.booleans())
    def publish_draft(self, name: str, first: bool) -> None:
        model, draft = self._model, self._model.drafts.get(name)
        expected: type[PdpError] | None = None
        if draft is None:
            expected = NotFoundError
        elif not draft[2] or model.running or draft[1] != model.head or (first and not model.head):
            expected = WrongStateError
        canary: policy_service_pb2.Canary | None = CANARY if first else None
        version = self._versions.get(name, 0)
        done = self._try(self._revisions.publish_draft(name, version, WHO, canary), expected)
        if done is None or draft is None:
            return
        number = model.publish(draft[0])
        assert done.revision.number == number
        if first:
            model.spare.add(model.publish(model.texts[model.head]))
            model.running = number
        else:
            model.head = number
        del model.drafts[name], self._versions[name]

    @rule(words=TEXTS)
    def publish(self, words: str) -> None:
        model = self._model
        changed = model.texts.get(model.head) != words
        expected = WrongStateError if changed and model.running else None
        done = self._try(self._revisions.publish(_text(words), WHO), expected)
        if done is not None:
            if changed:
                model.head = model.publish(words)
            assert done.number == model.head

    @rule(number=st.integers(0, 6))
    def roll_back(self, number: int) -> None:
        model = self._model
        target = number or model.before()
        expected: type[PdpError] | None = None
        if model.running or not model.head or not target:
            expected = WrongStateError
        elif target not in model.texts:
            expected = NotFoundError
        elif target in model.stopped or model.texts[target] == model.texts[model.head]:
            expected = WrongStateError
        done = self._try(self._revisions.roll_back(number, WHO), expected)
        if done is not None:
            model.head = model.publish(model.texts[target])
            assert (done.number, done.rollback_of) == (model.head, target)

    @rule(number=st.integers(1, 6), promote=st.booleans())
    def end(self, number: int, promote: bool) -> None:
        model = self._model
        expected: type[PdpError] | None = None
        if not model.spare and not model.stopped:
            expected = NotFoundError
        elif not model.running or model.running != number:
            expected = WrongStateError
        act = self._revisions.promote if promote else self._revisions.stop
        if self._try(act(number, WHO), expected) is None:
            return
        if promote:
            model.head = number
        else:
            model.stopped.add(number)
            model.spare.discard(number + 1)
            model.head = number + 1
        model.running = 0

    @rule()
    def end_what_runs(self) -> None:
        if self._model.running:
            self.end(self._model.running, promote=len(self._model.texts) % 2 == 0)

    @rule()
    def collect(self) -> None:
        self._run(self._revisions.collect_garbage())

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        model = self._model
        head = self._run(self._revisions.published.head())
        assert (head.revision if head else 0) == model.head
        page = self._run(self._revisions.list_revisions(limit=1_000))
        assert [found.number for found in page.revisions] == sorted(set(model.texts) - model.spare, reverse=True)
        for found in page.revisions:
            assert found.sources == sources.digest(_text(model.texts[found.number]))
        drafts = {
            draft.name: (draft.sources, draft.base, draft.state == control_pb2.DRAFT_STATE_SUBMITTED)
            for draft in self._run(self._revisions.list_drafts()).drafts
        }
        assert drafts == {
            name: (sources.digest(_text(words)), base, handed_in)
            for name, (words, base, handed_in) in model.drafts.items()
        }


def _text(words: str) -> control_pb2.Sources:
    return sources.of({"a.yaml": words})
