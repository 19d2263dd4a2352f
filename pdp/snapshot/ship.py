"""Carries records from the spools of a node into the store, each exactly once and in the order of its chain.

The store's own watermarks say where to go on: they are read at the start and again after every error, so nothing has to
be remembered here. A record leaves the spool only when the store has it. What does not fit its chain is never shipped
and never deleted: its stream stays in the spool, with an alarm, while all others go on.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from pdp.errors import EvidenceError, SpoolError, StoreError, WatermarkError
from pdp.snapshot.chain import SpooledRecord, StreamKey, genesis, hasher
from pdp.snapshot.evidence import merkle
from pdp.snapshot.lanes import Lanes
from pdp.snapshot.spool import Backlog
from pdp.snapshot.store.base import StreamState, Writer
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

Alarm = Callable[[str, str], None]
"""Takes a stable dotted event (`ship.store_away`, `ship.store_back`, `ship.stream_blocked`, …) and a sentence."""

BATCH: Final = 4_000
"""Records in one transaction."""
# A transaction writes whole pages, many of them for the indexes: few large ones are cheaper than many small ones.
_ROUND: Final = 16
"""Batches that are shipped together before other work has its turn."""
_ALONE_NANOS: Final = 60 * NANOS
"""How long one connection is enough after batches could not be shipped together."""
_POLL_SECONDS = 0.5
_PAUSE_SECONDS = 0.002
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 60.0
_REMIND_NANOS = 3_600 * NANOS
_HOUSEKEEPING_NANOS = 1 * NANOS
_EVERYTHING = 2**62


class Source(Protocol):
    """What is read from; see `spool.SpoolReader`."""

    def read(self, positions: Mapping[StreamKey, int], limit: int, *, ahead: bool = False) -> list[SpooledRecord]:
        """Return records from the positions on, be it ahead of the store. Raises SpoolError."""

    def release(self, positions: Mapping[StreamKey, int]) -> int:
        """Delete what is shipped. Raises OSError."""

    def finished(
        self, known: Iterable[StreamKey] = (), shipped: Mapping[StreamKey, int] | None = None
    ) -> set[StreamKey]:
        """Return the streams that will not grow any more and are shipped."""

    def backlog(self) -> Backlog:
        """Return what is not released yet."""


class Ticker(Protocol):
    """What signs checkpoints; see `checkpoint.Checkpointer`."""

    def tick(self, states: Iterable[StreamState]) -> snapshot_pb2.SignedCheckpoint | None:
        """Sign a checkpoint when there is something new. Raises StoreError and EvidenceError."""


class ShipReport(NamedTuple):
    """What one round did; `more` says that there may be more to ship at once."""

    records: int
    closed: int
    released: int
    checkpoint: bool
    more: bool


@dataclass(frozen=True, slots=True)
class ShipStats:
    """How it stands. The lag is what the spools hold and the store does not; `error` is empty while all is well."""

    shipped: int
    lag_records: int
    lag_bytes: int
    lag_seconds: float
    blocked: int
    error: str


class _Trouble:
    """Something that fails: an alarm when it begins, one an hour while it lasts, one when it is over."""

    def __init__(self, event: str, over: str, alarm: Alarm, clock: Callable[[], int]) -> None:
        self._event, self._over, self._alarm, self._clock = event, over, alarm, clock
        self._said_at: int | None = None
        self.failures = 0
        self.error = ""

    def met(self, error: Exception) -> None:
        self.failures += 1
        self.error = str(error)
        now = self._clock()
        if self._said_at is None or now - self._said_at >= _REMIND_NANOS:
            self._said_at = now
            self._alarm(f"{self._event}_away", self.error)

    def passed(self) -> None:
        if self._said_at is not None:
            self._alarm(f"{self._event}_back", self._over)
        self._said_at, self.failures, self.error = None, 0, ""


class Shipper:
    """Ships one node's spools; its methods but `stats` are called by one thread.

    `open_checkpointer` makes what signs checkpoints, as soon as the store is there; it may raise as `tick` does.
    `algorithm` is that of the node's chains. `clock` is monotonic, in nanoseconds.
    """

    def __init__(
        self,
        reader: Source,
        open_writer: Callable[[], Writer],
        node: str,
        open_checkpointer: Callable[[Writer], Ticker] | None,
        *,
        algorithm: str = "sha256",
        alarm: Alarm,
        batch: int = BATCH,
        checkpoint_seconds: float = 10.0,
        clock: Callable[[], int] = time.monotonic_ns,
        wall_clock: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
    ) -> None:
        self._reader, self._node, self._alarm, self._batch = reader, node, alarm, batch
        self._algorithm, self._new = algorithm, hasher(algorithm)
        self._open_writer, self._open_checkpointer = open_writer, open_checkpointer
        self._interval = round(checkpoint_seconds * NANOS)
        self._clock, self._wall_clock = clock, wall_clock
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries
        self._writer: Writer | None = None
        # Only while there is so much to ship that two connections have something to do.
        self._second: Writer | None = None
        self._alone_until = clock()
        self._checkpointer: Ticker | None = None
        # Streams that the store has open, or closed without a checkpoint; None before they are read.
        self._states: dict[StreamKey, StreamState] | None = None
        self._ended: dict[StreamKey, int] = {}
        self._blocked: dict[StreamKey, int] = {}
        self._told: set[StreamKey] = set()
        self._next_checkpoint = self._next_housekeeping = clock()
        self._store = _Trouble("ship.store", "the store takes records again", alarm, clock)
        self._spool = _Trouble("ship.spool", "the spool can be read again", alarm, clock)
        self._evidence = _Trouble("ship.checkpoints", "checkpoints are signed again", alarm, clock)
        self._shipped = 0

    def run(self, stop: threading.Event) -> None:
        """Ship until `stop` is set; then ship what is there, sign it and return."""
        while not stop.is_set():
            stop.wait(self.step())
        self.finish()

    def step(self) -> float:
        """Do one round and return how many seconds to wait before the next. Raises nothing that waiting can mend."""
        try:
            report = self.run_once()
        except StoreError as error:
            self._states = None
            self._store.met(error)
            return self._wait(self._store.failures)
        except (SpoolError, OSError) as error:
            self._spool.met(error)
            return self._wait(self._spool.failures)
        self._store.passed()
        self._spool.passed()
        return _PAUSE_SECONDS if report.more else _POLL_SECONDS

    def finish(self) -> None:
        """Ship and sign what is there, if the store is, leave none of it in the spool, and let go of the store."""
        try:
            while self.run_once().more:
                pass
            self._tidy()
            # What was refused a moment ago is not asked, and told of, again.
            if not self._evidence.failures or self._clock() >= self._next_checkpoint:
                self._tick()
        except (StoreError, SpoolError, OSError) as error:
            self._store.met(error)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the store."""
        self._close_second()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._checkpointer = self._states = None

    def run_once(self) -> ShipReport:
        """Ship a batch, or several together where there is much, and now and then close streams, sign and release.

        Raises StoreError, SpoolError and OSError; calling it again goes on where the store is.
        """
        before = self._shipped
        records = self._read()
        if len(records) >= self._batch and self._opened().takes_together and self._clock() >= self._alone_until:
            records = self._ship_together(records)
        fresh, after = self._check(records)
        if fresh:
            self._opened().take(fresh, after)
            self._advance(after)
            self._count(len(fresh))
        more = len(records) >= self._batch
        closed = released = 0
        now = self._clock()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + _HOUSEKEEPING_NANOS
            closed, released = self._tidy()
        is_signed = False
        if (now := self._clock()) >= self._next_checkpoint:
            self._next_checkpoint = now + self._interval
            is_signed = self._tick()
        return ShipReport(self._shipped - before, closed, released, is_signed, more)

    def stats(self) -> ShipStats:
        """Return how it stands. Raises SpoolError."""
        backlog = self._reader.backlog()
        since = 0.0 if backlog.oldest_nanos is None else (self._wall_clock() - backlog.oldest_nanos) / NANOS
        error = self._store.error or self._spool.error or self._evidence.error
        return ShipStats(self._shipped, backlog.records, backlog.bytes, max(since, 0.0), len(self._blocked), error)

    def _read(self, *, ahead: bool = False) -> list[SpooledRecord]:
        return self._reader.read(self._positions(everything_of_blocked=True), self._batch, ahead=ahead)

    def _advance(self, after: Sequence[StreamState]) -> None:
        """Go on from these states."""
        states = self._load()
        states |= {state.key: state for state in after}

    def _count(self, records: int) -> None:
        """Count records that are in the store."""
        if not self._shipped:
            # The first records of a node should not lie unsigned for long: nobody could verify them.
            self._next_checkpoint = self._clock()
        self._shipped += records

    def _ship_together(self, records: list[SpooledRecord]) -> list[SpooledRecord]:
        """Ship these and the full batches after them, two at a time; return what is to be shipped next, alone.

        They are read and checked while the store takes those before. What it says against one is not raised: it will
        say so again when that comes alone, unless the second connection was the reason.
        """
        if self._second is None:
            self._second = self._open_writer()
        lanes = Lanes([self._opened(), self._second])
        try:
            for _ in range(_ROUND):
                fresh, after = self._check(records)
                while lanes.are_busy_for(after):
                    self._count(lanes.wait())
                if fresh:
                    lanes.begin(fresh, after)
                    # Not so yet. INVARIANT: once this method is left it is, or the states are read again.
                    self._advance(after)
                records = self._read(ahead=True)
                # However slow the store is, what it has does not lie unsigned for longer than it should.
                if len(records) < self._batch or self._clock() >= self._next_checkpoint:
                    break
            while lanes.are_busy:
                self._count(lanes.wait())
        except BaseException as error:
            self._count(lanes.end())
            self._states = None
            self._close_second()
            if not isinstance(error, StoreError):
                raise
            self._alone_until = self._clock() + _ALONE_NANOS
            return self._read()
        if len(records) < self._batch:
            self._close_second()
        return records

    def _close_second(self) -> None:
        second, self._second = self._second, None
        if second is not None:
            second.close()

    def _opened(self) -> Writer:
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer

    def _load(self) -> dict[StreamKey, StreamState]:
        if self._states is None:
            # Of the store nothing is taken for granted: what was wrong may have been mended.
            self._ended.clear()
            self._blocked.clear()
            self._states = dict(self._opened().states(self._node))
        return self._states

    def _positions(self, *, everything_of_blocked: bool) -> dict[StreamKey, int]:
        positions = {key: state.count for key, state in self._load().items()}
        positions |= self._ended
        positions |= dict.fromkeys(self._blocked, _EVERYTHING) if everything_of_blocked else self._blocked
        return positions

    def _check(self, records: Sequence[SpooledRecord]) -> tuple[list[SpooledRecord], list[StreamState]]:
        """Return the records that continue their chains in the store, and the states after them."""
        by_stream: dict[StreamKey, list[SpooledRecord]] = {}
        for record in records:
            found = by_stream.get(record.stream)
            if found is None:
                found = by_stream[record.stream] = []
            found.append(record)
        fresh: list[SpooledRecord] = []
        after: list[StreamState] = []
        for key, sent in by_stream.items():
            state = self._state(key)
            new = sent if sent[0].sequence >= state.count else [one for one in sent if one.sequence >= state.count]
            if state.closed or state.dropped:
                if new:
                    self._block(state, f"has more records in the spool than the {state.count} with which it was closed")
                else:
                    self._ended[key] = state.count
                continue
            good = self._continuing(state, new)
            if good:
                tree = merkle.extend(state.tree, [record.chain for record in good], self._new)
                after.append(StreamState(key, state.count + len(good), good[-1].chain, tree))
                fresh += good
        return fresh, after

    def _continuing(self, state: StreamState, records: list[SpooledRecord]) -> list[SpooledRecord]:
        """Return the records up to the first that does not fit, which blocks the stream."""
        chain, sequence, new = state.chain, state.count, self._new
        for index, record in enumerate(records):
            _, number, body, digest = record
            if number != sequence:
                self._block(
                    state,
                    f"goes on at {number} in the spool, but the store has only {sequence} records of it: "
                    "the store was put back or changed, or files of the spool are gone",
                    sequence,
                )
                return records[:index]
            # As `chain.link` does it, without the call.
            if new(chain + sequence.to_bytes(8, "big") + body).digest() != digest:
                self._block(state, f"does not fit its chain at record {sequence}", sequence)
                return records[:index]
            chain = digest
            sequence += 1
        return records

    def _state(self, key: StreamKey) -> StreamState:
        """Return a stream's state in the store: also of one that is closed, and of one that is not there yet."""
        state = self._load().get(key)
        if state is None:
            state = self._opened().state(key)
        if state is None:
            state = StreamState(key, 0, genesis(key, self._algorithm), merkle.EMPTY)
        return state

    def _block(self, state: StreamState, words: str, at: int | None = None) -> None:
        key = state.key
        if key not in self._told:
            self._told.add(key)
            self._alarm(
                "ship.stream_blocked",
                f"stream `{'/'.join(map(str, key))}` {words}; it stays in the spool, and others go on",
            )
        self._blocked[key] = state.count if at is None else at

    def _tidy(self) -> tuple[int, int]:
        """Close the streams that have ended and delete the files that are shipped; return how many of each."""
        # Before the files go: what is finished must be known while they tell of it.
        closed = self._close_finished()
        return closed, self._reader.release(self._positions(everything_of_blocked=False))

    def _close_finished(self) -> int:
        states = self._load()
        known = [key for key, state in states.items() if not state.closed and key not in self._blocked]
        finished = self._reader.finished(known, self._positions(everything_of_blocked=False))
        closed = [
            StreamState(key, states[key].count, states[key].chain, states[key].tree, closed=True)
            for key in known
            if key in finished
        ]
        if closed:
            self._opened().take([], closed)
            states |= {state.key: state for state in closed}
            # What ends a stream should not have to wait.
            self._next_checkpoint = self._clock()
        return len(closed)

    def _tick(self) -> bool:
        """Have a checkpoint signed; a store that does not fit the ones before keeps nobody from shipping."""
        if self._open_checkpointer is None:
            return False
        states = self._load()
        try:
            if self._checkpointer is None:
                self._checkpointer = self._open_checkpointer(self._opened())
            signed = self._checkpointer.tick([state for key, state in states.items() if key.node == self._node])
        except WatermarkError:
            # Somebody else signs for this node, or did so before it was stopped: begin anew after that.
            self._checkpointer = None
            raise
        except EvidenceError as error:
            self._evidence.met(error)
            self._next_checkpoint = self._clock() + round(self._wait(self._evidence.failures) * NANOS)
            return False
        self._evidence.passed()
        for key in [key for key, state in states.items() if state.closed and key.node == self._node]:
            self._ended[key] = states.pop(key).count
        return signed is not None

    def _wait(self, failures: int) -> float:
        """Return how long to wait: twice as long each time, and never as long as others that lost the same store."""
        longest = min(_FIRST_WAIT_SECONDS * float(2 ** min(failures - 1, 16)), _LONGEST_WAIT_SECONDS)
        return longest * self._rng.uniform(0.5, 1.0)


def step_back(nice: int) -> None:
    """Make this process wait for those that decide, by 0 to 19. For a process that does nothing but ship."""
    os.nice(nice)
