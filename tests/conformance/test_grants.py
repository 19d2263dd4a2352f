"""Grants of the control store, and such of limited use, on every transport."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.server.settings import Staff
from pdp.v1 import account_pb2, decision_service_pb2, grant_service_pb2, grant_service_pb2_grpc, types_pb2
from tests.conformance.asking import PATIENCE, Stub, reason_of, request
from tests.integration.running import RunningServer, start_server, stopping, write_policies

TOKEN = "jx_" + "c" * 43
METADATA = (("authorization", f"Bearer {TOKEN}"),)
CALLERS = f"""
kind: Callers
callers:
  - name: counter
    tokens: [{{id: one, sha256: "{hashlib.sha256(TOKEN.encode()).hexdigest()}"}}]
    applications: ["*"]
    subjects: ["*"]
    grants: [ask]
"""
WANTED = {"subject_id": "T1", "resource_type": "customer", "resource_id": "C1", "reason": "counter"}


class Counter:
    """A business system at the decision port, and the staff at theirs."""

    def __init__(self, decisions: grpc.Channel, staff: grpc.Channel) -> None:
        self.stub = Stub(decisions)
        self.asking = grant_service_pb2_grpc.GrantServiceStub(decisions)
        self.staff = grant_service_pb2_grpc.GrantServiceStub(staff)

    def ask(self, **more: Any) -> str:
        asked = grant_service_pb2.AskForGrantRequest(**WANTED, **more)
        answer = self.asking.AskForGrant(asked, timeout=PATIENCE, metadata=METADATA)
        return str(answer.grant.grant.id)

    def approve(self, grant_id: str) -> int:
        approved = grant_service_pb2.ApproveGrantRequest(id=grant_id)
        return int(self.staff.ApproveGrant(approved, timeout=PATIENCE).grant_revision)

    def decide(self, grant_id: str, at_least: int = 0) -> decision_service_pb2.DecideResponse:
        asked = request(fields=["balance"], grant_ids=[grant_id], min_grant_revision=at_least)
        return self.stub.Decide(asked, timeout=PATIENCE, metadata=METADATA)

    def batch(self, grant_id: str, items: int, at_least: int = 0) -> list[bool]:
        one = request()
        asked = decision_service_pb2.DecideBatchRequest(
            subject=one.subject, context=one.context, grant_ids=[grant_id], min_grant_revision=at_least
        )
        for _ in range(items):
            asked.items.add(resource=one.resource, fields=["balance"])
        answer = self.stub.DecideBatch(asked, timeout=PATIENCE, metadata=METADATA)
        return [is_shown(result.decision) for result in answer.results]

    def stream(self, grant_id: str, count: int) -> list[bool]:
        asked = decision_service_pb2.DecideStreamRequest(request=request(fields=["balance"], grant_ids=[grant_id]))
        answers = self.stub.DecideStream(iter([asked] * count), timeout=PATIENCE, metadata=METADATA)
        return [is_shown(answer.response) for answer in answers]

    def uses(self, grant_id: str) -> tuple[int, int]:
        found = self.staff.GetGrant(grant_service_pb2.GetGrantRequest(id=grant_id), timeout=PATIENCE).grant
        return int(found.state), int(found.uses)


def is_shown(decided: decision_service_pb2.DecideResponse) -> bool:
    return decided.verdicts[0].effect == types_pb2.EFFECT_UNMASK


@pytest.fixture(scope="module")
def running(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Path]]:
    folder = tmp_path_factory.mktemp(f"grants-{transport}")
    (folder / "callers.yaml").write_text(CALLERS)
    servers: list[RunningServer] = []
    with stopping(servers):
        servers.append(
            start_server(
                write_policies(folder), transport=transport, callers=folder / "callers.yaml", data=folder / "data",
                staff=Staff(),
            )
        )  # fmt: skip
        yield servers[0], folder / "data" / "staff.sock"


@pytest.fixture
def counter(running: tuple[RunningServer, Path], connect: Callable[..., grpc.Channel]) -> Iterator[Counter]:
    server, socket = running
    with grpc.insecure_channel(f"unix:{socket}", options=[("grpc.use_local_subchannel_pool", 1)]) as staff:
        made = Counter(connect(server), staff)
        # Just after a start it has not told yet that it is there, and honours nothing before; each question paces this.
        grant_id = made.ask()
        made.approve(grant_id)
        end = time.monotonic() + PATIENCE
        while not is_shown(made.decide(grant_id)):
            assert time.monotonic() < end
        yield made


def test_a_grant_counts_from_its_approval_to_its_revocation(counter: Counter) -> None:
    grant_id = counter.ask()
    assert not is_shown(counter.decide(grant_id))
    revision = counter.approve(grant_id)
    decided = counter.decide(grant_id, revision)
    assert is_shown(decided)
    assert decided.reasons[decided.verdicts[0].reason].grant_id == grant_id
    assert counter.batch(grant_id, 3) == [True] * 3
    assert counter.stream(grant_id, 3) == [True] * 3
    gone = grant_service_pb2.RevokeGrantRequest(id=grant_id, reason="over")
    counter.asking.RevokeGrant(gone, timeout=PATIENCE, metadata=METADATA)
    after = counter.decide(grant_id)
    assert not is_shown(after)
    assert [found.code for found in after.diagnostics] == [types_pb2.DIAGNOSTIC_CODE_GRANT_NOT_FOUND]


def test_a_grant_of_three_uses_shows_three_times(counter: Counter) -> None:
    grant_id = counter.ask(max_uses=3)
    revision = counter.approve(grant_id)
    # A batch is one use, whatever it holds.
    assert counter.batch(grant_id, 4, revision) == [True] * 4
    assert [is_shown(counter.decide(grant_id)) for _ in range(4)] == [True, True, False, False]
    assert counter.uses(grant_id) == (account_pb2.GRANT_STATE_USED_UP, 3)
    assert counter.stream(grant_id, 2) == [False, False]
    (told,) = counter.decide(grant_id).diagnostics
    assert (told.code, "as often as it may be" in told.message) == (types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE, True)


def test_a_stream_takes_a_use_for_each_of_its_decisions(counter: Counter) -> None:
    grant_id = counter.ask(max_uses=2)
    counter.decide(grant_id, counter.approve(grant_id))
    assert sorted(counter.stream(grant_id, 3)) == [False, False, True]


def test_many_at_once_take_no_more_uses_than_there_are(counter: Counter) -> None:
    grant_id = counter.ask(max_uses=7)
    revision = counter.approve(grant_id)
    shown: list[bool] = []
    threads = [
        threading.Thread(target=lambda: shown.extend(is_shown(counter.decide(grant_id, revision)) for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (len(shown), sum(shown)) == (40, 7)


def test_what_shows_nothing_takes_no_use(counter: Counter) -> None:
    grant_id = counter.ask(max_uses=1)
    revision = counter.approve(grant_id)
    asked = request(fields=["name"], grant_ids=[grant_id], min_grant_revision=revision)
    for _ in range(3):
        counter.stub.Decide(asked, timeout=PATIENCE, metadata=METADATA)
    assert counter.uses(grant_id) == (account_pb2.GRANT_STATE_ACTIVE, 0)
    assert is_shown(counter.decide(grant_id))


def test_a_state_of_grants_that_is_not_there_yet_fails(counter: Counter) -> None:
    asked = request(min_grant_revision=1 << 40)
    with pytest.raises(grpc.RpcError) as caught:
        counter.stub.Decide(asked, timeout=2, metadata=METADATA)
    assert reason_of(caught.value) == "REVISION_TOO_OLD"
