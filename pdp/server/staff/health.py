"""The standard health service of the staff port, which anybody may ask: so nobody holds much by asking a lot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2

from pdp.server.staff.calls import Calls

_UNKNOWN: Final = "unknown"


class BoundedHealth(health.HealthServicer):
    """grpc's own servicer, with few places for watches. `services` are all that it will ever know."""

    def __init__(self, calls: Calls, services: Iterable[str]) -> None:
        # Without threads of its own it can wait for itself for ever, when a watch ends while another begins.
        super().__init__(experimental_non_blocking=False)
        self._calls = calls
        self._services = frozenset(("", *services))

    def Watch(  # noqa: N802 - as gRPC names it
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext, send_response_callback: Any = None
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        """See the service's definition."""
        del send_response_callback
        if request.service not in self._services:
            # grpc remembers every name that was ever watched.
            request = health_pb2.HealthCheckRequest(service=_UNKNOWN)
        with self._calls.failing(context, "Watch"), self._calls.place("health"):
            yield from super().Watch(request, context)
