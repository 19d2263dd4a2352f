"""The Python client, and the business system that its example connects, against a real `pdp serve` that fails."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jingxi_client import Client, Masked, Subject
from jingxi_client.decisions import Action
from jingxi_client.offline import OfflineClient
from pdp.values import parse_timestamp
from tests.clients.toolchains import POLICIES, ROOT
from tests.processes import descendants, pause

DESK = ROOT / "clients" / "python" / "examples" / "desk"
CHANGED = 50
PATIENCE = 60.0
CLOCK = "2026-03-02T10:00:00+08:00"
MESSAGE = json.loads((POLICIES / "samples" / "core-counter.customer-detail.json").read_text())
SUBJECT = Subject("T1001", ["teller"], {"level": 2, "branch": "320400001"})
TERMINAL = {"menu": "1201", "channel": "counter", "scenario": "processing", "region": "320400"}


class Serving:
    """A real `pdp serve` on a port that stays the same when it starts again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.target = f"127.0.0.1:{free.getsockname()[1]}"
        self._process: subprocess.Popen[str] | None = None

    @property
    def keys(self) -> Path:
        """Who signs its bundles."""
        return self._folder / "data" / "keys" / "control"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "pdp.cli", "serve", "--policies", str(POLICIES), "--clock", CLOCK,
                "--listen", self.target, "--data", str(self._folder / "data"), "--node", "n1", "--drain", "0",
            ],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the service did not start"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the service and to its workers."""
        assert self._process is not None
        for child in [self._process.pid, *descendants(self._process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def pause(self) -> None:
        """Let the service and its workers stand still."""
        assert self._process is not None
        pause([self._process.pid, *descendants(self._process.pid)])

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self._process.terminate()
            self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = Serving(tmp_path_factory.mktemp("served"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(served: Serving, tmp_path: Path) -> Iterator[Client]:
    with Client(served.target, deadline=30, state=tmp_path / "state") as made:
        made.wait_ready(PATIENCE)
        yield made


def mask(client: Client) -> Masked:
    return client.mask(
        MESSAGE, application="core-counter", name="customer-detail", subject=SUBJECT, action=Action("query"),
        context=TERMINAL,
    )  # fmt: skip


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end
        pause.wait(0.05)


def waiting(client: Client) -> int:
    failures = client._core.failures
    assert failures is not None
    return failures.spool.waiting


def test_a_service_that_hangs_costs_the_deadline_and_no_more(served: Serving, client: Client) -> None:
    shown = mask(client)
    assert shown.fallback is None
    client._core.deadline = 0.4
    served.pause()
    try:
        began = time.monotonic()
        masked = mask(client)
        assert time.monotonic() - began < 10
        assert masked.fallback is not None
        assert masked.fallback.cause in ("deadline", "unavailable")
        # The failure rule of the sample bank: C1 and C2 pass, C3 and what is never shown does not.
        assert masked.message["customer"]["mobile"] == MESSAGE["customer"]["mobile"]
        assert masked.message["security"]["query_password"] != MESSAGE["security"]["query_password"]
        for _ in range(6):
            last = mask(client)
        assert last.fallback is not None
        assert last.fallback.cause == "breaker_open"
    finally:
        served.signal(signal.SIGCONT)
    client._core.deadline = 30
    until(lambda: mask(client).fallback is None)
    assert mask(client).message == shown.message
    until(lambda: waiting(client) == 0)


def test_a_service_that_was_killed_is_found_again_and_told(served: Serving, client: Client) -> None:
    shown = mask(client).message
    served.kill()
    client._core.deadline = 0.5
    fallen = [mask(client) for _ in range(3)]
    assert all(masked.fallback is not None and masked.fallback.recorded for masked in fallen)
    assert waiting(client) == 3
    served.start()
    client._core.deadline = 30
    until(lambda: mask(client).fallback is None)
    assert mask(client).message == shown
    until(lambda: waiting(client) == 0)


def test_deciding_offline_is_deciding_as_the_service_does(served: Serving, client: Client, tmp_path: Path) -> None:
    online = mask(client)
    with OfflineClient(served.target, trust=served.keys, state=tmp_path / "offline") as offline:
        offline.wait_ready(PATIENCE)
        offline._clock = lambda: parse_timestamp(CLOCK)
        for _ in range(40):
            masked = offline.mask(
                MESSAGE, application="core-counter", name="customer-detail", subject=SUBJECT, action=Action("query"),
                context=TERMINAL,
            )  # fmt: skip
        assert masked.message == online.message
        assert (masked.policy_hash, masked.fallback) == (online.policy_hash, None)
        for one, other in zip(masked.decisions, online.decisions, strict=True):
            assert one.decision is not None
            assert other.decision is not None
            assert one.decision.verdicts == other.decision.verdicts
            assert one.decision.obligations == other.decision.obligations
        until(lambda: offline.status().waiting < 100)
    with OfflineClient(served.target, trust=served.keys, state=tmp_path / "offline") as offline:
        # What was left is reported; the bundle of the last time is there at once.
        assert offline.status().revision == online.decisions[0].decision.revision
        until(lambda: offline.status().waiting == 0)


def get(url: str, teller: str = "T1001") -> Any:
    request = urllib.request.Request(url, headers={"X-Teller": teller})  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code


@contextlib.contextmanager
def desk(name: str, *arguments: str) -> Iterator[str]:
    """Run the example and yield its address."""
    process = subprocess.Popen(
        [sys.executable, str(DESK / name), "--port", "0", "--data", str(POLICIES / "samples"), *arguments],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_example_masks_what_it_showed_before(served: Serving, tmp_path: Path) -> None:
    with desk("before.py") as before, desk("after.py", "--pdp", served.target, "--state", str(tmp_path)) as after:
        assert get(f"{before}/customers/C2001") == MESSAGE
        shown = get(f"{after}/customers/C2001")
        assert shown["customer"]["no"] == "C2001"
        assert shown["customer"]["id_no"] != MESSAGE["customer"]["id_no"]
        assert "*" in shown["customer"]["mobile"]
        account = MESSAGE["accounts"][0]["no"]
        assert get(f"{after}/accounts/{account}/transactions")["account"].keys() <= {
            *get(f"{before}/accounts/{account}/transactions")["account"]
        }
        for address in (before, after):
            assert get(f"{address}/customers/C9999") == 404
            assert get(f"{address}/customers/C2001", "nobody") == 401


def test_the_example_is_connected_by_few_lines() -> None:
    before, after = ((DESK / name).read_text().splitlines() for name in ("before.py", "after.py"))
    changed = [
        line for line in difflib.unified_diff(before, after, n=0)
        if line.startswith(("+", "-")) and not line.startswith(("+++", "---")) and line[1:].strip()
    ]  # fmt: skip
    assert 0 < len(changed) <= CHANGED, len(changed)
