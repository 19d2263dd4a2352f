"""DecideStream, reflection, and many calls at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pdp.server.transports import base, grpc_streams
from pdp.v1.decision_service_pb2 import DecideStreamRequest, DecideStreamResponse
from tests.conformance.asking import PATIENCE, SERVICE, Stub, code_of, error_of, is_right, request, streamed
from tests.integration.running import RunningServer

STREAM = f"/{SERVICE}/DecideStream"


class Asking:
    """A stream that is asked step by step."""

    def __init__(self, stub: Stub) -> None:
        self._requests: queue.Queue[DecideStreamRequest | None] = queue.Queue()
        self.call = stub.DecideStream(iter(self._requests.get, None))

    def ask(self, **changes: Any) -> DecideStreamResponse:
        self._requests.put(streamed(**changes))
        return next(self.call)

    def close(self) -> None:
        self._requests.put(None)


@pytest.fixture
def ask(stub: Stub) -> Iterator[Asking]:
    asking = Asking(stub)
    yield asking
    asking.close()
    asking.call.cancel()


def test_answers_come_in_order(stub: Stub) -> None:
    answers = list(stub.DecideStream(streamed(request_id=f"r-{n}") for n in range(500)))
    assert [answer.response.request_id for answer in answers] == [f"r-{n}" for n in range(500)]
    assert all(is_right(answer.response) for answer in answers)


def test_each_answer_comes_before_the_next_question(ask: Asking) -> None:
    for number in range(5):
        assert ask.ask(request_id=str(number)).response.request_id == str(number)
    ask.close()
    assert list(ask.call) == []
    assert ask.call.code() is grpc.StatusCode.OK


def test_a_wrong_request_fails_alone(channel: grpc.Channel) -> None:
    wrong = [b"\xff", b"", streamed(fields=[]).SerializeToString(), streamed(min_revision=99).SerializeToString()]
    sound = streamed().SerializeToString()
    answers = [
        DecideStreamResponse.FromString(answer)
        for answer in channel.stream_stream(STREAM)(iter([*wrong, sound]), timeout=30)
    ]
    assert [answer.error.code for answer in answers] == [3, 3, 3, 9, 0]
    assert [answer.error.field for answer in answers[:4]] == ["request", "request", "fields", "min_revision"]
    assert is_right(answers[4].response)


def test_an_empty_stream(stub: Stub) -> None:
    assert list(stub.DecideStream(iter([]), timeout=30)) == []


def test_a_message_that_is_too_large_ends_the_stream(channel: grpc.Channel, stub: Stub) -> None:
    call = channel.stream_stream(STREAM)(iter([bytes(300_000)]), timeout=30)
    assert code_of(lambda: list(call)) == "RESOURCE_EXHAUSTED"
    assert is_right(stub.Decide(request()))


def test_a_stream_that_is_given_up(ask: Asking, stub: Stub) -> None:
    assert is_right(ask.ask().response)
    ask.call.cancel()
    assert code_of(lambda: next(ask.call)) == "CANCELLED"
    assert is_right(stub.Decide(request()))


def test_a_stream_whose_deadline_passes(stub: Stub) -> None:
    never = threading.Event()
    call = stub.DecideStream((streamed() for _ in iter(never.wait, None)), timeout=0.3)
    assert code_of(lambda: list(call)) == "DEADLINE_EXCEEDED"
    never.set()
    assert is_right(stub.Decide(request()))


def test_an_idle_stream_is_ended(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_right(ask.ask().response)
    monkeypatch.setattr(grpc_streams, "STREAM_IDLE_SECONDS", 0)
    error = error_of(lambda: next(ask.call))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert f"nothing came for {base.STREAM_IDLE_SECONDS} s" in error.details()


def test_an_old_stream_is_ended(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_right(ask.ask().response)
    monkeypatch.setattr(grpc_streams, "STREAM_SECONDS", 0)
    error = error_of(lambda: next(ask.call))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "open another one" in error.details()


def test_streams_end_when_the_server_stops(serve: Callable[..., Any], connect: Callable[..., grpc.Channel]) -> None:
    server = serve(grace_seconds=3600.0)
    asking = Asking(Stub(connect(server)))
    assert is_right(asking.ask().response)
    server.request_stop()
    error = error_of(lambda: next(asking.call))
    asking.close()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "the server stops" in error.details()
    server.join()


def test_many_calls_at_a_time(server: RunningServer, connect: Callable[..., grpc.Channel]) -> None:
    stubs = [Stub(connect(server)) for _ in range(4)]
    calls = [
        stubs[number % 4].Decide.future(request(request_id=str(number)), timeout=PATIENCE) for number in range(1_200)
    ]
    answers = [call.result(PATIENCE) for call in calls]
    assert [answer.request_id for answer in answers] == [str(number) for number in range(1_200)]
    assert len({answer.decision_id for answer in answers}) == 1_200
    assert all(map(is_right, answers))


def test_many_streams_at_a_time(server: RunningServer, connect: Callable[..., grpc.Channel]) -> None:
    streams = [Asking(Stub(connect(server))) for _ in range(4) for _ in range(8)]
    for number in range(3):
        for stream in streams:
            assert stream.ask(request_id=str(number)).response.request_id == str(number)
    for stream in streams:
        stream.close()
        assert list(stream.call) == []


def test_reflection(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="bank.Nothing"),
    ]
    listed, found, missing = stub.ServerReflectionInfo(iter(asked), timeout=30)
    names = {service.name for service in listed.list_services_response.service}
    assert names == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert found.file_descriptor_response.file_descriptor_proto
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_reflection_refuses_what_is_no_request(channel: grpc.Channel, stub: Stub) -> None:
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    call = channel.stream_stream(path)(iter([b"\xff"]), timeout=30)
    assert code_of(lambda: list(call)) == "INVALID_ARGUMENT"
    assert is_right(stub.Decide(request()))
