"""Requests for accounts and rights: reviewed, approved and carried out, each by somebody else than who asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtWidgets import QCheckBox

from admin_gui.domain import accounts as words
from admin_gui.domain.account_story import request_sections, risk_say
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.accounts import Accounts
from admin_gui.services.calls import Call
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.accounts.part import Once, Tab
from admin_gui.views.screen import Desk
from admin_gui.widgets.facts import Facts
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import account_pb2, account_service_pb2

Request = account_pb2.RightsRequest
_NAME: Final = Say("申请列表", "Requests")
_MOODS: Final = {account_pb2.REQUEST_STATE_DONE: "quiet", account_pb2.REQUEST_STATE_REFUSED: "quiet"}
_COLUMNS: Final = (
    Column[Request](Say("事项", "What"), lambda one: words.word(words.KINDS, one.kind), width=64),
    Column[Request](Say("账户", "Account"), lambda one: one.wanted.name, width=120),
    Column[Request](
        Say("现状", "State"), lambda one: words.word(words.REQUEST_STATES, one.state),
        lambda one: _MOODS.get(one.state, "warning"), 76,
    ),
    Column[Request](Say("申请人", "Asked by"), words.asker, width=100),
    Column[Request](Say("时间", "When"), lambda one: clock(one.steps[0].time_nanos if one.steps else 0), width=120),
    Column[Request](Say("风险", "Risk"), lambda one: risk_say(one.risk), width=180),
)  # fmt: skip
_OPEN: Final = Say("只看待办", "Only what waits")
_REVIEW: Final = Say("复核通过…", "Review…")
_APPROVE: Final = Say("批准…", "Approve…")
_EXECUTE: Final = Say("执行…", "Carry out…")
_REFUSE: Final = Say("拒绝…", "Refuse…")
_WITHDRAW: Final = Say("撤回…", "Take back…")
_REVIEW_ABOUT: Final = Say("说明核对了什么。", "Say what you looked at, and found in order.")
_APPROVE_ABOUT: Final = Say("批准后即可执行。", "It can be carried out then.")
_EXECUTE_ABOUT: Final = Say(
    "按批准的内容执行。新账户与重置会显示一次口令，请当面交给本人。",
    "What was approved is carried out. A password is shown once; hand it to its owner in person.",
)
_REFUSE_ABOUT: Final = Say("此申请就此结束。", "The request ends with it.")
_PASSWORD: Final = Say("初始口令", "First password")
_PASSWORD_ABOUT: Final = Say(
    "{name} 的初始口令，只显示这一次；首次登录时必须更换。",
    "The first password of {name}, shown this once; it must be changed at the first sign-in.",
)
_DONE: Final = Say("已完成。", "Done.")
_DETAIL: Final = Say("申请详情", "The request")


class RequestsTab(Tab):
    """Lists requests; buttons are there only for what whoever is here may do with the one that is chosen."""

    title = Say("申请", "Requests")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._accounts = Accounts(desk.connection)
        self._found: list[Request] = []
        self._next = ""
        self._alone = False
        self.list = Listing[Request](
            self.context, _NAME, _COLUMNS, lambda one: one.id, "accounts/requests",
            Say("没有待办的申请", "No request waits"),
        )  # fmt: skip
        self.list.chosen.connect(self._choose)
        self.list.more_wanted.connect(lambda: self._ask(self._next))
        self.only_open = QCheckBox()
        self.only_open.setChecked(True)
        self.context.language.bind(self.only_open, self.only_open.setText, _OPEN)
        self.only_open.toggled.connect(lambda _: self.load())
        self.list.head.addWidget(self.only_open)
        self.facts = Facts(self.context, _DETAIL)
        accounts = self._accounts
        self.review = button(self.context, _REVIEW, lambda: self._step(_REVIEW, _REVIEW_ABOUT, accounts.review))
        self.approve = button(
            self.context, _APPROVE, lambda: self._step(_APPROVE, _APPROVE_ABOUT, accounts.approve, required=False)
        )
        self.execute = button(self.context, _EXECUTE, self._execute, primary=True)
        self.refuse = button(
            self.context, _REFUSE, lambda: self._step(_REFUSE, _REFUSE_ABOUT, accounts.refuse, danger=True)
        )
        self.withdraw = button(
            self.context, _WITHDRAW, lambda: self._step(_WITHDRAW, _REFUSE_ABOUT, accounts.refuse, danger=True)
        )
        self._buttons = {"review": self.review, "approve": self.approve, "execute": self.execute,
                         "refuse": self.refuse, "withdraw": self.withdraw}  # fmt: skip
        self.column.addWidget(self.split("requests", {self.list: 660, self.facts: 470}), 1)
        self.offer_below(*self._buttons.values())
        self._choose(None)

    def load(self) -> None:
        """Ask for requests from the newest on, and whether anybody else could judge one's own."""
        if self.rights.may("account_read"):
            self.read("people", self._accounts.list(), self._counted)
        self._found = []
        self._ask("")

    def _ask(self, page: str) -> None:
        self.read("list", self._accounts.requests(only_open=self.only_open.isChecked(), page=page), self._listed)

    def _counted(self, answer: account_service_pb2.ListAccountsResponse) -> None:
        self._alone = not answer.next_page_token and words.is_alone(self.rights.account, answer.accounts)
        self._choose(self.list.current())

    def _listed(self, answer: account_service_pb2.ListRequestsResponse) -> None:
        self._found = [*self._found, *answer.requests]
        self._next = answer.next_page_token
        self.list.show_records(self._found, more=bool(self._next))
        self.list.choose_first()

    def _choose(self, request: Request | None) -> None:
        may = words.offers(request, self.rights, alone=self._alone) if request is not None else frozenset()
        for name, one in self._buttons.items():
            one.setVisible(name in may)
        self.facts.show_sections(request_sections(request) if request is not None else ())

    def _step(
        self, say: Say, about: Say, step: Callable[[str, str], Call], *, danger: bool = False, required: bool = True
    ) -> None:
        request = self.list.current()
        if request is not None:
            self.ask(
                say, about, say, lambda told: self.do(step(request.id, told["reason"]), lambda _: None, _DONE),
                danger=danger, required=required,
            )  # fmt: skip

    def _execute(self) -> None:
        request = self.list.current()
        if request is not None:
            self.ask(
                _EXECUTE, _EXECUTE_ABOUT, _EXECUTE,
                lambda _: self.do(self._accounts.execute(request.id), self._executed, _DONE), required=None,
            )  # fmt: skip

    def _executed(self, answer: Any) -> None:
        if answer.password:
            about = _PASSWORD_ABOUT.filled(name=answer.request.wanted.name)
            Once(self, _PASSWORD, about, answer.password).open()
