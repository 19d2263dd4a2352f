"""The simulator's screen: scenarios on the left, the request in the middle, what would be shown on the right."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QTabWidget, QVBoxLayout, QWidget

from admin_gui.domain import form as forms
from admin_gui.domain import situation, test_document, verdicts
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.domain.scenario import Scenario
from admin_gui.domain.workspace import Workspace
from admin_gui.models.verdicts import VerdictModel
from admin_gui.services.calls import Call
from admin_gui.services.simulation import Simulation
from admin_gui.services.texts import IN_FORCE, text_of
from admin_gui.views.screen import Command, Desk, ScreenWidget
from admin_gui.views.simulator.explain import ExplainTree
from admin_gui.views.simulator.form import RequestForm
from admin_gui.views.simulator.library import Library
from admin_gui.views.simulator.library_run import LibraryRun
from admin_gui.views.simulator.result import Result
from admin_gui.views.simulator.situation import Situation
from admin_gui.widgets.ask import Ask, Line
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button, heading, quiet
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, policy_service_pb2, simulation_service_pb2

_LEAST_WIDTH: Final = 270
_REQUEST: Final = Say("请求", "Request")
_WHY: Final = Say("为什么", "Why")
_ALL: Final = Say("全部情景", "All scenarios")
_HINT: Final = Say(
    "选一个情景，或直接填写请求。结果随输入更新。",
    "Choose a scenario, or fill the request in. The result follows what you enter.",
)
_SIMULATE: Final = Say("模拟", "Simulate")
_KEEP: Final = Say("存为测试…", "Keep as a test…")
_KEEP_ABOUT: Final = Say(
    "把这次请求和它的结果写进 {file}；以后每次检查和发布都会重新核对。保存文件后才生效。",
    "Writes this request and its outcome into {file}; every check and publication compares it again. "
    "It counts once the file is saved.",
)
_NAME: Final = Say("名称（小写字母、数字、连字符）", "Name (small letters, digits, dashes)")
_TITLE: Final = Say("标题", "Title")
_WRONG_NAMES: Final = {
    "shape": Say("只能用小写字母、数字和连字符。", "Only small letters, digits and dashes."),
    "taken": Say("已有同名文档。", "There is a document of this name."),
}
_KEPT: Final = Say("已写入 {file}，请在策略页保存。", "Written into {file}; save it on the policies' screen.")
_OPENED: Final = Say("来自：{title}", "from: {title}")
_WRONG: Final = Say("请求有误：{error}", "the request is wrong: {error}")


class SimulatorScreen(ScreenWidget):
    """Decides made-up requests as often as something is entered, by what is in force or by what is being edited."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context, self._routes, self._rights = desk.context, desk.routes, desk.rights
        self._simulation = Simulation(desk.connection)
        self._workspace: Workspace | None = desk.workspace
        self._bundle = bundle_pb2.Bundle()
        self._cases: dict[str, bundle_pb2.GoldenCase] = {}
        self._grants: Sequence[bundle_pb2.Grant] = ()
        self._asked = decision_service_pb2.DecideRequest()
        self._answer: simulation_service_pb2.SimulateResponse | None = None
        self._question = decision_service_pb2.DecideRequest()
        self._given: list[bundle_pb2.Grant] = []
        self._now = 0
        self._opened: Scenario | None = None
        self._call: Call | None = None
        self.banner = Banner(desk.context)
        self.library = Library(desk.context)
        self.library.chosen.connect(self.choose)
        self.form = RequestForm(desk.context)
        self.form.changed.connect(self.simulate)
        self.situation = Situation(desk.context)
        self.situation.changed.connect(self.simulate)
        self.situation.text.currentIndexChanged.connect(lambda _: self.load())
        self.situation.offer_edited(there=self._workspace is not None)
        self._explain = ExplainTree(desk.context)
        self._explain.place_chosen.connect(desk.routes.place_chosen)
        self.result = Result(desk.context, self._explain)
        self.result.head.addWidget(self.situation)
        self.run = LibraryRun(desk.context, lambda: self._simulation.run_scenarios(self._text()))
        self.run.scenario_chosen.connect(self.choose)
        self.run.place_chosen.connect(desk.routes.place_chosen)
        self.run.failed.connect(lambda failure: self.banner.tell(failure, self.run.begin))
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for part, stretch in ((self.library, 2), (self._middle(), 3), (self._right(), 6)):
            splitter.addWidget(part)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        splitter.setSizes([210, 380, 730])
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(self.banner)
        column.addWidget(splitter, 1)
        desk.routes.scenario_chosen.connect(self.open_scenario)
        desk.routes.workspace_opened.connect(self._take)
        desk.routes.published.connect(lambda _: self.load() if self.isVisible() else None)

    @property
    def verdicts(self) -> VerdictModel:
        """The model of what would be shown."""
        return self.result.verdicts

    def load(self) -> None:
        """Read the policy set that decides."""
        self._follow(self._simulation.describe(self._text()), self._described, self.load)

    def leave(self) -> None:
        """Run no scenarios that nobody looks at."""
        self.run.cancel()

    def commands(self) -> Sequence[Command]:
        """Simulate, run all, keep as a test."""
        run = Command("run-all", _ALL, self._run_all, "Ctrl+F5")
        return (Command("simulate", _SIMULATE, self.simulate, "F5"), run, Command("keep", _KEEP, self.ask_to_keep))

    def simulate(self) -> None:
        """Decide what is entered."""
        if not self._bundle.fields:
            return
        step, now = self.situation.step, self.situation.now_nanos()
        try:
            question = forms.request_of(self.form.entries, self.form.values(), self._asked_fields())
        except ValueError as error:
            self.banner.say(_WRONG.filled(error=error), "warning")
            return
        given = situation.grants(step, question, now, self.situation.level.value(), self._grants)
        question.grant_ids.extend(situation.ids(step, self._asked.grant_ids))
        self._question, self._given, self._now = question, given, now
        beside = IN_FORCE if self.situation.by_edited else None
        call = self._simulation.simulate(self._text(), question, now_nanos=now, grants=given, beside=beside)
        self._follow(call, self._decided, self.simulate)

    def choose(self, name: str) -> None:
        """Enter a scenario's request."""
        case = self._cases[name]
        self.library.mark(name)
        self._enter(case.request, case.now_nanos, case.grants)

    def open_scenario(self, scenario: Scenario) -> None:
        """Enter a request from elsewhere; the policy set is read first where that has not been done."""
        self._opened = scenario
        if not self._bundle.fields:
            self.load()
            return
        self._opened = None
        self.banner.say(_OPENED.filled(title=scenario.title))
        grants = [bundle_pb2.Grant.FromString(grant) for grant in scenario.grants]
        self._enter(scenario.request, scenario.now_nanos, grants)

    def ask_to_keep(self) -> None:
        """Ask what the test is to be called, and keep it."""
        if self._workspace is None or self._answer is None:
            return
        texts = self._workspace.texts

        def wrong(name: str) -> Say | None:
            problem = test_document.problem(name, texts)
            return None if problem is None else _WRONG_NAMES[problem]

        parts = (Line("name", _NAME, wrong=wrong), Line("title", _TITLE))
        ask = Ask(self._context, self, _KEEP, _KEEP_ABOUT.filled(file=test_document.FILE), _KEEP, parts)
        ask.answered.connect(lambda given: self.keep(given["name"], given["title"]))
        ask.open()

    def keep(self, name: str, title: str) -> None:
        """Write the last request and what came of it into the workspace."""
        if self._workspace is None or self._answer is None:
            return
        decision = self._answer.explained.decision
        made = test_document.document(name, title, self._question, self._now, self._given, decision)
        before = self._workspace.texts.get(test_document.FILE, "")
        self._workspace.write(test_document.FILE, test_document.added(before, made))
        self._routes.workspace_changed.emit()
        self.banner.say(_KEPT.filled(file=test_document.FILE))

    def _middle(self) -> QWidget:
        part = QWidget()
        part.setMinimumWidth(_LEAST_WIDTH)
        column = QVBoxLayout(part)
        column.setContentsMargins(6, 0, 6, 0)
        row = QHBoxLayout()
        row.addWidget(heading(self._context, _REQUEST), 1)
        self._keep = button(self._context, _KEEP, self.ask_to_keep)
        self._keep.setVisible(self._workspace is not None and self._rights.may("policy_write"))
        row.addWidget(self._keep)
        column.addLayout(row)
        column.addWidget(quiet(self._context, _HINT))
        column.addWidget(self.form, 1)
        return part

    def _right(self) -> QWidget:
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.result)
        tabs = QTabWidget(documentMode=True)
        for number, (widget, said) in enumerate(((self._explain, _WHY), (self.run, _ALL))):
            tabs.addTab(widget, "")
            self._context.language.bind(widget, functools.partial(tabs.setTabText, number), said)
        self.tabs = tabs
        halves.addWidget(tabs)
        halves.setSizes([450, 270])
        return halves

    def _run_all(self) -> None:
        self.tabs.setCurrentWidget(self.run)
        self.run.begin()

    def _text(self) -> policy_service_pb2.PolicyText:
        if self.situation.by_edited and self._workspace is not None:
            return text_of(self._workspace.texts)
        return IN_FORCE

    def _take(self, workspace: Workspace | None) -> None:
        self._workspace = workspace
        self.situation.offer_edited(there=workspace is not None)
        self._keep.setVisible(workspace is not None and self._rights.may("policy_write"))

    def _enter(self, request: bytes, now_nanos: int | None, grants: Sequence[bundle_pb2.Grant]) -> None:
        self._asked = decision_service_pb2.DecideRequest.FromString(request)
        self._grants = list(grants)
        self.situation.freeze(now_nanos)
        self.form.enter(forms.values_of(self._asked))

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
        is_first = not self._bundle.fields
        self._bundle = answer.bundle
        self._cases = {case.name: case for case in answer.bundle.golden_cases}
        titles = {name: Say(said.zh, said.en) for name, said in answer.scenario_titles.items()}
        self.library.show_names({name: titles.get(name, plain(name)) for name in self._cases})
        self.form.build(forms.entries(answer.bundle))
        if self._opened is not None:
            self.open_scenario(self._opened)
        elif is_first:
            self.library.choose_first()
        else:
            self.simulate()

    def _decided(self, answer: simulation_service_pb2.SimulateResponse) -> None:
        self._answer = answer
        if self.banner.property("kind") != "info":
            self.banner.clear()
        self.result.show_lines(verdicts.lines(self._bundle, answer), answer.explained)

    def _asked_fields(self) -> list[str]:
        return list(self._asked.fields) or [field.id for field in self._bundle.fields]
