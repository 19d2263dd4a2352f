"""The way of a record from a decision to the store: what the spool and the store take a second."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snapshots_rows import FIRST_DAY, NODE, Bodies, make, stream_of

from pdp.snapshot import columns
from pdp.snapshot.ship import Shipper
from pdp.snapshot.spool import Spool, SpoolReader
from pdp.snapshot.store import open_writer

START = FIRST_DAY * 86_400 * 10**9
_MODELS = 2_000
_APPENDED = 100


@dataclass(frozen=True, slots=True)
class Rate:
    """How much was done: operations, and seconds by the wall clock and of CPU time, with that of ended children."""

    operations: int
    wall: float
    cpu: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "operations": self.operations,
            "per_second": round(self.operations / self.wall, 1),
            "cpu_us": round(self.cpu / self.operations * 1e6, 2),
        }


class Watch:
    """Takes the time from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.perf_counter() - self._wall

    def stop(self, operations: int) -> Rate:
        """Return the rate of a number of operations."""
        return Rate(operations, time.perf_counter() - self._wall, _cpu_seconds() - self._cpu)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def bodies() -> list[bytes]:
    """Return serialized records of decisions."""
    made = Bodies("writing")
    return [made.next(START + number, shown=made.shown()) for number in range(_MODELS)]


def spool(folder: str, batches: Sequence[int], seconds: float) -> dict[str, Any]:
    """Return the rate of appending by the size of a batch; each returns once it is on the disk."""
    models = [("medium", body) for body in bodies()]
    found = {}
    for size in batches:
        written = Spool(Path(folder) / str(size), node="node-1")
        pieces = [[models[(at + n) % _MODELS] for n in range(size)] for at in range(0, _MODELS, max(size, 20))]
        written.append(pieces[0])
        count, watch = 0, Watch()
        while watch.seconds < seconds:
            written.append(pieces[count % len(pieces)])
            count += 1
        found[str(size)] = watch.stop(count * size).to_json()
        written.close()
    return found


def draw_columns(seconds: float) -> dict[str, Any]:
    """Return the rate of drawing out of records what stores search by."""
    models = bodies()
    count, watch = 0, Watch()
    while watch.seconds < seconds:
        for body in models:
            columns.extract(body)
        count += len(models)
    return watch.stop(count).to_json()


def take(url: str, seconds: float, batch: int) -> dict[str, Any]:
    """Return the rate at which a store takes records whose chain and tree are known; their columns are drawn here."""
    source = Bodies("take")
    writer = open_writer(url)
    rates: list[Rate] = []
    number = 0
    while sum(rate.wall for rate in rates) < seconds:
        made = make(stream_of("medium", FIRST_DAY, number), batch, source, closed=False)
        watch = Watch()
        writer.take(made.records, [made.state])
        rate = watch.stop(batch)
        if number:  # the first one creates the partition
            rates.append(rate)
        number += 1
    writer.close()
    return Rate(
        sum(rate.operations for rate in rates), sum(rate.wall for rate in rates), sum(rate.cpu for rate in rates)
    ).to_json()


def take_together(url: str, nodes: int, rounds: int, batch: int) -> dict[str, Any]:
    """Return the rate at which a store takes records of several nodes at once, each in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ready, shares = spawn.Barrier(nodes), spawn.SimpleQueue()
    processes = [spawn.Process(target=_share, args=(url, node, rounds, batch, ready, shares)) for node in range(nodes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = [shares.get() for _ in processes]
    wall = max(ended for _, ended, _ in found) - min(begun for begun, _, _ in found)
    return Rate(nodes * rounds * batch, wall, sum(cpu for _, _, cpu in found)).to_json()


def _share(url: str, node: int, rounds: int, batch: int, ready: Any, shares: Any) -> None:
    """Tell when a node's records were begun and ended with, by a clock of the machine, and the CPU time."""
    source, first = Bodies(f"take-{node}"), (node + 1) * 100_000
    # The first one creates the partition; making them takes longer than storing them.
    made = [
        make(stream_of("medium", FIRST_DAY, first + number), batch, source, closed=False)
        for number in range(rounds + 1)
    ]
    with closing(open_writer(url)) as writer:
        writer.take(made[0].records, [made[0].state])
        ready.wait(600)
        begun, cpu = time.monotonic(), _cpu_seconds()
        for one in made[1:]:
            writer.take(one.records, [one.state])
        shares.put((begun, time.monotonic(), _cpu_seconds() - cpu))


def ship(url: str, folder: str, workers: int, each: int) -> dict[str, Any]:
    """Return the rate at which a node's shipper brings what its workers have spooled into a store, as after an outage.

    Read, checked against chains, columns drawn, stored, and the watermarks moved; without checkpoints.
    """
    source, number = Bodies("ship"), 0
    spools = [Spool(Path(folder), node=NODE) for _ in range(workers)]

    def write(spool: Spool, count: int) -> None:
        nonlocal number
        for _ in range(0, count, _APPENDED):
            spool.append([("medium", source.next(START + number + n, shown=False)) for n in range(_APPENDED)])
            number += _APPENDED

    shipper = Shipper(SpoolReader([Path(folder)]), lambda: open_writer(url), NODE, None, alarm=_fail)
    write(spools[0], _APPENDED)
    shipper.run_once()  # creates the partition
    for spool in spools:
        write(spool, each)
    watch, before = Watch(), shipper.stats().shipped
    while shipper.run_once().more:
        pass
    shipped = shipper.stats().shipped - before
    found = watch.stop(shipped).to_json()
    assert shipped == workers * -(-each // _APPENDED) * _APPENDED
    shipper.close()
    for spool in spools:
        spool.close()
    return found


def _fail(event: str, words: str) -> None:
    raise AssertionError(f"{event}: {words}")


def spooled_bytes(folder: Path) -> float:
    """Return the bytes on the disk of a record that waits in the spools of `spool`."""
    size = records = 0
    for path in folder.rglob("*.db"):
        size += path.stat().st_size
        with closing(sqlite3.connect(path)) as connection:
            records += connection.execute("SELECT count(*) FROM records").fetchone()[0]
    return round(size / records, 1)
