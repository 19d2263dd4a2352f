"""A store that is away for a minute while decisions go on, and what it takes to catch up."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from pdp.snapshot.store import install
from tests.faults.conftest import SEED, Results
from tests.faults.load import Load, quantiles, under_load
from tests.faults.service import Service, running, wait_for
from tests.integration.postgres import Postgres
from tests.processes import SHIPPER

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

AWAY_SECONDS = float(os.environ.get("JINGXI_AWAY", "60"))
BEFORE_SECONDS = 8.0
# Beyond what a shared machine does to any call.
WORST_SECONDS = 2.0


@pytest.fixture
def server() -> Iterator[Postgres]:
    found = Postgres()
    yield found
    found.close()


def test_postgresql_away(server: Postgres, tmp_path: Path, results: Results) -> None:
    url = server.url(server.create_database())
    install(url)
    secret = tmp_path / "store-url"
    secret.write_text(url + "\n")
    secret.chmod(0o600)
    service = Service(tmp_path / "run", transport="grpc", audit={"store": {"file": str(secret)}}, store_url=url)
    away(service, "PostgreSQL away", server.killed(), AWAY_SECONDS, results)


def test_sqlite_locked(tmp_path: Path, results: Results) -> None:
    """Somebody's tool holds the file locked."""
    service = Service(tmp_path, transport="native")

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(
            sqlite3.connect(service.data / "store" / "snapshots.db", isolation_level=None, timeout=30)
        ) as lock:
            lock.execute("BEGIN IMMEDIATE")
            yield

    away(service, "SQLite store locked", locked(), AWAY_SECONDS / 4, results)


def test_sqlite_moved_away(tmp_path: Path, results: Results) -> None:
    """The folder of the store is not there when a shipper starts."""
    service = Service(tmp_path, transport="grpc")
    store, other = service.data / "store", service.data / "elsewhere"

    @contextmanager
    def moved() -> Iterator[None]:
        store.rename(other)
        store.write_text("")
        for pid in service.children(SHIPPER):
            os.kill(pid, signal.SIGKILL)
        yield
        store.unlink()
        other.rename(store)

    away(service, "SQLite store moved", moved(), AWAY_SECONDS / 4, results)


def away(service: Service, name: str, absence: AbstractContextManager[None], seconds: float, results: Results) -> None:
    """Take the store away under load, give it back, and see to it that everything arrives."""
    with running(service), under_load(service.address, seed=SEED, rate=200) as load:
        begun = time.monotonic()
        time.sleep(BEFORE_SECONDS)
        gone = time.monotonic()
        with absence:
            wait_for(lambda: service.metrics().get("pdp_store_up") == 0, "the alarm that the store is away")
            noticed = time.monotonic() - gone
            time.sleep(max(0.0, seconds - noticed))
            backlog = int(service.metrics()["pdp_shipper_lag_records"])
            back = time.monotonic()
        # A stream that goes on always has a few records under way.
        wait_for(lambda: _lag(service) < backlog / 10, "catching up", 180)
        caught_up = time.monotonic() - back
        time.sleep(2)
        end = time.monotonic()
        load.stop()
        phases = {
            "before": quantiles(load.since(begun, gone)),
            "away": quantiles(load.since(gone, back)),
            "catching up": quantiles(load.since(back, back + caught_up)),
            "after": quantiles(load.since(back + caught_up, end)),
        }
        alarms = [entry["event"] for entry in service.entries("ship.store_away", "ship.store_back")]
        results.settle(
            name, service, load, caught_up, transport=service.transport, away_s=round(back - gone, 1),
            noticed_s=round(noticed, 2), backlog_records=backlog, caught_up_s=round(caught_up, 2), phases=phases,
            alarms=alarms,
        )  # fmt: skip
        assert set(Load.codes_of(load.calls)) == {"OK"}
        assert max(call.seconds for call in load.calls) < WORST_SECONDS
        assert backlog
        assert "ship.store_away" in alarms


def _lag(service: Service) -> float:
    metrics = service.metrics()
    return metrics["pdp_shipper_lag_records"] if metrics.get("pdp_store_up") else float("inf")
