"""Messages and their maps against the table that all languages share."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import jsonschema
import pytest
from google.protobuf import json_format

from client_support import expected_gaps, load, reply_of
from jingxi_client import Action, JingxiError, MessageMismatchError, PathError, Resource, Subject, masking, message_map
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._replies import decision_of
from jingxi_client.paths import show

TABLE = load("message_maps.json")
CASES = TABLE["cases"]
ERRORS: dict[str, type[JingxiError]] = {"mismatch": MessageMismatchError, "path": PathError}


def map_of(case: dict[str, Any]) -> message_map.MessageMap:
    types = {name: bundle_pb2.AttributeType.Value(kind) for name, kind in TABLE["types"].items()}
    source = json_format.ParseDict(case["map"], bundle_pb2.MessageMap())
    return message_map.from_response(api.GetMessageMapResponse(message_map=source, attribute_types=types))


def caller_of(case: dict[str, Any]) -> message_map.Caller:
    given = case.get("caller", {"subject": {"id": "T1001"}})
    return message_map.Caller(
        Subject(**given["subject"]),
        Action(**given["action"]) if "action" in given else None,
        Resource(**given["resource"]) if "resource" in given else None,
        given.get("context", {}),
    )


def as_json(message: Any) -> Any:
    return json_format.MessageToDict(message)


@pytest.mark.parametrize("case", expected_gaps(CASES))
def test_vector(case: dict[str, Any]) -> None:
    before = copy.deepcopy(case["message"])
    if "error" in case:
        with pytest.raises(ERRORS[case["error"]]) as caught:
            message_map.plan(map_of(case), case["message"], caller_of(case))
        assert "13812348000" not in str(caught.value)
        return
    plan = message_map.plan(map_of(case), case["message"], caller_of(case))
    asked = [{"part": q.part.name, "place": show(q.place), "resource": as_json(q.resource)} for q in plan.questions]
    assert asked == [{key: q[key] for key in ("part", "place", "resource")} for q in case["questions"]]
    if "shared" in case:
        context = {name: as_json(value) for name, value in plan.context.items()}
        shared = {"subject": as_json(plan.subject), "action": as_json(plan.action), "context": context}
        assert shared == case["shared"]
    decisions = [None if q["verdicts"] is None else decision_of(reply_of(q["verdicts"]), "") for q in case["questions"]]
    masked, dropped = masking.masked_copy(case["message"], plan, decisions, masking.Maskers())
    assert masked == case["expected"]
    assert len(plan.problems) + len(dropped) == case.get("problems", 0)
    assert case["message"] == before


def test_vectors_are_a_table_of_their_schema() -> None:
    jsonschema.validate(TABLE, load("message_maps.schema.json"))
    ids = [case["id"] for case in CASES]
    assert len(ids) == len(set(ids))


def test_problems_hold_no_values() -> None:
    case = next(case for case in CASES if case["id"] == "mistyped-attributes-are-left-out")
    plan = message_map.plan(map_of(case), case["message"], caller_of(case))
    text = " ".join(plan.problems)
    for value in ("12,34", "2026-03-02", "CNY", "USD"):
        assert value not in text
    assert "attribute `resource.grade` at `$.grade`: a value of type `float` is not a whole number" in text


def test_maps_agree_when_they_ask_and_mask_alike() -> None:
    first, other = map_of(CASES[0]), map_of(CASES[1])
    assert first.agrees_with(map_of(CASES[0]))
    assert not first.agrees_with(other)


def test_effects_of_the_future_mask_in_full() -> None:
    reply = api.DecideResponse()
    reply.verdicts.add(field="a", effect=types_pb2.EFFECT_UNSPECIFIED)
    reply.verdicts.add(field="b", effect=99)  # type: ignore[arg-type]
    reply.verdicts.add(field="c", effect=types_pb2.EFFECT_MASK, mask=5)
    decision = decision_of(reply, "")
    assert [verdict.mask for verdict in decision.verdicts] == [message_map.FULL] * 3


def test_masks_serve_further_messages_but_for_those_that_count_to_the_day() -> None:
    case = next(case for case in CASES if "questions" in case and "error" not in case)
    found, message = map_of(case), copy.deepcopy(case["message"])
    plan = message_map.plan(found, message, caller_of(case))
    place = next(places[0] for question in plan.questions for _, places in question.fields if places)
    holder: Any = message
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = "1990-06-15"
    maskers = masking.Maskers(lasting=True)
    shown = []
    for unit in ("month", "age"):
        verdict = {"algorithm": "date_trunc", "parameters": {"unit": unit, "band": 10}}
        decisions = [decision_of(reply_of({name: verdict for name, _ in q.fields}), "r") for q in plan.questions]
        for year in (2026, 2046):
            maskers.today = datetime.date(year, 7, 1)
            copied, problems = masking.masked_copy(message, plan, decisions, maskers)
            assert problems == []
            for key in place:
                copied = copied[key]
            shown.append(copied)
    assert shown == ["1990-06", "1990-06", "30–39", "50–59"]
