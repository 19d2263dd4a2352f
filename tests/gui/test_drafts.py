"""Drafts against a real service: begun, saved as they are written, never over what somebody else wrote, and kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain.rights import EVERYTHING, Rights
from admin_gui.domain.workspace import open_folder
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.policies.folder import FolderPages
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.widgets.context import Context
from tests.gui.drafting import CORE, PATIENCE, TEXTS, Drafting, Seat, Sit, drafting


@pytest.fixture(scope="module")
def service() -> Iterator[Drafting]:
    with drafting() as found:
        yield found


@pytest.fixture
def sit(qtbot: QtBot, context: Context, service: Drafting) -> Iterator[Sit]:
    made: list[Seat] = []

    def sit(rights: Rights | None = None) -> Seat:
        seat = Seat(context, service.staff, rights or EVERYTHING)
        made.append(seat)
        seat.begin()
        qtbot.waitUntil(lambda: bool(seat.screen.workbench.documents) and bool(seat.life.catalogue.head),
                        timeout=PATIENCE)  # fmt: skip
        return seat

    yield sit
    for seat in made:
        seat.end()


def begun(qtbot: QtBot, seat: Seat, name: str) -> None:
    """Begin a draft from the text in force and open its rule."""
    seat.session.begin()
    assert seat.session.ask is not None
    seat.session.ask.answer(name=name, reason="spring")
    qtbot.waitUntil(lambda: seat.session.name == name, timeout=PATIENCE)
    seat.screen.workbench.open_file(CORE)


def saved(qtbot: QtBot, seat: Seat) -> None:
    seat.session.save()
    qtbot.waitUntil(lambda: seat.session.autosave.state == "saved", timeout=PATIENCE)


def test_a_draft_is_begun_and_saved_as_it_is_written(
    qtbot: QtBot, sit: Sit, service: Drafting, qtmodeltester: ModelTester
) -> None:
    seat = sit()
    assert seat.editor.isReadOnly()
    assert "只读" in seat.session.line.said.text()
    opened: list[object] = []
    seat.routes.workspace_opened.connect(opened.append)
    begun(qtbot, seat, "written")
    qtbot.waitUntil(lambda: opened == [seat.screen.workspace], timeout=PATIENCE)
    assert "草稿 written" in seat.session.line.said.text()
    assert seat.session.line.submit.isVisible()
    assert seat.session.line.close_draft.isVisible()
    assert not seat.editor.isReadOnly()
    seat.write("subject.level >= 3", "subject.level >= 4")
    assert seat.session.autosave.state == "changed"
    # Nobody presses anything: it is saved by itself.
    qtbot.waitUntil(lambda: seat.session.autosave.state == "saved", timeout=PATIENCE)
    kept = service.call("GetDraft", name="written", with_sources=True)
    assert "subject.level >= 4" in next(file.text for file in kept.sources.files if file.path == CORE)
    assert [step.reason for step in kept.draft.steps] == ["spring", ""]
    page = seat.life.drafts
    qtbot.waitUntil(lambda: any(page.model.record(row).name == "written" for row in range(page.model.rowCount())),
                    timeout=PATIENCE)  # fmt: skip
    qtmodeltester.check(page.model)
    page.choose("written")
    qtbot.waitUntil(lambda: "1 项变更" in seat.review.difference.said, timeout=PATIENCE)
    assert "subject" not in seat.review.difference.meaning.toPlainText().split("字段")[0].splitlines()[0]
    qtmodeltester.check(seat.review.difference.model)
    qtmodeltester.check(seat.review.steps)
    assert seat.review.buttons["submit"].isVisibleTo(seat.review)
    assert not seat.review.buttons["publish"].isVisibleTo(seat.review)


def test_two_editors_of_one_draft_are_told_and_nothing_is_lost(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    one = sit()
    begun(qtbot, one, "shared")
    version = service.call("GetDraft", name="shared").draft.version
    theirs = {**TEXTS, CORE: TEXTS[CORE].replace("subject.level >= 3", "subject.level >= 5")}
    service.save("shared", theirs, version)
    one.write("subject.level >= 3", "subject.level >= 2")
    one.session.save()
    qtbot.waitUntil(lambda: one.session.autosave.state == "conflict", timeout=PATIENCE)
    assert one.session.conflict.isVisible()
    assert "没有保存" in one.session.conflict._text.text()
    kept = service.call("GetDraft", name="shared", with_sources=True)
    assert {file.path: file.text for file in kept.sources.files} == theirs
    assert "subject.level >= 2" in one.texts[CORE]
    # More writing saves nothing.
    one.write("subject.level >= 2", "subject.level >= 1")
    assert one.session.autosave.state == "conflict"

    one.session.conflict.compare.click()
    qtbot.waitUntil(lambda: "1 项变更" in one.life.compare.difference.said, timeout=PATIENCE)
    assert (one.life.compare.before.key, one.life.compare.after.key) == ("draft:shared", "mine")

    one.session.conflict.save_as.click()
    assert one.session.ask is not None
    one.session.ask.answer(name="not a name!")
    assert one.session.ask.isVisible()
    one.session.ask.answer(name="shared-mine")
    qtbot.waitUntil(lambda: one.session.name == "shared-mine", timeout=PATIENCE)
    mine = service.call("GetDraft", name="shared-mine", with_sources=True)
    assert any("subject.level >= 1" in file.text for file in mine.sources.files)
    assert not one.session.conflict.isVisible()


def test_leaving_waits_until_a_draft_is_saved_or_given_up(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    seat, went = sit(), list[bool]()
    begun(qtbot, seat, "left")

    def leave() -> None:
        went.append(seat.screen.may_leave(leave))

    seat.write("level >= 3", "level >= 2")
    leave()
    assert went == [False]
    qtbot.waitUntil(lambda: went == [False, True], timeout=PATIENCE)
    kept = service.call("GetDraft", name="left", with_sources=True)
    assert any("level >= 2" in file.text for file in kept.sources.files)
    # Somebody else was first: it cannot be saved, and that is asked about.
    service.save("left", TEXTS, kept.draft.version)
    seat.write("level >= 2", "level >= 1")
    before = seat.session.ask
    leave()
    qtbot.waitUntil(lambda: seat.session.ask is not before, timeout=PATIENCE)
    assert seat.session.ask is not None
    seat.session.ask.reject()
    assert went == [False, True, False]
    leave()
    seat.session.ask.answer()
    assert went[3:] == [False, True]


def test_their_text_can_be_taken(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    seat = sit()
    begun(qtbot, seat, "taken")
    version = service.call("GetDraft", name="taken").draft.version
    service.save("taken", {**TEXTS, CORE: TEXTS[CORE].replace("level >= 3", "level >= 5")}, version)
    seat.write("level >= 3", "level >= 2")
    seat.session.save()
    qtbot.waitUntil(lambda: seat.session.autosave.state == "conflict", timeout=PATIENCE)
    seat.session.conflict.theirs.click()
    assert seat.session.ask is not None
    seat.session.ask.answer()
    qtbot.waitUntil(lambda: "level >= 5" in seat.texts.get(CORE, ""), timeout=PATIENCE)
    qtbot.waitUntil(lambda: seat.session.autosave.state == "saved" and seat.session.name == "taken", timeout=PATIENCE)
    seat.screen.workbench.open_file(CORE)
    seat.write("level >= 5", "level >= 6")
    saved(qtbot, seat)
    kept = service.call("GetDraft", name="taken", with_sources=True)
    assert any("level >= 6" in file.text for file in kept.sources.files)


def test_an_answer_that_was_lost_is_no_conflict(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    seat = sit()
    begun(qtbot, seat, "lost")
    seat.write("level >= 3", "level >= 2")
    # The service has kept it, and the answer never came.
    draft = seat.session.autosave.draft
    assert draft is not None
    service.save("lost", seat.texts, draft.version)
    saved(qtbot, seat)
    assert not seat.session.conflict.isVisible()
    assert seat.session.autosave.draft is not None
    assert seat.session.autosave.draft.version == service.call("GetDraft", name="lost").draft.version


def test_a_draft_is_deleted_and_what_is_in_force_is_shown_again(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    seat = sit()
    begun(qtbot, seat, "gone")
    seat.life.drafts.choose("gone")
    qtbot.waitUntil(lambda: seat.review.draft is not None and seat.review.draft.name == "gone", timeout=PATIENCE)
    seat.review.buttons["delete"].click()
    assert seat.review.ask is not None
    seat.review.ask.answer(reason="not needed")
    qtbot.waitUntil(lambda: seat.session.shows_head and seat.editor.isReadOnly(), timeout=PATIENCE)
    assert "gone" not in [draft.name for draft in service.call("ListDrafts").drafts]


def test_a_draft_from_a_folder_and_one_that_was_overtaken(
    qtbot: QtBot, sit: Sit, service: Drafting, tmp_path: Path
) -> None:
    seat = sit()
    (tmp_path / "mine").mkdir()
    for path, text in TEXTS.items():
        (tmp_path / "mine" / path).parent.mkdir(exist_ok=True)
        (tmp_path / "mine" / path).write_text(text.replace("level >= 3", "level >= 4"))
    seat.life.import_folder(tmp_path / "mine")
    assert seat.session.ask is not None
    seat.session.ask.answer(name="imported")
    qtbot.waitUntil(lambda: seat.session.name == "imported", timeout=PATIENCE)
    # Somebody publishes another file meanwhile: it is brought in, and the draft's own stays.
    number = service.publish("other", {**TEXTS, "attributes.yaml": TEXTS["attributes.yaml"] + "\n# more\n"})
    seat.screen.load()
    qtbot.waitUntil(lambda: seat.life.catalogue.head == number, timeout=PATIENCE)
    seat.life.drafts.choose("imported")
    qtbot.waitUntil(lambda: seat.review.up.isVisibleTo(seat.review), timeout=PATIENCE)
    seat.review.up.click()
    qtbot.waitUntil(lambda: service.call("GetDraft", name="imported").draft.base == number, timeout=PATIENCE)
    qtbot.waitUntil(lambda: "# more" in seat.texts.get("attributes.yaml", ""), timeout=PATIENCE)
    assert "level >= 4" in seat.texts[CORE]
    qtbot.waitUntil(lambda: seat.session.autosave.draft is not None and seat.session.autosave.draft.base == number,
                    timeout=PATIENCE)  # fmt: skip


def test_who_may_only_read_is_offered_nothing_else(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    service.save("readable")
    seat = sit(Rights("audit", frozenset({"policy_read"})))
    assert not seat.session.line.new.isVisible()
    assert not seat.life.commands()
    assert seat.life.tabs.count() == 4  # no impact
    seat.life.drafts.choose("readable")
    qtbot.waitUntil(lambda: seat.review.draft is not None and seat.review.draft.name == "readable", timeout=PATIENCE)
    shown = [name for name, button in seat.review.buttons.items() if button.isVisibleTo(seat.review)]
    assert shown == ["open"]
    assert not seat.life.drafts.new.isVisibleTo(seat.life.drafts)
    seat.review.buttons["open"].click()
    qtbot.waitUntil(lambda: "readable" in seat.session.line.said.text(), timeout=PATIENCE)
    assert seat.editor.isReadOnly()


def pages(screen: PoliciesScreen) -> FolderPages:
    assert screen.folder is not None
    return screen.folder


def test_a_folder_is_offered_what_was_not_saved(
    qtbot: QtBot, context: Context, service: Drafting, tmp_path: Path
) -> None:
    for path, text in TEXTS.items():
        (tmp_path / "bank" / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "bank" / path).write_text(text)
    connection = Connection(Endpoint(service.staff))

    def opened() -> PoliciesScreen:
        desk = Desk(context, connection, EVERYTHING, Routes(), open_folder(tmp_path / "bank"))
        made = PoliciesScreen(desk)
        qtbot.addWidget(made)
        made.load()
        made.workbench.open_file(CORE)
        return made

    first = opened()
    assert pages(first).ask is None
    first.workbench.editor.setPlainText("mine\n")
    first.leave()
    pages(first).keeper.end()  # as the end of its process lets go of the lock
    second = opened()
    ask = pages(second).ask
    assert ask is not None
    ask.answer()
    assert second.workspace is not None
    assert second.workspace.texts[CORE] == "mine\n"
    # Somebody else has written there since: the restored text does not go over it.
    (tmp_path / "bank" / CORE).write_text("theirs\n")
    assert not second.save()
    assert (tmp_path / "bank" / CORE).read_text() == "theirs\n"
    (tmp_path / "bank" / CORE).write_text(TEXTS[CORE])
    assert second.save()
    assert (tmp_path / "bank" / CORE).read_text() == "mine\n"
    pages(second).keeper.write()
    pages(second).keeper.end()
    assert pages(opened()).ask is None
    connection.close()


CRASH = """
import sys
from pathlib import Path
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication
from admin_gui.i18n import Language
from admin_gui.theme import Theme
from admin_gui.widgets.context import Context
from tests.gui.drafting import CORE, Seat

address, settings, name, folder = sys.argv[1:]
application = QApplication([])
context = Context(Language("zh", application), Theme("light", application),
                  QSettings(settings, QSettings.Format.IniFormat))
seat = Seat(context, address)
seat.session.autosave.touch = lambda: None  # it dies before it is saved
seat.begin()
seat.session.open_draft(name)

def look():
    if seat.session.name and not seat.editor.isReadOnly():
        if "level >= 9" not in seat.texts[CORE]:
            seat.screen.workbench.open_file(CORE)
            seat.write("level >= 3", "level >= 9")
        elif list(Path(folder).glob("unsaved/*.recovery")):
            print("kept", flush=True)

timer = QTimer(interval=20)
timer.timeout.connect(look)
timer.start()
application.exec()
"""


def test_what_was_written_before_a_crash_is_offered(
    qtbot: QtBot, context: Context, sit: Sit, service: Drafting, tmp_path: Path
) -> None:
    service.save("crashed")
    context.settings.sync()
    folder = str(context.settings.value("recovery/folder"))
    process = subprocess.Popen(
        [sys.executable, "-c", CRASH, service.staff, context.settings.fileName(), "crashed", folder],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "kept\n"
    # While that one is at it, nobody else is offered its texts.
    beside = sit()
    assert beside.session.ask is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    seat = sit()
    ask = seat.session.ask
    assert ask is not None
    assert "crashed" in ask.findChildren(type(seat.session.line.said))[1].text()
    ask.answer()
    qtbot.waitUntil(lambda: "level >= 9" in seat.texts.get(CORE, "") and seat.session.name == "crashed",
                    timeout=PATIENCE)  # fmt: skip
    qtbot.waitUntil(lambda: seat.session.autosave.state == "saved", timeout=PATIENCE)
    kept = service.call("GetDraft", name="crashed", with_sources=True)
    assert any("level >= 9" in file.text for file in kept.sources.files)
    qtbot.waitUntil(lambda: not list(Path(folder).glob("unsaved/*.recovery")), timeout=PATIENCE)
