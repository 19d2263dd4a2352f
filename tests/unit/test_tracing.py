"""Spans of calls: what they hold, whom they follow, and that they cost nothing where they are off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.rpc import code_pb2
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pdp.errors import ConfigError
from pdp.server import tracing
from pdp.server.config.kinds import Secret
from pdp.server.settings import Tracing
from pdp.server.tracing import NO_TRACER, OtelTracer, parse_headers, tracer_of
from pdp.v1 import types_pb2
from pdp.v1.decision_service_pb2 import BatchResult, DecideBatchResponse, DecideResponse
from tests.integration.collector import collector

SERVICE = "pdp.v1.DecisionService"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REPLY = DecideResponse(
    decision_id="d1",
    revision=7,
    verdicts=[
        types_pb2.Verdict(field="mobile", effect=types_pb2.EFFECT_MASK),
        types_pb2.Verdict(field="name", effect=types_pb2.EFFECT_UNMASK),
        types_pb2.Verdict(field="id_number", effect=types_pb2.EFFECT_MASK),
    ],
).SerializeToString()


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Iterator[OtelTracer]:
    made = OtelTracer(SimpleSpanProcessor(spans), SERVICE, worker=3)
    yield made
    made.close()


def test_a_span_names_the_decision_and_no_value(tracer: OtelTracer, spans: InMemorySpanExporter) -> None:
    span = tracer.begin("Decide", [("user-agent", "x"), ("authorization", "Bearer s3cret")])
    assert span is not None
    span.end(code_pb2.OK, REPLY, "core-counter")
    (found,) = spans.get_finished_spans()
    assert (found.name, found.kind, found.parent) == (f"{SERVICE}/Decide", SpanKind.SERVER, None)
    assert dict(found.attributes or {}) == {
        "rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "Decide", "rpc.grpc.status_code": 0,
        "pdp.caller": "core-counter", "pdp.decision_id": "d1", "pdp.revision": 7,
        "pdp.fields.masked": 2, "pdp.fields.unmasked": 1, "pdp.diagnostics": 0,
    }  # fmt: skip
    assert found.resource.attributes["service.name"] == "jingxi"
    assert found.resource.attributes["service.instance.id"] == "3"


def test_a_batch_tells_its_size(tracer: OtelTracer, spans: InMemorySpanExporter) -> None:
    reply = DecideBatchResponse(revision=7, results=[BatchResult(), BatchResult()]).SerializeToString()
    span = tracer.begin("DecideBatch", [])
    assert span is not None
    span.end(code_pb2.OK, reply)
    assert (spans.get_finished_spans()[0].attributes or {})["pdp.items"] == 2


def test_a_call_continues_its_callers_trace(tracer: OtelTracer, spans: InMemorySpanExporter) -> None:
    span = tracer.begin("Decide", [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("tracestate", "a=b")])
    assert span is not None
    span.end(code_pb2.OK, REPLY)
    (found,) = spans.get_finished_spans()
    assert found.context is not None
    assert found.parent is not None
    assert f"{found.context.trace_id:032x}" == TRACE
    assert f"{found.parent.span_id:016x}" == PARENT
    assert found.context.trace_state.get("a") == "b"


@pytest.mark.parametrize(
    "parent", ["", "junk", "00-0-0-01", f"ff-{TRACE}-{PARENT}-01", "x" * 10_000, f"00-{TRACE}-{PARENT}-01" + "é"]
)
def test_a_parent_that_is_none_begins_a_trace_of_its_own(
    tracer: OtelTracer, spans: InMemorySpanExporter, parent: str
) -> None:
    span = tracer.begin("Decide", [("traceparent", parent), ("traceparent-bin", b"\xff")])
    assert span is not None
    span.end(code_pb2.OK, REPLY)
    assert spans.get_finished_spans()[0].parent is None


def test_a_caller_that_does_not_record_is_followed(tracer: OtelTracer) -> None:
    assert tracer.begin("Decide", [("traceparent", f"00-{TRACE}-{PARENT}-00")]) is None


def test_the_share_without_a_parent(spans: InMemorySpanExporter) -> None:
    tracer = OtelTracer(SimpleSpanProcessor(spans), SERVICE, ratio=0.0)
    assert tracer.begin("Decide", []) is None
    assert tracer.begin("Decide", [("traceparent", f"00-{TRACE}-{PARENT}-01")]) is not None
    tracer.close()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (code_pb2.INTERNAL, StatusCode.ERROR),
        (code_pb2.UNAVAILABLE, StatusCode.ERROR),
        (code_pb2.INVALID_ARGUMENT, StatusCode.UNSET),
        (code_pb2.PERMISSION_DENIED, StatusCode.UNSET),
    ],
)
def test_only_the_services_own_faults_are_errors(
    tracer: OtelTracer, spans: InMemorySpanExporter, code: int, status: StatusCode
) -> None:
    span = tracer.begin("Decide", [])
    assert span is not None
    span.end(code)
    (found,) = spans.get_finished_spans()
    assert found.status.status_code is status
    assert "pdp.decision_id" not in (found.attributes or {})


def test_a_reply_that_cannot_be_read_is_no_failed_call(tracer: OtelTracer, spans: InMemorySpanExporter) -> None:
    span = tracer.begin("Decide", [])
    assert span is not None
    span.end(code_pb2.OK, b"\xff\xff")
    assert len(spans.get_finished_spans()) == 1


def test_off_means_nothing_happens() -> None:
    assert tracer_of(Tracing(), SERVICE) is NO_TRACER
    assert not NO_TRACER.enabled
    assert NO_TRACER.begin("Decide", []) is None
    NO_TRACER.close()


def test_off_loads_no_package() -> None:
    script = (
        "import sys; from pdp.server import tracing; from pdp.server.settings import Tracing\n"
        "tracing.tracer_of(Tracing(), 's')\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2], timeout=60)


def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(tracing.importlib, "import_module", absent)
    with pytest.raises(ConfigError, match=r"install `jingxi\[otel\]`"):
        tracer_of(Tracing(enabled=True, headers=Secret("a=b", "")), SERVICE)


def test_headers() -> None:
    assert parse_headers("Authorization=Bearer a=b, tenant=x\n") == {"authorization": "Bearer a=b", "tenant": "x"}
    with pytest.raises(ConfigError) as caught:
        parse_headers("s3cret")
    assert "s3cret" not in str(caught.value)


def test_spans_reach_a_collector_as_they_are_configured_to() -> None:
    # In the extra `otel`, which not everybody who runs the tests has installed.
    pytest.importorskip("opentelemetry.exporter.otlp.json.http")
    with collector() as collecting:
        headers = Secret("authorization=Bearer x", "")
        settings = Tracing(enabled=True, endpoint=collecting.endpoint, headers=headers, ratio=1.0)
        tracer = tracer_of(settings, SERVICE)
        span = tracer.begin("Decide", [])
        assert span is not None
        span.end(code_pb2.OK, REPLY)
        tracer.close()
        path, authorization, body = collecting.received.get(timeout=60)
    assert (path, authorization) == ("/v1/traces", "Bearer x")
    (found,) = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert found["name"] == f"{SERVICE}/Decide"
