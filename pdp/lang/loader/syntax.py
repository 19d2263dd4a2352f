"""Turns the YAML parser's syntax errors into findings that say how to mend the text."""

from __future__ import annotations

import re

import yaml

from pdp.lang.diagnostics import Related
from pdp.lang.loader.lines import LINE_BREAK, position
from pdp.lang.loader.report import Report
from pdp.source import SourceFile, Span, whole

_LOOKED_AT = 400  # characters of a line, so that the expressions below stay cheap
_QUOTED_START = re.compile(r"""(?:^|[:-])\s+(["']).*\1\s*[^\s#,\]}]""")
_BARE_CONDITION = re.compile(r"(?:^|[:-]\s+|[,\[]\s*)[!&*]|&&|\|\|")
_FULL_WIDTH = re.compile(r"^\s*(?:- )?[A-Za-z_][\w.-]*(：)")
_NO_SPACE = re.compile(r"^\s*(?:- )?[A-Za-z_][\w.-]*:[^\s:/]")


def explain(error: yaml.YAMLError, source: SourceFile, report: Report) -> None:
    """Report a syntax error at its place, with the construct that it broke."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        report.error("yaml-syntax", str(error).splitlines()[0], whole(source.name))
        return
    span = _span(source, mark.index)
    context = _span(source, error.context_mark.index) if error.context_mark is not None else None
    related = [Related(error.context or "begun here", context)] if context not in (None, span) else []
    message = error.problem or "the text is not YAML"
    report.error("yaml-syntax", message, span, _hint(source, message, span, context), *related)


def _span(source: SourceFile, index: int) -> Span:
    # libyaml moves the end of the file to a line of its own, so lines are counted anew.
    line, column = position(source.text, min(index, len(source.text)))
    return Span(source.name, line, column, line, column + 1)


def _hint(source: SourceFile, message: str, span: Span, context: Span | None) -> str:
    lines = LINE_BREAK.split(source.text)
    here = lines[span.line - 1][span.column - 1 : span.column]
    line = lines[span.line - 1][:_LOOKED_AT]
    if here == "\t":
        return "indent with spaces; tabs are not allowed"
    if here in {"@", "`", "%"} and "cannot start" in message:
        return f"put text that begins with `{here}` in quotes"
    if "end of stream" in message and context is not None:
        return "close the quotation mark"
    # A slip often shows only on the next line, or where the construct around it ends.
    suspects = [line, lines[span.line - 2] if span.line > 1 else "", lines[context.line - 1] if context else ""]
    for suspect in (text[:_LOOKED_AT] for text in suspects):
        if found := _FULL_WIDTH.search(suspect):
            return f"write ASCII punctuation followed by a space instead of `{found[1]}`"
        if _NO_SPACE.search(suspect):
            return "write a space after the colon"
    if _QUOTED_START.search(line):
        return "put text that begins with a quotation mark in single quotes as a whole"
    if _BARE_CONDITION.search(line):
        return "put a condition that begins with `!`, `&` or `*` in quotes"
    if "mapping values are not allowed" in message:
        return "put text that contains `: ` in quotes, and line up the keys of a mapping"
    if "did not find expected" in message or "but found" in message:
        return "line up the keys of a mapping and the `-` of a list, and close brackets and quotes"
    return ""
