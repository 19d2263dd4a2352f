"""Failed sign-ins: every third locks for a time that grows, and in the end until somebody unlocks (requirement B16)."""

from __future__ import annotations

from typing import Final

from pdp.v1 import account_pb2

EVERY: Final = 3
"""Failures to a lock."""
LOCK_SECONDS: Final = (60, 300, 900, 3_600, 14_400, 86_400)
"""How long each lock in a row lasts; after the last one it takes a person to unlock."""
LAST_ADMIN_SECONDS: Final = 900
"""The longest for the last active Admin, whom nobody else could unlock."""


def is_locked(account: account_pb2.Account, now: int) -> bool:
    """Whether nobody signs in for now; `now` in nanoseconds since 1970."""
    return account.failures.until_nanos > now


def count(account: account_pb2.Account, now: int, *, last_admin: bool) -> bool:
    """Count a failure; return whether it locks the account, for a time or by its state."""
    failures = account.failures
    failures.count += 1
    failures.last_nanos = now
    if failures.count % EVERY:
        return False
    failures.locks += 1
    if failures.locks > len(LOCK_SECONDS) and not last_admin:
        account.state = account_pb2.ACCOUNT_STATE_LOCKED
        account.state_reason = f"{failures.count} sign-ins failed in a row"
        account.version += 1
        account.epoch += 1
    seconds = LOCK_SECONDS[min(failures.locks, len(LOCK_SECONDS)) - 1]
    failures.until_nanos = now + (min(seconds, LAST_ADMIN_SECONDS) if last_admin else seconds) * 10**9
    return True


def would_lock_for_good(account: account_pb2.Account) -> bool:
    """Whether one more failure could lock by state, which asks whether this is the last active Admin."""
    return account.failures.count % EVERY == EVERY - 1


def clear(account: account_pb2.Account) -> None:
    """Forget failures."""
    account.ClearField("failures")
