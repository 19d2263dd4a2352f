"""Exports: what, why and where to is asked; then a line tells how far it is, and lets it be cancelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QDate, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_question import Question, of_ids
from admin_gui.services.snapshot_export import ExportFile
from admin_gui.services.snapshots import Snapshots
from admin_gui.views.snapshots.choosers import Choosers
from admin_gui.widgets.ask import Ask, Choice, Line
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2

_TITLE: Final = Say("导出快照", "Export records")
_ABOUT: Final = Say(
    "导出本身也会留下一条操作记录：谁、何时、什么条件、为什么。",
    "The export is itself recorded: who, when, by which filter, and why.",
)
_WHAT: Final = Say("范围", "What")
_FORMAT: Final = Say("格式", "Format")
_REASON: Final = Say("原因", "Reason")
_EXPORT: Final = Say("导出…", "Export…")
_CANCEL: Final = Say("取消导出", "Cancel")
_ALL: Final = Say("符合当前筛选的全部记录", "all records of the filter")
_CHOSEN: Final = Say("选中的 {count} 条", "the {count} selected")
_TOO_LONG: Final = Say("原因最多 512 字节。", "A reason has at most 512 bytes.")
_GOING: Final = Say("正在导出到 {name}：{count} 条", "Exporting to {name}: {count} records")
_FORMATS: Final = (
    ("csv", snapshot_service_pb2.EXPORT_FORMAT_CSV, Say("CSV（表格）", "CSV (spreadsheets)")),
    ("xlsx", snapshot_service_pb2.EXPORT_FORMAT_XLSX, Say("XLSX（Excel 工作簿）", "XLSX (Excel workbook)")),
    ("jsonl", snapshot_service_pb2.EXPORT_FORMAT_JSON_LINES, Say("JSON Lines（完整记录）", "JSON lines (complete)")),
    (
        "evidence", snapshot_service_pb2.EXPORT_FORMAT_EVIDENCE,
        Say("证据（可离线核验）", "Evidence (to be verified elsewhere)"),
    ),
)  # fmt: skip
_MOST_REASON: Final = 512


class ExportLine(QWidget):
    """Asks for an export, and tells how it goes. One at a time."""

    written = Signal(object, int)
    """The file's path, and how many records it holds."""
    failed = Signal(object)
    """A `Failure`."""

    def __init__(
        self, context: Context, snapshots: Snapshots, choosers: Choosers, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._snapshots, self._choosers = context, snapshots, choosers
        self._file: ExportFile | None = None
        self._said = Say("", "")
        self._label = QLabel()
        self._bar = QProgressBar(textVisible=False)
        self._bar.setFixedHeight(8)
        context.language.bind(self._label, self._label.setText, lambda: self._said)
        context.language.bind(self._bar, self._bar.setAccessibleName, _TITLE)
        self.cancel_button = button(context, _CANCEL, self.cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._label)
        row.addWidget(self._bar, 1)
        row.addWidget(self.cancel_button)
        self.hide()

    @property
    def is_going(self) -> bool:
        """Whether an export is under way."""
        return self._file is not None and not self._file.is_over

    def ask(self, question: Question, chosen: list[str]) -> Ask | None:
        """Ask what to export; None while another export is under way."""
        if self.is_going:
            return None
        selection = of_ids(chosen) if chosen else None
        scopes = [(question.text, _ALL)]
        if selection is not None:
            scopes.insert(0, (selection, _CHOSEN.filled(count=len(chosen))))
        dialog = Ask(
            self._context, self.window(), _TITLE, _ABOUT, _EXPORT,
            (
                Choice("what", _WHAT, scopes),
                Choice("format", _FORMAT, [(suffix, say) for suffix, _, say in _FORMATS]),
                Line("reason", _REASON, long=True, wrong=_wrong_reason),
            ),
        )  # fmt: skip
        dialog.answered.connect(self._asked)
        dialog.open()
        return dialog

    def cancel(self) -> None:
        """End it; nothing is left behind."""
        if self._file is not None:
            self._file.cancel()

    def _asked(self, answers: dict[str, Any]) -> None:
        suffix = answers["format"]
        name = f"snapshots-{QDate.currentDate().toString('yyyyMMdd')}.{suffix}"
        self._choosers.export(
            self.window(), self._context.language(_TITLE), name, suffix, lambda path: self._begin(path, answers)
        )

    def _begin(self, path: Path, answers: dict[str, Any]) -> None:
        form = next(form for suffix, form, _ in _FORMATS if suffix == answers["format"])
        call = self._snapshots.export(answers["what"], form, answers["reason"], self._context.language.tongue)
        try:
            file = ExportFile(call, path, self)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            self.failed.emit(Failure("FAILED_PRECONDITION", f"cannot write `{path}`: {why}"))
            return
        self._file = file
        file.progressed.connect(self._progressed)
        file.written.connect(lambda count: self._over(lambda: self.written.emit(path, count)))
        file.failed.connect(lambda failure: self._over(lambda: self.failed.emit(failure)))
        file.cancelled.connect(self.hide)
        self._bar.setRange(0, 0)
        self._progressed(0, -1)
        self.show()

    def _progressed(self, count: int, expected: int) -> None:
        name = "" if self._file is None else self._file.path.name
        self._said = _GOING.filled(name=name, count=f"{count:,}")
        self._label.setText(self._context.language(self._said))
        if expected > 0:
            self._bar.setRange(0, max(expected, count))
            self._bar.setValue(count)

    def _over(self, tell: Any) -> None:
        self.hide()
        tell()


def _wrong_reason(text: str) -> Say | None:
    return _TOO_LONG if len(text.encode()) > _MOST_REASON else None
