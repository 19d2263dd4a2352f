"""A list with a line to filter it by, and a button for what comes after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.widgets.context import Context
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button
from admin_gui.widgets.tables import row_table

R = TypeVar("R")
_FILTER: Final = Say("筛选", "Filter")
_MORE: Final = Say("载入更多", "Load more")
_TYPING_MILLISECONDS: Final = 250
_NONE_FIT: Final = Say("没有符合筛选的条目", "Nothing fits the filter")


class _Signals(QWidget):
    chosen = Signal(object)
    """The record that is chosen; None for none."""
    more_wanted = Signal()
    searched = Signal(str)
    """What is to be asked for from the service, a moment after it was typed."""


class Listing(_Signals, Generic[R]):
    """Shows records that came page by page; `setting` names where widths and filter are remembered."""

    def __init__(
        self,
        context: Context,
        name: Say,
        columns: Sequence[Column[R]],
        key: Callable[[R], object],
        setting: str,
        empty: Say,
        *,
        filtered: bool = True,
        search: Say | None = None,
    ) -> None:
        """`filtered`: whether there is a line to filter by; it looks at what came. With `search`, which says what the
        service looks at, it asks there instead.
        """
        super().__init__()
        self._context, self._columns, self._key, self._setting, self._none = context, columns, key, setting, empty
        self._records: Sequence[R] = ()
        self.model = RecordModel[R](context, columns, key, self)
        # Below this in any case: a line that no layout takes over would outlive the screen.
        self.filter = QLineEdit(str(context.settings.value(f"{setting}/filter", "")), self, clearButtonEnabled=True)
        self._search = search
        context.language.bind(self.filter, self.filter.setPlaceholderText, search or _FILTER)
        context.language.bind(self.filter, self.filter.setAccessibleName, search or _FILTER)
        self._typed = QTimer(self, interval=_TYPING_MILLISECONDS, singleShot=True)
        self._typed.timeout.connect(lambda: self.searched.emit(self.text))
        self.filter.textChanged.connect(self._changed)
        self.table = table = row_table(context, self.model, name, (column.width for column in columns))
        table.setTabKeyNavigation(False)
        header = table.horizontalHeader()
        if (state := context.settings.value(f"{setting}/header")) is not None:
            header.restoreState(state)
        header.sectionResized.connect(lambda *_: context.settings.setValue(f"{setting}/header", header.saveState()))
        table.selectionModel().currentRowChanged.connect(lambda *_: self.chosen.emit(self.current()))
        self.model.modelReset.connect(lambda: self.chosen.emit(self.current()))
        self.empty = Empty(context, "accounts", empty)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(table)
        self.more = button(context, _MORE, self.more_wanted.emit)
        self.more.hide()
        self.head = QHBoxLayout()
        if filtered:
            self.head.addWidget(self.filter, 1)
        else:
            self.filter.hide()
        column_of = QVBoxLayout(self)
        column_of.setContentsMargins(0, 0, 0, 0)
        column_of.addLayout(self.head)
        column_of.addWidget(self._stack, 1)
        column_of.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    @property
    def records(self) -> Sequence[R]:
        """All that came, whatever the filter."""
        return self._records

    @property
    def text(self) -> str:
        """What is looked for."""
        return self.filter.text().strip()

    def show_records(self, records: Sequence[R], *, more: bool = False) -> None:
        """Show these; `more` come after them. What is chosen stays so."""
        self._records = records
        self.more.setVisible(more)
        self._filtered()

    def current(self) -> R | None:
        """Return the record that is chosen."""
        index = self.table.currentIndex()
        return self.model.record(index.row()) if index.isValid() else None

    def choose(self, key: object) -> None:
        """Choose the record with this key, if it is shown."""
        for row in range(self.model.rowCount()):
            if self._key(self.model.record(row)) == key:
                self.table.setCurrentIndex(self.model.index(row, 0))
                return

    def choose_first(self) -> None:
        """Choose the first record, where none is chosen and there is one."""
        if self.current() is None and self.model.rowCount():
            self.table.setCurrentIndex(self.model.index(0, 0))

    def choose_none(self) -> None:
        """Choose nothing."""
        self.table.setCurrentIndex(QModelIndex())
        self.table.clearSelection()

    def _changed(self) -> None:
        self._context.settings.setValue(f"{self._setting}/filter", self.filter.text())
        if self._search is None:
            self._filtered()
        else:
            self._typed.start()

    def _filtered(self) -> None:
        words = self.filter.text().casefold().split() if self._search is None else []
        shown = (
            [one for one in self._records if all(word in self._words(one) for word in words)]
            if words
            else list(self._records)
        )
        chosen = self.current()
        self.model.show(shown)
        if chosen is not None:
            self.choose(self._key(chosen))
        sought = bool(self._records) or (self._search is not None and bool(self.text))
        self.empty.say(_NONE_FIT if sought else self._none)
        self._stack.setCurrentIndex(1 if shown else 0)
        self.chosen.emit(self.current())

    def _words(self, record: R) -> str:
        said = (column.text(record) for column in self._columns)
        return " ".join(f"{one.zh} {one.en}" if isinstance(one, Say) else one for one in said).casefold()
