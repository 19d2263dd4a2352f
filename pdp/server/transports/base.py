"""What a worker wants of a transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import grpc

from pdp.server.address import Address
from pdp.server.settings import Limits

REQUEST_SECONDS = 20
"""How long a call's request may take to arrive, and its reply to leave."""
STREAM_IDLE_SECONDS = 60
STREAM_SECONDS = 600
"""The age at which a stream is ended, so that clients come to other nodes and workers again."""
HANDSHAKE_SECONDS = 10
MAX_CONNECTIONS = 4_096


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """What every transport is told. Without `credentials` it speaks plain text.

    `share` lets other processes listen on the same port; whoever sets it makes sure that these are wanted.
    """

    limits: Limits
    reflection: bool = True
    share: bool = False
    credentials: grpc.ServerCredentials | None = None
    connections: int = MAX_CONNECTIONS


class Transport(Protocol):
    """Takes calls from addresses. All methods may be called from any thread, one at a time."""

    def start(self, addresses: Sequence[Address]) -> list[Address]:
        """Listen, and return the addresses with their real ports. Raises ConfigError."""

    def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether calls are welcome."""

    def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever is set later."""

    def stop(self, grace: float) -> None:
        """Refuse new calls, let those in flight take `grace` seconds, and return once all have ended.

        A second call, from another thread, can shorten the grace of the first.
        """
