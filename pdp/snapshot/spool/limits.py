"""How much a spool may hold, what it says of itself, and what it raises alarms about."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """Bounds of a spool; ratios are of `max_bytes` and of the disk's fill level, whichever is worse.

    `segment_bytes`: a file that has grown beyond this is followed by a new one.
    `max_bytes`: all files below a folder, of all processes that write there.
    `second_folder`: where to write from `second_ratio` on, or after errors in the first folder.
    `reserve_bytes`: kept free by a file of this size, which is given up for last records when there is no other room.
    `room_bytes`: a disk that was full counts as full until it has more room than this. It must be more than what all
    spools of the disk give up, or else what was kept for last records would be anybody's.
    """

    segment_bytes: int = 64 * MIB
    max_bytes: int = 4096 * MIB
    alarm_ratio: float = 0.70
    shed_ratio: float = 0.85
    second_ratio: float = 0.95
    second_folder: Path | None = None
    reserve_bytes: int = MIB
    room_bytes: int = 4 * MIB

    def __post_init__(self) -> None:
        if not 0 < self.alarm_ratio <= self.shed_ratio <= self.second_ratio <= 1:
            raise ValueError("`alarm_ratio`, `shed_ratio` and `second_ratio` must rise and lie between 0 and 1")
        if min(self.segment_bytes, self.max_bytes) <= 0 or self.reserve_bytes < 0:
            raise ValueError("`segment_bytes` and `max_bytes` must be positive and `reserve_bytes` not negative")
        if self.room_bytes < self.reserve_bytes:
            raise ValueError("`room_bytes` must not be less than `reserve_bytes`")


class SpoolLevel(enum.IntEnum):
    """How full a spool is: from SHED on records that nobody waits for may be left out, at FULL nothing is taken."""

    NORMAL = 0
    ALARM = 1
    SHED = 2
    SECOND = 3
    FULL = 4


@dataclass(frozen=True, slots=True)
class SpoolAlarm:
    """What an operator should know. `kind` is one of

    `level` (`details`: from, to, ratio), `failure` (a file could not be written), `damaged` (records were lost or had
    to be moved: file, stream, sequence, saved, missing), `waiting` (a damaged file that is still being written).
    """

    kind: str
    message: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """Numbers of one writer since its start; `bytes` is what all files below its folders take, as last counted."""

    boot: str
    level: SpoolLevel
    records: int
    appends: int
    bytes: int
    ratio: float
    rotations: int
    failures: int
    quarantined: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is still to be shipped: `oldest_nanos` is the oldest record's time in nanoseconds since 1970, or None."""

    records: int
    bytes: int
    oldest_nanos: int | None
