"""What workers hand to the supervisor of what clients report, and what it does with it (requirement A38).

A worker makes the records (`reports`); here they are recorded exactly once, counted, and told when they are alarming.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from pdp.control.reports import Event, Recorded, ReportBook, ReportedRecord
from pdp.engine.wire import length_delimited
from pdp.errors import ControlStoreError, WrongStateError
from pdp.server import logs
from pdp.server.control import Data, Serve, unpack
from pdp.server.facts import ReportFacts
from pdp.server.operations import Operations
from pdp.server.settings import Settings
from pdp.server.status import failure_of
from pdp.snapshot.spool import list_boots
from pdp.snapshot.store import open_reader
from pdp.v1 import fallback_service_pb2, snapshot_pb2
from pdp.values import format_timestamp

WITHIN: Final = 30.0
FALLBACKS: Final = "fallbacks"
DECISIONS: Final = "decisions"
EVENT_PASSED: Final = "fallback.passed"
# Field 1 of snapshot_pb2.Record holds the snapshot.
_RECORD_SNAPSHOT = b"\x0a"

log = logging.getLogger(__name__)


def repeating(body: bytes, whose: str) -> bytes:
    """Return a serialized Record that says whose it may repeat; parts of a message may stand one after another."""
    return body + length_delimited(_RECORD_SNAPSHOT, snapshot_pb2.Snapshot(may_repeat=whose).SerializeToString())


class SpooledEvidence:
    """A `reports.Evidence`: the supervisor's own spool, the store, and the spools of earlier lives."""

    def __init__(self, settings: Settings, operations: Operations, folders: Sequence[Path]) -> None:
        self._settings = settings
        self._operations = operations
        self._folders = folders

    async def append(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Make records durable."""
        await asyncio.to_thread(self._operations.append, list(records))

    async def has(self, record_id: str) -> bool:
        """Whether the store has a record."""
        return await asyncio.to_thread(self._has, record_id)

    async def has_leftovers(self) -> bool:
        """Whether spools of earlier lives are still to be shipped."""
        return await asyncio.to_thread(lambda: any(not boot.alive for boot in list_boots(self._folders)))

    def _has(self, record_id: str) -> bool:
        # Rarely asked, so nothing is kept open for it.
        reader = open_reader(self._settings.store_url)
        try:
            return reader.find(record_id) is not None
        finally:
            reader.close()


class ReportCalls:
    """Answers what workers hand over, and leaves everything else to `otherwise`; a `control.Serve`.

    `note` records that something passed: kind, details, success.
    """

    def __init__(
        self,
        settings: Settings,
        book: ReportBook,
        otherwise: Serve,
        note: Callable[[str, dict[str, str], bool], None],
    ) -> None:
        audit = settings.audit
        self._is_off = audit.durability == "off"
        self._shown, self._masked = audit.retention_shown, audit.retention_masked
        self._book = book
        self._otherwise = otherwise
        self._note = note
        self._running: set[asyncio.Task[Recorded]] = set()
        self._events: Counter[tuple[str, str]] = Counter()

    async def __call__(self, words: Data, data: bytes) -> tuple[Data, bytes]:
        """Answer what a worker asks."""
        if words.get("what") != "report":
            return await self._otherwise(words, data)
        method = words["method"]
        try:
            return {}, await self._record(words, data)
        except TimeoutError:
            failure = failure_of(ControlStoreError(f"it takes longer than {WITHIN:g} s"), method)
        except Exception as error:  # the caller is told, as of any call
            failure = failure_of(error, method)
        return {"status": failure.code, "message": failure.message}, failure.details

    def facts(self) -> ReportFacts:
        """Return how many events and decisions were recorded, by what they showed."""
        return {
            kind: {shown: self._events[kind, shown] for shown in ("nothing", "fields")}
            for kind in (FALLBACKS, DECISIONS)
        }

    async def _record(self, words: Data, data: bytes) -> bytes:
        if self._is_off:
            raise WrongStateError("this node keeps no snapshots (`audit.durability: off`), so it takes no reports")
        kind, events = words["kind"], self._read(words["events"], unpack(data))
        # INVARIANT: once begun it goes on to its end, whoever waits for it: between the two nobody knows.
        task = asyncio.create_task(self._book.record(kind, words["client"], words["caller"], events))
        self._running.add(task)
        task.add_done_callback(self._finished)
        async with asyncio.timeout(WITHIN):
            done = await asyncio.shield(task)
        self._tell(words, {event.number for event in done.taken})
        return fallback_service_pb2.ReportFallbacksResponse(recorded_through=done.through).SerializeToString()

    def _finished(self, task: asyncio.Task[Recorded]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked has heard of it, or has gone

    def _read(self, told: Sequence[Data], bodies: Sequence[bytes]) -> list[Event]:
        found, at = [], 0
        for event in told:
            records = []
            for record_id, shown in event["records"]:
                records.append(ReportedRecord(record_id, self._shown if shown else self._masked, bodies[at]))
                at += 1
            found.append(Event(event["number"], records))
        return found

    def _tell(self, words: Data, taken: set[int]) -> None:
        """Count what was recorded, and raise the alarm for what passed without a verdict."""
        new = [event for event in words["events"] if event["number"] in taken]
        passed = [event for event in new if any(shown for _, shown in event["records"])]
        kind = words["kind"]
        self._events[kind, "fields"] += len(passed)
        self._events[kind, "nothing"] += len(new) - len(passed)
        if kind != FALLBACKS or not passed:
            return
        levels = Counter(level for event in passed for level in event["levels"])
        causes = Counter(event["cause"] for event in passed)
        details: dict[str, Any] = {
            "client": words["client"], "caller": words["caller"], "events": str(len(passed)),
            "causes": _counts(causes), "fields": _counts(levels),
            "from": format_timestamp(min(event["time"] for event in passed)),
            "to": format_timestamp(max(event["time"] for event in passed)),
        }  # fmt: skip
        message = "a client showed fields without a verdict while it was cut off"
        logs.event(log, logging.WARNING, EVENT_PASSED, message, **details)
        self._note(EVENT_PASSED, details, True)


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(found.items()))
