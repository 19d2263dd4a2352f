"""The record of what is done besides deciding: durable on return, in order, and never in the way of the service."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import SpoolError, SpoolFullError
from pdp.server.operations import Operations
from pdp.server.settings import Audit, Settings
from pdp.server.spools import folders, limits, open_spool
from pdp.snapshot.spool import SpoolReader
from pdp.v1 import snapshot_pb2

PATIENCE = 60.0


class FakeSpool:
    """Takes records, or fails."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.error: Exception | None = None
        self.may_write = threading.Event()
        self.may_write.set()
        self.closed = False

    def append(self, records: Sequence[tuple[str, bytes]], *, last: bool = False) -> None:
        assert last
        assert not self.closed
        assert self.may_write.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        self.taken += records

    def close(self) -> None:
        self.closed = True

    def operations(self) -> list[snapshot_pb2.Operation]:
        return [snapshot_pb2.Record.FromString(body).operation for _, body in self.taken]


@pytest.fixture
def spool() -> FakeSpool:
    return FakeSpool()


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    return [record.pdp_event for record in caplog.records if hasattr(record, "pdp_event")]


def test_an_operation_gets_an_id_and_a_time_of_its_own(spool: FakeSpool) -> None:
    operations = Operations(spool)
    before = time.time_ns()
    for number in range(50):
        operations.record(snapshot_pb2.Operation(kind="snapshot.export", actor="auditor", details={"n": str(number)}))
    operations.record(snapshot_pb2.Operation(kind="other", id="given", time_nanos=7))
    operations.close()
    *made, given = spool.operations()
    assert [item.details["n"] for item in made] == [str(number) for number in range(50)]
    assert len({item.id for item in made}) == 50
    assert all(len(item.id) == 32 and before <= item.time_nanos <= time.time_ns() for item in made)
    assert (given.id, given.time_nanos) == ("given", 7)
    assert {retention for retention, _ in spool.taken} == {"long"}


def test_who_must_know_is_told_that_nothing_was_recorded(spool: FakeSpool, caplog: pytest.LogCaptureFixture) -> None:
    operations = Operations(spool)
    spool.error = SpoolFullError("no room")
    with caplog.at_level(logging.ERROR), pytest.raises(SpoolError, match="no room"):
        operations.record(snapshot_pb2.Operation(kind="snapshot.export"))
    ((name, details),) = events(caplog)
    assert (name, details["kind"], details["reason"]) == ("operation.unrecorded", "snapshot.export", "no room")
    operations.close()


@pytest.mark.parametrize("error", [SpoolError("no disk"), ValueError("a mistake")])
def test_what_has_happened_is_no_failure_of_the_service(
    spool: FakeSpool, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    operations = Operations(spool)
    spool.error = error
    with caplog.at_level(logging.ERROR):
        operations.note("service.started")
        operations.close()
    assert [(name, details["kind"]) for name, details in events(caplog)] == [
        ("operation.unrecorded", "service.started")
    ]
    assert spool.closed


def test_nobody_waits_for_a_slow_disk_and_nothing_changes_places(spool: FakeSpool) -> None:
    operations = Operations(spool)
    spool.may_write.clear()
    for number in range(20):
        operations.note("policy.applied", {"revision": str(number)})
    operations.note("policy.refused", {"reason": "x"}, success=False)
    assert spool.taken == []
    spool.may_write.set()
    operations.close()
    found = spool.operations()
    assert [item.details["revision"] for item in found[:-1]] == [str(number) for number in range(20)]
    assert [item.success for item in found] == [True] * 20 + [False]
    assert {item.actor for item in found} == {"system"}


def test_after_the_end_nothing_is_noted(spool: FakeSpool) -> None:
    operations = Operations(spool)
    operations.close()
    operations.note("service.stopped")
    assert spool.taken == []


def test_it_reaches_the_disk_of_a_real_spool(tmp_path: Path) -> None:
    settings = Settings(Path(), data=tmp_path / "data", node="n1")
    operations = Operations(open_spool(settings))
    operations.record(snapshot_pb2.Operation(kind="snapshot.export", success=True))
    reader = SpoolReader(folders(settings))
    (found,) = reader.read({}, 10)
    assert (found.stream.node, found.stream.retention, found.sequence) == ("n1", "long", 0)
    assert snapshot_pb2.Record.FromString(found.body).operation.kind == "snapshot.export"
    reader.close()
    operations.close()


def test_a_small_spool_has_small_files(tmp_path: Path) -> None:
    for most, segment in ((16 << 20, 1 << 20), (4 << 30, 64 << 20)):
        settings = Settings(Path(), data=tmp_path, audit=Audit(spool_bytes=most, second_spool=tmp_path / "second"))
        found = limits(settings)
        assert (found.max_bytes, found.segment_bytes) == (most, segment)
        assert folders(settings) == (tmp_path / "spool", found.second_folder)
