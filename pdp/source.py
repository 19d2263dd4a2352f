"""Where text stands in a policy file; every later stage points back through these."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of one file. Lines and columns count from 1, columns in code points; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's name, relative to the policy folder with forward slashes, and its text."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """Return line `number` (from 1) without its end; empty past the last one."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """From this offset of a text on, characters stand side by side in the file from this line and column."""

    offset: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SourceText:
    """A scalar's value together with the place of every character of it in its file.

    Quoting, escapes, folding and block indentation make value and file differ; `anchors`, sorted by offset and
    starting at 0, say where each stretch that stands unbroken in the file begins.
    """

    value: str
    span: Span
    anchors: tuple[Anchor, ...]

    def locate(self, offset: int, length: int = 1) -> Span:
        """Return the span of `length` characters at `offset` (code points) of the value."""
        index = bisect.bisect_right(self.anchors, offset, key=lambda a: a.offset) - 1
        anchor = self.anchors[max(index, 0)]
        column = anchor.column + max(offset - anchor.offset, 0)
        return Span(self.span.file, anchor.line, column, anchor.line, column + max(length, 1))

    def slice(self, start: int, end: int) -> SourceText:
        """Return the part of the value from `start` to `end` (code points) with its own places."""
        first, last = self.locate(start), self.locate(max(end - 1, start))
        span = Span(self.span.file, first.line, first.column, last.line, last.end_column)
        inner = tuple(Anchor(a.offset - start, a.line, a.column) for a in self.anchors if start < a.offset < end)
        return SourceText(self.value[start:end], span, (Anchor(0, first.line, first.column), *inner))


def whole(file: str | Path) -> Span:
    """Return a span that stands for a whole file."""
    return Span(str(file), 1, 1, 1, 1)
