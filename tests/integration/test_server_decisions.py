"""The decision service over a real socket: answers, errors, bounds."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from pdp.engine.program import Program
from pdp.v1 import bundle_pb2, decision_service_pb2, decision_service_pb2_grpc, types_pb2

Stub = decision_service_pb2_grpc.DecisionServiceStub
METHODS = "/pdp.v1.DecisionService/"


def request(level: int | None = 3, **changes: Any) -> decision_service_pb2.DecideRequest:
    made = decision_service_pb2.DecideRequest(
        request_id="r-1",
        subject=types_pb2.Subject(id="T1"),
        action=types_pb2.Action(name="query"),
        resource=types_pb2.Resource(type="customer", id="C1"),
        context={"menu": types_pb2.Value(string_value="3101")},
    )
    if level is not None:
        made.subject.attributes["level"].int_value = level
    if "message" not in changes:
        made.fields.extend(["mobile", "name", "balance"])
    for name, value in changes.items():
        if isinstance(value, list):
            getattr(made, name)[:] = value
        elif name == "message":
            made.message.CopyFrom(value)
        else:
            setattr(made, name, value)
    return made


def effects(response: decision_service_pb2.DecideResponse) -> dict[str, str]:
    return {v.field: types_pb2.Effect.Name(v.effect).removeprefix("EFFECT_").lower() for v in response.verdicts}


def details(error: grpc.RpcError) -> tuple[status_pb2.Status, error_details_pb2.ErrorInfo, dict[str, str]]:
    """Return the status in the trailing metadata, its ErrorInfo, and its violations by field."""
    trailing = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return status, info, {v.field: v.description for v in bad.field_violations}


def test_decides_each_field(stub: Stub) -> None:
    response = stub.Decide(request())
    assert effects(response) == {"mobile": "unmask", "name": "unmask", "balance": "mask"}
    assert response.request_id == "r-1"
    assert response.revision == 1
    assert len(response.policy_hash) == 64
    assert response.reasons[response.verdicts[0].reason].rule == "core/senior"


def test_decisions_have_different_ids(stub: Stub) -> None:
    assert len({stub.Decide(request()).decision_id for _ in range(20)}) == 20


def test_decides_a_batch_in_order(stub: Stub) -> None:
    batch = decision_service_pb2.DecideBatchRequest(subject=request().subject, context=request().context)
    for number in range(3):
        batch.items.add(resource=types_pb2.Resource(type="customer", id=f"C{number}"), fields=["mobile"])
    batch.items.add(resource=types_pb2.Resource(type="customer", id="C9"))
    response = stub.DecideBatch(batch)
    assert [result.WhichOneof("result") for result in response.results] == ["decision"] * 3 + ["error"]
    assert response.results[3].error.field == "items[3].fields"


def test_explains(stub: Stub) -> None:
    response = stub.Explain(decision_service_pb2.ExplainRequest(request=request(level=1)))
    outcomes = {trace.rule: trace.outcome for trace in response.rules}
    assert outcomes["core/senior"] == decision_service_pb2.RULE_OUTCOME_NOT_MATCHED
    assert effects(response.decision)["mobile"] == "mask"


@pytest.mark.parametrize("seconds", [9_300_000_000, -62_135_596_800, -9_300_000_000])
def test_explains_no_time_that_a_record_cannot_hold(stub: Stub, seconds: int) -> None:
    question = decision_service_pb2.ExplainRequest(request=request(level=1))
    question.now.seconds = seconds
    with pytest.raises(grpc.RpcError) as caught:
        stub.Explain(question)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    question.now.seconds = 9_200_000_000
    assert stub.Explain(question).now.seconds == 9_200_000_000


def test_gives_a_message_map_with_types(stub: Stub) -> None:
    asked = decision_service_pb2.GetMessageMapRequest(application="core-counter", name="customer-detail")
    response = stub.GetMessageMap(asked)
    assert [f.field for f in response.message_map.parts[0].fields] == ["mobile", "name"]
    assert response.attribute_types["subject.level"] == bundle_pb2.ATTRIBUTE_TYPE_INT
    assert response.attribute_types["subject.roles"] == bundle_pb2.ATTRIBUTE_TYPE_STRING_LIST
    assert not any(name.startswith(("grant.", "now")) for name in response.attribute_types)
    assert response.revision == 1
    assert response.policy_hash == stub.Decide(request()).policy_hash


def test_grants_of_the_file_count(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path, grants_file: Path
) -> None:
    stub = Stub(connect(serve(policy_folder, grants=grants_file)))
    assert effects(stub.Decide(request(grant_ids=["G1"])))["balance"] == "unmask"
    unknown = stub.Decide(request(grant_ids=["G2"]))
    assert effects(unknown)["balance"] == "mask"
    assert unknown.diagnostics[0].code == types_pb2.DIAGNOSTIC_CODE_GRANT_NOT_FOUND


def test_unknown_attributes_and_fields_do_not_fail(stub: Stub) -> None:
    asked = request()
    asked.fields.append("nothing")
    asked.context["moon"].string_value = "full"
    response = stub.Decide(asked)
    assert effects(response)["nothing"] == "mask"
    assert {d.code for d in response.diagnostics} == {
        types_pb2.DIAGNOSTIC_CODE_UNKNOWN_FIELD,
        types_pb2.DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE,
    }


def test_protobuf_fields_of_a_newer_client_are_ignored(raw: Callable[..., bytes]) -> None:
    newer = request().SerializeToString() + b"\xfa\x3e\x03new"  # field 1007
    response = decision_service_pb2.DecideResponse.FromString(raw("Decide", newer))
    assert effects(response)["mobile"] == "unmask"


@pytest.fixture
def raw(channel: grpc.Channel) -> Callable[..., bytes]:
    """Calls a method with bytes that no stub would send."""

    def call(method: str, payload: bytes, **options: Any) -> bytes:
        return channel.unary_unary(METHODS + method)(payload, timeout=30, **options)

    return call


@pytest.mark.parametrize(
    ("payload", "code", "reason", "field"),
    [
        (request(fields=[]), "INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST", "fields"),
        (request(fields=["f"] * 513), "INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST", "fields"),
        (request(request_id="x" * 129), "INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST", "request_id"),
        (request(grant_ids=["g"] * 9), "INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST", "grant_ids"),
        (
            request(message=types_pb2.MessageRef(application="core-counter", name="none")),
            "INVALID_ARGUMENT",
            "ERROR_REASON_UNKNOWN_MESSAGE",
            "message",
        ),
        (request(min_revision=2), "FAILED_PRECONDITION", "ERROR_REASON_REVISION_TOO_OLD", "min_revision"),
    ],
    ids=["no fields", "many fields", "long request id", "many grants", "unknown message", "future revision"],
)
def test_bad_requests_name_their_places(
    stub: Stub, payload: decision_service_pb2.DecideRequest, code: str, reason: str, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Decide(payload)
    error = caught.value
    status, info, violations = details(error)
    assert error.code().name == code
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    assert (info.reason, info.domain) == (reason, "jingxi.dev")
    assert field in violations


def test_a_missing_message_map_is_not_found(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetMessageMap(decision_service_pb2.GetMessageMapRequest(application="core-counter", name="none"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert details(caught.value)[1].reason == "ERROR_REASON_UNKNOWN_MESSAGE"
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetMessageMap(decision_service_pb2.GetMessageMapRequest())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert set(details(caught.value)[2]) == {"application", "name"}


@pytest.mark.parametrize("method", ["Decide", "DecideBatch", "Explain", "GetMessageMap"])
@pytest.mark.parametrize(
    "payload", [b"\xff", b"\x0a\xff", b"\x12\x02\x0a", b"\x0a\x02\xc3\x28"], ids=["tag", "length", "cut", "not UTF-8"]
)
def test_bytes_that_are_no_message_are_refused(
    stub: Stub, raw: Callable[..., bytes], method: str, payload: bytes
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raw(method, payload)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(caught.value)[1].reason == "ERROR_REASON_INVALID_REQUEST"
    assert stub.Decide(request()).verdicts


def test_an_empty_request_is_refused(raw: Callable[..., bytes]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raw("Decide", b"")
    assert "subject.id" in details(caught.value)[2]


def test_a_request_that_is_too_large_is_refused(stub: Stub, raw: Callable[..., bytes]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raw("Decide", bytes(256 * 1024 + 1))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Decide(request()).verdicts


def test_a_compressed_request_is_bounded_by_what_it_holds(raw: Callable[..., bytes]) -> None:
    packed = request().SerializeToString()
    assert raw("Decide", packed, compression=grpc.Compression.Gzip)
    with pytest.raises(grpc.RpcError) as caught:
        raw("Decide", bytes(8 * 1024 * 1024), compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_metadata_is_bounded(stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Decide(request(), metadata=(("x-long", "x" * 32_000),))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Decide(request(), metadata=(("x-long", "x" * 4_000),)).verdicts


def test_long_errors_fit_into_metadata(stub: Stub) -> None:
    asked = request(message=types_pb2.MessageRef(application="应用" * 20_000, name="报文"))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Decide(asked)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status, _, violations = details(caught.value)
    assert len(status.message.encode()) <= 480
    assert len(violations["message"].encode()) <= 200


def test_an_unexpected_failure_tells_nothing_but_an_id(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise KeyError("13800138000")

    with caplog.at_level(logging.ERROR):
        monkeypatch.setattr(Program, "decide", fail)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Decide(request())
        monkeypatch.undo()
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    status, info, _ = details(caught.value)
    incident = info.metadata["incident"]
    assert info.reason == "ERROR_REASON_INTERNAL"
    assert incident in status.message
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    name, entry = record.pdp_event  # type: ignore[attr-defined]
    assert name == "call.failed"
    assert (entry["incident"], entry["error"]) == (incident, "KeyError")
    assert any("in fail" in frame for frame in entry["traceback"])
    assert "13800138000" not in json.dumps(entry) + status.message
    assert stub.Decide(request()).verdicts


def test_an_unknown_method_is_unimplemented(raw: Callable[..., bytes]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raw("Nothing", b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
