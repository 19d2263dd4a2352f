"""Makes the records of decisions durable before their answers leave (DESIGN §6, requirements A31, A32).

Records that come in while a transaction is under way go into the next one together: one flush of the disk for all of
them. A transport hands records over and is called back, so that its thread decides other calls meanwhile. Nobody waits
longer than `wait_seconds`: then the disk counts as failed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from pdp.errors import SpoolError, SpoolFullError
from pdp.server import logs
from pdp.server.status import frames

# Records that may wait for the disk.
MAX_WAITING, MAX_WAITING_BYTES = 65_536, 64 * 1024 * 1024
# What one transaction takes at most, so that its rows are not written for too long at a time.
_MAX_COMMIT = 1_024
_CLOSE_SECONDS = 5.0

NEVER = 4
"""As `wait_from`: no answer waits."""
Note = tuple[int, bytes]
"""The highest level shown, and a serialized `snapshot_pb2.Record`."""
Done = Callable[[SpoolError | None], None]

log = logging.getLogger(__name__)


class Spooling(Protocol):
    """A spool, as far as a journal goes."""

    def append(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Make (retention, record) durable. Raises SpoolError."""

    def close(self) -> None:
        """Let go of the files."""


class AuditFacts(TypedDict):
    """What a journal has done since it was made."""

    appended: int
    commits: int
    commit_seconds: float
    failures: int
    refused: int
    """Decisions that were not answered because they could not be recorded."""
    unrecorded: int
    """Decisions that were answered and could not be recorded."""
    waiting: int


@dataclass(frozen=True, slots=True)
class JournalRules:
    """What is recorded how: `wait_from` is the lowest level shown that must be on disk first."""

    wait_from: int = 0
    answer_unrecorded: bool = False
    wait_seconds: float = 2.0
    shown: str = "long"
    masked: str = "medium"


@dataclass(slots=True)
class _Entry:
    """Records that came in together. `done` is called once and then no more."""

    notes: Sequence[Note]
    done: Done | None
    deadline: float


class Journal:
    """Keeps the records of one process. Safe to share."""

    def __init__(self, spool: Spooling, rules: JournalRules) -> None:
        self._spool = spool
        self._rules = rules
        self._condition = threading.Condition()
        self._waiting: deque[_Entry] = deque()
        self._taken: list[_Entry] = []
        self._count = self._bytes = 0
        self._closing = False
        self._closed = threading.Event()
        self._facts = AuditFacts(
            appended=0, commits=0, commit_seconds=0.0, failures=0, refused=0, unrecorded=0, waiting=0
        )
        self._committer = threading.Thread(target=self._commit_all, name="journal", daemon=True)
        self._guard = threading.Thread(target=self._end_late, name="journal-guard", daemon=True)
        self._committer.start()
        self._guard.start()

    def must_wait(self, notes: Sequence[Note]) -> bool:
        """Whether an answer may only leave once these are on disk."""
        least = self._rules.wait_from
        return any(shown >= least for shown, _ in notes)

    def submit(self, notes: Sequence[Note], done: Done | None = None) -> None:
        """Make records durable soon; `done` hears of it, with why the answer must not leave if it must not.

        It is called once, from another thread or, when no more can be taken, at once.
        """
        size = sum(len(body) for _, body in notes)
        entry = _Entry(notes, done, time.monotonic() + self._rules.wait_seconds)
        with self._condition:
            full = self._count + len(notes) > MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES
            if not full and not self._closing:
                self._count += len(notes)
                self._bytes += size
                self._waiting.append(entry)
                if len(self._waiting) == 1:
                    self._condition.notify()
                return
        self._settle((entry,), self._failed(notes, SpoolFullError("too many records wait for the disk")))

    def flush(self, seconds: float) -> bool:
        """Wait until all that was handed over before is settled, and say whether that came about in time."""
        settled = threading.Event()
        self.submit((), lambda _: settled.set())
        return settled.wait(seconds)

    def facts(self) -> AuditFacts:
        """Return what was done so far."""
        facts = self._facts.copy()
        facts["waiting"] = self._count
        return facts

    def close(self) -> None:
        """Make durable what waits, and let go of the spool."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._committer.join(_CLOSE_SECONDS)
        self._closed.set()
        self._guard.join(_CLOSE_SECONDS)
        if not self._committer.is_alive():
            self._spool.close()

    def _commit_all(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if not self._waiting:
                    return
                taken, notes = list[_Entry](), list[Note]()
                while self._waiting and (not notes or len(notes) + len(self._waiting[0].notes) <= _MAX_COMMIT):
                    entry = self._waiting.popleft()
                    taken.append(entry)
                    notes += entry.notes
                self._count -= len(notes)
                self._bytes -= sum(len(body) for _, body in notes)
                self._taken = taken
            error = self._append(notes) if notes else None
            self._taken = []
            self._settle(taken, error)

    def _append(self, notes: Sequence[Note]) -> SpoolError | None:
        rules, facts = self._rules, self._facts
        begun = time.perf_counter()
        try:
            self._spool.append([(rules.shown if shown else rules.masked, body) for shown, body in notes])
        except SpoolError as error:
            return self._failed(notes, error)
        except Exception as error:  # whatever it is, the records are not there
            logs.event(
                log, logging.ERROR, "audit.failed", "a record could not be written",
                error=type(error).__name__, traceback=list(frames(error)),
            )  # fmt: skip
            return self._failed(notes, SpoolError(f"unexpected {type(error).__name__}"))
        facts["appended"] += len(notes)
        facts["commits"] += 1
        facts["commit_seconds"] += time.perf_counter() - begun
        return None

    def _failed(self, notes: Sequence[Note], error: SpoolError) -> SpoolError | None:
        """Count records that could not be kept, and return why answers must not leave, if they must not."""
        facts = self._facts
        facts["failures"] += 1
        if self._rules.answer_unrecorded or not self.must_wait(notes):
            facts["unrecorded"] += len(notes)
            return None
        facts["refused"] += len(notes)
        return error

    def _settle(self, entries: Sequence[_Entry], error: SpoolError | None) -> None:
        for entry in entries:
            with self._condition:
                done, entry.done = entry.done, None
            if done is None:
                continue
            try:
                done(error if error is not None and self.must_wait(entry.notes) else None)
            except Exception as unexpected:  # the others must still be answered
                logs.event(
                    log, logging.ERROR, "audit.failed", "an answer could not be sent after its record",
                    error=type(unexpected).__name__, traceback=list(frames(unexpected)),
                )  # fmt: skip

    def _end_late(self) -> None:
        """End the waiting of those that wait too long; their records may still come to lie on the disk."""
        while not self._closed.wait(self._rules.wait_seconds / 4):
            now = time.monotonic()
            with self._condition:
                entries = [*self._taken, *self._waiting]
            late = [entry for entry in entries if entry.done is not None and entry.deadline <= now]
            if late:
                notes = [note for entry in late for note in entry.notes]
                self._settle(late, self._failed(notes, SpoolError("the disk takes too long")))
