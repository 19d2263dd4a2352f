"""Finds words in an editor, and puts others in their place."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut, QTextCursor, QTextDocument
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QWidget

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button

_FIND: Final = Say("查找", "Find")
_REPLACE: Final = Say("替换为", "Replace with")
_CASE: Final = Say("区分大小写", "Match case")
_NEXT: Final = Say("下一处", "Next")
_BEFORE: Final = Say("上一处", "Previous")
_ONE: Final = Say("替换", "Replace")
_ALL: Final = Say("全部替换", "Replace all")
_COUNT: Final = Say("{count} 处", "{count} found")
_NONE: Final = Say("未找到", "none found")


class FindBar(QWidget):
    """Hidden until it is asked for; Esc hides it again."""

    def __init__(self, context: Context, editor: QPlainTextEdit) -> None:
        super().__init__()
        self._context, self._editor = context, editor
        self._said = Say("", "")
        self.words, self.other = QLineEdit(clearButtonEnabled=True), QLineEdit()
        self._case = QCheckBox()
        self._count = QLabel()
        self._count.setObjectName("quiet")
        for line, say in ((self.words, _FIND), (self.other, _REPLACE)):
            context.language.bind(line, line.setPlaceholderText, say)
            context.language.bind(line, line.setAccessibleName, say)
        context.language.bind(self._case, self._case.setText, _CASE)
        context.language.bind(self._count, self._count.setText, lambda: self._said)
        self.words.textChanged.connect(lambda _: self._look())
        self._case.toggled.connect(lambda _: self._look())
        self.words.returnPressed.connect(self.next)
        self.other.returnPressed.connect(self.replace_one)
        self._writing = [button(context, _ONE, self.replace_one), button(context, _ALL, self.replace_all)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.words, 2)
        row.addWidget(self._count)
        row.addWidget(self._case)
        row.addWidget(button(context, _BEFORE, lambda: self.next(back=True)))
        row.addWidget(button(context, _NEXT, self.next))
        row.addWidget(self.other, 2)
        for widget in self._writing:
            row.addWidget(widget)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self.leave)
        self.hide()

    def begin(self) -> None:
        """Show it, with what is chosen in the editor."""
        chosen = self._editor.textCursor().selectedText()
        if chosen and "\u2029" not in chosen:
            self.words.setText(chosen)
        for widget in (self.other, *self._writing):
            widget.setVisible(not self._editor.isReadOnly())
        self.show()
        self.words.selectAll()
        self.words.setFocus()
        self._look()

    def leave(self) -> None:
        """Hide it, and go on writing."""
        self.hide()
        self._editor.setFocus()

    def next(self, *, back: bool = False) -> bool:
        """Go to the next place, or the one before, from the other end when there is none; return whether there is."""
        flags = self._flags | (QTextDocument.FindFlag.FindBackward if back else QTextDocument.FindFlag(0))
        if not self.words.text():
            return False
        if self._editor.find(self.words.text(), flags):
            return True
        cursor = self._editor.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End if back else QTextCursor.MoveOperation.Start)
        self._editor.setTextCursor(cursor)
        return bool(self._editor.find(self.words.text(), flags))

    def replace_one(self) -> None:
        """Replace what is found here, and go to the next place."""
        cursor = self._editor.textCursor()
        if self._editor.isReadOnly():
            return
        if self._same(cursor.selectedText(), self.words.text()):
            cursor.insertText(self.other.text())
        self.next()
        self._look()

    def replace_all(self) -> int:
        """Replace every place, as one step that can be undone; return how many there were."""
        words, document = self.words.text(), self._editor.document()
        if not words or self._editor.isReadOnly():
            return 0
        count, edit = 0, QTextCursor(document)
        edit.beginEditBlock()
        found = document.find(words, 0, self._flags)
        while not found.isNull():
            found.insertText(self.other.text())
            count += 1
            found = document.find(words, found.position(), self._flags)
        edit.endEditBlock()
        self._look()
        return count

    @property
    def said(self) -> Say:
        """How many places there are, in words."""
        return self._said

    @property
    def _flags(self) -> QTextDocument.FindFlag:
        flags = QTextDocument.FindFlag
        return flags.FindCaseSensitively if self._case.isChecked() else flags(0)

    def _same(self, one: str, other: str) -> bool:
        return bool(other) and (one == other if self._case.isChecked() else one.lower() == other.lower())

    def _look(self) -> None:
        text, words = self._editor.toPlainText(), self.words.text()
        if not self._case.isChecked():
            text, words = text.lower(), words.lower()
        count = text.count(words) if words else 0
        self._said = _COUNT.filled(count=count) if count else _NONE if words else Say("", "")
        self._count.setText(self._context.language(self._said))
