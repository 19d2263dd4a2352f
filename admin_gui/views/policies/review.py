"""One draft on its way: what it changes, what came of it, and what may be done next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QTabWidget, QVBoxLayout, QWidget

from admin_gui.domain import changes as changing
from admin_gui.domain import drafts, impact
from admin_gui.domain.drafts import Action, StepLine
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.policies import Policies
from admin_gui.views.policies import questions
from admin_gui.views.policies.difference import Difference
from admin_gui.views.policies.impact import Impact
from admin_gui.views.policies.latest import Latest
from admin_gui.views.policies.tables import record_table
from admin_gui.views.screen import Desk
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button, quiet
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2

_CHANGES: Final = Say("变化", "Changes")
_IMPACT: Final = Say("影响", "Impact")
_STEPS: Final = Say("经过", "Steps")
_ACTIONS: Final[dict[Action, Say]] = {
    "open": Say("查看文本", "Show the text"),
    "edit": Say("编辑", "Edit"),
    "submit": Say("提交…", "Hand in…"),
    "approve": Say("批准…", "Approve…"),
    "publish": Say("发布…", "Publish…"),
    "return": Say("退回…", "Hand back…"),
    "emergency": Say("紧急发布…", "Emergency…"),
    "delete": Say("删除…", "Delete…"),
}
_PRIMARY: Final[tuple[Action, ...]] = ("submit", "approve", "publish")
_DANGER: Final[tuple[Action, ...]] = ("emergency", "delete")
_LEFT: Final[tuple[Action, ...]] = (*_PRIMARY, "edit", "open")
_BRING_UP: Final = Say("更新到版本 {head}", "Bring up to revision {head}")
_FACTS: Final = Say(
    "基于版本 {base} · 文本 {hash} · 作者 {authors} · 批准 {approvers}",
    "from revision {base} · text {hash} · by {authors} · approved by {approvers}",
)
_STALE: Final = Say(
    "现行版本已是 {head}，此草稿基于版本 {base}：更新后才能发布。",
    "Revision {head} is in force, and this draft was begun from {base}: bring it up to date before it is published.",
)
_OWN: Final = Say("您参与了此草稿，须由他人批准。", "You worked on this draft; somebody else has to approve it.")
_NOBODY: Final = Say("无", "nobody")
_UNSEEN: Final = Say("尚未分析", "not analysed yet")
_COMPARING: Final = Say("正在比较…", "comparing…")
_DONE: Final[dict[Action, Say]] = {
    "submit": Say("已提交草稿 {name}。", "Draft {name} is handed in."),
    "approve": Say("已批准草稿 {name}。", "Draft {name} is approved."),
    "return": Say("已退回草稿 {name}。", "Draft {name} is handed back."),
    "delete": Say("已删除草稿 {name}。", "Draft {name} is deleted."),
}
_ROLLING: Final = Say(
    "版本 {number} 已在带有 {labels} 的节点灰度。", "Revision {number} decides on the nodes with {labels}."
)
_COLUMNS: Final = (
    Column[StepLine](
        Say("操作", "What"),
        lambda one: one.what if one.count == 1 else Say(f"{one.what.zh} ×{one.count}", f"{one.what.en} ×{one.count}"),
        width=110,
    ),
    Column[StepLine](Say("操作人", "Who"), lambda one: one.who, width=110),
    Column[StepLine](Say("时间", "When"), lambda one: one.when, width=150),
    Column[StepLine](Say("文本", "Text"), lambda one: one.hash, lambda _: "quiet", 110),
    Column[StepLine](Say("说明", "Why"), lambda one: one.why, width=260),
)


class Review(QWidget):
    """Shows a draft and offers what its state and the rights allow."""

    opened = Signal(object)
    """The `Draft` is to be shown in the editor."""
    done = Signal(str)
    """Something was done with the draft of this name: lists are to be read again."""
    published = Signal(int)
    """A revision took force, on all nodes or on some."""
    bring_up = Signal(object)
    """The `Draft` is to be brought up to the revision in force."""

    def __init__(self, desk: Desk, banner: Banner) -> None:
        super().__init__()
        self._desk, self._banner = desk, banner
        self._context = context = desk.context
        self._policies = Policies(desk.connection)
        self._compared, self._doing = Latest(), Latest()
        self._head = 0
        self._changes: control_pb2.Changes | None = None
        self.draft: control_pb2.Draft | None = None
        self.ask: Ask | None = None
        """The last question, for tests."""
        self._name = QLabel()
        self._name.setObjectName("heading")
        self._facts = quiet(context, self._facts_said)
        self._note = QLabel(wordWrap=True)
        context.language.bind(self._note, self._note.setText, self._note_said)
        acts: dict[Action, Callable[[], object]] = {
            "open": lambda: self.opened.emit(self.draft), "edit": lambda: self.opened.emit(self.draft),
            "submit": self.submit, "approve": self._approve, "publish": self._publish, "return": self._hand_back,
            "emergency": self._emergency, "delete": self._delete,
        }  # fmt: skip
        self.buttons: dict[Action, QPushButton] = {
            action: button(context, _ACTIONS[action], act, primary=action in _PRIMARY) for action, act in acts.items()
        }
        for action in _DANGER:
            self.buttons[action].setObjectName("danger")
        self.up = button(context, _BRING_UP, lambda: self.bring_up.emit(self.draft))
        context.language.changed.connect(self._write)
        self.difference = Difference(context)
        self.impact = Impact(desk, banner)
        self.steps = RecordModel[StepLine](context, _COLUMNS, lambda one: one, self)
        self.tabs = QTabWidget()
        self._tab(self.difference, _CHANGES)
        if desk.rights.may("simulate"):
            self._tab(self.impact, _IMPACT)
        self._tab(record_table(context, self.steps, _COLUMNS, _STEPS, "policies/steps"), _STEPS)
        row = QHBoxLayout()
        for action in _LEFT:
            row.addWidget(self.buttons[action])
        row.addWidget(self.up)
        row.addStretch(1)
        for widget in (self.buttons["return"], *(self.buttons[action] for action in _DANGER)):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 0)
        for label in (self._name, self._facts, self._note):
            column.addWidget(label)
        column.addLayout(row)
        column.addWidget(self.tabs, 1)

    def show_draft(self, draft: control_pb2.Draft, head: int) -> None:
        """Show a draft; `head` is the revision in force, 0 for none."""
        same = self.draft is not None and (self.draft.name, self.draft.sources, self.draft.base) == (
            draft.name, draft.sources, draft.base,
        )  # fmt: skip
        self.draft, self._head = draft, head
        self.steps.show(drafts.step_lines(draft.steps))
        self.impact.show_text(policy_service_pb2.PolicyText(hash=draft.sources))
        if not same or self._changes is None:
            self._changes = None
            self.difference.clear()
            self._compare()
        self._write()

    def _compare(self) -> None:
        draft = self.draft
        if draft is None:
            return
        before = policy_service_pb2.PolicyText(revision=draft.base) if draft.base else None
        after = policy_service_pb2.PolicyText(hash=draft.sources)
        self._compared.follow(
            self._policies.compare(before, after), self._told, lambda failure: self._banner.tell(failure, self._compare)
        )

    def _told(self, answer: policy_service_pb2.ComparePoliciesResponse) -> None:
        self._changes = answer.changes
        self.difference.show_changes(answer.changes)
        self._write()

    # What is done.

    def submit(self) -> None:
        """Ask before the draft is handed in."""
        if (draft := self.draft) is not None:
            self._when(
                questions.submit(self._context, self, draft.name),
                lambda told: self._do(
                    "submit", draft, self._policies.submit(draft.name, draft.version, told["reason"])
                ),
            )

    def _hand_back(self) -> None:
        if (draft := self.draft) is not None:
            self._when(
                questions.hand_back(self._context, self, draft.name),
                lambda told: self._do(
                    "return", draft, self._policies.hand_back(draft.name, draft.version, told["reason"])
                ),
            )

    def _approve(self) -> None:
        draft = self.draft
        if draft is None or self._changes is None:
            return
        looked = self.impact.result
        seen = _UNSEEN if looked is None else impact.summary(looked)
        self._when(
            questions.approve(self._context, self, draft.name, draft.sources, changing.summary(self._changes), seen),
            lambda told: self._do("approve", draft, self._policies.approve(draft.name, draft.version, told["reason"])),
        )

    def _delete(self) -> None:
        if (draft := self.draft) is not None:
            self._when(
                questions.delete(self._context, self, draft.name),
                lambda told: self._do(
                    "delete", draft, self._policies.delete_draft(draft.name, draft.version, told["reason"])
                ),
            )

    def _publish(self) -> None:
        if (draft := self.draft) is not None:
            self._when(
                questions.publish(self._context, self, draft.name, first=not self._head),
                lambda told: self._put_in_force(
                    draft,
                    self._policies.publish(draft.name, draft.version, told["reason"], canary=questions.canary_of(told)),
                ),
            )

    def _emergency(self) -> None:
        if (draft := self.draft) is not None:
            self._when(
                questions.emergency(self._context, self, draft.name),
                lambda told: self._put_in_force(
                    draft, self._policies.publish(draft.name, draft.version, told["reason"], emergency=True)
                ),
            )

    def _when(self, ask: Ask, answered: Callable[[dict[str, Any]], object]) -> None:
        self.ask = ask
        ask.answered.connect(answered)

    def _do(self, action: Action, draft: control_pb2.Draft, call: Call) -> None:
        self._busy(busy=True)

        def went(_: object) -> None:
            self._busy(busy=False)
            self._banner.say(_DONE[action].filled(name=draft.name))
            self.done.emit(draft.name)

        self._doing.follow(call, went, lambda failure: self._failed(draft, failure))

    def _put_in_force(self, draft: control_pb2.Draft, call: Call) -> None:
        self._busy(busy=True)

        def went(answer: policy_service_pb2.PublishDraftResponse) -> None:
            self._busy(busy=False)
            self._banner.clear()
            if answer.HasField("rollout"):
                labels = ", ".join(f"{name}={value}" for name, value in sorted(answer.rollout.labels.items()))
                self._banner.say(_ROLLING.filled(number=answer.revision.number, labels=labels))
            self.done.emit(draft.name)
            self.published.emit(answer.revision.number)

        self._doing.follow(call, went, lambda failure: self._failed(draft, failure))

    def _failed(self, draft: control_pb2.Draft, failure: Failure) -> None:
        self._busy(busy=False)
        self._banner.tell(failure)
        if failure.reason in ("CONFLICT", "NOT_FOUND", "WRONG_STATE"):
            # What is shown here is not what there is.
            self.done.emit(draft.name)

    # How it looks.

    def _write(self) -> None:
        draft = self.draft
        if draft is None:
            return
        say, rights = self._context.language, self._desk.rights
        state = drafts.state(draft, rights)
        self._name.setText(f"{draft.name} · {say(state)}")
        self._facts.setText(say(self._facts_said()))
        note = say(self._note_said())
        self._note.setText(note)
        self._note.setVisible(bool(note))
        offered = drafts.actions(draft, rights)
        for action, widget in self.buttons.items():
            widget.setVisible(action in offered)
        self.buttons["open"].setVisible("edit" not in offered)
        self.buttons["approve"].setEnabled(self._changes is not None)
        self.buttons["approve"].setToolTip("" if self._changes is not None else say(_COMPARING))
        self.up.setText(say(_BRING_UP.filled(head=self._head)))
        self.up.setVisible(self._is_stale and "edit" in offered)

    def _busy(self, *, busy: bool) -> None:
        for widget in (*self.buttons.values(), self.up):
            widget.setEnabled(not busy)
        if not busy:
            self._write()

    @property
    def _is_stale(self) -> bool:
        return self.draft is not None and self.draft.base != self._head

    def _facts_said(self) -> Say:
        draft = self.draft
        if draft is None:
            return plain("")
        done = ", ".join(drafts.approvers(draft))
        return _FACTS.filled(
            base=draft.base or "–", hash=draft.sources[:16], authors=", ".join(sorted(drafts.authors(draft))),
            approvers=plain(done) if done else _NOBODY,
        )  # fmt: skip

    def _note_said(self) -> Say:
        draft, rights = self.draft, self._desk.rights
        if draft is None:
            return plain("")
        if self._is_stale:
            return _STALE.filled(head=self._head, base=draft.base)
        mine = draft.state == drafts.SUBMITTED and rights.account in drafts.authors(draft)
        return _OWN if mine and rights.may("policy_approve") else plain("")

    def _tab(self, widget: QWidget, say: Say) -> None:
        self._context.language.bind(self.tabs, partial(self.tabs.setTabText, self.tabs.addTab(widget, "")), say)
