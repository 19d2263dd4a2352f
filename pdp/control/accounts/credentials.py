"""What a signed-in person does about their own password, second factor and sessions; and who is signed in at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts import devices, due, failures, passwords, places, recovery, sessions, totp, unusual
from pdp.control.accounts.book import Found, copied, leads, put_account
from pdp.control.accounts.due import ReviewRules
from pdp.control.accounts.passwords import Hasher, PasswordRules
from pdp.control.accounts.raising import Raising, told_signs
from pdp.control.accounts.sealing import SecretKey
from pdp.control.accounts.sessions import SessionRules, Signed
from pdp.control.accounts.unusual import AnomalyRules
from pdp.control.kv.base import Delete, KeyValue, KeyValueStore, Put, Unchanged
from pdp.control.published import parse
from pdp.errors import AccessDeniedError, NotFoundError, RequestError, SignInError, Violation, WrongStateError
from pdp.v1 import account_pb2

FRESH_SECONDS: Final = 300
"""How long ago somebody without a password may have signed in to set up a second factor."""
PASSWORD: Final = "password"  # noqa: S105 - the name of a factor
_PAGE: Final = 500
_NO_SESSION = "there is no session with this token on this device, or it has ended; sign in with `pdp login`"


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What accounts must keep to. `second_factor`: whether everybody needs one; `failure_seconds`: how long a failed
    sign-in takes at least; `zone`: the time zone of windows, that of the server when None; `issuer`: that of
    identities which are asked for without one, empty where there is no OpenID provider.
    """

    passwords: PasswordRules = field(default_factory=PasswordRules)
    sessions: SessionRules = field(default_factory=SessionRules)
    second_factor: bool = True
    failure_seconds: float = 0.5
    zone: tzinfo | None = None
    issuer: str = ""
    anomalies: AnomalyRules = field(default_factory=AnomalyRules)
    review: ReviewRules = field(default_factory=ReviewRules)


class _Held(NamedTuple):
    """A session as it stands in the store."""

    session: account_pb2.Session
    item: KeyValue

    @property
    def unchanged(self) -> Unchanged:
        return Unchanged(self.item.key, self.item.modified)

    def put(self, session: account_pb2.Session) -> Put:
        return Put(self.item.key, session.SerializeToString(deterministic=True), self.item.lease)


class Credentials(Raising):
    """Sessions, and one's own password and second factor."""

    def __init__(
        self,
        store: KeyValueStore,
        key: SecretKey,
        rules: AccountRules | None = None,
        hasher: Hasher | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`key` is the same on all nodes. `clock` gives nanoseconds since 1970."""
        super().__init__(store, clock=clock)
        self.key = key
        self.rules = rules or AccountRules()
        self.hasher = hasher or Hasher()

    async def authenticate(self, token: str, device: bytes, address: str = "") -> Signed:
        """Return who shows a token on a device.

        Raises SignInError for a token that is none, has ended or is of another device, which ends it: somebody has
        taken it along. AccessDeniedError outside of the account's times and networks. Where rights are overdue for a
        review and the settings limit it, the account has only those to read.
        """
        held = await self._held(sessions.key_of(token)) if token else None
        if held is None:
            raise SignInError("no_session", message=_NO_SESSION)
        session, now = held.session, self._clock()
        if not sessions.is_of_device(session, device):
            await self._end([held.item.key])
            raise SignInError("other_device", account=session.account, message=_NO_SESSION)
        found = await self._find(session.account)
        if found is None or sessions.is_over(session, self.rules.sessions, now) or not _counts(session, found.account):
            raise SignInError("no_session", account=session.account, message=_NO_SESSION)
        account = found.account
        if not places.is_time(account.windows, now, self.rules.zone):
            raise AccessDeniedError(f"`{account.name}` may not work at this time")
        if not places.is_place(account.networks, address):
            raise AccessDeniedError(f"`{account.name}` may not work from this network")
        if now - session.used_nanos >= sessions.USED_EVERY:
            used = copied(session)
            used.used_nanos = now
            # When another node was faster it is written already.
            await self._store.commit([held.unchanged], [held.put(used)])
        if self._owes_password(account, session.factors):
            session.limited = True
        if await self._is_reading_only(account):
            session.reading_only = True
            account = due.reading(account)
        return Signed(session, account, held.item.key)

    async def sign_out(self, signed: Signed) -> None:
        """End the session."""
        await self._end([signed.key])

    async def change_password(self, signed: Signed, old: str, new: str) -> account_pb2.Account:
        """Change one's own password; all other sessions of the account end with it.

        Raises SignInError when `old` is not the password, which counts as a failed sign-in, RequestError for a new one
        that the rules do not allow.
        """
        if not signed.account.HasField("password"):
            raise WrongStateError("this account has no password; its owner signs in by `pdp login --oidc`")
        await self._check_password(signed, old)
        passwords.check(new, self.rules.passwords, signed.account.name, "new_password")
        history = [kept.hash for kept in signed.account.password_history][: self.rules.passwords.history]
        # The one so far was just compared, so that the new one is compared with it as it is, without one more hash.
        if passwords.is_same(old, new) or await self.hasher.fits_any(history, new):
            raise RequestError(Violation("new_password", "was used before; choose another"))
        hashed = await self.hasher.hash(new)

        def change(account: account_pb2.Account, session: account_pb2.Session) -> None:
            if account.password.hash != signed.account.password.hash:
                raise WrongStateError("the password has changed since; sign in again")
            passwords.replaced(account, hashed, self.rules.passwords, self._clock())
            account.must_change_password = False
            del session

        return await self._change_own(signed, change)

    async def begin_totp(self, signed: Signed, password: str) -> str:
        """Return the secret of new one-time codes as a URI; they count once `confirm_totp` has seen one.

        Raises SignInError when it is not the password, which counts as a failed sign-in; WrongStateError when the
        account has none, and its owner signed in too long ago.
        """
        if signed.account.HasField("password"):
            await self._check_password(signed, password)
        elif self._clock() - signed.session.began_nanos > FRESH_SECONDS * 10**9:
            raise WrongStateError(
                f"sign in by `pdp login --oidc` anew, and set up one-time codes within {FRESH_SECONDS // 60} minutes"
            )
        secret = totp.new_secret()
        sealed = self.key.seal(secret, f"totp:{signed.account.name}")

        async def attempt() -> None:
            found = await self._own(signed)
            account = copied(found.account)
            account.pending_totp.CopyFrom(account_pb2.TotpFactor(sealed_secret=sealed))
            await self._commit([found.unchanged], [put_account(account)])

        await self._insist(attempt)
        return totp.uri(secret, signed.account.name)

    async def confirm_totp(self, signed: Signed, code: str) -> list[str]:
        """Let new one-time codes count from now on, bind the device, and return recovery codes.

        Raises WrongStateError when none were begun, RequestError for a code that is not theirs.
        """
        codes = recovery.make()

        def change(account: account_pb2.Account, session: account_pb2.Session) -> None:
            if not account.HasField("pending_totp"):
                raise WrongStateError("no one-time codes were begun; run `pdp account totp`")
            secret = self.key.open(account.pending_totp.sealed_secret, f"totp:{account.name}")
            now = self._clock()
            step = totp.fitting_step(secret, code, now, 0)
            if step is None:
                raise RequestError(Violation("code", "is not what this authenticator shows now; look at its clock"))
            account.totp.CopyFrom(account.pending_totp)
            account.totp.confirmed = True
            account.totp.last_step = step
            account.ClearField("pending_totp")
            del account.recovery_hashes[:]
            account.recovery_hashes.extend(recovery.mark(self.key, account.name, one) for one in codes)
            devices.used(account, session.device_hash, "", session.address, now)
            if "totp" not in session.factors:
                session.factors.append("totp")

        await self._change_own(signed, change)
        return codes

    async def list_sessions(self, account: str | None = None) -> list[account_pb2.Session]:
        """Return the sessions of an account, or of all, that count; the newest first."""
        found, now = [], self._clock()
        accounts: dict[str, account_pb2.Account | None] = {}
        for item in await self._session_items():
            session = parse(account_pb2.Session, item.value, item.key)
            if account not in (None, session.account) or sessions.is_over(session, self.rules.sessions, now):
                continue
            if session.account not in accounts:
                owner = await self._find(session.account)
                accounts[session.account] = None if owner is None else owner.account
            known = accounts[session.account]
            if known is not None and _counts(session, known):
                found.append(session)
        return sorted(found, key=lambda session: session.began_nanos, reverse=True)

    async def revoke_session(self, session_id: str, *, of: str | None = None) -> account_pb2.Session:
        """End a session and return it; with `of` only one of this account. Raises NotFoundError."""
        for item in await self._session_items():
            session = parse(account_pb2.Session, item.value, item.key)
            if session.id == session_id and of in (None, session.account):
                await self._end([item.key])
                return session
        shown = session_id[:64]
        raise NotFoundError(f"there is no session `{shown}` of yours" if of else f"there is no session `{shown}`")

    async def drop_sessions(self, account: str) -> None:
        """Remove sessions of an account that no longer count, such as after a lock; without it leases do it later."""
        now = self._clock()
        found = await self._find(account)
        for item in await self._session_items():
            session = parse(account_pb2.Session, item.value, item.key)
            over = sessions.is_over(session, self.rules.sessions, now)
            if session.account == account and (over or found is None or not _counts(session, found.account)):
                await self._end([item.key])

    async def _check_password(self, signed: Signed, password: str) -> None:
        """Raise SignInError for a wrong password, which counts as a failed sign-in, so that a session is no oracle."""
        found = await self._own(signed)
        if failures.is_locked(found.account, self._clock()):
            raise SignInError("waiting", failures=found.account.failures.count, account=signed.account.name)
        if not await self.hasher.fits(found.account.password.hash, password):

            async def attempt() -> SignInError:
                return await self._failed(await self._own(signed), "password")

            raise await self._insist(attempt)

    async def _failed(self, found: Found, reason: str, address: str = "") -> SignInError:
        """Count a failed sign-in and return what it raises. Raises Stale."""
        account, now = copied(found.account), self._clock()
        counter = await self._counter()
        is_last = False
        if failures.would_lock_for_good(account) and leads(account):
            is_last = not any(leads(other) for other in await self.all_accounts() if other.name != account.name)
        locked = failures.count(account, now, last_admin=is_last)
        changed = account.state != found.account.state
        signs = unusual.of_failure(account, self.rules.anomalies)
        raised = await self._raise(account, signs, address)
        await self._commit(
            [found.unchanged, *([counter.unchanged] if changed else []), *raised.conditions],
            [put_account(account), *([counter.next] if changed else []), *raised.changes],
        )
        self._count(signs)
        return SignInError(
            reason, failures=account.failures.count, locked=locked or raised.locks, account=account.name,
            details=told_signs(signs, raised),
        )  # fmt: skip

    async def _change_own(
        self, signed: Signed, change: Callable[[account_pb2.Account, account_pb2.Session], None]
    ) -> account_pb2.Account:
        """Change one's own account; only the session that asks goes on. Raises what `change` does."""

        async def attempt() -> account_pb2.Account:
            found = await self._own(signed)
            held = await self._held(signed.key)
            if held is None:
                raise SignInError("no_session", account=signed.account.name, message=_NO_SESSION)
            account, session = copied(found.account), copied(held.session)
            change(account, session)
            account.epoch += 1
            session.epoch = account.epoch
            session.limited = self._is_limited(account, session.factors)
            failures.clear(account)
            await self._commit([found.unchanged, held.unchanged], [put_account(account), held.put(session)])
            return account

        account = await self._insist(attempt)
        await self.drop_sessions(account.name)
        return account

    def _is_limited(self, account: account_pb2.Account, factors: Sequence[str]) -> bool:
        lacks = self.rules.second_factor and len(factors) < 2
        return lacks or self._owes_password(account, factors)

    def _owes_password(self, account: account_pb2.Account, factors: Sequence[str]) -> bool:
        """Whether a password that somebody signed in by must be changed first."""
        over = passwords.is_over(account.password, self.rules.passwords, self._clock())
        return PASSWORD in factors and (over or account.must_change_password)

    async def _acting(self, actor: str, *permissions: account_pb2.Permission) -> Found:
        found = await super()._acting(actor, *permissions)
        # Whatever asks who acts changes something.
        if await self._is_reading_only(found.account):
            raise AccessDeniedError(
                f"the rights of `{found.account.name}` are overdue for a review, so it may only read; have somebody "
                f"else confirm them: `pdp account confirm {found.account.name}`"
            )
        return found

    async def _is_reading_only(self, account: account_pb2.Account) -> bool:
        """Whether an account may only read until its rights are confirmed."""
        rules, now = self.rules.review, self._clock()
        if not rules.limits or not due.is_overdue(account, rules, now):
            return False
        return due.is_reading_only(account, due.free(await self.all_accounts(), rules, now), rules, now)

    async def _own(self, signed: Signed) -> Found:
        found = await self._find(signed.account.name)
        if found is None or not _counts(signed.session, found.account):
            raise SignInError("no_session", account=signed.account.name, message=_NO_SESSION)
        return found

    async def _held(self, key: str) -> _Held | None:
        item = await self._store.get(key)
        return None if item is None else _Held(parse(account_pb2.Session, item.value, key), item)

    async def _session_items(self) -> list[KeyValue]:
        found: list[KeyValue] = []
        while True:
            page = await self._store.range(layout.SESSIONS, after=found[-1].key if found else "", limit=_PAGE)
            found.extend(page.items)
            if not page.more:
                return found

    async def _end(self, keys: Sequence[str]) -> None:
        for key in keys:
            await self._store.commit([], [Delete(key)])


def _counts(session: account_pb2.Session, account: account_pb2.Account) -> bool:
    return account.state == account_pb2.ACCOUNT_STATE_ACTIVE and session.epoch == account.epoch
