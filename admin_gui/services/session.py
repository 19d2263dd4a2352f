"""What is asked of the session service: signing in and out, and one's own password, second factor and sessions."""

from __future__ import annotations

from typing import Any, Final

from admin_gui.services.calls import UNARY_SECONDS, Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import account_service_pb2 as messages
from jingxi_client._gen.pdp.v1 import account_service_pb2_grpc as stubs

_SIGN_INS: Final = 20
_SIGN_IN_SECONDS: Final = 60.0
"""The provider is asked behind some of these, and a failure takes its time."""


class Sessions:
    """Questions of somebody about themselves."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ways(self) -> Call:
        """Ask how one signs in: a GetSignInMethodsResponse; UNIMPLEMENTED where nobody does."""
        request = messages.GetSignInMethodsRequest()
        return self._connection.ask(stubs.AccountServiceStub, "GetSignInMethods", request, _SIGN_IN_SECONDS)

    def current(self) -> Call:
        """Ask who is signed in, and what they may do: a GetSessionResponse."""
        return self._ask("GetSession", messages.GetSessionRequest())

    def make_first(self, token: str, name: str, owner: str, password: str) -> Call:
        """Make the first account: a CreateFirstAccountResponse."""
        request = messages.CreateFirstAccountRequest(token=token, name=name, owner=owner, password=password)
        return self._ask("CreateFirstAccount", request, _SIGN_IN_SECONDS, proves=True)

    def sign_in(self, name: str, password: str, code: str, device: bytes, device_name: str) -> Call:
        """Sign in: a SignInResponse."""
        request = messages.SignInRequest(
            name=name, password=password, code=code, device=device, device_name=device_name
        )
        return self._ask("SignIn", request, _SIGN_IN_SECONDS, proves=True)

    def begin_oidc(self, redirect_uri: str, device: bytes) -> Call:
        """Begin at the OpenID provider: a BeginOidcResponse."""
        request = messages.BeginOidcRequest(redirect_uri=redirect_uri, device=device)
        return self._ask("BeginOidc", request, _SIGN_IN_SECONDS, proves=True)

    def finish_oidc(self, request: messages.FinishOidcRequest) -> Call:
        """Sign in by what the provider sent back: a FinishOidcResponse."""
        return self._ask("FinishOidc", request, _SIGN_IN_SECONDS, proves=True)

    def sign_out(self, seconds: float = UNARY_SECONDS) -> Call:
        """End the session: a SignOutResponse."""
        return self._ask("SignOut", messages.SignOutRequest(), seconds, proves=True)

    def change_password(self, old: str, new: str) -> Call:
        """Change one's own password: a ChangePasswordResponse."""
        request = messages.ChangePasswordRequest(old_password=old, new_password=new)
        return self._ask("ChangePassword", request, _SIGN_IN_SECONDS, proves=True)

    def begin_totp(self, password: str) -> Call:
        """Begin one-time codes: a BeginTotpResponse with their secret, told once."""
        return self._ask("BeginTotp", messages.BeginTotpRequest(password=password), _SIGN_IN_SECONDS, proves=True)

    def confirm_totp(self, code: str) -> Call:
        """Let one-time codes count: a ConfirmTotpResponse with recovery codes, told once."""
        return self._ask("ConfirmTotp", messages.ConfirmTotpRequest(code=code))

    def list(self, account: str = "", *, everybody: bool = False) -> Call:
        """Ask for sessions, one's own without an account: a ListSessionsResponse."""
        return self._ask("ListSessions", messages.ListSessionsRequest(account=account, all=everybody))

    def revoke(self, session: str, reason: str) -> Call:
        """End a session: a RevokeSessionResponse."""
        return self._ask("RevokeSession", messages.RevokeSessionRequest(id=session, reason=reason))

    def sign_ins(self, account: str, page: str = "") -> Call:
        """Ask for an account's sign-ins on record, one's own without a name: a ListSignInsResponse, newest first."""
        request = messages.ListSignInsRequest(account=account, page_size=_SIGN_INS, page_token=page)
        return self._ask("ListSignIns", request)

    def _ask(self, method: str, request: Any, seconds: float = UNARY_SECONDS, *, proves: bool = False) -> Call:
        return self._connection.ask(stubs.SessionServiceStub, method, request, seconds, proves=proves)
