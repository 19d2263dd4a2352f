"""The shipper: real spools, real stores, and all that can go wrong between them."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pdp.errors import EvidenceError, WatermarkError
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.checkpoint import parse_checkpoint
from pdp.snapshot.ship import Ticker
from pdp.snapshot.spool import Backlog, SpoolReader
from pdp.snapshot.store import install, open_maintainer, open_reader, open_writer
from pdp.snapshot.store.base import Reader, StreamState
from pdp.v1 import snapshot_pb2
from tests.integration.postgres import Postgres, database, postgres
from tests.integration.ship_node import Node, names, node, store, stored, write
from tests.integration.store_contract import DAY, decision

__all__ = ["database", "node", "postgres", "store"]


def test_everything_is_shipped_once(node: Node, store: Reader) -> None:
    first, second = node.spool(), node.spool()
    shipper = node.shipper()
    for at in range(0, 600, 60):
        write(first, range(at, at + 20))
        write(second, range(at + 20, at + 40), "medium")
        write(first, range(at + 40, at + 60), "long")
        shipper.run_once()
    node.round(shipper)
    assert stored(store) == names(range(600))
    for state in store.streams():
        chains = [record.chain for record in store.records(state.key)]
        assert state.tree == merkle.extend(merkle.EMPTY, chains)
        assert state.chain == chains[-1]
    assert len(store.streams()) == 3
    assert shipper.stats().shipped == 600
    assert node.alarms == []


def test_the_spool_gives_its_files_back(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(500))
    files = list((node.folder / "spool").rglob("*.db"))
    assert len(files) > 2
    shipper = node.shipper()
    assert shipper.stats().lag_records == 500
    node.round(shipper)
    assert len(list((node.folder / "spool").rglob("*.db"))) == 1
    spool.close()
    node.round(shipper)
    assert list((node.folder / "spool").rglob("*.db")) == []
    stats = shipper.stats()
    assert (stats.lag_records, stats.lag_bytes, stats.lag_seconds, stats.error) == (0, 0, 0.0, "")
    assert stored(store) == names(range(500))


def test_a_full_batch_is_followed_at_once(node: Node) -> None:
    write(node.spool(), range(150))
    shipper = node.shipper()
    assert shipper.step() < 0.01
    assert shipper.step() == 0.5
    assert shipper.stats().shipped == 150


def test_the_lag_is_told(node: Node) -> None:
    spool = node.spool()
    write(spool, [0])
    node.wall.move(30)
    stats = node.shipper().stats()
    assert (stats.lag_records, stats.lag_seconds) == (1, 30.0)
    assert stats.lag_bytes > 100


def test_finished_streams_are_closed_by_a_signed_checkpoint(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(3))
    shipper = node.shipper()
    node.round(shipper)
    assert [state.closed for state in store.streams()] == [False]
    node.wall.move(86_400)
    write(spool, range(3, 5))
    node.round(shipper)
    assert [(s.key.day, s.closed) for s in store.streams()] == [(DAY, True), (DAY + 1, False)]
    spool.close()
    node.round(shipper)
    assert [state.closed for state in store.streams()] == [True, True]
    heads = [
        (head.stream.day, head.count, head.closed)
        for _, _, signed in store.checkpoints("n1")
        for head in parse_checkpoint(signed)[1].heads
    ]
    assert heads == [(DAY, 3, False), (DAY, 3, True), (DAY + 1, 2, False), (DAY + 1, 2, True)]
    writer = open_writer(node.url)
    assert writer.states("n1") == {}
    writer.close()
    maintainer = open_maintainer(node.url)
    assert [maintainer.drop("short", day) for day in (DAY, DAY + 1)] == [3, 2]
    maintainer.close()


def test_another_shipper_goes_on_where_one_has_ended(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(250))
    first = node.shipper()
    first.run_once()
    first.close()
    second = node.shipper()
    node.round(second)
    assert second.stats().shipped == 150
    assert stored(store) == names(range(250))
    assert node.alarms == []


def test_what_was_shipped_and_closed_but_not_released(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(250))
    spool.close()
    node.round(node.shipper(Unreleased(node.reader())))
    assert [state.closed for state in store.streams()] == [True]
    assert list((node.folder / "spool").rglob("*.db")) != []
    second = node.shipper()
    node.round(second)
    assert second.stats().shipped == 0
    assert list((node.folder / "spool").rglob("*.db")) == []
    assert stored(store) == names(range(250))
    assert node.alarms == []


def test_a_closed_stream_whose_checkpoint_was_not_signed_yet(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(3))
    spool.close()
    node.round(node.shipper(checkpointer=lambda _: Refusing()))
    assert [state.closed for state in store.streams()] == [True]
    assert list(store.checkpoints()) == []
    node.round(node.shipper())
    (place,) = store.checkpoints()
    assert [head.closed for head in parse_checkpoint(place[2])[1].heads] == [True]


def test_a_store_that_goes_away_and_comes_back(node: Node, database: str, postgres: Postgres) -> None:
    install(database)
    node.url = database
    spool = node.spool()
    write(spool, range(150))
    shipper = node.shipper()
    assert shipper.step() == 0.5
    with postgres.killed():
        write(spool, range(150, 300))
        waits = [shipper.step() for _ in range(12)]
        assert [event for event, _ in node.alarms] == ["ship.store_away"]
        assert shipper.stats().error != ""
        node.clock.move(3_599)
        shipper.step()
        assert len(node.alarms) == 1
        node.clock.move(2)
        shipper.step()
        assert len(node.alarms) == 2
    # Twice as long each time, up to a minute, and half of it by chance.
    for number, wait in enumerate(waits):
        longest = min(0.25 * 2**number, 60)
        assert longest / 2 <= wait <= longest
    shipper.step()
    assert [event for event, _ in node.alarms] == ["ship.store_away", "ship.store_away", "ship.store_back"]
    node.round(shipper)
    reader = open_reader(database)
    assert stored(reader) == names(range(300))
    reader.close()
    assert shipper.stats().error == ""


def test_a_store_that_was_put_back_gets_all_that_the_spool_has(node: Node) -> None:
    spool = node.spool()
    write(spool, range(400))
    shipper = node.shipper()
    node.round(shipper)
    shipper.close()
    write(spool, range(400, 410))
    # The store of an earlier time, here: an empty one.
    node.url = f"sqlite:{node.folder}/store/other.db"
    after = node.shipper()
    for at in range(410, 440, 10):
        node.round(after)
        write(spool, range(at, at + 10), "long")
    node.round(after)
    events = [event for event, _ in node.alarms]
    assert "spool.damaged" in events
    assert "checkpoint.rolled_back" in events
    assert "ship.checkpoints_away" in events
    reader = open_reader(node.url)
    found = stored(reader)
    reader.close()
    assert len(found) == len(set(found))
    assert set(names(range(400, 440))) <= set(found)


@pytest.mark.parametrize("damage", ["body", "chain", "sequence"])
def test_what_does_not_fit_its_chain_is_not_shipped(node: Node, store: Reader, damage: str) -> None:
    first, second = node.spool(), node.spool()
    write(first, range(20))
    write(second, range(20, 40), "long")
    source = Damaged(node.reader(), at=7, retention="short", what=damage)
    shipper = node.shipper(source, batch=10)
    node.round(shipper)
    node.round(shipper)
    assert stored(store) == names([*range(7), *range(20, 40)])
    assert [event for event, _ in node.alarms] == ["ship.stream_blocked"]
    assert "stays in the spool" in node.alarms[0][1]
    first.close()
    second.close()
    node.round(shipper)
    assert {state.key.retention: state.closed for state in store.streams()} == {"short": False, "long": True}
    assert len(list((node.folder / "spool").rglob("*.db"))) == 1
    # Sound again, it goes on.
    node.round(node.shipper())
    assert stored(store) == names(range(40))


def test_records_after_the_end_of_their_stream(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(5))
    node.round(node.shipper())
    (state,) = store.streams()
    writer = open_writer(node.url)
    writer.take([], [StreamState(*_fields(state), closed=True)])
    writer.close()
    write(spool, range(5, 8))
    shipper = node.shipper()
    node.round(shipper)
    assert stored(store) == names(range(5))
    assert [event for event, _ in node.alarms] == ["ship.stream_blocked"]
    assert "more records in the spool than the 5 with which it was closed" in node.alarms[0][1]


def test_two_shippers_of_one_node_do_not_double(node: Node, store: Reader) -> None:
    write(node.spool(), range(100))
    first, second = (node.shipper(Unreleased(node.reader()), batch=30) for _ in range(2))
    first.run_once()
    second.run_once()
    with pytest.raises(WatermarkError):
        first.run_once()
    for shipper in (first, second) * 4:
        shipper.step()
        node.clock.move(11)
    assert "ship.store_away" in [event for event, _ in node.alarms]
    for _ in range(3):
        first.step()
        node.clock.move(11)
    assert first.stats().error == ""
    assert stored(store) == names(range(100))


def test_a_checkpointer_that_refuses_does_not_stop_shipping(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(10))
    refusing = Refusing()
    shipper = node.shipper(checkpointer=lambda _: refusing)
    node.round(shipper)
    assert stored(store) == names(range(10))
    assert [event for event, _ in node.alarms] == ["ship.checkpoints_away"]
    assert shipper.stats().error == "the store was rolled back"
    refusing.is_willing = True
    node.clock.move(100)
    node.round(shipper)
    assert [event for event, _ in node.alarms] == ["ship.checkpoints_away", "ship.checkpoints_back"]


@pytest.mark.parametrize(("seconds", "asked"), [(0, 1), (100, 2)])
def test_a_checkpointer_that_refused_is_asked_again_at_the_end_when_it_is_time(
    node: Node, store: Reader, seconds: int, asked: int
) -> None:
    write(node.spool(), range(3))
    refusing = Refusing()
    shipper = node.shipper(checkpointer=lambda _: refusing)
    shipper.run_once()
    assert refusing.asked == 1
    write(node.spools[0], range(3, 6))
    node.clock.move(seconds)
    shipper.finish()
    assert stored(store) == names(range(6))
    assert refusing.asked == asked


def test_streams_of_other_names_are_shipped_but_not_signed(node: Node, store: Reader) -> None:
    node.name = "old"
    write(node.spool(), range(3))
    node.name = "n1"
    write(node.spool(), range(3, 6))
    node.round(node.shipper())
    assert stored(store) == names(range(6))
    heads = [head for _, _, signed in store.checkpoints() for head in parse_checkpoint(signed)[1].heads]
    assert [head.stream.node for head in heads] == ["n1"]


def test_running_until_told_to_stop(node: Node, store: Reader) -> None:
    spool = node.spool()
    write(spool, range(50))
    shipper = node.shipper()
    stop = Stop(rounds=3, then=lambda: write(spool, range(50, 60)))
    shipper.run(stop)
    assert stored(store) == names(range(60))
    assert [state.count for state in store.streams()] == [60]
    (*_, last) = store.checkpoints("n1")
    assert parse_checkpoint(last[2])[1].heads[0].count == 60


def test_nothing_shipped_stays_in_the_spool_after_a_stop(node: Node, store: Reader) -> None:
    """However short the time since the files were looked at last."""
    spool, other = node.spool(), node.spool()
    write(spool, range(300))
    shipper = node.shipper()

    def end() -> None:
        write(other, range(300, 320))
        spool.close()
        other.close()

    shipper.run(Stop(rounds=3, then=end))
    assert stored(store) == names(range(320))
    assert list((node.folder / "spool").iterdir()) == []
    assert all(state.closed for state in store.streams())
    told = {head.stream.boot for _, _, signed in store.checkpoints() for head in parse_checkpoint(signed)[1].heads}
    assert told == {spool.boot, other.boot}


def test_what_is_not_shipped_stays_in_the_spool_after_a_stop(node: Node) -> None:
    node.url = "sqlite:/dev/null/snapshots.db"
    spool = node.spool()
    write(spool, range(3))
    node.shipper().run(Stop(rounds=1, then=spool.close))
    assert node.reader().backlog().records == 3


def test_stopping_while_the_store_is_away(node: Node) -> None:
    node.url = "sqlite:/dev/null/snapshots.db"
    write(node.spool(), [0])
    node.shipper().run(Stop(rounds=2, then=lambda: None))
    assert [event for event, _ in node.alarms] == ["ship.store_away"]


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(node: Node, store: Reader, seed: int) -> None:
    """A process that ships is killed before the n-th statement of its store, at another place each time."""
    rng = random.Random(seed)
    spools = [node.spool(), node.spool()]
    number = kills = 0
    for _ in range(6):
        for spool in spools:
            write(spool, range(number, number + 40), rng.choice(["short", "long"]))
            number += 40
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(node.folder / "spool"), node.url, str(rng.randrange(10, 90))],
            check=False, cwd=Path(__file__).parents[2], timeout=60,
        )  # fmt: skip
        assert done.returncode in {0, -signal.SIGKILL}
        kills += done.returncode != 0
    assert kills > 2
    node.round(node.shipper())
    assert stored(store) == names(range(number))
    assert node.alarms == []


_KILLED = """
import os, random, signal, sys
from pathlib import Path
from pdp.snapshot.ship import Shipper
from pdp.snapshot.spool import SpoolReader
from pdp.snapshot.store import open_writer

folder, url, left = sys.argv[1:]
left = int(left)
writer = open_writer(url)
writer.states("n1")

def count(_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

writer._opened.conn.set_trace_callback(count)
reader = SpoolReader([Path(folder)])
shipper = Shipper(reader, lambda: writer, "n1", None, alarm=print, batch=25)
while shipper.run_once().more:
    pass
shipper.close()
reader.close()
"""


@dataclass
class Unreleased:
    """A reader whose files are not released, as when the process ends just before."""

    reader: SpoolReader

    def read(self, positions: Mapping[StreamKey, int], limit: int, *, ahead: bool = False) -> list[SpooledRecord]:
        return self.reader.read(positions, limit, ahead=ahead)

    def release(self, positions: Mapping[StreamKey, int]) -> int:
        return 0

    def finished(
        self, known: Iterable[StreamKey] = (), shipped: Mapping[StreamKey, int] | None = None
    ) -> set[StreamKey]:
        return self.reader.finished(known, shipped)

    def backlog(self) -> Backlog:
        return self.reader.backlog()


@dataclass
class Damaged(Unreleased):
    """A reader that hands out one damaged record, which the real one would not."""

    at: int
    retention: str
    what: str

    def read(self, positions: Mapping[StreamKey, int], limit: int, *, ahead: bool = False) -> list[SpooledRecord]:
        return [self._damage(record) for record in self.reader.read(positions, limit, ahead=ahead)]

    def release(self, positions: Mapping[StreamKey, int]) -> int:
        return self.reader.release(positions)

    def _damage(self, record: SpooledRecord) -> SpooledRecord:
        if (record.stream.retention, record.sequence) != (self.retention, self.at):
            return record
        match self.what:
            case "body":
                return record._replace(body=decision(666))
            case "chain":
                return record._replace(chain=bytes(32))
            case _:
                return record._replace(sequence=record.sequence + 1)


@dataclass
class Refusing(Ticker):
    """What a checkpointer does that finds the store rolled back."""

    is_willing: bool = False
    asked: int = 0

    def tick(self, states: Iterable[StreamState]) -> snapshot_pb2.SignedCheckpoint | None:
        self.asked += 1
        if not self.is_willing:
            raise EvidenceError("the store was rolled back")
        return None


class Stop(threading.Event):
    """Is set after some rounds, and lets something happen just before."""

    def __init__(self, rounds: int, then: object) -> None:
        super().__init__()
        self._left, self._then = rounds, then

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._left -= 1
        if not self._left:
            self._then()  # type: ignore[operator]
            self.set()
        return self.is_set()


def _fields(state: StreamState) -> Sequence[object]:
    return state.key, state.count, state.chain, state.tree
