"""A policy folder of this machine: its text, kept and saved, and what differs from what is in force or on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from admin_gui.domain.recovery import Origin
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import OvertakenError, Workspace, WorkspaceError, open_folder, stamps_of
from admin_gui.services.texts import IN_FORCE, text_of
from admin_gui.views.policies import questions
from admin_gui.views.policies.compare import ComparePage, TextChoice, mine
from admin_gui.views.policies.keeping import Keeper, offer
from admin_gui.views.policies.workbench import Workbench
from admin_gui.views.screen import Command, Desk
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button

_EDIT: Final = Say("编辑", "Edit")
_COMPARE: Final = Say("比较", "Compare")
_COMPARE_COMMAND: Final = Say("与现行文本比较", "Compare with what is in force")
_SAVE: Final = Say("保存", "Save")
_SAVED: Final = Say("已保存 {count} 个文件。", "{count} files saved.")
_TAKEN: Final = Say("已读取磁盘上的 {count} 个文件。", "{count} files are as they are on the disk now.")
_FOLLOWED: Final = Say("已读取他人在磁盘上的修改：{files}", "Changed by somebody else on the disk, and read: {files}")
_ASIDE: Final = Say("未恢复的修改保留在 {path}。", "The changes that were not restored are in {path}.")
_IN_FORCE: Final = Say("现行（本机）", "in force here")
_OPENED: Final = Say("打开时的文本", "as it was opened")
_ON_DISK: Final = Say("磁盘上现在的文本", "on the disk now")


class FolderPages(QWidget):
    """Edits a folder. Nothing is written over what somebody else wrote there, and nothing is lost unasked."""

    def __init__(self, desk: Desk, folder: Workspace, workbench: Workbench, banner: Banner) -> None:
        super().__init__()
        self._context, self._folder = desk.context, folder
        self._workbench, self._banner = workbench, banner
        self._opened = text_of(folder.texts)
        self._stamps = self._stamped()
        self._is_asked = self._has_compared = False
        self.ask: Ask | None = None
        """The last question, for tests."""
        self.keeper = Keeper(desk.context, self)
        workbench.checked.connect(lambda _: banner.clear())
        workbench.edited.connect(self.keeper.touch)
        workbench.head.addWidget(button(desk.context, _SAVE, self.save, primary=True))
        self.compare = ComparePage(desk, banner)
        self.tabs = QTabWidget(documentMode=True)
        self._text = QWidget()
        text = QVBoxLayout(self._text)
        text.setContentsMargins(0, 6, 0, 0)
        text.addWidget(workbench)
        for page, say in ((self._text, _EDIT), (self.compare, _COMPARE)):
            desk.context.language.bind(self.tabs, partial(self.tabs.setTabText, self.tabs.addTab(page, "")), say)
        self.tabs.currentChanged.connect(lambda _: self._turned())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tabs)

    def load(self) -> None:
        """Show the folder; later on, what somebody else has changed in it."""
        if self._workbench.workspace is None:
            self._workbench.show_workspace(self._folder)
            self._recover()
        else:
            self._follow()

    def leave(self) -> None:
        """Keep what is unsaved at once: the connection may end while the screen is not shown."""
        self.keeper.write()

    def show_text(self) -> None:
        """Turn to the page with the text."""
        self.tabs.setCurrentWidget(self._text)

    def show_difference(self) -> None:
        """Compare what is being written with what is in force."""
        self.tabs.setCurrentWidget(self.compare)
        self._offer()
        self.compare.choose("head", "mine")

    def commands(self) -> Sequence[Command]:
        """What can be done here."""
        return (Command("compare", _COMPARE_COMMAND, self.show_difference),)

    def save(self, *, over: bool = False) -> bool:
        """Write what was changed into the folder; return whether all of it is there now."""
        try:
            count = len(self._folder.save(over=over))
        except OvertakenError as error:
            self._ask_overtaken(error)
            return False
        except WorkspaceError as error:
            self._banner.say(Say(str(error), str(error)), "danger")
            return False
        finally:
            self._workbench.mark_files()
            self.keeper.touch()
        if count:
            self._stamps = self._stamped()
            self._banner.say(_SAVED.filled(count=count))
            self._turned()
        return True

    def may_leave(self, then: Callable[[], object]) -> bool:
        """Whether nothing is unsaved. Otherwise ask what to do; once it is done, `then` is called."""
        changed = self._folder.changed
        if not changed:
            self.keeper.drop()
            return True
        if self._is_asked:
            return False
        self._is_asked = True
        self.ask = ask = questions.leave(self._context, self.window(), changed)

        def answered(way: Callable[[], bool]) -> None:
            self._is_asked = False
            if way():
                then()

        ask.answered.connect(lambda _: answered(self.save))
        ask.chosen.connect(lambda _: answered(self._discard))
        ask.cancelled.connect(lambda: answered(lambda: False))
        return False

    def _discard(self) -> bool:
        self._folder.discard()
        self._workbench.show_workspace(self._folder)
        return True

    def _ask_overtaken(self, error: OvertakenError) -> None:
        self.ask = ask = questions.overtaken(self._context, self.window(), error.paths)

        def chosen(way: str) -> None:
            if way == "theirs":
                self._take(error.paths)
            else:
                self.tabs.setCurrentWidget(self.compare)
                self._offer()
                self.compare.choose("disk", "mine")

        ask.answered.connect(lambda _: self.save(over=True))
        ask.chosen.connect(chosen)

    def _take(self, paths: Sequence[str]) -> None:
        try:
            self._folder.take(paths)
        except WorkspaceError as error:
            self._banner.say(Say(str(error), str(error)), "danger")
            return
        self._workbench.show_workspace(self._folder)
        self.keeper.touch()
        self._banner.say(_TAKEN.filled(count=len(paths)))

    def _stamped(self) -> dict[str, tuple[int, int]]:
        try:
            return stamps_of(self._folder.folder or Path())
        except WorkspaceError as error:
            self._banner.say(Say(str(error), str(error)), "warning")
            return {}

    def _follow(self) -> None:
        """Take over what others have written; what was edited here is asked about when it is saved."""
        stamps, before = self._stamped(), set(self._folder.texts)
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            taken = self._folder.follow()
        except WorkspaceError as error:
            self._banner.say(Say(str(error), str(error)), "warning")
            return
        if set(self._folder.texts) == before:
            self._workbench.read_again()
        else:
            self._workbench.show_workspace(self._folder)
        if taken:
            self._banner.say(_FOLLOWED.filled(files=questions.named(taken)))

    def _turned(self) -> None:
        """The comparison is shown, or there are other texts to compare while it is."""
        if self.tabs.currentWidget() is not self.compare:
            return
        if self._has_compared:
            self._offer()
            self.compare.compare()
        else:
            self.show_difference()

    def _offer(self) -> None:
        """Tell the comparison what there is."""
        self._has_compared = True
        found = [TextChoice("head", _IN_FORCE, IN_FORCE), TextChoice("opened", _OPENED, self._opened)]
        try:
            now = open_folder(self._folder.folder or Path())
            found.append(TextChoice("disk", _ON_DISK, text_of(now.texts)))
        except WorkspaceError as error:
            self._banner.say(Say(str(error), str(error)), "warning")
        self.compare.offer(found, mine(text_of(self._folder.texts)))

    def _recover(self) -> None:
        """Offer what a program that crashed has left of this folder."""
        folder = self._folder.folder
        if folder is None:
            return
        origin = Origin("folder", str(folder.resolve()))
        unsaved = self.keeper.found(origin)
        self.keeper.follow(origin, self._folder)
        if unsaved is None:
            return
        self.ask = offer(self._context, self, unsaved)

        def restore(_: object) -> None:
            unsaved.put_into(self._folder)
            self._workbench.show_workspace(self._folder)
            self.keeper.touch()

        def put_aside() -> None:
            if (path := self.keeper.set_aside(origin)) is not None:
                self._banner.say(_ASIDE.filled(path=path))

        self.ask.answered.connect(restore)
        self.ask.chosen.connect(lambda _: self.keeper.forget(origin))
        self.ask.cancelled.connect(put_aside)
