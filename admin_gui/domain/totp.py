"""Why a one-time code (RFC 6238, SHA-1, 6 digits, 30 s) does not fit: which time it belongs to instead."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import replace
from typing import Final

from admin_gui.domain.failure import Failure

STEP_SECONDS: Final = 30
_MOST_STEPS: Final = 120
"""An hour to either side: clocks of telephones are off by minutes; a wrong time zone changes no code."""


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step: of seconds since 1970 divided by 30."""
    digest = hmac.digest(secret, struct.pack(">Q", step), hashlib.sha1)
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def why(failure: Failure, secret: str, code: str, now: float) -> Failure:
    """Return a refused code with why it does not count at a time in seconds since 1970; `secret` is base32, as shown.

    Who sets up an authenticator knows its secret, so that this tells nobody anything new.
    """
    try:
        key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    except (binascii.Error, ValueError):
        return replace(failure, reason="TOTP_WRONG")
    here = int(now) // STEP_SECONDS
    offsets = sorted(range(-_MOST_STEPS, _MOST_STEPS + 1), key=abs)
    found = next((offset for offset in offsets if code_at(key, here + offset) == code), None)
    if found is None:
        return replace(failure, reason="TOTP_WRONG")
    if abs(found) <= 1:
        return replace(failure, reason="TOTP_CLOCKS")
    minutes = str(max(1, round(abs(found) * STEP_SECONDS / 60)))
    return replace(failure, reason="TOTP_SLOW" if found < 0 else "TOTP_FAST", metadata={"minutes": minutes})
