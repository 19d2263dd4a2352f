"""Numbers out of JSON by declared type, alike in Python and in what SQLite calls; PostgreSQL has numeric."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pdp.values import INT_MAX, INT_MIN


def loads(text: str) -> Any:
    """Return JSON with its numbers exactly as written."""
    return json.loads(text, parse_float=Decimal)


def is_number(value: Any) -> bool:
    """Whether a value out of `loads` is a number."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def whole(value: Any) -> int | None:
    """Return a number without a fraction, within 64 bits; None for everything else."""
    found = _integer(value)
    return found if found is not None and INT_MIN <= found <= INT_MAX else None


def moment(value: Any) -> int | None:
    """Return a time in nanoseconds, one beyond 64 bits as their end; None for what is no whole number."""
    found = _integer(value)
    return None if found is None else min(max(found, INT_MIN), INT_MAX)


def double(value: Any) -> float | None:
    """Return the nearest double; None for what is no number."""
    return float(value) if is_number(value) else None


def _integer(value: Any) -> int | None:
    if not is_number(value):
        return None
    return int(value) if value == value.__trunc__() else None
