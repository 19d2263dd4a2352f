"""The line above the result: by which text, at what time, and under whose authorisation."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QDateTime, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDateTimeEdit,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain.say import Say
from admin_gui.domain.situation import STEPS, Step
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import quiet

_TEXT: Final = Say("策略文本", "Policy text")
_IN_FORCE: Final = Say("现行版本", "in force")
_EDITED: Final = Say("正在编辑的文本，与现行对照", "as edited, beside in force")
_FROZEN: Final = Say("固定时间", "Fixed time")
_LEVEL: Final = Say("审批人级别", "Approver's level")
_STEP: Final = Say("步骤", "Step")
_NANOS: Final = 1_000_000_000
_MILLIS: Final = 1_000_000
_MOST_LEVEL: Final = 99


class Situation(QWidget):
    """Chooses; `changed` tells."""

    changed = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.text = QComboBox()
        self._has_edited = False
        context.language.bind(self.text, self._offer_texts, _IN_FORCE)
        context.language.bind(self.text, self.text.setAccessibleName, _TEXT)
        self.text.currentIndexChanged.connect(self.changed)
        self.frozen = QCheckBox()
        context.language.bind(self.frozen, self.frozen.setText, _FROZEN)
        self.when = QDateTimeEdit(QDateTime.currentDateTime(), calendarPopup=True, displayFormat="yyyy-MM-dd HH:mm")
        context.language.bind(self.when, self.when.setAccessibleName, _FROZEN)
        self.when.setEnabled(False)
        self.frozen.toggled.connect(self.when.setEnabled)
        self.frozen.toggled.connect(self.changed)
        self.when.dateTimeChanged.connect(self.changed)
        self.level = QSpinBox(minimum=0, maximum=_MOST_LEVEL, value=5)
        context.language.bind(self.level, self.level.setAccessibleName, _LEVEL)
        self.level.valueChanged.connect(self.changed)
        self._level_name = quiet(context, _LEVEL)
        self._level_name.setWordWrap(False)
        self._steps = QButtonGroup(self)
        self._names: list[Step] = list(STEPS)
        steps = QHBoxLayout()
        steps.setSpacing(4)
        for number, said in enumerate(STEPS.values()):
            made = QPushButton()
            made.setCheckable(True)
            made.setObjectName("step")
            context.language.bind(made, made.setText, said)
            self._steps.addButton(made, number)
            steps.addWidget(made)
        self._steps.button(0).setChecked(True)
        self._steps.idClicked.connect(lambda _: self._stepped())
        steps.addSpacing(10)
        steps.addWidget(self._level_name)
        steps.addWidget(self.level)
        steps.addStretch(1)
        first = QHBoxLayout()
        first.addWidget(self.text)
        first.addSpacing(10)
        first.addWidget(self.frozen)
        first.addWidget(self.when)
        first.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(first)
        column.addLayout(steps)
        self._show_level()

    @property
    def step(self) -> Step:
        """Where we are between looking, being authorised and looking again."""
        return self._names[self._steps.checkedId()]

    @property
    def by_edited(self) -> bool:
        """Whether the text that is being edited decides, beside the one in force."""
        return bool(self.text.currentData())

    def choose_step(self, step: Step) -> None:
        """Go to a step."""
        self._steps.button(self._names.index(step)).click()

    def choose_edited(self, *, edited: bool) -> None:
        """Decide by the text that is being edited, or by the one in force."""
        self.text.setCurrentIndex(int(edited and self._has_edited))

    def offer_edited(self, *, there: bool) -> None:
        """Offer the text that is being edited, or no more."""
        self._has_edited = there
        self._offer_texts()

    def freeze(self, nanos: int | None) -> None:
        """Be at a time, or at any time that it is."""
        for widget in (self.frozen, self.when):
            widget.blockSignals(True)
        self.frozen.setChecked(nanos is not None)
        self.when.setEnabled(nanos is not None)
        if nanos is not None:
            self.when.setDateTime(QDateTime.fromMSecsSinceEpoch(nanos // _MILLIS))
        for widget in (self.frozen, self.when):
            widget.blockSignals(False)

    def now_nanos(self) -> int:
        """Return the time to decide at."""
        if self.frozen.isChecked():
            return self.when.dateTime().toMSecsSinceEpoch() * _MILLIS
        return int(time.time()) * _NANOS

    def _offer_texts(self, _: str = "") -> None:
        chosen = self.text.currentIndex()
        self.text.blockSignals(True)
        self.text.clear()
        self.text.addItem(self._context.language(_IN_FORCE), userData=False)
        if self._has_edited:
            self.text.addItem(self._context.language(_EDITED), userData=True)
        self.text.setCurrentIndex(min(max(chosen, 0), self.text.count() - 1))
        self.text.blockSignals(False)
        self.text.setVisible(self._has_edited)

    def _stepped(self) -> None:
        self._show_level()
        self.changed.emit()

    def _show_level(self) -> None:
        for widget in (self.level, self._level_name):
            widget.setVisible(self.step in ("supervisor", "over"))
