"""Opens spools as the settings say, and tells what they raise alarms about."""

from __future__ import annotations

import logging
from pathlib import Path

from pdp.server import logs
from pdp.server.settings import Settings
from pdp.snapshot.spool.limits import MIB, SpoolAlarm, SpoolLevel, SpoolLimits
from pdp.snapshot.spool.writer import Spool

# Small enough that what is shipped makes room soon.
_SEGMENTS = 16

log = logging.getLogger(__name__)


def folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders in which spools may stand, the preferred one first."""
    second = settings.audit.second_spool
    first = settings.data_folder / "spool"
    return (first,) if second is None else (first, second)


def limits(settings: Settings, *, reserve: int = MIB) -> SpoolLimits:
    """Return the bounds of a spool. All spools of a server share them, but for the `reserve`, in bytes."""
    most = settings.audit.spool_bytes
    return SpoolLimits(
        segment_bytes=min(64 * MIB, most // _SEGMENTS),
        max_bytes=most,
        second_folder=settings.audit.second_spool,
        reserve_bytes=reserve,
    )


def open_spool(settings: Settings, *, reserve: int = MIB) -> Spool:
    """Begin a spool of this process, with a reserve for operations. Raises SpoolError when no folder can be written."""
    return Spool(
        folders(settings)[0],
        node=settings.node_name,
        algorithm=settings.audit.hash,
        limits=limits(settings, reserve=reserve),
        alarm=tell,
    )


def tell(alarm: SpoolAlarm) -> None:
    """Write an alarm to the log."""
    easing = alarm.kind == "level" and _level(alarm, "to") < _level(alarm, "from")
    level = logging.INFO if easing else logging.ERROR
    logs.event(log, level, f"spool.{alarm.kind}", alarm.message, **alarm.details)


def _level(alarm: SpoolAlarm, key: str) -> SpoolLevel:
    return SpoolLevel[alarm.details[key].upper()]
