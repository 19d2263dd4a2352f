"""From the service's replies and statuses to the client's own values and errors."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from jingxi_client import errors
from jingxi_client._gen.pdp.v1 import decision_service_pb2, types_pb2
from jingxi_client.decisions import Decision, Diagnostic, Mask, Obligation, Reason, Text, Verdict
from jingxi_client.message_map import FULL, mask_of


def decision_of(reply: decision_service_pb2.DecideResponse, request_id: str) -> Decision:
    """Return a reply as a Decision. A verdict that this client does not understand masks in full."""
    return Decision(
        reply.decision_id,
        reply.request_id or request_id,
        reply.revision,
        reply.policy_hash,
        tuple(Verdict(v.field, _mask(reply, v), _reason(reply, v)) for v in reply.verdicts),
        tuple(Obligation(o.type, dict(o.parameters), tuple(o.fields), o.rule) for o in reply.obligations),
        tuple(
            Diagnostic(_name(types_pb2.DiagnosticCode, d.code), d.message, d.subject, tuple(d.attributes))
            for d in reply.diagnostics
        ),
    )


def error_of(error: grpc.RpcError, call: str) -> errors.JingxiError:
    """Return the error that a failed call stands for."""
    code, message = error.code(), error.details() or ""
    reason, violations = _details(error)
    says = f"{call} failed: {message or code.name}"
    match code:
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.NOT_FOUND | grpc.StatusCode.OUT_OF_RANGE:
            if reason == "ERROR_REASON_UNKNOWN_MESSAGE":
                return errors.UnknownMessageError(says, violations)
            return errors.RequestRejectedError(says, violations)
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return errors.AccessDeniedError(says)
        case grpc.StatusCode.FAILED_PRECONDITION if reason == "ERROR_REASON_REVISION_TOO_OLD":
            return errors.RevisionTooOldError(says, code.name)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.DecisionUnavailableError(f"{call} took longer than its deadline", code.name)
    return errors.DecisionUnavailableError(f"{says} ({code.name})", code.name)


def _mask(reply: decision_service_pb2.DecideResponse, verdict: types_pb2.Verdict) -> Mask | None:
    if verdict.effect == types_pb2.EFFECT_UNMASK:
        return None
    if verdict.effect != types_pb2.EFFECT_MASK or verdict.mask >= len(reply.masks):
        return FULL
    return mask_of(reply.masks[verdict.mask])


def _reason(reply: decision_service_pb2.DecideResponse, verdict: types_pb2.Verdict) -> Reason:
    if verdict.reason >= len(reply.reasons):
        return Reason()
    found = reply.reasons[verdict.reason]
    title = Text(found.title.zh, found.title.en)
    return Reason(_name(types_pb2.ReasonKind, found.kind), found.rule, title, found.grant_id, found.undecided)


def _name(enum: Any, number: int) -> str:
    """Return an enum's value without its prefix, in lower case; empty for one this client does not know."""
    if number == 0 or number not in enum.values():
        return ""
    prefix = {"ReasonKind": "REASON_KIND_", "DiagnosticCode": "DIAGNOSTIC_CODE_"}[enum.DESCRIPTOR.name]
    return str(enum.Name(number)).removeprefix(prefix).lower()


def expected_of(error: grpc.RpcError) -> int | None:
    """Return the number that the service expects next, when an error says that a report was out of sequence."""
    for detail in _status_details(error):
        if detail.type_url.endswith("/google.rpc.ErrorInfo"):
            found = _rpc_messages()["ErrorInfo"].FromString(detail.value)
            if found.reason == "ERROR_REASON_OUT_OF_SEQUENCE" and found.metadata.get("expected", "").isdigit():
                return int(found.metadata["expected"])
    return None


def _details(error: grpc.RpcError) -> tuple[str, tuple[errors.Violation, ...]]:
    """Return the ErrorInfo's reason and the BadRequest's violations; empty when the status has none."""
    reason, violations = "", []
    try:
        for detail in _status_details(error):
            name = detail.type_url.rpartition("/")[2]
            if name == "google.rpc.ErrorInfo":
                reason = _rpc_messages()["ErrorInfo"].FromString(detail.value).reason
            elif name == "google.rpc.BadRequest":
                found = _rpc_messages()["BadRequest"].FromString(detail.value)
                violations += [errors.Violation(v.field, v.description) for v in found.field_violations]
    except DecodeError:
        return "", ()
    return reason, tuple(violations)


def _status_details(error: grpc.RpcError) -> list[Any]:
    """Return the details of the google.rpc.Status that came with an error; none when it cannot be read."""
    metadata: Any = error.trailing_metadata() or ()  # pairs, which are named tuples outside of asyncio
    for key, data in metadata:
        if key == "grpc-status-details-bin" and isinstance(data, bytes):
            try:
                return list(_rpc_messages()["Status"].FromString(data).details)
            except DecodeError:
                return []
    return []


@functools.cache
def _rpc_messages() -> Mapping[str, Any]:
    """Return google.rpc.Status, ErrorInfo and BadRequest as far as they are read here.

    In a pool of their own: the package that ships them is not needed for this, and where it is installed the default
    pool already has the names.
    """
    text, data, message = (
        descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
        descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
    )
    file = descriptor_pb2.FileDescriptorProto(name="jingxi_client/rpc.proto", package="rpc", syntax="proto3")
    shapes: dict[str, list[tuple[str, int, int, str]]] = {
        "Any": [("type_url", 1, text, ""), ("value", 2, data, "")],
        "Status": [("details", 3, message, "Any")],
        "ErrorInfo": [("reason", 1, text, ""), ("metadata", 3, message, "ErrorInfo.MetadataEntry")],
        "FieldViolation": [("field", 1, text, ""), ("description", 2, text, "")],
        "BadRequest": [("field_violations", 1, message, "FieldViolation")],
    }
    for name, fields in shapes.items():
        shape = file.message_type.add(name=name)
        for field_name, number, kind, type_name in fields:
            field = shape.field.add(name=field_name, number=number)
            field.type = kind  # type: ignore[assignment]
            field.label = (
                descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
                if type_name
                else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
            )
            if type_name:
                field.type_name = f".rpc.{type_name}"
    info = next(shape for shape in file.message_type if shape.name == "ErrorInfo")
    entry = info.nested_type.add(name="MetadataEntry")
    entry.options.map_entry = True
    for number, field_name in enumerate(("key", "value"), start=1):
        field = entry.field.add(name=field_name, number=number)
        field.type = text
        field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"rpc.{name}")) for name in shapes}
