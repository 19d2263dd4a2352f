"""The reading side of a spool."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import DecodeError

from pdp.errors import SpoolError
from pdp.snapshot.chain import SpooledRecord, StreamKey, genesis, hasher
from pdp.snapshot.spool.files import (
    BootFiles,
    ask_to_renew,
    list_boots,
    list_segments,
    read_node,
    remove_boot,
    remove_segment,
    sync_folder,
)
from pdp.snapshot.spool.heads import read_heads
from pdp.snapshot.spool.leftovers import remove_leftovers
from pdp.snapshot.spool.limits import Backlog, SpoolAlarm
from pdp.snapshot.spool.mend import Intent, begin, boot_of, finish, pending
from pdp.snapshot.spool.scan import DamageError, SegmentScan
from pdp.snapshot.spool.segment import Header, Start
from pdp.v1 import snapshot_pb2


class _Damaged(NamedTuple):
    """A file that does not read on; `expected` is where its streams stood before anything was read of it."""

    scan: SegmentScan
    reason: str
    expected: dict[StreamKey, int]


class SpoolReader:
    """Reads what all writers below some folders have made durable, while they go on writing.

    A damaged file is put into quarantine as soon as nobody writes to it, and what can be saved of it is read in its
    place or, after a gap, as new streams of another boot (see `mend`): nobody has to do anything about it.

    One process at a time reads a spool; within it any number of threads. It never writes to a file that a writer has
    open.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        algorithm: str = "sha256",
        alarm: Callable[[SpoolAlarm], None] = lambda _: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`folders` are those of `Spool` and its `second_folder`; they need not be there yet.

        `algorithm` is for files that do not say theirs any more. Raises ValueError for an unknown one.
        """
        hasher(algorithm)
        self._folders = list(folders)
        self._algorithm = algorithm
        self._alarm = alarm
        self._clock = clock
        self._lock = threading.RLock()
        self._scans: dict[Path, SegmentScan] = {}
        self._seen: set[StreamKey] = set()
        self._asked: set[Path] = set()
        self._mends: Counter[Path] = Counter()
        self._turn = ""
        self._is_pending = True
        self._blocked: set[str] = set()

    def read(self, positions: Mapping[StreamKey, int], limit: int, *, ahead: bool = False) -> list[SpooledRecord]:
        """Return at most `limit` records, those of each stream in order and beginning at its position (default 0).

        With `ahead` the store has not yet taken all that is before the positions, and may not do so: then nothing is
        done about a damaged file, nor said of one that cannot be read now.
        Raises SpoolError when there is nothing to return but for files that cannot be read now.
        """
        with self._lock:
            boots = self._boots()
            # Those after the boot that came first the last time, so that none has to wait for ever.
            boots = [b for b in boots if b.boot > self._turn] + [b for b in boots if b.boot <= self._turn]
            found: list[SpooledRecord] = []
            failure: SpoolError | None = None
            for boot in boots:
                if len(found) >= limit:
                    break
                try:
                    records = self._read_boot(boot, positions, limit - len(found), ahead=ahead)
                except SpoolError as error:
                    failure = error
                    continue
                if records and not found:
                    self._turn = boot.boot
                found += records
            if failure is not None and not found and not ahead:
                raise failure
            return found

    def release(self, positions: Mapping[StreamKey, int]) -> int:
        """Delete the files that nobody writes to and whose records are all below the positions; return how many.

        What writers left that died before they began goes too. Raises OSError.
        """
        with self._lock:
            remove_leftovers(self._folders, self._clock())
            return sum(self._release_boot(boot, positions) for boot in self._boots())

    def finished(
        self, known: Iterable[StreamKey] = (), shipped: Mapping[StreamKey, int] | None = None
    ) -> set[StreamKey]:
        """Return the streams that will not grow any more: their writer is gone or has come to a later day.

        Of all streams with files, of those that this reader has met, and of `known` ones, such as those that the store
        has open. With positions as `shipped`, only those of whose boot no record is left to read: these can be
        closed.
        """
        with self._lock:
            days: dict[str, int] = {}
            for boot in self._boots():
                starts = [start for scan in self._scanned(boot) for start in _starts(scan)]
                self._seen.update(start.key for start in starts)
                if boot.alive:
                    days[boot.boot] = max((start.key.day for start in starts), default=0)
                if shipped is not None and not self._is_shipped(boot, shipped):
                    days[boot.boot] = 0
            days |= dict.fromkeys(self._blocked, 0)
            keys = self._seen.union(known)
            return {key for key in keys if key.boot not in days or key.day < days[key.boot]}

    def backlog(self) -> Backlog:
        """Return what is not released yet; files that cannot be read now count with their bytes alone."""
        with self._lock:
            records = size = 0
            oldest: int | None = None
            for boot in list_boots(self._folders):
                for scan in self._scanned(boot):
                    size += _size(scan.path)
                    try:
                        count, body = scan.pending()
                    except (DamageError, SpoolError):
                        continue
                    records += count
                    if body is not None and scan.header is not None:
                        nanos = _time(body, scan.header.created)
                        oldest = nanos if oldest is None else min(oldest, nanos)
            return Backlog(records, size, oldest)

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            for scan in self._scans.values():
                scan.close()
            self._scans.clear()

    def _boots(self) -> list[BootFiles]:
        """Return the boots that can be worked with: not those of which a file is being mended."""
        if self._is_pending:
            entries = pending(self._folders)
            self._blocked = {boot_of(entry) for entry in entries if not self._finish(entry)}
            self._is_pending = bool(self._blocked)
        return [boot for boot in list_boots(self._folders) if boot.boot not in self._blocked]

    def _read_boot(
        self, boot: BootFiles, positions: Mapping[StreamKey, int], limit: int, *, ahead: bool
    ) -> list[SpooledRecord]:
        while True:
            found, damaged = self._read_files(boot, positions, limit)
            if damaged is None or ahead:
                return found
            if boot.alive and damaged.scan.path == boot.segments[-1][1]:
                self._ask_to_renew(boot, damaged)
                return found
            self._mend(boot, damaged)
            boot = boot._replace(segments=list_segments(self._folders, boot.boot))

    def _read_files(
        self, boot: BootFiles, positions: Mapping[StreamKey, int], limit: int
    ) -> tuple[list[SpooledRecord], _Damaged | None]:
        expected = dict(positions)
        found: list[SpooledRecord] = []
        scans = self._scanned(boot)
        for index, scan in enumerate(scans):
            is_last = index + 1 == len(scans)
            is_closed = not (is_last and boot.alive)
            before = dict(expected)
            try:
                if is_last:
                    # Where a later file tells how long this one was, that is enough.
                    scan.check_log()
                starts = _next_starts(scans[index + 1 :])
                bounds = {start.key: start.first for start in starts}
                records, ended = scan.read(expected, bounds, limit - len(found), is_closed=is_closed)
                if ended and is_closed and is_last:
                    scan.check_whole()
                if ended and not scan.is_mended:
                    _check_end(scan, self._after(scans, index), expected)
            except DamageError as error:
                return found, _Damaged(scan, error.reason, before)
            except SpoolError:
                if found:
                    break
                raise
            if not is_closed and self._has_grown(boot, scan):
                # A transaction that failed may have shown itself; the newer file says what counts.
                scan.forget()
                break
            self._seen.update(record.stream for record in records)
            found += records
            if not ended:
                break
            if is_closed:
                scan.close()
        return found, None

    def _has_grown(self, boot: BootFiles, last: SegmentScan) -> bool:
        now = boot._replace(segments=list_segments(self._folders, boot.boot))
        return any(scan.number > last.number for scan in self._scanned(now))

    def _scanned(self, boot: BootFiles) -> list[SegmentScan]:
        """Return the boot's files by number, without those whose creation was not finished."""
        scans = []
        for number, path in boot.segments:
            scan = self._scans.get(path)
            if scan is None:
                scan = self._scans[path] = SegmentScan(path, number)
            scan.is_closed = not boot.alive or number < boot.segments[-1][0]
            try:
                is_ready = scan.is_ready()
            except (DamageError, SpoolError):
                # Whoever reads it will meet the damage again.
                is_ready = True
            if is_ready:
                scans.append(scan)
        return scans

    def _is_shipped(self, boot: BootFiles, positions: Mapping[StreamKey, int]) -> bool:
        scans = self._scanned(boot)
        return all(self._is_passed(scans, index, positions) for index in range(len(scans)))

    def _is_passed(self, scans: Sequence[SegmentScan], index: int, positions: Mapping[StreamKey, int]) -> bool:
        """Return whether a file is whole and all its records are below the positions."""
        try:
            if index + 1 == len(scans):
                scans[index].check_log()
            starts = _next_starts(scans[index + 1 :])
            if not scans[index].advance(positions, {start.key: start.first for start in starts}):
                return False
            if index + 1 == len(scans):
                scans[index].check_whole()
            if not scans[index].is_mended:
                _check_end(scans[index], self._after(scans, index), positions)
        except (DamageError, SpoolError):
            # Reading will meet it again, and deal with it.
            return False
        return True

    def _after(self, scans: Sequence[SegmentScan], index: int) -> list[Start]:
        """Return where the very next file takes streams on; behind the last, how far its writer, now gone, came."""
        if index + 1 < len(scans):
            return _starts(scans[index + 1])
        header = scans[index].header
        if header is None or not scans[index].is_closed:
            return []
        return read_heads(self._folders, header.boot, header.node)

    def _release_boot(self, boot: BootFiles, positions: Mapping[StreamKey, int]) -> int:
        scans = self._scanned(boot)
        released = 0
        for index, scan in enumerate(scans):
            is_passed = self._is_passed(scans, index, positions)
            if not is_passed or (boot.alive and index + 1 == len(scans)):
                return released
            self._remove(scan.path)
            released += 1
        if not boot.alive:
            self._remove_boot(boot)
        return released

    def _remove(self, path: Path) -> None:
        self._drop(path)
        remove_segment(path)
        sync_folder(path.parent)

    def _drop(self, path: Path) -> None:
        scan = self._scans.pop(path, None)
        if scan is not None:
            scan.close()

    def _remove_boot(self, boot: BootFiles) -> None:
        """Remove the folders of a writer that is gone and whose records are all shipped."""
        for _, path in list_segments(self._folders, boot.boot):
            self._remove(path)
        for folder in self._folders:
            remove_boot(folder, boot.boot)

    def _ask_to_renew(self, boot: BootFiles, damaged: _Damaged) -> None:
        """Ask a writer to begin a new boot, so that the file it writes to can be mended."""
        path = damaged.scan.path
        if path not in self._asked:
            self._asked.add(path)
            message = f"`{path}` is damaged and still being written ({damaged.reason}); its writer will leave it"
            self._alarm(SpoolAlarm("waiting", message, {"file": str(path), "reason": damaged.reason}))
            ask_to_renew(self._folders, boot.boot)

    def _mend(self, boot: BootFiles, damaged: _Damaged) -> None:
        """Take a file that nobody writes to out of the way, with what can be saved of it. Raises SpoolError."""
        path = damaged.scan.path
        self._mends[path] += 1
        if self._mends[path] > 3:
            raise SpoolError(f"`{path}` is damaged again each time it was mended ({damaged.reason}); look at its disk")
        intent = self._intent(boot, damaged)
        self._drop(path)
        self._is_pending = True
        self._blocked.add(boot.boot)
        try:
            entry = begin(path, intent)
        except OSError as error:
            raise SpoolError(f"`{path}` is damaged and cannot be put into quarantine: {error}") from error
        if not self._finish(entry):
            raise SpoolError(f"`{path}` is damaged and cannot be mended; make room on its disk")
        self._blocked.discard(boot.boot)

    def _finish(self, entry: Path) -> bool:
        try:
            mended = finish(entry)
        except (OSError, sqlite3.Error) as error:
            message = f"what was begun in `{entry}` cannot be finished: {error}; make room on its disk"
            self._alarm(SpoolAlarm("waiting", message, {"file": str(entry)}))
            return False
        first = f"{'/'.join(map(str, mended.first[0]))}, {mended.first[1]}" if mended.first else ""
        message = (
            f"`{mended.file}` was damaged ({mended.reason}) and lies in `{entry}`; "
            f"{mended.kept + mended.saved} records were saved and {mended.missing} are missing"
        )
        details = {
            "file": str(mended.file),
            "quarantine": str(entry),
            "reason": mended.reason,
            "stream": "/".join(map(str, mended.first[0])) if mended.first else "",
            "sequence": str(mended.first[1]) if mended.first else "",
            "saved": str(mended.kept + mended.saved),
            "moved": str(mended.saved),
            "missing": str(mended.missing),
        }
        self._alarm(SpoolAlarm("damaged", f"{message}{f'; the first bad one is {first}' if first else ''}", details))
        return True

    def _intent(self, boot: BootFiles, damaged: _Damaged) -> Intent:
        """Put together what other files of the boot tell of a damaged one."""
        scan = damaged.scan
        scans = self._scanned(boot)
        headers = [other.header for other in scans if other.header is not None]
        node = headers[0].node if headers else read_node(self._folders, boot.boot)
        algorithm = headers[0].algorithm if headers else self._algorithm
        header = scan.header or Header(node, boot.boot, algorithm, scan.number, self._clock())
        later = _next_starts([other for other in scans if other.number > scan.number])
        heads = [] if later else read_heads(self._folders, boot.boot, header.node)
        starts: dict[int, Start] = {}
        for start in later or heads:
            first = damaged.expected.get(start.key, 0)
            chain = genesis(start.key, algorithm) if first == 0 else b""
            starts[start.id] = Start(start.id, start.key, first, chain)
        for other in scans:
            if other.number < scan.number:
                starts |= other.reached()
        expected = {key: value for key, value in damaged.expected.items() if key.boot == boot.boot}
        bounds = {start.key: start.first for start in later}
        reached = {start.key: start.first for start in heads}
        return Intent(damaged.reason, header, starts, expected, bounds, self._clock(), reached)


def _starts(scan: SegmentScan) -> list[Start]:
    """Return where a file takes its streams on; nothing when that is damaged. Raises SpoolError."""
    try:
        return scan.streams()
    except DamageError:
        return []


def _next_starts(scans: Iterable[SegmentScan]) -> list[Start]:
    """Return the starts of the first file that tells them: what it takes on does not count in the files before."""
    for scan in scans:
        starts = _starts(scan)
        if starts:
            return starts
    return []


def _check_end(scan: SegmentScan, starts: Iterable[Start], expected: Mapping[StreamKey, int]) -> None:
    """Raise DamageError when a file ends before the very next one takes a stream on."""
    ends = scan.reached()
    for start in starts:
        reached = max(expected.get(start.key, 0), ends[start.id].first if start.id in ends else 0)
        if reached < start.first:
            raise DamageError(f"records from {reached} to {start.first - 1} of a stream are missing at its end")


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
