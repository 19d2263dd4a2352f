"""The simulator's screen: scenarios on the left, the request in the middle, what would be shown on the right."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHeaderView, QLabel, QLineEdit, QListView, QSplitter, QTableView, QVBoxLayout, QWidget

from admin_gui.domain import form as forms
from admin_gui.domain import verdicts
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.models.verdicts import SHOWN, VerdictModel
from admin_gui.services.calls import Call
from admin_gui.services.simulation import Simulation
from admin_gui.services.texts import IN_FORCE
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.views.simulator.explain import ExplainTree
from admin_gui.views.simulator.form import RequestForm
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import heading, quiet
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, simulation_service_pb2

_SCENARIOS = Say("情景", "Scenarios")
_FIND = Say("查找情景…", "Find a scenario…")
_REQUEST = Say("请求", "Request")
_RESULT = Say("会展示什么", "What would be shown")
_WHY = Say("为什么", "Why")
_HINT = Say(
    "选一个情景，或直接填写请求。结果随输入更新。",
    "Choose a scenario, or fill the request in. The result follows what you enter.",
)
_COUNT = Say("{clear} 个明文，{masked} 个脱敏", "{clear} in clear, {masked} masked")
_NONE = Say("还没有结果", "no result yet")
_NAME: Final = Qt.ItemDataRole.UserRole


class SimulatorScreen(ScreenWidget):
    """Decides made-up requests by the policy set in force, as often as something is entered."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context = context = desk.context
        self._simulation = Simulation(desk.connection)
        self._bundle = bundle_pb2.Bundle()
        self._cases: dict[str, bundle_pb2.GoldenCase] = {}
        self._case: bundle_pb2.GoldenCase | None = None
        self._fields: list[str] = []
        self._explained = decision_service_pb2.ExplainResponse()
        self._call: Call | None = None
        self._summary = _NONE
        self._titles: dict[str, Say] = {}
        context.language.changed.connect(self._retitle)
        self.banner = Banner(context)
        self.form = RequestForm(context)
        self.form.changed.connect(self.simulate)
        self.verdicts = VerdictModel(context, self)
        self._names = QStandardItemModel(self)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._names)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._explain = ExplainTree(context)
        self._explain.place_chosen.connect(desk.routes.place_chosen)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for part, stretch in ((self._library(), 2), (self._request(), 3), (self._result(), 6)):
            splitter.addWidget(part)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        splitter.setSizes([230, 330, 760])
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(self.banner)
        column.addWidget(splitter, 1)

    def load(self) -> None:
        """Read the policy set in force."""
        self._follow(self._simulation.describe(IN_FORCE), self._described, self.load)

    def simulate(self) -> None:
        """Decide what is entered."""
        if not self._bundle.fields:
            return
        try:
            question = forms.request_of(self.form.entries, self.form.values(), self._asked_fields(), self._grant_ids())
        except ValueError as error:
            self.banner.say(Say(f"请求有误：{error}", f"the request is wrong: {error}"), "warning")
            return
        case = self._case
        call = self._simulation.simulate(
            IN_FORCE, question,
            now_nanos=None if case is None else case.now_nanos,
            grants=() if case is None else case.grants,
        )  # fmt: skip
        self._follow(call, self._decided, self.simulate)

    def choose(self, name: str) -> None:
        """Enter a scenario's request."""
        case = self._cases[name]
        request = decision_service_pb2.DecideRequest.FromString(case.request)
        self._case, self._fields = case, list(request.fields)
        self.form.enter(forms.values_of(request))

    def _library(self) -> QWidget:
        part, column = _column(heading(self._context, _SCENARIOS))
        find = QLineEdit(clearButtonEnabled=True)
        self._context.language.bind(find, find.setPlaceholderText, _FIND)
        self._context.language.bind(find, find.setAccessibleName, _FIND)
        find.textChanged.connect(self._shown.setFilterFixedString)
        self._list = QListView(uniformItemSizes=True)
        self._list.setModel(self._shown)
        self._list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self._list.selectionModel().currentChanged.connect(
            lambda index, _: self.choose(index.data(_NAME)) if index.isValid() else None
        )
        self._context.language.bind(self._list, self._list.setAccessibleName, _SCENARIOS)
        column.addWidget(find)
        column.addWidget(self._list, 1)
        return part

    def _request(self) -> QWidget:
        part, column = _column(heading(self._context, _REQUEST))
        column.addWidget(quiet(self._context, _HINT))
        column.addWidget(self.form, 1)
        return part

    def _result(self) -> QWidget:
        part, column = _column(heading(self._context, _RESULT))
        self._counted = QLabel()
        self._counted.setObjectName("quiet")
        self._context.language.bind(self._counted, self._counted.setText, lambda: self._summary)
        self.table = QTableView(showGrid=False, wordWrap=False)
        self.table.setModel(self.verdicts)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(30)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for section, width in enumerate((150, 54, 84, 170, 190)):
            self.table.setColumnWidth(section, width)
        self.table.selectionModel().currentChanged.connect(lambda index, _: self._explain_row(index.row()))
        self._context.language.bind(self.table, self.table.setAccessibleName, _RESULT)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.table)
        lower, below = _column(heading(self._context, _WHY))
        below.addWidget(self._explain, 1)
        halves.addWidget(lower)
        halves.setSizes([430, 260])
        column.addWidget(self._counted)
        column.addWidget(halves, 1)
        return part

    def _follow(self, call: Call, answered: object, retry: object) -> None:
        if self._call is not None:
            # An answer that was overtaken must not come back.
            self._call.cancel()
        self._call = call
        call.answered.connect(answered)
        call.failed.connect(lambda failure: self._failed(failure, retry))

    def _failed(self, failure: Failure, retry: object) -> None:
        self.banner.tell(failure, retry if callable(retry) else None)

    def _described(self, answer: simulation_service_pb2.DescribePoliciesResponse) -> None:
        self.banner.clear()
        self._bundle = answer.bundle
        self._cases = {case.name: case for case in answer.bundle.golden_cases}
        self._names.clear()
        self._titles = {name: Say(said.zh, said.en) for name, said in answer.scenario_titles.items()}
        for name in self._cases:
            item = QStandardItem(self._title(name))
            item.setData(name, _NAME)
            item.setToolTip(name)
            self._names.appendRow(item)
        self.form.build(forms.entries(answer.bundle))
        if self._shown.rowCount():
            self._list.setCurrentIndex(self._shown.index(0, 0))

    def _decided(self, answer: simulation_service_pb2.SimulateResponse) -> None:
        self.banner.clear()
        lines = verdicts.lines(self._bundle, answer)
        self._explained = answer.explained
        chosen = self.table.currentIndex().row()
        self.verdicts.show(lines)
        clear = sum(line.unmasked for line in lines)
        self._summary = _COUNT.filled(clear=clear, masked=len(lines) - clear)
        self._counted.setText(self._context.language(self._summary))
        if lines:
            self.table.setCurrentIndex(self.verdicts.index(min(max(chosen, 0), len(lines) - 1), SHOWN))

    def _explain_row(self, row: int) -> None:
        if row >= 0:
            self._explain.show_field(self._explained, self.verdicts.line(row).field)

    def _title(self, name: str) -> str:
        return self._context.language(self._titles.get(name, plain(name))) or name

    def _retitle(self) -> None:
        for row in range(self._names.rowCount()):
            item = self._names.item(row)
            item.setText(self._title(item.data(_NAME)))

    def _asked_fields(self) -> list[str]:
        return self._fields or [field.id for field in self._bundle.fields]

    def _grant_ids(self) -> list[str]:
        return [] if self._case is None else [grant.id for grant in self._case.grants]


def _column(*widgets: QWidget) -> tuple[QWidget, QVBoxLayout]:
    part = QWidget()
    column = QVBoxLayout(part)
    column.setContentsMargins(6, 0, 6, 0)
    for widget in widgets:
        column.addWidget(widget)
    return part, column
