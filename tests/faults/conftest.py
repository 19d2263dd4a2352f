"""How much is done, and the table of what came of it."""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import Checked, check_folder
from tests.faults.load import Load
from tests.faults.service import Service

ROUNDS = int(os.environ.get("JINGXI_ROUNDS", "200"))
"""Kills, over both transports."""
SEED = int(os.environ.get("JINGXI_SEED") or random.SystemRandom().randrange(1 << 32))
MEMORY = 8 << 30
_ROWS: list[dict[str, Any]] = []


@dataclass
class Results:
    """What the runs found."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, checked: Checked, recovered: float, load: Load | None = None, **figures: Any) -> None:
        """Print and keep a line, and fail when something is wrong."""
        row = {
            "run": name, "acknowledged": checked.acknowledged, "lost": len(checked.lost), "excused": checked.excused,
            "duplicated": len(checked.duplicated), "altered": len(checked.altered), "unanswered": checked.unanswered,
            "records": checked.records, "verified": checked.verified, "checkpoints": checked.checkpoints,
            "proofs": checked.proofs, "recovered_s": round(recovered, 2), "operations": checked.operations,
            "codes": dict(load.codes()) if load is not None else {}, "problems": checked.problems, **figures,
        }  # fmt: skip
        self.rows.append(row)
        print(
            f"\n{name}: acknowledged {row['acknowledged']}, lost {row['lost']} (and {row['excused']} excused), "
            f"duplicated {row['duplicated']}, "
            f"unanswered {row['unanswered']}, verified {row['verified']} records, "
            f"recovered in {row['recovered_s']:.2f} s"
        )
        for key, value in figures.items():
            print(f"    {key}: {value}")
        assert not checked.problems
        assert load is None or not load.repeated
        # A run in which nothing was asked shows nothing.
        assert checked.acknowledged

    def settle(self, name: str, service: Service, load: Load, recovered: float, **figures: Any) -> Checked:
        """Stop a service whose clients have ended, once all is shipped, and check its store."""
        shipped = service.finish()
        checked = check_folder(service.store_url, service.data, load.answers, SEED)
        self.add(name, checked, recovered, load, shipped_and_stopped_s=round(shipped, 2), **figures)
        return checked


@pytest.fixture(scope="session")
def results() -> Iterator[Results]:
    print(f"\nseed {SEED} (JINGXI_SEED), {ROUNDS} rounds (JINGXI_ROUNDS)")
    # What a damaged file makes a process do must not take the machine's memory; the service inherits the limit.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    begun = time.monotonic()
    kept = Results(_ROWS)
    yield kept
    table(kept.rows)
    target = os.environ.get("JINGXI_FAULTS_JSON")
    if target:
        facts = {
            "seed": SEED, "rounds": ROUNDS, "seconds": round(time.monotonic() - begun, 1),
            "machine": {"cores": os.cpu_count(), "system": f"{platform.system()} {platform.release()}",
                        "python": platform.python_version()},
            "runs": kept.rows,
        }  # fmt: skip
        Path(target).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def table(rows: list[dict[str, Any]]) -> None:
    """Print what all runs found."""
    columns = ("acknowledged", "lost", "excused", "duplicated", "altered", "unanswered", "verified", "recovered_s")
    width = max((len(row["run"]) for row in rows), default=0)
    print("\n\n" + "run".ljust(width) + "".join(name.rjust(14) for name in columns))
    for row in rows:
        print(row["run"].ljust(width) + "".join(str(row[name]).rjust(14) for name in columns))


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Randomness that the seed and the test's name decide."""
    return random.Random(f"{SEED}-{request.node.name}")


@pytest.fixture
def need() -> Callable[[bool, str], None]:
    """Skip a test for want of something, but never where all of them must run."""

    def check(there: bool, reason: str) -> None:
        if not there:
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)

    return check
