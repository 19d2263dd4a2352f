"""Tables of records as the policies' pages show them: rows to choose, columns as wide as they were left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QTableView

from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.widgets.context import Context
from admin_gui.widgets.tables import row_table


def record_table(
    context: Context, model: RecordModel[Any], columns: Sequence[Column[Any]], say: Say, key: str
) -> QTableView:
    """Return a table; `key` is where its columns' widths are remembered."""
    table = row_table(context, model, say, (column.width for column in columns))
    table.setTabKeyNavigation(False)
    header = table.horizontalHeader()
    if (state := context.settings.value(key)) is not None:
        header.restoreState(state)
    header.setStretchLastSection(True)
    header.sectionResized.connect(lambda *_: context.settings.setValue(key, header.saveState()))
    return table
