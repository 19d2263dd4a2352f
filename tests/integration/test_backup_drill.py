"""The drill: a service under load is backed up, destroyed, restored elsewhere, and decides and proves as before."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.snapshot.store import install, open_reader
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, snapshot_pb2
from tests.commands import kill, program
from tests.integration.clustered import Node, publish, text, write_key
from tests.integration.etcd import Etcd, etcd
from tests.integration.operated import PATIENCE, SENIOR, Operated, wait_for
from tests.integration.postgres import Postgres, postgres
from tests.integration.running import POLICY

__all__ = ["etcd", "postgres"]

HEAD = "workers: 2\ndrain_seconds: 0\nnode: n1\naudit: {checkpoint_seconds: 0.2}\n"


def pdp(*arguments: object, code: int = 0) -> str:
    """Run a command, and return what it writes."""
    command = [program(), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)
    assert ended.returncode == code, ended.stderr + ended.stdout
    return ended.stdout


def decided(address: str) -> decision_service_pb2.DecideResponse:
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        answer: decision_service_pb2.DecideResponse = decision_service_pb2_grpc.DecisionServiceStub(channel).Decide(
            SENIOR, timeout=PATIENCE
        )
        return answer


class Load:
    """Decisions one after the other until the end; `ids` are those that were acknowledged."""

    def __init__(self, address: str) -> None:
        self.ids: list[str] = []
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.ids.append(decided(self._address).decision_id)

    def more(self, count: int) -> None:
        """Return when so many more were acknowledged."""
        goal = len(self.ids) + count
        pace = threading.Event()
        while len(self.ids) < goal:
            assert self._thread.is_alive()
            pace.wait(0.01)

    @classmethod
    @contextmanager
    def on(cls, address: str) -> Iterator[Load]:
        load = cls(address)
        load._thread.start()
        try:
            yield load
        finally:
            load._stop.set()
            load._thread.join(PATIENCE)


def recorded(url: str) -> list[snapshot_pb2.Record]:
    with closing(open_reader(url)) as reader:
        return [
            snapshot_pb2.Record.FromString(row.body)
            for state in reader.streams()
            for row in reader.records(state.key, bare=True)
        ]


def decision_ids(url: str) -> set[str]:
    return {record.snapshot.decision_id for record in recorded(url) if record.WhichOneof("body") == "snapshot"}


def operation_kinds(url: str) -> list[str]:
    return [record.operation.kind for record in recorded(url) if record.WhichOneof("body") == "operation"]


def verdicts(answer: decision_service_pb2.DecideResponse) -> Any:
    return answer.revision, answer.policy_hash, [str(verdict) for verdict in answer.verdicts]


def backups(folder: Path, key: Path, config: Path, load: Load, *options: object) -> tuple[list[str], list[Any]]:
    """Make a full backup and two incremental ones under load; return what was acknowledged before the last."""
    made = [json.loads(pdp("backup", "--config", config, "--to", folder, "--key", key, *options, "--full", "--json"))]
    for _ in range(2):
        load.more(15)
        before = list(load.ids)
        arguments = ("backup", "--config", config, "--to", folder, "--key", key, *options, "--json")
        made.append(json.loads(pdp(*arguments)))
    return before, made


def check_backups(made: Sequence[Any], folder: Path, key: Path) -> None:
    assert [one["kind"] for one in made] == ["full", "incremental", "incremental"]
    assert [one["waiting"] for one in made] == [0, 0, 0]
    assert all(one["recorded"] for one in made)
    assert all(one["counts"]["records"] >= 15 for one in made[1:])
    assert made[2]["counts"]["records"] < sum(one["counts"]["records"] for one in made)
    assert pdp("backup", "verify", folder, "--key", key).startswith("complete, nothing changed: 3 backups")
    listed = json.loads(pdp("backup", "list", folder, "--json"))
    assert [[one["name"] for one in chain] for chain in listed["chains"]] == [[one["name"] for one in made]]


def test_one_machine_comes_back(operate: Callable[..., Operated], tmp_path: Path) -> None:
    key, folder = tmp_path / "backup.key", tmp_path / "backups"
    pdp("backup", "key", "--new", key)
    service = operate(HEAD)
    answer = decided(service.address)
    with Load.on(service.address) as load:
        load.more(15)
        before, made = backups(folder, key, service.config, load)
        load.more(5)
    before.append(answer.decision_id)
    kill(service.process)
    check_backups(made, folder, key)
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / "policies")

    place = tmp_path / "second"
    place.mkdir()
    restored = json.loads(pdp("restore", folder, "--data", place / "data", "--key", key, "--json"))
    assert restored["complete"]
    assert restored["revision"] == answer.revision
    url = f"sqlite:{place / 'data' / 'store' / 'snapshots.db'}"
    assert decision_ids(url) >= set(before), "what was acknowledged before the last backup is in it"
    (place / "data" / "restored" / "policies").rename(place / "policies")
    again = Operated(place, HEAD)
    try:
        assert verdicts(decided(again.address)) == verdicts(answer)
        wait_for(lambda: again.metric("pdp_checkpoint_number") >= restored["checkpoint_floor"])
        wait_for(lambda: "backup.restored" in operation_kinds(url))
        ids = decision_ids(url)
    finally:
        assert again.end() == 0
    assert operation_kinds(url).count("backup.made") == 2, "the record of the last backup came after it"
    told = json.loads(pdp("snapshot", "verify", "--data", place / "data", "--json"))
    assert told["complete"]
    assert [finding["kind"] for finding in told["findings"]] == ["restored"]
    assert len(decision_ids(url)) == len(ids | decision_ids(url))
    # And the next backups of the restored one have a chain of their own.
    # Nobody ships any more, so there is nothing to wait for.
    arguments = ("backup", "--config", again.config, "--to", folder, "--key", key, "--json", "--wait", 0)
    first = json.loads(pdp(*arguments))
    assert first["kind"] == "incremental"
    assert json.loads(pdp(*arguments, "--full", "--keep", 1))["removed"] == [
        *[first["name"]], *[one["name"] for one in reversed(made)],
    ]  # fmt: skip


class Cluster:
    """A control store in etcd and a store of records in PostgreSQL, and nodes on them."""

    def __init__(self, folder: Path, etcd: Etcd, postgres: Postgres) -> None:
        self._folder, self._postgres = folder, postgres
        self._members = ",".join(member.address for member in etcd.members)
        write_key(folder / "publish.key")

    def control(self, name: str) -> str:
        """Return the URL of an empty control store."""
        return f"etcd://{self._members}/drill-{self._folder.name}-{name}/"

    def records(self) -> str:
        """Return the URL of an empty store of records."""
        return self._postgres.url(self._postgres.create_database())

    def node(self, place: Path, control: str, records: str) -> Node:
        """Start a node in a place."""
        (place / "n1").mkdir(parents=True, exist_ok=True)
        (place / "n1" / "records-url").write_text(records)
        (place / "n1" / "records-url").chmod(0o600)
        keys = f"  signing_key: {self._folder / 'publish.key'}\n  trust: {self._folder / 'publish.pub'}\n"
        audit = "audit: {checkpoint_seconds: 0.2, store: {file: records-url}}\n"
        return Node(place, "n1", control, keys + audit)


def back_up(cluster: Cluster, place: Path, folder: Path, key: Path) -> tuple[list[str], Any]:
    """Let a cluster live, and end with all that it had; return what was acknowledged, and one of its answers."""
    records = cluster.records()
    install(records)
    node = cluster.node(place, cluster.control("a"), records)
    try:
        with node.staff() as channel:
            publish(channel, text())
        address = node.facts()["address"]
        answer = decided(address)
        with Load.on(address) as load:
            load.more(15)
            before, made = backups(folder, key, node.folder / "pdp.yaml", load)
    finally:
        node.kill()
    check_backups(made, folder, key)
    shutil.rmtree(place)
    return before, answer


@pytest.mark.slow
def test_a_cluster_comes_back(tmp_path: Path, etcd: Etcd, postgres: Postgres) -> None:
    key, folder, place = tmp_path / "backup.key", tmp_path / "backups", tmp_path / "second"
    pdp("backup", "key", "--new", key)
    cluster = Cluster(tmp_path, etcd, postgres)
    before, answer = back_up(cluster, tmp_path / "first", folder, key)
    control, records = cluster.control("b"), cluster.records()
    (place / "n1").mkdir(parents=True)
    floor = answer.revision + 5
    restored = json.loads(pdp(
        "restore", folder, "--data", place / "n1" / "data", "--key", key, "--control", control, "--store", records,
        "--revision-floor", floor, "--json",
    ))  # fmt: skip
    assert restored["complete"]
    assert restored["revision"] == floor + 1
    assert decision_ids(records) >= set(before)
    node = cluster.node(place, control, records)
    try:
        again = decided(node.facts()["address"])
        assert verdicts(again)[1:] == verdicts(answer)[1:]
        assert again.revision == floor + 1
        wait_for(lambda: "backup.restored" in operation_kinds(records))
        with node.staff() as channel:
            assert publish(channel, text(POLICY.replace(">= 3", ">= 4"))).number == floor + 2
    finally:
        node.end()
    keys = place / "n1" / "data" / "keys"
    told = json.loads(pdp("snapshot", "verify", "--store", records, "--keys", keys, "--json"))
    assert told["complete"], told["findings"]

    # The cluster's backup also makes one machine.
    alone = json.loads(pdp("restore", folder, "--data", tmp_path / "alone", "--key", key, "--json"))
    assert alone["complete"]
    assert alone["revision"] == answer.revision
