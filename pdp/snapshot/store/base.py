"""What every store of records does; `tests/integration/store_contract.py` holds all of them to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, Protocol

from pdp.snapshot.chain import SpooledRecord, StreamKey

_PAGE = 1_000


class TreeState(NamedTuple):
    """The Merkle tree over a stream's chain values, as far as needed to go on: its size and peaks, left to right."""

    size: int
    peaks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StreamState:
    """How far a stream has come in the store: `count` is the watermark, the sequence of the next record to take."""

    key: StreamKey
    count: int
    chain: bytes
    tree: TreeState
    closed: bool = False
    dropped: bool = False


Place = tuple[int, str, str, str, int, int]
"""(time, node, boot, retention, day, sequence): the order of lists, and the key of their pages."""


Link = tuple[int, bytes, bytes]
"""(sequence, body, chain): what a record is to its chain, without its stream and its columns."""


class StoredRecord(NamedTuple):
    """A row: a record with what was drawn out of it for searching.

    `columns` are those of `columns.stored`, as the store holds them now, by name.
    """

    stream: StreamKey
    sequence: int
    body: bytes
    chain: bytes
    columns: Mapping[str, Any]

    @property
    def place(self) -> Place:
        """Where it stands in lists."""
        node, boot, retention, day = self.stream
        return self.columns["time"], node, boot, retention, day, self.sequence


def links_of(records: Iterable[StoredRecord]) -> Iterator[list[Link]]:
    """Yield records as pages of links, for what has them no faster."""
    links = (record[1:4] for record in records)
    while page := list(islice(links, _PAGE)):
        yield page


class Sql(NamedTuple):
    """A condition over `columns.NAMES` with named parameters in the store's own style, and their values.

    SQLite takes `:p0`, PostgreSQL `%(p0)s` (where a percent sign is written twice); names begin with `p`. Only a
    condition that says `severity >= 2` literally meets the small index of the flagged records.

    `marked` is a weaker condition over `time`, `mark_a` and `mark_b` alone, which one index answers; empty when there
    is none, or when `text` meets a better index.
    """

    text: str
    parameters: Mapping[str, Any]
    marked: str = ""


class Writer(Protocol):
    """What the shipper needs. Several may write at the same time, but only one of them the records of a boot."""

    @property
    def takes_together(self) -> bool:
        """Whether two takes at a time bring in more than one after the other."""

    def states(self, node: str) -> Mapping[StreamKey, StreamState]:
        """Return the state of every stream of a node that no stored checkpoint has closed. Raises StoreError."""

    def state(self, key: StreamKey) -> StreamState | None:
        """Return the state of one stream, closed or not; None for one that the store does not know."""

    def take(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        """Add records and set the states of their streams, in one transaction.

        The records of a stream follow each other, and every stream that has records has a state; a state without
        records closes a stream. Raises StoreError when the store is away or refuses, and WatermarkError when a stream
        is not where the records begin or is closed already; then nothing has changed.
        """

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        """Keep a serialized SignedCheckpoint. Raises StoreError, and WatermarkError for a number that is taken."""

    def last_checkpoint(self, node: str) -> bytes | None:
        """Return the node's last serialized SignedCheckpoint."""

    def add_bundle(self, hash: str, revision: int, signed: bytes) -> None:  # noqa: A002 - the field's name
        """Keep a serialized SignedBundle by its hash; one that is there already is left alone."""

    def close(self) -> None:
        """Let go of the connection."""


class Reader(Protocol):
    """What queries and verification need. It cannot change anything."""

    def select(
        self, where: Sql | None, *, after: Place | None, oldest_first: bool, limit: int, bare: bool = False
    ) -> list[StoredRecord]:
        """Return records in the order of (time, node, boot, retention, day, sequence), newest or oldest first.

        `after` is the key of the last record of the page before. `bare` ones have no column but `time`: that is faster.
        """

    def count(self, where: Sql | None, *, exact: bool) -> tuple[int, bool]:
        """Return how many records there are, and whether that is exact; (-1, False) without even an estimate."""

    def find(self, record_id: str) -> StoredRecord | None:
        """Return the record of a decision or operation id."""

    def streams(self) -> list[StreamState]:
        """Return every stream, sorted by key, with those whose records were dropped."""

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        """Yield a stream's records in order from a sequence on; `bare` ones without columns, which is faster."""

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        """Yield a stream's records in order as links of its chain, by pages: what verification reads, and fastest."""

    def strays(self) -> int:
        """Return how many rows stand outside every known stream, where no list shows them: always 0 unless tampered."""

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        """Yield (node, number, serialized SignedCheckpoint), by node and number.

        Only those made at `since` or later, in nanoseconds since 1970.
        """

    def bundle(self, hash: str) -> bytes | None:  # noqa: A002 - the field's name
        """Return a serialized SignedBundle."""

    @property
    def dialect(self) -> Literal["sqlite", "postgres"]:
        """The style of the conditions that it takes; `store.where` writes them.

        A SQLite connection has the functions of `where_sqlite.install`.
        """

    def recent_streams(self, day: int) -> list[StreamState]:
        """Return the streams that are not closed or were begun for this day or later, sorted by key."""

    def group(self, where: Sql | None, by: Sql, *, limit: int, in_order: bool) -> list[tuple[Any, int, int]]:
        """Return (key, records, records with a severity of 2 or more) of the records by the value of an expression.

        The largest groups come first and then the least keys; by key when `in_order`. None is a key like any other.
        """

    def interruptible(self) -> AbstractContextManager[Callable[[], None]]:
        """Give a function that any thread may call to stop what the thread that entered is asking, now or later.

        What is stopped raises StoreError; questions of other threads go on. Called after the end, it does nothing.
        """

    def close(self) -> None:
        """Let go of the connection."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: records of these days (inclusive, since 1970) are not dropped while it stands."""

    id: str
    first_day: int
    last_day: int
    reason: str
    by: str
    at_nanos: int


class Maintainer(Protocol):
    """What retention needs."""

    def parts(self) -> list[tuple[str, int]]:
        """Return the (retention, day) of every partition with records, sorted."""

    def drop(self, retention: str, day: int, *, by: str = "system", at_nanos: int | None = None) -> int:
        """Drop all records of a partition at once and return how many; their stream states stay, marked as dropped.

        The mark says by whom and when (nanoseconds since 1970, now by default). Raises StoreError when a hold covers
        the day or a stream of the partition is not closed by a checkpoint.
        """

    def dropped(self) -> list[StreamState]:
        """Return the states of streams whose records were dropped: with the checkpoints, all that is left of them."""

    def holds(self) -> list[Hold]:
        """Return the holds, sorted by id."""

    def add_hold(self, hold: Hold) -> None:
        """Add a hold. Raises StoreError for an id that is there."""

    def remove_hold(self, hold_id: str) -> None:
        """End a hold. Raises StoreError for an id that is not there."""

    def close(self) -> None:
        """Let go of the connection."""


class Keeper(Protocol):
    """What backups need besides a Reader, a Writer and a Maintainer."""

    def bundles(self) -> list[tuple[str, int]]:
        """Return the (hash, revision) of every bundle, by hash. Raises StoreError."""

    def add_checkpoints(self, found: Sequence[tuple[str, int, bytes]]) -> None:
        """Keep (node, number, serialized SignedCheckpoint) in one transaction, as `Writer.add_checkpoint` does.

        Raises StoreError, and WatermarkError for a number that is taken; then nothing has changed.
        """

    def add_dropped(self, states: Sequence[StreamState], *, by: str, at_nanos: int) -> None:
        """Add streams of which only the states are left, in one transaction, marked as dropped by somebody at a time.

        Raises StoreError, and WatermarkError for a stream that is there; then nothing has changed.
        """

    def close(self) -> None:
        """Let go of the connection."""
