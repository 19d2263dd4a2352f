"""What is asked of the grant service."""

from __future__ import annotations

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import account_pb2, grant_service_pb2, grant_service_pb2_grpc

PAGE = 200
_REVOKE_SECONDS = 60.0
"""Taking back waits for nodes that are silent."""


class Grants:
    """Authorisations: asked for, given, taken back."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, state: int = 0, *, mine_to_approve: bool = False, page: str = "") -> Call:
        """Ask for a page of grants in a state, 0 for all, newest first: a ListGrantsResponse."""
        request = grant_service_pb2.ListGrantsRequest(
            state=account_pb2.GrantState.Name(state), mine_to_approve=mine_to_approve, page_size=PAGE, page_token=page
        )
        return self._ask("ListGrants", request)

    def ask(self, request: grant_service_pb2.AskForGrantRequest) -> Call:
        """Ask for a grant: an AskForGrantResponse."""
        return self._ask("AskForGrant", request)

    def approve(self, grant: str, reason: str, minutes: int = 0) -> Call:
        """Give it, for a shorter time than was asked for where `minutes` is not 0: an ApproveGrantResponse."""
        request = grant_service_pb2.ApproveGrantRequest(id=grant, reason=reason)
        if minutes:
            request.validity.FromSeconds(minutes * 60)
        return self._ask("ApproveGrant", request)

    def refuse(self, grant: str, reason: str) -> Call:
        """Refuse it: a RefuseGrantResponse."""
        return self._ask("RefuseGrant", grant_service_pb2.RefuseGrantRequest(id=grant, reason=reason))

    def revoke(self, grant: str, reason: str) -> Call:
        """Take it back: a RevokeGrantResponse, once no node decides by it any more."""
        request = grant_service_pb2.RevokeGrantRequest(id=grant, reason=reason)
        return self._ask("RevokeGrant", request, _REVOKE_SECONDS)

    def _ask(self, method: str, request: object, seconds: float = 30.0) -> Call:
        return self._connection.ask(grant_service_pb2_grpc.GrantServiceStub, method, request, seconds)
