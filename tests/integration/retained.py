"""A store as a node leaves it behind: closed streams of several days, covered by signed checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pdp.signing import NodeKey
from pdp.snapshot.chain import SpooledRecord, StreamKey, genesis, hasher, link
from pdp.snapshot.evidence.checkpoint import Checkpointer
from pdp.snapshot.evidence.merkle import EMPTY, extend
from pdp.snapshot.store.base import StreamState, Writer
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

DAY_NANOS = 86_400 * 10**9
TODAY = 20_700
NOW = TODAY * DAY_NANOS + DAY_NANOS // 2


def decision(number: int, at: int, *, subject: str = "T1001", menu: str = "1201") -> bytes:
    """Return the record of a decision; every other one shows a field of C3."""
    facts = decision_service_pb2.DecideRequest()
    facts.subject.id = subject
    facts.resource.type = "customer"
    facts.context["menu"].string_value = menu
    shown = number % 2 == 1
    snapshot = snapshot_pb2.Snapshot(
        decision_id=f"d{at}-{number}", time_nanos=at + number, facts=facts, severity=3 if shown else 0, revision=7
    )
    snapshot.verdicts.add(
        fields=["id_no"], level="C3", effect=types_pb2.EFFECT_UNMASK if shown else types_pb2.EFFECT_MASK
    )
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()


def stream(
    retention: str, day: int, count: int = 5, *, node: str = "n1", closed: bool = True, algorithm: str = "sha256"
) -> tuple[list[SpooledRecord], StreamState]:
    """Return the records of a stream and the state that they lead to."""
    key = StreamKey(node, f"{day:016x}", retention, day)
    chain, records = genesis(key, algorithm), []
    for sequence in range(count):
        body = decision(sequence, day * DAY_NANOS, subject=f"T{1001 + sequence % 3}")
        chain = link(chain, sequence, body, hasher(algorithm))
        records.append(SpooledRecord(key, sequence, body, chain))
    tree = extend(EMPTY, [record.chain for record in records], hasher(algorithm))
    return records, StreamState(key, count, chain, tree, closed)


class Node:
    """A node that ships what it is given and signs for it."""

    def __init__(self, writer: Writer, keys: Path, name: str = "n1", algorithm: str = "sha256") -> None:
        self.name = name
        self.key = NodeKey.load_or_create(keys)
        self._writer = writer
        self._algorithm = algorithm
        self._now = 0
        self._checkpointer = Checkpointer(
            writer, name, self.key, algorithm, [], lambda: self._now, folder=keys, alarm=lambda event, words: None
        )

    def ship(
        self, retention: str, day: int, count: int = 5, *, closed: bool = True, signed: bool = True
    ) -> StreamState:
        """Bring a stream into the store and, unless told otherwise, sign for it in the night after its day."""
        records, state = stream(retention, day, count, node=self.name, closed=closed, algorithm=self._algorithm)
        self._writer.take(records, [state])
        if signed:
            self.sign([state], day)
        return state

    def sign(self, states: Iterable[StreamState], day: int) -> None:
        """Sign a checkpoint over states."""
        self._now = (day + 1) * DAY_NANOS
        self._checkpointer.tick(states)


def lately(node: Node, retention: str = "short") -> None:
    """Ship what a service in use has shipped of late."""
    for day in (TODAY - 10, TODAY - 1, TODAY):
        node.ship(retention, day, 2)
