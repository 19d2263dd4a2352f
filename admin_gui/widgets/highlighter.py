"""Colours for policy texts: YAML with CEL in it."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from admin_gui.theme import Theme

_RULES: Final = (
    (re.compile(r"(?P<word>[A-Za-z_][\w.-]*)(?=\s*:(?:\s|$))"), "accent"),
    (re.compile(r"(?P<word>\b(?:subject|action|resource|context|grant|vars)(?:\.[a-z_][a-z0-9_]*)+)"), "info"),
    (
        re.compile(r"(?P<word>\b(?:true|false|null|in|exists|all|size|startsWith|endsWith|contains|matches|now)\b)"),
        "warning",
    ),
    (re.compile(r"(?P<word>(?<![\w.\"-])-?\d+(?:\.\d+)?\b(?![\w:-]))"), "clear"),
    (re.compile(r"""(?P<word>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""), "masked"),
)
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")


class PolicyHighlighter(QSyntaxHighlighter):
    """Colours a document; it follows the theme."""

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self._theme = theme
        theme.changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Colour a line."""
        comment = next((match for match in _COMMENT.finditer(text) if not _in_quotes(text, match.start())), None)
        end = len(text) if comment is None else comment.start()
        for pattern, token in _RULES:
            for match in pattern.finditer(text, 0, end):
                self.setFormat(match.start("word"), match.end("word") - match.start("word"), self._format(token))
        if comment is not None:
            self.setFormat(end, len(text) - end, self._format("quiet", italic=True))

    def _format(self, color: str, *, italic: bool = False) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setForeground(QColor(self._theme.color(color)))
        made.setFontItalic(italic)
        if color == "accent":
            made.setFontWeight(QFont.Weight.DemiBold)
        return made


def _in_quotes(text: str, at: int) -> bool:
    quote = ""
    for char in text[:at]:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
    return bool(quote)
