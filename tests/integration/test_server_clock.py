"""A service that decides as if it were another time."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.errors import ConfigError
from pdp.server import clock
from pdp.server.settings import Settings, parse_address
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2
from pdp.values import NANOS, parse_timestamp

START = parse_timestamp("2030-06-01T12:00:00Z")
# Far longer than a test takes, far shorter than the time to the days before and after START.
HOUR = 3600 * NANOS

GRANTS = """
kind: Grants
grants:
  - {id: THEN, kind: supervisor, subject: T1, resource: {type: customer, id: C1}, fields: [balance], approver: M1,
     not_before: "2030-06-01T12:00:00Z", expires_at: "2030-06-01T13:00:00Z", approver_level: 5}
  - {id: NOW, kind: supervisor, subject: T1, resource: {type: customer, id: C1}, fields: [balance], approver: M1,
     not_before: "2000-01-01T00:00:00Z", expires_at: "2030-06-01T12:00:00Z", approver_level: 5}
"""


@pytest.fixture
def stub(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path, tmp_path: Path
) -> decision_service_pb2_grpc.DecisionServiceStub:
    """A connection to a service at START, which knows a grant for then and one that holds until then."""
    grants = tmp_path / "grants.yaml"
    grants.write_text(GRANTS)
    return decision_service_pb2_grpc.DecisionServiceStub(connect(serve(policy_folder, clock=START, grants=grants)))


def request(grant_id: str) -> decision_service_pb2.DecideRequest:
    return decision_service_pb2.DecideRequest(
        subject=types_pb2.Subject(id="T1"),
        resource=types_pb2.Resource(type="customer", id="C1"),
        context={"menu": types_pb2.Value(string_value="3101")},
        fields=["balance"],
        grant_ids=[grant_id],
    )


@pytest.mark.parametrize(("grant_id", "shows"), [("THEN", True), ("NOW", False)])
def test_every_method_decides_by_the_clock(
    stub: decision_service_pb2_grpc.DecisionServiceStub, grant_id: str, shows: bool
) -> None:
    asked = request(grant_id)
    batch = decision_service_pb2.DecideBatchRequest(
        subject=asked.subject, context=asked.context, grant_ids=asked.grant_ids,
        items=[decision_service_pb2.BatchItem(resource=asked.resource, fields=asked.fields)],
    )  # fmt: skip
    explained = stub.Explain(decision_service_pb2.ExplainRequest(request=asked))
    decisions = [stub.Decide(asked), stub.DecideBatch(batch).results[0].decision, explained.decision]
    assert [d.verdicts[0].effect == types_pb2.EFFECT_UNMASK for d in decisions] == [shows] * 3
    assert START <= explained.now.ToNanoseconds() < START + HOUR


def test_a_time_in_the_request_wins_when_explaining(stub: decision_service_pb2_grpc.DecisionServiceStub) -> None:
    question = decision_service_pb2.ExplainRequest(request=request("NOW"))
    question.now.FromNanoseconds(START - 1)
    answer = stub.Explain(question)
    assert answer.now == question.now
    assert answer.decision.verdicts[0].effect == types_pb2.EFFECT_UNMASK


def test_the_time_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock.time, "monotonic_ns", iter([500, 500, 800]).__next__)
    now = clock.starting_at(START)
    assert [now(), now()] == [START, START + 300]


def test_the_log_says_so(serve: Callable[..., Any], policy_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pdp.server"):
        serve(policy_folder, clock=START)
    (record,) = [r for r in caplog.records if getattr(r, "pdp_event", ("",))[0] == "clock.set"]
    assert record.levelno == logging.WARNING
    assert json.dumps(record.pdp_event[1]) == '{"now": "2030-06-01T12:00:00Z"}'


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0", "unix:/tmp/pdp.sock"])
def test_only_addresses_of_this_machine_are_accepted(address: str) -> None:
    assert Settings(Path("policies"), parse_address(address), clock=START).clock == START


@pytest.mark.parametrize("address", ["0.0.0.0:7070", "192.0.2.1:7070", "pdp.bank.example:7070"])
def test_an_address_that_others_can_reach_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="`--clock`"):
        Settings(Path("policies"), parse_address(address), insecure=True, clock=START)
