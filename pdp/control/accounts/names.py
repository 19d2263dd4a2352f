"""What accounts are called, and how large their parts may be."""

from __future__ import annotations

import re
from typing import Final

from pdp.errors import RequestError, Violation

MAX_TEXT: Final = 200
"""Characters of an owner, a branch, a device's name."""
MAX_RISK: Final = 2_000
RISKS: Final = ("low", "medium", "high")
RESERVED: Final = frozenset({"folder", "system", "unknown"})
"""Who does what no account does."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_RISK = re.compile(r"(low|medium|high)\b\W*(.*)", re.DOTALL)


def is_name(text: str) -> bool:
    """Whether a text can name an account: letters, digits, `.`, `_`, `-`, `@`, at most 64, in lower case."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def check_name(text: str, field: str) -> None:
    """Raise RequestError for what cannot name an account."""
    if not is_name(text):
        raise RequestError(
            Violation(
                field,
                "is 1 to 64 lower-case letters, digits, `.`, `_`, `-` and `@`, begins with a letter or digit, and is "
                f"none of {', '.join(f'`{name}`' for name in sorted(RESERVED))}",
            )
        )


def check_text(text: str, field: str, *, required: bool = False) -> None:
    """Raise RequestError for a text that is missing or too long."""
    if required and not text.strip():
        raise RequestError(Violation(field, "is required"))
    if len(text) > MAX_TEXT or not text.isprintable():
        raise RequestError(Violation(field, f"is at most {MAX_TEXT} characters in one line"))


def check_risk(text: str) -> None:
    """Raise RequestError for a risk that does not begin with its degree, or does not say why."""
    found = _RISK.fullmatch(text.strip())
    if found is None or not found[2].strip() or len(text) > MAX_RISK:
        raise RequestError(
            Violation("risk", f"begins with `low`, `medium` or `high` and says why, in at most {MAX_RISK} characters")
        )
