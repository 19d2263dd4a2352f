"""Bundles to clients that decide offline: whole, signed, again when there is another one, bounded and ended well."""

from __future__ import annotations

import datetime
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.control import signatures
from pdp.server.bundles import CHUNK_BYTES
from pdp.server.settings import Limits
from pdp.server.transports import grpc_bundles, grpc_streams
from pdp.signing import TrustedKeys
from pdp.v1 import bundle_pb2
from tests.integration.reporting import Client, event, wait_for, why
from tests.integration.running import POLICY, RunningServer, put, start_server, stopping, write_policies
from tests.integration.test_callers import digest
from tests.integration.test_staff_bounds import silence

STREAMS = 8
WATCH = "/pdp.v1.BundleService/WatchBundle"


def received(stream: Any) -> tuple[Any, bytes]:
    """Read one bundle whole."""
    header = next(stream).header
    assert header.hash
    data = b""
    while len(data) < header.size:
        data += next(stream).chunk
    return header, data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    server = start_server(write_policies(folder), data=folder / "data", node="n1")
    with stopping([server]):
        yield server


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    client = Client(server.target)
    yield client
    client.close()


def test_a_bundle_comes_whole_and_signed(client: Client, server: RunningServer, folder: Path) -> None:
    header, data = received(client.watch())
    assert hashlib.sha256(data).hexdigest() == header.hash == server.app.facts()["hash"]
    assert header.revision == server.app.facts()["revision"]
    signed = bundle_pb2.SignedBundle(
        bundle=data, hash=header.hash, revision=header.revision, key_id=header.key_id, signature=header.signature
    )
    signatures.verify(signed, TrustedKeys.load(folder / "data" / "keys" / "control"))
    assert bundle_pb2.Bundle.FromString(data).format == 1


def test_who_has_it_hears_so(client: Client, server: RunningServer) -> None:
    facts = server.app.facts()
    stream = client.watch(known_revision=facts["revision"], known_hash=facts["hash"])
    current = next(stream).current
    assert (current.revision, current.hash, current.stale_seconds) == (facts["revision"], facts["hash"], 0)
    stream.cancel()
    # The same content under another number is signed anew.
    header = next(client.watch(known_revision=facts["revision"] + 1, known_hash=facts["hash"])).header
    assert header.revision == facts["revision"]


def test_once_ends_when_the_client_has_it(client: Client, server: RunningServer) -> None:
    parts = list(client.watch(once=True))
    assert [part.WhichOneof("part") for part in parts] == ["header", "chunk"]
    facts = server.app.facts()
    (part,) = client.watch(once=True, known_revision=facts["revision"], known_hash=facts["hash"])
    assert part.WhichOneof("part") == "current"


def test_another_revision_follows(client: Client, server: RunningServer, folder: Path) -> None:
    stream = client.watch()
    first, _ = received(stream)
    put(folder / "policies" / "policy.yaml", POLICY.replace("subject.level >= 3", "subject.level >= 4"))
    second, data = received(stream)
    assert second.revision == first.revision + 1
    assert second.hash == hashlib.sha256(data).hexdigest() != first.hash
    stream.cancel()


def test_a_quiet_stream_shows_signs_of_life(
    client: Client, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_bundles, "BEAT_SECONDS", 1)
    stream = client.watch()
    received(stream)
    assert next(stream).current.revision == server.app.facts()["revision"]
    assert next(stream).current.hash == server.app.facts()["hash"]
    stream.cancel()


def test_the_number_of_streams_is_bounded(tmp_path: Path) -> None:
    server = start_server(write_policies(tmp_path), limits=Limits(bundle_streams=2))
    with stopping([server]):
        client = Client(server.target)
        streams = [client.watch() for _ in range(2)]
        for stream in streams:
            received(stream)
        with pytest.raises(grpc.RpcError) as caught:
            next(client.watch())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        streams[0].cancel()

        def again() -> bool:
            try:
                received(client.watch())
            except grpc.RpcError:
                return False
            return True

        wait_for(again)
        client.close()


CALLERS = f"""
kind: Callers
callers:
  - name: offline
    tokens: [{{id: a, sha256: "{digest("o" * 43)}"}}]
    applications: ["*"]
    subjects: ["*"]
    bundles: true
  - name: online
    tokens: [{{id: a, sha256: "{digest("n" * 43)}"}}]
    applications: ["*"]
    subjects: ["*"]
  - name: mute
    tokens: [{{id: a, sha256: "{digest("m" * 43)}"}}]
    applications: ["*"]
    subjects: ["*"]
    reports: false
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Path]]:
    folder = tmp_path_factory.mktemp("guarded")
    callers = folder / "callers.yaml"
    callers.write_text(CALLERS)
    server = start_server(
        write_policies(folder), callers=callers, data=folder / "data", limits=Limits(bundle_streams=4)
    )
    with stopping([server]):
        yield server, callers


def test_only_callers_that_may_have_bundles(guarded: tuple[RunningServer, Path]) -> None:
    server, _ = guarded
    for token, code in (("", "UNAUTHENTICATED"), ("x" * 43, "UNAUTHENTICATED"), ("n" * 43, "PERMISSION_DENIED")):
        client = Client(server.target, token=token)
        with pytest.raises(grpc.RpcError) as caught:
            next(client.watch())
        assert caught.value.code().name == code
        client.close()
    client = Client(server.target, token="n" * 43)
    with pytest.raises(grpc.RpcError) as caught:
        client.decisions()
    assert why(caught.value)[:2] == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert client.fallbacks(event(1)) == 1
    client.close()
    client = Client(server.target, token="m" * 43)
    with pytest.raises(grpc.RpcError) as caught:
        client.fallbacks(event(1))
    assert "`reports`" in str(caught.value.details())
    client.close()


def test_another_system_cannot_report_as_a_client(guarded: tuple[RunningServer, Path]) -> None:
    server, _ = guarded
    client = Client(server.target, "5" * 32, token="n" * 43)
    assert client.fallbacks(event(1)) == 1
    other = Client(server.target, "5" * 32, token="o" * 43)
    with pytest.raises(grpc.RpcError) as caught:
        other.fallbacks(event(2))
    assert why(caught.value)[:2] == ("PERMISSION_DENIED", "ACCESS_DENIED")
    client.close()
    other.close()


def test_one_caller_leaves_room_for_others(guarded: tuple[RunningServer, Path]) -> None:
    server, _ = guarded
    client = Client(server.target, token="o" * 43)
    streams = [client.watch() for _ in range(2)]
    for stream in streams:
        received(stream)
    with pytest.raises(grpc.RpcError) as caught:
        next(client.watch())
    assert "`offline` has 2 streams" in str(caught.value.details())
    client.close()


def test_who_may_no_longer_is_sent_away(guarded: tuple[RunningServer, Path]) -> None:
    server, callers = guarded

    def opened() -> Any:
        try:
            stream = Client(server.target, token="o" * 43).watch()
            received(stream)
        except grpc.RpcError:
            return None
        return stream

    stream = wait_for(opened)
    put(callers, CALLERS.replace("bundles: true", "bundles: false"))
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_token_that_ends_ends_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_bundles, "BEAT_SECONDS", 1)
    policies, callers = write_policies(tmp_path), tmp_path / "guarded" / "callers.yaml"
    callers.parent.mkdir()
    callers.write_text(CALLERS)
    server = start_server(policies, callers=callers)
    with stopping([server]):
        client = Client(server.target, token="o" * 43)
        stream = client.watch()
        received(stream)
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
        put(callers, CALLERS.replace("{id: a, ", f'{{id: a, expires_at: "{ends:%Y-%m-%dT%H:%M:%SZ}", ', 1))
        answers = []
        with pytest.raises(grpc.RpcError) as caught:
            answers += [part.HasField("current") for part in stream]
        assert all(answers)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        client.close()


def test_who_never_says_what_it_has_is_sent_away(
    client: Client, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_bundles, "REQUEST_SECONDS", 1)
    with silence() as never, grpc.insecure_channel(server.target) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            next(channel.stream_stream(WATCH, request_serializer=bytes)(never(), timeout=60))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "no request came" in str(caught.value.details())


def test_who_may_no_longer_cannot_ask_late(tmp_path: Path) -> None:
    policies, callers = write_policies(tmp_path), tmp_path / "guarded" / "callers.yaml"
    callers.parent.mkdir()
    callers.write_text(CALLERS)
    server = start_server(policies, callers=callers, limits=Limits(bundle_streams=2))
    shown = (("authorization", f"Bearer {'o' * 43}"),)
    with stopping([server]), silence() as never, grpc.insecure_channel(server.target) as channel:
        stream = channel.stream_stream(WATCH, request_serializer=bytes)(never(), metadata=shown, timeout=60)

        def is_full() -> bool:
            with pytest.raises(grpc.RpcError) as caught:
                next(channel.stream_stream(WATCH, request_serializer=bytes)(never(), metadata=shown, timeout=0.5))
            return caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

        wait_for(is_full)
        put(callers, CALLERS.replace("bundles: true", "bundles: false"))
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_server_that_stops_says_so(tmp_path: Path) -> None:
    server = start_server(write_policies(tmp_path))
    with stopping([server]):
        client = Client(server.target)
        stream = client.watch()
        received(stream)
        server.request_stop()
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert why(caught.value)[:2] == ("UNAVAILABLE", "STOPPING")
        client.close()


def large(mark: str) -> str:
    """A dictionary with such long labels that the bundle has some 8 MB, more than flow control lets be under way."""
    fields = "\n".join(f"  f{n}: {{level: C2, label: {mark}-{n}-{'x' * 60_000}}}" for n in range(130))
    return f"kind: Dictionary\nfields:\n{fields}\n"


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Path]]:
    folder = tmp_path_factory.mktemp("heavy")
    policies = write_policies(folder)
    (policies / "many.yaml").write_text(large("a"))
    server = start_server(policies, limits=Limits(bundle_streams=STREAMS))
    with stopping([server]):
        yield server, policies / "many.yaml"


def offered(client: Client) -> str:
    """Return the hash of what the worker, not only the server, has now."""
    stream = client.watch()
    try:
        return str(next(stream).header.hash)
    finally:
        stream.cancel()


def test_a_newer_bundle_ends_the_one_under_way(heavy: tuple[RunningServer, Path]) -> None:
    server, file = heavy
    # Or else grpc reads ahead, more and more, what nobody asked it for.
    client, slow = Client(server.target), Client(server.target, http2__bdp_probe=0)
    header, data = received(client.watch())
    assert header.size == len(data) > 7_800_000
    assert hashlib.sha256(data).hexdigest() == header.hash
    # A reader that does not read takes nothing from the others.
    lazy = slow.watch()
    assert next(lazy).header.hash == header.hash
    threads = [threading.Thread(target=lambda: received(client.watch())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    put(file, large("b"))
    wait_for(lambda: offered(client) != header.hash)
    pieces = 0
    while (part := next(lazy)).WhichOneof("part") == "chunk":
        pieces += 1
    assert pieces < header.size // CHUNK_BYTES
    newer, rest = part.header, b""
    while len(rest) < newer.size:
        rest += next(lazy).chunk
    assert hashlib.sha256(rest).hexdigest() == newer.hash != header.hash
    client.close()
    slow.close()


def test_readers_that_stand_still_are_cut_off(
    heavy: tuple[RunningServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = heavy
    monkeypatch.setattr(grpc_streams, "REQUEST_SECONDS", 1)
    client = Client(server.target, http2__bdp_probe=0)
    streams = [client.watch() for _ in range(STREAMS)]
    for stream in streams:
        assert next(stream).HasField("header")

    def answer() -> str:
        try:
            return str(next(client.watch()).WhichOneof("part"))
        except grpc.RpcError as error:
            return error.code().name

    assert answer() == "RESOURCE_EXHAUSTED"
    wait_for(lambda: answer() == "header")
    client.close()
