"""What signing in at an OpenID provider must do, whatever the store: the provider is a real one on a socket."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from pdp.control import layout
from pdp.control.accounts import AccountRules, PasswordRules, failures
from pdp.control.accounts.credentials import FRESH_SECONDS
from pdp.control.accounts.oidc import flow
from pdp.control.steps import Who
from pdp.errors import AccessDeniedError, RequestError, SignInError, WrongStateError
from pdp.v1 import account_pb2
from tests.integration.accounts_contract import outcome
from tests.integration.accounts_steps import RISK, USER, Hands, Person, office, secret_of
from tests.integration.kv_steps import Opener, scenario
from tests.integration.oidc_provider import OpenIdProvider, openid_provider
from tests.integration.oidc_steps import REDIRECT, enter, hired, identity, refused, visit

CREATE, CHANGE = account_pb2.REQUEST_KIND_CREATE, account_pb2.REQUEST_KIND_CHANGE
CLOSE, RESET = account_pb2.REQUEST_KIND_CLOSE, account_pb2.REQUEST_KIND_RESET


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with openid_provider(Path(tmp_path_factory.mktemp("id")), Hands()) as made:
        yield made


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def provider(served: OpenIdProvider, clock: Hands) -> OpenIdProvider:
    served.reset(clock)
    return served


class OidcContract(ABC):
    """The tests; a subclass gives the fixture `open_store`."""

    @abstractmethod
    def open_store(self) -> Opener:
        """Fixture: what opens the same store each time, with nothing in it before."""

    @scenario
    async def test_who_the_provider_names_is_signed_in_as_the_account_that_carries_it(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            person = await hired(here)
            # Nobody knows a password of it, and the first session sets up a second factor.
            assert person.password == ""
            account = await here.accounts.get("zhang")
            assert not account.HasField("password")
            assert (account.oidc.issuer, account.oidc.subject) == (provider.issuer, "u-1001")
            done = await enter(here, provider, person, address="10.1.2.3")
            assert (list(done.signed.session.factors), done.signed.session.limited) == (["oidc"], True)
            assert (await here.accounts.authenticate(done.token, person.device)).account.name == "zhang"
            person.secret = secret_of(await here.accounts.begin_totp(done.signed, ""))
            await here.accounts.confirm_totp(done.signed, person.code(clock))
            assert not (await here.accounts.authenticate(done.token, person.device)).session.limited
            clock.later(30)
            done = await enter(here, provider, person, second=person.code(clock), address="10.1.2.3")
            assert (list(done.signed.session.factors), done.signed.session.limited) == (["oidc", "totp"], False)
            assert not done.unusual
            # Nothing of a sign-in that was only begun is kept.
            await visit(here, provider, person)
            assert len((await store.range(layout.OIDC)).items) == 2

    @scenario
    async def test_a_provider_s_second_factor_counts_where_the_settings_let_it(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        trusting = provider.client(second_factor_acr=("phr",), second_factor_amr=("mfa", "hwk"))
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            person = await hired(here)
            provider.claims = {"acr": "phr", "amr": ["pwd", "mfa"]}
            assert list((await enter(here, provider, person)).signed.session.factors) == ["oidc"]
            async with office(store, clock, provider=trusting) as there:
                for claims, counts in (
                    ({"acr": "0", "amr": ["pwd"]}, False), ({"amr": "mfa"}, False), ({}, False),
                    ({"acr": ["phr"]}, False),
                    ({"acr": "phr"}, True), ({"amr": ["pwd", "hwk"]}, True),
                ):  # fmt: skip
                    provider.claims = dict(claims)
                    session = (await enter(there, provider, person)).signed.session
                    assert list(session.factors) == ["oidc", *(["oidc-mfa"] if counts else [])]
                    assert session.limited == (not counts)
                provider.claims = {}
                await refused(there, provider, Person("zhang"), "device")

    @scenario
    async def test_each_sign_in_finishes_once_even_at_two_nodes_at_once(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        first, second = provider.client(), provider.client()
        async with (
            open_store() as store,
            office(store, clock, provider=first) as here,
            office(store, clock, provider=second) as there,
        ):
            person = await hired(here)
            begun = await visit(here, provider, person)
            tries = [outcome(at.accounts.finish_oidc(begun.attempt())) for at in (here, there)]
            assert sorted(await asyncio.gather(*tries)) == ["done", "sign_in"]
            await refused(there, provider, person, "oidc_used", begun)
            # Whatever made it fail, it is used up.
            begun = await visit(here, provider, person)
            code = begun.said["code"]
            await refused(there, provider, person, "oidc_code", begun, code="wrong")
            await refused(here, provider, person, "oidc_used", begun)
            # A code of the same person that somebody has seen is no use in a sign-in of another device.
            thief = Person("zhang")
            await refused(here, provider, thief, "oidc_code", await visit(here, provider, thief), code=code)
            # Any node finishes what another began.
            begun = await visit(here, provider, person)
            assert (await there.accounts.finish_oidc(begun.attempt())).signed.account.name == "zhang"

    @scenario
    async def test_what_was_begun_ends(self, open_store: Opener, provider: OpenIdProvider, clock: Hands) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            person = await hired(here)
            begun = await visit(here, provider, person)
            clock.later(flow.SECONDS + 1)
            await refused(here, provider, person, "oidc_over", begun)
            begun = await visit(here, provider, person)
            clock.later(flow.SECONDS - 1)
            await here.accounts.finish_oidc(begun.attempt())
            items = (await store.range(layout.OIDC)).items
            assert items
            assert all(item.lease for item in items)
            assert flow.MARKED_SECONDS > flow.SECONDS

    @scenario
    async def test_windows_networks_locks_and_devices_hold_as_with_a_password(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            one, two = await here.admins(2)
            window = account_pb2.TimeWindow(from_minute=8 * 60, to_minute=18 * 60)
            person = await here.hire(
                one, two, "zhang", USER, oidc=identity("u-1001"), windows=[window], networks=["10.0.0.0/8"]
            )
            await refused(here, provider, person, "place", address="192.0.2.1")
            done = await enter(here, provider, person, address="10.1.2.3")
            with pytest.raises(AccessDeniedError, match="network"):
                await here.accounts.authenticate(done.token, person.device, "192.0.2.1")
            person.secret = secret_of(await here.accounts.begin_totp(done.signed, ""))
            await here.accounts.confirm_totp(done.signed, person.code(clock))
            clock.later(30)
            # Each wrong code counts, as with a password.
            for number in (1, 2, 3):
                error = await refused(here, provider, person, "code", second="000000", address="10.1.2.3")
                assert (error.failures, error.locked) == (number, number == 3)
            await refused(here, provider, person, "waiting", second=person.code(clock), address="10.1.2.3")
            clock.later(failures.LOCK_SECONDS[0] + 1)
            await refused(here, provider, person, "no_code", address="10.1.2.3")
            done = await enter(here, provider, person, second=person.code(clock), address="10.1.2.3")
            clock.later(30)
            stranger = Person("zhang", secret=person.secret)
            again = await enter(here, provider, stranger, second=person.code(clock), address="10.1.9.9")
            assert list(again.unusual) == ["new_device", "new_network"]
            clock.later(12 * 3600)
            await refused(here, provider, person, "time", second=person.code(clock), address="10.1.2.3")
            clock.later(12 * 3600)
            await here.accounts.lock("zhang", Who(one.name, "suspicious"))
            await refused(here, provider, person, "locked", second=person.code(clock), address="10.1.2.3")
            await here.carry_out(CLOSE, account_pb2.Account(name="zhang"), one, two)
            # It carries nothing any more.
            error = await refused(here, provider, person, "oidc_unknown", address="10.1.2.3")
            assert (error.account, error.identity) == ("", "u-1001")

    @scenario
    async def test_an_identity_that_no_account_carries_is_nobody(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            person = await hired(here)
            accounts = len(await here.accounts.all_accounts())
            for subject in ("u-1002", "zhang", "U-1001", "u-1001 "):
                provider.subject = subject
                error = await refused(here, provider, person, "oidc_unknown")
                assert error.identity == subject
            assert len(await here.accounts.all_accounts()) == accounts

    @scenario
    async def test_an_identity_belongs_to_one_account(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            one, two = await here.admins(2)
            names, asked = ("zhang", "wang"), []
            for name in names:
                wanted = account_pb2.Account(name=name, owner=name, level=USER, oidc=identity("u-1001"))
                asked.append(await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new")))
                await here.accounts.review(asked[-1].id, Who(two.name, "known"))
                await here.accounts.approve(asked[-1].id, Who(two.name))
            # The issuer is part of what is approved.
            assert {request.wanted.oidc.issuer for request in asked} == {provider.issuer}
            found = await asyncio.gather(*(outcome(here.accounts.execute(r.id, Who(two.name))) for r in asked))
            assert sorted(found) == ["done", "wrong_state"]
            taken = account_pb2.Account(name="li", owner="li", level=USER, oidc=identity("u-1001"))
            with pytest.raises(WrongStateError, match="another account carries this identity"):
                await here.accounts.ask(CREATE, taken, RISK, Who(one.name, "new"))
            # Given up it is free, and whoever signed in by it is out.
            holder = names[found.index("done")]
            person = Person(holder)
            done = await enter(here, provider, person)
            await here.carry_out(CHANGE, account_pb2.Account(name=holder, owner="x", level=USER), one, two)
            with pytest.raises(SignInError):
                await here.accounts.authenticate(done.token, person.device)
            await refused(here, provider, person, "oidc_unknown")
            await here.carry_out(CREATE, taken, one, two)
            assert (await enter(here, provider, Person("li"))).signed.account.name == "li"

    @scenario
    async def test_what_cannot_be_an_identity(self, open_store: Opener, provider: OpenIdProvider, clock: Hands) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            one = await here.first()
            for wrong in (
                identity(""), identity("x" * 256), identity("a\nb"), identity("a", "http://id.bank.example"),
                identity("a", "https://id.bank.example?x=1"), identity("a", "id.bank.example"),
            ):  # fmt: skip
                wanted = account_pb2.Account(name="zhang", owner="x", level=USER, oidc=wrong)
                with pytest.raises(RequestError, match=r"wanted\.oidc"):
                    await here.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new"))
            async with office(store, clock) as there:
                wanted = account_pb2.Account(name="zhang", owner="x", level=USER, oidc=identity("a"))
                with pytest.raises(RequestError, match="the settings name no provider"):
                    await there.accounts.ask(CREATE, wanted, RISK, Who(one.name, "new"))
                with pytest.raises(WrongStateError, match="no OpenID provider"):
                    await there.accounts.begin_oidc(REDIRECT, one.device)

    @scenario
    async def test_a_password_that_others_made_does_not_outlive_an_identity(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        async with open_store() as store, office(store, clock, provider=provider.client()) as here:
            one, two = await here.admins(2)
            person = await here.hire(one, two, "zhang", USER)
            carrying = account_pb2.Account(name="zhang", owner="Zhang San", level=USER, oidc=identity("u-1001"))
            await here.carry_out(CHANGE, carrying, one, two)
            assert not (await here.accounts.get("zhang")).HasField("password")
            with pytest.raises(SignInError):
                await here.accounts.sign_in(person.attempt(clock))
            # One that somebody chose stays, and so does the other way in.
            chosen = await here.hire(one, two, "wang", USER)
            await here.set_up(chosen)
            carrying = account_pb2.Account(name="wang", owner="Wang Wu", level=USER, oidc=identity("u-2002"))
            await here.carry_out(CHANGE, carrying, one, two)
            assert list((await here.sign_in(chosen)).signed.session.factors) == ["password", "totp"]
            provider.subject = "u-2002"
            done = await enter(here, provider, chosen, second=chosen.code(clock))
            assert not done.signed.session.limited
            # Lost factors are set up anew from the provider, without a password that others know.
            assert await here.carry_out(RESET, account_pb2.Account(name="wang"), one, two) == ""
            account = await here.accounts.get("wang")
            assert (account.HasField("password"), account.totp.confirmed) == (False, False)
            done = await enter(here, provider, chosen)
            assert done.signed.session.limited
            with pytest.raises(WrongStateError, match="has no password"):
                await here.accounts.change_password(done.signed, "", "Correct-Horse-8-Battery")
            clock.later(FRESH_SECONDS + 1)
            with pytest.raises(WrongStateError, match="pdp login --oidc"):
                await here.accounts.begin_totp(done.signed, "")

    @scenario
    async def test_a_password_that_is_over_is_owed_by_who_signs_in_by_it(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        rules = AccountRules(failure_seconds=0, zone=UTC, issuer=provider.issuer, passwords=PasswordRules(days=90))
        async with (
            open_store() as store,
            office(store, clock, rules, provider.client(second_factor_amr=("mfa",))) as here,
        ):
            one, two = await here.admins(2)
            both = await here.hire(one, two, "wang", USER)
            await here.set_up(both)
            carrying = account_pb2.Account(name="wang", owner="Wang Wu", level=USER, oidc=identity("u-2002"))
            await here.carry_out(CHANGE, carrying, one, two)
            without = await here.hire(one, two, "zhang", USER, oidc=identity("u-1001"))
            clock.later(91 * 86_400)
            assert (await here.sign_in(both)).signed.session.limited
            provider.claims = {"amr": ["mfa"]}
            for subject, person in (("u-2002", both), ("u-1001", without)):
                provider.subject = subject
                done = await enter(here, provider, person)
                assert not done.signed.session.limited
                assert not (await here.accounts.authenticate(done.token, person.device)).session.limited

    @scenario
    async def test_where_nobody_needs_a_second_factor_the_first_device_is_bound(
        self, open_store: Opener, provider: OpenIdProvider, clock: Hands
    ) -> None:
        rules = AccountRules(failure_seconds=0, zone=UTC, second_factor=False, issuer=provider.issuer)
        async with (
            open_store() as store,
            office(store, clock, provider=provider.client()) as strict,
            office(store, clock, rules, provider.client()) as here,
        ):
            person = await hired(strict)
            done = await enter(here, provider, person)
            assert (list(done.signed.session.factors), done.signed.session.limited) == (["oidc"], False)
            await refused(here, provider, Person("zhang"), "device")
            await enter(here, provider, person)
