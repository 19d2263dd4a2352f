"""A service as it is operated: configured by a file, watched over its admin port, with workers that die and drain."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2
from tests.integration.collector import collector

PATIENCE = 60.0
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Operated:
    """A running `pdp serve` with a configuration file, as its operator sees it."""

    def __init__(self, folder: Path, config: str, **environ: str) -> None:
        self.config, self._ready_file = folder / "pdp.yaml", folder / "ready.json"
        head = "policies: policies\ndata: data\nlisten: 127.0.0.1:0\npoll_seconds: 0.2\n"
        head += f"ready_file: {self._ready_file.name}\n"
        self.config.write_text(head + config)
        command = [sys.executable, "-m", "pdp.cli", "serve", "--config", str(self.config)]
        self.log = (folder / "serve.log").open("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | environ
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), (folder / "serve.log").read_text()
        facts = json.loads(self._ready_file.read_text())
        self.address, self.admin = facts["address"], facts["admin"]

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.admin, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have these labels."""
        text = self.get("/metrics")[1].decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/status")[1])
        return found

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pdp.cli", "status", "--admin", self.admin, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def end(self) -> int:
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return code


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


def wait_for(holds: Callable[[], bool]) -> None:
    """Ask again until it holds: each question is a call over the network, which paces the loop."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def request(**attributes: types_pb2.Value) -> decision_service_pb2.DecideRequest:
    subject = types_pb2.Subject(id="T1", attributes=attributes)
    context = {"menu": types_pb2.Value(string_value="3101")}
    return decision_service_pb2.DecideRequest(subject=subject, context=context, fields=["name", "mobile", "balance"])


SENIOR = request(level=types_pb2.Value(int_value=5))
UNKNOWN_LEVEL = request()


def call(address: str, asked: decision_service_pb2.DecideRequest, times: int = 1) -> None:
    """Decide over a new connection each time, so that both workers get some."""
    for _ in range(times):
        # A channel of its own shares no connection with another one only when told so.
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            decision_service_pb2_grpc.DecisionServiceStub(channel).Decide(asked, timeout=30)


def test_counts_of_all_workers(operate: Callable[..., Operated]) -> None:
    service = operate("workers: 2\n")
    call(service.address, SENIOR, 12)
    call(service.address, UNKNOWN_LEVEL, 3)
    with pytest.raises(grpc.RpcError):
        call(service.address, decision_service_pb2.DecideRequest())
    wait_for(lambda: service.metric("pdp_requests_total") >= 16)
    assert service.metric("pdp_requests_total", method="Decide", code="OK") == 15
    assert service.metric("pdp_requests_total", method="Decide", code="INVALID_ARGUMENT") == 1
    assert service.metric("pdp_request_seconds_count", method="Decide") == 16
    assert 0 < service.metric("pdp_request_seconds_sum", method="Decide") < PATIENCE
    assert service.metric("pdp_decisions_total") == 15
    assert service.metric("pdp_verdicts_total", effect="unmask", level="C1") == 15
    assert service.metric("pdp_verdicts_total", effect="unmask", level="C2") == 12
    assert service.metric("pdp_verdicts_total", effect="mask", level="C2") == 3
    assert service.metric("pdp_verdicts_total", effect="mask", level="C3") == 15
    assert service.metric("pdp_undecided_conditions_total", attribute="subject.level") == 3
    assert service.metric("pdp_worker_up") == 2
    told = service.status()
    assert sum(worker["calls"] for worker in told["workers"]) == 16
    ended = service.command("--interval", "0")
    assert ended.returncode == 0, ended.stderr
    assert f"revision  1 {told['hash']}" in ended.stdout
    assert service.end() == 0


def test_a_killed_worker_takes_no_counts_with_it(operate: Callable[..., Operated]) -> None:
    service = operate("workers: 2\n")
    call(service.address, SENIOR, 10)
    wait_for(lambda: service.metric("pdp_requests_total", code="OK") == 10)
    victim = service.status()["workers"][0]["pid"]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: service.metric("pdp_requests_total", code="OK") == 10 and _replaced(service, victim))
    assert service.get("/readyz?workers=all")[0] == 200
    assert service.metric("pdp_worker_restarts_total", worker="0") == 1
    call(service.address, SENIOR, 10)
    wait_for(lambda: service.metric("pdp_requests_total", code="OK") >= 20)
    assert service.metric("pdp_requests_total", code="OK") == 20
    assert service.metric("pdp_verdicts_total", effect="unmask", level="C2") == 20


def _replaced(service: Operated, victim: int) -> bool:
    return all(worker["state"] == "ready" and worker["pid"] != victim for worker in service.status()["workers"])


def test_a_refused_version_is_told_and_forgotten_once_mended(operate: Callable[..., Operated], tmp_path: Path) -> None:
    service = operate("workers: 1\n")
    policy = tmp_path / "policies" / "policy.yaml"
    good = policy.read_text()
    policy.write_text(good.replace("subject.level >= 3", "subject.levle >= 3"))
    wait_for(lambda: service.metric("pdp_policy_refused", what="policies") == 1)
    assert service.metric("pdp_policy_loads_total", what="policies", outcome="refused") >= 1
    assert service.get("/readyz")[0] == 200
    ended = service.command("--interval", "0")
    assert ended.returncode == 0
    assert "REFUSED" in ended.stdout
    assert "policy.yaml:9:12: " in ended.stdout
    policy.write_text(good.replace("subject.level >= 3", "subject.level >= 4"))
    wait_for(lambda: service.metric("pdp_policy_refused", what="policies") == 0)
    wait_for(lambda: service.metric("pdp_worker_revision", worker="0") == 2)
    assert service.metric("pdp_policy_revision") == 2


def test_a_drain_is_not_ready_and_still_answers(operate: Callable[..., Operated]) -> None:
    service = operate("workers: 1\ndrain_seconds: 600\n")
    service.process.send_signal(signal.SIGTERM)
    wait_for(lambda: service.get("/readyz") == (503, b"draining\n"))
    call(service.address, SENIOR)
    assert service.get("/healthz")[0] == 200
    ended = service.command("--interval", "0")
    assert ended.returncode == 1
    assert "draining" in ended.stdout
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE) == 0


def test_the_environment_comes_before_the_file(operate: Callable[..., Operated]) -> None:
    service = operate("workers: 1\nlog: {level: error}\n", PDP_WORKERS="2", PDP_WORKER="3", PDP_LOG_LEVEL="warning")
    assert len(service.status()["workers"]) == 2
    entries = [json.loads(line) for line in Path(service.log.name).read_text().splitlines()]
    assert [(entry["event"], entry["place"]) for entry in entries] == [("config.warning", "PDP_WORKER")]


def test_without_an_admin_port_there_is_none(tmp_path: Path, policy_folder: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [
        sys.executable, "-m", "pdp.cli", "serve", "--policies", str(policy_folder), "--listen", "127.0.0.1:0",
        "--admin", "off", "--workers", "1", "--ready-file", str(ready), "--data", str(tmp_path / "data"),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        assert "admin" not in json.loads(ready.read_text())
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_spans_come_from_the_workers(operate: Callable[..., Operated]) -> None:
    # In the extra `otel`, which not everybody who runs the tests has installed.
    pytest.importorskip("opentelemetry.exporter.otlp.json.http")
    with collector() as collecting:
        tracing = f"{{enabled: true, ratio: 0, endpoint: '{collecting.endpoint}'}}"
        service = operate(f"workers: 1\ndrain_seconds: 0\ntracing: {tracing}\n")
        with grpc.insecure_channel(service.address) as channel:
            metadata = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
            stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
            decision = stub.Decide(SENIOR, timeout=30, metadata=metadata)
            stub.Decide(SENIOR, timeout=30)  # nobody asked for this one to be recorded
        assert service.end() == 0
        _, _, body = collecting.received.get(timeout=PATIENCE)
    (span,) = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, PARENT)
    attributes = {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}
    assert attributes["pdp.decision_id"] == decision.decision_id
    assert (int(attributes["pdp.fields.masked"]), int(attributes["pdp.fields.unmasked"])) == (1, 2)
    assert collecting.received.empty()
