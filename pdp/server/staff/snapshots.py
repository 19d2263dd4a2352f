"""SnapshotService: what was recorded, for people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import grpc

from pdp.errors import RequestError, SnapshotNotFoundError, Violation
from pdp.server.staff.calls import Calls
from pdp.snapshot import export, query, repeats
from pdp.snapshot.evidence.proof import head_of, prove
from pdp.snapshot.query import Asking
from pdp.snapshot.store.base import Reader, StoredRecord
from pdp.snapshot.story import Story, Storyteller
from pdp.snapshot.watch import Watch
from pdp.v1 import snapshot_pb2, snapshot_service_pb2, snapshot_service_pb2_grpc

SERVICE: str = snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"].full_name
_MAX_ID = 512


class SnapshotServicer(snapshot_service_pb2_grpc.SnapshotServiceServicer):
    """Answers out of a store; `asking` and `record` are as `SnapshotHost` says."""

    def __init__(
        self,
        calls: Calls,
        reader: Reader,
        asking: Callable[[], Asking],
        record: Callable[[snapshot_pb2.Operation], None],
    ) -> None:
        self._calls = calls
        self._reader = reader
        self._asking = asking
        self._record = record
        self._storyteller = Storyteller()

    def ListSnapshots(  # noqa: N802 - as gRPC names it
        self, request: snapshot_service_pb2.ListSnapshotsRequest, context: grpc.ServicerContext
    ) -> snapshot_service_pb2.ListSnapshotsResponse:
        """See the service's definition."""

        def act() -> snapshot_service_pb2.ListSnapshotsResponse:
            page = query.list_page(self._reader, self._asking(), request)
            return snapshot_service_pb2.ListSnapshotsResponse(
                entries=[repeats.entry(self._reader, record) for record in page.records],
                next_page_token=page.next,
                total_size=page.total,
                exact=page.exact,
            )

        return self._calls.answer(context, "ListSnapshots", self._reader, act)

    def GetSnapshot(  # noqa: N802
        self, request: snapshot_service_pb2.GetSnapshotRequest, context: grpc.ServicerContext
    ) -> snapshot_service_pb2.GetSnapshotResponse:
        """See the service's definition."""
        return self._calls.answer(context, "GetSnapshot", self._reader, lambda: self._get(request.id))

    def _get(self, record_id: str) -> snapshot_service_pb2.GetSnapshotResponse:
        _check_id(record_id)
        found = self._reader.find(record_id)
        if found is None:
            raise SnapshotNotFoundError(f"no record has the id `{record_id}`")
        entry = repeats.entry(self._reader, found)
        if entry.repeats:
            found = repeats.counting(self._reader, record_id, found)
            entry = query.entry(found)
        is_decision = entry.record.WhichOneof("body") == "snapshot"
        story = self._storyteller.tell(self._reader, entry.record.snapshot) if is_decision else Story()
        return snapshot_service_pb2.GetSnapshotResponse(
            entry=entry,
            rules=story.rules,
            sentences=story.sentences,
            rule_texts=story.rule_texts,
            insufficient=story.insufficient,
            chain=found.chain,
            checkpoint=self._first_checkpoint(found),
        )

    def _first_checkpoint(self, found: StoredRecord) -> int:
        # No checkpoint that was made before the stream began covers it, whatever clocks said since.
        since = min(found.columns["time"], found.stream.day * query.DAY)
        for _, number, data in self._reader.checkpoints(found.stream.node, since=since):
            signed = snapshot_pb2.SignedCheckpoint.FromString(data)
            head = head_of(snapshot_pb2.Checkpoint.FromString(signed.checkpoint), found.stream)
            if head is not None and head.count > found.sequence:
                return number
        return 0

    def WatchSnapshots(  # noqa: N802
        self, request: snapshot_service_pb2.WatchSnapshotsRequest, context: grpc.ServicerContext
    ) -> Iterator[snapshot_service_pb2.WatchSnapshotsResponse]:
        """See the service's definition."""

        def act(ended: threading.Event) -> Generator[snapshot_service_pb2.WatchSnapshotsResponse, None, None]:
            watch = Watch(self._reader, self._asking(), request.filter, request.resume_token)
            for found, token in watch.follow(ended.wait):
                entry = None if found is None else repeats.entry(self._reader, found)
                yield snapshot_service_pb2.WatchSnapshotsResponse(entry=entry, resume_token=token)

        return self._calls.stream(context, "WatchSnapshots", "watch", self._reader, act)

    def ExportSnapshots(  # noqa: N802
        self, request: snapshot_service_pb2.ExportSnapshotsRequest, context: grpc.ServicerContext
    ) -> Iterator[snapshot_service_pb2.ExportSnapshotsResponse]:
        """See the service's definition."""

        def act(ended: threading.Event) -> Generator[snapshot_service_pb2.ExportSnapshotsResponse, None, None]:
            asking = self._asking()
            order = export.check(asking, request, self._calls.actor(context), self._calls.address(context))
            with closing(export.export(self._reader, order, asking.clock, self._record, ended.is_set)) as pieces:
                for piece in pieces:
                    yield snapshot_service_pb2.ExportSnapshotsResponse(**piece._asdict())

        return self._calls.stream(context, "ExportSnapshots", "export", self._reader, act)

    def GetSnapshotStats(  # noqa: N802
        self, request: snapshot_service_pb2.GetSnapshotStatsRequest, context: grpc.ServicerContext
    ) -> snapshot_service_pb2.GetSnapshotStatsResponse:
        """See the service's definition."""
        return self._calls.answer(
            context, "GetSnapshotStats", self._reader, lambda: query.statistics(self._reader, self._asking(), request)
        )

    def ProveSnapshot(  # noqa: N802
        self, request: snapshot_service_pb2.ProveSnapshotRequest, context: grpc.ServicerContext
    ) -> snapshot_service_pb2.ProveSnapshotResponse:
        """See the service's definition."""

        def act() -> snapshot_service_pb2.ProveSnapshotResponse:
            _check_id(request.id)
            return snapshot_service_pb2.ProveSnapshotResponse(proof=prove(self._reader, request.id))

        return self._calls.answer(context, "ProveSnapshot", self._reader, act)


def _check_id(record_id: str) -> None:
    if not 0 < len(record_id) <= _MAX_ID:
        raise RequestError(Violation("id", f"is required, at most {_MAX_ID} characters"))
