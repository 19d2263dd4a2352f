"""What every store of records does; `tests/integration/store_contract.py` holds all of them to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pdp.snapshot.chain import SpooledRecord, StreamKey


class TreeState(NamedTuple):
    """The Merkle tree over a stream's chain values, as far as needed to go on: its size and its peaks, left to right."""

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


class StoredRecord(NamedTuple):
    """A row: a record with what was drawn out of it for searching.

    `columns` are those of `columns.extract`, as the store holds them now, by name.
    """

    stream: StreamKey
    sequence: int
    body: bytes
    chain: bytes
    columns: Mapping[str, Any]


class Sql(NamedTuple):
    """A condition with `?`-less named parameters in the store's own style, and their values."""

    text: str
    parameters: Mapping[str, Any]


class Writer(Protocol):
    """What the shipper needs. One writer a node; several nodes may write at the same time."""

    def states(self, node: str) -> Mapping[StreamKey, StreamState]:
        """Return the state of every stream of a node that is not closed. Raises StoreError."""

    def take(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        """Add records and set the states of their streams, in one transaction.

        Raises StoreError when the store is away or refuses, and WatermarkError when a stream has meanwhile come further
        than the records begin; then nothing has changed.
        """

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        """Keep a serialized SignedCheckpoint. A number that is there already is refused: raises StoreError."""

    def last_checkpoint(self, node: str) -> bytes | None:
        """Return the node's last serialized SignedCheckpoint."""

    def add_bundle(self, hash: str, revision: int, signed: bytes) -> None:  # noqa: A002 - the field's name
        """Keep a serialized SignedBundle by its hash; one that is there already is left alone."""

    def close(self) -> None:
        """Let go of the connection."""


class Reader(Protocol):
    """What queries and verification need. It cannot change anything."""

    def select(
        self, where: Sql | None, *, after: tuple[int, str, str, str, int, int] | None, oldest_first: bool, limit: int
    ) -> list[StoredRecord]:
        """Return records in the order of (time, node, boot, retention, day, sequence), newest or oldest first.

        `after` is the key of the last record of the page before.
        """

    def count(self, where: Sql | None, *, exact: bool) -> tuple[int, bool]:
        """Return how many records there are, and whether that is exact; (-1, False) without even an estimate."""

    def find(self, record_id: str) -> StoredRecord | None:
        """Return the record of a decision or operation id."""

    def streams(self) -> list[StreamState]:
        """Return every stream, sorted by key."""

    def records(self, key: StreamKey, start: int = 0) -> Iterator[StoredRecord]:
        """Yield a stream's records in order from a sequence on."""

    def checkpoints(self, node: str | None = None) -> Iterator[tuple[str, int, bytes]]:
        """Yield (node, number, serialized SignedCheckpoint), by node and number."""

    def bundle(self, hash: str) -> bytes | None:  # noqa: A002 - the field's name
        """Return a serialized SignedBundle."""

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

    def drop(self, retention: str, day: int) -> int:
        """Drop all records of a partition at once and return how many; their stream states stay, marked as dropped.

        Raises StoreError when a hold covers the day or a stream of the partition is not closed by a checkpoint.
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
