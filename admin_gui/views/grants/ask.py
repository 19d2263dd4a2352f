"""The form in which somebody asks for a grant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QListView, QSpinBox, QVBoxLayout, QWidget

from admin_gui.domain import grants
from admin_gui.domain.say import Say
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading, quiet

_TITLE: Final = Say("申请授权", "Ask for a grant")
_HINT: Final = Say(
    "让一名员工在限定时间内看到一位客户的更多字段。由另一位有权限的人批准后才生效；“禁止展示”的字段不受授权影响。",
    "Lets an employee see more fields of one customer for a while, once somebody else with authority has approved. "
    "Fields that are never shown stay so.",
)
_LINES: Final = {
    "subject": (Say("员工", "Employee"), Say("留空为本人", "empty for yourself")),
    "branch": (Say("机构", "Branch"), Say("留空为本人机构", "empty for your own")),
    "application": (Say("应用", "Application"), Say("例如 core-counter", "such as core-counter")),
    "resource": (Say("对象", "Resource"), Say("类型:编号，例如 customer:C88", "type:id, such as customer:C88")),
    "scenario": (Say("业务场景", "Scenario"), Say("例如 柜面核实身份", "such as: identity checked at the counter")),
    "reason": (Say("理由", "Reason"), Say("必填，审批人可见", "required; the approver reads it")),
}
_COVERS: Final = Say("字段或级别", "Fields or grades")
_COVERS_HINT: Final = Say("不选即全部可授权字段", "none chosen: every field that grants may show")
_MINUTES: Final = Say("有效期", "Valid for")
_USES: Final = Say("次数", "Uses")
_MINUTES_UNIT: Final = Say(" 分钟", " min")
_ANY: Final = Say("不限", "any number")
_SEND: Final = Say("提交申请", "Ask")
_BACK: Final = Say("取消", "Cancel")
_MISSING: Final = Say("请填写“{name}”。", "Fill in “{name}”.")
_MOST_MINUTES: Final = 24 * 60
_ID: Final = Qt.ItemDataRole.UserRole


class AskForm(QWidget):
    """Asks; `sent` tells the request, `closed` that nothing is to be asked."""

    sent = Signal(object)
    closed = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.banner = Banner(context)
        self.lines: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        form.setHorizontalSpacing(10)
        for name, (say, hint) in _LINES.items():
            made = QLineEdit()
            made.setObjectName(name)
            context.language.bind(made, made.setPlaceholderText, hint)
            context.language.bind(made, made.setAccessibleName, say)
            made.returnPressed.connect(self.send)
            self.lines[name] = made
            form.addRow(quiet(context, say), made)
        self._covers = QStandardItemModel(self)
        covers = QListView(uniformItemSizes=True)
        covers.setModel(self._covers)
        covers.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        covers.setMinimumHeight(140)
        context.language.bind(covers, covers.setAccessibleName, _COVERS)
        context.language.bind(covers, covers.setToolTip, _COVERS_HINT)
        form.insertRow(4, quiet(context, _COVERS), covers)
        self.minutes = QSpinBox(minimum=1, maximum=_MOST_MINUTES, value=30)
        context.language.bind(self.minutes, self.minutes.setSuffix, _MINUTES_UNIT)
        context.language.bind(self.minutes, self.minutes.setAccessibleName, _MINUTES)
        self.uses = QSpinBox(minimum=0, maximum=10_000)
        context.language.bind(self.uses, self.uses.setSpecialValueText, _ANY)
        context.language.bind(self.uses, self.uses.setAccessibleName, _USES)
        form.addRow(quiet(context, _MINUTES), self.minutes)
        form.addRow(quiet(context, _USES), self.uses)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(context, _BACK, self.closed.emit))
        self._send = button(context, _SEND, self.send, primary=True)
        row.addWidget(self._send)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 0, 0)
        column.addWidget(heading(context, _TITLE))
        column.addWidget(quiet(context, _HINT))
        column.addWidget(self.banner)
        column.addLayout(form)
        column.addLayout(row)
        column.addStretch(1)
        context.language.changed.connect(self._relabel)
        self._labels: Mapping[str, Say] = {}

    def offer(self, labels: Mapping[str, Say]) -> None:
        """Offer these fields, by id, after the grades."""
        self._labels = {"C3": Say("C3 级", "grade C3"), "C2": Say("C2 级", "grade C2"), **labels}
        chosen = set(self.covers())
        self._covers.clear()
        for name in self._labels:
            item = QStandardItem()
            item.setData(name, _ID)
            item.setCheckable(True)
            item.setCheckState(Qt.CheckState.Checked if name in chosen else Qt.CheckState.Unchecked)
            self._covers.appendRow(item)
        self._relabel()

    def choose(self, names: set[str]) -> None:
        """Choose fields and grades."""
        for row in range(self._covers.rowCount()):
            item = self._covers.item(row)
            item.setCheckState(Qt.CheckState.Checked if item.data(_ID) in names else Qt.CheckState.Unchecked)

    def covers(self) -> list[str]:
        """Return the fields and grades that are chosen."""
        items = [self._covers.item(row) for row in range(self._covers.rowCount())]
        return [item.data(_ID) for item in items if item.checkState() == Qt.CheckState.Checked]

    def send(self) -> None:
        """Ask for what is filled in, or say what is missing."""
        texts = {name: line.text() for name, line in self.lines.items()}
        try:
            request = grants.question(
                **texts, covers=self.covers(), minutes=self.minutes.value(), uses=self.uses.value()
            )
        except ValueError as error:
            name = str(error)
            self.banner.say(_MISSING.filled(name=_LINES[name][0]), "warning")
            self.lines[name].setFocus()
            return
        self.banner.clear()
        self._send.setEnabled(False)
        self.sent.emit(request)

    def ready(self) -> None:
        """Allow to send again."""
        self._send.setEnabled(True)

    def clear(self) -> None:
        """Forget what was filled in for one customer."""
        self.ready()
        self.banner.clear()
        for name in ("subject", "resource", "reason"):
            self.lines[name].clear()

    def _relabel(self) -> None:
        for row in range(self._covers.rowCount()):
            item = self._covers.item(row)
            name = item.data(_ID)
            said = self._context.language(self._labels[name])
            item.setText(said if name in ("C2", "C3") or said == name else f"{said}  {name}")
