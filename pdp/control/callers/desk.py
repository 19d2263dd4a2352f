"""Every change of a caller, and the second person that some of them need.

What takes something away is done at once, by one person. What lets a caller do more waits until somebody else approves
it, where people sign in: a single person can neither make a caller nor hand out a token that counts. Who asks for a
token gets it at once, so that who approves never sees it; until then nobody knows it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts.book import copied
from pdp.control.callers.book import CallerBook, check_fits, is_name, put_caller, unknown
from pdp.control.callers.rules import MAX_TOKENS, TokenWish, check, check_wish, normal, widens
from pdp.control.callers.tokens import make_token, token_hash
from pdp.control.kv.base import Delete, Put, Unchanged
from pdp.control.published import parse
from pdp.control.steps import Who, check_reason, moment
from pdp.errors import (
    AccessDeniedError,
    ConflictError,
    LimitError,
    NotFoundError,
    RequestError,
    Violation,
    WrongStateError,
)
from pdp.v1 import caller_pb2
from pdp.v1.account_pb2 import PERMISSION_CALLER_MANAGE
from pdp.v1.caller_pb2 import (
    CALLER_CHANGE_KIND_ADD_TOKEN,
    CALLER_CHANGE_KIND_CREATE,
    CALLER_CHANGE_KIND_ENABLE,
    CALLER_CHANGE_KIND_UPDATE,
    CALLER_CHANGE_STATE_DONE,
    CALLER_CHANGE_STATE_REFUSED,
    CALLER_CHANGE_STATE_WAITING,
)

WAITING_SECONDS: Final = 30 * 86_400
"""How long a change may wait for its second person."""
MAX_WAITING: Final = 20
"""Changes of one caller that wait."""
_PAGE: Final = 200
_MILLI: Final = 10**6
_LAST_MILLI: Final = 1 << 44

Kind = caller_pb2.CallerChangeKind
Build = Callable[[caller_pb2.Caller | None], caller_pb2.Caller]
"""Makes of a caller as it is, None for none, what it is to be; raises what is wrong with that."""


class Outcome(NamedTuple):
    """What became of a change: the caller before (None for a new one) and after it (None for one that waits or is
    gone), the change when it waits for a second person, and a new token, which is shown this once.
    """

    before: caller_pb2.Caller | None
    after: caller_pb2.Caller | None
    change: caller_pb2.CallerChange | None = None
    token: str = ""


class ChangePage(NamedTuple):
    """Changes, the newest first; `next` is where the next page begins, empty for none."""

    changes: Sequence[caller_pb2.CallerChange]
    next: str


class _Kept(NamedTuple):
    change: caller_pb2.CallerChange
    modified: int

    @property
    def unchanged(self) -> Unchanged:
        return Unchanged(layout.CALLER_CHANGES + self.change.id, self.modified)


class CallerDesk(CallerBook):
    """All changes. With `four_eyes` who acts has an account, which must have the right to manage callers, and what
    widens a caller waits for another such person; without, all is done at once.

    Every change raises RequestError, AccessDeniedError and ControlStoreError, and needs a reason.
    """

    async def create(self, wanted: caller_pb2.Caller, wish: TokenWish | None, who: Who, *, four_eyes: bool) -> Outcome:
        """Make a caller, with a first token if wanted. Raises WrongStateError when there is one of this name."""
        check(wanted)
        made = normal(wanted)
        token, shown = self._token(wish, who)

        def build(before: caller_pb2.Caller | None) -> caller_pb2.Caller:
            if before is not None:
                raise WrongStateError(f"there is a caller `{wanted.name}` already; choose another name, or change it")
            after = copied(made)
            if token is not None:
                after.tokens.append(token)
            return after

        return await self._change(CALLER_CHANGE_KIND_CREATE, wanted.name, build, who, four_eyes, shown)

    async def update(self, wanted: caller_pb2.Caller, who: Who, *, four_eyes: bool) -> Outcome:
        """Change what people state of a caller; `wanted.version` is the one that they looked at.

        Raises NotFoundError, ConflictError when somebody has changed it since, WrongStateError when nothing changes.
        """
        check(wanted)
        made = normal(wanted)

        def build(before: caller_pb2.Caller | None) -> caller_pb2.Caller:
            found = _there(before, wanted.name)
            _check_version(found, wanted.version)
            after = copied(made)
            after.tokens.extend(found.tokens)
            for part in ("disabled", "disabled_reason", "version", "created_nanos", "created_by", "changed_nanos",
                         "changed_by"):  # fmt: skip
                setattr(after, part, getattr(found, part))
            if after == found:
                raise WrongStateError(f"the caller `{found.name}` is so already; nothing changes")
            return after

        return await self._change(CALLER_CHANGE_KIND_UPDATE, wanted.name, build, who, four_eyes)

    async def disable(self, name: str, who: Who, *, four_eyes: bool) -> Outcome:
        """Turn a caller away at once. Raises NotFoundError, WrongStateError when it is disabled already."""

        def build(before: caller_pb2.Caller | None) -> caller_pb2.Caller:
            after = copied(_there(before, name))
            if after.disabled:
                raise WrongStateError(f"the caller `{name}` is disabled already")
            after.disabled, after.disabled_reason = True, who.reason
            return after

        return await self._change(CALLER_CHANGE_KIND_UPDATE, name, build, who, four_eyes)

    async def enable(self, name: str, who: Who, *, four_eyes: bool) -> Outcome:
        """Let a caller call again. Raises NotFoundError, WrongStateError when it is not disabled."""

        def build(before: caller_pb2.Caller | None) -> caller_pb2.Caller:
            after = copied(_there(before, name))
            if not after.disabled:
                raise WrongStateError(f"the caller `{name}` is not disabled")
            after.disabled, after.disabled_reason = False, ""
            return after

        return await self._change(CALLER_CHANGE_KIND_ENABLE, name, build, who, four_eyes)

    async def add_token(self, name: str, wish: TokenWish, who: Who, *, four_eyes: bool) -> Outcome:
        """Add a token beside those that there are; tokens whose time is over go. Raises NotFoundError, LimitError,
        WrongStateError when there is a token of this id.
        """
        token, shown = self._token(wish, who)
        assert token is not None  # noqa: S101 - it is wanted

        def build(before: caller_pb2.Caller | None) -> caller_pb2.Caller:
            after = copied(_there(before, name))
            now = self._clock()
            held = [held for held in after.tokens if not held.expires_nanos or held.expires_nanos > now]
            if any(other.id == token.id for other in held):
                raise WrongStateError(f"the caller `{name}` has a token `{token.id}` already; name it otherwise")
            if len(held) >= MAX_TOKENS:
                raise LimitError(f"the caller `{name}` has {MAX_TOKENS} tokens, which is the most; revoke one first")
            del after.tokens[:]
            after.tokens.extend([*held, token])
            return after

        return await self._change(CALLER_CHANGE_KIND_ADD_TOKEN, name, build, who, four_eyes, shown)

    async def revoke_token(self, name: str, token_id: str, who: Who, *, four_eyes: bool) -> Outcome:
        """Take a token out at once. Raises NotFoundError."""

        def build(before: caller_pb2.Caller | None) -> caller_pb2.Caller:
            after = copied(_there(before, name))
            left = [token for token in after.tokens if token.id != token_id]
            if len(left) == len(after.tokens):
                raise NotFoundError(f"the caller `{name}` has no token of this id; look with `pdp caller show {name}`")
            del after.tokens[:]
            after.tokens.extend(left)
            return after

        return await self._change(CALLER_CHANGE_KIND_UPDATE, name, build, who, four_eyes)

    async def delete(self, name: str, version: int, who: Who, *, four_eyes: bool) -> Outcome:
        """Remove a caller at once; with a version only as it was then. Raises NotFoundError and ConflictError."""
        check_reason(who, required=True)

        async def attempt() -> Outcome:
            known = await self.known()
            before = _there(known.callers.get(name), name)
            if version:
                _check_version(before, version)
            conditions = [known.unchanged, *await self._who_acts(who, four_eyes=four_eyes)]
            gone: list[Delete | Put] = [Delete(layout.CALLERS + name), Put(layout.CALLERS_CHANGED, b"")]
            await self._commit(conditions, gone)
            return Outcome(before, None)

        return await self._insist(attempt)

    async def approve(self, change_id: str, who: Who) -> Outcome:
        """Do what somebody else asked for. Raises NotFoundError, AccessDeniedError, ConflictError when somebody was
        faster, WrongStateError when the caller has changed since or the change has waited for too long.
        """
        check_reason(who)

        async def attempt() -> Outcome:
            kept = await self._kept(change_id)
            _check_waits(kept.change, "approve")
            if who.actor == kept.change.steps[0].actor:
                raise AccessDeniedError(f"`{who.actor}` asked for this, and somebody else has to approve it")
            return await self._do(kept, who)

        return await self._insist(attempt)

    async def refuse(self, change_id: str, who: Who) -> caller_pb2.CallerChange:
        """Refuse a change, or take one's own back. Raises as `approve`."""
        check_reason(who, required=True)

        async def attempt() -> caller_pb2.CallerChange:
            kept = await self._kept(change_id)
            _check_waits(kept.change, "refuse")
            acting = await self._who_acts(who, four_eyes=True)
            change = self._stepped(kept.change, CALLER_CHANGE_STATE_REFUSED, who)
            await self._commit([kept.unchanged, *acting], [_put(change)])
            return change

        return await self._insist(attempt)

    async def get_change(self, change_id: str) -> caller_pb2.CallerChange:
        """Return a change. Raises NotFoundError."""
        return (await self._kept(change_id)).change

    async def list_changes(self, *, after: str = "", limit: int = 100, only_waiting: bool = False) -> ChangePage:
        """Return changes that need a second person, the newest first."""
        found: list[caller_pb2.CallerChange] = []
        start = layout.CALLER_CHANGES + after if after else ""
        while True:
            page = await self._store.range(layout.CALLER_CHANGES, after=start, limit=_PAGE)
            for item in page.items:
                change = parse(caller_pb2.CallerChange, item.value, item.key)
                if only_waiting and change.state != CALLER_CHANGE_STATE_WAITING:
                    continue
                if len(found) == limit:
                    return ChangePage(found, found[-1].id)
                found.append(change)
            if not page.more:
                return ChangePage(found, "")
            start = page.items[-1].key

    async def forget(self, before: int) -> None:
        """Forget changes that were asked for before a time, in nanoseconds since 1970, and uses of tokens that are
        gone; the record of operations keeps what was done.
        """
        for item in await self._items(layout.CALLER_CHANGES):
            change = parse(caller_pb2.CallerChange, item.value, item.key)
            if change.steps[0].time_nanos < before:
                await self._store.commit([Unchanged(item.key, item.modified)], [Delete(item.key)])
        await self._forget_uses()

    async def _change(
        self,
        kind: Kind,
        name: str,
        build: Build,
        who: Who,
        four_eyes: bool,
        shown: str = "",
    ) -> Outcome:
        check_reason(who, required=True)
        if not is_name(name):
            raise unknown(name)

        async def attempt() -> Outcome:
            known = await self.known()
            before = known.callers.get(name)
            after = build(before)
            check_fits(known, after)
            conditions = [known.unchanged, *await self._who_acts(who, four_eyes=four_eyes)]
            wider = widens(before, after)
            if four_eyes and wider:
                change = self._asked(kind, before, after, wider, who)
                await self._check_room(name)
                await self._commit([*conditions, Unchanged(layout.CALLER_CHANGES + change.id, 0)], [_put(change)])
                return Outcome(before, None, change, shown)
            self._stamp(before, after, who.actor)
            await self._write(conditions, after)
            return Outcome(before, after, None, shown)

        return await self._insist(attempt)

    async def _do(self, kept: _Kept, who: Who) -> Outcome:
        change = kept.change
        if any(step.content_hash != content_hash(change) for step in change.steps):
            raise WrongStateError("the change is not what was asked for; ask anew")
        now, name = self._clock(), change.wanted.name
        if now - change.steps[0].time_nanos > WAITING_SECONDS * 10**9:
            raise WrongStateError(f"the change has waited since {moment(change.steps[0].time_nanos)}; ask anew")
        known = await self.known()
        before = known.callers.get(name)
        if (0 if before is None else before.version) != change.base_version:
            raise WrongStateError(f"the caller `{name}` has changed since this was asked for; ask anew")
        after = copied(change.wanted)
        check_fits(known, after)
        self._stamp(before, after, change.steps[0].actor)
        done = self._stepped(change, CALLER_CHANGE_STATE_DONE, who)
        conditions = [known.unchanged, kept.unchanged, *await self._who_acts(who, four_eyes=True)]
        await self._write(conditions, after, _put(done))
        return Outcome(before, after, done)

    async def _write(self, conditions: Sequence[Unchanged], after: caller_pb2.Caller, *more: Put) -> None:
        await self._commit(conditions, [put_caller(after), Put(layout.CALLERS_CHANGED, b""), *more])

    async def _who_acts(self, who: Who, *, four_eyes: bool) -> list[Unchanged]:
        return [(await self._acting(who.actor, PERMISSION_CALLER_MANAGE)).unchanged] if four_eyes else []

    async def _check_room(self, name: str) -> None:
        waiting = (await self.list_changes(limit=1_000, only_waiting=True)).changes
        if sum(change.wanted.name == name for change in waiting) >= MAX_WAITING:
            raise LimitError(f"{MAX_WAITING} changes of `{name}` wait already; have them approved or refused first")

    async def _kept(self, change_id: str) -> _Kept:
        is_id = change_id.isascii() and change_id.isalnum() and len(change_id) <= 64
        item = await self._store.get(layout.CALLER_CHANGES + change_id) if is_id else None
        if item is None:
            raise NotFoundError(f"there is no change `{change_id[:64]}` of a caller")
        return _Kept(parse(caller_pb2.CallerChange, item.value, item.key), item.modified)

    def _asked(
        self, kind: Kind, before: caller_pb2.Caller | None, after: caller_pb2.Caller, wider: Sequence[str], who: Who
    ) -> caller_pb2.CallerChange:
        change = caller_pb2.CallerChange(
            id=f"{_LAST_MILLI - self._clock() // _MILLI:011x}{secrets.token_hex(3)}", kind=kind, wanted=after,
            base_version=0 if before is None else before.version, widens=wider,
        )  # fmt: skip
        return self._stepped(change, CALLER_CHANGE_STATE_WAITING, who)

    def _stepped(
        self, change: caller_pb2.CallerChange, state: caller_pb2.CallerChangeState, who: Who
    ) -> caller_pb2.CallerChange:
        after = copied(change)
        after.state = state
        after.steps.add(
            state=state, actor=who.actor, time_nanos=self._clock(), reason=who.reason,
            content_hash=content_hash(change),
        )  # fmt: skip
        return after

    def _stamp(self, before: caller_pb2.Caller | None, after: caller_pb2.Caller, actor: str) -> None:
        now = self._clock()
        after.version = 1 if before is None else before.version + 1
        after.changed_nanos, after.changed_by = now, actor
        if before is None:
            after.created_nanos, after.created_by = now, actor

    def _token(self, wish: TokenWish | None, who: Who) -> tuple[caller_pb2.CallerToken | None, str]:
        if wish is None:
            return None, ""
        check_wish(wish)
        now, shown = self._clock(), make_token()
        made = caller_pb2.CallerToken(
            id=wish.id or datetime.fromtimestamp(now // 10**9, UTC).date().isoformat(),
            sha256=bytes.fromhex(token_hash(shown)), created_nanos=now, created_by=who.actor,
            expires_nanos=now + wish.seconds * 10**9 if wish.seconds else 0,
        )  # fmt: skip
        return made, shown


def content_hash(change: caller_pb2.CallerChange) -> bytes:
    """Return the SHA-256 of what a change asks for, whoever did what with it."""
    content = caller_pb2.CallerChange(
        id=change.id, kind=change.kind, wanted=change.wanted, base_version=change.base_version, widens=change.widens
    )
    return hashlib.sha256(content.SerializeToString(deterministic=True)).digest()


def _there(caller: caller_pb2.Caller | None, name: str) -> caller_pb2.Caller:
    if caller is None:
        raise unknown(name)
    return caller


def _check_version(found: caller_pb2.Caller, version: int) -> None:
    if not version:
        raise RequestError(Violation("caller.version", "is required: the version that this was made from"))
    if version != found.version:
        raise ConflictError(
            f"`{found.changed_by}` changed the caller `{found.name}` at {moment(found.changed_nanos)} to version "
            f"{found.version}, and this was made from version {version}; look, and try again",
            found.changed_by, found.changed_nanos, found.version,
        )  # fmt: skip


def _check_waits(change: caller_pb2.CallerChange, word: str) -> None:
    if change.state == CALLER_CHANGE_STATE_WAITING:
        return
    last = change.steps[-1]
    done = "approved" if change.state == CALLER_CHANGE_STATE_DONE else "refused"
    raise ConflictError(f"`{last.actor}` {done} this already, so nobody can {word} it", last.actor, last.time_nanos)


def _put(change: caller_pb2.CallerChange) -> Put:
    return Put(layout.CALLER_CHANGES + change.id, change.SerializeToString(deterministic=True))
