"""A connection to be remembered: where, whom to trust there, and what to show."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from admin_gui.domain import profiles
from admin_gui.domain.profiles import Profile
from admin_gui.domain.say import Say
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import field
from admin_gui.widgets.labels import button, heading, quiet

_TITLE: Final = Say("连接设置", "Connection")
_ABOUT: Final = Say(
    "证书与私钥只记住文件位置；口令与令牌从不保存。",
    "Of certificates and keys only the places are remembered; passwords and tokens never are.",
)
_NAME: Final = Say("名称（可不填）", "Name (optional)")
_ADDRESS: Final = Say("管理端口地址", "Address of the staff port")
_SAMPLE: Final = Say("pdp.bank.example:7443 或 unix:/run/pdp/staff.sock", "pdp.bank.example:7443")
_CA: Final = Say("签发服务证书的 CA（PEM）；不填则用系统信任的", "CA of the service (PEM); else the system's")
_CERTIFICATE: Final = Say("自己的证书（PEM，服务要求时）", "Your own certificate (PEM, where the service wants one)")
_KEY: Final = Say("其私钥（PEM）", "Its private key (PEM)")
_CHOOSE: Final = Say("选择…", "Choose…")
_SAVE: Final = Say("保存", "Save")
_CANCEL: Final = Say("取消", "Cancel")
_NO_FILE: Final = Say("没有文件 {path}。", "There is no file {path}.")
_WIDTH: Final = 520


class ProfileDialog(QDialog):
    """Edits a profile; opened, never executed."""

    chosen = Signal(object)
    """The `Profile` as it is to be."""

    def __init__(self, context: Context, parent: QWidget, profile: Profile) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self._context, self._account = context, profile.account
        context.language.bind(self, self.setWindowTitle, _TITLE)
        self.banner = Banner(context)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(8)
        column.addWidget(heading(context, _TITLE))
        column.addWidget(quiet(context, _ABOUT))
        column.addWidget(self.banner)
        self.name = field(context, column, _NAME)
        self.address = field(context, column, _ADDRESS, hint=_SAMPLE)
        self.ca = self._file(column, _CA)
        self.certificate = self._file(column, _CERTIFICATE)
        self.key = self._file(column, _KEY)
        self._lines = {"name": self.name, "address": self.address, "ca": self.ca, "certificate": self.certificate,
                       "key": self.key}  # fmt: skip
        for part, line in self._lines.items():
            line.setText(getattr(profile, part))
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = button(context, _CANCEL, self.reject)
        cancel.setAutoDefault(False)
        row.addWidget(cancel)
        self.save = button(context, _SAVE, self._save, primary=True)
        self.save.setDefault(True)
        row.addWidget(self.save)
        column.addSpacing(6)
        column.addLayout(row)
        self.address.setFocus()

    def _file(self, column: QVBoxLayout, say: Say) -> QLineEdit:
        label = QLabel()
        self._context.language.bind(label, label.setText, say)
        line = QLineEdit()
        label.setBuddy(line)
        self._context.language.bind(line, line.setAccessibleName, say)
        choose = button(self._context, _CHOOSE, lambda: self._choose(line, say))
        choose.setAutoDefault(False)
        row = QHBoxLayout()
        row.addWidget(line, 1)
        row.addWidget(choose)
        column.addWidget(label)
        column.addLayout(row)
        return line

    def _choose(self, line: QLineEdit, say: Say) -> None:
        before = line.text() or str(Path.home())
        dialog = QFileDialog(self, self._context.language(say), before)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(line.setText)
        dialog.open()

    def _save(self) -> None:
        told = {part: line.text().strip() for part, line in self._lines.items()}
        made = Profile(**told, account=self._account)
        wrong = profiles.problem(made)
        for path in (made.ca, made.certificate, made.key):
            if wrong is None and path and not Path(path).is_file():
                wrong = _NO_FILE.filled(path=path)
        if wrong is not None:
            self.banner.say(wrong, "danger")
            return
        self.accept()
        self.chosen.emit(made)
