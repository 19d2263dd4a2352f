"""Tables of records as the policies' pages show them: rows to choose, columns as wide as they were left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableView

from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.widgets.context import Context


def record_table(
    context: Context, model: RecordModel[Any], columns: Sequence[Column[Any]], say: Say, key: str
) -> QTableView:
    """Return a table; `key` is where its columns' widths are remembered."""
    table = QTableView(showGrid=False, wordWrap=False)
    table.setModel(model)
    table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setHighlightSections(False)
    for section, column in enumerate(columns):
        table.setColumnWidth(section, column.width)
    if (state := context.settings.value(key)) is not None:
        header.restoreState(state)
    header.setStretchLastSection(True)
    header.sectionResized.connect(lambda *_: context.settings.setValue(key, header.saveState()))
    context.language.bind(table, table.setAccessibleName, say)
    return table
