"""The decision table scrolled sideways: the ids of the rules stay, and are what one clicks and types on."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from admin_gui.views.policies.grid import Grid
from admin_gui.views.policies.table import TableView
from admin_gui.widgets.cell_editor import CellEditor
from admin_gui.widgets.context import Context

RULES = 300
TEXT = "kind: Policy\nid: big\ntitle: {zh: 大, en: big}\nrules:\n" + "".join(
    f"  - id: rule-{number}\n    title: {{zh: 规则, en: rule}}\n    fields: [mobile]\n    mask: full\n"
    f'    when: [subject.level >= {number % 9}, context.menu == "{number}", resource.branch == "B{number % 50}"]\n'
    for number in range(RULES)
)


@pytest.fixture
def view(qtbot: QtBot, context: Context) -> TableView:
    made = TableView(context)
    qtbot.addWidget(made)
    made.resize(760, 420)
    # The document is kept by the view's text cursor alone otherwise.
    document = QTextDocument(TEXT, made)
    made.show_document(document, read_only=False)
    made.show()
    with qtbot.waitExposed(made):
        pass
    return made


@pytest.fixture
def grid(view: TableView) -> Grid:
    return view.grid


def scrolled(grid: Grid) -> None:
    bar = grid.horizontalScrollBar()
    bar.setValue(bar.maximum() // 2)
    assert grid.covered == grid.columnWidth(0)


def strip(grid: Grid) -> list[int]:
    """Return the pixels of the first column, without its right edge."""
    image = grid.viewport().grab().toImage()
    return [image.pixel(x, y) for x in range(2, grid.columnWidth(0) - 6, 3) for y in range(1, 200, 3)]


def middle(grid: Grid, row: int) -> QPoint:
    return QPoint(grid.columnWidth(0) // 2, grid.rowViewportPosition(row) + 5)


def test_the_ids_stay_in_sight(grid: Grid, context: Context) -> None:
    for shade in ("light", "dark"):
        context.theme.choose(shade)
        grid.horizontalScrollBar().setValue(0)
        assert grid.covered == 0
        grid.choose_rows([2])
        before = strip(grid)
        grid.horizontalScrollBar().setValue(137)
        assert strip(grid) == before
        grid.choose_rows([4])
        assert strip(grid) != before
    grid.verticalScrollBar().setValue(120)
    assert grid.indexAt(middle(grid, 122)).data() == "rule-122"


def test_the_mouse_finds_what_is_seen(grid: Grid) -> None:
    scrolled(grid)
    at = middle(grid, 3)
    under = grid.columnAt(at.x())
    assert under > 0
    assert grid.indexAt(at).data() == "rule-3"
    assert not grid.indexAt(QPoint(5, 10_000)).isValid()
    assert grid.visualRect(grid.indexAt(at)).contains(at)
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert (grid.currentIndex().row(), grid.currentIndex().column()) == (3, 0)
    value = grid.horizontalScrollBar().value()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, middle(grid, 6))
    assert grid.rows() == [3, 4, 5, 6]
    assert grid.horizontalScrollBar().value() == value
    assert {index.column() for index in grid.selectionModel().selectedIndexes()} == {0}


def test_an_id_is_typed_where_it_is_seen(grid: Grid) -> None:
    scrolled(grid)
    value = grid.horizontalScrollBar().value()
    grid.setCurrentIndex(grid.model().index(1, 0))
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_F2)
    editor = grid.findChild(CellEditor)
    assert isinstance(editor, CellEditor)
    assert editor.geometry().left() == 0
    assert grid.horizontalScrollBar().value() == value
    editor.setText("another")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert grid.model().index(1, 0).data() == "another"


def test_keys_never_lead_under_the_ids(grid: Grid) -> None:
    bar = grid.horizontalScrollBar()
    bar.setValue(bar.maximum())
    last = max(place for place in range(grid.model().columnCount()) if not grid.isColumnHidden(place))
    grid.setCurrentIndex(grid.model().index(0, last))
    seen = []
    while grid.currentIndex().column() > 0:
        left = grid.visualRect(grid.currentIndex()).left()
        assert left >= grid.covered
        seen.append(grid.currentIndex().column())
        QTest.keyClick(grid, Qt.Key.Key_Left)
    assert seen == sorted(seen, reverse=True)
    assert len(seen) > 5
    assert bar.value() == 0


def test_a_column_as_wide_as_the_table_hides_no_other(grid: Grid) -> None:
    grid.setColumnWidth(0, grid.viewport().width() + 50)
    grid.updateGeometries()
    bar = grid.horizontalScrollBar()
    bar.setValue(bar.maximum())
    assert grid.covered == 0
    assert grid.indexAt(QPoint(30, grid.rowViewportPosition(0) + 5)).column() > 0
    last = max(place for place in range(grid.model().columnCount()) if not grid.isColumnHidden(place))
    grid.setCurrentIndex(grid.model().index(0, last))
    assert grid.viewport().rect().intersects(grid.visualRect(grid.currentIndex()))


def test_the_head_stays_and_can_be_made_wider(grid: Grid) -> None:
    scrolled(grid)
    head, width = grid.horizontalHeader(), grid.columnWidth(0)
    others = [grid.columnWidth(place) for place in range(1, grid.model().columnCount())]
    edge = QPoint(width, 6)
    QTest.mousePress(head.viewport(), Qt.MouseButton.LeftButton, pos=edge)
    QTest.mouseMove(head.viewport(), edge + QPoint(40, 0))
    QTest.mouseRelease(head.viewport(), Qt.MouseButton.LeftButton, pos=edge + QPoint(40, 0))
    assert grid.columnWidth(0) == width + 40
    assert [grid.columnWidth(place) for place in range(1, grid.model().columnCount())] == others
    QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, 6))
    assert {index.column() for index in grid.selectionModel().selectedIndexes()} == {0}
    assert len(grid.rows()) == RULES
