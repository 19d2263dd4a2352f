"""Setting up one-time codes, and the recovery codes that come with them."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QCheckBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit

from admin_gui.domain import totp
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.session import Sessions
from admin_gui.theme.style import code_font
from admin_gui.views.sign_in.form import told_password
from admin_gui.views.sign_in.page import Page
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import field, secret_field
from admin_gui.widgets.labels import button
from admin_gui.widgets.qr import QrCode
from jingxi_client._gen.pdp.v1 import account_service_pb2

_TITLE: Final = Say("设置验证器", "Set up an authenticator")
_ABOUT: Final = Say(
    "用手机上的验证器扫描，或手工输入密钥；再输入它显示的 6 位验证码。密钥只显示这一次。",
    "Scan this with an authenticator, or type the secret; then enter the 6 digits that it shows. The secret is shown "
    "this once.",
)
_PASSWORD: Final = Say("口令", "Password")
_GO_ON: Final = Say("继续", "Go on")
_SECRET: Final = Say("密钥", "Secret")
_ADDRESS: Final = Say("otpauth 地址", "otpauth address")
_QR: Final = Say("供验证器扫描的二维码", "QR code for an authenticator")
_CODE: Final = Say("验证器显示的验证码", "Code that it shows")
_COPY: Final = Say("复制地址", "Copy the address")
_CONFIRM: Final = Say("确认", "Confirm")
_CODES_TITLE: Final = Say("恢复码", "Recovery codes")
_CODES_ABOUT: Final = Say(
    "验证器丢失时，每个恢复码可登录一次。只显示这一次：请打印或存入保险柜，不要与设备放在一起。",
    "Each signs in once when the authenticator is lost. They are shown this once: print them or put them into a safe, "
    "away from the device.",
)
_COPY_CODES: Final = Say("复制", "Copy")
_SAVE: Final = Say("保存为文件…", "Save as a file…")
_KEPT: Final = Say("我已妥善保存恢复码", "I have put the recovery codes away")
_FILES: Final = Say("文本文件 (*.txt)", "Text files (*.txt)")
_CANNOT: Final = Say("无法保存：{problem}", "Cannot save: {problem}")
_SAVED: Final = Say("已保存到 {path}，只有您可读。", "Saved to {path}, which you alone can read.")
_COPIED: Final = Say("已复制；粘贴后请清空剪贴板。", "Copied; clear the clipboard once it is pasted.")


class TotpPage(Page):
    """Shows the secret, and asks for one of its codes; for the password first, where it is not known."""

    confirmed = Signal(object)
    """Recovery codes: a list of texts."""

    def __init__(self, context: Context, sessions: Sessions) -> None:
        super().__init__(context, _TITLE, _ABOUT)
        self._sessions = sessions
        self._uri, self._needs = "", False
        self.password = secret_field(context, self.column, _PASSWORD)
        self._password_name = _name_of(self.password, self)
        self.qr = QrCode()
        context.language.bind(self.qr, self.qr.setAccessibleName, _QR)
        self.column.addWidget(self.qr, 0, Qt.AlignmentFlag.AlignHCenter)
        self.secret = field(context, self.column, _SECRET)
        self.secret.setReadOnly(True)
        self.secret.setFont(code_font())
        self._secret_name = _name_of(self.secret, self)
        self.copy = button(context, _COPY, self._copy_address)
        self.code = field(context, self.column, _CODE)
        self._code_name = _name_of(self.code, self)
        self.go = button(context, _CONFIRM, self._go, primary=True)
        for line in (self.password, self.code):
            line.returnPressed.connect(self.go.click)
        self.finish(self.copy, self.go)
        context.language.bind(self.go, self.go.setText, lambda: _CONFIRM if self._uri else _GO_ON)
        self._arrange()

    def begin(self, password: str, *, has_password: bool) -> None:
        """Begin; the password is asked for where there is one and it is not known."""
        self._uri = ""
        self.banner.clear()
        self.password.clear()
        self.code.clear()
        self._needs = has_password and not password
        self._arrange()
        if not self._needs:
            self._ask(password)
        else:
            self.password.setFocus()

    def _arrange(self) -> None:
        shown = bool(self._uri)
        for widget in (self.qr, self.secret, self._secret_name, self.copy, self.code, self._code_name):
            widget.setVisible(shown)
        for widget in (self.password, self._password_name):
            widget.setVisible(self._needs and not shown)
        said = _CONFIRM if shown else _GO_ON
        self.go.setText(self.context.language(said))

    def _go(self) -> None:
        if not self._uri:
            self._ask(self.password.text())
            return
        call = self._sessions.confirm_totp("".join(self.code.text().split()))
        self.follow(call, self._done, self._told)

    def _ask(self, password: str) -> None:
        self.follow(self._sessions.begin_totp(password), self._begun, self._not_begun)

    def _not_begun(self, failure: Failure) -> Failure:
        self._needs = self._needs or failure.code == "UNAUTHENTICATED"
        self._arrange()
        return told_password(failure)

    def _begun(self, answer: account_service_pb2.BeginTotpResponse) -> None:
        self._uri = answer.uri
        self.password.clear()
        secret = _secret_of(answer.uri)
        self.secret.setText(" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)))
        self.qr.show_text(answer.uri)
        self._arrange()
        self.code.setFocus()

    def _told(self, failure: Failure) -> Failure:
        self.code.setFocus()
        self.code.selectAll()
        if failure.code == "FAILED_PRECONDITION":
            # It was done before: the answer with the recovery codes did not arrive.
            return replace(failure, reason="TOTP_SET")
        if failure.code != "INVALID_ARGUMENT":
            return failure
        return totp.why(failure, _secret_of(self._uri), "".join(self.code.text().split()), time.time())

    def _done(self, answer: account_service_pb2.ConfirmTotpResponse) -> None:
        self._uri = ""
        self.secret.clear()
        self.qr.show_text("")
        self.code.clear()
        self.confirmed.emit(list(answer.recovery_codes))

    def _copy_address(self) -> None:
        QApplication.clipboard().setText(self._uri)
        self.banner.say(_COPIED)


class RecoveryPage(Page):
    """Shows recovery codes once; one goes on when they are put away."""

    kept = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(context, _CODES_TITLE, _CODES_ABOUT)
        self._account = ""
        self.codes = QPlainTextEdit(readOnly=True)
        self.codes.setFont(code_font())
        self.codes.setFixedHeight(212)
        context.language.bind(self.codes, self.codes.setAccessibleName, _CODES_TITLE)
        self.column.addWidget(self.codes)
        row = QHBoxLayout()
        row.addWidget(button(context, _COPY_CODES, self._copy))
        row.addWidget(button(context, _SAVE, self._choose))
        row.addStretch(1)
        self.column.addLayout(row)
        self.put_away = QCheckBox()
        context.language.bind(self.put_away, self.put_away.setText, _KEPT)
        self.column.addWidget(self.put_away)
        self.go = button(context, _GO_ON, self._go, primary=True)
        self.put_away.toggled.connect(self.go.setEnabled)
        self.finish(self.go)

    def begin(self, account: str, codes: list[str]) -> None:
        """Show codes of an account."""
        self._account = account
        self.banner.clear()
        self.codes.setPlainText("\n".join(codes))
        self.put_away.setChecked(False)
        self.go.setEnabled(False)

    def save(self, path: Path) -> None:
        """Write the codes into a file for this user alone."""
        try:
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{self._account}\n{self.codes.toPlainText()}\n")
        except OSError as error:
            self.banner.say(_CANNOT.filled(problem=error.strerror or str(error)), "danger")
        else:
            self.banner.say(_SAVED.filled(path=str(path)))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.codes.toPlainText())
        self.banner.say(_COPIED)

    def _choose(self) -> None:
        usual = str(Path.home() / f"jingxi-{self._account}.txt")
        dialog = QFileDialog(self, self.context.language(_SAVE), usual, self.context.language(_FILES))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self.save(Path(chosen)))
        dialog.open()

    def _go(self) -> None:
        self.codes.clear()
        self.kept.emit()


def _secret_of(uri: str) -> str:
    return parse_qs(urlsplit(uri).query).get("secret", [""])[0]


def _name_of(line: QLineEdit, page: Page) -> QLabel:
    return next(label for label in page.findChildren(QLabel) if label.buddy() is line)
