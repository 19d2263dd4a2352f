"""What every store checks and works out before it takes records or drops them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.errors import StoreError, WatermarkError
from pdp.snapshot.chain import DIGEST_BYTES, RETENTIONS, SpooledRecord, StreamKey
from pdp.snapshot.store.base import StreamState, TreeState
from pdp.v1 import snapshot_pb2

MAX_SEQUENCE: Final = 2**40


class Batch(NamedTuple):
    """What one `take` adds to one stream: its records, perhaps none, and its state after them."""

    state: StreamState
    records: Sequence[SpooledRecord]

    @property
    def start(self) -> int:
        """The sequence of its first record: where the watermark must be."""
        return self.state.count - len(self.records)


def batches(records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> list[Batch]:
    """Sort records by stream. Raises StoreError when they are not in sequence or do not lead to the states."""
    by_stream: dict[StreamKey, list[SpooledRecord]] = {state.key: [] for state in states}
    if len(by_stream) != len(states):
        raise StoreError("a stream has two states in one batch")
    for record in records:
        found = by_stream.get(record.stream)
        if found is None:
            raise StoreError(f"no state comes with the records of stream {name(record.stream)}")
        found.append(record)
    ordered = [Batch(state, by_stream[state.key]) for state in sorted(states, key=lambda state: state.key)]
    for batch in ordered:
        _check(batch)
    return ordered


def _check(batch: Batch) -> None:
    key = batch.state.key
    if key.retention not in RETENTIONS:
        raise StoreError(f"stream {name(key)} has no known retention class; there are {', '.join(RETENTIONS)}")
    if not 0 <= batch.state.count < MAX_SEQUENCE or batch.state.tree.size != batch.state.count:
        raise StoreError(f"the state of stream {name(key)} does not fit itself")
    if any(record.sequence != sequence for sequence, record in enumerate(batch.records, batch.start)):
        raise StoreError(f"the records of stream {name(key)} do not lead to its state without a gap")
    if batch.records and batch.records[-1].chain != batch.state.chain:
        raise StoreError(f"the last record of stream {name(key)} has another chain value than its state")


def check_watermark(batch: Batch, held: StreamState | None) -> None:
    """Compare what a batch begins with and what the store has. Raises WatermarkError."""
    count = held.count if held else 0
    if held is not None and (held.closed or held.dropped):
        raise WatermarkError(f"stream {name(batch.state.key)} is closed at {count}, so nothing can follow")
    if count != batch.start:
        raise WatermarkError(
            f"stream {name(batch.state.key)} has {count} records, but those sent begin at {batch.start}"
        )


def name(key: StreamKey) -> str:
    """Return a stream as messages name it."""
    return f"`{key.node}/{key.boot}/{key.retention}/{key.day}`"


def pack_peaks(tree: TreeState) -> bytes:
    """Return a tree's peaks as one text of bytes."""
    return b"".join(tree.peaks)


def unpack_tree(size: int, peaks: bytes) -> TreeState:
    """Return what `pack_peaks` packed."""
    return TreeState(size, tuple(peaks[at : at + DIGEST_BYTES] for at in range(0, len(peaks), DIGEST_BYTES)))


def checkpoint(signed: bytes) -> snapshot_pb2.Checkpoint:
    """Return what a serialized SignedCheckpoint says. Raises StoreError when it cannot be read."""
    try:
        return snapshot_pb2.Checkpoint.FromString(snapshot_pb2.SignedCheckpoint.FromString(signed).checkpoint)
    except DecodeError as error:
        raise StoreError("a checkpoint cannot be read") from error


def key_of(stream: snapshot_pb2.Stream) -> StreamKey:
    """Return a message as a key."""
    return StreamKey(stream.node, stream.boot, stream.retention, stream.day)


def closing(signed: bytes, node: str, number: int) -> list[tuple[StreamKey, int]]:
    """Return the streams that a checkpoint closes, with their counts. Raises StoreError for one of another place."""
    said = checkpoint(signed)
    if (said.node, said.number) != (node, number):
        raise StoreError(f"checkpoint {number} of node `{node}` says that it is {said.number} of `{said.node}`")
    return [(key_of(head.stream), head.count) for head in said.heads if head.closed]


def check_drop(
    holds: Mapping[str, tuple[int, int]],
    day: int,
    streams: Sequence[tuple[StreamState, int | None]],
    signed: Callable[[str, int], bytes | None],
) -> None:
    """Refuse a drop that would lose evidence: held, or of a stream that no stored checkpoint closes.

    `holds` are the days of each hold by id; `streams` come with the number of the checkpoint that closed them, and
    `signed` returns a stored checkpoint by node and number. Raises StoreError.
    """
    held = sorted(hold for hold, (first, last) in holds.items() if first <= day <= last)
    if held:
        raise StoreError(f"day {day} is under the hold `{held[0]}`; end it first")
    for state, number in streams:
        if not state.closed or number is None:
            raise StoreError(f"no checkpoint has closed stream {name(state.key)}; let its node ship the rest of it")
        held_checkpoint = signed(state.key.node, number)
        heads = checkpoint(held_checkpoint).heads if held_checkpoint is not None else ()
        if not any(
            key_of(head.stream) == state.key
            and (head.closed, head.count, head.chain) == (True, state.count, state.chain)
            for head in heads
        ):
            raise StoreError(f"checkpoint {number} does not fit stream {name(state.key)} as it is; verify the store")
