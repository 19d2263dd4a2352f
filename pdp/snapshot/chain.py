"""The hash chain of a stream: each value stands for a record and for all before it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

RETENTIONS: Final = ("short", "medium", "long")
ALGORITHMS: Final = ("sha256", "sm3")
DIGEST_BYTES: Final = 32
_SEPARATOR = b"\x00"


class StreamKey(NamedTuple):
    """Names a chain: node, one life of a writing process (16 hexadecimal digits), retention class, UTC day.

    `day` counts from 1970. It is the day for which the stream was begun and never goes back, whatever the clock does.
    """

    node: str
    boot: str
    retention: str
    day: int


class SpooledRecord(NamedTuple):
    """A record in its place: `body` is a serialized `snapshot_pb2.Record`, `chain` the value after it."""

    stream: StreamKey
    sequence: int
    body: bytes
    chain: bytes


def hasher(algorithm: str) -> Callable[[bytes], Any]:
    """Return the constructor of a hash: SHA-256 (FIPS 180-4) or SM3 (GB/T 32905). Raises ValueError."""
    if algorithm == "sha256":
        return hashlib.sha256
    if algorithm == "sm3":
        return lambda data: hashlib.new("sm3", data)
    raise ValueError(f"there is no hash algorithm `{algorithm}`")


def genesis(key: StreamKey, algorithm: str) -> bytes:
    """Return the value before the first record, which ties a chain to its name."""
    parts = (b"jingxi stream 1", key.node.encode(), key.boot.encode(), key.retention.encode(), b"%d" % key.day)
    digest: bytes = hasher(algorithm)(_SEPARATOR.join(parts)).digest()
    return digest


def link(previous: bytes, sequence: int, body: bytes, new: Callable[[bytes], Any] = hashlib.sha256) -> bytes:
    """Return the chain value after a record; `new` is what `hasher` gave."""
    digest: bytes = new(previous + sequence.to_bytes(8, "big") + body).digest()
    return digest
