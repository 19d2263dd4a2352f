"""A call that demands a revision which is on its way waits for it, and holds up nobody."""

from __future__ import annotations

import hashlib
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

from pdp.server.callers import CallerSpec, RateSpec, Registry, TokenSpec
from pdp.server.launch import launch_process
from pdp.server.settings import Audit, Limits
from pdp.server.transports import calls
from pdp.server.transports.waiting import WaitingRoom
from pdp.v1 import decision_service_pb2
from tests.conformance.asking import PATIENCE, Stub, batch, error_of, is_right, reason_of, request, streamed
from tests.integration.deciding import SECOND_POLICY, Deciding, deciding, signed
from tests.integration.threads import launch_thread

LONG = Limits(revision_wait=10.0)


@pytest.fixture(params=["grpc", "native"])
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "native":
        pytest.importorskip("pygrpc_native", reason="jingxi[native] is missing")
    return str(request.param)


@pytest.fixture
def serve(transport: str, tmp_path: Path) -> Iterator[Callable[..., Deciding]]:
    """Starts workers on revision 1."""
    with ExitStack() as stack:

        def start(**options: Any) -> Deciding:
            made = stack.enter_context(
                deciding(tmp_path, **({"transport": transport, "limits": LONG, "launch": launch_thread} | options))
            )
            made.publish(signed(1))
            return made

        yield start


@pytest.fixture
def connect() -> Iterator[Callable[[Deciding], grpc.Channel]]:
    with ExitStack() as stack:
        own = ("grpc.use_local_subchannel_pool", 1)
        yield lambda server: stack.enter_context(grpc.insecure_channel(server.target, options=[own]))


class Entrances:
    """Hears of every call that begins to wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._news = threading.Condition()
        self.count = self.left = 0
        enter, leave = WaitingRoom.enter, WaitingRoom.leave

        def entering(room: WaitingRoom, guest: Any) -> bool:
            entered = enter(room, guest)
            with self._news:
                self.count += entered
                self._news.notify_all()
            return entered

        def leaving(room: WaitingRoom, guest: Any) -> bool:
            left = leave(room, guest)
            with self._news:
                self.left += left
                self._news.notify_all()
            return left

        monkeypatch.setattr(WaitingRoom, "enter", entering)
        monkeypatch.setattr(WaitingRoom, "leave", leaving)

    def wait(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self.count >= count, PATIENCE)

    def wait_left(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self.left >= count, PATIENCE)


@pytest.fixture
def entrances(monkeypatch: pytest.MonkeyPatch) -> Entrances:
    return Entrances(monkeypatch)


def long_batch() -> decision_service_pb2.DecideBatchRequest:
    made = batch(900)
    made.min_revision = 2
    assert len(made.SerializeToString()) > 16_384, "short batches are answered elsewhere"
    return made


def short_batch() -> decision_service_pb2.DecideBatchRequest:
    made = batch(3)
    made.min_revision = 2
    return made


def test_each_kind_of_call_waits_and_is_answered_by_the_new_revision(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    server = serve()
    stub = Stub(connect(server))
    one = stub.Decide.future(request(min_revision=2))
    few, many = stub.DecideBatch.future(short_batch()), stub.DecideBatch.future(long_batch())
    explained = stub.Explain.future(decision_service_pb2.ExplainRequest(request=request(min_revision=2)))
    stream = stub.DecideStream(iter([streamed(min_revision=2), streamed(min_revision=1)]))
    entrances.wait(5)
    assert is_right(stub.Decide(request()))  # nobody is held up
    assert not any(call.done() for call in (one, few, many, explained))
    server.publish(signed(2, SECOND_POLICY))
    assert one.result(PATIENCE).revision == 2
    assert not is_right(one.result())
    assert (few.result(PATIENCE).revision, len(few.result().results)) == (2, 3)
    assert (many.result(PATIENCE).revision, len(many.result().results)) == (2, 900)
    assert explained.result(PATIENCE).decision.revision == 2
    assert [answer.response.revision for answer in stream] == [2, 2]


def test_only_a_revision_that_is_high_enough_ends_the_wait(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    server = serve()
    stub = Stub(connect(server))
    call = stub.Decide.future(request(min_revision=3))
    near = stub.Decide.future(request(min_revision=2))
    entrances.wait(2)
    server.publish(signed(2))
    assert near.result(PATIENCE).revision == 2
    assert not call.done()
    server.publish(signed(4))
    assert call.result(PATIENCE).revision == 4


def test_a_wait_that_is_in_vain_ends_with_both_revisions(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    stub = Stub(connect(serve(limits=Limits(revision_wait=0.2))))
    begun = time.monotonic()
    error = error_of(lambda: stub.Decide(request(min_revision=7)))
    assert time.monotonic() - begun >= 0.19
    assert (error.code().name, reason_of(error)) == ("FAILED_PRECONDITION", "REVISION_TOO_OLD")
    assert error.details() == "min_revision: is 7, this node has revision 1"
    first, second = stub.DecideStream(iter([streamed(min_revision=7), streamed()]))
    assert (first.error.code, first.error.field) == (grpc.StatusCode.FAILED_PRECONDITION.value[0], "min_revision")
    assert is_right(second.response)


def test_without_a_wait_the_answer_comes_at_once(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    stub = Stub(connect(serve(limits=Limits(revision_wait=0.0))))
    for call in (
        lambda: stub.Decide(request(min_revision=2)),
        lambda: stub.DecideBatch(long_batch()),
    ):
        assert reason_of(error_of(call)) == "REVISION_TOO_OLD"
    (answer,) = stub.DecideStream(iter([streamed(min_revision=2)]))
    assert answer.error.field == "min_revision"
    assert entrances.count == 0


def test_a_call_that_is_given_up_leaves(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    server = serve()
    stub = Stub(connect(server))
    one = stub.Decide.future(request(min_revision=2))
    many = stub.DecideBatch.future(long_batch())
    stream = stub.DecideStream(iter([streamed(min_revision=2)]))
    late = stub.Decide.future(request(min_revision=2), timeout=1.0)
    entrances.wait(4)
    for call in (one, many, stream):
        call.cancel()
    entrances.wait_left(3)
    # A deadline is near enough to a giving up: either the service says why in time, or it hears that it is too late.
    assert late.exception(PATIENCE).code().name in {"FAILED_PRECONDITION", "DEADLINE_EXCEEDED"}  # type: ignore[union-attr]
    server.publish(signed(2))
    (told,) = server.collect()
    assert told["requests"]["DecideBatch"] == {"OK": 0}
    assert told["requests"]["Decide"].get("OK") == 0
    assert is_right(stub.Decide(request(min_revision=2)))


def test_a_caller_with_a_short_deadline_hears_why_and_is_charged_once(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    token = TokenSpec(id="a", sha256=hashlib.sha256(b"secret").hexdigest())
    spec = CallerSpec(
        name="c", certificates=(), tokens=(token,), applications=("*",), subjects=("*",), rate=RateSpec(0.001, 3)
    )
    server = serve(callers=Registry([spec]))
    stub = Stub(connect(server))
    bearer = [("authorization", "Bearer secret")]
    error = error_of(lambda: stub.Decide(request(min_revision=2), timeout=2.0, metadata=bearer))
    assert (error.code().name, reason_of(error)) == ("FAILED_PRECONDITION", "REVISION_TOO_OLD")
    call = stub.Decide.future(request(min_revision=2), metadata=bearer)
    entrances.wait(2)
    server.publish(signed(2))
    assert call.result(PATIENCE).revision == 2
    assert is_right(stub.Decide(request(), metadata=bearer))  # the third of three
    assert reason_of(error_of(lambda: stub.Decide(request(), metadata=bearer))) == "RATE_LIMITED"


def test_beyond_the_places_the_answer_comes_at_once(
    serve: Callable[..., Deciding],
    connect: Callable[..., grpc.Channel],
    entrances: Entrances,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "MAX_PLACES", 2)
    server = serve()
    stub = Stub(connect(server))
    waiting = [stub.Decide.future(request(min_revision=2)) for _ in range(2)]
    entrances.wait(2)
    assert reason_of(error_of(lambda: stub.Decide(request(min_revision=2)))) == "REVISION_TOO_OLD"
    assert reason_of(error_of(lambda: stub.DecideBatch(long_batch()))) == "REVISION_TOO_OLD"
    (answer,) = stub.DecideStream(iter([streamed(min_revision=2)]))
    assert answer.error.field == "min_revision"
    waiting[0].cancel()
    entrances.wait_left(1)
    again = stub.Decide.future(request(min_revision=2))
    entrances.wait(3)
    server.publish(signed(2))
    assert [call.result(PATIENCE).revision for call in (waiting[1], again)] == [2, 2]


def test_a_drain_ends_the_waits(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    server = serve()
    stub = Stub(connect(server))
    calls = [stub.Decide.future(request(min_revision=2)), stub.DecideBatch.future(long_batch())]
    stream = stub.DecideStream(iter([streamed(min_revision=2)]))
    entrances.wait(3)
    server.run(server.supervisor.drain())
    for call in calls:
        error = call.exception(PATIENCE)
        assert reason_of(error) == "REVISION_TOO_OLD"  # type: ignore[arg-type]
    assert next(stream).error.field == "min_revision"
    assert reason_of(error_of(lambda: stub.Decide(request(min_revision=2)))) == "REVISION_TOO_OLD"
    assert entrances.count == 3
    assert is_right(stub.Decide(request()))


def test_a_stop_answers_those_who_wait(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances
) -> None:
    server = serve()
    stub = Stub(connect(server))
    call = stub.Decide.future(request(min_revision=2))
    entrances.wait(1)
    server.run(server.supervisor.stop(PATIENCE))
    assert reason_of(call.exception(PATIENCE)) == "REVISION_TOO_OLD"  # type: ignore[arg-type]


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_each_decision_is_recorded_once(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel], entrances: Entrances, durability: str
) -> None:
    server = serve(audit=Audit(durability=durability))
    stub = Stub(connect(server))
    one = stub.Decide.future(request(min_revision=2))
    few, many = stub.DecideBatch.future(short_batch()), stub.DecideBatch.future(long_batch())
    stream = stub.DecideStream(iter([streamed(min_revision=2)]))
    entrances.wait(4)
    server.publish(signed(2))
    ids = [one.result(PATIENCE).decision_id, next(stream).response.decision_id]
    ids += [result.decision.decision_id for call in (few, many) for result in call.result(PATIENCE).results]
    server.run(server.supervisor.stop(PATIENCE))
    records = server.records()
    assert sorted(record.decision_id for record in records) == sorted(ids)
    assert {record.revision for record in records} == {2}


def test_a_worker_process_lets_calls_wait_and_its_end_ends_them(
    serve: Callable[..., Deciding], connect: Callable[..., grpc.Channel]
) -> None:
    server = serve(launch=launch_process)
    stub = Stub(connect(server))
    call = stub.Decide.future(request(min_revision=2))
    assert is_right(stub.Decide(request()))
    server.publish(signed(2))
    assert call.result(PATIENCE).revision == 2
    lost = stub.Decide.future(request(min_revision=3))
    assert is_right(stub.Decide(request()))
    os.kill(server.supervisor.workers()[0]["pid"], signal.SIGKILL)
    assert lost.exception(PATIENCE).code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[union-attr]
