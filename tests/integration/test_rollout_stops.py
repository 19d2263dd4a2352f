"""A rollout that live requests bring to its end, or do not: two real nodes, one of them a canary."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.v1 import (
    control_pb2,
    decision_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
    types_pb2,
)
from tests.integration.clustered import PATIENCE, Node, publish, text, write_key
from tests.integration.etcd import Etcd, etcd
from tests.integration.operated import SENIOR
from tests.integration.running import POLICY

__all__ = ["etcd"]

# Half of what is compared may differ, once so much was.
COMPARED = 30
STRICTER = POLICY.replace("subject.level >= 3", "subject.level >= 9")
SAME = POLICY.replace("senior tellers", "tellers of long standing")


class Canary:
    """The node that decides by candidates first, and the other one."""

    def __init__(self, canary: Node, other: Node, stack: contextlib.ExitStack) -> None:
        self.canary, self.other = canary, other
        staff = stack.enter_context(canary.staff())
        self.policies = policy_service_pb2_grpc.PolicyServiceStub(staff)
        self.snapshots = snapshot_service_pb2_grpc.SnapshotServiceStub(staff)
        self._staff = staff
        self.here, self.there = (stack.enter_context(node.decisions()) for node in (canary, other))

    def begin(self, policy: str) -> int:
        """Begin a rollout on the canary and return the candidate's number, once it decides there."""
        wanted = policy_service_pb2.Canary(
            labels={"ring": "canary"}, sample=1.0, max_difference=0.5, min_compared=COMPARED
        )
        number = int(publish(self._staff, text(policy), wanted).number)
        until(lambda: decide(self.here)[0] == number)
        return number

    def rollout(self) -> policy_service_pb2.GetRolloutResponse:
        return self.policies.GetRollout(policy_service_pb2.GetRolloutRequest(), timeout=PATIENCE)


@pytest.fixture(scope="module")
def canary(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    folder = tmp_path_factory.mktemp("canary")
    write_key(folder / "publish.key")
    store = "etcd://" + ",".join(member.address for member in etcd.members) + f"/{uuid.uuid4().hex}/"
    config = f"  trust: {folder}/publish.pub\n  signing_key: {folder}/publish.key\n  poll_seconds: 0.2\n"
    with contextlib.ExitStack() as stack:
        nodes = [Node(folder, name, store, config + more) for name, more in (
            ("canary", "  labels: ring=canary\n"), ("other", ""),
        )]  # fmt: skip
        for node in nodes:
            stack.callback(node.kill)
        with nodes[0].staff() as channel:
            publish(channel, text())
        yield Canary(nodes[0], nodes[1], stack)


def until(holds: Callable[[], bool]) -> None:
    """Ask again until it holds; each question is a call over the network, which paces the loop."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def decide(stub: decision_service_pb2_grpc.DecisionServiceStub) -> tuple[int, bool]:
    """Decide for a senior teller; return by which revision, and whether the mobile number is shown."""
    answer = stub.Decide(SENIOR, timeout=PATIENCE)
    return int(answer.revision), answer.verdicts[1].effect == types_pb2.EFFECT_UNMASK


def test_a_candidate_that_differs_on_live_requests_is_taken_back_by_itself(canary: Canary) -> None:
    before, shown = decide(canary.there)
    assert shown
    number = canary.begin(STRICTER)
    assert decide(canary.here) == (number, False)
    elsewhere: set[int] = set()

    def is_over() -> bool:
        decide(canary.here)
        elsewhere.add(decide(canary.there)[0])
        return canary.rollout().rollout.state == control_pb2.ROLLOUT_STATE_STOPPED

    until(is_over)
    ended = canary.rollout().rollout
    assert (ended.revision, ended.max_difference) == (number, 0.5)
    # It says how much differed of how much, which is no less than was asked for.
    assert "differ" in ended.stopped_because, ended.stopped_because
    assert ended.steps[-1].actor == "system"
    # Everybody decides by the fallback, the text in force before under a higher number; the other node never did else.
    until(lambda: decide(canary.here) == (ended.fallback, True))
    until(lambda: decide(canary.there) == (ended.fallback, True))
    assert elsewhere <= {before, ended.fallback}
    found: list[snapshot_service_pb2.ListSnapshotsResponse] = []

    def is_recorded() -> bool:
        asked = snapshot_service_pb2.ListSnapshotsRequest(filter='kind == "rollout.stopped"')
        found[:] = [canary.snapshots.ListSnapshots(asked, timeout=PATIENCE)]
        return bool(found[0].entries)

    until(is_recorded)
    operation = found[0].entries[0].record.operation
    assert (operation.details["revision"], operation.success) == (str(number), False)


def test_a_candidate_that_decides_alike_goes_on(canary: Canary) -> None:
    live = decide(canary.there)[0]
    number = canary.begin(SAME)

    def counts(found: policy_service_pb2.GetRolloutResponse) -> list[control_pb2.ShadowCount]:
        # A node may still tell of the rollout before this one.
        return [count for node in found.nodes for count in node.shadows if count.revision == live]

    def compared() -> int:
        decide(canary.here)
        return sum(count.compared for count in counts(canary.rollout()))

    until(lambda: compared() >= 2 * COMPARED)
    running = canary.rollout()
    assert running.rollout.state == control_pb2.ROLLOUT_STATE_RUNNING
    assert [count.differing for count in counts(running)] == [0]
    canary.policies.PromoteRollout(
        policy_service_pb2.PromoteRolloutRequest(revision=number, reason="alike"), timeout=PATIENCE
    )
    until(lambda: decide(canary.there)[0] == number)
