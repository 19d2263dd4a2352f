"""Where texts are written: files on the left, the text beside them, problems below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QPlainTextDocumentLayout, QSplitter, QVBoxLayout, QWidget

from admin_gui.domain import problems
from admin_gui.domain.completion import Vocabulary
from admin_gui.domain.failure import Failure
from admin_gui.domain.problems import Problem
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace
from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from admin_gui.services.policies import Policies
from admin_gui.services.simulation import Simulation
from admin_gui.services.texts import text_of
from admin_gui.views.policies.files import FileTree
from admin_gui.views.policies.found import Found
from admin_gui.views.policies.latest import Latest
from admin_gui.views.policies.views import PolicyViews
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.code_editor import CodeEditor
from admin_gui.widgets.completing import Completing
from admin_gui.widgets.context import Context
from admin_gui.widgets.find_bar import FindBar
from admin_gui.widgets.highlighter import PolicyHighlighter
from admin_gui.widgets.labels import heading
from jingxi_client._gen.pdp.v1 import policy_service_pb2

_EDITOR: Final = Say("策略文本", "Policy text")
_CHECKING: Final = Say("正在检查…", "checking…")
_PAUSE_MILLISECONDS: Final = 200


class Workbench(QWidget):
    """Edits the files of a workspace; what is wrong is asked a moment after each change."""

    edited = Signal()
    """A file has another text now; the workspace has it."""
    checked = Signal(object)
    """All problems of the texts as they are now: a list of `Problem`."""

    def __init__(self, context: Context, connection: Connection, banner: Banner) -> None:
        super().__init__()
        self._context = context
        self._policies = Policies(connection)
        self._banner = banner
        self.workspace: Workspace | None = None
        self.path = ""
        self.documents: dict[str, QTextDocument] = {}
        self._problems: list[Problem] = []
        self._call: Call | None = None
        self._has_failed = False
        self.editor = CodeEditor(context)
        self.editor.edited.connect(self._edited)
        context.language.bind(self.editor, self.editor.setAccessibleName, _EDITOR)
        self.find_bar = FindBar(context, self.editor)
        self.completing = Completing(context, self.editor)
        self._simulation, self._describing = Simulation(connection), Latest()
        self.files = FileTree(context)
        self.files.chosen.connect(self.open_file)
        self.found = Found(context)
        self.found.chosen.connect(lambda one: self.open_place(f"{one.path}:{one.line}:{one.column}"))
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self.check)
        self.head = QHBoxLayout()
        """The row above the text; more may be put at its end."""
        self._title = heading(context, lambda: Say(self.path, self.path) if self.path else _EDITOR)
        self.head.addWidget(self._title, 1)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(6, 0, 6, 0)
        column.addLayout(self.head)
        self.views = PolicyViews(context, connection, self.editor, lambda: self.workspace)
        self.views.place_chosen.connect(self.open_place)
        column.addWidget(self.find_bar)
        column.addWidget(self.views, 1)
        down, across = QSplitter(Qt.Orientation.Vertical), QSplitter(Qt.Orientation.Horizontal)
        down.addWidget(middle)
        down.addWidget(self.found)
        across.addWidget(self.files)
        across.addWidget(down)
        for splitter, key, sizes in ((across, "across", [220, 1000]), (down, "down", [520, 190])):
            splitter.setChildrenCollapsible(False)
            splitter.setSizes(sizes)
            self._remember(splitter, f"policies/{key}")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(across)

    def show_workspace(self, workspace: Workspace, *, read_only: bool = False) -> None:
        """Show other texts, with no history of changes; the file that was shown stays so if it is there."""
        before = self.path
        self.workspace, self.path = workspace, ""
        self.editor.setReadOnly(read_only)
        self._problems = []
        old = list(self.documents.values())
        self.documents = {path: self._document(text) for path, text in workspace.texts.items()}
        self.files.show_paths(self.documents)
        first = next((path for path in sorted(self.documents) if path.startswith("policies/")), None)
        if self.documents:
            self.open_file(before if before in self.documents else first or min(self.documents))
        else:
            empty = self._document("")
            self.editor.setDocument(empty)
            self.views.show_document("", empty)
        for document in old:
            document.deleteLater()
        self.mark_files()
        self.check()

    def read_again(self) -> None:
        """Take over what another screen wrote into the workspace; it can be undone in each file."""
        if self.workspace is None:
            return
        new = [path for path in self.workspace.texts if path not in self.documents]
        for path in new:
            self.documents[path] = self._document(self.workspace.texts[path])
        if new:
            self.files.show_paths(self.documents)
            self.files.choose(self.path or new[0])
        for path, document in self.documents.items():
            text = self.workspace.texts.get(path, "")
            if document.toPlainText() != text:
                cursor = QTextCursor(document)
                cursor.select(QTextCursor.SelectionType.Document)
                cursor.insertText(text)
        self.mark_files()
        self._pause.start()
        self.edited.emit()

    def check(self) -> None:
        """Ask what is wrong in the texts as they are now."""
        if self.workspace is None:
            return
        self.found.say(_CHECKING)
        if self._call is not None:
            # An answer that was overtaken must not come back.
            self._call.cancel()
        self._call = call = self._policies.check(text_of(self.workspace.texts))
        call.answered.connect(self._checked)
        call.failed.connect(self._failed)

    def open_place(self, place: str) -> None:
        """Show `file:line:column`."""
        path, line, column = place.rsplit(":", 2)
        self.open_file(path)
        self.views.go_to(int(line), int(column))

    def open_file(self, path: str) -> None:
        """Show a file, with its own history of changes."""
        if path not in self.documents or path == self.path:
            return
        self.path = path
        self.editor.setDocument(self.documents[path])
        self.views.show_document(path, self.documents[path])
        self._mark_text()
        self.files.choose(path)

    def next_problem(self, step: int = 1) -> None:
        """Go to the next problem from here, or the one before."""
        self.found.step(step)

    def mark_files(self) -> None:
        """Tell again which files are not as they were kept."""
        changed = () if self.workspace is None else self.workspace.changed
        self.files.mark(changed, (one.path for one in self._problems if one.severity == "error"))

    def _document(self, text: str) -> QTextDocument:
        document = QTextDocument(text, self)
        document.setDocumentLayout(QPlainTextDocumentLayout(document))
        document.setDefaultFont(self.editor.font())
        PolicyHighlighter(document, self._context.theme)
        document.clearUndoRedoStacks()
        return document

    def _edited(self, text: str) -> None:
        # A document also changes when it is coloured anew.
        if self.workspace is not None and self.path and self.workspace.texts.get(self.path) != text:
            self.workspace.write(self.path, text)
            self.mark_files()
            self._pause.start()
            self.edited.emit()

    def _checked(self, answer: policy_service_pb2.CheckPoliciesResponse) -> None:
        if self._has_failed:
            self._has_failed = False
            self._banner.clear()
        self._problems = problems.problems(answer.problems)
        self.found.say(problems.count(self._problems))
        self.found.show_problems(self._problems)
        self._mark_text()
        self.mark_files()
        self.views.checked(self._problems)
        self.checked.emit(self._problems)
        if self.workspace is not None and not any(one.severity == "error" for one in self._problems):
            # While a text has errors, the words of the last good one stay.
            call = self._simulation.describe(text_of(self.workspace.texts))
            self._describing.follow(call, lambda answer: self.completing.learn(Vocabulary(answer.bundle)), _nothing)

    def _failed(self, failure: Failure) -> None:
        self._has_failed = True
        self.found.say(Say("", ""))
        self._banner.tell(failure, self.check)

    def _mark_text(self) -> None:
        shown: Sequence[Problem] = [one for one in self._problems if one.path == self.path]
        self.views.show_problems(shown)
        self._title.setText(self.path or self._context.language(_EDITOR))

    def _remember(self, splitter: QSplitter, key: str) -> None:
        if (state := self._context.settings.value(key)) is not None:
            splitter.restoreState(state)
        splitter.splitterMoved.connect(lambda *_: self._context.settings.setValue(key, splitter.saveState()))


def _nothing(_: Failure) -> None:
    """Go on with the words that are known: an editor without new ones is no trouble to tell."""
