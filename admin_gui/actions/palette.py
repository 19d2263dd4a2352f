"""Ctrl+P: find an action by what it is called, and do it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSortFilterProxyModel, QStringListModel, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListView, QVBoxLayout, QWidget

from admin_gui.actions.registry import Actions
from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

_FIND = Say("输入要做的事…", "Type what you want to do…")


class Palette(QDialog):
    """A line to type in, and the actions that fit."""

    def __init__(self, context: Context, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._actions = [action for action in actions.all if action.isEnabled()]
        texts = [self._words(action.text(), action.shortcut().toString()) for action in self._actions]
        self._found = QSortFilterProxyModel(self)
        self._found.setSourceModel(QStringListModel(texts, self))
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._line = QLineEdit(placeholderText=context.language(_FIND), clearButtonEnabled=True)
        self._line.setAccessibleName(context.language(_FIND))
        self._line.textChanged.connect(self._filter)
        self._line.installEventFilter(self)
        self._list = QListView()
        self._list.setModel(self._found)
        self._list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self._list.clicked.connect(lambda _: self._do())
        column = QVBoxLayout(self)
        column.addWidget(self._line)
        column.addWidget(self._list)
        self.resize(520, 360)
        self._filter("")

    @staticmethod
    def _words(text: str, shortcut: str) -> str:
        return f"{text}    {shortcut}" if shortcut else text

    def _filter(self, text: str) -> None:
        self._found.setFilterFixedString(text)
        self._list.setCurrentIndex(self._found.index(0, 0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Let the arrow keys move in the list while one types."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                row = min(max(self._list.currentIndex().row() + step, 0), self._found.rowCount() - 1)
                self._list.setCurrentIndex(self._found.index(row, 0))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do()
                return True
        return super().eventFilter(watched, event)

    def _do(self) -> None:
        index = self._found.mapToSource(self._list.currentIndex())
        self.accept()
        if index.isValid():
            self._actions[index.row()].trigger()
