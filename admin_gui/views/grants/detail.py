"""One grant as a story, and what may be done about it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from admin_gui.domain import grants
from admin_gui.domain.rights import Rights
from admin_gui.domain.say import Say, plain
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading, quiet
from jingxi_client._gen.pdp.v1 import account_pb2

_TITLE: Final = Say("授权详情", "The grant")
_COURSE: Final = Say("经过", "What happened")
_WHY: Final = Say("意见（拒绝和收回时必填）", "Why (required to refuse or take back)")
_APPROVE: Final = Say("批准", "Approve")
_REFUSE: Final = Say("拒绝", "Refuse")
_REVOKE: Final = Say("立即收回", "Take back now")
_USED: Final = Say("查看使用记录", "Show where it was used")
_STEP: Final = Say("{time}　{who} {what}{why}", "{time}  {what} by {who}{why}")
_BECAUSE: Final = Say("：{why}", ": {why}")
_OWN: Final = Say("自己申请的授权须由他人审批。", "Somebody else has to approve what you asked for.")
_ROWS: Final = (
    Say("编号", "Id"), Say("类型", "Kind"), Say("状态", "State"), Say("员工", "Employee"), Say("机构", "Branch"),
    Say("应用", "Application"), Say("对象", "Resource"), Say("可见范围", "Covers"), Say("业务场景", "Scenario"),
    Say("理由", "Reason"), Say("有效期", "Valid for"), Say("到期", "Until"), Say("使用", "Used"),
    Say("证据", "Evidence"),
)  # fmt: skip
_STATE: Final = 2


class GrantDetail(QWidget):
    """Shows a grant; tells what is to be done about it as `(what, id, reason)`."""

    decided = Signal(str, str, str)
    """`approve`, `refuse` or `revoke`; the grant; why."""
    uses_chosen = Signal(str)

    def __init__(self, context: Context, rights: Rights, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context, self._rights = context, rights
        self._line: grants.Line | None = None
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(5)
        self._values: list[QLabel] = []
        for say in _ROWS:
            value = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(quiet(context, say), value)
            self._values.append(value)
        self._course = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self._own = quiet(context, _OWN)
        self.why = QLineEdit()
        context.language.bind(self.why, self.why.setPlaceholderText, _WHY)
        context.language.bind(self.why, self.why.setAccessibleName, _WHY)
        self.why.textChanged.connect(self._allow)
        self.approve = button(context, _APPROVE, lambda: self._tell("approve"), primary=True)
        self.refuse = button(context, _REFUSE, lambda: self._tell("refuse"))
        self.revoke = button(context, _REVOKE, lambda: self._tell("revoke"))
        self.revoke.setObjectName("danger")
        self.used = button(context, _USED, self._show_uses)
        row = QHBoxLayout()
        for one in (self.approve, self.refuse, self.revoke):
            row.addWidget(one)
        row.addStretch(1)
        row.addWidget(self.used)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 0, 0)
        column.addWidget(heading(context, _TITLE))
        column.addLayout(form)
        column.addSpacing(6)
        column.addWidget(heading(context, _COURSE))
        column.addWidget(self._course)
        column.addWidget(self._own)
        column.addWidget(self.why)
        column.addLayout(row)
        column.addStretch(1)
        context.language.changed.connect(self._write)
        context.theme.changed.connect(self._write)

    def show_grant(self, record: account_pb2.GrantRecord, line: grants.Line) -> None:
        """Show this one, and what may be done about it."""
        if self._line is None or self._line.id != line.id:
            self.why.clear()
        self._line = line
        may_decide, may_revoke = grants.may_decide(record, self._rights), grants.may_revoke(record, self._rights)
        waits = record.state == account_pb2.GRANT_STATE_ASKED
        self._own.setVisible(waits and self._rights.may("grant_approve") and not may_decide)
        for one, may in ((self.approve, may_decide), (self.refuse, may_decide), (self.revoke, may_revoke)):
            one.setVisible(may)
        self.why.setVisible(may_decide or may_revoke)
        self.used.setVisible(not waits and self._rights.may("snapshot_read"))
        self._allow()
        self._write()

    def _allow(self) -> None:
        has_why = bool(self.why.text().strip())
        self.approve.setEnabled(True)
        self.refuse.setEnabled(has_why)
        self.revoke.setEnabled(has_why)

    def _tell(self, what: str) -> None:
        if self._line is not None:
            for one in (self.approve, self.refuse, self.revoke):
                one.setEnabled(False)
            self.decided.emit(what, self._line.id, self.why.text().strip())

    def _show_uses(self) -> None:
        if self._line is not None:
            self.uses_chosen.emit(self._line.id)

    def again(self) -> None:
        """Let it be tried again."""
        self._allow()

    def _write(self) -> None:
        line, say = self._line, self._context.language
        if line is None:
            return
        texts = (
            plain(line.id), line.kind, line.state, plain(line.subject), plain(line.branch), plain(line.application),
            plain(line.resource), line.covers, plain(line.scenario), plain(line.reason), line.validity,
            plain(line.until), line.uses, plain(line.evidence),
        )  # fmt: skip
        for label, text in zip(self._values, texts, strict=True):
            label.setText(say(text) or "–")
        color = getattr(self._context.theme.tokens, line.mood)
        self._values[_STATE].setStyleSheet(f"color: {color}; font-weight: 600;")
        steps = (
            _STEP.filled(time=time, who=who, what=what, why=_BECAUSE.filled(why=why) if why else plain(""))
            for what, who, time, why in line.steps
        )
        self._course.setText("\n".join(say(step) for step in steps))
