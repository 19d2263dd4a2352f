"""A dialog with several lines that stays open, with all that was entered, until the service has taken it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.calls import Call
from admin_gui.widgets.ask import CANCEL
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading, quiet

_REASON: Final = Say("原因", "Reason")
_FILL: Final = Say("请填写“{what}”。", "Enter “{what}”.")
_WIDTH: Final = 560
_REASON_HEIGHT: Final = 60


class Form(QDialog):
    """A heading, what it is about, a banner for what is wrong, and whatever a subclass adds; last comes the reason."""

    def __init__(self, context: Context, parent: QWidget, say: Say, about: Say, accept: Say) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self.context = context
        self._call: Call | None = None
        context.language.bind(self, self.setWindowTitle, say)
        self.banner = Banner(context)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(22, 18, 22, 18)
        self.column.setSpacing(4)
        self.column.addWidget(heading(context, say))
        self.column.addWidget(quiet(context, about))
        self.column.addWidget(self.banner)
        self.reason = QPlainTextEdit(tabChangesFocus=True)
        self.reason.setFixedHeight(_REASON_HEIGHT)
        self.go = button(context, accept, self.enter, primary=True)
        self.go.setDefault(True)

    def enter(self) -> None:
        """Look at what was entered, and tell it; a subclass does."""
        raise NotImplementedError

    def follow(self, call: Call) -> None:
        """Wait until the service has taken it; what it refuses stands in the form, and nothing is lost."""
        self._call = call
        self.banner.clear()
        self.go.setEnabled(False)
        call.answered.connect(self._taken)
        call.failed.connect(self._refused)

    def reject(self) -> None:
        """Close it; what is still under way is no longer waited for."""
        if self._call is not None:
            self._call.cancel()
        super().reject()

    def finish(self) -> None:
        """Add the reason and the buttons below what the form has."""
        self.named(self.column, _REASON, self.reason)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = button(self.context, CANCEL, self.reject)
        cancel.setAutoDefault(False)
        row.addWidget(cancel)
        row.addWidget(self.go)
        self.column.addSpacing(6)
        self.column.addLayout(row)

    def named(self, column: QVBoxLayout, say: Say, widget: QWidget) -> None:
        """Add a widget with its name above it."""
        label = QLabel()
        self.context.language.bind(label, label.setText, say)
        label.setContentsMargins(0, 4, 0, 0)
        label.setBuddy(widget)
        self.context.language.bind(widget, widget.setAccessibleName, say)
        column.addWidget(label)
        column.addWidget(widget)

    def missing(self, widget: QWidget, what: Say) -> None:
        """Say that something has to be filled in."""
        self.wrong(widget, _FILL.filled(what=what))

    def wrong(self, widget: QWidget, said: Say) -> None:
        """Say what is wrong with a line, and go there."""
        self.banner.say(said, "warning")
        widget.setFocus()

    @property
    def why(self) -> str:
        """The reason; empty for none, which is said."""
        found = self.reason.toPlainText().strip()
        if not found:
            self.missing(self.reason, _REASON)
        return found

    def _taken(self, _: object) -> None:
        self._call = None
        self.accept()

    def _refused(self, failure: Failure) -> None:
        self._call = None
        self.go.setEnabled(True)
        self.banner.tell(replace(failure, reason="NOT_DONE") if failure.code == "UNAUTHENTICATED" else failure)


def names(text: str) -> list[str]:
    """Return what stands between commas, be they Chinese ones, and spaces."""
    return [part for one in phrases(text) for part in one.split()]


def phrases(text: str) -> list[str]:
    """Return what stands between commas, be they Chinese ones; spaces belong to it."""
    return [one.strip() for one in text.replace("，", ",").replace("、", ",").split(",") if one.strip()]


def columns(form: Form, *shares: int) -> list[QVBoxLayout]:
    """Add columns beside each other to a form, each with its share of the width."""
    across = QHBoxLayout()
    across.setSpacing(12)
    made = []
    for share in shares:
        column = QVBoxLayout()
        column.setSpacing(4)
        across.addLayout(column, share)
        made.append(column)
    form.column.addLayout(across)
    return made
