"""What is set about the provider, and what addresses must be."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pdp.errors import RequestError, Violation

MAX_URL: Final = 2_000
MAX_SUBJECT: Final = 255
"""Characters of a subject (OpenID Connect Core 1.0, section 2)."""

_VISIBLE = re.compile(r"[!-~]+")
# By number, for `localhost` may be resolved to something else (RFC 8252, section 8.3).
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})(?:/[A-Za-z0-9._~-]{0,100}){0,4}")


@dataclass(frozen=True, slots=True)
class OidcRules:
    """The provider, and who we are there. `client_secret` is empty for a public client.

    `second_factor_acr` and `second_factor_amr` are the values of `acr` and `amr` of which one says that the provider
    has seen a second factor; without any it never counts.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid",)
    second_factor_acr: tuple[str, ...] = ()
    second_factor_amr: tuple[str, ...] = ()
    label: str = ""
    label_zh: str = ""

    def label_in(self, language: str) -> str:
        """Return what people know the provider by, in `zh` or `en`: what is set, else the host of its issuer."""
        given = (self.label_zh, self.label) if language == "zh" else (self.label, self.label_zh)
        return given[0] or given[1] or urlsplit(self.issuer).hostname or self.issuer

    @property
    def trusts_second_factor(self) -> bool:
        """Whether the provider's own second factor may count."""
        return bool(self.second_factor_acr or self.second_factor_amr)


def endpoint(text: str) -> SplitResult | None:
    """Return the parts of an address that may be asked: HTTPS, or plain HTTP on this machine; None for any other."""
    if len(text) > MAX_URL or not _VISIBLE.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        # Reading the port is what judges it.
        usable = parts.port != 0 and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        return None
    if not usable or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or ""))):
        return None
    return parts


def is_issuer(text: str) -> bool:
    """Whether a text can be an issuer: an address as above without a query."""
    parts = endpoint(text)
    return parts is not None and not parts.query and "?" not in text and "#" not in text


def check_redirect(text: str) -> None:
    """Raise RequestError for a redirect that does not stay on the person's machine (RFC 8252, section 7.3)."""
    found = _LOOPBACK.fullmatch(text)
    if found is None or int(found[1]) > 65_535:
        raise RequestError(
            Violation("redirect_uri", "is `http://127.0.0.1:PORT/PATH` or `http://[::1]:PORT/PATH`, without a query")
        )


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
