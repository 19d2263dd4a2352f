"""Listens for staff calls: on a Unix socket in the data folder, or on a port."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Collection, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection as grpc_reflection

from pdp.errors import ConfigError
from pdp.server.address import Address
from pdp.server.ports import Reservation
from pdp.server.staff.bounds import Bounds
from pdp.server.staff.calls import THREADS, Calls
from pdp.server.staff.health import BoundedHealth
from pdp.server.tls import TlsFiles, server_credentials
from pdp.server.transports.base import HANDSHAKE_SECONDS

SOCKET: Final = "staff.sock"
MAX_REQUEST: Final = 64 * 1024 * 1024
"""Bytes of a request that carries the text of a policy set; others have `bounds.MAX_PLAIN`."""
MAX_CALLS: Final = 80
MAX_STREAMS: Final = 128
"""Calls in flight on a connection; more wait at the client."""
MAX_CONNECTIONS = 1_024
STOP_SECONDS: Final = 5.0
# A path of a socket may have so many bytes (sun_path in sockaddr_un), and ends in a zero.
_MAX_PATH = 107


def _options() -> Sequence[tuple[str, int]]:
    """Return the bounds as grpc knows them."""
    return (
        ("grpc.max_receive_message_length", MAX_REQUEST),
        # A page of 1,000 records of some size.
        ("grpc.max_send_message_length", 64 * 1024 * 1024),
        ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1000),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    )


def socket_address(data: Path) -> Address:
    """Return where the staff of a data folder listens unless it is told otherwise."""
    return Address("", 0, str(data.absolute() / SOCKET))


class Service(NamedTuple):
    """A service: its full name, what adds it to a server, and which of its methods carry the text of a policy set."""

    name: str
    add: Callable[[grpc.Server], Any]
    large: Collection[str] = ()


class StaffServer:
    """Serves the staff's services on one address, with health and reflection.

    Raises ConfigError for an address that other machines can reach without TLS, unless `insecure` allows it.
    """

    def __init__(
        self,
        address: Address,
        services: Sequence[Service],
        calls: Calls,
        *,
        tls: TlsFiles | None = None,
        insecure: bool = False,
        reflection: bool = True,
        guard: grpc.ServerInterceptor | None = None,  # type: ignore[type-arg]
    ) -> None:
        if not address.is_local and tls is None and not insecure:
            raise ConfigError(
                f"the staff address `{address}` can be reached by other machines in plain text; give it a certificate, "
                "choose a socket file or 127.0.0.1, or allow it by `insecure`"
            )
        self.address = address
        self._tls = tls
        self._calls = calls
        self._threads = futures.ThreadPoolExecutor(THREADS, thread_name_prefix="staff")
        self._names = [service.name for service in services]
        self._health = BoundedHealth(calls, self._names)
        bounds = Bounds(calls, [f"/{service.name}/{method}" for service in services for method in service.large])
        # The guard first: who may not call is told so before anything is read of the request.
        self._server = grpc.server(
            self._threads,
            interceptors=[bounds] if guard is None else [guard, bounds],
            options=_options(),
            maximum_concurrent_rpcs=MAX_CALLS,
        )
        for service in services:
            service.add(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflection:
            names = (*self._names, health.SERVICE_NAME, grpc_reflection.SERVICE_NAME)
            grpc_reflection.enable_server_reflection(names, self._server)

    def start(self) -> Address:
        """Listen and return the address with its real port. Raises ConfigError."""
        if self.address.path:
            _check_folder(Path(self.address.path).parent)
            if len(os.fsencode(self.address.path)) > _MAX_PATH:
                raise ConfigError(
                    f"the path `{self.address.path}` is longer than the {_MAX_PATH} bytes of a socket's; choose another"
                )
        # Nobody's port or socket file is taken over in silence.
        reservation = Reservation.take(self.address)
        reservation.release()
        try:
            port = self._listen(str(reservation.address))
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on the staff address `{self.address}`: it is in use or not an address of this machine; "
                "choose another"
            ) from error
        if self.address.path:
            Path(self.address.path).chmod(stat.S_IRUSR | stat.S_IWUSR)
        else:
            self.address = self.address.with_port(port)
        self._server.start()
        for name in ("", *self._names):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return self.address

    def _listen(self, address: str) -> int:
        if self._tls is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, server_credentials(self._tls)))

    def drain(self) -> None:
        """Say NOT_SERVING from now on."""
        self._health.enter_graceful_shutdown()

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """End streams, let other calls take `grace` seconds, and return once all have ended."""
        self.drain()
        self._calls.stop()
        self._server.stop(grace).wait()
        # A call that was broken off still has its end to record.
        self._threads.shutdown(wait=True)
        self._calls.finish()
        if self.address.path:
            Path(self.address.path).unlink(missing_ok=True)

    async def astop(self, grace: float = STOP_SECONDS) -> None:
        """`stop`, for an event loop."""
        await asyncio.to_thread(self.stop, grace)


def _check_folder(folder: Path) -> None:
    """See that only the service's user can reach the socket file: its rights are all that guards it."""
    try:
        found = folder.stat()
    except OSError as error:
        raise ConfigError(f"cannot listen in `{folder}`: {(error.strerror or str(error)).lower()}") from error
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"the folder `{folder}` of the staff's socket can be entered by others, who could read every record; "
            f"run `chmod 700 {folder}`"
        )
