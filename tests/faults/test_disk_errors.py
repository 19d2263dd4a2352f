"""A disk that says for a while that it could not write, and one that takes seconds to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SEED, Results
from tests.faults.load import Load, probes, quantiles, under_load
from tests.faults.service import Service, running, wait_for
from tests.faults.shims import BAD_DISK, build

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

WAIT_SECONDS = 1.0
# Less than a call takes that waits for the disk instead.
MARGIN = 4.0
BAD_SECONDS = 5.0


@pytest.mark.parametrize("transport", ["grpc", "native"])
@pytest.mark.parametrize(("name", "mode", "times"), [("EIO on fsync", 1, 2), ("fsync hangs 6 s", 6000, 2)])
def test_a_bad_disk(
    name: str, mode: int, times: int, transport: str, tmp_path: Path, results: Results,
    need: Callable[[bool, str], None],
) -> None:  # fmt: skip
    control = tmp_path / "control"
    control.write_text("0")
    shim = build(BAD_DISK, tmp_path, need)
    environment = {"LD_PRELOAD": str(shim), "BAD_DISK": str(control), "BAD_DISK_PART": "/spool/"}
    service = Service(
        tmp_path / "run", transport=transport, environment=environment, audit={"wait_seconds": WAIT_SECONDS}
    )
    recoveries = []
    bad: list[tuple[float, float]] = []
    with running(service), probes(service.address) as others, under_load(service.address, seed=SEED, rate=200) as load:
        begun = time.monotonic()
        for _ in range(times):
            time.sleep(2)
            broken = time.monotonic()
            control.write_text(str(mode))
            time.sleep(BAD_SECONDS)
            control.write_text("0")
            mended = time.monotonic()
            bad.append((broken, mended))
            recoveries.append(wait_for(lambda mended=mended: load.first_after(mended), "an answer") - mended)
        time.sleep(1)
        load.stop()
        broken_calls = [call for span in bad for call in load.since(*span)]
        slowest = max(call.seconds for call in load.since(begun))
        metrics = service.metrics()
        other = others.copy()
        results.settle(
            f"{name}, {transport}", service, load, max(recoveries),
            phases={"all": quantiles(load.since(begun)), "while bad": quantiles(broken_calls)},
            others=quantiles(other), codes_while_bad=dict(Load.codes_of(broken_calls)),
            refused_items=dict(load.refused), slowest_s=round(slowest, 2),
            refused_counted=int(metrics["pdp_snapshots_refused_total"]),
            spool_failures=int(metrics["pdp_spool_failures_total"]),
            spool_alarms=len(service.entries("spool.failure")),
        )  # fmt: skip
        assert slowest < WAIT_SECONDS + MARGIN
        assert {call.code for call in other} == {"OK"}
        assert max(call.seconds for call in other) < MARGIN
        assert any(call.code != "OK" for call in broken_calls)
