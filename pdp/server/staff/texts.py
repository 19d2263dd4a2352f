"""Texts of policy sets as staff name them, and what is wrong in them as staff are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import json_format

from pdp.control import sources
from pdp.control.revisions import Revisions
from pdp.errors import BlobMissingError, NotFoundError, RequestError, SourcesError, Violation
from pdp.lang.diagnostics import Severity
from pdp.server.judge import Examined
from pdp.source import Span
from pdp.v1 import control_pb2, policy_service_pb2

_HASH = re.compile(r"[0-9a-f]{64}")
_SEVERITIES = {
    Severity.ERROR: policy_service_pb2.PROBLEM_SEVERITY_ERROR,
    Severity.WARNING: policy_service_pb2.PROBLEM_SEVERITY_WARNING,
    Severity.INFO: policy_service_pb2.PROBLEM_SEVERITY_NOTE,
}
GOLDEN_CASE = "golden-case"


async def resolve(revisions: Revisions, text: policy_service_pb2.PolicyText, field: str) -> control_pb2.Sources:
    """Return the text that is named; `field` is where, for the error.

    Raises RequestError, SourcesError for one that is given and is none, NotFoundError for one that there is none of.
    """
    match text.WhichOneof("text"):
        case "revision":
            revision = await revisions.get_revision(check_number(text.revision, f"{field}.revision"))
            return await revisions.published.sources(revision.sources)
        case "draft":
            draft = await revisions.get_draft(text.draft)
            return await revisions.published.sources(draft.sources)
        case "sources":
            return sources.normal(text.sources)
        case "hash":
            return await _by_hash(revisions, text.hash, field)
    raise RequestError(Violation(field, "is required: a revision, a draft, a text or a hash"))


def check_number(number: int, field: str) -> int:
    """Return a revision's number, 0 with a meaning of its own. Raises RequestError for one that cannot be."""
    if not 0 <= number < 10**12:
        raise RequestError(Violation(field, f"is {number}, which is no revision"))
    return number


def checked(found: Examined) -> policy_service_pb2.CheckPoliciesResponse:
    """Return what is wrong in a text, and the hash of the bundle of one that can be used."""
    usable = found.signed is not None and not found.failure
    digest = found.signed.hash if found.signed is not None and usable else ""
    return policy_service_pb2.CheckPoliciesResponse(problems=_problems(found), bundle_hash=digest)


def _problems(found: Examined) -> Iterator[policy_service_pb2.Problem]:
    for item in found.diagnostics:
        yield policy_service_pb2.Problem(
            severity=_SEVERITIES[item.severity],
            code=item.code,
            message=item.message,
            hint=item.hint,
            place=_place(item.span),
            related=[_place(related.span) for related in item.related],
            counterexample=_counterexample(item.request),
        )
    if found.failure:
        yield policy_service_pb2.Problem(
            severity=policy_service_pb2.PROBLEM_SEVERITY_ERROR, code=GOLDEN_CASE, message=found.failure
        )


async def _by_hash(revisions: Revisions, digest: str, field: str) -> control_pb2.Sources:
    if not _HASH.fullmatch(digest):
        raise RequestError(Violation(f"{field}.hash", "is 64 hexadecimal digits in lower case"))
    missing = NotFoundError(f"no text with the hash `{digest}` is kept")
    try:
        found = await revisions.published.sources(digest)
    except BlobMissingError:
        raise missing from None
    # Bundles and changes are kept by their hashes too, and may well read as something.
    try:
        is_text = sources.digest(sources.normal(found)) == digest
    except SourcesError:
        is_text = False
    if not is_text:
        raise missing
    return found


def _counterexample(shown: Mapping[str, Any] | None) -> policy_service_pb2.Counterexample | None:
    if shown is None:
        return None
    # Where neither the time nor grants matter, what is shown is the request alone.
    whole = dict(shown) if "request" in shown else {"request": dict(shown)}
    return json_format.ParseDict(whole, policy_service_pb2.Counterexample())


def _place(span: Span) -> policy_service_pb2.Place:
    return policy_service_pb2.Place(
        path=span.file, line=span.line, column=span.column, end_line=span.end_line, end_column=span.end_column
    )
