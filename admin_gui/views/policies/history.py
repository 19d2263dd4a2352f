"""The revisions: who published what, when and why; what each changed; the way back; and the rollout that is running."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSplitter, QTabWidget, QVBoxLayout, QWidget

from admin_gui.domain import drafts, rollouts
from admin_gui.domain.drafts import RevisionLine, StepLine
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.policies import Policies
from admin_gui.views.policies import questions
from admin_gui.views.policies.catalogue import Catalogue
from admin_gui.views.policies.difference import Difference
from admin_gui.views.policies.latest import Latest
from admin_gui.views.policies.tables import record_table
from admin_gui.views.screen import Desk
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button, heading, quiet
from jingxi_client._gen.pdp.v1 import policy_service_pb2

_REVISIONS: Final = Say("版本", "Revisions")
_CHANGES: Final = Say("变化", "Changes")
_STEPS: Final = Say("经过", "Steps")
_MORE: Final = Say("更早的版本", "Earlier ones")
_TEXT: Final = Say("查看文本", "Show the text")
_COMPARE: Final = Say("与现行版本比较", "Compare with what is in force")
_BACK: Final = Say("回滚到此版本…", "Roll back to this one…")
_PROMOTE: Final = Say("全面生效…", "Promote…")
_STOP: Final = Say("撤回…", "Stop…")
_NAMED: Final = Say("版本 {number}", "Revision {number}")
_HASH: Final = Say("策略哈希 {bundle} · 文本 {text}", "policy hash {bundle} · text {text}")
_PROMOTED: Final = Say("版本 {number} 已全面生效。", "Revision {number} is in force everywhere.")
_STOPPED: Final = Say("已撤回，现行版本为 {number}。", "It is taken back; revision {number} is in force.")
_COLUMNS: Final = (
    Column[RevisionLine](Say("版本", "Revision"), lambda one: str(one.number), width=60),
    Column[RevisionLine](Say("状态", "State"), lambda one: one.state, lambda _: "masked", 80),
    Column[RevisionLine](Say("操作", "What"), lambda one: one.what, width=70),
    Column[RevisionLine](Say("操作人", "Who"), lambda one: one.who, width=90),
    Column[RevisionLine](Say("批准", "Approved by"), lambda one: one.approvers, width=90),
    Column[RevisionLine](Say("时间", "When"), lambda one: one.when, width=145),
    Column[RevisionLine](Say("来自", "From"), lambda one: one.origin, width=110),
    Column[RevisionLine](Say("说明", "Why"), lambda one: one.why, width=140),
)
_STEP_COLUMNS: Final = (
    Column[StepLine](Say("操作", "What"), lambda one: one.what, width=100),
    Column[StepLine](Say("操作人", "Who"), lambda one: one.who, width=110),
    Column[StepLine](Say("时间", "When"), lambda one: one.when, width=150),
    Column[StepLine](Say("说明", "Why"), lambda one: one.why, width=260),
)


class HistoryPage(QWidget):
    """Revisions, newest first, and beside them the chosen one."""

    text_wanted = Signal(int)
    """The text of a revision is to be shown."""
    compare_wanted = Signal(int)
    """A revision is to be compared with what is in force."""
    published = Signal(int)
    """A revision took force."""

    def __init__(self, desk: Desk, catalogue: Catalogue, banner: Banner) -> None:
        super().__init__()
        self._context = context = desk.context
        self._rights, self._banner, self._catalogue = desk.rights, banner, catalogue
        self._policies = Policies(desk.connection)
        self._asked, self._doing = Latest(), Latest()
        self._number = 0
        self.ask: Ask | None = None
        """The last question, for tests."""
        self.model = RecordModel[RevisionLine](context, _COLUMNS, lambda one: one.number, self)
        self.table = record_table(context, self.model, _COLUMNS, _REVISIONS, "policies/revisions")
        self.table.selectionModel().currentRowChanged.connect(lambda index, _: self._chosen(index))
        self.steps = RecordModel[StepLine](context, _STEP_COLUMNS, lambda one: one, self)
        self.difference = Difference(context)
        self.more = button(context, _MORE, catalogue.more)
        self.text = button(context, _TEXT, lambda: self.text_wanted.emit(self._number))
        self.compare = button(context, _COMPARE, lambda: self.compare_wanted.emit(self._number))
        self.back = button(context, _BACK, self._roll_back)
        self._named = heading(context, lambda: _NAMED.filled(number=self._number or "–"))
        self._hash = quiet(context, plain(""))
        self.rollout = self._rollout_card()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(6, 8, 6, 0)
        whole.addWidget(self.rollout)
        whole.addWidget(self._splitter(), 1)
        catalogue.revisions_changed.connect(self.show_revisions)
        context.language.changed.connect(self._write)

    def show_revisions(self) -> None:
        """Show what the catalogue has."""
        found = self._catalogue
        rollout = None if found.rollout is None else found.rollout.rollout
        self.model.show(drafts.revision_lines(found.revisions, found.head, rollout))
        self.more.setVisible(found.has_more)
        if self.model.rowCount() and not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.model.index(0, 0))
        self._write()

    def choose(self, number: int) -> None:
        """Show a revision."""
        for row in range(self.model.rowCount()):
            if self.model.record(row).number == number:
                self.table.setCurrentIndex(self.model.index(row, 0))

    def _splitter(self) -> QSplitter:
        row = QHBoxLayout()
        row.addWidget(heading(self._context, _REVISIONS), 1)
        row.addWidget(self.more)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        tabs = QTabWidget()
        steps = record_table(self._context, self.steps, _STEP_COLUMNS, _STEPS, "policies/revision-steps")
        for widget, say in ((self.difference, _CHANGES), (steps, _STEPS)):
            self._context.language.bind(tabs, partial(tabs.setTabText, tabs.addTab(widget, "")), say)
        actions = QHBoxLayout()
        for button_ in (self.text, self.compare):
            actions.addWidget(button_)
        actions.addStretch(1)
        actions.addWidget(self.back)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(6, 0, 0, 0)
        column.addWidget(self._named)
        column.addWidget(self._hash)
        column.addLayout(actions)
        column.addWidget(tabs, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setSizes([600, 560])
        splitter.setChildrenCollapsible(False)
        return splitter

    def _rollout_card(self) -> QFrame:
        card = QFrame()
        card.setObjectName("banner")
        card.setProperty("kind", "info")
        self._rolling, self._compared = QLabel(wordWrap=True), QLabel(wordWrap=True)
        self._compared.setObjectName("quiet")
        self.promote = button(self._context, _PROMOTE, self._promote, primary=True)
        self.stop = button(self._context, _STOP, self._stop)
        texts = QVBoxLayout()
        texts.addWidget(self._rolling)
        texts.addWidget(self._compared)
        row = QHBoxLayout(card)
        row.setContentsMargins(12, 8, 8, 8)
        row.addLayout(texts, 1)
        row.addWidget(self.promote)
        row.addWidget(self.stop)
        card.hide()
        return card

    def _chosen(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        line = self.model.record(index.row())
        if line.number != self._number:
            self._number = line.number
            self.difference.clear()
            self._ask_changes()
        self.steps.show(drafts.step_lines(line.revision.steps))
        self._write()

    def _ask_changes(self) -> None:
        self._asked.follow(
            self._policies.revision(self._number, with_changes=True),
            lambda answer: self.difference.show_changes(answer.changes),
            lambda failure: self._banner.tell(failure, self._ask_changes),
        )

    # What is done.

    def _roll_back(self) -> None:
        number = self._number
        self._when(
            questions.roll_back(self._context, self, number),
            lambda told: self._do(self._policies.roll_back(number, told["reason"]), self._came_back),
        )

    def _promote(self) -> None:
        number = self._candidate
        self._when(
            questions.promote(self._context, self, number),
            lambda told: self._do(self._policies.promote(number, told["reason"]), self._promoted),
        )

    def _stop(self) -> None:
        number = self._candidate
        self._when(
            questions.stop(self._context, self, number),
            lambda told: self._do(self._policies.stop(number, told["reason"]), self._stopped),
        )

    def _when(self, ask: Ask, answered: Callable[[dict[str, Any]], object]) -> None:
        self.ask = ask
        ask.answered.connect(answered)

    def _do(self, call: Call, went: Callable[[Any], object]) -> None:
        self._doing.follow(call, went, self._failed)

    def _came_back(self, answer: policy_service_pb2.RollBackResponse) -> None:
        self._took_force(answer.revision.number, plain(""))

    def _promoted(self, answer: policy_service_pb2.PromoteRolloutResponse) -> None:
        self._took_force(answer.rollout.revision, _PROMOTED.filled(number=answer.rollout.revision))

    def _stopped(self, answer: policy_service_pb2.StopRolloutResponse) -> None:
        self._took_force(answer.rollout.fallback, _STOPPED.filled(number=answer.rollout.fallback))

    def _took_force(self, number: int, said: Say) -> None:
        self._banner.clear()
        if any(said):
            self._banner.say(said)
        self.published.emit(number)

    def _failed(self, failure: Failure) -> None:
        self._banner.tell(failure)
        self._catalogue.refresh()

    # How it looks.

    @property
    def _candidate(self) -> int:
        found = self._catalogue.rollout
        return 0 if found is None else found.rollout.revision

    def _write(self) -> None:
        say, found = self._context.language, self._catalogue
        index = self.table.currentIndex()
        line = self.model.record(index.row()) if index.isValid() else None
        self._named.setText(say(_NAMED.filled(number=self._number or "–")))
        running = found.rollout is not None and rollouts.is_running(found.rollout)
        for widget in (self.text, self.compare):
            widget.setEnabled(line is not None)
        may = self._rights.may("policy_publish")
        self.back.setVisible(may and line is not None and line.number != found.head and not running)
        if line is not None:
            one = line.revision
            self._hash.setText(say(_HASH.filled(bundle=one.bundle_hash[:16], text=one.sources[:16])))
        self.rollout.setVisible(running)
        if found.rollout is not None:
            said, compared = rollouts.told(found.rollout)
            self._rolling.setText(say(said))
            self._compared.setText(say(compared))
        for widget in (self.promote, self.stop):
            widget.setVisible(may)
