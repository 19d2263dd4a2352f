"""The editor against a real service: a mistake is shown where it is, mended, and saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QMessageBox
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain.problems import Problem
from admin_gui.domain.say import plain
from admin_gui.domain.workspace import open_folder
from admin_gui.services.connection import Endpoint
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.window import Window
from admin_gui.widgets.code_editor import CodeEditor
from admin_gui.widgets.context import Context
from tests.gui.conftest import POLICIES

PATIENCE = 60_000
COUNTER = "policies/core-counter.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))


@pytest.fixture
def screen(qtbot: QtBot, window: Window, bank: str, folder: Path) -> Iterator[PoliciesScreen]:
    window._workspace = open_folder(folder)
    window.connect_to(Endpoint(bank), plain("bank"))
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
    screen.workbench.open_file(COUNTER)
    before = screen.workbench.editor.toPlainText()
    screen.workbench.editor.setPlainText(before.replace("subject.level", "subject.rank", 1))
    qtbot.waitUntil(lambda: screen.workbench.found.model.rowCount() == 1, timeout=PATIENCE)
    assert screen.workbench.files.items[COUNTER].text() == "core-counter.yaml •"
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
    assert "en: the counter" in (folder / COUNTER).read_text(encoding="utf-8")
    assert screen.workbench.files.items[COUNTER].text() == "core-counter.yaml"


def test_each_file_has_its_own_history(qtbot: QtBot, screen: PoliciesScreen) -> None:
    screen.workbench.open_file(COUNTER)
    cursor = screen.workbench.editor.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.insertText("# 新的一行\n")
    screen.workbench.open_file("masks.yaml")
    assert not screen.workbench.editor.document().isUndoAvailable()
    screen.workbench.open_file(COUNTER)
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


@pytest.mark.parametrize(
    ("answer", "goes", "kept"),
    [
        (QMessageBox.StandardButton.Save, True, "# x\n"),
        (QMessageBox.StandardButton.Discard, True, ""),
        (QMessageBox.StandardButton.Cancel, False, ""),
    ],
)
def test_unsaved_changes_are_asked_about(
    screen: PoliciesScreen, folder: Path, monkeypatch: pytest.MonkeyPatch,
    answer: QMessageBox.StandardButton, goes: bool, kept: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(QMessageBox, "exec", lambda _: answer)
    assert screen.may_leave()
    screen.workbench.open_file(COUNTER)
    cursor = screen.workbench.editor.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    cursor.insertText("# x\n")
    assert screen.may_leave() is goes
    assert (folder / COUNTER).read_text(encoding="utf-8").startswith(kept or "# What")


def test_a_file_that_somebody_else_changed_is_not_overwritten(screen: PoliciesScreen, folder: Path) -> None:
    screen.workbench.open_file(COUNTER)
    (folder / COUNTER).write_text("theirs\n")
    screen.workbench.editor.setPlainText("mine\n")
    assert not screen.save()
    assert "somebody else" in screen.banner._text.text()
    assert (folder / COUNTER).read_text() == "theirs\n"


def test_the_text_in_force_can_be_read_only(qtbot: QtBot, window: Window, bank: str) -> None:
    window.connect_to(Endpoint(bank), plain("bank"))
    qtbot.waitUntil(lambda: any(shown.key == "policies" for shown in window._screens), timeout=PATIENCE)
    window.go("policies")
    screen = window.shown_as("policies")
    assert isinstance(screen, PoliciesScreen)
    qtbot.waitUntil(lambda: COUNTER in screen.workbench.documents, timeout=PATIENCE)
    assert screen.workbench.editor.isReadOnly()
    assert screen.lifecycle is not None
    assert "只读" in screen.lifecycle.session._said.text()


def test_places_count_code_points(qtbot: QtBot, context: Context) -> None:
    editor = CodeEditor(context)
    qtbot.addWidget(editor)
    editor.resize(600, 300)
    editor.show_text("a: 𠮷田 x\nb: 1\n")
    editor.go_to(1, 5)
    assert editor.textCursor().positionInBlock() == 5  # two units of UTF-16 for the first character
    editor.show_problems(
        [Problem("error", "c", "wrong", "mend", "f", 1, 4, 1, 6), Problem("note", "c", "n", "", "f", 9, 1, 9, 2)]
    )
    waves = [selection.cursor.selectedText() for selection in editor.extraSelections()[1:]]
    assert waves == ["𠮷田", ""]
    editor.show()
    with qtbot.waitExposed(editor):
        pass
    assert not editor.grab().isNull()
    context.theme.choose("dark")
    assert editor.gutter_width() > 20
    assert editor.lineWrapMode() == CodeEditor.LineWrapMode.NoWrap
