"""The grpc transport: grpcio's server with its bounds, for everything: TLS, streams, health, reflection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from grpc_reflection.v1alpha import reflection, reflection_pb2

from pdp.engine.request import MAX_MESSAGE, decode
from pdp.errors import SpoolError
from pdp.server.address import Address
from pdp.server.core import SERVICE, stream_error
from pdp.server.health import CHECK, WATCH, Health
from pdp.server.health import SERVICE as HEALTH
from pdp.server.journal import Journal, Note
from pdp.server.status import Failure, failure_of
from pdp.server.transports import grpc_core as core
from pdp.server.transports.base import HANDSHAKE_SECONDS, TransportOptions
from pdp.server.transports.calls import Behind, Calls, Lane
from pdp.server.transports.grpc_bundles import BundleStreams
from pdp.server.transports.grpc_core import CoreServer
from pdp.server.transports.grpc_streams import Deferred, Leave, Streams, ends_stream
from pdp.server.transports.grpc_unary import MISSING, Desk

# More calls than these are rare.
_AHEAD = {"Decide": 512, "DecideBatch": 128}
_REFLECT = f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"


def channel_options(options: TransportOptions) -> tuple[tuple[str, int], ...]:
    """Return the bounds as grpc knows them."""
    limits = options.limits
    return (
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.max_send_message_length", limits.reply_bytes),
        # The first is where grpc begins to refuse at random, the second where it always does; equal for a plain answer.
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
        ("grpc.max_concurrent_streams", limits.streams),
        # gzip and nothing else, as the native transport has it.
        ("grpc.compression_enabled_algorithms_bitset", 0b101),
        ("grpc.max_allowed_incoming_connections", options.connections),
        # Where grpc begins to refuse calls that wait for this process, as CANCELLED, which clients do not try again.
        ("grpc.server.max_pending_requests", limits.calls),
        ("grpc.server.max_pending_requests_hard_limit", 2 * limits.calls),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1000),
        ("grpc.so_reuseport", int(options.share)),
        # A peer that vanished is noticed, and a client may send pings as often as round-robin clients do.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    )


class GrpcTransport:
    """A grpc server on some addresses, which is a `base.Transport`."""

    def __init__(self, calls: Calls, options: TransportOptions, health: Health) -> None:
        self._options = options
        self._calls = calls
        self._health = health
        self._desk = Desk(calls, options)
        # Streams may not take all the places of calls.
        self._streams = Streams(max(1, options.limits.calls // 4))
        self._watches = Streams(max(1, options.limits.calls // 4))
        self._stopped = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="sweep", daemon=True)
        self._server = CoreServer(channel_options(options))
        for served in calls.unary.values():
            self._server.on(served.path, partial(self._desk.accept, served), ahead=_AHEAD.get(served.name, 16))
        self._server.on(calls.stream.path, partial(self._streams.answer_each, self._decide_streamed))
        self._server.on(CHECK, self._check)
        self._server.on(WATCH, partial(self._watches.watch, health))
        self._bundles = BundleStreams(
            options.limits.bundle_streams, calls.feed, self._admit_to_bundles, lambda: calls.registry
        )
        self._server.on(calls.bundles.path, self._bundles.watch_bundle)
        if options.reflection:
            self._reflection: Any = reflection.ReflectionServicer((SERVICE, HEALTH, reflection.SERVICE_NAME))
            self._server.on(_REFLECT, partial(self._streams.answer_each, self._reflect))

    def start(self, addresses: Sequence[Address]) -> list[Address]:
        """Listen, and return the addresses with their real ports. Raises ConfigError."""
        bound = [self._server.listen(address, self._options.credentials) for address in addresses]
        self._server.start()
        self._sweeper.start()
        return bound

    def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether calls are welcome."""
        self._health.set_ready(ready=ready)

    def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever is set later."""
        self._health.drain()

    def stop(self, grace: float) -> None:
        """Refuse new calls, let those in flight take `grace` seconds, and return once all have ended."""
        # Calls that wait for a revision are answered: grpc waits for all that are in flight.
        self._calls.room.end()
        self._streams.stop()
        self._watches.stop()
        self._bundles.stop()
        self._server.stop(grace)
        self._stopped.set()

    def _sweep(self) -> None:
        while not self._stopped.wait(1.0):
            core.guarded(lambda _: self._desk.sweep(), None)
            core.guarded(lambda _: self._streams.sweep(), None)
            core.guarded(lambda _: self._watches.sweep(), None)
            core.guarded(lambda _: self._bundles.sweep(), None)

    def _admit_to_bundles(self, event: Any, *, again: bool) -> str:
        return self._calls.admit_to_bundles(self._desk.peer(event), again=again)

    def _check(self, event: Any) -> None:
        call = event.call

        def received(event: Any) -> None:
            payload = core.message(event)
            result = MISSING if payload is None else self._health.check(payload)
            if isinstance(result, Failure):
                core.fail(call, result, core.ignore)
            else:
                core.reply(call, result, core.ignore)

        core.receive(call, core.tag(received))

    def _decide_streamed(self, payload: bytes, event: Any) -> bytes | Failure | Deferred:
        lane, journal = self._desk.lane, self._calls.journal
        result = lane.answer(self._calls.stream, payload, self._desk.peer(event), event.invocation_metadata)
        if isinstance(result, Behind):
            return partial(self._answer_late, result, event.call_details.deadline, lane)
        if not isinstance(result, bytes) and not ends_stream(result):
            result = stream_error(result)
        notes = lane.notes.take()
        if journal is None or not notes:
            return result
        if not journal.must_wait(notes):
            journal.submit(notes)
            return result
        return partial(self._answer_kept, journal, notes, result)

    def _answer_late(
        self, behind: Behind, deadline: float, lane: Lane, answer: Callable[[bytes | Failure], None]
    ) -> Leave | None:
        """Wait for the revision that a message demands."""

        def came(result: bytes | Failure, notes: Sequence[Note]) -> None:
            if isinstance(result, Failure):
                result = stream_error(result)
            journal = self._calls.journal
            if journal is None or not notes:
                answer(result)
            elif not journal.must_wait(notes):
                answer(result)
                journal.submit(notes)
            else:
                self._answer_kept(journal, notes, result, answer)

        if behind.wait(deadline - time.time(), came):
            return behind.leave
        came(lane.resume(behind), lane.notes.take())
        return None

    def _answer_kept(
        self,
        journal: Journal,
        notes: Sequence[Note],
        result: bytes | Failure,
        answer: Callable[[bytes | Failure], None],
    ) -> None:
        def done(error: SpoolError | None) -> None:
            answer(result if error is None else stream_error(failure_of(error, self._calls.stream.path)))

        journal.submit(notes, done)

    def _reflect(self, payload: bytes, event: Any) -> bytes | Failure:
        try:
            if (peer := self._desk.peer(event)) is not None:
                self._calls.registry.identify(peer)
            request = decode(reflection_pb2.ServerReflectionRequest.FromString, payload)
            (answer,) = self._reflection.ServerReflectionInfo(iter([request]), None)
        except Exception as error:  # nothing that a client sends may stop the process
            return failure_of(error, _REFLECT)
        return bytes(answer.SerializeToString())
