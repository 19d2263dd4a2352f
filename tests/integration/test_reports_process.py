"""Reports to real processes that are killed in the middle, alone and in a cluster: each event counts once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest

from pdp.v1 import snapshot_pb2
from tests import commands
from tests.integration.clustered import write_key
from tests.integration.operated import Operated
from tests.integration.reporting import CLIENT, Client, event, snapshots, wait_for
from tests.integration.running import write_policies

HEAD = "drain_seconds: 0\naudit: {checkpoint_seconds: 0.2}\n"
AT_ONCE = 20


class Reporter:
    """Reports events without end, at one address after another, as a client does whose answers get lost."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = list(addresses)
        self.said = 0
        self.wanted = 1 << 62
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        turn = 0
        while self.said < self.wanted:
            turn += 1
            client = Client(self.addresses[turn % len(self.addresses)])
            with contextlib.closing(client), contextlib.suppress(grpc.RpcError):
                for _ in range(5):
                    client.fallbacks(*[event(self.said + n) for n in range(1, AT_ONCE + 1)], timeout=10)
                    self.said += AT_ONCE

    def go_on(self) -> None:
        """Wait until some more reports are recorded."""
        wanted = self.said + 3 * AT_ONCE
        wait_for(lambda: self.said >= wanted)

    def finish(self) -> int:
        """Report to the end of a round number, and return it."""
        self.wanted = self.said + 2 * AT_ONCE
        self._thread.join(120)
        assert not self._thread.is_alive()
        return self.said


def ids(count: int) -> set[str]:
    return {f"{CLIENT}-f{number}-0" for number in range(1, count + 1)}


def kill(service: Operated) -> None:
    commands.kill(service.process)
    assert service.process.stdout is not None
    service.process.stdout.close()
    service.log.close()


def counted(found: Sequence[snapshot_pb2.Snapshot]) -> Counter[str]:
    """Count ids as readers do: what may repeat another counts where there is no other."""
    own = Counter(s.decision_id for s in found if not s.may_repeat)
    return own + Counter({s.decision_id: 1 for s in found if s.may_repeat and s.decision_id not in own})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_policies(tmp_path)
    return tmp_path


def test_a_killed_service_and_killed_workers(folder: Path) -> None:
    config = HEAD + "node: n1\nworkers: 2\n"
    service = Operated(folder, config)
    reporter = Reporter([service.address])
    reporter.go_on()
    os.kill(service.status()["workers"][0]["pid"], signal.SIGKILL)
    reporter.go_on()
    for _ in range(2):
        kill(service)
        service = Operated(folder, config)
        reporter.addresses[:] = [service.address]
        reporter.go_on()
    count = reporter.finish()
    assert service.end() == 0
    found = snapshots(folder / "data" / "store" / "snapshots.db")
    # Alone it knows its own disk: there is never a doubt.
    assert Counter(s.decision_id for s in found) == dict.fromkeys(ids(count), 1)
    assert not any(s.may_repeat for s in found)


@pytest.fixture
def two(folder: Path) -> Iterator[list[Operated]]:
    nodes = []
    write_key(folder / "publish.key")
    for name in ("n1", "n2"):
        (folder / name).mkdir()
        (folder / name / "policies").symlink_to(folder / "policies")
        nodes.append(node(folder, name))
    yield nodes
    for one in nodes:
        if one.process.poll() is None:
            one.end()


def node(folder: Path, name: str) -> Operated:
    """Start one of several nodes with one control store and a store of records each."""
    config = (
        f"{HEAD}node: {name}\nworkers: 1\ncontrol:\n  store: {{env: CONTROL}}\n  lease_seconds: 3\n"
        f"  trust: {folder}/publish.pub\n  signing_key: {folder}/publish.key\n"
    )
    return Operated(folder / name, config, CONTROL=f"sqlite:{folder}/control.db")


@pytest.mark.slow
def test_a_node_is_killed_and_the_other_takes_over(folder: Path, two: list[Operated]) -> None:
    reporter = Reporter([one.address for one in two])
    reporter.go_on()
    kill(two[0])
    reporter.addresses[:] = [two[1].address]
    # Until the lease of the first has ended the second may have to wait.
    reporter.go_on()
    two[0] = node(folder, "n1")
    reporter.addresses[:] = [one.address for one in two]
    count = reporter.finish()
    for one in two:
        assert one.end() == 0
    found = [s for name in ("n1", "n2") for s in snapshots(folder / name / "data" / "store" / "snapshots.db")]
    assert counted(found) == dict.fromkeys(ids(count), 1)
    assert {s.source for s in found} == {snapshot_pb2.SNAPSHOT_SOURCE_FALLBACK}
