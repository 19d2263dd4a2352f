"""What the tabs of the accounts' screen have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.calls import Call
from admin_gui.theme.style import code_font
from admin_gui.views.accounts.form import Form
from admin_gui.views.screen import Desk
from admin_gui.widgets.ask import Ask, Part, reason
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button, heading, quiet

_GAP: Final = 10
_COPY: Final = Say("复制", "Copy")
_CLOSE: Final = Say("已妥善保存，关闭", "I have put it away")


class Tab(QWidget):
    """A tab: a banner above what it shows. A list that is asked for anew overtakes the one before."""

    title = Say("", "")

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk, self.context, self.rights = desk, desk.context, desk.rights
        self.banner = Banner(self.context)
        self._reads: dict[str, Call] = {}
        self._does: Call | None = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(4, 10, 4, 0)
        self.column.addWidget(self.banner)

    def load(self) -> None:
        """Ask for what is shown."""

    def leave(self) -> None:
        """Ask for nothing any more."""
        for call in self._reads.values():
            call.cancel()
        self._reads = {}

    def read(self, what: str, call: Call, answered: Callable[[Any], object]) -> None:
        """Wait for an answer to a question of which only the last one matters."""
        if what in self._reads:
            self._reads[what].cancel()
        self._reads[what] = call
        call.answered.connect(answered)
        call.failed.connect(lambda failure: self.banner.tell(failure, self.load))

    def do(
        self, call: Call, done: Callable[[Any], object], said: Say | None = None, *, form: Form | None = None
    ) -> None:
        """Wait for something that is being done, say that it is, and show what is so now; a `form` stays open for it,
        and says what is refused.
        """
        self._does = call
        self.banner.clear()

        def answered(answer: Any) -> None:
            if said is not None:
                self.banner.say(said)
            done(answer)
            self.load()

        call.answered.connect(answered)
        if form is None:
            call.failed.connect(self._not_done)
        else:
            form.follow(call)

    def ask(
        self,
        say: Say,
        about: Say,
        accept: Say,
        act: Callable[[dict[str, Any]], object],
        parts: Sequence[Part] | None = None,
        *,
        danger: bool = False,
        required: bool | None = True,
    ) -> Ask:
        """Open a dialog that asks for parts, and for a reason unless `required` is None, and then act."""
        wanted = [*(parts or ()), *([] if required is None else [reason(required=required)])]
        made = Ask(self.context, self, say, about, accept, wanted, danger=danger)
        made.answered.connect(act)
        made.open()
        return made

    def split(
        self, name: str, sizes: Mapping[QWidget, int], orientation: Qt.Orientation = Qt.Orientation.Horizontal
    ) -> QSplitter:
        """Return widgets beside or above each other, with their sizes until somebody moves them; that is remembered."""
        made, settings, key = QSplitter(orientation), self.context.settings, f"accounts/{name}/split"
        made.setChildrenCollapsible(False)
        made.setHandleWidth(_GAP)
        for widget in sizes:
            made.addWidget(widget)
        made.setSizes(list(sizes.values()))
        if (state := settings.value(key)) is not None:
            made.restoreState(state)
        made.splitterMoved.connect(lambda *_: settings.setValue(key, made.saveState()))
        return made

    def offer_below(self, *buttons: QPushButton) -> None:
        """Add a row of buttons at the bottom."""
        row = QHBoxLayout()
        for one in buttons:
            row.addWidget(one)
        row.addStretch(1)
        self.column.addLayout(row)

    def _not_done(self, failure: Failure) -> None:
        self.banner.tell(replace(failure, reason="NOT_DONE") if failure.code == "UNAUTHENTICATED" else failure)
        # What is shown may be what somebody else has changed.
        if failure.code in ("ABORTED", "FAILED_PRECONDITION", "NOT_FOUND"):
            self.load()


class Once(QDialog):
    """Shows something secret that nobody is told again."""

    def __init__(self, tab: Tab, say: Say, about: Say, secret: str) -> None:
        super().__init__(tab)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(480)
        context = tab.context
        context.language.bind(self, self.setWindowTitle, say)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.addWidget(heading(context, say))
        column.addWidget(quiet(context, about))
        self.secret = QLineEdit(secret, readOnly=True)
        self.secret.setFont(code_font())
        context.language.bind(self.secret, self.secret.setAccessibleName, say)
        row = QHBoxLayout()
        row.addWidget(self.secret, 1)
        row.addWidget(button(context, _COPY, lambda: QApplication.clipboard().setText(secret)))
        column.addLayout(row)
        self.close_button = button(context, _CLOSE, self.accept, primary=True)
        column.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignRight)
