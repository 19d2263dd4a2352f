"""What the window asks of every screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QWidget

from admin_gui.domain.rights import Rights
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace
from admin_gui.services.connection import Connection
from admin_gui.views.routes import Routes
from admin_gui.widgets.context import Context


@dataclass(frozen=True)
class Desk:
    """What a screen is made with. `workspace` is the opened folder; None on a cluster."""

    context: Context
    connection: Connection
    rights: Rights
    routes: Routes
    workspace: Workspace | None = None


@dataclass(frozen=True)
class Command:
    """Something that can be done on a screen: in the palette and by its shortcut while the screen is shown."""

    name: str
    say: Say
    act: Callable[[], object]
    shortcut: QKeySequence | QKeySequence.StandardKey | str | None = None


class ScreenWidget(QWidget):
    """A screen. It is made once a connection, and shown and left many times."""

    def load(self) -> None:
        """It is shown now, or to be read again: ask for what it shows. Never blocks."""

    def leave(self) -> None:
        """It is no longer shown: end what only matters while somebody looks, such as a live tail."""

    def may_leave(self, then: Callable[[], object]) -> bool:
        """Whether it may be left for good now, with nothing unsaved.

        If not, it asks what to do, and calls `then` once it is done: leaving begins anew. Never blocks.
        """
        del then
        return True

    def commands(self) -> Sequence[Command]:
        """What can be done here; asked once."""
        return ()
