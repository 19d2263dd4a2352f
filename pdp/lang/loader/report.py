"""Where the loader's findings go: bounded in number, so that a hostile file costs little."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from pdp.lang.diagnostics import Diagnostics, Related
from pdp.source import Span

MAX_FINDINGS = 1_000
_MAX_WORD = 64
_MAX_COMPARISONS = 100_000
_SHOWN = 60
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def quote(text: str) -> str:
    """Return what the user wrote in backticks, on one line and shortened."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f"`{_UNPRINTABLE.sub(lambda m: ascii(m[0])[1:-1], shown)}`"


class Report:
    """Adds findings to `diagnostics`, at most MAX_FINDINGS of them, and proposes corrections of names."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self._full = False
        self._comparisons = 0

    def error(self, code: str, message: str, span: Span, hint: str = "", *related: Related) -> None:
        """Add an error; one last error says that there are more."""
        if len(self.diagnostics.items) < MAX_FINDINGS:
            self.diagnostics.error(code, message, span, hint, *related)
        elif not self._full:
            self._full = True
            message = f"there are more than {MAX_FINDINGS} problems; the rest is left out"
            self.diagnostics.error("too-many-problems", message, span)

    def warning(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Add a warning."""
        if len(self.diagnostics.items) < MAX_FINDINGS:
            self.diagnostics.warning(code, message, span, hint)

    def did_you_mean(self, word: str, candidates: Collection[str]) -> str:
        """Return a hint that names the candidate most like a word, or an empty text."""
        close = self.closest(word, candidates)
        return f"did you mean `{close}`" if close else ""

    def closest(self, word: str, candidates: Collection[str]) -> str:
        """Return the candidate most like a word, or an empty text."""
        self._comparisons += len(candidates)
        if len(word) > _MAX_WORD or self._comparisons > _MAX_COMPARISONS:
            return ""
        close = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
        return close[0] if close else ""
