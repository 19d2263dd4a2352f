"""What a shipper does besides shipping, and what it says stands wrong."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import ConfigError, StoreError, WorkerError
from pdp.server import carrier, errands
from pdp.server.carrier import Alarms, Carrier, copies
from pdp.server.config.kinds import Secret
from pdp.server.data_folder import DataFolder, write_new
from pdp.server.errands import EVENT_RETENTION, Daily, carry_bundles
from pdp.server.operations import Operations
from pdp.server.settings import Audit, Settings
from pdp.server.spools import open_spool
from pdp.snapshot.evidence.checkpoint import CommandCopy, DirectoryCopy
from pdp.snapshot.store import open_reader, open_writer
from pdp.v1 import bundle_pb2, snapshot_pb2

PATIENCE = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = Settings(Path(), data=tmp_path / "data", node="n1", audit=Audit(checkpoint_seconds=0.1))
    folder = DataFolder.open(made)
    yield made
    folder.close()


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    return [record.pdp_event for record in caplog.records if hasattr(record, "pdp_event")]


# Alarms


def test_an_alarm_stands_until_it_is_over_and_is_told_twice(caplog: pytest.LogCaptureFixture) -> None:
    alarms = Alarms()
    with caplog.at_level(logging.INFO):
        alarms.tell("ship.store_away", "no such host")
        alarms.tell("ship.store_away", "no such host")
        assert alarms.standing() == {"ship.store_away": "no such host"}
        alarms.tell("ship.store_away", "permission denied")
        assert alarms.standing() == {"ship.store_away": "permission denied"}
        alarms.tell("ship.store_back", "the store takes records again")
        alarms.tell("ship.store_back", "the store takes records again")
    assert alarms.standing() == {}
    assert [name for name, _ in events(caplog)] == ["ship.store_away", "ship.store_away", "ship.store_back"]


def test_what_only_sounds_like_an_end_is_none() -> None:
    alarms = Alarms()
    alarms.tell("checkpoint.stream_back", "a stream has gone back")
    assert alarms.standing() == {"checkpoint.stream_back": "a stream has gone back"}


def test_signed_checkpoints_end_what_kept_them_away_and_nothing_else() -> None:
    alarms = Alarms()
    for event in ("checkpoint.rolled_back", "ship.checkpoints_away", "checkpoint.copy_failed", "ship.store_away"):
        alarms.tell(event, "words")
    alarms.tell("ship.checkpoints_back", "checkpoints are signed again")
    assert set(alarms.standing()) == {"checkpoint.copy_failed", "ship.store_away"}
    alarms.tell("checkpoint.copy_back", "the copy takes checkpoints again")
    assert set(alarms.standing()) == {"ship.store_away"}


def test_a_notice_does_not_stand(caplog: pytest.LogCaptureFixture) -> None:
    alarms = Alarms()
    with caplog.at_level(logging.INFO):
        alarms.tell("checkpoint.key_changed", "another key")
    assert alarms.standing() == {}
    assert [name for name, _ in events(caplog)] == ["checkpoint.key_changed"]


# Bundles


def signed(revision: int) -> bundle_pb2.SignedBundle:
    return bundle_pb2.SignedBundle(bundle=b"content %d" % revision, hash=f"{revision:064x}", revision=revision)


def test_bundles_go_to_the_store_once(settings: Settings) -> None:
    folder = settings.data_folder / "bundles"
    for revision in (1, 2):
        write_new(folder / signed(revision).hash, signed(revision).SerializeToString())
    opened: list[None] = []

    def open_() -> Any:
        opened.append(None)
        return open_writer(settings.store_url)

    assert carry_bundles(folder, open_) == 2
    assert list(folder.iterdir()) == []
    reader = open_reader(settings.store_url)
    assert [reader.bundle(signed(revision).hash) for revision in (1, 2, 3)] == [
        signed(1).SerializeToString(), signed(2).SerializeToString(), None,
    ]  # fmt: skip
    reader.close()
    # The store is not asked for nothing.
    assert carry_bundles(folder, open_) == 0
    assert len(opened) == 1
    # One that it has already is left alone.
    write_new(folder / signed(1).hash, signed(1).SerializeToString())
    assert carry_bundles(folder, open_) == 1


def test_a_bundle_waits_for_the_store(settings: Settings) -> None:
    folder = settings.data_folder / "bundles"
    write_new(folder / signed(1).hash, signed(1).SerializeToString())
    (settings.data_folder / "store").rmdir()
    (settings.data_folder / "store").touch()
    with pytest.raises(StoreError):
        carry_bundles(folder, lambda: open_writer(settings.store_url))
    assert [path.name for path in folder.iterdir()] == [signed(1).hash]


def test_what_is_no_bundle_is_set_aside_and_holds_up_no_other(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    folder = settings.data_folder / "bundles"
    write_new(folder / "0", b"\xff\xff\xff")
    write_new(folder / signed(1).hash, signed(1).SerializeToString())
    (folder / ".0.part").write_bytes(b"half")
    carry_bundles(folder, lambda: open_writer(settings.store_url))
    assert {path.name for path in folder.iterdir()} == {".damaged-0", ".0.part"}
    assert [name for name, _ in events(caplog)] == ["bundle.damaged"]
    assert carry_bundles(folder, lambda: open_writer(settings.store_url)) == 0


# Expiry


def test_records_are_expired_once_a_day(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    told: list[str] = []
    asked: list[Settings] = []
    monkeypatch.setattr(errands, "expire_records", asked.append)
    daily = Daily(settings, lambda event, _: told.append(event), clock=lambda: now)
    assert not daily.is_due
    now = Daily.FIRST_SECONDS
    assert daily.is_due
    daily.run()
    assert (asked, told, daily.is_due) == ([settings], ["retention.back"], False)
    now += Daily.SECONDS
    assert daily.is_due


def test_a_failed_expiry_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Settings) -> int:
        raise StoreError("the clock says 2030")

    alarms = Alarms()
    monkeypatch.setattr(errands, "expire_records", fail)
    daily = Daily(settings, alarms.tell)
    daily.run()
    assert alarms.standing() == {EVENT_RETENTION: "the clock says 2030"}
    monkeypatch.setattr(errands, "expire_records", lambda _: 0)
    daily.run()
    assert alarms.standing() == {}


def test_less_than_must_be_kept_expires_nothing(tmp_path: Path) -> None:
    short = Settings(Path(), data=tmp_path / "data", audit=Audit(long_days=30))
    with pytest.raises(ConfigError, match="long_days"):
        errands.expire_records(short)


def test_who_ships_to_postgresql_drops_nothing(tmp_path: Path) -> None:
    elsewhere = Settings(Path(), data=tmp_path, audit=Audit(store=Secret("postgresql://w@db/jingxi", "url")))
    assert not Daily(elsewhere, lambda *_: None, clock=lambda: 1e9).is_due


def test_an_empty_store_has_nothing_to_expire(settings: Settings) -> None:
    open_writer(settings.store_url).close()
    assert errands.expire_records(settings) == 0


# The thread


@pytest.fixture
def carry(settings: Settings) -> Iterator[Callable[[], Carrier]]:
    made: list[Carrier] = []

    def start() -> Carrier:
        made.append(Carrier(settings, lambda: None))
        made[-1].start()
        return made[-1]

    yield start
    for item in made:
        item.stop(PATIENCE)


def wait_for(holds: Callable[[], bool]) -> None:
    """Look again until it holds: each look reads the spools, which paces the loop."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def test_what_is_recorded_is_shipped_and_signed(settings: Settings, carry: Callable[[], Carrier]) -> None:
    operations = Operations(open_spool(settings))
    for _ in range(3):
        operations.record(snapshot_pb2.Operation(kind="test"))
    carrier_ = carry()
    wait_for(lambda: carrier_.facts()["checkpoint"] >= 1 and carrier_.facts()["lag_records"] == 0)
    found = carrier_.facts()
    assert (found["shipped"], found["store_up"], found["alarms"]) == (3, True, {})
    assert found["checkpoint_at"] > 0
    operations.record(snapshot_pb2.Operation(kind="last"))
    operations.close()
    carrier_.stop(PATIENCE)
    reader = open_reader(settings.store_url)
    kinds = [record.columns["kind"] for record in reader.select(None, after=None, oldest_first=True, limit=10)]
    (*_, (_, number, _)) = reader.checkpoints("n1")
    reader.close()
    assert kinds == ["test", "test", "test", "last"]
    assert number > found["checkpoint"]


def test_a_number_goes_on_where_the_last_shipper_ended(settings: Settings, carry: Callable[[], Carrier]) -> None:
    operations = Operations(open_spool(settings))
    operations.record(snapshot_pb2.Operation(kind="test"))
    first = carry()
    wait_for(lambda: first.facts()["checkpoint"] >= 1)
    first.stop(PATIENCE)
    number = first.facts()["checkpoint"]
    second = carry()
    wait_for(lambda: second.facts()["checkpoint"] >= number)
    operations.close()


def test_one_shipper_waits_for_the_one_before(
    settings: Settings, carry: Callable[[], Carrier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier, "TURN_SECONDS", 0.2)
    handle = os.open(settings.data_folder / carrier.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(WorkerError, match="another shipper"):
        carry()
    os.close(handle)
    carry()


def test_a_thread_that_cannot_go_on_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = threading.Event()
    made = Carrier(settings, failed.set)

    def fail() -> float:
        raise ZeroDivisionError("13800138000")

    monkeypatch.setattr(made._shipper, "step", fail)
    made.start()
    assert failed.wait(PATIENCE)
    made.stop(PATIENCE)
    ((name, details),) = events(caplog)
    assert (name, details["error"]) == ("shipping.failed", "ZeroDivisionError")
    assert "13800138000" not in str(details)


def test_a_store_that_there_is_none_of_is_a_wrong_setting(tmp_path: Path) -> None:
    wrong = Settings(Path(), data=tmp_path / "data", audit=Audit(store=Secret("mongodb://u:hunter2@x", "url")))
    with pytest.raises(ConfigError) as caught:
        Carrier(wrong, lambda: None)
    assert "hunter2" not in str(caught.value)


def test_copies_are_those_of_the_settings(tmp_path: Path) -> None:
    assert copies(Settings(Path())) == []
    audit = Audit(checkpoint_copy=tmp_path, checkpoint_command="keep --to '/mnt/a b'")
    folder, command = copies(Settings(Path(), audit=audit))
    assert isinstance(folder, DirectoryCopy)
    assert folder.folder == tmp_path
    assert isinstance(command, CommandCopy)
    assert command.name == "keep"
