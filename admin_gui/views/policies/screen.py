"""The policies' screen: a folder's files, or what the service has in force, as drafts and as revisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QVBoxLayout

from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace
from admin_gui.views.policies.folder import FolderPages
from admin_gui.views.policies.lifecycle import Lifecycle
from admin_gui.views.policies.workbench import Workbench
from admin_gui.views.screen import Command, Desk, ScreenWidget
from admin_gui.widgets.banner import Banner

_SAVE: Final = Say("保存", "Save")
_FIND: Final = Say("查找和替换", "Find and replace")
_NEXT: Final = Say("下一个问题", "Next problem")
_PREVIOUS: Final = Say("上一个问题", "Previous problem")


class PoliciesScreen(ScreenWidget):
    """Edits a folder; without one it leads drafts from text to revision."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.banner = Banner(desk.context)
        self.workbench = Workbench(desk.context, desk.connection, self.banner)
        self.workbench.views.offer(simulate=desk.rights.may("simulate"))
        self.workbench.views.scenario_chosen.connect(desk.routes.scenario_chosen)
        self.lifecycle: Lifecycle | None = None
        self.folder: FolderPages | None = None
        self._pages: Lifecycle | FolderPages
        if desk.workspace is None:
            self._pages = self.lifecycle = Lifecycle(desk, self.workbench, self.banner)
        else:
            self._pages = self.folder = FolderPages(desk, desk.workspace, self.workbench, self.banner)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(self.banner)
        column.addWidget(self._pages, 1)
        desk.routes.place_chosen.connect(self.open_place)
        desk.routes.workspace_changed.connect(self.workbench.read_again)

    @property
    def workspace(self) -> Workspace | None:
        """What is on the workbench."""
        return self.workbench.workspace

    def load(self) -> None:
        """Show the folder; without one, what the service has."""
        self._pages.load()

    def leave(self) -> None:
        """Keep what is unsaved at once: the connection may end while the screen is not shown."""
        self._pages.leave()

    def save(self) -> bool:
        """Keep what was changed; return whether all went well, or is on its way."""
        return self._pages.save()

    def may_leave(self, then: Callable[[], object]) -> bool:
        """Whether nothing is unsaved; otherwise ask, or save, and go on with `then`."""
        return self._pages.may_leave(then)

    def commands(self) -> Sequence[Command]:
        """Save, and go from problem to problem."""
        return (
            Command("save", _SAVE, self.save, QKeySequence.StandardKey.Save),
            Command("find", _FIND, self.workbench.find_bar.begin, QKeySequence.StandardKey.Find),
            Command("next", _NEXT, self.workbench.next_problem, "F8"),
            Command("previous", _PREVIOUS, lambda: self.workbench.next_problem(-1), "Shift+F8"),
            *self._pages.commands(),
        )

    def open_place(self, place: str) -> None:
        """Show `file:line:column`."""
        self._pages.show_text()
        self.workbench.open_place(place)
