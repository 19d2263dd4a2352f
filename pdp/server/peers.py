"""Who is at the other end of a call, as far as its transport can tell.

| where TLS ends | what is believed | from |
|---|---|---|
| in this process | the names in the client's certificate, and a bearer token | TLS, `authorization` |
| nowhere (loopback) | a bearer token | `authorization` |
| in a proxy on this machine | what the proxy says of certificate, token and address | `x-jingxi-peer` |

The proxy's header is believed only when a proxy is configured, when the connection comes from this machine, and when it
begins with the secret that proxy and service share: any process of the machine can connect and send headers.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

TOKEN_HEADER = "authorization"  # noqa: S105 - a header's name
PROXY_HEADER = "x-jingxi-peer"
_LOCAL = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "ipv6:[::ffff:127.", "ipv6:%5B::ffff:127.", "unix:")
# The parts of grpc's auth context that hold names, with the kind that callers files write before each.
_NAMES = (("peer_dns", "dns"), ("peer_uri", "uri"), ("x509_common_name", "cn"))


class Peer(NamedTuple):
    """What is known of the other end.

    `certificate_names` are those of a verified certificate, each with its kind: `dns:…`, `uri:…`, `cn:…`. `address` is
    for the log.
    """

    token: str | None = None
    certificate_names: tuple[str, ...] = ()
    address: str = ""


class PeerReader:
    """Reads one header, `header`, and the connection. `proxy_secret` is what a trusted proxy begins its header with."""

    def __init__(self, *, proxy_secret: str | None = None) -> None:
        self.header = TOKEN_HEADER if proxy_secret is None else PROXY_HEADER
        self._secret = None if proxy_secret is None else proxy_secret.encode()

    def read(self, value: str | None, connection: str, names: tuple[str, ...] = ()) -> Peer:
        """Return the peer of a call whose `header` has this value (None when absent).

        `connection` is the transport's word for the other end, such as `ipv4:127.0.0.1:5000`; `names` those of the
        certificate that the transport verified itself.
        """
        if self._secret is None:
            return Peer(None if value is None else bearer(value), names, connection)
        if value is None or not connection.startswith(_LOCAL):
            return Peer(None, (), connection)
        # secret, address, token or nothing, common name or nothing, with one blank between and none inside
        parts = value.split(" ")
        if len(parts) != 4 or not hmac.compare_digest(parts[0].encode("utf-8", "replace"), self._secret):
            return Peer(None, (), connection)
        _, address, token, name = parts
        return Peer(token or None, (f"cn:{unquote(name)}",) if name else (), address)

    def read_metadata(
        self, metadata: Iterable[tuple[str, str | bytes]], connection: str, names: tuple[str, ...] = ()
    ) -> Peer:
        """Return the peer of a call with these metadata. Sent twice, the header says nothing, so nobody can add one."""
        found: str | None = None
        for key, value in metadata:
            if key == self.header:
                if found is not None or isinstance(value, bytes):
                    return Peer("", (), connection)
                found = value
        return self.read(found, connection, names)


def bearer(value: str) -> str:
    """Return the token of an `authorization` header; empty, which no caller has, when it holds none."""
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def certificate_names(auth_context: Mapping[str, Sequence[bytes]]) -> tuple[str, ...]:
    """Return the names in a client's certificate, which grpc verified, of a call's `auth_context()`."""
    found = []
    for key, kind in _NAMES:
        for name in auth_context.get(key) or ():
            text = name.decode("utf-8", "replace")
            found.append(f"{kind}:{text.lower() if kind == 'dns' else text}")
    return tuple(found)
