"""A disk that fills up under load, with everything that the service keeps on it, and then has room again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from pdp.snapshot.spool.limits import SpoolLevel
from tests.faults.checker import check_folder
from tests.faults.conftest import SEED, Results
from tests.faults.load import Load, probes, quantiles, under_load
from tests.faults.service import Service, running, wait_for
from tests.faults.shims import small_disk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

WAIT_SECONDS = 1.0
MARGIN = 2.0
"""The journal looks for late ones four times in `wait_seconds`; the rest is for a busy machine."""
FULL_SECONDS = 6.0
SMALL, LARGE = 40, 200


@pytest.mark.parametrize(("transport", "on_failure"), [("grpc", "refuse"), ("native", "answer")])
def test_a_full_disk(
    transport: str, on_failure: str, tmp_path: Path, results: Results, need: Callable[[bool, str], None],
    draw: random.Random,
) -> None:  # fmt: skip
    audit = {"on_failure": on_failure, "wait_seconds": WAIT_SECONDS}
    with small_disk(tmp_path / "disk", SMALL, need) as disk:
        service = Service(tmp_path / "run", transport=transport, data=disk.path, audit=audit)
        with running(service), probes(service.address) as others, under_load(service.address, seed=SEED) as load:
            # A worker without calls has nothing to write, so it need not find out that the disk is full.
            load.spread(service.workers)
            begun = time.monotonic()
            wait_for(lambda: full_workers(service) == set(range(service.workers)), "a full disk for each worker")
            full = time.monotonic()
            kept = len(load.answers)
            time.sleep(FULL_SECONDS)
            metrics = service.metrics()
            room = time.monotonic()
            disk.resize(LARGE)
            wait_for(lambda: load.first_after(room) and is_normal(service), "room")
            normal = time.monotonic()
            recovered = normal - room
            # Some answers without a record, given before, may still be under way.
            wait_for(lambda: load.has_heard(normal), "the end of calls from before")
            answered = set(load.answers)
            time.sleep(2)
            last = service.metrics()
            load.stop()
            phases = {
                "filling": quantiles(load.since(begun, full)),
                "full": quantiles(load.since(full, room)),
                "after": quantiles(load.since(room)),
            }
            check_order(service)
            during = Load.codes_of(load.since(full, room))
            slowest = max(call.seconds for call in load.since(begun))
            other = quantiles(others)
            service.finish()
            # Answered all the same: which these are is known from the store alone, how many from the metrics.
            allowed = answered if on_failure == "answer" else set()
            checked = check_folder(service.store_url, service.data, load.answers, SEED, named=allowed)
            unrecorded = [name for name in load.answers if name not in checked.present]
            counted = int(last["pdp_snapshots_unrecorded_total"])
            results.add(
                f"disk full, {on_failure}", checked, recovered, load, transport=transport,
                seconds_to_full=round(full - begun, 1), phases=phases, others=other,
                codes_while_full=dict(during), refused_items=dict(load.refused), slowest_s=round(slowest, 2),
                answered_before_full=kept, unrecorded=len(unrecorded), unrecorded_counted=counted,
                refused_counted=int(metrics["pdp_snapshots_refused_total"]), levels=levels(service),
            )  # fmt: skip
            # The reserve is for what people and the service do, whatever decisions want to write.
            assert not service.entries("operation.unrecorded")
            assert slowest < WAIT_SECONDS + MARGIN
            assert other["answered"] == other["calls"]
            assert other["max_ms"] < 1000 * (WAIT_SECONDS + MARGIN)
            if on_failure == "refuse":
                assert during["OK"] < sum(during.values())
                assert not unrecorded
                assert counted == 0
            else:
                assert set(during) == {"OK"}
                assert 0 < len(unrecorded) <= counted


def levels(service: Service) -> list[str]:
    """Return the levels of disk pressure that the log tells, in order."""
    return [entry["to"] for entry in service.entries("spool.level")]


def full_workers(service: Service) -> set[int]:
    """Return the workers that have told that there is no room left."""
    full = (entry.get("worker") for entry in service.entries("spool.level") if entry["to"] == "FULL")
    return {worker for worker in full if worker is not None}


def is_normal(service: Service) -> bool:
    """Return whether all that told of disk pressure have told that it is over."""
    last = {entry.get("worker"): entry["to"] for entry in service.entries("spool.level")}
    return set(last.values()) == {"NORMAL"}


def check_order(service: Service) -> None:
    """Each worker must tell of every step on the way up once, in order, and that all is well again."""
    workers = {entry.get("worker") for entry in service.entries("spool.level")} - {None}
    assert workers == set(range(service.workers))
    for worker in workers:
        told = [entry for entry in service.entries("spool.level") if entry.get("worker") == worker]
        steps = [(SpoolLevel[entry["from"]], SpoolLevel[entry["to"]]) for entry in told]
        assert steps[0][0] == SpoolLevel.NORMAL
        assert steps[-1][1] == SpoolLevel.NORMAL
        assert all(before[1] == after[0] for before, after in pairwise(steps))
        rising = [to for from_, to in steps if to > from_]
        # A disk may call itself full before its numbers do; all else comes one by one.
        assert all(to == from_ + 1 for from_, to in steps if from_ < to < SpoolLevel.FULL)
        first_full = rising.index(SpoolLevel.FULL)
        assert rising[: first_full + 1] == sorted(rising[: first_full + 1])
        assert SpoolLevel.ALARM in rising
