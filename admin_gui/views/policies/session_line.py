"""The line above the workbench: whose text is on it, whether it is saved, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from admin_gui.domain import drafts
from admin_gui.domain.rights import Rights
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from admin_gui.views.policies.autosave import State
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import control_pb2

_HEAD: Final = Say("现行版本 {number} · 只读", "Revision {number}, in force · read-only")
_OLD: Final = Say("版本 {number} · 只读", "Revision {number} · read-only")
_LOADING: Final = Say("正在读取…", "reading…")
_DRAFT: Final = Say("草稿 {name} · 基于版本 {base} · {state}", "Draft {name} · from revision {base} · {state}")
_READ_ONLY: Final = Say("草稿 {name} · {state} · 只读", "Draft {name} · {state} · read-only")
_STATES: Final[Mapping[State, Say]] = {
    "saved": Say("已自动保存 {when}", "saved {when}"),
    "changed": Say("有未保存的修改", "changes not saved yet"),
    "saving": Say("正在保存…", "saving…"),
    "away": Say(
        "连不上服务，修改已留在本机，稍后自动重试", "the service is away; changes are kept here and saved later"
    ),
    "failed": Say("未能保存", "could not be saved"),
    "conflict": Say("与他人的修改冲突，已停止自动保存", "somebody else was first; nothing is saved any more"),
}
_NEW: Final = Say("建立草稿…", "Begin a draft…")
_COMPARE: Final = Say("与基准比较", "Compare with its base")
_SUBMIT: Final = Say("提交…", "Hand in…")
_CLOSE: Final = Say("关闭草稿", "Close the draft")


@dataclass(frozen=True)
class Standing:
    """What is on the workbench: a draft, which is being saved or may only be read; without one a revision.

    `number` is -1 while nothing is read; `head` is the revision in force.
    """

    number: int = -1
    head: int = 0
    draft: control_pb2.Draft | None = None
    state: State | None = None
    """How the draft is kept; None for one that may only be read."""

    @property
    def is_head(self) -> bool:
        """Whether it is what is in force, or nothing is."""
        return self.draft is None and self.number == self.head

    def words(self, rights: Rights) -> Say:
        """Say it in a line."""
        draft = self.draft
        if draft is None:
            if self.number <= 0:
                return _LOADING
            return (_HEAD if self.number == self.head else _OLD).filled(number=self.number)
        if self.state is None:
            return _READ_ONLY.filled(name=draft.name, state=drafts.state(draft, rights))
        saved = draft.steps[-1].time_nanos if draft.steps else 0
        state = _STATES[self.state].filled(when=clock(saved))
        return _DRAFT.filled(name=draft.name, base=draft.base or "–", state=state)


class SessionLine(QWidget):
    """Says a `Standing`, and offers what it and the rights allow."""

    def __init__(
        self,
        context: Context,
        rights: Rights,
        *,
        begin: Callable[[], object],
        compare: Callable[[], object],
        submit: Callable[[], object],
        close: Callable[[], object],
    ) -> None:
        super().__init__()
        self._context, self._rights = context, rights
        self._standing = Standing()
        self.said = QLabel()
        self.said.setObjectName("heading")
        context.language.bind(self.said, self.said.setText, lambda: self._standing.words(rights))
        self.new = button(context, _NEW, begin, primary=True)
        self.compare = button(context, _COMPARE, compare)
        self.submit = button(context, _SUBMIT, submit, primary=True)
        self.close_draft = button(context, _CLOSE, close)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.said, 1)
        for widget in (self.close_draft, self.compare, self.submit, self.new):
            row.addWidget(widget)

    def show_standing(self, now: Standing) -> None:
        """Show another one."""
        self._standing = now
        self.said.setText(self._context.language(now.words(self._rights)))
        own = now.draft is not None and now.state is not None
        self.new.setVisible(self._rights.may("policy_write") and not own and now.number > 0)
        self.submit.setVisible(own and now.state != "conflict")
        self.close_draft.setVisible(now.draft is not None or now.number not in (-1, now.head))
        self.compare.setVisible(now.draft is not None or now.number not in (-1, 0, now.head))
