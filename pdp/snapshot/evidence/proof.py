"""Proof that one record is what was recorded, checked with nothing but itself and the nodes' public keys.

It holds the record, the chain value before it, the audit path to the root of its stream's tree, and the signed
checkpoint that has this root. It proves that the record was there when the checkpoint was signed; it cannot show that
no other record is missing, which only the verification of whole streams does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError

from pdp.errors import EvidenceError, SnapshotNotFoundError
from pdp.lang.model import Label
from pdp.signing import TrustedKeys, Verdict
from pdp.snapshot import chain, columns
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.checkpoint import parse_checkpoint, stream_key, stream_message
from pdp.snapshot.store.base import StoredRecord
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

_DAY = 86_400 * NANOS


class ProofSource(Protocol):
    """What a proof is made from: a part of `store.base.Reader`."""

    def find(self, record_id: str) -> StoredRecord | None:
        """See `Reader`."""

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        """See `Reader`."""

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        """See `Reader`."""


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What a proof is worth: `problems` is empty when the record is what was recorded."""

    problems: tuple[Label, ...]
    stream: StreamKey
    sequence: int
    record_id: str
    checkpoint: int
    time_nanos: int
    key_id: str

    @property
    def is_good(self) -> bool:
        """Whether the record is what a trusted node signed."""
        return not self.problems


def prove(reader: ProofSource, record_id: str) -> snapshot_pb2.InclusionProof:
    """Return the proof of a record by the first checkpoint that covers it.

    Raises SnapshotNotFoundError; EvidenceError when no checkpoint covers the record yet or the store was changed;
    StoreError.
    """
    row = reader.find(record_id)
    if row is None:
        raise SnapshotNotFoundError(f"no record has the id `{record_id}`")
    signed, checkpoint, head = _first_cover(reader, row)
    new = chain.hasher(checkpoint.algorithm)
    previous = chain.genesis(row.stream, checkpoint.algorithm)

    def values() -> Iterator[bytes]:
        nonlocal previous
        for expected, other in enumerate(reader.records(row.stream, bare=True)):
            if other.sequence != expected:
                raise ValueError(f"no record {expected}")
            if other.sequence == row.sequence - 1:
                previous = other.chain
            yield other.chain

    try:
        path = merkle.audit_path(values(), row.sequence, head.count, new)
    except ValueError as error:
        raise EvidenceError(f"records of the chain of `{record_id}` are missing; run `pdp snapshot verify`") from error
    proof = inclusion(row, previous, path, signed)
    if _problems(proof, checkpoint):
        raise EvidenceError(
            f"the store does not fit the checkpoint {checkpoint.number} of node `{checkpoint.node}`, so `{record_id}` "
            "cannot be proved; run `pdp snapshot verify`"
        )
    return proof


def inclusion(
    row: StoredRecord, previous: bytes, path: list[bytes], signed: snapshot_pb2.SignedCheckpoint | None
) -> snapshot_pb2.InclusionProof:
    """Return a proof of its parts."""
    return snapshot_pb2.InclusionProof(
        record=snapshot_pb2.ChainedRecord(
            stream=stream_message(row.stream), sequence=row.sequence, record=row.body, chain=row.chain
        ),
        previous_chain=previous,
        path=path,
        checkpoint=signed,
    )


def parse_proof(data: bytes) -> snapshot_pb2.InclusionProof:
    """Return a serialized proof. Raises EvidenceError."""
    try:
        proof = snapshot_pb2.InclusionProof.FromString(data)
    except DecodeError as error:
        raise EvidenceError("the bytes are no proof; make one with `pdp snapshot prove`") from error
    if not proof.HasField("record") or not proof.HasField("checkpoint"):
        raise EvidenceError("the proof is not complete; make one with `pdp snapshot prove`")
    return proof


def verify_proof(proof: snapshot_pb2.InclusionProof, trusted: TrustedKeys) -> ProofReport:
    """Return what a proof is worth. Raises EvidenceError when its checkpoint cannot be read at all."""
    signed, checkpoint = parse_checkpoint(proof.checkpoint.SerializeToString())
    problems = _problems(proof, checkpoint)
    verdict = trusted.verify(signed.key_id, signed.signature, signed.checkpoint)
    if verdict is Verdict.UNKNOWN_KEY:
        problems.insert(0, Label(f"签名密钥 {signed.key_id} 不受信任", f"the key {signed.key_id} is not trusted"))
    elif verdict is Verdict.BAD:
        problems.insert(0, Label("检查点的签名错误", "the checkpoint's signature is wrong"))
    record = proof.record
    try:
        record_id = str(columns.extract(record.record)["id"])
    except DecodeError:
        record_id = ""
    return ProofReport(
        tuple(problems), stream_key(record.stream), record.sequence, record_id,
        checkpoint.number, checkpoint.time_nanos, signed.key_id,
    )  # fmt: skip


def _first_cover(
    reader: ProofSource, row: StoredRecord
) -> tuple[snapshot_pb2.SignedCheckpoint, snapshot_pb2.Checkpoint, snapshot_pb2.StreamHead]:
    # Checkpoints are long rows of small ones; those before the stream was begun only count after a clock's fault.
    for since in (max(0, (row.stream.day - 1) * _DAY), 0):
        for _, _, data in reader.checkpoints(row.stream.node, since):
            signed, checkpoint = parse_checkpoint(data)
            head = head_of(checkpoint, row.stream)
            if head is not None and head.count > row.sequence:
                return signed, checkpoint, head
    raise EvidenceError("no checkpoint covers the record yet; try again after the node's next one")


def head_of(checkpoint: snapshot_pb2.Checkpoint, key: StreamKey) -> snapshot_pb2.StreamHead | None:
    """Return what a checkpoint says of a stream."""
    for head in checkpoint.heads:
        if stream_key(head.stream) == key:
            return head
    return None


def _problems(proof: snapshot_pb2.InclusionProof, checkpoint: snapshot_pb2.Checkpoint) -> list[Label]:
    record = proof.record
    key = stream_key(record.stream)
    if checkpoint.algorithm not in chain.ALGORITHMS:
        return [Label("哈希算法未知", "the hash algorithm is not known")]
    if not 0 <= record.sequence < 2**63:
        return [Label("序号无效", "the record's number is not valid")]
    new = chain.hasher(checkpoint.algorithm)
    head = head_of(checkpoint, key)
    found: list[Label] = []
    if chain.link(proof.previous_chain, record.sequence, record.record, new) != record.chain:
        found.append(Label("记录与它的链值不符", "the record does not fit its chain value"))
    if record.sequence == 0 and proof.previous_chain != chain.genesis(key, checkpoint.algorithm):
        found.append(Label("链的初值与链名不符", "the chain's first value does not fit its name"))
    if head is None or key.node != checkpoint.node:
        found.append(Label("检查点没有这条链", "the checkpoint does not speak of the record's chain"))
    elif not merkle.verify_path(record.chain, record.sequence, head.count, list(proof.path), head.root, new):
        found.append(Label("审计路径通不到签名的根", "the audit path does not lead to the signed root"))
    return found
