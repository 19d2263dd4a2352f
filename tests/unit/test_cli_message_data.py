"""Messages as JSON read alike each time, and hold what protobuf's own JSON form holds."""

from __future__ import annotations

from google.protobuf import json_format

from pdp.cli.console import message_data
from pdp.v1 import decision_service_pb2, types_pb2

NAMES = ["suffix", "prefix", "char", "length", "skip", "unit", "edges", "labels", "template", "pattern"]


def response() -> decision_service_pb2.ExplainResponse:
    made = decision_service_pb2.ExplainResponse()
    made.now.FromNanoseconds(1_772_416_800_000_000_000)
    made.decision.verdicts.add(field="mobile", reason=1)
    made.decision.masks.add(algorithm="keep", parameters={name: types_pb2.Value(int_value=1) for name in NAMES})
    return made


def test_fields_stand_as_declared_and_maps_by_key() -> None:
    data = message_data(response())
    assert list(data["decision"]) == [f.json_name for f in decision_service_pb2.DecideResponse.DESCRIPTOR.fields]
    assert list(data["decision"]["verdicts"][0]) == ["field", "effect", "mask", "reason"]
    assert list(data["decision"]["masks"][0]["parameters"]) == sorted(NAMES)
    assert data["now"] == "2026-03-02T02:00:00Z"


def test_nothing_is_lost() -> None:
    made = response()
    assert json_format.ParseDict(message_data(made), decision_service_pb2.ExplainResponse()) == made
    assert message_data(made) == json_format.MessageToDict(made, always_print_fields_with_no_presence=True)
