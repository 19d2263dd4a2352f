"""What was unusual: sign-ins, and publications without an approval; reviewed by somebody whose they are not."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QCheckBox

from admin_gui.domain import accounts as words
from admin_gui.domain.facts import Line, Section
from admin_gui.domain.say import Say, plain
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.security import Security
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.accounts.part import Tab
from admin_gui.views.screen import Desk
from admin_gui.widgets.facts import Facts
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import anomaly_pb2, security_service_pb2

Anomaly = anomaly_pb2.Anomaly
_NAME: Final = Say("异常列表", "Anomalies")
_UNKNOWN: Final = (Say("未知", "unknown"), "quiet")
_COLUMNS: Final = (
    Column[Anomaly](Say("类别", "Class"), lambda one: words.word(words.ANOMALIES, one.kind), width=120),
    Column[Anomaly](
        Say("程度", "Severity"), lambda one: words.SEVERITIES.get(one.severity, _UNKNOWN)[0],
        lambda one: words.SEVERITIES.get(one.severity, _UNKNOWN)[1], 76,
    ),
    Column[Anomaly](Say("账户", "Account"), lambda one: one.account, width=110),
    Column[Anomaly](Say("次数", "Times"), lambda one: str(one.count), width=56),
    Column[Anomaly](Say("最近", "Last"), lambda one: clock(one.last_nanos), width=120),
    Column[Anomaly](Say("处置", "Done at once"), lambda one: words.word(words.ANOMALY_ACTIONS, one.action), width=96),
    Column[Anomaly](Say("结论", "Verdict"), lambda one: words.word(words.ANOMALY_STATES, one.state), width=96),
)  # fmt: skip
_OPEN: Final = Say("只看待复核", "Only what waits")
_FINE: Final = Say("判为正常…", "It was legitimate…")
_BAD: Final = Say("判为被盗用或不当…", "It was compromised…")
_FINE_ABOUT: Final = Say("因此锁定的账户随之解锁。", "The account that it locked is unlocked with it.")
_BAD_ABOUT: Final = Say(
    "账户被锁定并结束会话，重置后才能解锁；对紧急发布，表示发布不当。",
    "The account is locked until a reset, and its sessions end; of a publication it says that it was not justified.",
)
_DONE: Final = Say("已记录结论。", "The verdict is kept.")
_DETAIL: Final = Say("异常详情", "The anomaly")


class AnomaliesTab(Tab):
    """Lists anomalies; nobody is offered to review their own."""

    title = Say("异常", "Anomalies")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._security = Security(desk.connection)
        self._found: list[Anomaly] = []
        self._next = ""
        self.list = Listing[Anomaly](
            self.context, _NAME, _COLUMNS, lambda one: one.id, "accounts/anomalies",
            Say("没有待复核的异常", "No anomaly waits"),
        )  # fmt: skip
        self.list.chosen.connect(self._choose)
        self.list.more_wanted.connect(lambda: self._ask(self._next))
        self.only_open = QCheckBox()
        self.only_open.setChecked(True)
        self.context.language.bind(self.only_open, self.only_open.setText, _OPEN)
        self.only_open.toggled.connect(lambda _: self.load())
        self.list.head.addWidget(self.only_open)
        self.facts = Facts(self.context, _DETAIL)
        self.fine = button(self.context, _FINE, lambda: self._judge(_FINE, _FINE_ABOUT, legitimate=True))
        self.bad = button(self.context, _BAD, lambda: self._judge(_BAD, _BAD_ABOUT, legitimate=False))
        self.column.addWidget(self.split("anomalies", {self.list: 690, self.facts: 440}), 1)
        self.offer_below(self.fine, self.bad)
        self._choose(None)

    def load(self) -> None:
        """Ask for anomalies from the newest on."""
        self._found = []
        self._ask("")

    def _ask(self, page: str) -> None:
        state = anomaly_pb2.ANOMALY_STATE_OPEN if self.only_open.isChecked() else None
        self.read("list", self._security.list(state, page), self._listed)

    def _listed(self, answer: security_service_pb2.ListAnomaliesResponse) -> None:
        self._found = [*self._found, *answer.anomalies]
        self._next = answer.next_page_token
        self.list.show_records(self._found, more=bool(self._next))
        self.list.choose_first()

    def _choose(self, anomaly: Anomaly | None) -> None:
        may = anomaly is not None and anomaly.state == anomaly_pb2.ANOMALY_STATE_OPEN
        may = may and anomaly is not None and anomaly.account != self.rights.account
        self.fine.setVisible(may)
        self.bad.setVisible(may)
        self.facts.show_sections(_sections(anomaly) if anomaly is not None else ())

    def _judge(self, say: Say, about: Say, *, legitimate: bool) -> None:
        anomaly = self.list.current()
        if anomaly is None:
            return
        verdict = anomaly_pb2.ANOMALY_STATE_LEGITIMATE if legitimate else anomaly_pb2.ANOMALY_STATE_COMPROMISED
        self.ask(
            say, about, say,
            lambda told: self.do(
                self._security.review(anomaly.id, verdict, told["reason"]), lambda _: None, _DONE
            ),
            danger=not legitimate,
        )  # fmt: skip


def _sections(anomaly: Anomaly) -> list[Section]:
    about: list[Line] = [
        (Say("类别", "Class"), words.word(words.ANOMALIES, anomaly.kind)),
        (Say("账户", "Account"), anomaly.account),
        (Say("首次", "First"), clock(anomaly.first_nanos, with_year=True)),
        (Say("最近", "Last"), clock(anomaly.last_nanos, with_year=True)),
        (Say("次数", "Times"), str(anomaly.count)),
        (Say("地址", "Address"), anomaly.address or Say("本机", "this machine")),
        (Say("编号", "Id"), anomaly.id),
    ]
    about += [(words.DETAILS.get(name, plain(name)), value) for name, value in sorted(anomaly.details.items())]
    sections = [Section(_DETAIL, about)]
    if anomaly.reviewer:
        found: list[Line] = [
            (Say("结论", "Verdict"), words.word(words.ANOMALY_STATES, anomaly.state)),
            (Say("复核人", "Reviewer"), anomaly.reviewer),
            (Say("时间", "When"), clock(anomaly.reviewed_nanos, with_year=True)),
            (Say("说明", "Note"), anomaly.note),
        ]
        sections.append(Section(Say("复核", "Review"), found))
    return sections
