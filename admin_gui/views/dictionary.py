"""The dictionary: every field with its grade, its mask and the rules that speak of it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain import dictionary, dictionary_edit
from admin_gui.domain.dictionary import FieldLine, Use
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.simulation import Simulation
from admin_gui.services.texts import IN_FORCE, text_of
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button, heading, quiet, title
from admin_gui.widgets.tables import row_table
from jingxi_client._gen.pdp.v1 import simulation_service_pb2

_TITLE: Final = Say("字典", "Dictionary")
_FIND: Final = Say("按名称、编号、级别或标签查找…", "Find by name, id, grade or tag…")
_FIELD: Final = Say("字段", "Field")
_USES: Final = Say("提到它的规则", "Rules that speak of it")
_NO_USES: Final = Say("没有规则提到它，按默认处理。", "No rule speaks of it; its default holds.")
_MESSAGES: Final = Say("报文", "Messages")
_LEVEL, _MASK = Say("级别", "Grade"), Say("脱敏方式", "Mask")
_ZH, _EN = Say("中文名称", "Name in Chinese"), Say("英文名称", "Name in English")
_SAMPLE, _DEFAULT = Say("示例", "Sample"), Say("默认", "Default")
_APPLY: Final = Say("写入草稿", "Write into the draft")
_SHOW: Final = Say("在文本中查看", "Show in the text")
_WRITTEN: Final = Say(
    "已写入 {path}，请在策略页检查并保存。", "Written into {path}; check and save it on the policies' screen."
)
_LOST: Final = Say("正在编辑的文本里没有此字段。", "The text that is being edited does not have this field.")
_READING: Final = Say("正在读取…", "Reading…")
_COUNT: Final = Say("{count} 个字段，{unused} 个没有规则提到", "{count} fields, {unused} that no rule speaks of")
_PREVIEW: Final = Say("{sample} → {preview}", "{sample} → {preview}")
_COLUMNS: Final = (
    Column[FieldLine](Say("字段", "Field"), lambda one: one.label, width=150),
    Column[FieldLine](Say("编号", "Id"), lambda one: one.id, lambda _: "quiet", 150),
    Column[FieldLine](
        Say("级别", "Grade"), lambda one: one.level, lambda one: "danger" if one.level == "C3" else "", 56
    ),
    Column[FieldLine](
        Say("默认", "Default"), lambda one: one.default, lambda one: "clear" if one.shown else "masked", 100
    ),
    Column[FieldLine](Say("脱敏方式", "Mask"), lambda one: one.mask, width=130),
    Column[FieldLine](Say("规则", "Rules"), lambda one: str(len(one.uses)), width=56),
    Column[FieldLine](Say("标签", "Tags"), lambda one: ", ".join(one.tags), lambda _: "quiet", 110),
)
_USE_COLUMNS: Final = (
    Column[Use](Say("规则", "Rule"), lambda one: one.title, width=220),
    Column[Use](Say("结果", "Says"), lambda one: one.says, lambda one: "clear" if one.unmasks else "masked", 170),
)


class DictionaryScreen(ScreenWidget):
    """Lists fields; what is changed here goes into the text that is being edited."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context, self._routes, self._rights = desk.context, desk.routes, desk.rights
        self._simulation = Simulation(desk.connection)
        self._workspace: Workspace | None = desk.workspace
        self._line: FieldLine | None = None
        self._call: Call | None = None
        self._said = Say("", "")
        self.banner = Banner(desk.context)
        self.model = RecordModel[FieldLine](desk.context, _COLUMNS, lambda one: one.id, self)
        self.uses = RecordModel[Use](desk.context, _USE_COLUMNS, lambda one: one.rule, self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self.model)
        self.shown.setFilterKeyColumn(-1)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self._list())
        splitter.addWidget(self._detail())
        splitter.setSizes([760, 420])
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 14)
        column.addLayout(self._head())
        column.addWidget(self.banner)
        column.addWidget(splitter, 1)
        desk.routes.workspace_opened.connect(self._take)
        self._allow()

    def load(self) -> None:
        """Read the fields: of the text that is being edited, or of the one in force."""
        if self._call is not None:
            # An answer that was overtaken must not come back.
            self._call.cancel()
        text = IN_FORCE if self._workspace is None else text_of(self._workspace.texts)
        if self._line is None:
            self._count(_READING)
        self._call = self._simulation.describe(text)
        self._call.answered.connect(self._described)
        self._call.failed.connect(self._failed)

    def apply(self) -> None:
        """Write what was changed into the text that is being edited."""
        line, workspace = self._line, self._workspace
        if line is None or workspace is None:
            return
        place = dictionary_edit.find(workspace.texts, line.id)
        if place is None:
            self.banner.say(_LOST, "warning")
            return
        text = workspace.texts[place.path]
        if (level := self.level_box.currentData()) != line.level:
            text = dictionary_edit.set_level(text, line.id, level)
        if (mask := self.mask_box.currentText()) != line.mask:
            text = dictionary_edit.set_mask(text, line.id, mask)
        label = Say(self.zh.text().strip(), self.en.text().strip())
        if any(label) and label != line.label:
            text = dictionary_edit.set_label(text, line.id, label)
        if text != workspace.texts[place.path]:
            workspace.write(place.path, text)
            self._routes.workspace_changed.emit()
            self.banner.say(_WRITTEN.filled(path=place.path))
            self.load()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(title(self._context, _TITLE))
        self._counted = QLabel()
        self._counted.setObjectName("quiet")
        self._context.language.bind(self._counted, self._counted.setText, lambda: self._said)
        row.addWidget(self._counted, 1)
        self.line = QLineEdit(clearButtonEnabled=True)
        self.line.setMinimumWidth(320)
        self._context.language.bind(self.line, self.line.setPlaceholderText, _FIND)
        self._context.language.bind(self.line, self.line.setAccessibleName, _FIND)
        self.line.textChanged.connect(self.shown.setFilterFixedString)
        row.addWidget(self.line)
        return row

    def _list(self) -> QWidget:
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 6, 0)
        self.table = row_table(self._context, self.shown, _TITLE, (one.width for one in _COLUMNS))
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.selectionModel().currentChanged.connect(
            lambda index, _: self._choose(self.shown.mapToSource(index).row())
        )
        column.addWidget(self.table, 1)
        return part

    def _detail(self) -> QWidget:
        # Until there is a field, nothing is said of one.
        self._field = part = QWidget(enabled=False)
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        form.setHorizontalSpacing(10)
        self.zh, self.en = QLineEdit(), QLineEdit()
        self.level_box, self.mask_box = QComboBox(), QComboBox()
        self._context.language.bind(self.level_box, self._offer_levels, Say("", ""))
        self._sample, self._default, self._messages = QLabel(wordWrap=True), QLabel(), QLabel(wordWrap=True)
        for say, widget in (
            (_ZH, self.zh), (_EN, self.en), (_LEVEL, self.level_box), (_MASK, self.mask_box), (_SAMPLE, self._sample),
            (_DEFAULT, self._default), (_MESSAGES, self._messages),
        ):  # fmt: skip
            form.addRow(quiet(self._context, say), widget)
            self._context.language.bind(widget, widget.setAccessibleName, say)
        self.apply_button = button(self._context, _APPLY, self.apply, primary=True)
        self.show_button = button(self._context, _SHOW, self._show_place)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.show_button)
        row.addWidget(self.apply_button)
        self.uses_table = row_table(self._context, self.uses, _USES, (one.width for one in _USE_COLUMNS))
        self.uses_table.activated.connect(
            lambda index: self._routes.place_chosen.emit(self.uses.record(index.row()).location)
        )
        self._unused = quiet(self._context, _NO_USES)
        self._unused.hide()
        column = QVBoxLayout(part)
        column.setContentsMargins(6, 0, 0, 0)
        self._name = heading(self._context, lambda: _FIELD if self._line is None else self._line.label)
        column.addWidget(self._name)
        column.addLayout(form)
        column.addLayout(row)
        column.addSpacing(6)
        column.addWidget(heading(self._context, _USES))
        column.addWidget(self._unused)
        column.addWidget(self.uses_table, 1)
        self._context.language.changed.connect(self._write)
        return part

    def _offer_levels(self, _: str) -> None:
        chosen = self.level_box.currentData()
        self.level_box.clear()
        for level, said in dictionary.LEVELS.items():
            self.level_box.addItem(self._context.language(said), level)
        self.level_box.setCurrentIndex(self.level_box.findData(chosen))

    def _described(self, answer: simulation_service_pb2.DescribePoliciesResponse) -> None:
        if self.banner.property("kind") != "info":
            self.banner.clear()
        chosen = None if self._line is None else self._line.id
        self.mask_box.clear()
        self.mask_box.addItems(dictionary.masks(answer.bundle))
        lines = dictionary.lines(answer.bundle)
        self.model.show(lines)
        self._count(_COUNT.filled(count=len(lines), unused=sum(not line.uses for line in lines)))
        if lines:
            row = next((row for row, line in enumerate(lines) if line.id == chosen), -1)
            index = self.shown.mapFromSource(self.model.index(row, 0))
            self.table.setCurrentIndex(index if index.isValid() else self.shown.index(0, 0))
            self._choose(self.shown.mapToSource(self.table.currentIndex()).row())

    def _failed(self, failure: Failure) -> None:
        if self._said == _READING:
            self._count(Say("", ""))
        self.banner.tell(failure, self.load)

    def _count(self, said: Say) -> None:
        self._said = said
        self._counted.setText(self._context.language(said))

    def _choose(self, row: int) -> None:
        if 0 <= row < self.model.rowCount():
            self._line = self.model.record(row)
            self._write()

    def _write(self) -> None:
        line, say = self._line, self._context.language
        if line is None:
            return
        self._field.setEnabled(True)
        self._name.setText(say(line.label))
        self.zh.setText(line.label.zh)
        self.en.setText(line.label.en)
        self.level_box.setCurrentIndex(self.level_box.findData(line.level))
        self.mask_box.setCurrentIndex(self.mask_box.findText(line.mask))
        self._sample.setText(say(_PREVIEW.filled(sample=line.sample, preview=line.preview)))
        self._default.setText(say(line.default))
        self._messages.setText("\n".join(line.messages) or "–")
        self.uses.show(line.uses)
        self._unused.setVisible(not line.uses)
        self.uses_table.setVisible(bool(line.uses))

    def _show_place(self) -> None:
        if self._line is not None and self._workspace is not None:
            place = dictionary_edit.find(self._workspace.texts, self._line.id)
            if place is None:
                self.banner.say(_LOST, "warning")
            else:
                self._routes.place_chosen.emit(f"{place.path}:{place.line}:1")

    def _take(self, workspace: Workspace | None) -> None:
        self._workspace = workspace
        self._allow()

    def _allow(self) -> None:
        may = self._workspace is not None and self._rights.may("policy_write")
        self.apply_button.setVisible(may)
        self.show_button.setVisible(self._workspace is not None)
        for widget in (self.level_box, self.mask_box):
            widget.setEnabled(may)
        for line in (self.zh, self.en):
            line.setReadOnly(not may)
