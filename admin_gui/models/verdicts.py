"""The verdicts of a simulated decision as a table."""

# ruff: noqa: D102 - Qt tells what its methods do

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from admin_gui.domain.say import Say
from admin_gui.domain.verdicts import Line
from admin_gui.theme.icons import icon
from admin_gui.widgets.context import Context

_HEADS: Final = (
    Say("字段", "Field"), Say("级别", "Level"), Say("结果", "Verdict"), Say("原值（示例）", "Raw (sample)"),
    Say("展示为", "Shown as"), Say("原因", "Why"),
)  # fmt: skip
_CLEAR, _MASKED = Say("明", "clear"), Say("脱", "masked")
SHOWN: Final = 4
Index = QModelIndex | QPersistentModelIndex


class VerdictModel(QAbstractTableModel):
    """One row a field."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._lines: Sequence[Line] = ()
        context.language.changed.connect(self._repaint)
        context.theme.changed.connect(self._repaint)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these."""
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def line(self, row: int) -> Line:
        """Return the line of a row."""
        return self._lines[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(_HEADS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._context.language(_HEADS[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self._lines[index.row()], index.column()
        tokens = self._context.theme.tokens
        color = tokens.clear if line.unmasked else tokens.masked
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._texts(line)[column]
            case Qt.ItemDataRole.DecorationRole if column == 2:
                return icon("clear" if line.unmasked else "masked", color, tokens.on_accent)
            case Qt.ItemDataRole.ForegroundRole if column in (2, SHOWN):
                return self._context.theme.color("clear" if line.unmasked else "masked")
            case Qt.ItemDataRole.ForegroundRole if column == 3:
                return self._context.theme.color("quiet")
            case Qt.ItemDataRole.BackgroundRole if line.differs:
                return self._context.theme.color("warning_soft")
            case Qt.ItemDataRole.FontRole if column == SHOWN:
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.ToolTipRole:
                return self._context.language(line.sentence) or line.rule or line.field
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(self._texts(line))
        return None

    def _texts(self, line: Line) -> list[str]:
        say = self._context.language
        shown = say(line.preview)
        if line.differs and line.beside is not None:
            shown = f"{say(line.beside.preview)} → {shown}"
        verdict = say(_CLEAR if line.unmasked else _MASKED)
        return [say(line.label), line.level, verdict, line.sample, shown, say(line.reason)]

    def _repaint(self) -> None:
        if self._lines:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._lines) - 1, len(_HEADS) - 1))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(_HEADS) - 1)
