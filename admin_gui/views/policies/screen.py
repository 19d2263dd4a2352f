"""The editor's screen: files on the left, the text beside them, problems below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QStandardItem, QStandardItemModel, QTextDocument
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextDocumentLayout,
    QSplitter,
    QTableView,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain import problems
from admin_gui.domain.failure import Failure
from admin_gui.domain.problems import WORDS, Problem
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import WorkspaceError, of_texts
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.policies import Policies
from admin_gui.services.texts import text_of
from admin_gui.views.screen import Command, Desk, ScreenWidget
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.code_editor import COLORS, CodeEditor
from admin_gui.widgets.highlighter import PolicyHighlighter
from admin_gui.widgets.labels import button, heading
from jingxi_client._gen.pdp.v1 import policy_service_pb2

_FILES: Final = Say("文件", "Files")
_EDITOR: Final = Say("策略文本", "Policy text")
_PROBLEMS: Final = Say("问题", "Problems")
_SAVE: Final = Say("保存", "Save")
_NEXT: Final = Say("下一个问题", "Next problem")
_PREVIOUS: Final = Say("上一个问题", "Previous problem")
_CHECKING: Final = Say("正在检查…", "checking…")
_SAVED: Final = Say("已保存 {count} 个文件。", "{count} files saved.")
_READ_ONLY: Final = Say(
    "这是现行版本的文本，修改请先建立草稿。", "This is the text in force; begin a draft to change it."
)
_UNSAVED: Final = Say("有未保存的修改", "There are unsaved changes")
_UNSAVED_ABOUT: Final = Say("保存 {files} 吗？", "Save {files}?")
_PATH: Final = Qt.ItemDataRole.UserRole
_PAUSE_MILLISECONDS: Final = 200
_COLUMNS: Final = (
    Column[Problem](Say("级别", "Severity"), lambda one: WORDS[one.severity], lambda one: COLORS[one.severity], 80),
    Column[Problem](
        Say("位置", "Place"), lambda one: f"{one.path}:{one.line}:{one.column}" if one.path else "", width=230
    ),
    Column[Problem](Say("说明", "What"), lambda one: one.message, width=430),
    Column[Problem](Say("怎样改", "How to mend it"), lambda one: one.hint, lambda _: "quiet", 300),
)


class PoliciesScreen(ScreenWidget):
    """Edits the files of a workspace; what is wrong is asked a moment after each change."""

    saved = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context = context = desk.context
        self._policies = Policies(desk.connection)
        self.workspace = desk.workspace
        self._path = ""
        self._documents: dict[str, QTextDocument] = {}
        self._problems: list[Problem] = []
        self._said = Say("", "")
        self._call: Call | None = None
        self.banner = Banner(context)
        self.editor = CodeEditor(context)
        self.editor.edited.connect(self._edited)
        self.problems = RecordModel[Problem](context, _COLUMNS, lambda one: one, self)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self.check)
        self._tree_model = QStandardItemModel(self)
        self._items: dict[str, QStandardItem] = {}
        across = QSplitter(Qt.Orientation.Horizontal)
        across.addWidget(self._files())
        down = QSplitter(Qt.Orientation.Vertical)
        down.addWidget(self._text())
        down.addWidget(self._below())
        down.setSizes([520, 190])
        across.addWidget(down)
        across.setSizes([220, 1000])
        for splitter in (across, down):
            splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(self.banner)
        column.addWidget(across, 1)
        context.theme.changed.connect(self._mark_files)
        desk.routes.place_chosen.connect(self.open_place)

    def load(self) -> None:
        """Show the workspace; without one, the text in force."""
        if self._documents:
            return
        if self.workspace is not None:
            self._show_workspace()
            return
        call = self._follow(self._policies.in_force())
        call.answered.connect(self._in_force)
        call.failed.connect(lambda failure: self.banner.tell(failure, self.load))

    def check(self) -> None:
        """Ask what is wrong in the texts as they are now."""
        if self.workspace is None:
            return
        self._say(_CHECKING)
        call = self._follow(self._policies.check(text_of(self.workspace.texts)))
        call.answered.connect(self._checked)
        call.failed.connect(self._failed)

    def save(self) -> bool:
        """Keep what was changed; return whether all went well."""
        if self.workspace is None:
            return True
        try:
            count = len(self.workspace.save())
        except WorkspaceError as error:
            self.banner.say(Say(str(error), str(error)), "danger")
            return False
        finally:
            self._mark_files()
        if count:
            self.banner.say(_SAVED.filled(count=count))
            self.saved.emit()
        return True

    def may_leave(self) -> bool:
        """Ask what to do with unsaved changes; return whether to go on."""
        changed = [] if self.workspace is None else self.workspace.changed
        if not changed:
            return True
        say, box = self._context.language, QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(say(_UNSAVED))
        box.setInformativeText(say(_UNSAVED_ABOUT.filled(files=", ".join(changed))))
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        chosen = box.exec()
        if chosen == buttons.Save:
            return self.save()
        return bool(chosen == buttons.Discard)

    def commands(self) -> Sequence[Command]:
        """Save, and go from problem to problem."""
        return (
            Command("save", _SAVE, self.save, QKeySequence.StandardKey.Save),
            Command("next", _NEXT, self.next_problem, "F8"),
            Command("previous", _PREVIOUS, lambda: self.next_problem(-1), "Shift+F8"),
        )

    def open_place(self, place: str) -> None:
        """Show `file:line:column`."""
        path, line, column = place.rsplit(":", 2)
        self.open_file(path)
        self.editor.go_to(int(line), int(column))

    def open_file(self, path: str) -> None:
        """Show a file, with its own history of changes."""
        if path not in self._documents or path == self._path:
            return
        self._path = path
        self.editor.setDocument(self._documents[path])
        self._mark_text()
        index = self._items[path].index()
        if self._tree.currentIndex() != index:
            self._tree.setCurrentIndex(index)

    def next_problem(self, step: int = 1) -> None:
        """Go to the next problem from here, or the one before."""
        count = self.problems.rowCount()
        if count:
            row = (self._table.currentIndex().row() + step) % count
            self._table.setCurrentIndex(self.problems.index(row, 0))

    def _files(self) -> QWidget:
        part, column = _column(heading(self._context, _FILES))
        self._tree = QTreeView(headerHidden=True, uniformRowHeights=True)
        self._tree.setModel(self._tree_model)
        self._tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self._tree.selectionModel().currentChanged.connect(self._chosen)
        self._context.language.bind(self._tree, self._tree.setAccessibleName, _FILES)
        column.addWidget(self._tree, 1)
        return part

    def _text(self) -> QWidget:
        row = QHBoxLayout()
        self._title = heading(self._context, _EDITOR)
        row.addWidget(self._title, 1)
        self._save = button(self._context, _SAVE, self.save, primary=True)
        row.addWidget(self._save)
        part, column = _column()
        column.addLayout(row)
        self._context.language.bind(self.editor, self.editor.setAccessibleName, _EDITOR)
        column.addWidget(self.editor, 1)
        return part

    def _below(self) -> QWidget:
        part, column = _column(heading(self._context, _PROBLEMS))
        self._counted = QLabel()
        self._counted.setObjectName("quiet")
        self._context.language.bind(self._counted, self._counted.setText, lambda: self._said)
        self._table = QTableView(showGrid=False, wordWrap=False)
        self._table.setModel(self.problems)
        self._table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self._table.verticalHeader().hide()
        header = self._table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for section, column_of in enumerate(_COLUMNS):
            self._table.setColumnWidth(section, column_of.width)
        self._table.selectionModel().currentChanged.connect(lambda index, _: self._go(index))
        self._context.language.bind(self._table, self._table.setAccessibleName, _PROBLEMS)
        column.addWidget(self._counted)
        column.addWidget(self._table, 1)
        return part

    def _show_workspace(self) -> None:
        if self.workspace is None:
            return
        self._save.setEnabled(self.workspace.folder is not None)
        self._tree_model.clear()
        folders: dict[str, QStandardItem] = {"": self._tree_model.invisibleRootItem()}
        for path in sorted(self.workspace.texts, key=lambda path: ("/" not in path, path)):
            parent = folders[""]
            *above, name = path.split("/")
            for depth in range(len(above)):
                where = "/".join(above[: depth + 1])
                if where not in folders:
                    folders[where] = QStandardItem(above[depth])
                    parent.appendRow(folders[where])
                parent = folders[where]
            item = QStandardItem(name)
            item.setData(path, _PATH)
            parent.appendRow(item)
            self._items[path] = item
            document = QTextDocument(self.workspace.texts[path], self)
            document.setDocumentLayout(QPlainTextDocumentLayout(document))
            document.setDefaultFont(self.editor.font())
            PolicyHighlighter(document, self._context.theme)
            document.clearUndoRedoStacks()
            self._documents[path] = document
        self._tree.expandAll()
        first = next((path for path in sorted(self._documents) if path.startswith("policies/")), None)
        if self._documents:
            self.open_file(first or min(self._documents))
        self.check()

    def _in_force(self, answer: policy_service_pb2.GetRevisionResponse) -> None:
        self.workspace = of_texts({file.path: file.text for file in answer.sources.files})
        self.editor.setReadOnly(True)
        self.banner.say(_READ_ONLY)
        self._show_workspace()

    def _chosen(self, index: QModelIndex) -> None:
        path = index.data(_PATH)
        if path:
            self.open_file(path)

    def _edited(self, text: str) -> None:
        if self.workspace is not None and self._path:
            self.workspace.write(self._path, text)
            self._mark_files()
            self._pause.start()

    def _checked(self, answer: policy_service_pb2.CheckPoliciesResponse) -> None:
        self.banner.clear()
        self._problems = problems.problems(answer.problems)
        self._say(problems.count(self._problems))
        self.problems.show([one for one in self._problems if one.severity != "note"])
        self._mark_text()
        self._mark_files()

    def _failed(self, failure: Failure) -> None:
        self._say(Say("", ""))
        self.banner.tell(failure, self.check)

    def _go(self, index: QModelIndex) -> None:
        if index.isValid():
            one = self.problems.record(index.row())
            if one.path:
                self.open_place(f"{one.path}:{one.line}:{one.column}")
                self._table.selectionModel().select(
                    index, QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
                )

    def _mark_text(self) -> None:
        self.editor.show_problems([one for one in self._problems if one.path == self._path])
        self._title.setText(self._path or self._context.language(_EDITOR))

    def _mark_files(self) -> None:
        changed = set() if self.workspace is None else set(self.workspace.changed)
        wrong = {one.path for one in self._problems if one.severity == "error"}
        for path, item in self._items.items():
            name = path.rpartition("/")[2]
            item.setText(f"{name} •" if path in changed else name)
            item.setForeground(self._context.theme.color("danger" if path in wrong else "text"))

    def _say(self, said: Say) -> None:
        self._said = said
        self._counted.setText(self._context.language(said))

    def _follow(self, call: Call) -> Call:
        if self._call is not None:
            # An answer that was overtaken must not come back.
            self._call.cancel()
        self._call = call
        return call


def _column(*widgets: QWidget) -> tuple[QWidget, QVBoxLayout]:
    part = QWidget()
    column = QVBoxLayout(part)
    column.setContentsMargins(6, 0, 6, 0)
    for widget in widgets:
        column.addWidget(widget)
    return part, column
