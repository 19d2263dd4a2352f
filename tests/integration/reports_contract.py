"""What becomes of clients' reports, whatever the control store: each event counts exactly once."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.control import layout, reports
from pdp.v1 import control_pb2
from tests.integration.kv_steps import Opener, scenario
from tests.integration.reports_steps import (
    KIND,
    REFUSED,
    AccessDeniedError,
    ControlStoreError,
    Crash,
    LimitError,
    Node,
    OutOfSequenceError,
    SpoolError,
    UnsettledError,
    World,
    reported,
)

EVENTS = 25
NODES = ("n1", "n2", "n3")
FAULTS = ("", "", "", "fail before", "fail after", "die before", "die after")
# Mostly one fault, at one of the calls that a report makes: else none would come as far as the later ones.
ONE = st.builds(lambda at, fault: [""] * at + [fault], st.integers(0, 4), st.sampled_from(FAULTS[3:]))
FAILING = st.one_of(ONE, ONE, ONE, st.just([""]), st.lists(st.sampled_from(FAULTS), max_size=9))
REPORT = st.tuples(st.just("report"), st.sampled_from(NODES[:2]), st.integers(1, 2), FAILING)
OTHERS = st.tuples(st.sampled_from(("ship", "restart", "settle")), st.sampled_from(NODES[:2]))
GOING = st.one_of(st.tuples(st.just("leave"), st.sampled_from(NODES[:2])), st.tuples(st.just("later"), st.just("")))
CERTAIN = st.lists(st.one_of(REPORT, REPORT, REPORT, OTHERS), min_size=8, max_size=30)
DOUBTFUL = st.lists(st.one_of(REPORT, REPORT, REPORT, OTHERS, GOING), min_size=8, max_size=30)


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


async def through(world: World, client: str) -> int:
    item = await world.control.get(layout.report_key(KIND, client))
    return 0 if item is None else control_pb2.ReportMark.FromString(item.value).recorded_through


class ReportsContract:
    examples = 60

    @scenario
    async def test_a_report_is_recorded_once_by_whichever_node(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            first, second = await world.start("n1"), await world.start("n2")
            events = [reported(client, number) for number in range(1, 4)]
            assert (await first.report(client, events)).through == 3
            done = await second.report(client, [*events[1:], reported(client, 4)])
            assert (done.through, [event.number for event in done.taken]) == (4, [4])
            assert (await first.report(client, events)).taken == ()
            with pytest.raises(OutOfSequenceError) as caught:
                await first.report(client, [reported(client, 6)])
            assert caught.value.expected == 5
            with pytest.raises(AccessDeniedError):
                await first.report(client, [reported(client, 5)], caller="crm")
            world.ship("n1")
            world.ship("n2")
            assert Counter(record["id"] for record in world.shipped) == {f"{client}-f{n}-0": 1 for n in range(1, 5)}

    @scenario
    async def test_numbers_without_records_move_the_mark(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            node = await world.start("n1")
            assert (await node.report(client, [reported(client, n, 0) for n in (1, 2)])).through == 2
            assert not world.disks["n1"]

    @scenario
    async def test_two_nodes_at_one_time(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            nodes = [await world.start(name) for name in NODES]
            events = [reported(client, number) for number in range(1, 11)]

            async def report(node: Node) -> int:
                while True:
                    try:
                        return (await node.report(client, events)).through
                    except UnsettledError:
                        await asyncio.sleep(0)  # the other one is at it

            assert await asyncio.gather(*map(report, nodes)) == [10] * 3
            for name in NODES:
                world.ship(name)
            assert len(world.shipped) == 10

    @scenario
    async def test_many_at_one_time_at_one_node(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            node = await world.start("n1")

            async def report(number: int) -> None:
                for last in range(1, 6):
                    await node.report(client, [reported(client, n) for n in range(1, last + 1)])
                    await asyncio.sleep(0.001 * (number % 3))

            await asyncio.gather(*map(report, range(10)))
            world.ship("n1")
            assert Counter(record["id"] for record in world.shipped) == {f"{client}-f{n}-0": 1 for n in range(1, 6)}

    @scenario
    async def test_a_node_that_died_in_between_finds_its_own_records(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            name = unique("n1")
            # get, commit of the intent, append
            for number, faults in ((1, ["", "", "die after"]), (2, ["", "die after"]), (3, ["", "", "die before"])):
                node = await world.start(name)
                world.faults = faults
                with pytest.raises(Crash):
                    await node.report(client, [reported(client, number)])
                node = await world.start(name)
                if number == 1:  # it is still on the disk
                    with pytest.raises(UnsettledError):
                        await node.report(client, [reported(client, number)])
                world.ship(name)
                done = await node.report(client, [reported(client, number)])
                assert (done.through, len(done.taken)) == (number, 0 if number == 1 else 1)
                world.ship(name)
            assert [record["id"] for record in world.shipped] == [f"{client}-f{n}-0" for n in (1, 2, 3)]
            assert all("repeats" not in record for record in world.shipped)

    @scenario
    async def test_another_node_waits_for_one_that_lives_and_takes_over_from_one_that_is_gone(
        self, open_store: Opener
    ) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            old, new = unique("old"), unique("new")
            node = await world.start(old)
            world.faults = ["", "", "die after"]
            with pytest.raises(Crash):
                await node.report(client, [reported(client, 1), reported(client, 2)])
            other = await world.start(new)
            with pytest.raises(UnsettledError):
                await other.report(client, [reported(client, 1), reported(client, 2)])
            await world.leave(old)
            assert (await other.report(client, [reported(client, 1)])).through == 1
            # The doubt lasts as long as the old one's report goes.
            assert (await other.report(client, [reported(client, 2), reported(client, 3)])).through == 3
            world.ship(new)
            told = [record.get("repeats") for record in world.shipped]
            assert told == [f"{old}/{node.life}", f"{old}/{node.life}", None]
            # It comes back with its disk: what it brings counts, and what was recorded for it does not.
            world.ship(old)
            assert Counter(world.counted().values()) == {1: 3}
            assert len(world.shipped) == 5

    @scenario
    async def test_a_mark_that_could_not_be_moved_is_moved_later(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            name = unique("n1")
            node = await world.start(name)
            world.faults = ["", "", "", "fail before", "fail before"]
            with pytest.raises(ControlStoreError):
                await node.report(client, [reported(client, 1)])
            assert await through(world, client) == 0
            assert await node.book.settle()
            assert await through(world, client) == 1
            assert (await node.report(client, [reported(client, 1)])).taken == ()

    @scenario
    async def test_what_could_not_be_written_is_not_recorded(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, client = World(store), uuid.uuid4().hex
            node = await world.start(unique("n1"))
            world.faults = ["", "", "fail before"]
            with pytest.raises(SpoolError):
                await node.report(client, [reported(client, 1)])
            assert (await node.report(client, [reported(client, 1)])).through == 1
            assert len(world.disks[node.name]) == 1

    @scenario
    async def test_who_is_not_heard_of_for_long_is_forgotten(self, open_store: Opener) -> None:
        async with open_store() as store:
            world, old, new = World(store), uuid.uuid4().hex, uuid.uuid4().hex
            node = await world.start(unique("n1"))
            await node.report(old, [reported(old, 1)])
            world.now = 1_000
            await node.report(new, [reported(new, 1)])
            assert await node.book.forget(1_000) >= 1
            assert (await through(world, old), await through(world, new)) == (0, 1)

    @scenario
    async def test_a_caller_has_only_so_many_clients(self, open_store: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
        async with open_store() as store:
            world, caller = World(store), unique("counter")
            node, old, *others = await world.start(unique("n1")), *(uuid.uuid4().hex for _ in range(3))
            monkeypatch.setattr(reports, "MOST_CLIENTS", 2)
            await node.report(old, [reported(old, 1)], caller)
            world.now = 1_000
            await node.report(others[0], [reported(others[0], 1)], caller)
            # Also one that began meanwhile, and has read the marks.
            later = await world.start(unique("n2"))
            await later.book.settle()
            for one in (node, later):
                with pytest.raises(LimitError, match="2 clients already"):
                    await one.report(others[1], [reported(others[1], 1)], caller)
                assert (await one.report(old, [reported(old, 1)], caller)).through == 1
            await later.report(others[1], [reported(others[1], 1)], unique("crm"))
            await node.book.forget(1_000)
            await node.report(uuid.uuid4().hex, [reported("0" * 32, 1)], caller)

    def test_each_event_counts_once_whatever_happens(self, open_store: Opener) -> None:
        @settings(
            max_examples=self.examples, deadline=None, database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        )  # fmt: skip
        @given(steps=st.one_of(CERTAIN, DOUBTFUL))
        def run(steps: list[Any]) -> None:
            asyncio.run(_live(open_store, steps))

        run()


async def _live(open_store: Opener, steps: list[Any]) -> None:
    async with open_store() as store:
        world, client = World(store), uuid.uuid4().hex
        names = {name: unique(name) for name in NODES}
        events = [reported(client, number, number % 3) for number in range(1, EVENTS + 1)]
        for name in names.values():
            await world.start(name)
        said, is_doubtful = 0, False
        for what, place, *rest in steps:
            name = names.get(place, "")
            node = world.nodes.get(name)
            match what:
                case "ship":
                    world.ship(name)
                case "restart":
                    await world.start(name)
                case "leave":
                    await world.leave(name)
                    is_doubtful = True
                case "later":
                    world.later()
                    is_doubtful = True
                case "settle" if node is not None:
                    try:
                        await node.book.settle()
                    except REFUSED:
                        continue
                case "report" if node is not None and said < EVENTS:
                    size, world.faults = rest[0], list(rest[1])
                    try:
                        # The answer may be lost too: then the client does not know.
                        done = await node.report(client, events[said : said + size])
                        said = done.through if world.fault() != "fail after" else said
                    except (*REFUSED, Crash):
                        pass
                    world.faults = []
        for name in names.values():
            await world.start(name)
            world.ship(name)
        for name in names.values():
            assert await world.nodes[name].book.settle()
        while said < EVENTS:
            said = (await world.nodes[names["n1"]].report(client, events[said:])).through
        for name in names.values():
            world.ship(name)
        wanted = {record.id: 1 for event in events for record in event.records}
        assert world.counted() == wanted
        if not is_doubtful:
            assert len(world.shipped) == len(wanted)
