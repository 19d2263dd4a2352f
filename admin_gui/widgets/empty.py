"""What stands where nothing is to be shown: why there is nothing, and what to do next."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.theme.icons import icon
from admin_gui.widgets.context import Context

_ICON_PIXELS = 40
_TEXT_PIXELS = 420


class Empty(QWidget):
    """A drawing (a name of `theme.icons`), a heading, a sentence and at most a few buttons, in the middle."""

    def __init__(
        self, context: Context, drawing: str, heading: Say, text: Say | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._drawing = context, drawing
        self._heading_said, self._text_said = heading, text or Say("", "")
        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._heading = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._heading.setObjectName("heading")
        self._text = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._text.setObjectName("quiet")
        for label in (self._heading, self._text):
            label.setFixedWidth(_TEXT_PIXELS)
            label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        for part in (self._icon, self._heading, self._text):
            column.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(6)
        column.addLayout(self._buttons)
        column.addStretch(3)
        self._buttons.addStretch(1)
        self._buttons.addStretch(1)
        context.language.bind(self._heading, self._write_heading, lambda: self._heading_said)
        context.language.bind(self._text, self._write_text, lambda: self._text_said)
        context.theme.changed.connect(self._draw)
        self._draw()

    def say(self, heading: Say, text: Say | None = None) -> None:
        """Say something else."""
        self._heading_said, self._text_said = heading, text or Say("", "")
        self._write_heading(self._context.language(self._heading_said))
        self._write_text(self._context.language(self._text_said))

    def offer(self, say: Say, act: Callable[[], object], *, primary: bool = False) -> QPushButton:
        """Add a button for what can be done next."""
        made = QPushButton()
        if primary:
            made.setObjectName("primary")
        self._context.language.bind(made, made.setText, say)
        made.clicked.connect(lambda _=False: act())
        self._buttons.insertWidget(self._buttons.count() - 1, made)
        return made

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Its fonts are known only now."""
        super().showEvent(event)
        self._fit()

    def _write_heading(self, text: str) -> None:
        self._heading.setText(text)
        self._fit()

    def _write_text(self, text: str) -> None:
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._fit()

    def _fit(self) -> None:
        # Centred in a column, a label that wraps would be given the height of another width.
        for label in (self._heading, self._text):
            label.setFixedHeight(max(label.heightForWidth(_TEXT_PIXELS), 0))

    def _draw(self) -> None:
        drawn = icon(self._drawing, self._context.theme.tokens.quiet)
        self._icon.setPixmap(drawn.pixmap(QSize(_ICON_PIXELS, _ICON_PIXELS)))
