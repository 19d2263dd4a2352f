"""The form of a request, generated from the attributes that the rules ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from admin_gui.domain.form import SECTIONS, Entry, entered, shown
from admin_gui.domain.say import Say, plain
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import heading

_PAUSE_MILLISECONDS = 150
_LABEL_WIDTH = 112
_WRONG = Say("不是该属性的值", "not a value of this attribute")


class RequestForm(QScrollArea):
    """A line for each attribute, with its label; allowed values to choose from, others to type."""

    changed = Signal()
    """Something was entered, a moment ago."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._context = context
        self.entries: Sequence[Entry] = ()
        self._boxes: dict[str, QComboBox] = {}
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self.changed)

    def build(self, entries: Sequence[Entry]) -> None:
        """Show these lines; what was entered before stays where the attribute stays."""
        before = {name: _held(box) for name, box in self._boxes.items()}
        self.entries, self._boxes = entries, {}
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 0, 14, 8)
        for section, say in SECTIONS.items():
            mine = [entry for entry in entries if entry.section == section and entry.used]
            if not mine:
                continue
            column.addSpacing(6)
            column.addWidget(heading(self._context, say))
            form = QFormLayout()
            form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            form.setHorizontalSpacing(10)
            for entry in mine:
                form.addRow(self._label(entry), self._box(entry, before.get(entry.name)))
            column.addLayout(form)
        column.addStretch(1)
        self.setWidget(inner)

    def enter(self, values: Mapping[str, Any]) -> None:
        """Show these values, and nothing else."""
        for name, box in self._boxes.items():
            box.blockSignals(True)
            _put(box, values.get(name))
            box.blockSignals(False)
        self._pause.start(0)

    def values(self) -> dict[str, Any]:
        """Return what was entered, by dotted name; what is no value of its attribute is left out and marked."""
        found = {}
        for entry in self.entries:
            box = self._boxes.get(entry.name)
            if box is None:
                continue
            try:
                value = _chosen(box, entry)
            except ValueError:
                self._mark(box, wrong=True)
                continue
            self._mark(box, wrong=False)
            if value is not None:
                found[entry.name] = value
        return found

    def _label(self, entry: Entry) -> QLabel:
        label = QLabel(wordWrap=True)
        # All sections alike, so that the boxes stand below one another.
        label.setFixedWidth(_LABEL_WIDTH)
        label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        label.setToolTip(entry.name)
        self._context.language.bind(label, label.setText, entry.label)
        return label

    def _box(self, entry: Entry, value: Any) -> QComboBox:
        box = QComboBox(editable=True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.setObjectName(entry.name)
        box.setMinimumContentsLength(10)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

        def write(_: str = "") -> None:
            held = box.currentData() if box.currentIndex() >= 0 else None
            typed = box.currentText()
            box.blockSignals(True)
            box.clear()
            for choice in entry.choices:
                text, label = shown(choice.value), self._context.language(choice.label)
                box.addItem(f"{text}  {label}" if label and label != text else text, choice.value)
            box.setCurrentIndex(-1)
            _put(box, held) if held is not None else box.setEditText(typed)
            box.blockSignals(False)

        self._context.language.bind(box, write, plain(""))
        _put(box, value)
        self._context.language.bind(box, box.setAccessibleName, entry.label)
        box.currentTextChanged.connect(lambda _: self._pause.start())
        self._boxes[entry.name] = box
        return box

    def _mark(self, box: QComboBox, *, wrong: bool) -> None:
        line, word = box.lineEdit(), str(wrong).lower()
        if line is not None and line.property("wrong") != word:
            line.setProperty("wrong", word)
            line.setToolTip(self._context.language(_WRONG) if wrong else "")
            line.style().unpolish(line)
            line.style().polish(line)


def _held(box: QComboBox) -> Any:
    """Return what a box holds: the value of a choice, or the text that was typed."""
    index = box.currentIndex()
    chosen = index >= 0 and box.itemText(index) == box.currentText()
    return box.itemData(index) if chosen else box.currentText() or None


def _put(box: QComboBox, value: Any) -> None:
    index = -1 if value is None else box.findData(value)
    box.setCurrentIndex(index)
    if index < 0:
        box.setEditText(shown(value))
    if (line := box.lineEdit()) is not None:
        # A long one shows its beginning, which is the code.
        line.setCursorPosition(0)


def _chosen(box: QComboBox, entry: Entry) -> Any:
    """Return the chosen value, or what was typed."""
    index = box.currentIndex()
    if index >= 0 and box.itemText(index) == box.currentText():
        value = box.itemData(index)
        return [value] if entry.is_list else value
    return entered(entry, box.currentText())
