"""One-time codes by time: RFC 6238 with SHA-1, 6 digits and 30 seconds, as every authenticator knows them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from typing import Final
from urllib.parse import quote

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
DRIFT: Final = 1
"""Steps by which the clocks of the server and the authenticator may differ."""


def new_secret() -> bytes:
    """Return a secret."""
    return secrets.token_bytes(SECRET_BYTES)


def uri(secret: bytes, name: str, issuer: str = "Jingxi") -> str:
    """Return what an authenticator reads as a QR code."""
    coded = base64.b32encode(secret).decode().rstrip("=")
    label = f"{quote(issuer)}:{quote(name, safe='')}"
    return f"otpauth://totp/{label}?secret={coded}&issuer={quote(issuer)}&digits={DIGITS}&period={STEP_SECONDS}"


def step_at(now: int) -> int:
    """Return the time step of a moment in nanoseconds since 1970."""
    return now // (STEP_SECONDS * 10**9)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226, section 5.3)."""
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def fitting_step(secret: bytes, code: str, now: int, last_step: int) -> int | None:
    """Return the time step whose code this is; None for a wrong code, and for one of a step up to `last_step`, which
    somebody has seen already (RFC 6238, section 5.2).
    """
    shown = code.replace(" ", "").encode("utf-8", "replace")
    present = step_at(now)
    found = None
    for step in range(max(present - DRIFT, 0), present + DRIFT + 1):
        # All are compared, whichever fits.
        if hmac.compare_digest(code_at(secret, step).encode(), shown) and step > last_step:
            found = step
    return found
