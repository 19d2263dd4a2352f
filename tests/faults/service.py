"""`pdp serve` as a process group that a test may hurt, and start again on the same ports and data folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from pdp.snapshot.spool import SpoolReader
from pdp.snapshot.spool.files import count_quarantined
from pdp.snapshot.store import open_reader
from tests.processes import name_of

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
_POLL = 0.02
T = TypeVar("T")


def wait_for(find: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """Return what `find` returns as soon as that is true."""
    end = time.monotonic() + within
    while not (found := find()):
        assert time.monotonic() < end, f"{what} did not come about within {within:g} s"
        time.sleep(_POLL)
    return found


def free_port() -> int:
    """Return a port that is free now. The service keeps it over all its lives."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Service:
    """One service. `audit` are settings of the section `audit`; `environment` and `wrapper` are for its processes."""

    def __init__(
        self,
        folder: Path,
        *,
        transport: str = "grpc",
        workers: int = 2,
        data: Path | None = None,
        audit: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        store_url: str = "",
    ) -> None:
        self.folder, self.transport, self.workers = folder, transport, workers
        self.data = data or folder / "data"
        self.audit = {"checkpoint_seconds": 1.0, **(audit or {})}
        self.environment = dict(environment or {})
        self.address, self.admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.store_url = store_url or f"sqlite:{self.data}/store/snapshots.db"
        self.popen: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self._ready = folder / "ready.json"
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> Service:
        """Start it, and return once it answers calls."""
        self._ready.unlink(missing_ok=True)
        config = self.folder / "pdp.yaml"
        # JSON is YAML.
        config.write_text(json.dumps({"audit": self.audit}))
        config.chmod(0o600)
        self.starts += 1
        command = [
            sys.executable, "-m", "pdp.cli", "serve", "--config", config, "--policies", ROOT / "policies",
            "--data", self.data, "--listen", self.address, "--admin", self.admin, "--staff", "off", "--node", "n1",
            "--workers", self.workers, "--transport", self.transport, "--ready-file", self._ready,
            "--drain", 0, "--grace", 30,
        ]  # fmt: skip
        with (self.folder / f"log-{self.starts:04d}").open("wb") as log:
            self.popen = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, cwd=ROOT,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip
        wait_for(lambda: self._ready.exists() or self.popen.poll() is not None, "the service's start")
        assert self._ready.exists(), f"the service ended with {self.popen.returncode}: {self.tail()}"
        return self

    def stop(self) -> None:
        """End it as a service manager does."""
        assert self.popen is not None
        self.popen.send_signal(signal.SIGTERM)
        assert self.popen.wait(PATIENCE) == 0, self.tail()

    def kill_all(self) -> None:
        """End every process of it at the same time."""
        assert self.popen is not None
        group = self.popen.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self.popen.wait(PATIENCE)
        wait_for(lambda: not _alive(group), "the end of the group")

    def kill_supervisor(self) -> None:
        """End the supervisor alone; its children end when they notice."""
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait(PATIENCE)

    def close(self) -> None:
        """End what is left of it."""
        if self.popen is not None:
            self.kill_all()

    def children(self, name: str) -> list[int]:
        """Return the process ids of the workers, the shipper or the zygote (names in tests.processes) that run now.

        By their group: those that a zygote made are nobody's descendants once it is gone.
        """
        assert self.popen is not None
        group = self.popen.pid
        return [
            int(path.name)
            for path in Path("/proc").glob("[0-9]*")
            if _group(path) == group and name_of(int(path.name)) == name and _state(path) not in {"Z", "X", ""}
        ]

    def entries(self, *events: str) -> list[dict[str, Any]]:
        """Return the log entries of all lives, in order; only those with one of these names, if any are given."""
        found = []
        for path in sorted(self.folder.glob("log-*")):
            for line in path.read_text("utf-8", "replace").splitlines():
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if not events or entry["event"] in events:
                        found.append(entry)
        return found

    def tail(self) -> str:
        """Return the last lines of the log."""
        return (self.folder / f"log-{self.starts:04d}").read_text("utf-8", "replace")[-3000:]

    def metrics(self) -> dict[str, float]:
        """Return the samples of the admin port by name and labels; those of a worker without its number, summed."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=30) as reply:
            text = reply.read().decode()
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = ",".join(value for name, value in sorted(sample.labels.items()) if name != "worker")
                name = f"{sample.name}{{{labels}}}" if labels else sample.name
                found[name] = found.get(name, 0.0) + sample.value
        return found

    def unshipped(self) -> bool:
        """Return whether the spools hold what the store does not. Only while no shipper runs: one at a time reads."""
        store, spool = open_reader(self.store_url), SpoolReader(self.spools)
        try:
            return bool(spool.read({state.key: state.count for state in store.streams()}, 1))
        finally:
            spool.close()
            store.close()

    @property
    def spools(self) -> list[Path]:
        second = self.audit.get("second_spool")
        return [self.data / "spool", *([Path(str(second))] if second else [])]

    def quarantined(self) -> int:
        return count_quarantined(self.spools)

    def finish(self) -> float:
        """Stop it cleanly, everything shipped, and return the seconds that this took.

        What a shipper that was killed had no time for is left to the next start.
        """
        begun = time.monotonic()
        self.stop()
        for _ in range(5):
            if not self.unshipped():
                break
            self.start()
            self.stop()
        assert not self.unshipped(), f"not everything is shipped: {self.tail()}"
        return time.monotonic() - begun


@contextlib.contextmanager
def running(service: Service) -> Iterator[Service]:
    """Start a service, and end it whatever happens."""
    try:
        yield service.start()
    finally:
        service.close()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return any(_state(path) not in {"Z", "X", ""} for path in Path("/proc").glob("[0-9]*") if _group(path) == group)


def _stat(path: Path) -> list[str]:
    try:
        return (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(path: Path) -> str:
    return (_stat(path) or [""])[0]


def _group(path: Path) -> int:
    stat = _stat(path)
    return int(stat[2]) if stat else 0
