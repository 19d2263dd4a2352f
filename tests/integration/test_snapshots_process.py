"""Records on their way through the real service: from the answer to the store, whatever dies or goes away meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.signing import TrustedKeys
from pdp.snapshot.evidence.verify import Report, verify
from pdp.snapshot.store import open_reader
from pdp.snapshot.store.base import Reader, StoredRecord
from pdp.v1 import bundle_pb2, decision_service_pb2_grpc, snapshot_pb2
from tests.commands import kill, pid_of, program
from tests.integration.operated import PATIENCE, SENIOR, Operated, wait_for
from tests.integration.running import put

HEAD = "workers: 2\ndrain_seconds: 0\nnode: n1\n"
# So that no test has to wait for the next one.
AUDIT = "audit: {checkpoint_seconds: 0.2}\n"
ASIDE = "audit: {checkpoint_seconds: 0.2, store: {env: ELSEWHERE}}\n"

Operate = Callable[..., Operated]


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Read a store beside whoever writes it."""
    reader = open_reader(f"sqlite:{path}")
    try:
        yield reader
    finally:
        reader.close()


def records(path: Path) -> list[StoredRecord]:
    with reading(path) as reader:
        found, after = [], None
        while page := reader.select(None, after=after, oldest_first=True, limit=500):
            found += page
            after = page[-1].place
        return found


def verified(path: Path, data: Path) -> Report:
    with reading(path) as reader:
        return verify(reader, TrustedKeys.load(data / "keys"))


def store(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store" / "snapshots.db"


def decisions(path: Path) -> Counter[str]:
    return Counter(record.columns["id"] for record in records(path) if record.columns["kind"] == "decision")


def operations(path: Path) -> list[snapshot_pb2.Operation]:
    found = [snapshot_pb2.Record.FromString(record.body) for record in records(path)]
    return [record.operation for record in found if record.WhichOneof("body") == "operation"]


def decide(address: str, times: int) -> list[str]:
    """Return the ids of decisions, over a new connection for every few, so that both workers make some."""
    ids: list[str] = []
    while len(ids) < times:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
            ids += [stub.Decide(SENIOR, timeout=PATIENCE).decision_id for _ in range(min(5, times - len(ids)))]
    return ids


def shipper(service: Operated) -> dict[str, Any]:
    found: dict[str, Any] = service.status()["snapshots"]["shipper"]
    return found


def events(service: Operated) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(service.log.name).read_text().splitlines() if line.startswith("{")]


def test_every_answer_is_in_the_store_when_the_service_has_stopped(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    hash_ = service.status()["hash"]
    ids = decide(service.address, 60)
    assert service.end() == 0
    assert decisions(store(tmp_path)) == Counter(ids)
    kinds = [operation.kind for operation in operations(store(tmp_path))]
    assert kinds == ["policy.applied", "service.started", "service.stopped"]
    with reading(store(tmp_path)) as reader:
        assert reader.bundle(hash_) is not None
    assert list((tmp_path / "data" / "bundles").iterdir()) == []
    report = verified(store(tmp_path), tmp_path / "data")
    assert report.is_complete, report.sentence.en
    assert (report.records, report.unsigned) == (63, 0)


def test_records_arrive_while_the_service_runs(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    ids = decide(service.address, 20)
    wait_for(lambda: service.metric("pdp_snapshots_shipped_total") >= 22)
    assert decisions(store(tmp_path)) == Counter(ids)
    wait_for(lambda: service.metric("pdp_snapshots_total") == 20)
    assert service.metric("pdp_snapshot_commit_seconds_count") >= 1
    assert service.metric("pdp_store_up") == service.metric("pdp_shipper_up") == 1
    wait_for(lambda: service.metric("pdp_checkpoint_number") >= 1)
    assert 0 <= service.metric("pdp_checkpoint_age_seconds") < PATIENCE
    text = service.command("--interval", "0").stdout
    assert "20 written" in text
    assert "store there" in text
    assert "checkpoint " in text
    report = verified(store(tmp_path), tmp_path / "data")
    assert report.is_complete, report.sentence.en


def test_a_killed_shipper_is_replaced_and_nothing_is_lost_or_doubled(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    ids: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            ids.extend(decide(service.address, 10))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for round_ in range(3):
            wait_for(lambda: shipper(service).get("shipped", 0) > 0)
            victim = shipper(service)["pid"]
            os.kill(victim, signal.SIGKILL)
            wait_for(
                lambda victim=victim, count=round_ + 1: (
                    shipper(service)["pid"] not in {0, victim} and shipper(service)["restarts"] == count
                )
            )
    finally:
        stop.set()
        asking.join(PATIENCE)
    died = [entry["how"] for entry in events(service) if entry["event"] == "shipper.died"]
    assert len(died) == 3
    assert [how for how in died if "SIGKILL" not in how] == []
    assert all(worker["restarts"] == 0 for worker in service.status()["workers"])
    assert service.end() == 0
    assert decisions(store(tmp_path)) == Counter(ids)
    report = verified(store(tmp_path), tmp_path / "data")
    assert report.is_complete, report.sentence.en


def test_a_store_that_is_away_keeps_nobody_from_deciding(operate: Operate, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("no folder yet")
    service = operate(HEAD + ASIDE, ELSEWHERE=f"sqlite:{place}/snapshots.db")
    wait_for(lambda: "ship.store_away" in shipper(service).get("alarms", {}))
    ids = decide(service.address, 30)
    assert service.get("/readyz")[0] == 200
    assert service.metric("pdp_store_up") == 0
    assert service.metric("pdp_snapshot_alarm", alarm="ship.store_away") == 1
    assert shipper(service)["store_error"]
    assert "STORE AWAY" in service.command("--interval", "0").stdout
    wait_for(lambda: service.metric("pdp_shipper_lag_records") >= 32)
    hash_ = service.status()["hash"]
    place.unlink()
    place.mkdir(mode=0o700)
    wait_for(lambda: service.metric("pdp_store_up") == 1)
    wait_for(lambda: shipper(service)["shipped"] >= 32)
    assert decisions(place / "snapshots.db") == Counter(ids)
    wait_for(lambda: list((tmp_path / "data" / "bundles").iterdir()) == [])
    with reading(place / "snapshots.db") as reader:
        kept = reader.bundle(hash_)
    assert kept is not None
    assert bundle_pb2.SignedBundle.FromString(kept).hash == hash_
    assert shipper(service)["alarms"] == {}
    # What stood wrong is on record too, with its end.
    kinds = [("alarm.raised", "ship.store_away"), ("alarm.over", "ship.store_away")]
    store = place / "snapshots.db"
    wait_for(lambda: kinds == [(o.kind, o.details["alarm"]) for o in operations(store) if o.kind.startswith("alarm.")])
    assert {"ship.store_away", "ship.store_back"} <= {entry["event"] for entry in events(service)}
    assert service.end() == 0
    assert verified(place / "snapshots.db", tmp_path / "data").is_complete


def test_a_service_stops_without_its_store_and_the_next_one_ships_the_rest(operate: Operate, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("no folder yet")
    service = operate(HEAD + ASIDE, ELSEWHERE=f"sqlite:{place}/snapshots.db")
    ids = decide(service.address, 10)
    assert service.end() == 0
    place.unlink()
    place.mkdir(mode=0o700)
    service = operate(HEAD + ASIDE, ELSEWHERE=f"sqlite:{place}/snapshots.db")
    ids += decide(service.address, 10)
    assert service.end() == 0
    assert decisions(place / "snapshots.db") == Counter(ids)
    told = [operation for operation in operations(place / "snapshots.db") if not operation.kind.startswith("alarm.")]
    kinds = Counter(operation.kind for operation in told)
    assert kinds == {"service.started": 2, "policy.applied": 2, "service.stopped": 2}
    assert verified(place / "snapshots.db", tmp_path / "data").is_complete


def test_a_killed_service_loses_no_answer(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    ids = decide(service.address, 20)
    children = [worker["pid"] for worker in service.status()["workers"]] + [shipper(service)["pid"]]
    watched = [os.pidfd_open(pid) for pid in children]
    ids += decide(service.address, 20)
    kill(service.process)
    try:
        for fd in watched:
            assert select.select([fd], [], [], PATIENCE)[0], "a child is still there"
    finally:
        for fd in watched:
            os.close(fd)
    orphaned = Counter(entry["event"] for entry in events(service) if entry["event"].endswith(".orphaned"))
    assert orphaned == {"worker.orphaned": 2, "shipper.orphaned": 1}
    service = operate(HEAD + AUDIT)
    assert service.end() == 0
    assert decisions(store(tmp_path)) == Counter(ids)
    report = verified(store(tmp_path), tmp_path / "data")
    assert report.is_complete, report.sentence.en


def test_a_refused_version_is_recorded_with_its_reason(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    policy = tmp_path / "policies" / "policy.yaml"
    good = policy.read_text()
    put(policy, good.replace("subject.level >= 3", "subject.levle >= 3"))
    wait_for(lambda: service.metric("pdp_policy_refused", what="policies") == 1)
    put(policy, good.replace("subject.level >= 3", "subject.level >= 4"))
    wait_for(lambda: service.metric("pdp_policy_revision") == 2)
    hash_ = service.status()["hash"]

    def applications() -> list[snapshot_pb2.Operation]:
        return [operation for operation in operations(store(tmp_path)) if operation.kind == "policy.applied"]

    wait_for(lambda: len(applications()) >= 2)
    applied = applications()
    found = {operation.kind: operation for operation in operations(store(tmp_path))}
    assert not found["policy.refused"].success
    assert "has errors" in found["policy.refused"].details["reason"]
    assert [operation.details["revision"] for operation in applied] == ["1", "2"]
    assert applied[1].details["hash"] == hash_
    assert {operation.actor for operation in found.values()} == {"system"}
    wait_for(lambda: list((tmp_path / "data" / "bundles").iterdir()) == [])
    with reading(store(tmp_path)) as reader:
        assert all(reader.bundle(operation.details["hash"]) is not None for operation in applied)


def serve(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [program(), "serve", "--listen", "127.0.0.1:0", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_two_servers_do_not_share_a_data_folder(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    ended = serve("--policies", tmp_path / "policies", "--data", tmp_path / "data")
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("pdp: error: ")]
    assert f"another server (process {pid_of(service.process)})" in line
    assert "`--data`" in line
    assert len(decide(service.address, 1)) == 1


@pytest.mark.parametrize(("prepare", "words"), [
    (lambda path: path.touch(), "cannot keep anything in the data folder"),
    (lambda path: (path.mkdir(), path.chmod(0o777)), "others can write the data folder"),
])  # fmt: skip
def test_a_data_folder_that_cannot_be_used_ends_the_server_with_the_mend(
    tmp_path: Path, policy_folder: Path, prepare: Callable[[Path], object], words: str
) -> None:
    prepare(tmp_path / "data")
    ended = serve("--policies", policy_folder, "--data", tmp_path / "data")
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("pdp: error: ")]
    assert words in line
    assert "`--data`" in line


def test_a_store_that_is_no_store_ends_the_server(tmp_path: Path, policy_folder: Path) -> None:
    config = tmp_path / "pdp.yaml"
    (tmp_path / "url").write_text("mongodb://user:hunter2@x")
    config.write_text(f"policies: {policy_folder}\nlisten: 127.0.0.1:0\ndata: data\naudit: {{store: {{file: url}}}}\n")
    command = [program(), "serve", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("pdp: error: the store's URL must begin with")
    assert "hunter2" not in ended.stderr


def test_without_records_and_staff_nothing_is_made(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + "audit: {durability: 'off'}\nstaff: {listen: 'off'}\n")
    assert len(decide(service.address, 3)) == 3
    assert service.status()["snapshots"] is None
    assert not any("pdp_store" in line for line in service.get("/metrics")[1].decode().splitlines())
    assert service.end() == 0
    assert not (tmp_path / "data").exists()


def test_the_staff_port_answers_by_the_names_of_the_policy_set(operate: Operate, tmp_path: Path) -> None:
    service = operate(HEAD + AUDIT)
    ids = decide(service.address, 3)
    wait_for(lambda: service.metric("pdp_snapshots_shipped_total") >= 5)
    command = [
        program(), "snapshot", "list", "--data", str(tmp_path / "data"),
        "--filter", 'kind == "decision" && subject.level == 5', "--json",
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    assert all(decision in ended.stdout for decision in ids)
    assert service.end() == 0
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(FileNotFoundError):
        probe.connect(str(tmp_path / "data" / "staff.sock"))
