"""A table of frozen records: columns say what of a record is shown, and how."""

# ruff: noqa: D102 - Qt tells what its methods do

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

Index = QModelIndex | QPersistentModelIndex
R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column. `color` names the token of a record's colour here, empty for the usual."""

    say: Say
    text: Callable[[R], str | Say]
    color: Callable[[R], str] = lambda _: ""
    width: int = 120


class RecordModel(QAbstractTableModel, Generic[R]):
    """Shows records that a screen holds whole; `key` tells whether two are the same thing."""

    def __init__(
        self, context: Context, columns: Sequence[Column[R]], key: Callable[[R], object], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._columns = columns
        self._key = key
        self._records: Sequence[R] = ()
        context.language.changed.connect(self._repaint)
        context.theme.changed.connect(self._repaint)

    def show(self, records: Sequence[R]) -> None:
        """Show these; what is chosen stays chosen where the same things are there."""
        if [self._key(record) for record in records] == [self._key(record) for record in self._records]:
            self._records = records
            self._repaint()
            return
        self.beginResetModel()
        self._records = records
        self.endResetModel()

    def record(self, row: int) -> R:
        """Return the record of a row."""
        return self._records[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._records)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._context.language(self._columns[section].say)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        record, column = self._records[index.row()], self._columns[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            text = column.text(record)
            return self._context.language(text) if isinstance(text, Say) else text
        if role == Qt.ItemDataRole.ForegroundRole and (token := column.color(record)):
            return self._context.theme.color(token)
        return None

    def _repaint(self) -> None:
        if self._records:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._records) - 1, len(self._columns) - 1))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._columns) - 1)
