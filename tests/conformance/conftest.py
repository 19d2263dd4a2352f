"""One server for each transport, which every test is run against; both must behave alike."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from pdp.v1 import decision_service_pb2_grpc
from tests.conformance.asking import SERVICE
from tests.conformance.http2 import Connection
from tests.integration.running import RunningServer, start_server, stopping, write_policies

_MISSING = importlib.util.find_spec("pygrpc_native") is None


@pytest.fixture(
    scope="session",
    params=["grpc", pytest.param("native", marks=pytest.mark.skipif(_MISSING, reason="jingxi[native] is missing"))],
)
def transport(request: pytest.FixtureRequest) -> str:
    """The name of a transport."""
    return str(request.param)


@pytest.fixture(scope="session")
def server(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that all tests of a transport share, and that each must leave as it found it."""
    running: list[RunningServer] = []
    with stopping(running):
        running.append(start_server(write_policies(tmp_path_factory.mktemp(transport)), transport=transport))
        yield running[0]


@pytest.fixture
def serve(transport: str, tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts a server of the test's own."""
    running: list[RunningServer] = []

    def start(**options: object) -> RunningServer:
        folder = tmp_path / f"server-{len(running)}"
        folder.mkdir()
        running.append(start_server(write_policies(folder), transport=transport, **options))
        return running[-1]

    with stopping(running):
        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., grpc.Channel]]:
    """Opens channels, each with connections of its own."""
    with ExitStack() as stack:

        def open_channel(server: RunningServer, *options: tuple[str, object]) -> grpc.Channel:
            own = ("grpc.use_local_subchannel_pool", 1)
            return stack.enter_context(grpc.insecure_channel(server.target, options=(own, *options)))

        yield open_channel


@pytest.fixture
def channel(server: RunningServer, connect: Callable[..., grpc.Channel]) -> grpc.Channel:
    return connect(server)


@pytest.fixture
def stub(channel: grpc.Channel) -> decision_service_pb2_grpc.DecisionServiceStub:
    return decision_service_pb2_grpc.DecisionServiceStub(channel)


@pytest.fixture
def raw(channel: grpc.Channel) -> Callable[..., bytes]:
    """Calls a method with bytes that no stub would send."""

    def call(method: str, payload: bytes, **options: object) -> bytes:
        return channel.unary_unary(f"/{SERVICE}/{method}")(payload, **({"timeout": 30} | options))

    return call


@pytest.fixture
def dial() -> Iterator[Callable[..., Connection]]:
    """Opens connections whose bytes the test chooses."""
    with ExitStack() as stack:

        def open_connection(server: RunningServer, **options: object) -> Connection:
            made = Connection(server.target, **options)  # type: ignore[arg-type]
            stack.callback(made.close)
            return made

        yield open_connection
