"""The control store's side of a backup: all keys at one revision, and back into an empty store."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.kv.base import KeyValue, KeyValueStore, Page, Put, Unchanged
from pdp.control.kv.bounds import MAX_BYTES, MAX_CHANGES
from pdp.errors import BackupError, CompactedError, ControlStoreError
from pdp.v1 import control_pb2

_PASSES: Final = 3
_LAST: Final = (layout.HEAD, layout.ROLLOUT)
"""Written when everything they name is there."""


class Held(NamedTuple):
    """What a control store holds: the SHA-256 of each key's value, all at one revision, and the number in force."""

    digests: dict[str, str]
    revision: int
    head: int


async def copy(store: KeyValueStore, known: Mapping[str, str], take: Callable[[str, bytes], None]) -> Held:
    """Read all keys that outlive their node; hand on those that are not `known` with this value.

    Keys under a lease, such as what nodes tell while they live, are left out. Raises BackupError when the history is
    forgotten faster than it can be read, ControlStoreError when the store is away.
    """
    for _ in range(_PASSES):
        try:
            return await _copy(store, known, take)
        except CompactedError:
            continue
    raise BackupError("the control store forgets its history while it is read; compact it less often")


async def _copy(store: KeyValueStore, known: Mapping[str, str], take: Callable[[str, bytes], None]) -> Held:
    digests: dict[str, str] = {}
    revision = head = 0
    async for page in _pages(store):
        revision = page.revision
        for item in page.items:
            if not _is_kept(item):
                continue
            digest = digests[item.key] = _digest(item.value)
            if known.get(item.key) != digest:
                take(item.key, item.value)
            if item.key == layout.HEAD:
                head = control_pb2.Head.FromString(item.value).revision
    return Held(digests, revision, head)


async def _pages(store: KeyValueStore) -> AsyncIterator[Page]:
    page = await store.range("")
    yield page
    while page.more:
        page = await store.range("", after=page.items[-1].key, revision=page.revision)
        yield page


def _is_kept(item: KeyValue) -> bool:
    return not item.lease and not item.key.startswith(layout.NODES)


async def is_empty(store: KeyValueStore) -> bool:
    """Whether a store has no key at all."""
    return not (await store.range("", limit=1)).items


class Restoring:
    """Writes the keys of a backup into a store. Every key goes in once, the head last of all."""

    def __init__(self, store: KeyValueStore, wanted: Mapping[str, str]) -> None:
        """`wanted` are the digests of the values that count, by key."""
        self._store = store
        self._wanted = wanted
        self._written: set[str] = set()
        self._waiting: list[Put] = []
        self._size = 0
        self._last: dict[str, bytes] = {}

    async def put(self, key: str, value: bytes) -> None:
        """Write a key if this is the value that counts. Raises BackupError when the store has the key already."""
        if key in self._written or self._wanted.get(key) != _digest(value):
            return
        self._written.add(key)
        if key in _LAST:
            self._last[key] = value
            return
        size = len(key.encode()) + len(value)
        # Twice the key: it stands in the condition too.
        if self._waiting and (len(self._waiting) == MAX_CHANGES or self._size + 2 * size > MAX_BYTES):
            await self._write(self._waiting)
            self._waiting, self._size = [], 0
        self._waiting.append(Put(key, value))
        self._size += 2 * size

    async def end(self) -> int:
        """Write the rest and compare the store with the backup; return how many keys there are. Raises BackupError."""
        if self._waiting:
            await self._write(self._waiting)
        if self._last:
            await self._write([Put(key, self._last[key]) for key in self._last])
        missing = sorted(self._wanted.keys() - self._written)
        if missing:
            raise BackupError(f"the backups do not hold the key `{missing[0]}` of the control store")
        held = await copy(self._store, {}, lambda _key, _value: None)
        if held.digests != self._wanted:
            raise BackupError("the control store is not as the backup has it; somebody else writes to it")
        return len(held.digests)

    async def _write(self, changes: Iterable[Put]) -> None:
        puts = list(changes)
        done = await self._store.commit([Unchanged(put.key, 0) for put in puts], puts)
        if not done.succeeded:
            raise ControlStoreError("the control store is not empty any more; somebody else writes to it")


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
