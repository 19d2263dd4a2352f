"""A small policy set, and a server on it with a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from pdp.v1 import decision_service_pb2_grpc
from tests.integration.operated import Operated
from tests.integration.running import GRANTS, RunningServer, start_server, stopping, write_policies


@pytest.fixture
def policy_folder(tmp_path: Path) -> Path:
    return write_policies(tmp_path)


@pytest.fixture
def grants_file(tmp_path: Path) -> Path:
    path = tmp_path / "grants.yaml"
    path.write_text(GRANTS)
    return path


@pytest.fixture
def serve() -> Iterator[Callable[..., RunningServer]]:
    running: list[RunningServer] = []

    def start(policies: Path, *, wait: bool = True, **options: object) -> RunningServer:
        running.append(start_server(policies, wait=wait, **options))
        return running[-1]

    with stopping(running):
        yield start


@pytest.fixture
def connect() -> Iterator[Callable[..., grpc.Channel]]:
    channels: list[grpc.Channel] = []

    def open_channel(server: RunningServer, *options: tuple[str, object]) -> grpc.Channel:
        channel = grpc.insecure_channel(server.target, options=options)
        channels.append(channel)
        return channel

    yield open_channel
    for channel in channels:
        channel.close()


@pytest.fixture
def channel(
    serve: Callable[..., RunningServer], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> grpc.Channel:
    """A connection to a server that runs on the small policy set."""
    return connect(serve(policy_folder))


@pytest.fixture
def stub(channel: grpc.Channel) -> decision_service_pb2_grpc.DecisionServiceStub:
    return decision_service_pb2_grpc.DecisionServiceStub(channel)


@pytest.fixture
def operate(tmp_path: Path, policy_folder: Path) -> Iterator[Callable[..., Operated]]:
    del policy_folder  # stands at tmp_path / "policies"
    started: list[Operated] = []

    def run(config: str = "", **environ: str) -> Operated:
        made = Operated(tmp_path, config, **environ)
        started.append(made)
        return made

    yield run
    for made in started:
        if made.process.poll() is None:
            made.process.kill()
        made.end()
