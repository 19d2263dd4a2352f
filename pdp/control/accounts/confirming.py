"""Confirming rights at set intervals (requirement B10): what is due, and somebody else's word that it is right.

Rights that are no longer right are changed by a request, as ever: who carries it out has them confirmed by that.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pdp.control.accounts import due
from pdp.control.accounts.book import copied, put_account
from pdp.control.accounts.due import State
from pdp.control.accounts.names import check_text
from pdp.control.accounts.requests import Requests
from pdp.control.steps import Who, check_reason
from pdp.errors import AccessDeniedError, RequestError, Violation, WrongStateError
from pdp.v1 import account_pb2
from pdp.v1.account_pb2 import (
    PERMISSION_ACCOUNT_REVIEW,
    RIGHTS_REVIEW_STATE_DUE,
    RIGHTS_REVIEW_STATE_OVERDUE,
    RIGHTS_REVIEW_STATE_UNSPECIFIED,
)

_WAITING: Final = (RIGHTS_REVIEW_STATE_DUE, RIGHTS_REVIEW_STATE_OVERDUE)


class ReviewPage(NamedTuple):
    """Accounts whose rights must be looked at again, the first due first; `next` is where the next page begins."""

    reviews: Sequence[account_pb2.RightsReview]
    next: str


class Confirmed(NamedTuple):
    """What a confirmation changed: the account before and after, and how its rights stand now."""

    before: account_pb2.Account
    after: account_pb2.Account
    review: account_pb2.RightsReview


class Confirmations(Requests):
    """Listing and confirming."""

    async def list_rights_reviews(
        self, *, after: str = "", limit: int = 100, state: State = RIGHTS_REVIEW_STATE_UNSPECIFIED, text: str = ""
    ) -> ReviewPage:
        """Return the accounts in a state, or those that are due or overdue; the one that is due first stands first.

        With `text` only those whose name or owner holds it. Raises RequestError for one that is too long.
        """
        check_text(text, "text")
        part = text.casefold()
        fitting = (review for review in await self._reviews() if part in f"{review.account}\n{review.owner}".casefold())
        reviews = {_place(review): review for review in fitting}
        wanted = _WAITING if state == RIGHTS_REVIEW_STATE_UNSPECIFIED else (state,)
        places = [place for place in sorted(reviews) if place > after and reviews[place].state in wanted]
        more = places[limit - 1] if len(places) > limit else ""
        return ReviewPage([reviews[place] for place in places[:limit]], more)

    async def count_rights_reviews(self) -> Mapping[State, int]:
        """Return how many accounts are in each state."""
        rules, now = self.rules.review, self._clock()
        everybody = filter(due.is_reviewed, await self.all_accounts())
        return collections.Counter(due.state(account, rules, now) for account in everybody)

    async def confirm_rights(self, name: str, version: int, who: Who) -> Confirmed:
        """Say that the rights an account has at a version are right; what was found is required as the reason.

        Raises RequestError, NotFoundError, AccessDeniedError for who may not, and for one's own account or another of
        the same owner, WrongStateError for an account that is closed or has changed since.
        """
        check_reason(who, required=True)
        if version < 1:
            raise RequestError(Violation("version", "is required: that of the rights which were looked at"))
        return await self._insist(lambda: self._confirm(name, version, who))

    async def _confirm(self, name: str, version: int, who: Who) -> Confirmed:
        acting = await self._acting(who.actor, PERMISSION_ACCOUNT_REVIEW)
        found = await self._account(name)
        if due.is_same_person(acting.account, found.account):
            raise AccessDeniedError(f"`{who.actor}` cannot confirm their own rights; somebody else has to look at them")
        if not due.is_reviewed(found.account):
            raise WrongStateError(f"the account `{name}` is closed, and has no rights")
        if found.account.version != version:
            raise WrongStateError(
                f"the account `{name}` has changed since it was looked at: it is at version {found.account.version}, "
                f"not {version}; look again"
            )
        after = copied(found.account)
        after.rights_confirmed.CopyFrom(
            account_pb2.RightsConfirmation(actor=who.actor, time_nanos=self._clock(), reason=who.reason)
        )
        # INVARIANT: who confirms still has the right, and is still somebody else, when it is written.
        await self._commit([found.unchanged, acting.unchanged], [put_account(after)])
        review = due.review_of(after, [], self.rules.review, self._clock())
        return Confirmed(found.account, after, review)

    async def _reviews(self) -> list[account_pb2.RightsReview]:
        everybody, rules, now = await self.all_accounts(), self.rules.review, self._clock()
        others = due.free(everybody, rules, now)
        return [due.review_of(account, others, rules, now) for account in everybody if due.is_reviewed(account)]


def _place(review: account_pb2.RightsReview) -> str:
    """Return where an account stands in the list."""
    return f"{review.due_nanos:020d}{review.account}"
