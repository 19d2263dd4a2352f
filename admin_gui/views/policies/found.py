"""What is wrong in the texts, as a table to go through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from admin_gui.domain.problems import WORDS, Problem
from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.widgets.code_editor import COLORS
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import heading
from admin_gui.widgets.tables import row_table

_PROBLEMS: Final = Say("问题", "Problems")
_COLUMNS: Final = (
    Column[Problem](Say("级别", "Severity"), lambda one: WORDS[one.severity], lambda one: COLORS[one.severity], 80),
    Column[Problem](
        Say("位置", "Place"), lambda one: f"{one.path}:{one.line}:{one.column}" if one.path else "", width=230
    ),
    Column[Problem](Say("说明", "What"), lambda one: one.message, width=350),
    Column[Problem](Say("怎样改", "How to mend it"), lambda one: one.hint, lambda _: "quiet", 300),
)


class Found(QWidget):
    """Problems with a line above that counts them."""

    chosen = Signal(object)
    """A `Problem` that has a place."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._said = Say("", "")
        self.model = RecordModel[Problem](context, _COLUMNS, lambda one: one, self)
        self.counted = QLabel()
        self.counted.setObjectName("quiet")
        context.language.bind(self.counted, self.counted.setText, lambda: self._said)
        self._table = row_table(context, self.model, _PROBLEMS, (one.width for one in _COLUMNS))
        self._table.selectionModel().currentChanged.connect(lambda index, _: self._go(index))
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 0)
        column.addWidget(heading(context, _PROBLEMS))
        column.addWidget(self.counted)
        column.addWidget(self._table, 1)

    def say(self, said: Say) -> None:
        """Say how many there are, or why that is not known."""
        self._said = said
        self.counted.setText(self._context.language(said))

    def show_problems(self, found: Sequence[Problem]) -> None:
        """Show these; notes are none to mend."""
        self.model.show([one for one in found if one.severity != "note"])

    def step(self, step: int) -> None:
        """Go to the next problem from here, or with -1 the one before."""
        count = self.model.rowCount()
        if count:
            self._table.setCurrentIndex(self.model.index((self._table.currentIndex().row() + step) % count, 0))

    def _go(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        one = self.model.record(index.row())
        if one.path:
            self.chosen.emit(one)
            self._table.selectionModel().select(
                index, QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            )
