"""All scenarios at once: what came of each, and which rules they reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSplitter, QVBoxLayout, QWidget

from admin_gui.domain import coverage
from admin_gui.domain.coverage import ResultLine, RuleLine
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.models.heat import HEAT, HeatBar
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button
from admin_gui.widgets.tables import row_table
from jingxi_client._gen.pdp.v1 import simulation_service_pb2

_RUN: Final = Say("运行全部情景", "Run all scenarios")
_CANCEL: Final = Say("停止", "Stop")
_RESULTS: Final = Say("情景结果", "Scenarios")
_RULES: Final = Say("规则覆盖", "Coverage of rules")
_STOPPED: Final = Say("已停止", "stopped")
_HINT: Final = Say(
    "运行策略库中的全部情景，并看哪些规则没有情景触及。",
    "Run every scenario of the policy set, and see which rules none of them reaches.",
)
_COLUMNS: Final = (
    Column[ResultLine](
        Say("结果", "Outcome"), lambda one: one.verdict, lambda one: "masked" if one.passed else "danger", 70
    ),
    Column[ResultLine](Say("情景", "Scenario"), lambda one: one.title, width=210),
    Column[ResultLine](Say("不符之处", "What differs"), lambda one: one.differences, lambda _: "danger", 100),
)
_RULE_COLUMNS: Final = (
    Column[RuleLine](Say("规则", "Rule"), lambda one: one.rule, lambda one: "" if one.matched else "danger", 190),
    Column[RuleLine](Say("触发次数", "Matched"), lambda one: str(one.matched), width=110),
    Column[RuleLine](Say("缺少的情形", "Not seen"), lambda one: one.missing, lambda _: "warning", 100),
)
_HEAT_COLUMN: Final = 1


class _Rules(RecordModel[RuleLine]):
    """The rules, with how warm each is."""

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == HEAT:
            return self.record(index.row()).heat if index.column() == _HEAT_COLUMN else None
        return super().data(index, role)


class LibraryRun(QWidget):
    """Runs the scenarios when it is asked to, with progress, and stops when it is asked to."""

    scenario_chosen = Signal(str)
    place_chosen = Signal(str)
    failed = Signal(object)

    def __init__(self, context: Context, ask: Callable[[], Call], parent: QWidget | None = None) -> None:
        """`ask` begins a run: a stream of RunScenariosResponse."""
        super().__init__(parent)
        self._context, self._ask = context, ask
        self._call: Call | None = None
        self._lines: list[ResultLine] = []
        self._said = _HINT
        self.results = RecordModel[ResultLine](context, _COLUMNS, lambda one: one.name, self)
        self.rules = _Rules(context, _RULE_COLUMNS, lambda one: one.rule, self)
        self.run = button(context, _RUN, self.begin)
        self.stop = button(context, _CANCEL, self.cancel)
        self._progress = QProgressBar(textVisible=False)
        self._progress.setFixedHeight(6)
        self._told = QLabel(wordWrap=True)
        self._told.setObjectName("quiet")
        context.language.bind(self._told, self._told.setText, lambda: self._said)
        row = QHBoxLayout()
        row.addWidget(self.run)
        row.addWidget(self.stop)
        row.addWidget(self._told, 1)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setChildrenCollapsible(False)
        results = row_table(context, self.results, _RESULTS, (column.width for column in _COLUMNS))
        results.activated.connect(lambda index: self.scenario_chosen.emit(self.results.record(index.row()).name))
        rules = row_table(context, self.rules, _RULES, (column.width for column in _RULE_COLUMNS))
        rules.setItemDelegateForColumn(_HEAT_COLUMN, HeatBar(context, rules))
        rules.activated.connect(lambda index: self.place_chosen.emit(self.rules.record(index.row()).location))
        halves.addWidget(results)
        halves.addWidget(rules)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 6, 0, 0)
        whole.addLayout(row)
        whole.addWidget(self._progress)
        whole.addWidget(halves, 1)
        self._show_running(running=False)

    def begin(self) -> None:
        """Run all, from the beginning."""
        self.cancel()
        self._lines = []
        self.results.show(())
        self.rules.show(())
        self._progress.setRange(0, 0)
        self._show_running(running=True)
        self._call = self._ask()
        self._call.answered.connect(self._came)
        self._call.ended.connect(lambda: self._show_running(running=False))
        self._call.failed.connect(self._broke)

    def cancel(self) -> None:
        """Run no more."""
        if self._call is not None and not self._call.is_over:
            self._call.cancel()
            self._say(_STOPPED)
        self._show_running(running=False)

    def _came(self, answer: simulation_service_pb2.RunScenariosResponse) -> None:
        self._progress.setRange(0, answer.total)
        if answer.WhichOneof("part") == "summary":
            self.results.show(sorted(self._lines, key=lambda line: line.passed))
            self.rules.show(coverage.rule_lines(answer.summary))
            self._say(coverage.summary(answer.summary))
            return
        self._lines.append(coverage.result_line(answer.result))
        self._progress.setValue(len(self._lines))
        self._say(coverage.progress(self._lines, answer.total))

    def _broke(self, failure: Failure) -> None:
        self._show_running(running=False)
        self._say(failure.say)
        self.failed.emit(failure)

    def _show_running(self, *, running: bool) -> None:
        self.run.setVisible(not running)
        self.stop.setVisible(running)
        self._progress.setVisible(running)

    def _say(self, said: Say) -> None:
        self._said = said
        self._told.setText(self._context.language(said))
