"""Spool files that are cut short or have bits turned: what is left of them is kept, and what is lost is named."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from pdp.snapshot.chain import StreamKey
from pdp.snapshot.spool import SpoolReader
from pdp.snapshot.store import open_reader
from pdp.v1 import snapshot_pb2
from tests.faults.checker import check_folder
from tests.faults.conftest import SEED, Results
from tests.faults.load import under_load
from tests.faults.service import Service, running

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

SECONDS = 5.0


@pytest.mark.parametrize("side", [".db", ".db-wal"])
@pytest.mark.parametrize("damage", ["truncated", "bits turned"])
def test_a_damaged_spool(damage: str, side: str, tmp_path: Path, draw: random.Random, results: Results) -> None:
    service = Service(tmp_path / "run")
    with running(service):
        # While the store is locked, everything stays in the spool.
        lock = sqlite3.connect(service.data / "store" / "snapshots.db", isolation_level=None, timeout=30)
        lock.execute("BEGIN IMMEDIATE")
        with under_load(service.address, seed=SEED, rate=500) as load:
            time.sleep(SECONDS)
        service.kill_all()
        lock.close()
    places = where(service, tmp_path / "copy")
    assert set(load.answers) <= set(places)
    files = sorted(
        path for path in service.data.glob(f"spool/*/*{side}")
        if any(key.boot == path.parent.name for key, _ in places.values()) and path.stat().st_size > 100_000
    )  # fmt: skip
    victim = draw.choice(files)
    boot = victim.parent.name
    how = hurt(victim, damage, draw)
    begun = time.monotonic()
    with running(service):
        recovered = time.monotonic() - begun
        service.finish()
    in_reach = {name for name, (key, _) in places.items() if key.boot == boot}
    checked = check_folder(service.store_url, service.data, load.answers, SEED, named=in_reach)
    lost = [name for name in places if name not in checked.present]
    told = salvaged(service)
    missing = sum(int(operation.details["missing"]) for operation in told)
    # What was being written when the processes were killed may be in the log, but nobody was told that it counts.
    promised = [name for name in lost if name in load.answers]
    told_of = service.entries("spool.damaged", "spool.waiting")
    alarms = [f"{entry['event']}: {entry['message'].replace(f'{service.data}/', '')}" for entry in told_of]
    results.add(
        f"{side} {damage}", checked, recovered, load, victim=f"{victim.name}, {how}", in_damaged_spool=len(in_reach),
        lost_records=len(lost), named_missing=missing, lost_unnamed=max(0, len(promised) - missing),
        saved=sum(int(operation.details["saved"]) for operation in told), quarantined=service.quarantined(),
        alarms=alarms,
    )  # fmt: skip
    assert set(lost) <= in_reach
    assert len(promised) <= missing <= len(lost), f"{len(lost)} lost, {len(promised)} of them promised, {missing} named"
    assert not missing or (service.quarantined() and alarms)


def where(service: Service, copy: Path) -> dict[str, tuple[StreamKey, int]]:
    """Return the stream and place of every record in a spool, by its id; the spool is left as it is."""
    shutil.copytree(service.data / "spool", copy)
    reader = SpoolReader([copy])
    found = {}
    positions: dict[StreamKey, int] = {}
    while records := reader.read(positions, 1000):
        for record in records:
            positions[record.stream] = record.sequence + 1
            read = snapshot_pb2.Record.FromString(record.body)
            if read.HasField("snapshot"):
                found[read.snapshot.decision_id] = (record.stream, record.sequence)
    reader.close()
    return found


def hurt(path: Path, damage: str, draw: random.Random) -> str:
    """Damage a file somewhere and return what was done."""
    data = bytearray(path.read_bytes())
    at = draw.randrange(len(data))
    if damage == "truncated":
        path.write_bytes(data[:at])
        return f"{len(data)} bytes cut to {at}"
    for place in range(at, min(len(data), at + 16)):
        data[place] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    return f"16 bits turned at {at} of {len(data)} bytes"


def salvaged(service: Service) -> list[snapshot_pb2.Operation]:
    """Return what the store says of damaged spools."""
    reader = open_reader(service.store_url)
    try:
        return [
            record.operation
            for state in reader.streams()
            for row in reader.records(state.key)
            if (record := snapshot_pb2.Record.FromString(row.body)).operation.kind == "spool.salvaged"
        ]
    finally:
        reader.close()
