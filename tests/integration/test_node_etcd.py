"""A node of a cluster: the contract on etcd, what becomes of it when members die, and real processes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.control.kv.base import KeyValueStore
from pdp.control.kv.etcd import EtcdStore
from pdp.errors import ConflictError, ControlStoreError
from pdp.v1 import control_pb2
from tests.integration.clustered import Node, eventually, publish, text, write_key
from tests.integration.etcd import Etcd, etcd
from tests.integration.kv_steps import Opener, opener, scenario
from tests.integration.node_contract import NodeContract
from tests.integration.node_contract import publish as publish_level
from tests.integration.node_steps import Life, desk, living
from tests.integration.running import POLICY

__all__ = ["etcd"]


@pytest.fixture
def namespace() -> str:
    return f"/{uuid.uuid4().hex}/"


class TestNodeOnEtcd(NodeContract):
    @pytest.fixture
    def open_store(self, etcd: Etcd, namespace: str) -> Opener:
        return opener(lambda: EtcdStore(etcd.urls, namespace=namespace))


@scenario
async def test_a_leader_that_dies_while_somebody_publishes(etcd: Etcd, namespace: str, tmp_path: Path) -> None:
    async with opener(lambda: EtcdStore(etcd.urls, namespace=namespace))() as store:
        lives = [Life(store, tmp_path, f"n{number}") for number in range(3)]
        async with living(*lives):
            await publish_level(desk(store), 3)
            for life in lives:
                await life.decides_by(1)
            leader = await asyncio.to_thread(etcd.leader)
            publishing = asyncio.create_task(_insist(store, 4))
            with etcd.killed(leader):
                number = await publishing
                for life in lives:
                    await life.decides_by(number)
            assert not any(life.deciding.refusals() for life in lives)


async def _insist(store: KeyValueStore, level: int) -> int:
    """Publish until it is done; what fails in between may have happened."""
    while True:
        try:
            return int((await publish_level(desk(store), level)).number)
        except (ControlStoreError, ConflictError):
            continue


@scenario
async def test_a_cluster_that_hangs_makes_nodes_stale_and_no_more(etcd: Etcd, namespace: str, tmp_path: Path) -> None:
    async with opener(lambda: EtcdStore(etcd.urls, namespace=namespace, timeout=1.0))() as store:
        life = Life(store, tmp_path)
        async with living(life):
            await publish_level(desk(store), 3)
            await life.decides_by(1)
            with etcd.paused(*etcd.members):
                await life.deciding.until(lambda: bool(life.deciding.noted("node.stale")))
                assert life.deciding.revision == 1
            await life.deciding.until(lambda: bool(life.deciding.noted("node.fresh")))
            await publish_level(desk(store), 4)
            await life.decides_by(2)


@pytest.fixture
def nodes(etcd: Etcd, namespace: str, tmp_path: Path) -> Iterator[list[Node]]:
    """Three real processes, of which the first has the key to publish by."""
    write_key(tmp_path / "publish.key")
    store = "etcd://" + ",".join(member.address for member in etcd.members) + namespace
    trust = f"  trust: {tmp_path}/publish.pub\n"
    keys = [f"  signing_key: {tmp_path}/publish.key\n", "", ""]
    started = [Node(tmp_path, f"n{number}", store, trust + key) for number, key in enumerate(keys)]
    yield started
    for node in started:
        node.end()


def test_three_processes_decide_by_what_one_publishes(etcd: Etcd, nodes: list[Node]) -> None:
    with nodes[0].staff() as channel:
        assert publish(channel, text()).number == 1
        for node in nodes:
            # It says that it is ready once it decides, and waits for that as long as it takes.
            assert node.facts()["revision"] == 1
            assert node.revision() == 1
        second: control_pb2.Revision = publish(channel, text(POLICY.replace("level >= 3", "level >= 4")))
    for node in nodes:
        eventually(lambda node=node: node.revision() == second.number, node)  # type: ignore[misc]
    last = nodes[2]
    last.kill()
    with etcd.paused(*etcd.members):
        last.start()
        assert last.facts()["revision"] == 2
        assert last.revision() == 2
        (applied,) = [entry for entry in last.events("node.applied") if entry["source"] == "disk"]
        assert applied["revision"] == "2"
