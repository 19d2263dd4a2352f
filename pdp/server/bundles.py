"""The bundle in force, in the pieces that WatchBundle sends, and who is told of the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from pdp.engine.wire import length_delimited
from pdp.server.staleness import Staleness
from pdp.v1 import bundle_pb2, bundle_service_pb2

CHUNK_BYTES: Final = 64 * 1024
"""Small enough that a slow line carries one within the time that a message may take."""
WATCH = "WatchBundle"
# Field 2 of WatchBundleResponse.
_CHUNK = b"\x12"

Notify = Callable[[], None]


class Parcel:
    """A bundle on its way to clients. Immutable; the bytes are shared with whatever else holds the revision."""

    __slots__ = ("_bytes", "hash", "header", "revision")

    def __init__(self, signed: bundle_pb2.SignedBundle) -> None:
        self.revision = signed.revision
        self.hash = signed.hash
        self._bytes = signed.bundle
        header = bundle_service_pb2.BundleHeader(
            revision=signed.revision, hash=signed.hash, key_id=signed.key_id, signature=signed.signature,
            size=len(self._bytes),
        )  # fmt: skip
        self.header = bundle_service_pb2.WatchBundleResponse(header=header).SerializeToString()

    @property
    def name(self) -> tuple[int, str]:
        """Revision and hash: the same content may be published again under another number."""
        return self.revision, self.hash

    @property
    def chunks(self) -> int:
        """How many chunks follow the header."""
        return -(-len(self._bytes) // CHUNK_BYTES)

    def chunk(self, number: int) -> bytes:
        """Return the serialized WatchBundleResponse of a chunk, from 0."""
        start = number * CHUNK_BYTES
        return length_delimited(_CHUNK, self._bytes[start : start + CHUNK_BYTES])


class BundleFeed:
    """What a worker gives to clients that decide offline. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: dict[Notify, None] = {}
        self.parcel: Parcel | None = None
        self.staleness: Staleness | None = None

    def follow(self, signed: bundle_pb2.SignedBundle) -> None:
        """Give this one from now on, and tell all who watch."""
        with self._lock:
            self.parcel = Parcel(signed)
            watchers = list(self._watchers)
        for notify in watchers:
            notify()

    def watch(self, notify: Notify) -> None:
        """Tell `notify` whenever there is another one, until `forget`; it must not block."""
        with self._lock:
            self._watchers[notify] = None

    def forget(self, notify: Notify) -> None:
        """Tell it nothing more."""
        with self._lock:
            self._watchers.pop(notify, None)

    def current(self, parcel: Parcel) -> bytes:
        """Return the serialized WatchBundleResponse that says that the client has what is in force."""
        staleness = self.staleness
        current = bundle_service_pb2.BundleCurrent(
            revision=parcel.revision, hash=parcel.hash, stale_seconds=0 if staleness is None else staleness.seconds()
        )
        return bundle_service_pb2.WatchBundleResponse(current=current).SerializeToString()
