"""The spool in one process: streams, rotation, positions, release, levels."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import stat
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from pdp.errors import SpoolError, SpoolFullError
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.spool import Spool, SpoolAlarm, SpoolLevel, SpoolLimits, SpoolReader, gauge, leftovers
from pdp.snapshot.spool.segment import Header, SegmentWriter, open_to_read, read_header
from tests.unit.spools import Shipped, body, files

DAY = 86_400 * 1_000_000_000
SMALL = SpoolLimits(segment_bytes=20_000)


@pytest.fixture
def reader(tmp_path: Path):
    found = SpoolReader([tmp_path / "a", tmp_path / "b"])
    yield found
    found.close()


@pytest.fixture
def spool(tmp_path: Path):
    found = Spool(tmp_path / "a", node="n1", limits=SMALL)
    yield found
    found.close()


@pytest.fixture
def watched(monkeypatch):
    """A spool that looks at its disk before every append, and the disk's fill ratio by folder name."""
    ratios = {"a": 0.1, "b": 0.1}
    monkeypatch.setattr(gauge, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(gauge, "COUNT_SECONDS", 0.0)
    monkeypatch.setattr(gauge, "_disk_ratio", lambda folder: ratios[folder.name])
    return ratios


def test_records_come_out_in_order_and_in_sound_chains(spool: Spool, reader: SpoolReader) -> None:
    spool.append([("short", body("s0")), ("long", body("l0")), ("short", body("s1"))])
    spool.append([("long", body("l1"))])
    shipped = Shipped()
    shipped.drain(reader, limit=3)
    assert shipped.ids == {"s0": 1, "s1": 1, "l0": 1, "l1": 1}
    assert sorted((key.node, key.boot, key.retention, count) for key, count in shipped.positions.items()) == [
        ("n1", spool.boot, "long", 2),
        ("n1", spool.boot, "short", 2),
    ]
    spool.append([("short", body("s2"))])
    shipped.drain(reader)
    assert shipped.ids["s2"] == 1
    assert reader.read(shipped.positions, 10) == []


def test_the_other_hash(tmp_path: Path, reader: SpoolReader) -> None:
    spool = Spool(tmp_path / "a", node="n1", algorithm="sm3")
    spool.append([("short", body("s0"))])
    assert [record.sequence for record in reader.read({}, 10)] == [0]
    spool.close()
    with pytest.raises(ValueError, match="`md5`"):
        Spool(tmp_path / "c", node="n1", algorithm="md5")
    assert not (tmp_path / "c").exists()


def test_positions_may_go_back_until_files_are_released(spool: Spool, reader: SpoolReader) -> None:
    for number in range(200):
        spool.append([("short", body(f"d{number}", 100))])
    key = reader.read({}, 1)[0].stream
    for start in (0, 150, 20, 199, 0):
        found = reader.read({key: start}, 30)
        assert [record.sequence for record in found] == list(range(start, min(200, start + 30)))


def test_an_unknown_retention_class_changes_nothing(spool: Spool, reader: SpoolReader) -> None:
    with pytest.raises(ValueError, match="`medum`"):
        spool.append([("short", body("lost")), ("medum", body("lost"))])
    spool.append([])
    spool.append([("short", body("kept"))])
    shipped = Shipped()
    shipped.drain(reader)
    assert shipped.ids == {"kept": 1}
    assert spool.stats().records == 1


def test_files_are_rotated_and_released(tmp_path: Path, spool: Spool, reader: SpoolReader) -> None:
    shipped = Shipped()
    for number in range(200):
        spool.append([("short", body(f"d{number}", 300))])
    assert spool.stats().rotations == len(files(tmp_path / "a")) - 1 >= 3
    assert reader.release(shipped.positions) == 0
    while records := reader.read(shipped.positions, 7):
        shipped.take(records)
        reader.release(shipped.positions)
    # The one that the writer has open stays.
    assert len(files(tmp_path / "a")) == 1
    spool.close()
    assert reader.release(shipped.positions) == 1
    assert list((tmp_path / "a").iterdir()) == []
    assert len(shipped.ids) == 200


def test_a_new_reader_takes_over_where_the_store_stands(spool: Spool, tmp_path: Path) -> None:
    for number in range(120):
        spool.append([("medium", body(f"d{number}", 300))])
    shipped = Shipped()
    for _ in range(20):
        reader = SpoolReader([tmp_path / "a"])
        shipped.take(reader.read(shipped.positions, 11))
        reader.release(shipped.positions)
        reader.close()
    assert len(shipped.ids) == 120
    assert max(shipped.ids.values()) == 1


def test_the_day_goes_forward_only(tmp_path: Path, reader: SpoolReader) -> None:
    now = [20_000 * DAY + 5]
    spool = Spool(tmp_path / "a", node="n1", clock=lambda: now[0])
    for day in (20_000, 20_001, 19_990, 20_005, 20_004):
        now[0] = day * DAY + 17
        spool.append([("short", body(f"on {day}"))])
    shipped = Shipped()
    shipped.drain(reader)
    assert sorted((key.day, count) for key, count in shipped.positions.items()) == [
        (20_000, 1),
        (20_001, 2),
        (20_005, 2),
    ]
    assert {key.day for key in reader.finished()} == {20_000, 20_001}
    assert reader.release(shipped.positions) == 2
    assert {key.day for key in reader.finished()} == {20_000, 20_001}
    spool.close()
    assert {key.day for key in reader.finished()} == {20_000, 20_001, 20_005}


def test_finished_streams_can_be_closed_when_all_is_shipped(spool: Spool, reader: SpoolReader) -> None:
    spool.append([("short", body("d0")), ("long", body("d1"))])
    old = StreamKey("n1", "0123456789abcdef", "short", 20_000)
    shipped = Shipped()
    assert reader.finished([old]) == {old}
    spool.close()
    assert len(reader.finished([old])) == 3
    assert reader.finished([old], shipped.positions) == {old}
    shipped.take(reader.read(shipped.positions, 1))
    assert reader.finished([old], shipped.positions) == {old}
    shipped.drain(reader)
    assert len(reader.finished([old], shipped.positions)) == 3
    reader.release(shipped.positions)
    assert len(reader.finished([old], shipped.positions)) == 3


def test_the_backlog(tmp_path: Path, reader: SpoolReader) -> None:
    assert reader.backlog() == (found := reader.backlog())
    assert (found.records, found.bytes, found.oldest_nanos) == (0, 0, None)
    spool = Spool(tmp_path / "a", node="n1", limits=SMALL)
    for number in range(100):
        spool.append([("short", body(f"d{number}", 300, time_nanos=1000 + number))])
    found = reader.backlog()
    assert (found.records, found.oldest_nanos) == (100, 1000)
    assert found.bytes > 100 * 300
    shipped = Shipped()
    shipped.take(reader.read({}, 60))
    assert reader.backlog().records == 100
    reader.release(shipped.positions)
    assert (reader.backlog().records, reader.backlog().oldest_nanos) == (40, 1060)
    shipped.drain(reader)
    reader.release(shipped.positions)
    assert (reader.backlog().records, reader.backlog().oldest_nanos) == (0, None)
    spool.close()


def test_no_writer_keeps_the_others_waiting(tmp_path: Path, reader: SpoolReader) -> None:
    spools = [Spool(tmp_path / "a", node="n1") for _ in range(3)]
    for spool in spools:
        spool.append([("short", body(f"{spool.boot}-{number}")) for number in range(100)])
    shipped = Shipped()
    for _ in range(3):
        shipped.take(reader.read(shipped.positions, 10))
    assert list(shipped.positions.values()) == [10, 10, 10]
    for spool in spools:
        spool.close()


def test_only_this_account_can_read(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        spool = Spool(tmp_path / "a", node="n1")
        spool.append([("short", body("d0"))])
        reader = SpoolReader([tmp_path / "a"])
        reader.read({}, 10)
        found = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
        assert len(found) == 8
        for path in found:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
        reader.close()
        spool.close()
    finally:
        os.umask(old)


def test_threads_share_a_spool(spool: Spool, reader: SpoolReader) -> None:
    def work(name: int) -> None:
        for number in range(50):
            spool.append([("short", body(f"{name}-{number}")), ("long", body(f"{name}-{number}-l"))])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shipped = Shipped()
    shipped.drain(reader)
    assert len(shipped.ids) == 400
    assert max(shipped.ids.values()) == 1


def test_a_closed_spool_takes_nothing(spool: Spool) -> None:
    spool.close()
    spool.close()
    with pytest.raises(SpoolError, match="is closed"):
        spool.append([("short", body("d0"))])
    assert spool.stats().records == 0


def test_a_file_whose_creation_was_cut_short(tmp_path: Path, spool: Spool, reader: SpoolReader) -> None:
    spool.append([("short", body("d0"))])
    (tmp_path / "a" / spool.boot / "00000002.db").touch(0o600)
    shipped = Shipped()
    shipped.drain(reader)
    assert shipped.ids == {"d0": 1}
    spool.close()
    reader.release(shipped.positions)
    assert list((tmp_path / "a").iterdir()) == []


def test_levels_raise_an_alarm_at_each_step(tmp_path: Path, watched) -> None:
    alarms: list[SpoolAlarm] = []
    spool = Spool(tmp_path / "a", node="n1", alarm=alarms.append)
    for ratio, level in (
        (0.69, SpoolLevel.NORMAL),
        (0.70, SpoolLevel.ALARM),
        (0.69, SpoolLevel.ALARM),
        (0.86, SpoolLevel.SHED),
        (0.84, SpoolLevel.SHED),
        (0.95, SpoolLevel.SECOND),
        (0.10, SpoolLevel.NORMAL),
    ):
        watched["a"] = ratio
        spool.append([("short", body("d"))])
        assert spool.stats().level == level
    steps = [(alarm.details["from"], alarm.details["to"]) for alarm in alarms]
    assert steps == [("NORMAL", "ALARM"), ("ALARM", "SHED"), ("SHED", "SECOND"), ("SECOND", "NORMAL")]
    assert {alarm.kind for alarm in alarms} == {"level"}
    spool.close()


def test_a_disk_that_fills_up_between_two_looks_raises_each_alarm(tmp_path: Path, watched) -> None:
    alarms: list[SpoolAlarm] = []
    spool = Spool(tmp_path / "a", node="n1", alarm=alarms.append)
    for ratio in (0.86, 0.10, 0.96, 1.0, 0.10, 1.0):
        watched["a"] = ratio
        spool.stats()
    rising = ["NORMAL", "ALARM", "SHED", "SECOND", "FULL"]
    told = [(alarm.details["from"], alarm.details["to"], float(alarm.details["ratio"])) for alarm in alarms]
    assert told == [
        ("NORMAL", "ALARM", 0.86),
        ("ALARM", "SHED", 0.86),
        ("SHED", "NORMAL", 0.10),
        *((before, after, 0.96) for before, after in pairwise(rising[:-1])),
        ("SECOND", "FULL", 1.0),
        ("FULL", "NORMAL", 0.10),
        *((before, after, 1.0) for before, after in pairwise(rising)),
    ]
    spool.close()


def test_the_second_folder_takes_over_and_gives_back(tmp_path: Path, reader: SpoolReader, watched) -> None:
    spool = Spool(tmp_path / "a", node="n1", limits=SpoolLimits(second_folder=tmp_path / "b"))
    places = []
    for number, ratio in enumerate((0.1, 0.96, 1.0, 0.94, 0.5)):
        watched["a"] = ratio
        spool.append([("short", body(f"d{number}"))])
        places.append(spool.stats().folder.name)
    assert places == ["a", "b", "b", "a", "a"]
    shipped = Shipped()
    shipped.drain(reader)
    assert len(shipped.ids) == 5
    spool.close()
    reader.release(shipped.positions)
    assert [list((tmp_path / name).iterdir()) for name in ("a", "b")] == [[], []]


def test_a_full_spool_keeps_room_for_its_last_words(tmp_path: Path, reader: SpoolReader, watched) -> None:
    spool = Spool(tmp_path / "a", node="n1", limits=SpoolLimits(reserve_bytes=65_536))
    reserve = tmp_path / "a" / spool.boot / "reserve"
    assert reserve.stat().st_size == 65_536
    spool.append([("short", body("d0"))])
    watched["a"] = 1.0
    with pytest.raises(SpoolFullError, match="is full"):
        spool.append([("short", body("refused"))])
    assert reserve.exists()
    assert spool.stats().level == SpoolLevel.FULL
    spool.append([("long", body("last words"))], last=True)
    assert not reserve.exists()
    with pytest.raises(SpoolFullError, match="reserve"):
        spool.append([("long", body("too long", 40_000))], last=True)
    watched["a"] = 0.5
    spool.append([("short", body("d1"))])
    assert reserve.exists()
    shipped = Shipped()
    shipped.drain(reader)
    assert shipped.ids == {"d0": 1, "last words": 1, "d1": 1}
    spool.close()


def test_what_is_given_up_for_last_words_is_no_room_for_others(tmp_path: Path, watched, monkeypatch) -> None:
    free = 0
    monkeypatch.setattr(gauge, "_free", lambda _: free)
    limits = SpoolLimits(reserve_bytes=65_536)
    operations = Spool(tmp_path / "a", node="n1", limits=limits)
    decisions = Spool(tmp_path / "a", node="n1", limits=dataclasses.replace(limits, reserve_bytes=0))
    watched["a"] = 1.0
    for spool in (operations, decisions):
        assert spool.stats().level == SpoolLevel.FULL
    operations.append([("long", body("last words"))], last=True)
    # The disk is less than full now, by as much as was given up.
    watched["a"], free = 0.99, limits.room_bytes
    for spool in (operations, decisions):
        assert spool.stats().level == SpoolLevel.FULL
        with pytest.raises(SpoolFullError, match="is full"):
            spool.append([("short", body("refused"))])
    operations.append([("long", body("more last words"))], last=True)
    free += 1
    for spool in (operations, decisions):
        assert spool.stats().level == SpoolLevel.SECOND
        spool.append([("short", body("taken"))])
        spool.close()


def test_its_own_bound_counts_the_files_of_all(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(gauge, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(gauge, "COUNT_SECONDS", 0.0)
    monkeypatch.setattr(gauge, "_disk_ratio", lambda _: 0.0)
    limits = SpoolLimits(segment_bytes=20_000, max_bytes=1_000_000, reserve_bytes=0)
    spools = [Spool(tmp_path / "a", node="n1", limits=limits) for _ in range(2)]
    number = 0
    while spools[number % 2].stats().level < SpoolLevel.FULL:
        spools[number % 2].append([("short", body(f"d{number}", 1000))])
        number += 1
    with pytest.raises(SpoolFullError):
        spools[number % 2].append([("short", body("refused"))])
    assert 990_000 <= gauge.count_bytes(tmp_path / "a") <= 1_200_000
    for spool in spools:
        spool.close()


def test_limits_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="must rise"):
        SpoolLimits(alarm_ratio=0.9)
    with pytest.raises(ValueError, match="must be positive"):
        SpoolLimits(max_bytes=0)
    with pytest.raises(ValueError, match="must not be less"):
        SpoolLimits(room_bytes=1_000)


def test_a_folder_that_gets_its_name_while_it_is_looked_at(tmp_path: Path, monkeypatch) -> None:
    hidden = tmp_path / f".new-{'a' * 16}-{7:08x}"
    hidden.mkdir()
    at = hidden.stat().st_mtime_ns
    boot = tmp_path / ("a" * 16)
    monkeypatch.setattr(leftovers, "is_alive", lambda folder: folder.rename(boot) is None)
    assert leftovers.remove_leftovers([tmp_path], at + leftovers.AGE_NANOS) == 0
    assert [path.name for path in tmp_path.iterdir()] == [boot.name]
    # One that was listed before it got its name.
    monkeypatch.setattr(Path, "glob", lambda *_: iter([hidden]))
    assert leftovers.remove_leftovers([tmp_path], at + leftovers.AGE_NANOS) == 0
    assert boot.exists()


def test_a_log_that_goes_away_while_it_is_looked_at(tmp_path: Path, monkeypatch) -> None:
    """As when its writer closes the file between the look at it and the reading."""
    path = tmp_path / "1.db"
    header = Header("n1", "a" * 16, "sha256", 1, 0, False)
    SegmentWriter(path, header, ()).close()
    log = path.with_name("1.db-wal")
    log.touch()
    look = Path.stat

    def look_and_lose(self: Path, **options: bool) -> os.stat_result:
        found = look(self, **options)
        if self == log:
            log.unlink()
        return found

    monkeypatch.setattr(Path, "stat", look_and_lose)
    with contextlib.closing(open_to_read(path, is_closed=True)) as db:
        assert read_header(db) == header


def test_what_writers_leave_that_die_while_they_begin(tmp_path: Path) -> None:
    """Only their nameless folders, only old ones, and only those that nobody holds."""
    spool = Spool(tmp_path, node="n1")
    left = [tmp_path / f".new-{'a' * 16}-{number:08x}" for number in range(3)]
    for folder in left:
        folder.mkdir()
    for folder in left[1:]:
        (folder / "lock").touch()
    other = tmp_path / ".new-thing"
    other.mkdir()
    at = left[2].stat().st_mtime_ns
    held = os.open(left[2] / "lock", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    young = SpoolReader([tmp_path], clock=lambda: at + leftovers.AGE_NANOS // 2)
    young.release({})
    assert all(folder.exists() for folder in left)
    late = SpoolReader([tmp_path, tmp_path / "absent"], clock=lambda: at + 2 * leftovers.AGE_NANOS)
    late.release({})
    assert [folder.exists() for folder in left] == [False, False, True]
    os.close(held)
    late.release({})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".new-thing", spool.boot])
    spool.append([("short", body("d1"))])
    spool.close()
