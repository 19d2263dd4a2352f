"""Signing in: the first account, passwords and second factors, and what every failure leaves behind.

Whatever fails takes the same work, and from outside looks the same: one comparison of a password, whether or not there
is such an account, and an answer no sooner than `AccountRules.failure_seconds`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts import devices, failures, passwords, places, recovery, totp, unusual
from pdp.control.accounts.book import Found, copied, put_account
from pdp.control.accounts.credentials import PASSWORD, Credentials
from pdp.control.accounts.names import check_name, check_text
from pdp.control.accounts.permissions import all_rights
from pdp.control.accounts.raising import Raised, told_signs
from pdp.control.accounts.sessions import Signed, key_of, new_id, new_token
from pdp.control.keeping import Stale
from pdp.control.kv.base import Delete, Put, Unchanged
from pdp.errors import SignInError, WrongStateError
from pdp.v1 import account_pb2, anomaly_pb2

FIRST_SECONDS: Final = 86_400
"""How long the token for the first account is good."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody shows to sign in. `address` is a network address, empty on this machine's socket file;
    `certificate` the SHA-256 of the client certificate that TLS verified, in hexadecimal.
    """

    name: str
    password: str = field(repr=False)
    code: str = field(repr=False)
    device: bytes = field(repr=False)
    device_name: str = ""
    address: str = ""
    certificate: str = ""


class SignedIn(NamedTuple):
    """A new session with its token, what was unusual, as words such as `new_device`, and what waits for a review."""

    token: str
    signed: Signed
    unusual: Sequence[str]
    anomalies: Sequence[anomaly_pb2.Anomaly] = ()


class SignIns(Credentials):
    """From nobody to somebody."""

    async def make_first_token(self) -> str | None:
        """Return a new token for the first account, good for a day and one use; None once there was an account."""
        counter = await self._counter()
        if counter.modified:
            return None
        token = new_token()
        lease = await self._store.grant(FIRST_SECONDS)
        ends = (self._clock() + FIRST_SECONDS * 10**9).to_bytes(8, "big")
        await self._store.commit([counter.unchanged], [Put(_first_key(token), ends, lease)])
        return token

    async def was_begun(self) -> bool:
        """Whether there ever was an account; names stay taken, so what was begun stays so."""
        return (await self._counter()).modified != 0

    async def create_first(self, token: str, name: str, owner: str, password: str) -> account_pb2.Account:
        """Make the first account, an Admin, by the token that was printed.

        Raises SignInError for a token that is none or was used, RequestError for a name or password that cannot be.
        """
        key = _first_key(token)
        found = await self._store.get(key)
        counter = await self._counter()
        # By its own end too: a restored store has no leases.
        if found is None or counter.modified or self._clock() >= int.from_bytes(found.value, "big"):
            raise SignInError("first_token")
        check_name(name, "name")
        check_text(owner, "owner", required=True)
        passwords.check(password, self.rules.passwords, name, "password")
        now = self._clock()
        account = account_pb2.Account(
            name=name, owner=owner, level=account_pb2.ACCOUNT_LEVEL_ADMIN, state=account_pb2.ACCOUNT_STATE_ACTIVE,
            rights=all_rights(account_pb2.ACCOUNT_LEVEL_ADMIN), created_nanos=now, created_by="first-account token",
            version=1, epoch=1,
        )  # fmt: skip
        passwords.replaced(account, await self.hasher.hash(password), self.rules.passwords, now)
        try:
            await self._commit(
                [Unchanged(key, found.modified), counter.unchanged, Unchanged(layout.ACCOUNTS + name, 0)],
                [put_account(account), counter.next, Delete(key)],
            )
        except Stale:
            raise SignInError("first_token") from None
        return account

    async def sign_in(self, attempt: Attempt) -> SignedIn:
        """Begin a session. Raises SignInError for whatever does not fit, RequestError for what is no device's secret,
        LimitError when too many sign in at once.
        """
        devices.check(attempt.device, attempt.device_name)
        loop = asyncio.get_running_loop()
        soonest = loop.time() + self.rules.failure_seconds
        try:
            found = await self._find(attempt.name)
            hashed = "" if found is None else found.account.password.hash
            fits = await self.hasher.fits(hashed, attempt.password)
            return await self._insist(lambda: self._sign_in(attempt, hashed, fits=fits))
        except SignInError:
            await asyncio.sleep(soonest - loop.time())
            raise

    async def _sign_in(self, attempt: Attempt, hashed: str, *, fits: bool) -> SignedIn:
        found = await self._find(attempt.name)
        if found is None:
            raise SignInError("unknown")
        account = copied(found.account)
        if account.password.hash != hashed:
            raise SignInError("password", failures=account.failures.count, account=account.name)
        self._check_standing(account)
        second = self._second_factor(account, attempt, self._clock())
        if not fits:
            raise await self._failed(found, "password", attempt.address)
        return await self._admit(found, account, attempt, PASSWORD, second)

    def _check_standing(self, account: account_pb2.Account) -> None:
        """Raise SignInError for an account that is not active, or that waits after failures."""
        count = account.failures.count
        if account.state != account_pb2.ACCOUNT_STATE_ACTIVE:
            is_locked = account.state == account_pb2.ACCOUNT_STATE_LOCKED
            raise SignInError("locked" if is_locked else "closed", failures=count, account=account.name)
        if failures.is_locked(account, self._clock()):
            raise SignInError("waiting", failures=count, account=account.name)

    async def _admit(
        self, found: Found, account: account_pb2.Account, attempt: Attempt, first: str, second: str
    ) -> SignedIn:
        """Begin a session for somebody whose first factor was right, whatever it is; `second` is empty for none.

        `account` is a copy in which the use of the second factor is noted. Raises SignInError and Stale.
        """
        now, count = self._clock(), account.failures.count
        if has_second_factor(account) and not second:
            raise await self._failed(found, "code" if attempt.code else "no_code", attempt.address)
        factors = [first, second] if second else [first]
        known = devices.find(account, devices.digest(attempt.device)) is not None
        if not known and account.devices and not second:
            raise SignInError("device", failures=count, account=account.name)
        if not places.is_time(account.windows, now, self.rules.zone):
            raise SignInError("time", failures=count, account=account.name)
        if not places.is_place(account.networks, attempt.address):
            raise SignInError("place", failures=count, account=account.name)
        signs = unusual.of_sign_in(
            account, attempt.address, now, self.rules.anomalies, self.rules.zone, known=known
        )  # fmt: skip
        raised = await self._raise(account, signs, attempt.address)
        if raised.locks:
            if self._is_proven(factors):
                unusual.keep(account, raised.anomalies, devices.digest(attempt.device), attempt.device_name)
            await self._commit([found.unchanged, *raised.conditions], [put_account(account), *raised.changes])
            self._count(signs)
            raise SignInError(
                "anomaly", failures=count, locked=True, account=account.name, details=told_signs(signs, raised)
            )
        return await self._begin(found, account, attempt, factors, signs, raised)

    async def _begin(
        self,
        found: Found,
        account: account_pb2.Account,
        attempt: Attempt,
        factors: list[str],
        signs: Sequence[unusual.Sign],
        raised: Raised,
    ) -> SignedIn:
        now = self._clock()
        failures.clear(account)
        proven = self._is_proven(factors)
        unusual.remember(account, attempt.address, now, proven=proven)
        if proven:
            devices.used(account, devices.digest(attempt.device), attempt.device_name, attempt.address, now)
        session = account_pb2.Session(
            id=new_id(), account=account.name, device_hash=devices.digest(attempt.device), began_nanos=now,
            used_nanos=now, ends_nanos=now + self.rules.sessions.seconds * 10**9, address=attempt.address,
            factors=factors, epoch=account.epoch, limited=self._is_limited(account, factors),
        )  # fmt: skip
        token = new_token()
        key = key_of(token)
        lease = await self._store.grant(self.rules.sessions.seconds)
        try:
            await self._commit(
                [found.unchanged, Unchanged(key, 0), *raised.conditions],
                [
                    Put(key, session.SerializeToString(deterministic=True), lease),
                    put_account(account),
                    *raised.changes,
                ],
            )
        except Stale:
            await self._store.revoke(lease)
            raise
        self._count(signs)
        session.reading_only = await self._is_reading_only(account)
        return SignedIn(token, Signed(session, account, key), [sign.word for sign in signs], raised.anomalies)

    def _is_proven(self, factors: Sequence[str]) -> bool:
        """Whether these are all factors that are asked for."""
        return len(factors) > 1 or not self.rules.second_factor

    def _second_factor(self, account: account_pb2.Account, attempt: Attempt, now: int) -> str:
        """Return which second factor was shown, and take note in the account that it was; empty for none."""
        if attempt.certificate and attempt.certificate in account.certificates:
            return "certificate"
        if not attempt.code or not account.totp.confirmed:
            return ""
        if recovery.looks_like(attempt.code):
            return "recovery" if recovery.use(account, self.key, attempt.code) else ""
        try:
            secret = self.key.open(account.totp.sealed_secret, f"totp:{account.name}")
        except WrongStateError as error:
            raise SignInError("sealed", account=account.name) from error
        step = totp.fitting_step(secret, attempt.code, now, account.totp.last_step)
        if step is None:
            return ""
        account.totp.last_step = step
        return "totp"


def has_second_factor(account: account_pb2.Account) -> bool:
    """Whether an account has a second factor that it must show."""
    return account.totp.confirmed or bool(account.certificates)


def _first_key(token: str) -> str:
    return layout.FIRST + hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
