"""Regular expressions: RE2 alone, because it cannot be made to take exponential time (DESIGN §11)."""

from __future__ import annotations

import functools
from typing import Any

import re2


@functools.cache
def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return options


@functools.lru_cache(maxsize=4_096)
def compile_pattern(pattern: str) -> Any:
    """Return the compiled pattern; `.search(text)` is CEL's `matches`. Raises re2.error."""
    return re2.compile(pattern, _options())
