"""A line across a screen that says what is the matter and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context

Kind = Literal["info", "warning", "danger"]
_COPY = Say("复制详情", "Copy details")
_RETRY = Say("重试", "Try again")


class Banner(QFrame):
    """Hidden until there is something to say."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._context = context
        self._said = Say("", "")
        self._details = ""
        self._retry: Callable[[], object] | None = None
        self._text = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._copy, self._again = QPushButton(), QPushButton()
        context.language.bind(self._copy, self._copy.setText, _COPY)
        context.language.bind(self._again, self._again.setText, _RETRY)
        context.language.bind(self._text, self._text.setText, lambda: self._said)
        self._copy.clicked.connect(lambda: QApplication.clipboard().setText(self._details))
        self._again.clicked.connect(self._try_again)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.addWidget(self._text, 1)
        row.addWidget(self._copy)
        row.addWidget(self._again)
        self.hide()

    def say(self, text: Say, kind: Kind = "info") -> None:
        """Show a text."""
        self._show(text, kind, "", None)

    def tell(self, failure: Failure, retry: Callable[[], object] | None = None) -> None:
        """Show what went wrong; `retry` tries it again."""
        self._show(failure.say, "warning" if failure.is_away else "danger", failure.details, retry)

    def clear(self) -> None:
        """Say nothing any more."""
        self.hide()

    def _show(self, text: Say, kind: Kind, details: str, retry: Callable[[], object] | None) -> None:
        self._said, self._details, self._retry = text, details, retry
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self._text.setText(self._context.language(text))
        self._text.setAccessibleName(self._text.text())
        self._copy.setVisible(bool(details))
        self._again.setVisible(retry is not None)
        self.show()

    def _try_again(self) -> None:
        retry, self._retry = self._retry, None
        self.hide()
        if retry is not None:
            retry()
