"""What is in force: the reading side of the control store, as nodes need it."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from pdp.control import blobs, layout
from pdp.control.kv.base import KeyValueStore
from pdp.errors import BlobError, NotFoundError
from pdp.v1 import bundle_pb2, control_pb2

M = TypeVar("M", bound=Message)


class Published:
    """Reads revisions. Everything may raise ControlStoreError, and BlobError for what is damaged in the store."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    async def head(self) -> control_pb2.Head | None:
        """Return what is in force; None before the first publication."""
        return await read_message(self._store, layout.HEAD, control_pb2.Head)

    async def rollout(self) -> control_pb2.Rollout | None:
        """Return the rollout that is running, or the last one."""
        return await read_message(self._store, layout.ROLLOUT, control_pb2.Rollout)

    async def revision(self, number: int) -> control_pb2.Revision:
        """Return a revision. Raises NotFoundError."""
        found = await read_message(self._store, layout.revision_key(number), control_pb2.Revision)
        if found is None:
            raise NotFoundError(f"there is no revision {number}")
        return found

    async def bundle(self, revision: control_pb2.Revision) -> bundle_pb2.SignedBundle:
        """Return a revision's bundle with the revision's own signature, none of it verified."""
        return bundle_pb2.SignedBundle(
            bundle=await blobs.read(self._store, revision.bundle_hash), hash=revision.bundle_hash,
            revision=revision.number, key_id=revision.key_id, signature=revision.signature,
        )  # fmt: skip

    async def sources(self, digest: str) -> control_pb2.Sources:
        """Return a text by its SHA-256."""
        return parse(control_pb2.Sources, await blobs.read(self._store, digest), digest)

    async def changes(self, digest: str) -> control_pb2.Changes:
        """Return changes by their SHA-256; none for an empty one."""
        if not digest:
            return control_pb2.Changes()
        return parse(control_pb2.Changes, await blobs.read(self._store, digest), digest)


async def read_message(store: KeyValueStore, key: str, kind: type[M]) -> M | None:
    """Return the message at a key. Raises BlobError when it is none."""
    found = await store.get(key)
    return None if found is None else parse(kind, found.value, key)


def parse(kind: type[M], data: bytes, name: str) -> M:
    """Return a message out of the store. Raises BlobError when it is damaged."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise BlobError(f"what the control store holds as `{name}` was damaged or altered") from error
