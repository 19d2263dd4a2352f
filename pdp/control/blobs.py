"""Large things in the control store: compressed, in pieces, each under the SHA-256 of the whole.

What has a hash for its name is never changed, so whoever writes it twice writes the same. A transaction of the store
holds 1.5 MB: the pieces are written first, and whatever names the blob after them.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from typing import Final

from pdp.control import layout
from pdp.control.kv.base import KeyValueStore, Put, Unchanged
from pdp.errors import BlobError, BlobMissingError, LimitError

PIECE_BYTES: Final = 512 * 1024
MAX_BYTES: Final = 256 * 1024 * 1024
"""The largest blob, before compression."""
_LEVEL = 6


def name_of(data: bytes) -> str:
    """Return the name that bytes are kept under: their SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


async def write(store: KeyValueStore, data: bytes) -> str:
    """Keep bytes and return their SHA-256 in hexadecimal. Raises LimitError and ControlStoreError."""
    if len(data) > MAX_BYTES:
        raise LimitError(f"it has {len(data)} bytes; the control store keeps at most {MAX_BYTES}")
    digest = name_of(data)
    prefix = layout.blob_prefix(digest)
    # The event loop renews leases meanwhile.
    packed = await asyncio.to_thread(zlib.compress, data, _LEVEL)
    pieces = [packed[at : at + PIECE_BYTES] for at in range(0, len(packed), PIECE_BYTES)]
    # The first piece says how many there are, and is written last: with it the blob is there.
    for number in range(len(pieces) - 1, 0, -1):
        key = f"{prefix}{number:04d}"
        await store.commit([Unchanged(key, 0)], [Put(key, pieces[number])])
    first = f"{prefix}0000"
    await store.commit([Unchanged(first, 0)], [Put(first, len(pieces).to_bytes(4, "big") + pieces[0])])
    return digest


async def read(store: KeyValueStore, digest: str) -> bytes:
    """Return what `write` kept. Raises BlobMissingError when it is not there, BlobError when it is damaged, and
    ControlStoreError."""
    prefix = layout.blob_prefix(digest)
    first = await store.get(f"{prefix}0000")
    if first is None:
        raise BlobMissingError(f"the control store does not hold `{digest}`")
    pieces = [first.value[4:]]
    for number in range(1, int.from_bytes(first.value[:4], "big")):
        piece = await store.get(f"{prefix}{number:04d}")
        if piece is None:
            raise BlobMissingError(f"piece {number} of `{digest}` is gone from the control store")
        pieces.append(piece.value)
    data = await asyncio.to_thread(_unpack, b"".join(pieces), digest)
    if hashlib.sha256(data).hexdigest() != digest:
        raise BlobError(f"what the control store holds as `{digest}` was damaged or altered")
    return data


def _unpack(packed: bytes, digest: str) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        # Bounded: whoever can write to the store must not be able to fill a node's memory.
        data = unpacker.decompress(packed, MAX_BYTES + 1)
    except zlib.error as error:
        raise BlobError(f"what the control store holds as `{digest}` was damaged or altered") from error
    if len(data) > MAX_BYTES or not unpacker.eof:
        raise BlobError(f"what the control store holds as `{digest}` was damaged or altered")
    return data
