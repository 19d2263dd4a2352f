"""An editor for policy texts: line numbers, a dot and a wave where something is wrong, and why when pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from admin_gui.domain.problems import Problem, Severity
from admin_gui.theme.style import code_font
from admin_gui.widgets.context import Context

COLORS: Final[dict[Severity, str]] = {"error": "danger", "warning": "warning", "note": "info"}
_DOT: Final = 8


class CodeEditor(QPlainTextEdit):
    """Edits one text. Lines and columns are counted from 1, columns in code points as the service counts them."""

    edited = Signal(str)
    """The text, after somebody has changed it."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._problems: Sequence[Problem] = ()
        self._quiet = False
        self._explain: Callable[[str, int], str] = lambda _line, _column: ""
        self._popup: Callable[[], QWidget] | None = None
        self.setFont(code_font())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabStopDistance(2 * self.fontMetrics().horizontalAdvance(" "))
        self._gutter = _Gutter(self)
        self.blockCountChanged.connect(lambda _: self._fit())
        self.updateRequest.connect(self._scroll)
        self.cursorPositionChanged.connect(self._mark)
        self.textChanged.connect(self._told)
        context.theme.changed.connect(self._mark)
        self._fit()

    def show_text(self, text: str) -> None:
        """Show another text, without its history."""
        self._quiet = True
        self.setPlainText(text)
        self._quiet = False
        self._problems = ()
        self._mark()

    def show_problems(self, found: Sequence[Problem]) -> None:
        """Mark what is wrong in this text."""
        self._problems = found
        self._mark()
        self._gutter.update()

    def explains(self, explain: Callable[[str, int], str]) -> None:
        """Say what a word means where one points at; `explain` is given its line and the column, from 0."""
        self._explain = explain

    def completes(self, popup: Callable[[], QWidget]) -> None:
        """Leave the keys that choose to this list while it is shown."""
        self._popup = popup

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Write, unless the key chooses from a list."""
        choosing = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape)
        if self._popup is not None and event.key() in choosing and self._popup().isVisible():
            event.ignore()
            return
        super().keyPressEvent(event)

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor at a place and show it."""
        block = self.document().findBlockByNumber(max(line, 1) - 1)
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + min(_units(block.text(), column - 1), max(block.length() - 1, 0)))
        self.setTextCursor(cursor)
        self.centerCursor()
        self.setFocus()

    def gutter_width(self) -> int:
        """Return how wide the line numbers are, in pixels."""
        digits = max(3, len(str(self.blockCount())))
        return _DOT + 16 + digits * self.fontMetrics().horizontalAdvance("9")

    def paint_gutter(self, event: QPaintEvent) -> None:
        """Draw line numbers and dots."""
        tokens, painter = self._context.theme, QPainter(self._gutter)
        painter.fillRect(event.rect(), tokens.color("window"))
        worst = _worst(self._problems)
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        current = self.textCursor().blockNumber()
        while block.isValid() and top <= event.rect().bottom():
            height = self.blockBoundingRect(block).height()
            if block.isVisible() and top + height >= event.rect().top():
                number = block.blockNumber()
                painter.setPen(tokens.color("text" if number == current else "quiet"))
                area = QRect(0, int(top), self._gutter.width() - 6, int(height))
                painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(number + 1))
                if (severity := worst.get(number + 1)) is not None:
                    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(tokens.color(COLORS[severity]))
                    painter.drawEllipse(4, int(top + (height - _DOT) / 2), _DOT, _DOT)
            block, top = block.next(), top + height

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the gutter at the left."""
        super().resizeEvent(event)
        area = self.contentsRect()
        self._gutter.setGeometry(QRect(area.left(), area.top(), self.gutter_width(), area.height()))

    def event(self, event: QEvent) -> bool:
        """Say what is wrong where one points at."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            point = self.viewport().mapFrom(self, event.pos())
            cursor = self.cursorForPosition(point)
            line = cursor.blockNumber() + 1
            said = [_words(one, self._context) for one in self._problems if one.line <= line <= one.end_line]
            meaning = self._explain(cursor.block().text(), cursor.positionInBlock())
            said += [meaning] if meaning else []
            QToolTip.showText(event.globalPos(), "\n".join(said), self) if said else QToolTip.hideText()
            return True
        return super().event(event)

    def _told(self) -> None:
        if not self._quiet:
            self.edited.emit(self.toPlainText())

    def _fit(self) -> None:
        self.setViewportMargins(self.gutter_width(), 0, 0, 0)

    def _scroll(self, area: QRect, pixels: int) -> None:
        if pixels:
            self._gutter.scroll(0, pixels)
        else:
            self._gutter.update(0, area.y(), self._gutter.width(), area.height())

    def _mark(self) -> None:
        theme = self._context.theme
        line: Any = QTextEdit.ExtraSelection()  # Qt's stubs do not know its members
        line.format.setBackground(theme.color("accent_soft"))
        line.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        line.cursor = self.textCursor()
        line.cursor.clearSelection()
        self.setExtraSelections([line, *(self._wave(one) for one in self._problems)])
        self._gutter.update()

    def _wave(self, problem: Problem) -> Any:
        made: Any = QTextEdit.ExtraSelection()
        made.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        made.format.setUnderlineColor(QColor(self._context.theme.color(COLORS[problem.severity])))
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._offset(problem.line, problem.column))
        cursor.setPosition(self._offset(problem.end_line, problem.end_column), QTextCursor.MoveMode.KeepAnchor)
        made.cursor = cursor
        return made

    def _offset(self, line: int, column: int) -> int:
        block: QTextBlock = self.document().findBlockByNumber(max(line, 1) - 1)
        if not block.isValid():
            return max(self.document().characterCount() - 1, 0)
        return block.position() + min(_units(block.text(), max(column, 1) - 1), max(block.length() - 1, 0))


class _Gutter(QWidget):
    def __init__(self, editor: CodeEditor) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self._editor.gutter_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        self._editor.paint_gutter(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        cursor = self._editor.cursorForPosition(event.pos())
        self._editor.setTextCursor(cursor)


def _units(text: str, points: int) -> int:
    """Return how many of Qt's UTF-16 units so many code points are."""
    return sum(2 if ord(char) > 0xFFFF else 1 for char in text[:points])


def _worst(found: Sequence[Problem]) -> dict[int, Severity]:
    order: list[Severity] = ["note", "warning", "error"]
    worst: dict[int, Severity] = {}
    for problem in found:
        before = worst.get(problem.line)
        if before is None or order.index(problem.severity) > order.index(before):
            worst[problem.line] = problem.severity
    return worst


def _words(problem: Problem, context: Context) -> str:
    said = context.language(problem.message)
    return f"{said}\n→ {context.language(problem.hint)}" if any(problem.hint) else said
