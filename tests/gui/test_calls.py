"""Calls from the window against a real gRPC server: answers, failures, and what was cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from pytestqt.qtbot import QtBot

from admin_gui.domain.failure import Failure
from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection, Endpoint
from jingxi_client._gen.pdp.v1 import (
    cluster_service_pb2,
    cluster_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
)

PATIENCE = 30_000


class Servicer(cluster_service_pb2_grpc.ClusterServiceServicer, policy_service_pb2_grpc.PolicyServiceServicer):
    """Answers when it is let."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.gone = threading.Event()
        self.entered = threading.Event()

    def ListDrafts(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's name
        if request.page_size < 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "below 0")
        context.add_callback(self.gone.set)
        self.entered.set()
        self.may.wait(30)
        return policy_service_pb2.ListDraftsResponse(next_page_token="next")  # noqa: S106 - none

    def WatchNodes(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        del request
        context.add_callback(self.gone.set)
        for _ in range(1_000):
            yield cluster_service_pb2.WatchNodesResponse()


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
def server(servicer: Servicer) -> Iterator[int]:
    made = grpc.server(futures.ThreadPoolExecutor(4))
    cluster_service_pb2_grpc.add_ClusterServiceServicer_to_server(servicer, made)
    policy_service_pb2_grpc.add_PolicyServiceServicer_to_server(servicer, made)
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield port
    servicer.may.set()
    made.stop(0).wait()


@pytest.fixture
def connection(server: int, qtbot: QtBot) -> Iterator[Connection]:
    del qtbot
    made = Connection(Endpoint(f"127.0.0.1:{server}"))
    yield made
    made.close()


def ask(connection: Connection, **fields: Any) -> Call:
    request = policy_service_pb2.ListDraftsRequest(**fields)
    return connection.ask(policy_service_pb2_grpc.PolicyServiceStub, "ListDrafts", request)


def test_an_answer_comes_in_the_thread_of_the_window(qtbot: QtBot, connection: Connection, servicer: Servicer) -> None:
    servicer.may.set()
    call = ask(connection)
    seen: list[Any] = []
    call.answered.connect(lambda answer: seen.append((answer, threading.current_thread())))
    with qtbot.waitSignal(call.ended, timeout=PATIENCE):
        pass
    [(answer, thread)] = seen
    assert answer == policy_service_pb2.ListDraftsResponse(next_page_token="next")  # noqa: S106 - none
    assert thread is threading.main_thread()
    assert call.is_over


def test_a_failure_says_why(qtbot: QtBot, connection: Connection) -> None:
    call = ask(connection, page_size=-1)
    with qtbot.waitSignal(call.failed, timeout=PATIENCE) as caught:
        pass
    assert caught.args == [Failure("INVALID_ARGUMENT", "below 0")]


def test_what_was_cancelled_stays_so(qtbot: QtBot, connection: Connection, servicer: Servicer) -> None:
    told: list[Any] = []
    call = ask(connection)
    for signal in (call.answered, call.failed):
        signal.connect(told.append)
    assert servicer.entered.wait(30)
    call.cancel()
    assert servicer.gone.wait(30)
    servicer.may.set()
    other = ask(connection)
    with qtbot.waitSignal(other.ended, timeout=PATIENCE):
        pass
    assert told == []


def test_a_stream_is_read_no_further_than_it_is_shown(qtbot: QtBot, connection: Connection, servicer: Servicer) -> None:
    request = cluster_service_pb2.WatchNodesRequest()
    call = connection.stream(cluster_service_pb2_grpc.ClusterServiceStub, "WatchNodes", request)
    seen: list[Any] = []
    call.answered.connect(seen.append)
    with qtbot.waitSignal(call.ended, timeout=PATIENCE):
        pass
    assert len(seen) == 1_000
    other = connection.stream(cluster_service_pb2_grpc.ClusterServiceStub, "WatchNodes", request)
    with qtbot.waitSignal(other.answered, timeout=PATIENCE):
        pass
    servicer.gone.clear()
    other.cancel()
    assert servicer.gone.wait(30)


def test_the_service_goes_and_comes_back(qtbot: QtBot, servicer: Servicer) -> None:
    def serve(port: int) -> tuple[grpc.Server, int]:
        made = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        cluster_service_pb2_grpc.add_ClusterServiceServicer_to_server(servicer, made)
        return made, made.add_insecure_port(f"127.0.0.1:{port}")

    server, port = serve(0)
    server.start()
    connection = Connection(Endpoint(f"127.0.0.1:{port}"))
    with qtbot.waitSignal(connection.available, timeout=PATIENCE, check_params_cb=bool):
        pass
    with qtbot.waitSignal(connection.available, timeout=PATIENCE, check_params_cb=lambda there: not there):
        server.stop(0).wait()
    server, _ = serve(port)
    with qtbot.waitSignal(connection.available, timeout=PATIENCE, check_params_cb=bool):
        server.start()
    connection.close()
    server.stop(0).wait()


def test_what_is_over_is_let_go_of(qtbot: QtBot, connection: Connection, servicer: Servicer) -> None:
    cancelled, failed = ask(connection), ask(connection, page_size=-1)
    assert servicer.entered.wait(30)
    cancelled.cancel()
    servicer.may.set()
    answered = ask(connection)
    stream = connection.stream(
        cluster_service_pb2_grpc.ClusterServiceStub, "WatchNodes", cluster_service_pb2.WatchNodesRequest()
    )
    assert len(connection.findChildren(Call)) == 4
    calls = (cancelled, failed, answered, stream)
    qtbot.waitUntil(lambda: all(call.is_over for call in calls), timeout=PATIENCE)
    qtbot.waitUntil(lambda: not connection.findChildren(Call), timeout=PATIENCE)
    # Whoever still holds one may end it, and nothing happens.
    for call in calls:
        call.cancel()


def test_a_call_may_be_ended_by_whom_it_tells(qtbot: QtBot, connection: Connection, servicer: Servicer) -> None:
    servicer.may.set()
    call = ask(connection)
    told: list[str] = []
    call.answered.connect(lambda _: call.cancel())
    call.ended.connect(lambda: told.append("ended"))
    qtbot.waitUntil(lambda: not connection.findChildren(Call), timeout=PATIENCE)
    assert told == []
