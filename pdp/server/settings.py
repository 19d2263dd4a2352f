"""What the server starts with, judged before anything starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from pdp.engine.request import MAX_MESSAGE
from pdp.errors import ConfigError

MAX_REQUEST_BYTES = MAX_MESSAGE
MAX_REPLY_BYTES = 4 * 1024 * 1024
"""What a gRPC client accepts unless told otherwise."""
MAX_METADATA_BYTES = 16 * 1024
MAX_STREAMS = 256
"""Calls in flight on one connection; more wait at the client."""
MAX_CALLS = 4096
"""Calls in flight on all connections, health watches included; more are refused, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host with a port, or the path of a Unix socket."""

    host: str
    port: int
    path: str = ""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def with_port(self, port: int) -> Address:
        """Return the same host with the port that the system chose."""
        return self if self.path else Address(self.host, port)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `pdp serve`.

    `drain_seconds` is how long the server still answers after it said NOT_SERVING, so that balancers turn away first;
    `grace_seconds` how long calls in flight may then take. `clock` is the time to begin at instead of the machine's, in
    nanoseconds since 1970.
    """

    policies: Path
    address: Address
    grants: Path | None = None
    insecure: bool = False
    reflection: bool = True
    ready_file: Path | None = None
    drain_seconds: float = 1.0
    grace_seconds: float = 10.0
    poll_seconds: float = 2.0
    clock: int | None = None

    def __post_init__(self) -> None:
        # Not even with `insecure`: whoever can set the time can bring expired grants back to life.
        if self.clock is not None and not self.address.is_local:
            raise ConfigError(
                f"`--clock` is for demonstrations and tests, and `{self.address}` can be reached from other machines; "
                "listen on a loopback address such as `127.0.0.1:7070`, or leave `--clock` out"
            )
        if not self.address.is_local and not self.insecure:
            raise ConfigError(
                f"`{self.address}` can be reached from other machines and there is no TLS; listen on a loopback "
                "address such as `127.0.0.1:7070` behind a TLS proxy, or pass `--insecure` to accept plain text"
            )


def parse_address(text: str) -> Address:
    """Return the address of a text such as `127.0.0.1:7070`, `[::1]:7070` or `unix:/run/pdp.sock`.

    Raises ConfigError.
    """
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise ConfigError("`unix:` names no socket; write `unix:/run/pdp.sock`")
        return Address("", 0, path)
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"`{text}` is not an address; an IPv6 host stands in brackets: `[::1]:7070`")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"`{text}` is not an address such as `127.0.0.1:7070`")
    return Address(host, int(port))
