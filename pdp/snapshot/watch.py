"""Follows records as they come into a store, stream by stream.

Records of several nodes arrive out of the order of their times, so a place in time would miss some. A watch remembers
how far it has read in each stream; a stream's count moves in the transaction that adds its records, so nothing is
missed and nothing comes twice, also across a break (`token`).

A resumed watch knows each stream that was open or is not older than a week, one by one. What it would miss is a stream
that a node had begun more than a week before, that first reached the store during the break and ended during it too.
"""

from __future__ import annotations

import heapq
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pdp.errors import RequestError, Violation
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.filter import predicate
from pdp.snapshot.query import Asking
from pdp.snapshot.store.base import Reader, StoredRecord
from pdp.values import NANOS

POLL_SECONDS: Final = 0.5
BEAT_SECONDS: Final = 5.0
_DAYS: Final = 7
_DAY = 86_400 * NANOS
# A chunk of each is in memory.
_ABREAST = 8
_MANY = 1_000

Wait = Callable[[float], bool]
"""Waits some seconds, or less when the watch is to end, and then returns True."""


@dataclass(slots=True)
class Marks:
    """How far a watch has read: the sequence to read next of each stream.

    Streams older than `floor` (days since 1970) that are not among `counts` are done with.
    """

    now: int
    floor: int
    counts: dict[StreamKey, int] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return them as plain data."""
        return {"now": self.now, "floor": self.floor, "counts": [[*key, n] for key, n in self.counts.items()]}

    @classmethod
    def of(cls, data: dict[str, Any]) -> Marks:
        """Return what `data` wrote."""
        counts = {StreamKey(*key): count for *key, count in data["counts"]}
        return cls(data["now"], data["floor"], counts)


def _floor(now: int) -> int:
    return now // _DAY - _DAYS


class Watch:
    """One client's view of what comes in."""

    def __init__(self, reader: Reader, asking: Asking, text: str, resume_token: str) -> None:
        """Begin with what comes from now on, or where a token says.

        Raises FilterError, RequestError for a wrong token, and StoreError.
        """
        self._reader = reader
        self._asking = asking
        self._purpose = f"watch\0{text}"
        if resume_token:
            held = asking.tokens.read(self._purpose, resume_token, "resume_token", _unpack)
            self._marks = Marks.of(held)
            self._matches = predicate(asking.filter(text, self._marks.now))
            return
        now = asking.clock()
        self._matches = predicate(asking.filter(text, now))
        self._marks = Marks(now, _floor(now))
        for state in reader.recent_streams(self._marks.floor):
            self._marks.counts[state.key] = state.count

    def token(self) -> str:
        """Return where to go on."""
        return self._asking.tokens.write(self._purpose, self._marks.data(), zlib.compress)

    def poll(self) -> Iterator[StoredRecord | None]:
        """Yield the records that came in since, about in the order of their times, and None after many that fail.

        Whatever was yielded counts as read. Raises StoreError.
        """
        marks = self._marks.counts
        states = {state.key: state for state in self._reader.recent_streams(self._marks.floor)}
        grown: list[Iterator[StoredRecord]] = []
        for key, state in states.items():
            if state.dropped:
                marks[key] = state.count
            elif state.count > marks.setdefault(key, 0):
                grown.append(self._until(key, marks[key], state.count))
        # Streams that ended since and are old; what they still had is all there now.
        ended = [key for key in marks if key not in states]
        grown += [self._until(key, marks[key], None) for key in ended]
        skipped = 0
        for begin in range(0, len(grown), _ABREAST):
            for record in heapq.merge(*grown[begin : begin + _ABREAST], key=lambda found: found.columns["time"]):
                marks[record.stream] = record.sequence + 1
                skipped += 1
                if self._matches(record.columns):
                    yield record
                elif skipped % _MANY == 0:
                    yield None
        for key in ended:
            del marks[key]
        # INVARIANT: only after the streams below the old floor were read to their ends.
        self._marks.floor = max(self._marks.floor, _floor(self._asking.clock()))

    def _until(self, key: StreamKey, start: int, end: int | None) -> Iterator[StoredRecord]:
        for record in self._reader.records(key, start):
            if end is not None and record.sequence >= end:
                return
            yield record

    def follow(
        self,
        wait: Wait,
        *,
        poll_seconds: float = POLL_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[tuple[StoredRecord | None, str]]:
        """Yield records, each with the token to go on after it, and None as a sign of life: at once and now and then.

        Nothing is read ahead of a slow consumer but a chunk a stream. Ends when `wait` says so. Raises StoreError.
        """
        yield None, self.token()
        beat = clock()
        while not wait(poll_seconds):
            for record in self.poll():
                if record is not None:
                    yield record, self.token()
                    beat = clock()
                elif wait(0):
                    return
                elif clock() - beat >= beat_seconds:
                    yield None, self.token()
                    beat = clock()
            if clock() - beat >= beat_seconds:
                yield None, self.token()
                beat = clock()


def _unpack(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise RequestError(Violation("resume_token", "is damaged; begin again without it")) from error
