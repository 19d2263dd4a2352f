"""A log on the client's disk: what was done without the service, numbered without a gap until the service has it.

The form of the files is in docs/guides/client-contract.md, "State folder".
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jingxi_client._files import sync_folder, write_whole
from jingxi_client._frames import HEAD, MAX_PAYLOAD, frame, read_frames, sound_frames

SEGMENT_BYTES = 4 * 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
_REPORTED = "reported"
_DIGITS = 8

Sync = Callable[[int], None]


class SpoolFullError(OSError):
    """The files together have reached their bound."""


@dataclass(slots=True)
class _File:
    """A file of the log: the number of its first entry, its path, how many entries and bytes of it are sound."""

    first: int
    path: Path
    count: int
    size: int

    @property
    def last(self) -> int:
        return self.first + self.count - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with its number; `payload` None for one that is lost."""

    number: int
    payload: bytes | None


class Spool:
    """The log in one folder. Safe to share between threads; only one process may have it open.

    Entries are numbered from 1. `append` returns when its entries are on the disk; callers at the same time share an
    fsync. `damage` tells what was found damaged when the log was opened, and is empty when all was well.
    """

    def __init__(self, folder: Path, *, most: int = MAX_BYTES, segment: int = SEGMENT_BYTES, sync: Sync = os.fsync):
        self._folder = folder
        self._most = most
        self._segment = segment
        self._sync = sync
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._files: list[_File] = []
        self._fd: int | None = None
        self._last = 0
        self._synced = 0  # the last number that is on the disk
        self._failures = 0
        self.damage: list[str] = []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._reported = self._read_reported()
        self._open()

    @property
    def last(self) -> int:
        """The number of the last entry."""
        return self._last

    @property
    def reported(self) -> int:
        """The last number that the service has."""
        return self._reported

    @property
    def waiting(self) -> int:
        """How many entries the service does not have."""
        return self._last - self._reported

    @property
    def filling(self) -> float:
        """How full the files are: 1 for at their bound."""
        return self._size() / self._most

    def _size(self) -> int:
        files = self._files
        return files[0].size if len(files) == 1 else sum([file.size for file in files])

    def append(self, make: Sequence[Callable[[int], bytes]], *, durable: bool = True) -> int:
        """Write entries, each made from its number, and return the last number. Raises OSError, and then none stands.

        Without `durable` the entries are on the disk after the next `sync`.
        """
        with self._lock:
            number = self._write(make)
            failures = self._failures
        if durable:
            self._wait(number, failures)
        return number

    def sync(self) -> None:
        """Return when all entries are on the disk. Raises OSError."""
        with self._lock:
            number, failures = self._last, self._failures
        self._wait(number, failures)

    def pending(self, most: int, most_bytes: int) -> list[Entry]:
        """Return the first entries that the service does not have, at least one when there is any; lost ones too."""
        with self._lock:
            return self._read(self._reported + 1, self._synced, most, most_bytes)

    def mark(self, number: int) -> None:
        """Note that the service has all up to a number, and forget those. Raises OSError.

        The number may lie before the last one noted, when the service lost something: what is gone here is then given
        as lost. It may lie behind all that is here, when something was lost here: numbers go on from there.
        """
        with self._lock:
            if number == self._reported:
                return
            write_whole(self._folder / _REPORTED, str(number).encode())
            self._reported = number
            if number > self._last:
                self._close_file()
                self._last = self._synced = number
            while self._files and self._files[0].last <= number and self._files[0].last <= self._synced:
                done = self._files.pop(0)
                if not self._files:
                    self._close_file()
                with contextlib.suppress(FileNotFoundError):
                    done.path.unlink()

    def close(self) -> None:
        """Close the files; all that `append` returned for is on the disk."""
        with self._syncing, self._lock:
            self._close_file()

    def _write(self, make: Sequence[Callable[[int], bytes]]) -> int:
        first = self._last + 1
        data = [frame(maker(number)) for number, maker in enumerate(make, first)]
        whole = data[0] if len(data) == 1 else b"".join(data)
        size = len(whole)
        if size > MAX_PAYLOAD and any(len(piece) - HEAD > MAX_PAYLOAD for piece in data):
            raise SpoolFullError("an entry is larger than 4 MiB")
        if self._size() + size > self._most:
            raise SpoolFullError(f"the log is full: {self._most} bytes wait for the service")
        file, fd = self._file_for(first)
        try:
            written = os.write(fd, whole)
            while written < size:
                written += os.write(fd, whole[written:])
        except OSError:
            self._cut(file)
            raise
        file.size += size
        file.count += len(data)
        self._last = last = file.first + file.count - 1
        return last

    def _file_for(self, number: int) -> tuple[_File, int]:
        """Return the file to write to, a new one when there is none or it is full."""
        if self._fd is not None and self._files[-1].size < self._segment:
            return self._files[-1], self._fd
        if self._fd is not None:
            self._sync(self._fd)
            self._synced = self._last
        self._close_file()
        path = self._folder / f"{number:0{_DIGITS}}.log"
        # What stands there was never told to anybody: no entry of this number was ever on the disk.
        self._fd = fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            sync_folder(self._folder)
        except OSError:
            self._close_file()
            raise
        file = _File(number, path, 0, 0)
        self._files.append(file)
        return file, fd

    def _wait(self, number: int, failures: int) -> None:
        with self._syncing:
            with self._lock:
                if self._failures != failures:
                    raise OSError("the entry could not be written to the disk")
                if self._synced >= number or self._fd is None:
                    return
                target, fd = self._last, self._fd
            try:
                self._sync(fd)
            except OSError:
                with self._lock:
                    self._forget_unsynced()
                raise
            with self._lock:
                self._synced = max(self._synced, target)

    def _forget_unsynced(self) -> None:
        """Take back what may or may not be on the disk; all who wait for it are told."""
        self._failures += 1
        file = self._files[-1]
        keep = max(0, self._synced - file.first + 1)
        data = file.path.read_bytes() if keep else b""
        frames = list(read_frames(data))[:keep]
        file.count, file.size = len(frames), frames[-1].end if frames else 0
        self._last = self._synced
        self._cut(file)

    def _cut(self, file: _File) -> None:
        """Cut off what stands behind the sound entries of the file that is written; leave it where that fails."""
        if self._fd is not None:
            try:
                os.ftruncate(self._fd, file.size)
                os.lseek(self._fd, file.size, os.SEEK_SET)
            except OSError:
                self._close_file()
        if file.count == 0:
            self._close_file()
            self._files.remove(file)
            with contextlib.suppress(OSError):
                file.path.unlink()

    def _close_file(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _read(self, first: int, last: int, most: int, most_bytes: int) -> list[Entry]:
        found: list[Entry] = []
        size = 0
        files = [file for file in self._files if file.last >= first]
        while first <= last and len(found) < most:
            while files and files[0].last < first:
                files.pop(0)
            if not files or first < files[0].first:
                found.append(Entry(first, None))
                first += 1
                continue
            for payload in _payloads(files[0])[first - files[0].first :]:
                size += len(payload or b"")
                if len(found) == most or first > last or (found and size > most_bytes):
                    return found
                found.append(Entry(first, payload))
                first += 1
        return found

    def _read_reported(self) -> int:
        try:
            return int((self._folder / _REPORTED).read_text("ascii"))
        except FileNotFoundError:
            return 0
        except ValueError:
            self.damage.append(f"`{_REPORTED}` holds no number")
            return 0

    def _open(self) -> None:
        paths = sorted(path for path in self._folder.glob("*.log") if path.stem.isdigit())
        lost = 0
        for path in paths:
            file, lost = self._opened(path, is_last=path is paths[-1])
            if file.last <= self._reported or file.count == 0:
                path.unlink()
            else:
                self._files.append(file)
            self._last = max(self._last, file.last)
        self._last = max(self._last + lost, self._reported)
        self._synced = self._last

    def _opened(self, path: Path, *, is_last: bool) -> tuple[_File, int]:
        """Return a file up to what can be read of it, and how many entries of the last file are lost behind that."""
        data = path.read_bytes()
        count, end = 0, 0
        for found in read_frames(data):
            if found.payload is None:
                break
            count, end = count + 1, found.end
        file = _File(int(path.stem), path, count, end)
        if end == len(data):
            return file, 0
        # A write that was cut off has nothing sound behind it, and nobody was told that it is on the disk.
        behind = sound_frames(data[end + 1 :])
        if behind or not is_last:
            self.damage.append(f"`{path.name}` is damaged after entry {file.last}")
        with path.open("r+b") as stream:
            stream.truncate(end)
            stream.flush()
            self._sync(stream.fileno())
        return file, behind + 1 if behind and is_last else 0


def _payloads(file: _File) -> list[bytes | None]:
    """Return the payloads of a file's entries, None for those that were damaged since it was opened."""
    payloads = [found.payload for found in read_frames(file.path.read_bytes())][: file.count]
    return payloads + [None] * (file.count - len(payloads))
