"""Logs of killed writers that are damaged: each record that was promised is read, or named as lost."""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
import threading
from pathlib import Path

import pytest

from pdp.snapshot.spool import Spool, SpoolAlarm, SpoolLimits, SpoolReader, heads, segment, wal, writer
from pdp.snapshot.spool.heads import read_heads
from tests.unit.spools import Shipped, body, files

RETENTIONS = ("short", "medium", "long")
FRAME = 24 + 4096


def killed(folder: Path, randomness: random.Random, monkeypatch, *, appends: int = 60, size: int = 900) -> list[str]:
    """Make what a writer leaves in a folder when it is killed between two appends; return the ids it promised."""
    monkeypatch.setattr(segment, "CHECKPOINT_PAGES", randomness.choice((40, 120, 10_000)))
    live = folder.parent / "live"
    limits = SpoolLimits(segment_bytes=randomness.choice((150_000, 10_000_000)))
    spool = Spool(live, node="n1", limits=limits)
    ids: list[str] = []
    for _ in range(appends):
        names = [f"d{len(ids) + index}" for index in range(randomness.randint(1, 9))]
        spool.append([(randomness.choice(RETENTIONS), body(name, randomness.randint(0, size))) for name in names])
        ids += names
    shutil.copytree(live, folder, ignore=shutil.ignore_patterns("*-shm"))
    spool.close()
    return ids


def last_log(folder: Path) -> Path:
    return wal.log_of(files(folder)[-1])


def read_all(folder: Path, alarms: list[SpoolAlarm], shipped: Shipped | None = None) -> Shipped:
    reader = SpoolReader([folder], alarm=alarms.append)
    shipped = shipped or Shipped()
    shipped.drain(reader)
    reader.release(shipped.positions)
    assert files(folder) == []
    reader.close()
    return shipped


def flip(path: Path, randomness: random.Random) -> None:
    """Turn one bit in each of 16 bytes."""
    data = bytearray(path.read_bytes())
    at = randomness.randrange(len(data))
    for place in range(at, min(len(data), at + 16)):
        data[place] ^= 1 << randomness.randrange(8)
    path.write_bytes(data)


def garble(path: Path, randomness: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(randomness.randrange(0, path.stat().st_size, 512))
        file.write(bytes(512) if randomness.random() < 0.5 else randomness.randbytes(512))


def cut(path: Path, randomness: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(randomness.randrange(path.stat().st_size))


def check(ids: list[str], shipped: Shipped, alarms: list[SpoolAlarm]) -> None:
    assert max(shipped.ids.values(), default=1) == 1
    assert set(shipped.ids) <= set(ids)
    assert len(shipped.ids) + shipped.missing == len(ids)
    assert {alarm.kind for alarm in alarms} <= {"damaged"}
    assert alarms or not shipped.missing
    assert sum(int(alarm.details["missing"]) for alarm in alarms) == shipped.missing


@pytest.mark.parametrize("damage", [flip, garble, cut])
@pytest.mark.parametrize("seed", range(30))
def test_what_was_promised_is_read_or_named(tmp_path: Path, monkeypatch, damage, seed: int) -> None:
    randomness = random.Random(f"{damage.__name__}-{seed}")
    folder = tmp_path / "spool"
    ids = killed(folder, randomness, monkeypatch)
    before = Shipped()
    if seed % 3 == 0:
        reader = SpoolReader([folder])
        before.take(reader.read({}, randomness.randrange(1, len(ids))))
        reader.close()
        for side in folder.glob("*/*-shm"):
            side.unlink()
    damage(last_log(folder), randomness)
    alarms: list[SpoolAlarm] = []
    shipped = read_all(folder, alarms, before)
    print(damage.__name__, seed, len(ids), shipped.missing, alarms)
    check(ids, shipped, alarms)
    if damage is flip:
        # One page, or two that are side by side.
        assert shipped.missing <= 40


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_writer_alone_alarms_nobody(tmp_path: Path, monkeypatch, seed: int) -> None:
    folder = tmp_path / "spool"
    ids = killed(folder, random.Random(seed), monkeypatch, appends=150)
    alarms: list[SpoolAlarm] = []
    shipped = read_all(folder, alarms)
    assert alarms == []
    assert sorted(shipped.ids) == sorted(ids)


@pytest.mark.parametrize("seed", range(20))
def test_without_heads_only_the_last_transaction_may_be_lost_unnamed(tmp_path: Path, monkeypatch, seed: int) -> None:
    """As after the end of the machine, which may have kept an earlier state of that file."""
    randomness = random.Random(seed)
    folder = tmp_path / "spool"
    ids = killed(folder, randomness, monkeypatch)
    (path,) = folder.glob(f"*/{heads.NAME}")
    path.unlink()
    flip(last_log(folder), randomness)
    alarms: list[SpoolAlarm] = []
    shipped = read_all(folder, alarms)
    assert max(shipped.ids.values()) == 1
    assert set(ids[:-9]) <= set(shipped.ids) or shipped.missing
    assert len(shipped.ids) + shipped.missing >= len(ids) - 9


@pytest.mark.parametrize("seed", range(20))
def test_a_last_transaction_that_nobody_was_told_of_is_no_damage(tmp_path: Path, monkeypatch, seed: int) -> None:
    randomness = random.Random(seed)
    monkeypatch.setattr(segment, "CHECKPOINT_PAGES", randomness.choice((30, 10_000)))
    spool = Spool(tmp_path / "live", node="n1")
    for number in range(40):
        spool.append([("short", body(f"d{number}", 700))])
    folder = tmp_path / "spool"
    (path,) = (tmp_path / "live").glob(f"*/{heads.NAME}")
    told = path.read_bytes()
    before = len(wal.read_log(files(tmp_path / "live")[0]).frames)
    spool.append([("short", body(f"e{number}", 700)) for number in range(40)])
    shutil.copytree(tmp_path / "live", folder, ignore=shutil.ignore_patterns("*-shm"))
    spool.close()
    (path,) = folder.glob(f"*/{heads.NAME}")
    path.write_bytes(told)
    log = wal.read_log(files(folder)[0])
    begin = log.frames[before].at - 24 if len(log.frames) > before else 32
    with last_log(folder).open("r+b") as file:
        # Pages of it that never came to the disk.
        for at in range(begin, begin + len(log.frames[before:]) * FRAME, 512):
            if randomness.random() < 0.3:
                file.seek(at)
                file.write(bytes(512))
    alarms: list[SpoolAlarm] = []
    shipped = read_all(folder, alarms)
    assert alarms == []
    assert {f"d{number}" for number in range(40)} <= set(shipped.ids)


@pytest.mark.parametrize("place", [0, 9, 17, 25])
def test_a_damaged_head_of_a_log_hides_nothing(tmp_path: Path, monkeypatch, place: int) -> None:
    folder = tmp_path / "spool"
    ids = killed(folder, random.Random(place), monkeypatch)
    with last_log(folder).open("r+b") as file:
        file.seek(place)
        file.write(b"\xff\x00\xff")
    alarms: list[SpoolAlarm] = []
    shipped = read_all(folder, alarms)
    assert sorted(shipped.ids) == sorted(ids)
    assert ["the head of" in alarm.message for alarm in alarms] == [True]


def test_a_log_is_damaged_while_a_reader_has_it_open(tmp_path: Path, monkeypatch) -> None:
    randomness = random.Random(7)
    monkeypatch.setattr(segment, "CHECKPOINT_PAGES", 10_000)
    spool = Spool(tmp_path, node="n1")
    for number in range(50):
        spool.append([("long", body(f"d{number}", 700))])
    log = last_log(tmp_path)
    alarms: list[SpoolAlarm] = []
    reader = SpoolReader([tmp_path], alarm=alarms.append)
    shipped = Shipped()
    shipped.take(reader.read({}, 20))
    for fd in spool._locks.values():
        writer.os.close(fd)
    spool._locks.clear()
    with log.open("r+b") as file:
        file.seek(32 + 30 * FRAME + randomness.randrange(FRAME))
        file.write(b"\xff" * 16)
    shipped.drain(reader)
    assert len(shipped.ids) + shipped.missing == 50
    assert shipped.missing <= 4
    assert [alarm.kind for alarm in alarms] == ["damaged"]
    reader.close()
    spool.close()


def test_what_heads_say(tmp_path: Path) -> None:
    days = 86_400 * 10**9
    clock = [5 * days]
    spool = Spool(tmp_path, node="n1", clock=lambda: clock[0])
    spool.append([("short", body("d0")), ("long", body("d1")), ("short", body("d2"))])
    boot = spool.boot

    def told() -> dict[tuple[str, int], int]:
        return {(start.key.retention, start.key.day): start.first for start in read_heads([tmp_path], boot, "n1")}

    assert told() == {("short", 5): 2, ("long", 5): 1}
    clock[0] = 6 * days
    spool.append([("short", body("d3"))])
    assert told() == {("short", 6): 1}
    spool.close()
    path = tmp_path / boot / heads.NAME
    data = bytearray(path.read_bytes())
    assert len(data) == 4096
    data[32 * 3 + 1] ^= 1
    path.write_bytes(data)
    # What is damaged says nothing, and is no alarm.
    assert told() == {("short", 5): 2, ("long", 5): 1}
    path.write_bytes(b"short")
    assert told() == {}
    assert read_heads([tmp_path / "absent"], boot, "n1") == []


def test_heads_that_cannot_be_written_harm_nobody(tmp_path: Path, monkeypatch) -> None:
    spool = Spool(tmp_path, node="n1")

    def fail(*_: object) -> int:
        raise OSError("the disk is gone")

    monkeypatch.setattr(heads.os, "pwrite", fail)
    for number in range(3):
        spool.append([("short", body(f"d{number}"))])
    spool.close()
    shipped = read_all(tmp_path, [])
    assert len(shipped.ids) == 3


def test_numbers_do_not_wait_for_a_disk_that_hangs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(writer, "STATS_SECONDS", 0.01)
    spool = Spool(tmp_path, node="n1")
    assert spool.stats().records == 0
    begun, go_on = threading.Event(), threading.Event()
    write = segment.SegmentWriter.write

    def hang(*args) -> None:
        begun.set()
        assert go_on.wait(60)
        write(*args)

    monkeypatch.setattr(segment.SegmentWriter, "write", hang)
    thread = threading.Thread(target=spool.append, args=([("short", body("d0"))],))
    thread.start()
    assert begun.wait(60)
    assert spool.stats().records == 0
    go_on.set()
    thread.join()
    assert spool.stats().records == 1
    spool.close()


def test_a_sequence_far_from_all_others_is_damaged_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, node="n1")
    spool.append([("short", body(f"d{number}")) for number in range(20)])
    spool.close()
    with sqlite3.connect(files(tmp_path)[0]) as database:
        database.execute("UPDATE records SET sequence = ? WHERE place = 15", (2**40,))
    database.close()
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    # And the one after it, whose chain value stands on the one that is in the wrong place.
    assert shipped.missing == 2
    assert len(shipped.ids) == 18


def test_checksums_are_those_of_sqlite(tmp_path: Path) -> None:
    """A log of another database, whose frames SQLite reads, is sound to the last."""
    path = tmp_path / "a.db"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA page_size = {segment.PAGE_BYTES}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE t(x)")
    for number in range(20):
        database.execute("INSERT INTO t VALUES (randomblob(?))", (number * 500,))
    log = wal.read_log(path)
    index = path.with_name("a.db-shm").read_bytes()
    assert log.is_whole
    assert log.valid == struct.unpack_from("=I", index, 16)[0] > 20
    database.close()
    assert wal.read_log(path) == wal.Log(True, [], 0)
