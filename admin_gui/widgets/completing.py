"""Offers words while one types, each with its meaning."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QStringListModel, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QTextCursor
from PySide6.QtWidgets import QCompleter

from admin_gui.domain.completion import Vocabulary, Word, typed_word
from admin_gui.widgets.code_editor import CodeEditor
from admin_gui.widgets.context import Context

_LEAST: Final = 2
_WIDTH: Final = 460
_SEPARATOR: Final = "    "


class Completing(QObject):
    """Completes what is typed in an editor: by itself from the second letter on, and by Ctrl+Space anywhere."""

    def __init__(self, context: Context, editor: CodeEditor) -> None:
        super().__init__(editor)
        self._context, self._editor = context, editor
        self._vocabulary: Vocabulary | None = None
        self._words: list[Word] = []
        self._taking = False
        self._model = QStringListModel(self)
        self.completer = QCompleter(self._model, self)
        self.completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.completer.setWidget(editor)
        self.completer.activated.connect(self._chosen)
        self._shortcut = QShortcut(QKeySequence("Ctrl+Space"), editor)
        self._shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        self._shortcut.activated.connect(self.offer)
        editor.edited.connect(lambda _: self._typed())
        editor.completes(self.completer.popup)
        editor.explains(self._explain)

    def learn(self, vocabulary: Vocabulary) -> None:
        """Offer these words from now on."""
        self._vocabulary = vocabulary

    def offer(self) -> list[Word]:
        """Show what may be written here, and return it."""
        self._words = [] if self._vocabulary is None else self._vocabulary.fitting(self._before())
        if not self._words or self._editor.isReadOnly():
            self.completer.popup().hide()
            return self._words
        say = self._context.language
        self._model.setStringList([f"{word.text}{_SEPARATOR}{say(word.about)}" for word in self._words])
        area = self._editor.cursorRect()
        area.translate(self._editor.gutter_width(), 4)
        area.setWidth(_WIDTH)
        self.completer.complete(area)
        self.completer.popup().setCurrentIndex(self.completer.completionModel().index(0, 0))
        return self._words

    def take(self, word: Word) -> None:
        """Write a word in place of what was typed of it."""
        cursor = self._editor.textCursor()
        typed = typed_word(self._before())
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(typed))
        self._taking = True
        cursor.insertText(word.text)
        self._taking = False
        self._editor.setTextCursor(cursor)

    def _typed(self) -> None:
        if self._taking or not self._editor.hasFocus():
            return
        if len(typed_word(self._before())) >= _LEAST:
            self.offer()
        else:
            self.completer.popup().hide()

    def _chosen(self, text: str) -> None:
        name = text.split(_SEPARATOR, 1)[0]
        word = next((word for word in self._words if word.text == name), None)
        if word is not None:
            self.take(word)

    def _before(self) -> str:
        cursor = self._editor.textCursor()
        return cursor.block().text()[: cursor.positionInBlock()]

    def _explain(self, line: str, column: int) -> str:
        word = None if self._vocabulary is None else self._vocabulary.meaning(line, column)
        return "" if word is None else f"{word.text}: {self._context.language(word.about)}"
