"""The small versioned key-value store that everything of the control plane is written on (DESIGN §7).

Its model is etcd's: one history of revisions, each the work of one transaction; compare-and-swap; watches from any
revision that has not been compacted; leases whose keys go when nobody renews them. Back ends: `sqlite` on one
machine, `etcd` in a cluster. `tests/integration/kv_contract.py` holds both to what stands here.

Keys are texts of 1 to 512 bytes in UTF-8 without NUL, in the order of their code points. An empty store is at
revision 1 or, where others use it too, at any higher one; revisions may skip numbers for the same reason.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class KeyValue(NamedTuple):
    """A key as it was at some revision: `version` counts its changes since it was created, from 1."""

    key: str
    value: bytes
    version: int
    created: int
    modified: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Holds when a key was last modified at this revision; 0 for a key that is not there."""

    key: str
    modified: int


@dataclass(frozen=True, slots=True)
class Put:
    """Set a key; with a lease it goes when the lease ends. Without one, a lease that it had no longer concerns it."""

    key: str
    value: bytes
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key; one that is not there is no error."""

    key: str


class Event(NamedTuple):
    """A change at `revision`: `value` is None for a key that went."""

    revision: int
    key: str
    value: bytes | None


class Page(NamedTuple):
    """Keys in order, at one revision; `more` tells whether there are further ones after the last."""

    items: Sequence[KeyValue]
    revision: int
    more: bool


class Committed(NamedTuple):
    """What became of a transaction: whether its conditions held, and the store's revision then."""

    succeeded: bool
    revision: int


class KeyValueStore(Protocol):
    """Strictly serialisable. Every method raises ControlStoreError, within a bounded time, when the store is away; then
    a transaction may or may not have happened, and whoever must know reads again.

    What breaks a bound raises LimitError and what is no key ValueError, before anything is done. One object serves
    the tasks of one event loop.
    """

    async def get(self, key: str) -> KeyValue | None:
        """Return a key as it is now."""

    async def range(self, prefix: str, *, after: str = "", limit: int = 1_000, revision: int = 0) -> Page:
        """Return the keys with a prefix that come after `after`, in the order of their code points, as of a revision
        (0: now). Raises CompactedError when the history no longer goes back that far, ControlStoreError for a revision
        that is still to come.

        There may be fewer than `limit` (1 to 1,000) and still more to come when the values are large: `more` alone
        tells. The next page asks for the revision of the first.
        """

    async def commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> Committed:
        """Make all changes in one revision if all conditions hold, else none. A key may be changed once. At most 128
        conditions, 128 changes and 1.5 MB in all.

        Changes that change nothing (none, or the removal of what is not there) make no revision. Raises LeaseEndedError
        when a key is to hang on a lease that has ended; then nothing is changed.
        """

    async def revision(self) -> int:
        """Return the newest revision: the periodic look that makes up for a watch that missed something."""

    def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        """Yield what changed after a revision, the events of one revision together and in order, until closed.

        It is a hint: it may end with ControlStoreError at any time. Raises CompactedError when the history no longer
        goes back that far, which may also come in the middle to somebody slow; then the caller ranges again and watches
        from there. Leave it with `contextlib.aclosing`.
        """

    async def grant(self, seconds: int) -> int:
        """Return a new lease that lasts this long unless renewed; at least 2 seconds, at most a day.

        It ends no sooner than promised and usually within a second more.
        """

    async def renew(self, lease: int) -> bool:
        """Begin a lease's time anew; False when it has ended."""

    async def revoke(self, lease: int) -> None:
        """End a lease and remove its keys, in one revision; one that has ended is no error."""

    async def compact(self, revision: int) -> None:
        """Forget the history before a revision: ranges at it and watches after it still work, older ones do not.

        One that is forgotten already is no error; one that is still to come raises ControlStoreError. In a cluster that
        others use too it concerns their history as well.
        """

    async def close(self) -> None:
        """Let go of connections; watches end, and every further call raises ControlStoreError."""
