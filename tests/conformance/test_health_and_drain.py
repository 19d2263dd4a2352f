"""Health, and how a server goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.engine.program import Program
from pdp.v1 import decision_service_pb2
from tests.conformance.asking import PATIENCE, SERVICE, Stub, batch, code_of, is_right, request

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def asked(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", ["", SERVICE])
def test_check_and_watch(channel: grpc.Channel, service: str) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(asked(service), timeout=30).status == SERVING
    watch = health.Watch(asked(service))
    assert next(watch).status == SERVING
    watch.cancel()


def test_unknown_services(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert code_of(lambda: health.Check(asked("nothing"), timeout=30)) == "NOT_FOUND"
    watch = health.Watch(asked("nothing"))
    assert next(watch).status == UNKNOWN
    watch.cancel()


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_what_is_no_health_request(channel: grpc.Channel, method: str) -> None:
    call = channel.unary_stream(f"/grpc.health.v1.Health/{method}")
    assert code_of(lambda: list(call(b"\xff", timeout=30))) == "INVALID_ARGUMENT"


def test_many_watches_hold_nobody_up(channel: grpc.Channel, stub: Stub) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    watches = [health.Watch(asked("")) for _ in range(100)]
    assert [next(watch).status for watch in watches] == [SERVING] * 100
    assert is_right(stub.Decide(request()))
    for watch in watches:
        watch.cancel()


def test_draining(serve: Callable[..., Any], connect: Callable[..., grpc.Channel]) -> None:
    server = serve(drain_seconds=3600.0, grace_seconds=3600.0)
    channel = connect(server)
    stub, health = Stub(channel), health_pb2_grpc.HealthStub(channel)
    watches = [health.Watch(asked(service)) for service in ("", SERVICE)]
    assert [next(watch).status for watch in watches] == [SERVING] * 2
    server.request_stop()
    assert [next(watch).status for watch in watches] == [NOT_SERVING] * 2
    assert [health.Check(asked(service)).status for service in ("", SERVICE)] == [NOT_SERVING] * 2
    assert is_right(stub.Decide(request()))
    assert len(stub.DecideBatch(batch(2)).results) == 2
    # A second request to stop skips the hour, and watches do not hold the server.
    server.request_stop()
    for watch in watches:
        assert code_of(lambda watch=watch: next(watch)) == "UNAVAILABLE"
    server.join()
    assert code_of(lambda: stub.Decide(request(), timeout=30)) == "UNAVAILABLE"


def test_calls_in_flight_end_before_the_server_does(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = threading.Event(), threading.Event()

    def explain(*_: object) -> bytes:
        begun.set()
        assert release.wait(PATIENCE)
        return b""

    monkeypatch.setattr(Program, "explain", explain)
    server = serve(grace_seconds=3600.0)
    stub = Stub(connect(server))
    question = decision_service_pb2.ExplainRequest()
    calls = [stub.Explain.future(question) for _ in range(3)]
    assert begun.wait(PATIENCE)
    server.request_stop()
    # A call that arrives at the very moment of stopping is cancelled by gRPC itself.
    refused = ""
    while not refused or refused == "OK":
        refused = code_of(lambda: stub.Decide(request(), timeout=PATIENCE))
    assert refused in {"UNAVAILABLE", "CANCELLED"}
    assert not any(call.done() for call in calls)
    release.set()
    assert [call.result(PATIENCE) for call in calls] == [decision_service_pb2.ExplainResponse()] * 3
    server.join()


def test_a_grace_that_ends_cuts_calls_off(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = threading.Event(), threading.Event()

    def explain(*_: object) -> bytes:
        begun.set()
        release.wait(PATIENCE)
        return b""

    monkeypatch.setattr(Program, "explain", explain)
    server = serve(grace_seconds=0.1)
    call = Stub(connect(server)).Explain.future(decision_service_pb2.ExplainRequest())
    assert begun.wait(PATIENCE)
    server.request_stop()
    assert call.code().name in {"UNAVAILABLE", "CANCELLED"}
    release.set()
    server.join()
