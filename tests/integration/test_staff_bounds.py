"""What callers of the staff port may hold of it, above all those who are not signed in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.control.steps import MAX_REASON
from pdp.server.staff import bounds, policies, server, simulation
from pdp.server.staff.server import MAX_CALLS
from pdp.v1 import account_service_pb2
from tests.integration.accounts_steps import USER, Person
from tests.integration.reporting import wait_for
from tests.integration.staffed import METHODS, PATIENCE, Staffed, shown, staffed

SIGN_IN, LIST_NODES = "/pdp.v1.SessionService/SignIn", "/pdp.v1.ClusterService/ListNodes"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CANCELLED, EXHAUSTED = grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED
STATUSES = health_pb2.HealthCheckResponse


@contextmanager
def silence() -> Iterator[Callable[[], Iterator[bytes]]]:
    """Give what makes requests of which none ever comes."""
    over = threading.Event()

    def requests() -> Iterator[bytes]:
        over.wait()
        yield from ()

    try:
        yield requests
    finally:
        over.set()


def opened(begin: Callable[[], Any]) -> list[Any]:
    """Begin more calls than the server takes at once, and return them once it has refused one."""
    refused = threading.Event()
    calls = []
    for _ in range(MAX_CALLS + 6):
        call = begin()
        call.add_done_callback(lambda _: refused.set())
        calls.append(call)
    assert refused.wait(PATIENCE)
    return calls


def signed_in(port: Staffed) -> Any:
    person = port.run(port.office.first())
    return shown(port.token(person), person.device)


def test_who_says_nothing_leaves_room_for_those_who_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "ARRIVE_SECONDS", 2.0)
    with staffed(tmp_path) as port, silence() as never:
        mine = signed_in(port)
        silent = port.channel.stream_unary(SIGN_IN, request_serializer=bytes)
        tries = opened(lambda: silent.future(never(), timeout=2 * PATIENCE))
        assert port.code(LIST_NODES, mine) is grpc.StatusCode.OK
        assert {attempt.code() for attempt in tries} == {EXHAUSTED, CANCELLED}
        # Who is signed in has no place for ever either.
        listing = port.channel.stream_unary(LIST_NODES, request_serializer=bytes)
        assert listing.future(never(), metadata=mine, timeout=2 * PATIENCE).code() is CANCELLED


def test_who_asks_what_there_is_leaves_room_for_those_who_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "ARRIVE_SECONDS", 2.0)
    with staffed(tmp_path) as port, silence() as never:
        mine = signed_in(port)
        reflect = port.channel.stream_stream(REFLECT, request_serializer=bytes)
        tries = opened(lambda: reflect(never(), metadata=mine, timeout=2 * PATIENCE))
        assert port.code(LIST_NODES, mine) is grpc.StatusCode.OK
        assert {attempt.code() for attempt in tries} == {EXHAUSTED, CANCELLED}


def test_who_watches_health_leaves_room_for_those_who_work(tmp_path: Path) -> None:
    with staffed(tmp_path) as port:
        mine = signed_in(port)
        stub = health_pb2_grpc.HealthStub(port.channel)  # type: ignore[no-untyped-call]
        unknown = health_pb2.HealthCheckRequest(service="unknown")
        watches = opened(lambda: stub.Watch(unknown, timeout=2 * PATIENCE))
        assert port.code(LIST_NODES, mine) is grpc.StatusCode.OK
        for watch in watches:
            watch.cancel()

        known = health_pb2.HealthCheckRequest(service="pdp.v1.ClusterService")

        def first() -> Any:
            try:
                return next(stub.Watch(known, timeout=PATIENCE))
            except grpc.RpcError:
                return None  # those that were cancelled still go

        assert wait_for(first) == STATUSES(status=STATUSES.SERVING)


def test_a_request_is_one_of_a_bounded_size(tmp_path: Path) -> None:
    with staffed(tmp_path) as port:
        mine = signed_in(port)
        nodes = port.channel.stream_unary(LIST_NODES, request_serializer=bytes)
        with pytest.raises(grpc.RpcError) as caught:
            nodes(iter(()), metadata=mine, timeout=PATIENCE)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        large = account_service_pb2.SignInRequest(name="x" * bounds.MAX_PLAIN).SerializeToString()
        for path in (SIGN_IN, LIST_NODES):
            ask = port.channel.unary_unary(path, request_serializer=bytes)
            with pytest.raises(grpc.RpcError) as caught:
                ask(large, metadata=mine, timeout=PATIENCE)
            assert caught.value.code() is EXHAUSTED


def test_who_connects_and_says_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 1)
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    with staffed(tmp_path) as port:
        mine = signed_in(port)
        assert port.code(LIST_NODES, mine) is grpc.StatusCode.OK
        silent = [socket.create_connection(("localhost", port.server.address.port), PATIENCE) for _ in range(5)]
        for one in silent:
            assert one.recv(1) == b""  # cut off: at once as one too many, or when its time is up
            one.close()
        assert port.code(LIST_NODES, mine) is grpc.StatusCode.OK


def test_what_was_refused_leaves_a_record_of_a_bounded_size(tmp_path: Path) -> None:
    with staffed(tmp_path) as port:

        async def make() -> Person:
            one, two = await port.office.admins(2)
            person = await port.office.hire(one, two, "writer", USER)
            await port.office.set_up(person)
            return person

        writer = port.run(make())
        mine = shown(port.token(writer), writer.device)
        found = port.code("/pdp.v1.PolicyService/DeleteDraft", mine, name="x" * 200_000, version=1)
        assert found is grpc.StatusCode.NOT_FOUND
        (told,) = port.recorded("policy.draft.delete")
        assert max(map(len, told.values())) == MAX_REASON


def test_whatever_carries_a_text_may_be_large() -> None:
    large = {f"/{policies.SERVICE}/{name}" for name in policies.LARGE}
    large |= {f"/{simulation.SERVICE}/{name}" for name in simulation.LARGE}
    texts = {"pdp.v1.PolicyText", "pdp.v1.Sources"}
    carrying = {
        path
        for path, (_, method) in METHODS.items()
        if any(part.message_type and part.message_type.full_name in texts for part in method.input_type.fields)
    }
    assert large == carrying
