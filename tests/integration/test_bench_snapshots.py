"""The benchmark of snapshots runs to its end and no row is missing. Nothing about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.postgres import find

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = {
    "newest", "deep", "subject", "rare-subject", "resource", "flagged", "severe", "field-menu", "field-menu-day",
    "subject-menu", "subject-oldest", "nothing",
}  # fmt: skip


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    find()
    out = tmp_path_factory.mktemp("bench") / "snapshots.json"
    done = subprocess.run(
        [sys.executable, "benchmarks/snapshots.py", "--quick", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_every_rate_is_there(result: dict[str, Any]) -> None:
    assert set(result["spool"]) == {"1", "10", "64", "100", "1000"}
    assert set(result["taking"]) == {"sqlite", "postgres", "postgres-2-nodes"}
    assert {kind: rate["operations"] for kind, rate in result["shipping"].items()} == {
        "sqlite": 12_000,
        "postgres": 12_000,
    }
    assert set(result["verify"]) == {"chain", "deep", "all-chain", "all-deep", "archive"}
    rates = [
        *result["spool"].values(),
        *result["taking"].values(),
        *result["shipping"].values(),
        *result["verify"].values(),
        result["columns"],
    ]
    assert all(rate["per_second"] > 0 and rate["cpu_us"] > 0 and rate["operations"] > 0 for rate in rates)
    assert set(result["bytes"]) == {"spool", "archive", "sqlite", "postgres"}
    assert all(size > 0 for size in result["bytes"].values())


def test_both_stores_answer_the_same_questions(result: dict[str, Any]) -> None:
    found = {kind: {row["key"]: row for row in rows} for kind, rows in result["pages"].items()}
    assert set(found) == {"sqlite", "postgres"}
    for rows in found.values():
        assert set(rows) == QUESTIONS
        assert all(row["cold_ms"] > 0 and 0 < row["warm_ms"] <= row["warm_max_ms"] for row in rows.values())
        assert all(rows[key]["records"] == 50 for key in ("newest", "deep", "severe")), rows
        assert rows["subject"]["records"] > 0
        assert rows["field-menu"]["records"] > 0
        assert rows["nothing"]["records"] == 0
    # What both draw from the same models is equal; tellers and customers are drawn by each database for itself.
    for key in ("newest", "flagged", "severe", "field-menu"):
        assert found["sqlite"][key]["count"] == found["postgres"][key]["count"], key


def test_the_run_says_where_it_was_made_and_what_it_aims_at(result: dict[str, Any]) -> None:
    assert result["machine"]["cores"] >= 1
    assert result["machine"]["foreign_cores"] >= 0
    assert len(result["aims"]) == 7
    assert all(aim["limit"] > 0 and isinstance(aim["met"], bool) for aim in result["aims"])
