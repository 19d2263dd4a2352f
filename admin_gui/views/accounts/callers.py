"""The systems that may call the decision port: their tokens, and changes that wait for a second person."""

from __future__ import annotations

import time
from typing import Any, Final

from PySide6.QtCore import Qt

from admin_gui.domain.accounts import joined, word
from admin_gui.domain.caller_story import (
    CHANGE_KINDS,
    CHANGE_STATES,
    WIDENS,
    asker_of,
    caller_sections,
    caller_state,
    change_sections,
    token_say,
)
from admin_gui.domain.say import Say, plain
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.callers import Callers
from admin_gui.views.accounts.caller_form import CallerForm, Wanted
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.accounts.part import Once, Tab
from admin_gui.views.screen import Desk
from admin_gui.widgets.ask import Choice, Line
from admin_gui.widgets.facts import Facts
from admin_gui.widgets.labels import button, heading
from jingxi_client._gen.pdp.v1 import caller_pb2, caller_service_pb2

Caller = caller_pb2.Caller
Change = caller_pb2.CallerChange
_CALLERS: Final = Say("调用方列表", "Callers")
_CHANGES: Final = Say("待批准的变更", "Changes that wait")
_COLUMNS: Final = (
    Column[Caller](Say("调用方", "Caller"), lambda one: one.name, width=140),
    Column[Caller](Say("责任人", "Owner"), lambda one: one.owner, width=110),
    Column[Caller](
        Say("状态", "State"), caller_state, lambda one: "danger" if one.disabled else "", 76
    ),
    Column[Caller](Say("应用", "Applications"), lambda one: ", ".join(one.applications), width=180),
    Column[Caller](Say("主体", "Subjects"), lambda one: ", ".join(one.subjects), width=120),
    Column[Caller](Say("令牌", "Tokens"), lambda one: str(len(one.tokens)), width=56),
    Column[Caller](Say("证书", "Certificates"), lambda one: ", ".join(one.certificates) or "–", width=140),
)  # fmt: skip
_CHANGE_COLUMNS: Final = (
    Column[Change](Say("事项", "What"), lambda one: word(CHANGE_KINDS, one.kind), width=90),
    Column[Change](Say("调用方", "Caller"), lambda one: one.wanted.name, width=140),
    Column[Change](Say("现状", "State"), lambda one: word(CHANGE_STATES, one.state), width=80),
    Column[Change](Say("申请人", "Asked by"), asker_of, width=110),
    Column[Change](Say("时间", "When"), lambda one: clock(one.steps[0].time_nanos if one.steps else 0), width=120),
    Column[Change](
        Say("放宽", "Widens"), lambda one: joined(WIDENS.get(part, plain(part)) for part in one.widens), width=160
    ),
)
_NEW: Final = Say("新建调用方…", "New caller…")
_CHANGE: Final = Say("变更…", "Change…")
_TOKEN: Final = Say("增发令牌…", "Add a token…")
_REVOKE: Final = Say("吊销令牌…", "Revoke a token…")
_DISABLE: Final = Say("停用…", "Disable…")
_ENABLE: Final = Say("启用…", "Enable…")
_DELETE: Final = Say("删除…", "Delete…")
_APPROVE: Final = Say("批准变更…", "Approve the change…")
_REFUSE: Final = Say("拒绝变更…", "Refuse the change…")
_WITHDRAW: Final = Say("撤回变更…", "Take the change back…")
_TOKEN_ABOUT: Final = Say(
    "令牌只显示一次；旧令牌仍然有效，换用后请吊销。", "It is shown once; old ones hold until they are revoked."
)
_AT_ONCE: Final = Say("立即生效，不需批准。", "It holds at once, without an approval.")
_SECOND: Final = Say("须由第二人批准后生效。", "It holds once a second person has approved it.")
_DELETE_ABOUT: Final = Say("立即生效，令牌全部失效。", "It holds at once; all its tokens are void.")
_DAYS: Final = Say("有效天数（0 为永久）", "For how many days (0 for ever)")
_WRONG_DAYS: Final = Say("应为 0 至 3650 的整数。", "Must be a whole number from 0 to 3650.")
_ONCE: Final = Say("令牌", "Token")
_ONCE_ABOUT: Final = Say("{name} 的令牌，只显示这一次。", "A token of {name}, shown this once.")
_DONE: Final = Say("已完成。", "Done.")
_WAITS: Final = Say("已提交，等待第二人批准。", "It waits for a second person.")
_DETAIL: Final = Say("详情", "Details")
_USUAL_DAYS: Final = 90


class CallersTab(Tab):
    """Callers above, changes below; what takes something away is done at once, the rest needs a second person."""

    title = Say("调用方", "Callers")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._callers = Callers(desk.connection)
        self._found: list[Caller] = []
        self._next = ""
        context = self.context
        self.list = Listing[Caller](
            context, _CALLERS, _COLUMNS, lambda one: one.name, "accounts/callers",
            Say("还没有由控制面管理的调用方", "No caller is managed here yet"),
        )  # fmt: skip
        self.changes = Listing[Change](
            context, _CHANGES, _CHANGE_COLUMNS, lambda one: one.id, "accounts/changes",
            Say("没有待批准的变更", "No change waits"), filtered=False,
        )  # fmt: skip
        self.list.chosen.connect(self._choose)
        self.changes.chosen.connect(self._choose_change)
        self.list.more_wanted.connect(lambda: self._ask(self._next))
        self.changes.head.addWidget(heading(context, _CHANGES))
        self.facts = Facts(context, _DETAIL)
        self.new = button(context, _NEW, self._create, primary=True)
        self.list.head.addWidget(self.new)
        self.edit = button(context, _CHANGE, self._edit)
        self.token = button(context, _TOKEN, self._add_token)
        self.revoke = button(context, _REVOKE, self._revoke)
        self.disable = button(context, _DISABLE, self._disable)
        self.enable = button(context, _ENABLE, self._enable)
        self.delete = button(context, _DELETE, self._delete)
        self.approve = button(context, _APPROVE, self._approve, primary=True)
        self.refuse = button(context, _REFUSE, lambda: self._refuse(_REFUSE))
        self.withdraw = button(context, _WITHDRAW, lambda: self._refuse(_WITHDRAW))
        lists = self.split("callers/lists", {self.list: 380, self.changes: 200}, Qt.Orientation.Vertical)
        self.column.addWidget(self.split("callers", {lists: 700, self.facts: 430}), 1)
        self.offer_below(self.edit, self.token, self.revoke, self.disable, self.enable, self.delete, self.approve,
                         self.refuse, self.withdraw)  # fmt: skip
        self._choose(None)
        self._choose_change(None)

    def load(self) -> None:
        """Ask for callers, and for changes that wait."""
        self._found = []
        self._ask("")
        self.read("changes", self._callers.changes(waiting=True),
                  lambda answer: self.changes.show_records(list(answer.changes)))  # fmt: skip

    def _ask(self, page: str) -> None:
        self.read("list", self._callers.list(page), self._listed)

    def _listed(self, answer: caller_service_pb2.ListCallersResponse) -> None:
        self._found = [*self._found, *answer.callers]
        self._next = answer.next_page_token
        self.list.show_records(self._found, more=bool(self._next))
        if (change := self.changes.current()) is not None:
            # What a change changes is told by the caller as it is, which may have come only now.
            self._choose_change(change)
        else:
            self.list.choose_first()

    def _choose(self, caller: Caller | None) -> None:
        there = caller is not None
        self.edit.setVisible(there)
        self.token.setVisible(there)
        self.revoke.setVisible(caller is not None and bool(caller.tokens))
        self.disable.setVisible(caller is not None and not caller.disabled)
        self.enable.setVisible(caller is not None and caller.disabled)
        self.delete.setVisible(there)
        if caller is not None:
            # One thing is chosen at a time: it is what the buttons and the facts are about.
            self.changes.choose_none()
        if caller is not None or self.changes.current() is None:
            self.facts.show_sections(caller_sections(caller, time.time_ns()) if caller is not None else ())

    def _choose_change(self, change: Change | None) -> None:
        own = change is not None and asker_of(change) == self.rights.account
        self.approve.setVisible(change is not None and not own)
        self.refuse.setVisible(change is not None and not own)
        self.withdraw.setVisible(change is not None and own)
        if change is not None:
            self.list.choose_none()
            current = next((one for one in self._found if one.name == change.wanted.name), None)
            self.facts.show_sections(change_sections(change, current, time.time_ns()))

    def _create(self) -> None:
        form = CallerForm(self.context, self)
        form.wanted.connect(lambda wanted: self._make(form, wanted))
        form.open()

    def _make(self, form: CallerForm, wanted: Wanted) -> None:
        call = self._callers.create(wanted.caller, wanted.token_days, wanted.reason)
        self._change(call, wanted.caller.name, form)

    def _edit(self) -> None:
        if (caller := self.list.current()) is not None:
            form = CallerForm(self.context, self, caller)
            form.wanted.connect(
                lambda wanted: self._change(self._callers.update(wanted.caller, wanted.reason), caller.name, form)
            )
            form.open()

    def _add_token(self) -> None:
        if (caller := self.list.current()) is not None:
            self.ask(_TOKEN, _TOKEN_ABOUT, _TOKEN, lambda told: self._change(
                self._callers.add_token(caller.name, int(told["days"]), told["reason"]), caller.name),
                [Line("days", _DAYS, str(_USUAL_DAYS), wrong=_wrong_days)])  # fmt: skip

    def _revoke(self) -> None:
        if (caller := self.list.current()) is not None:
            options = [(one.id, token_say(one, time.time_ns())) for one in caller.tokens]
            self.ask(_REVOKE, _AT_ONCE, _REVOKE, lambda told: self.do(
                self._callers.revoke_token(caller.name, told["token"], told["reason"]), lambda _: None, _DONE),
                [Choice("token", _ONCE, options)], danger=True)  # fmt: skip

    def _disable(self) -> None:
        if (caller := self.list.current()) is not None:
            self.ask(_DISABLE, _AT_ONCE, _DISABLE, lambda told: self.do(
                self._callers.disable(caller.name, told["reason"]), lambda _: None, _DONE), danger=True)  # fmt: skip

    def _enable(self) -> None:
        if (caller := self.list.current()) is not None:
            self.ask(_ENABLE, _SECOND, _ENABLE, lambda told: self._change(
                self._callers.enable(caller.name, told["reason"]), caller.name))  # fmt: skip

    def _delete(self) -> None:
        if (caller := self.list.current()) is not None:
            self.ask(_DELETE, _DELETE_ABOUT, _DELETE, lambda told: self.do(
                self._callers.delete(caller.name, caller.version, told["reason"]), lambda _: None, _DONE),
                danger=True)  # fmt: skip

    def _approve(self) -> None:
        if (change := self.changes.current()) is not None:
            self.ask(_APPROVE, _AT_ONCE, _APPROVE, lambda told: self.do(
                self._callers.approve(change.id, told["reason"]), lambda _: None, _DONE), required=False)  # fmt: skip

    def _refuse(self, say: Say) -> None:
        if (change := self.changes.current()) is not None:
            self.ask(say, _AT_ONCE, say, lambda told: self.do(
                self._callers.refuse(change.id, told["reason"]), lambda _: None, _DONE), danger=True)  # fmt: skip

    def _change(self, call: Any, name: str, form: CallerForm | None = None) -> None:
        """Do what may wait for a second person, and show a token that came with it."""

        def done(answer: Any) -> None:
            self.banner.say(_WAITS if answer.HasField("change") else _DONE)
            if getattr(answer, "token", ""):
                Once(self, _ONCE, _ONCE_ABOUT.filled(name=name), answer.token).open()

        self.do(call, done, form=form)


def _wrong_days(text: str) -> Say | None:
    return None if text.isascii() and text.isdigit() and int(text) <= 3650 else _WRONG_DAYS
