"""The record of what stands wrong with records and disks: its coming and its going, so that whoever follows operations
hears of it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pdp.server.facts import ShipperFacts, Snapshot
from pdp.snapshot.spool.limits import SpoolLevel

DISK: Final = "alarm.disk"
RAISED: Final = "alarm.raised"
OVER: Final = "alarm.over"
_MAX_WORDS: Final = 500

Note = Callable[[str, Mapping[str, str], bool], None]
"""Records an operation: kind, details, success."""


class AlarmRecords:
    """`look` is called now and then with what workers and the shipper told last."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._level = SpoolLevel.NORMAL
        self._standing: frozenset[str] = frozenset()

    def look(self, snapshots: Sequence[Snapshot], shipper: ShipperFacts | None) -> None:
        """Record what has changed since the last look. Of a child that tells nothing, nothing has."""
        spools = [told["audit"] for told in snapshots if "audit" in told]
        levels = [SpoolLevel[spool.get("level", SpoolLevel.NORMAL.name)] for spool in spools]
        if levels and (level := max(levels)) != self._level:
            before, self._level = self._level, level
            self._note(DISK, {"from": before.name.lower(), "to": level.name.lower()}, level < before)
        told = None if shipper is None else shipper.get("shipping")
        if told is None:
            return
        standing = told["alarms"]
        for name in sorted(standing.keys() - self._standing):
            self._note(RAISED, {"alarm": name, "reason": standing[name][:_MAX_WORDS]}, False)
        for name in sorted(self._standing - standing.keys()):
            self._note(OVER, {"alarm": name}, True)
        self._standing = frozenset(standing)
