"""What a program remembers of encoded outcomes: a table that callers cannot fill, and counts that miss nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pdp.engine import bundle, program
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.v1 import decision_service_pb2, types_pb2

SET = """
kind: Attributes
attributes:
  subject.level: {type: int, label: level}
---
kind: Dictionary
fields: {name: {label: name, level: C2}, mobile: {label: mobile, level: C2}}
---
kind: Policy
id: p
title: p
rules:
  - id: r
    title: r
    when: ["subject.level == 1"]
    fields: [name]
    unmask: true
"""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[Program, list[Sequence[str]]]:
    """Return a program, and the fields of what it encoded."""
    policy_set, diagnostics = load_texts({"set.yaml": SET})
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None, diagnostics.sorted()
    found = Program.from_bundle(bundle.build(resolved))
    encoded: list[Sequence[str]] = []
    respond = found.outcomes.respond

    def noted(fields: Sequence[str], *more: object) -> None:
        encoded.append(fields)
        respond(fields, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(found.outcomes, "respond", noted)
    return found, encoded


def decided(made: Program, *fields: str, level: int = 1) -> decision_service_pb2.DecideResponse:
    request = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="T1"), fields=fields)
    request.subject.attributes["level"].int_value = level
    answer = decision_service_pb2.DecideResponse.FromString(made.decide(request.SerializeToString()))
    answer.decision_id = ""
    return answer


def test_equal_outcomes_are_encoded_once(made: tuple[Program, list[Sequence[str]]]) -> None:
    found, encoded = made
    first = [decided(found, *fields) for fields in (("name",), ("name", "unheard_of"))]
    assert [decided(found, *fields) for fields in (("name",), ("name", "unheard_of"))] == first
    assert encoded == [("name",), ("name", "unheard_of")]
    unknown = types_pb2.DIAGNOSTIC_CODE_UNKNOWN_FIELD
    assert [[d.subject for d in answer.diagnostics if d.code == unknown] for answer in first] == [[], ["unheard_of"]]
    decided(found, "name", "unheard_of", level=2)
    assert len(encoded) == 3, "what other rules say is another outcome"


@pytest.mark.parametrize(("characters", "size"), [(2_048, 2), (3, 2), (2_048, 512)])
def test_counts_miss_no_decision(
    made: tuple[Program, list[Sequence[str]]], monkeypatch: pytest.MonkeyPatch, characters: int, size: int
) -> None:
    found, _ = made
    monkeypatch.setattr(program, "_ODD_CHARACTERS", characters)
    monkeypatch.setattr(program, "_ODD_SIZE", size)
    for number in range(7):
        for _ in range(3):
            decided(found, "name", f"odd{number}")
        decided(found, "name")
    counts = found.counts()
    assert counts.decisions == 28
    assert counts.verdicts == {("unmask", "C2"): 28, ("mask", "unknown"): 21}


def test_odd_fields_take_few_places_and_not_those_of_others(
    made: tuple[Program, list[Sequence[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, encoded = made
    monkeypatch.setattr(program, "_ODD_SIZE", 4)
    decided(found, "name")
    for number in range(100):
        decided(found, f"odd{number}")
    encoded.clear()
    decided(found, "name")
    decided(found, "odd99")
    assert encoded == []
    decided(found, "odd0")
    assert encoded == [("odd0",)]
    encoded.clear()
    for _ in range(2):
        decided(found, "x" * 2_049)
    assert len(encoded) == 2, "too long to be kept"
