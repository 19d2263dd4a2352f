"""The sign-ins of one account as they are on record, with a way to the records themselves."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from admin_gui.domain import sign_ins as told
from admin_gui.domain.say import Say
from admin_gui.domain.sign_ins import SignIn
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.calls import Call
from admin_gui.services.session import Sessions
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.screen import Desk
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import button, heading
from jingxi_client._gen.pdp.v1 import account_service_pb2

_NAME: Final = Say("登录记录", "Sign-ins")
_COLUMNS: Final = (
    Column[SignIn](Say("时间", "When"), lambda one: clock(one.time_nanos), width=108),
    Column[SignIn](
        Say("结果", "Result"), lambda one: told.outcome(one)[0], lambda one: told.outcome(one)[1], 60
    ),
    Column[SignIn](Say("方式或原因", "How or why not"), told.how, width=104),
    Column[SignIn](Say("地点", "Place"), told.place, width=124),
    Column[SignIn](Say("设备", "Device"), lambda one: one.device or "–", width=66),
    Column[SignIn](Say("异常", "Unusual"), told.unusual, lambda _: "warning", 80),
)  # fmt: skip
_ALL: Final = Say("在快照中查看", "Show in snapshots")
_NONE: Final = Say("没有登录记录", "No sign-in is on record")


class SignIns(QWidget):
    """Lists an account's sign-ins, a page at a time; who may read snapshots goes on to a record by a double click."""

    def __init__(self, desk: Desk, setting: str) -> None:
        super().__init__()
        self._desk, self._sessions = desk, Sessions(desk.connection)
        self._account, self._next = "", ""
        self._found: list[SignIn] = []
        self._call: Call | None = None
        context = desk.context
        self.banner = Banner(context)
        self.list = Listing[SignIn](context, _NAME, _COLUMNS, lambda one: one.id, setting, _NONE, filtered=False)
        self.list.more_wanted.connect(lambda: self._ask(self._next))
        self.list.head.addWidget(heading(context, _NAME), 1)
        self.all = button(context, _ALL, self._show_all)
        self.all.setObjectName("step")
        self.list.head.addWidget(self.all)
        self._may_read = desk.rights.may("snapshot_read")
        self.all.setVisible(False)
        if self._may_read:
            self.list.table.activated.connect(lambda _: self._show_one())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.addWidget(self.banner)
        column.addWidget(self.list, 1)

    def show_account(self, name: str) -> None:
        """Show an account's from the newest on; none for an empty name."""
        if name != self._account:
            self.list.show_records([])
        self._account = name
        self.all.setVisible(self._may_read and bool(name))
        self.leave()
        if name:
            self._ask("")

    def leave(self) -> None:
        """Wait for nothing any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _ask(self, page: str) -> None:
        self.leave()
        self._call = call = self._sessions.sign_ins(self._account, page)
        call.answered.connect(lambda answer: self._listed(answer, begun=not page))
        call.failed.connect(lambda failure: self.banner.tell(failure, lambda: self._ask(page)))

    def _listed(self, answer: account_service_pb2.ListSignInsResponse, *, begun: bool) -> None:
        self.banner.clear()
        self._found = [*([] if begun else self._found), *answer.sign_ins]
        self._next = answer.next_page_token
        self.list.show_records(self._found, more=bool(self._next))

    def _show_all(self) -> None:
        self._desk.routes.snapshots_chosen.emit(told.filter_of(self._account))

    def _show_one(self) -> None:
        if (chosen := self.list.current()) is not None:
            self._desk.routes.snapshot_chosen.emit(chosen.id)
