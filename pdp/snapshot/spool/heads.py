"""A small file beside those of a boot that says how far its streams have come: a log that was cut off does not tell.

It is written after a transaction is durable and is itself never synchronised, which costs next to nothing. After the
end of a process it is exact; after that of the machine it may say less than the truth, but never more.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pdp.snapshot.chain import RETENTIONS, StreamKey
from pdp.snapshot.spool.segment import Start

NAME: Final = "heads"
_BYTES: Final = 4096
_SLOT_BYTES: Final = 32
_SLOT: Final = struct.Struct("<QIIB")
"""next sequence, stream id, day, place in RETENTIONS; a CRC-32 that begins with the boot's follows"""
_SUM_BYTES: Final = 4
_PLACES: Final = {retention: place for place, retention in enumerate(RETENTIONS)}


class Heads:
    """The file that a writer keeps. When its disk fails, nothing more is told."""

    def __init__(self, folder: Path) -> None:
        """`folder` is that of a boot."""
        self._seed = zlib.crc32(folder.name.encode())
        self._fd: int | None = None
        with contextlib.suppress(OSError):
            self._fd = os.open(folder / NAME, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            os.posix_fallocate(self._fd, 0, _BYTES)

    def tell(self, number: int, key: StreamKey, sequence: int) -> None:
        """Note that all records of a stream below a sequence are durable; `number` is the stream's id."""
        if self._fd is None:
            return
        slot = _SLOT.pack(sequence, number, key.day, _PLACES[key.retention])
        total = zlib.crc32(slot, self._seed).to_bytes(_SUM_BYTES, "little")
        try:
            # Streams of days long gone make way.
            os.pwrite(self._fd, slot + total, number * _SLOT_BYTES % _BYTES)
        except OSError:
            self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def read_heads(folders: Sequence[Path], boot: str, node: str) -> list[Start]:
    """Return how far the streams of a boot's last day came, as the starts of a file that would go on from there.

    Those of earlier days have a later file that says so. A part that is damaged is left out.
    """
    seed = zlib.crc32(boot.encode())
    found: dict[StreamKey, Start] = {}
    for folder in folders:
        try:
            data = (folder / boot / NAME).read_bytes()
        except OSError:
            continue
        for at in range(0, len(data) - _SLOT_BYTES + 1, _SLOT_BYTES):
            slot, total = data[at : at + _SLOT.size], data[at + _SLOT.size :][:_SUM_BYTES]
            sequence, number, day, place = _SLOT.unpack(slot)
            if number and place < len(RETENTIONS) and zlib.crc32(slot, seed) == int.from_bytes(total, "little"):
                key = StreamKey(node, boot, RETENTIONS[place], day)
                if key not in found or found[key].first < sequence:
                    found[key] = Start(number, key, sequence, b"")
    last = max((key.day for key in found), default=0)
    return [start for key, start in found.items() if key.day == last]
