"""SessionService: signing in and out, and one's own password, second factor and sessions."""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pdp.control.accounts import Attempt, OidcAttempt, SignedIn
from pdp.control.accounts.oidc import flow
from pdp.control.accounts.permissions import allows, level_word, rights_of
from pdp.control.accounts.telling import without_device, without_secrets
from pdp.control.steps import Who, check_reason
from pdp.errors import AccessDeniedError, ProviderError, SignInError, WrongStateError
from pdp.server.staff.account_host import AccountHost, Recorder, own
from pdp.server.staff.calls import Calls
from pdp.server.staff.guard import told_anomaly
from pdp.server.staff.provider_watch import ProviderWatch
from pdp.server.staff.sign_in_log import SignInLog
from pdp.v1 import account_pb2, account_service_pb2, account_service_pb2_grpc

SERVICE: str = account_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name


class SessionServicer(account_service_pb2_grpc.SessionServiceServicer):
    """Answers out of the control store, and of sign-ins out of the store of records, where there is one."""

    def __init__(self, calls: Calls, host: AccountHost, log: SignInLog | None) -> None:
        self._calls = calls
        self._host = host
        self._accounts = host.accounts
        self._run = host.run
        self._recorder = Recorder(calls, host)
        self._provider = ProviderWatch()
        self._log = log

    def CreateFirstAccount(
        self, request: account_service_pb2.CreateFirstAccountRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.CreateFirstAccountResponse:
        def act() -> account_service_pb2.CreateFirstAccountResponse:
            with self._throttled(context, self._recorder.address(context)):
                try:
                    account = self._run(
                        self._accounts.create_first(request.token, request.name, request.owner, request.password)
                    )
                except SignInError as error:
                    self._recorder.failed(context, error, {})
                    raise
            details = {"account": account.name, "owner": account.owner, "level": level_word(account.level)}
            self._recorder.tell(context, account.name, "account.first", details, success=True)
            return account_service_pb2.CreateFirstAccountResponse()

        return self._calls.answer(context, "CreateFirstAccount", None, act)

    def SignIn(
        self, request: account_service_pb2.SignInRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.SignInResponse:
        def act() -> account_service_pb2.SignInResponse:
            attempt = Attempt(
                request.name, request.password, request.code, request.device, request.device_name,
                self._recorder.address(context), _certificate(context.auth_context()),
            )  # fmt: skip
            done = self._signed_in(context, "sign_in", attempt.device_name, lambda: self._accounts.sign_in(attempt))
            return account_service_pb2.SignInResponse(
                token=done.token,
                session=without_device(done.signed.session),
                account=without_secrets(done.signed.account),
            )

        return self._calls.answer(context, "SignIn", None, act)

    def BeginOidc(
        self, request: account_service_pb2.BeginOidcRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.BeginOidcResponse:
        def act() -> account_service_pb2.BeginOidcResponse:
            with self._calls.place("oidc"), self._provider.step("begin"):
                begun = self._run(self._accounts.begin_oidc(request.redirect_uri, request.device))
            rules = self._accounts.provider.rules
            return account_service_pb2.BeginOidcResponse(
                authorization_url=begun.url, handle=begun.handle, state=begun.state, seconds=flow.SECONDS,
                label=rules.label, provider_second_factor=rules.trusts_second_factor,
            )  # fmt: skip

        return self._calls.answer(context, "BeginOidc", None, act)

    def FinishOidc(
        self, request: account_service_pb2.FinishOidcRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.FinishOidcResponse:
        def act() -> account_service_pb2.FinishOidcResponse:
            attempt = OidcAttempt(
                request.handle, request.state, request.authorization_code, request.device, request.code, request.issuer,
                request.device_name, self._recorder.address(context), _certificate(context.auth_context()),
            )  # fmt: skip
            with self._provider.step("finish"):
                done = self._signed_in(
                    context, "oidc", attempt.device_name, lambda: self._accounts.finish_oidc(attempt)
                )
            return account_service_pb2.FinishOidcResponse(
                token=done.token,
                session=without_device(done.signed.session),
                account=without_secrets(done.signed.account),
            )

        return self._calls.answer(context, "FinishOidc", None, act)

    def _signed_in(
        self,
        context: grpc.ServicerContext,
        place: str,
        device_name: str,
        sign_in: Callable[[], Coroutine[Any, Any, SignedIn]],
    ) -> SignedIn:
        """Return a new session, however somebody signs in; it is recorded, and so is a failure."""
        device, address = {"device": device_name} if device_name else {}, self._recorder.address(context)
        with self._throttled(context, address):
            try:
                with self._calls.place(place):
                    done = self._run(sign_in())
            except SignInError as error:
                self._recorder.failed(context, error, device)
                raise
            except ProviderError:
                # Nobody has failed, so nobody has to wait for it; on record it is all the same.
                self._recorder.failed(context, SignInError("oidc_provider"), device)
                raise
        session, account = done.signed.session, done.signed.account
        ids = [anomaly.id for anomaly in done.anomalies]
        told_anomaly(account.name, done.unusual, address, ids)
        details = {**device, "session": session.id, "factors": ", ".join(session.factors)}
        details |= {"limited": "true"} if session.limited else {}
        details |= {"unusual": ", ".join(done.unusual)} if done.unusual else {}
        details |= {"anomalies": ", ".join(ids)} if ids else {}
        self._recorder.tell(context, account.name, "session.sign_in", details, success=True)
        self._recorder.unusual(context, account.name, details, success=True)
        return done

    @contextmanager
    def _throttled(self, context: grpc.ServicerContext, address: str) -> Iterator[None]:
        """Run an attempt to sign in, unless too many failed from its address. Raises RateLimitedError."""
        self._recorder.check_address(context)
        try:
            yield
        except SignInError:
            self._host.throttle.failed(address)
            raise

    def SignOut(
        self, request: account_service_pb2.SignOutRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.SignOutResponse:
        del request

        def act() -> tuple[account_service_pb2.SignOutResponse, Mapping[str, str]]:
            self._run(self._accounts.sign_out(own(self._calls, context)))
            return account_service_pb2.SignOutResponse(), {}

        return self._recorder.change(context, "SignOut", "session.sign_out", {}, act)

    def GetSession(
        self, request: account_service_pb2.GetSessionRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.GetSessionResponse:
        del request

        def act() -> account_service_pb2.GetSessionResponse:
            signed = own(self._calls, context)
            return account_service_pb2.GetSessionResponse(
                session=without_device(signed.session),
                account=without_secrets(signed.account),
                rights=rights_of(signed.account),
                idle_seconds=self._accounts.rules.sessions.idle_seconds,
            )

        return self._calls.answer(context, "GetSession", None, act)

    def ChangePassword(
        self, request: account_service_pb2.ChangePasswordRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ChangePasswordResponse:
        def act() -> tuple[account_service_pb2.ChangePasswordResponse, Mapping[str, str]]:
            signed = own(self._calls, context)
            self._run(self._accounts.change_password(signed, request.old_password, request.new_password))
            return account_service_pb2.ChangePasswordResponse(), {}

        return self._recorder.change(context, "ChangePassword", "account.password", {}, act)

    def BeginTotp(
        self, request: account_service_pb2.BeginTotpRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.BeginTotpResponse:
        def act() -> tuple[account_service_pb2.BeginTotpResponse, Mapping[str, str]]:
            uri = self._run(self._accounts.begin_totp(own(self._calls, context), request.password))
            return account_service_pb2.BeginTotpResponse(uri=uri), {}

        return self._recorder.change(context, "BeginTotp", "account.totp.begin", {}, act)

    def ConfirmTotp(
        self, request: account_service_pb2.ConfirmTotpRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ConfirmTotpResponse:
        def act() -> tuple[account_service_pb2.ConfirmTotpResponse, Mapping[str, str]]:
            codes = self._run(self._accounts.confirm_totp(own(self._calls, context), request.code))
            return account_service_pb2.ConfirmTotpResponse(recovery_codes=codes), {"recovery_codes": str(len(codes))}

        return self._recorder.change(context, "ConfirmTotp", "account.totp.confirm", {}, act)

    def ListSessions(
        self, request: account_service_pb2.ListSessionsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ListSessionsResponse:
        def act() -> account_service_pb2.ListSessionsResponse:
            of = self._whose(context, request.account, "sessions", everybody=request.all)
            found = self._run(self._accounts.list_sessions(None if request.all else of))
            return account_service_pb2.ListSessionsResponse(sessions=map(without_device, found))

        return self._calls.answer(context, "ListSessions", None, act)

    def RevokeSession(
        self, request: account_service_pb2.RevokeSessionRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.RevokeSessionResponse:
        def act() -> tuple[account_service_pb2.RevokeSessionResponse, Mapping[str, str]]:
            account = own(self._calls, context).account
            anybodys = allows(account, account_pb2.PERMISSION_ACCOUNT_APPROVE)
            check_reason(Who(account.name, request.reason))
            ended = self._run(self._accounts.revoke_session(request.id, of=None if anybodys else account.name))
            return account_service_pb2.RevokeSessionResponse(), {"ended": ended.id, "of": ended.account}

        about = {"reason": request.reason} if request.reason else {}
        return self._recorder.change(context, "RevokeSession", "session.revoke", about, act)

    def ListSignIns(
        self, request: account_service_pb2.ListSignInsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ListSignInsResponse:
        def act() -> account_service_pb2.ListSignInsResponse:
            of = self._whose(context, request.account, "sign-ins")
            if self._log is None:
                raise WrongStateError("this node has no store of records, in which sign-ins would stand; ask another")
            return self._log.page(of, request.page_size, request.page_token)

        reader = None if self._log is None else self._log.reader
        return self._calls.answer(context, "ListSignIns", reader, act)

    def _whose(self, context: grpc.ServicerContext, asked: str, what: str, *, everybody: bool = False) -> str:
        """Return whose it is that is asked for. Raises AccessDeniedError for what only others may see."""
        account = own(self._calls, context).account
        of = asked or account.name
        others = everybody or of != account.name
        if others and not allows(account, account_pb2.PERMISSION_ACCOUNT_READ):
            raise AccessDeniedError(f"`{account.name}` may see only their own {what}")
        return of


def _certificate(auth: Mapping[str, object]) -> str:
    """Return the SHA-256 of the client certificate that TLS has verified; empty without one."""
    found = auth.get("x509_pem_cert")
    if not isinstance(found, list | tuple) or not found:
        return ""
    return x509.load_pem_x509_certificate(found[0]).fingerprint(hashes.SHA256()).hex()
