"""The decision table, the sentences and the analysis on the sample bank, against a real service."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from PySide6.QtCore import QElapsedTimer, QEventLoop, QSettings, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain import exchange
from admin_gui.domain.catalogue import EMPTY
from admin_gui.domain.policy_text import columns, sheet
from admin_gui.domain.say import plain
from admin_gui.domain.scenario import Scenario
from admin_gui.domain.workspace import open_folder
from admin_gui.i18n import Language
from admin_gui.models.policy_table import PolicyTableModel
from admin_gui.services.connection import Endpoint
from admin_gui.theme import Theme
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.policies.views import PolicyViews
from admin_gui.views.window import Window
from admin_gui.widgets.cell_editor import CellEditor
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import decision_service_pb2
from tests.gui.conftest import POLICIES
from tests.gui.test_policy_sheet import CELLS
from tests.gui.test_policy_text import FLOW, NO_BREAK, TEXT, rules
from tests.strategies import PROPERTY, examples, sources

PATIENCE = 60_000
COUNTER = "policies/core-counter.yaml"


def wait(condition: Callable[[], bool]) -> None:
    """Wait for something that the window does, as `qtbot` does for one test alone."""
    timer = QElapsedTimer()
    timer.start()
    while not condition():
        assert timer.elapsed() < PATIENCE
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)


@pytest.fixture(scope="module")
def opened(qapp: QApplication, bank: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A window on a copy of the sample bank, for all tests: to check it whole takes seconds."""
    folder = tmp_path_factory.mktemp("table")
    settings = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    window = Window(Context(Language("zh", qapp), Theme("light", qapp), settings), None)
    window.show()
    window._workspace = open_folder(Path(shutil.copytree(POLICIES, folder / "policies")))
    window.connect_to(Endpoint(bank), plain("bank"))
    wait(lambda: any(shown.key == "policies" for shown in window._screens))
    window.go("policies")
    screen = window.shown_as("policies")
    assert isinstance(screen, PoliciesScreen)
    wait(lambda: screen.workbench.found.counted.text() == "没有问题")
    screen.workbench.open_file(COUNTER)
    screen.workbench.views.tabs.setCurrentIndex(1)
    wait(lambda: screen.workbench.views.table.model.attributes.is_known)
    yield window
    screen.workbench._pause.stop()
    window._workspace = None
    window.close()
    window.deleteLater()


@pytest.fixture
def screen(opened: Window) -> Iterator[PoliciesScreen]:
    opened.go("policies")
    found = opened.shown_as("policies")
    assert isinstance(found, PoliciesScreen)
    found.workbench.views.tabs.setCurrentIndex(1)
    yield found
    assert found.workspace is not None
    kept = found.workspace.kept[COUNTER]
    if found.workbench.editor.toPlainText() != kept:
        found.workbench.editor.setPlainText(kept)
    found.workbench.views.table.banner.clear()
    assert found.workspace.changed == []


@pytest.fixture
def views(screen: PoliciesScreen) -> PolicyViews:
    screen.workbench.views.table.model.refresh()
    return screen.workbench.views


def at(model: PolicyTableModel, key: str) -> int:
    return [column.key for column in model.columns].index(key)


def test_a_rule_is_changed_wrongly_and_mended(
    qtbot: QtBot, screen: PoliciesScreen, views: PolicyViews, qtmodeltester: ModelTester
) -> None:
    model, before = views.table.model, views.editor.toPlainText()
    menu, fields = at(model, "when:context.menu"), at(model, "fields")
    assert model.index(0, menu).data() == "1201 账户余额查询"
    assert model.index(0, at(model, "verdict")).data() == "按万元取整"
    assert not model.setData(model.index(0, menu), "9999")
    assert "菜单" in views.table.banner._text.text()
    assert views.editor.toPlainText() == before

    assert model.setData(model.index(0, menu), "1101 客户信息查询, 1201")
    assert views.editor.toPlainText() == before.replace(
        'when: context.menu == "1201"\n    fields: [balance',
        'when: \'context.menu in ["1101", "1201"]\'\n    fields: [balance',
        1,
    )
    qtmodeltester.check(model)  # type: ignore[no-untyped-call]
    cel = at(model, "when")
    assert model.setData(model.index(0, cel), "subject.rank > 3")
    qtbot.waitUntil(lambda: bool(model.problems_of(0)), timeout=PATIENCE)
    assert model.headerData(0, Qt.Orientation.Vertical) == "✕ 1"
    assert not model.problems_of(1)
    screen.workbench.next_problem()
    assert views.table.grid.rows() == [0]
    # What compares an attribute with a constant has moved into a column of its own.
    assert model.setData(model.index(0, at(model, "when:subject.rank")), "")
    qtbot.waitUntil(lambda: not model.problems_of(0), timeout=PATIENCE)
    assert not model.setData(model.index(0, fields), "mobile, nothing")
    for _ in range(3):
        views.table.undo()
    assert views.editor.toPlainText() == before


def test_typing_refreshes_the_table_and_errors_freeze_it(qtbot: QtBot, views: PolicyViews) -> None:
    model, editor = views.table.model, views.editor
    count = model.rowCount()
    cursor = editor.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.insertText("\n  - {id: typed, fields: [name], mask: full}\n")
    qtbot.waitUntil(lambda: model.rowCount() == count + 1, timeout=PATIENCE)
    assert model.index(count, 0).data() == "typed"
    cursor.insertText('  - id: "open')
    qtbot.waitUntil(lambda: model.frozen is not None, timeout=PATIENCE)
    assert model.rowCount() == count + 1
    assert not model.may_edit
    assert not model.flags(model.index(0, 0)) & Qt.ItemFlag.ItemIsEditable
    assert views.table.banner.isVisibleTo(views.table)
    editor.undo()
    qtbot.waitUntil(lambda: model.frozen is None, timeout=PATIENCE)
    assert model.may_edit


def test_keys_move_as_in_a_spreadsheet(qtbot: QtBot, views: PolicyViews) -> None:
    grid, model = views.table.grid, views.table.model
    place = at(model, "priority")
    grid.setCurrentIndex(model.index(0, place))
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_7)
    editor = QApplication.focusWidget()
    editor = editor if isinstance(editor, CellEditor) else grid.findChild(CellEditor)
    assert isinstance(editor, CellEditor)
    editor.setText("5000")
    assert editor.is_wrong
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert grid.findChild(CellEditor) is editor
    editor.setText("7")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert model.index(0, place).data() == "7"
    assert (grid.currentIndex().row(), grid.currentIndex().column()) == (1, place)
    QTest.keyClick(grid, Qt.Key.Key_Tab)
    assert (grid.currentIndex().row(), grid.currentIndex().column()) == (1, place + 1)
    grid.edit(model.index(1, at(model, "fields")))
    editor = next(found for found in grid.findChildren(CellEditor) if found.popup is not None)
    values = [value for value, _ in editor.offer.values]
    editor.choose(values.index("mobile"))
    assert columns.split(editor.text(), ",") == ["balance", "available_balance", "mobile"]
    editor.choose(values.index("balance"))
    QTest.keyClick(editor, Qt.Key.Key_Tab)
    assert model.index(1, at(model, "fields")).data(Qt.ItemDataRole.EditRole) == "available_balance, mobile"


def test_rows_come_go_move_and_are_pasted(qtbot: QtBot, views: PolicyViews) -> None:
    view, grid, model = views.table, views.table.grid, views.table.model
    before, count = views.editor.toPlainText(), model.rowCount()
    grid.choose_rows([1, 2])
    grid.copy()
    copied = QGuiApplication.clipboard().text()
    assert [line.split("\t")[0] for line in copied.splitlines()] == ["large-balance-band", "senior-id-ends"]
    view.duplicate()
    assert model.rowCount() == count + 2
    assert model.sheet is not None
    assert model.sheet.ids[1:5] == ["large-balance-band", "large-balance-band-2", "senior-id-ends", "senior-id-ends-2"]
    view.shift(1)
    view.delete()
    assert grid.paste_rows()
    assert len(grid.rows()) == 2
    QGuiApplication.clipboard().setText("some\tname\tnowhere")
    grid.setCurrentIndex(model.index(0, 0))
    assert not grid.paste()
    assert "菜单" in view.banner._text.text()
    view.add()
    assert model.sheet.ids.count("new-rule") == 1
    grid.setCurrentIndex(model.index(model.rowCount() - 1, 0))
    QGuiApplication.clipboard().setText("last\t最后\nbehind\t其后")
    grid.paste()
    assert model.sheet.ids[-2:] == ["last", "behind"]
    for _ in range(10):
        view.undo()
    assert views.editor.toPlainText() == before


def test_a_workbook_goes_out_and_comes_in_as_a_diff(views: PolicyViews, tmp_path: Path) -> None:
    view, model, path = views.table, views.table.model, tmp_path / "counter.xlsx"
    before = views.editor.toPlainText()
    view.write_book(path)
    view.read_book(path)
    assert view.takeover is not None
    assert not view.takeover.take.isEnabled()
    view.takeover.reject()
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    keys = [cell.value for cell in page[1]]
    page.cell(3, keys.index("priority") + 1).value = 3
    page.cell(4, keys.index("verdict") + 1).value = "nonsense"
    page.delete_rows(page.max_row)
    book.save(path)
    view.read_book(path)
    assert "第 4 行“结果”" in view.banner._text.text()
    page.cell(4, keys.index("verdict") + 1).value = "clear"
    book.save(path)
    view.read_book(path)
    assert "+    priority: 3" in view.takeover.text.toPlainText()
    assert views.editor.toPlainText() == before
    count = model.rowCount()
    view.takeover.accept()
    assert model.rowCount() == count - 1
    assert model.index(0, at(model, "priority")).data() == "3"
    view.undo()
    assert views.editor.toPlainText() == before
    (tmp_path / "no.xlsx").write_text("no book")
    view.read_book(tmp_path / "no.xlsx")
    assert "工作簿" in view.banner._text.text()


def test_sentences_are_found_and_lead_to_rules(qtbot: QtBot, views: PolicyViews, qtmodeltester: ModelTester) -> None:
    views.tabs.setCurrentIndex(2)
    shown = views.sentences
    qtbot.waitUntil(lambda: shown.model.rowCount() == views.table.model.rowCount(), timeout=PATIENCE)
    qtmodeltester.check(shown.model)  # type: ignore[no-untyped-call]
    shown.filter.setText("senior 证件号首尾")
    qtbot.waitUntil(lambda: shown.model.rowCount() == 1, timeout=PATIENCE)
    assert "身份证号显示前 6 后 3" in shown.model.index(0, 0).data()
    shown._go(shown.model.index(0, 0))
    assert views.tabs.currentIndex() == 1
    assert views.table.grid.rows() == [2]
    shown.filter.clear()
    shown.grouping.setCurrentIndex(1)
    assert not shown.model.flags(shown.model.index(0, 0)) & Qt.ItemFlag.ItemIsSelectable
    assert shown.model.rowCount() > views.table.model.rowCount()


def test_a_conflict_is_found_with_a_request_that_shows_it(
    qtbot: QtBot, opened: Window, screen: PoliciesScreen, views: PolicyViews, qtmodeltester: ModelTester
) -> None:
    model = views.table.model
    model.add(0, ['id: against\nwhen: context.menu == "1201"\nfields: [balance]\nmask: hidden\npriority: 0\n'])
    views.tabs.setCurrentIndex(3)
    analysis = views.analysis
    given_away: list[object] = []
    analysis.run()
    assert analysis.is_running
    analysis.stop()
    assert not analysis.is_running
    analysis.run()
    qtbot.waitUntil(lambda: not analysis.is_running, timeout=PATIENCE)
    qtmodeltester.check(analysis.model)
    found = [analysis.model.record(row) for row in range(analysis.model.rowCount())]
    conflict = next(one for one in found if one.kind == "conflicting-rules")
    assert set(conflict.rules) == {"core-counter/against", "core-counter/balance-rounded"}
    views.scenario_chosen.connect(given_away.append)
    analysis.table.setCurrentIndex(analysis.model.index(found.index(conflict), 0))
    analysis.open_scenario()
    [scenario] = given_away
    assert isinstance(scenario, Scenario)
    request = decision_service_pb2.DecideRequest.FromString(scenario.request)
    assert request.context["menu"].string_value == "1201"
    assert list(request.fields) == ["balance"]
    opened.go("policies")
    analysis.open_place()
    assert views.table.grid.rows() == [1]


def test_who_may_not_edit_sees_no_commands(views: PolicyViews) -> None:
    views.editor.setReadOnly(True)
    assert not views.table.model.may_edit
    assert not any(widget.isVisibleTo(views.table) for widget in views.table._edits)
    views.editor.setReadOnly(False)
    assert views.table.model.may_edit


@settings(PROPERTY, max_examples=examples(20), suppress_health_check=list(HealthCheck))
@given(sources())
def test_edits_of_the_model_are_edits_of_the_text(context: Context, random: Random) -> None:
    text = random.choice([TEXT, TEXT, FLOW, NO_BREAK, TEXT.replace("编号", "𠮷编号")])
    document = QTextDocument(text)
    document.clearUndoRedoStacks()
    model = PolicyTableModel(context)
    model.show_document(document)
    steps = 0
    for _ in range(random.randint(1, 6)):
        count, before, said = model.rowCount(), document.toPlainText(), rules(document.toPlainText())
        row = random.randrange(count) if count else 0
        kind = random.choice(("cell", "cell", "add", "delete", "duplicate", "move"))
        if kind == "cell" and count:
            key = random.choice([column.key for column in model.columns if column.key in CELLS])
            if model.change({(row, at(model, key)): random.choice(CELLS[key])}):
                assert [one for place, one in enumerate(rules(document.toPlainText())) if place != row] == [
                    one for place, one in enumerate(said) if place != row
                ]
        elif kind == "add":
            model.add(row, ["id: more\nfields: [a]\nmask: full\n"])
            assert rules(document.toPlainText())[row] == {"id": "more", "fields": ["a"], "mask": "full"}
        elif kind == "delete" and count > 1:
            model.remove([row])
            assert rules(document.toPlainText()) == said[:row] + said[row + 1 :]
        elif kind == "duplicate" and count:
            model.duplicate([row])
            assert {**rules(document.toPlainText())[row + 1], "id": ""} == {**said[row], "id": ""}
        elif kind == "move" and row + 1 < count:
            model.move([row], 1)
            assert rules(document.toPlainText())[row : row + 2] == [said[row + 1], said[row]]
        assert model.sheet is not None
        assert model.sheet.text == document.toPlainText()
        assert model.sheet.ids == sheet.read(document.toPlainText()).ids
        steps += document.toPlainText() != before
    for _ in range(steps):
        document.undo()
        model.refresh()
    assert document.toPlainText() == text
    assert not document.isUndoAvailable()


def test_wrong_cells_are_named_all() -> None:
    found = sheet.read(TEXT)
    wide = columns.columns(found.rows, (), EMPTY)
    lines = [["id", "priority", "title.zh", "colour"], ["one", "x", "", ""], ["", "1", "", ""], ["one", "2", "", ""]]
    with pytest.raises(exchange.ExchangeError) as error:
        exchange.taken_over(found, wide, lines)
    assert len(error.value.wrong) == 3
    with pytest.raises(exchange.ExchangeError) as error:
        exchange.taken_over(found, wide, [line[:3] for line in lines[:2]])
    assert [(one.line, one.column.en) for one in error.value.wrong] == [(3, "priority")]
