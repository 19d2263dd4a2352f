"""The decision table of a policy: one row a rule, edited in the same text that the editor shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QTextDocument
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from admin_gui.domain import exchange
from admin_gui.domain.catalogue import Catalogue
from admin_gui.domain.form import SECTIONS
from admin_gui.domain.policy_text.items import Splice
from admin_gui.domain.policy_text.outline import Span
from admin_gui.domain.policy_text.sheet import free
from admin_gui.domain.problems import Problem
from admin_gui.domain.say import Say, plain
from admin_gui.models.policy_table import PolicyTableModel
from admin_gui.views.policies.grid import Grid
from admin_gui.views.policies.takeover import Takeover, choose
from admin_gui.widgets.banner import Banner, Kind
from admin_gui.widgets.context import Context
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button

_TABLE: Final = Say("决策表", "Decision table")
_ADD: Final = Say("新增规则", "Add rule")
_TWIN: Final = Say("复制一条", "Duplicate")
_UP: Final = Say("上移", "Up")
_DOWN: Final = Say("下移", "Down")
_DELETE: Final = Say("删除", "Delete")
_CONDITION: Final = Say("条件列", "Condition")
_IMPORT: Final = Say("导入 Excel…", "Import Excel…")
_EXPORT: Final = Say("导出 Excel…", "Export Excel…")
_PASTE_ROWS: Final = Say("粘贴为新规则", "Paste as new rules")
_UNDO: Final = Say("撤销", "Undo")
_REDO: Final = Say("重做", "Redo")
_KEYS: Final = Say("{what}（{keys}）", "{what} ({keys})")
_POLICY: Final = Say("策略", "Policy")
_OTHER: Final = Say("其他", "Other")
_FROZEN: Final = Say(
    "文本现在无法读取（{where}），表格停在上一个可读的版本。请在文本中改正。",
    "The text cannot be read now ({where}); the table stays as it was. Mend it in the text.",
)
_REFUSED: Final = Say("第 {row} 行“{column}”：{why}", "row {row}, “{column}”: {why}")
_EXPORTED: Final = Say("已导出到 {path}。", "Exported to {path}.")
_NOT_WRITTEN: Final = Say("无法写入 {path}：{why}", "{path} cannot be written: {why}")
_NOT_READ: Final = Say("无法读取 {path}：{why}", "{path} cannot be read: {why}")
_NO_POLICY: Final = Say("这个文件没有策略", "This file has no policy")
_NO_POLICY_ABOUT: Final = Say(
    "请在左侧选择 policies 目录下的文件，或在“文本”中编辑。", "Choose a file with rules on the left, or edit the text."
)
_NO_RULES: Final = Say("还没有规则", "There are no rules yet")
_NEW_RULE: Final = "id: {id}\ntitle: {{zh: 新规则, en: new rule}}\nfields: []\nmask: default\n"


class TableView(QWidget):
    """Edits one policy of one document."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._document: QTextDocument | None = None
        self.model = PolicyTableModel(context, self)
        self.grid = Grid(context, self.model)
        self.banner = Banner(context)
        self.takeover: Takeover | None = None
        """The last comparison before an import, for tests."""
        self._edits: list[QWidget] = []
        self._shortcuts: list[QAction] = []
        self.grid.told.connect(self.banner.say)
        self.model.refused.connect(self._refused)
        self.model.froze.connect(self._froze)
        self.model.modelReset.connect(self._arrange)
        self.model.rowsInserted.connect(self._arrange)
        self.model.rowsRemoved.connect(self._arrange)
        context.language.bind(self.grid, self.grid.setAccessibleName, _TABLE)
        self._none = Empty(context, "policies", _NO_POLICY, _NO_POLICY_ABOUT)
        self._bare = Empty(context, "policies", _NO_RULES)
        self._first = self._bare.offer(_ADD, self.add, primary=True)
        self._stack = QStackedWidget()
        for part in (self.grid, self._none, self._bare):
            self._stack.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._tools())
        column.addWidget(self.banner)
        column.addWidget(self._stack, 1)
        self._arrange()

    def show_document(self, document: QTextDocument, *, read_only: bool) -> None:
        """Show the first policy of a document."""
        self._document = document
        self.banner.clear()
        self.model.read_only = read_only
        self.model.show_document(document)
        self._list_policies()
        self._arrange()

    def set_read_only(self, *, read_only: bool) -> None:
        """Take edits or refuse them."""
        self.model.read_only = read_only
        self._arrange()

    def show_catalogue(self, found: Catalogue) -> None:
        """Show other labels and values to choose."""
        self.model.show_catalogue(found)

    def show_problems(self, found: Sequence[Problem]) -> None:
        """Mark rows in which something is wrong."""
        self.model.show_problems(found)

    def go_to(self, line: int) -> bool:
        """Choose the rule that a line of the text, from 1, belongs to; return whether there is one."""
        row = self.model.row_at(line)
        if row is not None:
            self.grid.choose_rows([row])
        return row is not None

    def add(self) -> None:
        """Put a new rule behind the current one."""
        if self.model.sheet is None:
            return
        rows = self.grid.rows()
        at = rows[-1] + 1 if rows else self.model.rowCount()
        if self.model.add(at, [_NEW_RULE.format(id=free("new-rule", set(self.model.sheet.ids)))]):
            self.grid.choose_rows([at])
            self.grid.setFocus()

    def duplicate(self) -> None:
        """Put a copy behind each chosen rule."""
        rows = self.grid.rows()
        if rows and self.model.duplicate(rows):
            self.grid.choose_rows([row + place + 1 for place, row in enumerate(rows)])

    def delete(self) -> None:
        """Take the chosen rules out; it can be undone."""
        rows = self.grid.rows()
        if rows and self.model.remove(rows) and self.model.rowCount():
            self.grid.choose_rows([min(rows[0], self.model.rowCount() - 1)])

    def shift(self, step: int) -> None:
        """Move the chosen rules one place up (-1) or down (1)."""
        rows = self.grid.rows()
        if rows:
            self.grid.choose_rows(self.model.move(rows, step))

    def undo(self, *, again: bool = False) -> None:
        """Take the last change back, wherever it was made, or make it again."""
        if self._document is not None and not self.model.read_only:
            self._document.redo() if again else self._document.undo()
            self.model.refresh()

    def write_book(self, path: Path) -> None:
        """Write the table into a workbook."""
        if self.model.sheet is None:
            return
        try:
            exchange.write_book(path, self.model.columns, self.model.sheet, self._context.language.tongue)
        except OSError as error:
            self.banner.say(_NOT_WRITTEN.filled(path=path, why=error.strerror or error), "danger")
            return
        self.banner.say(_EXPORTED.filled(path=path))

    def read_book(self, path: Path) -> None:
        """Show what a workbook would change, and change it when that is wanted."""
        found = self.model.sheet
        if found is None:
            return
        try:
            text = exchange.taken_over(found, self.model.columns, exchange.read_book(path))
        except exchange.ExchangeError as error:
            self.banner.say(error.say, "danger")
            return
        except OSError as error:
            self.banner.say(_NOT_READ.filled(path=path, why=error.strerror or error), "danger")
            return
        self.takeover = Takeover(self._context, self, found.text, text)
        self.takeover.accepted.connect(lambda: self.model.apply(_between(found.text, text)))
        self.takeover.open()

    def _tools(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        self.policies = QComboBox()
        self.policies.activated.connect(self._choose_policy)
        self._context.language.bind(self.policies, self.policies.setAccessibleName, _POLICY)
        row.addWidget(self.policies)
        for say, act, keys in (
            (_ADD, self.add, "Ctrl+Return"), (_TWIN, self.duplicate, "Ctrl+D"), (_UP, lambda: self.shift(-1), "Alt+Up"),
            (_DOWN, lambda: self.shift(1), "Alt+Down"), (_DELETE, self.delete, "Ctrl+Delete"),
        ):  # fmt: skip
            made = button(self._context, say, act)
            self._context.language.bind(made, made.setToolTip, _KEYS.filled(what=say, keys=keys))
            self._shortcut(act, keys)
            self._edits.append(made)
            row.addWidget(made)
        self.condition = QPushButton()
        self.condition.setObjectName("menu")
        self._context.language.bind(self.condition, self.condition.setText, _CONDITION)
        menu = QMenu(self.condition)
        menu.aboutToShow.connect(lambda: self._fill(menu))
        self.condition.setMenu(menu)
        self._edits.append(self.condition)
        row.addWidget(self.condition)
        row.addStretch(1)
        imports = button(self._context, _IMPORT, lambda: choose(self._context, self, _IMPORT, self.read_book))
        self._edits.append(imports)
        row.addWidget(imports)
        row.addWidget(button(self._context, _EXPORT, self._export))
        self._shortcut(self.grid.paste_rows, "Ctrl+Shift+V")
        self._shortcut(self.undo, QKeySequence.StandardKey.Undo)
        self._shortcut(lambda: self.undo(again=True), QKeySequence.StandardKey.Redo)
        return row

    def _shortcut(self, act: Callable[[], object], keys: str | QKeySequence.StandardKey) -> None:
        made = QAction(self.grid)
        made.setShortcut(keys)
        made.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        made.triggered.connect(lambda _=False: act())
        self.grid.addAction(made)

    def _export(self) -> None:
        if self.model.sheet is not None:
            name = f"{self.model.sheet.policy or 'policy'}.xlsx"
            choose(self._context, self, _EXPORT, self.write_book, name=name)

    def _fill(self, menu: QMenu) -> None:
        """List the attributes that have no column, by section."""
        menu.clear()
        say, shown = self._context.language, {column.attribute for column in self.model.columns}
        groups: dict[str, QMenu] = {}
        for name, known in self.model.attributes.attributes.items():
            if name in shown:
                continue
            section = name.partition(".")[0]
            if section not in groups:
                groups[section] = menu.addMenu(say(SECTIONS.get(section, _OTHER)))
            groups[section].addAction(say(known.label), lambda name=name: self._add_column(name)).setToolTip(name)

    def _add_column(self, name: str) -> None:
        row = max(self.grid.currentIndex().row(), 0)
        place = self.model.add_column(name)
        self.grid.setCurrentIndex(self.model.index(row, place))
        self.grid.setFocus()

    def _list_policies(self) -> None:
        self.policies.clear()
        names = () if self.model.sheet is None else self.model.sheet.policies
        self.policies.addItems([name or "–" for name in names])
        self.policies.setVisible(len(names) > 1)

    def _choose_policy(self, place: int) -> None:
        if self._document is not None:
            self.model.show_document(self._document, place)

    def _arrange(self) -> None:
        found = self.model.sheet
        bare = found is not None and not found.rows
        self._stack.setCurrentWidget(
            self._none if found is None and self.model.frozen is None else self._bare if bare else self.grid
        )
        self._first.setVisible(not self.model.read_only)
        for widget in self._edits:
            widget.setVisible(not self.model.read_only)
            widget.setEnabled(self.model.may_edit)

    def _refused(self, row: int, column: int, why: Say) -> None:
        said = _REFUSED.filled(row=row + 1, column=self.model.columns[column].say, why=why)
        self._say(said, "danger")

    def _froze(self, where: Say | None) -> None:
        if where is None:
            self.banner.clear()
        else:
            self._say(_FROZEN.filled(where=where if any(where) else plain("YAML")), "warning")
        self._arrange()

    def _say(self, said: Say, kind: Kind) -> None:
        self.banner.say(said, kind)


def _between(before: str, after: str) -> list[Splice]:
    """Return what makes one text of another, as one splice of what differs."""
    start = 0
    shorter = min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    left = 0
    while left < shorter - start and before[-1 - left] == after[-1 - left]:
        left += 1
    return [(Span(start, len(before) - left), after[start : len(after) - left])]
