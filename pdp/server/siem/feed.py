"""Reads what came into the store of records, stream by stream, and keeps on disk how far that has gone out.

A stream's count moves in the transaction that adds its records, so nothing is missed, whatever the order in which nodes
ship. Marks move only when what they stand for has gone out: what was under way at a crash is told again.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pdp.server import logs
from pdp.server.siem.events import Event, event_of
from pdp.signing import sync_folder
from pdp.snapshot.store.base import Reader, StreamState
from pdp.snapshot.watch import Marks
from pdp.values import NANOS

MANY: Final = 200
"""Events in one batch at most."""
SCANNED: Final = 5_000
"""Records that are looked at for one batch at most."""
_DAY: Final = 86_400 * NANOS
_KEPT_DAYS: Final = 7

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """What came in: `marks` say where to go on once `events` are out; `more` that there is more already."""

    events: list[Event]
    marks: Marks
    more: bool


class Feed:
    """Reads for one output. `nodes` of None are all; `least` is the least severity of decisions that are told."""

    def __init__(
        self,
        path: Path,
        open_reader: Callable[[], Reader],
        *,
        node: str | None,
        least: int,
        from_oldest: bool,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._path = path
        self._open = open_reader
        self._reader: Reader | None = None
        self._node = node
        self._least = least
        self._from_oldest = from_oldest
        self._clock = clock
        self._kept: Marks | None = None

    def begin(self) -> Marks:
        """Return where to go on: where the last life ended, or where the settings have it begin. Raises StoreError and
        OSError.
        """
        try:
            kept = _read(self._path)
        except (ValueError, KeyError, TypeError) as error:
            kept = Marks(self._clock(), self._clock() // _DAY - _KEPT_DAYS)
            logs.event(
                log, logging.ERROR, "siem.marks_damaged", "what was told is not known; telling a week again",
                file=str(self._path), error=type(error).__name__,
            )  # fmt: skip
        if kept is None:
            now = self._clock()
            # Day 0 is before every stream.
            kept = Marks(now, 0 if self._from_oldest else now // _DAY - _KEPT_DAYS)
            if not self._from_oldest:
                kept.counts = {state.key: state.count for state in self._states(kept.floor)}
            self._kept = None
            self.keep(kept)
        self._kept = kept
        return _copy(kept)

    def read(self, at: Marks) -> Batch:
        """Return what came in after some marks. Raises StoreError."""
        states = {state.key: state for state in self._states(at.floor)}
        marks = _copy(at)
        events: list[Event] = []
        room = SCANNED
        # Streams that ended since and are old stand at the end; what they still had is all there now.
        ended = [key for key in marks.counts if key not in states]
        for key in (*states, *ended):
            state = states.get(key)
            start = marks.counts.setdefault(key, 0)
            if state is not None and (state.dropped or state.count <= start):
                marks.counts[key] = max(start, state.count)
                continue
            for record in self._source().records(key, start, bare=True):
                if state is not None and record.sequence >= state.count:
                    break
                if room <= 0 or len(events) >= MANY:
                    return _batch(events, marks, more=True)
                room -= 1
                marks.counts[key] = record.sequence + 1
                event = event_of(key, record.sequence, record.body, self._least)
                if event is not None:
                    events.append(event)
        for key in ended:
            del marks.counts[key]
        # INVARIANT: only after the streams below the old floor were read to their ends.
        marks.floor = max(marks.floor, self._clock() // _DAY - _KEPT_DAYS)
        return _batch(events, marks, more=False)

    def lag(self, at: Marks) -> int:
        """Return how many records came in after some marks, whether or not they are told. Raises StoreError."""
        states = self._states(at.floor)
        return sum(max(s.count - at.counts.get(s.key, 0), 0) for s in states if not s.dropped)

    def keep(self, marks: Marks) -> None:
        """Remember on disk that everything before has gone out. Raises OSError."""
        if self._kept is not None and self._kept.counts == marks.counts and self._kept.floor == marks.floor:
            return
        _write(self._path, json.dumps(marks.data()).encode())
        self._kept = _copy(marks)

    def close(self) -> None:
        """Let go of the store; the next question opens it again."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _states(self, floor: int) -> list[StreamState]:
        return [s for s in self._source().recent_streams(floor) if self._node is None or s.key.node == self._node]

    def _source(self) -> Reader:
        if self._reader is None:
            self._reader = self._open()
        return self._reader


def _batch(events: list[Event], marks: Marks, *, more: bool) -> Batch:
    # About in the order of their times, as a person reads them; each stream keeps its own where the clock stood still.
    return Batch(sorted(events, key=lambda event: event.time_nanos), marks, more)


def _copy(marks: Marks) -> Marks:
    return Marks(marks.now, marks.floor, dict(marks.counts))


def _read(path: Path) -> Marks | None:
    """Return the marks of a file; None without one. Raises ValueError, KeyError or TypeError for a damaged one."""
    try:
        data: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return Marks.of(data)


def _write(path: Path, data: bytes) -> None:
    """Put a whole file in place, durable on return. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
