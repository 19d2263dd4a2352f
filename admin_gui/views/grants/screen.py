"""The grants' screen: what is asked for and what holds on the left, one of them or the form on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain import grants
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.grants import Grants
from admin_gui.services.simulation import Simulation
from admin_gui.services.texts import IN_FORCE
from admin_gui.views.grants.ask import AskForm
from admin_gui.views.grants.detail import GrantDetail
from admin_gui.views.screen import Command, Desk, ScreenWidget
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button, title
from admin_gui.widgets.tables import row_table
from jingxi_client._gen.pdp.v1 import account_pb2, grant_service_pb2, simulation_service_pb2

_TITLE: Final = Say("授权", "Grants")
_ASK: Final = Say("申请授权", "Ask for a grant")
_STATE: Final = Say("状态", "State")
_ALL: Final = Say("全部", "all")
_MINE: Final = Say("待我审批", "waiting for me")
_COUNT: Final = Say("{count} 项{more}", "{count} grants{more}")
_MORE: Final = Say("，还有更多", ", and more")
_LOAD_MORE: Final = Say("再显示一些", "Show more")
_EMPTY: Final = Say("没有这样的授权", "No such grants")
_EMPTY_ABOUT: Final = Say(
    "授权让一名员工在限定时间内看到一位客户的更多字段，由另一位有权限的人批准。",
    "A grant lets an employee see more fields of one customer for a while, once somebody else has approved it.",
)
_DONE: Final = {
    "approve": Say("已批准，所有节点立即生效。", "Approved; it holds on every node."),
    "refuse": Say("已拒绝。", "Refused."),
    "revoke": Say("已收回，任何节点都不再据此展示。", "Taken back; no node shows anything by it."),
}
_SILENT: Final = Say(
    "已收回。{nodes} 没有回应：它们联系不上控制库，此刻不承认任何授权。",
    "Taken back. {nodes} did not answer: they cannot reach the control store and honour no grant now.",
)
_ASKED: Final = Say("已提交，等待审批。", "Asked; it waits for approval.")
_COLUMNS: Final = (
    Column[grants.Line](Say("状态", "State"), lambda one: one.state, lambda one: one.mood, 76),
    Column[grants.Line](Say("员工", "Employee"), lambda one: one.subject, width=84),
    Column[grants.Line](Say("对象", "Resource"), lambda one: one.resource, width=112),
    Column[grants.Line](Say("可见范围", "Covers"), lambda one: one.covers, width=140),
    Column[grants.Line](Say("到期", "Until"), lambda one: one.until, width=112),
    Column[grants.Line](Say("使用", "Used"), lambda one: one.uses, width=84),
    Column[grants.Line](Say("理由", "Reason"), lambda one: one.reason, lambda _: "quiet", 100),
)
_AGAIN_MILLISECONDS: Final = 5_000
"""How often the list is read again while somebody looks: grants wait for somebody."""


class GrantsScreen(ScreenWidget):
    """Lists grants, asks for them and decides about them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context, self._rights, self._routes = desk.context, desk.rights, desk.routes
        self._grants, self._simulation = Grants(desk.connection), Simulation(desk.connection)
        self._records: dict[str, account_pb2.GrantRecord] = {}
        self._labels: dict[str, Say] = {}
        self._next = ""
        self._said = Say("", "")
        self._call: Call | None = None
        self._doing: Call | None = None
        self._describing: Call | None = None
        self.banner = Banner(desk.context)
        self.model = RecordModel[grants.Line](desk.context, _COLUMNS, lambda one: one.id, self)
        self.form = AskForm(desk.context)
        self.form.sent.connect(self._ask)
        self.form.closed.connect(self._show_detail)
        self.detail = GrantDetail(desk.context, desk.rights)
        self.detail.decided.connect(self.decide)
        self.detail.uses_chosen.connect(lambda one: desk.routes.snapshots_chosen.emit(f'grant("{one}")'))
        self._side = QStackedWidget()
        empty = Empty(desk.context, "grants", _EMPTY, _EMPTY_ABOUT)
        if desk.rights.may("grant_ask"):
            empty.offer(_ASK, self.ask, primary=True)
        for widget in (empty, self.detail, self.form):
            self._side.addWidget(widget)
        self._again = QTimer(self, singleShot=True, interval=_AGAIN_MILLISECONDS)
        self._again.timeout.connect(self._read)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self._list())
        splitter.addWidget(self._side)
        splitter.setSizes([800, 400])
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 14)
        column.addLayout(self._head())
        column.addWidget(self.banner)
        column.addWidget(splitter, 1)

    def load(self) -> None:
        """Read what the fields are called, and the grants."""
        self._describing = self._simulation.describe(IN_FORCE)
        self._describing.answered.connect(self._described)
        self._read()

    def leave(self) -> None:
        """Look no more."""
        self._again.stop()

    def commands(self) -> Sequence[Command]:
        """Ask for a grant, where one may."""
        return (Command("ask", _ASK, self.ask, "Ctrl+N"),) if self._rights.may("grant_ask") else ()

    def ask(self) -> None:
        """Show the form."""
        self.form.ready()
        self._side.setCurrentWidget(self.form)
        self.form.lines["resource"].setFocus()

    def decide(self, what: str, grant: str, reason: str) -> None:
        """Approve, refuse or take back."""
        method = {"approve": self._grants.approve, "refuse": self._grants.refuse, "revoke": self._grants.revoke}[what]
        self._doing = method(grant, reason)
        self._doing.answered.connect(lambda answer: self._decided(what, answer))
        self._doing.failed.connect(self._refused)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(title(self._context, _TITLE))
        self._counted = QLabel()
        self._counted.setObjectName("quiet")
        self._context.language.bind(self._counted, self._counted.setText, lambda: self._said)
        row.addWidget(self._counted, 1)
        self.state = QComboBox()
        self._context.language.bind(self.state, self.state.setAccessibleName, _STATE)
        self._context.language.bind(self.state, self._offer_states, _ALL)
        self.state.currentIndexChanged.connect(lambda _: self._read())
        row.addWidget(self.state)
        self.new = button(self._context, _ASK, self.ask, primary=True)
        self.new.setVisible(self._rights.may("grant_ask"))
        row.addWidget(self.new)
        return row

    def _list(self) -> QWidget:
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 6, 0)
        self.table = row_table(self._context, self.model, _TITLE, (one.width for one in _COLUMNS))
        self.table.selectionModel().currentChanged.connect(lambda index, _: self._choose(index.row()))
        column.addWidget(self.table, 1)
        self.more = button(self._context, _LOAD_MORE, self._read_more)
        self.more.hide()
        column.addWidget(self.more)
        return part

    def _offer_states(self, every: str) -> None:
        chosen = max(self.state.currentIndex(), 0)
        self.state.blockSignals(True)
        self.state.clear()
        self.state.addItem(every, 0)
        for state, (said, _) in grants.STATES.items():
            self.state.addItem(self._context.language(said), state)
        if self._rights.may("grant_approve"):
            self.state.addItem(self._context.language(_MINE), -1)
        self.state.setCurrentIndex(chosen)
        self.state.blockSignals(False)

    def _read(self, page: str = "") -> None:
        self._again.stop()
        if self._call is not None:
            # An answer that was overtaken must not come back.
            self._call.cancel()
        state = int(self.state.currentData() or 0)
        self._call = self._grants.list(max(state, 0), mine_to_approve=state < 0, page=page)
        self._call.answered.connect(lambda answer: self._listed(answer, added=bool(page)))
        self._call.failed.connect(lambda failure: self.banner.tell(failure, self._read))

    def _read_more(self) -> None:
        self._read(self._next)

    def _listed(self, answer: grant_service_pb2.ListGrantsResponse, *, added: bool) -> None:
        self._next = answer.next_page_token
        self.more.setVisible(bool(self._next))
        if not added:
            self._records = {}
            if self.isVisible() and not self._next:
                self._again.start()
        self._records |= {record.grant.id: record for record in answer.grants}
        self._show()

    def _show(self) -> None:
        chosen = self._chosen()
        lines = [grants.line(record, self._labels) for record in self._records.values()]
        self.model.show(lines)
        more = _MORE if self._next else Say("", "")
        self._said = _COUNT.filled(count=len(lines), more=more)
        self._counted.setText(self._context.language(self._said))
        ids = [one.id for one in lines]
        row = ids.index(chosen) if chosen in ids else 0
        if lines:
            self.table.setCurrentIndex(self.model.index(row, 0))
            self._choose(row)
        elif self._side.currentWidget() is self.detail:
            self._side.setCurrentIndex(0)

    def _chosen(self) -> str:
        index = self.table.currentIndex()
        return self.model.record(index.row()).id if 0 <= index.row() < self.model.rowCount() else ""

    def _choose(self, row: int) -> None:
        if 0 <= row < self.model.rowCount():
            line = self.model.record(row)
            self.detail.show_grant(self._records[line.id], line)
            if self._side.currentWidget() is not self.form:
                self._side.setCurrentWidget(self.detail)

    def _show_detail(self) -> None:
        self._side.setCurrentWidget(self.detail if self.model.rowCount() else self._side.widget(0))

    def _described(self, answer: simulation_service_pb2.DescribePoliciesResponse) -> None:
        fields = [field for field in answer.bundle.fields if not field.never_unmask]
        self._labels = {field.id: Say(field.label.zh, field.label.en) for field in fields}
        self.form.offer(self._labels)
        self._show()

    def _ask(self, request: grant_service_pb2.AskForGrantRequest) -> None:
        self._doing = self._grants.ask(request)
        self._doing.answered.connect(self._asked)
        self._doing.failed.connect(self._not_asked)

    def _asked(self, answer: grant_service_pb2.AskForGrantResponse) -> None:
        self.form.clear()
        self.banner.say(_ASKED)
        self._records = {answer.grant.grant.id: answer.grant, **self._records}
        self._side.setCurrentWidget(self.detail)
        self._show()
        self.table.setCurrentIndex(self.model.index(0, 0))
        self._read()

    def _not_asked(self, failure: Failure) -> None:
        self.form.ready()
        self.form.banner.tell(failure)

    def _decided(self, what: str, answer: grant_service_pb2.ApproveGrantResponse) -> None:
        silent = ", ".join(getattr(answer, "silent_nodes", ()))
        self.banner.say(_SILENT.filled(nodes=silent) if silent else _DONE[what], "warning" if silent else "info")
        self._records[answer.grant.grant.id] = answer.grant
        self.detail.why.clear()
        self._show()

    def _refused(self, failure: Failure) -> None:
        self.detail.again()
        self.banner.tell(failure)
        self._read()
