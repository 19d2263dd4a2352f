"""Backups of real stores, restored into others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import BackupError, ConfigError
from pdp.server.backup import check, make, renewal, shelf
from pdp.server.backup.entries import Watermarks
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.make import Source
from pdp.server.backup.record_side import RecordSide
from pdp.server.data_folder import DataFolder
from pdp.server.settings import Settings
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot.evidence.checkpoint import Checkpointer
from pdp.snapshot.evidence.findings import Kind
from pdp.snapshot.evidence.heads import Copies, read_heads
from pdp.snapshot.store import install, open_maintainer, open_reader, open_writer
from pdp.snapshot.store.base import Hold, Writer
from tests.integration.backed import KEY, Machine
from tests.integration.postgres import Postgres, database, postgres
from tests.integration.store_contract import DAY
from tests.integration.test_store_sqlite import tamper

__all__ = ["database", "postgres"]

Make = Callable[..., Machine]


@pytest.fixture(params=["sqlite", "postgres"])
def make_store(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Give what makes the URL of a new store; empty for the one in the data folder."""
    if request.param == "sqlite":
        yield lambda: ""
        return
    server: Postgres = request.getfixturevalue("postgres")

    def made() -> str:
        url = server.url(server.create_database())
        install(url)
        return url

    yield made


@pytest.fixture
def machine(tmp_path: Path, make_store: Callable[[], str]) -> Machine:
    found = Machine(tmp_path / "data", store=make_store())
    found.install()
    return found


@pytest.fixture
def other(tmp_path: Path, make_store: Callable[[], str]) -> Machine:
    """An empty place to restore to."""
    return Machine(tmp_path / "new", store=make_store())


@pytest.fixture
def shelf_folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def test_a_full_backup_and_what_follows_it_restore_everything(
    machine: Machine, other: Machine, shelf_folder: Path
) -> None:
    life = machine.life()
    ids = machine.write(life, 50) + machine.write(life, 5, "long")
    machine.put(a=b"1", b=b"2", c=b"3")
    machine.ship()
    first = machine.backup(shelf_folder)
    assert (first.backup.kind, first.counts["records"], first.counts["control_keys"]) == ("full", 55, 3)
    ids += machine.write(life, 30)
    machine.put(b=b"22", d=b"4")
    machine.delete("c")
    machine.ship()
    second = machine.backup(shelf_folder)
    assert (second.backup.kind, second.counts["records"], second.counts["control_keys"]) == ("incremental", 30, 2)
    life.close()
    machine.ship()
    third = machine.backup(shelf_folder)
    assert (third.counts["records"], third.counts["checkpoints"]) == (0, 1)
    restored = other.restored(shelf_folder)
    assert restored.is_complete
    assert other.ids() == sorted(ids)
    assert other.records() == machine.records()
    assert other.states() == machine.states()
    assert other.checkpoints() == machine.checkpoints()
    assert other.keys_held() == {"drafts/a": b"1", "drafts/b": b"22", "drafts/d": b"4"} == machine.keys_held()
    for name in ("node", "keys/node.key", "keys/node.pub", "keys/resource"):
        assert (other.data / name).read_bytes() == (machine.data / name).read_bytes()
        assert (other.data / name).stat().st_mode & 0o077 == 0


def test_an_earlier_one_can_be_restored(machine: Machine, other: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    ids = machine.write(life, 10)
    machine.ship()
    first = machine.backup(shelf_folder)
    machine.write(life, 10)
    machine.ship()
    machine.backup(shelf_folder)
    other.restored(shelf_folder, at=first.backup.name)
    assert other.ids() == sorted(ids)


def test_a_restored_node_goes_on_and_stays_whole(machine: Machine, other: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    machine.backup(shelf_folder)
    restored = other.restored(shelf_folder)
    other.ship()  # closes what will not grow any more
    machine.count = other.count = 100
    again = other.life()
    other.write(again, 10)
    again.close()
    other.ship()
    report = other.verify()
    assert report.is_complete, report.findings
    assert [finding.kind for finding in report.findings] == [Kind.RESTORED]
    numbers = [number for _, number, _ in other.checkpoints()]
    assert numbers == [1, restored.checkpoint, restored.checkpoint + 1]
    assert restored.checkpoint > 1_000_000
    assert all(state.closed for state in other.states())
    assert other.alarms == []
    boots = {state.key.boot for state in other.states()}
    assert len(boots) == 3, "the node's old life, the restore itself, and the new life"


def test_a_copy_tells_what_was_lost_between_backup_and_end(
    machine: Machine, other: Machine, shelf_folder: Path, tmp_path: Path
) -> None:
    machine.copy = other.copy = tmp_path / "copies"
    machine.copy.mkdir()
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    machine.backup(shelf_folder)
    machine.write(life, 7)
    machine.ship()
    machine.write(life, 3)
    machine.ship()
    other.restored(shelf_folder)
    other.ship()
    assert other.alarms == [], (
        "the copy has checkpoints that the store lost, which a restored node must not stumble over"
    )
    assert other.verify().is_complete
    (fault,) = other.verify([other.copy]).faults
    assert (fault.kind, fault.sequence, fault.last) == (Kind.MISSING, 10, 19)


def test_without_the_floor_a_node_refuses_a_store_that_went_back(
    machine: Machine, other: Machine, shelf_folder: Path, tmp_path: Path
) -> None:
    machine.copy = other.copy = tmp_path / "copies"
    machine.copy.mkdir()
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    machine.backup(shelf_folder)
    machine.write(life, 7)
    machine.ship()
    other.restored(shelf_folder)
    (other.data / "keys" / "checkpoint.floor").unlink()
    other.ship()
    assert [event for event, _ in other.alarms if event.startswith("checkpoint.")] == ["checkpoint.rolled_back"]


def test_a_floor_that_the_node_had_passed_is_refused(
    machine: Machine, other: Machine, shelf_folder: Path, tmp_path: Path
) -> None:
    machine.copy = other.copy = tmp_path / "copies"
    machine.copy.mkdir()
    life = machine.life()
    for _ in range(3):
        machine.write(life, 2)
        machine.ship()
        if not shelf_folder.exists():
            machine.backup(shelf_folder)
    other.restored(shelf_folder, checkpoint_floor=3)
    other.ship()
    assert [event for event, _ in other.alarms if event.startswith("checkpoint.")] == ["checkpoint.rolled_back"]


def test_a_crash_between_signing_and_the_store_keeps_the_jump(
    machine: Machine, other: Machine, shelf_folder: Path
) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    machine.backup(shelf_folder)
    restored = other.restored(shelf_folder)
    other.ship(sign=False)
    keys = other.data / "keys"
    key = NodeKey.load_or_create(keys)
    with closing(open_writer(other.store)) as writer:
        crashing: Any = _Crashing(writer)
        signer = Checkpointer(crashing, "n1", key, "sha256", [], other.clock, folder=keys, alarm=other.alarm)
        with pytest.raises(_CrashError):
            signer.tick([state for state in other.states() if state.count])
    other.ship()
    assert other.alarms == []
    assert restored.checkpoint in [number for _, number, _ in other.checkpoints()]
    assert other.verify().is_complete


class _CrashError(Exception):
    pass


class _Crashing:
    """A store at the moment when the process that writes to it ends."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def last_checkpoint(self, node: str) -> bytes | None:
        return self._writer.last_checkpoint(node)

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        raise _CrashError


def test_a_gap_that_nobody_signed_is_a_fault(machine: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    for _ in range(4):
        machine.write(life, 2)
        machine.ship()
    machine.backup(shelf_folder)
    # A store with the same records, from which somebody took two checkpoints.
    chain = shelf.newest(shelf_folder)
    kept = [item for item in check.things(chain, KEY) if item[1] == b"C" and item[2]["number"] in {1, 4}]
    rows = [(head["node"], head["number"], data) for _, _, head, data in kept]
    _, findings = read_heads("n1", rows, TrustedKeys.load(machine.data / "keys"), Copies(()), whole=True)
    assert [finding.kind for finding in findings] == [Kind.CHECKPOINT_MISSING]


def test_what_retention_dropped_stays_dropped(machine: Machine, other: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.write(life, 4, "long")
    machine.ship()
    machine.backup(shelf_folder)
    life.close()
    machine.ship()
    with closing(open_maintainer(machine.store)) as maintainer:
        assert maintainer.drop("short", DAY) == 10
        maintainer.add_hold(Hold("h1", DAY, DAY, "case 1", "me", 5))
    machine.backup(shelf_folder)
    restored = other.restored(shelf_folder)
    assert restored.report is not None
    assert restored.is_complete, restored.report.findings
    assert (restored.report.dropped, restored.report.dropped_streams) == (10, 1)
    assert [state.dropped for state in other.states()] == [state.dropped for state in machine.states()]
    with closing(open_maintainer(other.store)) as maintainer:
        assert maintainer.holds() == [Hold("h1", DAY, DAY, "case 1", "me", 5)]


def test_a_partition_may_be_dropped_while_it_is_read(machine: Machine, other: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.write(life, 4, "long")
    life.close()
    machine.ship()
    dropped = False

    def drop(what: str, done: int, total: int) -> None:
        nonlocal dropped
        if what == "checkpoints" and not dropped:
            dropped = True
            with closing(open_maintainer(machine.store)) as maintainer:
                maintainer.drop("short", DAY)

    with shelf.locked(shelf_folder):
        made = make.make(Source(machine.settings, None, None), shelf_folder, KEY, None, wait_seconds=0, progress=drop)
    assert dropped
    assert made.counts["records"] == 4
    assert other.restored(shelf_folder).is_complete


def test_a_store_that_went_back_gets_a_full_backup(
    machine: Machine, shelf_folder: Path, tmp_path: Path, make_store: Callable[[], str]
) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    first = machine.backup(shelf_folder)
    machine.write(life, 10)
    machine.ship()
    machine.backup(shelf_folder)
    older = Machine(tmp_path / "older", store=make_store())
    older.restored(shelf_folder, at=first.backup.name)
    with pytest.raises(BackupError, match="is not as it was at the last backup"):
        older.backup(shelf_folder, shelf.INCREMENTAL)
    made = older.backup(shelf_folder)
    assert made.backup.kind == shelf.FULL
    assert "make a full backup" in made.because
    assert len(shelf.read(shelf_folder)[0]) == 2


def test_what_comes_after_the_look_at_the_streams_is_for_the_next_backup(
    machine: Machine, other: Machine, shelf_folder: Path
) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    with closing(open_reader(machine.store)) as reader:
        side = RecordSide(reader, Watermarks())
        assert side.total == 10
        # What comes after the look at the streams is for the next backup, checkpoints too.
        machine.write(life, 10)
        machine.ship()
        assert sum(map(len, side.blocks())) == 10
        assert [number for _, number, _ in side.new_checkpoints()] == [1]
    machine.backup(shelf_folder)
    assert other.restored(shelf_folder).is_complete


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_a_record_that_was_changed_is_named_and_not_restored_unforced(
    machine: Machine, other: Machine, shelf_folder: Path, tmp_path: Path
) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    tamper(machine.store, "UPDATE {records} SET body = CAST(x'00' || body AS BLOB) WHERE position & 255 = 4")
    machine.backup(shelf_folder)
    checked = check.check(shelf.newest(shelf_folder), KEY)
    assert [(fault.kind, fault.sequence) for fault in checked.faults] == [(Kind.ALTERED, 4)]
    with pytest.raises(BackupError, match="`--force`"):
        other.restored(shelf_folder)
    assert not other.data.exists()
    forced = other.restored(shelf_folder, force=True)
    assert not forced.is_complete
    assert forced.report is not None
    assert [(fault.kind, fault.sequence) for fault in forced.report.faults] == [(Kind.ALTERED, 4)]


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_a_record_that_is_gone_stops_the_backup(machine: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    machine.write(life, 10)
    machine.ship()
    tamper(machine.store, "DELETE FROM {records} WHERE position & 255 = 4")
    with pytest.raises(BackupError, match="has no record 4 in the store"):
        machine.backup(shelf_folder)
    assert [path.name for path in shelf_folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("place", ["data", "records", "control"])
def test_it_restores_into_empty_places_only(
    machine: Machine, other: Machine, shelf_folder: Path, tmp_path: Path, place: str
) -> None:
    life = machine.life()
    machine.write(life, 3)
    machine.put(a=b"1")
    machine.ship()
    machine.backup(shelf_folder)
    if place == "data":
        other.data.mkdir()
        (other.data / "something").touch()
    elif place == "records":
        other.store = machine.store
    else:
        other.control = machine.control
    before = machine.records(), machine.keys_held()
    with pytest.raises(BackupError, match="not empty"):
        other.restored(shelf_folder)
    assert (machine.records(), machine.keys_held()) == before


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_no_service_starts_on_half_a_restore(
    machine: Machine, other: Machine, shelf_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.write(machine.life(), 3)
    machine.put(a=b"1")
    machine.ship()
    machine.backup(shelf_folder)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(renewal, "try_head", broken)
        with pytest.raises(KeyboardInterrupt):
            other.restored(shelf_folder)
    assert (other.data / "keys" / "node.key").exists()
    with pytest.raises(ConfigError, match="was not finished"):
        DataFolder.open(Settings(Path("policies"), data=other.data))
    whole = Machine(tmp_path / "whole")
    whole.restored(shelf_folder)
    DataFolder.open(Settings(Path("policies"), data=whole.data)).close()


def test_only_the_owner_of_the_right_key_reads(tmp_path: Path, shelf_folder: Path) -> None:
    machine = Machine(tmp_path / "data")
    machine.install()
    machine.write(machine.life(), 3)
    machine.ship()
    machine.backup(shelf_folder)
    with pytest.raises(BackupError, match="needs the key"):
        check.check(shelf.newest(shelf_folder), BackupKey.of(bytes(32)))
    held = next(path for path in shelf_folder.iterdir() if path.suffix == shelf.SUFFIX)
    assert held.stat().st_mode & 0o077 == 0
    assert (machine.data / "keys" / "node.key").read_bytes() not in held.read_bytes()


def test_the_node_alone(machine: Machine, other: Machine, shelf_folder: Path) -> None:
    life = machine.life()
    machine.write(life, 3)
    machine.ship()
    made = machine.backup(shelf_folder, node_only=True)
    assert made.counts["records"] == 0
    other.store = machine.store
    restored = other.restored(shelf_folder)
    assert restored.report is None
    assert restored.checkpoint > 1_000_000
    life.close()
    other.ship()
    assert other.alarms == []
    assert machine.verify().is_complete
    assert machine.backup(shelf_folder).because == "the last one has no stores in it"
