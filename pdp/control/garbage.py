"""Removes blobs that nothing names any more, while others write.

A blob is written first and named after, so that it has no name is no sign that nobody wants it. Three things keep it:

- The collector marks what has no name (`garbage/HASH`) and removes it in a later run, if the mark has stood for an
  hour and nothing names it then. The removal is one transaction that holds only if the mark has not been touched.
- Whoever comes to name a blob takes its mark away in the same transaction, so a removal that looked before fails. The
  transaction holds only if the blob is there, so one that comes after a removal fails, and its maker writes anew.
- Whoever writes a blob takes its mark away first, and gives up before a new one could be an hour old.

So clocks that are wrong can at worst make somebody write a blob twice. What is named: the text, bundle and changes of
each revision, the text of each draft, and what was handed in, published, promoted or taken back in the steps of either.
A text that was merely saved on the way, and saved over, is not: its hash stays in the steps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, NamedTuple

from pdp.control import layout
from pdp.control.kv.base import Delete, KeyValue, KeyValueStore, Put, Unchanged
from pdp.control.kv.bounds import MAX_CHANGES
from pdp.control.published import parse
from pdp.v1 import control_pb2

UNNAMED_SECONDS: Final = 60 * 60
"""How long a blob must have been without a name."""
_NANOS = 10**9
_LAST = "\U0010ffff"


class Collected(NamedTuple):
    """What a run found: blobs that stay, blobs that have no name and wait, blobs that it removed."""

    kept: int
    waiting: int
    removed: int


async def collect(store: KeyValueStore, clock: Callable[[], int]) -> Collected:
    """Mark and remove what nothing names. Safe beside anybody who writes, and beside another collector.

    Raises ControlStoreError and BlobError; what was done until then is right, and the next run goes on.
    """
    kept = waiting = removed = 0
    # Marks are read before names: who comes to name a blob after that takes away the mark that was read.
    marks = {mark.key.removeprefix(layout.GARBAGE): mark async for mark in _all(store, layout.GARBAGE)}
    named = await _named(store)
    async for digest in _blobs(store):
        mark = marks.pop(digest, None)
        if digest in named:
            kept += 1
            if mark is not None:
                await store.commit([Unchanged(mark.key, mark.modified)], [Delete(mark.key)])
        elif mark is None:
            waiting += 1
            key = layout.garbage_key(digest)
            await store.commit([Unchanged(key, 0)], [Put(key, clock().to_bytes(8, "big"))])
        elif clock() - int.from_bytes(mark.value, "big") < UNNAMED_SECONDS * _NANOS:
            waiting += 1
        elif await _remove(store, digest, mark):
            removed += 1
        else:
            kept += 1
    for mark in marks.values():
        await store.commit([Unchanged(mark.key, mark.modified)], [Delete(mark.key)])
    return Collected(kept, waiting, removed)


def names_of(revision: control_pb2.Revision | control_pb2.Draft | control_pb2.Rollout) -> Iterable[str]:
    """Yield the blobs that a message of the store names for good."""
    if not isinstance(revision, control_pb2.Rollout):
        yield revision.sources
    if isinstance(revision, control_pb2.Revision):
        yield revision.bundle_hash
    for step in revision.steps:
        if step.kind != control_pb2.STEP_KIND_SAVED:
            yield step.sources
            yield step.changes


async def _named(store: KeyValueStore) -> set[str]:
    found: set[str] = set()
    # A draft that is published at this moment is found as the one or the other: drafts come first.
    async for item in _all(store, layout.DRAFTS):
        found.update(names_of(parse(control_pb2.Draft, item.value, item.key)))
    async for item in _all(store, layout.REVISIONS):
        found.update(names_of(parse(control_pb2.Revision, item.value, item.key)))
    async for item in _all(store, layout.ENDED):
        found.update(names_of(parse(control_pb2.Rollout, item.value, item.key)))
    return found


async def _all(store: KeyValueStore, prefix: str) -> AsyncIterator[KeyValue]:
    after = ""
    while True:
        page = await store.range(prefix, after=after, limit=100)
        for item in page.items:
            yield item
        if not page.more:
            return
        after = page.items[-1].key


async def _blobs(store: KeyValueStore) -> AsyncIterator[str]:
    """Yield each blob, whole or not, by its first piece: the others need not be read for this."""
    after = ""
    while True:
        page = await store.range(layout.BLOBS, after=after, limit=1)
        if not page.items:
            return
        digest = page.items[0].key.removeprefix(layout.BLOBS).partition("/")[0]
        yield digest
        after = layout.blob_prefix(digest) + _LAST


async def _remove(store: KeyValueStore, digest: str, mark: KeyValue) -> bool:
    """Remove a blob, its first piece and mark first: pieces that are left over have no name, and are marked anew."""
    prefix = layout.blob_prefix(digest)
    pieces: list[Delete] = []
    after = ""
    while len(pieces) < MAX_CHANGES - 1:
        page = await store.range(prefix, after=after, limit=1)
        if not page.items:
            break
        after = page.items[0].key
        pieces.append(Delete(after))
    done = await store.commit([Unchanged(mark.key, mark.modified)], [*pieces, Delete(mark.key)])
    return done.succeeded
