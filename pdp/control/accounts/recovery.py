"""Recovery codes: each signs in once in place of a one-time code, when the authenticator is lost."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

from pdp.control.accounts.sealing import SecretKey
from pdp.v1 import account_pb2

COUNT: Final = 10
_BYTES: Final = 13
_LENGTH: Final = 20
_GROUP: Final = 5


def make() -> list[str]:
    """Return new codes: 20 letters and digits, 100 random bits, in groups of five."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_BYTES)).decode()[:_LENGTH].lower()) for _ in range(COUNT)]


def mark(key: SecretKey, name: str, code: str) -> bytes:
    """Return what a code of an account is recognised by. With so many random bits it needs no slow hash."""
    return key.tag(_plain(code), f"recovery:{name}")


def looks_like(code: str) -> bool:
    """Whether this could be a recovery code, and not one of an authenticator."""
    return len(_plain(code)) == _LENGTH


def use(account: account_pb2.Account, key: SecretKey, code: str) -> bool:
    """Take a code from an account; whether it was one of its codes."""
    wanted = mark(key, account.name, code)
    fits = [hmac.compare_digest(kept, wanted) for kept in account.recovery_hashes]
    if True not in fits:
        return False
    del account.recovery_hashes[fits.index(True)]
    return True


def _plain(code: str) -> bytes:
    return code.replace("-", "").replace(" ", "").lower().encode("utf-8", "replace")


def _grouped(text: str) -> str:
    return "-".join(text[i : i + _GROUP] for i in range(0, len(text), _GROUP))
