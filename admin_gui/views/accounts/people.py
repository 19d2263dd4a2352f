"""People: a list, and one account with its rights, devices and sessions."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt

from admin_gui.domain import accounts as words
from admin_gui.domain.account_story import account_sections, session_line
from admin_gui.domain.facts import Line, Section
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.accounts import Accounts
from admin_gui.services.session import Sessions
from admin_gui.views.accounts.ask import Asked, AskForAccount
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.accounts.part import Tab
from admin_gui.views.accounts.sign_ins import SignIns
from admin_gui.views.screen import Desk
from admin_gui.widgets.ask import Choice
from admin_gui.widgets.facts import Facts
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import account_pb2, account_service_pb2

Account = account_pb2.Account
_NAME: Final = Say("账户列表", "Accounts")
_COLORS: Final = {account_pb2.ACCOUNT_STATE_LOCKED: "danger", account_pb2.ACCOUNT_STATE_CLOSED: "quiet"}
_COLUMNS: Final = (
    Column[Account](Say("账户", "Account"), lambda one: one.name, width=100),
    Column[Account](Say("责任人", "Owner"), lambda one: one.owner, width=90),
    Column[Account](Say("机构", "Branch"), lambda one: one.branch or "–", lambda _: "quiet", 70),
    Column[Account](Say("级别", "Level"), lambda one: words.word(words.LEVELS, one.level), width=76),
    Column[Account](
        Say("状态", "State"),
        lambda one: words.word(words.STATES, one.state),
        lambda one: _COLORS.get(one.state, ""),
        64,
    ),
    Column[Account](Say("最近登录", "Last sign-in"), lambda one: clock(one.last_sign_in_nanos), width=120),
    Column[Account](Say("另授权限", "Rights given"), lambda one: words.rights_say(one.rights), width=100),
)
_NEW: Final = Say("申请新账户…", "Ask for an account…")
_CHANGE: Final = Say("申请变更…", "Ask for a change…")
_RESET: Final = Say("申请重置…", "Ask for a reset…")
_CLOSE: Final = Say("申请注销…", "Ask for its end…")
_LOCK: Final = Say("锁定…", "Lock…")
_UNLOCK: Final = Say("解锁…", "Unlock…")
_END: Final = Say("结束会话…", "End a session…")
_LOCK_ABOUT: Final = Say("立即生效，并结束其全部会话。", "It holds at once, and ends all sessions of the account.")
_UNLOCK_ABOUT: Final = Say("解锁后可再次登录。", "It may sign in again then.")
_END_ABOUT: Final = Say("选择要结束的会话，立即生效。", "Choose the session to end; it ends at once.")
_SESSION: Final = Say("会话", "Session")
_ASKED: Final = Say("申请已提交，等待复核。", "Asked; it waits for a review.")
_DONE: Final = Say("已完成。", "Done.")
_SESSIONS: Final = Say("会话", "Sessions")
_NO_SESSION: Final = Say("没有会话", "no session")
_DETAIL: Final = Say("账户详情", "The account")


class PeopleTab(Tab):
    """Lists everybody; who may ask, lock and unlock is offered that for the account that is chosen."""

    title = Say("人员", "People")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._accounts, self._sessions = Accounts(desk.connection), Sessions(desk.connection)
        self._found: list[Account] = []
        self._next = ""
        self._detail = account_service_pb2.GetAccountResponse()
        self._open: list[account_pb2.Session] = []
        self.list = Listing[Account](
            self.context,
            _NAME,
            _COLUMNS,
            lambda one: one.name,
            "accounts/people",
            Say("还没有账户", "There is no account"),
        )
        self.list.chosen.connect(self._choose)
        self.list.more_wanted.connect(lambda: self._ask(self._next))
        self.facts = Facts(self.context, _DETAIL)
        self.new = button(self.context, _NEW, lambda: self._ask_for(account_pb2.REQUEST_KIND_CREATE), primary=True)
        self.list.head.addWidget(self.new)
        self.change = button(self.context, _CHANGE, lambda: self._ask_for(account_pb2.REQUEST_KIND_CHANGE))
        self.reset = button(self.context, _RESET, lambda: self._ask_for(account_pb2.REQUEST_KIND_RESET))
        self.close_account = button(self.context, _CLOSE, lambda: self._ask_for(account_pb2.REQUEST_KIND_CLOSE))
        self.lock = button(self.context, _LOCK, self._lock)
        self.unlock = button(self.context, _UNLOCK, self._unlock)
        self.end = button(self.context, _END, self._end)
        self.sign_ins = SignIns(desk, "accounts/people/sign-ins")
        right = self.split("people/account", {self.facts: 380, self.sign_ins: 210}, Qt.Orientation.Vertical)
        self.column.addWidget(self.split("people", {self.list: 590, right: 540}), 1)
        self.offer_below(self.change, self.reset, self.close_account, self.lock, self.unlock, self.end)
        self._offer(None)

    def load(self) -> None:
        """Ask for accounts from the first on."""
        self._found = []
        self._ask("")

    def leave(self) -> None:
        """Ask for nothing any more."""
        super().leave()
        self.sign_ins.leave()

    def _ask(self, page: str) -> None:
        self.read("list", self._accounts.list(page), self._listed)

    def _listed(self, answer: account_service_pb2.ListAccountsResponse) -> None:
        self._found = [*self._found, *answer.accounts]
        self._next = answer.next_page_token
        self.list.show_records(self._found, more=bool(self._next))
        self.list.choose_first()

    def _choose(self, account: Account | None) -> None:
        self._offer(account)
        if account is None:
            self.facts.show_sections(())
            self.sign_ins.show_account("")
            return
        self.read("detail", self._accounts.get(account.name), self._told)
        self.read("sessions", self._sessions.list(account.name), self._told_sessions)
        self.sign_ins.show_account(account.name)

    def _told(self, answer: account_service_pb2.GetAccountResponse) -> None:
        self._detail = answer
        self._write()

    def _told_sessions(self, answer: account_service_pb2.ListSessionsResponse) -> None:
        self._open = list(answer.sessions)
        self._write()
        self._offer(self.list.current())

    def _write(self) -> None:
        account = self._detail.account
        if not account.name:
            return
        mine = [one for one in self._open if one.account == account.name]
        lines: list[Line] = [(None, session_line(one)) for one in mine]
        found = account_sections(account, self._detail.rights)
        self.facts.show_sections([*found, Section(_SESSIONS, lines or [(None, _NO_SESSION)])])

    def _offer(self, account: Account | None) -> None:
        rights, there = self.rights, account is not None and account.state != account_pb2.ACCOUNT_STATE_CLOSED
        may_ask, may_approve = rights.may("account_ask"), rights.may("account_approve")
        other = account is not None and account.name != rights.account
        locked = account is not None and account.state == account_pb2.ACCOUNT_STATE_LOCKED
        self.new.setVisible(may_ask)
        for one in (self.change, self.reset, self.close_account):
            one.setVisible(may_ask and there and other)
        self.lock.setVisible(may_approve and there and not locked and other)
        # What a rule has locked is unlocked by a review, and what somebody else had only after a reset.
        freely = account is not None and not account.locked_by and not account.compromised
        self.unlock.setVisible(may_approve and locked and other and freely)
        self.end.setVisible(
            may_approve and account is not None and any(one.account == account.name for one in self._open)
        )

    def _ask_for(self, kind: account_pb2.RequestKind) -> None:
        chosen = self.list.current()
        wanted = Account()
        if kind != account_pb2.REQUEST_KIND_CREATE and chosen is not None:
            wanted.CopyFrom(chosen)
        dialog = AskForAccount(self.context, self, kind, wanted)
        dialog.asked.connect(lambda asked: self._asked(dialog, asked))
        dialog.open()

    def _asked(self, dialog: AskForAccount, asked: Asked) -> None:
        call = self._accounts.ask(asked.kind, asked.wanted, asked.risk, asked.reason)
        self.do(call, lambda _: None, _ASKED, form=dialog)

    def _lock(self) -> None:
        if (account := self.list.current()) is not None:
            self.ask(_LOCK, _LOCK_ABOUT, _LOCK, lambda told: self.do(
                self._accounts.lock(account.name, told["reason"]), lambda _: None, _DONE), danger=True)  # fmt: skip

    def _unlock(self) -> None:
        if (account := self.list.current()) is not None:
            self.ask(_UNLOCK, _UNLOCK_ABOUT, _UNLOCK, lambda told: self.do(
                self._accounts.unlock(account.name, told["reason"]), lambda _: None, _DONE))  # fmt: skip

    def _end(self) -> None:
        if (account := self.list.current()) is not None:
            options = [(one.id, session_line(one)) for one in self._open if one.account == account.name]
            self.ask(_END, _END_ABOUT, _END, lambda told: self.do(
                self._sessions.revoke(told["session"], told["reason"]), lambda _: None, _DONE),
                [Choice("session", _SESSION, options)], danger=True)  # fmt: skip
