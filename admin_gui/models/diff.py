"""The lines of a difference as a table, one below the other or side by side. A mark tells what a colour tells."""

# ruff: noqa: D102 - Qt tells what its methods do

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from admin_gui.domain.changes import Mark, diff_lines, side_by_side
from admin_gui.domain.say import Say
from admin_gui.theme.style import code_font
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import control_pb2

Index = QModelIndex | QPersistentModelIndex
_UNIFIED: Final = (Say("", ""), Say("旧行", "Old"), Say("新行", "New"), Say("文本", "Text"))
_BESIDE: Final = (
    Say("旧行", "Old"), Say("", ""), Say("之前", "Before"), Say("新行", "New"), Say("", ""), Say("之后", "After"),
)  # fmt: skip
_FILE: Final = Say("{path}（+{added} −{removed}）", "{path} (+{added} −{removed})")
_SIGNS: Final[dict[str, str]] = {"+": "+", "-": "−", " ": "", "@": "⋯"}
_SOFT: Final = {"+": "masked_soft", "-": "danger_soft"}


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row as it is shown: its texts by column, the marks that colour them, and whether it names a file."""

    texts: tuple[str, ...]
    marks: tuple[Mark, ...]
    title: Say | None = None


class DiffModel(QAbstractTableModel):
    """Shows how files differ."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._changes = control_pb2.Changes()
        self._rows: list[_Cells] = []
        self.beside = False
        context.language.changed.connect(self._build)
        context.theme.changed.connect(self._build)

    def show(self, changes: control_pb2.Changes) -> None:
        """Show the lines of these."""
        self._changes = changes
        self._build()

    def lay_out(self, *, beside: bool) -> None:
        """Put the sides beside each other, or one below the other."""
        if beside != self.beside:
            self.beside = beside
            self._build()

    @property
    def text_columns(self) -> tuple[int, ...]:
        """The columns that hold lines."""
        return (2, 5) if self.beside else (3,)

    def is_title(self, row: int) -> bool:
        """Whether a row names a file."""
        return self._rows[row].title is not None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._heads)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._context.language(self._heads[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self._rows[index.row()], index.column()
        theme = self._context.theme
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole if row.title is not None:
                return self._context.language(row.title) if column == 0 else ""
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return row.texts[column]
            case Qt.ItemDataRole.AccessibleTextRole if row.title is None:
                return " ".join(text for text in row.texts if text)
            case Qt.ItemDataRole.BackgroundRole if row.title is not None:
                return theme.color("info_soft")
            case Qt.ItemDataRole.BackgroundRole if (soft := _SOFT.get(row.marks[column])) is not None:
                return theme.color(soft)
            case Qt.ItemDataRole.ForegroundRole if column not in self.text_columns and row.title is None:
                return theme.color("quiet")
            case Qt.ItemDataRole.FontRole:
                font = code_font()
                font.setBold(row.title is not None)
                return font
            case Qt.ItemDataRole.TextAlignmentRole if row.title is None and column not in self.text_columns:
                return (Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value
        return None

    @property
    def _heads(self) -> tuple[Say, ...]:
        return _BESIDE if self.beside else _UNIFIED

    def _build(self) -> None:
        self.beginResetModel()
        self._rows = []
        for file in self._changes.files:
            title = _FILE.filled(path=file.path, added=file.added, removed=file.removed)
            self._rows.append(_Cells((), (), title))
            lines = list(diff_lines(file.diff))
            if self.beside:
                for row in side_by_side(lines):
                    old, new = ("-", "+") if row.mark == "~" else (row.mark, row.mark)
                    left: Mark = " " if old == "+" else old  # type: ignore[assignment]
                    right: Mark = " " if new == "-" else new  # type: ignore[assignment]
                    gap = row.mark == "@"
                    texts = (
                        _number(row.before), _SIGNS[left], "" if gap else row.left, _number(row.after), _SIGNS[right],
                        row.right,
                    )  # fmt: skip
                    self._rows.append(_Cells(texts, (left, left, left, right, right, right)))
            else:
                for line in lines:
                    cells = (_SIGNS[line.mark], _number(line.before), _number(line.after), line.text)
                    self._rows.append(_Cells(cells, (line.mark,) * 4))
        self.endResetModel()


def _number(line: int) -> str:
    return str(line) if line else ""
