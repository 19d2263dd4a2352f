"""The actions of the window: one table for menus, shortcuts and the palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context


class Actions:
    """Makes actions and remembers them in the order in which they were made."""

    def __init__(self, window: QWidget, context: Context) -> None:
        self._window = window
        self._context = context
        self.all: list[QAction] = []

    def add(
        self,
        name: str,
        say: Say,
        act: Callable[[], object],
        shortcut: QKeySequence | QKeySequence.StandardKey | str | None = None,
    ) -> QAction:
        """Return a new action; `name` tells it apart in tests and settings."""
        made = QAction(self._window)
        made.setObjectName(name)
        self._context.language.bind(made, made.setText, say)
        if shortcut is not None:
            made.setShortcut(shortcut)
        made.triggered.connect(lambda _=False: act())
        self._window.addAction(made)
        self.all.append(made)
        return made

    def forget(self, actions: Iterable[QAction]) -> None:
        """Take actions away with the screen that they belong to."""
        for action in actions:
            self.all.remove(action)
            self._window.removeAction(action)
            action.deleteLater()
