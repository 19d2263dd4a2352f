"""What a workbook would change, line by line, before it is taken over; and the choice of its file."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.theme.style import code_font
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading, quiet

_TITLE: Final = Say("导入前对照", "What the import changes")
_ABOUT: Final = Say(
    "新增 {added} 行，删除 {removed} 行。确认后可撤销。", "{added} lines come, {removed} go. It can be undone."
)
_NOTHING: Final = Say("工作簿与现在的文本相同，没有可导入的内容。", "The workbook says what the text says already.")
_TAKE: Final = Say("导入", "Import")
_CANCEL: Final = Say("取消", "Cancel")
_BOOKS: Final = Say("Excel 工作簿 (*.xlsx)", "Excel workbooks (*.xlsx)")


class Takeover(QDialog):
    """Shows how two texts differ; accepted when the later one is wanted."""

    def __init__(self, context: Context, parent: QWidget, before: str, after: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(860, 560)
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
        added = sum(line.startswith("+") for line in lines)
        removed = sum(line.startswith("-") for line in lines)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setFont(code_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        context.language.bind(self.text, self.text.setAccessibleName, _TITLE)
        cursor = QTextCursor(self.text.document())
        for line in lines:
            style = QTextCharFormat()
            if line[:1] in ("+", "-"):
                style.setForeground(context.theme.color("masked" if line[0] == "+" else "danger"))
                style.setBackground(context.theme.color("masked_soft" if line[0] == "+" else "danger_soft"))
            elif line.startswith("@@"):
                style.setForeground(context.theme.color("quiet"))
            cursor.insertText(line + "\n", style)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.addWidget(heading(context, _TITLE))
        column.addWidget(quiet(context, _ABOUT.filled(added=added, removed=removed) if lines else _NOTHING))
        column.addWidget(self.text, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(context, _CANCEL, self.reject))
        self.take = button(context, _TAKE, self.accept, primary=True)
        self.take.setEnabled(bool(lines))
        row.addWidget(self.take)
        column.addLayout(row)
        context.language.bind(self, self.setWindowTitle, _TITLE)


def choose(
    context: Context, parent: QWidget, say: Say, take: Callable[[Path], object], *, name: str = ""
) -> QFileDialog:
    """Let somebody choose a workbook to read, or with a `name` where to write one."""
    dialog = QFileDialog(
        parent, context.language(say), str(Path.home() / name) if name else "", context.language(_BOOKS)
    )
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if name:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
    else:
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(lambda path: take(Path(path)))
    dialog.open()
    return dialog
