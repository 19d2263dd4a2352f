"""The benchmark of the service runs, and its load tells failures and stalls from answers."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest

from pdp.snapshot.evidence.merkle import EMPTY, extend
from pdp.snapshot.spool.reader import SpoolReader
from pdp.snapshot.spool.writer import Spool
from pdp.snapshot.store import open_writer
from pdp.snapshot.store.base import StreamState
from tests.integration.needs import missing

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
PATIENCE = 240
# What the benchmark ends with when the machine lacks something that it needs.
MISSING = 3

Answer = Callable[[bytes, grpc.ServicerContext], bytes]
PATH = "/test.Service/Ask"


class Asked:
    """A gRPC server in this process that answers one method, as the load sees a server under test."""

    settles = False

    def __init__(self, address: str) -> None:
        self.address = address

    def processes(self) -> list[int]:
        return [os.getpid()]


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Asked]]:
    running: list[grpc.Server] = []

    def start(answer: Answer) -> Asked:
        server = grpc.server(futures.ThreadPoolExecutor(80))
        handlers = {"Ask": grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        running.append(server)
        return Asked(f"127.0.0.1:{port}")

    yield start
    for server in running:
        server.stop(None).wait()


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of the benchmarks, which are scripts beside each other and not a package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__(name)


def echo(request: bytes, _context: grpc.ServicerContext) -> bytes:
    return request


def refuse(_request: bytes, context: grpc.ServicerContext) -> bytes:
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
    raise AssertionError


def test_paced_load_asks_everything_and_checks_every_reply(
    serve: Callable[[Answer], Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    paced = module("service_paced", monkeypatch)
    requests = [bytes([number]) * 300 for number in range(7)]
    seen: list[tuple[int, bytes]] = []

    def check(number: int, reply: bytes) -> bool:
        seen.append((number, reply))
        return reply == requests[number]

    found = paced.run_paced(serve(echo), PATH, requests, paced.Pace(400, 3, 0.5), check)
    assert found.requests == len(seen) > 100
    assert {number for number, _ in seen} == set(range(7))
    assert 0 < found.p50_ms <= found.p99_ms <= found.max_ms
    with pytest.raises(paced.BenchmarkError, match="wrong or empty reply"):
        paced.run_paced(
            serve(echo), PATH, requests, paced.Pace(400, 3, 0.1), lambda _number, reply: reply != requests[3]
        )


def test_paced_load_goes_on_while_a_server_stalls(
    serve: Callable[[Answer], Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    paced = module("service_paced", monkeypatch)
    arrived, enough = itertools.count(1), threading.Event()
    held = 40

    def hold(request: bytes, _context: grpc.ServicerContext) -> bytes:
        # Nobody is answered until many have asked: a load that waits for answers would wait for ever.
        if next(arrived) == held:
            enough.set()
        assert enough.wait(30)
        return request

    found = paced.run_paced(serve(hold), PATH, [b"x"], paced.Pace(200, 2, 0.5), lambda _number, reply: reply == b"x")
    assert found.requests >= held
    # The first one waited for the fortieth, due a fifth of a second later.
    assert found.max_ms > 50


def test_failed_calls_are_no_answers(
    serve: Callable[[Answer], Asked], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paced = module("service_paced", monkeypatch)
    with pytest.raises(paced.BenchmarkError, match="0 bytes"):
        paced.run_paced(serve(refuse), PATH, [b"x"], paced.Pace(100, 1, 0.2), lambda _number, reply: bool(reply))
    if shutil.which("h2load") is None:
        return
    load = module("service_load", monkeypatch)
    asked = load.Load(2, 2, 0.2)
    with pytest.raises(load.BenchmarkError, match="0 bytes of replies"):
        load.run(serve(refuse), PATH, b"x", 1, asked, tmp_path)


def test_times_of_the_closed_loop_are_those_of_each_turn(
    serve: Callable[[Answer], Asked], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if shutil.which("h2load") is None:
        missing("h2load; on Debian: apt-get install nghttp2-client")
    load = module("service_load", monkeypatch)
    runs = [load.run(serve(echo), PATH, b"x" * 40, 40, load.Load(2, 2, 0.2), tmp_path) for _ in range(2)]
    # A turn with the times of an earlier one among its own fails.
    assert all(0 < run.p50_ms <= run.p99_ms and run.requests > 0 for run in runs)
    assert {path.name for path in tmp_path.iterdir()} == {"request.bin"}


def test_work_after_the_last_answer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = module("service_usage", monkeypatch)
    busy = "import time\nwhile time.process_time() < 1.5: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        found = usage.Meter([process.pid]).stop(settle=True)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        process.stdin.write("\n")
    assert found.cpu > 1
    assert found.behind > 0


def test_records_are_counted_in_store_and_spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    records = module("service_records", monkeypatch)
    url = f"sqlite:{tmp_path / 'store' / 'snapshots.db'}"
    (tmp_path / "store").mkdir()
    for life in range(2):
        spool = Spool(tmp_path / "spool", node="node-1")
        spool.append([("medium", bytes([life, number])) for number in range(5)] + [("long", b"x")])
        spool.close()
    assert records.count_ours(tmp_path) == records.Count(12, 0)
    reader = SpoolReader([tmp_path / "spool"])
    shipped = next(list(group) for _, group in itertools.groupby(reader.read({}, 100), key=lambda one: one.stream))[:3]
    reader.close()
    store = open_writer(url)
    chains = [record.chain for record in shipped]
    state = StreamState(shipped[0].stream, len(shipped), chains[-1], extend(EMPTY, chains))
    store.take(shipped, [state])
    store.close()
    assert records.count_ours(tmp_path) == records.Count(12, len(shipped))


def test_a_server_that_records_less_than_it_answers_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    turns = module("service_turns", monkeypatch)
    records, candidates = module("service_records", monkeypatch), module("service_candidates", monkeypatch)
    kept = records.Records(tmp_path / "data", lambda: records.Count(102, 102), 50)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool.db").write_bytes(b"x" * 10_000)
    candidate = candidates.Candidate("grpc-1-sync", "ours", None, lambda: None, records=kept)
    subject = turns.Subject(candidate, None)
    subject.answered("unary", 3)
    subject.answered("batch", 2)
    with pytest.raises(turns.BenchmarkError, match="recorded 102 of 103"):
        list(turns.recorded(subject))
    subject.due -= 1
    (found,) = turns.recorded(subject)
    assert (found["due"], found["records"]) == (102, 102)
    assert found["disk_bytes"] >= 10_000
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_everything_runs(tmp_path: Path) -> None:
    out = tmp_path / "service.json"
    command = [sys.executable, str(FOLDER / "service.py"), "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode == MISSING and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(out.read_text(encoding="utf-8"))
    keys = {
        "plain": ["cerbos", "grpc-1", "native-1", "echo-grpc", "echo-native"],
        "records": ["cerbos-audit", "grpc-1-sync", "native-1-sync"],
    }
    assert list(result["books"]) == list(keys)
    for name, book in result["books"].items():
        for kind in ("unary", "batch"):
            rows = {row["key"]: row for row in book["rows"] if row["kind"] == kind}
            assert list(rows) == keys[name]
            assert all(row["rate"] > 0 and row["cpu_us"] >= 0 and len(row["runs"]) == 2 for row in rows.values())
            assert all(0 < run["p50_ms"] <= run["p99_ms"] for row in rows.values() for run in row["runs"])
            assert next(iter(rows.values()))["rate_ratio"] == 1
        assert [row["key"] for row in book["paced"]] == keys[name]
    assert result["equal"]["unary"]["unmasked"] > 0
    assert result["equal"]["batch"]["verdicts"] == result["equal"]["batch"]["requests"] * 50 * 12
    picture = out.with_suffix(".svg").read_text(encoding="utf-8")
    assert picture.count("<rect") == 3 * sum(map(len, keys.values()))
    for label in ("Cerbos", "Jingxi grpcio ×1", "Jingxi native ×1", "Jingxi native ×1, snapshots"):
        assert label in done.stdout
    assert not result["books"]["plain"]["records"]
    for each, key in zip(result["books"]["records"]["records"], keys["records"], strict=True):
        assert each["key"] == key
        # A batch is one entry of Cerbos' log and as many records of ours as it has items.
        assert each["records"] >= each["due"] > 0
        assert each["disk_bytes"] > 0


def test_the_profile_runs() -> None:
    command = [sys.executable, str(FOLDER / "service_profile.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    parts = {line[:44].strip(): float(line[44:].removesuffix(" µs")) for line in done.stdout.splitlines()}
    assert all(micros > 0 for micros in parts.values())
    assert {"one: decide", "batch item: decide", "spool: a record of 64 at once"} <= set(parts)


def test_the_pages_show_the_figures_of_the_last_run(monkeypatch: pytest.MonkeyPatch) -> None:
    report = module("service_report", monkeypatch)
    result: dict[str, Any] = json.loads((FOLDER / "results" / "service.json").read_text(encoding="utf-8"))
    assert not result["quick"]
    for language, page in report.PAGES.items():
        assert report.markdown(result, language) in page.read_text(encoding="utf-8"), f"{page.name}: {HOW}"


HOW = "its tables are not those of benchmarks/results/service.json; run: python benchmarks/service.py --pages"
