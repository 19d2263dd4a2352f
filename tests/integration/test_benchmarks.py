"""The benchmark runs to its end, every engine gives the same verdicts, and no row is missing. Nothing about speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINES = {"jingxi", "jingxi-read", "cedarpy", "regopy", "casbin"}


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("bench") / "decide.json"
    done = subprocess.run(
        [sys.executable, "benchmarks/decide.py", "--quick", "--out", str(out)],
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


def test_every_engine_gives_the_same_verdicts(result: dict[str, Any]) -> None:
    compared = {entry["engine"]: entry for entry in result["comparisons"]}
    assert set(compared) == ENGINES
    assert all(entry["equal"] for entry in compared.values()), compared
    # All masked would be equal too.
    assert all(0 < entry["unmasked"] < entry["requests"] * 12 for entry in compared.values())


def test_every_row_is_there(result: dict[str, Any]) -> None:
    small, middle, large = result["sizes"]
    assert {(row["section"], row["key"]) for row in result["rows"]} == {
        *(("decision", key) for key in ("decide", "parse", "batch", "grant", "undecided", "first")),
        *(("scale", f"{kind}-{n}") for kind in ("bank", "general", "one-scope") for n in (small, middle, large)),
        ("scale", f"wide-{large}"),
        *(("peers", f"{engine}-20") for engine in ENGINES),
    }
    for row in result["rows"]:
        assert all(row[clock][kind] > 0 for clock in ("cpu_us", "wall_us") for kind in ("median", "min")), row
        assert row["section"] in result["sections"]


def test_compilation_is_timed_stage_by_stage(result: dict[str, Any]) -> None:
    publish, worker = result["compile"]["publish"], result["compile"]["worker"]
    assert list(publish["stages"]) == ["load", "check", "analyse", "build", "compile"]
    assert list(worker["stages"]) == ["read", "compile"]
    assert publish["rules"] == result["sizes"][-1]
    assert publish["bundle_bytes"] > 0


def test_the_run_says_where_it_was_made(result: dict[str, Any]) -> None:
    info = result["machine"]
    assert info["cores"] >= 1
    assert info["date"].endswith("Z")
    assert {"protobuf", "cel-expr-python", "cedarpy", "regopy", "casbin"} <= set(info["libraries"])
    assert len(result["aims"]) == 3
