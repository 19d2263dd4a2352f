"""What is wrong with a policy set, where, and how to mend it."""

from __future__ import annotations

import enum
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pdp.source import SourceFile, Span


class Severity(enum.IntEnum):
    """How bad it is. Only errors keep a policy set from being used."""

    ERROR = 0
    WARNING = 1
    INFO = 2


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to a diagnostic, such as the rule a rule conflicts with."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `code` is stable and documented in docs/guides/diagnostics.md; `message` follows STYLE (lower case, what the user
    wrote in backticks); `hint` says how to mend it; `request` is a counterexample in the protobuf JSON form of
    DecideRequest.
    """

    severity: Severity
    code: str
    message: str
    span: Span
    hint: str = ""
    related: tuple[Related, ...] = ()
    request: Mapping[str, Any] | None = None

    def sort_key(self) -> tuple[Any, ...]:
        """Order by place, then by severity and code."""
        return (self.span.file, self.span.line, self.span.column, self.severity, self.code, self.message)


@dataclass(slots=True)
class Diagnostics:
    """Collects findings; nothing stops at the first one."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, message: str, span: Span, hint: str = "", *related: Related) -> None:
        """Add an error."""
        self.items.append(Diagnostic(Severity.ERROR, code, message, span, hint, related))

    def warning(self, code: str, message: str, span: Span, hint: str = "", *related: Related) -> None:
        """Add a warning."""
        self.items.append(Diagnostic(Severity.WARNING, code, message, span, hint, related))

    def add(self, items: Iterable[Diagnostic]) -> None:
        """Add findings made elsewhere."""
        self.items.extend(items)

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(item.severity is Severity.ERROR for item in self.items)

    def sorted(self) -> list[Diagnostic]:
        """Return the findings by file, line and column, each once."""
        unique = {item.sort_key(): item for item in self.items}
        return [unique[key] for key in sorted(unique)]


def render_text(item: Diagnostic, sources: Mapping[str, SourceFile]) -> str:
    """Return a finding as text with the offending line and a caret below it."""
    lines = [f"{item.span}: {item.severity.name.lower()}: {item.message} [{item.code}]"]
    lines += _excerpt(item.span, sources)
    if item.hint:
        lines.append(f"  = help: {item.hint}")
    for related in item.related:
        lines.append(f"  = {related.message}: {related.span}")
        lines += _excerpt(related.span, sources)
    if item.request is not None:
        lines.append("  = such as: " + json.dumps(item.request, ensure_ascii=False))
    return "\n".join(lines)


def _excerpt(span: Span, sources: Mapping[str, SourceFile]) -> list[str]:
    source = sources.get(span.file)
    text = source.line(span.line) if source else ""
    if not text.strip():
        return []
    end = span.end_column if span.end_line == span.line else len(text) + 1
    before = "".join("\t" if ch == "\t" else "\u3000" if _is_wide(ch) else " " for ch in text[: span.column - 1])
    marked = text[span.column - 1 : end - 1] or " "
    carets = "".join("＾" if _is_wide(ch) else "^" for ch in marked)
    gutter = str(span.line)
    return [f" {gutter} | {text}", f" {' ' * len(gutter)} | {before}{carets}"]


def _is_wide(ch: str) -> bool:
    return unicodedata.east_asian_width(ch) in "WF"


def to_json(item: Diagnostic) -> dict[str, Any]:
    """Return a finding as plain data; spans as file, line, column, end_line, end_column."""
    out: dict[str, Any] = {
        "severity": item.severity.name.lower(),
        "code": item.code,
        "message": item.message,
        **_span_json(item.span),
    }
    if item.hint:
        out["hint"] = item.hint
    if item.related:
        out["related"] = [{"message": r.message, **_span_json(r.span)} for r in item.related]
    if item.request is not None:
        out["request"] = item.request
    return out


def _span_json(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
