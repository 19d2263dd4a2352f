"""What can be said about a regular expression without running it: how its matches begin, and a text that may match.

Only plain forms are understood. `beginning` never says too much; an `example` is a guess that is tried before use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_META: Final = frozenset("\\^$.|?*+()[]{}")
_CLASSES: Final = {"d": "0", "D": "a", "w": "a", "W": "-", "s": " ", "S": "a"}
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Beginning:
    """Every match starts with `text`; `whole` says that it is this text and that every such text matches."""

    text: str
    whole: bool


@functools.lru_cache(maxsize=1_024)
def beginning(pattern: str) -> Beginning:
    """Return how the texts begin in which an anchored pattern is found."""
    if not pattern.startswith("^") or "|" in pattern:
        return Beginning("", whole=False)
    end = 1
    while end < len(pattern) and pattern[end] not in _META:
        end += 1
    rest = pattern[end:]
    text = pattern[1:end]
    if rest[:1] in ("*", "?", "{"):
        text = text[:-1]
    return Beginning(text, whole=rest == "$")


@functools.lru_cache(maxsize=1_024)
def example(pattern: str) -> str | None:
    """Return a short text in which the pattern may be found; None for forms that are not understood."""
    reader = _Reader(pattern)
    text = reader.alternatives()
    return text if text is not None and reader.at_end and len(text) <= _LONGEST else None


class _Reader:
    """Reads a pattern from left to right and writes the shortest text that fits, taking first alternatives."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._pattern)

    def alternatives(self) -> str | None:
        first = self._sequence()
        while self._take("|"):
            if self._sequence() is None:
                return None
        return first

    def _sequence(self) -> str | None:
        text = ""
        while not self.at_end and self._next() not in "|)":
            part = self._item()
            if part is None:
                return None
            count = self._count()
            if count is None:
                return None
            text += part * count
        return text

    def _item(self) -> str | None:
        char = self._next()
        self._at += 1
        readers: dict[str, Callable[[], str | None]] = {"(": self._group, "[": self._set, "\\": self._escape}
        if char in readers:
            return readers[char]()
        return "" if char in "^$" else "a" if char == "." else None if char in "*+?{" else char

    def _group(self) -> str | None:
        if self._take("?") and not self._take(":"):
            return None
        text = self.alternatives()
        return text if self._take(")") else None

    def _escape(self) -> str | None:
        if self.at_end:
            return None
        char = self._next()
        self._at += 1
        return _CLASSES.get(char, None if char.isalnum() else char)

    def _set(self) -> str | None:
        negated = self._take("^")
        end = self._pattern.find("]", self._at + 1)
        body = self._pattern[self._at : end]
        if end < 0 or "\\" in body or "[:" in body:
            return None
        self._at = end + 1
        if not negated:
            return body[0]
        excluded = set(body)
        for low, high in zip(body, body[2:], strict=False):
            if body[body.index(low) + 1 : body.index(low) + 2] == "-":
                excluded |= {chr(code) for code in range(ord(low), min(ord(high), ord(low) + 300) + 1)}
        return next((char for char in "a0A-_ é私" if char not in excluded), None)

    def _count(self) -> int | None:
        """Return how often the item before must come at least; None for a form that is not understood."""
        count = 1
        if self._take("*") or self._take("?"):
            count = 0
        elif self._take("{"):
            end = self._pattern.find("}", self._at)
            low = self._pattern[self._at : end].split(",")[0]
            if end < 0 or not low.isdecimal() or int(low) > _LONGEST:
                return None
            self._at = end + 1
            count = int(low)
        else:
            self._take("+")
        self._take("?")
        return count

    def _take(self, char: str) -> bool:
        if self._pattern.startswith(char, self._at):
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        return self._pattern[self._at]
