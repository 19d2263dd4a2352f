"""A snapshot service on a real socket that has as many records as one likes, and remembers what it was asked.

Records are made of their number when they are asked for: number 0 is the newest, each is a second older than the last.
Of filters it knows the bound of a time that the program itself adds, and one word: `wrong`.
"""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Final

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from jingxi_client._gen.pdp.v1 import (
    decision_service_pb2,
    snapshot_pb2,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
    types_pb2,
)

NANOS: Final = 1_000_000_000
NEWEST: Final = 1_767_225_600  # 2026-01-01T00:00:00Z, in seconds since 1970
_UNTIL: Final = re.compile(r'time <= timestamp\("([^"]+)"\)')


def entry(number: int, newest: int = NEWEST) -> snapshot_service_pb2.SnapshotEntry:
    """Return a record by its number from the newest."""
    shown = types_pb2.EFFECT_UNMASK if number % 3 == 0 else types_pb2.EFFECT_MASK
    snapshot = snapshot_pb2.Snapshot(
        decision_id=f"d{number:08}",
        time_nanos=(newest - number) * NANOS,
        revision=7,
        severity=number % 4,  # type: ignore[arg-type]
        resource_key=number.to_bytes(16, "big", signed=True),
        facts=decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id=f"T{number % 50:04}", roles=["teller"]),
            action=types_pb2.Action(name="query"),
            resource=types_pb2.Resource(type="customer"),
            context={"menu": types_pb2.Value(string_value=str(1100 + number % 7))},
        ),
        verdicts=[snapshot_pb2.RecordedVerdict(fields=["mobile"], level="C2", effect=shown, rule="core/senior")],
    )
    stream = snapshot_pb2.Stream(node="n1", boot="0" * 16, retention="long", day=20_000)
    return snapshot_service_pb2.SnapshotEntry(
        stream=stream, sequence=number, record=snapshot_pb2.Record(snapshot=snapshot)
    )


class FakeSnapshots(snapshot_service_pb2_grpc.SnapshotServiceServicer):
    """Answers pages at once, but for those that `held` holds back until they are let or cancelled."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[tuple[str, str]] = []
        """The filter and the token of each page."""
        self.held: set[str] = set()
        self.may = threading.Event()
        self.cancelled: list[str] = []
        self.watched: list[tuple[str, str]] = []
        self.coming: list[int] = []
        self.watch_breaks = threading.Event()
        self.exported = threading.Event()
        self.export_gone = threading.Event()

    def ListSnapshots(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's name
        """Return a page; a token is the number of its first record."""
        if "wrong" in request.filter:
            _refuse(context, request.filter.index("wrong") + 1)
        self.asked.append((request.filter, request.page_token))
        if request.page_token in self.held:
            context.add_callback(lambda: self.cancelled.append(request.page_token))
            context.add_callback(self.may.set)
            self.may.wait(30)
        first = int(request.page_token or _first(request.filter))
        last = min(first + request.page_size, self.count)
        return snapshot_service_pb2.ListSnapshotsResponse(
            entries=[entry(number) for number in range(first, last)],
            next_page_token=str(last) if last < self.count else "",
            total_size=self.count if request.exact_count else self.count // 1_000 * 1_000,
            exact=request.exact_count,
        )

    def GetSnapshot(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Return one record without its story."""
        del context
        return snapshot_service_pb2.GetSnapshotResponse(entry=entry(int(request.id[1:])), chain=b"c" * 32)

    def GetSnapshotStats(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Return two groups."""
        del context
        groups = [snapshot_service_pb2.SnapshotGroup(key=key, count=9) for key in ("1101", "1102")]
        return snapshot_service_pb2.GetSnapshotStatsResponse(groups=groups if request.group_by == "menu" else [])

    def WatchSnapshots(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Send a sign of life, what is coming, and break when told to."""
        self.watched.append((request.filter, request.resume_token))
        token = int(request.resume_token or 0)
        yield snapshot_service_pb2.WatchSnapshotsResponse(resume_token=str(token or 1))
        for number in self.coming[token:]:
            token += 1
            yield snapshot_service_pb2.WatchSnapshotsResponse(entry=entry(-1 - number), resume_token=str(token))
        context.add_callback(self.watch_breaks.set)
        self.watch_breaks.wait(30)
        if context.is_active():
            context.abort(grpc.StatusCode.UNAVAILABLE, "going away")

    def ExportSnapshots(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Send a piece, and no end before somebody has gone."""
        del request
        context.add_callback(self.export_gone.set)
        yield snapshot_service_pb2.ExportSnapshotsResponse(data=b"a,b\n", records=1, expected=10)
        self.export_gone.wait(30)


@contextmanager
def serving(fake: FakeSnapshots) -> Iterator[str]:
    """Serve on loopback; gives the address."""
    server = grpc.server(futures.ThreadPoolExecutor(12))
    snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    fake.may.set()
    fake.watch_breaks.set()
    fake.export_gone.set()
    server.stop(0).wait()


def _first(text: str) -> int:
    """Return the number of the newest record that meets a bound of the time."""
    found = _UNTIL.search(text)
    if found is None:
        return 0
    # Python reads no nanoseconds.
    until = datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", found[1])).timestamp()
    return max(NEWEST - int(until), 0)


def _refuse(context: grpc.ServicerContext, column: int) -> None:
    info = error_details_pb2.ErrorInfo(
        reason="ERROR_REASON_INVALID_FILTER",
        metadata={"column": str(column), "problem": "there is no name `wrong`", "hint": "did you mean `time`"},
    )
    packed = any_pb2.Any()
    packed.Pack(info)
    status = status_pb2.Status(code=3, message="wrong", details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "wrong")
