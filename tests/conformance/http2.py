"""HTTP/2 by hand, for what no client library would send. Frames as in RFC 9113, header fields as in RFC 7541."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def setting(identifier: int, value: int) -> bytes:
    return struct.pack("!HI", identifier, value)


def grpc_message(payload: bytes, *, compressed: bool = False) -> bytes:
    """Return a message as gRPC frames it."""
    return struct.pack("!BI", compressed, len(payload)) + payload


def headers(fields: Iterable[tuple[str, str]]) -> bytes:
    """Encode fields, each as a literal without indexing and without Huffman coding."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, prefix = len(data) - 127, bytearray([127])
    while rest > 127:
        prefix.append(rest & 127 | 128)
        rest >>= 7
    prefix.append(rest)
    return bytes(prefix) + data


def call_headers(path: str, **more: str) -> bytes:
    """Return the header fields of a gRPC call; `more` replaces or adds, with `_` for `-`, and "" removes."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test"}
    fields |= {"content-type": "application/grpc", "te": "trailers"}
    fields |= {name.replace("_", "-"): value for name, value in more.items()}
    return headers((name, value) for name, value in fields.items() if value)


class Connection:
    """A connection whose bytes the test chooses."""

    def __init__(self, target: str, *, settings: bytes = b"", preface: bool = True) -> None:
        host, _, port = target.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self._buffer = b""
        if preface:
            self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def frames(self) -> Iterator[Frame]:
        """Yield what the server sends until it closes the connection; settings and pings are acknowledged."""
        while True:
            head = self._read(9)
            if len(head) < 9:
                return
            size = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack("!BBI", head[3:])
            payload = self._read(size)
            if kind in {SETTINGS, PING} and not flags & ACK:
                with suppress(OSError):  # the server may have closed it by now
                    self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
            yield Frame(kind, flags, stream & 0x7FFF_FFFF, payload)

    def wait_for(self, *kinds: int) -> Frame | None:
        """Return the next frame of these kinds; None when the server closes the connection before."""
        return next((found for found in self.frames() if found.kind in kinds), None)

    def end_of(self, stream: int) -> int | None:
        """Return the kind of the frame that ends a stream; None when the connection ends first."""
        for found in self.frames():
            if found.stream == stream and (found.kind == RST_STREAM or found.flags & END_STREAM):
                return found.kind
        return None

    def is_closed(self) -> bool:
        """Read until the server closes the connection."""
        for _ in self.frames():
            pass
        return True

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                more = self.socket.recv(65_536)
            except ConnectionResetError:
                more = b""
            if not more:
                data, self._buffer = self._buffer, b""
                return data
            self._buffer += more
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def close(self) -> None:
        self.socket.close()
