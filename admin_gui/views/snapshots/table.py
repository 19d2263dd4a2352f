"""The table of records: what is looked at is asked for, and a click on a cell or a heading asks for only these."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QApplication, QMenu, QTableView, QWidget

from admin_gui.domain.say import Say, plain
from admin_gui.domain.snapshot_rows import LEVELS, SEVERITIES, Row, clauses, group_clause
from admin_gui.domain.snapshot_words import Vocabulary
from admin_gui.models.snapshots import HEADS, Head, SnapshotModel
from admin_gui.services.calls import Call
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2

ROW_PIXELS: Final = 30
_NAME: Final = Say("快照列表", "Records")
_ONLY: Final = Say("只看 {value}", "Only {value}")
_WITHOUT: Final = Say("排除 {value}", "Without {value}")
_COPY: Final = Say("复制", "Copy")
_COUNTING: Final = Say("正在统计近 30 天…", "Counting the last 30 days…")
_NONE: Final = Say("没有可选的值", "no values")
_FAILED: Final = Say("统计失败：{why}", "Could not count: {why}")
_DAYS: Final = 30
_VALUES: Final = 12
_LONGEST: Final = 40
_COLUMNS: Final = "snapshots/columns"


class RecordTable(QTableView):
    """Rows of one height. Its menus are opened beside the pointer and wait for nobody."""

    clause_chosen = Signal(str)
    """Somebody wants only records that meet this as well."""
    record_chosen = Signal(str)
    """The id of the record to tell about."""

    def __init__(
        self, context: Context, model: SnapshotModel, groups: Callable[[str, int, int], Call],
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        """`groups` asks for the commonest values: what to group by, of how many days, how many."""
        super().__init__(parent)
        self._context, self._model, self._groups = context, model, groups
        self._words = Vocabulary()
        self._counting: Call | None = None
        self._told = ""
        self.setModel(model)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        self.setTabKeyNavigation(False)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(rows.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_PIXELS)
        header = self.horizontalHeader()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(lambda at: self.open_values(header.logicalIndexAt(at)))
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self.open_values)
        for section, head in enumerate(HEADS):
            self.setColumnWidth(section, head.width)
        if (state := context.settings.value(_COLUMNS)) is not None:
            header.restoreState(state)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_cell)
        context.language.bind(self, self.setAccessibleName, _NAME)
        self.selectionModel().currentRowChanged.connect(lambda index, _: self._choose(index))
        model.arrived.connect(lambda _: self._choose_late())
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.look)
        self.verticalScrollBar().valueChanged.connect(lambda _: self._soon.start())
        for changed in (model.rowsInserted, model.rowsRemoved, model.modelReset):
            changed.connect(lambda *_: self._soon.start())

    def look(self) -> None:
        """Let the model know which rows are seen."""
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        rows = self._model.rowCount()
        if first >= 0 and rows:
            self._model.look_at(first, rows - 1 if last < 0 else last)

    def speak(self, words: Vocabulary) -> None:
        """Call values as a policy set calls them."""
        self._words = words

    def keep_place(self, added: int) -> None:
        """Stay where one reads when rows were put on top; at the top, stay there."""
        bar = self.verticalScrollBar()
        if bar.value() > 0:
            self.executeDelayedItemsLayout()
            bar.setValue(bar.value() + added)

    def chosen(self) -> list[Row]:
        """Return the rows that are selected and there, from the top."""
        numbers = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [row for number in numbers if (row := self._model.row(number)) is not None]

    def remember(self) -> None:
        """Keep how wide the columns are."""
        self._context.settings.setValue(_COLUMNS, self.horizontalHeader().saveState())

    def cell_menu(self, index: QModelIndex) -> QMenu | None:
        """Return what can be done with a cell."""
        row = self._model.row(index.row()) if index.isValid() else None
        if row is None:
            return None
        menu = self._menu()
        for value, only, without in clauses(row, HEADS[index.column()].part):
            shown = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
            for say, clause in ((_ONLY, only), (_WITHOUT, without)):
                self._add(menu, say.filled(value=shown), partial(self.clause_chosen.emit, clause))
        menu.addSeparator()
        text = str(index.data() or "")
        self._add(menu, _COPY, lambda: QApplication.clipboard().setText(text))
        return menu

    def open_values(self, section: int) -> QMenu | None:
        """Offer the commonest values of a column."""
        if not 0 <= section < len(HEADS) or not HEADS[section].group:
            return None
        head = HEADS[section]
        menu = self._menu()
        self._add(menu, _COUNTING, None)
        if self._counting is not None:
            self._counting.cancel()
        call = self._counting = self._groups(head.group, _DAYS, _VALUES)
        call.answered.connect(lambda answer: self._fill(menu, head, answer))
        call.failed.connect(lambda failure: self._refill(menu, _FAILED.filled(why=failure.say)))
        menu.aboutToHide.connect(call.cancel)
        header = self.horizontalHeader()
        menu.popup(header.mapToGlobal(QPoint(header.sectionViewportPosition(section), header.height())))
        return menu

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """See more rows, or fewer."""
        super().resizeEvent(event)
        self._soon.start()

    def _choose(self, index: QModelIndex) -> None:
        row = self._model.row(index.row()) if index.isValid() else None
        self._told = "" if row is None else row.id
        if row is not None:
            self.record_chosen.emit(row.id)

    def _choose_late(self) -> None:
        """Tell about the chosen row once it has come."""
        if self.currentIndex().isValid() and not self._told:
            self._choose(self.currentIndex())

    def _open_cell(self, at: QPoint) -> None:
        menu = self.cell_menu(self.indexAt(at))
        if menu is not None:
            menu.popup(self.viewport().mapToGlobal(at))

    def _fill(self, menu: QMenu, head: Head, answer: snapshot_service_pb2.GetSnapshotStatsResponse) -> None:
        is_level = head.group == "severity"
        groups = [group for group in answer.groups if group.key and (group.key in SEVERITIES or not is_level)]
        if not groups:
            self._refill(menu, _NONE)
            return
        menu.clear()
        name = {"menu": "context.menu", "action": "action.name"}.get(head.group, "")
        for group in groups:
            value = plain(LEVELS[SEVERITIES.index(group.key)]) if is_level else self._words.named(name, group.key)
            text = Say("{value}  ({count})", "{value}  ({count})").filled(value=value, count=f"{group.count:,}")
            self._add(menu, text, partial(self.clause_chosen.emit, group_clause(head.part, group.key)))

    def _refill(self, menu: QMenu, say: Say) -> None:
        menu.clear()
        self._add(menu, say, None)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu

    def _add(self, menu: QMenu, say: Say, act: Callable[[], object] | None) -> QAction:
        made = menu.addAction(self._context.language(say).replace("&", "&&"))
        if act is None:
            made.setEnabled(False)
        else:
            made.triggered.connect(lambda _=False: act())
        return made
