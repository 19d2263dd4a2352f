"""The record of offline decisions: in the state folder first, then with the service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

import grpc

from jingxi_client._core import report_error
from jingxi_client._gen.pdp.v1 import bundle_service_pb2, bundle_service_pb2_grpc
from jingxi_client._reporting import AT_A_TIME, Reporter
from jingxi_client._spool import Entry, Spool
from jingxi_client._state import StateFolder
from jingxi_client._wire import delimited, varint
from jingxi_client.alarms import AlarmKind, Alarms
from jingxi_client.errors import ConfigurationError

WITHIN = 0.1
"""Seconds within which a decision that is not awaited is on the disk."""
HALF = 0.5
_fixed = Struct("<q").pack


class DecisionLog:
    """Decisions with their numbers. Raises ConfigurationError when the folder cannot be used."""

    def __init__(self, state: StateFolder, alarms: Alarms) -> None:
        self._alarms = alarms
        self._client_id = state.client_id
        self._reporter: Reporter | None = None
        try:
            self._spool = Spool(state.path / "decisions")
        except OSError as error:
            state.close()
            raise ConfigurationError(f"state folder `{state.path}` cannot be used: {error.strerror}") from error
        for damage in self._spool.damage:
            alarms.tell(AlarmKind.STATE_DAMAGED, f"the log of offline decisions: {damage}")
        self._filling = self._spool.filling > HALF
        self._unsynced = threading.Event()
        self._closing = threading.Event()
        self._syncer = threading.Thread(target=self._sync, name="jingxi-decisions", daemon=True)
        self._syncer.start()

    @property
    def waiting(self) -> int:
        """How many decisions the service does not have."""
        return self._spool.waiting

    def append(self, now: int, decided: Sequence[tuple[bytes, bytes]], *, durable: bool) -> int:
        """Write serialized requests and answers, and return the number of the first. Raises OSError, and alarms."""
        if not decided:
            return 0
        time = b"\x11" + _fixed(now)
        try:
            last = self._spool.append([_decision(time, *pair) for pair in decided], durable=durable)
        except OSError as error:
            self._alarms.tell(
                AlarmKind.NOT_RECORDED, f"decisions cannot be recorded, so nothing is shown: {error.strerror or error}"
            )
            raise
        if not durable and not self._unsynced.is_set():
            self._unsynced.set()
        filling = self._spool.filling > HALF
        if filling and not self._filling:
            self._alarms.tell(AlarmKind.SPOOL_FILLING, "the log of offline decisions is more than half full")
        self._filling = filling
        reporter = self._reporter
        if reporter is not None and not reporter.failing and self._spool.waiting >= AT_A_TIME:
            reporter.nudge()
        return last - len(decided) + 1

    def report_to(self, channel: grpc.Channel, metadata: Callable[[], tuple[tuple[str, str], ...]]) -> None:
        """Report decisions by this channel from now on."""
        stub = bundle_service_pb2_grpc.BundleServiceStub(channel)  # type: ignore[no-untyped-call]

        def send(entries: Sequence[Entry], seconds: float) -> int:
            request = bundle_service_pb2.ReportDecisionsRequest(client_id=self._client_id)
            for entry in entries:
                decision = request.decisions.add(sequence=entry.number)
                if entry.payload is not None:
                    decision.MergeFromString(entry.payload)
            try:
                reply: Any = stub.ReportDecisions(request, timeout=seconds, metadata=metadata())
            except grpc.RpcError as error:
                raise report_error(error) from error
            return int(reply.recorded_through)

        self._reporter = Reporter(self._spool, send, self._alarms)

    def close(self) -> None:
        """Write and report what is left, for at most a second."""
        self._closing.set()
        self._unsynced.set()
        self._syncer.join()
        if self._reporter is not None:
            self._reporter.close()

    def join(self) -> None:
        """Let the files go, after `close` and the end of the connection."""
        if self._reporter is not None:
            self._reporter.join()
        self._spool.close()

    def _sync(self) -> None:
        while not self._closing.is_set():
            self._unsynced.wait()
            self._closing.wait(WITHIN / 2)
            self._unsynced.clear()
            try:
                self._spool.sync()
            except OSError as error:
                self._alarms.tell(
                    AlarmKind.NOT_RECORDED, f"decisions that were shown are not on the disk: {error.strerror or error}"
                )


def _decision(time: bytes, request: bytes, response: bytes) -> Callable[[int], bytes]:
    # The fields of OfflineDecision one by one; building the messages again would take longer than deciding.
    rest = time + delimited(b"\x1a", request) + delimited(b"\x22", response)
    return lambda number: b"\x08" + varint(number) + rest
