"""How full a spool's folders and their disks are, looked at now and then."""

from __future__ import annotations

import os
from pathlib import Path

from pdp.snapshot.spool.files import count_bytes
from pdp.snapshot.spool.limits import SpoolLevel, SpoolLimits

LOOK_SECONDS = 0.1
COUNT_SECONDS = 1.0
_SLACK = 0.02
"""How far below its threshold a ratio must fall before the level goes down, so that it does not flutter."""


class Fill:
    """How full one folder is: the worse of its files against `max_bytes` and of its disk."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.bytes = 0
        self.ratio = 0.0
        self._max_bytes = max_bytes
        self._counted = float("-inf")

    def look(self, now: float, written: int) -> None:
        """Look at the disk, and count the files when they were last counted long ago, else add what was written."""
        self.bytes += written
        if now - self._counted >= COUNT_SECONDS:
            self._counted = now
            self.bytes = count_bytes(self.folder)
        self.ratio = max(self.bytes / self._max_bytes, _disk_ratio(self.folder))


class Gauge:
    """The level of a spool. Not for several threads at once."""

    def __init__(self, folder: Path, limits: SpoolLimits) -> None:
        self._limits = limits
        self._thresholds = (
            (SpoolLevel.ALARM, limits.alarm_ratio),
            (SpoolLevel.SHED, limits.shed_ratio),
            (SpoolLevel.SECOND, limits.second_ratio),
        )
        self.first = Fill(folder, limits.max_bytes)
        self.second = Fill(limits.second_folder, limits.max_bytes) if limits.second_folder else None
        self.level = SpoolLevel.NORMAL
        self.is_stuck = False
        """A disk has said that it is full: this stays until something could be written, or there is room again."""
        self._next = float("-inf")

    @property
    def bytes(self) -> int:
        """What all files take."""
        return self.first.bytes + (self.second.bytes if self.second else 0)

    def is_due(self, now: float) -> bool:
        """Whether it is time to look again; `now` is monotonic, in seconds."""
        return now >= self._next

    def look(self, now: float, folder: Path, written: int) -> None:
        """Set the level anew; `written` bytes went to `folder` since the last time."""
        self._next = now + LOOK_SECONDS
        for fill in (self.first, self.second):
            if fill is not None:
                fill.look(now, written if fill.folder == folder else 0)
        self.level = self._level()

    def relieve(self) -> None:
        """Set the level anew, by the numbers alone: what a disk has said holds no more."""
        self.is_stuck = False
        self.level = self._level()

    def steps_from(self, before: SpoolLevel) -> list[SpoolLevel]:
        """Return the levels that led here, in order: also those whose thresholds were passed since the last look.

        A disk that calls itself full before its numbers do has passed none.
        """
        if self.level == before:
            return []
        ratio = self.first.ratio
        between = [level for level, least in self._thresholds if before < level < self.level and ratio >= least]
        return [*between, self.level]

    def has_room(self) -> bool:
        """Return whether a disk that was full has so much room that it is not, as far as it tells."""
        least = self._limits.room_bytes
        return any(_free(fill.folder) > least for fill in (self.first, self.second) if fill is not None)

    def folders(self) -> list[Path]:
        """Return the folders to write to, the best first; none that is full by its numbers."""
        fills = [self.first] if self.second is None else [self.first, self.second]
        if self.first.ratio >= self._limits.second_ratio:
            fills.reverse()
        return [fill.folder for fill in fills if fill.ratio < 1]

    def _level(self) -> SpoolLevel:
        ratio = self.first.ratio
        if self.is_stuck or (ratio >= 1 and (self.second is None or self.second.ratio >= 1)):
            return SpoolLevel.FULL
        # What somebody gave up for last records is not room for others.
        if self.level == SpoolLevel.FULL and not self.has_room():
            return SpoolLevel.FULL
        for level, threshold in reversed(self._thresholds):
            if ratio >= (threshold - _SLACK if self.level >= level else threshold):
                return level
        return SpoolLevel.NORMAL


def _free(folder: Path) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _disk_ratio(folder: Path) -> float:
    try:
        found = os.statvfs(folder)
    except OSError:
        # A folder that is not there yet, or whose disk is broken: writing to it will tell.
        return 0.0
    used = found.f_blocks - found.f_bfree
    return used / (used + found.f_bavail) if used + found.f_bavail else 0.0
