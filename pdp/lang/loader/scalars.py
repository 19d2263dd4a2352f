"""What a plain scalar means (YAML 1.2 core schema) and where each character of a scalar stands in its file.

YAML 1.1 readers turn `on`, `yes`, `012`, `1_000`, `12:30` and dates into something else than what was written; here
only the forms of YAML 1.2 are more than text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pdp.lang.loader.lines import LINE_BREAK
from pdp.source import Anchor, SourceFile, SourceText

if TYPE_CHECKING:
    from pdp.lang.loader.nodes import Scalar

Plain = str | int | float | bool | None

_NAMED: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_MAX_DIGITS = 40
_BEYOND: int = 10**_MAX_DIGITS


def resolve(text: str) -> Plain:
    """Return what a plain scalar stands for. Whole numbers of very many digits become 10⁴⁰, far out of range."""
    if text in _NAMED:
        return _NAMED[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            return -_BEYOND if text[0] == "-" else _BEYOND
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0) if len(text) <= _MAX_DIGITS else _BEYOND
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float("-inf") if text[0] == "-" else float("inf")
    return float("nan") if _NAN.fullmatch(text) else text


def has_leading_zero(text: str) -> bool:
    """Whether a plain number reads as octal in YAML 1.1 and as decimal in YAML 1.2."""
    return _LEADING_ZERO.fullmatch(text) is not None


def source_text(source: SourceFile, node: Scalar) -> SourceText:
    """Return a scalar's value with the place of every character."""
    start, value = node.start, node.value
    quotes = 1 if node.style in {"'", '"'} else 0
    if start.line == node.end.line and node.end.index - start.index == len(value) + 2 * quotes:
        anchors: tuple[Anchor, ...] = (Anchor(0, start.line + 1, start.column + 1 + quotes),)
    elif node.style in {"|", ">"}:
        anchors = _block_anchors(source.text[start.index : node.end.index], node)
    else:
        anchors = _flow_anchors(source.text[start.index : node.end.index], node)
    return SourceText(value, node.span, anchors or (Anchor(0, start.line + 1, start.column + 1),))


_FOLD = r"(?P<fold>[ \t]*(?:\r\n|\r|\n)[ \t\r\n]*)"
_TOKENS = {
    "": re.compile(_FOLD + r"|(?P<run>[^ \t\r\n]+|[ \t]+)"),
    "'": re.compile(_FOLD + r"|(?P<escape>'')|(?P<run>[^ \t\r\n']+|[ \t]+)"),
    '"': re.compile(
        r"(?P<join>\\(?:\r\n|\r|\n)[ \t\r\n]*)|" + _FOLD + r"|(?P<escape>\\(?:x.{2}|u.{4}|U.{8}|.))"
        r"|(?P<run>[^ \t\r\n\\]+|[ \t]+)"
    ),
}


def _flow_anchors(raw: str, node: Scalar) -> tuple[Anchor, ...]:
    """Plain and quoted scalars: escapes are one character, line breaks fold, blanks around them vanish."""
    column = node.start.column + 1
    if node.style:
        raw, column = raw[1:-1], column + 1
    return _merge(_flow_pieces(raw, _TOKENS[node.style], node.start.line + 1, column))


def _flow_pieces(raw: str, tokens: re.Pattern[str], line: int, column: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (offset in the value, length in the value, line, column) of each piece that stands in the file."""
    offset = 0
    for token in tokens.finditer(raw):
        text = token[0]
        if token.lastgroup in {"fold", "join"}:
            breaks = list(LINE_BREAK.finditer(text))
            offset += max(len(breaks) - 1, 1 if token.lastgroup == "fold" else 0)
            line, column = line + len(breaks), len(text) - breaks[-1].end() + 1
            continue
        length = 1 if token.lastgroup == "escape" else len(text)
        yield offset, length, line, column
        offset, column = offset + length, column + len(text)


def _block_anchors(raw: str, node: Scalar) -> tuple[Anchor, ...]:
    """Literal and folded scalars: below the header, each line without its indentation stands in the value."""
    return _merge(_block_pieces(LINE_BREAK.split(raw)[1:], node.value, node.start.line + 2))


def _block_pieces(lines: list[str], value: str, first: int) -> Iterator[tuple[int, int, int, int]]:
    text = next((line for line in lines if line.strip(" ")), "")
    body = value.lstrip("\n")
    indent = (len(text) - len(text.lstrip(" "))) - (len(body) - len(body.lstrip(" ")))
    offset = 0
    for number, line in enumerate(lines, start=first):
        content = line[indent:]
        if not content:
            continue
        # Between two lines the value holds only breaks, or the one blank of a fold, and a content line that begins
        # with a blank is never folded: so the next occurrence is the line itself.
        offset = value.find(content, offset)
        if offset < 0:
            return
        yield offset, len(content), number, indent + 1
        offset += len(content)


def _merge(pieces: Iterable[tuple[int, int, int, int]]) -> tuple[Anchor, ...]:
    """Return one anchor for each stretch of pieces that adjoin both in the value and in the file."""
    anchors: list[Anchor] = []
    following = (-1, -1, -1)
    for offset, length, line, column in pieces:
        if (offset, line, column) != following:
            if not anchors and offset:  # the value begins with line breaks
                anchors.append(Anchor(0, line, column))
            anchors.append(Anchor(offset, line, column))
        following = (offset + length, line, column + length)
    return tuple(anchors)
