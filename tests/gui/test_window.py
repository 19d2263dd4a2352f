"""The window against a real service of its own: from the first screen to a masked field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QListView, QTableView
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.actions.palette import Palette
from admin_gui.domain.rights import EVERYTHING
from admin_gui.domain.say import plain
from admin_gui.domain.verdicts import Line
from admin_gui.models.verdicts import VerdictModel
from admin_gui.services.connection import Endpoint
from admin_gui.views.accounts import AccountsScreen
from admin_gui.views.accounts.caller_form import CallerForm
from admin_gui.views.accounts.part import Once
from admin_gui.views.cluster import ClusterScreen
from admin_gui.views.simulator import SimulatorScreen
from admin_gui.views.window import Window
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.context import Context

PATIENCE = 60_000


def simulator(window: Window) -> SimulatorScreen:
    found = window.shown_as("simulator")
    assert isinstance(found, SimulatorScreen)
    return found


def shown(model: VerdictModel) -> dict[str, tuple[str, str]]:
    """Return verdict and preview by field."""
    rows = range(model.rowCount())
    return {model.line(row).field: (model.index(row, 2).data(), model.index(row, 4).data()) for row in rows}


@pytest.fixture
def opened(qtbot: QtBot, window: Window, bank: str) -> Window:
    window.connect_to(Endpoint(bank), plain("bank"))
    qtbot.waitUntil(lambda: _decided(window), timeout=PATIENCE)
    return window


def _decided(window: Window) -> bool:
    screens = window.stack.findChildren(SimulatorScreen)
    return bool(screens) and screens[0].verdicts.rowCount() > 0


def test_no_part_of_a_screen_stands_alone(opened: Window) -> None:
    # What has no parent outlives its screen, and each new connection makes screens anew.
    assert opened.isVisible()
    alone = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QLineEdit | QAbstractButton)]
    assert alone == []


def test_from_the_sample_bank_to_a_masked_field(
    qtbot: QtBot, opened: Window, context: Context, qtmodeltester: ModelTester
) -> None:
    screen = simulator(opened)
    screen.choose("core-counter-roles/teller-enquiry")
    qtbot.waitUntil(lambda: shown(screen.verdicts).get("mobile") == ("脱", "138****8000"), timeout=PATIENCE)
    assert shown(screen.verdicts)["customer_no"][0] == "明"
    context.language.choose("en")
    assert shown(screen.verdicts)["mobile"] == ("masked", "138****8000")
    assert screen.verdicts.headerData(4, Qt.Orientation.Horizontal) == "Shown as"

    # Another menu shows more of the same customer.
    boxes = {name: box.currentText() for name, box in screen.form._boxes.items()}
    assert boxes["context.menu"].startswith("1101")
    screen.form._boxes["context.menu"].setEditText("1201")
    qtbot.waitUntil(lambda: shown(screen.verdicts)["balance"] == ("clear", "86000.00"), timeout=PATIENCE)
    qtmodeltester.check(screen.verdicts)

    # Why, down to the clause, in both languages.
    row = next(row for row in range(screen.verdicts.rowCount()) if screen.verdicts.line(row).field == "balance")
    screen.result.table.setCurrentIndex(screen.verdicts.index(row, 0))
    tree = screen._explain._model
    assert "core-counter/small-balance" in tree.item(0, 0).text()
    assert tree.item(0, 0).rowCount() > 0
    assert opened.windowTitle() == "Jingxi"


def test_what_is_no_value_is_marked_and_left_out(qtbot: QtBot, opened: Window) -> None:
    screen = simulator(opened)
    screen.choose("core-counter-roles/teller-enquiry")
    box = screen.form._boxes["resource.balance"]
    box.setEditText("much")
    qtbot.waitUntil(lambda: box.lineEdit().property("wrong") == "true", timeout=PATIENCE)
    assert "resource.balance" not in screen.form.values()
    box.setEditText("5")
    qtbot.waitUntil(lambda: box.lineEdit().property("wrong") == "false", timeout=PATIENCE)
    assert screen.form.values()["resource.balance"] == 5.0


def test_scenarios_are_found_by_their_titles(opened: Window) -> None:
    screen = simulator(opened)
    everything = screen.library.shown.rowCount()
    screen.library.shown.setFilterFixedString("大堂经理")
    assert 0 < screen.library.shown.rowCount() < everything


def test_the_service_dies_and_the_window_says_so(qtbot: QtBot, window: Window) -> None:
    qtbot.mouseClick(window.start.sample, Qt.MouseButton.LeftButton)
    assert not window.start.sample.isEnabled()
    qtbot.waitUntil(lambda: _decided(window), timeout=PATIENCE)
    assert window._service is not None
    window._service._process.kill()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.start, timeout=PATIENCE)
    assert window.start.banner.isVisible()
    assert window.start.sample.isEnabled()


def test_a_folder_without_policies(qtbot: QtBot, window: Window, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("kind: Nothing\n")
    window.open_folder(tmp_path)
    qtbot.waitUntil(window.start.banner.isVisible, timeout=PATIENCE)
    assert "wrong.yaml:1" in window.start.banner._details
    assert window.start.sample.isEnabled()


def test_the_palette_does_what_is_typed(qtbot: QtBot, window: Window, context: Context) -> None:
    window._palette()
    [palette] = window.findChildren(Palette)
    palette._line.setText("英文")
    qtbot.keyClick(palette._line, Qt.Key.Key_Return)
    assert context.language.tongue == "en"
    assert window.windowTitle() == "Jingxi"


def test_every_widget_to_use_has_a_name(opened: Window, context: Context) -> None:
    for tongue in ("zh", "en"):
        context.language.choose(tongue)  # type: ignore[arg-type]
        nameless = [
            widget
            for kind in (QLineEdit, QComboBox, QTableView, QListView)
            for widget in opened.findChildren(kind)
            if widget.isVisible()
            and not (widget.accessibleName() or widget.objectName().startswith("qt_") or widget.inherits("QHeaderView"))
        ]
        assert [widget for widget in nameless if not _inside_combo(widget)] == []


def _inside_combo(widget: object) -> bool:
    parent = widget.parent()  # type: ignore[attr-defined]
    return parent is not None and (parent.inherits("QComboBox") or parent.inherits("QComboBoxPrivateContainer"))


def test_a_verdict_that_differs_shows_both(context: Context, qtmodeltester: ModelTester) -> None:
    def line(preview: str, beside: Line | None = None) -> Line:
        name = plain("mobile")
        return Line("mobile", name, "C2", False, "13800138000", plain(preview), name, "p/r", name, beside)

    model = VerdictModel(context)
    model.show([line("138****8000", line("***")), line("***", line("***"))])
    assert model.index(0, 4).data() == "*** → 138****8000"
    assert model.index(1, 4).data() == "***"
    assert model.rowCount(model.index(0, 0)) == 0
    assert model.rowCount(QModelIndex()) == 2
    qtmodeltester.check(model)


def test_the_cluster_is_followed_while_it_is_shown(qtbot: QtBot, opened: Window, qtmodeltester: ModelTester) -> None:
    opened.go("cluster")
    screen = opened.shown_as("cluster")
    assert isinstance(screen, ClusterScreen)
    qtbot.waitUntil(lambda: screen.model.rowCount() == 1, timeout=PATIENCE)
    assert screen.model.index(0, 0).data() == "desktop"
    qtbot.waitUntil(lambda: screen.model.index(0, 1).data() == "一致", timeout=PATIENCE)
    assert "1 个节点" in screen._summary.text()
    qtmodeltester.check(screen.model)
    call = screen._call
    assert call is not None
    opened.go("simulator")
    assert call.is_over


def test_where_nobody_signs_in_one_enters_at_once(qtbot: QtBot, window: Window, bank: str) -> None:
    seen: list[object] = []
    window.keeper.entered.connect(seen.append)
    window.connect_to(Endpoint(bank), plain("bank"))
    qtbot.waitUntil(lambda: bool(seen), timeout=PATIENCE)
    assert seen == [EVERYTHING]
    assert not window.keeper.is_locked
    assert list(window.shown_as("accounts").tabs) == ["callers"]  # type: ignore[attr-defined]
    window.lock()
    assert not window.keeper.is_locked


def test_a_system_that_calls_where_nobody_signs_in(
    qtbot: QtBot, opened: Window, qtmodeltester: ModelTester
) -> None:  # fmt: skip
    opened.go("accounts")
    screen = opened.shown_as("accounts")
    assert isinstance(screen, AccountsScreen)
    tab: Any = screen.tabs["callers"]

    def does(**answers: Any) -> None:
        [ask] = [one for one in tab.findChildren(Ask) if one.isVisible()]
        ask.answer(**answers)
        call = tab._does
        qtbot.waitUntil(lambda: call.is_over, timeout=PATIENCE)

    def token() -> str:
        qtbot.waitUntil(lambda: any(one.isVisible() for one in tab.findChildren(Once)), timeout=PATIENCE)
        [once] = [one for one in tab.findChildren(Once) if one.isVisible()]
        secret: str = once.secret.text()
        once.close_button.click()
        return secret

    tab.new.click()
    [form] = tab.findChildren(CallerForm)
    for line, text in ((form.name, "counter"), (form.owner, "Zhang San"), (form.applications, "core-counter，loans")):
        line.setText(text)
    form.reason.setPlainText("the counter")
    form.go.click()
    first = token()
    qtbot.waitUntil(lambda: tab.list.model.rowCount() == 1, timeout=PATIENCE)
    tab.list.choose("counter")
    assert len(first) > 20
    assert first not in tab.facts.toPlainText()
    assert "core-counter, loans" in tab.facts.toPlainText()
    tab.revoke.click()
    does(reason="no longer used")
    qtbot.waitUntil(lambda: not tab.revoke.isVisible(), timeout=PATIENCE)
    tab.token.click()
    does(days="7", reason="a new one")
    assert token() != first
    tab.disable.click()
    does(reason="stopped")
    qtbot.waitUntil(tab.enable.isVisible, timeout=PATIENCE)
    assert "stopped" in tab.facts.toPlainText()
    qtmodeltester.check(tab.list.model)
    tab.enable.click()
    does(reason="again")
    qtbot.waitUntil(tab.disable.isVisible, timeout=PATIENCE)
    tab.delete.click()
    does(reason="replaced")
    qtbot.waitUntil(lambda: tab.list.model.rowCount() == 0, timeout=PATIENCE)
