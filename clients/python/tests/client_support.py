"""A decision service on a real socket whose answers the tests choose, and the tables of cases."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from jingxi_client._gen.pdp.v1 import (
    bundle_pb2,
    decision_service_pb2_grpc,
    fallback_service_pb2,
    fallback_service_pb2_grpc,
    types_pb2,
)
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api

VECTORS = Path(__file__).parents[3] / "tests" / "vectors"

Answer = Callable[[api.BatchItem], api.DecideResponse | api.ItemError]


def load(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / name).read_text("utf-8"))


def expected_gaps(cases: list[dict[str, Any]]) -> list[Any]:
    """Return cases as parameters of a test; those that gaps.json lists for Python must fail."""
    gaps = set(load("gaps.json")["python"])
    failing = pytest.mark.xfail(reason="listed in tests/vectors/gaps.json", strict=True)
    return [pytest.param(case, id=case["id"], marks=[failing] if case["id"] in gaps else []) for case in cases]


def value_of(parameter: Any) -> types_pb2.Value:
    match parameter:
        case bool():
            return types_pb2.Value(bool_value=parameter)
        case int():
            return types_pb2.Value(int_value=parameter)
        case str():
            return types_pb2.Value(string_value=parameter)
    if all(isinstance(item, int) for item in parameter):
        return types_pb2.Value(int_list=types_pb2.IntList(values=parameter))
    return types_pb2.Value(string_list=types_pb2.StringList(values=parameter))


def reply_of(verdicts: dict[str, Any]) -> api.DecideResponse:
    """Return a reply with these verdicts: `unmask` or a mask with algorithm and parameters, by field."""
    reply = api.DecideResponse(decision_id="d1", revision=7)
    reply.reasons.add(kind=types_pb2.REASON_KIND_RULE, rule="p/r", title={"zh": "规则", "en": "rule"}, grant_id="G1")
    for name, verdict in verdicts.items():
        if verdict == "unmask":
            reply.verdicts.add(field=name, effect=types_pb2.EFFECT_UNMASK)
        else:
            reply.verdicts.add(field=name, effect=types_pb2.EFFECT_MASK, mask=len(reply.masks))
            mask = reply.masks.add(algorithm=verdict["algorithm"])
            for key, value in verdict["parameters"].items():
                mask.parameters[key].CopyFrom(value_of(value))
    return reply


class Service(decision_service_pb2_grpc.DecisionServiceServicer):
    """Records what it is asked and answers as told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.maps: dict[tuple[str, str], bundle_pb2.MessageMap] = {}
        self.types: dict[str, int] = {}
        self.policy_hash = "h1"
        self.failure_rule = api.GetMessageMapResponse()
        self.answer: Answer = lambda item: reply_of(dict.fromkeys(item.fields, "unmask"))
        self.before: Callable[[str, Any, grpc.ServicerContext], None] = lambda *_: None

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def put_map(self, source: bundle_pb2.MessageMap) -> None:
        self.maps[source.application, source.name] = source

    def Decide(self, request: api.DecideRequest, context: grpc.ServicerContext) -> api.DecideResponse:  # noqa: N802
        self._note("Decide", request, context)
        item = api.BatchItem(resource=request.resource, fields=request.fields)
        if request.HasField("message"):
            item.message.CopyFrom(request.message)
        answer = self.answer(item)
        assert isinstance(answer, api.DecideResponse)
        answer.request_id = request.request_id
        answer.policy_hash = self.policy_hash
        return answer

    def DecideBatch(self, request: api.DecideBatchRequest, context: grpc.ServicerContext) -> api.DecideBatchResponse:  # noqa: N802
        self._note("DecideBatch", request, context)
        reply = api.DecideBatchResponse(request_id=request.request_id, revision=7, policy_hash=self.policy_hash)
        for item in request.items:
            answer = self.answer(item)
            if isinstance(answer, api.ItemError):
                reply.results.add(error=answer)
            else:
                # As the service does: these stand once, beside the items.
                answer.ClearField("revision")
                answer.ClearField("policy_hash")
                reply.results.add(decision=answer)
        return reply

    def GetMessageMap(  # noqa: N802
        self, request: api.GetMessageMapRequest, context: grpc.ServicerContext
    ) -> api.GetMessageMapResponse:
        self._note("GetMessageMap", request, context)
        found = self.maps.get((request.application, request.name))
        if found is None:
            abort(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                "no such message",
                "ERROR_REASON_UNKNOWN_MESSAGE",
                name="unknown",
            )
        reply = api.GetMessageMapResponse(
            message_map=found, attribute_types=self.types, revision=7, policy_hash=self.policy_hash
        )
        reply.MergeFrom(self.failure_rule)
        return reply

    def _note(self, name: str, request: Any, context: grpc.ServicerContext) -> None:
        self.calls.append((name, request))
        self.before(name, request, context)


class Reports(fallback_service_pb2_grpc.FallbackServiceServicer):
    """Takes reports as the service does: each event once, in sequence."""

    def __init__(self) -> None:
        self.events: list[fallback_service_pb2.FallbackEvent] = []
        self.expected = 1
        self.changed = threading.Condition()
        self.before: Callable[[grpc.ServicerContext], None] = lambda _: None
        self.after: Callable[[grpc.ServicerContext], None] = lambda _: None

    def add_to(self, server: grpc.Server) -> None:
        fallback_service_pb2_grpc.add_FallbackServiceServicer_to_server(self, server)

    def ReportFallbacks(  # noqa: N802
        self, request: fallback_service_pb2.ReportFallbacksRequest, context: grpc.ServicerContext
    ) -> fallback_service_pb2.ReportFallbacksResponse:
        self.before(context)
        with self.changed:
            first = request.events[0].sequence
            if first > self.expected:
                abort(
                    context, grpc.StatusCode.FAILED_PRECONDITION, "out of sequence", "ERROR_REASON_OUT_OF_SEQUENCE",
                    metadata={"expected": str(self.expected)},
                )  # fmt: skip
            new = [event for event in request.events if event.sequence >= self.expected]
            self.events += new
            self.expected += len(new)
            self.changed.notify_all()
        self.after(context)
        return fallback_service_pb2.ReportFallbacksResponse(recorded_through=self.expected - 1)

    def wait_for(self, count: int, patience: float = 30.0) -> list[fallback_service_pb2.FallbackEvent]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.events) >= count, patience), len(self.events)
            return list(self.events)


def abort(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    message: str,
    reason: str,
    metadata: dict[str, str] | None = None,
    **violations: str,
) -> None:
    """Fail as the server does: with google.rpc.Status in the trailing metadata."""
    from google.rpc import error_details_pb2, status_pb2

    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="jingxi.dev", metadata=metadata or {})
    status.details.add().Pack(info)
    bad = error_details_pb2.BadRequest()
    for field, description in violations.items():
        bad.field_violations.add(field=field, description=description)
    status.details.add().Pack(bad)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


@contextlib.contextmanager
def serving(
    service: Service, *others: Callable[[grpc.Server], None], credentials: Any = None, port: int = 0
) -> Iterator[int]:
    """Serve on a port of the loopback, a free one by default, and yield it."""
    with futures.ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool)
        decision_service_pb2_grpc.add_DecisionServiceServicer_to_server(service, server)
        for add in others:
            add(server)
        address = f"127.0.0.1:{port}"
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait()
