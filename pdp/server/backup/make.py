"""Makes a backup while the service runs: what is new since the last one, or everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pdp import __version__
from pdp.control.kv.base import KeyValueStore
from pdp.errors import BackupError, DivergedError
from pdp.server import spools
from pdp.server.backup import control_side, entries, node_files, shelf
from pdp.server.backup.entries import Index, Watermarks
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.record_side import Progress, RecordSide
from pdp.server.backup.sealed import SealedReader, SealedWriter
from pdp.server.backup.shelf import FULL, INCREMENTAL, Backup, Chain
from pdp.server.settings import Settings
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.spool.files import list_boots, read_node
from pdp.snapshot.spool.heads import read_heads
from pdp.snapshot.store import open_keeper, open_maintainer, open_reader
from pdp.snapshot.store.base import Reader

_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up. `config` is the file that the settings come from; `open_control` opens the control store,
    None where there is none. `public` is a folder or file with the public keys of all nodes, which go with their
    records. With `node_only` the stores are left to another node's backup.
    """

    settings: Settings
    config: Path | None
    open_control: Callable[[], KeyValueStore] | None
    public: Path | None = None
    tls: bool = False
    node_only: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. `waiting` records were still on their way to the store when it was begun, and are not in
    it; `because` tells why it is a full one although an incremental one was to be expected.
    """

    backup: Backup
    counts: Mapping[str, int]
    seconds: float
    waiting: int
    because: str

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            **self.backup.plain(), "path": str(self.backup.path), "counts": dict(self.counts),
            "seconds": round(self.seconds, 3), "waiting": self.waiting, "because": self.because,
        }  # fmt: skip


def make(
    source: Source, folder: Path, key: BackupKey, kind: str | None, *, wait_seconds: float = 30.0,
    progress: Progress = lambda *_: None, clock: Callable[[], int] = time.time_ns,
) -> Made:  # fmt: skip
    """Make a backup in a folder that `shelf.locked` holds. Without `kind` it follows the newest one, if it can.

    Raises BackupError, StoreError and ControlStoreError; then nothing was made.
    """
    begun = time.monotonic()
    waiting = 0 if source.node_only else _await_spool(source.settings, wait_seconds, progress)
    chain, because = (None, "") if kind == FULL else _continued(source, folder, key)
    if chain is None and kind == INCREMENTAL:
        raise BackupError(f"an incremental backup has nothing to follow: {because}")
    try:
        backup, counts = _Making(source, folder, key, chain, progress, clock()).run()
    except DivergedError as error:
        if kind == INCREMENTAL:
            raise
        because = str(error)
        backup, counts = _Making(source, folder, key, None, progress, clock()).run()
    return Made(backup, counts, time.monotonic() - begun, waiting, because)


def _continued(source: Source, folder: Path, key: BackupKey) -> tuple[Chain | None, str]:
    """Return the chain to go on with, or why there is none."""
    chains, problems = shelf.read(folder)
    if not chains:
        return None, problems[0] if problems else f"there is no full backup in `{folder}` yet"
    chain = chains[-1]
    if chain.problems:
        return None, chain.problems[0]
    if chain.last.key_id != key.id:
        return None, f"the last one is encrypted with the key `{chain.last.key_id}`, and this is `{key.id}`"
    if chain.last.node != source.settings.node_name:
        return None, f"the last one is of node `{chain.last.node}`"
    if chain.last.node_only is not source.node_only:
        return None, "the last one has " + ("no stores in it" if chain.last.node_only else "the stores in it")
    return chain, ""


class _Making:
    def __init__(
        self, source: Source, folder: Path, key: BackupKey, chain: Chain | None, progress: Progress, now: int
    ) -> None:
        self._source, self._folder, self._key, self._progress = source, folder, key, progress
        self._chain, self._now = chain, now
        self._before = shelf.watermarks(chain, key) if chain is not None else Watermarks()
        self._index = Index()
        self._counts = dict.fromkeys(("files", "control_keys", "bundles", "checkpoints", "records"), 0)

    def run(self) -> tuple[Backup, Mapping[str, int]]:
        kind = FULL if self._chain is None else INCREMENTAL
        path = self._folder / f"{shelf.name_of(kind, self._now)}{shelf.SUFFIX}"
        with SealedWriter(path, self._key, self._header(kind)) as writer:
            self._write_files(writer)
            self._write_control(writer)
            if self._source.node_only:
                writer.next_section()
            else:
                self._write_records(writer)
            self._index.counts = self._counts
            writer.next_section()
            writer.write(self._index.pack())
            writer.commit()
        with SealedReader(path, self._key) as reader:
            return Backup.of(reader), self._counts

    def _header(self, kind: str) -> dict[str, Any]:
        settings = self._source.settings
        node, last = settings.node_name, self._chain.last if self._chain else None
        return {
            "kind": kind,
            "chain": shelf.chain_id(node, self._now) if last is None else last.chain,
            "sequence": 1 if last is None else last.sequence + 1,
            "previous": "" if last is None else last.digest,
            "node": node,
            "created_nanos": self._now,
            "version": __version__,
            "hash": settings.audit.hash,
            "node_only": self._source.node_only,
        }

    def _write_files(self, writer: SealedWriter) -> None:
        source = self._source
        for file in node_files.collect(source.settings, source.config, source.public, tls=source.tls):
            writer.write(entries.described(entries.FILE, {"name": file.name}, file.data))
            self._counts["files"] += 1

    def _write_control(self, writer: SealedWriter) -> None:
        opening = self._source.open_control
        if opening is None or self._source.node_only:
            return

        def take(name: str, value: bytes) -> None:
            writer.write(entries.described(entries.KEY, {"key": name}, value))
            self._counts["control_keys"] += 1
            self._progress("control", self._counts["control_keys"], 0)

        async def copy() -> control_side.Held:
            store = opening()
            try:
                return await control_side.copy(store, self._before.last.control or {}, take)
            finally:
                await store.close()

        held = asyncio.run(copy())
        self._index.control, self._index.revision, self._index.head = held.digests, held.revision, held.head

    def _write_records(self, writer: SealedWriter) -> None:
        url = self._source.settings.store_url
        with closing(open_reader(url)) as reader, closing(open_keeper(url)) as keeper:
            side = RecordSide(reader, self._before)
            for name, revision in keeper.bundles():
                signed = None if name in self._before.bundles else reader.bundle(name)
                if signed is not None:
                    writer.write(entries.described(entries.BUNDLE, {"hash": name, "revision": revision}, signed))
                    self._index.bundles.append(name)
                    self._counts["bundles"] += 1
            for node, number, signed in side.new_checkpoints():
                writer.write(entries.described(entries.CHECKPOINT, {"node": node, "number": number}, signed))
                self._counts["checkpoints"] += 1
                self._progress("checkpoints", self._counts["checkpoints"], 0)
            writer.next_section()
            for block in side.blocks():
                writer.write(entries.block(block))
                self._counts["records"] += len(block)
                self._progress("records", self._counts["records"], side.total)
        with closing(open_maintainer(url)) as maintainer:
            self._index.holds = maintainer.holds()
        self._index.streams, self._index.checkpoints = side.changed, side.checkpoints


def _await_spool(settings: Settings, seconds: float, progress: Progress) -> int:
    """Wait until the store has what this node had recorded when the wait began; return how many records it lacks."""
    marks = _spooled(settings)
    if not marks:
        return 0
    deadline = time.monotonic() + seconds
    with closing(open_reader(settings.store_url)) as reader:
        while (lacking := _lacking(reader, marks)) and time.monotonic() < deadline:
            progress("spool", 0, lacking)
            time.sleep(_POLL_SECONDS)
    return lacking


def _spooled(settings: Settings) -> dict[StreamKey, int]:
    """Return how far the streams have come whose files are still on this machine."""
    folders = spools.folders(settings)
    found: dict[StreamKey, int] = {}
    for boot in list_boots(folders):
        node = read_node(folders, boot.boot) or settings.node_name
        for start in read_heads(folders, boot.boot, node) if boot.segments else ():
            found[start.key] = start.first
    return found


def _lacking(reader: Reader, marks: Mapping[StreamKey, int]) -> int:
    first = min(key.day for key in marks)
    held = {state.key: state for state in reader.recent_streams(first)}
    return sum(
        max(0, count - (held[key].count if key in held else 0))
        for key, count in marks.items()
        if key not in held or not held[key].closed
    )
