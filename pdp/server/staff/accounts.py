"""AccountService: accounts and rights, by request."""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import grpc

from pdp.control.accounts import OidcRules
from pdp.control.accounts.permissions import allows, level_word, rights_of
from pdp.control.accounts.requests import Executed
from pdp.control.accounts.telling import differences, right_words, without_secrets
from pdp.control.steps import Who
from pdp.errors import RequestError, Violation
from pdp.server.staff.account_host import AccountHost, Recorder, own
from pdp.server.staff.calls import Calls
from pdp.snapshot.query import Tokens
from pdp.v1 import account_pb2, account_service_pb2, account_service_pb2_grpc

SERVICE: str = account_service_pb2.DESCRIPTOR.services_by_name["AccountService"].full_name
MAX_PAGE: Final = 1_000
PROVIDER_ID: Final = "oidc"
"""What the one OpenID provider is called among ways to sign in."""
_USUAL = 100
_JUDGES = (
    account_pb2.PERMISSION_ACCOUNT_READ,
    account_pb2.PERMISSION_ACCOUNT_REVIEW,
    account_pb2.PERMISSION_ACCOUNT_APPROVE,
)

Details = Mapping[str, str]


class AccountServicer(account_service_pb2_grpc.AccountServiceServicer):
    """Answers out of the control store."""

    def __init__(self, calls: Calls, host: AccountHost, tokens: Tokens) -> None:
        self._calls = calls
        self._accounts = host.accounts
        self._run = host.run
        self._recorder = Recorder(calls, host)
        self._tokens = tokens
        self._begun = False

    def ListAccounts(
        self, request: account_service_pb2.ListAccountsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ListAccountsResponse:
        def act() -> account_service_pb2.ListAccountsResponse:
            size = _size(request.page_size)
            after = self._after("accounts", request.page_token)
            page = self._run(self._accounts.list_accounts(after=after, limit=size))
            token = self._tokens.write("accounts", {"after": page.accounts[-1].name}) if page.more else ""
            return account_service_pb2.ListAccountsResponse(
                accounts=map(without_secrets, page.accounts), next_page_token=token
            )

        return self._calls.answer(context, "ListAccounts", None, act)

    def GetAccount(
        self, request: account_service_pb2.GetAccountRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.GetAccountResponse:
        def act() -> account_service_pb2.GetAccountResponse:
            account = self._run(self._accounts.get(request.name))
            return account_service_pb2.GetAccountResponse(account=without_secrets(account), rights=rights_of(account))

        return self._calls.answer(context, "GetAccount", None, act)

    def AskForRights(
        self, request: account_service_pb2.AskForRightsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.AskForRightsResponse:
        def act() -> tuple[account_service_pb2.AskForRightsResponse, Details]:
            who = Who(self._calls.actor(context), request.reason)
            made = self._run(self._accounts.ask(request.kind, request.wanted, request.risk, who))
            return account_service_pb2.AskForRightsResponse(request=_told(made)), _about(made)

        return self._recorder.change(context, "AskForRights", "request.ask", _reason(request.reason), act)

    def ReviewRequest(
        self, request: account_service_pb2.ReviewRequestRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ReviewRequestResponse:
        done = self._step(context, "ReviewRequest", "request.review", request.id, request.reason, self._accounts.review)
        return account_service_pb2.ReviewRequestResponse(request=done)

    def ApproveRequest(
        self, request: account_service_pb2.ApproveRequestRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ApproveRequestResponse:
        done = self._step(
            context, "ApproveRequest", "request.approve", request.id, request.reason, self._accounts.approve
        )
        return account_service_pb2.ApproveRequestResponse(request=done)

    def RefuseRequest(
        self, request: account_service_pb2.RefuseRequestRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.RefuseRequestResponse:
        done = self._step(context, "RefuseRequest", "request.refuse", request.id, request.reason, self._accounts.refuse)
        return account_service_pb2.RefuseRequestResponse(request=done)

    def ExecuteRequest(
        self, request: account_service_pb2.ExecuteRequestRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ExecuteRequestResponse:
        def act() -> tuple[account_service_pb2.ExecuteRequestResponse, Details]:
            done = self._run(self._accounts.execute(request.id, Who(self._calls.actor(context))))
            answer = account_service_pb2.ExecuteRequestResponse(request=_told(done.request), password=done.password)
            return answer, {**_about(done.request), **differences(done.before, done.after)}

        return self._recorder.change(context, "ExecuteRequest", "request.execute", {"request": request.id[:64]}, act)

    def ListRequests(
        self, request: account_service_pb2.ListRequestsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ListRequestsResponse:
        def act() -> account_service_pb2.ListRequestsResponse:
            account = own(self._calls, context).account
            # Who judges no requests sees their own.
            of = None if any(allows(account, permission) for permission in _JUDGES) else account.name
            page = self._run(
                self._accounts.list_requests(
                    after=self._after("requests", request.page_token),
                    limit=_size(request.page_size),
                    only_open=request.open,
                    of=of,
                )
            )
            token = self._tokens.write("requests", {"after": page.next}) if page.next else ""
            return account_service_pb2.ListRequestsResponse(requests=map(_told, page.requests), next_page_token=token)

        return self._calls.answer(context, "ListRequests", None, act)

    def LockAccount(
        self, request: account_service_pb2.LockAccountRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.LockAccountResponse:
        self._lock(context, "LockAccount", "account.lock", request.name, request.reason, self._accounts.lock)
        return account_service_pb2.LockAccountResponse()

    def UnlockAccount(
        self, request: account_service_pb2.UnlockAccountRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.UnlockAccountResponse:
        self._lock(context, "UnlockAccount", "account.unlock", request.name, request.reason, self._accounts.unlock)
        return account_service_pb2.UnlockAccountResponse()

    def ListRightsReviews(
        self, request: account_service_pb2.ListRightsReviewsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ListRightsReviewsResponse:
        def act() -> account_service_pb2.ListRightsReviewsResponse:
            purpose = f"rights\0{request.state}\0{request.text}"
            page = self._run(
                self._accounts.list_rights_reviews(
                    after=self._after(purpose, request.page_token),
                    limit=_size(request.page_size),
                    state=request.state,
                    text=request.text,
                )
            )
            token = self._tokens.write(purpose, {"after": page.next}) if page.next else ""
            days = self._accounts.rules.review.days
            return account_service_pb2.ListRightsReviewsResponse(
                reviews=page.reviews, next_page_token=token, review_days=days
            )

        return self._calls.answer(context, "ListRightsReviews", None, act)

    def ConfirmRights(
        self, request: account_service_pb2.ConfirmRightsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.ConfirmRightsResponse:
        def act() -> tuple[account_service_pb2.ConfirmRightsResponse, Details]:
            who = Who(self._calls.actor(context), request.reason)
            done = self._run(self._accounts.confirm_rights(request.name, request.version, who))
            review = done.review
            told = {"level": level_word(review.level), "rights": right_words(review.rights)}
            answer = account_service_pb2.ConfirmRightsResponse(review=review)
            return answer, {**told, "version": str(review.version), **differences(done.before, done.after)}

        about = {"account": request.name[:64], **_reason(request.reason)}
        return self._recorder.change(context, "ConfirmRights", "account.confirm", about, act)

    def GetSignInMethods(
        self, request: account_service_pb2.GetSignInMethodsRequest, context: grpc.ServicerContext
    ) -> account_service_pb2.GetSignInMethodsResponse:
        del request

        def act() -> account_service_pb2.GetSignInMethodsResponse:
            self._recorder.check_address(context)
            # Once there was an account there always was one: nobody makes the store work by asking.
            self._begun = self._begun or self._run(self._accounts.was_begun())
            oidc = self._accounts.oidc_rules
            return account_service_pb2.GetSignInMethodsResponse(
                password=True,
                first_account_missing=not self._begun,
                oidc_providers=[] if oidc is None else [_provider(oidc)],
                second_factor=self._accounts.rules.second_factor,
            )

        return self._calls.answer(context, "GetSignInMethods", None, act)

    def _step(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        request_id: str,
        reason: str,
        do: Callable[[str, Who], Coroutine[Any, Any, account_pb2.RightsRequest]],
    ) -> account_pb2.RightsRequest:
        def act() -> tuple[account_pb2.RightsRequest, Details]:
            done = self._run(do(request_id, Who(self._calls.actor(context), reason)))
            alone = {"alone": "true"} if done.steps[-1].alone else {}
            return _told(done), {**_about(done), **alone}

        about = {"request": request_id[:64], **_reason(reason)}
        return self._recorder.change(context, method, kind, about, act)

    def _lock(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        name: str,
        reason: str,
        do: Callable[[str, Who], Coroutine[Any, Any, Executed]],
    ) -> None:
        def act() -> tuple[None, Details]:
            done = self._run(do(name, Who(self._calls.actor(context), reason)))
            return None, differences(done.before, done.after)

        self._recorder.change(context, method, kind, {"account": name[:64], **_reason(reason)}, act)

    def _after(self, purpose: str, token: str) -> str:
        """Return where a page begins."""
        return str(self._tokens.read(purpose, token, "page_token")["after"]) if token else ""


def _provider(rules: OidcRules) -> account_service_pb2.OidcProvider:
    return account_service_pb2.OidcProvider(
        id=PROVIDER_ID, label_zh=rules.label_in("zh"), label_en=rules.label_in("en"), issuer=rules.issuer
    )


def _told(request: account_pb2.RightsRequest) -> account_pb2.RightsRequest:
    told = account_pb2.RightsRequest()
    told.CopyFrom(request)
    for step in told.steps:
        step.content_hash = b""
    return told


def _about(request: account_pb2.RightsRequest) -> Details:
    kind = account_pb2.RequestKind.Name(request.kind).removeprefix("REQUEST_KIND_").lower()
    wanted = request.wanted
    told = {"request": request.id, "what": kind, "account": wanted.name, "risk": request.risk[:200]}
    if wanted.level:
        told |= {"level": level_word(wanted.level), "rights": right_words(wanted.rights)}
    return told


def _reason(reason: str) -> Details:
    return {"reason": reason} if reason else {}


def _size(asked: int) -> int:
    size = asked or _USUAL
    if not 0 < size <= MAX_PAGE:
        raise RequestError(Violation("page_size", f"is {size}, must be 1 to {MAX_PAGE}, or 0 for {_USUAL}"))
    return size
