"""Ways to see the open file: its text, a decision table, sentences, and the analysis of all files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from admin_gui.domain.catalogue import catalogue
from admin_gui.domain.failure import Failure
from admin_gui.domain.problems import SCENARIO, Problem
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace
from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from admin_gui.services.simulation import Simulation
from admin_gui.services.texts import text_of
from admin_gui.views.policies.analysis import AnalysisView
from admin_gui.views.policies.sentences import SentencesView
from admin_gui.views.policies.table import TableView
from admin_gui.widgets.code_editor import CodeEditor
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import policy_service_pb2, simulation_service_pb2

_TABS: Final = (
    Say("文本", "Text"), Say("决策表", "Decision table"), Say("语句", "Sentences"), Say("分析", "Analysis"),
)  # fmt: skip
_VIEWS: Final = Say("视图", "Views")
_TEXT, _TABLE, _SENTENCES, _ANALYSIS = range(4)
_PAUSE_MILLISECONDS: Final = 80
_SETTING: Final = "policies/view"


class PolicyViews(QWidget):
    """Tabs above the editor. All views show one document, so that they share its history of changes."""

    scenario_chosen = Signal(object)
    """A `Scenario` to be opened in the simulator."""
    place_chosen = Signal(str)
    """A place in any file, as `file:line:column`, to be shown."""

    def __init__(
        self, context: Context, connection: Connection, editor: CodeEditor, workspace: Callable[[], Workspace | None]
    ) -> None:
        super().__init__()
        self._context, self._workspace = context, workspace
        self._simulation = Simulation(connection)
        self._call: Call | None = None
        self._described: dict[str, str] = {}
        self._may_describe = True
        self._clean = False
        self.editor = editor
        self.table = TableView(context)
        self.sentences = SentencesView(context)
        self.analysis = AnalysisView(context, connection, self._text)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        context.language.bind(self.tabs, self.tabs.setAccessibleName, _VIEWS)
        self.stack = QStackedWidget()
        for place, (say, view) in enumerate(
            zip(_TABS, (editor, self.table, self.sentences, self.analysis), strict=True)
        ):
            self.tabs.addTab("")
            context.language.bind(self.tabs, partial(self.tabs.setTabText, place), say)
            self.stack.addWidget(view)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._refresh)
        self.tabs.currentChanged.connect(self._show)
        editor.edited.connect(lambda _: self._changed())
        editor.installEventFilter(self)
        self.sentences.chosen.connect(self._open_rule)
        self.analysis.place_chosen.connect(self._open_rule)
        self.analysis.scenario_chosen.connect(self.scenario_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.tabs)
        column.addWidget(self.stack, 1)
        self.tabs.setCurrentIndex(min(max(int(str(context.settings.value(_SETTING, 0))), 0), _SENTENCES))

    def offer(self, *, simulate: bool) -> None:
        """Offer what needs the simulator, or leave it out."""
        self._may_describe = self.analysis.may_simulate = simulate
        self.tabs.setTabVisible(_SENTENCES, simulate)

    def show_document(self, path: str, document: QTextDocument) -> None:
        """Show another file."""
        self._pause.stop()
        self.table.show_document(document, read_only=self.editor.isReadOnly())
        self.sentences.show_path(path)

    def show_problems(self, found: Sequence[Problem]) -> None:
        """Mark what is wrong in the shown file."""
        self.editor.show_problems(found)
        self.table.show_problems(found)

    def checked(self, found: Sequence[Problem]) -> None:
        """All texts were checked: without errors, they can be told in words."""
        self._clean = not any(one.severity == "error" and one.code != SCENARIO for one in found)
        if not self._clean:
            self.sentences.tell_stale()
        self._describe()

    def go_to(self, line: int, column: int = 1) -> None:
        """Show a place of the shown file, in the table if that is shown and has it."""
        at = self.stack.currentIndex()
        if at == _TABLE and self.table.go_to(line):
            return
        if at != _TEXT:
            self.tabs.setCurrentIndex(_TEXT)
        self.editor.go_to(line, column)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Follow whether the text may be edited."""
        if watched is self.editor and event.type() == QEvent.Type.ReadOnlyChange:
            self.table.set_read_only(read_only=self.editor.isReadOnly())
        return False

    def _open_rule(self, place: str) -> None:
        if self.stack.currentIndex() != _TABLE:
            self.tabs.setCurrentIndex(_TABLE)
        self.place_chosen.emit(place)

    def _show(self, index: int) -> None:
        if index == _TABLE:
            self._refresh()
        self.stack.setCurrentIndex(index)
        self._context.settings.setValue(_SETTING, index)
        self._describe()

    def _changed(self) -> None:
        self.analysis.tell_changed()
        if self.stack.currentIndex() == _TABLE:
            self._pause.start()

    def _refresh(self) -> None:
        self.table.model.refresh()

    def _text(self) -> policy_service_pb2.PolicyText | None:
        workspace = self._workspace()
        return None if workspace is None else text_of(workspace.texts)

    def _describe(self) -> None:
        """Ask what the texts mean, when somebody looks at what depends on it and it may be something else now."""
        workspace, at = self._workspace(), self.stack.currentIndex()
        if workspace is None or not self._clean or not self._may_describe or at not in (_TABLE, _SENTENCES):
            return
        now = dict(workspace.texts)
        seen = now if at == _SENTENCES else {path: text for path, text in now.items() if "kind: Policy" not in text}
        before = self._described if at == _SENTENCES else {path: self._described.get(path) for path in seen}
        if seen == before:
            return
        if self._call is not None:
            self._call.cancel()
        self._call = call = self._simulation.describe(text_of(now))
        call.answered.connect(lambda answer: self._tell(now, answer))
        call.failed.connect(self._failed)

    def _tell(self, texts: dict[str, str], answer: simulation_service_pb2.DescribePoliciesResponse) -> None:
        self._described = texts
        self.table.show_catalogue(catalogue(answer.bundle, texts.values()))
        self.sentences.show_bundle(answer.bundle)

    def _failed(self, failure: Failure) -> None:
        if failure.reason == "INVALID_POLICIES":
            self.sentences.tell_stale()
        else:
            self.sentences.tell(failure)
