"""Rights that must be looked at again: confirmed by somebody else, or changed by a request."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtWidgets import QComboBox

from admin_gui.domain import accounts as words
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from admin_gui.models.records import Column
from admin_gui.services.accounts import Accounts
from admin_gui.views.accounts.listing import Listing
from admin_gui.views.accounts.part import Tab
from admin_gui.views.screen import Desk
from admin_gui.widgets.labels import button, quiet
from jingxi_client._gen.pdp.v1 import account_pb2, account_service_pb2

Review = account_pb2.RightsReview
_NAME: Final = Say("权限复核列表", "Reviews of rights")
_UNKNOWN: Final = (Say("未知", "unknown"), "quiet")
_COLUMNS: Final = (
    Column[Review](Say("账户", "Account"), lambda one: one.account, width=110),
    Column[Review](Say("责任人", "Owner"), lambda one: one.owner, width=110),
    Column[Review](Say("级别", "Level"), lambda one: words.word(words.LEVELS, one.level), width=80),
    Column[Review](
        Say("复核", "Review"), lambda one: words.REVIEW_STATES.get(one.state, _UNKNOWN)[0],
        lambda one: words.REVIEW_STATES.get(one.state, _UNKNOWN)[1], 84,
    ),
    Column[Review](Say("期限", "Due"), lambda one: clock(one.due_nanos, with_year=True), width=150),
    Column[Review](Say("上次确认", "Confirmed"), lambda one: clock(one.confirmed_nanos, with_year=True), width=150),
    Column[Review](Say("确认人", "By"), lambda one: one.confirmed_by or "–", width=100),
    Column[Review](Say("最近登录", "Last sign-in"), lambda one: clock(one.last_sign_in_nanos), width=120),
    Column[Review](Say("可做的事", "What it may do"), lambda one: words.rights_say(one.rights), width=320),
)  # fmt: skip
_SEARCH: Final = Say("账户或责任人", "Account or owner")
_WHICH: Final = Say("范围", "Which")
_STATES: Final = (
    (account_pb2.RIGHTS_REVIEW_STATE_UNSPECIFIED, Say("到期与逾期", "due and overdue")),
    (account_pb2.RIGHTS_REVIEW_STATE_OVERDUE, Say("已逾期", "overdue")),
    (account_pb2.RIGHTS_REVIEW_STATE_DUE, Say("即将到期", "due")),
    (account_pb2.RIGHTS_REVIEW_STATE_CONFIRMED, Say("已确认", "confirmed")),
)
_EVERY: Final = Say(
    "每 {days} 天须由他人确认一次账户的权限。", "Rights must be confirmed by somebody else every {days} days."
)
_NEVER: Final = Say("服务的设置不要求复核权限。", "The service's settings do not demand reviews of rights.")
_CONFIRM: Final = Say("确认权限无误…", "The rights are right…")
_CONFIRM_ABOUT: Final = Say(
    "{name}：{rights}。需要调整时，请在“人员”中申请变更。",
    "{name}: {rights}. Where something must change, ask for it under People.",
)
_DONE: Final = Say("已确认。", "Confirmed.")


class ReviewsTab(Tab):
    """Lists accounts by when their rights must be confirmed; nobody is offered to confirm their own."""

    title = Say("权限复核", "Rights reviews")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._accounts = Accounts(desk.connection)
        self._found: list[Review] = []
        self._next = ""
        self._rule = Say("", "")
        self.list = Listing[Review](
            self.context, _NAME, _COLUMNS, lambda one: one.account, "accounts/reviews",
            Say("没有到期的权限复核", "No rights are due for a review"), search=_SEARCH,
        )  # fmt: skip
        self.list.searched.connect(lambda _: self.load())
        self.list.chosen.connect(self._choose)
        self.list.more_wanted.connect(lambda: self._ask(self._next))
        self.which = QComboBox()
        self.context.language.bind(self.which, self.which.setAccessibleName, _WHICH)
        for value, say in _STATES:
            self.which.addItem("", value)
            row = self.which.count() - 1
            self.context.language.bind(self.which, partial(self.which.setItemText, row), say)
        self.which.currentIndexChanged.connect(lambda _: self.load())
        self.list.head.addWidget(self.which)
        self._told = quiet(self.context, lambda: self._rule)
        self.column.addWidget(self._told)
        self.column.addWidget(self.list, 1)
        self.confirm = button(self.context, _CONFIRM, self._confirm)
        self.offer_below(self.confirm)
        self._choose(None)

    def load(self) -> None:
        """Ask for reviews, the most overdue first."""
        self._found = []
        self._ask("")

    def _ask(self, page: str) -> None:
        self.read("list", self._accounts.rights_reviews(self.which.currentData(), self.list.text, page), self._listed)

    def _listed(self, answer: account_service_pb2.ListRightsReviewsResponse) -> None:
        self._found = [*self._found, *answer.reviews]
        self._next = answer.next_page_token
        self._rule = _EVERY.filled(days=answer.review_days) if answer.review_days else _NEVER
        self._told.setText(self.context.language(self._rule))
        self.list.show_records(self._found, more=bool(self._next))
        self.list.choose_first()

    def _choose(self, review: Review | None) -> None:
        may = self.rights.may("account_review")
        self.confirm.setVisible(may and review is not None and review.account != self.rights.account)

    def _confirm(self) -> None:
        if (review := self.list.current()) is not None:
            about = _CONFIRM_ABOUT.filled(name=review.account, rights=words.rights_say(review.rights))
            self.ask(
                _CONFIRM, about, _CONFIRM,
                lambda told: self.do(
                    self._accounts.confirm_rights(review.account, review.version, told["reason"]), lambda _: None, _DONE
                ),
            )  # fmt: skip
