"""What servers recorded of their decisions: counted once they have stopped, from what lies on the disk."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from service_servers import BenchmarkError, Server

from pdp.snapshot.chain import StreamKey
from pdp.snapshot.spool.reader import SpoolReader
from pdp.snapshot.store import open_reader

_PAGE = 20_000
_COUNT_SECONDS = 300.0
_MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True, slots=True)
class Count:
    """How many records there are, and how many of them have come to the store, where they can be searched."""

    records: int
    stored: int


@dataclass(frozen=True, slots=True)
class Records:
    """Where a server keeps its records, how they are counted after it has stopped, and how many a batch makes."""

    folder: Path
    count: Callable[[], Count]
    of_batch: int

    def disk_bytes(self) -> int:
        """Return the room that they take; files may have holes."""
        return sum(path.stat().st_blocks * 512 for path in self.folder.rglob("*") if path.is_file())


def count_ours(data: Path) -> Count:
    """Count what is in the store of a data folder, and what is in its spool beyond that."""
    at: dict[StreamKey, int] = {}
    store = data / "store" / "snapshots.db"
    if store.exists():
        reader = open_reader(f"sqlite:{store}")
        try:
            at = {state.key: state.count for state in reader.streams()}
        finally:
            reader.close()
    stored = sum(at.values())
    spool = SpoolReader([data / "spool"])
    try:
        while page := spool.read(at, _PAGE):
            for record in page:
                at[record.stream] = record.sequence + 1
    finally:
        spool.close()
    return Count(sum(at.values()), stored)


def count_cerbos(start: Callable[[], Server]) -> Count:
    """Count decision log entries with Cerbos' own API, which a Cerbos started for it alone opens on the same folder."""
    # Its documented credentials; nobody else can reach this server.
    login = (("authorization", f"Basic {base64.b64encode(b'cerbos:cerbosAdmin').decode()}"),)
    path = "/cerbos.svc.v1.CerbosAdminService/ListAuditLogEntries"
    # Of kind 2, decisions; since a day ago, which is field 4, a Duration of 86,400 s.
    request = bytes((0x08, 2, 0x22, 4, 0x08, 0x80, 0xA3, 0x05))
    with start() as server:
        call = server.channel.unary_stream(path, None, None)
        try:
            found = sum(1 for _entry in call(request, timeout=_COUNT_SECONDS, metadata=login))
        except grpc.RpcError as error:
            raise BenchmarkError(f"Cerbos did not list its decision log: {error}") from error
    return Count(found, found)


def file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is in, as the kernel names it."""
    place, found = folder.resolve(), ("", "unknown")
    for line in _MOUNTS.read_text(encoding="utf-8").splitlines():
        _, point, kind, *_ = line.split()
        # The longest one that holds the folder, and of equal ones the last, which hides those before.
        if place.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]
