"""What every key-value store of the control plane must do."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import aclosing

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from pdp.control.kv.base import Committed, Delete, Event, KeyValueStore, Put, Unchanged
from pdp.control.kv.bounds import MAX_BYTES, MAX_CHANGES, MAX_KEY, MAX_PAGE
from pdp.errors import CompactedError, ControlStoreError, LeaseEndedError, LimitError
from tests.integration.kv_machine import History
from tests.integration.kv_steps import Child, Opener, add_one, pages, put, scenario, take


class KeyValueContract(ABC):
    """The tests; a subclass gives the fixtures `open_store` and `place`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @abstractmethod
    def place(self) -> list[str]:
        """Fixture: the arguments by which another process opens the store."""

    @scenario
    async def test_a_key_has_its_history(self, open_store: Opener) -> None:
        async with open_store() as store:
            assert await store.get("a") is None
            first, second = await put(store, "a", b"1"), await put(store, "a", b"")
            found = await store.get("a")
            assert found == ("a", b"", 2, first, second, 0)
            gone = (await store.commit([], [Delete("a")])).revision
            assert first < second < gone == await store.revision()
            assert await store.get("a") is None
            again = await put(store, "a", b"2")
            assert await store.get("a") == ("a", b"2", 1, again, again, 0)

    @scenario
    async def test_all_changes_or_none(self, open_store: Opener) -> None:
        async with open_store() as store:
            first = await put(store, "a", b"1")
            for conditions in (
                [Unchanged("a", 0)], [Unchanged("a", first + 1)], [Unchanged("a", first), Unchanged("b", first)],
            ):  # fmt: skip
                assert await store.commit(conditions, [Put("a", b"2"), Put("b", b"2")]) == Committed(False, first)
                assert await store.commit(conditions, []) == Committed(False, first)
            assert await store.commit([Unchanged("a", first), Unchanged("b", 0)], []) == Committed(True, first)
            done = await store.commit([Unchanged("a", first), Unchanged("b", 0)], [Delete("a"), Put("b", b"3")])
            assert done == Committed(True, first + 1)
            assert [item.key for item in (await store.range("")).items] == ["b"]

    @scenario
    async def test_what_changes_nothing_makes_no_revision(self, open_store: Opener) -> None:
        async with open_store() as store:
            head = await put(store, "a")
            assert await store.commit([], []) == Committed(True, head)
            assert await store.commit([], [Delete("b")]) == Committed(True, head)
            assert await store.commit([], [Delete("b"), Put("c", b"")]) == Committed(True, head + 1)
            assert await store.commit([], [Put("c", b"")]) == Committed(True, head + 2)

    @scenario
    async def test_what_breaks_a_bound_is_refused(self, open_store: Opener) -> None:
        async with open_store() as store:
            head = await put(store, "a")
            for key in ("", "a\0b", "x" * (MAX_KEY + 1), "中" * (MAX_KEY // 3 + 1), "\ud800"):
                with pytest.raises(ValueError, match=r"key|surrogates"):
                    await store.commit([], [Put(key, b"")])
                with pytest.raises(ValueError, match=r"key|surrogates"):
                    await store.commit([Unchanged(key, 0)], [])
                with pytest.raises(ValueError, match=r"key|surrogates"):
                    await store.get(key)
            with pytest.raises(ValueError, match="once"):
                await store.commit([], [Put("b", b""), Delete("b")])
            with pytest.raises(LimitError):
                await store.commit([], [Put(f"{n}", b"") for n in range(MAX_CHANGES + 1)])
            with pytest.raises(LimitError):
                await store.commit([Unchanged("b", 0)] * (MAX_CHANGES + 1), [])
            with pytest.raises(LimitError):
                await store.commit([], [Put("b", bytes(MAX_BYTES))])
            for limit in (0, MAX_PAGE + 1):
                with pytest.raises(ValueError, match="page"):
                    await store.range("", limit=limit)
            for seconds in (1, 86_401):
                with pytest.raises(ValueError, match="lease"):
                    await store.grant(seconds)
            with pytest.raises(ValueError, match="revision"):
                await anext(store.watch("", -1))
            assert await store.revision() == head

    @scenario
    async def test_the_largest_transactions_are_taken(self, open_store: Opener) -> None:
        async with open_store() as store:
            keys = [f"{n:03}" + "k" * (MAX_KEY - 3) for n in range(MAX_CHANGES)]
            share = b"v" * (MAX_BYTES // MAX_CHANGES - 2 * MAX_KEY)
            conditions = [Unchanged(key, 0) for key in keys]
            head = (await store.commit(conditions, [Put(key, share) for key in keys])).revision
            assert await take(store.watch("", head - 1), 1) == [Event(head, key, share) for key in keys]
            big = b"x" * (MAX_BYTES - 1)
            await put(store, "b", big)
            found = await store.get("b")
            assert found is not None
            assert found.value == big
            for number in range(12):
                await put(store, f"l{number:02}", big[:1_400_000])
            async with aclosing(store.watch("l", head)) as events:
                assert [event.key for event in await take(events, 12)] == [f"l{n:02}" for n in range(12)]
            large = await pages(store, "l", 1_000)
            assert [item.key for page in large for item in page.items] == [f"l{n:02}" for n in range(12)]
            assert max(len(page.items) for page in large) < 12

    @scenario
    async def test_keys_are_in_the_order_of_their_code_points(self, open_store: Opener) -> None:
        keys = [
            "a",
            "aa",
            "a\x7f",
            "a\x80",
            "aé",
            "a中",
            "a\ud7ff",
            "a\ue000",
            "a\uffff",
            "a𠀀",
            "a\U0010ffff",
            "b",
            "Z",
        ]
        async with open_store() as store:
            await store.commit([], [Put(key, key.encode()) for key in reversed(keys)])
            for limit in (1, 2, 5, 1_000):
                found = [item.key for page in await pages(store, "", limit) for item in page.items]
                assert found == sorted(keys)
            for prefix in (*keys, "x"):
                found = [item.key for item in (await store.range(prefix)).items]
                assert found == sorted(key for key in keys if key.startswith(prefix))
            assert [item.key for item in (await store.range("a", after="b")).items] == []
            assert [item.key for item in (await store.range("a", after="Z")).items] == sorted(keys)[1:-1]

    @scenario
    async def test_pages_are_of_one_revision_while_others_write(self, open_store: Opener) -> None:
        async with open_store() as store, open_store() as other:
            await store.commit([], [Put(f"k{n:02}", b"old") for n in range(40)])
            stop = asyncio.Event()

            async def disturb() -> None:
                turn = 0
                while not stop.is_set():
                    turn += 1
                    await other.commit([], [Put(f"k{turn % 40:02}", b"new"), Delete(f"k{(turn + 20) % 40:02}")])

            disturbing = asyncio.create_task(disturb())
            first = await store.range("k", limit=3)
            expected = (await store.range("k", revision=first.revision)).items
            for _ in range(5):
                found = await pages(store, "k", 3, first.revision)
                assert [item for page in found for item in page.items] == list(expected)
                assert {page.revision for page in found} == {first.revision}
            stop.set()
            await disturbing

    @scenario
    async def test_nobody_counts_what_another_counted(self, open_store: Opener) -> None:
        async with open_store() as one, open_store() as two:
            start = await one.revision()

            async def count(store: KeyValueStore) -> list[int]:
                return [await add_one(store, "n") for _ in range(8)]

            async with aclosing(two.watch("n", start)) as events:
                counted = await asyncio.gather(*(count(store) for store in (one, two) * 4))
                seen = await take(events, 64)
            revisions = [event.revision for event in seen]
            assert [event.value for event in seen] == [b"%d" % n for n in range(1, 65)]
            assert revisions == sorted(revision for some in counted for revision in some)
            assert all(some == sorted(some) for some in counted)

    @scenario
    async def test_a_watch_yields_whole_revisions_from_any_point(self, open_store: Opener) -> None:
        async with open_store() as store:
            head = await store.revision()
            expected: list[list[Event]] = []
            for number in range(30):
                names = [f"w{place}" for place in range(number % 3 + 1)]
                value = None if number % 5 == 4 else b"%d" % number
                changes = [Delete(name) if value is None else Put(name, value) for name in names]
                present = [name for name in names if value is not None or await store.get(name)]
                head = (await store.commit([], [*changes, Put("other", b"")])).revision
                expected.append([Event(head, name, value) for name in present])
            for start in (0, 7, 29):
                async with aclosing(store.watch("w", expected[start][0].revision - 1)) as events:
                    assert [list(await anext(events)) for _ in expected[start:]] == expected[start:]
                    for value in (b"live", None):
                        done = await store.commit([], [Delete("w0") if value is None else Put("w0", value)])
                        expected.append([Event(done.revision, "w0", value)])
                        assert list(await anext(events)) == expected[-1]

    @scenario
    async def test_compacted_history_is_not_told_in_part(self, open_store: Opener) -> None:
        async with open_store() as store:
            start = await store.revision()
            first = await put(store, "a", b"1")
            second = await put(store, "a", b"2")
            await put(store, "b", b"1")
            gone = (await store.commit([], [Delete("b")])).revision
            after = await put(store, "c", b"3")
            await store.compact(gone)
            await store.compact(gone)
            await store.compact(first)
            for revision in (start, first, second, gone - 1):
                # At `gone - 1` all would seem to be there, but for the removal.
                with pytest.raises(CompactedError):
                    await anext(store.watch("", revision))
                with pytest.raises(CompactedError):
                    await store.range("", revision=revision)
            for revision in (gone, after):
                keys = [item.key for item in (await store.range("", revision=revision)).items]
                assert keys == ["a", "c"][: revision - gone + 1]
            async with aclosing(store.watch("", gone)) as events:
                assert await take(events, 1) == [Event(after, "c", b"3")]
            with pytest.raises(ControlStoreError):
                await store.compact(after + 1_000)
            with pytest.raises(ControlStoreError):
                await store.range("", revision=after + 1_000)

    @scenario
    async def test_a_slow_watch_misses_nothing(self, open_store: Opener) -> None:
        async with open_store() as store:
            head = await store.revision()
            async with aclosing(store.watch("s", head)) as slow, aclosing(store.watch("s", head)) as quick:
                first = await put(store, "s", b"0")
                assert (await anext(slow))[0].revision == (await anext(quick))[0].revision == first
                for number in range(1, 400):
                    await put(store, "s", b"%d" % number * 1_000)
                    await anext(quick)
                assert [event.value for event in await take(slow, 399)] == [b"%d" % n * 1_000 for n in range(1, 400)]

    @scenario
    async def test_a_slow_watch_is_told_that_it_is_too_late(self, open_store: Opener) -> None:
        async with open_store() as store:
            async with aclosing(store.watch("s", await put(store, "s"))) as slow:
                await put(store, "s", b"begun")
                await anext(slow)
                # More, in number and in bytes, than anybody keeps for it on the way.
                for _ in range(400):
                    head = await put(store, "s", bytes(100_000))
                await store.compact(head)
                with pytest.raises(CompactedError):
                    await take(slow, 400)
            async with aclosing(store.watch("s", head)) as events:
                live = await put(store, "s", b"")
                assert await take(events, 1) == [Event(live, "s", b"")]

    @scenario
    async def test_a_watch_that_is_left_concerns_nobody(self, open_store: Opener) -> None:
        async with open_store() as store:
            head = await put(store, "a")
            async with aclosing(store.watch("", head)) as staying:
                revision = head
                for _ in range(3):
                    leaving = asyncio.create_task(anext(store.watch("", revision)))
                    waiting = asyncio.create_task(anext(staying))
                    await asyncio.wait({leaving, waiting}, timeout=0.05)
                    leaving.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await leaving
                    revision = await put(store, "a", b"x")
                    assert list(await waiting) == [Event(revision, "a", b"x")]
                begun = store.watch("", head)
                assert await anext(begun)
                await begun.aclose()
                assert await store.get("a") is not None

    @scenario
    async def test_many_watches_see_the_same(self, open_store: Opener) -> None:
        async with open_store() as store, open_store() as other:
            head = await store.revision()

            async def follow(number: int) -> list[Event]:
                async with aclosing(store.watch("m/" if number % 2 else f"m/{number % 10}", head)) as events:
                    return await take(events, 50 if number % 2 else 5)

            following = [asyncio.create_task(follow(number)) for number in range(100)]
            sent = [Event(await put(other, f"m/{n % 10}", b"%d" % n), f"m/{n % 10}", b"%d" % n) for n in range(50)]
            for number, seen in enumerate(await asyncio.gather(*following)):
                assert seen == (sent if number % 2 else [event for event in sent if event.key == f"m/{number % 10}"])

    @scenario
    async def test_closing_ends_watches_and_calls(self, open_store: Opener) -> None:
        async with open_store() as store:
            head = await put(store, "a")

            async def follow() -> list[Sequence[Event]]:
                return [events async for events in store.watch("", head)]

            following = [asyncio.create_task(follow()) for _ in range(3)]
            await asyncio.wait(following, timeout=0.1)
            await store.close()
            assert await asyncio.gather(*following) == [[], [], []]
            await store.close()
            for call in (
                store.get("a"),
                store.revision(),
                store.commit([], []),
                store.grant(5),
                anext(store.watch("", 0)),
            ):
                with pytest.raises(ControlStoreError, match="closed"):
                    await call

    @scenario
    async def test_closing_in_the_middle_cancels_nobody(self, open_store: Opener) -> None:
        async with open_store() as store:
            await put(store, "a")
            calls = [asyncio.create_task(call) for _ in range(10) for call in (store.get("a"), add_one(store, "n"))]
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            await store.close()
            for result in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(result, ControlStoreError | int | tuple)

    @scenario
    async def test_another_client_goes_on_where_one_left(self, open_store: Opener) -> None:
        async with open_store() as store:
            before = await put(store, "a", b"1")
            lease = await store.grant(60)
            kept = await put(store, "b", b"2", lease)
        async with open_store() as store:
            assert [item.value for item in (await store.range("")).items] == [b"1", b"2"]
            async with aclosing(store.watch("", before)) as events:
                assert await take(events, 1) == [Event(kept, "b", b"2")]
            assert await store.renew(lease)

    @scenario
    async def test_keys_go_with_their_lease(self, open_store: Opener) -> None:
        async with open_store() as store:
            lease, other = await store.grant(60), await store.grant(60)
            assert lease != other
            await store.commit(
                [], [Put("a", b"", lease), Put("b", b"", lease), Put("c", b"", other), Put("d", b"", lease)]
            )
            head = await put(store, "d", b"stays")
            found = await store.get("a")
            assert found is not None
            assert found.lease == lease
            await store.revoke(lease)
            await store.revoke(lease)
            assert await store.revision() == head + 1
            async with aclosing(store.watch("", head)) as events:
                assert list(await anext(events)) == [Event(head + 1, "a", None), Event(head + 1, "b", None)]
            assert [item.key for item in (await store.range("")).items] == ["c", "d"]
            assert not await store.renew(lease)
            assert await store.renew(other)
            with pytest.raises(LeaseEndedError):
                await store.commit([], [Put("x", b""), Put("y", b"", lease)])
            assert await store.revision() == head + 1

    @scenario
    async def test_a_lease_lasts_as_long_as_it_is_renewed(self, open_store: Opener) -> None:
        clock = asyncio.get_running_loop().time
        async with open_store() as store:
            kept, lost = await store.grant(2), await store.grant(2)
            granted, pace = clock(), asyncio.Event()
            head = (await store.commit([], [Put("kept", b"", kept), Put("lost", b"", lost)])).revision
            async with aclosing(store.watch("", head)) as events:
                gone = asyncio.create_task(anext(events))
                while not gone.done() or clock() < granted + 5:
                    renewed = clock()
                    assert await store.renew(kept)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(pace.wait(), 0.3)
                assert list(gone.result()) == [Event(head + 1, "lost", None)]
                assert not await store.renew(lost)
                assert list(await anext(events)) == [Event(head + 2, "kept", None)]
                assert clock() >= renewed + 2

    @scenario
    async def test_a_process_that_is_killed_loses_its_lease(self, open_store: Opener, place: list[str]) -> None:
        async with open_store() as store, Child.started("lease", *place) as child:
            head = await store.revision()
            async with aclosing(store.watch("held", head)) as events:
                assert (await anext(events))[0].value == b"held"
                assert await child.line() == "held"
                child.process.kill()
                assert (await anext(events))[0].value is None

    @scenario
    async def test_a_process_that_is_paused_loses_its_lease_and_learns_it(
        self, open_store: Opener, place: list[str]
    ) -> None:
        async with open_store() as store:
            head = await store.revision()
        async with open_store() as store, Child.started("pause", *place) as child:
            assert await child.line() == "held"
            async with aclosing(store.watch("held", head)) as events:
                while (await anext(events))[-1].value is not None:
                    pass
            child.process.send_signal(signal.SIGCONT)
            assert await child.line() == "lost"

    @scenario
    async def test_processes_lose_no_update_of_each_other(self, open_store: Opener, place: list[str]) -> None:
        async with open_store() as store, contextlib.AsyncExitStack() as stack:
            head = await store.revision()
            children = [await stack.enter_async_context(Child.started("count", *place, "40")) for _ in range(2)]
            async with aclosing(store.watch("n", head)) as events:
                mine = [await add_one(store, "n") for _ in range(40)]
                seen = await take(events, 120)
            assert [await child.line() for child in children] == ["done", "done"]
            assert [event.value for event in seen] == [b"%d" % n for n in range(1, 121)]
            assert mine == sorted(mine)

    def test_any_history_is_told_as_it_was(self, open_store: Opener) -> None:
        with asyncio.Runner() as runner:
            stack = contextlib.AsyncExitStack()
            store = runner.run(stack.enter_async_context(open_store()))
            try:
                run_state_machine_as_test(
                    lambda: History(store, runner),
                    settings=settings(max_examples=25, stateful_step_count=30, deadline=None, database=None),
                )
            finally:
                runner.run(stack.aclose())
