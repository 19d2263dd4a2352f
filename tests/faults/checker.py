"""Whether the store holds every decision that a client was told, once and as it was told, and can prove it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pdp.errors import PdpError
from pdp.signing import TrustedKeys
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence.proof import prove, verify_proof
from pdp.snapshot.evidence.verify import verify
from pdp.snapshot.store import open_reader
from pdp.snapshot.store.base import Reader
from pdp.v1 import snapshot_pb2, types_pb2
from tests.faults.load import Answer

PROOFS = 12
FINDS = 20_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a store showed. `unanswered` are decisions that no client heard of, which is allowed."""

    acknowledged: int
    lost: tuple[str, ...]
    excused: int
    """Those that are not there either, but are known to be lost."""
    duplicated: tuple[str, ...]
    altered: tuple[str, ...]
    unanswered: int
    operations: Mapping[str, int]
    records: int
    verified: int
    unsigned: int
    checkpoints: int
    faults: tuple[str, ...]
    proofs: int
    present: Collection[str] = field(repr=False)

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; nothing when all is well."""
        found = [
            f"{len(ids)} {word}: {', '.join(ids[:5])}"
            for word, ids in (("lost", self.lost), ("duplicated", self.duplicated), ("altered", self.altered))
            if ids
        ]
        found += self.faults[:10]
        if self.verified != self.records:
            found.append(f"{self.records} records were read, but {self.verified} verified")
        if self.unsigned:
            found.append(f"{self.unsigned} records are in no checkpoint")
        return found


def check_folder(url: str, data: Path, answers: Mapping[str, Answer], seed: int, **options: Collection[str]) -> Checked:
    """Check the store of a service that has ended, by the node's own public key."""
    reader = open_reader(url)
    try:
        return check(reader, TrustedKeys.load(data / "keys"), answers, seed, **options)
    finally:
        reader.close()


def check(
    reader: Reader, trusted: TrustedKeys, answers: Mapping[str, Answer], seed: int, *, named: Collection[str] = ()
) -> Checked:
    """Return what is wrong with a store that should hold these answers; `named` ids are known to be lost."""
    draw = random.Random(seed)
    counts: Counter[str] = Counter()
    altered: list[str] = []
    operations: Counter[str] = Counter()
    decisions = 0
    covered: list[str] = []
    for state in reader.streams():
        for row in reader.records(state.key):
            record = snapshot_pb2.Record.FromString(row.body)
            if record.HasField("operation"):
                operations[record.operation.kind] += 1
                record_id = record.operation.id
            else:
                decisions += 1
                record_id = record.snapshot.decision_id
                told = answers.get(record_id)
                if told is not None and told != _told(record.snapshot):
                    altered.append(record_id)
            counts[record_id] += 1
            if row.columns["id"] != record_id:
                altered.append(record_id)
            covered.append(record_id)
    lost = [name for name in answers if not counts[name] and name not in named]
    found = draw.sample(sorted(answers), min(FINDS, len(answers)))
    lost += [name for name in found if reader.find(name) is None and counts[name]]
    report = verify(reader, trusted)
    faults = [finding.sentence.en for finding in report.faults]
    proofs = draw.sample(covered, min(PROOFS, len(covered)))
    faults += [problem for name in proofs for problem in _proof_problems(reader, trusted, name)]
    return Checked(
        acknowledged=len(answers),
        lost=tuple(lost),
        excused=sum(1 for name in answers if not counts[name] and name in named),
        duplicated=tuple(name for name, count in counts.items() if count > 1),
        altered=tuple(altered),
        unanswered=sum(1 for name in counts if name not in answers) - sum(operations.values()),
        operations=dict(operations),
        records=sum(counts.values()),
        verified=report.records,
        unsigned=report.unsigned,
        checkpoints=report.checkpoints,
        faults=tuple(faults),
        proofs=len(proofs),
        present=counts.keys(),
    )


def stream_ids(reader: Reader, key: StreamKey) -> list[str]:
    """Return the ids of a stream's records, in order."""
    return [str(row.columns["id"]) for row in reader.records(key)]


def _told(snapshot: snapshot_pb2.Snapshot) -> Answer:
    shown: set[str] = set()
    hidden: set[str] = set()
    for verdict in snapshot.verdicts:
        (shown if verdict.effect == types_pb2.EFFECT_UNMASK else hidden).update(verdict.fields)
    return Answer(snapshot.request_id, snapshot.policy_hash, frozenset(shown), frozenset(hidden))


def _proof_problems(reader: Reader, trusted: TrustedKeys, name: str) -> list[str]:
    try:
        report = verify_proof(prove(reader, name), trusted)
    except PdpError as error:
        return [f"`{name}` cannot be proved: {error}"]
    problems = [f"the proof of `{name}` fails: {problem.en}" for problem in report.problems]
    return problems if report.record_id == name else [*problems, f"the proof of `{name}` is of another"]
