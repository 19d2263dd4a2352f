"""Edits one cell of a decision table: a line that is checked as one types, with values to choose below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QLineEdit, QListView, QStyledItemDelegate, QStyleOptionViewItem, QToolTip, QWidget

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

Index = QModelIndex | QPersistentModelIndex
_VALUE: Final = Qt.ItemDataRole.UserRole
_ROWS_SHOWN: Final = 10
_STEPS: Final = {
    Qt.Key.Key_Return: (1, 0),
    Qt.Key.Key_Enter: (1, 0),
    Qt.Key.Key_Tab: (0, 1),
    Qt.Key.Key_Backtab: (0, -1),
}


class Offer(NamedTuple):
    """What may be chosen for a cell, as typed and with its label; `several` at once or one. `wrong` judges a text."""

    values: Sequence[tuple[str, Say]]
    several: bool
    wrong: Callable[[str], Say | None]


class CellEditor(QLineEdit):
    """A line with a list below it. What is ticked in the list stands in the line."""

    def __init__(self, context: Context, offer: Offer, split: Callable[[str], list[str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._context, self.offer, self._split = context, offer, split
        self.popup: QListView | None = None
        self._items = QStandardItemModel(self)
        self._writing = False
        self.textChanged.connect(self._typed)
        if offer.values:
            self._make_popup()

    @property
    def is_wrong(self) -> bool:
        """Whether what is typed cannot be taken."""
        return self.offer.wrong(self.text()) is not None

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Go through the list by arrow keys, and choose by the space bar while in it."""
        popup = self.popup
        if popup is not None and popup.isVisible() and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            row = popup.currentIndex().row() + (1 if event.key() == Qt.Key.Key_Down else -1)
            while 0 <= row < self._items.rowCount() and popup.isRowHidden(row):
                row += 1 if event.key() == Qt.Key.Key_Down else -1
            if 0 <= row < self._items.rowCount():
                popup.setCurrentIndex(self._items.index(row, 0))
            return
        if popup is not None and event.key() == Qt.Key.Key_Space and popup.currentIndex().isValid():
            self.choose(popup.currentIndex().row())
            return
        super().keyPressEvent(event)

    def choose(self, row: int) -> None:
        """Take a value of the list, or let it go."""
        value = str(self._items.item(row).data(_VALUE))
        if not self.offer.several:
            self.setText(value)
            return
        chosen = self._chosen()
        if value in chosen:
            chosen.remove(value)
        else:
            known = {self._items.item(place).data(_VALUE) for place in range(self._items.rowCount())}
            # What was typed to find a value is not one itself.
            chosen = [one for one in chosen if one in known or self.offer.wrong(one) is None] + [value]
        self.setText(", ".join(chosen))

    def place(self) -> None:
        """Show the list below the line."""
        popup, window = self.popup, self.window()
        if popup is None or window is None:
            return
        width = max(self.width(), popup.sizeHintForColumn(0) + 40, 220)
        height = min(self._items.rowCount(), _ROWS_SHOWN) * (popup.sizeHintForRow(0) or 22) + 8
        below = self.mapTo(window, QPoint(0, self.height()))
        if below.y() + height > window.height():
            below = self.mapTo(window, QPoint(0, -height))
        popup.setGeometry(max(min(below.x(), window.width() - width), 0), max(below.y(), 0), width, height)
        popup.raise_()
        popup.show()

    def close_popup(self) -> None:
        """Take the list away."""
        if self.popup is not None:
            self.popup.hide()
            self.popup.deleteLater()
            self.popup = None

    def _make_popup(self) -> None:
        popup = QListView(self.window())
        popup.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        popup.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        popup.setUniformItemSizes(True)
        popup.hide()
        for value, label in self.offer.values:
            said = self._context.language(label)
            item = QStandardItem(said if value in said.split() else f"{said}  {value}")
            item.setData(value, _VALUE)
            self._items.appendRow(item)
        popup.setModel(self._items)
        popup.clicked.connect(lambda index: self.choose(index.row()))
        self.popup = popup
        self.destroyed.connect(popup.deleteLater)

    def _chosen(self) -> list[str]:
        return [part for part in self._split(self.text()) if part]

    def _typed(self, text: str) -> None:
        wrong = self.offer.wrong(text)
        word = str(wrong is not None).lower()
        if self.property("wrong") != word:
            self.setProperty("wrong", word)
            self.style().unpolish(self)
            self.style().polish(self)
        self.setToolTip("" if wrong is None else self._context.language(wrong))
        chosen = self._chosen()
        last = (self._split(text) or [""])[-1].lower()
        known = {str(self._items.item(row).data(_VALUE)) for row in range(self._items.rowCount())}
        seek = last if last and last not in {one.lower() for one in known} else ""
        for row in range(self._items.rowCount()):
            item = self._items.item(row)
            item.setCheckState(Qt.CheckState.Checked if item.data(_VALUE) in chosen else Qt.CheckState.Unchecked)
            if self.popup is not None:
                self.popup.setRowHidden(row, bool(seek) and seek not in item.text().lower())


class CellDelegate(QStyledItemDelegate):
    """Makes editors of cells. Return and Tab keep what was typed and go on; a wrong text keeps the editor open."""

    left = Signal(int, int)
    """The editor was left by a key: how many rows and columns to go on."""

    def __init__(
        self, context: Context, offer: Callable[[Index], Offer], split: Callable[[str], list[str]], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._context, self._offer, self._split = context, offer, split

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802 - Qt's name
        """Return a line for a cell."""
        editor = CellEditor(self._context, self._offer(index), self._split, parent)
        editor.setAccessibleName(str(index.model().headerData(index.column(), Qt.Orientation.Horizontal)))
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:  # noqa: N802 - Qt's name
        """Show what the cell says."""
        if isinstance(editor, CellEditor) and not editor.isModified():
            editor.setText(str(index.data(Qt.ItemDataRole.EditRole) or ""))
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:  # noqa: N802 - Qt's name
        """Let the cell say what was typed."""
        if isinstance(editor, CellEditor):
            index.model().setData(index, editor.text())

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802 - Qt's name
        """Put the line over its cell, and the list below it."""
        rect = option.rect  # type: ignore[attr-defined]
        rect.setWidth(max(rect.width(), 120))
        editor.setGeometry(rect)
        if isinstance(editor, CellEditor):
            editor.place()

    def destroyEditor(self, editor: QWidget, index: Index) -> None:  # noqa: N802 - Qt's name
        """Take the list away with the line."""
        if isinstance(editor, CellEditor):
            editor.close_popup()
        super().destroyEditor(editor, index)

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Return and Tab go on as in a spreadsheet."""
        if isinstance(editor, CellEditor) and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()))
            if step is not None:
                if editor.is_wrong:
                    QToolTip.showText(editor.mapToGlobal(QPoint(0, editor.height())), editor.toolTip(), editor)
                    return True
                self.commitData.emit(editor)
                self.closeEditor.emit(editor, QStyledItemDelegate.EndEditHint.NoHint)
                self.left.emit(*step)
                return True
        return super().eventFilter(editor, event)
