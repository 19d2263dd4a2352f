"""ClusterService over a real socket: agents on a real store, whose event loop runs beside the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pdp.control import layout
from pdp.control.kv.base import Put
from pdp.control.kv.sqlite import SqliteStore
from pdp.control.nodes import Nodes
from pdp.errors import SpoolError
from pdp.server.address import Address
from pdp.server.staff import make_staff_server
from pdp.server.staff.control_host import ControlHost, LoopRunner
from pdp.v1 import cluster_service_pb2, cluster_service_pb2_grpc, control_pb2, snapshot_pb2
from tests.integration.node_contract import begin_rollout, publish
from tests.integration.node_steps import PATIENCE, Life, desk, living

CURRENT, LOST = cluster_service_pb2.NODE_HEALTH_CURRENT, cluster_service_pb2.NODE_HEALTH_LOST
REFUSING = cluster_service_pb2.NODE_HEALTH_REFUSING
ACTOR = "operator"


class Cluster:
    """Two nodes and a staff server, in an event loop of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operations: list[snapshot_pb2.Operation] = []
        self.full = False
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.run = LoopRunner(self.loop)
        self.run(self._begin())
        self.folder.chmod(0o700)
        host = ControlHost(self.revisions, self.nodes, self.run, self._record)
        self.server = make_staff_server(
            Address("", 0, str(folder / "staff.sock")), None, control=host, actor=lambda _: ACTOR
        )
        self.server.start()
        self.channel = grpc.insecure_channel(f"unix:{folder}/staff.sock")
        self.stub = cluster_service_pb2_grpc.ClusterServiceStub(self.channel)

    async def _begin(self) -> None:
        self.store = SqliteStore(self.folder / "control" / "control.db")
        self.revisions = desk(self.store)
        self.nodes = Nodes(self.store)
        self.nodes.start()
        self.canary = Life(self.store, self.folder, "c1", ring="canary")
        self.other = Life(self.store, self.folder, "n1")
        self._living = living(self.canary, self.other)
        await self._living.__aenter__()
        await publish(self.revisions, 3)
        for life in (self.canary, self.other):
            await life.decides_by(1)

    def _record(self, operation: snapshot_pb2.Operation) -> None:
        if self.full:
            raise SpoolError("no room")
        self.operations.append(operation)

    async def _end(self) -> None:
        await self._living.__aexit__(None, None, None)
        await self.nodes.stop()
        await self.store.close()

    def close(self) -> None:
        self.channel.close()
        self.server.stop(0)
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()

    def lose(self, name: str) -> None:
        """Let a node have been there that is not any more."""
        status = control_pb2.NodeStatus(node=name, boot="0" * 16, revision=1)
        self.run(self.store.commit([], [Put(layout.known_key(name), status.SerializeToString())]))

    def wait_for(self, revision: int, millis: int = 0) -> list[cluster_service_pb2.AwaitRevisionResponse]:
        request = cluster_service_pb2.AwaitRevisionRequest(revision=revision, timeout_millis=millis)
        return list(self.stub.AwaitRevision(request, timeout=PATIENCE))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.close()


def names(nodes: object) -> list[str]:
    return [node.status.node for node in nodes]  # type: ignore[attr-defined]


def code_of(caught: pytest.ExceptionInfo[grpc.RpcError]) -> grpc.StatusCode:
    code: grpc.StatusCode = caught.value.code()
    return code


def test_nodes_are_listed_by_name_with_those_that_are_lost(cluster: Cluster) -> None:
    cluster.lose("a-lost")
    assert cluster.wait_for(1)[-1].converged
    found = cluster.stub.ListNodes(cluster_service_pb2.ListNodesRequest(), timeout=PATIENCE)
    assert [(node.status.node, node.health, node.wanted) for node in found.nodes] == [
        ("a-lost", LOST, 1), ("c1", CURRENT, 1), ("n1", CURRENT, 1)
    ]  # fmt: skip
    assert found.head.revision == 1
    assert not found.HasField("rollout")
    assert found.store_age_millis < PATIENCE * 1000
    assert all(node.age_millis < PATIENCE * 1000 for node in found.nodes[1:])


def test_who_watches_hears_of_what_changes(cluster: Cluster) -> None:
    with_end = cluster.stub.WatchNodes(cluster_service_pb2.WatchNodesRequest(), timeout=PATIENCE)
    first = next(with_end).nodes
    assert first.head.revision == 1
    cluster.run(publish(cluster.revisions, 4))
    for answer in with_end:
        if [node.status.revision for node in answer.nodes.nodes] == [2, 2]:
            break
    with_end.cancel()


def test_who_waits_is_told_once_all_have_followed(cluster: Cluster) -> None:
    cluster.lose("lost")
    waiting = cluster.stub.AwaitRevision(
        cluster_service_pb2.AwaitRevisionRequest(revision=2, timeout_millis=50_000), timeout=PATIENCE
    )
    first = next(waiting)
    assert not first.done
    assert names(first.missing) == ["c1", "n1"]
    cluster.run(publish(cluster.revisions, 4))
    *_, last = waiting
    assert last.done
    assert last.converged
    assert names(last.reached) == ["c1", "n1"]
    assert names(last.excused) == ["lost"]


def test_who_waits_in_vain_learns_for_whom(cluster: Cluster) -> None:
    cluster.other.deciding.refuses.add(2)
    cluster.run(publish(cluster.revisions, 4))
    cluster.run(cluster.canary.decides_by(2))
    cluster.run(cluster.other.refuses("worker_refused"))
    last = cluster.wait_for(2, 1_500)[-1]
    assert last.done
    assert not last.converged
    assert last.waited_millis >= 1_500
    assert names(last.reached) == ["c1"]
    (missing,) = last.missing
    assert (missing.status.node, missing.status.refused_code) == ("n1", "worker_refused")
    assert missing.health == REFUSING


def test_a_candidate_concerns_its_own_nodes_alone(cluster: Cluster) -> None:
    number = cluster.run(begin_rollout(cluster.revisions, 4))
    last = cluster.wait_for(number)[-1]
    assert last.converged
    assert (names(last.reached), names(last.excused)) == (["c1"], ["n1"])
    found = cluster.stub.ListNodes(cluster_service_pb2.ListNodesRequest(), timeout=PATIENCE)
    assert found.rollout.revision == number
    assert [node.wanted for node in found.nodes] == [number, 1]


def test_only_a_lost_node_is_forgotten_and_on_record(cluster: Cluster) -> None:
    cluster.lose("lost")

    def forget(name: str, reason: str = "replaced") -> None:
        cluster.stub.ForgetNode(cluster_service_pb2.ForgetNodeRequest(node=name, reason=reason), timeout=PATIENCE)

    for name, reason, expected in (
        ("lost", " ", grpc.StatusCode.INVALID_ARGUMENT),
        ("lost", "x" * 3_000, grpc.StatusCode.INVALID_ARGUMENT),
        ("nobody", "replaced", grpc.StatusCode.NOT_FOUND),
        ("../lost", "replaced", grpc.StatusCode.NOT_FOUND),
        ("n1", "replaced", grpc.StatusCode.FAILED_PRECONDITION),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            forget(name, reason)
        assert code_of(caught) is expected
    cluster.full = True
    with pytest.raises(grpc.RpcError):
        forget("lost")
    assert cluster.run(cluster.store.get(layout.known_key("lost"))) is not None, "what is not on record is not done"
    cluster.full = False
    assert not cluster.operations
    forget("lost")
    (operation,) = cluster.operations
    assert (operation.kind, operation.actor, operation.success) == ("node.forgotten", ACTOR, True)
    assert operation.details == {"node": "lost", "reason": "replaced"}
    found = cluster.stub.ListNodes(cluster_service_pb2.ListNodesRequest(), timeout=PATIENCE)
    assert names(found.nodes) == ["c1", "n1"]


@pytest.mark.parametrize(("revision", "millis"), [(0, 0), (-1, 0), (1, -1), (1, 600_001)])
def test_bounds_of_waiting(cluster: Cluster, revision: int, millis: int) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        cluster.wait_for(revision, millis)
    assert code_of(caught) is grpc.StatusCode.INVALID_ARGUMENT


def test_a_store_that_is_away_is_told(cluster: Cluster) -> None:
    cluster.run(cluster.store.close())
    with pytest.raises(grpc.RpcError) as caught:
        cluster.stub.ListNodes(cluster_service_pb2.ListNodesRequest(), timeout=PATIENCE)
    assert code_of(caught) is grpc.StatusCode.UNAVAILABLE
