"""What stands above the table: the filter line with its memory, classes of records, a time to go to, what comes in."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import QDateTime, Qt, Signal
from PySide6.QtWidgets import QDateTimeEdit, QHBoxLayout, QLabel, QMenu, QPushButton, QTabBar, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_filter import with_clause
from admin_gui.domain.snapshot_question import Mistake, Question
from admin_gui.domain.snapshot_rows import KINDS, NANOS, clock
from admin_gui.views.snapshots.filter_line import FilterLine
from admin_gui.views.snapshots.remembered import Remembered
from admin_gui.widgets.ask import Ask, Line
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button

_FIND: Final = Say("查找", "Find")
_CLEAR: Final = Say("清除", "Clear")
_SAVED: Final = Say("常用筛选", "Saved filters")
_SAVE: Final = Say("保存当前筛选…", "Save this filter…")
_SAVE_ABOUT: Final = Say("同名的会被替换。", "Another one of this name is replaced.")
_NAMED: Final = Say("名称", "Name")
_KEEP: Final = Say("保存", "Save")
_FORGET: Final = Say("删除", "Remove")
_TABS: Final = {
    "all": Say("全部", "All"),
    "decisions": Say("裁决", "Decisions"),
    "operations": Say("操作", "Operations"),
    "security": Say("安全事件", "Security events"),
}
_CLASSES: Final = Say("记录类别", "Class of records")
_TIME: Final = Say("跳到时间", "Go to a time")
_GO: Final = Say("跳到", "Go to")
_NEWEST: Final = Say("回到最新", "Newest")
_UNTIL: Final = Say("显示 {time} 及更早", "{time} and before")
_LIVE: Final = Say("实时", "Live")
_LIVE_HINT: Final = Say("新记录到达时显示在最上面", "Show records on top as they come in")
_WRONG: Final = Say("第 {column} 个字符：{problem}", "Character {column}: {problem}")


class QuestionBar(QWidget):
    """Makes a question. `asked` says that somebody wants its answer now."""

    asked = Signal()
    live_wanted = Signal(bool)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._until: int | None = None
        self._mistake: Mistake | None = None
        self.remembered = Remembered(context.settings, self)
        self.line = FilterLine(context, self.remembered)
        self.line.entered.connect(self._enter)
        self.line.textChanged.connect(lambda: self.show_mistake(None))
        self.tabs = QTabBar(drawBase=False)
        for name in KINDS:
            self.tabs.setTabData(self.tabs.addTab(""), name)
        context.language.bind(self.tabs, self.tabs.setAccessibleName, _CLASSES)
        context.language.bind(self.tabs, self._write_tabs, Say("", ""))
        self.tabs.currentChanged.connect(lambda _: self.asked.emit())
        self.time = QDateTimeEdit(QDateTime.currentDateTime(), calendarPopup=True)
        self.time.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        context.language.bind(self.time, self.time.setAccessibleName, _TIME)
        self.time.lineEdit().returnPressed.connect(self.jump)
        self.go = button(context, _GO, self.jump)
        self.newest = button(context, _NEWEST, self.back_to_newest)
        self.live = QPushButton()
        self.live.setCheckable(True)
        context.language.bind(self.live, self.live.setText, _LIVE)
        context.language.bind(self.live, self.live.setToolTip, _LIVE_HINT)
        self.live.toggled.connect(self._live)
        self._until_label = QLabel()
        self._until_label.setObjectName("quiet")
        self._wrong = QLabel(wordWrap=True)
        self._wrong.setObjectName("wrong")
        self._wrong.hide()
        self.saved = QPushButton()
        self.saved.setObjectName("menu")
        context.language.bind(self.saved, self.saved.setText, _SAVED)
        self._menu = QMenu(self.saved)
        self.saved.setMenu(self._menu)
        self._menu.aboutToShow.connect(self.fill_saved)
        for label, say in ((self._until_label, self._said_until), (self._wrong, self._said_wrong)):
            context.language.bind(label, label.setText, say)
        self._lay_out()
        self._show_until()

    @property
    def question(self) -> Question:
        """What is asked now."""
        return Question(self.line.text(), self.tabs.tabData(self.tabs.currentIndex()), self._until)

    def ask_for(self, text: str, kind: str | None = None) -> None:
        """Ask for a filter, of all classes unless one is named, up to now."""
        self.line.write(text)
        self._until = None
        self._show_until()
        self._choose_tab(kind or "all")
        self._enter()

    def restore(self, text: str, kind: str) -> None:
        """Write what was asked the last time, and ask nothing."""
        self.line.write(text)
        self._choose_tab(kind if kind in KINDS else "all")

    def add_clause(self, clause: str) -> None:
        """Ask for this as well."""
        self.line.write(with_clause(self.line.text(), clause))
        self._enter()

    def jump(self) -> None:
        """Show what was at the time that is entered, and before."""
        # The end of the second that is written there.
        self._until = (self.time.dateTime().toSecsSinceEpoch() + 1) * NANOS - 1
        self.stop_live()
        self._show_until()
        self.asked.emit()

    def back_to_newest(self) -> None:
        """Show the newest."""
        self._until = None
        self._show_until()
        self.asked.emit()

    def stop_live(self) -> None:
        """Follow nothing any more."""
        self.live.blockSignals(True)
        was = self.live.isChecked()
        self.live.setChecked(False)
        self.live.blockSignals(False)
        if was:
            self.live_wanted.emit(False)

    def show_mistake(self, mistake: Mistake | None) -> None:
        """Tell what is wrong in the filter, where it is; None for nothing."""
        self._mistake = mistake
        if mistake is not None:
            self.line.show_mistake(mistake)
        self._wrong.setText(self._context.language(self._said_wrong()))
        self._wrong.setVisible(mistake is not None)

    def fill_saved(self) -> QMenu:
        """Write the menu of saved filters."""
        self._menu.clear()
        for name, text in self.remembered.saved.items():
            self._menu.addAction(name.replace("&", "&&"), partial(self.ask_for, text)).setToolTip(text)
        self._menu.setToolTipsVisible(True)
        if self.remembered.saved:
            self._menu.addSeparator()
        save = self._menu.addAction(self._context.language(_SAVE), self.save_this)
        save.setEnabled(bool(self.line.text().strip()))
        if self.remembered.saved:
            gone = self._menu.addMenu(self._context.language(_FORGET))
            for name in self.remembered.saved:
                gone.addAction(name.replace("&", "&&"), partial(self.remembered.forget, name))
        return self._menu

    def save_this(self) -> Ask:
        """Ask for a name for the filter that is written."""
        text = self.line.text()
        dialog = Ask(self._context, self.window(), _SAVE, _SAVE_ABOUT, _KEEP, (Line("name", _NAMED),))
        dialog.answered.connect(lambda answers: self.remembered.save(answers["name"], text))
        dialog.open()
        return dialog

    def _enter(self) -> None:
        self.remembered.asked(self.line.text())
        self.asked.emit()

    def _live(self, on: bool) -> None:
        if on and self._until is not None:
            self._until = None
            self._show_until()
        self.live_wanted.emit(on)

    def _choose_tab(self, kind: str) -> None:
        self.tabs.blockSignals(True)
        self.tabs.setCurrentIndex(list(KINDS).index(kind))
        self.tabs.blockSignals(False)

    def _said_until(self) -> Say:
        return Say("", "") if self._until is None else _UNTIL.filled(time=clock(self._until))

    def _said_wrong(self) -> Say:
        if self._mistake is None:
            return Say("", "")
        said = _WRONG.filled(column=self._mistake.at + 1, problem=self._mistake.problem)
        hint = self._mistake.hint
        return Say(f"{said.zh} → {hint.zh}", f"{said.en} → {hint.en}") if any(hint) else said

    def _show_until(self) -> None:
        self._until_label.setText(self._context.language(self._said_until()))
        for widget in (self._until_label, self.newest):
            widget.setVisible(self._until is not None)

    def _write_tabs(self, _: str) -> None:
        for at, name in enumerate(KINDS):
            self.tabs.setTabText(at, self._context.language(_TABS[name]))

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        for widget, stretch in (
            (self.line, 1), (button(self._context, _FIND, self._enter, primary=True), 0),
            (button(self._context, _CLEAR, lambda: self.ask_for("", self.question.kind)), 0), (self.saved, 0),
        ):  # fmt: skip
            first.addWidget(widget, stretch, Qt.AlignmentFlag.AlignVCenter)
        second = QHBoxLayout()
        second.addWidget(self.tabs)
        second.addStretch(1)
        for part in (self._until_label, self.newest, self.time, self.go, self.live):
            second.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(first)
        column.addWidget(self._wrong)
        column.addLayout(second)
