"""OpenTelemetry spans of calls; an optional extra, `jingxi[otel]`, that costs nothing where it is off.

A transport does, with `tracer` from `tracer_of`:

    span = tracer.begin(method, metadata) if tracer.enabled else None
    …
    if span is not None:
        span.end(code, reply, caller)

A span holds what names a decision (id, revision, caller, counts of fields by effect), never a value of a request.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf.message import DecodeError
from google.rpc import code_pb2

from pdp import __version__
from pdp.errors import ConfigError
from pdp.server.settings import Tracing
from pdp.v1 import types_pb2
from pdp.v1.decision_service_pb2 import DecideBatchResponse, DecideResponse

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OtelSpan

_NAME = "pdp"
# Codes that are the service's fault, by the OpenTelemetry conventions for gRPC servers.
_FAULTS = frozenset(
    {
        code_pb2.UNKNOWN, code_pb2.DEADLINE_EXCEEDED, code_pb2.UNIMPLEMENTED, code_pb2.INTERNAL,
        code_pb2.UNAVAILABLE, code_pb2.DATA_LOSS,
    }
)  # fmt: skip
_PROPAGATED = frozenset({"traceparent", "tracestate"})
_MAX_STATE = 512

Metadata = Iterable[tuple[str, str | bytes]]


class Span(Protocol):
    """One call that is being recorded."""

    def end(self, code: int, reply: bytes = b"", caller: str = "") -> None:
        """End it with the canonical code's number, the reply's bytes and the caller's name."""


class Tracer(Protocol):
    """Begins spans. `enabled` is fixed for the life of a tracer."""

    @property
    def enabled(self) -> bool:
        """Whether `begin` can ever give a span."""

    def begin(self, method: str, metadata: Metadata) -> Span | None:
        """Begin a call's span by its short method name; None when this call is not to be recorded."""

    def close(self) -> None:
        """Send what was recorded; waits a few seconds at most."""


class NoTracer:
    """Records nothing."""

    enabled = False

    def begin(self, method: str, metadata: Metadata) -> Span | None:
        """Return None."""
        del method, metadata
        return None

    def close(self) -> None:
        """Do nothing."""


NO_TRACER: Tracer = NoTracer()


def tracer_of(settings: Tracing, service: str, worker: int = 0) -> Tracer:
    """Return the tracer of a worker; `service` is the full name of the gRPC service.

    Raises ConfigError when traces are wanted and their packages are not installed.
    """
    if not settings.enabled:
        return NO_TRACER
    try:
        processor = _processor(settings)
        return OtelTracer(processor, service, ratio=settings.ratio, worker=worker)
    except ImportError as error:
        raise ConfigError(
            f"`tracing.enabled` needs the package `{error.name}`; install `jingxi[otel]`",
            [("tracing.enabled", "traces need the extra `jingxi[otel]`")],
        ) from error


def _processor(settings: Tracing) -> SpanProcessor:
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    # JSON: the exporter in protobuf needs classes of which xds-protos installs an older copy under the same name.
    otlp = importlib.import_module("opentelemetry.exporter.otlp.json.http.trace_exporter")
    headers = None if settings.headers is None else parse_headers(settings.headers.value)
    exporter: SpanExporter = otlp.OTLPSpanExporter(endpoint=settings.endpoint, headers=headers)
    processor: SpanProcessor = export.BatchSpanProcessor(exporter)
    return processor


def parse_headers(text: str) -> dict[str, str]:
    """Return the headers of a text such as `authorization=Bearer x,tenant=y`. Raises ConfigError."""
    pairs = [part.partition("=") for part in text.replace("\n", ",").split(",") if part.strip()]
    if not all(name.strip() and separator for name, separator, _ in pairs):
        # The text is a secret and must not be quoted.
        message = "`tracing.headers` is not of the form `name=value,name=value`"
        raise ConfigError(message, [("tracing.headers", message)])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


class OtelTracer:
    """Records calls by a span processor of OpenTelemetry's SDK."""

    enabled = True

    def __init__(self, processor: SpanProcessor, service: str, *, ratio: float = 1.0, worker: int = 0) -> None:
        """Record calls whose parent is recorded, and the share `ratio` of those without one."""
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - an optional package
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
        from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

        about = {"service.name": "jingxi", "service.version": __version__, "service.instance.id": str(worker)}
        # What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say comes first.
        resource = Resource.create(about).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(_NAME, __version__)
        self._propagator = tracecontext.TraceContextTextMapPropagator()
        self._service = service
        self._kind = SpanKind.SERVER
        self._fault = Status(StatusCode.ERROR)

    def begin(self, method: str, metadata: Metadata) -> Span | None:
        """Begin a call's span as the child of the caller's, when the metadata names one (W3C Trace Context)."""
        carrier = {
            key: value
            for key, value in metadata
            if key in _PROPAGATED and isinstance(value, str) and len(value) <= _MAX_STATE
        }
        parent = self._propagator.extract(carrier) if carrier else None
        span = self._tracer.start_span(f"{self._service}/{method}", parent, self._kind)
        if not span.is_recording():
            return None
        span.set_attributes({"rpc.system": "grpc", "rpc.service": self._service, "rpc.method": method})
        return _Recorded(span, method, self._fault)

    def close(self) -> None:
        """Send what was recorded."""
        self._provider.shutdown()


class _Recorded:
    __slots__ = ("_fault", "_method", "_span")

    def __init__(self, span: OtelSpan, method: str, fault: Any) -> None:
        self._span = span
        self._method = method
        self._fault = fault

    def end(self, code: int, reply: bytes = b"", caller: str = "") -> None:
        span = self._span
        span.set_attribute("rpc.grpc.status_code", code)
        if caller:
            span.set_attribute("pdp.caller", caller)
        if code in _FAULTS:
            span.set_status(self._fault)
        if code == code_pb2.OK:
            span.set_attributes(_about(self._method, reply))
        span.end()


def _about(method: str, reply: bytes) -> dict[str, Any]:
    """Return what names a decision: ids and counts."""
    try:
        match method:
            case "Decide":
                return _decision(DecideResponse.FromString(reply))
            case "DecideBatch":
                batch = DecideBatchResponse.FromString(reply)
                return {"pdp.items": len(batch.results), "pdp.revision": batch.revision}
    except DecodeError:  # a span is not worth a failed call
        return {}
    return {}


def _decision(response: DecideResponse) -> dict[str, Any]:
    masked = sum(verdict.effect == types_pb2.EFFECT_MASK for verdict in response.verdicts)
    return {
        "pdp.decision_id": response.decision_id,
        "pdp.revision": response.revision,
        "pdp.fields.masked": masked,
        "pdp.fields.unmasked": len(response.verdicts) - masked,
        "pdp.diagnostics": len(response.diagnostics),
    }
