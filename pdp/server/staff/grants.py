"""GrantService: authorisations by supervisors, as staff ask for them and decide on them.

Customers' consents come from business systems only, on the decision port (`pdp.server.grant_calls`).
"""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import grpc

from pdp.control.accounts.permissions import Permission, allows
from pdp.control.grants.desk import GrantDesk
from pdp.control.grants.rules import Authority
from pdp.errors import AccessDeniedError, RequestError, Violation
from pdp.server.grant_records import Recording, about
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import ControlHost
from pdp.snapshot.query import Tokens
from pdp.v1 import account_pb2, grant_service_pb2, grant_service_pb2_grpc

SERVICE: str = grant_service_pb2.DESCRIPTOR.services_by_name["GrantService"].full_name
OWNER_LEVEL: Final = 99
"""The authority of who may open the socket file of a server without accounts: it is the service's own user."""
MAX_PAGE: Final = 1_000
_PAGE: Final = 100

_ASK = account_pb2.PERMISSION_GRANT_ASK
_APPROVE = account_pb2.PERMISSION_GRANT_APPROVE
_READ = account_pb2.PERMISSION_GRANT_READ

T = TypeVar("T")


class GrantServicer(grant_service_pb2_grpc.GrantServiceServicer):
    """Answers out of the control store."""

    def __init__(self, calls: Calls, host: ControlHost, desk: GrantDesk, tokens: Tokens) -> None:
        self._calls = calls
        self._host = host
        self._desk = desk
        self._tokens = tokens
        self._recording = Recording(host.record)

    def AskForGrant(
        self, request: grant_service_pb2.AskForGrantRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.AskForGrantResponse:
        async def change(who: Authority) -> tuple[grant_service_pb2.AskForGrantResponse, Mapping[str, str]]:
            record = await self._desk.ask(request, who)
            return grant_service_pb2.AskForGrantResponse(grant=record), about(record)

        return self._change(context, "AskForGrant", "grant.ask", (_ASK,), {"reason": request.reason}, change)

    def ApproveGrant(
        self, request: grant_service_pb2.ApproveGrantRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.ApproveGrantResponse:
        async def change(who: Authority) -> tuple[grant_service_pb2.ApproveGrantResponse, Mapping[str, str]]:
            made = await self._desk.approve(request, who)
            answer = grant_service_pb2.ApproveGrantResponse(grant=made.record, grant_revision=made.revision)
            return answer, about(made.record)

        told = {"grant": request.id, "reason": request.reason}
        return self._change(context, "ApproveGrant", "grant.approve", (_APPROVE,), told, change)

    def RefuseGrant(
        self, request: grant_service_pb2.RefuseGrantRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.RefuseGrantResponse:
        async def change(who: Authority) -> tuple[grant_service_pb2.RefuseGrantResponse, Mapping[str, str]]:
            record = await self._desk.refuse(request.id, who, request.reason)
            return grant_service_pb2.RefuseGrantResponse(grant=record), about(record)

        told = {"grant": request.id, "reason": request.reason}
        return self._change(context, "RefuseGrant", "grant.refuse", (_APPROVE,), told, change)

    def RevokeGrant(
        self, request: grant_service_pb2.RevokeGrantRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.RevokeGrantResponse:
        async def change(who: Authority) -> tuple[grant_service_pb2.RevokeGrantResponse, Mapping[str, str]]:
            done = await self._desk.revoke(request.id, who, request.reason)
            answer = grant_service_pb2.RevokeGrantResponse(
                grant=done.record, grant_revision=done.revision, silent_nodes=done.silent
            )
            silent = {"silent_nodes": ",".join(done.silent)} if done.silent else {}
            return answer, {**about(done.record), **silent}

        told = {"grant": request.id, "reason": request.reason}
        return self._change(context, "RevokeGrant", "grant.revoke", (_APPROVE,), told, change)

    def RecordConsent(
        self, request: grant_service_pb2.RecordConsentRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.RecordConsentResponse:
        def act() -> grant_service_pb2.RecordConsentResponse:
            raise AccessDeniedError(
                "only business systems record consents, on the decision port; see `grants` of a caller"
            )

        return self._calls.answer(context, "RecordConsent", None, act)

    def GetGrant(
        self, request: grant_service_pb2.GetGrantRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.GetGrantResponse:
        async def ask() -> grant_service_pb2.GetGrantResponse:
            record = await self._desk.get(request.id)
            who = self._who(context, (_READ, _APPROVE))
            if who.name not in (record.steps[0].actor, record.grant.subject_id):
                who.check_reach(record)
            return grant_service_pb2.GetGrantResponse(grant=record)

        return self._calls.answer(context, "GetGrant", None, lambda: self._host.run(ask()))

    def ListGrants(
        self, request: grant_service_pb2.ListGrantsRequest, context: grpc.ServicerContext
    ) -> grant_service_pb2.ListGrantsResponse:
        async def ask() -> grant_service_pb2.ListGrantsResponse:
            size = request.page_size or _PAGE
            if not 1 <= size <= MAX_PAGE:
                raise RequestError(Violation("page_size", f"is {size}, must be 1 to {MAX_PAGE:,}"))
            token = request.page_token
            after = str(self._tokens.read("grants", token, "page_token")["after"]) if token else ""
            approver = self._who(context, (_APPROVE,)) if request.mine_to_approve else None
            page = await self._desk.list(
                after=after, limit=size, state=request.state, subject_id=request.subject_id,
                for_approval_by=approver, reach=self._who(context, (_READ, _APPROVE)),
            )  # fmt: skip
            following = self._tokens.write("grants", {"after": page.after}) if page.after else ""
            return grant_service_pb2.ListGrantsResponse(grants=page.records, next_page_token=following)

        return self._calls.answer(context, "ListGrants", None, lambda: self._host.run(ask()))

    def _who(self, context: grpc.ServicerContext, permissions: tuple[Permission, ...]) -> Authority:
        signed = self._calls.signed(context)
        if signed is None:
            return Authority(self._calls.actor(context), OWNER_LEVEL)
        account = signed.account

        def reaches(application: str, branch: str) -> bool:
            return any(allows(account, permission, application, branch) for permission in permissions)

        return Authority(account.name, account.authority_level, account.branch, reaches)

    def _change(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        permissions: tuple[Permission, ...],
        told: Mapping[str, str],
        change: Callable[[Authority], Coroutine[Any, Any, tuple[T, Mapping[str, str]]]],
    ) -> T:
        """Return the answer of a change, which is recorded. It goes on when the caller goes away."""

        def act() -> T:
            who = self._who(context, permissions)
            with self._recording.of(kind, who.name, told, self._calls.address(context)) as details:
                answer, found = self._host.run(change(who))
                details.update(found)
            return answer

        return self._calls.answer(context, method, None, act)
