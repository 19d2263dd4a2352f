"""Checks backups as a restore would read them: each byte, each record against its chain and the signed checkpoints."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pdp.errors import BackupError, EvidenceError
from pdp.server.backup import entries, shelf
from pdp.server.backup.entries import RECORDS, THINGS, Index, Watermarks
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.node_files import CONFIGURATION, DATA, KEYS
from pdp.server.backup.record_side import Progress
from pdp.server.backup.sealed import SealedReader
from pdp.server.backup.shelf import Chain
from pdp.signing import TrustedKeys
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.evidence.classify import classify
from pdp.snapshot.evidence.findings import Finding, Kind
from pdp.snapshot.evidence.heads import Copies, StreamHeads, read_heads
from pdp.snapshot.evidence.stream_check import StreamCheck
from pdp.snapshot.store.base import StoredRecord, StreamState

_PUBLIC = (".pub", ".pem")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a chain of backups holds. `findings` are what is wrong with its records, as verification would name it."""

    chain: Chain
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    index: Index
    watermarks: Watermarks

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What was changed before it came into the backup."""
        return tuple(finding for finding in self.findings if finding.is_fault)

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "chain": [backup.plain() for backup in self.chain.backups], "counts": dict(self.counts),
            "complete": not self.faults, "findings": [finding.plain() for finding in self.findings],
            "revision": self.index.head,
        }  # fmt: skip


def is_checkpoint_key(name: str) -> bool:
    """Whether a file of a backup is a public key by which checkpoints may be signed; revisions have others."""
    path = PurePosixPath(name)
    return path.suffix in _PUBLIC and str(path.parent) in {f"{DATA}/keys", f"{CONFIGURATION}/{KEYS}"}


def things(chain: Chain, key: BackupKey) -> Iterator[tuple[int, bytes, dict[str, Any], bytes]]:
    """Yield (place of the backup in the chain, kind, head, data) of all that is no record. Raises BackupError."""
    for at, backup in enumerate(chain.backups):
        with SealedReader(backup.path, key) as reader:
            for kind, payload in entries.entries(reader.section(THINGS)):
                yield at, kind, *entries.describe(payload)


def blocks(chain: Chain, key: BackupKey) -> Iterator[tuple[int, list[SpooledRecord]]]:
    """Yield (place of the backup in the chain, records of one stream). Raises BackupError."""
    for at, backup in enumerate(chain.backups):
        with SealedReader(backup.path, key) as reader:
            for kind, payload in entries.entries(reader.section(RECORDS)):
                if kind != entries.BLOCK:
                    raise BackupError(f"the backup `{backup.path}` has something else between its records")
                yield at, entries.unblock(payload)


def check(
    chain: Chain, key: BackupKey, trusted: TrustedKeys | None = None, *, progress: Progress = lambda *_: None
) -> Checked:
    """Read everything. Without `trusted` the public keys that are in the backup itself are believed.

    Raises BackupError for a backup that cannot be restored.
    """
    return _Checking(chain, key, trusted, progress).run()


class _Checking:
    def __init__(self, chain: Chain, key: BackupKey, trusted: TrustedKeys | None, progress: Progress) -> None:
        self._chain, self._key, self._trusted, self._progress = chain, key, trusted, progress
        self._indexes = [shelf.index_of(backup, key) for backup in chain.backups]
        self._marks = Watermarks(self._indexes)
        self._counts: list[Counter[str]] = [Counter() for _ in chain.backups]
        self._findings: list[Finding] = []

    def run(self) -> Checked:
        nodes = self._things()
        self._records(self._heads(nodes))
        for backup, counts, index in zip(self._chain.backups, self._counts, self._indexes, strict=True):
            told = {name: count for name, count in index.counts.items() if count}
            if dict(counts) != told:
                raise BackupError(f"the backup `{backup.path}` holds {dict(counts)}, but its index says {told}")
        total: Counter[str] = sum(self._counts, Counter())
        return Checked(self._chain, total, tuple(self._findings), self._marks.last, self._marks)

    def _things(self) -> list[str]:
        """Check all but the records, and return the nodes that have checkpoints."""
        wanted = dict(self._marks.last.control or {})
        bundles: set[str] = set()
        nodes: set[str] = set()
        public: dict[str, bytes] = {}
        for done, (at, kind, head, data) in enumerate(things(self._chain, self._key), 1):
            counts = self._counts[at]
            if kind == entries.FILE:
                counts["files"] += 1
                if is_checkpoint_key(head["name"]):
                    public[head["name"]] = data
            elif kind == entries.KEY:
                counts["control_keys"] += 1
                if wanted.get(head["key"]) == hashlib.sha256(data).hexdigest():
                    del wanted[head["key"]]
            elif kind == entries.BUNDLE:
                counts["bundles"] += 1
                bundles.add(head["hash"])
            elif kind == entries.CHECKPOINT:
                counts["checkpoints"] += 1
                nodes.add(head["node"])
            self._progress("things", done, 0)
        if wanted:
            raise BackupError(f"the backups do not hold the key `{min(wanted)}` of the control store")
        if self._marks.bundles - bundles:
            raise BackupError(f"the backups do not hold the bundle `{min(self._marks.bundles - bundles)}`")
        if self._trusted is None and (nodes or public):
            self._trusted = public_keys(public)
        return sorted(nodes)

    def _heads(self, nodes: Sequence[str]) -> dict[StreamKey, StreamHeads]:
        found: dict[StreamKey, StreamHeads] = {}
        trusted = self._trusted or TrustedKeys({})
        for node in nodes:
            # Once for each node, for there may be more of them than fit into memory.
            heads, findings = read_heads(node, self._checkpoints(node), trusted, Copies(()), whole=True)
            self._findings += findings
            found |= heads.streams
        for key in sorted(found.keys() - self._marks.streams.keys()):
            self._findings.append(Finding(Kind.STREAM_MISSING, key.node, key))
        return found

    def _checkpoints(self, node: str) -> Iterator[tuple[str, int, bytes]]:
        for _, kind, head, data in things(self._chain, self._key):
            if kind == entries.CHECKPOINT and head["node"] == node:
                yield node, head["number"], data

    def _records(self, heads: dict[StreamKey, StreamHeads]) -> None:
        total = sum(index.counts.get("records", 0) for index in self._indexes)
        rest = dict(self._marks.streams)
        checks: dict[StreamKey, StreamCheck] = {}
        done = 0
        for at, block in blocks(self._chain, self._key):
            key = block[0].stream
            self._counts[at]["records"] += len(block)
            done += len(block)
            self._progress("records", done, total)
            state = self._marks.streams.get(key)
            if state is not None and state.dropped:
                continue
            if state is None or key not in rest:
                raise BackupError(f"the backups hold more records of {_name(key)} than their index says")
            checking = checks.get(key)
            if checking is None:
                checking = checks[key] = StreamCheck(key, heads.get(key))
            checking.feed([StoredRecord(*record, {}) for record in block])
            if block[-1].sequence + 1 == state.count:
                # At once: very many streams would not fit into memory.
                self._end(rest.pop(key), checks.pop(key), heads.pop(key, None))
        for key, state in sorted(rest.items()):
            self._end(state, checks.pop(key, None), heads.get(key))

    def _end(self, state: StreamState, checking: StreamCheck | None, heads: StreamHeads | None) -> None:
        if state.dropped or (checking is None and not state.count and heads is None):
            return
        seen = (checking or StreamCheck(state.key, heads)).end()
        if seen.size != state.count:
            raise BackupError(f"the backups hold {seen.size} records of {_name(state.key)}, not {state.count}")
        self._findings += classify(seen, heads, state)


def _name(key: StreamKey) -> str:
    return f"`{'/'.join(map(str, key))}`"


def public_keys(public: Mapping[str, bytes]) -> TrustedKeys:
    """Return the keys in PEM files, by any names. Raises BackupError when there is none."""
    with tempfile.TemporaryDirectory() as folder:
        for number, pem in enumerate(public.values()):
            (Path(folder) / f"{number}.pem").write_bytes(pem)
        try:
            return TrustedKeys.load(Path(folder))
        except EvidenceError as error:
            raise BackupError(
                "the backup holds no public key to check the records by; name the nodes' keys by `--keys`"
            ) from error
