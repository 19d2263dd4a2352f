"""Restores backups into empty places, and shows that what is there then is what was backed up."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pdp.control.kv.base import KeyValueStore
from pdp.errors import BackupError
from pdp.server.backup import check, control_side, entries, node_files, renewal, shelf
from pdp.server.backup.check import Checked
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.node_files import NodeFile
from pdp.server.backup.record_side import Progress
from pdp.server.backup.record_target import RecordTarget
from pdp.server.backup.shelf import Backup, Chain
from pdp.server.data_folder import RESTORING, write_new
from pdp.signing import PRIVATE_NAME, NodeKey, TrustedKeys, sync_folder
from pdp.snapshot.evidence.checkpoint import FLOOR_NAME, parse_checkpoint
from pdp.snapshot.evidence.verify import Progress as VerifyProgress
from pdp.snapshot.evidence.verify import Report, verify
from pdp.snapshot.holds import operation
from pdp.snapshot.spool.writer import Spool
from pdp.snapshot.store import install, open_reader, open_writer
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

KIND: Final = "backup.restored"
_LEAST_SKIP: Final = 1_000_000
_MOST_CHECKPOINTS_A_SECOND: Final = 20


@dataclass(frozen=True, slots=True)
class Target:
    """Where to restore to: a new data folder, and the stores, `control` None where there is to be none.

    `signing_key` and `floor` are for a head above the revisions that surviving nodes have applied.
    """

    data: Path
    store_url: str
    open_control: Callable[[], KeyValueStore]
    node_only: bool = False
    force: bool = False
    floor: int = 0
    signing_key: Path | None = None
    trusted: TrustedKeys | None = None
    checkpoint_floor: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. `revision` is in force, 0 for none; from `checkpoint` on the node signs."""

    backup: Backup
    files: int
    control_keys: int
    revision: int
    golden_cases: int
    checkpoint: int
    report: Report | None
    seconds: float
    configuration: Path | None

    @property
    def is_complete(self) -> bool:
        """Whether verification found nothing wrong with the records."""
        return self.report is None or self.report.is_complete

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        return {
            "backup": self.backup.plain(), "files": self.files, "control_keys": self.control_keys,
            "revision": self.revision, "golden_cases": self.golden_cases, "checkpoint_floor": self.checkpoint,
            "seconds": round(self.seconds, 3), "complete": self.is_complete,
            "configuration": None if self.configuration is None else str(self.configuration),
            "verification": None if self.report is None else self.report.plain(),
        }  # fmt: skip


def restore(
    chain: Chain, key: BackupKey, target: Target, *, progress: Progress = lambda *_: None,
    clock: Callable[[], int] = time.time_ns,
) -> Restored:  # fmt: skip
    """Restore a chain up to its last backup. Raises BackupError before anything is written when a backup is damaged,
    the records in it are at fault (unless forced), or a place is not empty; StoreError and ControlStoreError.
    """
    return _Restoring(chain, key, target, progress, clock).run()


class _Restoring:
    def __init__(
        self, chain: Chain, key: BackupKey, target: Target, progress: Progress, clock: Callable[[], int]
    ) -> None:
        self._chain, self._key, self._target = chain, key, target
        self._progress, self._clock = progress, clock
        self._last = chain.last
        self._files: dict[str, bytes] = {}
        self._keys = target.data / node_files.KEYS
        self._restored = target.data / node_files.RESTORED

    def run(self) -> Restored:
        begun = time.monotonic()
        target = self._target
        if not node_files.is_empty(target.data):
            raise BackupError(f"`{target.data}` is not empty; restore into a new folder")
        node_only = target.node_only or self._last.node_only
        checked = check.check(self._chain, self._key, target.trusted, progress=self._progress)
        if checked.faults and not target.force:
            words = checked.faults[0].sentence.en
            raise BackupError(
                f"the records in the backup are not what was recorded ({len(checked.faults)} faults, first: {words}); "
                "restore an earlier one by `--at`, or this one all the same by `--force`"
            )
        files = self._read_files()
        target.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = revision = cases = 0
        report = None
        if not node_only:
            if not target.store_url.startswith("sqlite:"):
                install(target.store_url)
            if checked.index.control is not None:
                # Looked at first: two stores, and neither is touched unless both can take it.
                asyncio.run(self._must_be_empty())
            self._restore_records(checked)
        self._begin()
        # INVARIANT: before the key. A node that has its key back and no floor signs numbers a second time.
        checkpoint = self._write_floor()
        self._write_files(files)
        if not node_only:
            if checked.index.control is not None:
                keys, revision, cases = asyncio.run(self._restore_control(checked.index.control))
            report = self._verify()
        self._record(revision)
        (target.data / RESTORING).unlink()
        sync_folder(target.data)
        return Restored(
            self._last, len(files), keys, revision, cases, checkpoint, report, time.monotonic() - begun,
            self._restored if self._restored.exists() else None,
        )  # fmt: skip

    def _begin(self) -> None:
        """Say that what is there is not whole, so that no service starts on it."""
        if not (self._target.data / RESTORING).exists():
            write_new(self._target.data / RESTORING, f"{self._last.name}\n".encode())

    def _read_files(self) -> list[NodeFile]:
        """Return the files of the last backup, which has all of them."""
        end = len(self._chain.backups) - 1
        return [
            NodeFile(str(head["name"]), data)
            for at, kind, head, data in check.things(self._chain, self._key)
            if at == end and kind == entries.FILE
        ]

    def _write_files(self, files: list[NodeFile]) -> None:
        for file in files:
            node_files.restore(self._target.data, file)
            self._files[file.name] = file.data
        if f"{node_files.DATA}/node" not in self._files:
            write_new(self._target.data / "node", f"{self._last.node}\n".encode())

    async def _must_be_empty(self) -> None:
        store = self._target.open_control()
        try:
            if not await control_side.is_empty(store):
                raise BackupError("the control store is not empty; name a new one by `--control`")
        finally:
            await store.close()

    def _restore_records(self, checked: Checked) -> None:
        with closing(RecordTarget(self._target.store_url, checked.watermarks, self._clock())) as target:
            target.must_be_empty()
            self._begin()
            indexes = [shelf.index_of(backup, self._key) for backup in self._chain.backups]
            total = checked.counts.get("records", 0)
            done, reached = 0, 0
            for at, block in check.blocks(self._chain, self._key):
                while reached < at:
                    target.settle(indexes[reached])
                    reached += 1
                target.take(block, indexes[at])
                done += len(block)
                self._progress("restoring", done, total)
            for index in indexes[reached:]:
                target.settle(index)
            for _, kind, head, data in check.things(self._chain, self._key):
                if kind == entries.CHECKPOINT:
                    target.add_checkpoint(head["node"], head["number"], data)
                elif kind == entries.BUNDLE:
                    target.add_bundle(head["hash"], head["revision"], data)
            target.end(checked.index.holds)

    async def _restore_control(self, wanted: Mapping[str, str]) -> tuple[int, int, int]:
        store = self._target.open_control()
        try:
            writing = control_side.Restoring(store, wanted)
            for _, kind, head, data in check.things(self._chain, self._key):
                if kind == entries.KEY:
                    await writing.put(head["key"], data)
            keys = await writing.end()
            trusted = self._publishers()
            found = await renewal.try_head(store, trusted)
            if self._target.floor:
                signing = self._signing_key()
                await renewal.raise_head(store, signing, self._target.floor, self._clock())
                found = await renewal.try_head(store, renewal.with_key(trusted, signing))
            return keys, found.revision, found.golden_cases
        finally:
            await store.close()

    def _signing_key(self) -> NodeKey:
        """Return the key that revisions are signed by: the one named, else the one that the restored node has."""
        places = (
            self._target.signing_key,
            self._restored / "control.signing_key",
            self._keys / "control" / PRIVATE_NAME,
        )
        found = next((place for place in places if place is not None and place.exists()), None)
        if found is None:
            raise BackupError("the backup holds no key that revisions are signed by; name it by `--signing-key`")
        return NodeKey.load(found)

    def _publishers(self) -> TrustedKeys:
        """Return by whom revisions may be signed: as the restored node itself will have it."""
        found = _loaded(self._restored / "control.trust") or _loaded(self._keys / "control") or TrustedKeys({})
        signing = self._restored / "control.signing_key"
        return renewal.with_key(found, NodeKey.load(signing)) if signing.exists() else found

    def _nodes(self) -> TrustedKeys:
        """Return by whom checkpoints may be signed: those named, else those in the backup."""
        if self._target.trusted is not None:
            return self._target.trusted
        public = {name: data for name, data in self._files.items() if check.is_checkpoint_key(name)}
        return check.public_keys(public)

    def _verify(self) -> Report:
        def show(told: VerifyProgress) -> None:
            self._progress("verifying", told.records, told.total)

        with closing(open_reader(self._target.store_url)) as reader:
            # The columns for searching were drawn from the records a moment ago.
            return verify(reader, self._nodes(), deep=False, progress=show)

    def _write_floor(self) -> int:
        """Say from which number on the node signs: above all that it may have signed since the backup."""
        with closing(open_writer(self._target.store_url)) as writer:
            signed = writer.last_checkpoint(self._last.node)
        number, then = 0, self._last.created_nanos
        if signed is not None:
            message = parse_checkpoint(signed)[1]
            number, then = message.number, message.time_nanos
        seconds = max(0, self._clock() - then) // NANOS
        floor = self._target.checkpoint_floor or (number + max(_LEAST_SKIP, seconds * _MOST_CHECKPOINTS_A_SECOND))
        if floor <= number:
            raise BackupError(f"the store has checkpoint {number} of node `{self._last.node}`; choose a higher floor")
        self._keys.mkdir(mode=0o700, exist_ok=True)
        write_new(self._keys / FLOOR_NAME, b"%d\n" % floor)
        return floor

    def _record(self, revision: int) -> None:
        """Leave a record of the restore, which the node ships when it starts."""
        last = self._last
        details = {
            "backup": last.name, "created": last.created, "node": last.node, "revision": str(revision),
            "user": str(os.getuid()),
        }  # fmt: skip
        record = snapshot_pb2.Record(operation=operation(KIND, "system", self._clock(), details))
        spool = Spool(self._target.data / "spool", node=last.node, algorithm=last.hash)
        try:
            spool.append([("long", record.SerializeToString())], last=True)
        finally:
            spool.close()


def _loaded(place: Path) -> TrustedKeys | None:
    return TrustedKeys.load(place) if place.exists() else None
