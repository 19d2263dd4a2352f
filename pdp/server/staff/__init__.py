"""The staff port: gRPC for people's tools, in the supervisor's process and never in a worker's.

`make_staff_server` puts it together; `StaffServer` listens, on a Unix socket in the data folder by default. Who may
open that file may ask: it and its folder belong to the service's user alone, and accounts come with the control plane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pdp.server.address import Address
from pdp.server.staff.calls import Calls
from pdp.server.staff.server import StaffServer
from pdp.server.staff.snapshots import SnapshotServicer
from pdp.server.tls import TlsFiles
from pdp.snapshot.query import Asking
from pdp.snapshot.store.base import Reader
from pdp.v1 import snapshot_pb2

__all__ = ["SnapshotHost", "StaffServer", "make_staff_server"]


@dataclass(frozen=True, slots=True)
class SnapshotHost:
    """What the snapshot service needs of its host.

    `asking` is asked at every call for the names of filters (the present policy set's), the tokens' key and the clock.
    `record` makes an operation durable before it returns, or raises SpoolError. `reader` may be shared by threads.
    """

    reader: Reader
    asking: Callable[[], Asking]
    record: Callable[[snapshot_pb2.Operation], None]


def make_staff_server(
    address: Address,
    snapshots: SnapshotHost,
    *,
    tls: TlsFiles | None = None,
    insecure: bool = False,
    reflection: bool = True,
    actor: Callable[[str], str] | None = None,
) -> StaffServer:
    """Return a staff server that does not listen yet.

    `actor` tells who asks from a peer's name, for the records of exports; the user of the socket's file by default.
    Raises ConfigError for an address that other machines can reach without TLS, unless `insecure` allows it.
    """
    calls = Calls(actor)
    servicer = SnapshotServicer(calls, snapshots.reader, snapshots.asking, snapshots.record)
    return StaffServer(address, servicer, calls, tls=tls, insecure=insecure, reflection=reflection)
