"""Asks for something before it is done: a line, a reason, a choice. It is opened, never executed; signals answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading, quiet

CANCEL: Final = Say("取消", "Cancel")
_MISSING: Final = Say("请填写“{what}”。", "Enter “{what}”.")
_WIDTH: Final = 460
_REASON_HEIGHT: Final = 84


def _nothing_wrong(_: str) -> Say | None:
    return None


@dataclass(frozen=True)
class Line:
    """A line to type, or with `long` a text of some lines. `wrong` says what is wrong with what was typed."""

    name: str
    say: Say
    text: str = ""
    required: bool = True
    long: bool = False
    wrong: Callable[[str], Say | None] = _nothing_wrong


def reason(say: Say = Say("原因", "Reason"), *, required: bool = True) -> Line:  # noqa: B008 - it cannot be changed
    """Return the question why; its answer is named `reason`."""
    return Line("reason", say, required=required, long=True)


@dataclass(frozen=True)
class Choice:
    """One of some values, the first one before anybody chooses."""

    name: str
    say: Say
    options: Sequence[tuple[Any, Say]]


@dataclass(frozen=True)
class Tick:
    """Yes or no."""

    name: str
    say: Say
    ticked: bool = False


Part = Line | Choice | Tick


class Ask(QDialog):
    """A dialog made of parts. Show it by `open()`; one of the signals tells how it ended, and then it is gone.

    Lines are given without the spaces around them. Return in a line and Ctrl+Return anywhere are the first button.
    """

    answered = Signal(object)
    """The answers by name: `{"reason": "…"}`; empty when nothing was asked."""
    chosen = Signal(str)
    """The name of another button of `others`."""
    cancelled = Signal()

    def __init__(
        self,
        context: Context,
        parent: QWidget,
        say: Say,
        about: Say,
        accept: Say,
        parts: Sequence[Part] = (),
        *,
        others: Mapping[str, Say] | None = None,
        danger: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self._context = context
        self._parts = parts
        self._reads: dict[str, Callable[[], Any]] = {}
        self.widgets: dict[str, QWidget] = {}
        """The inputs by the names of their parts."""
        context.language.bind(self, self.setWindowTitle, say)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(8)
        named = heading(context, say)
        named.setWordWrap(True)
        column.addWidget(named)
        if any(about):
            column.addWidget(quiet(context, about))
        for part in parts:
            self._add(column, part)
        self._wrong = QLabel(wordWrap=True)
        self._wrong.setObjectName("wrong")
        self._wrong.hide()
        column.addWidget(self._wrong)
        column.addSpacing(6)
        column.addLayout(self._buttons(accept, others or {}, danger=danger))
        shortcut = QShortcut(QKeySequence("Ctrl+Return"), self)
        shortcut.activated.connect(self._answer)
        self.rejected.connect(self.cancelled)
        # A least width of one's own keeps Qt from making room for longer words.
        context.language.changed.connect(self.adjustSize)

    def answer(self, **answers: Any) -> None:
        """Enter answers and press the first button, as tests do."""
        for name, value in answers.items():
            widget = self.widgets[name]
            if isinstance(widget, QLineEdit):
                widget.setText(value)
            elif isinstance(widget, QPlainTextEdit):
                widget.setPlainText(value)
            elif isinstance(widget, QComboBox):
                widget.setCurrentIndex(widget.findData(value))
            elif isinstance(widget, QCheckBox):
                widget.setChecked(value)
        self.first.click()

    def _add(self, column: QVBoxLayout, part: Part) -> None:
        language = self._context.language
        widget: QWidget
        if isinstance(part, Tick):
            box = QCheckBox()
            box.setChecked(part.ticked)
            language.bind(box, box.setText, part.say)
            self._reads[part.name], widget = box.isChecked, box
            column.addWidget(box)
        else:
            label = QLabel()
            language.bind(label, label.setText, part.say)
            column.addWidget(label)
            widget = self._choice(part) if isinstance(part, Choice) else self._line(part)
            label.setBuddy(widget)
            column.addWidget(widget)
        language.bind(widget, widget.setAccessibleName, part.say)
        self.widgets[part.name] = widget

    def _choice(self, part: Choice) -> QWidget:
        box = QComboBox()
        for value, say in part.options:
            box.addItem(self._context.language(say), value)
        self._reads[part.name] = box.currentData
        return box

    def _line(self, part: Line) -> QWidget:
        if part.long:
            text = QPlainTextEdit(part.text, tabChangesFocus=True)
            text.setFixedHeight(_REASON_HEIGHT)
            self._reads[part.name] = lambda: text.toPlainText().strip()
            return text
        line = QLineEdit(part.text)
        line.selectAll()
        self._reads[part.name] = lambda: line.text().strip()
        return line

    def _buttons(self, accept: Say, others: Mapping[str, Say], *, danger: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        for name, say in others.items():
            row.addWidget(self._plain(say, partial(self._choose, name)))
        row.addStretch(1)
        row.addWidget(self._plain(CANCEL, self.reject))
        self.first = button(self._context, accept, self._answer, primary=not danger)
        if danger:
            self.first.setObjectName("danger")
        self.first.setDefault(True)
        row.addWidget(self.first)
        return row

    def _plain(self, say: Say, clicked: Callable[[], object]) -> QPushButton:
        made = button(self._context, say, clicked)
        made.setAutoDefault(False)
        return made

    def _choose(self, name: str) -> None:
        self.blockSignals(True)
        self.close()
        self.blockSignals(False)
        self.chosen.emit(name)

    def _answer(self) -> None:
        answers = {name: read() for name, read in self._reads.items()}
        for part in self._parts:
            if isinstance(part, Line) and (wrong := _wrong(part, answers[part.name])) is not None:
                self._wrong.setText(self._context.language(wrong))
                self._wrong.setAccessibleName(self._wrong.text())
                self._wrong.show()
                self.widgets[part.name].setFocus()
                return
        self.accept()
        self.answered.emit(answers)


def _wrong(part: Line, text: str) -> Say | None:
    if not text:
        return _MISSING.filled(what=part.say) if part.required else None
    return part.wrong(text)
