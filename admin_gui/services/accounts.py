"""What is asked of the account service: accounts, rights, and requests for them."""

from __future__ import annotations

from typing import Any, Final

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import account_pb2
from jingxi_client._gen.pdp.v1 import account_service_pb2 as messages
from jingxi_client._gen.pdp.v1 import account_service_pb2_grpc as stubs

PAGE: Final = 200


class Accounts:
    """People, and what they may do."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, page: str = "") -> Call:
        """Ask for a page of accounts by name: a ListAccountsResponse."""
        return self._ask("ListAccounts", messages.ListAccountsRequest(page_size=PAGE, page_token=page))

    def get(self, name: str) -> Call:
        """Ask for an account with all that it may do: a GetAccountResponse."""
        return self._ask("GetAccount", messages.GetAccountRequest(name=name))

    def ask(self, kind: account_pb2.RequestKind, wanted: account_pb2.Account, risk: str, reason: str) -> Call:
        """Ask for an account, a change, a reset or an end: an AskForRightsResponse."""
        request = messages.AskForRightsRequest(kind=kind, wanted=wanted, risk=risk, reason=reason)
        return self._ask("AskForRights", request)

    def review(self, request: str, reason: str) -> Call:
        """Say that a request is in order: a ReviewRequestResponse."""
        return self._ask("ReviewRequest", messages.ReviewRequestRequest(id=request, reason=reason))

    def approve(self, request: str, reason: str) -> Call:
        """Approve it: an ApproveRequestResponse."""
        return self._ask("ApproveRequest", messages.ApproveRequestRequest(id=request, reason=reason))

    def execute(self, request: str) -> Call:
        """Carry it out: an ExecuteRequestResponse, with a first password told once."""
        return self._ask("ExecuteRequest", messages.ExecuteRequestRequest(id=request), 60.0)

    def refuse(self, request: str, reason: str) -> Call:
        """Refuse it, or take one's own back: a RefuseRequestResponse."""
        return self._ask("RefuseRequest", messages.RefuseRequestRequest(id=request, reason=reason))

    def requests(self, *, only_open: bool, page: str = "") -> Call:
        """Ask for a page of requests, newest first: a ListRequestsResponse."""
        request = messages.ListRequestsRequest(open=only_open, page_size=PAGE, page_token=page)
        return self._ask("ListRequests", request)

    def lock(self, name: str, reason: str) -> Call:
        """Lock an account at once: a LockAccountResponse."""
        return self._ask("LockAccount", messages.LockAccountRequest(name=name, reason=reason))

    def unlock(self, name: str, reason: str) -> Call:
        """Unlock it: an UnlockAccountResponse."""
        return self._ask("UnlockAccount", messages.UnlockAccountRequest(name=name, reason=reason))

    def rights_reviews(
        self, state: account_pb2.RightsReviewState | None = None, text: str = "", page: str = ""
    ) -> Call:
        """Ask whose rights must be looked at again, those that are due without a state, and only names and owners with
        a text: a ListRightsReviewsResponse.
        """
        request = messages.ListRightsReviewsRequest(state=state, text=text, page_size=PAGE, page_token=page)
        return self._ask("ListRightsReviews", request)

    def confirm_rights(self, name: str, version: int, reason: str) -> Call:
        """Say that rights are right: a ConfirmRightsResponse."""
        return self._ask("ConfirmRights", messages.ConfirmRightsRequest(name=name, version=version, reason=reason))

    def _ask(self, method: str, request: Any, seconds: float = 30.0) -> Call:
        return self._connection.ask(stubs.AccountServiceStub, method, request, seconds)
