"""The policies' screen: a folder's files, or what the service has in force, as drafts and as revisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMessageBox, QVBoxLayout

from admin_gui.domain.recovery import Origin
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace, WorkspaceError
from admin_gui.views.policies.keeping import Keeper, offer
from admin_gui.views.policies.lifecycle import Lifecycle
from admin_gui.views.policies.workbench import Workbench
from admin_gui.views.screen import Command, Desk, ScreenWidget
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button

_SAVE: Final = Say("保存", "Save")
_FIND: Final = Say("查找和替换", "Find and replace")
_NEXT: Final = Say("下一个问题", "Next problem")
_PREVIOUS: Final = Say("上一个问题", "Previous problem")
_SAVED: Final = Say("已保存 {count} 个文件。", "{count} files saved.")
_UNSAVED: Final = Say("有未保存的修改", "There are unsaved changes")
_UNSAVED_ABOUT: Final = Say("保存 {files} 吗？", "Save {files}?")
_ASIDE: Final = Say("未恢复的修改保留在 {path}。", "The changes that were not restored are in {path}.")


class PoliciesScreen(ScreenWidget):
    """Edits a folder; without one it leads drafts from text to revision."""

    saved = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk, self._context = desk, desk.context
        self._folder = desk.workspace
        self.ask: Ask | None = None
        """The last question, for tests."""
        self.banner = Banner(desk.context)
        self.workbench = Workbench(desk.context, desk.connection, self.banner)
        self.workbench.views.offer(simulate=desk.rights.may("simulate"))
        self.workbench.views.scenario_chosen.connect(desk.routes.scenario_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(self.banner)
        self._keeper = Keeper(desk.context, self)
        self.lifecycle: Lifecycle | None = None
        if self._folder is None:
            self.lifecycle = Lifecycle(desk, self.workbench, self.banner)
            column.addWidget(self.lifecycle, 1)
        else:
            self.workbench.checked.connect(lambda _: self.banner.clear())
            self.workbench.edited.connect(self._keeper.touch)
            self._save = button(desk.context, _SAVE, self.save, primary=True)
            self.workbench.head.addWidget(self._save)
            column.addWidget(self.workbench, 1)
        desk.routes.place_chosen.connect(self.open_place)
        desk.routes.workspace_changed.connect(self.workbench.read_again)

    @property
    def workspace(self) -> Workspace | None:
        """What is on the workbench."""
        return self.workbench.workspace

    def load(self) -> None:
        """Show the folder; without one, what the service has."""
        if self.lifecycle is not None:
            self.lifecycle.load()
        elif self.workspace is None and self._folder is not None:
            self.workbench.show_workspace(self._folder)
            self._recover(self._folder)

    def leave(self) -> None:
        """Keep what is unsaved at once: the connection may end while the screen is not shown."""
        if self.lifecycle is None:
            self._keeper.write()
        else:
            self.lifecycle.session.keeper.write()
            self.lifecycle.session.save()

    def save(self) -> bool:
        """Keep what was changed; return whether all went well, or is on its way."""
        if self.lifecycle is not None:
            self.lifecycle.session.save()
            return True
        if self.workspace is None:
            return True
        try:
            count = len(self.workspace.save())
        except WorkspaceError as error:
            self.banner.say(Say(str(error), str(error)), "danger")
            return False
        finally:
            self.workbench.mark_files()
            self._keeper.touch()
        if count:
            self.banner.say(_SAVED.filled(count=count))
            self.saved.emit()
        return True

    def may_leave(self) -> bool:
        """Ask what to do with unsaved changes; return whether to go on."""
        if self.lifecycle is not None:
            return self.lifecycle.session.may_leave()
        changed = [] if self.workspace is None else self.workspace.changed
        if not changed:
            self._keeper.drop()
            return True
        say, box = self._context.language, QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(say(_UNSAVED))
        box.setInformativeText(say(_UNSAVED_ABOUT.filled(files=", ".join(changed))))
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        chosen = box.exec()
        leaves = self.save() if chosen == buttons.Save else bool(chosen == buttons.Discard)
        if leaves:
            self._keeper.drop()
        return leaves

    def commands(self) -> Sequence[Command]:
        """Save, and go from problem to problem."""
        own = (
            Command("save", _SAVE, self.save, QKeySequence.StandardKey.Save),
            Command("find", _FIND, self.workbench.find_bar.begin, QKeySequence.StandardKey.Find),
            Command("next", _NEXT, self.workbench.next_problem, "F8"),
            Command("previous", _PREVIOUS, lambda: self.workbench.next_problem(-1), "Shift+F8"),
        )
        return own if self.lifecycle is None else (*own, *self.lifecycle.commands())

    def open_place(self, place: str) -> None:
        """Show `file:line:column`."""
        if self.lifecycle is not None:
            self.lifecycle.show_text()
        self.workbench.open_place(place)

    def _recover(self, workspace: Workspace) -> None:
        if workspace.folder is None:
            return
        origin = Origin("folder", str(workspace.folder.resolve()))
        unsaved = self._keeper.found(origin)
        self._keeper.follow(origin, workspace)
        if unsaved is None:
            return
        self.ask = offer(self._context, self, unsaved)

        def restore(_: object) -> None:
            unsaved.put_into(workspace)
            self.workbench.show_workspace(workspace)
            self._keeper.touch()

        def put_aside() -> None:
            if (path := self._keeper.set_aside(origin)) is not None:
                self.banner.say(_ASIDE.filled(path=path))

        self.ask.answered.connect(restore)
        self.ask.chosen.connect(lambda _: self._keeper.forget(origin))
        self.ask.cancelled.connect(put_aside)
