"""Signing in at an OpenID provider: by the system's browser, and back to a port of this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QApplication, QLabel

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.services.browser import Loopback, Open, Said
from admin_gui.services.session import Sessions
from admin_gui.views.sign_in.form import told_password
from admin_gui.views.sign_in.page import Page
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import field
from admin_gui.widgets.labels import button, quiet
from jingxi_client._gen.pdp.v1 import account_service_pb2

_TITLE: Final = Say("在浏览器中登录", "Sign in in the browser")
_WAITING: Final = Say(
    "请在浏览器中于{label}登录，完成后会自动回到这里。剩余 {left}。",
    "Sign in at {label} in the browser; it comes back here by itself. {left} left.",
)
_ASKING: Final = Say("正在联系{label}…", "Asking {label}…")
_CODE_WANTED: Final = Say(
    "{label}已确认您是谁。请输入本系统的验证码或恢复码；没有则留空。",
    "{label} says who you are. Enter a code of this system's authenticator, or a recovery code; empty for none.",
)
_CODE: Final = Say("验证码或恢复码", "Code, or a recovery code")
_AGAIN: Final = Say("重新打开浏览器", "Open the browser again")
_COPY: Final = Say("复制地址", "Copy the address")
_CANCEL: Final = Say("取消", "Cancel")
_FINISH: Final = Say("登录", "Sign in")
_TICK_MILLISECONDS: Final = 1_000


class OidcPage(Page):
    """Waits for the browser, and then asks for a code where the provider's second factor does not count."""

    signed_in = Signal(object)
    """A FinishOidcResponse."""
    cancelled = Signal()

    def __init__(self, context: Context, sessions: Sessions, device_name: str, open_browser: Open) -> None:
        super().__init__(context, _TITLE)
        self._sessions, self._device_name, self._open = sessions, device_name, open_browser
        self._device, self._label = b"", ""
        self._loopback: Loopback | None = None
        self._begun: account_service_pb2.BeginOidcResponse | None = None
        self._said: Said | None = None
        self._ask_code = False
        self._left = 0
        self._words = Say("", "")
        self._tick = QTimer(self, interval=_TICK_MILLISECONDS)
        self._tick.timeout.connect(self._count)
        self.told = quiet(context, lambda: self._words)
        self.column.addWidget(self.told)
        self.code = field(context, self.column, _CODE)
        self._code_name = next(label for label in self.findChildren(QLabel) if label.buddy() is self.code)
        self.again = button(context, _AGAIN, self._open_browser)
        self.copy = button(context, _COPY, self._copy_address)
        self.stop = button(context, _CANCEL, self._give_up)
        self.go = button(context, _FINISH, self._finish, primary=True)
        self.code.returnPressed.connect(self.go.click)
        self.finish(self.stop, self.again, self.copy, self.go)

    def begin(self, device: bytes, label: str) -> None:
        """Send somebody to the provider that is called so."""
        self.end()
        self._device, self._label, self._said, self._begun = device, label, None, None
        self.banner.clear()
        self._tell(_ASKING.filled(label=label))
        self._arrange()
        try:
            self._loopback = Loopback(self.context.language, self)
        except OSError as error:
            self.fail(Failure("UNAVAILABLE", str(error), "NO_PORT"))
            return
        self._loopback.came.connect(self._came)
        self.follow(self._sessions.begin_oidc(self._loopback.uri, device), self._send, _plain)

    def end(self) -> None:
        """Wait for nothing any more: the port is closed, and what comes is forgotten."""
        self.cancel()
        self._tick.stop()
        if self._loopback is not None:
            self._loopback.close()
            self._loopback = None

    def _send(self, answer: account_service_pb2.BeginOidcResponse) -> None:
        self._begun = answer
        if self._loopback is None:
            return
        self._loopback.expect(answer.state)
        self._left = answer.seconds
        self._tick.start()
        self._say_left()
        self._arrange()
        self._open_browser()

    def _open_browser(self) -> None:
        if self._begun is not None and not self._open(self._begun.authorization_url):
            self.banner.tell(Failure("UNAVAILABLE", "", "BROWSER"))

    def _copy_address(self) -> None:
        if self._begun is not None:
            QApplication.clipboard().setText(self._begun.authorization_url)

    def _count(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.end()
            self._arrange()
            self.fail(Failure("DEADLINE_EXCEEDED", "", "LATE"))
        elif self._said is None:
            self._say_left()

    def _came(self, said: Said) -> None:
        # It has closed, and goes away by itself.
        self._loopback = None
        if said.error:
            self.end()
            self._begun = None
            self._arrange()
            self.fail(Failure("UNAUTHENTICATED", said.error, "PROVIDER", {"error": said.error}))
            return
        self._said = said
        self.banner.clear()
        if self._begun is not None and self._begun.provider_second_factor and not self._ask_code:
            self._finish()
            return
        self._tell(_CODE_WANTED.filled(label=self._label))
        self._arrange()
        self.window().activateWindow()
        self.code.setFocus()

    def _finish(self) -> None:
        said, begun = self._said, self._begun
        if said is None or begun is None:
            return
        request = account_service_pb2.FinishOidcRequest(
            handle=begun.handle, state=said.state, authorization_code=said.code, issuer=said.issuer,
            code=self.code.text().strip(), device=self._device, device_name=self._device_name,
        )  # fmt: skip
        self._tick.stop()
        self.follow(self._sessions.finish_oidc(request), self._done, self._not_finished)

    def _done(self, answer: account_service_pb2.FinishOidcResponse) -> None:
        self._ask_code = False
        self.end()
        self.code.clear()
        self.signed_in.emit(answer)

    def _not_finished(self, failure: Failure) -> Failure:
        # A sign-in finishes once: the next one begins anew, and asks for a code, which may be what was missing.
        self._ask_code = True
        self._said = self._begun = None
        self.code.clear()
        self._arrange()
        if failure.code == "UNAUTHENTICATED":
            return replace(failure, reason="SIGN_IN_OIDC")
        return _plain(failure)

    def _give_up(self) -> None:
        self.end()
        self.cancelled.emit()

    def _say_left(self) -> None:
        minutes, seconds = divmod(self._left, 60)
        self._tell(_WAITING.filled(label=self._label, left=plain(f"{minutes}:{seconds:02}")))

    def _tell(self, words: Say) -> None:
        self._words = words
        self.told.setText(self.context.language(words))

    def _arrange(self) -> None:
        asks = self._said is not None
        for widget in (self.code, self._code_name, self.go):
            widget.setVisible(asks)
        for widget in (self.again, self.copy):
            widget.setVisible(self._begun is not None and not asks)


def _plain(failure: Failure) -> Failure:
    return told_password(failure) if failure.code == "RESOURCE_EXHAUSTED" else failure
