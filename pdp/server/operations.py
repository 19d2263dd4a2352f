"""The record of what people and the service itself do besides deciding, in a spool of the supervisor's own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from pdp.engine.decision_ids import DecisionIds
from pdp.errors import SpoolError
from pdp.server import logs
from pdp.v1 import snapshot_pb2

RETENTION: Final = "long"
SYSTEM: Final = "system"
"""Who does what nobody asked for."""

log = logging.getLogger(__name__)


class Appending(Protocol):
    """A spool, as far as operations go."""

    def append(self, records: list[tuple[str, bytes]], *, last: bool = False) -> None:
        """Make (retention, record) durable. Raises SpoolError."""

    def close(self) -> None:
        """Let go of the files."""


class Operations:
    """Records operations. Safe to share between threads."""

    def __init__(self, spool: Appending) -> None:
        self._spool = spool
        self._ids = DecisionIds()
        # One thread, so that what is noted stands in the order in which it was done.
        self._noting = ThreadPoolExecutor(1, thread_name_prefix="operations")
        self._closing = threading.Lock()
        self._closed = False

    def record(self, operation: snapshot_pb2.Operation) -> None:
        """Make an operation durable; what it has no id or time for gets one.

        Raises SpoolError, after an entry in the log, when that is not possible: then what it tells must not be done.
        """
        if not operation.id:
            operation.id = self._ids.head()[2:].decode()
        if not operation.time_nanos:
            operation.time_nanos = time.time_ns()
        body = snapshot_pb2.Record(operation=operation).SerializeToString()
        try:
            # It may take the reserve of a full disk: there are few of them, and they tell why.
            self._spool.append([(RETENTION, body)], last=True)
        except SpoolError as error:
            logs.event(
                log, logging.ERROR, "operation.unrecorded", "something that was done could not be recorded",
                operation=operation.id, kind=operation.kind, reason=str(error),
            )  # fmt: skip
            raise

    def append(self, records: list[tuple[str, bytes]]) -> None:
        """Make what clients report durable too, as (retention, record). Raises SpoolError."""
        self._spool.append(records)

    def note(self, kind: str, details: Mapping[str, str] | None = None, *, success: bool = True) -> None:
        """Record soon what the service itself has done. It has happened: a failure is for the log alone."""
        operation = snapshot_pb2.Operation(
            time_nanos=time.time_ns(), actor=SYSTEM, kind=kind, success=success, details=details
        )
        with self._closing:
            if not self._closed:
                self._noting.submit(self._note, operation)

    def _note(self, operation: snapshot_pb2.Operation) -> None:
        try:
            self.record(operation)
        except SpoolError:
            return  # told in the log
        except Exception as error:  # nobody looks at what a thread of a pool raises
            logs.event(
                log, logging.ERROR, "operation.unrecorded", "something that was done could not be recorded",
                kind=operation.kind, error=type(error).__name__,
            )  # fmt: skip

    def close(self) -> None:
        """Record what was noted, and let go of the spool."""
        with self._closing:
            self._closed = True
        self._noting.shutdown()
        self._spool.close()
