"""Whether a record is what was recorded, found out here and not believed: chain, Merkle tree (RFC 6962), signature.

The service sends a proof; nothing of it is trusted but what a node's public key, which somebody chose, has signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from google.protobuf.message import DecodeError

from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_keys import NodeKeys
from jingxi_client._gen.pdp.v1 import snapshot_pb2

Outcome = Literal["proven", "unsigned", "other", "broken"]
"""`unsigned`: everything fits, but no trusted key says that a node signed it. `other`: it is about another record of
the same id, such as a client's report of what a node had recorded after all."""
Hash = Callable[[bytes], Any]

_SHOWN: Final = Say("界面显示的记录就是证明中的记录", "the record shown is the one that the proof is about")
_CHAIN: Final = Say("记录与其链值一致", "the record fits its value in the chain")
_FIRST: Final = Say("链的初值与链名一致", "the chain's first value fits its name")
_HEAD: Final = Say("检查点包含这条链", "the checkpoint speaks of the record's chain")
_PATH: Final = Say("审计路径通向检查点中的根", "the audit path leads to the root in the checkpoint")
_SIGNED: Final = Say("检查点由受信任的节点密钥签名", "the checkpoint is signed with the key of a node that is trusted")
_UNREADABLE: Final = Say("证明可以读懂", "the proof can be read")
_ALGORITHM: Final = Say("哈希算法已知", "the hash algorithm is known here")
_SUMMARY: Final = {
    "proven": Say("已核验：与记录时一致", "Verified: as it was recorded"),
    "unsigned": Say("未完全核验：签名密钥不受信任", "Not fully verified: the signing key is not trusted"),
    "other": Say("证明属于另一处的同号记录", "The proof is about another record of the same id"),
    "broken": Say("核验失败：与记录时不一致", "Verification failed: not as it was recorded"),
}
_MEANING: Final = {
    "proven": Say(
        "节点 {node} 在 {time} 签署第 {number} 号检查点时，这条记录已经在其链中，此后没有改动。"
        "它不能证明没有缺少其他记录：那要用 pdp snapshot verify 核验整条链。",
        "When node {node} signed checkpoint {number} at {time}, this record stood in its chain, and it has not changed "
        "since. It does not prove that no other record is missing: `pdp snapshot verify` does, over whole chains.",
    ),
    "unsigned": Say(
        "记录、链和树彼此相符，但无法确认是节点 {node} 签的：请选择该节点的公钥文件（keys/node.pub）后再核验。",
        "Record, chain and tree fit each other, but whether node {node} signed them is not known: choose its public "
        "key (keys/node.pub) and verify again.",
    ),
    "other": Say(
        "这个编号有两条记录，证明的不是这里显示的一条；用 pdp snapshot verify 核验整条链。",
        "Two records have this id, and the proof is not about the one shown here; `pdp snapshot verify` verifies whole "
        "chains.",
    ),
    "broken": Say(
        "请勿以此记录为据。保留现场，用 pdp snapshot verify 核验整个存储，并通知安全管理员。",
        "Do not rely on this record. Keep everything as it is, run `pdp snapshot verify` over the store, and tell the "
        "security officer.",
    ),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `good` is None for what could not be judged."""

    say: Say
    good: bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a proof is worth, and what it stands on. Times in nanoseconds since 1970, bytes in hexadecimal."""

    outcome: Outcome
    checks: tuple[Check, ...]
    node: str = ""
    sequence: int = 0
    root: str = ""
    size: int = 0
    path_length: int = 0
    checkpoint: int = 0
    time_nanos: int = 0
    key_id: str = ""
    algorithm: str = ""

    @property
    def summary(self) -> Say:
        """The outcome in a few words."""
        return _SUMMARY[self.outcome]

    def meaning(self, clock: Callable[[int], str]) -> Say:
        """What it proves, or what to do; `clock` writes times."""
        return _MEANING[self.outcome].filled(node=self.node, time=clock(self.time_nanos), number=self.checkpoint)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as the service showed it, with its place."""

    record: snapshot_pb2.Record
    stream: snapshot_pb2.Stream
    sequence: int
    chain: bytes

    @property
    def id(self) -> str:
        """The decision's or operation's id."""
        return id_of(self.record)


def id_of(record: snapshot_pb2.Record) -> str:
    """Return the decision's or operation's id."""
    return record.operation.id if record.HasField("operation") else record.snapshot.decision_id


def verify(proof: snapshot_pb2.InclusionProof, shown: Shown, trusted: NodeKeys) -> Evidence:
    """Return what a proof says of a record as it is shown."""
    try:
        recorded = snapshot_pb2.Record.FromString(proof.record.record)
        checkpoint = snapshot_pb2.Checkpoint.FromString(proof.checkpoint.checkpoint)
    except DecodeError:
        return Evidence("broken", (Check(_UNREADABLE, good=False),))
    new = _hash(checkpoint.algorithm)
    if new is None:
        return Evidence("broken", (Check(_ALGORITHM, good=False),))
    entry, stream = proof.record, proof.record.stream
    head = next((head for head in checkpoint.heads if head.stream == stream), snapshot_pb2.StreamHead())
    has_head = bool(head.root) and stream.node == checkpoint.node
    is_here = (stream, entry.sequence) == (shown.stream, shown.sequence)
    in_range = 0 <= entry.sequence < head.count
    checks = [
        Check(_SHOWN, good=recorded == shown.record and entry.chain == shown.chain and is_here),
        Check(_CHAIN, good=entry.sequence >= 0 and entry.chain == _link(proof.previous_chain, entry, new)),
    ]
    if entry.sequence == 0:
        checks.append(Check(_FIRST, good=proof.previous_chain == _first(stream, new)))
    checks.append(Check(_HEAD, good=has_head))
    leaf = new(b"\x00" + entry.chain).digest()
    fits = has_head and in_range and root_of(leaf, entry.sequence, head.count, list(proof.path), new) == head.root
    checks.append(Check(_PATH, good=fits))
    signed, key_id = proof.checkpoint, proof.checkpoint.key_id
    known = trusted.knows(key_id)
    checks.append(
        Check(_SIGNED, good=trusted.has_signed(key_id, signed.signature, signed.checkpoint) if known else None)
    )
    outcome: Outcome = "other" if id_of(recorded) == shown.id and not is_here else _outcome(checks)
    return Evidence(
        outcome, tuple(checks), checkpoint.node, entry.sequence, head.root.hex(), head.count, len(proof.path),
        checkpoint.number, checkpoint.time_nanos, key_id, checkpoint.algorithm,
    )  # fmt: skip


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes], new: Hash = hashlib.sha256) -> bytes | None:
    """Return the root that a leaf's hash and its audit path (leaf to root) lead to, None for a path of another length.

    The left part of a tree of n leaves is the largest complete one that is smaller than n (RFC 6962, section 2.1).
    """
    if size == 1:
        return leaf if not path else None
    if not path:
        return None
    left = 1 << ((size - 1).bit_length() - 1)
    *below, beside = path
    within = index < left
    found = root_of(leaf, index if within else index - left, left if within else size - left, below, new)
    if found is None:
        return None
    both = found + beside if within else beside + found
    digest: bytes = new(b"\x01" + both).digest()
    return digest


def _outcome(checks: Sequence[Check]) -> Outcome:
    if any(check.good is False for check in checks):
        return "broken"
    return "proven" if all(check.good for check in checks) else "unsigned"


def _hash(algorithm: str) -> Hash | None:
    if algorithm == "sha256":
        return hashlib.sha256
    if algorithm == "sm3" and "sm3" in hashlib.algorithms_available:
        return lambda data: hashlib.new("sm3", data)
    return None


def _link(previous: bytes, entry: snapshot_pb2.ChainedRecord, new: Hash) -> bytes:
    digest: bytes = new(previous + entry.sequence.to_bytes(8, "big") + entry.record).digest()
    return digest


def _first(stream: snapshot_pb2.Stream, new: Hash) -> bytes:
    parts = ("jingxi stream 1", stream.node, stream.boot, stream.retention, str(stream.day))
    digest: bytes = new("\0".join(parts).encode()).digest()
    return digest
