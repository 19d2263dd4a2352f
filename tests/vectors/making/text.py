"""JSON as the tables are written: what can be seen as it is, what cannot as an escape, so that a diff shows it."""

from __future__ import annotations

import json
from typing import Any


def compact(value: Any) -> str:
    """Return a value as JSON on one line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return "".join(ch if ch.isprintable() else json.dumps(ch)[1:-1] for ch in text)
