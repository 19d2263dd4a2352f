"""The scenarios of a policy set, to find and choose one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QLineEdit, QListView, QVBoxLayout, QWidget

from admin_gui.domain.say import Say, plain
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import heading

_SCENARIOS: Final = Say("情景", "Scenarios")
_FIND: Final = Say("查找情景…", "Find a scenario…")
_NAME: Final = Qt.ItemDataRole.UserRole
_LEAST_WIDTH: Final = 170


class Library(QWidget):
    """Lists scenarios by title; `chosen` tells the name of one."""

    chosen = Signal(str)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._titles: Mapping[str, Say] = {}
        self._names = QStandardItemModel(self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self._names)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.line = QLineEdit(clearButtonEnabled=True)
        context.language.bind(self.line, self.line.setPlaceholderText, _FIND)
        context.language.bind(self.line, self.line.setAccessibleName, _FIND)
        self.line.textChanged.connect(self.shown.setFilterFixedString)
        self.list = QListView(uniformItemSizes=True)
        self.list.setModel(self.shown)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.selectionModel().currentChanged.connect(
            lambda index, _: self.chosen.emit(index.data(_NAME)) if index.isValid() else None
        )
        context.language.bind(self.list, self.list.setAccessibleName, _SCENARIOS)
        context.language.changed.connect(self._retitle)
        self.setMinimumWidth(_LEAST_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 0)
        column.addWidget(heading(context, _SCENARIOS))
        column.addWidget(self.line)
        column.addWidget(self.list, 1)

    def show_names(self, titles: Mapping[str, Say]) -> None:
        """Show these scenarios by name; the one that was chosen stays so."""
        before = self.list.currentIndex().data(_NAME)
        self._titles = titles
        self.list.selectionModel().blockSignals(True)
        self._names.clear()
        for name in titles:
            item = QStandardItem(self._title(name))
            item.setData(name, _NAME)
            item.setToolTip(name)
            self._names.appendRow(item)
        self.list.selectionModel().blockSignals(False)
        if before in titles:
            self.mark(before)

    def mark(self, name: str) -> None:
        """Show which scenario is looked at, without choosing it."""
        row = next((row for row in range(self.shown.rowCount()) if self.shown.index(row, 0).data(_NAME) == name), -1)
        self.list.selectionModel().blockSignals(True)
        self.list.setCurrentIndex(self.shown.index(row, 0))
        self.list.selectionModel().blockSignals(False)
        self.list.viewport().update()

    def choose_first(self) -> None:
        """Choose the first one, if there is any."""
        if self.shown.rowCount():
            self.list.setCurrentIndex(self.shown.index(0, 0))

    def _title(self, name: str) -> str:
        return self._context.language(self._titles.get(name, plain(name))) or name

    def _retitle(self) -> None:
        for row in range(self._names.rowCount()):
            item = self._names.item(row)
            item.setText(self._title(item.data(_NAME)))
