"""The standard health service, as state that transports read: one status for the whole and for each service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2

from pdp.server.status import Failure

SERVICE: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
CHECK, WATCH = f"/{SERVICE}/Check", f"/{SERVICE}/Watch"

_Response = health_pb2.HealthCheckResponse
_UNKNOWN = _Response(status=_Response.SERVICE_UNKNOWN).SerializeToString()

Notify = Callable[[bytes], None]


class Health:
    """Statuses and who watches them. Safe to use from several threads."""

    def __init__(self, services: Iterable[str]) -> None:
        self._lock = threading.RLock()
        self._statuses = {service: _status(ready=False) for service in ("", *services)}
        self._watchers: dict[Notify, str] = {}
        self._draining = False

    def set_ready(self, *, ready: bool) -> None:
        """Set the status of every service and tell the watchers."""
        with self._lock:
            if self._draining:
                return
            self._set(_status(ready=ready))

    def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever is set later."""
        with self._lock:
            self._draining = True
            self._set(_status(ready=False))

    def _set(self, status: bytes) -> None:
        for service, now in self._statuses.items():
            if now == status:
                continue
            self._statuses[service] = status
            for notify, watched in list(self._watchers.items()):
                if watched == service:
                    notify(status)

    def check(self, payload: bytes) -> bytes | Failure:
        """Answer a HealthCheckRequest."""
        service = _service(payload)
        if isinstance(service, Failure):
            return service
        status = self._statuses.get(service)
        if status is None:
            return Failure(code_pb2.NOT_FOUND, "unknown service", b"")
        return status

    def watch(self, payload: bytes, notify: Notify) -> Failure | None:
        """Tell `notify` the status now and whenever it changes, until `forget`; `notify` must not block."""
        service = _service(payload)
        if isinstance(service, Failure):
            return service
        with self._lock:
            # An unknown service is no error here: it may come to be, the protocol says.
            notify(self._statuses.get(service, _UNKNOWN))
            self._watchers[notify] = service
        return None

    def forget(self, notify: Notify) -> None:
        """Tell it nothing more."""
        with self._lock:
            self._watchers.pop(notify, None)


def _service(payload: bytes) -> str | Failure:
    try:
        return str(health_pb2.HealthCheckRequest.FromString(payload).service)
    except DecodeError:
        return Failure(code_pb2.INVALID_ARGUMENT, "not a grpc.health.v1.HealthCheckRequest", b"")


def _status(*, ready: bool) -> bytes:
    status = _Response.SERVING if ready else _Response.NOT_SERVING
    return bytes(_Response(status=status).SerializeToString())
