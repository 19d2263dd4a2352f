"""Where a collector of syslog listens, and as what it files what it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pdp.errors import ConfigError
from pdp.server.address import parse_address

TLS, TCP, UNIX = "tls", "tcp", "unix"
FORMS: Final = ("tls://HOST:PORT", "tcp://HOST:PORT", "unix:PATH")
FACILITIES: Final = {
    "user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13, **{f"local{n}": 16 + n for n in range(8)},
}  # fmt: skip
"""Those of RFC 5424, section 6.2.1, that suit."""
# RFC 5425 and RFC 6587.
_PORTS: Final = {TLS: 6514, TCP: 601}


@dataclass(frozen=True, slots=True)
class CollectorAddress:
    """A host and port with `tls` or `tcp`, or the path of a stream socket with `unix`."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.scheme == UNIX:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether what is sent stays on this machine."""
        return self.scheme == UNIX or parse_address(str(self).partition("://")[2]).is_local


def parse_collector(text: str) -> CollectorAddress:
    """Return the address of a text; without a port it is that of the RFC. Raises ConfigError."""
    wrong = f"`{text}` is no address of a collector; write {', '.join(f'`{form}`' for form in FORMS)}"
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, _, rest = text.partition(":")
        if scheme != UNIX or not rest or "\0" in rest:
            raise ConfigError(wrong)
        return CollectorAddress(UNIX, path=rest)
    if scheme not in _PORTS or not rest:
        raise ConfigError(wrong)
    # Behind the bracket of an IPv6 address alone a colon begins a port.
    if ":" not in rest.rpartition("]")[2]:
        rest = f"{rest}:{_PORTS[scheme]}"
    try:
        address = parse_address(rest)
    except ConfigError as error:
        raise ConfigError(f"{wrong}: {error}") from error
    if address.path or not address.host or not address.port:
        raise ConfigError(wrong)
    return CollectorAddress(scheme, address.host, address.port)
