"""What the periodic review of rights must do, whatever the store (requirement B10)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC

import pytest

from pdp.control.accounts import AccountRules, ReviewRules, Signed
from pdp.control.accounts.due import SOON_DAYS
from pdp.control.accounts.telling import differences
from pdp.control.steps import Who
from pdp.errors import AccessDeniedError, NotFoundError, PdpError, RequestError, WrongStateError
from pdp.v1 import account_pb2
from pdp.v1.account_pb2 import (
    PERMISSION_ACCOUNT_APPROVE,
    PERMISSION_ACCOUNT_REVIEW,
    PERMISSION_POLICY_WRITE,
    PERMISSION_SNAPSHOT_READ,
    REQUEST_KIND_CHANGE,
    REQUEST_KIND_CLOSE,
    RIGHTS_REVIEW_STATE_CONFIRMED,
    RIGHTS_REVIEW_STATE_DUE,
    RIGHTS_REVIEW_STATE_OVERDUE,
)
from tests.integration.accounts_steps import MANAGER, PASSWORD, RISK, USER, Office, Person, office
from tests.integration.kv_steps import Opener, scenario

DAY = 86_400
DAYS = 60
CONFIRMED, DUE, OVERDUE = RIGHTS_REVIEW_STATE_CONFIRMED, RIGHTS_REVIEW_STATE_DUE, RIGHTS_REVIEW_STATE_OVERDUE


def rules(*, limits: bool = False, days: int = DAYS) -> AccountRules:
    return AccountRules(failure_seconds=0, zone=UTC, review=ReviewRules(days, limits))


def rights(*permissions: account_pb2.Permission) -> list[account_pb2.Right]:
    return [account_pb2.Right(permission=permission) for permission in permissions]


async def waiting(here: Office) -> list[tuple[str, int]]:
    """Return who is due or overdue, in the order that they are listed."""
    return [(item.account, item.state) for item in (await here.accounts.list_rights_reviews()).reviews]


async def version(here: Office, name: str) -> int:
    return (await here.accounts.get(name)).version


async def confirm(here: Office, name: str, judge: Person) -> account_pb2.RightsReview:
    who = Who(judge.name, "still needed")
    return (await here.accounts.confirm_rights(name, await version(here, name), who)).review


async def session(here: Office, person: Person) -> Signed:
    """Sign in, and return what a call of this session is judged by."""
    done = await here.sign_in(person)
    signed = await here.accounts.authenticate(done.token, person.device)
    assert done.signed.session.reading_only == signed.session.reading_only
    return signed


class ConfirmingContract(ABC):
    """The tests; a subclass gives the fixture `open_store`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @scenario
    async def test_what_is_due_is_listed_until_somebody_else_confirms_it(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two = await here.admins(2)
            assert await waiting(here) == []
            here.clock.later((DAYS - SOON_DAYS) * DAY)
            assert await waiting(here) == [(one.name, DUE), (two.name, DUE)]
            here.clock.later(SOON_DAYS * DAY)
            await here.hire(one, two, "zhang", USER, rights=rights(PERMISSION_POLICY_WRITE))
            page = await here.accounts.list_rights_reviews()
            assert [(item.account, item.state) for item in page.reviews] == [(one.name, OVERDUE), (two.name, OVERDUE)]
            first, second = page.reviews
            # The first one was made by a token; of the second one who asked approved alone, which is no second look.
            assert (first.confirmed_by, second.confirmed_by) == ("first-account token", one.name)
            assert first.due_nanos - first.confirmed_nanos == DAYS * DAY * 10**9
            assert first.last_sign_in_nanos > 0
            assert PERMISSION_ACCOUNT_APPROVE in [right.permission for right in first.rights]
            here.clock.later(1)
            done = await confirm(here, one.name, two)
            assert (done.state, done.confirmed_by, done.confirmed_nanos) == (CONFIRMED, two.name, here.clock.now)
            assert await waiting(here) == [(two.name, OVERDUE)]
            account = await here.accounts.get(one.name)
            assert (account.rights_confirmed.actor, account.rights_confirmed.reason) == (two.name, "still needed")
            assert await here.accounts.count_rights_reviews() == {CONFIRMED: 2, OVERDUE: 1}
            # It does not touch what the account is: a request that was made from it still counts.
            assert account.version == first.version
            here.clock.later(DAYS * DAY)
            assert await waiting(here) == [(two.name, OVERDUE), ("zhang", OVERDUE), (one.name, OVERDUE)]

    @scenario
    async def test_pages_hold_everybody_once_and_in_order(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two = await here.admins(2)
            for number in range(5):
                await here.hire(one, two, f"u{number}", USER)
                here.clock.later(DAY)
            await here.carry_out(REQUEST_KIND_CLOSE, account_pb2.Account(name="u3"), one, two)
            here.clock.later(2 * DAYS * DAY)
            seen: list[str] = []
            after = ""
            while True:
                page = await here.accounts.list_rights_reviews(after=after, limit=2)
                seen += [item.account for item in page.reviews]
                if not page.next:
                    break
                assert len(page.reviews) == 2
                after = page.next
            assert seen == [one.name, two.name, "u0", "u1", "u2", "u4"]
            only = await here.accounts.list_rights_reviews(state=CONFIRMED)
            assert not only.reviews
            # Names and owners are looked through, whatever the case; a page goes on among the same ones.
            some = await here.accounts.list_rights_reviews(text="U", limit=3)
            assert [item.account for item in some.reviews] == ["u0", "u1", "u2"]
            rest = await here.accounts.list_rights_reviews(text="U", limit=3, after=some.next)
            assert ([item.account for item in rest.reviews], rest.next) == (["u4"], "")
            [chen] = (await here.accounts.list_rights_reviews(text="cHEN w")).reviews
            assert (chen.account, chen.owner) == (one.name, "Chen Wei")
            assert not (await here.accounts.list_rights_reviews(text="u3")).reviews
            with pytest.raises(RequestError):
                await here.accounts.list_rights_reviews(text="u" * 201)

    @scenario
    async def test_nobody_confirms_their_own_or_what_they_did_not_see(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two = await here.admins(2)
            person = await here.hire(one, two, "wang", MANAGER, rights=rights(PERMISSION_SNAPSHOT_READ))
            mine = account_pb2.Account(
                name="wang-2", owner=" WANG in person", level=MANAGER, rights=rights(PERMISSION_ACCOUNT_REVIEW)
            )
            await here.carry_out(account_pb2.REQUEST_KIND_CREATE, mine, one, two)
            seen = await version(here, "wang")

            async def refused(name: str, actor: str, number: int, reason: str = "seen") -> type[PdpError]:
                with pytest.raises(PdpError) as caught:
                    await here.accounts.confirm_rights(name, number, Who(actor, reason))
                return type(caught.value)

            assert await refused(one.name, one.name, await version(here, one.name)) is AccessDeniedError
            # Two accounts of the same person are one person.
            assert await refused("wang", "wang-2", seen) is AccessDeniedError
            assert await refused(two.name, person.name, await version(here, two.name)) is AccessDeniedError
            assert await refused("wang", "nobody", seen) is AccessDeniedError
            assert await refused("nobody", one.name, 1) is NotFoundError
            assert await refused("wang", one.name, 0) is RequestError
            assert await refused("wang", one.name, seen, " ") is RequestError
            wanted = account_pb2.Account(
                name="wang", owner="wang in person", level=MANAGER, rights=rights(PERMISSION_ACCOUNT_REVIEW)
            )
            await here.carry_out(REQUEST_KIND_CHANGE, wanted, one, two)
            assert await refused("wang", one.name, seen) is WrongStateError
            await here.carry_out(REQUEST_KIND_CLOSE, account_pb2.Account(name="wang"), one, two)
            assert await refused("wang", one.name, await version(here, "wang")) is WrongStateError

    @scenario
    async def test_a_change_that_others_approved_confirms_what_then_is(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two = await here.admins(2)
            await here.hire(one, two, "zhang", USER)
            here.clock.later(2 * DAYS * DAY)
            assert ("zhang", OVERDUE) in await waiting(here)
            wanted = account_pb2.Account(name="zhang", owner="zhang in person", level=USER)
            request = await here.accounts.ask(REQUEST_KIND_CHANGE, wanted, RISK, Who(one.name, "too much"))
            await here.accounts.review(request.id, Who(two.name, "seen"))
            await here.accounts.approve(request.id, Who(two.name))
            assert ("zhang", OVERDUE) in await waiting(here)
            done = await here.accounts.execute(request.id, Who(one.name))
            assert done.after.rights_confirmed.actor == two.name
            assert two.name in differences(done.before, done.after)["confirmed.after"]
            assert "zhang" not in dict(await waiting(here))

    @scenario
    async def test_who_is_overdue_may_only_read_where_the_settings_say_so(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules(limits=True)) as here:
            one, two = await here.admins(2)
            judge = await here.hire(
                one, two, "wang", MANAGER, rights=rights(PERMISSION_ACCOUNT_REVIEW, PERMISSION_SNAPSHOT_READ)
            )
            await here.set_up(judge)
            here.clock.later(2 * DAYS * DAY)
            # All are overdue, so nobody could confirm anybody: nobody is limited.
            for person in (one, two, judge):
                assert not (await session(here, person)).session.reading_only
            await confirm(here, one.name, two)
            limited = await session(here, judge)
            assert limited.session.reading_only
            assert not limited.session.limited
            assert [right.permission for right in limited.account.rights] == [PERMISSION_SNAPSHOT_READ]
            # Even a call that came through judges nothing.
            with pytest.raises(AccessDeniedError, match="overdue for a review"):
                await confirm(here, two.name, judge)
            # One's own password stays one's own.
            await here.accounts.change_password(limited, judge.password, f"{PASSWORD}-next")
            judge.password = f"{PASSWORD}-next"
            assert len((await here.accounts.get(judge.name)).rights) == 2
            await confirm(here, judge.name, one)
            assert not (await session(here, judge)).session.reading_only

    @scenario
    async def test_the_last_who_may_confirm_or_lead_is_never_limited(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules(limits=True)) as here:
            one, two = await here.admins(2)
            here.clock.later(2 * DAYS * DAY)
            # Somebody who is not overdue may confirm, but does not lead: the Admins go on.
            judge = await here.hire(one, two, "wang", MANAGER, rights=rights(PERMISSION_ACCOUNT_REVIEW))
            for person in (one, two):
                assert not (await session(here, person)).session.reading_only
            await confirm(here, one.name, two)
            assert (await session(here, two)).session.reading_only
            # Whom it limits takes nobody else out either, and who is left is not limited.
            await here.accounts.lock(judge.name, Who(one.name, "test"))
            assert (await session(here, two)).session.reading_only
            with pytest.raises(AccessDeniedError, match="overdue for a review"):
                await here.accounts.lock(one.name, Who(two.name, "test"))
            here.clock.later(2 * DAYS * DAY)
            for person in (one, two):
                assert not (await session(here, person)).session.reading_only

    @scenario
    async def test_without_an_interval_nothing_is_due(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules(days=0, limits=True)) as here:
            people = await here.admins(2)
            here.clock.later(3650 * DAY)
            assert await waiting(here) == []
            assert not (await session(here, people[0])).session.reading_only
            page = await here.accounts.list_rights_reviews(state=CONFIRMED)
            assert [item.due_nanos for item in page.reviews] == [0, 0]

    @scenario
    async def test_a_right_that_is_taken_away_meanwhile_confirms_nothing(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two = await here.admins(2)
            judge = await here.hire(one, two, "wang", MANAGER, rights=rights(PERMISSION_ACCOUNT_REVIEW))
            for name in ("a", "b", "c", "d"):
                await here.hire(one, two, name, USER)
            before = {name: (await here.accounts.get(name)).rights_confirmed.actor for name in ("a", "b", "c", "d")}
            assert set(before.values()) == {two.name}
            outcomes: Sequence[object] = await asyncio.gather(
                *(confirm(here, name, judge) for name in before),
                here.accounts.lock(judge.name, Who(one.name, "test")),
                return_exceptions=True,
            )
            # Each is one or the other, as the store tells.
            for name, outcome in zip(before, outcomes, strict=False):
                actor = (await here.accounts.get(name)).rights_confirmed.actor
                assert actor == (two.name if isinstance(outcome, AccessDeniedError) else judge.name)
                assert isinstance(outcome, AccessDeniedError | account_pb2.RightsReview)
            with pytest.raises(AccessDeniedError):
                await confirm(here, "a", judge)
