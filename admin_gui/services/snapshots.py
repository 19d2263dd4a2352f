"""What is asked of the snapshot service."""

from __future__ import annotations

from typing import Final

from admin_gui.services.calls import UNARY_SECONDS, Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2, snapshot_service_pb2_grpc

_COUNT_SECONDS: Final = 300.0
_PROOF_SECONDS: Final = 120.0
"""The path of a proof is made of a whole chain, which may be long."""


class Snapshots:
    """The record of what was decided and done. Filters are those of the service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, text: str, token: str, size: int) -> Call:
        """Ask for records that meet a filter, newest first, with an estimate of all: a ListSnapshotsResponse."""
        request = snapshot_service_pb2.ListSnapshotsRequest(filter=text, page_token=token, page_size=size)
        return self._ask("ListSnapshots", request)

    def count(self, text: str) -> Call:
        """Ask how many records meet a filter exactly, which may take long: a ListSnapshotsResponse."""
        request = snapshot_service_pb2.ListSnapshotsRequest(filter=text, page_size=1, exact_count=True)
        return self._ask("ListSnapshots", request, _COUNT_SECONDS)

    def story(self, record_id: str) -> Call:
        """Ask for one record with its story: a GetSnapshotResponse."""
        return self._ask("GetSnapshot", snapshot_service_pb2.GetSnapshotRequest(id=record_id))

    def proof(self, record_id: str) -> Call:
        """Ask for the proof of one record: a ProveSnapshotResponse, which is worth what one's own check says."""
        return self._ask("ProveSnapshot", snapshot_service_pb2.ProveSnapshotRequest(id=record_id), _PROOF_SECONDS)

    def groups(self, text: str, by: str, days: int, limit: int) -> Call:
        """Ask for the commonest values of the last days: a GetSnapshotStatsResponse."""
        request = snapshot_service_pb2.GetSnapshotStatsRequest(filter=text, group_by=by, limit=limit)
        request.to.GetCurrentTime()
        getattr(request, "from").FromSeconds(request.to.seconds - days * 86_400)
        return self._ask("GetSnapshotStats", request)

    def watch(self, text: str, resume_token: str) -> Call:
        """Follow what comes in: a stream of WatchSnapshotsResponse."""
        request = snapshot_service_pb2.WatchSnapshotsRequest(filter=text, resume_token=resume_token)
        return self._connection.stream(snapshot_service_pb2_grpc.SnapshotServiceStub, "WatchSnapshots", request)

    def export(self, text: str, form: snapshot_service_pb2.ExportFormat, reason: str, language: str) -> Call:
        """Ask for a file with all records that meet a filter: a stream of ExportSnapshotsResponse."""
        request = snapshot_service_pb2.ExportSnapshotsRequest(
            filter=text, format=form, reason=reason, language=language
        )
        return self._connection.stream(snapshot_service_pb2_grpc.SnapshotServiceStub, "ExportSnapshots", request)

    def _ask(self, method: str, request: object, seconds: float = UNARY_SECONDS) -> Call:
        return self._connection.ask(snapshot_service_pb2_grpc.SnapshotServiceStub, method, request, seconds)
