"""Callers in the control store: how they are read, and how a change of one is judged against all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.accounts.book import Book
from pdp.control.callers.rules import MAX_CALLERS
from pdp.control.kv.base import Delete, KeyValue, KeyValueStore, Put, Unchanged
from pdp.control.published import parse
from pdp.errors import LimitError, NotFoundError, RequestError, Violation
from pdp.lang.loader.callers import CALLER_NAME
from pdp.v1 import caller_pb2

USED_EVERY: Final = 60 * 10**9
"""How often the last use of a token is written, in nanoseconds."""
_BATCH: Final = 100
_MARK: Final = layout.CALLERS_CHANGED.removeprefix(layout.CALLERS)


class Mark(NamedTuple):
    """When any caller was last changed: what the store says of the key that is written with every change. A store that
    was put back has other ones.
    """

    created: int = 0
    version: int = 0
    modified: int = 0

    @classmethod
    def of(cls, item: KeyValue | None) -> Mark:
        """Return the mark that a key is; that of no change yet for None."""
        return cls() if item is None else cls(item.created, item.version, item.modified)


class Known(NamedTuple):
    """All callers by name, all at one revision, and when any was last changed."""

    callers: Mapping[str, caller_pb2.Caller]
    mark: Mark

    @property
    def unchanged(self) -> Unchanged:
        """The condition that they are still so."""
        return Unchanged(layout.CALLERS_CHANGED, self.mark.modified)


class CallerPage(NamedTuple):
    """Callers in the order of their names; `more` tells whether there are further ones."""

    callers: Sequence[caller_pb2.Caller]
    more: bool


class CallerBook(Book):
    """The reading side. Everything may raise ControlStoreError and BlobError."""

    async def get_caller(self, name: str) -> caller_pb2.Caller:
        """Return a caller, with when its tokens were last used. Raises NotFoundError."""
        item = await self._store.get(layout.CALLERS + name) if is_name(name) else None
        if item is None:
            raise unknown(name)
        caller = parse(caller_pb2.Caller, item.value, item.key)
        _tell_uses([caller], await self._uses(layout.caller_uses(name)))
        return caller

    async def list_callers(self, *, after: str = "", limit: int = 100) -> CallerPage:
        """Return callers whose names come after `after`; `limit` is 1 to 1,000."""
        start = layout.CALLERS + (after or _MARK)
        page = await self._store.range(layout.CALLERS, after=start, limit=limit)
        callers = [parse(caller_pb2.Caller, item.value, item.key) for item in page.items]
        _tell_uses(callers, await self._uses(layout.CALLER_USES))
        return CallerPage(callers, page.more)

    async def known(self) -> Known:
        """Return all callers."""
        return await read_all(self._store)

    async def note_uses(self, uses: Mapping[tuple[str, str], int]) -> None:
        """Keep when tokens, each named by its caller and its id, were last used, in nanoseconds since 1970."""
        changes: list[Put] = []
        for (name, token), used in uses.items():
            if not is_name(name):
                continue
            key = layout.caller_uses(name) + token
            found = await self._store.get(key)
            if found is None or used - int.from_bytes(found.value, "big") >= USED_EVERY:
                changes.append(Put(key, used.to_bytes(8, "big")))
        for start in range(0, len(changes), _BATCH):
            await self._store.commit([], changes[start : start + _BATCH])

    async def _uses(self, prefix: str) -> Mapping[str, int]:
        return {item.key: int.from_bytes(item.value, "big") for item in await self._items(prefix)}

    async def _items(self, prefix: str) -> list[KeyValue]:
        found: list[KeyValue] = []
        while True:
            page = await self._store.range(prefix, after=found[-1].key if found else "")
            found.extend(page.items)
            if not page.more:
                return found

    async def _forget_uses(self) -> None:
        """Remove what is known of tokens that there are no more."""
        known = (await self.known()).callers
        there = {layout.caller_uses(c.name) + token.id for c in known.values() for token in c.tokens}
        for item in await self._items(layout.CALLER_USES):
            if item.key not in there:
                await self._store.commit([Unchanged(item.key, item.modified)], [Delete(item.key)])


async def read_all(store: KeyValueStore) -> Known:
    """Return all callers, as they were at one revision. Raises ControlStoreError, CompactedError and BlobError."""
    callers: dict[str, caller_pb2.Caller] = {}
    mark, after, at = Mark(), "", 0
    while True:
        page = await store.range(layout.CALLERS, after=after, revision=at)
        for item in page.items:
            if item.key == layout.CALLERS_CHANGED:
                mark = Mark.of(item)
                continue
            callers[item.key.removeprefix(layout.CALLERS)] = parse(caller_pb2.Caller, item.value, item.key)
        if not page.more:
            return Known(callers, mark)
        after, at = page.items[-1].key, page.revision


def check_fits(known: Known, after: caller_pb2.Caller) -> None:
    """Raise LimitError when there are too many callers, RequestError for a certificate that another one has."""
    others = [caller for caller in known.callers.values() if caller.name != after.name]
    if len(others) >= MAX_CALLERS:
        raise LimitError(f"there are {MAX_CALLERS:,} callers, which are as many as there may be; remove one first")
    taken = {name: caller.name for caller in others for name in caller.certificates}
    for index, name in enumerate(after.certificates):
        if name in taken:
            words = f"`{name}` belongs to the caller `{taken[name]}`; a certificate tells one caller"
            raise RequestError(Violation(f"caller.certificates[{index}]", words))


def put_caller(caller: caller_pb2.Caller) -> Put:
    """Return the change that writes a caller."""
    kept = caller_pb2.Caller()
    kept.CopyFrom(caller)
    for token in kept.tokens:
        token.ClearField("last_used_nanos")
    return Put(layout.CALLERS + caller.name, kept.SerializeToString(deterministic=True))


def is_name(text: str) -> bool:
    """Whether a text can name a caller: what cannot is no key either."""
    return CALLER_NAME.pattern.fullmatch(text) is not None and len(text) <= 255


def unknown(name: str) -> NotFoundError:
    """Return the error of a name that no caller has."""
    return NotFoundError(f"there is no managed caller `{name[:64]}`")


def _tell_uses(callers: Sequence[caller_pb2.Caller], uses: Mapping[str, int]) -> None:
    for caller in callers:
        for token in caller.tokens:
            token.last_used_nanos = uses.get(layout.caller_uses(caller.name) + token.id, 0)
