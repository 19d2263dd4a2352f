"""The shipped HAProxy configuration before two workers: who gets in, as whom, and where calls go."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from pdp.lang.loader.callers import CallerSpec, TokenSpec
from pdp.server.callers import Registry
from pdp.server.peers import PROXY_HEADER, PeerReader
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2
from tests.integration.guarded import Guarded
from tests.integration.haproxy import CONFIGURATION, PATIENCE, SECRET, HAProxy, find
from tests.integration.pki import Authority, Identity

Stub = decision_service_pb2_grpc.DecisionServiceStub
Connect = Callable[..., Stub]
REQUEST = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="T1"), fields=["mobile"])
TOKEN = "jx_" + "t" * 43
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
CALLERS = (
    CallerSpec("counter", ("cn:柜面 01",), (), ("*",), ("*",)),
    CallerSpec("loans", ("cn:loans",), (), ("*",), ("*",)),
    CallerSpec("by-token", (), (TokenSpec("a", HASH),), ("*",), ("*",)),
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
def workers() -> Iterator[list[Guarded]]:
    running = [Guarded(Registry(CALLERS), PeerReader(proxy_secret=SECRET), label=name) for name in ("1", "2")]
    yield running
    for worker in running:
        worker.server.stop(0).wait(PATIENCE)


@pytest.fixture
def proxy(authority: Authority, workers: list[Guarded]) -> Iterator[HAProxy]:
    running = HAProxy(authority, [worker.port for worker in workers])
    yield running
    running.stop()


@pytest.fixture
def connect(proxy: HAProxy, authority: Authority) -> Iterator[Connect]:
    channels: list[grpc.Channel] = []

    def open_channel(name: str = "loans", client: Identity | None = None, *, anonymous: bool = False) -> Stub:
        channels.append(proxy.connect(None if anonymous else client or authority.issue(name)))
        return Stub(channels[-1])

    yield open_channel
    for channel in channels:
        channel.close()


def ask(stub: Stub, *metadata: tuple[str, str]) -> str:
    return stub.Decide(REQUEST, timeout=PATIENCE, metadata=metadata).decision_id


def code(stub: Stub, *metadata: tuple[str, str]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as raised:
        ask(stub, *metadata)
    return raised.value.code()


def test_the_configuration_gives_no_warning(authority: Authority, tmp_path: Path) -> None:
    server = authority.server()
    (tmp_path / "server.pem").write_bytes(server.pem + server.key)
    (tmp_path / "clients.crt").write_bytes(authority.pem)
    places = {"JINGXI_TLS": str(tmp_path / "server.pem"), "JINGXI_CLIENT_CA": str(tmp_path / "clients.crt")}
    command = [find(), "-c", "-dW", "-f", str(CONFIGURATION)]
    ended = subprocess.run(
        command, env=os.environ | places, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "WARNING" not in ended.stderr


@pytest.mark.parametrize(("name", "caller"), [("loans", "loans"), ("柜面 01", "counter")])
def test_a_certificate_tells_the_caller(connect: Connect, name: str, caller: str) -> None:
    assert ask(connect(name)) == caller


def test_strangers_are_refused(connect: Connect, authority: Authority) -> None:
    assert code(connect(anonymous=True)) is grpc.StatusCode.UNAVAILABLE
    assert code(connect(client=Authority.make().issue("loans"))) is grpc.StatusCode.UNAVAILABLE
    assert code(connect(client=authority.issue("loans", days=-1))) is grpc.StatusCode.UNAVAILABLE
    # A good certificate of nobody in the callers file gets as far as the service.
    assert code(connect("stranger")) is grpc.StatusCode.UNAUTHENTICATED


def test_headers_of_a_client_change_nothing(connect: Connect) -> None:
    stub = connect("loans")
    spoofed = f"{SECRET} 10.0.0.1  counter"
    assert ask(stub, (PROXY_HEADER, spoofed)) == "loans"
    assert ask(stub, (PROXY_HEADER, spoofed), (PROXY_HEADER, spoofed)) == "loans"
    assert ask(stub, ("x-jingxi-anything", "x")) == "loans"
    # A token with blanks must not spill into the name.
    assert code(stub, ("authorization", f"Bearer {TOKEN} counter")) is grpc.StatusCode.UNAUTHENTICATED
    assert code(connect("stranger"), ("authorization", "Bearer x counter")) is grpc.StatusCode.UNAUTHENTICATED
    assert code(connect("stranger"), (PROXY_HEADER, spoofed)) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("name", ["a b  counter", "a%20counter", " counter", "counter ", "counter\u2028"])
def test_odd_names_are_nobody(connect: Connect, name: str) -> None:
    assert code(connect(name)) is grpc.StatusCode.UNAUTHENTICATED


def test_a_worker_believes_nobody_else(workers: list[Guarded]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{workers[0].port}") as channel:
        stub = Stub(channel)
        for value in ("x 10.0.0.1  loans", f"{SECRET[:-1]}x 10.0.0.1  loans", " 10.0.0.1  loans"):
            assert code(stub, (PROXY_HEADER, value)) is grpc.StatusCode.UNAUTHENTICATED
        assert code(stub, ("authorization", f"Bearer {TOKEN}")) is grpc.StatusCode.UNAUTHENTICATED


def test_tokens_go_through(connect: Connect) -> None:
    good = ("authorization", f"Bearer {TOKEN}")
    assert ask(connect("some gateway"), good) == "by-token"
    assert code(connect("loans"), good) is grpc.StatusCode.UNAUTHENTICATED  # another caller's certificate
    assert code(connect("some gateway"), ("authorization", "Bearer jx_wrong")) is grpc.StatusCode.UNAUTHENTICATED
    assert code(connect("some gateway"), good, good) is grpc.StatusCode.UNAUTHENTICATED


def test_tokens_are_not_logged(connect: Connect, proxy: HAProxy) -> None:
    ask(connect("some gateway"), ("authorization", f"Bearer {TOKEN}"))
    line = proxy.wait_for_line("/pdp.v1.DecisionService/Decide")
    assert line.endswith('client="some gateway" call="/pdp.v1.DecisionService/Decide"')
    assert not [line for line in proxy.lines if TOKEN in line or SECRET in line]


def test_only_the_decision_service_is_offered(proxy: HAProxy, authority: Authority) -> None:
    with proxy.connect(authority.issue("loans")) as channel:
        for path in ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/pdp.v1.Admin/X", "/"):
            with pytest.raises(grpc.RpcError) as raised:
                channel.unary_unary(path)(b"", timeout=PATIENCE)
            assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED, path
            assert raised.value.details() == "not offered here"


def test_calls_of_one_connection_are_spread_evenly(connect: Connect, proxy: HAProxy) -> None:
    stub = connect()
    for _ in range(200):
        ask(stub)
    assert proxy.answered() == {"worker1": 100, "worker2": 100}


def test_a_dead_worker_costs_no_call(connect: Connect, proxy: HAProxy, workers: list[Guarded]) -> None:
    stub = connect()
    assert {answer(stub), answer(stub)} == {"1", "2"}
    workers[0].server.stop(0).wait(PATIENCE)
    assert {answer(stub) for _ in range(100)} == {"2"}


def answer(stub: Stub) -> str:
    """Return the label of the worker that answers."""
    return stub.Decide(REQUEST, timeout=PATIENCE).request_id


def test_a_draining_worker_gets_no_more_calls(connect: Connect, proxy: HAProxy, workers: list[Guarded]) -> None:
    stub = connect()
    workers[0].set_ready(ready=False)
    until(lambda: proxy.states()["worker1"] == "DOWN")
    assert {answer(stub) for _ in range(20)} == {"2"}
    workers[0].set_ready(ready=True)
    until(lambda: proxy.states()["worker1"] == "UP")
    assert {answer(stub) for _ in range(20)} == {"1", "2"}


def until(reached: Callable[[], bool]) -> None:
    """Look again and again; each look is a request of its own and takes its time."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end


def test_without_workers_calls_are_told_to_come_back(connect: Connect, workers: list[Guarded]) -> None:
    stub = connect()
    for worker in workers:
        worker.server.stop(0).wait(PATIENCE)
    assert code(stub) is grpc.StatusCode.UNAVAILABLE


def test_a_reload_costs_no_call_and_shows_the_new_certificate(
    connect: Connect, proxy: HAProxy, authority: Authority
) -> None:
    stub, failed, done, asked = connect(), [], threading.Event(), threading.Semaphore(0)

    def keep_asking() -> None:
        while not done.is_set():
            try:
                assert ask(stub) == "loans"
            except Exception as error:  # the thread of the test judges
                failed.append(error)
                return
            finally:
                asked.release()

    client = threading.Thread(target=keep_asking)
    client.start()
    try:
        old = shown_certificate(proxy, authority)
        for _ in range(3):
            new = authority.server()
            proxy.show(new)
            for _ in range(20):
                assert asked.acquire(timeout=PATIENCE)
            proxy.reload()
            until(lambda new=new: shown_certificate(proxy, authority) == new.serial != old)  # type: ignore[misc]
            for _ in range(20):
                assert asked.acquire(timeout=PATIENCE)
    finally:
        done.set()
        client.join(PATIENCE)
    assert not failed


def shown_certificate(proxy: HAProxy, authority: Authority) -> int:
    """Return the serial number of the certificate that a new connection sees."""
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
        assert found is not None
        return x509.load_der_x509_certificate(found).serial_number


def test_giant_headers_end_one_call_and_no_other(connect: Connect) -> None:
    stub, other = connect(), connect("柜面 01")
    assert ask(other) == "counter"
    for metadata in ([("x-big", "a" * 20_000)], [(f"x-{number}", "a") for number in range(100)]):
        assert code(stub, *metadata) is not grpc.StatusCode.OK
        assert ask(other) == "counter"
    assert ask(connect()) == "loans"


def test_a_flood_of_connections_is_cut_off_and_others_go_on(connect: Connect, proxy: HAProxy) -> None:
    stub = connect()
    assert ask(stub) == "loans"
    with contextlib.ExitStack() as held:
        flood = []
        for _ in range(150):
            with contextlib.suppress(ConnectionError):  # one that is cut off before it is open
                flood.append(held.enter_context(socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)))
        # Those that are let in wait for this end to begin; the others are closed at once.
        until(lambda: sum(not is_closed(connection) for connection in flood) <= 100)
        assert ask(stub) == "loans"
        assert code(connect()) is grpc.StatusCode.UNAVAILABLE


def is_closed(connection: socket.socket) -> bool:
    """Whether the other end hung up."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
@pytest.mark.parametrize(("version", "spoken"), [("tls1_1", False), ("tls1_2", True), ("tls1_3", True)])
def test_nothing_below_tls_1_2(proxy: HAProxy, version: str, spoken: bool) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", f"-{version}", "-alpn", "h2"]
    if not spoken:
        command += ["-cipher", "ALL:@SECLEVEL=0"]  # or this end would be the one to refuse
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=PATIENCE, check=False)
    assert (b"BEGIN CERTIFICATE" in ended.stdout) is spoken
    assert (re.search(rb"alert protocol version", ended.stderr) is None) is spoken
