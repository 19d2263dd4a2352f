"""A file of JSON lines for an agent that reads files: whole lines alone, flushed to disk, rotated by size.

`events.jsonl` is followed by `events.jsonl.1` (the newest) to `events.jsonl.N`. A file is renamed and never copied, so
an agent that follows it by inode misses nothing; the line that a crash cut short is taken back and written again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from pdp.errors import SiemError
from pdp.server.siem.events import Event
from pdp.server.siem.lines import line
from pdp.signing import sync_folder

_CHUNK = 64 * 1024
# Agents run as other users: their group may read.
_MODE = 0o640


class LinesFile:
    """See `output.Output`. `max_bytes` is for one file, `kept` how many full ones stay."""

    hold_seconds = 0.0

    def __init__(self, path: Path, *, max_bytes: int, kept: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._handle = -1
        self._size = 0

    def look(self) -> None:
        """See `output.Output`."""
        try:
            if self._handle >= 0 and not self._is_ours():
                # Somebody has moved it; what is written from now on belongs to a new one.
                self.close()
            if self._handle < 0:
                self._open()
        except OSError as error:
            raise self._failed(error) from error

    def write(self, events: Sequence[Event]) -> None:
        """See `output.Output`."""
        try:
            for event in events:
                data = line(event)
                if self._size and self._size + len(data) > self._max_bytes:
                    self._rotate()
                self._append(data)
            os.fsync(self._handle)
        except OSError as error:
            raise self._failed(error) from error

    def has_arrived(self) -> bool:
        """See `output.Output`."""
        return self._handle >= 0

    def close(self) -> None:
        """See `output.Output`."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _open(self) -> None:
        # A link would let whoever may write the folder have us write anywhere.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags, _MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_size == 0:
                # Whatever the process's mask says.
                os.fchmod(handle, _MODE)
                sync_folder(self._path.parent)
            self._size = _cut_tail(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def _is_ours(self) -> bool:
        try:
            named = self._path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        held = os.fstat(self._handle)
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def _append(self, data: bytes) -> None:
        begun = self._size
        try:
            while data:
                written = os.write(self._handle, data)
                self._size += written
                data = data[written:]
        except OSError:
            # Half a line would spoil the next one.
            os.ftruncate(self._handle, begun)
            self._size = begun
            raise

    def _rotate(self) -> None:
        os.fsync(self._handle)
        self.close()
        numbers = 1
        # Up to the first gap, which a crash may have left; only beyond `kept` something goes.
        while numbers <= self._kept and self._numbered(numbers).exists():
            numbers += 1
        for number in range(min(numbers, self._kept), 1, -1):
            self._numbered(number - 1).replace(self._numbered(number))
        self._path.replace(self._numbered(1))
        sync_folder(self._path.parent)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _failed(self, error: OSError) -> SiemError:
        self.close()
        words = "another process writes it" if isinstance(error, BlockingIOError) else error.strerror or str(error)
        return SiemError(f"`{self._path}`: {words.lower()}")


def _cut_tail(handle: int) -> int:
    """Take away what stands behind the last whole line, and return the size that is left."""
    size = end = os.fstat(handle).st_size
    while end:
        begin = max(end - _CHUNK, 0)
        at = os.pread(handle, end - begin, begin).rfind(b"\n")
        if at >= 0:
            end = begin + at + 1
            break
        end = begin
    if end < size:
        os.ftruncate(handle, end)
    return end
