"""What the tests of the spool share: records with an id, and a store in memory that takes them as the real one does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pdp.snapshot.chain import SpooledRecord, StreamKey, genesis, link
from pdp.snapshot.spool import SpoolReader
from pdp.v1 import snapshot_pb2


def body(record_id: str, size: int = 0, time_nanos: int = 1) -> bytes:
    """Return a serialized Record of a decision, `size` bytes longer than it need be."""
    snapshot = snapshot_pb2.Snapshot(decision_id=record_id, time_nanos=time_nanos, policy_hash="x" * size)
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()


@dataclass
class Shipped:
    """A store in memory: refuses a record that is not the next one of its stream or breaks its chain."""

    positions: dict[StreamKey, int] = field(default_factory=dict)
    chains: dict[StreamKey, bytes] = field(default_factory=dict)
    ids: Counter[str] = field(default_factory=Counter)
    operations: list[snapshot_pb2.Operation] = field(default_factory=list)

    def take(self, records: list[SpooledRecord]) -> None:
        for record in records:
            key = record.stream
            assert record.sequence == self.positions.get(key, 0), record
            before = self.chains.get(key) or genesis(key, "sha256")
            assert record.chain == link(before, record.sequence, record.body), record
            self.positions[key] = record.sequence + 1
            self.chains[key] = record.chain
            read = snapshot_pb2.Record.FromString(record.body)
            if read.HasField("operation"):
                self.operations.append(read.operation)
            else:
                self.ids[read.snapshot.decision_id] += 1

    def drain(self, reader: SpoolReader, limit: int = 100) -> None:
        """Take all that there is. Two reads, because what a first one saved stands in a new boot."""
        for _ in range(2):
            while records := reader.read(self.positions, limit):
                assert len(records) <= limit
                self.take(records)

    @property
    def missing(self) -> int:
        return sum(int(operation.details["missing"]) for operation in self.operations)


def files(folder: Path) -> list[Path]:
    """Return the databases of all boots below a folder, in order, without those in quarantine."""
    return sorted(path for path in folder.glob("*/????????.db") if path.parent.name != "quarantine")
