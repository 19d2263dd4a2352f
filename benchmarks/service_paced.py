"""Open-loop load: requests are sent when their time has come, whether or not earlier ones were answered.

Times run from the moment at which a request was to be sent, so that a server that stalls cannot hide it by holding up
the load (coordinated omission). Arrivals are random (Poisson), as those of many callers are. The requests differ.

It speaks just enough HTTP/2 itself: a gRPC library would use as much of the CPU as the server under test, and its own
queues would be most of what is measured.
"""

from __future__ import annotations

import gc
import random
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import service_usage
from service_load import quantile
from service_servers import BenchmarkError, Server

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM = _ACK = 0x1
_END_HEADERS, _PADDED = 0x4, 0x8
_MAX_STREAMS, _INITIAL_WINDOW = 3, 4
_REFUSED = 7
_MOST = 2**31 - 1
_DEFAULT_WINDOW = 65_535
_HEAD = 9
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many requests a second, over how many connections, for how long."""

    rate: int
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PacedRun:
    """What one turn showed. `late_p99_ms` is how far behind its schedule the load itself was.

    `behind_s` is for how long the server worked on after its last answer.
    """

    requests: int
    rate: float
    cpu_us: float
    behind_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float
    load_cpu_us: float
    foreign: float


def run_paced(
    server: Server, path: str, requests: Sequence[bytes], pace: Pace, check: Callable[[int, bytes], bool]
) -> PacedRun:
    """Ask a server at a steady rate; `check` is told of every reply, with the number of its request.

    Raises BenchmarkError when a call fails or a reply is not as it should be.
    """
    host, _, port = server.address.rpartition(":")
    head = _headers(path, server.address)
    connections = [Connection((host, int(port)), head) for _ in range(pace.connections)]
    try:
        meter = service_usage.Meter(server.processes())
        asked = _drive(connections, requests, pace)
        usage = meter.stop(settle=server.settles)
    finally:
        for connection in connections:
            connection.close()
    for each in asked:
        if not check(each.request, each.reply):
            raise BenchmarkError(f"{server.address}{path}: a wrong or empty reply of {len(each.reply)} bytes")
    waits = sorted(each.done - each.due for each in asked)
    lates = sorted(each.sent - each.due for each in asked)
    return PacedRun(
        requests=len(asked),
        rate=len(asked) / pace.seconds,
        cpu_us=usage.cpu * 1e6 / len(asked),
        behind_s=usage.behind,
        p50_ms=quantile(waits, 0.5) / 1e6,
        p99_ms=quantile(waits, 0.99) / 1e6,
        p999_ms=quantile(waits, 0.999) / 1e6,
        max_ms=waits[-1] / 1e6,
        late_p99_ms=quantile(lates, 0.99) / 1e6,
        load_cpu_us=usage.own * 1e6 / len(asked),
        foreign=usage.foreign,
    )


@dataclass(slots=True)
class Call:
    """One request: which, when it was due, sent and answered, and the reply so far."""

    request: int
    due: int
    message: bytes = b""
    sent: int = 0
    done: int = 0
    reply: bytes = b""


def _drive(connections: list[Connection], requests: Sequence[bytes], pace: Pace) -> list[Call]:
    draw = random.Random("arrivals")
    start = time.perf_counter_ns()
    calls: list[Call] = []
    at = 0.0
    while (at := at + draw.expovariate(pace.rate)) < pace.seconds:
        calls.append(Call(draw.randrange(len(requests)), start + round(at * 1e9)))
    by_socket = {connection.socket: connection for connection in connections}
    following = outstanding = 0
    give_up = start + round((pace.seconds + _PATIENCE) * 1e9)
    gc.disable()
    try:
        while following < len(calls) or outstanding:
            now = time.perf_counter_ns()
            while following < len(calls) and calls[following].due <= now:
                call = calls[following]
                connections[following % len(connections)].ask(call, requests[call.request])
                following += 1
                outstanding += 1
            if now > give_up:
                raise BenchmarkError(f"{outstanding} calls were not answered within {_PATIENCE:.0f} s")
            until = calls[following].due if following < len(calls) else now + 10**8
            # Not epoll, whose waits are whole milliseconds.
            readable, _, _ = select.select(by_socket, (), (), max(0, until - time.perf_counter_ns()) / 1e9)
            for each in readable:
                outstanding -= by_socket[each].receive()
    finally:
        gc.enable()
    return calls


@dataclass(slots=True)
class Connection:
    """One HTTP/2 connection to a gRPC server, which sends the same headers with every request."""

    address: tuple[str, int]
    head: bytes
    socket: socket.socket = field(init=False)
    _calls: dict[int, Call] = field(default_factory=dict)
    _waiting: deque[Call] = field(default_factory=deque)
    _buffer: bytearray = field(default_factory=bytearray)
    _stream: int = 1
    # What the server allows: streams at a time, bytes on a stream, bytes on the connection.
    _streams: int = 100
    _stream_window: int = _DEFAULT_WINDOW
    _window: int = _DEFAULT_WINDOW

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(self.address, _PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The server may send as much as it likes.
        windows = _INITIAL_WINDOW.to_bytes(2, "big") + _MOST.to_bytes(4, "big")
        more = (_MOST - _DEFAULT_WINDOW).to_bytes(4, "big")
        self.socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, windows) + _frame(_WINDOW, 0, 0, more))

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def ask(self, call: Call, request: bytes) -> None:
        """Send a request as soon as the server takes it."""
        call.message = b"\0" + len(request).to_bytes(4, "big") + request
        self._waiting.append(call)
        self._send()

    def receive(self) -> int:
        """Read what has come and return how many calls it completes."""
        data = self.socket.recv(1 << 18)
        now = time.perf_counter_ns()
        if not data:
            raise BenchmarkError(f"{self.address} hung up with {len(self._calls)} calls under way")
        buffer = self._buffer
        buffer += data
        at = completed = 0
        while len(buffer) >= at + _HEAD and len(buffer) >= (end := at + _HEAD + int.from_bytes(buffer[at : at + 3])):
            kind, flags = buffer[at + 3], buffer[at + 4]
            stream = int.from_bytes(buffer[at + 5 : at + _HEAD])
            completed += self._take(kind, flags, stream, bytes(buffer[at + _HEAD : end]), now)
            at = end
        del buffer[:at]
        self._send()
        return completed

    def _send(self) -> None:
        frames = b""
        while self._waiting and len(self._calls) < self._streams:
            call = self._waiting[0]
            message = call.message
            if len(message) > min(self._window, self._stream_window):
                break
            self._waiting.popleft()
            self._window -= len(message)
            self._calls[self._stream] = call
            frames += _frame(_HEADERS, _END_HEADERS, self._stream, self.head)
            frames += _frame(_DATA, _END_STREAM, self._stream, message)
            self._stream += 2
            call.sent = time.perf_counter_ns()
        if frames:
            self.socket.sendall(frames)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes, now: int) -> int:
        """Take in a frame; return 1 when it completes a call."""
        if kind == _DATA:
            if flags & (_PADDED | _END_STREAM):
                raise BenchmarkError(f"{self.address} ended a call without a status, or padded it")
            self._calls[stream].reply += payload
        elif kind == _HEADERS and flags & _END_STREAM:
            # A call that failed ends in the same way, but without a message: the reply is checked later.
            call = self._calls.pop(stream)
            call.reply, call.done = call.reply[5:], now
            return 1
        elif kind == _WINDOW and stream == 0:
            self._window += int.from_bytes(payload)
        elif kind == _SETTINGS and not flags & _ACK:
            self._adjust(payload)
            self.socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self.socket.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _RESET and int.from_bytes(payload) == _REFUSED:
            # Unread, as one stream too many for the moment; every client asks again, and its time runs on.
            self._waiting.appendleft(self._calls.pop(stream))
        elif kind in (_RESET, _GOAWAY):
            raise BenchmarkError(f"{self.address} broke off, with HTTP/2 error {payload.hex()}")
        return 0

    def _adjust(self, settings: bytes) -> None:
        for at in range(0, len(settings), 6):
            name, value = int.from_bytes(settings[at : at + 2]), int.from_bytes(settings[at + 2 : at + 6])
            if name == _MAX_STREAMS:
                self._streams = value
            elif name == _INITIAL_WINDOW:
                self._stream_window = value


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _headers(path: str, authority: str) -> bytes:
    """Return the header block of a gRPC call: POST and http by their numbers in HPACK's table, the rest spelt out."""

    def spelt(text: str) -> bytes:
        if len(text) >= 127:
            raise ValueError(f"`{text}` is too long for a header without a second length byte")
        return bytes((len(text),)) + text.encode("ascii")

    numbered = {b"\x04": path, b"\x01": authority, b"\x0f\x10": "application/grpc"}
    named = {"te": "trailers"}
    block = b"\x83\x86" + b"".join(number + spelt(value) for number, value in numbered.items())
    return block + b"".join(b"\0" + spelt(name) + spelt(value) for name, value in named.items())
