"""SimulationService over a real socket: what texts mean and would decide, before they are in force."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from pdp.server.staff.calls import MAX_SCENARIO_RUNS
from pdp.server.staff.simulation import MAX_GRANTS
from pdp.v1 import (
    bundle_pb2,
    control_pb2,
    decision_service_pb2,
    policy_service_pb2,
    simulation_service_pb2_grpc,
    types_pb2,
)
from pdp.v1 import simulation_service_pb2 as api
from pdp.values import NANOS
from tests.integration.revisions_steps import text, wrong
from tests.integration.running import PATIENCE
from tests.integration.test_policy_service import Failed, Service, serving

SCENARIOS = """
kind: Test
id: counter
title: {zh: 柜面, en: counter}
request: {subject: {id: T1, level: 3}, action: {name: query}, resource: {type: customer}, context: {menu: "3101"}}
scenarios:
  - {id: senior, title: {zh: 高级柜员, en: a senior teller}, expect: {mobile: unmask, name: unmask}}
  - {id: junior, title: {zh: 低级柜员, en: a junior teller}, request: {subject: {level: 1}}, expect: {mobile: unmask}}
"""
UNMASK = types_pb2.EFFECT_UNMASK


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("simulation")) as found:
        found.published("live", text())
        yield found


@pytest.fixture(scope="module")
def stub(service: Service) -> simulation_service_pb2_grpc.SimulationServiceStub:
    return simulation_service_pb2_grpc.SimulationServiceStub(service.channel)


def named(words: control_pb2.Sources) -> policy_service_pb2.PolicyText:
    return policy_service_pb2.PolicyText(sources=words)


LIVE = policy_service_pb2.PolicyText(revision=0)


def teller(level: int, **more: Any) -> decision_service_pb2.DecideRequest:
    subject = types_pb2.Subject(id="T1", attributes={"level": types_pb2.Value(int_value=level)})
    menu = types_pb2.Value(string_value="3101")
    return decision_service_pb2.DecideRequest(subject=subject, context={"menu": menu}, **{"fields": ["mobile"], **more})


def test_what_a_text_means(stub: Any) -> None:
    found = stub.DescribePolicies(api.DescribePoliciesRequest(text=LIVE), timeout=PATIENCE)
    assert {field.id for field in found.bundle.fields} >= {"mobile", "name"}
    [policy] = found.bundle.policies
    expressions = [expression for rule in policy.rules for expression in rule.when]
    assert expressions
    for expression in expressions:
        assert expression.text
        assert expression.sentence.zh
        assert expression.location.startswith("policies/核心.yaml:")
        assert not expression.checked
    assert len(found.bundle_hash) == 64
    told = stub.DescribePolicies(api.DescribePoliciesRequest(text=named(text(tests=SCENARIOS))), timeout=PATIENCE)
    assert told.scenario_titles["counter/senior"].zh == "高级柜员"


def test_another_text_beside_the_one_in_force(stub: Any) -> None:
    asked = api.SimulateRequest(text=LIVE, beside=named(text(1)), request=teller(2))
    asked.now.seconds = 1_800_000_000
    answer = stub.Simulate(asked, timeout=PATIENCE)
    effects = [found.decision.verdicts[0].effect for found in (answer.explained, answer.beside)]
    assert effects == [types_pb2.EFFECT_MASK, UNMASK]
    assert answer.explained.now == answer.beside.now == asked.now
    assert answer.beside.sentences["mobile"].zh
    assert not stub.Simulate(api.SimulateRequest(text=LIVE, request=teller(2)), timeout=PATIENCE).HasField("beside")


def test_a_grant_that_nobody_gave(stub: Any) -> None:
    now = 1_800_000_000
    grant = bundle_pb2.Grant(
        id="G1", kind="supervisor", subject_id="T1", resource_type="customer", not_before_nanos=0,
        expires_at_nanos=(now + 1) * NANOS,
    )  # fmt: skip
    customer = types_pb2.Resource(type="customer", id="C1")
    asked = api.SimulateRequest(text=LIVE, request=teller(0, fields=["balance"], resource=customer, grant_ids=["G1"]))
    effects = []
    for seconds, grants in ((now, [grant]), (now + 1, [grant]), (now, [])):
        asked.now.seconds = seconds
        del asked.grants[:]
        asked.grants.extend(grants)
        effects.append(stub.Simulate(asked, timeout=PATIENCE).explained.decision.verdicts[0].effect)
    assert effects == [UNMASK, types_pb2.EFFECT_MASK, types_pb2.EFFECT_MASK]


def test_scenarios_and_what_they_cover(stub: Any) -> None:
    asked = api.RunScenariosRequest(text=named(text(tests=SCENARIOS)))
    *results, last = stub.RunScenarios(asked, timeout=PATIENCE)
    assert [(answer.result.name, bool(answer.result.differences)) for answer in results] == [
        ("counter/senior", False), ("counter/junior", True),
    ]  # fmt: skip
    assert results[0].result.title.zh == "高级柜员"
    [difference] = results[1].result.differences
    assert (difference.field, difference.expected) == ("mobile", "unmask")
    assert {answer.total for answer in results} == {2}
    assert (last.summary.passed, last.summary.failed) == (1, 1)
    [rule] = [rule for rule in last.summary.rules if rule.matched]
    assert [(clause.was_true, clause.was_false) for clause in rule.clauses] == [(True, True)]
    asked.pattern = "*/jun*"
    assert [answer.result.name for answer in stub.RunScenarios(asked, timeout=PATIENCE)][:-1] == ["counter/junior"]


def test_texts_with_errors_and_wrong_questions(stub: Any) -> None:
    def fails(call: Any, request: Any) -> Failed:
        found: Any = None
        with pytest.raises(grpc.RpcError) as caught:
            found = list(call(request, timeout=PATIENCE)) if call is stub.RunScenarios else call(request)
        assert found is None
        return Failed.of(caught.value)

    broken = named(wrong())
    for call, request in (
        (stub.DescribePolicies, api.DescribePoliciesRequest(text=broken)),
        (stub.Simulate, api.SimulateRequest(text=broken, request=teller(1))),
        (stub.Simulate, api.SimulateRequest(text=LIVE, beside=broken, request=teller(1))),
        (stub.RunScenarios, api.RunScenariosRequest(text=broken)),
    ):
        failed = fails(call, request)
        assert (failed.code, failed.reason) == (
            grpc.StatusCode.FAILED_PRECONDITION, "ERROR_REASON_INVALID_POLICIES",
        )  # fmt: skip
    grants = [bundle_pb2.Grant(id=str(number)) for number in range(MAX_GRANTS + 1)]
    for request, field in (
        (api.SimulateRequest(request=teller(1)), "text"),
        (api.SimulateRequest(text=LIVE, request=teller(1), grants=grants), "grants"),
        (api.SimulateRequest(text=LIVE, request=teller(1), grants=[grants[0], grants[0]]), "grants[1].id"),
        (api.SimulateRequest(text=LIVE, request=decision_service_pb2.DecideRequest(fields=["mobile"])), "subject"),
    ):
        failed = fails(stub.Simulate, request)
        assert failed.code is grpc.StatusCode.INVALID_ARGUMENT
        assert failed.fields[0].startswith(field)


def test_as_many_runs_as_are_allowed(stub: Any) -> None:
    # More than a connection takes in before somebody reads, so that each run holds its place.
    long = "".join(
        f"  - {{id: s{number}, title: {{zh: 长, en: {'x' * 4_000}}}, expect: {{mobile: unmask}}}}\n"
        for number in range(300)
    )
    asked = api.RunScenariosRequest(text=named(text(tests=SCENARIOS + long)))
    running = [stub.RunScenarios(asked, timeout=PATIENCE) for _ in range(MAX_SCENARIO_RUNS)]
    for stream in running:
        next(stream)
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.RunScenarios(asked, timeout=PATIENCE))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    for stream in running:
        stream.cancel()
    # What was broken off gives its place back, once the server has seen it.
    end, pace = time.monotonic() + PATIENCE, threading.Event()
    while len(_results(stub, asked)) != 303:
        assert time.monotonic() < end
        pace.wait(0.05)


def _results(stub: Any, asked: api.RunScenariosRequest) -> list[Any]:
    try:
        return list(stub.RunScenarios(asked, timeout=PATIENCE))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return []
        raise
