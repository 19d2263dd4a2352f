"""Requests to the small policy set, and what an answer or an error says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2

SERVICE = "pdp.v1.DecisionService"
PATIENCE = 60.0

Stub = decision_service_pb2_grpc.DecisionServiceStub


def request(**changes: Any) -> decision_service_pb2.DecideRequest:
    """Return a sound request; `changes` replace fields."""
    made = decision_service_pb2.DecideRequest(
        request_id="r-1",
        subject=types_pb2.Subject(id="T1"),
        resource=types_pb2.Resource(type="customer", id="C1"),
        context={"menu": types_pb2.Value(string_value="3101")},
        fields=["mobile", "balance"],
    )
    made.subject.attributes["level"].int_value = 3
    for name, value in changes.items():
        if isinstance(value, list):
            getattr(made, name)[:] = value
        else:
            setattr(made, name, value)
    return made


def batch(items: int) -> decision_service_pb2.DecideBatchRequest:
    """Return a batch about so many resources."""
    asked = request()
    made = decision_service_pb2.DecideBatchRequest(subject=asked.subject, context=asked.context)
    for number in range(items):
        made.items.add(resource=types_pb2.Resource(type="customer", id=f"C{number}"), fields=["mobile"])
    return made


def streamed(**changes: Any) -> decision_service_pb2.DecideStreamRequest:
    return decision_service_pb2.DecideStreamRequest(request=request(**changes))


def is_right(response: decision_service_pb2.DecideResponse) -> bool:
    """Whether this is the answer to `request()`."""
    return [v.effect for v in response.verdicts] == [types_pb2.EFFECT_UNMASK, types_pb2.EFFECT_MASK]


def error_of(call: Callable[[], Any]) -> grpc.RpcError:
    """Return the error that a call must end with."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call went well")


def code_of(call: Callable[[], Any]) -> str:
    """Return the name of the code that a call ends with."""
    try:
        call()
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def reason_of(error: grpc.RpcError) -> str:
    """Return the `reason` in an error's details, having seen that they agree with the status itself."""
    trailing = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.domain == "jingxi.dev"
    return str(info.reason).removeprefix("ERROR_REASON_")
