"""A connection to the service: one channel, who is signed in, and whether the service is there."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from PySide6.QtCore import QObject, QTimer, Signal

from admin_gui.domain.failure import Failure
from admin_gui.services.calls import UNARY_SECONDS, Call, StreamCall, UnaryCall

_MAX_ANSWER = 64 * 1024 * 1024
_CLOSE_MILLISECONDS = 1_000
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_ANSWER),
    ("grpc.max_send_message_length", _MAX_ANSWER),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the staff port is, and what to show there. `certificate` and `key` are one's own."""

    address: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is a socket file or this machine, where plain text is allowed."""
        host = self.address.rpartition(":")[0].strip("[]")
        return self.address.startswith("unix:") or host in ("localhost", "127.0.0.1", "::1")


class Connection(QObject):
    """Asks one service. `available` tells when it goes away and when it is back."""

    available = Signal(bool)
    session_ended = Signal()
    """The session that calls show is no longer taken; told once a session."""

    def __init__(self, endpoint: Endpoint, parent: QObject | None = None) -> None:
        """Raises OSError for certificates that cannot be read."""
        super().__init__(parent)
        self.endpoint = endpoint
        self._token, self._device = "", b""
        self._is_there: bool | None = None
        self._closed = False
        self._channel = _open(endpoint)
        self._watch = _Watch(self._channel, self)
        self._watch.changed.connect(self._heard)

    def sign_in(self, token: str, device: bytes) -> None:
        """Show this session with every call from now on; empty for none."""
        self._token, self._device = token, device

    @property
    def is_there(self) -> bool:
        """Whether the service was there when it was last heard of."""
        return self._is_there is not False

    def ask(
        self, stub: type[Any], method: str, request: Any, seconds: float = UNARY_SECONDS, *, proves: bool = False
    ) -> Call:
        """Ask a question with one answer; once the connection is closed nothing is told.

        With `proves` the request shows a password: that it is refused says nothing of the session.
        """
        if self._closed:
            return Call.over()
        call = UnaryCall(self)
        if not proves:
            self._watch_session(call)
        return call.begin(getattr(stub(self._channel), method), request, seconds, self._shown())

    def stream(self, stub: type[Any], method: str, request: Any) -> Call:
        """Ask a question with many answers; once the connection is closed nothing is told."""
        if self._closed:
            return Call.over()
        call = StreamCall(self)
        self._watch_session(call)
        return call.begin(getattr(stub(self._channel), method), request, self._shown())

    def close(self) -> None:
        """End all calls and the connection."""
        self._closed = True
        self._watch.stop()
        for call in self.findChildren(Call):
            call.cancel()
        # gRPC looks at the channel for a moment longer, in a thread of its own that fails when it is closed already.
        QTimer.singleShot(_CLOSE_MILLISECONDS, self._channel.close)

    def _shown(self) -> list[tuple[str, str]]:
        if not self._token:
            return []
        device = base64.urlsafe_b64encode(self._device).decode().rstrip("=")
        return [("authorization", f"Bearer {self._token}"), ("x-jingxi-device", device)]

    def _watch_session(self, call: Call) -> None:
        token = self._token
        if token:
            call.failed.connect(lambda failure: self._look_at(failure, token))

    def _look_at(self, failure: Failure, token: str) -> None:
        # A call of an earlier session says nothing of the one that has begun since.
        if failure.code == "UNAUTHENTICATED" and token == self._token:
            self._token = ""
            self.session_ended.emit()

    def _heard(self, there: bool) -> None:
        if there != self._is_there:
            self._is_there = there
            self.available.emit(there)


class _Watch(QObject):
    """Tells how the channel is, in the thread of the window."""

    changed = Signal(bool)

    def __init__(self, channel: grpc.Channel, parent: QObject) -> None:
        super().__init__(parent)
        self._channel = channel
        self._state: grpc.ChannelConnectivity | None = None
        channel.subscribe(self._hear, try_to_connect=True)
        # A state is told once only, from another thread; looking at it here is the simplest that cannot miss one.
        self._timer = QTimer(self, interval=250)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self._channel.unsubscribe(self._hear)

    def _hear(self, state: grpc.ChannelConnectivity) -> None:
        self._state = state

    def _look(self) -> None:
        if self._state is grpc.ChannelConnectivity.READY:
            self.changed.emit(True)
        elif self._state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            self.changed.emit(False)
        elif self._state is grpc.ChannelConnectivity.IDLE:
            # A channel that lost its service waits for the next call; whether it is back is to be known before.
            self._channel.unsubscribe(self._hear)
            self._channel.subscribe(self._hear, try_to_connect=True)


def _open(endpoint: Endpoint) -> grpc.Channel:
    if endpoint.ca is None and endpoint.is_local:
        return grpc.insecure_channel(endpoint.address, _OPTIONS)
    ca, key, certificate = (
        None if path is None else path.read_bytes() for path in (endpoint.ca, endpoint.key, endpoint.certificate)
    )
    return grpc.secure_channel(endpoint.address, grpc.ssl_channel_credentials(ca, key, certificate), _OPTIONS)
