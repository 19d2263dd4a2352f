"""PolicyService: the staff's work on policies."""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import grpc

from pdp.control.accounts.raising import of_publication
from pdp.control.revisions import Who
from pdp.control.steps import MAX_REASON, check_reason
from pdp.errors import NotFoundError, PdpError, RequestError, SourcesError, SpoolError, Violation, WrongStateError
from pdp.server import logs
from pdp.server.judge import PolicyJudge
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import ControlHost
from pdp.server.staff.guard import address_of
from pdp.server.staff.texts import check_number, checked, resolve
from pdp.snapshot.query import Tokens
from pdp.snapshot.store.base import Reader
from pdp.v1 import (
    account_pb2,
    bundle_pb2,
    bundle_service_pb2,
    control_pb2,
    policy_service_pb2,
    policy_service_pb2_grpc,
    snapshot_pb2,
)

SERVICE: str = policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"].full_name
LARGE: Final = ("CheckPolicies", "AnalysePolicies", "SaveDraft", "ComparePolicies", "AnalyseImpact")
"""The methods whose requests carry a text."""
MAX_PAGE: Final = 1_000
_CHUNK = 256 * 1000
_DRAFTS = 100
_REVISIONS = 50

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")
Text = Callable[[policy_service_pb2.PolicyText], control_pb2.Sources]


class Impact(Protocol):
    """Makes recorded decisions again; `reader` is where they are read."""

    reader: Reader

    def __call__(
        self, request: policy_service_pb2.AnalyseImpactRequest, text: Text, ended: threading.Event
    ) -> Generator[policy_service_pb2.AnalyseImpactResponse, None, None]:
        """Yield progress and the result; `text` returns a text that is named, `ended` is set when nobody waits."""


class Done(NamedTuple, Generic[T]):
    """The answer of a change, and what the record of it tells besides who, why and of what."""

    answer: T
    details: Mapping[str, str]


class PolicyServicer(policy_service_pb2_grpc.PolicyServiceServicer):
    """Answers out of the control store; without `impact` there are no recorded decisions to make again."""

    def __init__(self, calls: Calls, host: ControlHost, impact: Impact | None, tokens: Tokens) -> None:
        self._calls = calls
        self._host = host
        self._revisions = host.revisions
        self._impact = impact
        self._tokens = tokens
        judge = host.revisions.judge
        self._judge = judge if isinstance(judge, PolicyJudge) else PolicyJudge()

    # What is asked.

    def CheckPolicies(
        self, request: policy_service_pb2.CheckPoliciesRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.CheckPoliciesResponse:
        async def ask() -> policy_service_pb2.CheckPoliciesResponse:
            text = await resolve(self._revisions, request.text, "text")
            return checked(await self._judge.examine(text, analyse=request.analyse))

        return self._ask(context, "CheckPolicies", ask)

    def AnalysePolicies(
        self, request: policy_service_pb2.AnalysePoliciesRequest, context: grpc.ServicerContext
    ) -> Iterator[policy_service_pb2.AnalysePoliciesResponse]:
        def analyse(ended: threading.Event) -> Generator[policy_service_pb2.AnalysePoliciesResponse, None, None]:
            text = self._host.run(_until_gone(context, lambda: resolve(self._revisions, request.text, "text")))
            going, told = self._judge.examining(text), -1
            while not ended.is_set():
                try:
                    done, total = next(going)
                except StopIteration as end:
                    yield policy_service_pb2.AnalysePoliciesResponse(done=1, total=1, result=checked(end.value))
                    return
                if (percent := 100 * done // total) != told:
                    told = percent
                    yield policy_service_pb2.AnalysePoliciesResponse(done=done, total=total)

        return self._calls.stream(context, "AnalysePolicies", "check", None, analyse)

    def ListDrafts(
        self, request: policy_service_pb2.ListDraftsRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.ListDraftsResponse:
        async def ask() -> policy_service_pb2.ListDraftsResponse:
            size = _size(request.page_size, _DRAFTS)
            page = await self._revisions.list_drafts(after=self._after("drafts", request.page_token, ""), limit=size)
            token = self._tokens.write("drafts", {"after": page.drafts[-1].name}) if page.more else ""
            return policy_service_pb2.ListDraftsResponse(drafts=page.drafts, next_page_token=token)

        return self._ask(context, "ListDrafts", ask)

    def GetDraft(
        self, request: policy_service_pb2.GetDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.GetDraftResponse:
        async def ask() -> policy_service_pb2.GetDraftResponse:
            draft = await self._revisions.get_draft(request.name)
            text = await self._revisions.published.sources(draft.sources) if request.with_sources else None
            return policy_service_pb2.GetDraftResponse(draft=draft, sources=text)

        return self._ask(context, "GetDraft", ask)

    def ListRevisions(
        self, request: policy_service_pb2.ListRevisionsRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.ListRevisionsResponse:
        async def ask() -> policy_service_pb2.ListRevisionsResponse:
            size = _size(request.page_size, _REVISIONS)
            page = await self._revisions.list_revisions(
                below=self._after("revisions", request.page_token, 0), limit=size
            )
            token = self._tokens.write("revisions", {"after": page.next}) if page.next else ""
            return policy_service_pb2.ListRevisionsResponse(
                revisions=page.revisions, next_page_token=token, head=await self._revisions.published.head()
            )

        return self._ask(context, "ListRevisions", ask)

    def GetRevision(
        self, request: policy_service_pb2.GetRevisionRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.GetRevisionResponse:
        async def ask() -> policy_service_pb2.GetRevisionResponse:
            published = self._revisions.published
            revision = await self._revisions.get_revision(check_number(request.revision, "revision"))
            text = await published.sources(revision.sources) if request.with_sources else None
            changes = await published.changes(_changes(revision)) if request.with_changes else None
            return policy_service_pb2.GetRevisionResponse(
                revision=revision, sources=text, changes=changes, head=await published.head()
            )

        return self._ask(context, "GetRevision", ask)

    def ComparePolicies(
        self, request: policy_service_pb2.ComparePoliciesRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.ComparePoliciesResponse:
        async def ask() -> policy_service_pb2.ComparePoliciesResponse:
            # Without an earlier text, everything in the later one is new.
            before = await resolve(self._revisions, request.before, "before") if request.HasField("before") else None
            after = await resolve(self._revisions, request.after, "after")
            return policy_service_pb2.ComparePoliciesResponse(changes=await self._judge.compare(before, after))

        return self._ask(context, "ComparePolicies", ask)

    def GetRollout(
        self, request: policy_service_pb2.GetRolloutRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.GetRolloutResponse:
        del request

        async def ask() -> policy_service_pb2.GetRolloutResponse:
            rollout = await self._revisions.published.rollout()
            if rollout is None:
                raise NotFoundError("there was no rollout yet")
            labels = rollout.labels.items()
            nodes = [node for node in await self._host.nodes.statuses() if labels <= node.labels.items()]
            return policy_service_pb2.GetRolloutResponse(rollout=rollout, nodes=nodes)

        return self._ask(context, "GetRollout", ask)

    def AnalyseImpact(
        self, request: policy_service_pb2.AnalyseImpactRequest, context: grpc.ServicerContext
    ) -> Iterator[policy_service_pb2.AnalyseImpactResponse]:
        impact = self._impact
        if impact is None:
            return self._calls.answer(context, "AnalyseImpact", None, _no_records)

        def text(named: policy_service_pb2.PolicyText) -> control_pb2.Sources:
            return self._host.run(_until_gone(context, lambda: resolve(self._revisions, named, "candidate")))

        return self._calls.stream(
            context, "AnalyseImpact", "impact", impact.reader, lambda ended: impact(request, text, ended)
        )

    def GetBundle(
        self, request: policy_service_pb2.GetBundleRequest, context: grpc.ServicerContext
    ) -> Iterator[policy_service_pb2.GetBundleResponse]:
        async def ask() -> bundle_pb2.SignedBundle:
            revision = await self._revisions.get_revision(check_number(request.revision, "revision"))
            return await self._revisions.published.bundle(revision)

        def parts(_ended: threading.Event) -> Generator[policy_service_pb2.GetBundleResponse, None, None]:
            signed = self._host.run(_until_gone(context, ask))
            details = {"revision": str(signed.revision), "hash": signed.hash}
            self._record(context, self._calls.actor(context), "bundle.export", details, success=True)
            header = bundle_service_pb2.BundleHeader(
                revision=signed.revision, hash=signed.hash, key_id=signed.key_id, signature=signed.signature,
                size=len(signed.bundle),
            )  # fmt: skip
            yield policy_service_pb2.GetBundleResponse(header=header)
            for start in range(0, len(signed.bundle), _CHUNK):
                yield policy_service_pb2.GetBundleResponse(chunk=signed.bundle[start : start + _CHUNK])

        return self._calls.stream(context, "GetBundle", "bundle", None, parts)

    # What is changed.

    def SaveDraft(
        self, request: policy_service_pb2.SaveDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.SaveDraftResponse:
        async def change(who: Who) -> Done[policy_service_pb2.SaveDraftResponse]:
            base = check_number(request.base, "base")
            draft = await self._revisions.save_draft(request.name, request.version, request.sources, who, base=base)
            return Done(policy_service_pb2.SaveDraftResponse(draft=draft), {"hash": draft.sources})

        return self._change(context, "SaveDraft", "policy.draft.save", request.reason, {"draft": request.name}, change)

    def DeleteDraft(
        self, request: policy_service_pb2.DeleteDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.DeleteDraftResponse:
        async def change(who: Who) -> Done[policy_service_pb2.DeleteDraftResponse]:
            draft = await self._revisions.delete_draft(request.name, request.version, who)
            return Done(policy_service_pb2.DeleteDraftResponse(), {"hash": draft.sources})

        about = {"draft": request.name}
        return self._change(context, "DeleteDraft", "policy.draft.delete", request.reason, about, change)

    def SubmitDraft(
        self, request: policy_service_pb2.SubmitDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.SubmitDraftResponse:
        async def change(who: Who) -> Done[policy_service_pb2.SubmitDraftResponse]:
            draft, changes = await self._revisions.submit_draft(request.name, request.version, who)
            answer = policy_service_pb2.SubmitDraftResponse(draft=draft, changes=changes)
            return Done(answer, {"hash": draft.sources})

        return self._change(context, "SubmitDraft", "policy.submit", request.reason, {"draft": request.name}, change)

    def ReturnDraft(
        self, request: policy_service_pb2.ReturnDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.ReturnDraftResponse:
        async def change(who: Who) -> Done[policy_service_pb2.ReturnDraftResponse]:
            draft = await self._revisions.return_draft(request.name, request.version, who)
            return Done(policy_service_pb2.ReturnDraftResponse(draft=draft), {"hash": draft.sources})

        return self._change(context, "ReturnDraft", "policy.return", request.reason, {"draft": request.name}, change)

    def ApproveDraft(
        self, request: policy_service_pb2.ApproveDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.ApproveDraftResponse:
        async def change(who: Who) -> Done[policy_service_pb2.ApproveDraftResponse]:
            draft = await self._revisions.approve_draft(request.name, request.version, who)
            return Done(policy_service_pb2.ApproveDraftResponse(draft=draft), {"hash": draft.sources})

        return self._change(context, "ApproveDraft", "policy.approve", request.reason, {"draft": request.name}, change)

    def PublishDraft(
        self, request: policy_service_pb2.PublishDraftRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.PublishDraftResponse:
        async def change(who: Who) -> Done[policy_service_pb2.PublishDraftResponse]:
            self._check_not_following("publish")
            canary = request.canary if request.HasField("canary") else None
            signed = self._calls.signed(context)
            review = None
            if request.emergency:
                self._check_emergency(context, who)
                # Where nobody signs in, nobody could review it.
                if signed is not None:
                    address = address_of(self._calls.address(context))
                    review = of_publication(who.actor, who.reason, address, time.time_ns)
            made = await self._revisions.publish_draft(
                request.name, request.version, who, canary,
                four_eyes=signed is not None and not request.emergency, beside=review,
            )  # fmt: skip
            answer = policy_service_pb2.PublishDraftResponse(revision=made.revision, rollout=made.rollout)
            first = (
                "" if canary is None else ",".join(f"{name}={canary.labels[name]}" for name in sorted(canary.labels))
            )
            return Done(answer, _about(made.revision) | ({"first": first} if first else {}))

        kind = "policy.emergency" if request.emergency else "policy.publish"
        return self._change(context, "PublishDraft", kind, request.reason, {"draft": request.name}, change)

    def RollBack(
        self, request: policy_service_pb2.RollBackRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.RollBackResponse:
        async def change(who: Who) -> Done[policy_service_pb2.RollBackResponse]:
            self._check_not_following("roll back")
            revision = await self._revisions.roll_back(check_number(request.revision, "revision"), who)
            about = _about(revision) | {"rollback_of": str(revision.rollback_of)}
            return Done(policy_service_pb2.RollBackResponse(revision=revision), about)

        about = {"rollback_of": str(request.revision)}
        return self._change(context, "RollBack", "policy.rollback", request.reason, about, change)

    def PromoteRollout(
        self, request: policy_service_pb2.PromoteRolloutRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.PromoteRolloutResponse:
        async def change(who: Who) -> Done[policy_service_pb2.PromoteRolloutResponse]:
            rollout = await self._revisions.promote(request.revision, who)
            return Done(policy_service_pb2.PromoteRolloutResponse(rollout=rollout), {"hash": rollout.bundle_hash})

        about = {"revision": str(request.revision)}
        return self._change(context, "PromoteRollout", "policy.promote", request.reason, about, change)

    def StopRollout(
        self, request: policy_service_pb2.StopRolloutRequest, context: grpc.ServicerContext
    ) -> policy_service_pb2.StopRolloutResponse:
        async def change(who: Who) -> Done[policy_service_pb2.StopRolloutResponse]:
            rollout = await self._revisions.stop(request.revision, who)
            return Done(policy_service_pb2.StopRolloutResponse(rollout=rollout), {"hash": rollout.bundle_hash})

        about = {"revision": str(request.revision)}
        return self._change(context, "StopRollout", "policy.stop", request.reason, about, change)

    def _check_emergency(self, context: grpc.ServicerContext, who: Who) -> None:
        """See that somebody may publish alone, and says why; it is an alarm in any case."""
        self._calls.require(context, account_pb2.PERMISSION_POLICY_EMERGENCY, application=None, branch=None)
        check_reason(who, required=True)
        logs.event(
            log, logging.WARNING, "policy.emergency", "somebody publishes without an approval; look into it",
            actor=who.actor, reason=who.reason,
        )  # fmt: skip

    def _check_not_following(self, action: str) -> None:
        if self._host.follows:
            raise WrongStateError(
                f"this server follows the folder `{self._host.follows}`, so nobody can {action} here; change the "
                "folder, or start the server without `--policies`"
            )

    def _ask(self, context: grpc.ServicerContext, method: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return an answer; it is given up when the caller goes away."""
        return self._calls.answer(context, method, None, lambda: self._host.run(_until_gone(context, ask)))

    def _change(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        reason: str,
        about: Mapping[str, str],
        change: Callable[[Who], Coroutine[Any, Any, Done[T]]],
    ) -> T:
        """Return the answer of a change, which is recorded. It goes on when the caller goes away."""
        actor = self._calls.actor(context)
        details = dict(about) | ({"reason": reason} if reason else {})

        def act() -> T:
            try:
                done = self._host.run(change(Who(actor, reason)))
            except (RequestError, SourcesError):
                raise
            except Exception as error:
                code = error.code if isinstance(error, PdpError) else PdpError.code
                self._record(context, actor, kind, details | {"error": code}, success=False)
                raise
            self._record(context, actor, kind, {**details, **done.details}, success=True)
            return done.answer

        return self._calls.answer(context, method, None, act)

    def _record(
        self, context: grpc.ServicerContext, actor: str, kind: str, details: Mapping[str, str], *, success: bool
    ) -> None:
        operation = snapshot_pb2.Operation(
            actor=actor, kind=kind, success=success, address=self._calls.address(context),
            details={key: value[:MAX_REASON] for key, value in details.items()},
        )  # fmt: skip
        # It has happened, and the caller is told how it went; the recorder has told in the log that it could not.
        with contextlib.suppress(SpoolError):
            self._host.record(operation)

    def _after(self, purpose: str, token: str, first: R) -> R:
        """Return where a page begins."""
        if not token:
            return first
        found: R = self._tokens.read(purpose, token, "page_token")["after"]
        return found


async def _until_gone(context: grpc.ServicerContext, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do a task's work until the caller goes away, which frees the thread that waits for it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def end() -> None:
        # The server may have stopped in between, and then there is no task either.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel if task else _nothing)

    if not context.add_callback(end):
        raise asyncio.CancelledError
    return await ask()


def _nothing() -> None:
    """Do nothing."""


def _no_records() -> Iterator[policy_service_pb2.AnalyseImpactResponse]:
    raise WrongStateError("this server keeps no records of decisions, so there is nothing to make again; set `audit`")


def _size(asked: int, usual: int) -> int:
    size = asked or usual
    if not 0 < size <= MAX_PAGE:
        raise RequestError(Violation("page_size", f"is {size}, must be 1 to {MAX_PAGE}, or 0 for {usual}"))
    return size


def _about(revision: control_pb2.Revision) -> dict[str, str]:
    return {"revision": str(revision.number), "hash": revision.bundle_hash}


def _changes(revision: control_pb2.Revision) -> str:
    """Return the hash of what a revision changed when it was made."""
    made = (control_pb2.STEP_KIND_PUBLISHED, control_pb2.STEP_KIND_ROLLED_BACK)
    return next((step.changes for step in reversed(revision.steps) if step.kind in made), "")
