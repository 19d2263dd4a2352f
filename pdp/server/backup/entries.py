"""What stands in the sections of a backup: things and records as entries, and an index of both.

An entry is a byte that tells its kind, 4 bytes length (big-endian), and so many bytes. The sections are

| section | holds |
|---|---|
| 0, things | F files of the node, K keys of the control store, B bundles, C checkpoints |
| 1, records | R records of a stream that follow each other |
| 2, index | JSON: how far streams and checkpoints go, every key of the control store with its hash, holds |

The index stands for the whole store, the other sections for what the backups before it in the chain have not.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pdp.errors import BackupError
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.store.base import Hold, StreamState, TreeState
from pdp.snapshot.store.intake import pack_peaks, unpack_tree

THINGS, RECORDS, INDEX = range(3)
FILE, KEY, BUNDLE, CHECKPOINT, BLOCK = b"F", b"K", b"B", b"C", b"R"
_KINDS: Final = frozenset((FILE, KEY, BUNDLE, CHECKPOINT, BLOCK))
_ENTRY = struct.Struct(">cI")
_HEAD = struct.Struct(">I")
_FIRST = struct.Struct(">Q")
_SIZES = struct.Struct(">IH")
_MOST_ENTRY = 256 * 1024 * 1024
_MOST_INDEX = 1024 * 1024 * 1024


class LastCheckpoint(NamedTuple):
    """How far a node's checkpoints go: the last one's number, its time (nanoseconds since 1970) and SHA-256."""

    number: int
    time_nanos: int
    digest: str


@dataclass(slots=True)
class Index:
    """What a backup and those before it in its chain hold together.

    `streams` are only those that changed since the backup before; `control` has every key with the SHA-256 of its
    value, at `revision`; None without a control store.
    """

    streams: dict[StreamKey, StreamState] = field(default_factory=dict)
    checkpoints: dict[str, LastCheckpoint] = field(default_factory=dict)
    control: dict[str, str] | None = None
    revision: int = 0
    head: int = 0
    """The number of the revision in force; 0 for none."""
    bundles: list[str] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return it as bytes."""
        said = {
            "streams": [
                [*state.key, state.count, state.chain.hex(), pack_peaks(state.tree).hex(), state.closed, state.dropped]
                for state in self.streams.values()
            ],
            "checkpoints": self.checkpoints, "control": self.control, "revision": self.revision, "head": self.head,
            "bundles": self.bundles, "counts": self.counts,
            "holds": [[h.id, h.first_day, h.last_day, h.reason, h.by, h.at_nanos] for h in self.holds],
        }  # fmt: skip
        return json.dumps(said, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, pieces: Iterator[bytes], name: object) -> Index:
        """Return what `pack` packed. Raises BackupError."""
        data = bytearray()
        for piece in pieces:
            data += piece
            if len(data) > _MOST_INDEX:
                raise BackupError(f"the index of the backup `{name}` is too large")
        try:
            said = json.loads(data)
            streams = [
                StreamState(
                    StreamKey(node, boot, retention, day), count, bytes.fromhex(chain),
                    unpack_tree(count, bytes.fromhex(peaks)), closed, dropped,
                )
                for node, boot, retention, day, count, chain, peaks, closed, dropped in said["streams"]
            ]  # fmt: skip
            return cls(
                streams={state.key: state for state in streams},
                checkpoints={node: LastCheckpoint(*last) for node, last in said["checkpoints"].items()},
                control=said["control"], revision=said["revision"], head=said["head"], bundles=said["bundles"],
                holds=[Hold(*hold) for hold in said["holds"]], counts=said["counts"],
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"the index of the backup `{name}` cannot be read") from error


class Watermarks:
    """How far the backups of a chain go together: their indexes one after the other."""

    def __init__(self, indexes: Sequence[Index] = ()) -> None:
        self.streams: dict[StreamKey, StreamState] = {}
        self.bundles: set[str] = set()
        self.last = Index()
        for index in indexes:
            self.add(index)

    def add(self, index: Index) -> None:
        """Go on by one backup."""
        self.streams |= index.streams
        self.bundles |= set(index.bundles)
        self.last = index

    def count(self, key: StreamKey) -> int:
        """Return how many records of a stream there are."""
        state = self.streams.get(key)
        return 0 if state is None else state.count


def entry(kind: bytes, payload: bytes) -> bytes:
    """Return an entry."""
    return _ENTRY.pack(kind, len(payload)) + payload


def described(kind: bytes, head: Mapping[str, Any], data: bytes = b"") -> bytes:
    """Return an entry that is JSON and bytes after it."""
    said = json.dumps(head, separators=(",", ":")).encode()
    return entry(kind, _HEAD.pack(len(said)) + said + data)


def describe(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what `described` put together. Raises BackupError."""
    try:
        (size,) = _HEAD.unpack_from(payload)
        head: dict[str, Any] = json.loads(payload[_HEAD.size : _HEAD.size + size])
    except (struct.error, ValueError) as error:
        raise BackupError("an entry of the backup cannot be read") from error
    return head, payload[_HEAD.size + size :]


def block(records: Sequence[SpooledRecord]) -> bytes:
    """Return an entry of records of one stream that follow each other; there is one at least."""
    said = json.dumps(records[0].stream).encode()
    pieces = [_HEAD.pack(len(said)), said, _FIRST.pack(records[0].sequence)]
    for _, _, body, chain in records:
        pieces += (_SIZES.pack(len(body), len(chain)), body, chain)
    return entry(BLOCK, b"".join(pieces))


def unblock(payload: bytes) -> list[SpooledRecord]:
    """Return what `block` put together. Raises BackupError."""
    try:
        (size,) = _HEAD.unpack_from(payload)
        at = _HEAD.size + size
        key = StreamKey(*json.loads(payload[_HEAD.size : at]))
        (sequence,) = _FIRST.unpack_from(payload, at)
        at += _FIRST.size
        found: list[SpooledRecord] = []
        while at < len(payload):
            body, chain = _SIZES.unpack_from(payload, at)
            at += _SIZES.size
            found.append(SpooledRecord(key, sequence, payload[at : at + body], payload[at + body : at + body + chain]))
            at += body + chain
            sequence += 1
    except (struct.error, ValueError, TypeError) as error:
        raise BackupError("records of the backup cannot be read") from error
    if at != len(payload) or not found:
        raise BackupError("records of the backup cannot be read")
    return found


def entries(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, payload). Raises BackupError."""
    data = bytearray()
    for piece in pieces:
        data += piece
        at = 0
        while len(data) - at >= _ENTRY.size:
            kind, size = _ENTRY.unpack_from(data, at)
            if kind not in _KINDS or size > _MOST_ENTRY:
                raise BackupError("an entry of the backup is of a kind that this program does not know; update it")
            if len(data) - at - _ENTRY.size < size:
                break
            at += _ENTRY.size
            yield kind, bytes(data[at : at + size])
            at += size
        del data[:at]
    if data:
        raise BackupError("the last entry of the backup is cut off")


def same_state(one: StreamState | None, other: StreamState) -> bool:
    """Whether two states of a stream say the same."""
    return one is not None and _facts(one) == _facts(other)


def _facts(state: StreamState) -> tuple[int, bytes, TreeState, bool, bool]:
    return state.count, state.chain, state.tree, state.closed, state.dropped
