"""The drafts: who wrote what and when, where each is on its way, and the one that is chosen."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from admin_gui.domain import drafts
from admin_gui.domain.drafts import DraftLine
from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.views.policies.catalogue import Catalogue
from admin_gui.views.policies.review import Review
from admin_gui.views.policies.tables import record_table
from admin_gui.views.screen import Desk
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button, heading

_DRAFTS: Final = Say("草稿", "Drafts")
_NEW: Final = Say("建立草稿…", "Begin a draft…")
_IMPORT: Final = Say("从目录导入…", "From a folder…")
_NONE: Final = Say("没有草稿", "No draft")
_NONE_ABOUT: Final = Say(
    "修改策略先建立草稿；提交、他人批准后发布。",
    "A change begins as a draft; it is handed in, approved by somebody else, and published.",
)
_COLUMNS: Final = (
    Column[DraftLine](Say("名称", "Name"), lambda one: one.name, width=130),
    Column[DraftLine](Say("状态", "State"), lambda one: one.state, lambda one: "accent" if one.waits else "", 80),
    Column[DraftLine](Say("操作人", "Who"), lambda one: one.who, width=80),
    Column[DraftLine](Say("时间", "When"), lambda one: one.when, width=105),
    Column[DraftLine](Say("基于", "From"), lambda one: one.base, width=50),
    Column[DraftLine](Say("说明", "Why"), lambda one: one.why, width=120),
)


class DraftsPage(QWidget):
    """The list, and beside it the chosen draft."""

    new_wanted = Signal()
    """A draft is to be begun from what is in force."""
    import_wanted = Signal()
    """A draft is to be begun from a folder."""

    def __init__(self, desk: Desk, catalogue: Catalogue, banner: Banner) -> None:
        super().__init__()
        self._context = context = desk.context
        self._rights = desk.rights
        self._catalogue = catalogue
        self._wanted = ""
        self.model = RecordModel[DraftLine](context, _COLUMNS, lambda one: one.name, self)
        self.table = record_table(context, self.model, _COLUMNS, _DRAFTS, "policies/drafts")
        self.table.selectionModel().currentRowChanged.connect(lambda index, _: self._chosen(index))
        self.review = Review(desk, banner)
        self.new = button(context, _NEW, self.new_wanted.emit, primary=True)
        self.bring = button(context, _IMPORT, self.import_wanted.emit)
        self.empty = Empty(context, "policies", _NONE, _NONE_ABOUT)
        if desk.rights.may("policy_write"):
            self.empty_new = self.empty.offer(_NEW, self.new_wanted.emit, primary=True)
            self.empty.offer(_IMPORT, self.import_wanted.emit)
        row = QHBoxLayout()
        row.addWidget(heading(context, _DRAFTS), 1)
        for widget in (self.bring, self.new):
            widget.setVisible(desk.rights.may("policy_write"))
            row.addWidget(widget)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(left)
        splitter.addWidget(self.review)
        splitter.setSizes([470, 700])
        splitter.setChildrenCollapsible(False)
        self._stack = QStackedWidget()
        self._stack.addWidget(splitter)
        self._stack.addWidget(self.empty)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(6, 8, 6, 0)
        whole.addWidget(self._stack)
        catalogue.drafts_changed.connect(self.show_drafts)
        catalogue.revisions_changed.connect(self.show_drafts)

    def choose(self, name: str) -> None:
        """Show a draft, now or when it has been read."""
        self._wanted = name
        self.show_drafts()

    def show_drafts(self) -> None:
        """Show what the catalogue has."""
        lines = drafts.draft_lines(self._catalogue.drafts, self._rights)
        chosen = self._wanted or (self.review.draft.name if self.review.draft is not None else "")
        self.model.show(lines)
        self._stack.setCurrentIndex(0 if lines else 1)
        if hasattr(self, "empty_new"):
            self.empty_new.setEnabled(bool(self._catalogue.head))
        self.new.setEnabled(bool(self._catalogue.head))
        if not lines:
            return
        row = next((row for row, line in enumerate(lines) if line.name == chosen), None)
        if row is not None:
            self._wanted = ""
        index = self.model.index(row or 0, 0)
        if self.table.currentIndex().row() != index.row():
            self.table.setCurrentIndex(index)
        self._chosen(index)

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid():
            self.review.show_draft(self.model.record(index.row()).draft, self._catalogue.head)
