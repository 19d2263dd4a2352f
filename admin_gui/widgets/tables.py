"""Tables of whole rows, as they look on every screen."""

from __future__ import annotations

import itertools
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
    # The last one's would be the least it has, and a window that is smaller would scroll.
    for section, width in enumerate(itertools.islice(widths, model.columnCount() - 1)):
        made.setColumnWidth(section, width)
    context.language.bind(made, made.setAccessibleName, name)
    return made
