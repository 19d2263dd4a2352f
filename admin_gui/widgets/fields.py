"""Lines to type in, each below its name."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

_SHOW = Say("显示", "Show")


def field(context: Context, column: QVBoxLayout, say: Say, *, hint: Say | None = None) -> QLineEdit:
    """Add a line with its name above it to a column, and return it."""
    line = QLineEdit()
    _name(context, column, line, say)
    if hint is not None:
        context.language.bind(line, line.setPlaceholderText, hint)
    column.addWidget(line)
    return line


def secret_field(context: Context, column: QVBoxLayout, say: Say) -> QLineEdit:
    """Add a line whose text nobody sees unless a button beside it is held, and return it."""
    line = QLineEdit(echoMode=QLineEdit.EchoMode.Password)
    _name(context, column, line, say)
    show = QToolButton(line)
    show.setText("···")
    show.setObjectName("reveal")
    show.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    context.language.bind(show, show.setToolTip, _SHOW)
    context.language.bind(show, show.setAccessibleName, _SHOW)
    show.pressed.connect(lambda: line.setEchoMode(QLineEdit.EchoMode.Normal))
    show.released.connect(lambda: line.setEchoMode(QLineEdit.EchoMode.Password))
    inner = QVBoxLayout(line)
    inner.setContentsMargins(0, 0, 4, 0)
    inner.addWidget(show, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    column.addWidget(line)
    return line


def _name(context: Context, column: QVBoxLayout, widget: QWidget, say: Say) -> None:
    label = QLabel()
    context.language.bind(label, label.setText, say)
    # A name belongs to the line below it, not to the one above.
    label.setContentsMargins(0, 4, 0, 0)
    label.setBuddy(widget)
    context.language.bind(widget, widget.setAccessibleName, say)
    column.addWidget(label)
