"""When rights must be looked at again (requirement B10), and what somebody may do whose rights were not.

Rights are confirmed when an account is made, when a request for it is carried out that somebody else approved, and when
somebody else says that they are still right. Everything here is a question about accounts and one moment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from pdp.control.accounts.book import copied, leads
from pdp.control.accounts.permissions import allows, rights_of
from pdp.v1 import account_pb2
from pdp.v1.account_pb2 import (
    ACCOUNT_STATE_CLOSED,
    PERMISSION_ACCOUNT_READ,
    PERMISSION_ACCOUNT_REVIEW,
    PERMISSION_CLUSTER_READ,
    PERMISSION_GRANT_READ,
    PERMISSION_POLICY_READ,
    PERMISSION_SNAPSHOT_READ,
    RIGHTS_REVIEW_STATE_CONFIRMED,
    RIGHTS_REVIEW_STATE_DUE,
    RIGHTS_REVIEW_STATE_OVERDUE,
)

State = account_pb2.RightsReviewState

SOON_DAYS: Final = 14
"""So long before it is overdue an account is due."""
READING: Final = frozenset({
    PERMISSION_ACCOUNT_READ, PERMISSION_CLUSTER_READ, PERMISSION_GRANT_READ, PERMISSION_POLICY_READ,
    PERMISSION_SNAPSHOT_READ,
})  # fmt: skip
"""What somebody may do all the same whose rights are overdue, where the settings limit them."""
_DAY: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """How many days a confirmation holds, 0 for ever; `limits`: whether who is overdue may only read."""

    days: int = 90
    limits: bool = False


def confirmed(account: account_pb2.Account) -> account_pb2.RightsConfirmation:
    """Return who last confirmed an account's rights, and when: who asked for it, where nobody has since."""
    if account.HasField("rights_confirmed"):
        return account.rights_confirmed
    return account_pb2.RightsConfirmation(actor=account.created_by, time_nanos=account.created_nanos)


def due(account: account_pb2.Account, rules: ReviewRules) -> int:
    """Return until when rights must be confirmed again, in nanoseconds since 1970; 0 for never."""
    return confirmed(account).time_nanos + rules.days * _DAY if rules.days else 0


def state(account: account_pb2.Account, rules: ReviewRules, now: int) -> State:
    """Return whether rights must be confirmed again at a time in nanoseconds since 1970."""
    until = due(account, rules)
    if not until or now < until - SOON_DAYS * _DAY:
        return RIGHTS_REVIEW_STATE_CONFIRMED
    return RIGHTS_REVIEW_STATE_DUE if now < until else RIGHTS_REVIEW_STATE_OVERDUE


def is_overdue(account: account_pb2.Account, rules: ReviewRules, now: int) -> bool:
    """Whether rights should have been confirmed."""
    return state(account, rules, now) == RIGHTS_REVIEW_STATE_OVERDUE


def is_same_person(one: account_pb2.Account, other: account_pb2.Account) -> bool:
    """Whether two accounts are the same or belong to the same person, as far as their owners are written alike."""
    owners = {account.owner.strip().casefold() for account in (one, other)}
    return one.name == other.name or len(owners) == 1


def may_confirm(judge: account_pb2.Account, account: account_pb2.Account) -> bool:
    """Whether somebody may say that an account's rights are right."""
    return allows(judge, PERMISSION_ACCOUNT_REVIEW) and not is_same_person(judge, account)


def free(everybody: Iterable[account_pb2.Account], rules: ReviewRules, now: int) -> list[account_pb2.Account]:
    """Return the accounts that are not overdue, so that nothing limits them."""
    return [account for account in everybody if not is_overdue(account, rules, now)]


def is_reading_only(
    account: account_pb2.Account, others: Collection[account_pb2.Account], rules: ReviewRules, now: int
) -> bool:
    """Whether an account may only read until its rights are confirmed; `others` are those that are `free`.

    INVARIANT: never unless somebody who is not limited can confirm it, and another active Admin leads: when all are
    overdue nobody is limited, so nobody is locked out.
    """
    if not rules.limits or not is_overdue(account, rules, now):
        return False
    led = not leads(account) or any(leads(other) for other in others)
    return led and any(may_confirm(other, account) for other in others)


def reading(account: account_pb2.Account) -> account_pb2.Account:
    """Return an account with no rights but those to read. What levels bring is all reading."""
    told = copied(account)
    kept = [right for right in account.rights if right.permission in READING]
    del told.rights[:]
    told.rights.extend(kept)
    return told


def review_of(
    account: account_pb2.Account, others: Collection[account_pb2.Account], rules: ReviewRules, now: int
) -> account_pb2.RightsReview:
    """Return what must be looked at of an account; `others` are those that are `free`."""
    last = confirmed(account)
    return account_pb2.RightsReview(
        account=account.name, owner=account.owner, level=account.level, rights=rights_of(account),
        account_state=account.state, state=state(account, rules, now), confirmed_nanos=last.time_nanos,
        confirmed_by=last.actor, due_nanos=due(account, rules), version=account.version,
        last_sign_in_nanos=account.last_sign_in_nanos, reading_only=is_reading_only(account, others, rules, now),
    )  # fmt: skip


def is_reviewed(account: account_pb2.Account) -> bool:
    """Whether an account has rights to look at at all: one that is closed has none."""
    return account.state != ACCOUNT_STATE_CLOSED
