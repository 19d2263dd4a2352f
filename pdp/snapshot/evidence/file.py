"""Evidence files: records with their chains and signed checkpoints, verified without the store that they come from.

A file begins with a line of text and then has entries: a byte that tells the kind, the length as 4 bytes (big-endian),
and so many bytes. A name that ends in `.gz` stands for the same in gzip.

    H  JSON {"form": "streams"} or {"form": "selection"}; the first entry
    C  a SignedCheckpoint
    S  a Checkpoint without a signature and with one head: which stream follows, its state and its hash algorithm
    R  a ChainedRecord without its stream, in sequence after its S
    P  8 bytes (big-endian) and an InclusionProof without its checkpoint, which is the C before it with this number
    E  JSON with how many entries of each kind came before; the last entry

`streams` holds whole streams with all checkpoints from the first to the last that speaks of them, and shows that they
are complete. `selection` holds single records, each with a proof; it cannot show that none was left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Protocol, Self, TypeVar, cast

from google.protobuf.message import DecodeError, Message

from pdp.errors import EvidenceError
from pdp.snapshot import chain
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.checkpoint import parse_checkpoint, stream_key
from pdp.snapshot.evidence.proof import head_of, inclusion
from pdp.snapshot.store.base import Link, StoredRecord, StreamState, TreeState, links_of
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

MAGIC: Final = b"jingxi evidence 1\n"
_ENTRY = struct.Struct(">cI")
_NUMBER = struct.Struct(">Q")
_MOST_BYTES = 64 * 1024 * 1024
_DAY = 86_400 * NANOS
_HEADER, _CHECKPOINT, _STREAM, _RECORD, _PROOF, _END = b"H", b"C", b"S", b"R", b"P", b"E"
_SUM = "sha256"
_KINDS = frozenset((_HEADER, _CHECKPOINT, _STREAM, _RECORD, _PROOF, _END))
_NO_TREE = TreeState(0, ())
T = TypeVar("T")


class Origin(Protocol):
    """What a file is made from: a part of `store.base.Reader`."""

    def streams(self) -> list[StreamState]:
        """See `Reader`."""

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        """See `Reader`."""

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        """See `Reader`."""


def write_streams(origin: Origin, keys: Sequence[StreamKey] | None = None) -> Iterator[bytes]:
    """Yield the bytes of a file of whole streams: those named, or all whose records are there.

    Only records that a checkpoint covers are in it. Raises EvidenceError for a stream that is not there or that no
    checkpoint covers yet, and StoreError.
    """
    states = {state.key: state for state in origin.streams() if not state.dropped}
    wanted = sorted(states if keys is None else keys)
    for key in wanted:
        if key not in states:
            raise EvidenceError(f"there are no records of the stream `{'/'.join(map(str, key))}`")
    out = _Writer("streams")
    yield out.begin()
    heads: dict[StreamKey, tuple[str, snapshot_pb2.StreamHead]] = {}
    for node, group in groupby(wanted, key=lambda key: key.node):
        yield from _checkpoints(origin, node, set(group), heads, out)
    for key in wanted:
        if key not in heads:
            if keys is None:
                continue
            raise EvidenceError(f"no checkpoint covers the stream `{'/'.join(map(str, key))}` yet")
        algorithm, head = heads[key]
        yield out.entry(_STREAM, snapshot_pb2.Checkpoint(node=key.node, algorithm=algorithm, heads=[head]))
        for row in origin.records(key, bare=True):
            if row.sequence >= head.count:
                break
            yield out.entry(
                _RECORD, snapshot_pb2.ChainedRecord(sequence=row.sequence, record=row.body, chain=row.chain)
            )
    yield out.end()


def _checkpoints(
    origin: Origin,
    node: str,
    keys: set[StreamKey],
    heads: dict[StreamKey, tuple[str, snapshot_pb2.StreamHead]],
    out: _Writer,
) -> Iterator[bytes]:
    """Yield a node's checkpoints from the first to the last that speaks of any of the streams, and note their heads."""
    between: list[bytes] = []
    open_keys, begun = set(keys), False
    since = max(0, (min(key.day for key in keys) - 1) * _DAY)
    for _, _, signed in origin.checkpoints(node, since):
        message = parse_checkpoint(signed)[1]
        told = {stream_key(head.stream): head for head in message.heads}
        found = keys & told.keys()
        if found or begun:
            begun = True
            between.append(signed)
        if found:
            for one in between:
                yield out.entry(_CHECKPOINT, one)
            between.clear()
            heads.update({key: (message.algorithm, told[key]) for key in found})
            open_keys -= {key for key in found if told[key].closed}
            if not open_keys:
                return


def write_selection(origin: Origin, rows: Iterable[StoredRecord]) -> Iterator[bytes]:
    """Yield the bytes of a file of single records with their proofs, in the order of their streams.

    The rows of one stream must follow each other; its tree is in memory meanwhile, 64 bytes a record. Records that no
    checkpoint covers yet are left out. Raises EvidenceError when the store was changed, and StoreError.
    """
    out = _Writer("selection")
    yield out.begin()
    written: set[tuple[str, int]] = set()
    for key, group in groupby(rows, key=lambda row: row.stream):
        cover = _last_cover(origin, key)
        if cover is None:
            continue
        signed, checkpoint, head = cover
        new = chain.hasher(checkpoint.algorithm)
        values = [row.chain for row, _ in zip(origin.records(key, bare=True), range(head.count), strict=False)]
        tree = merkle.Tree(values, new)
        if tree.size != head.count or tree.root(tree.size) != head.root:
            raise EvidenceError(
                f"the stream `{'/'.join(map(str, key))}` does not fit its checkpoint {checkpoint.number}; "
                "run `pdp snapshot verify`"
            )
        if (key.node, checkpoint.number) not in written:
            written.add((key.node, checkpoint.number))
            yield out.entry(_CHECKPOINT, signed)
        for row in group:
            if row.sequence < head.count:
                before = values[row.sequence - 1] if row.sequence else chain.genesis(key, checkpoint.algorithm)
                proof = inclusion(row, before, tree.path(row.sequence, tree.size), None)
                yield out.entry(_PROOF, _NUMBER.pack(checkpoint.number) + proof.SerializeToString())
    yield out.end()


def _last_cover(
    origin: Origin, key: StreamKey
) -> tuple[bytes, snapshot_pb2.Checkpoint, snapshot_pb2.StreamHead] | None:
    found = None
    for _, _, signed in origin.checkpoints(key.node, max(0, (key.day - 1) * _DAY)):
        message = parse_checkpoint(signed)[1]
        head = head_of(message, key)
        if head is not None:
            found = signed, message, head
            if head.closed:
                break
    return found


def save(path: Path, data: Iterable[bytes]) -> int:
    """Write a new file, in gzip when its name ends in `.gz`, and return its size. Raises OSError, FileExistsError."""
    try:
        with path.open("xb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
                    stream.writelines(data)
            else:
                raw.writelines(data)
            return raw.tell()
    except FileExistsError:
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class _Writer:
    """Frames entries and counts them."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._counts: Counter[str] = Counter()
        self._sum = hashlib.sha256(MAGIC)

    def begin(self) -> bytes:
        return MAGIC + self.entry(_HEADER, json.dumps({"form": self._form}).encode())

    def entry(self, kind: bytes, data: bytes | Message) -> bytes:
        payload = data if isinstance(data, bytes) else data.SerializeToString(deterministic=True)
        self._counts[kind.decode()] += 1
        framed = _ENTRY.pack(kind, len(payload)) + payload
        self._sum.update(framed)
        return framed

    def end(self) -> bytes:
        return self.entry(_END, json.dumps({**self._counts, _SUM: self._sum.hexdigest()}).encode())


class _Entry(NamedTuple):
    kind: bytes
    data: bytes
    offset: int


class EvidenceFile:
    """A file to verify: of streams a `passes.Source`, of a selection its `proofs`. It is read once when opened.

    Raises EvidenceError, naming the byte, for what is no such file, is cut off or cannot be read.
    """

    whole: Final = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._states: dict[StreamKey, StreamState] = {}
        self._starts: dict[StreamKey, int] = {}
        self._nodes: dict[str, set[int]] = {}
        self.form = ""
        self.records_held = 0
        self._is_intact = False
        self._idle: IO[bytes] | None = None
        self._index()

    def streams(self) -> list[StreamState]:
        """Return the streams that the file says it holds."""
        return [self._states[key] for key in sorted(self._states)]

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        """Yield a stream's records in the order of the file."""
        begin = self._starts.get(key)
        if begin is None:
            return
        # One that is open already need not unpack again what comes before the stream.
        stream, self._idle = self._idle or self._open(), None
        try:
            stream.seek(begin)
            for entry in self._entries(stream, begin):
                if entry.kind != _RECORD:
                    break
                record = self._parse(entry, snapshot_pb2.ChainedRecord.FromString)
                if record.sequence >= start:
                    yield StoredRecord(key, record.sequence, record.record, record.chain, {})
        finally:
            if self._idle is None:
                self._idle = stream
            else:
                stream.close()

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        """Yield a stream's links in the order of the file."""
        return links_of(self.records(key))

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        """Yield the file's checkpoints, by node."""
        for name in sorted(self._nodes):
            if node in (None, name):
                yield from self._of_node(name, since)

    def proofs(self) -> Iterator[snapshot_pb2.InclusionProof]:
        """Yield the proofs of a selection, complete."""
        signed: dict[tuple[str, int], snapshot_pb2.SignedCheckpoint] = {}
        with self._open() as stream:
            for entry in self._entries(stream, 0):
                if entry.kind == _CHECKPOINT:
                    outer, message = self._parse(entry, parse_checkpoint)
                    signed[message.node, message.number] = outer
                elif entry.kind == _PROOF:
                    yield self._complete(entry, signed)

    def check_intact(self) -> None:
        """Raise EvidenceError when the file is not byte for byte as it was written.

        For the end of a verification that found nothing: what was changed may stand where no record is.
        """
        if not self._is_intact:
            raise EvidenceError(f"the evidence file `{self._path}` is damaged: its checksum does not fit its content")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._idle is not None:
            self._idle.close()
            self._idle = None

    def _complete(
        self, entry: _Entry, signed: dict[tuple[str, int], snapshot_pb2.SignedCheckpoint]
    ) -> snapshot_pb2.InclusionProof:
        def parse(data: bytes) -> snapshot_pb2.InclusionProof:
            (number,) = _NUMBER.unpack_from(data)
            proof = snapshot_pb2.InclusionProof.FromString(data[_NUMBER.size :])
            proof.checkpoint.CopyFrom(signed[proof.record.stream.node, number])
            return proof

        return self._parse(entry, parse)

    def _of_node(self, node: str, since: int) -> Iterator[tuple[str, int, bytes]]:
        with self._open() as stream:
            for entry in self._entries(stream, 0):
                if entry.kind == _CHECKPOINT:
                    message = self._parse(entry, parse_checkpoint)[1]
                    if message.node == node and message.time_nanos >= since:
                        yield node, message.number, entry.data

    def _index(self) -> None:
        counts: Counter[str] = Counter()
        told: dict[str, Any] = {}
        key: StreamKey | None = None
        content = hashlib.sha256(MAGIC)
        with self._open() as stream:
            for entry in self._entries(stream, 0):
                if told:
                    raise self._bad(entry.offset, "something follows the end")
                if not counts:
                    self.form = str(self._parse(entry, _json).get("form"))
                    if entry.kind != _HEADER or self.form not in ("streams", "selection"):
                        raise self._bad(entry.offset, "there is no header that this version knows")
                elif entry.kind in {_HEADER, _PROOF if self.form == "streams" else _RECORD}:
                    raise self._bad(entry.offset, "an entry that does not belong here")
                if entry.kind == _STREAM:
                    key = self._begin_stream(entry)
                elif entry.kind == _CHECKPOINT:
                    message = self._parse(entry, parse_checkpoint)[1]
                    self._nodes.setdefault(message.node, set()).add(message.number)
                elif entry.kind == _RECORD and key is None:
                    raise self._bad(entry.offset, "a record before any stream")
                elif entry.kind == _END:
                    told = self._parse(entry, _json)
                    self._is_intact = told.pop(_SUM, "") == content.hexdigest()
                    if told != counts:
                        raise self._bad(entry.offset, "there are not as many entries as it says at its end")
                if entry.kind not in (_RECORD, _STREAM):
                    key = None
                counts[entry.kind.decode()] += 1
                content.update(_ENTRY.pack(entry.kind, len(entry.data)) + entry.data)
            if not told:
                raise self._bad(stream.tell(), "it is cut off; get the file again")
        self.records_held = counts["R"] + counts["P"]

    def _begin_stream(self, entry: _Entry) -> StreamKey:
        message = self._parse(entry, snapshot_pb2.Checkpoint.FromString)
        if len(message.heads) != 1:
            raise self._bad(entry.offset, "a stream without its state")
        head = message.heads[0]
        key = stream_key(head.stream)
        if key in self._states:
            raise self._bad(entry.offset, "a stream for the second time")
        self._states[key] = StreamState(key, head.count, head.chain, _NO_TREE, head.closed)
        self._starts[key] = entry.offset + _ENTRY.size + len(entry.data)
        return key

    def _entries(self, stream: IO[bytes], offset: int) -> Iterator[_Entry]:
        """Yield the entries from a place of the file; from the beginning, after its first line."""
        if offset == 0:
            if self._read(stream, len(MAGIC), 0) != MAGIC:
                raise EvidenceError(f"`{self._path}` is no evidence file of this version")
            offset = len(MAGIC)
        while head := self._read(stream, _ENTRY.size, offset):
            if len(head) < _ENTRY.size:
                raise self._bad(offset, "it is cut off; get the file again")
            kind, length = _ENTRY.unpack(head)
            if kind not in _KINDS or length > _MOST_BYTES:
                raise self._bad(offset, "this is no entry")
            data = self._read(stream, length, offset)
            if len(data) < length:
                raise self._bad(offset, "it is cut off; get the file again")
            yield _Entry(kind, data, offset)
            offset += _ENTRY.size + length

    def _read(self, stream: IO[bytes], size: int, offset: int) -> bytes:
        try:
            return stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._bad(offset, "the compressed data is damaged or cut off") from error
        except OSError as error:
            raise EvidenceError(f"cannot read `{self._path}`: {(error.strerror or str(error)).lower()}") from error

    def _parse(self, entry: _Entry, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(entry.data)
        except (
            DecodeError,
            EvidenceError,
            ValueError,
            KeyError,
            AttributeError,
            RecursionError,
            struct.error,
        ) as error:
            raise self._bad(entry.offset, "this entry cannot be read") from error

    def _open(self) -> IO[bytes]:
        try:
            if self._path.suffix == ".gz":
                return cast("IO[bytes]", gzip.open(self._path, "rb"))
            return self._path.open("rb")
        except OSError as error:
            raise EvidenceError(f"cannot read `{self._path}`: {(error.strerror or str(error)).lower()}") from error

    def _bad(self, offset: int, why: str) -> EvidenceError:
        return EvidenceError(f"the evidence file `{self._path}` is damaged at byte {offset}: {why}")


def _json(data: bytes) -> dict[str, Any]:
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - told as any other damage
    return found
