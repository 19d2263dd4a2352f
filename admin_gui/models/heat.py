"""A bar in a cell: how warm a number is beside the others."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from admin_gui.widgets.context import Context

HEAT: Final = Qt.ItemDataRole.UserRole + 7
"""The role of a number from 0 to 1."""
_HEIGHT, _MARGIN, _TEXT = 10, 8, 44


class HeatBar(QStyledItemDelegate):
    """Paints the number, and a bar as long as the number is warm; colour is not all there is to see."""

    def __init__(self, context: Context, parent: Any = None) -> None:
        super().__init__(parent)
        self._context = context

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint the cell."""
        super().paint(painter, option, index)
        heat = index.data(HEAT)
        if heat is None:
            return
        space: QRect = option.rect.adjusted(_TEXT, 0, -_MARGIN, 0)  # type: ignore[attr-defined]
        width = round(space.width() * float(heat))
        if width <= 0:
            return
        bar = QRect(space.left(), space.center().y() - _HEIGHT // 2, max(width, 3), _HEIGHT)
        painter.fillRect(bar, self._context.theme.color("accent"))
