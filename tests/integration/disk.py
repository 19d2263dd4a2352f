"""A disk of which a power cut leaves what was synchronised and any part of what was not, rebuilt from a log.

The rules are those of POSIX and harsher than most file systems: synchronising a file says nothing about its name, and
of writes that were not synchronised any sectors may be there, in any combination. The names in a folder change in the
order in which they were changed.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

SECTOR = 512


class Step(NamedTuple):
    """An entry of the log that `disklog.c` writes."""

    operation: str
    offset: int
    path: PurePath
    data: bytes


@dataclass(eq=False)
class File:
    synced: bytes = b""
    pending: list[tuple[str, int, bytes]] = field(default_factory=list)

    def now(self) -> bytes:
        content = bytearray(self.synced)
        for change in self.pending:
            _apply(content, *change)
        return bytes(content)

    def after_cut(self, randomness: random.Random) -> bytes:
        content = bytearray(self.synced)
        share = randomness.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for operation, offset, data in self.pending:
            if operation == "t":
                if randomness.random() < share:
                    _apply(content, operation, offset, data)
                continue
            start = 0
            while start < len(data):
                end = min(len(data), (offset + start) // SECTOR * SECTOR + SECTOR - offset)
                if randomness.random() < share:
                    _apply(content, "w", offset + start, data[start:end])
                start = end
        return bytes(content)


@dataclass(eq=False)
class Folder:
    synced: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[tuple[str, File | Folder | None]] = field(default_factory=list)

    def now(self) -> dict[str, File | Folder]:
        return self._after(len(self.pending))

    def after_cut(self, randomness: random.Random) -> dict[str, File | Folder]:
        return self._after(randomness.randint(0, len(self.pending)))

    def _after(self, count: int) -> dict[str, File | Folder]:
        names = dict(self.synced)
        for name, node in self.pending[:count]:
            if node is None:
                names.pop(name, None)
            else:
                names[name] = node
        return names


class Disk:
    """What is on the disk below a folder that was there and empty before."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = Folder()

    def play(self, step: Step) -> None:
        folder, name = self._folder(step.path.parent), step.path.name
        node = folder.now().get(name) if folder is not None else None
        if step.path == self._root:
            node = self._top
        match step.operation:
            case "c" | "m" if node is None:
                folder.pending.append((name, File() if step.operation == "c" else Folder()))
            case "w" | "t":
                assert isinstance(node, File), step
                node.pending.append((step.operation, step.offset, step.data))
            case "s" if isinstance(node, File):
                node.synced, node.pending = node.now(), []
            case "s" if isinstance(node, Folder):
                node.synced, node.pending = node.now(), []
            case "u" | "d":
                folder.pending.append((name, None))
            case "r":
                target = PurePath(step.data.decode())
                other = self._folder(target.parent)
                if other is folder:
                    # One change of the folder, which is whole or not at all.
                    names = folder.now()
                    names[target.name] = names.pop(name)
                    folder.synced, folder.pending = self._rename(folder, name, target.name)
                else:
                    other.pending.append((target.name, node))
                    folder.pending.append((name, None))

    def cut(self, target: Path, randomness: random.Random) -> None:
        """Write what is left to an empty folder."""
        _write(self._top, target, randomness)

    def _rename(self, folder: Folder, name: str, new: str) -> tuple[dict[str, File | Folder], list]:
        node = folder.now()[name]
        return folder.synced, [*folder.pending, (new, node), (name, None)]

    def _folder(self, path: PurePath) -> Folder | None:
        if not path.is_relative_to(self._root):
            return None
        found: Folder = self._top
        for part in path.relative_to(self._root).parts:
            inner = found.now()[part]
            assert isinstance(inner, Folder)
            found = inner
        return found


def read_log(path: Path) -> Iterator[Step]:
    """Yield the entries; a last one that was cut short is left out."""
    data = path.read_bytes()
    at = 0
    while at + 25 <= len(data):
        offset, name_size, size = struct.unpack_from("<qqq", data, at + 1)
        start = at + 25
        end = start + name_size + size
        if end > len(data):
            return
        name = data[start : start + name_size].decode()
        yield Step(chr(data[at]), offset, PurePath(name), data[start + name_size : end])
        at = end


def _apply(content: bytearray, operation: str, offset: int, data: bytes) -> None:
    if operation == "t":
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _write(folder: Folder, target: Path, randomness: random.Random) -> None:
    target.mkdir(exist_ok=True)
    for name, node in folder.after_cut(randomness).items():
        if isinstance(node, Folder):
            _write(node, target / name, randomness)
        elif not name.endswith("-shm"):
            (target / name).write_bytes(node.after_cut(randomness))
