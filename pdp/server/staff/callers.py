"""CallerService: the systems that may call the decision port, and the second person that their changes need."""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import grpc

from pdp.control.callers import CallerDesk, Outcome, TokenWish
from pdp.control.callers.rules import caller_of
from pdp.control.callers.telling import differences, kind_word, told_change, without_hashes
from pdp.control.steps import Who
from pdp.errors import RequestError, Violation
from pdp.server.grant_records import Recording
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import CallerHost, Run
from pdp.snapshot.query import Tokens
from pdp.v1 import caller_pb2, caller_service_pb2, caller_service_pb2_grpc, snapshot_pb2

SERVICE: str = caller_service_pb2.DESCRIPTOR.services_by_name["CallerService"].full_name
MAX_PAGE: Final = 1_000
_USUAL: Final = 100

T = TypeVar("T")
Made = tuple[T, Mapping[str, str]]


class CallerServicer(caller_service_pb2_grpc.CallerServiceServicer):
    """Answers out of the control store."""

    def __init__(
        self,
        calls: Calls,
        host: CallerHost,
        run: Run,
        record: Callable[[snapshot_pb2.Operation], None],
        tokens: Tokens,
    ) -> None:
        self._calls = calls
        self._host = host
        self._run = run
        self._recording = Recording(record)
        self._tokens = tokens

    @property
    def _desk(self) -> CallerDesk:
        return self._host.desk

    def ListCallers(
        self, request: caller_service_pb2.ListCallersRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.ListCallersResponse:
        def act() -> caller_service_pb2.ListCallersResponse:
            size, after = _size(request.page_size), self._after("callers", request.page_token)
            page = self._run(self._desk.list_callers(after=after, limit=size))
            token = self._tokens.write("callers", {"after": page.callers[-1].name}) if page.more else ""
            of_file = () if after else map(caller_of, self._host.register.of_file)
            return caller_service_pb2.ListCallersResponse(
                callers=map(without_hashes, page.callers), next_page_token=token,
                file_callers=map(without_hashes, of_file), effective=self._host.counts,
            )  # fmt: skip

        return self._calls.answer(context, "ListCallers", None, act)

    def GetCaller(
        self, request: caller_service_pb2.GetCallerRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.GetCallerResponse:
        def act() -> caller_service_pb2.GetCallerResponse:
            caller = self._run(self._desk.get_caller(request.name))
            hidden = any(spec.name == caller.name for spec in self._host.register.of_file)
            return caller_service_pb2.GetCallerResponse(caller=without_hashes(caller), hidden=hidden)

        return self._calls.answer(context, "GetCaller", None, act)

    def CreateCaller(
        self, request: caller_service_pb2.CreateCallerRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.CreateCallerResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.CreateCallerResponse]:
            wish = _wish(request.token) if request.HasField("token") else None
            done = await self._desk.create(request.caller, wish, who, four_eyes=four_eyes)
            answer = caller_service_pb2.CreateCallerResponse(
                caller=_after(done), change=_waiting(done), token=done.token
            )
            return answer, _about(done)

        return self._change(context, "CreateCaller", "caller.create", request.caller.name, request.reason, change)

    def UpdateCaller(
        self, request: caller_service_pb2.UpdateCallerRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.UpdateCallerResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.UpdateCallerResponse]:
            done = await self._desk.update(request.caller, who, four_eyes=four_eyes)
            answer = caller_service_pb2.UpdateCallerResponse(caller=_now(done), change=_waiting(done))
            return answer, _about(done)

        return self._change(context, "UpdateCaller", "caller.update", request.caller.name, request.reason, change)

    def DisableCaller(
        self, request: caller_service_pb2.DisableCallerRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.DisableCallerResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.DisableCallerResponse]:
            done = await self._desk.disable(request.name, who, four_eyes=four_eyes)
            return caller_service_pb2.DisableCallerResponse(caller=_now(done)), _about(done)

        return self._change(context, "DisableCaller", "caller.disable", request.name, request.reason, change)

    def EnableCaller(
        self, request: caller_service_pb2.EnableCallerRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.EnableCallerResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.EnableCallerResponse]:
            done = await self._desk.enable(request.name, who, four_eyes=four_eyes)
            answer = caller_service_pb2.EnableCallerResponse(caller=_now(done), change=_waiting(done))
            return answer, _about(done)

        return self._change(context, "EnableCaller", "caller.enable", request.name, request.reason, change)

    def AddCallerToken(
        self, request: caller_service_pb2.AddCallerTokenRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.AddCallerTokenResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.AddCallerTokenResponse]:
            done = await self._desk.add_token(request.name, _wish(request.token), who, four_eyes=four_eyes)
            answer = caller_service_pb2.AddCallerTokenResponse(
                caller=_now(done), change=_waiting(done), token=done.token
            )
            return answer, _about(done)

        return self._change(context, "AddCallerToken", "caller.token.add", request.name, request.reason, change)

    def RevokeCallerToken(
        self, request: caller_service_pb2.RevokeCallerTokenRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.RevokeCallerTokenResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.RevokeCallerTokenResponse]:
            done = await self._desk.revoke_token(request.name, request.id, who, four_eyes=four_eyes)
            return caller_service_pb2.RevokeCallerTokenResponse(caller=_now(done)), _about(done)

        return self._change(context, "RevokeCallerToken", "caller.token.revoke", request.name, request.reason, change)

    def DeleteCaller(
        self, request: caller_service_pb2.DeleteCallerRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.DeleteCallerResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.DeleteCallerResponse]:
            done = await self._desk.delete(request.name, request.version, who, four_eyes=four_eyes)
            return caller_service_pb2.DeleteCallerResponse(), _about(done)

        return self._change(context, "DeleteCaller", "caller.delete", request.name, request.reason, change)

    def ListCallerChanges(
        self, request: caller_service_pb2.ListCallerChangesRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.ListCallerChangesResponse:
        def act() -> caller_service_pb2.ListCallerChangesResponse:
            after = self._after("caller_changes", request.page_token)
            page = self._run(
                self._desk.list_changes(after=after, limit=_size(request.page_size), only_waiting=request.waiting)
            )
            token = self._tokens.write("caller_changes", {"after": page.next}) if page.next else ""
            return caller_service_pb2.ListCallerChangesResponse(
                changes=map(told_change, page.changes), next_page_token=token
            )

        return self._calls.answer(context, "ListCallerChanges", None, act)

    def ApproveCallerChange(
        self, request: caller_service_pb2.ApproveCallerChangeRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.ApproveCallerChangeResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.ApproveCallerChangeResponse]:
            del four_eyes
            done = await self._desk.approve(request.id, who)
            answer = caller_service_pb2.ApproveCallerChangeResponse(caller=_now(done), change=_waiting(done))
            return answer, _about(done)

        return self._change(context, "ApproveCallerChange", "caller.approve", "", request.reason, change, request.id)

    def RefuseCallerChange(
        self, request: caller_service_pb2.RefuseCallerChangeRequest, context: grpc.ServicerContext
    ) -> caller_service_pb2.RefuseCallerChangeResponse:
        async def change(who: Who, four_eyes: bool) -> Made[caller_service_pb2.RefuseCallerChangeResponse]:
            del four_eyes
            refused = await self._desk.refuse(request.id, who)
            told = {"caller": refused.wanted.name, "what": kind_word(refused.kind)}
            return caller_service_pb2.RefuseCallerChangeResponse(change=told_change(refused)), told

        return self._change(context, "RefuseCallerChange", "caller.refuse", "", request.reason, change, request.id)

    def _after(self, purpose: str, token: str) -> str:
        """Return where a page begins."""
        return str(self._tokens.read(purpose, token, "page_token")["after"]) if token else ""

    def _change(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        name: str,
        reason: str,
        change: Callable[[Who, bool], Coroutine[Any, Any, Made[T]]],
        change_id: str = "",
    ) -> T:
        """Return the answer of a change, which is recorded. It goes on when the caller goes away."""

        def act() -> T:
            signed = self._calls.signed(context)
            who = Who(self._calls.actor(context), reason)
            told = {"caller": name[:64], "change": change_id[:64], "reason": reason}
            if signed is not None:
                told["session"] = signed.session.id
            with self._recording.of(kind, who.actor, told, self._calls.address(context)) as details:
                # Where nobody signs in there is nobody to be the second person.
                answer, found = self._run(change(who, signed is not None))
                details.update(found)
            # Who gives a new token on is not to find it refused here; other nodes hear of it within a second.
            self._run(self._host.look())
            return answer

        return self._calls.answer(context, method, None, act)


def _wish(wish: caller_service_pb2.TokenWish) -> TokenWish:
    if wish.HasField("validity") and wish.validity.seconds <= 0:
        raise RequestError(Violation("token.validity", "is 1 minute to 3,650 days; leave it out for ever"))
    return TokenWish(wish.id, wish.validity.seconds if wish.HasField("validity") else 0)


def _after(done: Outcome) -> caller_pb2.Caller | None:
    return None if done.after is None else without_hashes(done.after)


def _now(done: Outcome) -> caller_pb2.Caller | None:
    caller = done.after or done.before
    return None if caller is None else without_hashes(caller)


def _waiting(done: Outcome) -> caller_pb2.CallerChange | None:
    return None if done.change is None else told_change(done.change)


def _about(done: Outcome) -> Mapping[str, str]:
    """Return what the record tells: what has changed, or of a change that waits what it would."""
    if done.change is None:
        return differences(done.before, done.after)
    about = {
        "change": done.change.id, "what": kind_word(done.change.kind), "caller": done.change.wanted.name,
        "widens": ", ".join(done.change.widens),
    }  # fmt: skip
    if done.after is None:
        return {**about, "state": "waits", **differences(done.before, done.change.wanted)}
    return {**about, "asked_by": done.change.steps[0].actor, **differences(done.before, done.after)}


def _size(asked: int) -> int:
    size = asked or _USUAL
    if not 0 < size <= MAX_PAGE:
        raise RequestError(Violation("page_size", f"is {size}, must be 1 to {MAX_PAGE}, or 0 for {_USUAL}"))
    return size
