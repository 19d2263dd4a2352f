"""A revision beside the live one: what is compared, what is told of it, and that nobody who asks can tell."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.engine.program import Program
from pdp.errors import WorkerRefusedError
from pdp.server import shadow
from pdp.server.grants import GrantTable
from pdp.server.settings import Audit
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from tests.conformance.asking import PATIENCE, Stub, batch, code_of, is_right, request, streamed
from tests.integration.deciding import SECOND_POLICY, Deciding, deciding, signed
from tests.integration.running import DICTIONARY, POLICY
from tests.integration.threads import launch_thread

BROKEN = bundle_pb2.SignedBundle(revision=9, hash="0" * 64, bundle=b"\xff\xff\xff")


@pytest.fixture(params=["grpc", "native"])
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "native":
        pytest.importorskip("pygrpc_native", reason="jingxi[native] is missing")
    return str(request.param)


@pytest.fixture
def serve(transport: str, tmp_path: Path) -> Iterator[Callable[..., Deciding]]:
    """Starts workers on revision 2."""
    with ExitStack() as stack:

        def start(**options: Any) -> Deciding:
            made = stack.enter_context(deciding(tmp_path, **({"transport": transport} | options)))
            made.publish(signed(2))
            return made

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[[Deciding], grpc.Channel]]:
    with ExitStack() as stack:
        own = ("grpc.use_local_subchannel_pool", 1)
        retrying = ("grpc.initial_reconnect_backoff_ms", 100)
        yield lambda server: stack.enter_context(grpc.insecure_channel(server.target, options=[own, retrying]))


def beside(server: Deciding, made: bundle_pb2.SignedBundle | None, sample: float = 1.0) -> None:
    server.run(server.supervisor.set_shadow(made, sample))


def told(server: Deciding, until: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
    """Return what the worker tells of the comparison, once it is as wanted; asking it takes a while by itself."""
    deadline = time.monotonic() + PATIENCE
    while True:
        (snapshot,) = server.collect()
        found = snapshot.get("shadow", {})
        if found and until(found):
            return dict(found)
        assert time.monotonic() < deadline, found


def compared(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found["compared"] + found["failed"] >= count


def senior(**changes: Any) -> decision_service_pb2.DecideRequest:
    """Return a request of a teller whom both policies show the number."""
    made = request(**changes)
    made.subject.attributes["level"].int_value = 5
    return made


def test_what_is_alike_does_not_differ_however_it_is_asked(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve()
    stub = Stub(connect(server))
    beside(server, signed(1, SECOND_POLICY))
    assert is_right(stub.Decide(senior(min_revision=2)))  # a demand that the one beside does not meet
    made = batch(40)
    made.subject.CopyFrom(senior().subject)
    assert len(stub.DecideBatch(made).results) == 40
    assert all(is_right(answer.response) for answer in stub.DecideStream(iter([streamed(), streamed()])))
    found = told(server, compared(43))
    assert (found["revision"], found["live_revision"]) == (1, 2)
    assert (found["compared"], found["differing"], found["failed"], found["dropped"]) == (43, 2, 0, 0)


def test_what_differs_is_counted_and_named_but_no_value_is(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve()
    stub = Stub(connect(server))
    beside(server, signed(1, SECOND_POLICY))
    answers = [stub.Decide(request(request_id=f"secret-{number}")) for number in range(7)]
    assert all(map(is_right, answers))
    found = told(server, compared(7))
    assert (found["compared"], found["differing"]) == (7, 7)
    assert found["examples"] == [{"decision_id": answer.decision_id, "fields": ["mobile"]} for answer in answers[:5]]
    text = json.dumps(found)
    assert not any(value in text for value in ("secret", "T1", "C1", "3101", "senior"))


def test_the_items_of_a_batch_are_compared_each(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve()
    stub = Stub(connect(server))
    beside(server, signed(1, SECOND_POLICY))
    made = batch(50)
    made.items[20].ClearField("fields")  # an item that fails does so by either
    answer = stub.DecideBatch(made)
    assert answer.results[20].HasField("error")
    found = told(server, compared(50))
    assert (found["compared"], found["differing"], found["failed"]) == (50, 49, 0)
    first = {"decision_id": answer.results[0].decision.decision_id, "fields": ["mobile"]}
    assert found["examples"][0] == first


@pytest.mark.parametrize(
    ("dictionary", "differing"),
    [
        (DICTIONARY.replace("suffix: 4", "suffix: 3"), 1),
        (DICTIONARY.replace("mask: mobile}", "mask: other}").replace("masks:\n  mobile", "masks:\n  other"), 0),
    ],
)
def test_a_mask_is_what_it_does_and_not_what_it_is_called(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], dictionary: str, differing: int
) -> None:
    assert dictionary != DICTIONARY
    server = serve()
    server.publish(signed(3, SECOND_POLICY))
    beside(server, signed(1, SECOND_POLICY, dictionary))
    Stub(connect(server)).Decide(request())
    found = told(server, compared(1))
    assert (found["compared"], found["differing"]) == (1, differing)


def test_messages_that_only_one_of_them_knows(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve()
    stub = Stub(connect(server))
    asked = request(fields=[])
    asked.message.CopyFrom(types_pb2.MessageRef(application="core-counter", name="customer-detail"))
    without = DICTIONARY.rpartition("---")[0]
    beside(server, signed(1, POLICY, without))
    stub.Decide(asked)
    found = told(server, compared(1))
    assert (found["compared"], found["failed"]) == (0, 1)

    server.publish(signed(3, POLICY, without))
    beside(server, signed(2))
    assert code_of(lambda: stub.Decide(asked)) == "INVALID_ARGUMENT"
    found = told(server, compared(1))
    assert (found["compared"], found["differing"], found["failed"]) == (1, 1, 0)
    assert found["examples"] == [{"decision_id": "", "fields": []}]
    asked.message.name = "unknown to both"
    assert code_of(lambda: stub.Decide(asked)) == "INVALID_ARGUMENT"
    assert told(server, compared(2))["differing"] == 1


def test_grants_count_as_they_did_when_the_call_was_answered(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = threading.Event()
    steps = shadow.Comparison.steps

    def later(comparison: shadow.Comparison) -> Iterator[None]:
        if begin.is_set():
            yield from steps(comparison)

    monkeypatch.setattr(shadow.Comparison, "steps", later)
    server = serve(launch=launch_thread)
    grant = bundle_pb2.Grant(
        id="G1",
        subject_id="T1",
        resource_type="customer",
        resource_id="C1",
        expires_at_nanos=1 << 62,
        fields=["balance"],
    )
    server.run(server.supervisor.set_grants([grant]))
    beside(server, signed(1))
    answer = Stub(connect(server)).Decide(request(grant_ids=["G1"]))
    assert [verdict.effect for verdict in answer.verdicts] == [types_pb2.EFFECT_UNMASK] * 2
    server.run(server.supervisor.set_grants([]))
    begin.set()
    found = told(server, compared(1))
    assert (found["compared"], found["differing"]) == (1, 0)


def test_counts_begin_anew_with_another_pair(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve()
    stub = Stub(connect(server))
    beside(server, signed(1, SECOND_POLICY))
    stub.Decide(request())
    told(server, compared(1))
    beside(server, signed(1, SECOND_POLICY), 0.5)  # another share, the same pair
    assert told(server)["compared"] == 1
    server.publish(signed(4))
    found = told(server, lambda found: found["live_revision"] == 4)
    assert (found["compared"], found["examples"]) == (0, [])
    beside(server, signed(3))
    stub.Decide(request())
    found = told(server, compared(1))
    assert (found["revision"], found["compared"], found["differing"]) == (3, 1, 0)
    beside(server, None)
    assert [snapshot.get("shadow") for snapshot in server.collect()] == [None]


def test_a_share_of_the_calls(serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]) -> None:
    server = serve()
    stub = Stub(connect(server))
    beside(server, signed(1), 0.0)
    for _ in range(20):
        stub.Decide(request())
    assert told(server)["compared"] == 0
    beside(server, signed(1), 0.5)
    for _ in range(300):
        stub.Decide(request())
    assert 75 < told(server, compared(76))["compared"] < 225
    with pytest.raises(ValueError, match="0 to 1"):
        beside(server, signed(1), 1.5)


def test_it_is_neither_recorded_nor_counted_as_decided(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve(audit=Audit(durability="sync"))
    stub = Stub(connect(server))
    beside(server, signed(1, SECOND_POLICY))
    ids = [stub.Decide(request()).decision_id for _ in range(3)]
    ids += [result.decision.decision_id for result in stub.DecideBatch(batch(4)).results]
    told(server, compared(7))
    (snapshot,) = server.collect()
    assert snapshot["decisions"] == 7
    assert snapshot["verdicts"] == {"mask": {"C3": 3}, "unmask": {"C2": 7}}
    server.run(server.supervisor.stop(PATIENCE))
    assert sorted(record.decision_id for record in server.records()) == sorted(ids)


def test_a_bad_bundle_is_refused_and_changes_nothing(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve(workers=1)
    stub = Stub(connect(server))
    beside(server, signed(1))
    stub.Decide(request())
    told(server, compared(1))
    with pytest.raises(WorkerRefusedError, match="no worker can compare with it"):
        beside(server, BROKEN)
    assert is_right(stub.Decide(request()))
    found = told(server, compared(2))
    assert (found["revision"], found["compared"]) == (1, 2)
    (worker,) = server.supervisor.workers()
    assert (worker["state"], worker["revision"], worker["restarts"]) == ("ready", 2, 0)
    assert "error" not in worker


def test_a_new_worker_compares_too(serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]) -> None:
    server = serve()
    beside(server, signed(1, SECOND_POLICY))
    server.run(server.supervisor.set_stale(10.0))
    victim = server.supervisor.workers()[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    stub = Stub(connect(server))
    answer = stub.Decide(request(), wait_for_ready=True, timeout=PATIENCE)
    assert server.supervisor.workers()[0]["pid"] != victim
    assert [d.code for d in answer.diagnostics] == [types_pb2.DIAGNOSTIC_CODE_STALE_POLICIES]
    deadline = time.monotonic() + PATIENCE
    while not server.collect() or "shadow" not in server.collect()[0]:  # it takes calls before it compares
        assert time.monotonic() < deadline
    assert is_right(stub.Decide(request()))
    found = told(server, compared(1))
    assert found["differing"] == found["compared"]


def test_what_comes_while_too_many_wait_is_dropped_and_counted(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "MAX_WAITING", 2)
    monkeypatch.setattr(shadow.Comparison, "steps", lambda _: iter(()))
    server = serve(launch=launch_thread)
    stub = Stub(connect(server))
    beside(server, signed(1))
    assert all(is_right(stub.Decide(request())) for _ in range(5))
    found = told(server)
    assert (found["compared"], found["dropped"]) == (0, 3)


def test_a_failure_inside_is_counted_and_hurts_nobody(
    serve: Callable[..., Deciding],
    connect: Callable[..., grpc.Channel],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("13800138000")

    monkeypatch.setattr(shadow, "differences", fail)
    server = serve(launch=launch_thread)
    stub = Stub(connect(server))
    beside(server, signed(1))
    assert all(is_right(stub.Decide(request())) for _ in range(3))
    found = told(server, compared(3))
    assert (found["compared"], found["failed"]) == (0, 3)
    assert [record.getMessage() for record in caplog.records].count("a decision could not be compared") == 1
    assert "13800138000" not in caplog.text


def test_a_huge_set_beside_and_a_change_of_the_live_one_hold_up_nobody(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    rule = """
  - id: r{number}
    title: {{zh: 规则, en: rule}}
    when: [subject.level >= {number}, "resource.balance > {number}.5"]
    fields: [name]
    mask: mobile"""
    huge = SECOND_POLICY + "".join(rule.format(number=number) for number in range(10, 1_500))
    server = serve()
    stub = Stub(connect(server))
    stop, answers, errors = threading.Event(), list[int](), list[BaseException]()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(stub.Decide(request(), timeout=PATIENCE).revision)
            except grpc.RpcError as error:
                errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        beside(server, signed(1, huge), 0.2)
        told(server, compared(10))
        server.publish(signed(3, huge))
        found = told(server, lambda found: found["live_revision"] == 3 and found["compared"] >= 10)
        assert (found["differing"], found["failed"]) == (0, 0)
        beside(server, None)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert errors == []
    assert set(answers) == {2, 3}


def test_a_share_of_nothing_leaves_the_program_alone() -> None:
    live = Program.from_bundle(signed(2))
    made = shadow.Shadow(GrantTable())
    made.set(shadow.Beside(signed(1)), 0.0)
    before = threading.active_count()
    assert made.comparing(live) is None
    assert threading.active_count() == before
    assert made.facts() is not None
