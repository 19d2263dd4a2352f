"""What a text would have decided otherwise: a period, progress, and the differences by group with examples."""

from __future__ import annotations

import time
from typing import Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QSplitter, QVBoxLayout, QWidget

from admin_gui.domain import impact
from admin_gui.domain.failure import Failure
from admin_gui.domain.impact import Example, Group
from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_scenario import scenario_of
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.policies import Policies
from admin_gui.views.policies.latest import Latest
from admin_gui.views.policies.tables import record_table
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import policy_service_pb2

_SINCE: Final = Say("时间", "Period")
_BY: Final = Say("分组", "Group by")
_RUN: Final = Say("分析影响", "Analyse the impact")
_CANCEL: Final = Say("取消", "Cancel")
_HINT: Final = Say(
    "用这份文本重做已记录的裁决，看哪些会改变。不影响现行策略和记录。",
    "Makes recorded decisions again by this text and tells which would change. Nothing is put in force or changed.",
)
_CANCELLED: Final = Say("已取消。", "Cancelled.")
_BEGUN: Final = Say("正在读取记录…", "Reading the records…")
_GROUPS: Final = Say("会改变的分组", "Groups that change")
_EXAMPLES: Final = Say("示例", "Examples")
_SIMULATE: Final = Say("在模拟中打开", "Open in the simulator")
_SNAPSHOT: Final = Say("查看快照", "Show the snapshot")
_NANOS_AN_HOUR: Final = 3_600 * 10**9
_GROUP_COLUMNS: Final = (
    Column[Group](Say("分组", "Group"), lambda one: one.title, width=200),
    Column[Group](Say("裁决", "Decisions"), lambda one: f"{one.decisions:,}", width=80),
    Column[Group](Say("会改变", "Would change"), lambda one: f"{one.changed:,}", lambda _: "warning", 90),
    Column[Group](Say("占比", "Share"), lambda one: one.share, width=70),
    Column[Group](
        Say("更多明文", "More shown"), lambda one: f"⚠ {one.shown:,}" if one.shown else "0",
        lambda one: "clear" if one.shown else "quiet", 90,
    ),
)  # fmt: skip
_EXAMPLE_COLUMNS: Final = (
    Column[Example](Say("时间", "When"), lambda one: one.when, width=150),
    Column[Example](Say("操作员", "Who"), lambda one: one.who, width=100),
    Column[Example](Say("菜单", "Menu"), lambda one: one.menu, width=70),
    Column[Example](Say("变化", "What changes"), lambda one: one.changes, width=420),
    Column[Example](Say("裁决编号", "Decision"), lambda one: one.id, lambda _: "quiet", 220),
)


class Impact(QWidget):
    """Analyses one text."""

    done = Signal(object)
    """The last AnalyseImpactResponse, which has the groups."""

    def __init__(self, desk: Desk, banner: Banner) -> None:
        super().__init__()
        self._context = context = desk.context
        self._routes: Routes = desk.routes
        self._banner = banner
        self._policies = Policies(desk.connection)
        self._latest = Latest()
        self._text: policy_service_pb2.PolicyText | None = None
        self._said: Say = _HINT
        self.result: policy_service_pb2.AnalyseImpactResponse | None = None
        self.since = QComboBox()
        for hours, say in impact.PERIODS:
            self.since.addItem(context.language(say), hours)
        self.by = QComboBox()
        for kind, say in impact.KINDS.items():
            self.by.addItem(context.language(say), kind)
        self.by.currentIndexChanged.connect(lambda _: self._show_groups())
        context.language.changed.connect(self._rename)
        self.run = button(context, _RUN, self.begin, primary=True)
        self.cancel = button(context, _CANCEL, self._give_up)
        self._progress = QProgressBar(textVisible=False)
        self._progress.setFixedHeight(6)
        self._summary = QLabel(wordWrap=True)
        context.language.bind(self._summary, self._summary.setText, lambda: self._said)
        self.groups = RecordModel[Group](context, _GROUP_COLUMNS, lambda one: one.key, self)
        self.examples = RecordModel[Example](context, _EXAMPLE_COLUMNS, lambda one: one.id, self)
        self.group_table = record_table(context, self.groups, _GROUP_COLUMNS, _GROUPS, "policies/impact-groups")
        self.example_table = record_table(context, self.examples, _EXAMPLE_COLUMNS, _EXAMPLES, "policies/impact-cases")
        self.group_table.selectionModel().currentRowChanged.connect(lambda index, _: self._show_examples(index))
        self.example_table.selectionModel().currentRowChanged.connect(lambda *_: self._enable())
        self.example_table.doubleClicked.connect(lambda _: self.open_snapshot())
        for box, say in ((self.since, _SINCE), (self.by, _BY)):
            context.language.bind(box, box.setAccessibleName, say)
        self.simulate = button(context, _SIMULATE, self.open_scenario)
        self.snapshot = button(context, _SNAPSHOT, self.open_snapshot)
        self.simulate.setVisible(desk.rights.may("simulate"))
        self.snapshot.setVisible(desk.rights.may("snapshot_read"))
        self._lay_out()
        self._busy(busy=False)
        self._enable()

    def show_text(self, text: policy_service_pb2.PolicyText | None) -> None:
        """Analyse this text, once somebody asks for it."""
        if text == self._text:
            return
        self._latest.drop()
        self._text, self.result = text, None
        self._busy(busy=False)
        self._say(_HINT)
        self._show_groups()

    def begin(self) -> None:
        """Make the decisions of the period again."""
        if self._text is None:
            return
        since = time.time_ns() - self.since.currentData() * _NANOS_AN_HOUR
        self.result = None
        self._show_groups()
        self._say(_BEGUN)
        self._busy(busy=True)
        self._latest.follow(self._policies.impact(self._text, since), self._told, self._failed)

    def open_scenario(self) -> None:
        """Try the chosen example in the simulator."""
        if (one := self._chosen()) is not None:
            self._routes.scenario_chosen.emit(scenario_of(one.example.entry.record.snapshot))

    def open_snapshot(self) -> None:
        """Show the record of the chosen example."""
        if (one := self._chosen()) is not None:
            self._routes.snapshot_chosen.emit(one.id)

    @property
    def said(self) -> Say:
        """How it stands, in words."""
        return self._said

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.since)
        row.addWidget(self.run)
        row.addWidget(self.cancel)
        row.addStretch(1)
        row.addWidget(self.by)
        actions = QHBoxLayout()
        actions.addStretch(1)
        actions.addWidget(self.simulate)
        actions.addWidget(self.snapshot)
        lower = QWidget()
        column = QVBoxLayout(lower)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.example_table, 1)
        column.addLayout(actions)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.group_table)
        splitter.addWidget(lower)
        splitter.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 6, 0, 0)
        whole.addLayout(row)
        whole.addWidget(self._progress)
        whole.addWidget(self._summary)
        whole.addWidget(splitter, 1)

    def _told(self, answer: policy_service_pb2.AnalyseImpactResponse) -> None:
        if not answer.done:
            known = answer.expected >= answer.read and answer.expected > 0
            self._progress.setMaximum(answer.expected if known else 0)
            self._progress.setValue(answer.read)
            self._say(impact.progress(answer))
            return
        self.result = answer
        self._busy(busy=False)
        self._say(impact.summary(answer))
        self._show_groups()
        self.done.emit(answer)

    def _failed(self, failure: Failure) -> None:
        self._busy(busy=False)
        self._say(_HINT)
        self._banner.tell(failure, self.begin)

    def _give_up(self) -> None:
        self._latest.drop()
        self._busy(busy=False)
        self._say(_CANCELLED)

    def _busy(self, *, busy: bool) -> None:
        self.run.setVisible(not busy)
        self.run.setEnabled(self._text is not None)
        self.cancel.setVisible(busy)
        self._progress.setVisible(busy)
        self._progress.setMaximum(0)

    def _show_groups(self) -> None:
        found = [] if self.result is None else impact.groups(self.result, self.by.currentData())
        self.groups.show(found)
        if found:
            self.group_table.setCurrentIndex(self.groups.index(0, 0))
            self._show_examples(self.groups.index(0, 0))
        else:
            self.examples.show([])
        self._enable()

    def _show_examples(self, index: QModelIndex) -> None:
        self.examples.show(impact.examples(self.groups.record(index.row())) if index.isValid() else [])
        if self.examples.rowCount():
            self.example_table.setCurrentIndex(self.examples.index(0, 0))
        self._enable()

    def _chosen(self) -> Example | None:
        index = self.example_table.currentIndex()
        return self.examples.record(index.row()) if index.isValid() else None

    def _enable(self) -> None:
        for one in (self.simulate, self.snapshot):
            one.setEnabled(self._chosen() is not None)

    def _say(self, said: Say) -> None:
        self._said = said
        self._summary.setText(self._context.language(said))

    def _rename(self) -> None:
        for row, (_, say) in enumerate(impact.PERIODS):
            self.since.setItemText(row, self._context.language(say))
        for row, say in enumerate(impact.KINDS.values()):
            self.by.setItemText(row, self._context.language(say))
