"""Calls in flight are bounded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from pdp.engine.program import Program
from pdp.server.settings import Limits
from pdp.v1 import decision_service_pb2
from tests.conformance.asking import PATIENCE, Stub, error_of, is_right, reason_of, request


def test_too_many_calls_in_flight_are_refused(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def explain(*_: object) -> bytes:
        assert release.wait(PATIENCE)
        return b""

    monkeypatch.setattr(Program, "explain", explain)
    server = serve(limits=Limits(calls=8))
    ended: queue.Queue[Any] = queue.Queue()
    calls = [Stub(connect(server)).Explain.future(decision_service_pb2.ExplainRequest()) for _ in range(9)]
    for call in calls:
        call.add_done_callback(ended.put)
    refused = ended.get(timeout=PATIENCE)
    error = error_of(refused.result)
    assert (error.code().name, reason_of(error)) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    release.set()
    others = [call for call in calls if call is not refused]
    assert [call.result(PATIENCE) for call in others] == [decision_service_pb2.ExplainResponse()] * 8
    assert is_right(Stub(connect(server)).Decide(request(), timeout=PATIENCE))


def test_streams_leave_room_for_calls(serve: Callable[..., Any], connect: Callable[..., grpc.Channel]) -> None:
    stub = Stub(connect(serve(limits=Limits(calls=8))))
    forever = threading.Event()
    streams = [stub.DecideStream(iter(forever.wait, True)) for _ in range(3)]
    errors: queue.Queue[Any] = queue.Queue()
    for stream in streams:
        if not stream.add_callback(lambda stream=stream: errors.put(stream)):
            errors.put(stream)  # it has ended already
    assert errors.get(timeout=PATIENCE).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert is_right(stub.Decide(request(), timeout=PATIENCE))
    for stream in streams:
        stream.cancel()
    forever.set()
