"""The native transport: pygrpc-native speaks HTTP/2 in Rust and hands calls over in batches.

It carries the unary methods and health checks itself. What it has no part for (DecideStream, health watches,
reflection, unknown methods) it passes on to the grpc transport over a socket file that nobody else can open. It has no
TLS and bounds neither connections nor a message before it has read it whole, so it belongs on loopback or behind a
proxy (docs/guides/service.md).
"""

from __future__ import annotations

import dataclasses
import importlib
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pdp.errors import ConfigError, LimitError, SpoolError, StoppingError
from pdp.server.address import Address
from pdp.server.health import CHECK, Health
from pdp.server.journal import Note
from pdp.server.peers import Peer
from pdp.server.status import Failure, failure_of
from pdp.server.transports.base import TransportOptions
from pdp.server.transports.calls import Behind, Calls, Lane, Metadata, Served
from pdp.server.transports.grpcio import GrpcTransport

_BATCH = 64
_LINGER_SECONDS = 0.1
_KEEPALIVE_MS, _KEEPALIVE_TIMEOUT_MS = 60_000, 20_000


class NativeTransport:
    """A pygrpc-native server on some addresses, which is a `base.Transport`."""

    def __init__(self, calls: Calls, options: TransportOptions, health: Health) -> None:
        """Raises ConfigError when pygrpc-native is not installed, or TLS is wanted."""
        try:
            self._native: Any = importlib.import_module("pygrpc_native")
        except ImportError as error:
            raise ConfigError(
                "`transport: native` needs the package `pygrpc-native`; install `jingxi[native]`"
            ) from error
        if options.credentials is not None:
            raise ConfigError("`transport: native` has no TLS; put a TLS proxy in front, or choose `transport: grpc`")
        self._calls = calls
        self._options = options
        self._health = health
        self._served: list[Served | None] = [*calls.unary.values(), None]
        self._methods = [(CHECK if served is None else served.path, False) for served in self._served]
        self._fallback = GrpcTransport(calls, dataclasses.replace(options, share=False), health)
        self._folder = tempfile.TemporaryDirectory(prefix="pdp-")
        self._fronts: list[_Front] = []
        self._lock = threading.Lock()

    def start(self, addresses: Sequence[Address]) -> list[Address]:
        """Listen, and return the addresses with their real ports. Raises ConfigError."""
        socket = str(Path(self._folder.name, "s"))
        fronts = [self._front(address, socket) for address in addresses]
        self._fallback.start([Address("", 0, socket)])
        for front in fronts:
            front.start()
        self._fronts = fronts
        return [front.address for front in fronts]

    def _front(self, address: Address, fallback: str) -> _Front:
        limits = self._options.limits
        detailed = self._calls.is_guarded or self._calls.tracer.enabled
        try:
            core = self._native.NativeGrpcFront(
                str(address), self._methods, io_threads=1, call_details=True,
                keepalive_time_ms=_KEEPALIVE_MS, keepalive_timeout_ms=_KEEPALIVE_TIMEOUT_MS,
                max_concurrent_streams=limits.streams, max_metadata_size=limits.metadata_bytes,
                reuse_port=self._options.share and not address.path,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cannot listen on `{address}`: it is in use or not an address of this machine; choose another"
            ) from error
        core.set_fallback(fallback)
        bound = address if address.path else address.with_port(core.bound_port)
        return _Front(core, bound, self._calls, self._health, self._served, detailed=detailed)

    def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether calls are welcome."""
        self._health.set_ready(ready=ready)

    def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever is set later."""
        self._health.drain()

    def stop(self, grace: float) -> None:
        """Turn new calls away, let those in flight take `grace` seconds, and return once all have ended."""
        deadline = time.monotonic() + grace
        for front in self._fronts:
            front.stopping = True
        self._calls.room.end()
        if not grace:
            self._calls.long.hurry()
            self._calls.room.hurry()
        self._fallback.stop(grace)
        self._calls.long.wait(max(0.0, deadline - time.monotonic()))
        self._calls.room.wait(max(0.0, deadline - time.monotonic()))
        if self._calls.journal is not None:
            # Answers that wait for their records are calls in flight too.
            self._calls.journal.flush(max(0.0, deadline - time.monotonic()))
        # `close` drops what its own thread has not written yet, and nothing tells when it has.
        time.sleep(min(_LINGER_SECONDS, max(0.0, deadline - time.monotonic())))
        with self._lock:
            fronts, self._fronts = self._fronts, []
        for front in fronts:
            front.close()
        self._folder.cleanup()


class _Answer(NamedTuple):
    """What a call is to be answered, and whether it left a record."""

    call_id: int
    result: bytes | Failure
    recorded: bool


class _Front:
    """One listening address with the thread that answers its calls."""

    def __init__(
        self,
        core: Any,
        address: Address,
        calls: Calls,
        health: Health,
        served: Sequence[Served | None],
        *,
        detailed: bool,
    ) -> None:
        self.address = address
        self.stopping = False
        self._core = core
        self._calls = calls
        self._health = health
        self._served = served
        # Calls given up are told of only with `call_details`; to read the details besides costs, so only when wanted.
        self._receive = core.recv_batch_details if detailed else core.recv_batch
        self._lane: Lane = calls.lane()
        self._long_lane: Lane = calls.lane()
        # Long calls whose clients still wait, and calls that wait for a revision.
        self._waiting: set[int] = set()
        self._behind: dict[int, Behind] = {}
        self._thread = threading.Thread(target=self._run, name="native", daemon=True)

    def start(self) -> None:
        self._core.start()
        self._thread.start()

    def close(self) -> None:
        self._core.close()
        self._thread.join()

    def _run(self) -> None:
        while (events := self._receive(_BATCH)) is not None:
            # All are decided before the first is answered, so that they are recorded together.
            answers: list[_Answer] = []
            room = _BATCH
            while events:
                self._decide(events, answers)
                # So are those that came meanwhile: one flush of the disk is for as many as there are.
                room -= len(events)
                events = self._receive(room, 0) if room > 0 and self._must_wait() else ()
            records = self._lane.notes.take()
            if not records or self._calls.journal is None:
                self.reply_all(answers, None)
            elif not self._calls.journal.must_wait(records):
                self.reply_all(answers, None)
                self._calls.journal.submit(records)
            else:
                # Not in this thread: while the disk takes its time, it decides other calls.
                self.reply_all([answer for answer in answers if not answer.recorded], None)
                recorded = [answer for answer in answers if answer.recorded]
                self._calls.journal.submit(records, partial(self.reply_all, recorded))

    def _decide(self, events: Sequence[Any], answers: list[_Answer]) -> None:
        notes = self._lane.notes
        for event in events:
            call_id = event[1]
            if event[3] is None:
                self._waiting.discard(call_id)
                if call_id in self._behind:
                    self._give_up(call_id)
                continue
            begun = len(notes.records)
            result = self._answer(event)
            if result is not None:
                answers.append(_Answer(call_id, result, len(notes.records) > begun))

    def _must_wait(self) -> bool:
        """Whether what was decided last must be on the disk before it is answered."""
        journal = self._calls.journal
        return journal is not None and journal.must_wait(self._lane.notes.records)

    def reply_all(self, answers: Sequence[_Answer], error: SpoolError | None) -> None:
        """Answer; with an error, those that left a record are refused."""
        refusal = None if error is None else failure_of(error, "Decide")
        for call_id, result, recorded in answers:
            self._reply(call_id, refusal if refusal is not None and recorded else result)

    def _answer(self, event: Any) -> bytes | Failure | None:
        """Answer a call, or put it off and return None."""
        _, call_id, method, payload, _, *details = event
        served = self._served[method]
        if served is None:
            return self._health.check(payload)
        if self.stopping:
            return self._lane.refuse(served, StoppingError("the server stops; ask another node"))
        metadata, peer = self._read(details)
        if not self._calls.core.is_long(served.name, payload):
            result = self._lane.answer(served, payload, peer, metadata)
            if isinstance(result, Behind):
                return None if self._waits(call_id, result, _remaining(details)) else self._lane.resume(result)
            return result
        begun = time.perf_counter()
        self._waiting.add(call_id)
        try:
            remaining = _remaining(details)
            self._calls.long.submit(
                len(payload), lambda: self._work(call_id, served, payload, peer, metadata, begun, remaining)
            )
        except LimitError as error:
            self._waiting.discard(call_id)
            return self._lane.refuse(served, error)
        return None

    def _read(self, details: Sequence[Any]) -> tuple[Metadata, Peer | None]:
        if not details or details[0] is None:
            return (), None
        metadata, connection, _ = details[0]
        if not self._calls.is_guarded:
            return metadata, None
        return metadata, self._calls.reader.read_metadata(metadata, connection)

    def _work(
        self,
        call_id: int,
        served: Served,
        payload: bytes,
        peer: Peer | None,
        metadata: Metadata,
        begun: float,
        remaining: float | None,
    ) -> None:
        if call_id not in self._waiting:
            return
        lane = self._long_lane
        result = lane.answer(served, payload, peer, metadata, begun)
        if isinstance(result, Behind):
            if remaining is not None:
                remaining -= time.perf_counter() - begun
            if self._waits(call_id, result, remaining):
                if call_id not in self._waiting:  # given up meanwhile, and nobody was there to hear it
                    self._give_up(call_id)
                self._waiting.discard(call_id)
                return
            result = lane.resume(result)
        result = lane.keep(served, result)
        self._waiting.discard(call_id)
        self._reply(call_id, result)

    def _waits(self, call_id: int, behind: Behind, remaining: float | None) -> bool:
        """Let a call wait for the revision that it demands; False when there is no place for it."""
        self._behind[call_id] = behind
        waits = behind.wait(remaining, partial(self._came, call_id))
        if not waits:
            self._behind.pop(call_id, None)
        return waits

    def _give_up(self, call_id: int) -> None:
        behind = self._behind.pop(call_id, None)
        if behind is not None:
            behind.leave()

    def _came(self, call_id: int, result: bytes | Failure, notes: Sequence[Note]) -> None:
        self._behind.pop(call_id, None)
        journal = self._calls.journal
        answers = [_Answer(call_id, result, bool(notes))]
        if journal is None or not notes:
            self.reply_all(answers, None)
        elif not journal.must_wait(notes):
            self.reply_all(answers, None)
            journal.submit(notes)
        else:
            journal.submit(notes, partial(self.reply_all, answers))

    def _reply(self, call_id: int, result: bytes | Failure) -> None:
        if isinstance(result, bytes):
            self._core.respond(call_id, result)
        elif result.details:
            details = [("grpc-status-details-bin", result.details)]
            self._core.fail(call_id, result.code, result.message, details)
        else:
            self._core.fail(call_id, result.code, result.message)


def _remaining(details: Sequence[Any]) -> float | None:
    """Return the seconds that the caller still waits; None for ever, or when that is not known.

    What is not known needs no look: the call is told of as given up when its deadline passes.
    """
    return None if not details or details[0] is None else details[0][2]
