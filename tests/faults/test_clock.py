"""A clock that is set back by an hour, and forward over midnight, under load. The machine's own clock is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pdp.snapshot.store import open_reader
from tests.faults.conftest import SEED, Results
from tests.faults.load import Load, quantiles, under_load
from tests.faults.service import Service, running
from tests.faults.shims import faketime

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

DAY = 86_400
STEP_SECONDS = 3.0


@pytest.mark.parametrize("transport", ["grpc", "native"])
def test_a_clock_that_jumps(
    transport: str, tmp_path: Path, results: Results, need: Callable[[bool, str], None]
) -> None:
    told = tmp_path / "time"
    to_midnight = DAY - time.time() % DAY
    # Seconds beside the machine's clock: as it is, an hour back, two seconds before midnight, back to noon, and on.
    offsets = {"as it is": 0.0, "an hour back": -3600.0, "over midnight": to_midnight - 2, "back": -3600.0, "on": 0.0}
    told.write_text("+0")
    environment = {
        "LD_PRELOAD": str(faketime(need)), "FAKETIME_TIMESTAMP_FILE": str(told), "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
    }  # fmt: skip
    service = Service(tmp_path / "run", transport=transport, environment=environment)
    phases = {}
    with running(service), under_load(service.address, seed=SEED, rate=200) as load:
        for name, offset in offsets.items():
            begun = time.monotonic()
            fresh = tmp_path / "time.new"
            fresh.write_text(f"{offset:+.0f}")
            fresh.replace(told)
            time.sleep(STEP_SECONDS)
            phases[name] = quantiles(load.since(begun))
        load.stop()
        results.settle(f"clock jumps, {transport}", service, load, 0.0, phases=phases, days=days(service))
    assert set(Load.codes_of(load.calls)) == {"OK"}
    assert days(service)["of streams"] == 2
    assert days(service)["times that went back"] > 0


def days(service: Service) -> dict[str, int]:
    """Return how many days the streams of workers have, and how often a record is older than the one before."""
    reader = open_reader(service.store_url)
    try:
        found: set[int] = set()
        back = 0
        for state in reader.streams():
            found.add(state.key.day)
            before = 0
            for row in reader.records(state.key):
                back += row.columns["time"] < before - 10**9
                before = row.columns["time"]
        return {"of streams": len(found), "times that went back": back}
    finally:
        reader.close()
