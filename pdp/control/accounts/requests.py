"""Accounts and rights by request (requirements B4, B6, B7, B9): asked, reviewed, approved, carried out.

Who asked neither reviews nor approves, and nobody does so for themselves: each step looks at the steps before it in the
transaction that writes it. What is carried out is what was approved, on the account that it was made from.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts import identities, passwords, places
from pdp.control.accounts.book import Counter, Found, copied, put_account
from pdp.control.accounts.names import check_name, check_risk, check_text
from pdp.control.accounts.permissions import allows, check_rights
from pdp.control.accounts.sign_in import SignIns
from pdp.control.kv.base import Put, Unchanged
from pdp.control.published import parse
from pdp.control.steps import Who, check_reason
from pdp.errors import AccessDeniedError, ConflictError, NotFoundError, RequestError, Violation, WrongStateError
from pdp.v1 import account_pb2
from pdp.v1.account_pb2 import (
    ACCOUNT_LEVEL_ADMIN,
    ACCOUNT_STATE_ACTIVE,
    ACCOUNT_STATE_CLOSED,
    PERMISSION_ACCOUNT_APPROVE,
    PERMISSION_ACCOUNT_ASK,
    PERMISSION_ACCOUNT_REVIEW,
    REQUEST_KIND_CHANGE,
    REQUEST_KIND_CLOSE,
    REQUEST_KIND_CREATE,
    REQUEST_KIND_RESET,
    REQUEST_STATE_APPROVED,
    REQUEST_STATE_ASKED,
    REQUEST_STATE_DONE,
    REQUEST_STATE_REFUSED,
    REQUEST_STATE_REVIEWED,
)

OPEN: Final = (REQUEST_STATE_ASKED, REQUEST_STATE_REVIEWED, REQUEST_STATE_APPROVED)
MAX_CERTIFICATES: Final = 10
_PAGE: Final = 200
_MILLI = 10**6
_LAST_MILLI = 1 << 44
_KINDS = {
    REQUEST_KIND_CREATE: "create", REQUEST_KIND_CHANGE: "change", REQUEST_KIND_CLOSE: "close",
    REQUEST_KIND_RESET: "reset",
}  # fmt: skip
_ALL_PARTS = ("owner", "branch", "level", "rights", "windows", "networks", "certificates", "authority_level", "oidc")


class Executed(NamedTuple):
    """What was carried out: the request, the account before (None for a new one) and after, and a first password."""

    request: account_pb2.RightsRequest
    before: account_pb2.Account | None
    after: account_pb2.Account
    password: str


class RequestPage(NamedTuple):
    """Requests, the newest first; `next` is where the next page begins, empty for none."""

    requests: Sequence[account_pb2.RightsRequest]
    next: str


class _Kept(NamedTuple):
    request: account_pb2.RightsRequest
    modified: int

    @property
    def unchanged(self) -> Unchanged:
        return Unchanged(layout.REQUESTS + self.request.id, self.modified)

    @property
    def asker(self) -> str:
        return self.request.steps[0].actor


class Requests(SignIns):
    """From asking to carrying out. All but reading raises AccessDeniedError for who may not do it."""

    async def ask(
        self, kind: account_pb2.RequestKind, wanted: account_pb2.Account, risk: str, who: Who
    ) -> account_pb2.RightsRequest:
        """Ask for an account, or a change, reset or end of one. A reason and a stated risk are required.

        Raises RequestError, NotFoundError for an account that there is none of, WrongStateError for one that is closed.
        """
        check_reason(who, required=True)
        check_risk(risk)
        if kind not in _KINDS:
            raise RequestError(Violation("kind", "is required: create, change, close or reset"))
        return await self._insist(lambda: self._ask(kind, wanted, risk, who))

    async def review(self, request_id: str, who: Who) -> account_pb2.RightsRequest:
        """Say that a request is in order; what was found is required as the reason.

        Raises RequestError, NotFoundError, WrongStateError, ConflictError when somebody was faster.
        """
        check_reason(who, required=True)
        may = (PERMISSION_ACCOUNT_REVIEW,)
        return await self._insist(
            lambda: self._judge(request_id, who, REQUEST_STATE_ASKED, REQUEST_STATE_REVIEWED, may, "review")
        )

    async def approve(self, request_id: str, who: Who) -> account_pb2.RightsRequest:
        """Approve a reviewed request. Raises as `review`."""
        check_reason(who)
        may = (PERMISSION_ACCOUNT_APPROVE,)
        return await self._insist(
            lambda: self._judge(request_id, who, REQUEST_STATE_REVIEWED, REQUEST_STATE_APPROVED, may, "approve")
        )

    async def refuse(self, request_id: str, who: Who) -> account_pb2.RightsRequest:
        """Refuse a request that is not carried out, or take one's own back. A reason is required."""
        check_reason(who, required=True)
        return await self._insist(lambda: self._refuse(request_id, who))

    async def execute(self, request_id: str, who: Who) -> Executed:
        """Carry an approved request out. A new account, or one that is reset, gets a password for one use, unless its
        owner signs in at the OpenID provider.

        Raises NotFoundError, WrongStateError when the request was not approved, is not what was approved, the account
        has changed since, or nobody would be left who leads accounts.
        """
        request = (await self._request(request_id)).request
        known = await self._find(request.wanted.name)
        identity = request.wanted.HasField("oidc") or (known is not None and known.account.HasField("oidc"))
        needs_password = request.kind in (REQUEST_KIND_CREATE, REQUEST_KIND_RESET) and not identity
        password = passwords.make() if needs_password else ""
        hashed = await self.hasher.hash(password) if password else ""
        done = await self._insist(lambda: self._execute(request_id, who, password, hashed))
        await self.drop_sessions(done.after.name)
        return done

    async def get_request(self, request_id: str) -> account_pb2.RightsRequest:
        """Return a request. Raises NotFoundError."""
        return (await self._request(request_id)).request

    async def list_requests(
        self, *, after: str = "", limit: int = 100, only_open: bool = False, of: str | None = None
    ) -> RequestPage:
        """Return requests, the newest first; with `of` only those that this account asked for."""
        found: list[account_pb2.RightsRequest] = []
        start = layout.REQUESTS + after if after else ""
        while True:
            page = await self._store.range(layout.REQUESTS, after=start, limit=_PAGE)
            for item in page.items:
                request = parse(account_pb2.RightsRequest, item.value, item.key)
                if (only_open and request.state not in OPEN) or of not in (None, request.steps[0].actor):
                    continue
                if len(found) == limit:
                    return RequestPage(found, found[-1].id)
                found.append(request)
            if not page.more:
                return RequestPage(found, "")
            start = page.items[-1].key

    async def lock(self, name: str, who: Who) -> Executed:
        """Lock an account at once; its sessions end. A reason is required. Raises NotFoundError and WrongStateError."""
        check_reason(who, required=True)
        done = await self._insist(lambda: self._lock(name, who))
        await self.drop_sessions(name)
        return done

    async def unlock(self, name: str, who: Who) -> Executed:
        """Unlock an account and forget its failed sign-ins. A reason is required; nobody unlocks their own."""
        check_reason(who, required=True)
        return await self._insist(lambda: self._unlock(name, who))

    async def _ask(
        self, kind: account_pb2.RequestKind, wanted: account_pb2.Account, risk: str, who: Who
    ) -> account_pb2.RightsRequest:
        acting = await self._acting(who.actor, PERMISSION_ACCOUNT_ASK)
        check_name(wanted.name, "wanted.name")
        found = await self._find(wanted.name)
        if kind == REQUEST_KIND_CREATE and found is not None:
            raise WrongStateError(f"there is an account `{wanted.name}` already, or was one; choose another name")
        if kind != REQUEST_KIND_CREATE:
            if found is None:
                raise NotFoundError(f"there is no account `{wanted.name}`")
            if found.account.state == ACCOUNT_STATE_CLOSED:
                raise WrongStateError(f"the account `{wanted.name}` is closed, which is for good")
        now = self._clock()
        request = account_pb2.RightsRequest(
            id=f"{_LAST_MILLI - now // _MILLI:011x}{secrets.token_hex(3)}", kind=kind,
            wanted=_wanted(kind, wanted, self.rules.issuer),
            state=REQUEST_STATE_ASKED, risk=risk.strip(), account_version=0 if found is None else found.account.version,
        )  # fmt: skip
        await identities.check_free(self._store, request.wanted)
        request.steps.append(self._step_of(request, REQUEST_STATE_ASKED, who))
        await self._commit([Unchanged(layout.REQUESTS + request.id, 0), acting.unchanged], [_put(request)])
        return request

    async def _judge(
        self,
        request_id: str,
        who: Who,
        before: account_pb2.RequestState,
        after: account_pb2.RequestState,
        may: Collection[account_pb2.Permission],
        word: str,
    ) -> account_pb2.RightsRequest:
        kept = await self._request(request_id)
        _check_state(kept.request, before, word)
        acting = await self._acting(who.actor, *may)
        conditions, alone = [kept.unchanged, acting.unchanged], False
        if who.actor == kept.request.wanted.name:
            raise AccessDeniedError(f"`{who.actor}` cannot {word} a request about themselves")
        if who.actor == kept.asker:
            counter = await self._counter()
            if not await self._is_alone(kept.request, who.actor):
                raise AccessDeniedError(f"`{who.actor}` asked for this, and somebody else has to {word} it")
            conditions.append(counter.unchanged)
            alone = True
        request = copied(kept.request)
        request.state = after
        step = self._step_of(request, after, who)
        step.alone = alone
        request.steps.append(step)
        await self._commit(conditions, [_put(request)])
        return request

    async def _is_alone(self, request: account_pb2.RightsRequest, actor: str) -> bool:
        """Whether the very first Admin asks for the second one: there was never anybody else who could judge it.

        Accounts that are locked count as well, so that nobody becomes the only one by locking the others.
        """
        if request.kind != REQUEST_KIND_CREATE or request.wanted.level != ACCOUNT_LEVEL_ADMIN:
            return False
        others = [a for a in await self.all_accounts() if a.name != actor and a.state != ACCOUNT_STATE_CLOSED]
        for other in others:
            other.state = ACCOUNT_STATE_ACTIVE
        judges = (PERMISSION_ACCOUNT_REVIEW, PERMISSION_ACCOUNT_APPROVE)
        return not any(allows(other, permission) for other in others for permission in judges)

    async def _refuse(self, request_id: str, who: Who) -> account_pb2.RightsRequest:
        kept = await self._request(request_id)
        if kept.request.state not in OPEN:
            raise _wrong_state(kept.request, "refuse")
        may = [PERMISSION_ACCOUNT_REVIEW, PERMISSION_ACCOUNT_APPROVE]
        acting = await self._acting(who.actor, *may, *([PERMISSION_ACCOUNT_ASK] if who.actor == kept.asker else []))
        request = copied(kept.request)
        request.state = REQUEST_STATE_REFUSED
        request.steps.append(self._step_of(request, REQUEST_STATE_REFUSED, who))
        await self._commit([kept.unchanged, acting.unchanged], [_put(request)])
        return request

    async def _execute(self, request_id: str, who: Who, password: str, hashed: str) -> Executed:
        kept = await self._request(request_id)
        _check_state(kept.request, REQUEST_STATE_APPROVED, "carry out")
        acting = await self._acting(who.actor, PERMISSION_ACCOUNT_APPROVE)
        name = kept.request.wanted.name
        if who.actor == name:
            raise AccessDeniedError(f"`{name}` cannot carry out a request about themselves")
        if any(step.content_hash != content_hash(kept.request) for step in kept.request.steps):
            raise WrongStateError("the request is not what was approved; ask anew")
        found = await self._find(name)
        if (0 if found is None else found.account.version) != kept.request.account_version:
            raise WrongStateError(f"the account `{name}` has changed since this was asked for; ask anew")
        before = None if found is None else found.account
        after = self._carried_out(kept.request, before, kept.asker, hashed)
        _confirm(after, kept.request)
        counter = await self._check_an_admin_stays(after)
        request = copied(kept.request)
        request.state = REQUEST_STATE_DONE
        request.steps.append(self._step_of(request, REQUEST_STATE_DONE, who))
        there = Unchanged(layout.ACCOUNTS + name, 0) if found is None else found.unchanged
        moved = await identities.moved(self._store, before, after)
        await self._commit(
            [there, kept.unchanged, acting.unchanged, counter.unchanged, *moved.conditions],
            [put_account(after), _put(request), counter.next, *moved.changes],
        )
        return Executed(request, before, after, password)

    def _carried_out(
        self, request: account_pb2.RightsRequest, before: account_pb2.Account | None, asker: str, hashed: str
    ) -> account_pb2.Account:
        """Return the account as it becomes."""
        now = self._clock()
        account = account_pb2.Account() if before is None else copied(before)
        account.version += 1
        match request.kind:
            case account_pb2.REQUEST_KIND_CREATE | account_pb2.REQUEST_KIND_CHANGE:
                for part in _ALL_PARTS:
                    account.ClearField(part)
                account.MergeFrom(request.wanted)
                if before is not None and account.oidc != before.oidc:
                    # Whoever signed in by it is somebody else now.
                    account.epoch += 1
                if account.must_change_password and account.HasField("oidc"):
                    _forget_password(account)
                if before is None:
                    account.state = ACCOUNT_STATE_ACTIVE
                    account.created_nanos = now
                    account.created_by = asker
                    account.epoch = 1
            case account_pb2.REQUEST_KIND_CLOSE:
                account = account_pb2.Account(
                    name=account.name, owner=account.owner, branch=account.branch, level=account.level,
                    state=ACCOUNT_STATE_CLOSED, state_reason=request.steps[0].reason,
                    created_nanos=account.created_nanos, created_by=account.created_by,
                    last_sign_in_nanos=account.last_sign_in_nanos, epoch=account.epoch + 1, version=account.version,
                )  # fmt: skip
            case account_pb2.REQUEST_KIND_RESET:
                for part in ("totp", "pending_totp", "recovery_hashes", "devices", "failures", "certificates"):
                    account.ClearField(part)
                account.epoch += 1
                account.compromised = False
                if account.HasField("oidc"):
                    _forget_password(account)
        if hashed:
            passwords.replaced(account, hashed, self.rules.passwords, now)
            account.must_change_password = True
        return account

    async def _lock(self, name: str, who: Who) -> Executed:
        acting = await self._acting(who.actor, PERMISSION_ACCOUNT_APPROVE)
        found = await self._account(name)
        if found.account.state != ACCOUNT_STATE_ACTIVE:
            raise WrongStateError(f"the account `{name}` is not active")
        after = copied(found.account)
        after.state = account_pb2.ACCOUNT_STATE_LOCKED
        after.state_reason = who.reason
        after.epoch += 1
        counter = await self._check_an_admin_stays(after)
        return await self._changed(found, after, acting, counter)

    async def _unlock(self, name: str, who: Who) -> Executed:
        acting = await self._acting(who.actor, PERMISSION_ACCOUNT_APPROVE)
        if name == who.actor:
            raise AccessDeniedError(f"`{name}` cannot unlock their own account")
        found = await self._account(name)
        if found.account.state == ACCOUNT_STATE_CLOSED:
            raise WrongStateError(f"the account `{name}` is closed, which is for good")
        if found.account.state == ACCOUNT_STATE_ACTIVE and not found.account.HasField("failures"):
            raise WrongStateError(f"the account `{name}` is not locked")
        _check_unlockable(found.account)
        after = copied(found.account)
        after.state = ACCOUNT_STATE_ACTIVE
        after.state_reason = ""
        after.ClearField("failures")
        return await self._changed(found, after, acting, await self._counter())

    async def _changed(self, found: Found, after: account_pb2.Account, acting: Found, counter: Counter) -> Executed:
        after.version += 1
        conditions = {condition.key: condition for condition in (found.unchanged, acting.unchanged, counter.unchanged)}
        await self._commit(list(conditions.values()), [put_account(after), counter.next])
        return Executed(account_pb2.RightsRequest(), found.account, after, "")

    async def _request(self, request_id: str) -> _Kept:
        is_id = request_id.isascii() and request_id.isalnum() and len(request_id) <= 64
        item = await self._store.get(layout.REQUESTS + request_id) if is_id else None
        if item is None:
            raise NotFoundError(f"there is no request `{request_id[:64]}`")
        return _Kept(parse(account_pb2.RightsRequest, item.value, item.key), item.modified)

    def _step_of(
        self, request: account_pb2.RightsRequest, state: account_pb2.RequestState, who: Who
    ) -> account_pb2.RequestStep:
        return account_pb2.RequestStep(
            state=state, actor=who.actor, time_nanos=self._clock(), reason=who.reason,
            content_hash=content_hash(request),
        )  # fmt: skip


def content_hash(request: account_pb2.RightsRequest) -> bytes:
    """Return the SHA-256 of what a request asks for, whoever did what with it."""
    content = account_pb2.RightsRequest(
        id=request.id, kind=request.kind, wanted=request.wanted, risk=request.risk,
        account_version=request.account_version,
    )  # fmt: skip
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


def _confirm(account: account_pb2.Account, request: account_pb2.RightsRequest) -> None:
    """Take note that somebody else approved all that an account may do, where a request says all of it."""
    approval = request.steps[-1]
    if request.kind in (REQUEST_KIND_CREATE, REQUEST_KIND_CHANGE) and not approval.alone:
        account.rights_confirmed.CopyFrom(
            account_pb2.RightsConfirmation(
                actor=approval.actor, time_nanos=approval.time_nanos, reason=f"request {request.id}"
            )
        )


def _forget_password(account: account_pb2.Account) -> None:
    # One that others chose and nobody uses would be a second way in.
    for part in ("password", "password_history", "must_change_password"):
        account.ClearField(part)


def _wanted(kind: account_pb2.RequestKind, wanted: account_pb2.Account, issuer: str) -> account_pb2.Account:
    """Return the parts of an account that can be asked for. Raises RequestError."""
    if kind in (REQUEST_KIND_CLOSE, REQUEST_KIND_RESET):
        return account_pb2.Account(name=wanted.name)
    check_text(wanted.owner, "wanted.owner", required=True)
    check_text(wanted.branch, "wanted.branch")
    check_rights(wanted, "wanted")
    places.check(wanted, "wanted")
    if len(wanted.certificates) > MAX_CERTIFICATES or not all(map(_is_digest, wanted.certificates)):
        words = f"are at most {MAX_CERTIFICATES} SHA-256 hashes in lower-case hexadecimal"
        raise RequestError(Violation("wanted.certificates", words))
    identity = None
    if wanted.HasField("oidc"):
        identity = account_pb2.OidcIdentity(issuer=wanted.oidc.issuer or issuer, subject=wanted.oidc.subject)
        identities.check(identity, "wanted.oidc")
    return account_pb2.Account(
        name=wanted.name, owner=wanted.owner, branch=wanted.branch, level=wanted.level, rights=wanted.rights,
        windows=wanted.windows, networks=wanted.networks, certificates=wanted.certificates,
        authority_level=wanted.authority_level, oidc=identity,
    )  # fmt: skip


def _check_unlockable(account: account_pb2.Account) -> None:
    if account.locked_by:
        raise WrongStateError(
            f"the account `{account.name}` was locked by a rule; review the anomaly {account.locked_by}, which unlocks "
            "it"
        )
    if account.compromised:
        raise WrongStateError(
            f"somebody else had the account `{account.name}`; have its factors reset first: "
            f"`pdp account ask reset {account.name}`"
        )


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _put(request: account_pb2.RightsRequest) -> Put:
    return Put(layout.REQUESTS + request.id, request.SerializeToString(deterministic=True))


def _check_state(request: account_pb2.RightsRequest, wanted: account_pb2.RequestState, word: str) -> None:
    if request.state == wanted:
        return
    last = request.steps[-1]
    if word == "approve" and request.state == REQUEST_STATE_APPROVED:
        raise ConflictError(f"`{last.actor}` approved the request already", last.actor, last.time_nanos)
    raise _wrong_state(request, word)


def _wrong_state(request: account_pb2.RightsRequest, word: str) -> WrongStateError:
    state = account_pb2.RequestState.Name(request.state).removeprefix("REQUEST_STATE_").lower()
    return WrongStateError(f"the request is {state}, so nobody can {word} it now")
