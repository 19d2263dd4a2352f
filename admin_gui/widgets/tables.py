"""Tables of whole rows, as they look on every screen."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtWidgets import QTableView

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context


def row_table(context: Context, model: QAbstractItemModel, name: Say, widths: Iterable[int]) -> QTableView:
    """Return a table in which one row is chosen at a time; the last column takes the room that is left."""
    made = QTableView(showGrid=False, wordWrap=False)
    made.setModel(model)
    made.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    made.setSelectionMode(QTableView.SelectionMode.SingleSelection)
    made.verticalHeader().hide()
    header = made.horizontalHeader()
    header.setStretchLastSection(True)
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for section, width in enumerate(widths):
        made.setColumnWidth(section, width)
    context.language.bind(made, made.setAccessibleName, name)
    return made
