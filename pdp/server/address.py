"""Addresses to listen on."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from pdp.errors import ConfigError


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
