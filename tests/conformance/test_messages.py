"""What a call may hold: sizes, forms, compression, metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from pdp.v1.decision_service_pb2 import DecideResponse
from tests.conformance.asking import SERVICE, Stub, batch, code_of, error_of, is_right, reason_of, request
from tests.conformance.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    Connection,
    call_headers,
    frame,
    grpc_message,
)
from tests.integration.running import RunningServer

METHODS = ["Decide", "DecideBatch", "Explain", "GetMessageMap"]
DECIDE = f"/{SERVICE}/Decide"
LIMIT = 256 * 1024


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "payload", [b"\xff", b"\x0a\xff", b"\x12\x02\x0a", b"\x0a\x02\xc3\x28"], ids=["tag", "length", "cut", "not UTF-8"]
)
def test_bytes_that_are_no_message(stub: Stub, raw: Callable[..., bytes], method: str, payload: bytes) -> None:
    error = error_of(lambda: raw(method, payload))
    assert (error.code().name, reason_of(error)) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert is_right(stub.Decide(request()))


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_message(raw: Callable[..., bytes], method: str) -> None:
    assert code_of(lambda: raw(method, b"")) == "INVALID_ARGUMENT"


def test_fields_of_a_newer_client(raw: Callable[..., bytes]) -> None:
    assert is_right(DecideResponse.FromString(raw("Decide", request().SerializeToString() + b"\xfa\x3e\x03new")))


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT, 16 * LIMIT])
def test_a_message_that_is_too_large(stub: Stub, raw: Callable[..., bytes], size: int) -> None:
    assert code_of(lambda: raw("Decide", bytes(size))) == "RESOURCE_EXHAUSTED"
    assert is_right(stub.Decide(request()))


def test_the_largest_message(raw: Callable[..., bytes]) -> None:
    # Padded by a field that the server does not know.
    packed = request().SerializeToString()
    room = LIMIT - len(packed) - 5
    padded = packed + b"\xfa\x3e" + bytes([room & 127 | 128, room >> 7 & 127 | 128, room >> 14]) + bytes(room)
    assert len(padded) == LIMIT
    assert is_right(DecideResponse.FromString(raw("Decide", padded)))


def test_the_largest_batch(stub: Stub) -> None:
    assert len(stub.DecideBatch(batch(1_000), timeout=60).results) == 1_000


def test_a_reply_that_is_too_large(serve: Callable[..., Any], connect: Callable[..., grpc.Channel]) -> None:
    from pdp.server.settings import Limits

    stub = Stub(connect(serve(limits=Limits(reply_bytes=65_536))))
    assert code_of(lambda: stub.DecideBatch(batch(1_000), timeout=60)) == "RESOURCE_EXHAUSTED"
    assert is_right(stub.Decide(request()))


def test_no_message_and_two_messages(channel: grpc.Channel, stub: Stub) -> None:
    decide = channel.stream_unary(DECIDE)
    assert code_of(lambda: decide(iter([]), timeout=30)) == "INTERNAL"
    packed = request().SerializeToString()
    # The first is answered; what comes after it, nobody reads.
    assert is_right(DecideResponse.FromString(decide(iter([packed, packed]), timeout=30)))
    assert is_right(stub.Decide(request()))


def test_compressed_messages(raw: Callable[..., bytes]) -> None:
    packed = request(request_id="x" * 100).SerializeToString()
    assert is_right(DecideResponse.FromString(raw("Decide", packed, compression=grpc.Compression.Gzip)))
    assert code_of(lambda: raw("Decide", packed, compression=grpc.Compression.Deflate)) == "UNIMPLEMENTED"


def test_a_compressed_message_is_bounded_by_what_it_holds(stub: Stub, raw: Callable[..., bytes]) -> None:
    bomb = bytes(16 * 1024 * 1024)
    assert code_of(lambda: raw("Decide", bomb, compression=grpc.Compression.Gzip)) == "RESOURCE_EXHAUSTED"
    assert is_right(stub.Decide(request()))


def test_a_compression_that_nobody_knows(server: RunningServer, dial: Callable[..., Connection], stub: Stub) -> None:
    connection = dial(server)
    head = call_headers(DECIDE, grpc_encoding="snappy")
    body = grpc_message(b"x", compressed=True)
    connection.send(frame(HEADERS, END_HEADERS, 1, head), frame(DATA, END_STREAM, 1, body))
    assert connection.end_of(1) is not None
    assert is_right(stub.Decide(request()))


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"\0\0\0\0\x09x", b"\x07\0\0\0\x01x", b"\0\xff\xff\xff\xff", b"\x01\0\0\0\x05nogzi"],
    ids=["nothing", "half a head", "cut", "unknown flag", "4 GB", "compressed without a word"],
)
def test_messages_framed_wrongly(
    server: RunningServer, dial: Callable[..., Connection], stub: Stub, body: bytes
) -> None:
    connection = dial(server)
    connection.send(frame(HEADERS, END_HEADERS, 1, call_headers(DECIDE)), frame(DATA, END_STREAM, 1, body))
    assert connection.end_of(1) is not None
    assert is_right(stub.Decide(request()))


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", ""])
def test_another_content_type(
    server: RunningServer, dial: Callable[..., Connection], stub: Stub, content_type: str
) -> None:
    connection = dial(server)
    head = call_headers(DECIDE, content_type=content_type)
    body = grpc_message(request().SerializeToString())
    connection.send(frame(HEADERS, END_HEADERS, 1, head), frame(DATA, END_STREAM, 1, body))
    assert connection.end_of(1) is not None
    assert is_right(stub.Decide(request()))


def test_metadata_is_bounded(transport: str, stub: Stub) -> None:
    code = code_of(lambda: stub.Decide(request(), metadata=(("x-long", "x" * 32_000),)))
    # pygrpc-native says so as HTTP does (431), which gRPC clients know no code for.
    assert code == {"grpc": "RESOURCE_EXHAUSTED", "native": "UNKNOWN"}[transport]
    assert is_right(stub.Decide(request(), metadata=(("x-long", "x" * 8_000),)))


def test_metadata_may_be_binary_and_repeated(stub: Stub) -> None:
    metadata = (("x-bin", b"\0\xff"), ("x", "1"), ("x", "2"), ("traceparent", "not one"))
    assert is_right(stub.Decide(request(), metadata=metadata))


def test_errors_fit_into_metadata(stub: Stub) -> None:
    asked = request(fields=[])
    asked.message.application, asked.message.name = "应用" * 20_000, "报文"
    error = error_of(lambda: stub.Decide(asked))
    assert reason_of(error) == "UNKNOWN_MESSAGE"
    assert len(error.details().encode()) <= 480
