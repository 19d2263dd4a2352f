"""Sessions: what a signed-in person shows with every call (requirement B19: a token counts on its device alone)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.v1 import account_pb2

TOKEN_BYTES: Final = 32
USED_EVERY: Final = 60 * 10**9
"""How often the last use is written, in nanoseconds."""
LIMITED_SECONDS: Final = 15 * 60
"""How long a session lasts that may only change the password or set up a second factor."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a session lasts in seconds: in all (at most a day), and without being used."""

    seconds: int = 8 * 3600
    idle_seconds: int = 30 * 60


class Signed(NamedTuple):
    """Who asks: the session, its account, and where the session stands."""

    session: account_pb2.Session
    account: account_pb2.Account
    key: str


def new_token() -> str:
    """Return a token: 256 random bits as 43 characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def key_of(token: str) -> str:
    """Return where the session of a token stands."""
    return layout.SESSIONS + hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def new_id() -> str:
    """Return a session's public id."""
    return secrets.token_hex(8)


def is_over(session: account_pb2.Session, rules: SessionRules, now: int) -> bool:
    """Whether a session has ended by itself."""
    ends = session.ends_nanos
    if session.limited:
        ends = min(ends, session.began_nanos + LIMITED_SECONDS * 10**9)
    return now >= ends or now - session.used_nanos >= rules.idle_seconds * 10**9


def is_of_device(session: account_pb2.Session, device: bytes) -> bool:
    """Whether a session belongs to the device with this secret."""
    return hmac.compare_digest(session.device_hash, hashlib.sha256(device).digest())
