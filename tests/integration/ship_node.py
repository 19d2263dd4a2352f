"""A node whose records are shipped by hand: spools, readers and shippers on clocks that stand still."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pdp.signing import NodeKey
from pdp.snapshot.evidence.checkpoint import Checkpointer
from pdp.snapshot.ship import Shipper
from pdp.snapshot.spool import Spool, SpoolAlarm, SpoolLimits, SpoolReader
from pdp.snapshot.store import open_reader, open_writer
from pdp.snapshot.store.base import Reader, Writer
from tests.integration.store_contract import DAY, DAY_NANOS, decision

SMALL = SpoolLimits(segment_bytes=5_000, reserve_bytes=0)


@dataclass
class Clock:
    """A clock that stands still unless it is moved."""

    nanos: int = 1

    def __call__(self) -> int:
        return self.nanos

    def move(self, seconds: float) -> None:
        self.nanos += round(seconds * 10**9)


@dataclass
class Node:
    """A node's spools, shippers and store."""

    folder: Path
    url: str
    name: str = "n1"
    clock: Clock = field(default_factory=Clock)
    wall: Clock = field(default_factory=lambda: Clock(DAY * DAY_NANOS))
    alarms: list[tuple[str, str]] = field(default_factory=list)
    spools: list[Spool] = field(default_factory=list)
    shippers: list[Shipper] = field(default_factory=list)
    readers: list[SpoolReader] = field(default_factory=list)
    opening: Callable[[str], Writer] = open_writer

    def spool(self) -> Spool:
        self.spools.append(Spool(self.folder / "spool", node=self.name, limits=SMALL, clock=self.wall))
        return self.spools[-1]

    def reader(self) -> SpoolReader:
        self.readers.append(SpoolReader([self.folder / "spool"], alarm=self.spool_alarm))
        return self.readers[-1]

    def checkpointer(self, writer: Writer) -> Checkpointer:
        keys = self.folder / "keys"
        keys.mkdir(mode=0o700, exist_ok=True)
        return Checkpointer(
            writer, self.name, NodeKey.load_or_create(keys), "sha256", [], self.wall, folder=keys, alarm=self.alarm
        )

    def alarm(self, event: str, words: str) -> None:
        self.alarms.append((event, words))

    def spool_alarm(self, alarm: SpoolAlarm) -> None:
        self.alarms.append((f"spool.{alarm.kind}", alarm.message))

    def shipper(self, source: object = None, *, batch: int = 100, checkpointer: object = None) -> Shipper:
        self.shippers.append(
            Shipper(
                source or self.reader(),  # type: ignore[arg-type]
                lambda: self.opening(self.url),
                self.name,
                checkpointer or self.checkpointer,  # type: ignore[arg-type]
                alarm=self.alarm,
                batch=batch,
                clock=self.clock,
                wall_clock=self.wall,
                rng=random.Random(1),
            )
        )
        return self.shippers[-1]

    def round(self, shipper: Shipper) -> None:
        """Ship all that there is, and do everything that is done only now and then."""
        self.clock.move(11)
        while shipper.run_once().more:
            pass
        self.clock.move(11)
        shipper.run_once()

    def close(self) -> None:
        for opened in (*self.spools, *self.shippers, *self.readers):
            opened.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, f"sqlite:{tmp_path}/store/snapshots.db")
    yield node
    node.close()


@pytest.fixture
def store(node: Node) -> Iterator[Reader]:
    reader = open_reader(node.url)
    yield reader
    reader.close()


def write(spool: Spool, numbers: Iterable[int], retention: str = "short") -> None:
    for number in numbers:
        spool.append([(retention, decision(number))])


def stored(store: Reader) -> list[str]:
    """Return the ids of all decisions in a store, by their numbers."""
    records = (record for state in store.streams() for record in store.records(state.key))
    return sorted((r.columns["id"] for r in records if r.columns["kind"] == "decision"), key=lambda name: int(name[1:]))


def names(numbers: Iterable[int]) -> list[str]:
    return [f"d{number}" for number in numbers]
