"""HTTP to the provider: one request a connection, within a time and a size as a whole, and no redirect is followed.

`http.client` alone bounds each read but not all of them, so that a provider which sends a byte a second would hold a
sign-in for ever. Here asyncio carries the bytes under one deadline, and `http.client` reads the answer from memory.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, quote_plus, urlencode

from pdp.control.accounts.oidc.rules import endpoint
from pdp.errors import ConfigError, ProviderError

SECONDS: Final = 10.0
"""How long a request may take as a whole."""
MAX_BYTES: Final = 256 * 1024
"""How large an answer may be, with its head."""
_PIECE: Final = 64 * 1024


class Answer(NamedTuple):
    """What came back: the status, and the object that the JSON is."""

    status: int
    data: Mapping[str, Any]


class Web:
    """Asks addresses of a provider. Everything raises ProviderError."""

    def __init__(self, ca: Path | None = None, *, seconds: float = SECONDS) -> None:
        """`ca` signs the provider's certificate, whom the system trusts by default. Raises ConfigError for one that
        cannot be read.
        """
        self._seconds = seconds
        try:
            self._tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
        except OSError as error:
            raise ConfigError(f"`accounts.oidc.ca`: no certificates can be read from `{ca}`") from error

    async def get(self, url: str) -> Mapping[str, Any]:
        """Return the JSON object at an address."""
        answer = await self._ask("GET", url, {}, b"")
        if answer.status != http.HTTPStatus.OK:
            raise ProviderError(f"the OpenID provider answers `{url}` with status {answer.status}")
        return answer.data

    async def post(self, url: str, form: Mapping[str, str], *, user: str = "", password: str = "") -> Answer:
        """Return the answer to a form; with `password` the client shows itself by HTTP Basic (RFC 6749, 2.3.1)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if password:
            shown = f"{quote_plus(user)}:{quote_plus(password)}"
            headers["Authorization"] = f"Basic {b64encode(shown.encode()).decode()}"
        return await self._ask("POST", url, headers, urlencode(form).encode())

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = endpoint(url)
        if parts is None:
            raise ProviderError(f"`{url[:200]}` is neither HTTPS nor on this machine, so nothing is asked there")
        try:
            async with asyncio.timeout(self._seconds):
                received = await self._carry(parts, _request(method, parts, headers, body))
        except TimeoutError as error:
            raise ProviderError(f"the OpenID provider does not answer `{url}` within {self._seconds:g} s") from error
        except ssl.SSLCertVerificationError as error:
            words = f"the certificate at `{url}` is not trusted ({error.verify_message}); look at `accounts.oidc.ca`"
            raise ProviderError(words) from error
        except OSError as error:
            words = (error.strerror or type(error).__name__).lower()
            raise ProviderError(f"the OpenID provider cannot be reached at `{url}`: {words}") from error
        return _answer(url, received)

    async def _carry(self, parts: SplitResult, request: bytes) -> bytes:
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=self._tls if secure else None)
        received = bytearray()
        try:
            writer.write(request)
            await writer.drain()
            while piece := await reader.read(_PIECE):
                received += piece
                if len(received) > MAX_BYTES:
                    raise ProviderError(f"the OpenID provider answers with more than {MAX_BYTES} bytes")
        finally:
            # Nobody waits for its goodbye.
            writer.transport.abort()
        return bytes(received)


class _Held:
    """What `http.client` takes for a socket: an answer that is there as a whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_mode: str) -> io.BytesIO:
        """Return the bytes as a file."""
        return io.BytesIO(self._data)


def _request(method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # `netloc` has no user in it, and no byte that a header could not hold: `endpoint` has seen to that.
    lines = {"Host": parts.netloc, "Accept": "application/json", "Connection": "close", **headers}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def _answer(url: str, received: bytes) -> Answer:
    response = http.client.HTTPResponse(_Held(received))  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError, OSError) as error:
        raise ProviderError(f"what answers at `{url}` speaks no HTTP, or breaks off") from error
    finally:
        response.close()
    if 300 <= response.status < 400:
        raise ProviderError(f"`{url}` sends elsewhere (status {response.status}), which is not followed")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProviderError(f"the OpenID provider answers `{url}` with status {response.status} and no JSON") from error
    if not isinstance(data, dict):
        raise ProviderError(f"the OpenID provider answers `{url}` with JSON that is no object")
    return Answer(response.status, data)
