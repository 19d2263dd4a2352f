"""Gaps, overlaps, conflicts and shadowed rules of the texts as they are now, on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QElapsedTimer, QModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStackedWidget, QTableView, QVBoxLayout, QWidget

from admin_gui.domain import findings, problems
from admin_gui.domain.failure import Failure
from admin_gui.domain.findings import KINDS, WARNINGS, Finding
from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from admin_gui.services.policies import Policies
from admin_gui.services.simulation import Simulation
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button
from admin_gui.widgets.tables import row_table
from jingxi_client._gen.pdp.v1 import bundle_pb2, policy_service_pb2, simulation_service_pb2

_ANALYSIS: Final = Say("分析", "Analysis")
_RUN: Final = Say("开始分析", "Analyse")
_CANCEL: Final = Say("停止", "Stop")
_OPEN: Final = Say("转到规则", "Go to the rule")
_TRY: Final = Say("在模拟器中打开反例", "Open counterexample in the simulator")
_RUNNING: Final = Say("正在分析全部规则… {percent}%（{seconds} 秒）", "analysing all rules… {percent}% ({seconds} s)")
_STOPPED: Final = Say("已停止", "stopped")
_FOUND: Final = Say("{warnings} 处要看，{others} 处提示", "{warnings} to look at, {others} to know")
_OLD: Final = Say("文本已修改，请重新分析", "the texts have changed since; analyse again")
_ERRORS: Final = Say("文本有 {count}，改正后才能分析。", "There are {count} in the texts; mend them first.")
_EMPTY: Final = Say("找出相互影响的规则", "Find rules that get in each other's way")
_EMPTY_ABOUT: Final = Say(
    "分析会列出冲突、被遮蔽的规则、重叠和空白，并给出可在模拟器中打开的反例。",
    "It lists conflicts, shadowed rules, overlaps and gaps, with requests that show them in the simulator.",
)
_CLEAN: Final = Say("没有发现问题", "Nothing was found")


def _color(one: Finding) -> str:
    return "danger" if one.kind == "conflicting-rules" else "warning" if one.kind in WARNINGS else ""


_COLUMNS: Final = (
    Column[Finding](Say("类别", "Kind"), lambda one: KINDS[one.kind], _color, 110),
    Column[Finding](Say("规则", "Rules"), lambda one: ", ".join(one.rules), width=300),
    Column[Finding](Say("说明", "What"), lambda one: one.what, width=420),
    Column[Finding](Say("位置", "Place"), lambda one: one.place, lambda _: "quiet", 220),
)


class AnalysisView(QWidget):
    """Findings as a table, with what shows them."""

    place_chosen = Signal(str)
    """A finding's place, as `file:line:column`."""
    scenario_chosen = Signal(object)
    """A `Scenario` that shows a finding."""

    def __init__(
        self, context: Context, connection: Connection, text: Callable[[], policy_service_pb2.PolicyText | None]
    ) -> None:
        super().__init__()
        self._context, self._text = context, text
        self._policies, self._simulation = Policies(connection), Simulation(connection)
        self._call: Call | None = None
        self._said = Say("", "")
        self._answer: policy_service_pb2.CheckPoliciesResponse | None = None
        self._old = False
        self.may_simulate = True
        self.banner = Banner(context)
        self.model = RecordModel[Finding](context, _COLUMNS, lambda one: one, self)
        self.table = self._made_table()
        self.run_button = button(context, _RUN, self.run, primary=True)
        self.stop_button = button(context, _CANCEL, self.stop)
        self.open_button = button(context, _OPEN, self.open_place)
        self.try_button = button(context, _TRY, self.open_scenario)
        self._percent = 0
        self._busy = QProgressBar(textVisible=False)
        self._busy.setFixedSize(110, 8)
        context.language.bind(self._busy, self._busy.setAccessibleName, _ANALYSIS)
        self._label = QLabel()
        self._label.setObjectName("quiet")
        context.language.bind(self._label, self._label.setText, lambda: self._said)
        self._details = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.setObjectName("quiet")
        self._detail = Say("", "")
        context.language.bind(self._details, self._details.setText, lambda: self._detail)
        self._clock, self._tick = QElapsedTimer(), QTimer(self, interval=500)
        self._tick.timeout.connect(self._count)
        self._empty = Empty(context, "search", _EMPTY, _EMPTY_ABOUT)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.table)
        row = QHBoxLayout()
        for widget in (self.run_button, self.stop_button, self._busy, self._label):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.open_button)
        row.addWidget(self.try_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.banner)
        column.addWidget(self._stack, 1)
        column.addWidget(self._details)
        self._arrange()

    def _made_table(self) -> QTableView:
        table = row_table(self._context, self.model, _ANALYSIS, (column.width for column in _COLUMNS))
        table.activated.connect(lambda _: self.open_place())
        table.selectionModel().currentChanged.connect(lambda *_: self._arrange())
        return table

    @property
    def is_running(self) -> bool:
        """Whether an answer is awaited."""
        return self._call is not None and not self._call.is_over

    def run(self) -> None:
        """Ask for all findings about the texts as they are now."""
        text = self._text()
        if text is None or self.is_running:
            return
        self.banner.clear()
        self._old = False
        self._clock.start()
        self._tick.start()
        self._percent = 0
        # Nothing is known before the first answer: until then it is only busy.
        self._busy.setRange(0, 0)
        self._call = call = self._policies.analyse(text)
        call.answered.connect(self._told)
        call.failed.connect(self._failed)
        self._count()
        self._arrange()

    def stop(self) -> None:
        """End the search; what was found before stays."""
        if self._call is not None:
            self._call.cancel()
        self._done(_STOPPED)

    def tell_changed(self) -> None:
        """Say that the texts are others than those that were analysed."""
        if self.model.rowCount() and not self._old and not self.is_running:
            self._old = True
            self._say(_OLD)

    def open_place(self) -> None:
        """Show the rule of the chosen finding."""
        found = self._chosen()
        if found is not None and found.place:
            self.place_chosen.emit(found.place)

    def open_scenario(self) -> None:
        """Open the request that shows the chosen finding."""
        found = self._chosen()
        if found is not None and found.scenario is not None and self.may_simulate:
            self.scenario_chosen.emit(found.scenario)

    def _told(self, answer: policy_service_pb2.AnalysePoliciesResponse) -> None:
        self._busy.setRange(0, answer.total)
        self._busy.setValue(answer.done)
        self._percent = 100 * answer.done // max(answer.total, 1)
        self._count()
        if answer.HasField("result"):
            self._checked(answer.result)

    def _checked(self, answer: policy_service_pb2.CheckPoliciesResponse) -> None:
        listed = problems.problems(answer.problems)
        errors = [one for one in listed if one.severity == "error" and one.code != problems.SCENARIO]
        if errors:
            self.model.show([])
            self.banner.say(_ERRORS.filled(count=problems.count(errors)), "warning")
            self._done(Say("", ""))
            return
        text = self._text()
        self._answer = answer
        if text is None or not self.may_simulate:
            self._show(None)
            return
        self._call = call = self._simulation.describe(text)
        call.answered.connect(self._described)
        # Without what the text means the findings have no names of rules, and there are no gaps.
        call.failed.connect(lambda _: self._show(None))

    def _described(self, answer: simulation_service_pb2.DescribePoliciesResponse) -> None:
        self._show(answer.bundle)

    def _show(self, bundle: bundle_pb2.Bundle | None) -> None:
        found = [] if self._answer is None else findings.findings(self._answer.problems, bundle)
        self.model.show(found)
        if not found:
            self._empty.say(_CLEAN)
        warnings = sum(one.kind in WARNINGS for one in found)
        self._done(_FOUND.filled(warnings=warnings, others=len(found) - warnings))
        if found:
            self.table.setCurrentIndex(self.model.index(0, 0))

    def _failed(self, failure: Failure) -> None:
        self.banner.tell(failure, self.run)
        self._done(Say("", ""))

    def _done(self, said: Say) -> None:
        self._call = None
        self._tick.stop()
        self._say(said)
        self._arrange()

    def _count(self) -> None:
        self._say(_RUNNING.filled(percent=self._percent, seconds=self._clock.elapsed() // 1000))

    def _say(self, said: Say) -> None:
        self._said = said
        self._label.setText(self._context.language(said))

    def _chosen(self) -> Finding | None:
        index: QModelIndex = self.table.currentIndex()
        return self.model.record(index.row()) if index.isValid() else None

    def _arrange(self) -> None:
        running, found = self.is_running, self._chosen()
        self.run_button.setVisible(not running)
        self.stop_button.setVisible(running)
        self._busy.setVisible(running)
        self._stack.setCurrentIndex(1 if self.model.rowCount() else 0)
        self.open_button.setVisible(bool(self.model.rowCount()))
        self.try_button.setVisible(bool(self.model.rowCount()) and self.may_simulate)
        self.open_button.setEnabled(found is not None and bool(found.place))
        self.try_button.setEnabled(found is not None and found.scenario is not None)
        self._detail = Say("", "") if found is None else found.details
        self._details.setText(self._context.language(self._detail))
        self._details.setVisible(any(self._detail))
