"""Tables of whole rows, as they look on every screen."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtWidgets import QTableView

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

_LEAST_WIDTH: Final = 40


def row_table(context: Context, model: QAbstractItemModel, name: Say, widths: Iterable[int]) -> QTableView:
    """Return a table in which one row is chosen at a time; the last column takes the room that is left."""
    made = QTableView(showGrid=False, wordWrap=False)
    made.setModel(model)
    made.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    made.setSelectionMode(QTableView.SelectionMode.SingleSelection)
    made.verticalHeader().hide()
    header = made.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    last = model.columnCount() - 1
    for section, width in enumerate(itertools.islice(widths, last)):
        made.setColumnWidth(section, width)
    # What it has when it begins to take the room that is left is the least it ever has: below that the table scrolls.
    header.setMinimumSectionSize(_LEAST_WIDTH)
    made.setColumnWidth(last, _LEAST_WIDTH)
    header.setStretchLastSection(True)
    context.language.bind(made, made.setAccessibleName, name)
    return made
