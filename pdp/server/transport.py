"""The grpcio transport: one aio server with its bounds, the standard health service and reflection.

It carries what it is given and knows nothing of policies; another transport takes the same core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from pdp.errors import ConfigError
from pdp.server import settings
from pdp.server.settings import Address

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", settings.MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", settings.MAX_REPLY_BYTES),
    # The first is where grpc begins to refuse at random, the second where it always does; equal for a plain answer.
    ("grpc.max_metadata_size", settings.MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", settings.MAX_METADATA_BYTES),
    ("grpc.max_concurrent_streams", settings.MAX_STREAMS),
    # Two servers on one port would share its connections in silence.
    ("grpc.so_reuseport", 0),
    # A peer that vanished is noticed, and a client may send pings as often as round-robin clients do.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class GrpcTransport:
    """A grpc.aio server on one address."""

    def __init__(
        self, handlers: Sequence[grpc.GenericRpcHandler[bytes, bytes]], services: Sequence[str], *, reflect: bool = True
    ) -> None:
        """Take the handlers of the services with these full names; the health service is added."""
        self._services = ("", *services)
        self._health = _Health()
        self._server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=settings.MAX_CALLS)
        self._server.add_generic_rpc_handlers(tuple(handlers))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflect:
            names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self, address: Address) -> Address:
        """Listen in plain text, not yet ready, and return the address with its real port. Raises ConfigError."""
        await self.set_ready(ready=False)
        try:
            port = self._server.add_insecure_port(str(address))
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on `{address}`: it is in use or not an address of this machine; choose another"
            ) from error
        await self._server.start()
        return address.with_port(port)

    async def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether calls are welcome, for each service and the whole."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self._health.set(service, status)

    async def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever is set later."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Refuse new calls, let those in flight take `grace` seconds, then end."""
        self._health.closing.set()
        await self._server.stop(grace)


class _Health(health.aio.HealthServicer):  # type: ignore[misc,name-defined]  # the stubs lack it
    """The standard service, whose watches end with the server instead of holding it for the whole grace."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802 - gRPC's name
        """Send the status of a service whenever it changes."""
        watching = asyncio.create_task(super().Watch(request, context))
        closing = asyncio.create_task(self.closing.wait())
        try:
            await asyncio.wait((watching, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            closing.cancel()
            await asyncio.gather(watching, closing, return_exceptions=True)
