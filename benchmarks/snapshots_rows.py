"""Records as a bank's decisions leave them: 12 fields, 15 attributes, few busy tellers and many who ask little."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from policy_sets import FIELDS, bank
from samples import samples

from pdp.snapshot.chain import RETENTIONS, SpooledRecord, StreamKey, genesis, link
from pdp.snapshot.evidence.merkle import EMPTY, extend
from pdp.snapshot.store.base import StreamState
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

NODE = "node-1"
DAY_NANOS = 86_400 * 10**9
FIRST_DAY = 20_514
"""2026-03-02."""
OPENS = 8 * 3_600 * 10**9
OPEN_NANOS = 10 * 3_600 * 10**9
"""Branches are open from 8 to 18 hours."""
SUBJECTS = 10_000
CUSTOMERS = 1_000_000
_HASH = hashlib.sha256(b"the policy set").hexdigest()
_NAMES = tuple(FIELDS)
_LEVELS = dict(zip(_NAMES, ("C2", "C3", "C2", "C2", "C1", "C2", "C1", "C3", "C3", "C3", "C2", "C1"), strict=True))


@dataclass(frozen=True, slots=True)
class Made:
    """A stream's records and the state that they lead to."""

    records: list[SpooledRecord]
    state: StreamState


class Bodies:
    """Makes serialized records, always the same ones for the same seed."""

    def __init__(self, seed: str, kinds: int = 512) -> None:
        self._draw = random.Random(seed)
        # As a worker makes them (`engine.decision_ids`): what they begin with is that of its process.
        self._boot, self._counter = f"{self._draw.getrandbits(88):022x}", itertools.count(1 << 36)
        self._facts = [self._request(sample.payload()) for sample in samples(bank(1_000), kinds)]

    def shown(self) -> bool:
        """Draw whether a decision shows something in clear, as two of five do."""
        return self._draw.random() < 0.4

    def next(self, time_nanos: int, *, shown: bool) -> bytes:
        """Return the record of a decision."""
        draw = self._draw
        facts = draw.choice(self._facts)
        facts.subject.id = subject(draw.random())
        snapshot = snapshot_pb2.Snapshot(
            decision_id=f"{self._boot}{next(self._counter):010x}",
            request_id=f"20260302-{draw.randrange(10**6):06d}",
            revision=42,
            policy_hash=_HASH,
            time_nanos=time_nanos,
            caller="core-counter-gateway",
            facts=facts,
            resource_key=customer(draw.random()),
            key_id="k1",
            source=snapshot_pb2.SNAPSHOT_SOURCE_DECIDE,
            latency_micros=draw.randrange(8, 60),
        )
        snapshot.buckets["resource.balance"].above.int_value = 500_000
        clear = draw.sample(_NAMES, draw.randint(1, 5)) if shown else []
        self._verdicts(snapshot, clear)
        levels = {_LEVELS[name] for name in clear}
        snapshot.severity = 3 if "C3" in levels else 2 if "C2" in levels else 1 if levels else 0
        return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()

    def _verdicts(self, snapshot: snapshot_pb2.Snapshot, clear: list[str]) -> None:
        groups: dict[tuple[str, bool], list[str]] = {}
        for name in _NAMES:
            groups.setdefault((_LEVELS[name], name in clear), []).append(name)
        for (level, unmasked), fields in groups.items():
            snapshot.verdicts.add(
                fields=fields,
                level=level,
                effect=types_pb2.EFFECT_UNMASK if unmasked else types_pb2.EFFECT_MASK,
                mask="" if unmasked else "hidden",
                kind=types_pb2.REASON_KIND_RULE if unmasked else types_pb2.REASON_KIND_DEFAULT,
                rule=f"core-counter/rule-{self._draw.randrange(200):03d}" if unmasked else "",
            )

    @staticmethod
    def _request(payload: bytes) -> decision_service_pb2.DecideRequest:
        request = decision_service_pb2.DecideRequest.FromString(payload)
        request.ClearField("request_id")
        request.ClearField("fields")
        request.resource.ClearField("id")
        del request.resource.attributes["balance"]
        return request


def subject(chance: float) -> str:
    """Return a teller; the fewer digits, the busier."""
    return f"T{int(SUBJECTS * chance * chance):04d}"


def customer(chance: float) -> bytes:
    """Return a customer's key, 16 bytes."""
    return hashlib.sha256(b"%d" % int(CUSTOMERS * chance)).digest()[:16]


def stream_of(retention: str, day: int, number: int = 0) -> StreamKey:
    """Return the stream of a benchmark's process."""
    return StreamKey(NODE, f"{number:016x}", retention, day)


def make(key: StreamKey, count: int, bodies: Bodies, *, algorithm: str = "sha256", closed: bool = True) -> Made:
    """Return a stream of records whose times are spread over its day in order."""
    start = key.day * DAY_NANOS + OPENS
    shown = key.retention == "long"
    return chained(
        key,
        (bodies.next(start + OPEN_NANOS * number // count, shown=shown) for number in range(count)),
        algorithm=algorithm,
        closed=closed,
    )


def chained(key: StreamKey, bodies: Iterator[bytes], *, algorithm: str = "sha256", closed: bool = True) -> Made:
    """Return the records of a stream in their chain, and its state."""
    assert key.retention in RETENTIONS
    chain = genesis(key, algorithm)
    records = []
    for sequence, body in enumerate(bodies):
        chain = link(chain, sequence, body)
        records.append(SpooledRecord(key, sequence, body, chain))
    tree = extend(EMPTY, [record.chain for record in records])
    return Made(records, StreamState(key, len(records), chain, tree, closed))
