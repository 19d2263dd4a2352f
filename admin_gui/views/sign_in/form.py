"""Name, password and code; and the very first account of a service."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.session import Sessions
from admin_gui.views.sign_in.page import Page
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import field, secret_field
from admin_gui.widgets.labels import button, quiet
from jingxi_client._gen.pdp.v1 import account_service_pb2

NAME: Final = Say("用户名", "Account name")
_PASSWORD: Final = Say("口令", "Password")
_CODE: Final = Say("验证码或恢复码", "Code, or a recovery code")
_NO_CODE: Final = Say("尚未设置验证器则留空", "Empty if there is no authenticator yet")
_SIGN_IN: Final = Say("登录", "Sign in")
_AT: Final = Say("通过{label}登录", "Sign in with {label}")
_FIRST: Final = Say("建立首个账户", "Make the first account")
_FIRST_ABOUT: Final = Say(
    "此服务还没有账户。令牌由 `pdp serve` 首次启动时显示一次；首个账户是管理员。",
    "This service has no account yet. `pdp serve` showed the token once when it first started; the first account is an "
    "Admin.",
)
_TOKEN: Final = Say("一次性令牌", "Token")
_OWNER: Final = Say("责任人姓名", "The person who answers for it")
_AGAIN: Final = Say("再输入一次口令", "The same password once more")
_DIFFER: Final = Say("两次输入的口令不同。", "The two passwords differ.")
_FILL: Final = Say("请填写“{what}”。", "Enter “{what}”.")
_MAKE: Final = Say("建立", "Make it")


def told_sign_in(failure: Failure) -> Failure:
    """Return a failed sign-in in words that tell no more than the service does."""
    if failure.code == "UNAUTHENTICATED":
        return replace(failure, reason="SIGN_IN")
    return told_password(failure)


def told_password(failure: Failure) -> Failure:
    """Return a refused password in words."""
    if failure.code == "UNAUTHENTICATED":
        return replace(failure, reason="PASSWORD")
    return replace(failure, reason="THROTTLED") if failure.code == "RESOURCE_EXHAUSTED" else failure


class SignInForm(Page):
    """Signs in by a password."""

    signed_in = Signal(object, str)
    """A SignInResponse, and the password, which the next steps may need once more."""
    provider_chosen = Signal(str)
    """The label of an OpenID provider."""

    def __init__(self, context: Context, sessions: Sessions, device_name: str) -> None:
        super().__init__(context, _SIGN_IN)
        self._sessions, self._device_name, self._device = sessions, device_name, b""
        self.name = field(context, self.column, NAME)
        self.password = secret_field(context, self.column, _PASSWORD)
        self.code = field(context, self.column, _CODE, hint=_NO_CODE)
        for line, following in ((self.name, self.password), (self.password, self.code)):
            line.returnPressed.connect(following.setFocus)
        self.go = button(context, _SIGN_IN, self._sign_in, primary=True)
        self.code.returnPressed.connect(self.go.click)
        self.finish(self.go)
        self.providers: list[QPushButton] = []
        self._others = QVBoxLayout()
        self.column.addLayout(self._others)

    def offer(self, providers: Sequence[account_service_pb2.OidcProvider], device: bytes) -> None:
        """Offer providers besides; `device` is this device's secret."""
        self._device = device
        if providers and not self.providers:
            line = QFrame(frameShape=QFrame.Shape.HLine)
            line.setObjectName("rule")
            self._others.addSpacing(8)
            self._others.addWidget(line)
            self._others.addSpacing(4)
            for provider in providers:
                label = Say(provider.label_zh, provider.label_en)
                made = button(self.context, _AT.filled(label=label), partial(self._choose, label))
                self.providers.append(made)
                self._others.addWidget(made)

    def begin(self, name: str, *, fixed: bool) -> None:
        """Show it empty but for the name; a fixed one cannot be changed."""
        self.cancel()
        self.name.setText(name)
        self.name.setReadOnly(fixed)
        self.password.clear()
        self.code.clear()
        (self.password if name else self.name).setFocus()

    def _choose(self, label: Say) -> None:
        self.cancel()
        self.banner.clear()
        self.provider_chosen.emit(self.context.language(label))

    def _sign_in(self) -> None:
        for line, what in ((self.name, NAME), (self.password, _PASSWORD)):
            if not line.text():
                self.banner.say(_FILL.filled(what=what), "warning")
                line.setFocus()
                return
        name, password = self.name.text().strip(), self.password.text()
        call = self._sessions.sign_in(name, password, self.code.text().strip(), self._device, self._device_name)
        self.follow(call, lambda answer: self._done(answer, password), self._told)

    def _done(self, answer: account_service_pb2.SignInResponse, password: str) -> None:
        self.password.clear()
        self.code.clear()
        self.signed_in.emit(answer, password)

    def _told(self, failure: Failure) -> Failure:
        # No code counts twice, so the next attempt needs another one.
        self.code.clear()
        self.password.setFocus()
        self.password.selectAll()
        return told_sign_in(failure)


class FirstAccountForm(Page):
    """Makes the first account."""

    made = Signal(str)
    """Its name: it signs in next."""

    def __init__(self, context: Context, sessions: Sessions) -> None:
        super().__init__(context, _FIRST, _FIRST_ABOUT)
        self._sessions = sessions
        self.token = secret_field(context, self.column, _TOKEN)
        self.name = field(context, self.column, NAME)
        self.owner = field(context, self.column, _OWNER)
        self.password = secret_field(context, self.column, _PASSWORD)
        self.again = secret_field(context, self.column, _AGAIN)
        lines = (self.token, self.name, self.owner, self.password, self.again)
        for line, following in itertools.pairwise(lines):
            line.returnPressed.connect(following.setFocus)
        self.column.addWidget(quiet(context, PASSWORD_HINT))
        self.go = button(context, _MAKE, self._make, primary=True)
        self.again.returnPressed.connect(self.go.click)
        self.finish(self.go)

    def _make(self) -> None:
        for line, what in ((self.token, _TOKEN), (self.name, NAME), (self.owner, _OWNER), (self.password, _PASSWORD)):
            if not line.text().strip():
                self.banner.say(_FILL.filled(what=what), "warning")
                line.setFocus()
                return
        if self.password.text() != self.again.text():
            self.banner.say(_DIFFER, "warning")
            self.again.setFocus()
            return
        name = self.name.text().strip()
        call = self._sessions.make_first(
            self.token.text().strip(), name, self.owner.text().strip(), self.password.text()
        )
        self.follow(call, lambda _: self._done(name), self._told)

    def _done(self, name: str) -> None:
        for line in (self.token, self.password, self.again):
            line.clear()
        self.made.emit(name)

    @staticmethod
    def _told(failure: Failure) -> Failure:
        return replace(failure, reason="FIRST_ACCOUNT") if failure.code == "UNAUTHENTICATED" else told_password(failure)


PASSWORD_HINT: Final = Say(
    "口令的长度与字符种类由服务规定，缺省为 12 位以上，含大写、小写、数字与其他字符；不得含用户名。",
    "The service has rules for passwords; usually 12 characters or more of upper case, lower case, digits and others, "
    "without the account's name.",
)
