"""The rows and cells of a decision table, with the keys of a spreadsheet."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from admin_gui.domain import exchange
from admin_gui.domain.policy_text import cells, columns
from admin_gui.domain.policy_text.columns import CellError, ColumnOf
from admin_gui.domain.policy_text.sheet import free
from admin_gui.domain.say import Say
from admin_gui.models.policy_table import Index, PolicyTableModel
from admin_gui.widgets.cell_editor import CellDelegate, Offer
from admin_gui.widgets.context import Context
from admin_gui.widgets.frozen import FrozenTable

_WIDTHS: Final = {
    "id": 170, "title.zh": 210, "title.en": 210, "when": 260, "fields": 230, "except": 130, "verdict": 150,
    "priority": 70, "obligations": 150,
}  # fmt: skip
_CONDITION_WIDTH: Final = 140
_SEVERAL: Final = ("fields", "except", "obligations")
_TOO_WIDE: Final = Say("粘贴的内容比表格宽", "what is pasted is wider than the table")


class Grid(FrozenTable):
    """A table of rules, whose ids stay in sight.

    Tab and Return move on, typing edits, Delete empties, the clipboard has tab-separated cells.
    """

    told = Signal(object, str)
    """Something to say, a `Say`, and the kind of it."""

    def __init__(self, context: Context, model: PolicyTableModel, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._context, self.policy = context, model
        self.setModel(model)
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed)
        self._delegate = CellDelegate(context, self._offer, lambda text: columns.split(text, ",", "，", "、"), self)
        self._delegate.left.connect(self._go_on)
        self.setItemDelegate(self._delegate)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setHighlightSections(False)
        header.sectionResized.connect(self._remember)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        self.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._fitting = False
        model.modelReset.connect(self.fit)
        context.language.changed.connect(self.fit)

    def rows(self) -> list[int]:
        """Return the rows in which something is chosen."""
        return sorted({index.row() for index in self.selectionModel().selectedIndexes()})

    def choose_rows(self, rows: list[int]) -> None:
        """Choose whole rows, and show the first."""
        chosen = QItemSelection()
        last = self.policy.columnCount() - 1
        for row in rows:
            chosen.select(self.policy.index(row, 0), self.policy.index(row, last))
        if rows:
            first = self.policy.index(rows[0], max(self.currentIndex().column(), 0))
            self.selectionModel().setCurrentIndex(first, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(first)
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def fit(self) -> None:
        """Give columns the widths they had, and hide the title of the other language."""
        self._fitting = True
        hidden = "title.en" if self._context.language.tongue == "zh" else "title.zh"
        for place, column in enumerate(self.policy.columns):
            usual = _WIDTHS.get(column.key, max(_CONDITION_WIDTH, self._head(column)))
            kept = self._context.settings.value(f"policies/columns/{column.key}", usual)
            self.setColumnWidth(place, int(str(kept)))
            self.setColumnHidden(place, column.key == hidden)
        self._fitting = False

    def copy(self) -> None:
        """Put the chosen cells on the clipboard."""
        indexes = self.selectionModel().selectedIndexes()
        if not indexes:
            return
        places = sorted({index.column() for index in indexes if not self.isColumnHidden(index.column())})
        lines = []
        for row in self.rows():
            found = (self.policy.index(row, column) for column in places)
            lines.append([str(index.data(Qt.ItemDataRole.EditRole) or "") for index in found])
        QGuiApplication.clipboard().setText(exchange.text_of(lines))

    def paste(self) -> bool:
        """Put the cells of the clipboard where the current cell is; lines below the last rule become new ones."""
        at = self.currentIndex()
        lines = exchange.lines_of(QGuiApplication.clipboard().text())
        places = [place for place in range(self.policy.columnCount()) if not self.isColumnHidden(place)]
        if not lines or not self.policy.may_edit:
            return False
        start = places.index(at.column()) if at.isValid() else 0
        if any(len(line) > len(places) - start for line in lines):
            self.told.emit(_TOO_WIDE, "danger")
            return False
        row = max(at.row(), 0)
        inside = lines[: self.policy.rowCount() - row]
        typed = {
            (row + down, places[start + across]): text
            for down, line in enumerate(inside)
            for across, text in enumerate(line)
            if text.strip() != self.policy.index(row + down, places[start + across]).data(Qt.ItemDataRole.EditRole)
        }
        below = [dict(zip(places[start:], line, strict=False)) for line in lines[len(inside) :]]
        return self.policy.put(typed, self._made(below, len(inside)))

    def paste_rows(self) -> bool:
        """Put the lines of the clipboard, whole rows, as new rules behind the current one."""
        lines = exchange.lines_of(QGuiApplication.clipboard().text())
        places = [place for place in range(self.policy.columnCount()) if not self.isColumnHidden(place)]
        if any(len(line) > len(places) for line in lines):
            self.told.emit(_TOO_WIDE, "danger")
            return False
        at = self.currentIndex().row() + 1 if self.currentIndex().isValid() else self.policy.rowCount()
        rules = self._made([dict(zip(places, line, strict=False)) for line in lines], 0)
        if not rules or not self.policy.add(at, rules):
            return False
        self.choose_rows(list(range(at, at + len(rules))))
        return True

    def empty(self) -> bool:
        """Empty the chosen cells."""
        chosen = self.selectionModel().selectedIndexes()
        cells_of = [index for index in chosen if index.data(Qt.ItemDataRole.EditRole)]
        return bool(cells_of) and self.policy.change({(index.row(), index.column()): "" for index in cells_of})

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Move as in a spreadsheet."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and not event.modifiers():
            self.empty()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.state() != self.State.EditingState:
            self._go_on(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1, 0)
        else:
            super().keyPressEvent(event)

    def _go_on(self, down: int, across: int) -> None:
        at = self.currentIndex()
        row, column = at.row() + down, at.column() + across
        while 0 <= column < self.policy.columnCount() and self.isColumnHidden(column):
            column += across or 1
        if column >= self.policy.columnCount():
            row, column = row + 1, 0
        elif column < 0:
            row, column = row - 1, self.policy.columnCount() - 1
        if 0 <= row < self.policy.rowCount():
            self.setCurrentIndex(self.policy.index(row, column))
        self.setFocus()

    def _made(self, said: list[dict[int, str]], before: int) -> list[str] | None:
        """Return rules of cells by the places of their columns; None when one cannot be, which is said."""
        wide = self.policy.columns
        taken = set(self.policy.sheet.ids if self.policy.sheet is not None else ())
        rules = []
        for number, line in enumerate(said):
            named = {wide[place].key: text for place, text in line.items()}
            named["id"] = free(named.get("id", "").strip() or "rule", taken)
            taken.add(named["id"])
            try:
                rules.append(cells.rule(named, wide))
            except CellError as error:
                column = next((one for one in wide if one.key == error.key), wide[0])
                wrong = exchange.Wrong(before + number + 1, column.say, error.say)
                self.told.emit(exchange.ExchangeError([wrong]).say, "danger")
                return None
        return rules

    def _offer(self, index: Index) -> Offer:
        column = self.policy.columns[index.column()]
        several = column.key in _SEVERAL or bool(column.known and column.known.kind in ("text", "list", "int"))
        return Offer([(value.text, value.label) for value in column.values], several, self.policy.judge(index))

    def _head(self, column: ColumnOf) -> int:
        return min(self.fontMetrics().horizontalAdvance(self._context.language(column.say)) + 28, 240)

    def _remember(self, section: int, _: int, width: int) -> None:
        if not self._fitting and width and section < len(self.policy.columns):
            self._context.settings.setValue(f"policies/columns/{self.policy.columns[section].key}", width)
