"""Which of several records with one id counts (docs/adr/0025-reports-once.md).

A node that takes over from one that is gone records what a client reported under the same id, and says so in the record
(`may_repeat`). The other one's record, should it turn up, counts; of several that may repeat the first in the order of
their places.
"""

from __future__ import annotations

from pdp.snapshot import query
from pdp.snapshot.filter import nodes
from pdp.snapshot.filter.names import NAMES
from pdp.snapshot.store.base import Reader, StoredRecord
from pdp.v1 import snapshot_pb2, snapshot_service_pb2

_MOST = 20
_ID = NAMES["id"]


def entry(reader: Reader, record: StoredRecord) -> snapshot_service_pb2.SnapshotEntry:
    """Return a record as lists show it, with the place of the one that counts instead of it. Raises StoreError."""
    made = query.entry(record)
    snapshot = made.record.snapshot
    if snapshot.may_repeat:
        first = counting(reader, snapshot.decision_id, record)
        if first.place != record.place:
            node, boot, _, _ = first.stream
            made.repeats = f"{node}/{boot}"
    return made


def counting(reader: Reader, record_id: str, found: StoredRecord) -> StoredRecord:
    """Return the record that counts among those with this id, of which `found` is one. Raises StoreError."""
    condition = query.where(reader, nodes.Compare("==", _ID, nodes.Constant(_ID.kind, record_id)))
    same = reader.select(condition, after=None, oldest_first=True, limit=_MOST) or [found]
    own = [record for record in same if not _may_repeat(record)]
    return (own or same)[0]


def _may_repeat(record: StoredRecord) -> bool:
    return bool(snapshot_pb2.Record.FromString(record.body).snapshot.may_repeat)
