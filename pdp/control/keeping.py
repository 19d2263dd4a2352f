"""Writes blobs so that they cannot be collected as garbage before, or while, something comes to name them.

`garbage` tells how the two sides go together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pdp.control import blobs, layout
from pdp.control.kv.base import Committed, Delete, KeyValueStore, Put, Unchanged
from pdp.errors import ControlStoreError

WRITE_SECONDS: Final = 20 * 60.0
"""The longest that one blob may take to be written; less than it must have been without a name to be removed."""


class Kept(NamedTuple):
    """A blob that is there, and when its first piece was written, as the store counts."""

    digest: str
    modified: int


class Stale(Exception):
    """What a transaction was made from has changed: none of it was done, and its maker looks again."""


async def keep(store: KeyValueStore, data: bytes) -> Kept:
    """Keep bytes. Raises LimitError and ControlStoreError."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            return await _keep(store, data)
    except TimeoutError as error:
        raise ControlStoreError("the control store takes too long to keep a text; try again") from error


async def _keep(store: KeyValueStore, data: bytes) -> Kept:
    digest = blobs.name_of(data)
    key = f"{layout.blob_prefix(digest)}0000"
    while True:
        # From here on it takes the collector an hour to remove it, be it whole or in part.
        await store.commit([], [Delete(layout.garbage_key(digest))])
        found = await store.get(key)
        if found is not None:
            return Kept(digest, found.modified)
        await blobs.write(store, data)


async def commit(
    store: KeyValueStore,
    conditions: Sequence[Unchanged],
    changes: Sequence[Put | Delete],
    *,
    names: Iterable[Kept] = (),
    witness: Put | Delete,
) -> Committed:
    """Make changes that come to name these blobs. Raises Stale when a condition does not hold or a blob is gone.

    When the store does not say what became of it, `witness`, one of the changes, tells: whether the key is now as it
    was to become. When that cannot be seen either, or not yet, it raises ControlStoreError, and it may have happened.
    """
    named = {kept.digest: kept.modified for kept in names}
    held = [Unchanged(f"{layout.blob_prefix(digest)}0000", modified) for digest, modified in named.items()]
    unmarked = [Delete(layout.garbage_key(digest)) for digest in named]
    try:
        done = await store.commit([*conditions, *held], [*changes, *unmarked])
    except ControlStoreError:
        found = await store.get(witness.key)
        match witness:
            case Put(value=value) if found is not None and found.value == value:
                return Committed(True, found.modified)
            case Delete() if found is None:
                return Committed(True, 0)
        raise
    if not done.succeeded:
        raise Stale
    return done
