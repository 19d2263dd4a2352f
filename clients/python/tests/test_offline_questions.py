"""Questions of an offline client, which are decided as typed values, against the same questions as messages."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from client_support import VECTORS
from jingxi_client import Action, RequestRejectedError, Resource, Subject, _engine, message_map
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client.message_map import Caller
from jingxi_client.offline import OfflineClient
from pdp.engine.partial import Known

POLICIES = Path(__file__).parents[3] / "policies" / "samples"
TRUST = VECTORS / "bundles" / "test.pub"
BANK = VECTORS / "bundles" / "bank.pb"
NOW = 1_772_416_800_000_000_000
UTC = datetime.UTC
SUBJECT = Subject("T1001", ["teller"], {"level": 2, "branch": "320400001"})
COUNTER = {"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"}
CALLERS = {
    "usual": Caller(SUBJECT, Action("query"), None, COUNTER),
    "nothing": Caller(Subject("T1001")),
    "everything": Caller(
        Subject("柜员", ["private_banker", ""], {"level": 5, "certificates": ["fund"], "undeclared": 1.5}),
        Action("print", {"undeclared": True}),
        Resource("customer", "C1", {"is_vip": True, "flags": {"fraud": "suspected"}, "undeclared": ["x"]}),
        {**COUNTER, "signed_in_at": datetime.datetime(2026, 3, 2, tzinfo=UTC), "customer_present": True},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> _engine.Engine:
    return _engine.load(BANK.read_bytes(), _engine.trusted(TRUST), None)


def samples() -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(POLICIES.glob("*.json"))]


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("sample", samples())
def test_answers_are_those_to_the_same_questions_as_messages(
    engine: _engine.Engine, sample: Path, caller: Caller
) -> None:
    application, _, name = sample.stem.partition(".")
    plan = message_map.plan(engine.map_of(application, name), json.loads(sample.read_text("utf-8")), caller)
    assert plan.questions
    for question in plan.questions:
        payload = plan.request(question)
        answer = engine.decide_question(plan, question, payload, NOW)
        assert answer.answer == engine.decide(payload, NOW)
        for _ in range(_engine.OFTEN):
            again = engine.decide_question(plan, question, payload, NOW)
            assert again.answer == answer.answer
        assert isinstance(plan.said.prepared[question.part.name], Known)
        recorded, whole = api.DecideResponse.FromString(answer.record), api.DecideResponse.FromString(answer.answer)
        assert (list(recorded.verdicts), recorded.policy_hash) == (list(whole.verdicts), whole.policy_hash)
        assert [mask.algorithm for mask in recorded.masks] == [mask.algorithm for mask in whole.masks]


def test_what_is_known_of_a_caller_says_nothing_about_the_next_resource(engine: _engine.Engine) -> None:
    message = json.loads((POLICIES / "core-counter.customer-detail.json").read_text("utf-8"))
    caller = CALLERS["usual"]

    def decided(**changed: Any) -> api.DecideResponse:
        other = {**message, "customer": {**message["customer"], **changed}}
        plan = message_map.plan(engine.map_of("core-counter", "customer-detail"), other, caller)
        payload = plan.request(plan.questions[0])
        answer = engine.decide_question(plan, plan.questions[0], payload, NOW)
        assert answer.answer == engine.decide(payload, NOW)
        return api.DecideResponse.FromString(answer.answer)

    for _ in range(_engine.OFTEN + 1):
        usual = decided()
    assert decided(is_vip=True).reasons != usual.reasons
    assert decided(region="110000").reasons != usual.reasons
    assert decided(branch=None, region=None).diagnostics  # undecided rules are told
    assert decided() == usual


def test_the_bounds_hold_for_a_caller_that_is_known(engine: _engine.Engine) -> None:
    message = json.loads((POLICIES / "core-counter.customer-detail.json").read_text("utf-8"))
    known = engine.map_of("core-counter", "customer-detail")
    plan = message_map.plan(known, message, CALLERS["usual"])
    question = plan.questions[0]
    for _ in range(_engine.OFTEN + 1):
        engine.decide_question(plan, question, plan.request(question), NOW)
    question.about = question.about._replace(id="C" * 513)
    with pytest.raises(RequestRejectedError) as caught:
        engine.decide_question(plan, question, plan.request(question), NOW)
    assert [violation.field for violation in caught.value.violations] == ["resource.id"]


@pytest.mark.parametrize(
    ("subject", "more", "place"),
    [
        (Subject(""), {}, "subject.id"),
        (Subject("T" * 513), {}, "subject.id"),
        (Subject("员" * 171), {}, "subject.id"),
        (Subject("T1", ["r"] * 257), {}, "subject.roles"),
        (Subject("T1", [], {"note": "x" * 70_000}), {}, "subject.attributes"),
        (SUBJECT, {"request_id": "r" * 129}, "request_id"),
        (SUBJECT, {"request_id": "请" * 43}, "request_id"),
        (SUBJECT, {"resource": Resource("customer", "C" * 513)}, "resource.id"),
        (SUBJECT, {"context": {"note": "x" * 70_000}}, "context"),
        (SUBJECT, {"grant_ids": ["g"] * 9}, "grant_ids"),
    ],
)
def test_the_bounds_of_the_service_hold(tmp_path: Path, subject: Subject, more: dict[str, Any], place: str) -> None:
    message = json.loads((POLICIES / "core-counter.customer-detail.json").read_text("utf-8"))
    with (
        OfflineClient(file=BANK, trust=TRUST, state=tmp_path) as client,
        pytest.raises(RequestRejectedError) as caught,
    ):
        client.mask(message, application="core-counter", name="customer-detail", subject=subject, **more)
    assert [violation.field for violation in caught.value.violations] == [place]


def test_what_is_just_within_the_bounds_is_decided(tmp_path: Path) -> None:
    message = json.loads((POLICIES / "core-counter.customer-detail.json").read_text("utf-8"))
    subject = Subject("员" * 170, ["r"] * 256, {"note": "x" * 60_000})
    with OfflineClient(file=BANK, trust=TRUST, state=tmp_path) as client:
        masked = client.mask(
            message, application="core-counter", name="customer-detail", subject=subject, request_id="请" * 42,
            resource=Resource("customer", "C" * 512), grant_ids=["g1"],
        )  # fmt: skip
    assert [part.decision.request_id for part in masked.decisions[:2] if part.decision] == ["请" * 42, "请" * 42 + "-2"]
    assert "grant_not_found" in {d.code for p in masked.decisions if p.decision for d in p.decision.diagnostics}
