"""What conditions know of a grant, and which of the grants that a request names count for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, Protocol

from pdp.v1 import bundle_pb2, types_pb2


class GrantFacts(NamedTuple):
    """What `grant.*` stands for in conditions; the defaults are those of a request without a grant."""

    active: bool = False
    kind: str = ""
    approver: str = ""
    approver_level: int = 0
    scenario: str = ""

    @classmethod
    def of(cls, grant: bundle_pb2.Grant) -> GrantFacts:
        """Return the facts of a grant that counts."""
        return cls(True, grant.kind, grant.approver, grant.approver_level, grant.scenario)


NO_GRANT = GrantFacts()


class GrantSource(Protocol):
    """Where grants come from: a file, a scenario, the control plane."""

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        """Return a grant by id, or None when it does not exist (or no longer does)."""


class GrantLedger:
    """A GrantSource that is kept up to date, and where some grants may be used a number of times only."""

    __slots__ = ()

    @property
    def revision(self) -> int:
        """The control store's revision that it reflects; 0 for none."""
        return 0

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        """Return a grant by id, or None when it does not exist or must not be honoured."""
        return None

    def why(self, grant_id: str) -> str:
        """Return why a grant that exists must not be honoured; empty when it does not exist."""
        return ""

    def spend(self, grant_ids: Iterable[str]) -> None:
        """Count a use of each of these, or of none. Raises GrantUseError when there is none at hand for some."""


NO_GRANTS: GrantSource = GrantLedger()


def named_applications(context: Any, asked: Any) -> frozenset[str]:
    """Return the applications that a request, or an item of a batch, says it is for: in the context, and by a message.

    Who may ask for several might name two.
    """
    found = set()
    value = context.get("application")
    if value is not None and value.WhichOneof("kind") is not None:
        found.add(value.string_value)
    if asked.HasField("message"):
        found.add(asked.message.application)
    return frozenset(found)


def counting_grants(
    source: GrantSource,
    ids: Iterable[str],
    subject_id: str,
    resource: types_pb2.Resource,
    now: int,
    applications: Collection[str],
) -> tuple[list[bundle_pb2.Grant], list[types_pb2.Diagnostic]]:
    """Return the grants that count, in request order and each once, and a diagnostic for each other one.

    `applications` are those that the request names: what was authorised in one application shows nothing in another.
    """
    counting: list[bundle_pb2.Grant] = []
    diagnostics: list[types_pb2.Diagnostic] = []

    def ignore(grant_id: str, code: types_pb2.DiagnosticCode, message: str) -> None:
        diagnostics.append(types_pb2.Diagnostic(code=code, message=message, subject=grant_id))

    for grant_id in dict.fromkeys(ids):
        grant = source.get(grant_id)
        if grant is None:
            if words := source.why(grant_id) if isinstance(source, GrantLedger) else "":
                ignore(grant_id, types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE, words)
            else:
                ignore(grant_id, types_pb2.DIAGNOSTIC_CODE_GRANT_NOT_FOUND, "no such grant")
        elif not grant.not_before_nanos <= now < grant.expires_at_nanos:
            ignore(grant_id, types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE, "the grant is not valid now")
        elif (
            grant.subject_id != subject_id
            or grant.resource_type != resource.type
            or grant.resource_id not in ("", resource.id)
        ):
            ignore(grant_id, types_pb2.DIAGNOSTIC_CODE_GRANT_MISMATCH, "the grant is for another subject or resource")
        elif grant.application and set(applications) != {grant.application}:
            message = "the grant is for an application that the request does not name, or not alone"
            ignore(grant_id, types_pb2.DIAGNOSTIC_CODE_GRANT_MISMATCH, message)
        else:
            counting.append(grant)
    return counting, diagnostics
