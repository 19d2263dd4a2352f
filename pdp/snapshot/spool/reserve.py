"""Room that is kept free for the last words of a spool that is full."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pdp.snapshot.spool.files import RESERVE


class Reserve:
    """A file that only takes up room until something is drawn; then half its size may be.

    The other half is for the pages of a new file.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._path: Path | None = None
        self._left = 0

    def keep(self, folder: Path) -> bool:
        """Make the file in a folder unless there is one, or no room for it; return whether it is there."""
        if self._path is not None or not self._size:
            return self._path is not None
        path = folder / RESERVE
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size)
                self._path = path
                self._left = 0
            except OSError:
                path.unlink()
            finally:
                os.close(fd)
        return self._path is not None

    def give_up(self) -> None:
        """Remove the file."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None
            self._left = self._size // 2

    def draw(self, size: int) -> bool:
        """Give the room up, and return whether this many bytes more may be written into it."""
        self.give_up()
        if size > self._left:
            return False
        self._left -= size
        return True


def gives_room(folder: Path, size: int) -> bool:
    """Return whether a new file of this size finds room in a folder: behind a disk's numbers a quota may stand."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        return False
    return True
