"""Labels by what they are, written in the language of now."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLabel, QPushButton

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context


def title(context: Context, say: Say | Callable[[], Say]) -> QLabel:
    """Return the title of a screen."""
    return _label(context, say, "title")


def heading(context: Context, say: Say | Callable[[], Say]) -> QLabel:
    """Return the heading of a part."""
    return _label(context, say, "heading")


def quiet(context: Context, say: Say | Callable[[], Say]) -> QLabel:
    """Return a text that explains."""
    found = _label(context, say, "quiet")
    found.setWordWrap(True)
    return found


def button(context: Context, say: Say, clicked: Callable[[], object], *, primary: bool = False) -> QPushButton:
    """Return a button."""
    made = QPushButton()
    if primary:
        made.setObjectName("primary")
    context.language.bind(made, made.setText, say)
    made.clicked.connect(lambda _=False: clicked())
    return made


def _label(context: Context, say: Say | Callable[[], Say], name: str) -> QLabel:
    made = QLabel()
    made.setObjectName(name)
    context.language.bind(made, made.setText, say)
    return made
