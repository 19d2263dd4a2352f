"""`pdp serve` as a process: the ready line, the ready file, logs, signals and exit codes."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2

PATIENCE = 60.0


class Process:
    """A running `pdp serve`, its stdout and its log entries as they come."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "pdp.cli", "serve", *map(str, arguments)]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.entries: queue.Queue[dict[str, Any]] = queue.Queue()
        self.raw: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.raw.append(line)
            try:
                self.entries.put(json.loads(line))
            except ValueError:
                self.entries.put({"event": "not-json", "text": line})

    def event(self, name: str) -> dict[str, Any]:
        """Return the next log entry of this name."""
        while True:
            entry = self.entries.get(timeout=PATIENCE)
            if entry["event"] == name:
                return entry

    def ready(self) -> list[str]:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().split()

    def end(self) -> int:
        code = self.popen.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for stream in (self.popen.stdout, self.popen.stderr):
            assert stream is not None
            stream.close()
        return code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def run(*arguments: object) -> Process:
        process = Process(*arguments, "--data", tmp_path / f"data-{len(started)}")
        started.append(process)
        return process

    yield run
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
            process.end()


def decide(channel: grpc.Channel) -> decision_service_pb2.DecideResponse:
    request = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="T1"), fields=["mobile"])
    return decision_service_pb2_grpc.DecisionServiceStub(channel).Decide(request, timeout=30)


def test_a_whole_life(start: Callable[..., Process], policy_folder: Path, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    process = start("--policies", policy_folder, "--listen", "127.0.0.1:0", "--ready-file", ready_file, "--drain", 600)
    word, address, *rest = process.ready()
    assert (word, rest[:2]) == ("ready", ["revision", "1"])
    facts = json.loads(ready_file.read_text())
    assert facts.pop("admin").startswith("127.0.0.1:")
    assert facts == {"address": address, "revision": 1, "hash": rest[2], "pid": process.popen.pid}
    with grpc.insecure_channel(address) as channel:
        assert decide(channel).policy_hash == rest[2]
        process.popen.send_signal(signal.SIGTERM)
        process.event("server.draining")
        health = health_pb2_grpc.HealthStub(channel)
        status = health.Check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True).status
        assert status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert decide(channel).verdicts
        process.popen.send_signal(signal.SIGINT)
        process.event("server.stopped")
    assert process.end() == 0
    for line in process.raw:
        entry = json.loads(line)
        assert {"time", "level", "event", "message"} <= set(entry)


def test_it_ends_with_who_started_it(policy_folder: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "pdp.cli", "serve", "--until-eof", "--policies", str(policy_folder),
        "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--drain", "0",
    ]  # fmt: skip
    held = [sys.executable, "-c", f"import subprocess; subprocess.Popen({command!r}, stdin=subprocess.PIPE).wait()"]
    with subprocess.Popen(held, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith(b"ready ")
        parent.kill()
        # Its standard output ends when nobody holds it any more, neither the service nor a worker.
        assert parent.stdout.read() == b""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, "needs a pipe" in done.stderr) == (2, True)


_READY = """
import gc, sys
from pathlib import Path
from pdp.server.app import serve
from pdp.server.settings import Admin, Settings, Staff, parse_address

def ready(app):
    print(gc.get_freeze_count(), len(gc.get_objects()))
    app.request_stop()

settings = Settings(
    Path(sys.argv[1]), parse_address("127.0.0.1:0"), data=Path(sys.argv[2]), drain_seconds=0.0, workers=1,
    admin=Admin(address="off"), staff=Staff(address="off"),
)
serve(settings, ready, print)
"""


def test_what_it_has_when_it_is_ready_is_not_looked_through_for_garbage(policy_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _READY, str(policy_folder), str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    kept, others = map(int, done.stdout.split())
    assert kept > 100 * others


def test_logs_name_decisions_and_no_values(start: Callable[..., Process], policy_folder: Path) -> None:
    process = start("--policies", policy_folder, "--listen", "127.0.0.1:0", "--log-level", "debug")
    with grpc.insecure_channel(process.ready()[1]) as channel:
        response = decide(channel)
        entry = process.event("call")
        assert entry["decision_id"] == response.decision_id
        assert (entry["method"], entry["code"]) == ("/pdp.v1.DecisionService/Decide", "OK")
        bad = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="13800138000"), fields=[])
        with pytest.raises(grpc.RpcError):
            decision_service_pb2_grpc.DecisionServiceStub(channel).Decide(bad)
        assert process.event("call")["code"] == "INVALID_ARGUMENT"
    process.popen.terminate()
    assert process.end() == 0
    assert "13800138000" not in "".join(process.raw)


def test_a_first_version_with_errors_ends_with_1(start: Callable[..., Process], policy_folder: Path) -> None:
    policy = policy_folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("subject.level >= 3", "subject.levle >= 3"))
    process = start("--policies", policy_folder, "--listen", "127.0.0.1:0")
    entry = process.event("policies.refused")
    assert entry["errors"] == 1
    assert entry["diagnostics"][0]["file"] == "policy.yaml"
    assert "subject.levle" in entry["diagnostics"][0]["message"]
    assert process.end() == 1
    assert process.raw[-1].startswith("pdp: error: ")


def test_text_logs_are_for_people(start: Callable[..., Process], policy_folder: Path) -> None:
    policy = policy_folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("subject.level >= 3", "subject.levle >= 3"))
    process = start("--policies", policy_folder, "--listen", "127.0.0.1:0", "--log-format", "text")
    assert process.end() == 1
    assert any(line.startswith("  policy.yaml:9:12: error: ") for line in process.raw)


def test_a_taken_port_ends_with_1_and_one_line(start: Callable[..., Process], policy_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start("--policies", policy_folder, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        assert process.end() == 1
    (line,) = [line for line in process.raw if not line.startswith("{")]
    assert line.startswith("pdp: error: cannot listen on")


def test_a_reader_that_goes_away_is_no_error(policy_folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pdp.cli", "explain", str(policy_folder)]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_terminal_without_chinese_gets_escapes(policy_folder: Path) -> None:
    command = [sys.executable, "-m", "pdp.cli", "explain", str(policy_folder)]
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\\u" in ended.stdout
