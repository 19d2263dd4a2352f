"""A table whose first column stays where it is while the others are scrolled under it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QItemSelection, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyle, QStyleOptionViewItem, QTableView, QWidget

from admin_gui.widgets.context import Context

Index = QModelIndex | QPersistentModelIndex
_FIRST = 0
_GRIP = 4
_MOST = 0.6
_LEAST_WIDTH = 40


class FrozenTable(QTableView):
    """One view, not two over each other: selection, keys, editors and what is read aloud are those of any table.

    The model's first column is painted over those that were scrolled under it, and is found there by the mouse.
    """

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = context.theme
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        head = _FrozenHeader(self)
        self.setHorizontalHeader(head)
        head.sectionResized.connect(lambda *_: self._touch())
        self.horizontalScrollBar().valueChanged.connect(lambda _: head.viewport().update())

    @property
    def covered(self) -> int:
        """How many pixels on the left the first column covers of others; 0 while nothing is scrolled under it.

        One that would leave little room for others is scrolled as they are.
        """
        width = self.columnWidth(_FIRST)
        return width if self.horizontalHeader().offset() > 0 and width <= _MOST * self.viewport().width() else 0

    def indexAt(self, point: QPoint) -> QModelIndex:  # noqa: N802 - Qt's name
        """Return what is seen at a point."""
        if 0 <= point.x() < self.covered:
            row = self.rowAt(point.y())
            return self.model().index(row, _FIRST, self.rootIndex()) if row >= 0 else QModelIndex()
        return super().indexAt(point)

    def visualRect(self, index: Index) -> QRect:  # noqa: N802 - Qt's name
        """Return where a cell is seen."""
        found = super().visualRect(index)
        if index.column() == _FIRST and self.covered:
            found.moveLeft(0)
        return found

    def scrollTo(  # noqa: N802 - Qt's name
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Show a cell, and not under the first column."""
        bar = self.horizontalScrollBar()
        before = bar.value()
        super().scrollTo(index, hint)
        if index.column() == _FIRST:
            bar.setValue(before)
        elif self.covered:
            hidden = self.covered - super().visualRect(index).left()
            bar.setValue(bar.value() - max(hidden, 0))

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802 - Qt's name
        """Scroll; what was painted over the others does not go along."""
        super().scrollContentsBy(dx, dy)
        if dx:
            width = self.columnWidth(_FIRST) + abs(dx)
            self.viewport().update(0, 0, width, self.viewport().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the others, and over them the first column."""
        super().paintEvent(event)
        covered = self.covered
        if covered and self.model() is not None and event.rect().left() <= covered:
            self._paint_first(covered)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: N802 - Qt's name
        """Show what is chosen now."""
        super().selectionChanged(selected, deselected)
        self._touch()

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802 - Qt's name
        """Show which cell is the current one now."""
        super().currentChanged(current, previous)
        self._touch()

    def _touch(self) -> None:
        """Paint the first column again where it is over others: Qt believes it elsewhere."""
        if covered := self.covered:
            self.viewport().update(0, 0, covered, self.viewport().height())

    def _paint_first(self, covered: int) -> None:
        painter = QPainter(self.viewport())
        height, grid = self.viewport().height(), int(self.showGrid())
        painter.fillRect(0, 0, covered, height, self._theme.color("surface"))
        option: Any = QStyleOptionViewItem()
        self.initViewItemOption(option)
        usual = option.state & ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus)
        hint = self.style().styleHint(QStyle.StyleHint.SH_Table_GridLineColor, option, self)
        line, chosen, current = QColor.fromRgba(hint & 0xFFFFFFFF), self.selectionModel(), self.currentIndex()
        last = self.rowAt(height - 1)
        for row in range(max(self.rowAt(0), 0), (last if last >= 0 else self.model().rowCount() - 1) + 1):
            index = self.model().index(row, _FIRST, self.rootIndex())
            top, tall = self.rowViewportPosition(row), self.rowHeight(row)
            option.rect = QRect(0, top, covered - grid, tall - grid)
            option.state = usual
            if chosen.isSelected(index):
                option.state |= QStyle.StateFlag.State_Selected
            if index == current and self.hasFocus():
                option.state |= QStyle.StateFlag.State_HasFocus
            self.itemDelegateForIndex(index).paint(painter, option, index)
            if grid:
                painter.setPen(line)
                painter.drawLine(0, top + tall - 1, covered - 1, top + tall - 1)
        painter.setPen(self._theme.color("quiet"))
        painter.drawLine(covered - 1, 0, covered - 1, height)
        painter.end()


class _FrozenHeader(QHeaderView):
    """The head of the table: its first section stays as well, and can be made wider there."""

    def __init__(self, table: FrozenTable) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._table = table
        self._is_dragged = False
        self.setSectionsClickable(True)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the others, and over them the first section."""
        super().paintEvent(event)
        if covered := self._table.covered:
            painter = QPainter(self.viewport())
            painter.fillRect(0, 0, covered, self.height(), self.palette().window())
            self.paintSection(painter, QRect(0, 0, covered, self.height()), _FIRST)
            painter.setPen(self._table._theme.color("quiet"))
            painter.drawLine(covered - 1, 0, covered - 1, self.height())
            painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose the first column, or take hold of its edge."""
        if self._is_at_edge(event):
            self._is_dragged = True
        elif event.position().x() < self._table.covered:
            self._table.selectColumn(_FIRST)
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Make the first column wider."""
        if self._is_dragged:
            self.resizeSection(_FIRST, max(round(event.position().x()), _LEAST_WIDTH))
        elif self._is_at_edge(event):
            self.viewport().setCursor(Qt.CursorShape.SplitHCursor)
        elif event.position().x() < self._table.covered:
            self.viewport().unsetCursor()
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go of the edge."""
        if self._is_dragged:
            self._is_dragged = False
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Do nothing to what lies under the first section."""
        if event.position().x() >= self._table.covered:
            super().mouseDoubleClickEvent(event)

    def _is_at_edge(self, event: QMouseEvent) -> bool:
        covered = self._table.covered
        return covered > 0 and abs(event.position().x() - covered) <= _GRIP
