"""What is asked of the policy service."""

from __future__ import annotations

from typing import Final

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import policy_service_pb2, policy_service_pb2_grpc

_LONG: Final = 120.0


class Policies:
    """Drafts and revisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_force(self) -> Call:
        """Ask for the revision in force with its text: a GetRevisionResponse."""
        request = policy_service_pb2.GetRevisionRequest(with_sources=True)
        return self._connection.ask(policy_service_pb2_grpc.PolicyServiceStub, "GetRevision", request)

    def check(self, text: policy_service_pb2.PolicyText, *, analyse: bool = False) -> Call:
        """Ask what is wrong in a text: a CheckPoliciesResponse."""
        request = policy_service_pb2.CheckPoliciesRequest(text=text, analyse=analyse)
        return self._connection.ask(policy_service_pb2_grpc.PolicyServiceStub, "CheckPolicies", request, _LONG)
