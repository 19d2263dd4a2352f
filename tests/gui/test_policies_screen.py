"""The editor against a real service: a mistake is shown where it is, mended, and saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain.problems import Problem
from admin_gui.domain.profiles import Profile
from admin_gui.domain.say import plain
from admin_gui.domain.workspace import open_folder
from admin_gui.services.connection import Endpoint
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.policies.folder import FolderPages
from admin_gui.views.window import Window
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.code_editor import CodeEditor
from admin_gui.widgets.context import Context
from tests.gui.conftest import serving
from tests.gui.drafting import CORE, TEXTS

PATIENCE = 60_000


def written(folder: Path) -> Path:
    """Write a small policy set, which is checked in no time."""
    for path, text in TEXTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def branch(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The staff port of a service on that set."""
    with serving(qapp, written(tmp_path_factory.mktemp("branch"))) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "policies")


@pytest.fixture
def screen(qtbot: QtBot, window: Window, branch: str, folder: Path) -> Iterator[PoliciesScreen]:
    window._workspace = open_folder(folder)
    window.connect_to(Endpoint(branch), plain("branch"))
    qtbot.waitUntil(lambda: any(shown.key == "policies" for shown in window._screens), timeout=PATIENCE)
    window.go("policies")
    found = window.shown_as("policies")
    assert isinstance(found, PoliciesScreen)
    qtbot.waitUntil(lambda: found.workbench.found.counted.text() == "没有问题", timeout=PATIENCE)
    yield found
    assert found.workspace is not None
    for path in found.workspace.changed:
        found.workspace.write(path, found.workspace.kept[path])


def test_a_mistake_is_shown_mended_and_saved(
    qtbot: QtBot, screen: PoliciesScreen, folder: Path, qtmodeltester: ModelTester
) -> None:
    screen.workbench.open_file(CORE)
    before = screen.workbench.editor.toPlainText()
    screen.workbench.editor.setPlainText(before.replace("subject.level", "subject.rank", 1))
    qtbot.waitUntil(lambda: screen.workbench.found.model.rowCount() == 1, timeout=PATIENCE)
    assert screen.workbench.files.items[CORE].text() == "core.yaml •"
    assert screen.workbench.found.counted.text() == "1 个错误，0 个警告"
    qtmodeltester.check(screen.workbench.found.model)
    screen.workbench.next_problem()
    found = screen.workbench.found.model.record(0)
    cursor = screen.workbench.editor.textCursor()
    assert (cursor.blockNumber() + 1, cursor.positionInBlock() + 1) == (found.line, found.column)
    assert before.splitlines()[found.line - 1][found.column - 1 :].startswith("subject.level")

    screen.workbench.editor.setPlainText(before.replace("en: core counter", "en: the counter", 1))
    qtbot.waitUntil(
        lambda: screen.workbench.found.model.rowCount() == 0 and screen.workbench.found.counted.text() == "没有问题",
        timeout=PATIENCE,
    )
    assert screen.save()
    assert "en: the counter" in (folder / CORE).read_text(encoding="utf-8")
    assert screen.workbench.files.items[CORE].text() == "core.yaml"


def test_each_file_has_its_own_history(qtbot: QtBot, screen: PoliciesScreen) -> None:
    screen.workbench.open_file(CORE)
    cursor = screen.workbench.editor.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.insertText("# 新的一行\n")
    screen.workbench.open_file("dictionary.yaml")
    assert not screen.workbench.editor.document().isUndoAvailable()
    screen.workbench.open_file(CORE)
    screen.workbench.editor.undo()
    assert screen.workspace is not None
    qtbot.waitUntil(lambda: screen.workspace is not None and screen.workspace.changed == [], timeout=PATIENCE)


def test_other_colours_are_no_change_of_the_text(screen: PoliciesScreen, context: Context) -> None:
    edited: list[None] = []
    screen.workbench.edited.connect(lambda: edited.append(None))
    context.theme.choose("dark" if context.theme.shade == "light" else "light")
    assert edited == []
    assert not screen.workbench._pause.isActive()


def test_a_place_of_the_trace_opens(screen: PoliciesScreen) -> None:
    screen.open_place("dictionary.yaml:5:3")
    assert screen.workbench.path == "dictionary.yaml"
    assert screen.workbench.editor.textCursor().blockNumber() == 4


def typed(screen: PoliciesScreen) -> FolderPages:
    """Write a line on top of a file, and return what asks about it."""
    screen.workbench.open_file(CORE)
    cursor = screen.workbench.editor.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.insertText("# x\n")
    assert screen.folder is not None
    return screen.folder


def answered(pages: FolderPages, answer: str) -> None:
    """Answer the question that is open."""
    assert pages.ask is not None
    assert pages.ask.isVisible()
    buttons = {button.text(): button for button in pages.ask.findChildren(QPushButton)}
    buttons[answer].click()


@pytest.mark.parametrize(
    ("answer", "goes", "kept"), [("保存", 1, "# x"), ("不保存", 1, "\nkind"), ("取消", 0, "\nkind")]
)
def test_unsaved_changes_are_asked_about(
    screen: PoliciesScreen, folder: Path, answer: str, goes: int, kept: str
) -> None:
    went: list[None] = []
    assert screen.may_leave(lambda: went.append(None))
    pages = typed(screen)
    for _ in range(2):
        # It is asked once, however often somebody tries.
        assert not screen.may_leave(lambda: went.append(None))
    assert len(screen.window().findChildren(Ask)) == 1
    assert went == []
    answered(pages, answer)
    assert len(went) == goes
    assert (folder / CORE).read_text(encoding="utf-8").startswith(kept)
    assert screen.workspace is not None
    assert bool(screen.workspace.changed) is not bool(goes)
    assert screen.workbench.editor.toPlainText().startswith("# x") is (answer != "不保存")


def test_the_window_closes_after_the_answer(screen: PoliciesScreen, window: Window, folder: Path) -> None:
    pages = typed(screen)
    window.go("simulator")
    assert not window.close()
    assert screen.isVisible()  # one sees what it is about
    answered(pages, "取消")
    assert window.isVisible()
    assert not window.close()
    answered(pages, "保存")
    assert not window.isVisible()
    assert (folder / CORE).read_text(encoding="utf-8").startswith("# x")


def test_another_place_is_opened_after_the_answer(
    qtbot: QtBot, screen: PoliciesScreen, window: Window, branch: str, tmp_path: Path
) -> None:
    pages = typed(screen)
    window.open_folder(tmp_path / "policies")
    answered(pages, "取消")
    assert window.shown_as("policies") is screen
    window.start.profile_chosen.emit(Profile(branch))
    assert window.shown_as("policies") is screen
    answered(pages, "不保存")
    qtbot.waitUntil(lambda: any(shown.key == "policies" for shown in window._screens), timeout=PATIENCE)
    other = window.shown_as("policies")
    assert isinstance(other, PoliciesScreen)
    assert other.lifecycle is not None  # nothing of the folder is left
    assert window._service is None


def overtaken(screen: PoliciesScreen, folder: Path) -> FolderPages:
    """Save a file that somebody else has written meanwhile."""
    screen.workbench.open_file(CORE)
    screen.workbench.open_file("dictionary.yaml")
    screen.workbench.editor.setPlainText("mine too\n")
    screen.workbench.open_file(CORE)
    (folder / CORE).write_text("theirs\n")
    screen.workbench.editor.setPlainText("mine\n")
    before = (folder / "dictionary.yaml").read_text(encoding="utf-8")
    assert not screen.save()
    assert (folder / CORE).read_text() == "theirs\n"
    assert (folder / "dictionary.yaml").read_text(encoding="utf-8") == before
    assert screen.folder is not None
    assert screen.folder.ask is not None
    assert CORE in screen.folder.ask.findChildren(QLabel)[1].text()
    return screen.folder


def test_a_file_that_somebody_else_changed_is_written_over_on_request_alone(
    screen: PoliciesScreen, folder: Path
) -> None:
    answered(overtaken(screen, folder), "用我的覆盖")
    assert (folder / CORE).read_text() == "mine\n"
    assert (folder / "dictionary.yaml").read_text() == "mine too\n"


def test_what_somebody_else_wrote_can_be_taken(screen: PoliciesScreen, folder: Path) -> None:
    answered(overtaken(screen, folder), "读取磁盘上的文件")
    assert screen.workbench.editor.toPlainText() == "theirs\n"
    assert screen.workspace is not None
    assert screen.workspace.changed == ["dictionary.yaml"]
    (folder / CORE).unlink()
    screen.workbench.editor.setPlainText("mine\n")
    assert not screen.save()
    assert screen.folder is not None
    answered(screen.folder, "读取磁盘上的文件")
    assert CORE not in screen.workbench.documents
    assert screen.save()
    assert not (folder / CORE).exists()


def test_what_somebody_else_writes_is_shown(qtbot: QtBot, screen: PoliciesScreen, window: Window, folder: Path) -> None:
    typed(screen)
    screen.workbench.open_file("dictionary.yaml")
    (folder / "dictionary.yaml").write_text("# theirs\n" + TEXTS["dictionary.yaml"])
    window._reload()
    assert screen.workbench.editor.toPlainText().startswith("# theirs")
    assert "dictionary.yaml" in screen.banner._text.text()
    assert screen.workspace is not None
    assert screen.workspace.changed == [CORE]
    (folder / "dictionary.yaml").unlink()
    (folder / "more.yaml").write_text(TEXTS["dictionary.yaml"])
    window._reload()
    assert "dictionary.yaml" not in screen.workbench.documents
    screen.workbench.open_file("more.yaml")
    assert screen.workbench.editor.toPlainText() == TEXTS["dictionary.yaml"]
    assert screen.workspace.changed == [CORE]
    screen.workbench.open_file(CORE)
    assert screen.workbench.editor.toPlainText().startswith("# x")
    shutil.rmtree(folder)
    window._reload()
    assert "there is no such folder" in screen.banner._text.text()
    assert "more.yaml" in screen.workbench.documents
    assert screen.workspace.changed == [CORE]


def test_the_text_being_written_is_compared(qtbot: QtBot, screen: PoliciesScreen, folder: Path) -> None:
    pages = screen.folder
    assert pages is not None
    screen.workbench.open_file(CORE)
    text = screen.workbench.editor.toPlainText()
    screen.workbench.editor.setPlainText(text.replace("subject.level >= 3", "subject.level >= 4", 1))
    pages.tabs.setCurrentWidget(pages.compare)
    assert (pages.compare.before.key, pages.compare.after.key) == ("head", "mine")
    shown = pages.compare.difference
    qtbot.waitUntil(lambda: "1 项变更" in shown.said, timeout=PATIENCE)
    assert "core/senior" in shown.meaning.toPlainText()
    lines = [shown.model.index(row, 3).data() for row in range(shown.model.rowCount())]
    assert any("subject.level >= 4" in str(line) for line in lines)
    # Saved, it is what lies on the disk, and not what was opened.
    assert screen.save()
    pages.compare.choose("disk", "mine")
    qtbot.waitUntil(lambda: shown.said == "没有差异", timeout=PATIENCE)
    pages.compare.choose("opened", "disk")
    pages.show_text()
    pages.tabs.setCurrentWidget(pages.compare)
    assert (pages.compare.before.key, pages.compare.after.key) == ("opened", "disk")
    qtbot.waitUntil(lambda: "1 项变更" in shown.said, timeout=PATIENCE)


def test_the_text_in_force_can_be_read_only(qtbot: QtBot, window: Window, branch: str) -> None:
    window.connect_to(Endpoint(branch), plain("branch"))
    qtbot.waitUntil(lambda: any(shown.key == "policies" for shown in window._screens), timeout=PATIENCE)
    window.go("policies")
    screen = window.shown_as("policies")
    assert isinstance(screen, PoliciesScreen)
    qtbot.waitUntil(lambda: CORE in screen.workbench.documents, timeout=PATIENCE)
    assert screen.workbench.editor.isReadOnly()
    assert screen.lifecycle is not None
    assert "只读" in screen.lifecycle.session.line.said.text()


def test_places_count_code_points(qtbot: QtBot, context: Context) -> None:
    editor = CodeEditor(context)
    qtbot.addWidget(editor)
    editor.resize(600, 300)
    editor.show_text("a: 𠮷田 x\nb: 1\n")
    editor.go_to(1, 5)
    assert editor.textCursor().positionInBlock() == 5  # two units of UTF-16 for the first character
    wrong = Problem("error", "c", plain("wrong"), plain("mend"), "f", 1, 4, 1, 6)
    editor.show_problems([wrong, Problem("note", "c", plain("n"), plain(""), "f", 9, 1, 9, 2)])
    waves = [selection.cursor.selectedText() for selection in editor.extraSelections()[1:]]
    assert waves == ["𠮷田", ""]
    editor.show()
    with qtbot.waitExposed(editor):
        pass
    assert not editor.grab().isNull()
    context.theme.choose("dark")
    assert editor.gutter_width() > 20
    assert editor.lineWrapMode() == CodeEditor.LineWrapMode.NoWrap
