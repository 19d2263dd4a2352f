"""One's own account: rights, password, authenticator, and sessions on all devices."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout

from admin_gui.domain import accounts as words
from admin_gui.domain.account_story import account_sections
from admin_gui.domain.say import Say, plain
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.session import Sessions
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.accounts.part import Tab
from admin_gui.views.accounts.sign_ins import SignIns
from admin_gui.views.screen import Desk
from admin_gui.views.sign_in.password import PasswordPage
from admin_gui.views.sign_in.totp import RecoveryPage, TotpPage
from admin_gui.widgets.facts import Facts
from admin_gui.widgets.labels import button, heading
from jingxi_client._gen.pdp.v1 import account_pb2, account_service_pb2

Session = account_pb2.Session
_NAME: Final = Say("我的会话", "My sessions")
_HERE: Final = Say("本次", "this one")
_PASSWORD: Final = Say("更换口令…", "Change the password…")
_TOTP: Final = Say("设置验证器…", "Set up an authenticator…")
_TOTP_AGAIN: Final = Say("更换验证器与恢复码…", "Another authenticator and recovery codes…")
_END: Final = Say("结束会话…", "End the session…")
_END_ABOUT: Final = Say("该设备须重新登录。", "That device has to sign in again.")
_CHANGED: Final = Say("口令已更换，其他会话已结束。", "The password is changed; other sessions have ended.")
_SET: Final = Say("验证器自此生效。", "The authenticator counts from now on.")
_ENDED: Final = Say("会话已结束。", "The session has ended.")
_DETAIL: Final = Say("我的账户", "My account")


class OwnTab(Tab):
    """Shows who one is here and what one may do, and lets one see to one's own factors and sessions."""

    title = Say("我的账户", "My account")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._sessions = Sessions(desk.connection)
        self._current = account_service_pb2.GetSessionResponse()
        self.end = button(self.context, _END, self._end)
        self.end.hide()
        columns = (
            Column[Session](Say("会话", "Session"), self._which, width=90),
            Column[Session](Say("开始", "Began"), lambda one: clock(one.began_nanos), width=120),
            Column[Session](Say("最近使用", "Last used"), lambda one: clock(one.used_nanos), width=120),
            Column[Session](Say("至", "Until"), lambda one: clock(one.ends_nanos), width=120),
            Column[Session](Say("地址", "Address"), lambda one: one.address or "–", width=130),
            Column[Session](Say("方式", "Factors"), lambda one: words.factors_say(one.factors), width=90),
        )
        self.list = Listing[Session](
            self.context, _NAME, columns, lambda one: one.id, "accounts/own", Say("没有会话", "There is no session"),
            filtered=False,
        )  # fmt: skip
        self.list.head.addWidget(heading(self.context, _NAME))
        self.list.chosen.connect(lambda one: self.end.setVisible(one is not None and not self._is_here(one)))
        self.facts = Facts(self.context, _DETAIL)
        self.password = button(self.context, _PASSWORD, self._change_password)
        self.totp = button(self.context, _TOTP, self._set_up)
        self.context.language.bind(self.totp, self.totp.setText, self._totp_say)
        self.sign_ins = SignIns(desk, "accounts/own/sign-ins")
        right = self.split("own/lists", {self.list: 240, self.sign_ins: 350}, Qt.Orientation.Vertical)
        self.column.addWidget(self.split("own", {self.facts: 440, right: 690}), 1)
        self.offer_below(self.password, self.totp, self.end)

    def load(self) -> None:
        """Ask who one is, and for one's sessions."""
        self.read("session", self._sessions.current(), self._told)
        self.read("list", self._sessions.list(), lambda answer: self.list.show_records(list(answer.sessions)))
        self.sign_ins.show_account(self.rights.account)

    def leave(self) -> None:
        """Ask for nothing any more."""
        super().leave()
        self.sign_ins.leave()

    def _told(self, answer: account_service_pb2.GetSessionResponse) -> None:
        self._current = answer
        self.facts.show_sections(account_sections(answer.account, answer.rights))
        self.password.setVisible(answer.account.HasField("password"))
        self.totp.setText(self.context.language(self._totp_say()))
        self.list.show_records(self.list.records)

    def _totp_say(self) -> Say:
        return _TOTP_AGAIN if self._current.account.totp.confirmed else _TOTP

    def _which(self, session: Session) -> Say:
        return _HERE if self._is_here(session) else plain(session.id[:8])

    def _is_here(self, session: Session) -> bool:
        return session.id == self._current.session.id

    def _change_password(self) -> None:
        dialog = _dialog(self, _PASSWORD)
        page = PasswordPage(self.context, self._sessions)
        page.changed.connect(lambda _: self._done(dialog, _CHANGED))
        dialog.pages.addWidget(page)
        page.begin()
        dialog.open()

    def _set_up(self) -> None:
        dialog = _dialog(self, _TOTP)
        page, recovery = TotpPage(self.context, self._sessions), RecoveryPage(self.context)
        for one in (page, recovery):
            dialog.pages.addWidget(one)

        def confirmed(codes: list[str]) -> None:
            recovery.begin(self._current.account.name, codes)
            dialog.pages.setCurrentWidget(recovery)

        page.confirmed.connect(confirmed)
        recovery.kept.connect(lambda: self._done(dialog, _SET))
        page.begin("", has_password=self._current.account.HasField("password"))
        dialog.open()

    def _done(self, dialog: QDialog, said: Say) -> None:
        dialog.accept()
        self.banner.say(said)
        self.load()

    def _end(self) -> None:
        if (session := self.list.current()) is not None:
            self.ask(
                _END, _END_ABOUT, _END,
                lambda told: self.do(self._sessions.revoke(session.id, told["reason"]), lambda _: None, _ENDED),
                required=False, danger=True,
            )  # fmt: skip


class _Pages(QDialog):
    def __init__(self, tab: Tab) -> None:
        super().__init__(tab)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(460)
        self.pages = QStackedWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.addWidget(self.pages)


def _dialog(tab: Tab, say: Say) -> _Pages:
    made = _Pages(tab)
    tab.context.language.bind(made, made.setWindowTitle, say)
    return made
