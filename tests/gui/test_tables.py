"""Tables of whole rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QApplication, QScrollBar
from pytestqt.qtbot import QtBot

from admin_gui.domain.say import Say
from admin_gui.i18n import Language
from admin_gui.theme import Theme
from admin_gui.widgets.context import Context
from admin_gui.widgets.tables import row_table


def test_the_last_column_takes_what_is_left_and_nothing_scrolls_for_it(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    context = Context(Language("zh", qapp), Theme("light", qapp), settings)
    table = row_table(context, QStandardItemModel(7, 3), Say("表", "table"), (200, 100, 150))
    qtbot.addWidget(table)
    table.show()
    header, bar = table.horizontalHeader(), table.horizontalScrollBar()
    for width, scrolls in ((700, False), (380, False), (320, True)):
        table.resize(width, 300)
        qtbot.waitUntil(partial(_is, bar, scrolls=scrolls))
        assert [header.sectionSize(section) for section in (0, 1)] == [200, 100]
        assert header.sectionSize(2) == max(table.viewport().width() - 300, header.minimumSectionSize())


def _is(bar: QScrollBar, *, scrolls: bool) -> bool:
    return (bar.maximum() > 0) is scrolls
