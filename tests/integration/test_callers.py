"""Callers of the whole service, as a process, on both transports: who may ask for what, how often, and reloads."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.v1 import decision_service_pb2 as messages
from pdp.v1 import decision_service_pb2_grpc, types_pb2
from tests.commands import pid_of, program
from tests.integration.haproxy import SECRET, HAProxy
from tests.integration.pki import Authority
from tests.integration.running import write_policies
from tests.processes import WORKER, named

PATIENCE = 60
Stub = decision_service_pb2_grpc.DecisionServiceStub
COUNTER, DESK, LIMITED = ("jx_" + letter * 43 for letter in "cdl")


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


CALLERS = f"""
kind: Callers
callers:
  - name: counter
    tokens: [{{id: a, sha256: "{digest(COUNTER)}"}}]
    certificates: ["cn:counter"]
    applications: [core-counter]
    subjects: ["T*"]
  - name: desk
    tokens: [{{id: a, sha256: "{digest(DESK)}"}}]
    applications: ["*"]
    subjects: ["*"]
    calls: [decide, explain]
  - name: limited
    tokens: [{{id: a, sha256: "{digest(LIMITED)}"}}]
    certificates: ["cn:limited"]
    applications: ["*"]
    subjects: ["*"]
    rate: {{per_second: 1, burst: 40}}
"""


class Service:
    """`pdp serve` with a configuration file in a folder of its own."""

    def __init__(self, folder: Path, policies: Path | None, transport: str, **settings: Any) -> None:
        self.callers = folder / "callers.yaml"
        self.callers.write_text(CALLERS)
        ready = folder / "ready.json"
        configuration = {
            "policies": policies and str(policies), "listen": "127.0.0.1:0", "admin": {"listen": "off"},
            "callers": "callers.yaml",
            "transport": transport, "workers": 1, "drain_seconds": 0, "poll_seconds": 0.2, "ready_file": str(ready),
            "data": "data",
        } | settings  # fmt: skip
        configuration = {name: value for name, value in configuration.items() if value is not None}
        (folder / "pdp.yaml").write_text(json.dumps(configuration))
        self.log: list[dict[str, Any]] = []
        self._written = threading.Condition()
        self._process = subprocess.Popen(
            [program(), "serve", "--config", str(folder / "pdp.yaml")],
            cwd=folder, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
            assert line.startswith("ready "), self.log
        except BaseException:
            self._process.kill()
            raise
        self.address = line.split()[1]

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._written:
                self.log.append(json.loads(line) if line.startswith("{") else {"event": "", "message": line})
                self._written.notify_all()

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return the last entry of a kind, as soon as there is one, and forget all before it."""

        def found() -> dict[str, Any] | None:
            return next((entry for entry in reversed(self.log) if entry["event"] == event), None)

        with self._written:
            assert self._written.wait_for(lambda: found() is not None, PATIENCE), self.log
            entry = found()
            assert entry is not None
            self.log.clear()
        return entry

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return named(pid_of(self._process), WORKER)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            with self._process:
                self._reader.join(PATIENCE)


Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path, policy_folder: Path) -> Iterator[Start]:
    running: list[Service] = []

    def begin(transport: str, **settings: Any) -> Service:
        running.append(Service(tmp_path, policy_folder, transport, **settings))
        return running[-1]

    yield begin
    for service in running:
        service.stop()


@pytest.fixture(scope="module", params=["grpc", "native"])
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "native":
        pytest.importorskip("pygrpc_native", reason="needs jingxi[native]")
    return str(request.param)


@pytest.fixture(scope="module")
def shared(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that tests leave as it is, for starting one takes a while."""
    folder = tmp_path_factory.mktemp("service")
    service = Service(folder, write_policies(folder), transport)
    yield service
    service.stop()


@pytest.fixture
def stub(shared: Service) -> Iterator[Stub]:
    with grpc.insecure_channel(shared.address) as channel:
        yield Stub(channel)


def request(subject: str = "T1", application: str = "core-counter") -> messages.DecideRequest:
    made = messages.DecideRequest(subject=types_pb2.Subject(id=subject), fields=["mobile"])
    made.resource.type = "customer"
    made.context["application"].string_value = application
    return made


def bearer(token: str) -> dict[str, Any]:
    return {"metadata": (("authorization", f"Bearer {token}"),), "timeout": PATIENCE}


@dataclass(frozen=True)
class Failed:
    code: grpc.StatusCode
    reason: str
    message: str
    retry_seconds: float


def failure(call: Callable[[], Any]) -> Failed:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return failed_of(raised.value)


def failed_of(error: grpc.RpcError) -> Failed:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(retry)
    return Failed(error.code(), info.reason, error.details(), retry.retry_delay.ToTimedelta().total_seconds())


def test_a_token_opens_the_door(stub: Stub) -> None:
    assert stub.Decide(request(), **bearer(COUNTER)).decision_id
    assert stub.GetMessageMap(message_map("core-counter"), **bearer(COUNTER)).revision
    assert stub.Explain(messages.ExplainRequest(request=request()), **bearer(DESK)).decision.decision_id


def message_map(application: str) -> messages.GetMessageMapRequest:
    return messages.GetMessageMapRequest(application=application, name="customer-detail")


@pytest.mark.parametrize(
    "metadata", [(), (("authorization", "Bearer jx_wrong"),), (("authorization", f"Basic {COUNTER}"),),
                 (("authorization", f"Bearer {COUNTER}"), ("authorization", f"Bearer {DESK}")),
                 (("x-jingxi-peer", f"{SECRET} 10.0.0.1  counter"),)],
)  # fmt: skip
def test_without_a_good_token_nothing_is_answered(stub: Stub, metadata: tuple[tuple[str, str], ...]) -> None:
    options: dict[str, Any] = {"metadata": metadata, "timeout": PATIENCE}
    for call in (
        lambda: stub.Decide(request(), **options),
        lambda: stub.DecideBatch(batch(), **options),
        lambda: stub.Explain(messages.ExplainRequest(request=request()), **options),
        lambda: stub.GetMessageMap(message_map("core-counter"), **options),
    ):
        failed = failure(call)
        assert (failed.code, failed.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ERROR_REASON_UNAUTHENTICATED")


def batch(*applications: str) -> messages.DecideBatchRequest:
    single = request()
    made = messages.DecideBatchRequest(subject=single.subject, context=single.context)
    made.items.add(resource=single.resource, fields=["mobile"])
    for application in applications:
        made.items.add(message=types_pb2.MessageRef(application=application, name="customer-detail"))
    return made


def test_a_caller_gets_its_own_and_no_more(stub: Stub) -> None:
    options = bearer(COUNTER)
    for call, message in (
        (lambda: stub.Decide(request("X1"), **options), "subject.id: the caller `counter` may not ask for `X1`"),
        (lambda: stub.Decide(request(application="loans"), **options), "context.application"),
        (lambda: stub.DecideBatch(batch("core-counter", "loans"), **options), "items[2].message.application"),
        (lambda: stub.GetMessageMap(message_map("loans"), **options), "may not ask for `loans`"),
        (lambda: stub.Explain(messages.ExplainRequest(request=request()), **options), "may not call Explain"),
    ):
        failed = failure(call)
        assert (failed.code, failed.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ERROR_REASON_ACCESS_DENIED")
        assert message in failed.message
    assert stub.DecideBatch(batch("core-counter"), **options).results


def admitted(stub: Stub, limit: int = 100, **options: Any) -> tuple[int, Failed | None]:
    for count in range(limit):
        try:
            stub.Decide(request(), **options)
        except grpc.RpcError as error:
            return count, failed_of(error)
    return limit, None


def test_a_caller_is_held_to_its_rate_and_others_are_not(stub: Stub) -> None:
    begun = time.monotonic()
    count, failed = admitted(stub, **bearer(LIMITED))
    assert 40 <= count <= 41 + (time.monotonic() - begun)
    assert failed is not None
    assert (failed.code, failed.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_RATE_LIMITED")
    assert 0 < failed.retry_seconds <= 1
    assert stub.Decide(request(), **bearer(COUNTER)).decision_id


def test_health_needs_no_caller(shared: Service) -> None:
    with grpc.insecure_channel(shared.address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_the_callers_file_is_followed_and_forgives_nothing(start: Start, transport: str) -> None:
    service, new = start(transport), "jx_" + "n" * 43
    with grpc.insecure_channel(service.address) as channel:
        stub = Stub(channel)
        assert failure(lambda: stub.Decide(request(), **bearer(new))).code is grpc.StatusCode.UNAUTHENTICATED
        assert admitted(stub, **bearer(LIMITED))[0] < 100
        service.wait_for("callers.accepted")
        service.callers.write_text(CALLERS.replace(digest(COUNTER), digest(new)))
        service.wait_for("callers.accepted")
        assert stub.Decide(request(), **bearer(new)).decision_id
        assert failure(lambda: stub.Decide(request(), **bearer(COUNTER))).code is grpc.StatusCode.UNAUTHENTICATED
        # What was used up before is still used up.
        assert admitted(stub, **bearer(LIMITED))[0] < 20
        service.callers.write_text(CALLERS.replace("subjects", "subject"))
        assert service.wait_for("callers.refused")["diagnostics"][0]["line"] == 4
        assert stub.Decide(request(), **bearer(new)).decision_id


def test_a_stream_is_judged_request_by_request(stub: Stub) -> None:
    asked = [messages.DecideStreamRequest(request=request(subject)) for subject in ("T1", "X1", "T2")]
    answers = list(stub.DecideStream(iter(asked), **bearer(COUNTER)))
    assert [answer.error.code for answer in answers] == [0, grpc.StatusCode.PERMISSION_DENIED.value[0], 0]
    refused = stub.DecideStream(iter(asked), **bearer("jx_wrong"))
    with pytest.raises(grpc.RpcError) as raised:
        list(refused)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_mutual_tls_of_the_service_itself(start: Start, tmp_path: Path) -> None:
    authority = Authority.make()
    certificate, key = authority.server().write(tmp_path, "server")
    (tmp_path / "clients.crt").write_bytes(authority.pem)
    files = {"certificate": str(certificate), "key": str(key), "client_ca": str(tmp_path / "clients.crt")}
    service = start("grpc", workers=2, tls=files | {"require_client_certificate": True})

    def ask(name: str, subject: str = "T1") -> Any:
        client = authority.issue(name)
        credentials = grpc.ssl_channel_credentials(authority.pem, client.key, client.pem)
        with grpc.secure_channel(service.address, credentials) as channel:
            return Stub(channel).Decide(request(subject), timeout=PATIENCE)

    assert ask("counter").decision_id
    assert failure(lambda: ask("counter", "X1")).code is grpc.StatusCode.PERMISSION_DENIED
    assert failure(lambda: ask("stranger")).code is grpc.StatusCode.UNAUTHENTICATED
    authority.server().write(tmp_path, "server")
    assert ask("counter").decision_id
    assert service.wait_for("tls.replaced")


def test_no_token_stands_in_the_log(start: Start, transport: str) -> None:
    service = start(transport, log={"level": "debug"})
    with grpc.insecure_channel(service.address) as channel:
        stub = Stub(channel)
        stub.Decide(request(), **bearer(COUNTER))
        failure(lambda: stub.Decide(request("X-secret"), **bearer(COUNTER)))
        failure(lambda: stub.Decide(request(), **bearer("jx_wrong")))
    service.stop()
    written = json.dumps(service.log)
    assert "caller.refused" in written
    assert not [word for word in ("jx_", digest(COUNTER), "X-secret") if word in written]


class Proxied:
    """The service with two workers behind the real HAProxy."""

    def __init__(self, service: Service) -> None:
        self.authority = Authority.make()
        self.service = service
        port = int(self.service.address.rpartition(":")[2])
        self.proxy = HAProxy(self.authority, [port + 1, port + 2])

    def connect(self, name: str) -> grpc.Channel:
        return self.proxy.connect(self.authority.issue(name))


@pytest.fixture(scope="module")
def proxied(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxied")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JINGXI_TEST_PROXY_SECRET", SECRET)
        service = Service(
            folder, write_policies(folder), transport, workers=2, worker_ports=True,
            trusted_proxy={"env": "JINGXI_TEST_PROXY_SECRET"},
        )  # fmt: skip
    try:
        made = Proxied(service)
        yield made
        made.proxy.stop()
    finally:
        service.stop()


def test_behind_the_proxy_the_certificate_tells_the_caller(proxied: Proxied) -> None:
    with proxied.connect("counter") as channel:
        assert Stub(channel).Decide(request(), timeout=PATIENCE).decision_id
        spoofed = (("x-jingxi-peer", f"{SECRET} 10.0.0.1  limited"),)
        failed = failure(lambda: Stub(channel).Decide(request("X1"), timeout=PATIENCE, metadata=spoofed))
        assert "the caller `counter`" in failed.message
    with proxied.connect("stranger") as channel:
        assert failure(lambda: Stub(channel).Decide(request())).code is grpc.StatusCode.UNAUTHENTICATED
    with grpc.insecure_channel(proxied.service.address) as channel:
        options = bearer(COUNTER)
        assert failure(lambda: Stub(channel).Decide(request(), **options)).code is grpc.StatusCode.UNAUTHENTICATED


def test_behind_the_proxy_calls_are_spread_and_rates_are_shared(proxied: Proxied) -> None:
    before = proxied.proxy.answered()
    with proxied.connect("counter") as channel:
        for _ in range(100):
            Stub(channel).Decide(request(), timeout=PATIENCE)
    after = proxied.proxy.answered()
    assert {name: after[name] - before.get(name, 0) for name in after} == {"worker1": 50, "worker2": 50}
    with proxied.connect("limited") as channel:
        begun = time.monotonic()
        count, _ = admitted(Stub(channel), timeout=PATIENCE)
        assert 40 <= count <= 41 + (time.monotonic() - begun)


def test_behind_the_proxy_a_killed_worker_costs_no_call(proxied: Proxied) -> None:
    with proxied.connect("counter") as channel:
        Stub(channel).Decide(request(), timeout=PATIENCE)
        os.kill(proxied.service.workers[0], signal.SIGKILL)
        for _ in range(50):
            assert Stub(channel).Decide(request(), timeout=PATIENCE).decision_id
