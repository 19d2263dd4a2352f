"""Bearer tokens: 256 random bits each, of which the service keeps only the SHA-256."""

from __future__ import annotations

import hashlib
import secrets

from pdp.lang.loader.callers import TOKEN_PREFIX


def make_token() -> str:
    """Return a new token: `jx_` and 43 characters that hold 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what a callers file holds of a token: its SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()
