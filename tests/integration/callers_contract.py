"""What managed callers must do, whatever the store."""

from __future__ import annotations

import asyncio
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pytest

from pdp.control import layout
from pdp.control.callers import TokenWish
from pdp.control.callers.book import USED_EVERY
from pdp.control.callers.desk import MAX_WAITING, WAITING_SECONDS
from pdp.control.callers.rules import MAX_TOKENS
from pdp.control.callers.telling import differences, told_change, without_hashes
from pdp.control.callers.tokens import token_hash
from pdp.control.kv.base import Event
from pdp.control.steps import Who
from pdp.errors import (
    AccessDeniedError,
    ConflictError,
    ControlStoreError,
    LimitError,
    NotFoundError,
    PdpError,
    RequestError,
    WrongStateError,
)
from tests.integration.accounts_steps import Hands
from tests.integration.callers_steps import CHEN, OUTSIDER, WANG, Judges, desk, follower, wanted
from tests.integration.kv_steps import Opener, put, scenario

DAY = 86_400 * 10**9


async def outcome(work: object) -> str:
    try:
        await work  # type: ignore[misc]
    except PdpError as error:
        return error.code
    return "done"


class CallersContract(ABC):
    """The tests; a subclass gives the fixture `open_store`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @scenario
    async def test_a_caller_needs_a_second_person(self, open_store: Opener) -> None:
        async with open_store() as store, desk(store) as here:
            asked = await here.create(wanted(), TokenWish(seconds=3600), CHEN, four_eyes=True)
            assert asked.after is None
            assert asked.change is not None
            assert asked.change.widens == ["caller"]
            with pytest.raises(NotFoundError):
                await here.get_caller("counter")
            for who, word in ((CHEN, "somebody else"), (OUTSIDER, "caller-manage")):
                with pytest.raises(AccessDeniedError, match=word):
                    await here.approve(asked.change.id, who)
            done = await here.approve(asked.change.id, WANG)
            assert done.after is not None
            found = await here.get_caller("counter")
            assert (found.version, found.created_by, found.calls, found.reports) == (1, "chen", ["decide"], True)
            assert found.tokens[0].sha256.hex() == token_hash(asked.token)
            with pytest.raises(ConflictError, match="`wang` approved this already"):
                await here.approve(asked.change.id, WANG)
            assert [step.actor for step in (await here.get_change(asked.change.id)).steps] == ["chen", "wang"]
            with pytest.raises(AccessDeniedError):
                await here.create(wanted("other"), None, OUTSIDER, four_eyes=True)
            with pytest.raises(WrongStateError, match="already"):
                await here.create(wanted(), None, CHEN, four_eyes=True)

    @scenario
    async def test_where_nobody_signs_in_all_is_done_at_once(self, open_store: Opener) -> None:
        async with open_store() as store, desk(store) as here:
            owner = Who("root", "set up")
            done = await here.create(wanted(), TokenWish("first"), owner, four_eyes=False)
            assert done.after is not None
            assert done.change is None
            added = await here.add_token("counter", TokenWish("second"), owner, four_eyes=False)
            assert [token.id for token in (await here.get_caller("counter")).tokens] == ["first", "second"]
            assert added.token != done.token
            kept = b"".join(item.value for item in (await store.range("")).items)
            for shown in (done.token, added.token):
                assert shown.encode() not in kept

    @scenario
    async def test_what_takes_away_is_done_at_once_and_what_gives_waits(self, open_store: Opener) -> None:
        async with open_store() as store, desk(store) as here:
            start = wanted(certificates=["dns:Counter"], applications=["a", "b"])
            await here.create(start, TokenWish("t"), CHEN, four_eyes=False)
            less = wanted(certificates=["dns:counter"], applications=["a"], subjects=["T1*"], version=1)
            less.rate.per_second = 5
            done = await here.update(less, CHEN, four_eyes=True)
            assert done.after is not None
            assert (done.after.version, done.after.rate.burst, len(done.after.tokens)) == (2, 5, 1)
            same = {
                "certificates": ["dns:counter"], "applications": ["a"], "subjects": ["T1*"], "version": 2,
                "rate": {"per_second": 5},
            }  # fmt: skip
            for change in (
                {"applications": ["a", "c"]}, {"subjects": ["T2"]}, {"calls": ["decide", "explain"]},
                {"bundles": True}, {"grants": ["ask"]}, {"certificates": ["dns:counter", "cn:x"]},
            ):  # fmt: skip
                more = wanted(**(same | change))
                asked = await here.update(more, CHEN, four_eyes=True)
                assert asked.change is not None, change
                assert list(asked.change.widens) == list(change)
                await here.refuse(asked.change.id, CHEN)
            disabled = await here.disable("counter", CHEN, four_eyes=True)
            assert disabled.after is not None
            assert (disabled.after.disabled, disabled.after.disabled_reason) == (True, "needed")
            asked = await here.enable("counter", CHEN, four_eyes=True)
            assert asked.change is not None
            assert (await here.get_caller("counter")).disabled
            await here.approve(asked.change.id, WANG)
            assert not (await here.get_caller("counter")).disabled
            gone = await here.revoke_token("counter", "t", CHEN, four_eyes=True)
            assert gone.after is not None
            assert not gone.after.tokens
            await here.delete("counter", 0, CHEN, four_eyes=True)
            with pytest.raises(NotFoundError):
                await here.get_caller("counter")

    @scenario
    async def test_of_two_editors_one_is_told(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, desk(store, clock) as here, desk(store, clock) as there:
            await here.create(wanted(applications=["a", "b", "c"]), None, CHEN, four_eyes=False)
            tries = [
                here.update(wanted(applications=["a", "b"], version=1), CHEN, four_eyes=True),
                there.update(wanted(applications=["b", "c"], version=1), WANG, four_eyes=True),
            ]
            assert sorted(await asyncio.gather(*map(outcome, tries))) == ["conflict", "done"]
            found = await here.get_caller("counter")
            with pytest.raises(ConflictError) as caught:
                await here.update(wanted(applications=["a"], version=1), CHEN, four_eyes=True)
            assert (caught.value.actor, caught.value.version) == (found.changed_by, 2)
            with pytest.raises(ConflictError):
                await here.delete("counter", 1, CHEN, four_eyes=True)
            with pytest.raises(RequestError, match="version"):
                await here.update(wanted(applications=["a"]), CHEN, four_eyes=True)
            with pytest.raises(WrongStateError, match="nothing changes"):
                await here.update(wanted(applications=found.applications, version=2), CHEN, four_eyes=True)

    @scenario
    async def test_what_is_done_is_what_was_asked_for_on_what_there_was(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, desk(store, clock) as here:
            await here.create(wanted(), None, CHEN, four_eyes=False)
            asked = await here.add_token("counter", TokenWish("late"), CHEN, four_eyes=True)
            assert asked.change is not None
            await here.disable("counter", WANG, four_eyes=True)
            with pytest.raises(WrongStateError, match="has changed since"):
                await here.approve(asked.change.id, WANG)
            again = await here.add_token("counter", TokenWish("late"), CHEN, four_eyes=True)
            assert again.change is not None
            altered = await here.get_change(again.change.id)
            altered.wanted.subjects[:] = ["*"]
            await put(store, layout.CALLER_CHANGES + altered.id, altered.SerializeToString())
            with pytest.raises(WrongStateError, match="not what was asked for"):
                await here.approve(altered.id, WANG)
            last = await here.add_token("counter", TokenWish("late"), CHEN, four_eyes=True)
            assert last.change is not None
            clock.later(WAITING_SECONDS + 1)
            with pytest.raises(WrongStateError, match="has waited since"):
                await here.approve(last.change.id, WANG)
            assert not (await here.get_caller("counter")).tokens

    @scenario
    async def test_two_at_once_approve_once(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, desk(store, clock) as here, desk(store, clock) as there:
            asked = await here.create(wanted(), None, CHEN, four_eyes=True)
            assert asked.change is not None
            tries = [at.approve(asked.change.id, WANG) for at in (here, there)]
            assert sorted(await asyncio.gather(*map(outcome, tries))) == ["conflict", "done"]
            assert (await here.get_caller("counter")).version == 1

    @scenario
    async def test_a_certificate_tells_one_caller(self, open_store: Opener) -> None:
        async with open_store() as store, desk(store) as here:
            await here.create(wanted(certificates=["dns:one"]), None, CHEN, four_eyes=False)
            with pytest.raises(RequestError, match="belongs to the caller `counter`"):
                await here.create(wanted("other", certificates=["cn:x", "dns:ONE"]), None, CHEN, four_eyes=True)
            one = await here.create(wanted("a", certificates=["dns:two"]), None, CHEN, four_eyes=True)
            two = await here.create(wanted("b", certificates=["dns:two"]), None, CHEN, four_eyes=True)
            assert one.change is not None
            assert two.change is not None
            await here.approve(one.change.id, WANG)
            with pytest.raises(RequestError, match="belongs to the caller `a`"):
                await here.approve(two.change.id, WANG)

    @scenario
    async def test_tokens_have_bounds_and_those_over_go(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, desk(store, clock) as here:
            await here.create(wanted(), TokenWish("0", 60), CHEN, four_eyes=False)
            for number in range(1, MAX_TOKENS):
                await here.add_token("counter", TokenWish(str(number)), CHEN, four_eyes=False)
            with pytest.raises(LimitError, match="revoke one first"):
                await here.add_token("counter", TokenWish("x"), CHEN, four_eyes=False)
            clock.later(60)
            await here.add_token("counter", TokenWish("x"), CHEN, four_eyes=False)
            ids = [token.id for token in (await here.get_caller("counter")).tokens]
            assert ids == [*map(str, range(1, MAX_TOKENS)), "x"]
            with pytest.raises(WrongStateError, match="has a token `x` already"):
                await here.add_token("counter", TokenWish("x"), CHEN, four_eyes=False)
            for wish in (TokenWish("jx_secret"), TokenWish("a b"), TokenWish("y", 59), TokenWish("y", 3_651 * 86_400)):
                with pytest.raises(RequestError) as caught:
                    await here.add_token("counter", wish, CHEN, four_eyes=False)
                assert "jx_secret" not in str(caught.value)

    @scenario
    async def test_pages_and_waiting_changes(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, desk(store, clock) as here:
            for number in range(5):
                await here.create(wanted(f"c{number}"), TokenWish(), CHEN, four_eyes=False)
            first = await here.list_callers(limit=2)
            assert ([c.name for c in first.callers], first.more) == (["c0", "c1"], True)
            rest = await here.list_callers(after="c1", limit=10)
            assert ([c.name for c in rest.callers], rest.more) == (["c2", "c3", "c4"], False)
            for _ in range(MAX_WAITING):
                clock.later(1)
                await here.add_token("c0", TokenWish("n"), CHEN, four_eyes=True)
            with pytest.raises(LimitError, match="wait already"):
                await here.add_token("c0", TokenWish("n"), CHEN, four_eyes=True)
            page = await here.list_changes(limit=15)
            following = await here.list_changes(after=page.next, limit=15, only_waiting=True)
            times = [change.steps[0].time_nanos for change in (*page.changes, *following.changes)]
            assert times == sorted(times, reverse=True)
            assert (len(times), following.next) == (MAX_WAITING, "")
            await here.forget(clock.now + 1)
            assert not (await here.list_changes()).changes

    @scenario
    async def test_the_last_use_of_a_token_is_told(self, open_store: Opener) -> None:
        async with open_store() as store, desk(store) as here:
            await here.create(wanted(), TokenWish("t"), CHEN, four_eyes=False)
            await here.note_uses({("counter", "t"): 7 * DAY, ("counter", "gone"): DAY, ("../x", "t"): DAY})
            await here.note_uses({("counter", "t"): 7 * DAY + USED_EVERY - 1})
            assert (await here.get_caller("counter")).tokens[0].last_used_nanos == 7 * DAY
            await here.note_uses({("counter", "t"): 7 * DAY + USED_EVERY})
            assert (await here.list_callers()).callers[0].tokens[0].last_used_nanos == 7 * DAY + USED_EVERY
            # A change of the caller does not write it down with the caller.
            await here.disable("counter", CHEN, four_eyes=False)
            kept = await store.get(layout.CALLERS + "counter")
            assert kept is not None
            await here.forget(0)
            keys = [item.key for item in (await store.range(layout.CALLER_USES)).items]
            assert keys == [layout.caller_uses("counter") + "t"]

    @scenario
    async def test_what_is_told_holds_no_hash(self, open_store: Opener) -> None:
        async with open_store() as store, desk(store) as here:
            asked = await here.create(wanted(), TokenWish("t"), CHEN, four_eyes=True)
            assert asked.change is not None
            digest = bytes.fromhex(token_hash(asked.token))
            told = told_change(asked.change)
            found = differences(None, asked.change.wanted)
            assert found["tokens.after"] == "t"
            for text in (told.SerializeToString(), str(found).encode(),
                         without_hashes(asked.change.wanted).SerializeToString()):  # fmt: skip
                assert digest not in text
                assert digest.hex().encode() not in text
                assert asked.token.encode() not in text

    @scenario
    async def test_nodes_follow_at_once(self, open_store: Opener, tmp_path: Path) -> None:
        clock, one, two = Hands(), Judges(), Judges()
        async with open_store() as store, open_store() as other, desk(store, clock) as here:
            nodes = [follower(store, one, tmp_path / "a"), follower(other, two, tmp_path / "b")]
            for node in nodes:
                await node.recover(5)
                node.start()
            try:
                assert one.told == two.told == [{}]
                made = await here.create(wanted(), TokenWish("t"), CHEN, four_eyes=False)
                await asyncio.gather(one.until("counter"), two.until("counter"))
                begun = time.monotonic()
                waits = [asyncio.create_task(judges.next()) for judges in (one, two)]
                await here.revoke_token("counter", "t", CHEN, four_eyes=False)
                for known in await asyncio.gather(*waits):
                    assert not known["counter"].tokens
                assert time.monotonic() - begun < 1
                kept = (tmp_path / "a" / "callers").read_bytes()
                assert made.token.encode() not in kept
                assert stat.S_IMODE((tmp_path / "a" / "callers").stat().st_mode) == 0o600
                waits = [asyncio.create_task(judges.next()) for judges in (one, two)]
                await here.delete("counter", 0, CHEN, four_eyes=False)
                assert list(await asyncio.gather(*waits)) == [{}, {}]
            finally:
                for node in nodes:
                    await node.stop()

    @scenario
    async def test_what_a_watch_swallows_is_found_within_a_second(self, open_store: Opener, tmp_path: Path) -> None:
        judges = Judges()
        async with open_store() as store, desk(store) as here:
            deaf = follower(_Deaf(store), judges, tmp_path / "a", poll=60.0)  # type: ignore[arg-type]
            await deaf.recover(5)
            deaf.start()
            try:
                await here.create(wanted(), None, CHEN, four_eyes=False)
                async with asyncio.timeout(2):
                    await judges.until("counter")
            finally:
                await deaf.stop()

    @scenario
    async def test_without_the_store_those_known_last_go_on(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store, desk(store) as here:
            await here.create(wanted(), TokenWish("t"), CHEN, four_eyes=False)
            await follower(store, Judges(), tmp_path / "a").recover(5)
            away = _Away(store)
            after, fresh = Judges(), Judges()
            await follower(away, after, tmp_path / "a").recover(5)  # type: ignore[arg-type]
            assert [token.id for token in after.told[-1]["counter"].tokens] == ["t"]
            assert "away" in after.words[-1]
            # Who knows nobody lets nobody in.
            await follower(away, fresh, tmp_path / "b").recover(5)  # type: ignore[arg-type]
            assert fresh.told == [{}]
            (tmp_path / "a" / "callers").write_bytes(b"\xff" * 9)
            damaged = Judges()
            await follower(away, damaged, tmp_path / "a").recover(5)  # type: ignore[arg-type]
            assert damaged.told == [{}]
            assert "cannot be read" in damaged.words[-1]

    @scenario
    async def test_what_cannot_be_kept_counts_all_the_same(self, open_store: Opener, tmp_path: Path) -> None:
        judges = Judges()
        async with open_store() as store, desk(store) as here:
            await here.create(wanted(), None, CHEN, four_eyes=False)
            node = follower(store, judges, tmp_path / "a")
            (tmp_path / "a" / "callers").mkdir()
            await node.recover(5)
            assert list(judges.told[-1]) == ["counter"]
            assert "cannot keep the callers" in judges.words[-1]
            await node.look()
            assert "cannot keep the callers" in judges.words[-1]
            (tmp_path / "a" / "callers").rmdir()
            await node.look()
            assert judges.words[-1] == ""
            assert (tmp_path / "a" / "callers").is_file()
            assert len(judges.told) == 1


class _Deaf:
    """A store whose watches never hear anything."""

    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def watch(self, _prefix: str, _after: int) -> object:  # type: ignore[misc]
        await asyncio.Event().wait()
        yield list[Sequence[Event]]()


class _Away:
    """A store that is away."""

    def __init__(self, store: object) -> None:
        del store

    async def get(self, _key: str) -> object:
        raise ControlStoreError("the store is away")
