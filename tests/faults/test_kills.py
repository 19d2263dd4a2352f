"""Processes that end at any moment: a worker, the shipper, the supervisor, all at once."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from pathlib import Path

import pytest

from tests.faults.conftest import ROUNDS, SEED, Results
from tests.faults.load import Load, under_load
from tests.faults.service import Service, running, wait_for
from tests.processes import SHIPPER, WORKER, ZYGOTE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

KINDS = {"worker": 9, "shipper": 6, "zygote": 2, "group": 3, "supervisor": 1}
# Whoever dies young is replaced after a pause that doubles, and a new life of the service forgets it.
_MOST_BETWEEN_GROUPS = 7


@pytest.mark.parametrize("transport", ["grpc", "native"])
def test_kills(transport: str, tmp_path: Path, draw: random.Random, results: Results) -> None:
    recovery: dict[str, list[float]] = {kind: [] for kind in KINDS}
    service = Service(tmp_path, transport=transport)
    with running(service), under_load(service.address, seed=SEED, rate=300) as load:
        calm = 0
        for _ in range(ROUNDS // 2):
            time.sleep(draw.uniform(0.02, 0.4))
            (kind,) = draw.choices(list(KINDS), list(KINDS.values()))
            if calm >= _MOST_BETWEEN_GROUPS:
                kind = "group"
            calm = 0 if kind in {"group", "supervisor"} else calm + 1
            recovery[kind].append(kill(service, load, kind, draw))
        time.sleep(1)
        load.stop()
        results.settle(
            f"kill -9, {transport}", service, load, max(map(max, filter(None, recovery.values()))),
            kills={kind: len(found) for kind, found in recovery.items()},
            recovered_median_s={kind: round(statistics.median(found), 2) for kind, found in recovery.items() if found},
            recovered_max_s={kind: round(max(found), 2) for kind, found in recovery.items() if found},
        )  # fmt: skip


def kill(service: Service, load: Load, kind: str, draw: random.Random) -> float:
    """Kill something and return after how many seconds a call that was sent afterwards was answered."""
    if kind in {"worker", "shipper", "zygote"}:
        name = SHIPPER if kind == "shipper" else WORKER
        pids = wait_for(lambda: service.children(name), f"a {kind}")
        # With the zygote a worker: the one that takes its place has to come another way.
        for pid in [*(service.children(ZYGOTE) if kind == "zygote" else []), draw.choice(pids)]:
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
    else:
        service.kill_all() if kind == "group" else service.kill_supervisor()
        killed = time.monotonic()
        service.start()
    return wait_for(lambda: load.first_after(killed), f"an answer after a {kind} was killed") - killed
