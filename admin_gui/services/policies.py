"""What is asked of the policy service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from admin_gui.services.calls import UNARY_SECONDS, Call
from admin_gui.services.connection import Connection
from admin_gui.services.texts import text_of
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2, policy_service_pb2_grpc

LONG: Final = 120.0
"""Seconds for what judges a text."""
_PAGE: Final = 200
_STUB: Final = policy_service_pb2_grpc.PolicyServiceStub


class Policies:
    """Drafts and revisions. Answers are the messages of the service, `…Response` by the method's name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_force(self) -> Call:
        """Ask for the revision in force with its text: a GetRevisionResponse."""
        return self.revision(0, with_sources=True)

    def revision(self, number: int, *, with_sources: bool = False, with_changes: bool = False) -> Call:
        """Ask for a revision: a GetRevisionResponse."""
        return self._ask("GetRevision", revision=number, with_sources=with_sources, with_changes=with_changes)

    def revisions(self, page: str = "") -> Call:
        """Ask for revisions, newest first: a ListRevisionsResponse."""
        return self._ask("ListRevisions", page_size=_PAGE, page_token=page)

    def check(self, text: policy_service_pb2.PolicyText) -> Call:
        """Ask what is wrong in a text: a CheckPoliciesResponse."""
        return self._ask("CheckPolicies", LONG, text=text)

    def analyse(self, text: policy_service_pb2.PolicyText) -> Call:
        """Ask which rules get in each other's way: a stream of AnalysePoliciesResponse, the last with the result."""
        request = policy_service_pb2.AnalysePoliciesRequest(text=text)
        return self._connection.stream(_STUB, "AnalysePolicies", request)

    def drafts(self, page: str = "") -> Call:
        """Ask for drafts by name: a ListDraftsResponse."""
        return self._ask("ListDrafts", page_size=_PAGE, page_token=page)

    def draft(self, name: str, *, with_sources: bool = True) -> Call:
        """Ask for a draft: a GetDraftResponse."""
        return self._ask("GetDraft", name=name, with_sources=with_sources)

    def save_draft(self, name: str, version: int, files: Mapping[str, str], *, base: int = 0, reason: str = "") -> Call:
        """Begin a draft (version 0) or change its text: a SaveDraftResponse."""
        sources: control_pb2.Sources = text_of(files).sources
        return self._ask("SaveDraft", LONG, name=name, version=version, sources=sources, base=base, reason=reason)

    def delete_draft(self, name: str, version: int, reason: str = "") -> Call:
        """Remove a draft: a DeleteDraftResponse."""
        return self._ask("DeleteDraft", name=name, version=version, reason=reason)

    def submit(self, name: str, version: int, reason: str = "") -> Call:
        """Hand a draft in: a SubmitDraftResponse."""
        return self._ask("SubmitDraft", LONG, name=name, version=version, reason=reason)

    def hand_back(self, name: str, version: int, reason: str) -> Call:
        """Hand a draft back to be changed: a ReturnDraftResponse."""
        return self._ask("ReturnDraft", name=name, version=version, reason=reason)

    def approve(self, name: str, version: int, reason: str = "") -> Call:
        """Approve a draft's text: an ApproveDraftResponse."""
        return self._ask("ApproveDraft", name=name, version=version, reason=reason)

    def publish(
        self,
        name: str,
        version: int,
        reason: str = "",
        *,
        canary: policy_service_pb2.Canary | None = None,
        emergency: bool = False,
    ) -> Call:
        """Put a draft in force: a PublishDraftResponse."""
        return self._ask(
            "PublishDraft", LONG, name=name, version=version, reason=reason, canary=canary, emergency=emergency
        )

    def roll_back(self, number: int, reason: str) -> Call:
        """Put the text of a revision in force again: a RollBackResponse."""
        return self._ask("RollBack", LONG, revision=number, reason=reason)

    def compare(self, before: policy_service_pb2.PolicyText | None, after: policy_service_pb2.PolicyText) -> Call:
        """Ask how two texts differ: a ComparePoliciesResponse."""
        return self._ask("ComparePolicies", LONG, before=before, after=after)

    def rollout(self) -> Call:
        """Ask for the rollout: a GetRolloutResponse."""
        return self._ask("GetRollout")

    def promote(self, revision: int, reason: str = "") -> Call:
        """Put a candidate in force everywhere: a PromoteRolloutResponse."""
        return self._ask("PromoteRollout", LONG, revision=revision, reason=reason)

    def stop(self, revision: int, reason: str) -> Call:
        """Take a candidate back: a StopRolloutResponse."""
        return self._ask("StopRollout", LONG, revision=revision, reason=reason)

    def impact(self, candidate: policy_service_pb2.PolicyText, since_nanos: int, *, examples: int = 5) -> Call:
        """Ask what a text would have decided: a stream of AnalyseImpactResponse."""
        request = policy_service_pb2.AnalyseImpactRequest(candidate=candidate, examples=examples)
        getattr(request, "from").FromNanoseconds(since_nanos)
        return self._connection.stream(_STUB, "AnalyseImpact", request)

    def _ask(self, method: str, seconds: float = UNARY_SECONDS, /, **fields: Any) -> Call:
        request = getattr(policy_service_pb2, f"{method}Request")(**fields)
        return self._connection.ask(_STUB, method, request, seconds)
