"""The rules of a file as sentences, to read and to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain import sentences
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.sentences import Heading, Line, Sentence
from admin_gui.models.records import Index
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.empty import Empty
from jingxi_client._gen.pdp.v1 import bundle_pb2

_SENTENCES: Final = Say("语句", "Sentences")
_FILTER: Final = Say("筛选：规则、字段或词语", "Filter: rules, fields or words")
_ORDER: Final = Say("按规则顺序", "In the order of rules")
_FIELD: Final = Say("按字段", "By field")
_GROUPING: Final = Say("排列", "Arrangement")
_COUNT: Final = Say("{label}（{count} 条）", "{label} ({count})")
_STALE: Final = Say(
    "文本有错误，语句停在上一个正确的版本。", "The text has errors; the sentences are those of the last one without."
)
_NONE: Final = Say("没有可读的规则", "There is nothing to read")
_NONE_ABOUT: Final = Say("这个文件没有规则，或没有规则符合筛选。", "This file has no rules, or none fits the filter.")
_PAUSE_MILLISECONDS: Final = 120
_LINE: Final = Qt.ItemDataRole.UserRole
_MARGIN: Final = 12
_GAP: Final = 4


class SentenceModel(QAbstractListModel):
    """Lines to read."""

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these."""
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008, D102 - Qt's
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102 - Qt's
        line = self._lines[index.row()]
        if role == _LINE:
            return line
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            say = self._context.language
            if isinstance(line, Heading):
                return say(_COUNT.filled(label=line.label, count=line.count))
            return f"{line.rule}: {say(line.words)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:  # noqa: D102 - Qt's
        heading = index.isValid() and isinstance(self._lines[index.row()], Heading)
        return Qt.ItemFlag.NoItemFlags if heading else super().flags(index)


class SentenceDelegate(QStyledItemDelegate):
    """Draws a rule: its title and id, the sentence, and below it the sentence in the other language."""

    def __init__(self, context: Context, view: QListView) -> None:
        super().__init__(view)
        self._context, self._view = context, view
        self._heights: dict[tuple[str, int], int] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that the words need."""
        width = max(self._view.viewport().width(), 200)
        parts = self._parts(index.data(_LINE))
        height = sum(self._height(text, font, width) for text, font, _ in parts) + _GAP * (len(parts) - 1) + 2 * 8
        return QSize(width, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw it."""
        state, rect = option.state, QRect(option.rect)  # type: ignore[attr-defined]
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._context.theme.color("accent_soft"))
        painter.setPen(self._context.theme.color("line"))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        top, width = rect.top() + 8, rect.width() - 2 * _MARGIN
        for text, font, token in self._parts(index.data(_LINE)):
            height = self._height(text, font, rect.width())
            painter.setFont(font)
            painter.setPen(self._context.theme.color(token))
            painter.drawText(QRect(rect.left() + _MARGIN, top, width, height), Qt.TextFlag.TextWordWrap, text)
            top += height + _GAP
        painter.restore()

    def _parts(self, line: Line) -> list[tuple[str, QFont, str]]:
        say = self._context.language
        usual, bold, small = (QFont(self._view.font()) for _ in range(3))
        bold.setWeight(QFont.Weight.DemiBold)
        small.setPointSizeF(usual.pointSizeF() - 1)
        if isinstance(line, Heading):
            return [(say(_COUNT.filled(label=line.label, count=line.count)), bold, "accent")]
        other = line.words.en if say.tongue == "zh" else line.words.zh
        name = line.rule.partition("/")[2]
        return [(f"{say(line.title)}  {name}", bold, "text"), (say(line.words), usual, "text"), (other, small, "quiet")]

    def _height(self, text: str, font: QFont, width: int) -> int:
        key = f"{font.key()}{text}", width
        if key not in self._heights:
            area = QRect(0, 0, width - 2 * _MARGIN, 10_000)
            self._heights[key] = QFontMetrics(font).boundingRect(area, Qt.TextFlag.TextWordWrap, text).height()
        return self._heights[key]


class SentencesView(QWidget):
    """Sentences of one file with a filter; who chooses one is led to its rule."""

    chosen = Signal(str)
    """A rule's place, as `file:line:column`."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._all: list[Sentence] = []
        self._labels: dict[str, Say] = {}
        self._path = ""
        self.banner = Banner(context)
        self.filter = QLineEdit(clearButtonEnabled=True)
        context.language.bind(self.filter, self.filter.setPlaceholderText, _FILTER)
        context.language.bind(self.filter, self.filter.setAccessibleName, _FILTER)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._write)
        self.filter.textChanged.connect(lambda _: self._pause.start())
        self.grouping = QComboBox()
        self.grouping.addItems(["", ""])
        context.language.bind(self.grouping, lambda text: self.grouping.setItemText(0, text), _ORDER)
        context.language.bind(self.grouping, lambda text: self.grouping.setItemText(1, text), _FIELD)
        context.language.bind(self.grouping, self.grouping.setAccessibleName, _GROUPING)
        self.grouping.setCurrentIndex(int(str(context.settings.value("policies/grouping", 0))))
        self.grouping.currentIndexChanged.connect(self._group)
        self.model = SentenceModel(context, self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(SentenceDelegate(context, self.list))
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.setLayoutMode(QListView.LayoutMode.Batched)
        self.list.setBatchSize(100)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self._go)
        self.list.activated.connect(self._go)
        context.language.bind(self.list, self.list.setAccessibleName, _SENTENCES)
        context.language.changed.connect(self._write)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.list)
        self._stack.addWidget(Empty(context, "policies", _NONE, _NONE_ABOUT))
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self.grouping)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.banner)
        column.addWidget(self._stack, 1)

    def show_bundle(self, bundle: bundle_pb2.Bundle) -> None:
        """Show the rules of what a text means."""
        self._all, self._labels = sentences.sentences(bundle), sentences.field_labels(bundle)
        self.banner.clear()
        self._write()

    def show_path(self, path: str) -> None:
        """Show the rules of another file."""
        self._path = path
        self._write()

    def tell_stale(self) -> None:
        """Say that the text has errors."""
        self.banner.say(_STALE, "warning")

    def tell(self, failure: Failure) -> None:
        """Say why there are no sentences."""
        self.banner.tell(failure)

    def _write(self) -> None:
        found = sentences.chosen(self._all, self._path, self.filter.text())
        self.model.show(sentences.by_field(found, self._labels) if self.grouping.currentIndex() else found)
        self._stack.setCurrentIndex(0 if found else 1)

    def _group(self, index: int) -> None:
        self._context.settings.setValue("policies/grouping", index)
        self._write()

    def _go(self, index: QModelIndex) -> None:
        line = index.data(_LINE)
        if isinstance(line, Sentence):
            self.chosen.emit(line.place)
