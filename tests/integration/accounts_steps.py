"""What tests of accounts are made of: people with factors and devices, and a clock that is set by hand."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from urllib.parse import parse_qs, urlsplit

from pdp.control.accounts import AccountRules, Accounts, Attempt, Hasher, Provider, SecretKey, Signed, SignedIn, totp
from pdp.control.accounts.permissions import all_rights
from pdp.control.kv.base import KeyValueStore
from pdp.control.steps import Who
from pdp.v1 import account_pb2

PASSWORD = "Correct-Horse-7-Battery"  # noqa: S105 - of accounts that live for a test
RISK = "low: a colleague of the same desk"
KEY = SecretKey.make()
NOON = 1_800_000_000 * 10**9 - 1_800_000_000 * 10**9 % (86_400 * 10**9) + 12 * 3600 * 10**9
SECOND = 10**9
ADMIN, MANAGER = account_pb2.ACCOUNT_LEVEL_ADMIN, account_pb2.ACCOUNT_LEVEL_MANAGER
USER, RESTRICTED = account_pb2.ACCOUNT_LEVEL_USER, account_pb2.ACCOUNT_LEVEL_RESTRICTED


def quick_hasher(**more: int) -> Hasher:
    """Argon2id with the least work that it allows."""
    return Hasher(time_cost=1, memory_kib=8, parallelism=1, **more)


class Hands:
    """A clock: noon in UTC until it is moved, in nanoseconds since 1970."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@dataclass
class Person:
    """Somebody with an account, a device and an authenticator."""

    name: str
    password: str = PASSWORD
    device: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    secret: bytes = b""
    recovery: Sequence[str] = ()

    def attempt(self, clock: Hands, **more: object) -> Attempt:
        shown: dict[str, object] = {"code": self.code(clock), "device": self.device, "password": self.password}
        return Attempt(self.name, **(shown | more))  # type: ignore[arg-type]

    def code(self, clock: Hands) -> str:
        return totp.code_at(self.secret, totp.step_at(clock.now)) if self.secret else ""


def secret_of(uri: str) -> bytes:
    """Return the secret of an otpauth URI."""
    text = parse_qs(urlsplit(uri).query)["secret"][0]
    return base64.b32decode(text + "=" * (-len(text) % 8))


@dataclass
class Office:
    """Accounts on a store, as one node has them."""

    accounts: Accounts
    clock: Hands

    async def first(self, name: str = "root-admin") -> Person:
        """Make the first account, with a second factor."""
        token = await self.accounts.make_first_token()
        assert token is not None
        await self.accounts.create_first(token, name, "Chen Wei", PASSWORD)
        person = Person(name)
        await self.set_up(person)
        return person

    async def set_up(self, person: Person) -> Signed:
        """Sign in for the first time, change a first password, and set up one-time codes."""
        signed = (await self.accounts.sign_in(person.attempt(self.clock))).signed
        assert signed.session.limited
        if signed.account.must_change_password:
            new = f"{PASSWORD}-{secrets.token_hex(3)}"
            await self.accounts.change_password(signed, person.password, new)
            person.password = new
            signed = await self.again(signed, person)
        person.secret = secret_of(await self.accounts.begin_totp(signed, person.password))
        person.recovery = await self.accounts.confirm_totp(signed, person.code(self.clock))
        # No code counts twice, so the next one is of another step.
        self.clock.later(totp.STEP_SECONDS)
        return await self.again(signed, person)

    async def again(self, signed: Signed, person: Person) -> Signed:
        """Return a session as it is now."""
        session = next(s for s in await self.accounts.list_sessions(person.name) if s.id == signed.session.id)
        return Signed(session, await self.accounts.get(person.name), signed.key)

    async def sign_in(self, person: Person, **more: object) -> SignedIn:
        done = await self.accounts.sign_in(person.attempt(self.clock, **more))
        self.clock.later(totp.STEP_SECONDS)
        return done

    async def hire(
        self,
        asker: Person,
        judge: Person,
        name: str,
        level: account_pb2.AccountLevel = ADMIN,
        rights: Sequence[account_pb2.Right] | None = None,
        **parts: object,
    ) -> Person:
        """Ask for an account, review, approve and make it; with all rights of its level unless told otherwise."""
        given = all_rights(level) if rights is None else rights
        wanted = account_pb2.Account(name=name, owner=f"{name} in person", level=level, rights=given, **parts)  # type: ignore[arg-type]
        password = await self.carry_out(account_pb2.REQUEST_KIND_CREATE, wanted, asker, judge)
        return Person(name, password)

    async def carry_out(
        self, kind: account_pb2.RequestKind, wanted: account_pb2.Account, asker: Person, judge: Person
    ) -> str:
        """Ask, review, approve and carry out; return the first password, if any."""
        request = await self.accounts.ask(kind, wanted, RISK, Who(asker.name, "needed"))
        await self.accounts.review(request.id, Who(judge.name, "looked at"))
        await self.accounts.approve(request.id, Who(judge.name))
        return (await self.accounts.execute(request.id, Who(judge.name))).password

    async def admins(self, count: int = 2) -> list[Person]:
        """Make so many Admins with second factors."""
        people = [await self.first()]
        for number in range(1, count):
            person = await self.hire(people[0], people[-1], f"admin-{number}")
            await self.set_up(person)
            people.append(person)
        return people


@asynccontextmanager
async def office(
    store: KeyValueStore,
    clock: Hands | None = None,
    rules: AccountRules | None = None,
    provider: Provider | None = None,
) -> AsyncIterator[Office]:
    """Give accounts on a store."""
    hands = clock or Hands()
    issuer = "" if provider is None else provider.rules.issuer
    rules = rules or AccountRules(failure_seconds=0, zone=UTC, issuer=issuer)
    accounts = Accounts(store, KEY, rules, quick_hasher(), clock=hands, provider=provider)
    try:
        yield Office(accounts, hands)
    finally:
        accounts.hasher.close()
