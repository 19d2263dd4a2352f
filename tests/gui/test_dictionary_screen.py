"""The dictionary's screen against a real service, and its edits of the text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain import dictionary_edit
from admin_gui.domain.rights import EVERYTHING, Rights
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import open_folder
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.views.dictionary import DictionaryScreen
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.widgets.context import Context

PATIENCE = 60_000
POLICIES = Path(__file__).resolve().parent.parent.parent / "policies"
TEXT = (POLICIES / "dictionary.yaml").read_text(encoding="utf-8")
SMALL = """\
# about
kind: Dictionary
defaults: {C1: unmask}
fields:
  a: {level: C1}  # in one line
  b:
    label: {zh: 乙, en: b}   # a label
    level: C2

  # before c
  c:
    level: C3
    type: amount
"""


@pytest.fixture
def desk(qtbot: QtBot, context: Context, bank: str, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    connection = Connection(Endpoint(bank))
    yield Desk(context, connection, EVERYTHING, Routes(connection), open_folder(folder))
    connection.close()


def shown(qtbot: QtBot, desk: Desk) -> DictionaryScreen:
    made = DictionaryScreen(desk)
    qtbot.addWidget(made)
    made.show()
    made.load()
    qtbot.waitUntil(lambda: made.model.rowCount() > 0, timeout=PATIENCE)
    return made


def choose(screen: DictionaryScreen, field: str) -> None:
    rows = [row for row in range(screen.model.rowCount()) if screen.model.record(row).id == field]
    screen.table.setCurrentIndex(screen.shown.mapFromSource(screen.model.index(rows[0], 0)))


def test_a_field_with_its_mask_and_its_rules(qtbot: QtBot, desk: Desk, qtmodeltester: ModelTester) -> None:
    screen = shown(qtbot, desk)
    choose(screen, "mobile")
    line = screen._line
    assert line is not None
    assert (line.label.zh, line.level, line.preview.zh) == ("手机号", "C2", "138****8000")
    assert "core-counter/rich-contact" in [use.rule for use in line.uses]
    assert "core-counter/customer-detail" in line.messages
    qtmodeltester.check(screen.model)
    qtmodeltester.check(screen.uses)
    with qtbot.waitSignal(desk.routes.place_chosen, timeout=PATIENCE) as place:
        screen.uses_table.activated.emit(screen.uses.index(0, 0))
    assert place.args == [line.uses[0].location]
    with qtbot.waitSignal(desk.routes.place_chosen, timeout=PATIENCE) as place:
        screen.show_button.click()
    path, number, _ = place.args[0].split(":")
    assert desk.workspace is not None
    assert desk.workspace.texts[path].splitlines()[int(number) - 1].strip() == "mobile:"


def test_nothing_is_said_of_a_field_before_there_is_one(qtbot: QtBot, desk: Desk) -> None:
    screen = DictionaryScreen(desk)
    qtbot.addWidget(screen)
    screen.show()
    screen.load()
    assert screen._counted.text() == "正在读取…"
    assert not screen.apply_button.isEnabled()
    assert not screen._unused.isVisible()
    desk.context.language.choose("en")
    assert screen._counted.text() == "Reading…"
    assert not screen._unused.isVisible()
    qtbot.waitUntil(lambda: screen.model.rowCount() > 0, timeout=PATIENCE)
    assert screen.apply_button.isEnabled()
    assert screen.table.currentIndex().row() == 0
    assert "fields" in screen._counted.text()


def test_a_service_that_is_away_is_not_read_for_ever(qtbot: QtBot, desk: Desk, context: Context) -> None:
    connection = Connection(Endpoint("127.0.0.1:1"))
    screen = DictionaryScreen(Desk(context, connection, EVERYTHING, Routes(connection), None))
    qtbot.addWidget(screen)
    screen.show()
    screen.load()
    qtbot.waitUntil(screen.banner.isVisible, timeout=PATIENCE)
    assert screen._counted.text() == ""
    connection.close()


def test_what_is_found_by_name_grade_or_tag(qtbot: QtBot, desk: Desk) -> None:
    screen = shown(qtbot, desk)
    everything = screen.shown.rowCount()
    screen.line.setText("C3")
    assert 0 < screen.shown.rowCount() < everything
    screen.line.setText("手机")
    assert 0 < screen.shown.rowCount() < everything
    screen.line.setText("nothing like it")
    assert screen.shown.rowCount() == 0


def test_a_change_goes_into_the_text_that_is_edited(qtbot: QtBot, desk: Desk) -> None:
    screen = shown(qtbot, desk)
    choose(screen, "mobile")
    screen.level_box.setCurrentIndex(screen.level_box.findData("C3"))
    screen.mask_box.setCurrentText("hidden")
    screen.zh.setText("移动电话")
    assert desk.workspace is not None
    with qtbot.waitSignal(desk.routes.workspace_changed, timeout=PATIENCE):
        screen.apply_button.click()
    qtbot.waitUntil(lambda: screen._line is not None and screen._line.level == "C3", timeout=PATIENCE)
    assert screen._line is not None
    assert (screen._line.label.zh, screen._line.mask) == ("移动电话", "hidden")
    assert desk.workspace.changed == ["dictionary.yaml"]
    before, after = TEXT.splitlines(), desk.workspace.texts["dictionary.yaml"].splitlines()
    assert len(before) == len(after)
    assert sum(one != two for one, two in zip(before, after, strict=True)) == 3


def test_who_may_not_write_is_offered_nothing(qtbot: QtBot, desk: Desk) -> None:
    reading = Desk(desk.context, desk.connection, Rights("wu", frozenset({"policy_read"})), desk.routes, desk.workspace)
    screen = shown(qtbot, reading)
    assert not screen.apply_button.isVisible()
    assert not screen.level_box.isEnabled()
    assert screen.zh.isReadOnly()
    nowhere = Desk(desk.context, desk.connection, EVERYTHING, desk.routes)
    screen = shown(qtbot, nowhere)
    assert not screen.apply_button.isVisible()
    assert not screen.show_button.isVisible()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a", "  a: {level: C2, mask: m}  # in one line"),
        ("b", "    level: C2\n    mask: m\n\n  # before c"),
        ("c", "    level: C2\n    type: amount\n    mask: m\n"),
    ],
)
def test_keys_that_are_missing_get_a_place(field: str, expected: str) -> None:
    text = dictionary_edit.set_mask(dictionary_edit.set_level(SMALL, field, "C2"), field, "m")
    assert expected in text
    assert text.startswith("# about\n")


@given(
    st.sampled_from(["a", "b", "c"]), st.sampled_from(["C1", "C2", "C3"]), st.text(max_size=20), st.text(max_size=20)
)
def test_an_edit_of_the_text_is_an_edit_of_what_it_says(field: str, level: str, zh: str, en: str) -> None:
    label = {tongue: said for tongue, said in (("zh", zh), ("en", en)) if said}
    text = dictionary_edit.set_label(dictionary_edit.set_level(SMALL, field, level), field, Say(zh, en))
    expected = yaml.safe_load(SMALL)
    expected["fields"][field] |= {"level": level, "label": label}
    assert yaml.safe_load(text) == expected
    assert "# before c" in text
    assert "# in one line" in text


def test_a_field_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        dictionary_edit.set_level(SMALL, "d", "C1")
    assert dictionary_edit.find({"x.yaml": SMALL, "broken.yaml": "a: [b"}, "b") == ("x.yaml", 6)
    assert dictionary_edit.find({"x.yaml": "kind: Masks\nmasks: {b: {}}"}, "b") is None
