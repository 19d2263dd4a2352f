"""What every back end refuses before it asks its store, so that both refuse the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp.control.kv.base import Delete, Put, Unchanged
from pdp.errors import LimitError

MAX_KEY: Final = 512
"""Bytes of a key in UTF-8."""
MAX_CHANGES: Final = 128
"""Changes, and conditions, of a transaction: etcd's default."""
MAX_BYTES: Final = 1_500_000
"""Keys and values of a transaction: etcd's default for a request is 1,572,864, and the rest is for what goes around."""
MAX_PAGE: Final = 1_000
LEASE_SECONDS: Final = (2, 86_400)


def check_key(key: str) -> None:
    """Raise ValueError for what is no key."""
    # A lone surrogate has no UTF-8: UnicodeEncodeError is a ValueError.
    if not 1 <= len(key.encode()) <= MAX_KEY or "\0" in key:
        raise ValueError(f"a key has 1 to {MAX_KEY} bytes in UTF-8 and no NUL")


def check_commit(conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> None:
    """Raise ValueError for a key that is none or is changed twice, LimitError for a transaction beyond its bounds."""
    for step in (*conditions, *changes):
        check_key(step.key)
    if len({change.key for change in changes}) < len(changes):
        raise ValueError("a transaction may change a key once")
    if max(len(conditions), len(changes)) > MAX_CHANGES:
        raise LimitError(f"a transaction has at most {MAX_CHANGES} conditions and {MAX_CHANGES} changes")
    size = sum(len(step.key.encode()) for step in (*conditions, *changes))
    size += sum(len(change.value) for change in changes if isinstance(change, Put))
    if size > MAX_BYTES:
        raise LimitError(f"a transaction has at most {MAX_BYTES} bytes of keys and values, this one has {size}")


def check_range(prefix: str, after: str, limit: int, revision: int) -> None:
    """Raise ValueError for a range that cannot be."""
    for text in (prefix, after):
        if text:
            check_key(text)
    if not 1 <= limit <= MAX_PAGE or revision < 0:
        raise ValueError(f"a page has 1 to {MAX_PAGE} keys, and a revision is not negative")


def check_watch(prefix: str, after: int) -> None:
    """Raise ValueError for a watch that cannot be."""
    if prefix:
        check_key(prefix)
    if after < 0:
        raise ValueError("a revision is not negative")


def check_lease(seconds: int) -> None:
    """Raise ValueError for a time that no lease may have."""
    low, high = LEASE_SECONDS
    if not low <= seconds <= high:
        raise ValueError(f"a lease has {low} to {high} seconds")


def prefix_end(prefix: bytes) -> bytes:
    """Return the first bytes after all keys that begin with a prefix.

    UTF-8 keeps the order of code points and never has a byte 0xFF, so the last byte can always be raised.
    """
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\xff"
