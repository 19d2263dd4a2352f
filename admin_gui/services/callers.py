"""What is asked of the caller service: the systems that may call the decision port."""

from __future__ import annotations

from typing import Any, Final

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import caller_pb2
from jingxi_client._gen.pdp.v1 import caller_service_pb2 as messages
from jingxi_client._gen.pdp.v1 import caller_service_pb2_grpc as stubs

PAGE: Final = 200


class Callers:
    """Callers, their tokens, and changes that wait for a second person."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, page: str = "") -> Call:
        """Ask for a page of callers by name: a ListCallersResponse."""
        return self._ask("ListCallers", messages.ListCallersRequest(page_size=PAGE, page_token=page))

    def create(self, caller: caller_pb2.Caller, token_days: int | None, reason: str) -> Call:
        """Make a caller, with a token for so many days, 0 for ever, None for no token: a CreateCallerResponse."""
        request = messages.CreateCallerRequest(caller=caller, reason=reason)
        if token_days is not None:
            request.token.CopyFrom(_wish(token_days))
        return self._ask("CreateCaller", request)

    def update(self, caller: caller_pb2.Caller, reason: str) -> Call:
        """Change a caller from the version that it has: an UpdateCallerResponse."""
        return self._ask("UpdateCaller", messages.UpdateCallerRequest(caller=caller, reason=reason))

    def disable(self, name: str, reason: str) -> Call:
        """Turn it away at once: a DisableCallerResponse."""
        return self._ask("DisableCaller", messages.DisableCallerRequest(name=name, reason=reason))

    def enable(self, name: str, reason: str) -> Call:
        """Let it call again: an EnableCallerResponse."""
        return self._ask("EnableCaller", messages.EnableCallerRequest(name=name, reason=reason))

    def add_token(self, name: str, days: int, reason: str) -> Call:
        """Add a token for so many days, 0 for ever: an AddCallerTokenResponse, with the token told once."""
        return self._ask("AddCallerToken", messages.AddCallerTokenRequest(name=name, token=_wish(days), reason=reason))

    def revoke_token(self, name: str, token: str, reason: str) -> Call:
        """Take a token out at once: a RevokeCallerTokenResponse."""
        return self._ask("RevokeCallerToken", messages.RevokeCallerTokenRequest(name=name, id=token, reason=reason))

    def delete(self, name: str, version: int, reason: str) -> Call:
        """Remove a caller at once: a DeleteCallerResponse."""
        return self._ask("DeleteCaller", messages.DeleteCallerRequest(name=name, version=version, reason=reason))

    def changes(self, *, waiting: bool, page: str = "") -> Call:
        """Ask for a page of changes, newest first: a ListCallerChangesResponse."""
        request = messages.ListCallerChangesRequest(waiting=waiting, page_size=PAGE, page_token=page)
        return self._ask("ListCallerChanges", request)

    def approve(self, change: str, reason: str) -> Call:
        """Approve what somebody else asked for, and do it: an ApproveCallerChangeResponse."""
        return self._ask("ApproveCallerChange", messages.ApproveCallerChangeRequest(id=change, reason=reason))

    def refuse(self, change: str, reason: str) -> Call:
        """Refuse it, or take one's own back: a RefuseCallerChangeResponse."""
        return self._ask("RefuseCallerChange", messages.RefuseCallerChangeRequest(id=change, reason=reason))

    def _ask(self, method: str, request: Any) -> Call:
        return self._connection.ask(stubs.CallerServiceStub, method, request)


def _wish(days: int) -> messages.TokenWish:
    wish = messages.TokenWish()
    if days:
        wish.validity.FromSeconds(days * 86_400)
    return wish
