"""The reading side of a spool."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError

from pdp.errors import SpoolError
from pdp.snapshot.chain import SpooledRecord, StreamKey, hasher
from pdp.snapshot.spool.files import (
    LOCK,
    RENEW,
    RESERVE,
    BootFiles,
    list_boots,
    list_segments,
    remove_segment,
    sync_folder,
)
from pdp.snapshot.spool.limits import Backlog, SpoolAlarm
from pdp.snapshot.spool.scan import DamageError, SegmentScan
from pdp.v1 import snapshot_pb2


class SpoolReader:
    """Reads what all writers below some folders have made durable, while they go on writing.

    One process at a time reads a spool; within it any number of threads. It never writes to a file that a writer has open.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        algorithm: str = "sha256",
        alarm: Callable[[SpoolAlarm], None] = lambda _: None,
    ) -> None:
        """`folders` are those of `Spool` and its `second_folder`; they need not be there yet.

        Raises ValueError for an unknown algorithm.
        """
        hasher(algorithm)
        self._folders = [folder for folder in folders if folder is not None]
        self._algorithm = algorithm
        self._alarm = alarm
        self._lock = threading.RLock()
        self._scans: dict[Path, SegmentScan] = {}
        self._seen: set[StreamKey] = set()
        self._turn = ""

    def read(self, positions: Mapping[StreamKey, int], limit: int) -> list[SpooledRecord]:
        """Return at most `limit` records, those of each stream in order and beginning at its position (default 0).

        Raises SpoolError when a file cannot be read now.
        """
        with self._lock:
            boots = list_boots(self._folders)
            # Those after the boot that came first the last time, so that none has to wait for ever.
            boots = [boot for boot in boots if boot.boot > self._turn] + [b for b in boots if b.boot <= self._turn]
            found: list[SpooledRecord] = []
            for boot in boots:
                if len(found) >= limit:
                    break
                records = self._read_boot(boot, positions, limit - len(found))
                if records and not found:
                    self._turn = boot.boot
                found += records
            return found

    def release(self, positions: Mapping[StreamKey, int]) -> int:
        """Delete the files that nobody writes to and whose records are all below the positions; return how many.

        Raises OSError.
        """
        with self._lock:
            return sum(self._release_boot(boot, positions) for boot in list_boots(self._folders))

    def finished(self, known: Iterable[StreamKey] = ()) -> set[StreamKey]:
        """Return the streams that will not grow any more: their writer is gone or has come to a later day.

        Of all streams with files, of those that this reader has met, and of `known` ones, such as those that the store
        has open. Ask before `read`: a stream that was finished then, and of which `read` returns nothing, is shipped.
        """
        with self._lock:
            days: dict[str, int] = {}
            for boot in list_boots(self._folders):
                starts = [start for scan in self._ready(boot) for start in scan.streams()]
                self._seen.update(start.key for start in starts)
                if boot.alive:
                    days[boot.boot] = max((start.key.day for start in starts), default=0)
            keys = self._seen.union(known)
            return {key for key in keys if key.boot not in days or key.day < days[key.boot]}

    def backlog(self) -> Backlog:
        """Return what is not released yet. Raises SpoolError when a file cannot be read now."""
        with self._lock:
            records = size = 0
            oldest: int | None = None
            for boot in list_boots(self._folders):
                for scan in self._ready(boot):
                    try:
                        count, body = scan.pending()
                    except DamageError:
                        continue
                    records += count
                    size += _size(scan.path)
                    if body is not None and scan.header is not None:
                        time = _time(body, scan.header.created)
                        oldest = time if oldest is None else min(oldest, time)
            return Backlog(records, size, oldest)

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            for scan in self._scans.values():
                scan.close()
            self._scans.clear()

    def _read_boot(self, boot: BootFiles, positions: Mapping[StreamKey, int], limit: int) -> list[SpooledRecord]:
        expected = dict(positions)
        found: list[SpooledRecord] = []
        scans = self._ready(boot)
        for index, scan in enumerate(scans):
            after = scans[index + 1] if index + 1 < len(scans) else None
            bounds = {start.key: start.first for start in after.streams()} if after else {}
            try:
                records, ended = scan.read(expected, bounds, limit - len(found))
            except DamageError as error:
                raise SpoolError(f"`{scan.path}` is damaged: {error.reason}") from error
            if after is None and boot.alive and self._has_grown(boot, scan):
                # A transaction that failed may have shown itself; the newer file says what counts.
                scan.forget()
                break
            self._seen.update(record.stream for record in records)
            found += records
            if not ended:
                break
            if after is not None or not boot.alive:
                scan.close()
        return found

    def _has_grown(self, boot: BootFiles, last: SegmentScan) -> bool:
        now = boot._replace(segments=list_segments(self._folders, boot.boot))
        return any(scan.number > last.number for scan in self._ready(now))

    def _ready(self, boot: BootFiles) -> list[SegmentScan]:
        """Return the boot's files whose creation was finished, by number."""
        scans = []
        for number, path in boot.segments:
            scan = self._scans.get(path)
            if scan is None:
                scan = self._scans[path] = SegmentScan(path, number)
            try:
                if scan.is_ready():
                    scans.append(scan)
            except DamageError as error:
                raise SpoolError(f"`{scan.path}` is damaged: {error.reason}") from error
        return scans

    def _release_boot(self, boot: BootFiles, positions: Mapping[StreamKey, int]) -> int:
        scans = self._ready(boot)
        released = 0
        for index, scan in enumerate(scans):
            after = scans[index + 1] if index + 1 < len(scans) else None
            if after is None and boot.alive:
                scan.advance(positions, {})
                break
            bounds = {start.key: start.first for start in after.streams()} if after else {}
            if not scan.advance(positions, bounds):
                break
            self._remove(scan)
            released += 1
        else:
            if not boot.alive:
                self._remove_boot(boot)
        return released

    def _remove(self, scan: SegmentScan) -> None:
        scan.close()
        self._scans.pop(scan.path, None)
        remove_segment(scan.path)
        sync_folder(scan.path.parent)

    def _remove_boot(self, boot: BootFiles) -> None:
        """Remove the folders of a writer that is gone and whose records are all shipped."""
        for number, path in list_segments(self._folders, boot.boot):
            self._remove(self._scans.get(path) or SegmentScan(path, number))
        for folder in self._folders:
            for name in (RENEW, RESERVE, LOCK):
                (folder / boot.boot / name).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (folder / boot.boot).rmdir()
                sync_folder(folder)


def _size(path: Path) -> int:
    total = 0
    for side in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            total += path.with_name(path.name + side).stat().st_size
    return total


def _time(body: bytes, otherwise: int) -> int:
    try:
        record = snapshot_pb2.Record.FromString(body)
    except DecodeError:
        return otherwise
    held = record.operation if record.WhichOneof("body") == "operation" else record.snapshot
    return held.time_nanos or otherwise
