"""Several workers: those that die are replaced, versions change under load, and none outlives the supervisor."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.errors import BundleError, ConfigError, WorkerError
from pdp.server.app import App
from pdp.server.folder import Load, Outcome
from pdp.server.launch import Launched, launch_process
from pdp.server.settings import Admin, Settings, Staff, parse_address
from pdp.server.worker import Worker
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2
from tests.integration.running import PATIENCE, RunningServer, put, stopping
from tests.integration.threads import launch_shipper_thread

Stub = decision_service_pb2_grpc.DecisionServiceStub
Launch = Callable[[socket.socket, Sequence[int]], Any]

# What clients are told to do (docs/guides/service.md): three attempts on UNAVAILABLE.
RETRYING = [
    ("grpc.service_config", json.dumps({"methodConfig": [{
        "name": [{"service": "pdp.v1.DecisionService"}],
        "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 3,
                        "retryableStatusCodes": ["UNAVAILABLE"]},
    }]})),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
]  # fmt: skip


class Fleet(RunningServer):
    """A server whose workers are processes."""

    def __init__(self, policies: Path, launch: Launch = launch_process, **options: Any) -> None:
        defaults = {"address": parse_address("127.0.0.1:0"), "drain_seconds": 0.0, "poll_seconds": 0.2, "workers": 2}
        off = {"admin": Admin(address="off"), "staff": Staff(address="off")}
        super().__init__(Settings(policies, **(off | defaults | options)))
        self._launch = launch
        self._news = threading.Condition()

    def make(self) -> App:
        return App(self._settings, self.loads.put, self._launch, launch_shipper_thread)

    def pids(self) -> list[int]:
        return [worker["pid"] for worker in self.app.supervisor.workers()]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true of the workers, looked at whenever the server has logged something."""
        with self._news:
            assert self._news.wait_for(condition, PATIENCE)

    def emit(self) -> None:
        with self._news:
            self._news.notify_all()


class _News(logging.Handler):
    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell()


@pytest.fixture
def fleet(policy_folder: Path) -> Iterator[Callable[..., Fleet]]:
    running: list[Fleet] = []
    log = logging.getLogger("pdp.server")

    def tell() -> None:
        for server in running:
            server.emit()

    news = _News(tell)

    def start(**options: Any) -> Fleet:
        running.append(Fleet(policy_folder, **options))
        running[-1].begin()
        running[-1].wait_until_ready()
        return running[-1]

    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(news)
    try:
        with stopping(running):
            yield start
    finally:
        log.removeHandler(news)
        log.setLevel(level)


class Callers:
    """Callers in threads, each with a connection of its own, that ask until told to stop."""

    def __init__(self, target: str, callers: int) -> None:
        self._stop = threading.Event()
        self._target = target
        self.answers: queue.Queue[decision_service_pb2.DecideResponse] = queue.Queue()
        self.errors: list[grpc.RpcError] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        with grpc.insecure_channel(self._target, RETRYING) as channel:
            stub = Stub(channel)
            while not self._stop.is_set():
                try:
                    self.answers.put(stub.Decide(request(), timeout=PATIENCE))
                except grpc.RpcError as error:
                    self.errors.append(error)

    def next_answers(self, count: int) -> list[decision_service_pb2.DecideResponse]:
        return [self.answers.get(timeout=PATIENCE) for _ in range(count)]

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


@contextlib.contextmanager
def load(target: str, callers: int = 4) -> Iterator[Callers]:
    made = Callers(target, callers)
    try:
        yield made
    finally:
        made.stop()


def request() -> decision_service_pb2.DecideRequest:
    made = decision_service_pb2.DecideRequest(
        subject=types_pb2.Subject(id="T1"),
        context={"menu": types_pb2.Value(string_value="3101")},
        fields=["mobile"],
    )
    made.subject.attributes["level"].int_value = 3
    return made


def worker_of(response: decision_service_pb2.DecideResponse) -> str:
    """Return what names the process that decided: the first part of an id is made once in each."""
    return response.decision_id[:22]


def is_shown(response: decision_service_pb2.DecideResponse) -> bool:
    return response.verdicts[0].effect == types_pb2.EFFECT_UNMASK


@pytest.mark.parametrize("transport", ["grpc", "native"])
def test_a_killed_worker_is_replaced_and_no_caller_notices(fleet: Callable[..., Fleet], transport: str) -> None:
    server = fleet(transport=transport)
    with load(server.target, callers=6) as callers:
        callers.next_answers(50)
        for round_ in range(3):
            victim = server.pids()[round_ % 2]
            os.kill(victim, signal.SIGKILL)
            server.wait_for(
                lambda victim=victim: all(
                    worker["state"] == "ready" and worker["pid"] != victim for worker in server.app.supervisor.workers()
                )
            )
            callers.next_answers(50)
    assert callers.errors == []
    workers = server.app.supervisor.workers()
    assert [worker["restarts"] for worker in workers] == [2, 1]
    assert all("SIGKILL" in worker.get("error", "SIGKILL") for worker in workers)


def test_a_new_worker_decides_as_the_others(
    fleet: Callable[..., Fleet], policy_folder: Path, grants_file: Path
) -> None:
    server = fleet(grants=grants_file)
    policy = policy_folder / "policy.yaml"
    put(policy, policy.read_text().replace("level >= 3", "level >= 4"))
    while server.next_load() != Load("policies", Outcome.ACCEPTED):
        pass
    server.wait_for(lambda: server.app.supervisor.revision == 2)
    first, second = server.pids()
    os.kill(second, signal.SIGKILL)
    server.wait_for(lambda: server.pids()[1] not in {0, second})
    server.wait_for(lambda: all(worker["state"] == "ready" for worker in server.app.supervisor.workers()))
    assert server.pids()[0] == first
    asked = request()
    asked.fields[:] = ["mobile", "balance"]
    asked.resource.type, asked.resource.id = "customer", "C1"
    asked.grant_ids.append("G1")
    seen = set()
    while len(seen) < 2:
        with grpc.insecure_channel(server.target, RETRYING) as channel:
            response = Stub(channel).Decide(asked, timeout=PATIENCE)
        seen.add(worker_of(response))
        assert response.revision == 2
        assert [v.effect for v in response.verdicts] == [types_pb2.EFFECT_MASK, types_pb2.EFFECT_UNMASK]


@pytest.mark.parametrize("transport", ["grpc", "native"])
def test_versions_change_under_load_without_an_error_or_a_mixed_answer(
    fleet: Callable[..., Fleet], policy_folder: Path, transport: str
) -> None:
    server = fleet(transport=transport)
    policy = policy_folder / "policy.yaml"
    texts = [policy.read_text(), policy.read_text().replace("level >= 3", "level >= 4")]
    # What each revision says: they show and hide in turn.
    shown: dict[int, bool] = {1: True}
    hashes: dict[int, str] = {1: server.app.supervisor.hash}
    answers = []
    server.next_load()
    with load(server.target) as callers:
        answers += callers.next_answers(20)
        for revision in range(2, 8):
            put(policy, texts[(revision + 1) % 2])
            while server.next_load().outcome is not Outcome.ACCEPTED:
                pass
            shown[revision], hashes[revision] = revision % 2 == 1, server.app.supervisor.hash
            # All workers have it by now: whoever asks from here on is answered by it.
            with grpc.insecure_channel(server.target, RETRYING) as channel:
                answers.append(Stub(channel).Decide(request(), timeout=PATIENCE))
            assert answers[-1].revision == revision
            answers += callers.next_answers(40)
    while not callers.answers.empty():
        answers.append(callers.answers.get())
    assert callers.errors == []
    assert {answer.revision for answer in answers} == set(range(1, 8))
    for answer in answers:
        assert is_shown(answer) is shown[answer.revision]
        assert answer.policy_hash == hashes[answer.revision]


def test_a_batch_is_decided_by_one_version(fleet: Callable[..., Fleet], policy_folder: Path) -> None:
    server = fleet()
    asked = request()
    batch = decision_service_pb2.DecideBatchRequest(subject=asked.subject, context=asked.context)
    for number in range(1_000):
        batch.items.add(resource=types_pb2.Resource(type="customer", id=str(number)), fields=["mobile"])
    policy = policy_folder / "policy.yaml"
    texts = [policy.read_text(), policy.read_text().replace("level >= 3", "level >= 4")]
    server.next_load()
    seen = set()
    with grpc.insecure_channel(server.target, RETRYING) as channel:
        for revision in range(2, 6):
            calls = [Stub(channel).DecideBatch.future(batch, timeout=PATIENCE) for _ in range(8)]
            put(policy, texts[(revision + 1) % 2])
            for call in calls:
                answer = call.result(PATIENCE)
                effects = {result.decision.verdicts[0].effect for result in answer.results}
                shows = answer.revision % 2 == 1
                assert effects == {types_pb2.EFFECT_UNMASK if shows else types_pb2.EFFECT_MASK}
                seen.add(answer.revision)
            while server.next_load().outcome is not Outcome.ACCEPTED:
                pass
    assert len(seen) > 1


def test_a_worker_that_keeps_dying_is_replaced_ever_more_slowly_and_the_other_goes_on(
    fleet: Callable[..., Fleet], caplog: pytest.LogCaptureFixture
) -> None:
    started = itertools.count()

    async def launch(channel: socket.socket, descriptors: Sequence[int]) -> Launched:
        launched = await launch_process(channel, descriptors)
        if next(started) >= 2:  # both places were filled soundly once
            launched.kill()
        return launched

    def pauses() -> list[float]:
        entries = [getattr(record, "pdp_event", ("", {})) for record in caplog.records]
        return [details["pause"] for name, details in entries if name == "worker.died"]

    with caplog.at_level(logging.ERROR, "pdp.server.supervisor"):
        server = fleet(launch=launch)
        os.kill(server.pids()[1], signal.SIGKILL)
        server.wait_for(lambda: len(pauses()) >= 4)
        assert pauses()[:4] == [0, 0.5, 1, 2]
        with grpc.insecure_channel(server.target, RETRYING) as channel:
            assert is_shown(Stub(channel).Decide(request(), timeout=PATIENCE))
        worker = server.app.supervisor.workers()[1]
        assert worker["state"] in {"down", "starting"}
        assert worker["restarts"] >= 3
        assert "SIGKILL" in worker["error"]


def test_a_worker_that_refuses_a_version_stays_on_the_old_one_and_says_so(
    serve: Callable[..., Any], policy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_ = Worker._compile

    def refuse(self: Worker, payload: bytes) -> Any:
        assert self._config is not None
        version = compile_(self, payload)
        if self._config.number == 1 and version is not None and version.program.revision == 2:
            raise BundleError("no room")
        return version

    server = serve(policy_folder, workers=2)
    monkeypatch.setattr(Worker, "_compile", refuse)
    server.next_load()
    policy = policy_folder / "policy.yaml"
    put(policy, policy.read_text().replace("level >= 3", "level >= 4"))
    assert server.next_load().outcome is Outcome.ACCEPTED
    first, second = server.app.supervisor.workers()
    assert (first["revision"], first["state"], first.get("error")) == (2, "ready", None)
    assert (second["revision"], second["state"], second["error"]) == (1, "ready", "no room")
    put(policy, policy.read_text().replace("level >= 4", "level >= 5"))
    assert server.next_load().outcome is Outcome.ACCEPTED
    workers = server.app.supervisor.workers()
    assert [(worker["revision"], worker.get("error")) for worker in workers] == [(3, None)] * 2


def test_a_version_that_every_worker_refuses_is_refused(
    serve: Callable[..., Any], policy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Any:
        raise BundleError("no room")

    server = serve(policy_folder, workers=2)
    server.next_load()
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_compile", refuse)
        policy = policy_folder / "policy.yaml"
        put(policy, policy.read_text().replace("level >= 3", "level >= 4"))
        refused = server.next_load()
        assert refused.outcome is Outcome.REFUSED
        assert "no room" in str(refused.error)
    assert server.app.supervisor.revision == 1
    put(policy, policy.read_text().replace("level >= 4", "level >= 5"))
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert [worker["revision"] for worker in server.app.supervisor.workers()] == [3, 3]


def test_workers_end_when_the_supervisor_is_killed(policy_folder: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [
        sys.executable, "-m", "pdp.cli", "serve", "--policies", policy_folder, "--listen", "127.0.0.1:0",
        "--admin", "off", "--workers", "2", "--ready-file", ready, "--data", tmp_path / "data",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("ready ")
        pids = _started(process.stderr, 2)
        watched = [os.pidfd_open(pid) for pid in pids]
        process.kill()
        try:
            for fd in watched:
                assert select.select([fd], [], [], PATIENCE)[0], "a worker is still there"
        finally:
            for fd in watched:
                os.close(fd)
        orphaned = [line for line in process.stderr if json.loads(line)["event"] == "worker.orphaned"]
    assert len(orphaned) == 2


def _started(log: Any, count: int) -> list[int]:
    """Read a log until so many workers have started, and return their process ids."""
    pids: list[int] = []
    while len(pids) < count:
        entry = json.loads(log.readline())
        if entry["event"] == "worker.started":
            pids.append(entry["pid"])
    return pids


@pytest.mark.parametrize("transport", ["grpc", "native"])
def test_each_worker_has_a_port_of_its_own(fleet: Callable[..., Fleet], transport: str) -> None:
    server = fleet(transport=transport, worker_ports=True, workers=3)
    base = server.app.address.port
    addresses = [worker["address"] for worker in server.app.supervisor.workers()]
    assert addresses == [f"127.0.0.1:{base + 1 + number}" for number in range(3)]
    seen = []
    for address in [*addresses, *addresses]:
        with grpc.insecure_channel(address, RETRYING) as channel:
            seen.append(worker_of(Stub(channel).Decide(request(), timeout=PATIENCE)))
    assert seen[:3] == seen[3:]
    assert len(set(seen)) == 3


def test_a_socket_file_is_for_one_worker(policy_folder: Path, tmp_path: Path) -> None:
    address = parse_address(f"unix:{tmp_path}/pdp.sock")
    with pytest.raises(ConfigError, match="one worker"):
        App(Settings(policy_folder, address, workers=2))
    assert len(App(Settings(policy_folder, address, workers="auto")).supervisor.workers()) == 1


def test_workers_that_cannot_be_started_end_the_server(fleet: Callable[..., Fleet]) -> None:
    async def launch(_channel: socket.socket, _descriptors: Sequence[int]) -> Launched:
        raise OSError("no more processes")

    with pytest.raises(WorkerError, match="no more processes"):
        fleet(launch=launch)
