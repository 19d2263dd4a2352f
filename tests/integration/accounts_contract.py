"""What accounts must do, whatever the store."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC

import pytest

from pdp.control import layout
from pdp.control.accounts import AccountRules, PasswordRules, SessionRules, failures, totp
from pdp.control.accounts.requests import content_hash
from pdp.control.kv.base import Delete, Put
from pdp.control.steps import Who
from pdp.errors import (
    AccessDeniedError,
    NotFoundError,
    PdpError,
    RequestError,
    SignInError,
    WrongStateError,
)
from pdp.v1 import account_pb2
from tests.integration.accounts_steps import (
    ADMIN,
    MANAGER,
    PASSWORD,
    RISK,
    USER,
    Hands,
    Office,
    Person,
    office,
    quick_hasher,
)
from tests.integration.kv_steps import Opener, scenario

CREATE, CHANGE = account_pb2.REQUEST_KIND_CREATE, account_pb2.REQUEST_KIND_CHANGE
CLOSE, RESET = account_pb2.REQUEST_KIND_CLOSE, account_pb2.REQUEST_KIND_RESET


async def fails(office: Office, person: Person, reason: str, **more: object) -> SignInError:
    """Sign in, which fails for a reason that nobody outside is told."""
    with pytest.raises(SignInError) as caught:
        await office.accounts.sign_in(person.attempt(office.clock, **more))
    assert caught.value.reason == reason
    return caught.value


async def outcome(work: object) -> str:
    try:
        await work  # type: ignore[misc]
    except PdpError as error:
        return error.code
    return "done"


class AccountsContract(ABC):
    """The tests; a subclass gives the fixture `open_store`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @scenario
    async def test_the_first_account_needs_the_token_and_there_is_one(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            first, second = await here.accounts.make_first_token(), await here.accounts.make_first_token()
            assert first
            assert second
            assert first != second
            assert first.encode() not in b"".join(item.value for item in (await store.range("")).items)
            with pytest.raises(SignInError):
                await here.accounts.create_first("wrong", "root", "Chen", PASSWORD)
            here.clock.later(86_400)
            with pytest.raises(SignInError):
                await here.accounts.create_first(first, "root", "Chen", PASSWORD)
            here.clock.later(-1)
            with pytest.raises(RequestError, match="upper-case"):
                await here.accounts.create_first(first, "root", "Chen", "long enough but plain")
            await here.accounts.create_first(first, "root", "Chen", PASSWORD)
            for token in (first, second):
                with pytest.raises(SignInError):
                    await here.accounts.create_first(token, "other", "Chen", PASSWORD)
            assert await here.accounts.make_first_token() is None

    @scenario
    async def test_two_at_once_make_one_first_account(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here, office(store) as there:
            tokens = [await here.accounts.make_first_token(), await there.accounts.make_first_token()]
            made = [
                outcome(at.accounts.create_first(str(token), name, "Chen", PASSWORD))
                for at, token, name in zip((here, there), tokens, ("root-a", "root-b"), strict=True)
            ]
            assert sorted(await asyncio.gather(*made)) == ["done", "sign_in"]

    @scenario
    async def test_without_a_second_factor_a_session_is_limited(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            assert len(person.recovery) == 10
            signed = (await here.sign_in(person)).signed
            assert (list(signed.session.factors), signed.session.limited) == (["password", "totp"], False)
            await fails(here, person, "no_code", code="")
            await fails(here, person, "code", code="000000")

    @scenario
    async def test_a_code_counts_once_even_at_two_nodes_at_once(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, office(store, clock) as here, office(store, clock) as there:
            person = await here.first()
            tries = [outcome(at.accounts.sign_in(person.attempt(clock))) for at in (here, there)]
            assert sorted(await asyncio.gather(*tries)) == ["done", "sign_in"]
            await fails(here, person, "code")
            clock.later(totp.STEP_SECONDS)
            await here.sign_in(person)

    @scenario
    async def test_a_recovery_code_counts_once(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            shown = person.recovery[3].upper().replace("-", " ")
            done = await here.sign_in(person, code=shown)
            assert list(done.signed.session.factors) == ["password", "recovery"]
            assert len(done.signed.account.recovery_hashes) == 9
            await fails(here, person, "code", code=shown)

    @scenario
    async def test_every_third_failure_locks_for_longer_and_nodes_count_together(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, office(store, clock) as here, office(store, clock) as there:
            await here.admins(2)
            person = Person("admin-1", "wrong")
            for number, seconds in enumerate(failures.LOCK_SECONDS):
                first = await fails(here, person, "password")
                await fails(there, person, "password")
                last = await fails(here, person, "password")
                assert (first.failures, last.failures) == (3 * number + 1, 3 * number + 3)
                assert (first.locked, last.locked) == (False, True)
                clock.later(seconds - 1)
                # What comes in between neither counts nor shows whether it fits.
                assert (await fails(there, person, "waiting")).failures == 3 * number + 3
                clock.later(2)
            for _ in range(2):
                await fails(here, person, "password")
            assert (await fails(there, person, "password")).locked
            clock.later(10 * 86_400)
            await fails(here, person, "locked")
            await here.accounts.unlock("admin-1", Who("root-admin", "spoke to them"))
            assert (await here.accounts.get("admin-1")).state == account_pb2.ACCOUNT_STATE_ACTIVE
            with pytest.raises(AccessDeniedError, match="their own"):
                await here.accounts.unlock("admin-1", Who("admin-1", "me"))

    @scenario
    async def test_failures_at_once_all_count(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            await here.first()
            wrong = Person("root-admin", "wrong")
            found = await asyncio.gather(*(outcome(here.accounts.sign_in(wrong.attempt(here.clock))) for _ in range(6)))
            assert found == ["sign_in"] * 6
            account = await here.accounts.get("root-admin")
            assert (account.failures.count, account.failures.locks) == (3, 1)

    @scenario
    async def test_the_last_admin_is_locked_for_a_while_only(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            wrong = Person(person.name, "wrong")
            for _ in range(12):
                for _ in range(3):
                    await fails(here, wrong, "password")
                here.clock.later(failures.LAST_ADMIN_SECONDS + 1)
                if (await here.accounts.get(person.name)).failures.until_nanos > here.clock.now:
                    here.clock.later(86_400)
            await here.sign_in(person)

    @scenario
    async def test_whoever_it_is_one_password_is_compared(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            hasher = here.accounts.hasher
            words = set()
            for somebody, reason in (
                (Person("nobody-here"), "unknown"), (Person("../accounts/x"), "unknown"), (Person(""), "unknown"),
                (Person(person.name, "wrong"), "password"), (Person(person.name), "no_code"),
                (Person(person.name, "x" * 100_000), "password"), (Person(person.name), "waiting"),
            ):  # fmt: skip
                before = hasher.verified
                words.add(str(await fails(here, somebody, reason)))
                assert hasher.verified == before + 1, reason
            assert len(words) == 1
            assert person.name not in words.pop()

    @scenario
    async def test_a_failure_takes_a_while_whatever_it_is(self, open_store: Opener) -> None:
        rules = AccountRules(failure_seconds=0.2)
        async with open_store() as store, office(store, rules=rules) as here:
            begun = asyncio.get_running_loop().time()
            await fails(here, Person("nobody"), "unknown")
            assert asyncio.get_running_loop().time() - begun >= 0.2

    @scenario
    async def test_who_waits_for_the_hash_is_bounded(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            here.accounts.hasher.close()
            here.accounts.hasher = quick_hasher(at_once=1, waiting=2)
            tries = [outcome(here.accounts.sign_in(Person("nobody").attempt(here.clock))) for _ in range(200)]
            found = await asyncio.gather(*tries)
            assert set(found) == {"sign_in", "limit"}
            assert await outcome(here.accounts.sign_in(Person("nobody").attempt(here.clock))) == "sign_in"

    @scenario
    async def test_a_session_counts_on_its_device_alone(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            done = await here.sign_in(person)
            assert (await here.accounts.authenticate(done.token, person.device)).account.name == person.name
            assert done.token.encode() not in b"".join(item.value for item in (await store.range("")).items)
            for token, device, reason in (
                ("", person.device, "no_session"), (done.token + "x", person.device, "no_session"),
                (done.token[:-1], person.device, "no_session"), (done.token, bytes(32), "other_device"),
                # Shown elsewhere it has ended everywhere.
                (done.token, person.device, "no_session"),
            ):  # fmt: skip
                with pytest.raises(SignInError) as caught:
                    await here.accounts.authenticate(token, device)
                assert caught.value.reason == reason

    @scenario
    async def test_a_session_ends_unused_and_at_its_end(self, open_store: Opener) -> None:
        rules = AccountRules(failure_seconds=0, zone=UTC, sessions=SessionRules(seconds=4 * 3600, idle_seconds=1800))
        async with open_store() as store, office(store, rules=rules) as here:
            person = await here.first()
            idle, used = await here.sign_in(person), await here.sign_in(person)
            for _ in range(8):
                here.clock.later(1700)
                await here.accounts.authenticate(used.token, person.device)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(idle.token, person.device)
            here.clock.later(4 * 3600 - 8 * 1700)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(used.token, person.device)

    @scenario
    async def test_sessions_are_listed_and_revoked(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person, other = await here.admins(2)
            mine, theirs = await here.sign_in(person), await here.sign_in(other)
            ids = {session.id for session in await here.accounts.list_sessions()}
            assert {mine.signed.session.id, theirs.signed.session.id} <= ids
            with pytest.raises(NotFoundError):
                await here.accounts.revoke_session(theirs.signed.session.id, of=person.name)
            await here.accounts.revoke_session(theirs.signed.session.id)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(theirs.token, other.device)
            await here.accounts.sign_out(mine.signed)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(mine.token, person.device)

    @scenario
    async def test_another_password_ends_all_other_sessions(self, open_store: Opener) -> None:
        rules = AccountRules(failure_seconds=0, zone=UTC, passwords=PasswordRules(history=2))
        async with open_store() as store, office(store, rules=rules) as here:
            person = await here.first()
            other, mine = await here.sign_in(person), await here.sign_in(person)
            change = here.accounts.change_password
            with pytest.raises(SignInError):
                await change(mine.signed, "wrong", f"{PASSWORD}-2")
            for weak in ("Sh0rt-", "no-upper-case-7", "NO-LOWER-CASE-7", "No-Digit-At-All", "NoOther7Character",
                         "Root-Admin-7-root-admin", "Aa1-Aa1-Aa1-Aa1-"):  # fmt: skip
                with pytest.raises(RequestError):
                    await change(mine.signed, PASSWORD, weak)
            with pytest.raises(RequestError, match="before"):
                await change(mine.signed, PASSWORD, PASSWORD)
            await change(mine.signed, PASSWORD, f"{PASSWORD}-2")
            assert (await here.accounts.authenticate(mine.token, person.device)).account.name == person.name
            with pytest.raises(SignInError):
                await here.accounts.authenticate(other.token, person.device)
            person.password = f"{PASSWORD}-2"
            again = (await here.sign_in(person)).signed
            with pytest.raises(RequestError, match="before"):
                await change(again, person.password, PASSWORD)

    @scenario
    async def test_a_new_device_is_told_and_an_old_one_is_not(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            assert list((await here.sign_in(person, address="10.1.2.3")).unusual) == ["new_network"]
            assert list((await here.sign_in(person, address="10.1.2.9")).unusual) == []
            elsewhere = await here.sign_in(person, address="192.0.2.1", device=bytes(32))
            assert list(elsewhere.unusual) == ["new_device", "new_network"]
            here.clock.later(13 * 3600)
            assert list((await here.sign_in(person, address="10.1.2.9")).unusual) == ["odd_hour"]

    @scenario
    async def test_windows_and_networks_hold_at_sign_in_and_after(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            admin, other = await here.admins(2)
            window = account_pb2.TimeWindow(from_minute=8 * 60, to_minute=18 * 60)
            person = await here.hire(admin, other, "zhang", USER, windows=[window], networks=["10.0.0.0/8"])
            await fails(here, person, "place", address="192.0.2.1")
            done = await here.sign_in(person, address="10.9.9.9")
            with pytest.raises(AccessDeniedError, match="network"):
                await here.accounts.authenticate(done.token, person.device, "192.0.2.1")
            here.clock.later(12 * 3600)
            await fails(here, person, "time", address="10.9.9.9")
            # None of it counted as a failure: all that was shown was right.
            assert not (await here.accounts.get("zhang")).failures.count

    @scenario
    async def test_nobody_approves_what_they_asked_for_from_whatever_session(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here, office(store, here.clock) as there:
            one, two = await here.admins(2)
            wanted = account_pb2.Account(name="zhang", owner="Zhang San", level=USER)
            request = await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new colleague"))
            for at in (here, there):
                with pytest.raises(AccessDeniedError, match="somebody else"):
                    await at.accounts.review(request.id, Who(one.name, "mine"))
            with pytest.raises(WrongStateError, match="asked"):
                await here.accounts.approve(request.id, Who(two.name))
            await here.accounts.review(request.id, Who(two.name, "known"))
            for at in (here, there):
                with pytest.raises(AccessDeniedError, match="somebody else"):
                    await at.accounts.approve(request.id, Who(one.name))
            with pytest.raises(WrongStateError, match="reviewed"):
                await here.accounts.execute(request.id, Who(two.name))
            about_two = account_pb2.Account(name=two.name, owner="x", level=ADMIN)
            own = await here.accounts.ask(CHANGE, about_two, RISK, Who(one.name, "less"))
            with pytest.raises(AccessDeniedError, match="themselves"):
                await here.accounts.review(own.id, Who(two.name, "fine"))

    @scenario
    async def test_of_two_who_approve_at_once_one_does(self, open_store: Opener) -> None:
        clock = Hands()
        async with open_store() as store, office(store, clock) as here, office(store, clock) as there:
            one, two, three = await here.admins(3)
            wanted = account_pb2.Account(name="zhang", owner="Zhang San", level=USER)
            request = await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new"))
            await here.accounts.review(request.id, Who(two.name, "known"))
            found = await asyncio.gather(
                outcome(here.accounts.approve(request.id, Who(two.name))),
                outcome(there.accounts.approve(request.id, Who(three.name))),
            )
            assert sorted(found) == ["conflict", "done"]
            found = await asyncio.gather(
                outcome(here.accounts.execute(request.id, Who(two.name))),
                outcome(there.accounts.execute(request.id, Who(three.name))),
            )
            assert sorted(found) == ["done", "wrong_state"]
            steps = (await here.accounts.get_request(request.id)).steps
            assert [step.state for step in steps] == [1, 2, 3, 4]

    @scenario
    async def test_what_is_carried_out_is_what_was_approved(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one, two = await here.admins(2)
            wanted = account_pb2.Account(name="zhang", owner="Zhang San", level=USER)
            request = await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new"))
            await here.accounts.review(request.id, Who(two.name, "known"))
            request = await here.accounts.approve(request.id, Who(two.name))
            # Somebody reaches into the store.
            request.wanted.level = ADMIN
            request.steps[-1].content_hash = content_hash(request)
            await store.commit([], [Put(layout.REQUESTS + request.id, request.SerializeToString())])
            with pytest.raises(WrongStateError, match="not what was approved"):
                await here.accounts.execute(request.id, Who(two.name))

    @scenario
    async def test_a_request_holds_for_the_account_that_it_was_made_from(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one, two = await here.admins(2)
            await here.hire(one, two, "zhang", USER)
            as_manager = account_pb2.Account(name="zhang", owner="Zhang San", level=MANAGER)
            late = await here.accounts.ask(CHANGE, as_manager, RISK, Who(one.name, "promoted"))
            await here.accounts.review(late.id, Who(two.name, "yes"))
            await here.accounts.approve(late.id, Who(two.name))
            await here.accounts.lock("zhang", Who(two.name, "on leave"))
            with pytest.raises(WrongStateError, match="has changed since"):
                await here.accounts.execute(late.id, Who(two.name))

    @scenario
    async def test_the_last_admin_stays(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one, two = await here.admins(2)
            await here.carry_out(CLOSE, account_pb2.Account(name=two.name), one, await self._third(here, one, two))
            three = Person("admin-three")
            await here.accounts.lock(three.name, Who(one.name, "gone"))
            with pytest.raises(WrongStateError, match="last active Admin"):
                await here.accounts.lock(one.name, Who(one.name, "me too"))
            await here.accounts.unlock(three.name, Who(one.name, "back"))
            lower = account_pb2.Account(name=one.name, owner="x", level=USER)
            request = await here.accounts.ask(CHANGE, lower, RISK, Who(one.name, "less"))
            await here.accounts.review(request.id, Who(three.name, "fine"))
            await here.accounts.approve(request.id, Who(three.name))
            # Both at once: one of them stays, whoever it is.
            found = await asyncio.gather(
                outcome(here.accounts.execute(request.id, Who(three.name))),
                outcome(here.accounts.lock(three.name, Who(one.name, "suspicious"))),
            )
            assert found.count("done") == 1, found

    async def _third(self, here: Office, one: Person, two: Person) -> Person:
        person = await here.hire(one, two, "admin-three")
        await here.set_up(person)
        return person

    @scenario
    async def test_the_second_admin_may_be_made_alone_and_nobody_else(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one = await here.first()
            user = account_pb2.Account(name="zhang", owner="Zhang San", level=USER)
            request = await here.accounts.ask(CREATE, user, RISK, Who(one.name, "new"))
            with pytest.raises(AccessDeniedError, match="somebody else"):
                await here.accounts.review(request.id, Who(one.name, "mine"))
            two = await here.hire(one, one, "admin-two")
            made = [r for r in (await here.accounts.list_requests()).requests if r.wanted.name == two.name]
            assert [[step.alone for step in request.steps] for request in made] == [[False, True, True, False]]
            await here.accounts.lock(two.name, Who(one.name, "so that I am alone"))
            third = account_pb2.Account(name="puppet", owner="x", level=ADMIN)
            request = await here.accounts.ask(CREATE, third, RISK, Who(one.name, "new"))
            with pytest.raises(AccessDeniedError, match="somebody else"):
                await here.accounts.review(request.id, Who(one.name, "mine"))

    @scenario
    async def test_a_close_purges_and_a_reset_makes_factors_new(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one, two = await here.admins(2)
            person = await here.hire(one, two, "zhang", USER)
            await here.set_up(person)
            done = await here.sign_in(person)
            person.password = await here.carry_out(RESET, account_pb2.Account(name="zhang"), one, two)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(done.token, person.device)
            account = await here.accounts.get("zhang")
            assert not account.HasField("totp")
            assert not account.devices
            assert not account.recovery_hashes
            person.secret = b""
            await here.set_up(person)
            done = await here.sign_in(person)
            await here.carry_out(CLOSE, account_pb2.Account(name="zhang"), one, two)
            account = await here.accounts.get("zhang")
            assert account.state == account_pb2.ACCOUNT_STATE_CLOSED
            kept = account_pb2.Account(
                name=account.name, owner=account.owner, level=account.level, state=account.state,
                state_reason=account.state_reason, created_nanos=account.created_nanos, created_by=account.created_by,
                last_sign_in_nanos=account.last_sign_in_nanos, epoch=account.epoch, version=account.version,
            )  # fmt: skip
            assert account == kept
            await fails(here, person, "closed")
            with pytest.raises(SignInError):
                await here.accounts.authenticate(done.token, person.device)
            with pytest.raises(WrongStateError, match="another name"):
                await here.accounts.ask(CREATE, account_pb2.Account(name="zhang", owner="x", level=USER), RISK,
                                        Who(one.name, "again"))  # fmt: skip
            assert not await here.accounts.list_sessions("zhang")

    @scenario
    async def test_rights_are_judged_when_they_are_used(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one, two = await here.admins(2)
            three = await here.hire(one, two, "admin-three")
            wanted = account_pb2.Account(name="zhang", owner="Zhang San", level=USER)
            request = await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new"))
            lowered = account_pb2.Account(name=three.name, owner="x", level=ADMIN)
            await here.carry_out(CHANGE, lowered, one, two)
            with pytest.raises(AccessDeniedError, match="account-review"):
                await here.accounts.review(request.id, Who(three.name, "was once allowed"))
            with pytest.raises(AccessDeniedError):
                await here.accounts.review(request.id, Who("nobody", "x"))
            with pytest.raises(AccessDeniedError):
                await here.accounts.ask(CREATE, wanted, RISK, Who("system", "x"))

    @scenario
    async def test_what_cannot_be_asked_for(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one = await here.first()
            publish = account_pb2.Right(permission=account_pb2.PERMISSION_POLICY_PUBLISH)
            for risk, reason, parts in (
                ("", "new", {}), ("low", "new", {}), ("tiny: x", "new", {}), (RISK, "", {}),
                (RISK, "new", {"name": "system"}), (RISK, "new", {"owner": ""}), (RISK, "new", {"level": 0}),
                (RISK, "new", {"rights": [publish]}), (RISK, "new", {"networks": ["10.0.0"]}),
                (RISK, "new", {"name": "A"}),
                (RISK, "new", {"certificates": ["ABC"]}),
                (RISK, "new", {"windows": [account_pb2.TimeWindow(days=[8])]}),
            ):  # fmt: skip
                given: dict[str, object] = {"name": "zhang", "owner": "Zhang San", "level": USER} | parts
                wanted = account_pb2.Account(**given)  # type: ignore[arg-type]
                with pytest.raises(RequestError):
                    await here.accounts.ask(CREATE, wanted, risk, Who(one.name, reason))
            with pytest.raises(NotFoundError):
                await here.accounts.ask(CLOSE, account_pb2.Account(name="ghost"), RISK, Who(one.name, "gone"))

    @scenario
    async def test_requests_are_refused_taken_back_and_listed(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            one, two = await here.admins(2)
            ids = []
            for number in range(5):
                wanted = account_pb2.Account(name=f"user-{number}", owner="x", level=USER)
                ids.append((await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new"))).id)
                here.clock.later(1)
            await here.accounts.refuse(ids[0], Who(one.name, "taken back"))
            await here.accounts.refuse(ids[1], Who(two.name, "not needed"))
            with pytest.raises(WrongStateError, match="refused"):
                await here.accounts.review(ids[0], Who(two.name, "late"))
            listed = await here.accounts.list_requests(only_open=True, limit=2)
            assert [request.id for request in listed.requests] == [ids[4], ids[3]]
            rest = await here.accounts.list_requests(only_open=True, limit=2, after=listed.next)
            assert ([request.id for request in rest.requests], rest.next) == ([ids[2]], "")
            assert not (await here.accounts.list_requests(of="nobody")).requests

    @scenario
    async def test_a_password_may_be_made_to_end(self, open_store: Opener) -> None:
        rules = AccountRules(failure_seconds=0, zone=UTC, passwords=PasswordRules(days=90))
        async with open_store() as store, office(store, rules=rules) as here:
            person = await here.first()
            here.clock.later(91 * 86_400)
            done = await here.sign_in(person)
            assert done.signed.session.limited
            await here.accounts.change_password(done.signed, PASSWORD, f"{PASSWORD}-2")
            assert not (await here.accounts.authenticate(done.token, person.device)).session.limited

    @scenario
    async def test_a_lost_session_key_does_no_harm(self, open_store: Opener) -> None:
        async with open_store() as store, office(store) as here:
            person = await here.first()
            done = await here.sign_in(person)
            await store.commit([], [Delete(done.signed.key)])
            with pytest.raises(SignInError):
                await here.accounts.change_password(done.signed, PASSWORD, f"{PASSWORD}-2")
