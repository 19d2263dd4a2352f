"""A store in memory at the seam of `Reader` and `Writer`, with nodes that write to it and hands that change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pdp.errors import StoreError
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot import chain, columns
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.checkpoint import Checkpointer, Copy, parse_checkpoint
from pdp.snapshot.store.base import Link, StoredRecord, StreamState, links_of
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

DAY = 20_000
NOW = DAY * 86_400 * NANOS + 3_600 * NANOS
KEY = NodeKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TRUSTED = TrustedKeys.of(KEY)


def body(record_id: str, *, caller: str = "counter", size: int = 0) -> bytes:
    snapshot = snapshot_pb2.Snapshot(decision_id=record_id, time_nanos=NOW, caller=caller, request_id="x" * size)
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString(deterministic=True)


def stream(node: str = "n1", boot: str = "00000000000000b1", retention: str = "short", day: int = DAY) -> StreamKey:
    return StreamKey(node, boot, retention, day)


class Memory:
    """Keeps what it is given; tests change its lists as an attacker would."""

    def __init__(self) -> None:
        self.rows: dict[StreamKey, list[StoredRecord]] = {}
        self.held: dict[StreamKey, StreamState] = {}
        self.signed: dict[tuple[str, int], bytes] = {}
        self.away = False

    def states(self, node: str) -> Mapping[StreamKey, StreamState]:
        return {key: state for key, state in self.held.items() if key.node == node}

    def take(self, records: Sequence[SpooledRecord], states: Sequence[StreamState]) -> None:
        for record in records:
            row = StoredRecord(*record, columns.extract(record.body))
            self.rows.setdefault(record.stream, []).append(row)
        self.held.update({state.key: state for state in states})

    def add_checkpoint(self, node: str, number: int, signed: bytes) -> None:
        if self.away or (node, number) in self.signed:
            raise StoreError("away, or there is one")
        self.signed[node, number] = signed

    def last_checkpoint(self, node: str) -> bytes | None:
        numbers = [number for other, number in self.signed if other == node]
        return self.signed[node, max(numbers)] if numbers else None

    def add_bundle(self, hash: str, revision: int, signed: bytes) -> None:  # noqa: A002
        raise NotImplementedError

    def close(self) -> None:
        pass

    def state(self, key: StreamKey) -> StreamState | None:
        return self.held.get(key)

    def streams(self) -> list[StreamState]:
        return [self.held[key] for key in sorted(self.held)]

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        rows = sorted(self.rows.get(key, []), key=lambda row: row.sequence)
        yield from (row for row in rows if row.sequence >= start)

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        return links_of(self.records(key))

    def find(self, record_id: str) -> StoredRecord | None:
        return next((row for rows in self.rows.values() for row in rows if row.columns["id"] == record_id), None)

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        for (other, number), signed in sorted(self.signed.items()):
            if node in (None, other) and (not since or parse_checkpoint(signed)[1].time_nanos >= since):
                yield other, number, signed


class Node:
    """Writes streams and signs checkpoints as a node does."""

    def __init__(
        self, store: Memory, folder: Path, *, name: str = "n1", algorithm: str = "sha256", copies: Sequence[Copy] = ()
    ) -> None:
        self.store, self.algorithm, self.new = store, algorithm, chain.hasher(algorithm)
        self.alarms: list[str] = []
        self.time = NOW
        folder.mkdir(exist_ok=True)
        self.checkpointer = Checkpointer(
            store, name, KEY, algorithm, copies, lambda: self.time, folder=folder,
            alarm=lambda event, _words: self.alarms.append(event),
        )  # fmt: skip

    def write(self, key: StreamKey, bodies: Iterable[bytes]) -> None:
        state = self.store.held.get(key)
        if state is None:
            state = StreamState(key, 0, chain.genesis(key, self.algorithm), merkle.EMPTY)
        records: list[SpooledRecord] = []
        value = state.chain
        for sequence, one in enumerate(bodies, state.count):
            value = chain.link(value, sequence, one, self.new)
            records.append(SpooledRecord(key, sequence, one, value))
        tree = merkle.extend(state.tree, [record.chain for record in records], self.new)
        self.store.take(records, [replace(state, count=tree.size, chain=value, tree=tree)])

    def close(self, key: StreamKey) -> None:
        self.store.take([], [replace(self.store.held[key], closed=True)])

    def tick(self) -> snapshot_pb2.SignedCheckpoint | None:
        self.time += NANOS
        return self.checkpointer.tick(self.store.states("n1").values())


def edited(row: StoredRecord, **changes: Any) -> StoredRecord:
    """Return a row with another body (and the columns of it) or what else is told."""
    if "body" in changes:
        changes.setdefault("columns", columns.extract(changes["body"]))
    return row._replace(**changes)


def relinked(rows: Sequence[StoredRecord], algorithm: str = "sha256") -> list[StoredRecord]:
    """Return rows with numbers from 0 and all chain values worked out anew."""
    value, made = chain.genesis(rows[0].stream, algorithm), []
    for sequence, row in enumerate(rows):
        value = chain.link(value, sequence, row.body, chain.hasher(algorithm))
        made.append(row._replace(sequence=sequence, chain=value))
    return made


def renumbered(rows: Sequence[StoredRecord]) -> list[StoredRecord]:
    """Return rows with numbers from 0 and the chain values that they have."""
    return [row._replace(sequence=sequence) for sequence, row in enumerate(rows)]
