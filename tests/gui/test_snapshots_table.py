"""The table over ten million records, against a service that remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QDateTime, Qt
from PySide6.QtWidgets import (
    QDateTimeEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QTabBar,
    QTableView,
    QTextBrowser,
)
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain.failure import Failure
from admin_gui.domain.rights import Rights
from admin_gui.domain.snapshot_story import story_of
from admin_gui.domain.snapshot_words import Vocabulary
from admin_gui.models import snapshots as models
from admin_gui.models.snapshots import PAGE, SnapshotModel
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.services.snapshots import Snapshots
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.views.snapshots import SnapshotsScreen
from admin_gui.views.snapshots.choosers import Choosers, Take
from admin_gui.views.snapshots.story import html_of
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import snapshot_pb2, snapshot_service_pb2
from tests.gui.snapshot_service import NEWEST, FakeSnapshots, entry, serving

PATIENCE = 60_000
MANY = 10_000_000
READER = Rights("eve", frozenset({"snapshot_read"}))
EXPORTER = Rights("eve", frozenset({"snapshot_read", "snapshot_export"}))


class Given(Choosers):
    """Chooses what the test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.trusted: list[Path] = []

    def keys(self, parent: object, title: str, take: Callable[[list[Path]], object]) -> None:
        del parent, title
        take(self.trusted)

    def export(self, parent: object, title: str, name: str, suffix: str, take: Take) -> None:
        del parent, title, suffix
        self.names.append(name)
        take(self.path)


@pytest.fixture
def fake() -> FakeSnapshots:
    return FakeSnapshots(MANY)


@pytest.fixture
def connection(fake: FakeSnapshots, qtbot: QtBot) -> Iterator[Connection]:
    del qtbot
    with serving(fake) as address:
        made = Connection(Endpoint(address))
        yield made
        made.close()


@pytest.fixture
def screen(qtbot: QtBot, context: Context, connection: Connection, tmp_path: Path) -> Iterator[SnapshotsScreen]:
    made = open_screen(context, connection, EXPORTER, tmp_path)
    qtbot.waitUntil(lambda: made.model.known >= PAGE, timeout=PATIENCE)
    yield made
    close(made)


def open_screen(context: Context, connection: Connection, rights: Rights, folder: Path) -> SnapshotsScreen:
    desk = Desk(context, connection, rights, Routes(connection))
    made = SnapshotsScreen(desk, Given(folder / "out.csv"))
    made.resize(1200, 760)
    made.show()
    made.load()
    return made


def close(screen: SnapshotsScreen) -> None:
    screen.leave()
    screen.close()
    screen.deleteLater()


def tokens(fake: FakeSnapshots) -> list[str]:
    return [token for _, token in fake.asked]


def test_only_what_is_looked_at_is_asked_for(
    qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen, qtmodeltester: ModelTester
) -> None:
    assert tokens(fake) == [""]
    assert screen.model.rowCount() == 2 * PAGE  # a page, and placeholders for the next one
    assert screen._counted_label.text() == "约 10,000,000 条"
    model = screen.model
    assert model.index(0, 2).data() == "T0000"
    assert model.index(PAGE, 2).data() == "…"
    screen.table.scrollToBottom()
    qtbot.waitUntil(lambda: model.known == 3 * PAGE, timeout=PATIENCE)
    assert tokens(fake) == ["", "100", "200"]
    assert model.index(PAGE, 7).data() == f"d{PAGE:08}"
    screen.table.scrollToTop()
    qtbot.wait(0)
    assert tokens(fake) == ["", "100", "200"]
    qtmodeltester.check(model)


def test_pages_that_are_far_away_are_forgotten_and_asked_again(
    qtbot: QtBot, fake: FakeSnapshots, context: Context, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "KEPT_PAGES", 2)
    model = SnapshotModel(context, Snapshots(connection).page, 30)
    model.ask("")
    qtbot.waitUntil(lambda: model.known == PAGE, timeout=PATIENCE)
    for page in (1, 2, 3):
        model.look_at(page * PAGE, page * PAGE + 10)
        qtbot.waitUntil(lambda page=page: model.row(page * PAGE) is not None, timeout=PATIENCE)
    assert model.row(0) is None
    model.look_at(0, 10)
    qtbot.waitUntil(lambda: model.row(0) is not None, timeout=PATIENCE)
    assert tokens(fake) == ["", "100", "200", "300", ""]
    assert model.known == 4 * PAGE


def test_a_page_that_nobody_looks_at_any_more_is_cancelled_and_stays_so(
    qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen
) -> None:
    model = screen.model
    fake.held.add("100")
    model.look_at(PAGE, PAGE + 5)
    qtbot.waitUntil(lambda: "100" in tokens(fake), timeout=PATIENCE)
    model.look_at(0, 5)
    qtbot.waitUntil(lambda: fake.cancelled == ["100"], timeout=PATIENCE)
    fake.held.clear()
    model.look_at(0, 5)
    assert model.known == PAGE
    assert not model.is_loading
    model.look_at(PAGE, PAGE + 5)
    qtbot.waitUntil(lambda: model.known == 2 * PAGE, timeout=PATIENCE)


def test_another_question_overtakes_the_first(
    qtbot: QtBot, fake: FakeSnapshots, context: Context, connection: Connection, tmp_path: Path
) -> None:
    fake.held.add("")
    screen = open_screen(context, connection, READER, tmp_path)
    qtbot.waitUntil(lambda: bool(fake.asked), timeout=PATIENCE)
    assert screen._counted_label.text() == "正在查找…"
    assert screen.model.index(0, 0).data() == "…"
    fake.held.clear()
    screen.bar.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: screen.model.known == PAGE, timeout=PATIENCE)
    qtbot.waitUntil(lambda: fake.cancelled == [""], timeout=PATIENCE)
    assert fake.asked[-1] == ('kind == "decision"', "")
    close(screen)


def test_no_more_rows_than_qt_can_count(
    qtbot: QtBot, context: Context, connection: Connection, qtmodeltester: ModelTester
) -> None:
    model = SnapshotModel(context, Snapshots(connection).page, models.MOST_PIXELS // (2 * PAGE + 20))
    model.ask("")
    qtbot.waitUntil(lambda: model.known == PAGE, timeout=PATIENCE)
    model.look_at(PAGE, PAGE + 5)
    qtbot.waitUntil(lambda: model.known == 2 * PAGE, timeout=PATIENCE)
    assert model.is_full
    assert model.rowCount() == 2 * PAGE
    model.look_at(2 * PAGE - 5, 2 * PAGE - 1)
    assert not model.is_loading
    qtmodeltester.check(model)


def test_a_time_is_gone_to_and_left_again(qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen) -> None:
    screen.bar.time.setDateTime(QDateTime.fromSecsSinceEpoch(NEWEST - 5_000_000))
    screen.bar.go.click()
    qtbot.waitUntil(lambda: screen.model.known == PAGE, timeout=PATIENCE)
    assert screen.model.index(0, 7).data() == "d05000000"
    assert len(fake.asked) == 2
    assert screen.bar.newest.isVisible()
    screen.bar.newest.click()
    qtbot.waitUntil(lambda: screen.model.index(0, 7).data() == "d00000000", timeout=PATIENCE)
    assert not screen.bar.newest.isVisible()


def test_counted_exactly_when_asked(qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen) -> None:
    fake.count = MANY + 7
    screen._count_button.click()
    qtbot.waitUntil(lambda: screen._counted_label.text() == "共 10,000,007 条", timeout=PATIENCE)
    assert not screen._count_button.isVisible()


def test_what_is_wrong_is_marked_where_it_is(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    screen.bar.tabs.setCurrentIndex(1)
    screen.bar.ask_for('flagged && wrong == "x"', "decisions")
    qtbot.waitUntil(screen.bar._wrong.isVisible, timeout=PATIENCE)
    assert screen.bar._wrong.text() == "第 12 个字符：没有名称 `wrong` → 是否想写 `time`"
    [marked] = screen.bar.line.extraSelections()
    assert marked.cursor.selectedText() == "wrong"
    assert screen.empty.isVisible()
    assert not screen.banner.isVisible()
    screen.bar.line.insertPlainText("x")
    assert not screen.bar._wrong.isVisible()
    assert screen.bar.line.extraSelections() == []


def test_quick_filters_of_cells_and_headings(qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen) -> None:
    menu = screen.table.cell_menu(screen.model.index(1, 2))
    assert menu is not None
    assert [action.text() for action in menu.actions()] == ["只看 T0001", "排除 T0001", "", "复制"]
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: fake.asked[-1][0] == 'subject.id == "T0001"', timeout=PATIENCE)
    values = screen.table.open_values(5)
    assert isinstance(values, QMenu)
    qtbot.waitUntil(lambda: bool(values.actions()[0].isEnabled()), timeout=PATIENCE)
    assert values.actions()[0].text() == "1101  (9)"
    values.actions()[0].trigger()
    values.close()
    asked = 'subject.id == "T0001" && context.menu == "1101"'
    qtbot.waitUntil(lambda: fake.asked[-1][0] == asked, timeout=PATIENCE)
    assert screen.table.open_values(0) is None
    assert screen.table.cell_menu(screen.model.index(screen.model.rowCount() - 1, 2)) is None


def test_what_was_asked_before_comes_back(qtbot: QtBot, screen: SnapshotsScreen, context: Context) -> None:
    line = screen.bar.line
    for text in ("flagged", "severity == HIGH"):
        screen.bar.ask_for(text)
    line.write("x")
    for key, text in (
        (Qt.Key.Key_Up, "severity == HIGH"), (Qt.Key.Key_Up, "flagged"), (Qt.Key.Key_Up, "flagged"),
        (Qt.Key.Key_Down, "severity == HIGH"), (Qt.Key.Key_Down, "x"),
    ):  # fmt: skip
        qtbot.keyClick(line, key)
        assert line.text() == text
    dialog = screen.bar.save_this()
    dialog.answer(name="我的")
    assert screen.bar.fill_saved().actions()[0].text() == "我的"
    screen.bar.fill_saved().actions()[0].trigger()
    assert line.text() == "x"
    screen.leave()
    other = SnapshotsScreen(screen._desk)
    assert other.bar.line.text() == "x"
    assert other.bar.remembered.history[:2] == ["x", "severity == HIGH"]
    other.bar.remembered.forget("我的")
    assert context.settings.value("snapshots/saved") == "{}"
    other.deleteLater()


def test_the_line_completes_what_is_typed(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    line = screen.bar.line
    line.speak(Vocabulary())
    line.setFocus()
    qtbot.keyClicks(line, "sev")
    assert line._popup.isVisible()
    qtbot.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == "severity"
    qtbot.keyClicks(line, " >= HI")
    qtbot.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == "severity >= HIGH"
    qtbot.keyClicks(line, " && unm")
    qtbot.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == 'severity >= HIGH && unmasked("")'
    assert line.textCursor().position() == len(line.text()) - 2
    qtbot.keyClick(line, Qt.Key.Key_End)
    qtbot.keyClicks(line, " && fl")
    assert line._popup.isVisible()
    with qtbot.waitSignal(line.entered, timeout=PATIENCE):
        qtbot.keyClick(line, Qt.Key.Key_Return)
    assert not line._popup.isVisible()


def test_what_comes_in_is_shown_on_top_and_goes_on_after_a_break(
    qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen
) -> None:
    fake.coming = [0, 1, 2]
    screen.bar.live.setChecked(True)
    qtbot.waitUntil(lambda: screen.model.index(0, 7).data() == "d-0000003", timeout=PATIENCE)
    assert screen.model.known == PAGE + 3
    assert "实时收到 3 条" in screen._counted_label.text()
    assert screen.model.prepend([entry(-2), entry(0), entry(5)]) == 0  # they are there already
    fake.watch_breaks.set()
    qtbot.waitUntil(lambda: len(fake.watched) >= 2, timeout=PATIENCE)
    assert fake.watched[1] == ("", "3")
    fake.watch_breaks.clear()
    screen.bar.live.setChecked(False)
    assert not screen.tail.is_on


def test_one_stays_where_one_reads_while_more_comes_in(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    screen.table.verticalScrollBar().setValue(10)
    top = screen.model.index(screen.table.rowAt(0), 7).data()
    screen._came_in([entry(-1), entry(-2)])
    qtbot.wait(0)
    assert screen.model.index(screen.table.rowAt(0), 7).data() == top


def test_too_much_coming_in_begins_the_list_again(
    qtbot: QtBot, screen: SnapshotsScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MOST_LIVE", 1)
    with qtbot.waitSignal(screen.model.overflowed, timeout=PATIENCE):
        assert screen.model.prepend([entry(-1), entry(-2)]) == 0
    qtbot.waitUntil(lambda: screen.model.known == PAGE, timeout=PATIENCE)


def test_an_export_that_is_cancelled_leaves_nothing(
    qtbot: QtBot, fake: FakeSnapshots, screen: SnapshotsScreen, tmp_path: Path
) -> None:
    dialog = screen.ask_export()
    assert dialog is not None
    dialog.answer(format="csv", reason="  ")
    assert dialog.isVisible()  # a reason is required
    dialog.answer(format="csv", reason="audit")
    line = screen.exports
    qtbot.waitUntil(lambda: "1 条" in line._label.text(), timeout=PATIENCE)
    assert line.is_going
    assert (line._bar.value(), line._bar.maximum()) == (1, 10)
    assert screen.ask_export() is None
    line.cancel_button.click()
    assert fake.export_gone.wait(30)
    assert not line.is_going
    assert not line.isVisible()
    assert list(tmp_path.glob("*.csv*")) + list(tmp_path.glob(".out*")) == []


def test_a_folder_that_cannot_be_written(qtbot: QtBot, screen: SnapshotsScreen, tmp_path: Path) -> None:
    assert isinstance(screen._choosers, Given)
    screen._choosers.path = tmp_path / "gone" / "x.csv"
    dialog = screen.ask_export()
    assert dialog is not None
    with qtbot.waitSignal(screen.exports.failed, timeout=PATIENCE) as caught:
        dialog.answer(format="csv", reason="audit")
    assert isinstance(caught.args[0], Failure)
    assert "cannot write" in screen.banner._text.text()


def test_what_somebody_may_not_do_is_not_offered(
    qtbot: QtBot, context: Context, connection: Connection, tmp_path: Path
) -> None:
    screen = open_screen(context, connection, READER, tmp_path)
    qtbot.waitUntil(lambda: screen.model.known == PAGE, timeout=PATIENCE)
    assert screen.export_button.isHidden()
    assert "snapshots-export" not in [command.name for command in screen.commands()]
    screen.table.selectRow(3)
    qtbot.waitUntil(lambda: screen.detail.shown is not None, timeout=PATIENCE)
    assert screen.detail.try_button.isHidden()
    close(screen)


def test_what_a_record_holds_is_text_and_never_markup(context: Context) -> None:
    done = snapshot_pb2.Operation(id="o1", kind="policy.publish", actor="<img src=x>", details={"why": "a<b>&c"})
    answer = snapshot_service_pb2.GetSnapshotResponse(
        entry=snapshot_service_pb2.SnapshotEntry(record=snapshot_pb2.Record(operation=done))
    )
    html = html_of(story_of(answer, Vocabulary()), context, None)
    assert "<img" not in html
    assert "a&lt;b&gt;&amp;c" in html


def test_a_row_that_was_chosen_before_it_came_is_told(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    last = screen.model.rowCount() - 1
    with qtbot.waitSignal(screen.detail.told, timeout=PATIENCE) as caught:
        screen.table.selectRow(last)
        screen.table.scrollToBottom()
    assert caught.args == [f"d{last:08}"]


def test_every_widget_to_use_has_a_name(screen: SnapshotsScreen, context: Context) -> None:
    for tongue in ("zh", "en"):
        context.language.choose(tongue)  # type: ignore[arg-type]
        for kind in (QPlainTextEdit, QTableView, QTabBar, QTextBrowser, QProgressBar, QDateTimeEdit):
            for widget in screen.findChildren(kind):
                inner = widget.objectName().startswith("qt_") or widget.inherits("QCalendarView")
                assert widget.accessibleName() or inner, widget
        for button in screen.findChildren(QPushButton):
            assert button.text(), button
