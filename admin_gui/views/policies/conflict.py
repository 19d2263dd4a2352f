"""Two people at one draft: what happened, and the ways out."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2

_CHANGED: Final = Say(
    "{who} 在 {when} 修改了此草稿。您的修改没有保存，也没有覆盖对方的内容。",
    "{who} changed this draft at {when}. Your changes are not saved, and nothing of theirs was overwritten.",
)
_SUBMITTED: Final = Say(
    "{who} 在 {when} 提交了此草稿，文本不能再改。您的修改没有保存。",
    "{who} handed this draft in at {when}, so its text stands still. Your changes are not saved.",
)
_GONE: Final = Say(
    "此草稿已被发布或删除。您的修改没有保存。", "This draft was published or deleted. Your changes are not saved."
)
_COMPARE: Final = Say("比较双方", "Compare both")
_THEIRS: Final = Say("采用对方的…", "Take theirs…")
_SAVE_AS: Final = Say("我的另存为…", "Save mine as…")


class Conflict(QFrame):
    """Hidden until somebody else was first."""

    compare_wanted = Signal()
    theirs_wanted = Signal()
    save_as_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("kind", "warning")
        self._context = context
        self._said = Say("", "")
        self._text = QLabel(wordWrap=True)
        context.language.bind(self._text, self._text.setText, lambda: self._said)
        self.compare = button(context, _COMPARE, self.compare_wanted.emit)
        self.theirs = button(context, _THEIRS, self.theirs_wanted.emit)
        self.save_as = button(context, _SAVE_AS, self.save_as_wanted.emit, primary=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.addWidget(self._text, 1)
        for widget in (self.compare, self.theirs, self.save_as):
            row.addWidget(widget)
        self.hide()

    def tell(self, failure: Failure, theirs: policy_service_pb2.GetDraftResponse | None) -> None:
        """Say who was first, and what can be done."""
        said, last = _GONE, None
        if theirs is not None:
            last = theirs.draft.steps[-1] if theirs.draft.steps else None
            submitted = theirs.draft.state == control_pb2.DRAFT_STATE_SUBMITTED
            said = _SUBMITTED if submitted else _CHANGED
        who = failure.metadata.get("actor", "?") if last is None else last.actor
        self._said = said.filled(who=who, when="?" if last is None else clock(last.time_nanos))
        self._text.setText(self._context.language(self._said))
        self._text.setAccessibleName(self._text.text())
        self.compare.setVisible(theirs is not None)
        self.theirs.setVisible(theirs is not None)
        self.show()
