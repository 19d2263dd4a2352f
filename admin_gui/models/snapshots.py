"""A table over millions of records: pages come when they are looked at, and go again when they are far away.

The service gives pages by keyset: each tells where the next one begins. So the table grows downwards by one page of
placeholders, and any page that was there once is asked for again by the place where it began.
"""

# ruff: noqa: D102 - Qt tells what its methods do

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor

from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_rows import Part, Row, row_of, text_of
from admin_gui.domain.snapshot_words import Vocabulary
from admin_gui.services.calls import Call
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2

PAGE: Final = 100
"""Rows of a page."""
KEPT_PAGES: Final = 80
"""Pages in memory at once."""
MOST_LIVE: Final = 2_000
"""Rows that came in while one looked; with more, the list begins again."""
MOST_PIXELS: Final = 2**31 - 1
"""Qt counts the pixels of all rows in 32 bits."""
_FIRST: Final = 20
"""Placeholders before the first page has come."""
_WAITING: Final = "…"
_VALUES: Final = Say("点按列标题：按常见的值筛选", "Click the heading to filter by its commonest values")
_ROLES: Final = frozenset(
    int(role)
    for role in (
        Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole,
        Qt.ItemDataRole.ForegroundRole,
    )
)  # fmt: skip
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Head:
    """A column. `group` is what the service groups by for its commonest values; empty for none."""

    part: Part
    say: Say
    width: int
    group: str = ""


HEADS: Final = (
    Head("time", Say("时间", "Time"), 142),
    Head("severity", Say("级别", "Level"), 50, "severity"),
    Head("who", Say("操作员", "Operator"), 80, "subject.id"),
    Head("what", Say("操作", "What"), 74, "action"),
    Head("whom", Say("对象", "About whom"), 132),
    Head("menu", Say("菜单", "Menu"), 118, "menu"),
    Head("fields", Say("明文字段", "Shown in clear"), 220),
    Head("id", Say("编号", "Id"), 260),
)


class SnapshotModel(QAbstractTableModel):
    """Records that meet a question, newest first; `row_height` in pixels bounds how many there may be."""

    arrived = Signal(object)
    """A ListSnapshotsResponse whose records are shown now."""
    failed = Signal(object)
    """A `Failure` of a page."""
    overflowed = Signal()
    """More came in than is kept on top: begin again."""

    def __init__(
        self, context: Context, ask: Callable[[str, str, int], Call], row_height: int, parent: QObject | None = None
    ) -> None:
        """`ask` is `Snapshots.page`."""
        super().__init__(parent)
        self._context = context
        self._ask = ask
        self._most = MOST_PIXELS // row_height - 1
        self._words = Vocabulary()
        self._text: str | None = None
        self._live: list[Row] = []
        self._starts = [0]
        self._tokens: list[str] = []
        self._pages: OrderedDict[int, list[Row]] = OrderedDict()
        self._calls: dict[int, Call] = {}
        self._waiting = 0
        context.language.changed.connect(self._repaint)
        context.theme.changed.connect(self._repaint)

    def ask(self, text: str) -> None:
        """Begin with the newest records that meet a filter; what was under way for another is cancelled."""
        self.stop()
        self.beginResetModel()
        self._text, self._live, self._starts, self._tokens = text, [], [0], [""]
        self._pages.clear()
        self._waiting = _FIRST
        self.endResetModel()
        self._load(0)

    def stop(self) -> None:
        """Cancel what is under way."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()

    def look_at(self, first: int, last: int) -> None:
        """Ask for the pages of these rows, and cancel pages that nobody looks at any more."""
        if self._text is None:
            return
        begin, end = (self._page_of(row) for row in (first, last))
        wanted = [page for page in range(begin, end + 1) if page not in self._pages and page < len(self._tokens)]
        # The page after is on its way before it is reached.
        after = end + 1
        is_near = last - len(self._live) >= self._known - PAGE // 2
        if after == len(self._starts) - 1 and after < len(self._tokens) and is_near and not self.is_full:
            wanted.append(after)
        for page in [page for page in self._calls if page not in wanted and page != 0]:
            self._calls.pop(page).cancel()
        for page in wanted:
            if page not in self._calls:
                self._load(page)

    def prepend(self, entries: Sequence[snapshot_service_pb2.SnapshotEntry]) -> int:
        """Put what has come in on top, what is there already left out; return how many rows were added."""
        there = {row.place for row in self._live} | {row.place for row in self._pages.get(0, ())}
        rows = [row for entry in reversed(entries) if (row := row_of(entry)).place not in there]
        if len(self._live) + len(rows) > MOST_LIVE:
            self.overflowed.emit()
            return 0
        if rows:
            self.beginInsertRows(QModelIndex(), 0, len(rows) - 1)
            self._live[:0] = rows
            self.endInsertRows()
        return len(rows)

    def speak(self, words: Vocabulary) -> None:
        """Call values as a policy set calls them."""
        self._words = words
        self._repaint()

    def row(self, number: int) -> Row | None:
        """Return a row; None for one that is not there yet."""
        if number < len(self._live):
            return self._live[number]
        page = self._page_of(number)
        held = self._pages.get(page)
        if held is None:
            return None
        self._pages.move_to_end(page)
        at = number - len(self._live) - self._starts[page]
        return held[at] if at < len(held) else None

    @property
    def is_full(self) -> bool:
        """Whether no more rows fit into a table: what is older is found by going to a time."""
        return self._known + PAGE > self._most

    @property
    def is_loading(self) -> bool:
        """Whether a page is on its way."""
        return bool(self._calls)

    @property
    def known(self) -> int:
        """How many records are known of, without placeholders."""
        return len(self._live) + self._known

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(self._live) + self._known + self._waiting

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        return 0 if parent.isValid() else len(HEADS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._context.language(HEADS[section].say)
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal and HEADS[section].group:
            return self._context.language(_VALUES)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        # A view asks for a dozen roles of each cell whenever it paints.
        if role not in _ROLES:
            return None
        row, part = self.row(index.row()), HEADS[index.column()].part
        if row is None:
            if role == Qt.ItemDataRole.DisplayRole:
                return _WAITING
            return self._context.theme.color("line") if role == Qt.ItemDataRole.ForegroundRole else None
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._color(row, part)
        return self._context.language(text_of(row, part, self._words))

    def _color(self, row: Row, part: Part) -> QColor | None:
        color = ""
        if row.failed and part == "what":
            color = "danger"
        elif row.repeats or part == "id" or (part == "fields" and not row.fields):
            color = "quiet"
        elif part in ("severity", "fields") and row.severity:
            color = ("quiet", "text", "clear", "danger" if part == "severity" else "clear")[row.severity]
        return self._context.theme.color(color) if color else None

    @property
    def _known(self) -> int:
        return self._starts[-1]

    def _page_of(self, number: int) -> int:
        at = max(number - len(self._live), 0)
        return bisect.bisect_right(self._starts, at) - 1

    def _load(self, page: int) -> None:
        if self._text is None:
            return
        call = self._calls[page] = self._ask(self._text, self._tokens[page], PAGE)
        call.answered.connect(lambda answer: self._came(page, answer))
        call.failed.connect(lambda failure: self._missed(page, failure))

    def _came(self, page: int, answer: snapshot_service_pb2.ListSnapshotsResponse) -> None:
        self._calls.pop(page, None)
        rows = [row_of(entry) for entry in answer.entries]
        if page == len(self._starts) - 1:
            self._grow(rows, answer.next_page_token)
        # A page that was there keeps its size: its rows were counted.
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        first = len(self._live) + self._starts[page]
        if rows:
            self.dataChanged.emit(self.index(first, 0), self.index(first + len(rows) - 1, len(HEADS) - 1))
        self.arrived.emit(answer)

    def _grow(self, rows: list[Row], token: str) -> None:
        # A page at the top may hold what has come in meanwhile.
        if len(self._starts) == 1 and self._live:
            places = {row.place for row in rows}
            self._drop_live([at for at, row in enumerate(self._live) if row.place in places])
        before = self.rowCount()
        known = self._known + len(rows)
        waiting = min(PAGE, self._most - known) if token and known + PAGE <= self._most else 0
        after = len(self._live) + known + waiting
        if after > before:
            self.beginInsertRows(QModelIndex(), before, after - 1)
        elif after < before:
            self.beginRemoveRows(QModelIndex(), after, before - 1)
        self._starts.append(known)
        self._waiting = waiting
        if token:
            self._tokens.append(token)
        if after > before:
            self.endInsertRows()
        elif after < before:
            self.endRemoveRows()

    def _drop_live(self, places: list[int]) -> None:
        for at in reversed(places):
            self.beginRemoveRows(QModelIndex(), at, at)
            del self._live[at]
            self.endRemoveRows()

    def _missed(self, page: int, failure: object) -> None:
        self._calls.pop(page, None)
        if not self._known and self._waiting:
            self.beginRemoveRows(QModelIndex(), len(self._live), self.rowCount() - 1)
            self._waiting = 0
            self.endRemoveRows()
        self.failed.emit(failure)

    def _repaint(self) -> None:
        if self.rowCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, len(HEADS) - 1))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(HEADS) - 1)
