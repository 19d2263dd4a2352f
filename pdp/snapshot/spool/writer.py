"""The writing side of a spool."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pdp.errors import SpoolError, SpoolFullError
from pdp.snapshot.chain import RETENTIONS, StreamKey, genesis, hasher
from pdp.snapshot.spool.files import RENEW, claim_boot, count_quarantined, segment_name
from pdp.snapshot.spool.gauge import Gauge
from pdp.snapshot.spool.heads import Heads
from pdp.snapshot.spool.limits import SpoolAlarm, SpoolLevel, SpoolLimits, SpoolStats
from pdp.snapshot.spool.reserve import Reserve, gives_room
from pdp.snapshot.spool.segment import Header, Row, SegmentWriter, Start

LOCK_SECONDS = 5.0
STATS_SECONDS = 0.2
"""Who asks for numbers waits this long for a write; then it gets those that were told last."""

SHUN_SECONDS = 30.0
"""A folder in which no new file could be written is the last choice for this long."""

REST_SECONDS = 0.5
"""After it could write nowhere, a spool refuses for this long before it tries again."""

_DAY_NANOS = 86_400 * 1_000_000_000
_FAILURES = (sqlite3.Error, OSError)


@dataclass(slots=True)
class _Head:
    """How far a stream has come; `id` stands for it in every file of the boot."""

    id: int
    key: StreamKey
    sequence: int
    chain: bytes

    def start(self) -> Start:
        return Start(self.id, self.key, self.sequence, self.chain)

    def copy(self) -> _Head:
        return _Head(self.id, self.key, self.sequence, self.chain)  # `replace` takes several times as long


class Spool:
    """Makes the records of one process durable on this machine, in chained streams (`chain.StreamKey`).

    Every record reaches the store exactly once, whatever a failed write left behind:

    1. A transaction that failed may be on the disk all the same: a failed fsync says nothing. Its file is never written
       again. The same records, at the same places of the same streams and so with the same chain values, are written
       to a new file, in the same folder and then in the second one. A record that did survive in the first file is
       the same record at the same place, and the reader takes a place only once.
    2. When that fails too, `append` raises and the places are free for other records. What may have survived in
       the failed files is then not to be read: every new file names, in its very first transaction, the sequence from
       which it takes each stream on, and a reader stops at that sequence in the files before. The failed files stay
       open until such a file is durable. While they are open, readers see them without the failed transaction, as
       SQLite's shared index does not have it; a reader that opened one later looks for newer files after reading.
    3. When the process dies between a failed transaction and the next file, the transaction may come to light and be
       read. Nobody was told that it counts, and nobody that it does not: its caller is gone.

    Any number of threads may call it; it is one lock. A process that forks must not use it in the child.
    """

    def __init__(
        self,
        folder: Path,
        *,
        node: str,
        algorithm: str = "sha256",
        limits: SpoolLimits = SpoolLimits(),  # noqa: B008 - a frozen value
        clock: Callable[[], int] = time.time_ns,
        alarm: Callable[[SpoolAlarm], None] = lambda _: None,
    ) -> None:
        """Begin a new boot. `clock` gives nanoseconds since 1970; `alarm` is called without the lock being held.

        Raises SpoolError when no folder can be written, and ValueError for an unknown algorithm.
        """
        self._hash = hasher(algorithm)
        self._node, self._algorithm, self._limits = node, algorithm, limits
        self._clock, self._alarm = clock, alarm
        self._folder = folder
        self._folders = [folder] if limits.second_folder is None else [folder, limits.second_folder]
        self._lock = threading.Lock()
        self._gauge = Gauge(folder, limits)
        self._reserve = Reserve(limits.reserve_bytes)
        self._alarms: list[SpoolAlarm] = []
        self._records = self._appends = self._rotations = self._failures = 0
        self._resting = 0.0
        self._shunned: dict[Path, float] = {}
        self._day = clock() // _DAY_NANOS
        self._closed = False
        self._segment: SegmentWriter | None = None
        self._retired: list[SegmentWriter] = []
        self._heads: dict[tuple[str, int], _Head] = {}
        self._locks: dict[Path, int] = {}
        self._told: Heads | None = None
        self._begin_boot()
        try:
            self._look(time.monotonic())
            self._open(self._candidates(last=True))
            self._keep_reserve()
            self._known = self._numbers()
        except BaseException:
            self._let_go()
            raise
        finally:
            self._tell()

    def append(self, records: Sequence[tuple[str, bytes]], *, last: bool = False) -> None:
        """Make (retention class, serialized Record) pairs durable, in one transaction, before returning.

        `last` records may use the reserve when the spool is full. Raises SpoolFullError when there is no room,
        SpoolError when they cannot be written, and ValueError for an unknown retention class; then none of them counts.
        """
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            raise SpoolError(f"the spool `{self._folder}` has been writing for {LOCK_SECONDS:g} s; look at its disk")
        try:
            if records:
                self._append(records, last=last)
        finally:
            self._lock.release()
            self._tell()

    def stats(self) -> SpoolStats:
        """Return the numbers so far, or the last known ones while a disk does not answer an append.

        Looks at the disk when it has not been looked at lately.
        """
        if not self._lock.acquire(timeout=STATS_SECONDS):
            return self._known
        try:
            now = time.monotonic()
            if self._gauge.is_due(now) and not self._closed:
                self._look(now)
            found = self._known = self._numbers()
        finally:
            self._lock.release()
        self._tell()
        return found

    def close(self) -> None:
        """Let go of files and lock; the streams end here. A second call does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._let_go()

    def _numbers(self) -> SpoolStats:
        return SpoolStats(
            boot=self.boot,
            level=self._gauge.level,
            records=self._records,
            appends=self._appends,
            bytes=self._gauge.bytes,
            ratio=self._gauge.first.ratio,
            rotations=self._rotations,
            failures=self._failures,
            quarantined=count_quarantined(self._folders),
            folder=self._segment.path.parent.parent if self._segment else self._folder,
        )

    def _append(self, records: Sequence[tuple[str, bytes]], *, last: bool) -> None:
        if self._closed:
            raise SpoolError(f"the spool `{self._folder}` is closed")
        now = time.monotonic()
        if self._gauge.is_due(now):
            self._look(now)
            self._renew_when_asked()
        if not last:
            self._check_room(now)
        elif self._gauge.level == SpoolLevel.FULL:
            self._draw(records)
        self._turn_day()
        rows, starts, heads = self._chain(records)
        try:
            self._write(rows, starts, last=last)
        except SpoolFullError:
            if not last:
                raise
            # It has become full since it was looked at.
            self._draw(records)
            self._write(rows, starts, last=True)
        for head in heads:
            self._heads[head.key.retention, head.key.day] = head
            if self._told is not None:
                self._told.tell(head.id, head.key, head.sequence)
        self._records += len(rows)
        self._appends += 1
        if self._gauge.is_stuck and not last:
            self._gauge.is_stuck = False
            self._look(now)
        self._tidy()

    def _draw(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Give the reserve up for last records. Raises SpoolFullError."""
        if not self._reserve.draw(sum(len(body) for _, body in records)):
            raise SpoolFullError(f"the reserve of the spool `{self._folder}` is used up")

    def _check_room(self, now: float) -> None:
        # A disk that said that it was full is tried again when it has room; a bound of our own is not.
        if self._gauge.level == SpoolLevel.FULL and not (
            self._gauge.is_stuck and now >= self._resting and self._gauge.has_room()
        ):
            raise SpoolFullError(f"the spool `{self._folder}` is full; ship its records or give it more room")
        if now < self._resting:
            raise SpoolError(f"no file below `{self._folder}` can be written; look at its disk")

    def _turn_day(self) -> None:
        day = self._clock() // _DAY_NANOS
        if day > self._day:
            self._day = day
            self._retire()

    def _chain(self, records: Sequence[tuple[str, bytes]]) -> tuple[list[Row], list[Start], list[_Head]]:
        """Return the rows of records, and where their streams begin with them and end; nothing has changed yet."""
        new = self._hash
        rows: list[Row] = []
        starts: list[Start] = []
        heads: dict[str, _Head] = {}
        for retention, body in records:
            head = heads.get(retention)
            if head is None:
                known = self._head(retention)
                starts.append(known.start())
                head = heads[retention] = known.copy()
            sequence = head.sequence
            # As `chain.link` does it, without the call.
            digest: bytes = new(head.chain + sequence.to_bytes(8, "big") + body).digest()
            rows.append((head.id, sequence, body, digest))
            head.chain = digest
            head.sequence = sequence + 1
        return rows, starts, list(heads.values())

    def _head(self, retention: str) -> _Head:
        head = self._heads.get((retention, self._day))
        if head is None:
            if retention not in RETENTIONS:
                raise ValueError(f"there is no retention class `{retention}`")
            key = StreamKey(self._node, self.boot, retention, self._day)
            self._streams += 1
            # INVARIANT: kept before anything is written, so that the next file names this stream even when its first
            # records fail.
            head = self._heads[retention, self._day] = _Head(self._streams, key, 0, genesis(key, self._algorithm))
        return head

    def _write(self, rows: Sequence[Row], starts: Sequence[Start], *, last: bool) -> None:
        """Write rows to the open file, else to a new one in the same folder, else in the other. Raises SpoolError."""
        cause: Exception | None = None
        if self._segment is not None:
            try:
                self._segment.write(rows, starts)
            except _FAILURES as error:
                cause = error
                self._fail(self._segment.path, error)
            else:
                return
        for folder in self._candidates(last=last):
            try:
                segment = self._open_in(folder)
                segment.write(rows, starts)
            except _FAILURES as error:
                cause = error
                self._fail(folder / self.boot / segment_name(self._number), error)
                self._shunned[folder] = time.monotonic() + SHUN_SECONDS
            else:
                return
        self._give_up(cause)

    def _candidates(self, *, last: bool = False) -> list[Path]:
        """Return the folders to open a file in, the best first; those that failed lately come after the others."""
        folders = self._gauge.folders()
        if last:
            folders += [folder for folder in self._folders if folder not in folders]
        now = time.monotonic()
        return sorted(folders, key=lambda folder: self._shunned.get(folder, 0.0) > now)

    def _open(self, folders: Sequence[Path]) -> None:
        cause: Exception | None = None
        for folder in folders:
            try:
                self._open_in(folder)
            except _FAILURES as error:
                cause = error
                self._fail(folder / self.boot / segment_name(self._number), error)
            else:
                return
        self._give_up(cause)

    def _open_in(self, folder: Path) -> SegmentWriter:
        """Open the boot's next file, and only then close those before it. Raises sqlite3.Error, OSError."""
        if folder not in self._locks:
            self._locks[folder] = claim_boot(folder, self.boot, self._node)
            if self._told is None:
                self._told = Heads(folder / self.boot)
        self._number += 1
        header = Header(self._node, self.boot, self._algorithm, self._number, self._clock())
        starts = [head.start() for head in self._heads.values()]
        self._segment = SegmentWriter(folder / self.boot / segment_name(self._number), header, starts)
        self._rotations += self._number > 1
        for segment in self._retired:
            segment.close()
        self._retired.clear()
        # The streams of days gone by are named in this file; no later one needs to.
        self._heads = {name: head for name, head in self._heads.items() if head.key.day >= self._day}
        return self._segment

    def _retire(self) -> None:
        """Stop writing to the open file; it stays open until the next one is durable."""
        if self._segment is not None:
            self._segment.abandon()
            self._retired.append(self._segment)
            self._segment = None

    def _fail(self, path: Path, error: Exception) -> None:
        self._retire()
        self._failures += 1
        self._alarms.append(SpoolAlarm("failure", f"cannot write `{path}`: {error}", {"file": str(path)}))

    def _give_up(self, cause: Exception | None) -> NoReturn:
        self._resting = time.monotonic() + REST_SECONDS
        if cause is None or _is_full(cause):
            self._gauge.is_stuck = True
            self._look(time.monotonic())
            raise SpoolFullError(f"the disks of the spool `{self._folder}` are full; make room") from cause
        raise SpoolError(f"the spool `{self._folder}` cannot be written: {cause}; look at its disk") from cause

    def _tidy(self) -> None:
        """Checkpoint or end the open file when it is time; what was appended is safe already."""
        segment = self._segment
        if segment is None:
            return
        if segment.wants_checkpoint:
            try:
                segment.checkpoint()
            except _FAILURES as error:
                self._fail(segment.path, error)
                return
        if segment.bytes >= self._limits.segment_bytes:
            self._retire()

    def _look(self, now: float) -> None:
        """Look how full the folders are, and do what the level demands."""
        before = self._gauge.level
        folder = self._segment.path.parent.parent if self._segment else self._folder
        self._gauge.look(now, folder, self._segment.take_written() if self._segment else 0)
        if self._gauge.is_stuck and before == SpoolLevel.FULL and self._has_room_again(now):
            self._gauge.relieve()
        ratio = f"{self._gauge.first.ratio:.3f}"
        for level in self._gauge.steps_from(before):
            message = f"the spool `{self._folder}` is at level {level.name}, {ratio} of what it may hold"
            self._alarms.append(SpoolAlarm("level", message, {"from": before.name, "to": level.name, "ratio": ratio}))
            before = level
        self._keep_reserve()
        best = self._candidates()
        if self._segment is not None and best and best[0] != folder:
            self._retire()

    def _has_room_again(self, now: float) -> bool:
        """Return whether a disk that said that it was full would take something, also if nobody writes just now."""
        if now < self._resting or not self._locks or not self._gauge.has_room():
            return False
        return any(gives_room(folder / self.boot, self._limits.room_bytes) for folder in self._locks)

    def _keep_reserve(self) -> None:
        if self._gauge.level < SpoolLevel.FULL and self._locks:
            self._reserve.keep(next(iter(self._locks)) / self.boot)

    def _renew_when_asked(self) -> None:
        """Begin a new boot when the reader asks for one, because it cannot mend a file that is being written."""
        # A file with a failed transaction must first be followed by one of the same boot.
        if self._segment is None or not any((folder / self.boot / RENEW).exists() for folder in self._locks):
            return
        self._let_go()
        self._begin_boot()

    def _begin_boot(self) -> None:
        self.boot = secrets.token_hex(8)
        self._number = self._streams = 0
        self._heads = {}

    def _let_go(self) -> None:
        self._retire()
        for segment in self._retired:
            segment.close()
        self._retired.clear()
        self._reserve.give_up()
        if self._told is not None:
            self._told.close()
            self._told = None
        # INVARIANT: the locks last, so that nobody takes the files for finished while they are closed.
        for fd in self._locks.values():
            os.close(fd)
        self._locks.clear()

    def _tell(self) -> None:
        while self._alarms:
            self._alarm(self._alarms.pop(0))


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
