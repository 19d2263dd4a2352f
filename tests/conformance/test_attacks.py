"""Clients that break the protocol or wear the server out: they fail, and all other callers go on unharmed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import grpc
import pytest

from tests.conformance.asking import SERVICE, Stub, is_right, request, streamed
from tests.conformance.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Connection,
    Frame,
    call_headers,
    frame,
    grpc_message,
    headers,
    setting,
)
from tests.integration.running import RunningServer

DECIDE, STREAM = f"/{SERVICE}/Decide", f"/{SERVICE}/DecideStream"
MESSAGE = grpc_message(request().SerializeToString())

Dial = Callable[..., Connection]


@pytest.fixture(autouse=True)
def others(stub: Stub) -> Iterator[None]:
    """Another caller, who was there before and is answered afterwards."""
    assert is_right(stub.Decide(request(), timeout=30))
    yield
    assert is_right(stub.Decide(request(), timeout=30))


def test_a_sound_call_made_by_hand(server: RunningServer, dial: Dial) -> None:
    connection = dial(server)
    connection.send(frame(HEADERS, END_HEADERS, 1, call_headers(DECIDE)), frame(DATA, END_STREAM, 1, MESSAGE))
    kinds = []
    for found in connection.frames():
        if found.stream == 1:
            kinds.append(found.kind)
            if found.flags & END_STREAM:
                break
    assert kinds == [HEADERS, DATA, HEADERS]


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, b"\0" * 1_000],
    ids=["HTTP/1.1", "TLS", "zeros"],
)
def test_another_protocol(server: RunningServer, dial: Dial, data: bytes) -> None:
    connection = dial(server, preface=False)
    connection.send(data)
    assert connection.is_closed()


@pytest.mark.parametrize(
    "broken",
    [
        frame(DATA, END_STREAM, 1, b"x"),
        frame(HEADERS, END_HEADERS, 2, call_headers(DECIDE)),
        frame(HEADERS, END_HEADERS, 0, call_headers(DECIDE)),
        frame(CONTINUATION, END_HEADERS, 1, b""),
        frame(SETTINGS, 0, 0, b"12345"),
        frame(PING, 0, 0, b"1234567"),
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
        frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
        b"\xff\xff\xff" + frame(DATA, 0, 1)[3:],
    ],
    ids=["data for no stream", "even stream", "stream 0", "continuation of nothing", "settings cut", "ping cut",
         "window by 0", "broken compression", "16 MB frame"],
)  # fmt: skip
def test_broken_frames(server: RunningServer, dial: Dial, broken: bytes) -> None:
    """The connection ends, or goes on as if nothing had come."""
    connection = dial(server)
    with suppress(OSError):
        connection.send(broken, frame(PING, 0, 0, b"12345678"))
        ended = (f for f in connection.frames() if f.kind in {GOAWAY, RST_STREAM} or (f.kind == PING and f.flags & ACK))
        next(ended, None)


def test_headers_that_do_not_end(server: RunningServer, dial: Dial) -> None:
    connection = dial(server)
    more = headers([("x-more", "y" * 1_000)]) * 10
    with ExitStack() as stack:
        stack.callback(connection.close)
        try:
            connection.send(frame(HEADERS, 0, 1, call_headers(DECIDE)))
            for _ in range(2_000):
                connection.send(frame(CONTINUATION, 0, 1, more))
        except OSError:
            return  # it was cut off on the way
        assert connection.wait_for(GOAWAY, RST_STREAM) is not None or connection.is_closed()


def test_giant_headers(server: RunningServer, dial: Dial) -> None:
    connection = dial(server)
    # A bound counts once the client has acknowledged it, which `frames` does.
    assert connection.wait_for(SETTINGS) is not None
    more = headers([("x-more", "y" * 64_000)])
    pieces = [frame(CONTINUATION, 0, 1, more[at : at + 16_000]) for at in range(0, len(more), 16_000)]
    with suppress(OSError):  # it may be cut off on the way
        connection.send(frame(HEADERS, 0, 1, call_headers(DECIDE)), *pieces)
        connection.send(frame(CONTINUATION, END_HEADERS, 1), frame(DATA, END_STREAM, 1, MESSAGE))
    answered = any(found.stream == 1 and found.kind == DATA for found in _until_end(connection, 1))
    assert not answered


def _until_end(connection: Connection, stream: int) -> Iterator[Frame]:
    for found in connection.frames():
        yield found
        if found.stream == stream and (found.kind == RST_STREAM or found.flags & END_STREAM):
            return


def test_streams_opened_and_reset_at_once(server: RunningServer, dial: Dial) -> None:
    """Rapid reset, CVE-2023-44487."""
    connection = dial(server)
    head = call_headers(DECIDE)
    try:
        for number in range(1, 8_001, 2):
            connection.send(frame(HEADERS, END_HEADERS, number, head), frame(RST_STREAM, 0, number, b"\0\0\0\x08"))
    except OSError:
        return  # it was cut off on the way
    assert connection.socket.fileno() >= 0


def test_settings_and_pings_without_end(server: RunningServer, dial: Dial) -> None:
    connection = dial(server)
    try:
        for _ in range(200):
            connection.send(*[frame(SETTINGS, 0, 0), frame(PING, 0, 0, b"12345678")] * 50)
    except OSError:
        return  # it was cut off on the way
    assert connection.socket.fileno() >= 0


def test_calls_that_never_send_their_message(server: RunningServer, dial: Dial) -> None:
    connection = dial(server)
    connection.send(*[frame(HEADERS, END_HEADERS, number, call_headers(DECIDE)) for number in range(1, 401, 2)])
    connection.send(*[frame(DATA, 0, number, MESSAGE[:20]) for number in range(1, 401, 2)])
    with socket.create_connection(server.target.rsplit(":", 1)) as other:
        assert other.fileno() >= 0


def test_a_client_that_never_reads(server: RunningServer, dial: Dial) -> None:
    # No window: nothing of any answer may leave.
    connection = dial(server, settings=setting(INITIAL_WINDOW_SIZE, 0))
    for number in range(1, 401, 2):
        connection.send(
            frame(HEADERS, END_HEADERS, number, call_headers(DECIDE)), frame(DATA, END_STREAM, number, MESSAGE)
        )
    assert connection.wait_for(SETTINGS) is not None


def test_a_stream_that_never_reads(server: RunningServer, dial: Dial) -> None:
    connection = dial(server, settings=setting(INITIAL_WINDOW_SIZE, 0))
    message = grpc_message(streamed().SerializeToString())
    connection.socket.settimeout(2)
    connection.send(frame(HEADERS, END_HEADERS, 1, call_headers(STREAM)))
    # It pays no heed to the windows that the server grants, and still the server takes in no more than these: it does
    # not read what it cannot answer.
    flood = frame(DATA, 0, 1, message) * 64
    try:
        for _ in range(64 * 1024 * 1024 // len(flood)):
            connection.send(flood)
    except OSError:
        return  # it was cut off, or the server stopped reading
    assert connection.wait_for(RST_STREAM, GOAWAY) is not None


def test_connections_that_say_nothing(server: RunningServer) -> None:
    host, _, port = server.target.rpartition(":")
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection((host, int(port))))
        with grpc.insecure_channel(server.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            assert is_right(Stub(channel).Decide(request(), timeout=30))


def test_connections_that_go_in_the_middle(server: RunningServer, dial: Dial) -> None:
    for cut in range(1, 60, 7):
        connection = dial(server)
        connection.send(frame(HEADERS, END_HEADERS, 1, call_headers(DECIDE)), frame(DATA, 0, 1, MESSAGE)[:cut])
        connection.close()


def test_a_half_closed_connection_is_still_answered(server: RunningServer, dial: Dial) -> None:
    connection = dial(server)
    assert connection.wait_for(SETTINGS) is not None
    connection.send(frame(HEADERS, END_HEADERS, 1, call_headers(DECIDE)), frame(DATA, END_STREAM, 1, MESSAGE))
    connection.socket.shutdown(socket.SHUT_WR)
    # Answered or cut off, but not left hanging.
    assert connection.is_closed()


def test_another_caller_is_answered_during_a_flood(server: RunningServer, dial: Dial, stub: Stub) -> None:
    over = threading.Event()

    def flood() -> None:
        while not over.is_set():
            connection = Connection(server.target)
            try:
                for number in range(1, 101, 2):
                    connection.send(frame(HEADERS, END_HEADERS, number, call_headers(DECIDE)))
            except OSError:
                pass
            connection.close()
            over.wait(0.01)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for _ in range(50):
            assert is_right(stub.Decide(request(), timeout=30))
    finally:
        over.set()
        thread.join()
