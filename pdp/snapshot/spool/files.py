"""The folders and files of a spool: `<folder>/<boot>/NNNNNNNN.db`, a lock beside them, and `<folder>/quarantine/`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

LOCK = "lock"
RESERVE = "reserve"
RENEW = "renew"
QUARANTINE = "quarantine"
SIDES = ("", "-wal", "-shm")
_BOOT = re.compile(r"[0-9a-f]{16}")
_SEGMENT = re.compile(r"([0-9]{8})\.db")


class BootFiles(NamedTuple):
    """The files of one writer: its segments by number, in all folders, and whether it still lives."""

    boot: str
    alive: bool
    segments: tuple[tuple[int, Path], ...]


def segment_name(number: int) -> str:
    """Return the file name of a segment."""
    return f"{number:08d}.db"


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only this account can enter. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Make what a file holds durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_file(path: Path) -> None:
    """Make an empty file that only this account can read. Raises OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def write_file(path: Path, text: str) -> None:
    """Write a whole file that is either there, durable, or not. Raises OSError."""
    spare = path.with_name(f".{path.name}.new")
    spare.unlink(missing_ok=True)
    fd = os.open(spare, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    spare.rename(path)
    sync_folder(path.parent)


def claim_boot(folder: Path, boot: str, node: str) -> int:
    """Make the folder of a boot with its lock held; return the descriptor that holds it. Raises OSError.

    The lock file holds the node's name, for when the files do not give it away any more.

    The folder gets its name only when the lock is held, so nobody ever sees the folder of a living writer unlocked.
    """
    make_folder(folder)
    hidden = folder / f".new-{boot}-{secrets.token_hex(4)}"
    hidden.mkdir(mode=0o700)
    fd = os.open(hidden / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(fd, node.encode())
        os.fsync(fd)
        hidden.rename(folder / boot)
        sync_folder(folder)
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_alive(folder: Path) -> bool:
    """Return whether a writer holds the lock of a boot's folder."""
    try:
        fd = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def list_boots(folders: Sequence[Path]) -> list[BootFiles]:
    """Return every boot below the folders, sorted. Raises OSError."""
    names = {entry.name for folder in folders for entry in _entries(folder) if _BOOT.fullmatch(entry.name)}
    found = []
    for boot in sorted(names):
        # INVARIANT: the lock is looked at before the files. A writer that was gone then has left its last file.
        alive = any(is_alive(folder / boot) for folder in folders)
        found.append(BootFiles(boot, alive, list_segments(folders, boot)))
    return found


def list_segments(folders: Sequence[Path], boot: str) -> tuple[tuple[int, Path], ...]:
    """Return a boot's segments in all folders, by number. Raises OSError."""
    segments = []
    for folder in folders:
        for entry in _entries(folder / boot):
            match = _SEGMENT.fullmatch(entry.name)
            if match:
                segments.append((int(match[1]), folder / boot / entry.name))
    return tuple(sorted(segments))


def remove_segment(path: Path) -> None:
    """Delete a segment's files; the database last, so that what is left of a break is still found. Raises OSError."""
    for side in reversed(SIDES):
        path.with_name(path.name + side).unlink(missing_ok=True)


def remove_boot(folder: Path, boot: str) -> None:
    """Remove the folder of a boot without segments, and what its writer left there. Raises OSError."""
    if not (folder / boot).is_dir():
        return
    # The lock last: as long as there is anything, the folder is one of a writer that is gone.
    for entry in sorted(_entries(folder / boot), key=lambda entry: entry.name == LOCK):
        Path(entry.path).unlink(missing_ok=True)
    (folder / boot).rmdir()
    sync_folder(folder)


def ask_to_renew(folders: Sequence[Path], boot: str) -> None:
    """Leave word for a writer that it should begin a new boot. Raises OSError."""
    for folder in folders:
        if (folder / boot).is_dir():
            with contextlib.suppress(FileExistsError):
                make_file(folder / boot / RENEW)


def read_node(folders: Sequence[Path], boot: str) -> str:
    """Return the node's name as the writer left it in its lock file; empty when it did not."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            text = (folder / boot / LOCK).read_text("utf-8", "replace")
            if text:
                return text
    return ""


def count_bytes(folder: Path) -> int:
    """Return how many bytes the files below a folder take on the disk."""
    total = 0
    for entry in _entries(folder):
        # Files come and go under the hands of other processes.
        with contextlib.suppress(FileNotFoundError):
            if entry.is_dir(follow_symlinks=False):
                total += count_bytes(Path(entry.path))
            else:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def count_quarantined(folders: Sequence[Path]) -> int:
    """Return how many segments lie in quarantine."""
    return sum(1 for folder in folders for entry in _entries(folder / QUARANTINE) if entry.is_dir())


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
