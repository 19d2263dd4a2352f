"""Damaged files: what can still be read comes out once, in sound chains, and what cannot is counted."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from pdp.errors import SpoolError
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.spool import Spool, SpoolAlarm, SpoolLimits, SpoolReader, mend
from pdp.snapshot.spool.leaves import read_leaves
from tests.unit.spools import Shipped, body, files

RETENTIONS = ("short", "medium", "long")
SMALL = SpoolLimits(segment_bytes=24_000)


def write(folder: Path, randomness: random.Random, count: int = 300) -> list[str]:
    """Write records with rotation and end the writer; return their ids."""
    spool = Spool(folder, node="n1", limits=SMALL)
    ids = [f"d{number}" for number in range(count)]
    left = list(ids)
    while left:
        size = min(len(left), randomness.randint(1, 12))
        batch, left = left[:size], left[size:]
        spool.append([(randomness.choice(RETENTIONS), body(name, randomness.randint(50, 400))) for name in batch])
    spool.close()
    return ids


def read_all(folder: Path, alarms: list[SpoolAlarm], shipped: Shipped | None = None) -> Shipped:
    reader = SpoolReader([folder], alarm=alarms.append)
    shipped = shipped or Shipped()
    shipped.drain(reader)
    reader.close()
    return shipped


def flip(path: Path, randomness: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[randomness.randrange(len(data))] ^= 1 << randomness.randrange(8)
    path.write_bytes(data)


def truncate(path: Path, randomness: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(randomness.randrange(path.stat().st_size))


def garble(path: Path, randomness: random.Random) -> None:
    """A sector that was never written, or with something else in it."""
    with path.open("r+b") as file:
        file.seek(randomness.randrange(0, path.stat().st_size, 512))
        file.write(bytes(512) if randomness.random() < 0.5 else randomness.randbytes(512))


@pytest.mark.parametrize("damage", [flip, truncate, garble])
@pytest.mark.parametrize("seed", range(25))
def test_damage_loses_nothing_but_what_is_gone(tmp_path: Path, damage, seed: int) -> None:
    randomness = random.Random(f"{damage.__name__}-{seed}")
    ids = write(tmp_path, randomness)
    before = Shipped()
    if seed % 2:
        reader = SpoolReader([tmp_path])
        before.take(reader.read({}, randomness.randrange(len(ids))))
        reader.close()
    # The last file has none after it that would tell how long it was.
    target = randomness.choice(files(tmp_path)[:-1])
    damage(target, randomness)
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms, before)
    print(damage.__name__, seed, target.name, alarms)
    assert max(shipped.ids.values()) == 1
    assert set(shipped.ids) <= set(ids)
    assert len(shipped.ids) + shipped.missing == len(ids)
    if shipped.missing:
        assert alarms
        assert all(alarm.kind == "damaged" for alarm in alarms)
        assert (tmp_path / "quarantine").is_dir()
    again: list[SpoolAlarm] = []
    assert read_all(tmp_path, again, shipped) is shipped
    assert again == []
    reader = SpoolReader([tmp_path])
    reader.release(shipped.positions)
    assert files(tmp_path) == []
    reader.close()


def test_one_flipped_bit_in_a_body_loses_one_record(tmp_path: Path) -> None:
    spool = Spool(tmp_path, node="n1", limits=SMALL)
    for number in range(100):
        spool.append([("short", body(f"record-{number:03d}", 300))])
    boot = spool.boot
    spool.close()
    target = files(tmp_path)[0]
    data = target.read_bytes()
    assert b"record-010" in data
    target.write_bytes(data.replace(b"record-010", b"record-410"))
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert set(shipped.ids) == {f"record-{number:03d}" for number in range(100) if number != 10}
    first, *others = [alarm.details for alarm in alarms]
    assert first["file"] == str(target)
    day = next(iter(shipped.positions)).day
    assert first["stream"] == f"n1/{boot}/short/{day}"
    assert first["sequence"] == "10"
    assert first["missing"] == "1"
    assert {found["missing"] for found in others} == {"0"}
    (operation,) = [operation for operation in shipped.operations if operation.details["missing"] == "1"]
    assert operation.kind == "spool.salvaged"
    assert not operation.success
    assert operation.details["boot"] == boot
    assert operation.details["places"].startswith("11-")
    assert shipped.positions[StreamKey("n1", boot, "short", day)] == 10


def test_a_damaged_chain_value_is_mended_by_the_next_record(tmp_path: Path) -> None:
    ids = write(tmp_path, random.Random(1))
    target = files(tmp_path)[0]
    with sqlite3.connect(target) as database:
        database.execute("UPDATE records SET chain = zeroblob(32) WHERE place = 5")
    database.close()
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert sorted(shipped.ids) == sorted(ids)
    assert shipped.operations == []
    assert [alarm.details["missing"] for alarm in alarms] == ["0"]


def test_without_its_first_page_a_file_is_still_read(tmp_path: Path) -> None:
    ids = write(tmp_path, random.Random(2))
    target = files(tmp_path)[1]
    with target.open("r+b") as file:
        file.write(bytes(4096))
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert sorted(shipped.ids) == sorted(ids)
    assert shipped.missing == 0
    assert len(alarms) == 1


def test_an_only_file_without_its_first_page_is_still_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, node="n1")
    spool.append([(name, body(f"{name}-{number}", 300)) for name in RETENTIONS for number in range(50)])
    spool.close()
    with files(tmp_path)[0].open("r+b") as file:
        file.write(bytes(4096))
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert len(shipped.ids) == 150
    assert shipped.missing == 0
    assert len(alarms) == 1


def test_a_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    ids = write(tmp_path, random.Random(3))
    with sqlite3.connect(files(tmp_path)[2]) as database:
        lost = database.execute("SELECT count(*) FROM records").fetchone()[0]
    database.close()
    files(tmp_path)[2].unlink()
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert len(shipped.ids) == len(ids) - lost
    assert max(shipped.ids.values()) == 1
    assert shipped.missing == lost
    assert alarms


@pytest.mark.parametrize("step", range(1, 12))
def test_mending_that_breaks_off_anywhere_goes_on_later(tmp_path: Path, monkeypatch, step: int) -> None:
    ids = write(tmp_path, random.Random(4))
    target = files(tmp_path)[1]
    with target.open("r+b") as file:
        file.seek(5 * 4096 + 100)
        file.write(bytes(1024))
    calls = 0

    def break_off(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError("the power is off")

    def at_each(function):
        def wrapped(*args, **kwargs):
            break_off()
            return function(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patched:
        for name in ("write_file", "sync_folder", "find_rows", "_write_salvage", "_write_kept", "_operation"):
            patched.setattr(mend, name, at_each(getattr(mend, name)))
        shipped = Shipped()
        reader = SpoolReader([tmp_path])
        try:
            while records := reader.read(shipped.positions, 20):
                shipped.take(records)
                reader.release(shipped.positions)
        except SpoolError:
            pass
        reader.close()
        assert calls >= step
    reader = SpoolReader([tmp_path])
    for _ in range(2):
        while records := reader.read(shipped.positions, 20):
            shipped.take(records)
            reader.release(shipped.positions)
    assert max(shipped.ids.values()) == 1
    assert len(shipped.ids) + shipped.missing == len(ids)
    reports = list((tmp_path / "quarantine").glob("*/report.json"))
    assert sum(json.loads(report.read_text())["missing"] for report in reports) == shipped.missing
    reader.close()


def test_a_file_that_is_being_written_is_mended_when_its_writer_has_left_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, node="n1")
    spool.append([("long", body(f"d{number}", 100)) for number in range(50)])
    boot = spool.boot
    target = files(tmp_path)[0]
    with sqlite3.connect(target) as database:
        database.execute("UPDATE records SET body = zeroblob(10) WHERE place = 20")
    database.close()
    alarms: list[SpoolAlarm] = []
    reader = SpoolReader([tmp_path], alarm=alarms.append)
    shipped = Shipped()
    shipped.drain(reader)
    assert [alarm.kind for alarm in alarms] == ["waiting"]
    assert sorted(shipped.ids) == sorted(f"d{number}" for number in range(19))
    while spool.boot == boot:
        spool.append([("long", body(f"e{len(shipped.ids)}"))])
        shipped.ids["later"] += 1
    shipped.drain(reader)
    assert [alarm.kind for alarm in alarms] == ["waiting", "damaged"]
    assert {f"d{number}" for number in range(50) if number != 19} <= set(shipped.ids)
    assert shipped.missing == 1
    spool.close()
    reader.close()


def test_a_file_of_nothing_but_noise(tmp_path: Path) -> None:
    ids = write(tmp_path, random.Random(5))
    target = files(tmp_path)[1]
    with sqlite3.connect(target) as database:
        lost = database.execute("SELECT count(*) FROM records").fetchone()[0]
    database.close()
    target.write_bytes(random.Random(6).randbytes(target.stat().st_size))
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert len(shipped.ids) == len(ids) - lost
    assert shipped.missing == lost
    shutil.rmtree(tmp_path / "quarantine")
    assert read_all(tmp_path, alarms, shipped) is shipped


@pytest.mark.parametrize("size", [100, 3000, 20_000])
def test_leaves_hold_what_sqlite_reads(tmp_path: Path, size: int) -> None:
    """Also long records, whose ends lie on pages of their own."""
    spool = Spool(tmp_path, node="n1")
    randomness = random.Random(size)
    for number in range(150):
        spool.append([(randomness.choice(RETENTIONS), body(f"d{number}", randomness.randint(0, size)))])
    spool.close()
    (path,) = files(tmp_path)
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT place, stream, sequence, body, chain FROM records ORDER BY place").fetchall()
    database.close()
    assert sorted(set(read_leaves(path))) == rows
    for _ in range(50):
        data = bytearray(path.read_bytes())
        for _ in range(20):
            data[randomness.randrange(len(data))] = randomness.randrange(256)
        (tmp_path / "noise").write_bytes(data)
        assert sum(row in rows for row in set(read_leaves(tmp_path / "noise"))) >= 50


def test_a_file_without_the_pages_that_lead_to_its_records(tmp_path: Path) -> None:
    spool = Spool(tmp_path, node="n1")
    for number in range(0, 3000, 100):
        spool.append([("short", body(f"d{number + index}", 600)) for index in range(100)])
    spool.close()
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    pages = range(4096, len(data), 4096)
    inner = [at for at in pages if data[at] == 0x05]
    assert inner
    for at in inner:
        data[at : at + 4096] = bytes(4096)
    path.write_bytes(data)
    alarms: list[SpoolAlarm] = []
    shipped = read_all(tmp_path, alarms)
    assert len(shipped.ids) == 3000
    assert shipped.missing == 0
    assert [alarm.kind for alarm in alarms] == ["damaged"]
