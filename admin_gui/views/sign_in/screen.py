"""The screen of signing in: one card, whose pages follow from what the service has and what it answers."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.browser import Open, system_browser
from admin_gui.services.connection import Connection
from admin_gui.services.device import DeviceFileError, device_secret
from admin_gui.services.session import Sessions
from admin_gui.views.sign_in.form import FirstAccountForm, SignInForm
from admin_gui.views.sign_in.oidc import OidcPage
from admin_gui.views.sign_in.page import Page
from admin_gui.views.sign_in.password import PasswordPage
from admin_gui.views.sign_in.totp import RecoveryPage, TotpPage
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import account_pb2, account_service_pb2

_BACK: Final = Say("返回开始页", "Back to the start")
_SIGN_OUT: Final = Say("退出并返回开始页", "Sign out, back to the start")
_AT: Final = Say("管理端口：{where}", "staff port: {where}")
_MADE: Final = Say("账户已建立，请登录。", "The account is made; sign in.")
_NOT_YOU: Final = Say(
    "在提供方登录的是 {other}，而此处锁定的是 {name} 的工作。请以 {name} 登录，或退出。",
    "{other} signed in at the provider, but what is locked here belongs to {name}. Sign in as {name}, or sign out.",
)
_CARD_PIXELS: Final = 460


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who may work: what GetSession tells, and for how long their session lasts at most."""

    answer: account_service_pb2.GetSessionResponse
    seconds: float

    @property
    def account(self) -> account_pb2.Account:
        """Whose session it is."""
        return self.answer.account


class SignInScreen(QWidget):
    """Leads from nobody to somebody who may work, over whatever their account still owes."""

    signed_in = Signal(object)
    """A `SignedIn`. Calls of the connection show the session from then on."""
    left = Signal()
    """Somebody goes back to the start."""

    def __init__(self, context: Context, connection: Connection, where: Say, browser: Open = system_browser) -> None:
        super().__init__()
        self._context, self._connection = context, connection
        self.sessions = Sessions(connection)
        self._password = ""
        self._seconds = 0.0
        self._device = b""
        self._name = ""
        self._locked = False
        device_name = socket.gethostname()
        self.banner = Banner(context)
        self.form = SignInForm(context, self.sessions, device_name)
        self.first = FirstAccountForm(context, self.sessions)
        self.oidc = OidcPage(context, self.sessions, device_name, browser)
        self.password = PasswordPage(context, self.sessions, forced=True)
        self.totp = TotpPage(context, self.sessions)
        self.recovery = RecoveryPage(context)
        self.pages = _Pages()
        for page in (self.form, self.first, self.oidc, self.password, self.totp, self.recovery):
            self.pages.add(page)
        self.form.signed_in.connect(self._came)
        self.form.provider_chosen.connect(self._go_to_provider)
        self.first.made.connect(self._first_made)
        self.oidc.signed_in.connect(lambda answer: self._came(answer, ""))
        self.oidc.cancelled.connect(lambda: self._show(self.form))
        self.password.changed.connect(self._password_changed)
        self.totp.confirmed.connect(lambda codes: self._show_codes(list(codes)))
        self.recovery.kept.connect(self._look)
        self.back = QPushButton()
        context.language.bind(self.back, self.back.setText, lambda: _SIGN_OUT if self._locked else _BACK)
        self.back.clicked.connect(lambda _=False: self._leave())
        self._lay_out(where)

    def begin(self, ways: account_service_pb2.GetSignInMethodsResponse, account: str, why: Say | None = None) -> None:
        """Ask who it is, by the ways of the service. `account` is who signed in last; with `why`, such as that nobody
        used the program for a while, it is who has to sign in again to go on.
        """
        self._locked = why is not None
        self._forget()
        if why is not None:
            self.banner.say(why)
        else:
            self.banner.clear()
        self.back.setText(self._context.language(_SIGN_OUT if self._locked else _BACK))
        try:
            self._device = device_secret()
        except DeviceFileError as error:
            self.banner.tell(
                Failure("FAILED_PRECONDITION", str(error), "DEVICE_FILE", {"problem": str(error)}),
                lambda: self.begin(ways, account, why),
            )
        self.form.offer(ways.oidc_providers, self._device)
        self.form.begin(account, fixed=self._locked)
        self._name = account
        self._show(self.first if ways.first_account_missing else self.form)
        (self.first.token if ways.first_account_missing else self.form.name).setFocus()
        if account and not ways.first_account_missing:
            self.form.password.setFocus()

    def end(self) -> None:
        """Forget whatever is under way."""
        self.oidc.end()
        for page in (self.form, self.first, self.password, self.totp, self.recovery):
            page.cancel()
        self._forget()

    def _forget(self) -> None:
        self._password = ""

    def _show(self, page: Page) -> None:
        self.pages.show_page(page)
        page.setFocus()

    def _go_to_provider(self, label: str) -> None:
        self._show(self.oidc)
        self.oidc.begin(self._device, label)

    def _first_made(self, name: str) -> None:
        self.form.begin(name, fixed=False)
        self.form.banner.say(_MADE)
        self._show(self.form)
        self.form.password.setFocus()

    def _came(
        self, answer: account_service_pb2.SignInResponse | account_service_pb2.FinishOidcResponse, password: str
    ) -> None:
        if self._locked and answer.account.name != self._name:
            # The provider knows somebody else: what is under the lock is not theirs.
            self._connection.sign_in(answer.token, self._device)
            self.sessions.sign_out()
            self._connection.sign_in("", b"")
            self._show(self.form)
            self.form.banner.say(_NOT_YOU.filled(other=answer.account.name, name=self._name), "warning")
            return
        self._password = password
        self._seconds = (answer.session.ends_nanos - answer.session.began_nanos) / 1e9
        self._connection.sign_in(answer.token, self._device)
        self.banner.clear()
        self._look()

    def _look(self) -> None:
        """Ask what the session is good for, and lead on to what the account still owes."""
        page = self.pages.current
        page.follow(self.sessions.current(), self._looked, lambda failure: failure, self._look)

    def _looked(self, answer: account_service_pb2.GetSessionResponse) -> None:
        session, account = answer.session, answer.account
        if session.limited and account.must_change_password and "password" in session.factors:
            self.password.begin(self._password)
            self._show(self.password)
        elif session.limited and len(session.factors) < 2:
            self._show(self.totp)
            self.totp.begin(self._password, has_password=account.HasField("password"))
        elif session.limited:
            # A password at its end owes the same, and no flag of the account says so.
            self.password.begin(self._password)
            self._show(self.password)
        else:
            self._forget()
            self.signed_in.emit(SignedIn(answer, self._seconds))

    def _password_changed(self, new: str) -> None:
        self._password = new
        self._look()

    def _show_codes(self, codes: list[str]) -> None:
        self.recovery.begin(self._name or self.form.name.text(), codes)
        self._show(self.recovery)

    def _leave(self) -> None:
        self.end()
        self.left.emit()

    def _lay_out(self, where: Say) -> None:
        card = QFrame()
        card.setObjectName("card")
        card.setFixedWidth(_CARD_PIXELS)
        inner = QVBoxLayout(card)
        inner.setContentsMargins(28, 24, 28, 22)
        inner.setSpacing(10)
        at = QLabel(wordWrap=True)
        at.setObjectName("quiet")
        self._context.language.bind(at, at.setText, _AT.filled(where=where))
        inner.addWidget(at)
        inner.addWidget(self.banner)
        inner.addWidget(self.pages)
        below = QHBoxLayout()
        below.addStretch(1)
        below.addWidget(self.back)
        below.addStretch(1)
        column = QVBoxLayout(self)
        column.addStretch(2)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(card)
        across.addStretch(1)
        column.addLayout(across)
        column.addLayout(below)
        column.addStretch(3)


class _Pages(QWidget):
    """Shows one page, and is as high as that one; a stack is as high as the highest."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: list[Page] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def add(self, page: Page) -> None:
        """Add a page; the first one is shown."""
        page.setVisible(not self._pages)
        self._pages.append(page)
        self._column.addWidget(page)

    @property
    def current(self) -> Page:
        """The page that is shown."""
        return next(page for page in self._pages if not page.isHidden())

    def show_page(self, shown: Page) -> None:
        """Show a page instead of the one before."""
        for page in self._pages:
            if page is not shown:
                page.hide()
        shown.show()
