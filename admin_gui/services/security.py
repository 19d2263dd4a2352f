"""What is asked of the security service: what was unusual, and what it was."""

from __future__ import annotations

from typing import Final

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import anomaly_pb2, security_service_pb2, security_service_pb2_grpc

PAGE: Final = 200


class Security:
    """Anomalies."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, state: anomaly_pb2.AnomalyState | None = None, page: str = "") -> Call:
        """Ask for a page of anomalies, newest first: a ListAnomaliesResponse."""
        request = security_service_pb2.ListAnomaliesRequest(state=state, page_size=PAGE, page_token=page)
        return self._connection.ask(security_service_pb2_grpc.SecurityServiceStub, "ListAnomalies", request)

    def review(self, anomaly: str, verdict: anomaly_pb2.AnomalyState, note: str) -> Call:
        """Say what it was: a ReviewAnomalyResponse."""
        request = security_service_pb2.ReviewAnomalyRequest(id=anomaly, verdict=verdict, note=note)
        return self._connection.ask(security_service_pb2_grpc.SecurityServiceStub, "ReviewAnomaly", request)
