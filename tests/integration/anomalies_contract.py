"""What anomalies and their reviews must do, whatever the store."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC

import pytest

from pdp.control import layout
from pdp.control.accounts import AccountRules, AnomalyRules, PlaceTable, failures
from pdp.control.accounts.raising import new_anomaly, put_anomaly
from pdp.control.accounts.unusual import USUAL_ACTIONS
from pdp.control.steps import Who
from pdp.errors import (
    AccessDeniedError,
    ConflictError,
    NotFoundError,
    PdpError,
    RequestError,
    SignInError,
    WrongStateError,
)
from pdp.lang.loader.places import PlaceSpec
from pdp.v1 import account_pb2, anomaly_pb2
from tests.integration.accounts_contract import fails
from tests.integration.accounts_steps import USER, Hands, Office, Person, office
from tests.integration.kv_steps import Opener, put, scenario

NEW_DEVICE = anomaly_pb2.ANOMALY_CLASS_NEW_DEVICE
MANY_FAILURES = anomaly_pb2.ANOMALY_CLASS_MANY_FAILURES
TRAVEL = anomaly_pb2.ANOMALY_CLASS_IMPOSSIBLE_TRAVEL
LOCK, FLAG = anomaly_pb2.ANOMALY_ACTION_LOCK, anomaly_pb2.ANOMALY_ACTION_FLAG
OPEN = anomaly_pb2.ANOMALY_STATE_OPEN
LEGITIMATE, COMPROMISED = anomaly_pb2.ANOMALY_STATE_LEGITIMATE, anomaly_pb2.ANOMALY_STATE_COMPROMISED
PLACES = PlaceTable.of(
    [PlaceSpec("上海", 31.2, 121.5, ("10.1.0.0/16",)), PlaceSpec("北京", 39.9, 116.4, ("10.2.0.0/16",))]
)


def rules(**actions: anomaly_pb2.AnomalyAction) -> AccountRules:
    """Return rules by which these classes are dealt with so."""
    named = {anomaly_pb2.AnomalyClass.Value(f"ANOMALY_CLASS_{name.upper()}"): do for name, do in actions.items()}
    anomalies = AnomalyRules({**USUAL_ACTIONS, **named}, places=PLACES)
    return AccountRules(failure_seconds=0, zone=UTC, anomalies=anomalies)


async def staff(here: Office) -> tuple[Person, Person, Person]:
    """Make two Admins, and somebody else who signs in from Shanghai."""
    one, two = await here.admins(2)
    person = await here.hire(one, two, "zhang", USER)
    await here.set_up(person)
    await here.sign_in(person, address="10.1.0.7")
    return one, two, person


async def only(here: Office, **given: object) -> anomaly_pb2.Anomaly:
    """Return the one anomaly of `zhang` that there is."""
    (found,) = (await here.accounts.list_anomalies(account="zhang", **given)).anomalies  # type: ignore[arg-type]
    return found


async def outcome(work: object) -> str:
    try:
        await work  # type: ignore[misc]
    except PdpError as error:
        return error.code
    return "done"


class AnomaliesContract(ABC):
    """The tests; a subclass gives the fixture `open_store`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @scenario
    async def test_what_is_flagged_waits_once_and_is_counted(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, _, person = await staff(here)
            before, counted = await here.accounts.get("zhang"), here.accounts.unusual.copy()
            done = await here.sign_in(person, device=b"1" * 32, address="10.1.0.8")
            assert (done.unusual, [a.kind for a in done.anomalies]) == (["new_device"], [NEW_DEVICE])
            first = await only(here)
            assert (first.state, first.action, first.count, first.address) == (OPEN, FLAG, 1, "10.1.0.8")
            assert first.first_nanos == first.last_nanos
            again = await here.sign_in(person, device=b"2" * 32, address="10.1.0.9")
            assert [a.id for a in again.anomalies] == [first.id]
            second = await only(here)
            assert (second.count, second.address) == (2, "10.1.0.9")
            assert second.last_nanos > second.first_nanos == first.first_nanos
            assert (await here.accounts.get("zhang")).version == before.version
            # What is merely recorded waits for nobody.
            elsewhere = await here.sign_in(person, address="192.0.2.1")
            assert (elsewhere.unusual, elsewhere.anomalies) == (["new_network"], ())
            assert here.accounts.unusual - counted == {"new_device": 2, "new_network": 1}
            reviewed = await here.accounts.review_anomaly(first.id, LEGITIMATE, Who(one.name, "a new laptop"))
            assert (reviewed.anomaly.state, reviewed.anomaly.reviewer) == (LEGITIMATE, one.name)
            await here.sign_in(person, device=b"3" * 32, address="10.1.0.8")
            page = await here.accounts.list_anomalies(account="zhang")
            assert [(a.state, a.count) for a in page.anomalies] == [(OPEN, 1), (LEGITIMATE, 2)]

    @scenario
    async def test_a_rule_locks_and_a_review_unlocks(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules(impossible_travel=LOCK)) as here:
            one, two, person = await staff(here)
            kept = await here.sign_in(person, address="10.1.0.7")
            error = await fails(here, person, "anomaly", address="10.2.0.7")
            here.clock.later(30)
            assert error.locked
            found = await only(here, kind=TRAVEL)
            assert found.action == LOCK
            assert (found.details["from"], found.details["to"]) == ("上海", "北京")
            assert error.details["unusual"] == "new_network, impossible_travel"
            assert error.details["locked_by.after"] == error.details["anomalies"] == found.id
            assert (error.details["state.before"], error.details["state.after"]) == ("active", "locked")
            account = await here.accounts.get("zhang")
            assert (account.state, account.locked_by) == (account_pb2.ACCOUNT_STATE_LOCKED, found.id)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(kept.token, person.device)
            await fails(here, person, "locked", address="10.1.0.7")
            with pytest.raises(WrongStateError, match=f"review the anomaly {found.id}"):
                await here.accounts.unlock("zhang", Who(one.name, "asked on the telephone"))
            done = await here.accounts.review_anomaly(found.id, LEGITIMATE, Who(two.name, "flew, and the clock is off"))
            assert done.after is not None
            assert (done.after.state, done.after.locked_by) == (account_pb2.ACCOUNT_STATE_ACTIVE, "")
            await here.sign_in(person, address="10.1.0.7")

    @scenario
    async def test_what_was_in_order_is_known_from_then_on(self, open_store: Opener) -> None:
        locking = rules(new_device=LOCK, impossible_travel=LOCK)
        async with open_store() as store, office(store, rules=locking) as here:
            one, _, person = await staff(here)
            laptop = b"1" * 32
            await fails(here, person, "anomaly", device=laptop, address="10.2.0.7")
            here.clock.later(30)
            for _ in range(2):
                waiting = await here.accounts.list_anomalies(account="zhang", state=OPEN)
                await here.accounts.review_anomaly(waiting.anomalies[0].id, LEGITIMATE, Who(one.name, "a new laptop"))
            again = await here.sign_in(person, device=laptop, address="10.2.0.7")
            assert again.unusual == []
            # Another one is as strange as before.
            await fails(here, person, "anomaly", device=b"2" * 32, address="10.2.0.7")

    @scenario
    async def test_what_was_compromised_stays_strange(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules(new_device=LOCK)) as here:
            one, _, person = await staff(here)
            await fails(here, person, "anomaly", device=b"1" * 32, address="10.1.0.7")
            found = await only(here)
            await here.accounts.review_anomaly(found.id, COMPROMISED, Who(one.name, "it was not them"))
            account = await here.accounts.get("zhang")
            assert len(account.devices) == 1

    @scenario
    async def test_what_was_compromised_is_reset_before_it_is_unlocked(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two, person = await staff(here)
            session = await here.sign_in(person, device=b"1" * 32, address="10.1.0.7")
            found = await only(here)
            done = await here.accounts.review_anomaly(found.id, COMPROMISED, Who(one.name, "it was not them"))
            assert done.after is not None
            assert (done.after.state, done.after.compromised) == (account_pb2.ACCOUNT_STATE_LOCKED, True)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(session.token, b"1" * 32)
            await fails(here, person, "locked", address="10.1.0.7")
            with pytest.raises(WrongStateError, match="reset first"):
                await here.accounts.unlock("zhang", Who(one.name, "again"))
            password = await here.carry_out(
                account_pb2.REQUEST_KIND_RESET, account_pb2.Account(name="zhang"), one, two
            )  # fmt: skip
            await here.accounts.unlock("zhang", Who(one.name, "seen in person"))
            renewed = Person("zhang", password)
            assert (await here.set_up(renewed)).account.state == account_pb2.ACCOUNT_STATE_ACTIVE

    @scenario
    async def test_nobody_reviews_their_own_and_others_need_the_right(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules()) as here:
            one, two, person = await staff(here)
            await here.sign_in(one, device=b"1" * 32)
            (found,) = (await here.accounts.list_anomalies(account=one.name)).anomalies
            for who, words in ((one.name, "themselves"), (person.name, "security-review"), ("nobody", "security")):
                with pytest.raises(AccessDeniedError, match=words):
                    await here.accounts.review_anomaly(found.id, LEGITIMATE, Who(who, "fine"))
            for verdict in (anomaly_pb2.ANOMALY_STATE_UNSPECIFIED, OPEN):
                with pytest.raises(RequestError, match="verdict"):
                    await here.accounts.review_anomaly(found.id, verdict, Who(two.name, "fine"))
            with pytest.raises(RequestError, match="reason"):
                await here.accounts.review_anomaly(found.id, LEGITIMATE, Who(two.name, " "))
            for unknown in ("0" * 17, "../head", ""):
                with pytest.raises(NotFoundError):
                    await here.accounts.review_anomaly(unknown, LEGITIMATE, Who(two.name, "fine"))

    @scenario
    async def test_of_two_reviews_at_once_one_counts(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, office(store, clock, rules()) as here, office(store, clock, rules()) as there:
            one, two, person = await staff(here)
            await here.sign_in(person, device=b"1" * 32, address="10.1.0.7")
            found = await only(here)
            tries = [
                at.accounts.review_anomaly(found.id, verdict, Who(who.name, "looked"))
                for at, verdict, who in ((here, LEGITIMATE, one), (there, COMPROMISED, two))
            ]
            assert sorted(await asyncio.gather(*map(outcome, tries))) == ["conflict", "done"]
            kept = await only(here)
            account = await here.accounts.get("zhang")
            assert account.compromised == (kept.state == COMPROMISED)
            assert not account.open_anomalies
            with pytest.raises(ConflictError, match=f"`{kept.reviewer}` reviewed this already"):
                await here.accounts.review_anomaly(found.id, LEGITIMATE, Who(two.name, "late"))

    @scenario
    async def test_no_rule_locks_the_last_admin_or_the_last_reviewer(self, open_store: Opener) -> None:
        async with open_store() as store, office(store, rules=rules(new_device=LOCK)) as here:
            one = await here.first()
            done = await here.sign_in(one, device=b"1" * 32)
            assert [a.action for a in done.anomalies] == [FLAG]
            two = await here.hire(one, one, "admin-1")
            await here.set_up(two)
            await fails(here, one, "anomaly", device=b"2" * 32)
            here.clock.later(30)
            # The other one is the last who could unlock anybody.
            done = await here.sign_in(two, device=b"3" * 32)
            assert [a.action for a in done.anomalies] == [FLAG]
            found = (await here.accounts.list_anomalies(account=one.name)).anomalies[0]
            flagged = (await here.accounts.list_anomalies(account=two.name)).anomalies[0]
            third = await here.accounts.get(one.name)
            third.state = account_pb2.ACCOUNT_STATE_ACTIVE
            third.level, third.name = account_pb2.ACCOUNT_LEVEL_MANAGER, "watcher"
            await put(store, layout.ACCOUNTS + "watcher", third.SerializeToString())
            with pytest.raises(WrongStateError, match="last active Admin"):
                await here.accounts.review_anomaly(flagged.id, COMPROMISED, Who("watcher", "not them"))
            await here.accounts.review_anomaly(found.id, LEGITIMATE, Who(two.name, "a new telephone"))
            await here.sign_in(one)

    @scenario
    async def test_many_failures_wait_for_a_look_and_lock_when_told(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, office(store, clock, rules()) as here:
            _, _, person = await staff(here)
            wrong = Person("zhang", "wrong")
            for number in range(9):
                error = await fails(here, wrong, "password", address="203.0.113.5")
                assert bool(error.details) == (number + 1 in (6, 9))
                clock.later(failures.LOCK_SECONDS[number // 3] + 1)
            found = await only(here)
            assert (found.kind, found.count, found.address) == (MANY_FAILURES, 2, "203.0.113.5")
            assert found.details == {"failures": "9"}
            assert (await here.sign_in(person, address="10.1.0.7")).unusual == ["many_failures"]
            assert (await only(here)).count == 3
        async with open_store() as store, office(store, clock, rules(many_failures=LOCK)) as strict:
            for number in range(6):
                error = await fails(strict, wrong, "password")
                clock.later(failures.LOCK_SECONDS[number // 3] + 1)
            assert error.locked
            assert error.details["state.after"] == "locked"
            await fails(strict, person, "locked")

    @scenario
    async def test_the_list_is_filtered_paged_and_forgotten(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, office(store, clock, rules()) as here:
            one, _, _ = await staff(here)
            for number in range(7):
                clock.later(1)
                kind = TRAVEL if number % 2 else MANY_FAILURES
                made = new_anomaly(kind, f"a{number}", clock.now)
                if number > 3:
                    made.state, made.reviewed_nanos = LEGITIMATE, clock.now
                change = put_anomaly(made)
                await put(store, change.key, change.value)
            first = await here.accounts.list_anomalies(limit=5)
            rest = await here.accounts.list_anomalies(after=first.next, limit=5)
            names = [a.account for a in (*first.anomalies, *rest.anomalies)]
            assert (names, rest.next) == ([f"a{number}" for number in range(6, -1, -1)], "")
            closed = await here.accounts.list_anomalies(state=LEGITIMATE)
            assert [a.account for a in closed.anomalies] == ["a6", "a5", "a4"]
            travels = await here.accounts.list_anomalies(kind=TRAVEL, state=OPEN, limit=1)
            assert ([a.account for a in travels.anomalies], bool(travels.next)) == (["a3"], True)
            await here.accounts.forget_anomalies(clock.now)
            left = await here.accounts.list_anomalies()
            assert [a.account for a in left.anomalies] == ["a6", "a3", "a2", "a1", "a0"]
            await here.accounts.review_anomaly(left.anomalies[1].id, COMPROMISED, Who(one.name, "no such account"))
