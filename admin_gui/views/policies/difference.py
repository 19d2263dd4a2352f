"""How two texts differ: what it means rule by rule, and line by line."""

from __future__ import annotations

import html
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHeaderView, QLabel, QTableView, QTabWidget, QTextBrowser, QVBoxLayout, QWidget

from admin_gui.domain import changes as changing
from admin_gui.domain.changes import Meaning
from admin_gui.domain.say import Say
from admin_gui.models.diff import DiffModel
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import control_pb2

_MEANING: Final = Say("含义", "Meaning")
_LINES: Final = Say("文本行", "Lines")
_BESIDE: Final = Say("左右对照", "Side by side")
_CAREFUL: Final = Say("⚠ 可能使原来脱敏的内容明文显示", "⚠ may show in clear what was masked")
_FIELDS: Final = Say("字段", "fields")
_WHO: Final = Say("对象", "for")
_INCOMPLETE: Final = Say("未能全部比较：{why}", "not all could be compared: {why}")
_SETTING: Final = "policies/beside"


class Difference(QWidget):
    """Shows a `Changes`."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._changes: control_pb2.Changes | None = None
        self._summary = QLabel(wordWrap=True)
        self.meaning = QTextBrowser()
        self.model = DiffModel(context, self)
        self.model.lay_out(beside=context.settings.value(_SETTING, "false") == "true")
        self._table = QTableView(showGrid=False, wordWrap=False)
        self._table.setModel(self.model)
        self._table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(self._table.fontMetrics().height() + 4)
        self._table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._table.horizontalHeader().setMinimumSectionSize(20)
        self.model.modelReset.connect(self._fit)
        self.beside = QCheckBox()
        self.beside.setChecked(self.model.beside)
        self.beside.toggled.connect(self._lay_out)
        context.language.bind(self.beside, self.beside.setText, _BESIDE)
        lines = QWidget()
        column = QVBoxLayout(lines)
        column.setContentsMargins(0, 6, 0, 0)
        column.addWidget(self.beside)
        column.addWidget(self._table, 1)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.meaning, "")
        self.tabs.addTab(lines, "")
        context.language.bind(self.tabs, lambda text: self.tabs.setTabText(0, text), _MEANING)
        context.language.bind(self.tabs, lambda text: self.tabs.setTabText(1, text), _LINES)
        context.language.bind(self._table, self._table.setAccessibleName, _LINES)
        context.language.bind(self.meaning, self.meaning.setAccessibleName, _MEANING)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._summary)
        whole.addWidget(self.tabs, 1)
        context.language.changed.connect(self._write)
        context.theme.changed.connect(self._write)
        self._fit()

    def show_changes(self, changes: control_pb2.Changes) -> None:
        """Show a difference; its lines when it means nothing."""
        self._changes = changes
        self.model.show(changes)
        if changes.files and not changes.meaning:
            self.tabs.setCurrentIndex(1)
        self._write()

    def clear(self) -> None:
        """Show nothing."""
        self._changes = None
        self.model.show(control_pb2.Changes())
        self._write()

    @property
    def said(self) -> str:
        """The difference in one sentence, as it is shown."""
        return self._summary.text()

    def _lay_out(self, beside: bool) -> None:
        self._context.settings.setValue(_SETTING, "true" if beside else "false")
        self.model.lay_out(beside=beside)

    def _fit(self) -> None:
        header = self._table.horizontalHeader()
        header.setStretchLastSection(False)
        self._table.clearSpans()
        numbers = self._table.fontMetrics().horizontalAdvance("99999") + 16
        for section in range(self.model.columnCount()):
            is_text = section in self.model.text_columns
            header.setSectionResizeMode(
                section, QHeaderView.ResizeMode.Stretch if is_text else QHeaderView.ResizeMode.Fixed
            )
            if not is_text:
                sign = section in ((1, 4) if self.model.beside else (0,))
                self._table.setColumnWidth(section, 26 if sign else numbers)
        for row in range(self.model.rowCount()):
            if self.model.is_title(row):
                self._table.setSpan(row, 0, 1, self.model.columnCount())

    def _write(self) -> None:
        if self._changes is None:
            self._summary.clear()
            self.meaning.clear()
            return
        say = self._context.language
        said = say(changing.summary(self._changes))
        if self._changes.incomplete:
            said += "\n" + say(_INCOMPLETE.filled(why=self._changes.incomplete))
        self._summary.setText(said)
        self._summary.setAccessibleName(said)
        self.meaning.setHtml("".join(self._told(one) for one in changing.meanings(self._changes)))

    def _told(self, one: Meaning) -> str:
        say, t = self._context.language, self._context.theme.tokens
        color = {"+": t.masked, "−": t.danger}.get(one.mark, t.accent)
        head = (
            f'<p style="margin-top:10px;margin-bottom:2px"><b><span style="color:{color}">{one.mark} {say(one.kind)}'
            f"</span> {say(one.subject)} {html.escape(say(one.title) or one.place)}</b> "
            f'<span style="color:{t.quiet}">{html.escape(one.place)}</span></p>'
        )
        rows = []
        if one.may_unmask:
            rows.append(f'<p style="margin:1px 0 1px 18px;color:{t.clear}"><b>{say(_CAREFUL)}</b></p>')
        for part in one.parts:
            sides = [
                f'<span style="color:{color}">{sign} {html.escape(say(text))}</span>'
                for sign, color, text in (("−", t.danger, part.before), ("+", t.masked, part.after))
                if any(text)
            ]
            rows.append(
                f'<p style="margin:1px 0 1px 18px"><span style="color:{t.quiet}">{html.escape(say(part.say))}</span>'
                f"<br/>{'<br/>'.join(sides)}</p>"
            )
        told = [(_FIELDS, say(one.fields)), (_WHO, say(one.who))] if any(one.fields) else []
        rows += [
            f'<p style="margin:1px 0 1px 18px"><span style="color:{t.quiet}">{say(name)}</span>　'
            f"{html.escape(text)}</p>"
            for name, text in told
        ]
        return head + "".join(rows)
