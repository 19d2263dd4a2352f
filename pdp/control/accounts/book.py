"""Accounts in the control store: how they are read, and how every change of one is a transaction."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from google.protobuf.message import Message

from pdp.control import keeping, layout
from pdp.control.accounts.names import is_name
from pdp.control.accounts.permissions import allows, permission_word
from pdp.control.keeping import Stale
from pdp.control.kv.base import Delete, KeyValueStore, Put, Unchanged
from pdp.control.published import parse
from pdp.errors import AccessDeniedError, ConflictError, NotFoundError, WrongStateError
from pdp.v1 import account_pb2

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_TRIES: Final = 12
_PAGE: Final = 500


class Found(NamedTuple):
    """An account, and the store's revision that last changed it."""

    account: account_pb2.Account
    modified: int

    @property
    def unchanged(self) -> Unchanged:
        """The condition that it is still so."""
        return Unchanged(layout.ACCOUNTS + self.account.name, self.modified)


class Counter(NamedTuple):
    """How often accounts changed in what they may do: who judges several makes sure that it is still so."""

    changes: int
    modified: int

    @property
    def unchanged(self) -> Unchanged:
        """The condition that it is still so."""
        return Unchanged(layout.ACCOUNTING, self.modified)

    @property
    def next(self) -> Put:
        """One more."""
        return Put(layout.ACCOUNTING, (self.changes + 1).to_bytes(8, "big"))


class AccountPage(NamedTuple):
    """Accounts in the order of their names; `more` tells whether there are further ones."""

    accounts: Sequence[account_pb2.Account]
    more: bool


class Book:
    """Base of all that is done to accounts. Everything may raise ControlStoreError and BlobError."""

    def __init__(self, store: KeyValueStore, *, clock: Callable[[], int] = time.time_ns) -> None:
        """`clock` gives nanoseconds since 1970."""
        self._store = store
        self._clock = clock

    async def get(self, name: str) -> account_pb2.Account:
        """Return an account with all that is kept of it. Raises NotFoundError."""
        return (await self._account(name)).account

    async def list_accounts(self, *, after: str = "", limit: int = 100) -> AccountPage:
        """Return accounts whose names come after `after`; `limit` is 1 to 1,000."""
        start = layout.ACCOUNTS + after if after else ""
        page = await self._store.range(layout.ACCOUNTS, after=start, limit=limit)
        return AccountPage([parse(account_pb2.Account, item.value, item.key) for item in page.items], page.more)

    async def all_accounts(self) -> list[account_pb2.Account]:
        """Return every account."""
        found: list[account_pb2.Account] = []
        while True:
            page = await self.list_accounts(after=found[-1].name if found else "", limit=_PAGE)
            found.extend(page.accounts)
            if not page.more:
                return found

    async def _find(self, name: str) -> Found | None:
        # What is no name is no key either.
        item = await self._store.get(layout.ACCOUNTS + name) if is_name(name) else None
        return None if item is None else Found(parse(account_pb2.Account, item.value, item.key), item.modified)

    async def _account(self, name: str) -> Found:
        found = await self._find(name)
        if found is None:
            raise NotFoundError(f"there is no account `{name[:64]}`")
        return found

    async def _counter(self) -> Counter:
        item = await self._store.get(layout.ACCOUNTING)
        return Counter(0, 0) if item is None else Counter(int.from_bytes(item.value, "big"), item.modified)

    async def _acting(self, actor: str, *permissions: account_pb2.Permission) -> Found:
        """Return the account of who acts, which may do one of these. Raises AccessDeniedError."""
        found = await self._find(actor)
        if found is None or not any(allows(found.account, permission) for permission in permissions):
            words = " or ".join(f"`{permission_word(permission)}`" for permission in permissions)
            raise AccessDeniedError(f"`{actor[:64]}` may not do this; it needs the right {words}")
        return found

    async def _check_an_admin_stays(self, changed: account_pb2.Account) -> Counter:
        """Return the counter that the transaction must find unchanged. Raises WrongStateError when nobody would be left
        who may lead accounts.
        """
        # The counter first: whatever changes after it is seen when the transaction is made.
        counter = await self._counter()
        if leads(changed):
            return counter
        others = [account for account in await self.all_accounts() if account.name != changed.name]
        if not any(leads(account) for account in others):
            before = await self._find(changed.name)
            if before is not None and leads(before.account):
                raise WrongStateError(
                    f"`{changed.name}` is the last active Admin that may approve rights; make another one first"
                )
        return counter

    async def _commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> None:
        """Make changes; the first tells whether it happened when the store does not. Raises Stale."""
        await keeping.commit(self._store, conditions, changes, witness=changes[0])

    async def _insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what an attempt makes, which looks anew at how things are each time that somebody was faster."""
        for _ in range(_TRIES):
            try:
                return await attempt()
            except Stale:
                continue
        raise ConflictError("others change the same at this moment, again and again; look, and try again")


def leads(account: account_pb2.Account) -> bool:
    """Whether this is an active Admin who may approve rights."""
    is_admin = account.level == account_pb2.ACCOUNT_LEVEL_ADMIN
    return is_admin and allows(account, account_pb2.PERMISSION_ACCOUNT_APPROVE)


def put_account(account: account_pb2.Account) -> Put:
    """Return the change that writes an account."""
    return Put(layout.ACCOUNTS + account.name, account.SerializeToString(deterministic=True))


def copied(message: M) -> M:
    """Return a copy."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
