"""What is asked of the cluster service."""

from __future__ import annotations

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import cluster_service_pb2, cluster_service_pb2_grpc


class Cluster:
    """Nodes and what they decide by."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def watch(self) -> Call:
        """Follow the nodes: a stream of WatchNodesResponse."""
        request = cluster_service_pb2.WatchNodesRequest()
        return self._connection.stream(cluster_service_pb2_grpc.ClusterServiceStub, "WatchNodes", request)

    def await_revision(self, revision: int, timeout_millis: int) -> Call:
        """Wait until all healthy nodes decide by a revision: a stream of AwaitRevisionResponse."""
        request = cluster_service_pb2.AwaitRevisionRequest(revision=revision, timeout_millis=timeout_millis)
        return self._connection.stream(cluster_service_pb2_grpc.ClusterServiceStub, "AwaitRevision", request)
