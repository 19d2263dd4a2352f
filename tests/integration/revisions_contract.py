"""What drafts, revisions and rollouts must do, whatever the store."""

from __future__ import annotations

import asyncio
import functools
import random
from abc import ABC, abstractmethod

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pdp.control import layout, signatures, sources
from pdp.control.garbage import Collected
from pdp.control.kv.base import Put
from pdp.control.revisions import Revisions, Who
from pdp.engine import bundle
from pdp.errors import (
    AccessDeniedError,
    BlobError,
    CannotSignError,
    ConflictError,
    ControlStoreError,
    GoldenCaseError,
    NotFoundError,
    PdpError,
    PolicyError,
    RequestError,
    SourcesError,
    WrongStateError,
)
from pdp.server.backup.renewal import raise_head
from pdp.server.judge import PolicyJudge
from pdp.signing import TrustedKeys
from pdp.v1 import control_pb2, policy_service_pb2
from tests.integration.kv_steps import Opener, scenario
from tests.integration.revisions_machine import Desks
from tests.integration.revisions_steps import (
    CANARY,
    EVA,
    HOUR,
    KEY,
    MAX,
    WANG,
    at_desk,
    refuse,
    text,
    unmet,
    wrong,
)

SAVED, SUBMITTED = control_pb2.STEP_KIND_SAVED, control_pb2.STEP_KIND_SUBMITTED
RETURNED, PUBLISHED = control_pb2.STEP_KIND_RETURNED, control_pb2.STEP_KIND_PUBLISHED
ROLLED_BACK = control_pb2.STEP_KIND_ROLLED_BACK
PROMOTED, STOPPED = control_pb2.STEP_KIND_PROMOTED, control_pb2.STEP_KIND_STOPPED


def kinds(steps: object) -> list[int]:
    return [step.kind for step in steps]  # type: ignore[attr-defined]


class RevisionsContract(ABC):
    """The tests; a subclass gives the fixture `open_store`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @scenario
    async def test_a_folder_is_published_when_it_changes(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            assert await desk.revisions.published.head() is None
            first = await desk.revisions.publish(text(3), Who("folder"))
            assert await desk.revisions.publish(text(3), Who("folder")) == first
        async with at_desk(open_store()) as desk:
            assert await desk.revisions.publish(text(3), Who("folder", "started again")) == first
            second = await desk.revisions.publish(text(4), Who("folder"))
            assert (first.number, second.number, second.previous, await desk.head()) == (1, 2, 1, 2)
            head = await desk.revisions.published.head()
            assert head is not None
            assert (head.bundle_hash, head.since_nanos) == (second.bundle_hash, second.steps[-1].time_nanos)
            # A comment is another text, and its publication tells who wrote it, though it decides the same.
            third = await desk.revisions.publish(text(4, note="# nothing\n"), Who("folder"))
            assert (third.number, third.bundle_hash) == (3, second.bundle_hash)
            assert kinds(third.steps) == [PUBLISHED]

    @scenario
    async def test_what_is_published_is_signed_and_whole(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revision = await desk.revisions.publish(text(), WANG)
            signed = await desk.revisions.published.bundle(revision)
            signatures.verify(signed, TrustedKeys.of(KEY))
            assert bundle.parse(signed).policies[0].id == "core"
            assert await desk.revisions.published.sources(revision.sources) == text()
            (step,) = revision.steps
            assert (step.actor, step.reason, step.sources, step.base) == (*_who(WANG), revision.sources, 0)
            changes = await desk.revisions.published.changes(step.changes)
            assert [file.path for file in changes.files] == ["attributes.yaml", "dictionary.yaml", "policies/核心.yaml"]

    @scenario
    @pytest.mark.parametrize(("words", "error"), [(wrong(), PolicyError), (unmet(), GoldenCaseError)])
    async def test_a_text_with_errors_changes_nothing(
        self, open_store: Opener, words: control_pb2.Sources, error: type[PdpError]
    ) -> None:
        async with at_desk(open_store()) as desk:
            await desk.revisions.publish(text(), EVA)
            with pytest.raises(error):
                await desk.revisions.publish(words, EVA)
            saved = await desk.revisions.save_draft("a", 0, words, EVA)
            with pytest.raises(error) as caught:
                await desk.revisions.submit_draft("a", saved.version, EVA)
            if isinstance(caught.value, PolicyError):
                (found,) = caught.value.diagnostics
                assert f"extra.yaml:{found.span.line}:{found.span.column}: unknown field `nothing`" in str(caught.value)
            assert await desk.revisions.get_draft("a") == saved
            assert await desk.head() == 1

    @scenario
    async def test_a_draft_becomes_a_revision(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions = desk.revisions
            await revisions.publish(text(3), Who("folder"))
            saved = await revisions.save_draft("higher", 0, text(4), EVA)
            assert (saved.base, saved.state) == (1, control_pb2.DRAFT_STATE_OPEN)
            draft, changes = await revisions.submit_draft("higher", saved.version, EVA)
            assert draft.state == control_pb2.DRAFT_STATE_SUBMITTED
            assert [file.path for file in changes.files] == ["policies/核心.yaml"]
            assert [change.id for change in changes.meaning] == ["core/senior"]
            returned = await revisions.return_draft("higher", draft.version, MAX)
            again = await revisions.save_draft("higher", returned.version, text(5), EVA)
            draft, _ = await revisions.submit_draft("higher", again.version, EVA)
            made, rollout = await revisions.publish_draft("higher", draft.version, MAX)
            assert rollout is None
            assert kinds(made.steps) == [SAVED, SUBMITTED, RETURNED, SAVED, SUBMITTED, PUBLISHED]
            assert [step.actor for step in made.steps] == ["eva", "eva", "max", "eva", "eva", "max"]
            times = [step.time_nanos for step in made.steps]
            assert times == sorted(times)
            assert (made.number, made.draft, made.previous, made.rollback_of) == (2, "higher", 1, 0)
            assert await revisions.get_revision() == made
            assert await revisions.published.sources(made.sources) == text(5)
            with pytest.raises(NotFoundError):
                await revisions.get_draft("higher")
            assert (await revisions.list_drafts()).drafts == []

    @scenario
    async def test_two_editors_do_not_write_over_each_other(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            begun = await desk.revisions.save_draft("a", 0, text(3), EVA)
            saved = await desk.revisions.save_draft("a", begun.version, text(4), EVA)
            for version in (begun.version, 0, saved.version + 1):
                with pytest.raises(ConflictError, match="`eva` saved it at 2027-01-15 08:0") as caught:
                    await desk.revisions.save_draft("a", version, text(5), MAX)
                last = saved.steps[-1]
                told = (caught.value.actor, caught.value.time_nanos, caught.value.version)
                assert told == ("eva", last.time_nanos, saved.version)
            for step in (desk.revisions.submit_draft, desk.revisions.delete_draft, desk.revisions.publish_draft):
                with pytest.raises(ConflictError):
                    await step("a", begun.version, MAX)
            assert await desk.revisions.get_draft("a") == saved
            assert await desk.revisions.published.sources(saved.sources) == text(4)

    @scenario
    async def test_of_editors_at_once_one_wins(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as one, at_desk(open_store()) as other:
            begun = await one.revisions.save_draft("a", 0, text(3), EVA)
            both = await asyncio.gather(
                one.revisions.save_draft("a", begun.version, text(4), EVA),
                other.revisions.save_draft("a", begun.version, text(5), MAX),
                return_exceptions=True,
            )
            (won,) = [done for done in both if isinstance(done, control_pb2.Draft)]
            (lost,) = [done for done in both if isinstance(done, ConflictError)]
            assert (lost.actor, lost.version) == (won.steps[-1].actor, won.version)
            assert await one.revisions.get_draft("a") == won

    @scenario
    async def test_a_draft_begun_anew_is_another(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            first = await desk.revisions.save_draft("a", 0, text(3), EVA)
            await desk.revisions.delete_draft("a", first.version, EVA)
            with pytest.raises(ConflictError, match="deleted"):
                await desk.revisions.save_draft("a", first.version, text(4), EVA)
            second = await desk.revisions.save_draft("a", 0, text(5), MAX)
            with pytest.raises(ConflictError, match="`max` saved"):
                await desk.revisions.save_draft("a", first.version, text(4), EVA)
            assert await desk.revisions.get_draft("a") == second

    @scenario
    async def test_a_draft_that_was_handed_in_stands_still(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            saved = await desk.revisions.save_draft("a", 0, text(), EVA)
            with pytest.raises(WrongStateError, match="submit it first"):
                await desk.revisions.publish_draft("a", saved.version, MAX)
            with pytest.raises(WrongStateError, match="was not handed in"):
                await desk.revisions.return_draft("a", saved.version, MAX)
            version = (await desk.revisions.submit_draft("a", saved.version, EVA)).draft.version
            with pytest.raises(WrongStateError, match="returned first"):
                await desk.revisions.save_draft("a", version, text(4), EVA)
            with pytest.raises(WrongStateError, match="already"):
                await desk.revisions.submit_draft("a", version, EVA)
            for reason in ("", " \n"):
                with pytest.raises(RequestError, match="reason: is required"):
                    await desk.revisions.return_draft("a", version, Who("max", reason))
            assert await desk.revisions.published.sources((await desk.revisions.get_draft("a")).sources) == text()

    @scenario
    async def test_names_and_reasons_have_bounds(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            for name in ("", "a/b", "é", "-a", "a" * 65, "a\n", "../a"):
                with pytest.raises(RequestError, match="name"):
                    await desk.revisions.save_draft(name, 0, text(), EVA)
                with pytest.raises(NotFoundError):
                    await desk.revisions.get_draft(name)
            with pytest.raises(RequestError, match="2001 characters"):
                await desk.revisions.save_draft("a", 0, text(), Who("eva", "字" * 2_001))
            with pytest.raises(SourcesError):
                await desk.revisions.save_draft("a", 0, control_pb2.Sources(), EVA)
            kept = await desk.revisions.save_draft("a" * 64, 0, text(), Who("王芳", "字" * 2_000))
            assert (kept.steps[0].actor, len(kept.steps[0].reason)) == ("王芳", 2_000)

    @scenario
    async def test_drafts_are_listed_by_name(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            made = [await desk.revisions.save_draft(name, 0, text(), EVA) for name in ("c", "a", "b")]
            first = await desk.revisions.list_drafts(limit=2)
            assert ([draft.name for draft in first.drafts], first.more) == (["a", "b"], True)
            last = await desk.revisions.list_drafts(after="b", limit=2)
            assert (list(last.drafts), last.more) == ([made[0]], False)

    @scenario
    async def test_a_draft_follows_what_is_in_force_only_when_told(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            await desk.revisions.publish(text(3), EVA)
            version = await desk.submitted("a", text(4))
            await desk.published("b", text(5))
            with pytest.raises(WrongStateError, match=r"begun from revision 1, and revision 2 is in force"):
                await desk.revisions.publish_draft("a", version, MAX)
            returned = await desk.revisions.return_draft("a", version, MAX)
            kept = await desk.revisions.save_draft("a", returned.version, text(6), EVA)
            assert kept.base == 1
            with pytest.raises(NotFoundError, match="no revision 3"):
                await desk.revisions.save_draft("a", kept.version, text(6), EVA, base=3)
            up = await desk.revisions.save_draft("a", kept.version, text(6), EVA, base=2)
            version = (await desk.revisions.submit_draft("a", up.version, EVA)).draft.version
            made = await desk.revisions.publish_draft("a", version, MAX)
            assert (made.revision.number, made.revision.steps[-1].base) == (3, 2)

    @scenario
    async def test_of_two_drafts_published_at_once_one_wins(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as one, at_desk(open_store()) as other:
            await one.revisions.publish(text(3), EVA)
            versions = [await one.submitted("a", text(4)), await one.submitted("b", text(5))]
            both = await asyncio.gather(
                one.revisions.publish_draft("a", versions[0], EVA),
                other.revisions.publish_draft("b", versions[1], MAX),
                return_exceptions=True,
            )
            (won,) = [done for done in both if isinstance(done, tuple)]
            (lost,) = [done for done in both if isinstance(done, Exception)]
            assert isinstance(lost, WrongStateError)
            assert "begun from revision 1, and revision 2 is in force" in str(lost)
            assert (won.revision.number, await one.head()) == (2, 2)
            assert len((await one.revisions.list_drafts()).drafts) == 1

    @scenario
    async def test_a_draft_is_published_once(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as one, at_desk(open_store()) as other:
            version = await one.submitted("a", text(4))
            both = await asyncio.gather(
                one.revisions.publish_draft("a", version, EVA),
                other.revisions.publish_draft("a", version, MAX),
                return_exceptions=True,
            )
            (won,) = [done for done in both if isinstance(done, tuple)]
            (lost,) = [done for done in both if isinstance(done, Exception)]
            assert isinstance(lost, ConflictError)
            winner = won.revision.steps[-1].actor
            assert f"`{winner}` published the draft `a` as revision 1" in str(lost)
            assert (lost.actor, lost.version) == (winner, 1)

    @scenario
    async def test_a_draft_that_is_returned_at_this_moment_is_not_published(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store()) as other:
            version = await desk.submitted("a", text(4))

            async def hand_back() -> None:
                await other.revisions.return_draft("a", version, WANG)

            desk.store.before[layout.revision_key(1)] = hand_back
            with pytest.raises(ConflictError, match="`王芳` returned it"):
                await desk.revisions.publish_draft("a", version, MAX)
            assert await desk.head() == 0

    @scenario
    async def test_an_overtaken_publication_looks_again(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store()) as other:

            async def faster() -> None:
                await other.revisions.publish(text(5), MAX)

            desk.store.before[layout.revision_key(1)] = faster
            made = await desk.revisions.publish(text(4), EVA)
            assert (made.number, made.previous) == (2, 1)
            changes = await desk.revisions.published.changes(made.steps[-1].changes)
            assert "-    when: [subject.level >= 5]" in changes.files[0].diff

    @scenario
    async def test_a_rollout_is_promoted(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions = desk.revisions
            with pytest.raises(NotFoundError, match="no rollout"):
                await revisions.promote(1, MAX)
            first = await revisions.publish(text(3), EVA)
            version = await desk.submitted("a", text(4))
            candidate, rollout = await revisions.publish_draft("a", version, MAX, CANARY)
            assert rollout is not None
            assert (candidate.number, rollout.revision, rollout.fallback, await desk.head()) == (2, 2, 3, 1)
            assert (rollout.sample, rollout.max_difference, rollout.min_compared) == (0.1, 1.0, 100)
            assert dict(rollout.labels) == {"ring": "canary"}
            fallback = await revisions.published.revision(3)
            assert (fallback.bundle_hash, fallback.rollback_of) == (first.bundle_hash, 1)
            for number in (2, 3):
                signed = await revisions.published.bundle(await revisions.published.revision(number))
                signatures.verify(signed, TrustedKeys.of(KEY))
            assert [found.number for found in (await revisions.list_revisions()).revisions] == [2, 1]
            with pytest.raises(WrongStateError, match="is of revision 2, not 3"):
                await revisions.promote(3, MAX)
            ended = await revisions.promote(2, EVA)
            assert ended.state == control_pb2.ROLLOUT_STATE_PROMOTED
            assert await revisions.published.rollout() == ended
            assert await desk.head() == 2
            told = await revisions.get_revision()
            assert kinds(told.steps) == [SAVED, SUBMITTED, PUBLISHED, PROMOTED]
            with pytest.raises(WrongStateError, match="`eva` promoted it at"):
                await revisions.stop(2, MAX)
            assert (await desk.published("b", text(5))).number == 4
            assert [found.number for found in (await revisions.list_revisions()).revisions] == [4, 2, 1]

    @scenario
    async def test_a_rollout_is_stopped_without_a_key(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store(), key=None) as node:
            await desk.revisions.publish(text(3), EVA)
            await desk.revisions.publish_draft("a", await desk.submitted("a", text(4)), MAX, CANARY)
            with pytest.raises(RequestError, match="reason: is required"):
                await node.revisions.stop(2, Who("system"))
            ended = await node.revisions.stop(2, Who("system", "node `n1` refuses it"))
            assert (ended.state, ended.stopped_because) == (control_pb2.ROLLOUT_STATE_STOPPED, "node `n1` refuses it")
            assert await desk.head() == 3
            revision = await desk.revisions.get_revision()
            assert await desk.revisions.published.sources(revision.sources) == text(3)
            listed = (await desk.revisions.list_revisions()).revisions
            assert [found.number for found in listed] == [3, 2, 1]
            assert kinds(listed[1].steps) == [SAVED, SUBMITTED, PUBLISHED, STOPPED]
            assert listed[1].steps[-1].reason == "node `n1` refuses it"
            with pytest.raises(WrongStateError, match="before it took force"):
                await desk.revisions.roll_back(2, MAX)
            assert (await desk.published("b", text(5))).number == 4
            with pytest.raises(WrongStateError, match="before it took force"):
                await desk.revisions.roll_back(2, MAX)

    @scenario
    async def test_while_a_rollout_runs_nothing_else_is_published(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions = desk.revisions
            await revisions.publish(text(2), EVA)
            await revisions.publish(text(3), EVA)
            other = await desk.submitted("b", text(5))
            await revisions.publish_draft("a", await desk.submitted("a", text(4)), MAX, CANARY)
            for attempt in (
                revisions.publish(text(6), EVA), revisions.publish_draft("b", other, MAX), revisions.roll_back(1, MAX),
                revisions.publish_draft("b", other, MAX, CANARY),
            ):  # fmt: skip
                with pytest.raises(WrongStateError, match="rollout of revision 3 runs, which `max` began"):
                    await attempt
            # The folder has not changed, so it asks for nothing.
            assert (await revisions.publish(text(3), EVA)).number == 2

    @scenario
    async def test_a_rollout_has_bounds(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            version = await desk.submitted("a", text())
            for canary in (
                {}, {"labels": {"": "x"}}, {"labels": {"ring": "x" * 129}}, {"labels": {str(n): "" for n in range(17)}},
                {"sample": 1.1}, {"sample": -0.1}, {"sample": float("nan")}, {"max_difference": 2.0},
                {"max_difference": float("nan")}, {"min_compared": -1},
            ):  # fmt: skip
                asked = canary if "labels" in canary or not canary else canary | {"labels": {"ring": "canary"}}
                with pytest.raises(RequestError, match="canary"):
                    await desk.revisions.publish_draft("a", version, MAX, policy_service_pb2.Canary(**asked))
            with pytest.raises(WrongStateError, match="nothing is in force"):
                await desk.revisions.publish_draft("a", version, MAX, CANARY)

    @scenario
    async def test_an_earlier_text_comes_back_under_a_new_number(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions = desk.revisions
            with pytest.raises(WrongStateError, match="nothing is in force yet"):
                await revisions.roll_back(0, MAX)
            first = await revisions.publish(text(3), EVA)
            with pytest.raises(WrongStateError, match="nothing else was in force"):
                await revisions.roll_back(0, MAX)
            await revisions.publish(text(4), EVA)
            await revisions.publish(text(5), EVA)
            with pytest.raises(RequestError, match="reason"):
                await revisions.roll_back(1, Who("max"))
            with pytest.raises(NotFoundError):
                await revisions.roll_back(9, MAX)
            with pytest.raises(WrongStateError, match="in force already, as revision 3"):
                await revisions.roll_back(3, MAX)
            back = await revisions.roll_back(1, WANG)
            assert (back.number, back.previous, back.rollback_of) == (4, 3, 1)
            assert (back.sources, back.bundle_hash) == (first.sources, first.bundle_hash)
            assert kinds(back.steps) == [ROLLED_BACK]
            changes = await revisions.published.changes(back.steps[0].changes)
            assert "+    when: [subject.level >= 3]" in changes.files[0].diff
            signatures.verify(await revisions.published.bundle(back), TrustedKeys.of(KEY))
            assert await desk.head() == 4
            assert (await revisions.roll_back(0, MAX)).rollback_of == 3

    @scenario
    async def test_before_a_fallback_was_another_text(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            await desk.revisions.publish(text(3), EVA)
            await desk.revisions.publish(text(4), EVA)
            await desk.revisions.publish_draft("a", await desk.submitted("a", text(5)), MAX, CANARY)
            await desk.revisions.stop(3, MAX)
            assert (await desk.revisions.roll_back(0, MAX)).rollback_of == 1

    @scenario
    async def test_without_a_key_nothing_is_published(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store(), key=None) as node:
            await desk.revisions.publish(text(2), EVA)
            await desk.revisions.publish(text(3), EVA)
            version = await node.submitted("a", text(4))
            for attempt in (
                node.revisions.publish(text(5), EVA), node.revisions.publish_draft("a", version, MAX),
                node.revisions.roll_back(1, MAX),
            ):  # fmt: skip
                with pytest.raises(CannotSignError, match=r"control\.signing_key"):
                    await attempt
            assert await desk.head() == 2
            # Whoever may not sign still follows a folder that has not changed.
            assert (await node.revisions.publish(text(3), EVA)).number == 2
            assert (await desk.revisions.publish_draft("a", version, MAX)).revision.number == 3

    @scenario
    async def test_revisions_are_listed_in_pages(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            for level in range(5):
                await desk.revisions.publish(text(level), EVA)
            pages, below = [], 0
            while True:
                page = await desk.revisions.list_revisions(below=below, limit=2)
                pages.append([revision.number for revision in page.revisions])
                below = page.next
                if not below:
                    break
            assert pages == [[5, 4], [3, 2], [1]]
            with pytest.raises(NotFoundError):
                await desk.revisions.get_revision(6)

    @scenario
    async def test_a_restored_store_goes_on_above_a_gap(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions = desk.revisions
            await revisions.publish(text(3), EVA)
            await revisions.publish_draft("a", await desk.submitted("a", text(4)), MAX, CANARY)
            await raise_head(desk.store, KEY, 100_000, desk.clock())
            assert (await revisions.list_revisions(limit=1)).revisions[0].number == 100_001
            assert [found.number for found in (await revisions.list_revisions(below=100_001)).revisions][-2:] == [2, 1]
            made, _ = await revisions.publish_draft("b", await desk.submitted("b", text(5)), MAX, CANARY)
            assert (made.number, made.previous) == (100_002, 100_001)
            with pytest.raises(WrongStateError, match="runs"):
                await revisions.roll_back(2, MAX)
            await revisions.promote(100_002, MAX)
            with pytest.raises(WrongStateError, match="before it took force"):
                await revisions.roll_back(2, MAX)
            assert kinds((await revisions.get_revision(2)).steps)[-1] == STOPPED

    @scenario
    async def test_who_may_not_is_refused(self, open_store: Opener) -> None:
        asked: list[tuple[str, str, str]] = []

        def may(action: str, actor: str, draft: control_pb2.Draft | None) -> None:
            asked.append((action, actor, "" if draft is None else draft.name))
            if draft is not None and action == "publish" and draft.steps[-1].actor == actor:
                raise AccessDeniedError("another person publishes what you handed in")

        async with at_desk(open_store()) as desk:
            revisions = Revisions(desk.store, PolicyJudge(), KEY, clock=desk.clock, may=may)
            saved = await revisions.save_draft("a", 0, text(), EVA)
            version = (await revisions.submit_draft("a", saved.version, EVA)).draft.version
            with pytest.raises(AccessDeniedError):
                await revisions.publish_draft("a", version, EVA)
            assert await desk.head() == 0
            await revisions.publish_draft("a", version, MAX)
            assert asked == [
                ("save", "eva", ""), ("submit", "eva", "a"), ("publish", "eva", "a"), ("publish", "max", "a"),
            ]  # fmt: skip

    @scenario
    async def test_an_answer_that_is_lost_is_looked_up(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions, lost = desk.revisions, desk.store.lost
            lost.add(layout.revision_key(1))
            assert (await revisions.publish(text(3), EVA)).number == await desk.head() == 1
            lost.add(layout.draft_key("a"))
            saved = await revisions.save_draft("a", 0, text(4), EVA)
            assert await revisions.get_draft("a") == saved
            lost.add(layout.draft_key("a"))
            version = (await revisions.submit_draft("a", saved.version, EVA)).draft.version
            lost.add(layout.draft_key("a"))
            assert (await revisions.publish_draft("a", version, MAX, CANARY)).revision.number == 2
            lost.add(layout.HEAD)
            assert (await revisions.stop(2, MAX)).state == control_pb2.ROLLOUT_STATE_STOPPED
            saved = await revisions.save_draft("b", 0, text(4), EVA)
            lost.add(layout.draft_key("b"))
            await revisions.delete_draft("b", saved.version, EVA)
            assert (await revisions.list_drafts()).drafts == []
            assert not lost

    @scenario
    async def test_a_store_that_goes_away_leaves_all_or_nothing(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            await desk.revisions.publish(text(3), EVA)
            desk.store.before[layout.draft_key("a")] = refuse
            with pytest.raises(ControlStoreError):
                await desk.revisions.save_draft("a", 0, text(4), EVA)
            with pytest.raises(NotFoundError):
                await desk.revisions.get_draft("a")
            version = await desk.submitted("a", text(4))
            desk.store.before[layout.revision_key(2)] = refuse
            with pytest.raises(ControlStoreError):
                await desk.revisions.publish_draft("a", version, MAX)
            assert await desk.head() == 1
            assert (await desk.revisions.get_draft("a")).version == version
            assert (await desk.revisions.publish_draft("a", version, MAX)).revision.number == 2

    @scenario
    async def test_a_text_that_was_tampered_with_is_not_used(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            await desk.revisions.publish(text(3), EVA)
            saved = await desk.revisions.save_draft("a", 0, text(4), EVA)
            version = await desk.submitted("b", text(5))
            for name in ("a", "b"):
                draft = await desk.revisions.get_draft(name)
                other = await desk.store.get(f"{layout.blob_prefix((await desk.revisions.get_revision()).sources)}0000")
                assert other is not None
                await desk.store.commit([], [Put(f"{layout.blob_prefix(draft.sources)}0000", other.value)])
            with pytest.raises(BlobError, match="damaged or altered"):
                await desk.revisions.submit_draft("a", saved.version, EVA)
            with pytest.raises(BlobError, match="damaged or altered"):
                await desk.revisions.publish_draft("b", version, MAX)
            assert await desk.head() == 1

    @scenario
    async def test_what_nothing_names_is_removed(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            revisions = desk.revisions
            await desk.published("a", text(3))
            saved = await revisions.save_draft("b", 0, text(4), EVA)
            kept = await revisions.save_draft("b", saved.version, text(5), EVA)
            gone = await revisions.save_draft("c", 0, text(6), EVA)
            await revisions.delete_draft("c", gone.version, EVA)
            # The revision's text, bundle and changes, and the draft's text; two texts that were given up.
            assert await revisions.collect_garbage() == Collected(kept=4, waiting=2, removed=0)
            assert await revisions.collect_garbage() == Collected(kept=4, waiting=2, removed=0)
            desk.clock.now += HOUR
            assert await revisions.collect_garbage() == Collected(kept=4, waiting=0, removed=2)
            assert await revisions.collect_garbage() == Collected(kept=4, waiting=0, removed=0)
            assert await revisions.published.sources(kept.sources) == text(5)
            for digest in (saved.sources, gone.sources):
                with pytest.raises(BlobError):
                    await revisions.published.sources(digest)
            assert (await desk.store.range(layout.GARBAGE)).items == []
            desk.clock.now += HOUR
            await revisions.save_draft("c", 0, text(6), EVA)
            assert await revisions.published.sources(gone.sources) == text(6)

    @scenario
    async def test_what_comes_to_be_named_stays(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            gone = await desk.revisions.save_draft("a", 0, text(4), EVA)
            await desk.revisions.delete_draft("a", gone.version, EVA)
            assert (await desk.revisions.collect_garbage()).waiting == 1
            desk.clock.now += HOUR
            again = await desk.revisions.save_draft("b", 0, text(4), EVA)
            assert await desk.revisions.collect_garbage() == Collected(kept=1, waiting=0, removed=0)
            assert await desk.revisions.published.sources(again.sources) == text(4)

    @scenario
    async def test_a_removal_that_looked_too_early_fails(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store()) as other:
            gone = await desk.revisions.save_draft("a", 0, text(4), EVA)
            await desk.revisions.delete_draft("a", gone.version, EVA)
            await desk.revisions.collect_garbage()
            desk.clock.now += HOUR

            async def named() -> None:
                await other.revisions.save_draft("b", 0, text(4), EVA)

            desk.store.before[f"{layout.blob_prefix(gone.sources)}0000"] = named
            assert await desk.revisions.collect_garbage() == Collected(kept=1, waiting=0, removed=0)
            assert await desk.revisions.published.sources(gone.sources) == text(4)

    @scenario
    async def test_nothing_is_named_that_was_removed(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store()) as collector:
            desk.store.before[layout.draft_key("a")] = refuse
            with pytest.raises(ControlStoreError):
                await desk.revisions.save_draft("a", 0, text(4), EVA)

            async def collect() -> None:
                # A clock that is hours ahead, and a writer who takes as long.
                await collector.revisions.collect_garbage()
                collector.clock.now += HOUR
                assert (await collector.revisions.collect_garbage()).removed == 1

            desk.store.before[layout.draft_key("a")] = collect
            with pytest.raises(ConflictError, match="try again"):
                await desk.revisions.save_draft("a", 0, text(4), EVA)
            saved = await desk.revisions.save_draft("a", 0, text(4), EVA)
            assert await desk.revisions.published.sources(saved.sources) == text(4)

    @scenario
    async def test_what_is_named_while_it_is_about_to_be_removed_stays(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store()) as collector:
            about, named = asyncio.Event(), asyncio.Event()
            removals: list[asyncio.Task[Collected]] = []

            async def wait_for_the_name() -> None:
                about.set()
                await named.wait()

            async def collect() -> None:
                await collector.revisions.collect_garbage()
                collector.clock.now += HOUR
                first = f"{layout.blob_prefix(sources.digest(text(4)))}0000"
                collector.store.before[first] = wait_for_the_name
                removals.append(asyncio.create_task(collector.revisions.collect_garbage()))
                await about.wait()

            desk.store.before[layout.draft_key("a")] = collect
            saved = await desk.revisions.save_draft("a", 0, text(4), EVA)
            named.set()
            assert await removals[0] == Collected(kept=1, waiting=0, removed=0)
            assert await desk.revisions.published.sources(saved.sources) == text(4)

    @scenario
    async def test_a_publication_writes_anew_what_was_removed(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk, at_desk(open_store()) as collector:

            async def collect() -> None:
                await collector.revisions.collect_garbage()
                collector.clock.now += HOUR
                assert (await collector.revisions.collect_garbage()).removed == 3

            desk.store.before[layout.revision_key(1)] = collect
            made = await desk.revisions.publish(text(4), EVA)
            assert await desk.revisions.published.sources(made.sources) == text(4)
            assert (await desk.revisions.published.bundle(made)).bundle

    @scenario
    async def test_pieces_without_a_first_are_removed(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            key = f"{layout.blob_prefix('ab' * 32)}0007"
            await desk.store.commit([], [Put(key, b"x")])
            assert (await desk.revisions.collect_garbage()).waiting == 1
            desk.clock.now += HOUR
            assert (await desk.revisions.collect_garbage()).removed == 1
            assert await desk.store.get(key) is None

    @scenario
    async def test_a_large_set_goes_through(self, open_store: Opener) -> None:
        async with at_desk(open_store()) as desk:
            chance = random.Random(1)
            lines = "".join(f"# {chance.randbytes(40).hex()}\n" for _ in range(12_000))
            large = text(3, **{f"part{n}": f"# {n}\n{lines}" for n in range(5)})
            assert len(sources.serialize(large)) > 4_900_000
            made = await desk.published("large", large)
            assert await desk.revisions.published.sources(made.sources) == large
            desk.clock.now += HOUR
            await desk.revisions.collect_garbage()
            assert await desk.revisions.published.sources(made.sources) == large

    def test_any_order_of_steps_gives_what_the_model_says(self, open_store: Opener) -> None:
        run_state_machine_as_test(
            functools.partial(Desks, open_store),  # type: ignore[arg-type]
            settings=settings(
                max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )


def _who(who: Who) -> tuple[str, str]:
    return who.actor, who.reason
