"""When rights must be confirmed again, and that limiting who is overdue leaves nobody alone outside."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdp.control.accounts.book import leads
from pdp.control.accounts.due import (
    READING,
    SOON_DAYS,
    ReviewRules,
    due,
    free,
    is_reading_only,
    may_confirm,
    reading,
    state,
)
from pdp.control.accounts.permissions import BRINGS, MAY_HAVE, all_rights, rights_of
from pdp.v1 import account_pb2
from pdp.v1.account_pb2 import (
    RIGHTS_REVIEW_STATE_CONFIRMED,
    RIGHTS_REVIEW_STATE_DUE,
    RIGHTS_REVIEW_STATE_OVERDUE,
)

DAY = 86_400 * 10**9
NOW = 1_000 * DAY
RULES = ReviewRules(90, limits=True)
LEVELS = sorted(MAY_HAVE)


@st.composite
def people(draw: st.DrawFn) -> list[account_pb2.Account]:
    """Some accounts of any level, state, rights and age; some belong to the same owner."""
    found = []
    for number in range(draw(st.integers(1, 7))):
        level = draw(st.sampled_from(LEVELS))
        found.append(
            account_pb2.Account(
                name=f"n{number}",
                owner=draw(st.sampled_from(["Li", " li", "Chen", "Wang"])),
                level=level,
                rights=[right for right in all_rights(level) if draw(st.booleans())],
                state=draw(st.sampled_from([1, 1, 1, 2, 3])),
                created_nanos=NOW - draw(st.integers(0, 200)) * DAY,
            )
        )
    return found


@given(people())
def test_whoever_is_limited_has_somebody_who_is_not_to_confirm_it(everybody: list[account_pb2.Account]) -> None:
    others = free(everybody, RULES, NOW)
    limited = {one.name for one in everybody if is_reading_only(one, others, RULES, NOW)}
    unlimited = [one for one in everybody if one.name not in limited]
    for one in everybody:
        if one.name in limited:
            assert state(one, RULES, NOW) == RIGHTS_REVIEW_STATE_OVERDUE
            assert any(may_confirm(other, one) for other in unlimited)
    # Nobody who leads accounts is limited unless somebody who leads them is not.
    if any(leads(one) for one in everybody):
        assert any(leads(one) for one in unlimited)


@given(people())
def test_who_is_limited_reads_what_they_could_read_and_nothing_more(everybody: list[account_pb2.Account]) -> None:
    for one in everybody:
        before = {right.permission for right in rights_of(one)}
        assert {right.permission for right in rights_of(reading(one))} == before & READING


def test_what_levels_bring_is_all_reading() -> None:
    assert frozenset().union(*BRINGS.values()) <= READING


def test_due_comes_two_weeks_before_overdue() -> None:
    account = account_pb2.Account(created_nanos=NOW, created_by="li")
    until = NOW + 90 * DAY
    assert due(account, RULES) == until
    soon = until - SOON_DAYS * DAY
    told = [state(account, RULES, now) for now in (NOW, soon - 1, soon, until - 1, until)]
    confirmed, waiting = RIGHTS_REVIEW_STATE_CONFIRMED, RIGHTS_REVIEW_STATE_DUE
    assert told == [confirmed, confirmed, waiting, waiting, RIGHTS_REVIEW_STATE_OVERDUE]
    account.rights_confirmed.time_nanos = until
    assert state(account, RULES, until) == confirmed
    # An interval shorter than the notice: due from the first day on.
    assert state(account, ReviewRules(7), until) == waiting
    assert state(account, ReviewRules(0), 10**6 * DAY) == confirmed
