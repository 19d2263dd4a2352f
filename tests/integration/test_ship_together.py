"""Batches of several boots that go into a store at the same time: each record once, whatever becomes of a batch."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field

import psycopg
import pytest

from pdp.errors import SpoolError, StoreError
from pdp.snapshot.chain import SpooledRecord
from pdp.snapshot.evidence import merkle
from pdp.snapshot.ship import Shipper
from pdp.snapshot.store import install, open_reader, open_writer
from pdp.snapshot.store.base import Reader, StreamState, Writer
from tests.integration.postgres import Postgres, database, postgres
from tests.integration.ship_node import Node, names, node, stored, write
from tests.integration.ship_node import store as reader

__all__ = ["database", "node", "postgres", "reader"]

EARLY = 10**6


@dataclass
class Store:
    """A store that says of itself that it takes together, and what it is asked for.

    `fails` is called with the number of a take from 1, before and after it, and may raise. `alone` is for SQLite, whose
    file has one writer at a time.
    """

    fails: Callable[[int, str], None] = lambda number, when: None
    takes: int = 0
    count: int = 0
    most: int = 0
    opened: list[Writer] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    alone: AbstractContextManager[object] = field(default_factory=threading.Lock)
    meeting: threading.Barrier | None = None
    meetings: int = 2

    def open(self, url: str) -> Writer:
        self.opened.append(open_writer(url))
        return Together(self, self.opened[-1])  # type: ignore[return-value]

    def take(self, writer: Writer, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        boots = {state.key.boot for state in states}
        with self.lock:
            self.takes += 1
            number = self.takes
            assert not any(self.under_way[boot] for boot in boots)
            self.under_way.update(boots)
            self.count += 1
            self.most = max(self.most, self.count)
        try:
            if self.meeting is not None and self.meetings:
                self.meetings -= 1
                self.meeting.wait(30)
            self.fails(number, "before")
            with self.alone:
                writer.take(records, states)
            self.fails(number, "after")
        finally:
            with self.lock:
                self.under_way.subtract(boots)
                self.count -= 1


@dataclass
class Together:
    """A writer of such a store."""

    store: Store
    writer: Writer
    takes_together: bool = True

    def take(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        self.store.take(self.writer, records, states)

    def __getattr__(self, name: str) -> object:
        return getattr(self.writer, name)


def fill(node: Node, spools: int, each: int) -> list[str]:
    """Write records of several boots and two retention classes, and return their names."""
    for number in range(spools):
        spool = node.spool()
        for at in range(number * each, (number + 1) * each, 10):
            write(spool, range(at, at + 10), "long" if at % 30 == 0 else "short")
    return names(range(spools * each))


def begin(node: Node, *, batch: int) -> Shipper:
    """Return a shipper that has shipped and signed before; what comes first is signed at once."""
    write(node.spool(), [EARLY])
    shipper = node.shipper(batch=batch)
    assert shipper.run_once().checkpoint
    node.spools.pop().close()
    return shipper


def drain(shipper: Shipper) -> None:
    while shipper.run_once().more:
        pass


def check(store: Reader, wanted: list[str]) -> None:
    assert stored(store) == wanted
    for state in store.streams():
        chains = [record.chain for record in store.records(state.key)]
        assert state.tree == merkle.extend(merkle.EMPTY, chains)
        assert (state.count, state.chain) == (len(chains), chains[-1])


def test_two_batches_of_different_boots_are_taken_at_the_same_time(node: Node, reader: Reader) -> None:
    store = Store()
    node.opening = store.open
    shipper = begin(node, batch=40)
    wanted = [*fill(node, 2, 200), *names([EARLY])]
    store.meeting = threading.Barrier(2)
    report = shipper.run_once()
    assert (report.records, report.more, store.most) == (400, False, 2)
    check(reader, wanted)
    assert shipper.stats().shipped == 401
    assert node.alarms == []


@pytest.mark.parametrize("boots", [1, 2, 3])
def test_all_is_shipped_while_more_is_written(node: Node, reader: Reader, boots: int) -> None:
    wanted = fill(node, boots, 300)
    store = Store()
    node.opening = store.open
    shipper = node.shipper(batch=20)
    for at in range(len(wanted), len(wanted) + 300, 30):
        # Batches that are not full, or after so many, wait for the next round.
        shipper.run_once()
        write(node.spools[0], range(at, at + 30), "medium")
        wanted += names(range(at, at + 30))
    node.round(shipper)
    check(reader, wanted)
    assert node.alarms == []
    assert store.most == min(boots, 2)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_batch_that_fails_beside_others(node: Node, reader: Reader, number: int, when: str) -> None:
    """Be it that the store has it all the same and the answer is lost."""
    store = Store()
    node.opening = store.open
    shipper = begin(node, batch=25)
    wanted = [*fill(node, 2, 200), *names([EARLY])]
    number += store.takes

    def fail(take: int, now: str) -> None:
        if (take, now) == (number, when):
            raise StoreError("the connection is gone")

    store.fails = fail
    drain(shipper)
    check(reader, wanted)
    # What came into the store beside it counts; of what nobody answered for nothing is known.
    assert shipper.stats().shipped == 401 - (25 if when == "after" else 0)
    # Nothing is wrong with the store now, so nobody is told.
    assert node.alarms == []


def test_a_store_with_no_second_connection_for_the_node(node: Node, reader: Reader) -> None:
    wanted = fill(node, 2, 300)
    store = Store()

    def open_once(url: str) -> Writer:
        writer = store.open(url)
        if len(store.opened) > 1:
            writer.take = _refuse  # type: ignore[method-assign]
        return writer

    node.opening = open_once
    shipper = node.shipper(batch=40)
    drain(shipper)
    check(reader, wanted)
    assert (store.most, len(store.opened)) == (1, 2)
    # A minute later it asks again.
    node.clock.move(61)
    for spool, at in zip(node.spools, (600, 700), strict=True):
        write(spool, range(at, at + 100))
    drain(shipper)
    check(reader, names(range(800)))
    assert len(store.opened) == 3
    assert node.alarms == []


def _refuse(records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
    raise StoreError("too many connections for this role")


def test_what_is_shipped_is_signed_in_time_however_slow_the_store_is(node: Node, reader: Reader) -> None:
    store = Store()
    node.opening = store.open
    shipper = begin(node, batch=20)
    wanted = [*fill(node, 2, 200), *names([EARLY])]

    def fail(_number: int, when: str) -> None:
        if when == "after":
            node.clock.move(4)

    store.fails = fail
    report = shipper.run_once()
    assert report.checkpoint
    assert report.more
    # Three until the time has come, two under way then, and the one that was read.
    assert report.records <= 6 * 20
    drain(shipper)
    check(reader, wanted)


def test_a_store_that_is_away_is_told_of(node: Node, reader: Reader) -> None:
    wanted = fill(node, 2, 100)
    away = True

    def fail(_number: int, _when: str) -> None:
        if away:
            raise StoreError("the store is away")

    node.opening = Store(fail).open
    shipper = node.shipper(batch=20)
    assert shipper.step() > 0.1
    assert node.alarms == [("ship.store_away", "the store is away")]
    away = False
    node.round(shipper)
    check(reader, wanted)


def test_what_is_damaged_waits_for_what_is_under_way(node: Node, reader: Reader) -> None:
    """To mend a file one must know what of it the store has; a batch under way may still fail."""
    spool = node.spool()
    write(spool, range(200))
    spool.close()
    first, second, *_ = sorted((node.folder / "spool").rglob("*.db"))
    content = bytearray(second.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    second.write_bytes(content)
    source = node.reader()
    begin = source.read({}, 10)
    key = begin[0].stream
    whole = source.read({key: 10}, 1_000, ahead=True)
    after = {key: 10 + len(whole)}
    assert source.read(after, 1_000, ahead=True) == []
    assert node.alarms == []
    assert first.exists()
    assert second.exists()
    # The batch failed: all of it is still there.
    again = source.read({key: 10}, 1_000)
    assert [record.sequence for record in again[: len(whole)]] == [record.sequence for record in whole]
    assert source.read(after, 1_000) != []
    assert {event for event, _ in node.alarms} == {"spool.damaged"}


def test_a_file_that_cannot_be_read_now_ends_the_round(node: Node, reader: Reader) -> None:
    store = Store()
    node.opening = store.open
    shipper = begin(node, batch=20)
    wanted = [*fill(node, 2, 100), *names([EARLY])]
    source = node.readers[-1]
    read, calls = source.read, 0

    def failing(*arguments: object, ahead: bool = False) -> list[SpooledRecord]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise SpoolError("cannot read it now")
        return read(*arguments, ahead=ahead)  # type: ignore[arg-type]

    source.read = failing  # type: ignore[method-assign]
    with pytest.raises(SpoolError):
        shipper.run_once()
    assert not any(store.under_way.values())
    node.round(shipper)
    check(reader, wanted)


@pytest.mark.parametrize("number", [1, 2, 5])
def test_postgres_killed_beside_batches_under_way(node: Node, database: str, postgres: Postgres, number: int) -> None:
    install(database)
    node.url = database
    wanted = fill(node, 2, 300)
    with ExitStack() as away:

        def kill(take: int, when: str) -> None:
            if (take, when) == (number, "before"):
                away.enter_context(postgres.killed())

        node.opening = Store(kill, alone=nullcontext()).open
        shipper = node.shipper(batch=40)
        with pytest.raises(StoreError):
            drain(shipper)
        assert shipper.stats().shipped < 600
    node.round(shipper)
    reader = open_reader(database)
    check(reader, wanted)
    reader.close()
    assert shipper.stats().error == ""


def test_postgres_takes_together(node: Node, database: str, postgres: Postgres) -> None:
    install(database)
    node.url = database
    wanted = fill(node, 3, 400)
    shipper = node.shipper(batch=50)
    with postgres.killed():
        shipper.step()
    node.clock.move(61)
    most = 0
    with psycopg.connect(database, autocommit=True) as watching:
        while shipper.run_once().more:
            (found,) = watching.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%shipper%' "
                "AND datname = current_database()"
            ).fetchone() or (0,)
            most = max(most, found)
    node.round(shipper)
    reader = open_reader(database)
    check(reader, wanted)
    reader.close()
    assert most == 2
