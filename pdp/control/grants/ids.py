"""Names of grants: `g`, the time in milliseconds as 11 hexadecimal digits, and 10 digits of chance."""

from __future__ import annotations

import re
import secrets
from typing import Final

from pdp.control import layout

_ID = re.compile(r"g([0-9a-f]{11})([0-9a-f]{10})")
_MOST: Final = 0xFFF_FFFF_FFFF


def new_id(nanos: int) -> str:
    """Return a new name for a grant of this time, in nanoseconds since 1970."""
    return f"g{nanos // 10**6 & _MOST:011x}{secrets.token_hex(5)}"


def is_id(text: str) -> bool:
    """Whether a text can name a grant."""
    return _ID.fullmatch(text) is not None


def grant_key(grant_id: str) -> str:
    """Return the key of a grant's record. Newer ones come first. Raises ValueError for what is no name."""
    found = _ID.fullmatch(grant_id)
    if found is None:
        raise ValueError(f"`{grant_id[:64]}` names no grant")
    return f"{layout.GRANTS}{_MOST - int(found[1], 16):011x}{found[2]}"


def key_before(nanos: int) -> str:
    """Return a key after which stand the records of grants that are older than this, and only those."""
    return f"{layout.GRANTS}{_MOST - (nanos // 10**6 & _MOST):011x}g"
