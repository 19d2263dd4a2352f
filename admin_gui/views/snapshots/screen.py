"""The snapshots' screen: a question above, the records that answer it, and the story of one beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_filter import quoted
from admin_gui.domain.snapshot_question import Question, mistake
from admin_gui.domain.snapshot_words import Vocabulary, vocabulary
from admin_gui.models.snapshots import SnapshotModel
from admin_gui.services.calls import Call
from admin_gui.services.simulation import Simulation
from admin_gui.services.snapshot_tail import Tail
from admin_gui.services.snapshots import Snapshots
from admin_gui.services.texts import IN_FORCE
from admin_gui.views.screen import Command, Desk, ScreenWidget
from admin_gui.views.snapshots.bar import QuestionBar
from admin_gui.views.snapshots.choosers import Choosers
from admin_gui.views.snapshots.detail import Detail
from admin_gui.views.snapshots.exports import ExportLine
from admin_gui.views.snapshots.table import ROW_PIXELS, RecordTable
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import simulation_service_pb2, snapshot_service_pb2

_EXPORT: Final = Say("导出…", "Export…")
_COUNT: Final = Say("精确计数", "Count exactly")
_STOP_COUNT: Final = Say("停止计数", "Stop counting")
_COUNTING: Final = Say("正在计数…", "Counting…")
_LOADING: Final = Say("正在查找…", "Looking…")
_ABOUT: Final = Say("约 {count} 条", "about {count} records")
_EXACT: Final = Say("共 {count} 条", "{count} records")
_AT_LEAST: Final = Say("至少 {count} 条", "{count} records at least")
_FULL: Final = Say("，表格已到上限，更早的请跳到时间", "; the table is full, go to a time for what is older")
_HEARD: Final = Say("，实时收到 {count} 条", "; {count} came in")
_EXPORTED: Final = Say("已导出 {count} 条到 {path}", "{count} records are in {path}")
_NONE: Final = Say("还没有快照", "No records yet")
_NONE_TEXT: Final = Say(
    "业务系统的第一次裁决、工作人员的第一次操作都会出现在这里。",
    "The first decision of a business system, and the first thing that staff does, is shown here.",
)
_NOT_FOUND: Final = Say("没有符合条件的快照", "No record meets this")
_NOT_FOUND_TEXT: Final = Say(
    "放宽时间、换个类别或清除筛选；未留存的属性筛选不到。",
    "Try a longer time, another class, or clear the filter. What was not kept is found by no condition.",
)
_WRONG: Final = Say("筛选条件有误", "The filter is wrong")
_WRONG_TEXT: Final = Say("错误已在上方标出。", "What is wrong is marked above.")
_CLEAR: Final = Say("清除筛选", "Clear the filter")
_FIND: Final = Say("筛选快照", "Filter the records")
_VERIFY: Final = Say("核验选中的快照", "Verify the chosen record")
_LIVE: Final = Say("实时跟随新快照", "Follow new records")
_JUMP: Final = Say("跳到时间", "Go to a time")
_FILTER_KEY, _KIND_KEY, _SIZES_KEY = "snapshots/filter", "snapshots/kind", "snapshots/splitter"


class SnapshotsScreen(ScreenWidget):
    """Finds, follows, tells, verifies and exports records. `choosers` are the desktop's unless others are given."""

    def __init__(self, desk: Desk, choosers: Choosers | None = None) -> None:
        super().__init__()
        self._desk, self._context = desk, desk.context
        context, settings = desk.context, desk.context.settings
        self._snapshots = Snapshots(desk.connection)
        self._simulation = Simulation(desk.connection)
        self._choosers = choosers or Choosers()
        self._described: Call | None = None
        self._count: Call | None = None
        self._question = Question()
        self._total, self._is_exact, self._heard = -1, False, 0
        self._was_left = self._is_loaded = False
        self.banner = Banner(context)
        self.model = SnapshotModel(context, self._snapshots.page, ROW_PIXELS, self)
        self.model.arrived.connect(self._arrived)
        self.model.failed.connect(self._failed)
        self.model.overflowed.connect(self.search)
        self.bar = QuestionBar(context)
        self.bar.asked.connect(self.search)
        self.bar.live_wanted.connect(self._follow)
        self.table = RecordTable(
            context, self.model, lambda by, days, limit: self._snapshots.groups(self._question.text, by, days, limit)
        )
        self.table.clause_chosen.connect(self.bar.add_clause)
        self.detail = Detail(desk, self._snapshots, self._choosers)
        self.table.record_chosen.connect(self.detail.show_record)
        self.tail = Tail(self._snapshots, self)
        self.tail.began.connect(self._ask)
        self.tail.came.connect(self._came_in)
        self.tail.failed.connect(self._broke_off)
        self.exports = ExportLine(context, self._snapshots, self._choosers)
        self.exports.written.connect(self._exported)
        self.exports.failed.connect(self._failed)
        self.empty = Empty(context, "snapshots", _NONE, _NONE_TEXT)
        self._clear = self.empty.offer(_CLEAR, lambda: self.bar.ask_for("", self._question.kind))
        self._lay_out()
        self.bar.restore(str(settings.value(_FILTER_KEY, "")), str(settings.value(_KIND_KEY, "all")))
        if (state := settings.value(_SIZES_KEY)) is not None:
            self._splitter.restoreState(state)
        desk.routes.snapshots_chosen.connect(self.bar.ask_for)
        desk.routes.snapshot_chosen.connect(self.show_record)
        desk.routes.published.connect(lambda _: self._describe())

    def load(self) -> None:
        """Read the newest; after one was elsewhere what stood there still stands."""
        if self._described is None:
            self._describe()
        if self._was_left and self._is_loaded:
            self.table.look()
            self._follow(self.bar.live.isChecked())
        else:
            self.search()
        self._was_left = False

    def leave(self) -> None:
        """Follow nothing, and remember what was asked."""
        self._was_left = True
        self.tail.stop()
        self._stop_counting()
        settings = self._context.settings
        settings.setValue(_FILTER_KEY, self.bar.line.text())
        settings.setValue(_KIND_KEY, self.bar.question.kind)
        settings.setValue(_SIZES_KEY, self._splitter.saveState())
        self.table.remember()

    def may_leave(self, then: Callable[[], object]) -> bool:
        """Remember what was asked; an export that is under way ends."""
        del then
        self.leave()
        self.exports.cancel()
        return True

    def commands(self) -> Sequence[Command]:
        """What can be done here."""
        found = [
            Command("snapshots-find", _FIND, self.bar.line.setFocus, "Ctrl+F"),
            Command("snapshots-jump", _JUMP, self.bar.time.setFocus, "Ctrl+G"),
            Command("snapshots-live", _LIVE, self.bar.live.toggle, "Ctrl+L"),
            Command("snapshots-verify", _VERIFY, self.detail.verify, "Ctrl+Return"),
        ]
        if self._desk.rights.may("snapshot_export"):
            found.append(Command("snapshots-export", _EXPORT, self.ask_export, "Ctrl+E"))
        return found

    def search(self) -> None:
        """Ask what is written in the bar."""
        self._question = self.bar.question
        self.bar.show_mistake(None)
        self.banner.clear()
        if self.bar.live.isChecked():
            self.tail.follow(self._question.text)
        self._ask()

    def show_record(self, record_id: str) -> None:
        """Tell about one record, and list it."""
        self.bar.ask_for(f"id == {quoted(record_id)}")
        self.detail.show_record(record_id)

    def ask_export(self) -> Ask | None:
        """Ask what to export, why and where to."""
        return self.exports.ask(self._question, [row.id for row in self.table.chosen()])

    def count(self) -> None:
        """Count exactly, or stop counting."""
        if self._count is not None:
            self._stop_counting()
            return
        call = self._count = self._snapshots.count(self._question.text)
        call.answered.connect(self._counted)
        call.failed.connect(self._not_counted)
        self._say_count()

    def _ask(self) -> None:
        self._stop_counting()
        self._total, self._is_exact, self._heard = -1, False, 0
        self._is_loaded = False
        self.model.ask(self._question.text)
        self.table.scrollToTop()
        self._pages.setCurrentIndex(0)
        self._say_count()

    def _arrived(self, answer: snapshot_service_pb2.ListSnapshotsResponse) -> None:
        self.banner.clear()
        self._is_loaded = True
        if not self._is_exact:
            self._total = answer.total_size
        if not answer.next_page_token and not self._is_exact:
            self._total, self._is_exact = self.model.known - self._heard, True
        self._show_empty()
        self._say_count()

    def _failed(self, failure: Failure) -> None:
        wrong = mistake(failure, self._question)
        if wrong is not None:
            self.bar.show_mistake(wrong)
            self.tail.stop()
        elif not failure.is_away:
            self.banner.tell(failure, self.search)
        self._show_empty(is_wrong=wrong is not None)
        self._say_count()

    def _broke_off(self, failure: Failure) -> None:
        if mistake(failure, self._question) is None:
            self.bar.stop_live()
        self._failed(failure)

    def _came_in(self, entries: Sequence[snapshot_service_pb2.SnapshotEntry]) -> None:
        added = self.model.prepend(entries)
        if added:
            self._heard += added
            self.table.keep_place(added)
            self._show_empty()
            self._say_count()

    def _follow(self, on: bool) -> None:
        if not on:
            self.tail.stop()
        elif not self.tail.is_on:
            self._question = self.bar.question
            self.tail.follow(self._question.text)
        self._say_count()

    def _describe(self) -> None:
        # Who may not simulate finds records all the same, only without the words of the policies.
        if self._desk.rights.may("simulate"):
            self._described = self._simulation.describe(IN_FORCE)
            self._described.answered.connect(self._speak)

    def _speak(self, answer: simulation_service_pb2.DescribePoliciesResponse) -> None:
        words: Vocabulary = vocabulary(answer.bundle)
        for part in (self.bar.line, self.table, self.model, self.detail):
            part.speak(words)

    def _counted(self, answer: snapshot_service_pb2.ListSnapshotsResponse) -> None:
        self._count = None
        self._total, self._is_exact, self._heard = answer.total_size, answer.exact, 0
        self._say_count()

    def _not_counted(self, failure: Failure) -> None:
        self._count = None
        self.banner.tell(failure, self.count)
        self._say_count()

    def _stop_counting(self) -> None:
        if self._count is not None:
            self._count.cancel()
            self._count = None
            self._say_count()

    def _exported(self, path: Path, count: int) -> None:
        self.banner.say(_EXPORTED.filled(count=f"{count:,}", path=path))

    def _show_empty(self, *, is_wrong: bool = False) -> None:
        if self.model.rowCount():
            self._pages.setCurrentIndex(0)
            return
        asked = self._question.text.strip()
        heading, text = (_NOT_FOUND, _NOT_FOUND_TEXT) if asked else (_NONE, _NONE_TEXT)
        self.empty.say(*((_WRONG, _WRONG_TEXT) if is_wrong else (heading, text)))
        self._clear.setVisible(bool(self._question.filter.strip()))
        self._pages.setCurrentIndex(1)
        self.detail.show_nothing()

    def _said_count(self) -> Say:
        if self._count is not None:
            return _COUNTING
        if not self._is_loaded:
            return _LOADING if self.model.is_loading else Say("", "")
        number = self._total + self._heard if self._total >= 0 else self.model.known
        said = _EXACT if self._is_exact else _ABOUT if self._total >= 0 else _AT_LEAST
        found = said.filled(count=f"{number:,}")
        more = _HEARD.filled(count=f"{self._heard:,}") if self._heard else Say("", "")
        full = _FULL if self.model.is_full else Say("", "")
        return Say(found.zh + more.zh + full.zh, found.en + more.en + full.en)

    def _say_count(self) -> None:
        self._counted_label.setText(self._context.language(self._said_count()))
        self._count_button.setVisible(self._is_loaded and (not self._is_exact or self._count is not None))
        self._count_button.setText(self._context.language(self._said_button()))

    def _said_button(self) -> Say:
        return _COUNT if self._count is None else _STOP_COUNT

    def _lay_out(self) -> None:
        context = self._context
        self._counted_label = QLabel()
        self._counted_label.setObjectName("quiet")
        context.language.bind(self._counted_label, self._counted_label.setText, self._said_count)
        self._count_button = button(context, _COUNT, self.count)
        context.language.bind(self._count_button, self._count_button.setText, self._said_button)
        self.export_button = button(context, _EXPORT, self.ask_export)
        self.export_button.setVisible(self._desk.rights.may("snapshot_export"))
        below = QHBoxLayout()
        below.addWidget(self._counted_label)
        below.addWidget(self._count_button)
        below.addStretch(1)
        below.addWidget(self.export_button)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.table)
        self._pages.addWidget(self.empty)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 8, 0)
        column.addWidget(self._pages, 1)
        column.addLayout(below)
        column.addWidget(self.exports)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(left)
        self._splitter.addWidget(self.detail)
        self._splitter.setStretchFactor(0, 3)
        self._splitter.setStretchFactor(1, 2)
        self._splitter.setSizes([720, 440])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(14, 12, 14, 12)
        whole.addWidget(self.bar)
        whole.addWidget(self.banner)
        whole.addWidget(self._splitter, 1)
