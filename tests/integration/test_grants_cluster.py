"""Grants on three real nodes on one etcd: given here and seen there, taken back under load, counted, cut off."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import duration_pb2

from pdp.control.grants import consent
from pdp.v1 import (
    account_pb2,
    decision_service_pb2,
    decision_service_pb2_grpc,
    grant_service_pb2,
    grant_service_pb2_grpc,
    types_pb2,
)
from tests.commands import pid_of
from tests.conformance.asking import reason_of
from tests.integration.clustered import PATIENCE, Node, publish, text, write_key
from tests.integration.etcd import Etcd, etcd
from tests.processes import pause

__all__ = ["etcd"]

TOKEN = "jx_" + "a" * 43
METADATA = (("authorization", f"Bearer {TOKEN}"),)
KEY = Ed25519PrivateKey.generate()
LEASE = 3
CALLERS = f"""
kind: Callers
callers:
  - name: counter
    tokens: [{{id: one, sha256: "{hashlib.sha256(TOKEN.encode()).hexdigest()}"}}]
    applications: ["*"]
    subjects: ["*"]
    grants: [ask, consent]
    consent_key: "{KEY.public_key().public_bytes_raw().hex()}"
"""


class Answer(NamedTuple):
    """When a decision was asked for and came back, and whether it showed the balance."""

    began: float
    ended: float
    shown: bool


class Machine:
    """A node with connections to both of its ports."""

    def __init__(self, node: Node, stack: contextlib.ExitStack) -> None:
        self.node = node
        options = [("grpc.use_local_subchannel_pool", 1)]
        decisions = stack.enter_context(grpc.insecure_channel(node.facts()["address"], options=options))
        self.decisions = decision_service_pb2_grpc.DecisionServiceStub(decisions)
        self.asking = grant_service_pb2_grpc.GrantServiceStub(decisions)
        self.staff = grant_service_pb2_grpc.GrantServiceStub(stack.enter_context(node.staff()))

    def decide(self, grant_id: str, at_least: int = 0) -> decision_service_pb2.DecideResponse:
        request = decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id="T1"), resource=types_pb2.Resource(type="customer", id="C1"),
            context={"menu": types_pb2.Value(string_value="3101")}, fields=["balance"], grant_ids=[grant_id],
            min_grant_revision=at_least,
        )  # fmt: skip
        return self.decisions.Decide(request, timeout=PATIENCE, metadata=METADATA)

    def shows(self, grant_id: str, at_least: int = 0) -> bool:
        return self.decide(grant_id, at_least).verdicts[0].effect == types_pb2.EFFECT_UNMASK

    def ask(self, **given: object) -> str:
        usual = {"subject_id": "T1", "resource_type": "customer", "resource_id": "C1", "reason": "counter"}
        request = grant_service_pb2.AskForGrantRequest(**(usual | given))  # type: ignore[arg-type]
        return str(self.asking.AskForGrant(request, timeout=PATIENCE, metadata=METADATA).grant.grant.id)

    def approve(self, grant_id: str) -> int:
        request = grant_service_pb2.ApproveGrantRequest(id=grant_id)
        return int(self.staff.ApproveGrant(request, timeout=PATIENCE).grant_revision)

    def revoke(self, grant_id: str) -> grant_service_pb2.RevokeGrantResponse:
        return self.staff.RevokeGrant(
            grant_service_pb2.RevokeGrantRequest(id=grant_id, reason="over"), timeout=PATIENCE
        )  # fmt: skip

    def get(self, grant_id: str) -> account_pb2.GrantRecord:
        return self.staff.GetGrant(grant_service_pb2.GetGrantRequest(id=grant_id), timeout=PATIENCE).grant


@pytest.fixture(scope="module")
def machines(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    folder = tmp_path_factory.mktemp("grants")
    write_key(folder / "publish.key")
    (folder / "callers.yaml").write_text(CALLERS)
    store = "etcd://" + ",".join(member.address for member in etcd.members) + f"/{uuid.uuid4().hex}/"
    config = (
        f"  trust: {folder}/publish.pub\n  signing_key: {folder}/publish.key\n  lease_seconds: {LEASE}\n"
        f"callers: {folder}/callers.yaml\nlimits:\n  revision_wait: 10\n"
    )
    with contextlib.ExitStack() as stack:
        nodes = [Node(folder, f"n{number}", store, config) for number in range(3)]
        for node in nodes:
            stack.callback(node.kill)
        with nodes[0].staff() as channel:
            publish(channel, text())
        yield [Machine(node, stack) for node in nodes]


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end, pace = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < end
        pace.wait(0.02)


class Load:
    """Decisions by one grant on all nodes at once, until closed."""

    def __init__(self, machines: list[Machine], grant_id: str, threads: int = 2) -> None:
        self.answers: list[Answer] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(machine, grant_id)) for machine in machines for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, machine: Machine, grant_id: str) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            shown = machine.shows(grant_id)
            self.answers.append(Answer(began, time.monotonic(), shown))

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_what_is_given_on_one_node_is_seen_on_all_at_once(machines: list[Machine]) -> None:
    for turn in range(3):
        grant_id = machines[turn].ask()
        assert not machines[turn].shows(grant_id)
        revision = machines[(turn + 1) % 3].approve(grant_id)
        for machine in machines:
            decided = machine.decide(grant_id, revision)
            assert decided.verdicts[0].effect == types_pb2.EFFECT_UNMASK, decided
            assert decided.reasons[decided.verdicts[0].reason].grant_id == grant_id


def test_after_a_revocation_no_call_to_any_node_is_decided_by_the_grant(machines: list[Machine]) -> None:
    for turn in range(3):
        grant_id = machines[0].ask()
        revision = machines[0].approve(grant_id)
        assert all(machine.shows(grant_id, revision) for machine in machines)
        load = Load(machines, grant_id)
        try:
            until(lambda load=load: len(load.answers) >= 60)  # type: ignore[misc]
            answer = machines[turn].revoke(grant_id)
            acknowledged = time.monotonic()
            count = len(load.answers)
            until(lambda load=load, count=count: len(load.answers) >= count + 60)  # type: ignore[misc]
        finally:
            load.close()
        assert not answer.silent_nodes
        assert any(found.shown for found in load.answers)
        late = [found for found in load.answers if found.began > acknowledged]
        assert late
        assert not any(found.shown for found in late)


def test_a_grant_of_five_uses_shows_five_times_on_three_nodes(machines: list[Machine]) -> None:
    for _ in range(3):
        grant_id = machines[1].ask(max_uses=5)
        machines[0].approve(grant_id)
        load = Load(machines, grant_id)
        try:
            until(lambda load=load: sum(found.shown for found in load.answers) >= 5)  # type: ignore[misc]
            count = len(load.answers)
            until(lambda load=load, count=count: len(load.answers) >= count + 60)  # type: ignore[misc]
        finally:
            load.close()
        assert sum(found.shown for found in load.answers) == 5
        record = machines[2].get(grant_id)
        assert (record.state, record.uses) == (account_pb2.GRANT_STATE_USED_UP, 5)
        (told,) = machines[0].decide(grant_id).diagnostics
        assert told.code == types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE
        assert "as often as it may be" in told.message


def test_a_state_of_grants_that_never_comes_fails_as_an_old_revision_does(machines: list[Machine]) -> None:
    request = decision_service_pb2.DecideRequest(
        subject=types_pb2.Subject(id="T1"), fields=["name"], min_grant_revision=1 << 40
    )
    with pytest.raises(grpc.RpcError) as caught:
        machines[0].decisions.Decide(request, timeout=2, metadata=METADATA)
    assert reason_of(caught.value) == "REVISION_TOO_OLD"
    assert "min_grant_revision" in str(caught.value)


def test_a_customer_consents_through_a_trusted_system(machines: list[Machine]) -> None:
    request = grant_service_pb2.RecordConsentRequest(
        subject_id="T1", resource_type="customer", resource_id="C1", evidence="pad-1", consent_id=uuid.uuid4().hex,
        consented_nanos=time.time_ns(), validity=duration_pb2.Duration(seconds=600),
    )  # fmt: skip
    with pytest.raises(grpc.RpcError, match="signature"):
        machines[0].asking.RecordConsent(request, timeout=PATIENCE, metadata=METADATA)
    request.signature = KEY.sign(consent.statement("counter", request))
    with pytest.raises(grpc.RpcError, match="authorization"):
        machines[0].asking.RecordConsent(request, timeout=PATIENCE)
    made = machines[0].asking.RecordConsent(request, timeout=PATIENCE, metadata=METADATA)
    grant_id = made.grant.grant.id
    assert all(machine.shows(grant_id, made.grant_revision) for machine in machines)
    again = machines[1].asking.RecordConsent(request, timeout=PATIENCE, metadata=METADATA)
    assert again.grant.grant.id == grant_id
    machines[2].asking.RevokeGrant(
        grant_service_pb2.RevokeGrantRequest(id=grant_id, reason="changed their mind"), timeout=PATIENCE,
        metadata=METADATA,
    )  # fmt: skip
    assert not any(machine.shows(grant_id) for machine in machines)


def test_a_node_whose_supervisor_hangs_honours_nothing_once_it_is_revoked(machines: list[Machine]) -> None:
    grant_id = machines[0].ask()
    revision = machines[0].approve(grant_id)
    hung = machines[2]
    assert hung.shows(grant_id, revision)
    process = hung.node.process
    assert process is not None
    pause([pid_of(process)])
    try:
        machines[0].revoke(grant_id)
        # Its worker decides on all the same, and nobody tells it anything.
        decided = hung.decide(grant_id)
        assert decided.verdicts[0].effect == types_pb2.EFFECT_MASK
        (told,) = decided.diagnostics
        assert told.code == types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE
    finally:
        os.kill(pid_of(process), signal.SIGCONT)
    assert not hung.shows(grant_id)


def test_nodes_cut_off_from_the_store_stop_honouring_grants_and_begin_again(
    etcd: Etcd, machines: list[Machine], tmp_path: Path
) -> None:
    del tmp_path
    grant_id = machines[0].ask()
    machines[0].approve(grant_id)
    for machine in machines:
        until(lambda machine=machine: machine.shows(grant_id))  # type: ignore[misc]
    with etcd.paused(*etcd.members):
        began = time.monotonic()
        for machine in machines:
            until(lambda machine=machine: not machine.shows(grant_id))  # type: ignore[misc]
        assert time.monotonic() - began < LEASE + 2
        assert "has not heard" in machines[1].decide(grant_id).diagnostics[0].message
    for machine in machines:
        until(lambda machine=machine: machine.shows(grant_id))  # type: ignore[misc]
