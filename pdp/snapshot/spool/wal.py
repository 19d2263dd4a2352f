"""What stands in a file's write-ahead log behind the place where SQLite stops reading it.

SQLite takes the first frame whose checksum is wrong for the end of the log, as after a power cut, and says nothing. A
transaction that was cut off is the last one; frames behind a later commit were written when that commit was safe, so
there the log is damaged and records that count are hidden. Format: https://www.sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import itertools
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pdp.snapshot.spool.segment import PAGE_BYTES

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682
_VERSION = 3007000
_MASK = 0xFFFFFFFF
_Sum = tuple[int, int]


class Frame(NamedTuple):
    """A page image: `commit` is the database's size in pages where a transaction ends, `at` the image's first byte.

    `is_own` says whether the frame has the log's salts, `is_sound` also that its checksum fits the one before.
    """

    page: int
    commit: int
    at: int
    is_own: bool
    is_sound: bool


class Log(NamedTuple):
    """A log's frames up to the last that has its salts; SQLite reads the first `valid` ones."""

    is_headed: bool
    frames: list[Frame]
    valid: int

    @property
    def is_whole(self) -> bool:
        """Whether SQLite reads all of it."""
        return self.is_headed and self.valid == len(self.frames)


class Replay(NamedTuple):
    """A way to read a log: its first `frames`, with or without those whose checksums are wrong."""

    frames: int
    keeps_bad: bool


def log_of(path: Path) -> Path:
    """Return where the log of a database lies."""
    return path.with_name(f"{path.name}-wal")


def read_log(path: Path) -> Log:
    """Read the log of a database; one without frames where there is none. Raises OSError."""
    try:
        with log_of(path).open("rb") as file:
            head = file.read(_HEADER.size)
            images = _images(file)
            if len(head) < _HEADER.size:
                return Log(True, [], 0)
            return _read(head, images)
    except FileNotFoundError:
        return Log(True, [], 0)


def find_break(path: Path) -> str | None:
    """Return what is wrong with the log of a database that nobody writes to any more, or None.

    A last transaction that was cut off, for whose end nobody waits, is nothing wrong. Raises OSError.
    """
    log = read_log(path)
    if log.is_whole:
        return None
    name = log_of(path).name
    if not log.is_headed:
        return f"the head of `{name}` is damaged, so SQLite reads none of its {len(log.frames)} pages"
    behind = log.frames[log.valid :]
    # A number of pages that cannot be is not the end of a transaction.
    bound = path.stat().st_size // PAGE_BYTES + len(log.frames) if path.exists() else _MASK
    ends = [place for place, frame in enumerate(behind) if frame.is_own and 0 < frame.commit <= bound]
    if not ends or ends[0] == len(behind) - 1:
        return None
    bad = next((frame for frame in behind if not frame.is_sound), behind[0])
    return (
        f"`{name}` is damaged in the page at byte {bad.at - _FRAME.size}, so SQLite reads {log.valid} of its "
        f"{len(log.frames)} pages"
    )


def ways(log: Log) -> list[Replay]:
    """Return how else than SQLite one may read a log, with the database alone as the first way."""
    ends = {len(log.frames)}
    ends |= {next((at for at in range(len(log.frames), 0, -1) if log.frames[at - 1].commit), 0)}
    return [Replay(0, False)] + [
        Replay(count, keeps_bad)
        for count, keeps_bad in itertools.product(sorted(ends, reverse=True), (False, True))
        if count and not log.is_whole
    ]


def replay(path: Path, copy: Path, log: Log, way: Replay) -> None:
    """Make a copy of a database into which its log is copied as far as `way` says. Raises OSError."""
    shutil.copyfile(path, copy)
    bound = copy.stat().st_size // PAGE_BYTES + len(log.frames)
    with copy.open("r+b") as target:
        if way.frames:
            with log_of(path).open("rb") as source:
                for frame in log.frames[: way.frames]:
                    if (frame.is_sound or way.keeps_bad) and 0 < frame.page <= bound:
                        source.seek(frame.at)
                        target.seek((frame.page - 1) * PAGE_BYTES)
                        target.write(source.read(PAGE_BYTES))
        pages = -(-target.seek(0, 2) // PAGE_BYTES)
        target.truncate(pages * PAGE_BYTES)
        # The size that the first page tells counts only when these two agree; it may be of an earlier transaction.
        target.seek(24)
        change = target.read(4)
        target.write(pages.to_bytes(4, "big"))
        target.seek(92)
        target.write(change)


def _images(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while True:
        head, image = file.read(_FRAME.size), file.read(PAGE_BYTES)
        if len(image) < PAGE_BYTES:
            return
        yield head, image


def _read(header: bytes, images: Iterable[tuple[bytes, bytes]]) -> Log:
    magic, version, page_bytes, _, first, second, *total = _HEADER.unpack(header)
    order = ">" if magic & 1 else "<"
    before = (total[0], total[1])
    is_headed = (magic & ~1, version, page_bytes) == (_MAGIC, _VERSION, PAGE_BYTES)
    is_headed = is_headed and _sum(header[:24], (0, 0), order) == before
    salts = (first, second)
    if not is_headed:
        images = iter(images)
        begin = list(itertools.islice(images, 3))
        images = itertools.chain(begin, images)
        seen = Counter(found for head, _ in begin if any(found := _FRAME.unpack(head)[2:4]))
        # The log begins with its newest frames.
        salts = seen.most_common(1)[0][0] if seen else salts
        order = ">" if sys.byteorder == "big" else "<"
    frames: list[Frame] = []
    own = valid = 0
    is_unbroken = is_headed
    at = _HEADER.size
    for head, image in images:
        page, commit, first, second, *total = _FRAME.unpack(head)
        is_own = (first, second) == salts
        is_sound = is_own and page > 0 and _sum(head[:8] + image, before, order) == tuple(total)
        before = (total[0], total[1])
        frames.append(Frame(page, commit, at + _FRAME.size, is_own, is_sound))
        at += _FRAME.size + PAGE_BYTES
        is_unbroken = is_unbroken and is_sound
        if is_own:
            own = len(frames)
        if is_unbroken and commit:
            valid = own
    return Log(is_headed or not own, frames[:own], valid)


def _sum(data: bytes, seed: _Sum, order: str) -> _Sum:
    one, two = seed
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for word, other in zip(words, words, strict=True):
        one = (one + word + two) & _MASK
        two = (two + other + one) & _MASK
    return one, two
