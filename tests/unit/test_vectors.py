"""The tables that every language's client is held by: in their form, up to date, and about enough."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from google.protobuf import json_format

from pdp.engine import bundle
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
LANGUAGES = {"go", "java", "python", "typescript"}


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


@pytest.fixture(scope="module")
def table() -> Any:
    return load("decisions.json")


def test_vectors_are_those_that_the_command_makes() -> None:
    done = subprocess.run(
        [sys.executable, str(VECTORS / "make.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_vector_that_was_changed_by_hand_is_found(tmp_path: Path) -> None:
    from tests.vectors.make import differing

    (tmp_path / "bundles").mkdir()
    for name in ("decisions.json", "masking.json", "bundles/a.pb", "bundles/stray.pb"):
        (tmp_path / name).write_bytes(b"as made")
    made = {
        "decisions.json": b"as made",
        "masking.json": b"as made",
        "bundles/a.pb": b"otherwise",
        "bundles/new.pb": b"",
    }
    assert differing(tmp_path, made) == ["bundles/a.pb", "bundles/new.pb", "bundles/stray.pb"]


def test_decisions_are_a_table_of_their_schema(table: Any) -> None:
    jsonschema.validate(table, load("decisions.schema.json"))
    ids = [case["id"] for case in [*table["cases"], *table["refusals"]]]
    assert len(ids) == len(set(ids))
    assert {case["bundle"] for case in table["cases"]} == set(table["bundles"])


def test_requests_and_answers_are_messages(table: Any) -> None:
    for case in table["cases"]:
        json_format.ParseDict(case["request"], decision_service_pb2.DecideRequest())
        answer = json_format.ParseDict(case["expected"], decision_service_pb2.DecideResponse())
        assert answer.revision == table["revision"]
        assert answer.request_id == case["request"].get("requestId", "")


def test_bundles_say_how_strict_their_masks_are(table: Any) -> None:
    for file in table["bundles"].values():
        found = bundle.parse(bundle.read(VECTORS / file))
        assert all(field.default_strictness > 0 for field in found.fields)
        for policy in found.policies:
            assert all((rule.strictness > 0) == rule.HasField("mask") for rule in policy.rules)


def test_every_scenario_of_the_sample_bank_is_a_case(table: Any) -> None:
    signed = bundle_pb2.SignedBundle.FromString((VECTORS / table["bundles"]["bank"]).read_bytes())
    wanted = {f"bank/{golden.name}" for golden in bundle.parse(signed).golden_cases}
    assert wanted <= {case["id"] for case in table["cases"]}


def test_cases_are_many_and_speak_of_everything(table: Any) -> None:
    drawn = [case for case in table["cases"] if case["bundle"].startswith("random-")]
    assert len(drawn) >= 300
    seen = Counter(
        diagnostic["code"] for case in table["cases"] for diagnostic in case["expected"].get("diagnostics", ())
    )
    # What stands in no decision, or there for the age of the policies and not for what is asked.
    others = {"UNSPECIFIED", "STALE_POLICIES", "NO_VERDICT"}
    assert set(seen) == {*types_pb2.DiagnosticCode.keys()} - {f"DIAGNOSTIC_CODE_{name}" for name in others}
    kinds = Counter(reason["kind"] for case in table["cases"] for reason in case["expected"]["reasons"])
    assert len(kinds) == 3
    assert any(reason.get("undecided") for case in table["cases"] for reason in case["expected"]["reasons"])
    assert any(reason.get("grantId") for case in table["cases"] for reason in case["expected"]["reasons"])
    assert any(case["expected"].get("obligations") for case in table["cases"])
    assert Counter(refusal["why"] for refusal in table["refusals"]).keys() == {
        "bad_signature", "unknown_key", "wrong_hash", "wrong_format", "golden_case", "goes_back",
    }  # fmt: skip


def test_every_condition_is_shown_hidden_and_undecided_by_some_case(table: Any) -> None:
    shown: set[str] = set()
    hidden: set[str] = set()
    undecided: set[str] = set()
    fields: set[str] = set()
    for case in table["cases"]:
        if case["bundle"] != "conditions":
            continue
        lacking = {
            d["subject"].removeprefix("conditions/").replace("-", "_")
            for d in case["expected"].get("diagnostics", ())
            if d["code"] == "DIAGNOSTIC_CODE_UNDECIDED_RULE"
        }
        undecided |= lacking
        for verdict in case["expected"]["verdicts"]:
            field = verdict.get("field")
            if "_" not in (field or ""):
                continue  # one that the dictionary does not have
            fields.add(field)
            known = shown if verdict["effect"] == "EFFECT_UNMASK" else hidden
            if field not in lacking:
                known.add(field)
    assert fields - shown == {"v_errs", "o_masks"}  # rules that mask
    assert fields - hidden == {"s_any"}  # matches every text
    assert undecided == fields - {"t_clock"}  # the clock is always there


def test_gaps_name_cases_that_there_are(table: Any) -> None:
    gaps = load("gaps.json")
    assert set(gaps) == LANGUAGES
    known = {case["id"] for case in table["cases"]} | {refusal["id"] for refusal in table["refusals"]}
    for name in ("masking.json", "message_maps.json"):
        known |= {case["id"] for case in load(name)["cases"]}
    for language, ids in gaps.items():
        assert set(ids) <= known, language
        assert len(ids) == len(set(ids)), language


def test_sources_of_drawn_sets_are_frozen_as_text() -> None:
    names = sorted(path.name for path in (VECTORS / "sources").glob("random-*"))
    assert names == [f"random-{number:02}" for number in range(1, len(names) + 1)]
    assert all(
        re.search("^kind: Policy", (VECTORS / "sources" / n / "policies.yaml").read_text(), re.MULTILINE) for n in names
    )
