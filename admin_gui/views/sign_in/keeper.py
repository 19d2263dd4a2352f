"""Keeps the session of whoever works in the window: from signing in over locks to signing out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QStackedWidget

from admin_gui.domain.rights import EVERYTHING, Rights, rights_of
from admin_gui.domain.say import Say, plain
from admin_gui.services.browser import Open
from admin_gui.services.connection import Connection
from admin_gui.services.session import Sessions
from admin_gui.views.sign_in.entrance import Entrance
from admin_gui.views.sign_in.presence import Presence
from admin_gui.views.sign_in.screen import SignedIn, SignInScreen
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import account_pb2, account_service_pb2

_IDLE: Final = Say(
    "一段时间无人操作，已锁定。登录后继续，未保存的修改还在。",
    "Nobody was here for a while, so this is locked. Sign in to go on; unsaved changes are still there.",
)
_ENDED: Final = Say(
    "会话已结束。登录后继续，未保存的修改还在。",
    "The session has ended. Sign in to go on; unsaved changes are still there.",
)
_LOCKED: Final = Say("已锁定。登录后继续。", "This is locked. Sign in to go on.")
_IDLE_SOON: Final = Say("无人操作，{seconds} 秒后锁定。", "Nobody is here; this locks in {seconds} s.")
_ENDS_SOON: Final = Say(
    "会话将在 {minutes} 分钟后结束，届时需重新登录；未保存的修改会保留。",
    "The session ends in {minutes} minutes; you sign in again then, and unsaved changes stay.",
)
_OTHER_RIGHTS: Final = Say(
    "您的权限已变更；退出并重新登录后界面随之更新。",
    "Your rights have changed; sign out and in again to see them here.",
)
_READING_ONLY: Final = Say(
    "您的权限逾期未复核，确认之前只能查看。请他人在“账户 · 权限复核”中确认。",
    "Your rights are overdue for a review, so you may only read until somebody else confirms them.",
)
_GOODBYE_SECONDS: Final = 2.0


class Keeper(QObject):
    """Puts the screen of signing in over everything else while nobody may work."""

    entered = Signal(object)
    """Somebody may work, with these `Rights`: screens are made for them."""
    continued = Signal()
    """Who was locked out is back, and goes on where they were."""
    locked = Signal()
    """Nobody may see the work for now; it stays."""
    failed = Signal(object)
    """The service was not reached: a `Failure`."""
    left = Signal()
    """Whoever should sign in goes back to the start instead."""
    told = Signal(object)
    """A `Say` to show across the window; None for nothing any more."""
    account_changed = Signal(object)
    """Who is signed in: an `Account`; None for nobody."""
    signed_in_at = Signal(str, str)
    """Address and account, for the next time."""

    def __init__(self, context: Context, layers: QStackedWidget, browser: Open, parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._layers, self._browser = context, layers, browser
        self._connection: Connection | None = None
        self._entrance: Entrance | None = None
        self._where, self._last = plain(""), ""
        self._ways = account_service_pb2.GetSignInMethodsResponse()
        self._signed: SignedIn | None = None
        self._rights = Rights()
        self.screen: SignInScreen | None = None
        self.presence: Presence | None = None

    @property
    def is_locked(self) -> bool:
        """Whether somebody has to sign in before anything is seen."""
        return self.screen is not None

    @property
    def account(self) -> account_pb2.Account | None:
        """Who is signed in, or was when it was locked; None where nobody does."""
        return None if self._signed is None else self._signed.account

    def begin(self, connection: Connection, where: Say, account: str) -> None:
        """Find out who works with a service that was just connected to; `account` is who did last."""
        self._connection, self._where, self._last = connection, where, account
        connection.session_ended.connect(lambda: self.lock(_ENDED))
        self._entrance = entrance = Entrance(connection)
        entrance.open.connect(lambda: self.entered.emit(EVERYTHING))
        entrance.guarded.connect(self._ask_who)
        entrance.failed.connect(self.failed)
        entrance.ask()

    def entered_otherwise(self) -> None:
        """Forget the question who it is: somebody works already."""
        if self._entrance is not None:
            self._entrance.cancel()

    def end(self) -> None:
        """Forget whoever it was; the connection is closed next."""
        self._stop_presence()
        self._hide()
        self.entered_otherwise()
        self._connection = self._entrance = self._signed = None
        self.account_changed.emit(None)

    def lock(self, why: Say = _LOCKED) -> None:
        """End the session, and let the same person sign in again to go on."""
        if self._connection is None or self._signed is None or self.is_locked:
            return
        self.locked.emit()
        if why is not _ENDED:
            # Nobody waits for it: where it is not heard, the session ends unused.
            Sessions(self._connection).sign_out()
        self._connection.sign_in("", b"")
        self._stop_presence()
        self.account_changed.emit(None)
        self._show(self._signed.account.name, why)

    def sign_out(self, then: Callable[[], object]) -> None:
        """End the session, and go on once the service has heard of it, or does not answer."""
        if self._connection is None or self._signed is None or self.is_locked:
            then()
            return
        self._stop_presence()
        call = Sessions(self._connection).sign_out(_GOODBYE_SECONDS)
        call.ended.connect(then)
        call.failed.connect(lambda _: then())

    def _ask_who(self, ways: account_service_pb2.GetSignInMethodsResponse) -> None:
        self._ways = ways
        self._show(self._last, None)

    def _show(self, account: str, why: Say | None) -> None:
        if self._connection is None:
            return
        self.screen = screen = SignInScreen(self._context, self._connection, self._where, self._browser)
        screen.signed_in.connect(self._came_in)
        screen.left.connect(self.left)
        self._layers.addWidget(screen)
        self._layers.setCurrentWidget(screen)
        self.told.emit(None)
        screen.begin(self._ways, account, why)

    def _hide(self) -> None:
        if self.screen is not None:
            self.screen.end()
            self._layers.removeWidget(self.screen)
            self.screen.deleteLater()
            self.screen = None

    def _came_in(self, signed: SignedIn) -> None:
        if self._connection is None:
            return
        before, self._signed = self._signed, signed
        rights = rights_of(signed.account.name, signed.answer.rights)
        # Where it was missing, somebody has made the first account now.
        self._ways.first_account_missing = False
        self._hide()
        self.signed_in_at.emit(self._connection.endpoint.address, signed.account.name)
        self.account_changed.emit(signed.account)
        self.presence = presence = Presence(signed.answer.idle_seconds, signed.seconds, self)
        presence.idle.connect(lambda: self.lock(_IDLE))
        presence.idle_soon.connect(self._idle_soon)
        presence.ends_soon.connect(lambda left: self.told.emit(_ENDS_SOON.filled(minutes=max(1, round(left / 60)))))
        presence.used.connect(self._still_there)
        if before is None:
            self._rights = rights
            self.entered.emit(rights)
        else:
            self.continued.emit()
            self._compare(rights)
        if signed.answer.session.reading_only:
            self.told.emit(_READING_ONLY)

    def _still_there(self) -> None:
        if self._connection is not None:
            call = Sessions(self._connection).current()
            call.answered.connect(lambda answer: self._compare(rights_of(answer.account.name, answer.rights)))

    def _compare(self, rights: Rights) -> None:
        if rights != self._rights:
            self.told.emit(_OTHER_RIGHTS)

    def _idle_soon(self, seconds: int) -> None:
        self.told.emit(_IDLE_SOON.filled(seconds=seconds) if seconds else None)

    def _stop_presence(self) -> None:
        if self.presence is not None:
            self.presence.stop()
            self.presence.deleteLater()
            self.presence = None
