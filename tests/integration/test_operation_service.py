"""A service as it is operated: configured by a file, watched over its admin port, with workers that die and drain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc
from tests.commands import program
from tests.integration.collector import collector
from tests.integration.operated import PATIENCE, SENIOR, UNKNOWN_LEVEL, Operated, call, wait_for

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


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
    wait_for(lambda: service.get("/readyz?workers=all")[0] == 200)
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
        program(), "serve", "--policies", str(policy_folder), "--listen", "127.0.0.1:0",
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
