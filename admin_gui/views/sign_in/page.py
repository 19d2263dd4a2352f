"""What all steps of signing in have in common: a column, what is the matter, and that one waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.calls import Call
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import heading, quiet


class Page(QWidget):
    """A step. While something was asked its button is off and a bar moves."""

    def __init__(self, context: Context, say: Say, about: Say | None = None) -> None:
        super().__init__()
        self.context = context
        self._call: Call | None = None
        self.banner = Banner(context)
        self._bar = QProgressBar(minimum=0, maximum=0, textVisible=False)
        self._bar.setFixedHeight(3)
        self._bar.hide()
        self._buttons: list[QPushButton] = []
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(5)
        self.column.addWidget(heading(context, say))
        if about is not None:
            self.column.addWidget(quiet(context, about))
        self.column.addWidget(self.banner)

    def finish(self, *buttons: QPushButton) -> None:
        """Add the bar and the buttons below what the page has, the last one on the right."""
        self._buttons = list(buttons)
        row = QHBoxLayout()
        for button in buttons[:-1]:
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(buttons[-1])
        buttons[-1].setDefault(True)
        self.column.addSpacing(6)
        self.column.addWidget(self._bar)
        self.column.addLayout(row)

    def follow(
        self,
        call: Call,
        answered: Callable[..., object],
        told: Callable[[Failure], Failure],
        retry: Callable[[], object] | None = None,
    ) -> None:
        """Wait for an answer; `told` says a failure in the words of this page, and `retry` asks again."""
        self.cancel()
        self._call = call
        self._wait(waiting=True)
        self.banner.clear()
        call.answered.connect(answered)
        call.ended.connect(lambda: self._wait(waiting=False))
        call.failed.connect(lambda failure: self.fail(told(failure), retry))

    def fail(self, failure: Failure, retry: Callable[[], object] | None = None) -> None:
        """Say what went wrong; `retry` tries it again."""
        self._wait(waiting=False)
        # Nothing here is tried again by itself: it would show a password or a code once more.
        self.banner.tell(replace(failure, reason="NOT_REACHED") if failure.is_away else failure, retry)

    def cancel(self) -> None:
        """Wait no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._wait(waiting=False)

    @property
    def is_waiting(self) -> bool:
        """Whether something was asked, and no answer has come."""
        return self._call is not None and not self._call.is_over

    def _wait(self, *, waiting: bool) -> None:
        self._bar.setVisible(waiting)
        if self._buttons:
            self._buttons[-1].setEnabled(not waiting)
