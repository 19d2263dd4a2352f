"""Bounds that the grpc transport holds by itself; with the native one a proxy holds them (docs/guides/service.md)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.server.core import SERVICE, DecisionCore
from pdp.server.health import Health
from pdp.server.holder import Holder
from pdp.server.metrics import WorkerMetrics
from pdp.server.settings import Limits, parse_address
from pdp.server.transports import grpc_streams, grpc_unary
from pdp.server.transports.base import TransportOptions
from pdp.server.transports.calls import Calls
from pdp.server.transports.grpcio import GrpcTransport
from tests.conformance.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    RST_STREAM,
    SETTINGS,
    Connection,
    call_headers,
    frame,
    grpc_message,
    setting,
)

DECIDE, STREAM, WATCH = f"/{SERVICE}/Decide", f"/{SERVICE}/DecideStream", "/grpc.health.v1.Health/Watch"

Start = Callable[..., str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a transport without any policies and returns its address."""
    with ExitStack() as stack:

        def run(connections: int = 100) -> str:
            core = DecisionCore(Holder())
            calls = Calls(core, WorkerMetrics(core.methods), max_calls=100, reply_bytes=1 << 20)
            options = TransportOptions(Limits(), connections=connections)
            transport = GrpcTransport(calls, options, Health([SERVICE]))
            (address,) = transport.start([parse_address("127.0.0.1:0")])
            stack.callback(calls.close)
            stack.callback(transport.stop, 0)
            return str(address)

        yield run


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (grpc_unary, grpc_streams):
        monkeypatch.setattr(module, "REQUEST_SECONDS", 0)


def is_well(target: str) -> bool:
    with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        # The server counts a connection that was closed until it has seen the end of it.
        return bool(health.Check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True).status)


def test_a_call_whose_message_does_not_come_is_ended(start: Start, impatient: None) -> None:
    waiting = set(range(1, 101, 2))
    with closing(Connection(start())) as connection:
        connection.send(*[frame(HEADERS, END_HEADERS, number, call_headers(DECIDE)) for number in sorted(waiting)])
        for found in connection.frames():
            if found.kind == RST_STREAM or (found.kind == HEADERS and found.flags & END_STREAM):
                waiting.discard(found.stream)
            if not waiting:
                break
    assert not waiting


@pytest.mark.parametrize("path", [DECIDE, STREAM, WATCH])
def test_a_call_whose_reply_is_not_read_is_ended(start: Start, impatient: None, path: str) -> None:
    target = start()
    with closing(Connection(target, settings=setting(INITIAL_WINDOW_SIZE, 0))) as connection:
        connection.send(frame(HEADERS, END_HEADERS, 1, call_headers(path)))
        connection.send(frame(DATA, 0 if path == STREAM else END_STREAM, 1, grpc_message(b"")))
        assert connection.end_of(1) is not None
    assert is_well(target)


def test_connections_are_bounded(start: Start) -> None:
    target = start(connections=10)
    with ExitStack() as stack:
        opened = [Connection(target) for _ in range(30)]
        for connection in opened:
            stack.callback(connection.close)
        assert [connection.wait_for(SETTINGS) is not None for connection in opened].count(True) == 10
    assert is_well(target)


def test_a_connection_that_says_nothing_is_closed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    from pdp.server.transports import grpcio

    monkeypatch.setattr(grpcio, "HANDSHAKE_SECONDS", 1)
    host, _, port = start().rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as silent:
        # What the server says first is its settings.
        while silent.recv(1_000):
            pass
