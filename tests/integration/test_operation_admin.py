"""The admin port over real sockets, and `pdp status` that asks it, for a service whose workers are told by the test."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pdp.cli.main import main
from pdp.errors import ConfigError
from pdp.server import admin
from pdp.server.address import Address
from pdp.server.admin import MAX_CONNECTIONS, MAX_REQUEST, AdminServer
from pdp.server.facts import Facts, ShipperFacts, Shipping, Snapshot, SpoolCounts, WorkerFacts
from pdp.server.metrics import WorkerMetrics

PATIENCE = 60.0


class Service:
    """A supervisor with two workers, and its admin port in a thread of its own."""

    def __init__(self) -> None:
        self.metrics = [WorkerMetrics(["Decide"]), WorkerMetrics(["Decide"])]
        self.workers = [
            WorkerFacts(pid=pid, state="ready", revision=3, hash="abc", restarts=0, started_at=time.time() - 90)
            for pid in (101, 102)
        ]
        self.facts = Facts(
            workers=self.workers, revision=3, hash="abc", started_at=time.time() - 100, address="127.0.0.1:7070",
            transport="grpc", policies_error=None,
        )  # fmt: skip
        self.spool: SpoolCounts | None = None
        self.collect: Callable[[], Any] = self._collect
        self.broken: Exception | None = None
        self._started: queue.Queue[Address | BaseException] = queue.Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.address = Address("127.0.0.1", 0)

    async def _asked(self) -> list[Snapshot]:
        found: list[Snapshot] = await self.collect()  # a test may put another in place at any time
        return found

    async def _collect(self) -> list[Snapshot]:
        pairs = zip(self.metrics, self.workers, strict=True)
        audit = {} if self.spool is None else {"audit": self.spool}
        return [made.snapshot() | {"pid": worker["pid"]} | audit for made, worker in pairs]  # type: ignore[misc,operator]

    def _facts(self) -> Facts:
        if self.broken is not None:
            raise self.broken
        return self.facts

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = AdminServer(self.address, self._facts, self._asked)
        try:
            self._started.put(await server.start())
        except BaseException as error:  # the thread of the test raises it
            self._started.put(error)
            return
        await self._end.wait()
        await server.stop()

    def start(self) -> None:
        self._thread.start()
        found = self._started.get(timeout=PATIENCE)
        if isinstance(found, BaseException):
            raise found
        self.address = found

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address.host, self.address.port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            assert "server" not in response.headers
            return response.status, response.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.address.host, self.address.port), timeout=PATIENCE)


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    made.start()
    yield made
    made.stop()


def metric(text: bytes, name: str, **labels: str) -> float:
    return next(
        sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def answer(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read()


def test_metrics_are_the_sum_of_the_workers(service: Service) -> None:
    service.metrics[0].observe("Decide", 0, 0.0001)
    service.metrics[1].observe("Decide", 0, 0.0001)
    wait_for(lambda: metric(service.get("/metrics")[1], "pdp_requests_total", method="Decide", code="OK") == 2)


def wait_for(holds: Callable[[], bool]) -> None:
    """Ask again until it holds: the answers come over the network, which paces the loop."""
    end = time.monotonic() + PATIENCE
    while not _true(holds):
        assert time.monotonic() < end


def counted(service: Service) -> int:
    return sum(json.loads(service.get("/status")[1])["calls"].get("Decide", {}).values())


def _true(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except StopIteration:  # the metric is not there yet
        return False


def test_a_worker_that_dies_leaves_its_counts(service: Service) -> None:
    service.metrics[0].observe("Decide", 0, 0.0001)
    wait_for(lambda: metric(service.get("/metrics")[1], "pdp_requests_total", code="OK") == 1)
    service.workers[0] = service.workers[0] | {"pid": 103, "restarts": 1}  # type: ignore[assignment]
    service.metrics[0] = WorkerMetrics(["Decide"])
    service.metrics[0].observe("Decide", 0, 0.0001)
    wait_for(lambda: metric(service.get("/metrics")[1], "pdp_requests_total", code="OK") == 2)
    assert metric(service.get("/metrics")[1], "pdp_worker_restarts_total", worker="0") == 1


def test_workers_that_do_not_answer_do_not_hold_up_the_metrics(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "COLLECT_SECONDS", 0.05)
    never = asyncio.Event()
    service.collect = never.wait
    code, text = service.get("/metrics")
    assert code == 200
    assert metric(text, "pdp_ready") == 1


def test_readiness_follows_the_workers(service: Service) -> None:
    assert service.get("/readyz") == (200, b"2 of 2 workers ready\n")
    service.workers[0]["state"] = "down"
    assert service.get("/readyz") == (200, b"1 of 2 workers ready\n")
    assert service.get("/readyz?workers=all") == (503, b"1 of 2 workers ready\n")
    service.workers[1]["state"] = "starting"
    assert service.get("/readyz")[0] == 503
    assert service.get("/healthz") == (200, b"ok\n")
    service.workers[1]["state"] = "ready"
    service.facts["draining"] = True
    assert service.get("/readyz") == (503, b"draining\n")


def test_status_is_json(service: Service) -> None:
    service.metrics[0].observe("Decide", 0, 0.0001)
    service.facts["policies_error"] = {"at": time.time(), "reason": "柜员"}
    wait_for(lambda: counted(service) > 0)
    told = json.loads(service.get("/status")[1])
    assert (told["ready"], told["revision"], told["address"]) == (True, 3, "127.0.0.1:7070")
    assert told["policies_error"]["reason"] == "柜员"
    assert [worker["pid"] for worker in told["workers"]] == [101, 102]
    assert told["workers"][0]["uptime_seconds"] >= 90
    assert told["calls"] == {"Decide": {"OK": 1}}
    assert sum(told["latency"]["Decide"]["counts"]) == 1


def test_what_is_asked_wrongly_is_answered_so(service: Service) -> None:
    assert service.get("/")[0] == 404
    assert service.get("/metrics/../etc/passwd")[0] == 404
    for method in ("POST", "PUT", "DELETE"):
        assert service.get("/metrics", method)[0] == 405
    assert service.get("/metrics", "HEAD") == (200, b"")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x00\r\n\r\n", 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", 400),
        (b"get /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 2 * MAX_REQUEST + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 2 * MAX_REQUEST, 431),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    ],
)
def test_raw_bytes(service: Service, request_bytes: bytes, status: int) -> None:
    with service.connect() as connection:
        connection.sendall(request_bytes)
        assert answer(connection).startswith(f"HTTP/1.1 {status} ".encode())
    assert service.get("/healthz")[0] == 200


def test_a_request_that_never_ends_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "REQUEST_SECONDS", 0.05)
    with service.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 408 ")


def test_a_flood_of_connections_is_bounded_and_passes(service: Service) -> None:
    idle = [service.connect() for _ in range(MAX_CONNECTIONS)]
    for connection in idle:
        connection.sendall(b"GET")
    wait_for(lambda: _is_refused(service))
    for connection in idle:
        connection.close()
    wait_for(lambda: not _is_refused(service))


def _is_refused(service: Service) -> bool:
    try:
        return service.get("/healthz")[0] != 200
    except (OSError, http.client.HTTPException):
        return True


def test_a_failure_shows_nothing_of_the_inside(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.broken = RuntimeError("s3cret")
    code, body = service.get("/status")
    assert (code, body) == (500, b"internal error; see the log\n")
    assert "s3cret" not in caplog.text
    service.broken = None
    assert service.get("/readyz")[0] == 200


def test_a_taken_port_is_a_wrong_setting(service: Service) -> None:
    second = Service()
    second.address = service.address
    with pytest.raises(ConfigError, match=re.escape(f"`{service.address}`: it is in use")):
        second.start()


def test_a_stop_that_comes_together_with_what_workers_tell_is_kept(service: Service) -> None:
    told = asyncio.Event()

    async def collect() -> list[Snapshot]:
        await told.wait()
        return []

    async def stop_at_once() -> None:
        server = AdminServer(Address("127.0.0.1", 0), service._facts, collect)
        await server.start()
        await asyncio.sleep(0)  # the first look at the workers has begun
        told.set()
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            await server.stop()

    asyncio.run(stop_at_once())


# pdp status


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["status", *map(str, arguments)])
        ended = capsys.readouterr()
        return int(caught.value.code or 0), ended.out, ended.err

    return call


def test_status_shows_workers_calls_and_what_was_refused(
    service: Service, status: Callable[..., tuple[int, str, str]]
) -> None:
    for _ in range(1_500):
        service.metrics[0].observe("Decide", 0, 0.00008)
    service.metrics[1].observe("Decide", 13, 0.8)
    finding = {
        "severity": "error", "code": "unknown-attribute", "message": "unknown attribute `subject.levle`",
        "file": "policy.yaml", "line": 9, "column": 12,
    }  # fmt: skip
    service.facts["policies_error"] = {"at": time.time() - 200, "errors": 3, "diagnostics": [finding]}
    wait_for(lambda: counted(service) == 1_501)
    code, out, err = status("--admin", service.address, "--interval", 0)
    assert (code, err) == (0, "")
    text = re.sub(" +", " ", out)
    assert re.search("state ready, up 1 min [45][0-9] s", text)
    assert "listens 127.0.0.1:7070, grpc" in text
    place = "policy.yaml:9:12: unknown attribute `subject.levle` [unknown-attribute]"
    assert re.search(r"REFUSED 3 min [2-5][0-9] s ago: " + re.escape(place), text)
    assert "(and 2 more)" in text
    assert re.search(r"^0 101 ready 3 0 .* 1 min [3-5][0-9] s", text, re.MULTILINE)
    assert re.search(r"^Decide 1,501 75 µs 95 µs 100 µs since start", text, re.MULTILINE)


def test_status_shows_how_records_fare(service: Service, status: Callable[..., tuple[int, str, str]]) -> None:
    assert json.loads(service.get("/status")[1])["snapshots"] is None
    service.spool = SpoolCounts(appended=1_500, refused=2, unrecorded=0, level="ALARM", bytes=4096)
    shipping = Shipping(
        shipped=2_990, lag_records=10, lag_bytes=900, lag_seconds=75.0, store_up=False, store_error="no such host",
        checkpoint=8, checkpoint_at=time.time() - 70, quarantined=0, alarms={"store.away": "no such host"},
    )  # fmt: skip
    shipper = ShipperFacts(pid=7, state="ready", restarts=1, started_at=time.time() - 30, shipping=shipping)
    service.facts["shipper"] = shipper
    wait_for(lambda: json.loads(service.get("/status")[1])["snapshots"]["spools"].get("appended") == 3_000)
    told = json.loads(service.get("/status")[1])
    assert told["ready"]
    assert told["workers"][0]["spool"]["level"] == "ALARM"
    kept = told["snapshots"]["shipper"]
    assert (kept["pid"], kept["restarts"], kept["lag_records"], kept["store_up"]) == (7, 1, 10, False)
    assert 70 <= kept["checkpoint_age_seconds"] < 70 + PATIENCE
    code, out, _ = status("--admin", service.address, "--interval", 0)
    text = re.sub(" +", " ", out)
    assert code == 0
    waiting = "10 waiting for 1 min 15 s, STORE AWAY: no such host"
    assert f"records 3,000 written, 4 REFUSED, 2,990 shipped, {waiting}" in text
    assert re.search(r"^evidence checkpoint 8, 1 min [1-5][0-9] s ago", text, re.MULTILINE)
    assert "alarm store.away: no such host" in text


def test_status_tells_rates_between_two_readings(service: Service, status: Callable[..., tuple[int, str, str]]) -> None:
    service.metrics[0].observe("Decide", 0, 5.0)
    wait_for(lambda: counted(service) > 0)
    asked = threading.Event()

    async def busy() -> list[Snapshot]:
        if asked.is_set():
            service.metrics[0].observe("Decide", 0, 0.00008)
            service.metrics[1].observe("Decide", 13, 0.00008)
        asked.set()
        return await service._collect()

    service.collect = busy
    asked.wait(PATIENCE)
    code, out, _ = status("--admin", service.address, "--interval", 0.3, "--json")
    told = json.loads(out)
    rates = told["rates"]["methods"]["Decide"]
    assert code == 0
    assert told["rates"]["seconds"] >= 0.3
    assert rates["calls_per_second"] == pytest.approx(2 * rates["failures_per_second"])
    assert rates["failures_per_second"] > 0
    assert 0.00005 <= rates["latency_seconds"]["p99"] <= 0.0001
    assert not rates["latency_seconds"]["since_start"]
    assert told["rates"]["workers"][0]["calls_per_second"] > 0


def test_status_of_a_service_that_is_not_ready(service: Service, status: Callable[..., tuple[int, str, str]]) -> None:
    service.workers[0] |= {"state": "down", "error": "refused revision 4"}  # type: ignore[misc,typeddict-item]
    service.workers[1]["state"] = "down"
    code, out, _ = status("--admin", service.address, "--interval", 0)
    assert code == 1
    assert "NOT READY" in out
    assert "down: refused revision 4" in out
    service.facts["draining"] = True
    code, out, _ = status("--admin", service.address, "--interval", 0)
    assert code == 1
    assert "draining" in out


def test_status_of_nothing(status: Callable[..., tuple[int, str, str]]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it meanwhile
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = status("--admin", address)
    assert (code, out) == (1, "")
    assert err.startswith(f"pdp: error: no answer from `{address}`: connection refused; is `pdp serve` running")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n[1",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
    ],
)
def test_status_of_another_service(status: Callable[..., tuple[int, str, str]], reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        code, out, err = status("--admin", f"127.0.0.1:{other.getsockname()[1]}")
        thread.join(PATIENCE)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "admin address" in err


@pytest.mark.parametrize("address", ["7071", "unix:/run/x", "127.0.0.1:x"])
def test_status_of_an_address_that_is_none(status: Callable[..., tuple[int, str, str]], address: str) -> None:
    assert status("--admin", address)[0] == 2


def test_the_address_can_stand_in_the_environment(
    status: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    monkeypatch.setenv("PDP_ADMIN_LISTEN", str(service.address))
    assert status("--interval", 0)[0] == 0
