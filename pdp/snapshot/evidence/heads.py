"""The checkpoints of a node, checked against each other and their copies, and what they say of each stream."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pdp.errors import EvidenceError
from pdp.lang.model import Label
from pdp.signing import TrustedKeys, Verdict
from pdp.snapshot import chain
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence.checkpoint import parse_checkpoint, stream_key
from pdp.snapshot.evidence.copies import read_copy
from pdp.snapshot.evidence.findings import Finding, Kind
from pdp.v1 import snapshot_pb2

MOST_HEADS: Final = 512
"""So many heads of a stream are compared with its records; of more, every second one is left out, never the last."""
_MOST_FINDINGS = 100
_PAGE = 4096
_HEAD = struct.Struct(">QQ32s32s")
_NONE = bytes(chain.DIGEST_BYTES)


class Head(NamedTuple):
    """What a checkpoint says of a stream."""

    size: int
    checkpoint: int
    chain: bytes
    root: bytes


_NO_HEAD = Head(0, 0, b"", b"")


@dataclass(slots=True)
class StreamHeads:
    """The trusted heads of a stream, packed: in a large store there are very many."""

    algorithm: str
    packed: bytearray = field(default_factory=bytearray)
    last: Head = _NO_HEAD
    closed_at: int | None = None

    def add(self, head: Head, *, closed: bool) -> None:
        """Add a head of a later checkpoint."""
        self.packed += _HEAD.pack(*head)
        if head.size >= self.last.size:
            self.last = head
        if closed:
            self.closed_at = head.size
        if len(self.packed) > MOST_HEADS * _HEAD.size:
            kept = list(_HEAD.iter_unpack(self.packed))
            # From the end, so that the last one stays.
            self.packed = bytearray(b"".join(_HEAD.pack(*one) for one in kept[::-2][::-1]))

    def heads(self) -> list[Head]:
        """Return them by count, without those that say the same again."""
        unique = {(count, digest, top): number for count, number, digest, top in _HEAD.iter_unpack(self.packed)}
        return sorted(Head(count, number, digest, top) for (count, digest, top), number in unique.items())


@dataclass(slots=True)
class NodeHeads:
    """What the checkpoints of a node say. `last_nanos` is when the last one was made."""

    streams: dict[StreamKey, StreamHeads] = field(default_factory=dict)
    checkpoints: int = 0
    last_nanos: int = 0


class _Digests:
    """Hashes by number, in pages: 32 bytes each."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self.last = 0

    def add(self, number: int, digest: bytes) -> None:
        page = self._pages.setdefault(number // _PAGE, bytearray(_PAGE * chain.DIGEST_BYTES))
        at = number % _PAGE * chain.DIGEST_BYTES
        # Of several with one number the first to come is the one that was kept first.
        if page[at : at + chain.DIGEST_BYTES] == _NONE:
            page[at : at + chain.DIGEST_BYTES] = digest
        self.last = max(self.last, number)

    def get(self, number: int) -> bytes | None:
        page = self._pages.get(number // _PAGE)
        if page is None:
            return None
        at = number % _PAGE * chain.DIGEST_BYTES
        found = bytes(page[at : at + chain.DIGEST_BYTES])
        return None if found == _NONE else found

    def numbers(self) -> Iterator[int]:
        for page in sorted(self._pages):
            for number in range(page * _PAGE, (page + 1) * _PAGE):
                if self.get(number) is not None:
                    yield number


class Copies:
    """The copies of all nodes' checkpoints: their hashes in memory, their bytes where they are kept."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places
        self._new = chain.hasher("sha256")
        self._held: list[dict[str, _Digests]] = []
        for place in places:
            held: dict[str, _Digests] = {}
            for node, number, signed in read_copy(place):
                if number > 0:
                    held.setdefault(node, _Digests()).add(number, self._new(signed).digest())
            self._held.append(held)

    def nodes(self) -> set[str]:
        """Return whose checkpoints there are."""
        return {node for held in self._held for node in held}

    def differs(self, node: str, number: int, signed: bytes) -> bool:
        """Whether a copy has another checkpoint of this number."""
        if not self._held:
            return False
        digest = self._new(signed).digest()
        found = (held[node].get(number) for held in self._held if node in held)
        return any(other is not None and other != digest for other in found)

    def absent(self, node: str, present: _Digests, first: int, last: int | None) -> list[int]:
        """Return the numbers that a copy has and the store has not, from `first` to `last`."""
        found: set[int] = set()
        for held in self._held:
            if node in held:
                found.update(number for number in held[node].numbers() if present.get(number) is None)
        return sorted(number for number in found if number >= first and (last is None or number <= last))

    def fetch(self, node: str, numbers: set[int]) -> Iterator[tuple[int, bytes]]:
        """Yield the checkpoints of these numbers, from every copy."""
        for place in self._places if numbers else ():
            for other, number, signed in read_copy(place):
                if other == node and number in numbers:
                    yield number, signed


def read_heads(
    node: str,
    checkpoints: Iterable[tuple[str, int, bytes]],
    trusted: TrustedKeys,
    copies: Copies,
    *,
    whole: bool,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[NodeHeads, list[Finding]]:
    """Return what a node's checkpoints say, and what is wrong with them.

    What a store lacks or has otherwise than a copy is taken from the copy. `whole` is False for an exported part,
    which may begin and end anywhere.
    """
    reading = _Reading(node, trusted, copies, whole=whole)
    for _, number, signed in checkpoints:
        reading.take(number, signed)
        if cancelled():
            break
    else:
        reading.end()
    return reading.heads, reading.findings


class _Reading:
    """One pass over a node's checkpoints."""

    def __init__(self, node: str, trusted: TrustedKeys, copies: Copies, *, whole: bool) -> None:
        self._node, self._trusted, self._copies, self._whole = node, trusted, copies, whole
        self.heads = NodeHeads()
        self.findings: list[Finding] = []
        self._seen = _Digests()
        self._from_copies: set[int] = set()
        self._first: int | None = None
        self._expected = 1
        self._before: bytes | None = b""
        """The checkpoint before; None when it is not there or not to be trusted."""

    def take(self, number: int, signed: bytes) -> None:
        """Check one of the store."""
        if self._first is None:
            self._first = number
            if not self._whole:
                self._expected, self._before = number, None
        if number > self._expected and self._goes_on_restored(number, signed):
            self._find(Kind.RESTORED, number, Label(f"上一个是 {self._expected - 1}", f"after {self._expected - 1}"))
        elif number > self._expected:
            self._missing(self._expected, number - 1)
            self._before = None
        elif number < self._expected:
            self._find(Kind.CHECKPOINT_ALTERED, number, Label("编号出现不止一次", "its number stands there twice"))
            return
        self._expected = number + 1
        self.heads.checkpoints += 1
        self._seen.add(number, chain.hasher("sha256")(signed).digest())
        self._before = signed if self._check(number, signed) else None

    def end(self) -> None:
        """Look for what only the copies have."""
        first, last = (1, None) if self._whole else (self._first or 1, self._expected - 1)
        absent = self._copies.absent(self._node, self._seen, first, last)
        tail = [number for number in absent if number >= self._expected]
        if tail:
            self._missing(self._expected, tail[-1])
        for number, signed in self._copies.fetch(self._node, self._from_copies | set(absent)):
            try:
                outer, message = parse_checkpoint(signed)
            except EvidenceError:
                continue
            if self._trusted.verify(outer.key_id, outer.signature, outer.checkpoint) is Verdict.GOOD:
                self._add(message, number)

    def _goes_on_restored(self, number: int, signed: bytes) -> bool:
        """Whether the node itself has signed that no checkpoint comes between: a node restored from a backup does."""
        if self._before is None:
            return False
        try:
            outer, message = parse_checkpoint(signed)
        except EvidenceError:
            return False
        return (
            self._trusted.verify(outer.key_id, outer.signature, outer.checkpoint) is Verdict.GOOD
            and (message.node, message.number) == (self._node, number)
            and message.algorithm in chain.ALGORITHMS
            and message.previous == (chain.hasher(message.algorithm)(self._before).digest() if self._before else b"")
        )

    def _check(self, number: int, signed: bytes) -> bool:
        """Check a checkpoint by itself and against the one before, and take over what it says if it is good."""
        if self._copies.differs(self._node, number, signed):
            self._from_copies.add(number)
        try:
            outer, message = parse_checkpoint(signed)
        except EvidenceError:
            self._find(Kind.CHECKPOINT_ALTERED, number, Label("无法读取", "it cannot be read"))
            return False
        verdict = self._trusted.verify(outer.key_id, outer.signature, outer.checkpoint)
        if verdict is Verdict.UNKNOWN_KEY:
            self._find(Kind.CHECKPOINT_UNKNOWN_KEY, number, Label(outer.key_id, outer.key_id))
            return False
        if verdict is Verdict.BAD:
            self._find(Kind.CHECKPOINT_BAD_SIGNATURE, number)
            return False
        if (message.node, message.number) != (self._node, number) or message.algorithm not in chain.ALGORITHMS:
            told = f"{message.node} {message.number} {message.algorithm}"
            self._find(Kind.CHECKPOINT_ALTERED, number, Label(f"签名的是 {told}", f"what was signed is {told}"))
            return False
        if number in self._from_copies:
            self._find(Kind.CHECKPOINT_ALTERED, number, Label("副本与此不同", "a copy has another one"))
        elif self._before is not None:
            previous = chain.hasher(message.algorithm)(self._before).digest() if self._before else b""
            if message.previous != previous:
                self._find(
                    Kind.CHECKPOINT_ALTERED, number, Label("与前一个不衔接", "it does not follow the one before it")
                )
        self._add(message, number)
        return True

    def _add(self, message: snapshot_pb2.Checkpoint, number: int) -> None:
        self.heads.last_nanos = max(self.heads.last_nanos, message.time_nanos)
        for told in message.heads:
            key = stream_key(told.stream)
            if key.node != self._node or len(told.chain) != len(told.root) or len(told.root) != chain.DIGEST_BYTES:
                self._find(Kind.CHECKPOINT_ALTERED, number, Label("含有无效的链头", "a head in it is not valid"))
                continue
            known = self.heads.streams.get(key)
            if known is None:
                known = self.heads.streams[key] = StreamHeads(message.algorithm)
            known.add(Head(max(told.count, 0), number, told.chain, told.root), closed=told.closed)

    def _missing(self, first: int, last: int) -> None:
        detail = Label() if first == last else Label(f"直到 {last}", f"and all to {last}")
        self._find(Kind.CHECKPOINT_MISSING, first, detail)

    def _find(self, kind: Kind, number: int, detail: Label = Label()) -> None:  # noqa: B008 - it is frozen
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(Finding(kind, self._node, checkpoint=number, detail=detail))
