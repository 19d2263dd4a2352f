"""What somebody does all day in the desktop program: one round goes through every screen, step by step.

A step does something in the real window and says when it is over. Each round leaves everything as it found it, so that
what is counted at the end of a round can be compared with the end of any other. Nothing here looks for widgets by
`findChildren`: that gives every object of Qt's own a Python twin, which outlives it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QMenu

from admin_gui.actions.palette import Palette
from admin_gui.main import sample_bank
from admin_gui.models.snapshots import SnapshotModel
from admin_gui.views.dictionary import DictionaryScreen
from admin_gui.views.grants import GrantsScreen
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.screen import ScreenWidget
from admin_gui.views.simulator import SimulatorScreen
from admin_gui.views.snapshots import SnapshotsScreen
from admin_gui.views.window import Window
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import decision_service_pb2, decision_service_pb2_grpc

DECISIONS_A_ROUND = 12
_SECONDS = 30.0
# A busy disk may keep a record, and with it the answer, waiting too long: whoever asks, asks again.
_AGAIN = json.dumps({
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 5, "initialBackoff": "0.2s", "maxBackoff": "2s", "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }],
})  # fmt: skip
_FILES = ("policies/core-counter.yaml", "policies/authorisation.yaml", "dictionary.yaml")
_FILTERS = ("flagged", 'context.channel == "counter"', "")
_STEPS = ("none", "supervisor", "customer", "over")
_SCENARIOS = 6


class Step(NamedTuple):
    """Something that was done, and when it is over."""

    name: str
    is_over: Callable[[], bool] = lambda: True


class Day(QObject):
    """Uses a window as somebody would who never stops."""

    def __init__(self, window: Window, context: Context) -> None:
        super().__init__()
        self._window, self._context = window, context
        self._checks = self._describes = 0
        self._cases: list[Any] = []

    def begin(self) -> Iterator[Step]:
        """Open the sample bank, as for the first time."""
        folder, before = sample_bank(), [screen.widget for screen in self._window._screens]
        assert folder is not None
        while not self._is_open_anew(before):
            self._window.open_folder(folder)
            # A machine with much else to do may not start the service in time: somebody would try again.
            yield Step("open the folder", lambda: self._is_open_anew(before) or self._window.start.banner.isVisible())
        self.policies.workbench.checked.connect(self._checked)
        self._cases = list(self.simulator._cases.values())

    def round(self) -> Iterator[Step]:
        """Go through every screen once."""
        self._decide(DECISIONS_A_ROUND)
        for part in (self._edit, self._simulate, self._audit, self._look_up, self._change_appearance):
            yield from part()

    @property
    def policies(self) -> PoliciesScreen:
        """The screen as it is now; another one after the folder was opened again."""
        return self._screen("policies", PoliciesScreen)

    @property
    def simulator(self) -> SimulatorScreen:
        """The same of the simulator."""
        return self._screen("simulator", SimulatorScreen)

    def _edit(self) -> Iterator[Step]:
        bench = self.policies.workbench
        self._window.go("policies")
        yield Step("policies")
        for path in _FILES:
            bench.open_file(path)
            yield Step("open a file", self._calls_are_over)
        bench.open_file(_FILES[0])
        for _ in range(3):
            yield self._change(lambda: bench.editor.textCursor().insertText("# a remark\n"))
        for _ in range(3):
            yield self._change(bench.editor.undo)
        bench.find_bar.words.setText("mobile")
        bench.find_bar.begin()
        yield Step("find")
        bench.find_bar.next()
        bench.find_bar.leave()
        for line in (20, 60, 10):
            bench.open_place(f"{_FILES[0]}:{line}:1")
            yield Step("go to a place")
        tabs, table = bench.views.tabs, bench.views.table
        tabs.setCurrentIndex(1)
        yield Step("decision table", self._calls_are_over)
        table.grid.choose_rows([1])
        yield self._change(table.duplicate)
        yield self._change(table.undo)
        tabs.setCurrentIndex(2)
        yield Step("sentences", self._calls_are_over)
        tabs.setCurrentIndex(3)
        bench.views.analysis.run()
        yield Step("analysis", lambda: not bench.views.analysis.is_running)
        tabs.setCurrentIndex(0)
        yield Step("text")

    def _simulate(self) -> Iterator[Step]:
        self._window.go("simulator")
        screen = self.simulator
        yield Step("simulator", self._calls_are_over)
        for name in list(screen._cases)[:_SCENARIOS]:
            screen.choose(name)
            yield self._answered("choose a scenario")
        screen.choose("authorisation-supervisor/before")
        yield self._answered("choose a scenario")
        for step in _STEPS:
            screen.situation.choose_step(step)
            yield self._answered("go to a step")
        screen.situation.choose_step("asked")
        yield self._answered("go to a step")
        screen.situation.choose_edited(edited=True)
        yield self._answered("by the edited text")
        screen.situation.choose_edited(edited=False)
        yield self._answered("by what is in force")
        screen._run_all()
        run = screen.run
        yield Step("all scenarios", lambda: bool(run._call and run._call.is_over and run.rules.rowCount()))
        screen.ask_to_keep()
        yield Step("ask to keep a test", lambda: isinstance(QApplication.activeModalWidget(), Ask))
        QApplication.activeModalWidget().close()
        yield Step("cancel", lambda: QApplication.activeModalWidget() is None)

    def _audit(self) -> Iterator[Step]:
        self._window.go("snapshots")
        screen = self._screen("snapshots", SnapshotsScreen)
        model, detail = screen.model, screen.detail
        yield Step("snapshots", lambda: not model.is_loading and model.rowCount() > 0)
        for text in _FILTERS:
            screen.bar.ask_for(text)
            yield Step("filter", lambda: not model.is_loading)
        for scroll in (screen.table.scrollToBottom, screen.table.scrollToTop):
            scroll()
            yield Step("scroll", lambda: not model.is_loading)
        for row in range(4):
            screen.table.setCurrentIndex(model.index(row, 0))
            yield Step("story", lambda row=row: _is_told(model, row, detail.shown))
        detail.verify()
        yield Step("verify", detail.verify_button.isEnabled)
        screen.count()
        yield Step("count", lambda: screen._count is None)
        menu = screen.table.open_values(2)
        yield Step("values of a column", self._calls_are_over)
        if isinstance(menu, QMenu):
            menu.close()
        screen.bar.live.setChecked(True)
        yield Step("live", lambda: bool(screen.tail._token) and not model.is_loading)
        before = model.known
        self._decide(3)
        yield Step("new records", lambda: model.known > before)
        screen.bar.live.setChecked(False)
        yield Step("live no more")

    def _look_up(self) -> Iterator[Step]:
        self._window.go("grants")
        grants = self._screen("grants", GrantsScreen)
        yield Step("grants", self._calls_are_over)
        grants.ask()
        yield Step("form of a grant")
        grants.form.closed.emit()
        grants.state.setCurrentIndex(1)
        yield Step("grants by state", self._calls_are_over)
        grants.state.setCurrentIndex(0)
        self._window.go("dictionary")
        dictionary = self._screen("dictionary", DictionaryScreen)
        yield Step("dictionary", lambda: dictionary.model.rowCount() > 0 and self._calls_are_over())
        for words in ("mobile", "C3", ""):
            dictionary.line.setText(words)
            yield Step("find a field")
        for row in (0, 3, 6):
            dictionary.table.setCurrentIndex(dictionary.shown.index(row, 0))
            yield Step("a field")
        self._window.go("cluster")
        yield Step("cluster", lambda: bool(self._window.shown_as("cluster").model.rowCount()))
        self._window.go("accounts")
        yield Step("accounts", self._calls_are_over)
        self._window.go("start")
        yield Step("start")

    def _change_appearance(self) -> Iterator[Step]:
        for change in (
            lambda: self._context.theme.choose("dark"), lambda: self._context.language.choose("en"),
            lambda: self._context.theme.choose("light"), lambda: self._context.language.choose("zh"),
        ):  # fmt: skip
            change()
            yield Step("appearance")
        self._window._palette()
        yield Step("find a command", lambda: isinstance(QApplication.activePopupWidget(), Palette))
        QApplication.activePopupWidget().close()
        yield Step("find no command")

    def _change(self, act: Callable[[], object]) -> Step:
        before = self._checks
        act()
        return Step("change a text", lambda: self._checks > before)

    def _checked(self) -> None:
        self._checks += 1

    def _answered(self, name: str) -> Step:
        screen, before = self.simulator, self.simulator._answer
        return Step(name, lambda: screen._answer is not before and self._calls_are_over())

    def _calls_are_over(self) -> bool:
        """Whether nothing is awaited that has one answer."""
        screens = (self.simulator, self.policies.workbench, self.policies.workbench.views)
        return all(screen._call is None or screen._call.is_over for screen in screens)

    def _is_open_anew(self, before: list[ScreenWidget]) -> bool:
        found = next((one.widget for one in self._window._screens if one.key == "simulator"), None)
        return found is not None and found not in before and self.simulator.verdicts.rowCount() > 0

    def _screen(self, key: str, kind: type[Any]) -> Any:
        found = self._window.shown_as(key)
        assert isinstance(found, kind)
        return found

    def _decide(self, count: int) -> None:
        """Ask the service real decisions, as business systems would: there is something new on record."""
        service = self._window._service
        assert service is not None
        address = json.loads(service._ready_file.read_text(encoding="utf-8"))["address"]
        with grpc.insecure_channel(address, [("grpc.service_config", _AGAIN)]) as channel:
            stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
            for case in self._cases[:count]:
                stub.Decide(decision_service_pb2.DecideRequest.FromString(case.request), timeout=_SECONDS)


def _is_told(model: SnapshotModel, row: int, shown: Any) -> bool:
    found = model.row(row)
    return found is not None and shown is not None and shown.id == found.id
