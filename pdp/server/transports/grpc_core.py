"""grpcio's server, with methods whose events are handled in the very thread that polls for them.

grpcio's public ways hand each call to a thread of a pool or to an event loop, which costs two to four times what the
call itself does (docs/adr/0010-grpc-server-shape.md). Below them grpc has a queue of events, and grpcio calls the tag
of each: this module asks grpc for calls with tags of its own. It is the only one that knows grpcio's insides.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from pdp.errors import ConfigError
from pdp.server import logs
from pdp.server.address import Address
from pdp.server.status import Failure, frames

Accept = Callable[[Any], None]
Tag = Callable[[Any], Any]

NOTHING: tuple[None, tuple[()]] = (None, ())
"""What a tag returns: no call of grpcio's own has ended."""
_PLAIN = 0

log = logging.getLogger(__name__)


class CoreServer:
    """A grpc server. `on` names what takes the calls of a method; the thread that polls calls it."""

    def __init__(self, options: Sequence[tuple[str, int]]) -> None:
        # The pool never works: grpcio uses it for handlers of its own, and there are none.
        self._server = grpc.server(ThreadPoolExecutor(1), options=options)
        state = self._server._state  # type: ignore[attr-defined]
        self._core = state.server
        self._queue = state.completion_queue
        self._accept: dict[str, tuple[Accept, int]] = {}

    def on(self, path: str, accept: Accept, *, ahead: int = 16) -> None:
        """Hand the calls of a method to `accept`. Before `start`.

        So many calls may arrive `ahead`, before the thread comes round to ask for more.
        """
        self._core.register_method(path)
        self._accept[path] = accept, ahead

    def listen(self, address: Address, credentials: grpc.ServerCredentials | None) -> Address:
        """Listen and return the address with its real port. Before `start`. Raises ConfigError."""
        try:
            if credentials is None:
                port = self._server.add_insecure_port(str(address))
            else:
                port = self._server.add_secure_port(str(address), credentials)
        except RuntimeError as error:
            raise ConfigError(
                f"cannot listen on `{address}`: it is in use or not an address of this machine; choose another"
            ) from error
        return address.with_port(port)

    def start(self) -> None:
        """Take calls."""
        self._server.start()
        for path, (accept, ahead) in self._accept.items():
            tag = self._tag(path, accept)
            for _ in range(ahead):
                self._ask(path, tag)

    def stop(self, grace: float) -> None:
        """Refuse new calls and connections, cancel calls after `grace` seconds, and return once all have ended."""
        self._server.stop(grace).wait()

    def _ask(self, path: str, tag: Tag) -> None:
        # A server that stops refuses, while its last calls still arrive.
        with contextlib.suppress(ValueError):
            self._core.request_registered_call(self._queue, self._queue, path, tag)

    def _tag(self, path: str, accept: Accept) -> Tag:
        def arrived(event: Any) -> Any:
            # INVARIANT: always, or each call that was given up before it came here would leave one place less.
            self._ask(path, arrived)
            if event.success:
                guarded(accept, event)
            return NOTHING

        return arrived


def guarded(handle: Callable[[Any], None], event: Any) -> None:
    """Handle an event; an exception that left a tag would end the thread, and with it the server."""
    try:
        handle(event)
    except Exception as error:  # as said
        logs.event(
            log, logging.ERROR, "transport.failed", "an event could not be handled",
            error=type(error).__name__, traceback=list(frames(error)),
        )  # fmt: skip


def tag(handle: Callable[[Any], None]) -> Tag:
    """Return a tag that hands its event to `handle`."""

    def happened(event: Any) -> Any:
        guarded(handle, event)
        return NOTHING

    return happened


def ignore(_event: Any) -> Any:
    """Do nothing with an event."""
    return NOTHING


def receive(call: Any, then: Tag) -> None:
    """Read one message; `message` tells what came."""
    call.start_server_batch((cygrpc.ReceiveMessageOperation(_PLAIN),), then)


def message(event: Any) -> bytes | None:
    """Return what `receive` read; None when the client sends no more or is gone."""
    payload: bytes | None = event.batch_operations[0].message()
    return payload


def watch_close(call: Any, then: Tag) -> None:
    """Say when the call is over; `was_cancelled` tells whether the client gave it up."""
    call.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(_PLAIN),), then)


def was_cancelled(event: Any) -> bool:
    """Whether the client gave up the call, or its deadline passed."""
    return bool(event.batch_operations[0].cancelled())


def send(call: Any, payload: bytes, then: Tag, *, first: bool) -> None:
    """Send one message of several; `first` tells whether none was sent before."""
    operation = cygrpc.SendMessageOperation(payload, _PLAIN)
    head = (cygrpc.SendInitialMetadataOperation(None, _PLAIN),) if first else ()
    call.start_server_batch((*head, operation), then)


def reply(call: Any, payload: bytes, then: Tag, *, close: bool = True) -> None:
    """Send the only message and end the call well. `close` as for `fail`."""
    operations: tuple[Any, ...] = (
        cygrpc.SendInitialMetadataOperation(None, _PLAIN),
        cygrpc.SendMessageOperation(payload, _PLAIN),
        cygrpc.SendStatusFromServerOperation(None, cygrpc.StatusCode.ok, b"", _PLAIN),
    )
    if close:
        operations += (cygrpc.ReceiveCloseOnServerOperation(_PLAIN),)
    call.start_server_batch(operations, then)


def fail(call: Any, failure: Failure | None, then: Tag, *, first: bool = True, close: bool = True) -> None:
    """End the call with a status, OK when `failure` is None.

    `first` tells whether no message was sent before, `close` that `watch_close` was not called.
    """
    code, text, details = (0, "", b"") if failure is None else (failure.code, failure.message, failure.details)
    metadata = (("grpc-status-details-bin", details),) if details else None
    operations: tuple[Any, ...] = (cygrpc.SendStatusFromServerOperation(metadata, code, text.encode(), _PLAIN),)
    if first:
        operations = (cygrpc.SendInitialMetadataOperation(None, _PLAIN), *operations)
    if close:
        operations += (cygrpc.ReceiveCloseOnServerOperation(_PLAIN),)
    call.start_server_batch(operations, then)


def names_of(call: Any) -> dict[str, Sequence[bytes]]:
    """Return what TLS verified of the other end, as grpcio's `auth_context()`."""
    found = cygrpc.auth_context(call) or {}
    return {key.decode(): value for key, value in found.items()}


def connection_of(call: Any) -> str:
    """Return the other end, such as `ipv4:127.0.0.1:5000`."""
    peer = call.peer()
    return peer.decode() if isinstance(peer, bytes) else str(peer)
