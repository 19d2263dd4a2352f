"""A policy as a table to edit: each edit is a splice of the document that the text editor shows too."""

# ruff: noqa: D102 - Qt tells what its methods do

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import yaml
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QTextCursor, QTextDocument

from admin_gui.domain.catalogue import EMPTY, Catalogue
from admin_gui.domain.policy_text import cells, columns, sheet
from admin_gui.domain.policy_text.columns import CellError, ColumnOf
from admin_gui.domain.policy_text.items import Splice
from admin_gui.domain.policy_text.sheet import Edit, Sheet
from admin_gui.domain.problems import WORDS, Problem
from admin_gui.domain.say import Say
from admin_gui.theme.icons import dot, icon
from admin_gui.widgets.context import Context

Index = QModelIndex | QPersistentModelIndex
_NO_YAML: Final = Say("第 {line} 行", "line {line}")
_MARKS: Final = {"error": "✕", "warning": "!", "note": "·"}
_ROLES: Final = Qt.ItemDataRole
_SHOWN: Final = frozenset(
    (_ROLES.DisplayRole, _ROLES.EditRole, _ROLES.ToolTipRole, _ROLES.DecorationRole, _ROLES.ForegroundRole)
)
"""Roles of cells that say anything: others are asked for each time that a cell is painted."""
_TOKENS: Final = {"error": "danger", "warning": "warning", "note": "info"}


class PolicyTableModel(QAbstractTableModel):
    """One row a rule, in the order of the text. It edits nothing while its document cannot be read."""

    refused = Signal(int, int, object)
    """A cell, by row and column, did not take what was entered; a `Say` tells why."""
    froze = Signal(object)
    """The document cannot be read, a `Say` tells where; None when it can again."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._document: QTextDocument | None = None
        self._catalogue: Catalogue = EMPTY
        self._more: list[str] = []
        self._columns: list[ColumnOf] = []
        self._problems: Sequence[Problem] = ()
        self._worst: dict[int, list[Problem]] = {}
        self.sheet: Sheet | None = None
        self.frozen: Say | None = None
        self.read_only = False
        context.language.changed.connect(self._repaint)
        context.theme.changed.connect(self._repaint)

    # What is shown.

    def show_document(self, document: QTextDocument, place: int = 0) -> None:
        """Show a policy of another document; none where it has none."""
        self._document, self._more = document, []
        self.frozen = None
        self.beginResetModel()
        self.sheet = None
        try:
            self.sheet = sheet.read(document.toPlainText(), place)
        except yaml.YAMLError as error:
            self.frozen = _place(error)
        except IndexError:
            pass
        self._columns = self._wide()
        self._sort_problems()
        self.endResetModel()
        self.froze.emit(self.frozen)

    def show_catalogue(self, found: Catalogue) -> None:
        """Show other labels and values to choose."""
        self._catalogue = found
        self._rebuild()

    def show_problems(self, found: Sequence[Problem]) -> None:
        """Mark the rules in which these are."""
        self._problems = found
        self._sort_problems()
        if self.rowCount():
            self.headerDataChanged.emit(Qt.Orientation.Vertical, 0, self.rowCount() - 1)

    def add_column(self, attribute: str) -> int:
        """Show a column for an attribute that no rule compares yet; return its place."""
        self._more.append(attribute)
        self._rebuild()
        return next(place for place, column in enumerate(self._columns) if column.attribute == attribute)

    def refresh(self) -> None:
        """Read the document again, as far as it differs."""
        if self._document is None:
            return
        if self.sheet is None:
            self.show_document(self._document)
            return
        try:
            after = sheet.again(self.sheet, self._document.toPlainText())
        except yaml.YAMLError as error:
            self._freeze(_place(error))
            return
        except IndexError:
            self.show_document(self._document)
            return
        self._freeze(None)
        before, self.sheet = self.sheet, after
        if before is after:
            return
        wide = self._wide()
        if wide != self._columns or len(before.rows) != len(after.rows):
            self.sheet = before
            self._replace(after, wide)
        else:
            changed = [
                row for row, (one, other) in enumerate(zip(before.rows, after.rows, strict=True)) if one is not other
            ]
            if changed:
                self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(wide) - 1))
        self._sort_problems()

    @property
    def columns(self) -> Sequence[ColumnOf]:
        """The columns of now."""
        return self._columns

    @property
    def attributes(self) -> Catalogue:
        """What may be chosen."""
        return self._catalogue

    def line_of(self, row: int) -> int:
        """Return the line of a rule in the text, from 1."""
        return 0 if self.sheet is None else self.sheet.lines()[row] + 1

    def row_at(self, line: int) -> int | None:
        """Return the rule that a line of the text, from 1, belongs to."""
        row = bisect_right(self._lines(), line - 1) - 1
        return row if row >= 0 else None

    def problems_of(self, row: int) -> Sequence[Problem]:
        """Return what is wrong in a rule, the worst first."""
        return self._worst.get(row, ())

    # What changes.

    @property
    def may_edit(self) -> bool:
        """Whether edits are taken now."""
        return self.sheet is not None and self.frozen is None and not self.read_only

    def change(self, typed: Mapping[tuple[int, int], str]) -> bool:
        """Make cells, by row and column, say what was typed: all in one step, or none of it where one is refused."""
        splices = self._changes(typed)
        return splices is not None and self.apply(splices)

    def put(self, typed: Mapping[tuple[int, int], str], rules: Sequence[str] | None) -> bool:
        """Change cells and put new rules behind all, in one step; nothing when there are no `rules` but None."""
        splices = None if rules is None or self.sheet is None else self._changes(typed)
        if splices is None or self.sheet is None or rules is None:
            return False
        if not rules:
            return self.apply(splices)
        if self.sheet.flow or not splices:
            return (not splices or self.apply(splices)) and self.add(self.rowCount(), rules)
        return self.apply([*splices, *sheet.insert(self.sheet, len(self.sheet.rows), rules)])

    def judge(self, index: Index) -> Callable[[str], Say | None]:
        """Return what says why a text cannot be typed into a cell, None for one that can."""
        if self.sheet is None:
            return lambda _: None
        row, column = self.sheet.rows[index.row()], self._columns[index.column()]
        taken = [name for other, name in enumerate(self.sheet.ids) if other != index.row()]

        def wrong(text: str) -> Say | None:
            try:
                cells.edit(row, column, text, taken)
            except CellError as error:
                return error.say
            return None

        return wrong

    def _changes(self, typed: Mapping[tuple[int, int], str]) -> list[Splice] | None:
        if self.sheet is None or not self.may_edit:
            return None
        rows: dict[int, list[tuple[ColumnOf, str]]] = {}
        for (row, column), text in typed.items():
            rows.setdefault(row, []).append((self._columns[column], text))
        ids = self.sheet.ids
        edits: dict[int, list[Edit]] = {}
        for row, said in rows.items():
            taken = [name for other, name in enumerate(ids) if other != row]
            try:
                edits[row] = [cells.edit_all(self.sheet.rows[row], said, taken)]
            except CellError as error:
                wrong = [column.key for column in self._columns].index(error.key)
                self.refused.emit(row, wrong, error.say)
                return None
        return sheet.change(self.sheet, edits)

    def add(self, at: int, rules: Sequence[str]) -> bool:
        """Put new rules, as block mappings, before that of a row or behind all."""
        return self.may_edit and self.sheet is not None and self.apply(sheet.insert(self.sheet, at, rules))

    def remove(self, rows: Sequence[int]) -> bool:
        """Take rules out."""
        return self.may_edit and self.sheet is not None and self.apply(sheet.delete(self.sheet, rows))

    def duplicate(self, rows: Sequence[int]) -> bool:
        """Put a copy behind each of these rules."""
        return self.may_edit and self.sheet is not None and self.apply(sheet.duplicate(self.sheet, rows))

    def move(self, rows: Sequence[int], step: int) -> list[int]:
        """Put rules one place up or down; return where they are then."""
        if self.sheet is None or not self.may_edit:
            return list(rows)
        splices, after = sheet.move(self.sheet, rows, step)
        self.apply(splices)
        return after

    def apply(self, splices: Sequence[Splice]) -> bool:
        """Replace parts of the text as one step of its history, and read it again."""
        if self._document is None or self.sheet is None or not splices:
            return False
        text = self.sheet.text
        if text != self._document.toPlainText():
            self.refresh()
            return False
        wide = not text.isascii() and max(text) > "\uffff"
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        for span, words in sorted(splices, key=lambda splice: (splice[0].start, splice[0].end), reverse=True):
            cursor.setPosition(_units(text, span.start) if wide else span.start)
            cursor.setPosition(_units(text, span.end) if wide else span.end, QTextCursor.MoveMode.KeepAnchor)
            cursor.insertText(words)
        cursor.endEditBlock()
        self.refresh()
        return True

    # What Qt asks.

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() or self.sheet is None else len(self.sheet.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if not 0 <= section < len(self._columns):
                return None
            column = self._columns[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return self._context.language(column.say)
            return (column.attribute or column.key) if role == Qt.ItemDataRole.ToolTipRole else None
        found = self._worst.get(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{_MARKS[found[0].severity]} {section + 1}" if found else str(section + 1)
        if found and role == Qt.ItemDataRole.DecorationRole:
            return dot(getattr(self._context.theme.tokens, _TOKENS[found[0].severity]))
        if found and role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(_words(one, self._context) for one in found)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in _SHOWN or self.sheet is None or not index.isValid():
            return None
        row, column = self.sheet.rows[index.row()], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return columns.shown(row, column, self._context.language.tongue)
        if role in (Qt.ItemDataRole.EditRole, Qt.ItemDataRole.ToolTipRole):
            return columns.text(row, column)
        if column.key == "verdict" and role in (Qt.ItemDataRole.DecorationRole, Qt.ItemDataRole.ForegroundRole):
            said = columns.text(row, column)
            token = "clear" if said == "clear" else "masked"
            if not said:
                return None
            if role == Qt.ItemDataRole.ForegroundRole:
                return self._context.theme.color(token)
            return icon(token, getattr(self._context.theme.tokens, token))
        if role == Qt.ItemDataRole.ForegroundRole and column.key == "when":
            return self._context.theme.color("info")
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        found = super().flags(index)
        return found | Qt.ItemFlag.ItemIsEditable if self.may_edit and index.isValid() else found

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802 - Qt's name
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        return self.change({(index.row(), index.column()): str(value)})

    def _wide(self) -> list[ColumnOf]:
        return [] if self.sheet is None else columns.columns(self.sheet.rows, self._more, self._catalogue)

    def _rebuild(self) -> None:
        wide = self._wide()
        if [column.key for column in wide] == [column.key for column in self._columns]:
            self._columns = wide
            self._repaint()
        elif self.sheet is not None:
            self._replace(self.sheet, wide)

    def _replace(self, after: Sheet, wide: list[ColumnOf]) -> None:
        """Show other rows and columns: what is the same above and below them stays, and so what is chosen there."""
        before, more = self.sheet, 0
        top = None
        if before is not None and [one.key for one in wide] == [one.key for one in self._columns]:
            more = len(after.rows) - len(before.rows)
            top = _stretch(before, after)
        if top is None:
            self.beginResetModel()
            self.sheet, self._columns = after, wide
            self.endResetModel()
            return
        self._columns = wide
        if more > 0:
            self.beginInsertRows(QModelIndex(), top, top + more - 1)
            self.sheet = after
            self.endInsertRows()
        elif more < 0:
            self.beginRemoveRows(QModelIndex(), top, top - more - 1)
            self.sheet = after
            self.endRemoveRows()
        self.sheet = after
        self._repaint()

    def _freeze(self, why: Say | None) -> None:
        if why != self.frozen:
            self.frozen = why
            self.froze.emit(why)

    def _lines(self) -> list[int]:
        return [] if self.sheet is None else self.sheet.lines()

    def _sort_problems(self) -> None:
        self._worst = {}
        if not self._problems or self.sheet is None:
            return
        lines = self._lines()
        for problem in self._problems:
            row = bisect_right(lines, problem.line - 1) - 1
            if row >= 0:
                self._worst.setdefault(row, []).append(problem)
        order = list(WORDS)
        for found in self._worst.values():
            found.sort(key=lambda one: order.index(one.severity))

    def _repaint(self) -> None:
        if self.rowCount() and self._columns:
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, len(self._columns) - 1))
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._columns) - 1)
            self.headerDataChanged.emit(Qt.Orientation.Vertical, 0, self.rowCount() - 1)


def _stretch(before: Sheet, after: Sheet) -> int | None:
    """Return where one stretch of rows came or went; None when more has changed than that."""
    old = [row.rule.data for row in before.rows]
    new = [row.rule.data for row in after.rows]
    least, top, below = min(len(old), len(new)), 0, 0
    while top < least and old[top] == new[top]:
        top += 1
    while below < least - top and old[-1 - below] == new[-1 - below]:
        below += 1
    return top if top + below == least else None


def _units(text: str, points: int) -> int:
    """Return how many of Qt's UTF-16 units so many code points are."""
    return len(text[:points].encode("utf-16-le")) // 2


def _place(error: yaml.YAMLError) -> Say:
    mark = getattr(error, "problem_mark", None)
    return Say("", "") if mark is None else _NO_YAML.filled(line=mark.line + 1)


def _words(problem: Problem, context: Context) -> str:
    said = f"{context.language(WORDS[problem.severity])}: {context.language(problem.message)}"
    return f"{said}\n→ {context.language(problem.hint)}" if any(problem.hint) else said
