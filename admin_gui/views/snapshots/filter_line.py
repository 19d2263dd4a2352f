"""One line to write a filter in: what may come next is offered, what is wrong is marked where it is."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QStandardItem,
    QStandardItemModel,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QCompleter, QListView, QPlainTextEdit, QTextEdit, QWidget

from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_filter import Completion, complete
from admin_gui.domain.snapshot_question import Mistake
from admin_gui.domain.snapshot_words import Vocabulary
from admin_gui.theme.style import code_font
from admin_gui.views.snapshots.remembered import Remembered
from admin_gui.widgets.context import Context
from admin_gui.widgets.highlighter import PolicyHighlighter

_NAME: Final = Say("筛选条件", "Filter")
_PLACEHOLDER: Final = Say(
    '筛选，如 flagged && context.menu == "1201"；Ctrl+空格 提示，↑↓ 历史',
    'Filter, such as flagged && context.menu == "1201"; Ctrl+Space suggests, ↑↓ history',
)
_TEXT: Final = Qt.ItemDataRole.UserRole
_ROWS: Final = 12
_WIDTH: Final = 520


class FilterLine(QPlainTextEdit):
    """A filter. Enter asks; the up and down keys go through what was asked before."""

    entered = Signal()
    """Somebody wants what this finds."""

    def __init__(self, context: Context, remembered: Remembered, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context, self._remembered = context, remembered
        self._words = Vocabulary()
        self._offered = Completion(0, ())
        self._mistake: Mistake | None = None
        self._back = 0
        self._typed = ""
        self.setFont(code_font())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(3)
        self.setFixedHeight(self.fontMetrics().height() + 20)
        self._colors = PolicyHighlighter(self.document(), context.theme)
        self._items = QStandardItemModel(self)
        self._popup = QListView()
        self._popup.setUniformItemSizes(True)
        self._completer = QCompleter(self._items, self)
        self._completer.setPopup(self._popup)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setMaxVisibleItems(_ROWS)
        self._completer.setWidget(self)
        self._popup.clicked.connect(self._clicked)
        self.textChanged.connect(self._changed)
        context.theme.changed.connect(self._mark)
        context.language.bind(self, self.setPlaceholderText, _PLACEHOLDER)
        context.language.bind(self, self.setAccessibleName, _NAME)
        context.language.bind(self._popup, self._popup.setAccessibleName, _NAME)

    def text(self) -> str:
        """Return what is written."""
        return self.toPlainText().replace("\n", " ")

    def write(self, text: str) -> None:
        """Write another filter, with the cursor at its end. It can be undone."""
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text.replace("\n", " "))
        self.setTextCursor(cursor)
        self._completer.popup().hide()

    def speak(self, words: Vocabulary) -> None:
        """Offer these words."""
        self._words = words

    def show_mistake(self, mistake: Mistake | None) -> None:
        """Mark what is wrong, and put the cursor there."""
        self._mistake = mistake
        self._mark()
        if mistake is not None:
            cursor = self.textCursor()
            cursor.setPosition(_units(self.text(), mistake.at))
            self.setTextCursor(cursor)

    def suggest(self) -> Completion:
        """Offer what may stand at the cursor."""
        self._offered = complete(self.text(), self._cursor(), self._words)
        self._items.clear()
        for one in self._offered.items:
            label = self._context.language(one.say)
            item = QStandardItem(f"{one.text}    {label}" if label else one.text)
            item.setData(one.text, _TEXT)
            self._items.appendRow(item)
        if self._offered.items:
            area = self.cursorRect()
            area.setWidth(_WIDTH)
            self._completer.complete(area)
            # Return asks for what is written, unless somebody has moved to a suggestion.
            self._popup.setCurrentIndex(QModelIndex())
        else:
            self._popup.hide()
        return self._offered

    def choose(self, number: int) -> None:
        """Write a suggestion in place of what it completes."""
        one = self._offered.items[number]
        self._popup.hide()
        cursor = self.textCursor()
        end = cursor.position()
        cursor.setPosition(_units(self.text(), self._offered.start))
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(one.text)
        cursor.setPosition(cursor.position() - one.back)
        self.setTextCursor(cursor)
        if one.back:
            self.suggest()

    def event(self, event: QEvent) -> bool:
        """Let the tab key choose what is offered; else it goes to the next widget."""
        is_press = event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent)
        if is_press and event.key() == Qt.Key.Key_Tab and self._popup.isVisible():  # type: ignore[attr-defined]
            self.choose(max(self._popup.currentIndex().row(), 0))
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Ask, complete, or go through what was asked before."""
        key, is_open = event.key(), self._popup.isVisible()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if is_open and self._popup.currentIndex().isValid():
                self._clicked(self._popup.currentIndex())
            else:
                self._popup.hide()
                self.entered.emit()
        elif key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.suggest()
        elif key == Qt.Key.Key_Escape and is_open:
            self._popup.hide()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not is_open:
            self._go_back(1 if key == Qt.Key.Key_Up else -1)
        else:
            super().keyPressEvent(event)
            if event.text().isprintable() and event.text():
                self.suggest() if self._is_worth_it() else self._popup.hide()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Let the completer know whom it completes."""
        self._completer.setWidget(self)
        super().focusInEvent(event)

    def insertFromMimeData(self, source: Any) -> None:  # noqa: N802 - Qt's name
        """Paste as one line."""
        self.insertPlainText(" ".join(source.text().split("\n")))

    def _cursor(self) -> int:
        """Return the cursor's place in code points."""
        before = self.text().encode("utf-16-le")[: 2 * self.textCursor().position()]
        return len(before.decode("utf-16-le", "ignore"))

    def _is_worth_it(self) -> bool:
        before = self.text()[: self._cursor()]
        return bool(before.strip()) and not before.endswith(" ")

    def _clicked(self, index: QModelIndex | QPersistentModelIndex) -> None:
        if index.isValid():
            self.choose(index.row())

    def _go_back(self, step: int) -> None:
        """Show an older filter, or a newer one; before the newest stands what was being written."""
        history = self._remembered.history
        to = min(max(self._back + step, 0), len(history))
        if to == self._back:
            return
        if self._back == 0:
            self._typed = self.text()
        self.write(self._typed if to == 0 else history[to - 1])
        self._back = to

    def _changed(self) -> None:
        self._back = 0
        if self._mistake is not None:
            self._mistake = None
            self._mark()

    def _mark(self) -> None:
        if self._mistake is None:
            self.setExtraSelections([])
            return
        text = self.text()
        at = self._mistake.at
        end = at + 1
        while end < len(text) and (text[end].isalnum() or text[end] in "_."):
            end += 1
        made: Any = QTextEdit.ExtraSelection()  # Qt's stubs do not know its members
        made.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        made.format.setUnderlineColor(QColor(self._context.theme.color("danger")))
        made.format.setBackground(QColor(self._context.theme.color("danger_soft")))
        cursor = QTextCursor(self.document())
        cursor.setPosition(_units(text, min(at, max(len(text) - 1, 0))))
        cursor.setPosition(_units(text, min(end, len(text))), QTextCursor.MoveMode.KeepAnchor)
        made.cursor = cursor
        self.setExtraSelections([made])


def _units(text: str, points: int) -> int:
    """Return how many of Qt's UTF-16 units so many code points are."""
    return len(text[:points].encode("utf-16-le")) // 2
