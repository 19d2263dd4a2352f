"""From an exception to the status that a caller sees.

| exception | code | reason |
|---|---|---|
| RequestError | INVALID_ARGUMENT | ERROR_REASON_INVALID_REQUEST, with the wrong places |
| SourcesError | INVALID_ARGUMENT | ERROR_REASON_INVALID_REQUEST, for `sources` |
| NoMessageMapError | NOT_FOUND | ERROR_REASON_UNKNOWN_MESSAGE |
| UnknownMessageError | INVALID_ARGUMENT | ERROR_REASON_UNKNOWN_MESSAGE |
| StaleRevisionError | FAILED_PRECONDITION | ERROR_REASON_REVISION_TOO_OLD |
| GrantUseError | UNAVAILABLE | ERROR_REASON_CONTROL_STORE_UNAVAILABLE, with words of its own |
| NoPolicyError | UNAVAILABLE | ERROR_REASON_NO_POLICY |
| UnauthenticatedError | UNAUTHENTICATED | ERROR_REASON_UNAUTHENTICATED |
| AccessDeniedError | PERMISSION_DENIED | ERROR_REASON_ACCESS_DENIED |
| RateLimitedError | RESOURCE_EXHAUSTED | ERROR_REASON_RATE_LIMITED, with a RetryInfo |
| LimitError | RESOURCE_EXHAUSTED | ERROR_REASON_LIMIT_EXCEEDED |
| StoppingError | UNAVAILABLE | ERROR_REASON_STOPPING |
| SpoolError | UNAVAILABLE | ERROR_REASON_NOT_RECORDED |
| FilterError | INVALID_ARGUMENT | ERROR_REASON_INVALID_FILTER, with the column and a BadRequest for `filter` |
| SnapshotNotFoundError | NOT_FOUND | ERROR_REASON_NO_SNAPSHOT |
| EvidenceError | FAILED_PRECONDITION | ERROR_REASON_NO_EVIDENCE |
| StoreError | UNAVAILABLE | ERROR_REASON_STORE_UNAVAILABLE |
| ProviderError | UNAVAILABLE | ERROR_REASON_PROVIDER_UNAVAILABLE |
| ControlStoreError | UNAVAILABLE | ERROR_REASON_CONTROL_STORE_UNAVAILABLE |
| BlobError, CompactedError | UNAVAILABLE | ERROR_REASON_CONTROL_STORE_UNAVAILABLE, with words of its own |
| ConflictError | ABORTED | ERROR_REASON_CONFLICT, with who, when and what there is now |
| NotFoundError | NOT_FOUND | ERROR_REASON_NOT_FOUND |
| WrongStateError | FAILED_PRECONDITION | ERROR_REASON_WRONG_STATE |
| CannotSignError | FAILED_PRECONDITION | ERROR_REASON_CANNOT_SIGN |
| PolicyError, GoldenCaseError | FAILED_PRECONDITION | ERROR_REASON_INVALID_POLICIES |
| anything else | INTERNAL | ERROR_REASON_INTERNAL, with the id of the log entry |
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from pdp.errors import (
    AccessDeniedError,
    BlobError,
    CannotSignError,
    CompactedError,
    ConflictError,
    ControlStoreError,
    EvidenceError,
    FilterError,
    GoldenCaseError,
    GrantUseError,
    LimitError,
    NoMessageMapError,
    NoPolicyError,
    NotFoundError,
    OutOfSequenceError,
    PdpError,
    PolicyError,
    ProviderError,
    RateLimitedError,
    RequestError,
    SnapshotNotFoundError,
    SourcesError,
    SpoolError,
    StaleRevisionError,
    StoppingError,
    StoreError,
    UnauthenticatedError,
    UnknownMessageError,
    UnsettledError,
    Violation,
    WrongStateError,
)
from pdp.server import logs
from pdp.v1 import types_pb2

DOMAIN = "jingxi.dev"

# A status travels in metadata, of which clients accept 8 KB by default, and its message a second time percent-encoded.
_MAX_MESSAGE = 480
_MAX_FIELD = 120
_MAX_DESCRIPTION = 200
_MAX_VIOLATIONS = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call: canonical code, message, and the serialized google.rpc.Status that holds both and the details."""

    code: int
    message: str
    details: bytes


def failure_of(error: BaseException, method: str) -> Failure:
    """Return what the caller of `method` is told; what was not foreseen is logged under an id that the caller gets."""
    match error:
        case NoMessageMapError():
            return _request_failure(error, code_pb2.NOT_FOUND, types_pb2.ERROR_REASON_UNKNOWN_MESSAGE)
        case UnknownMessageError():
            return _request_failure(error, code_pb2.INVALID_ARGUMENT, types_pb2.ERROR_REASON_UNKNOWN_MESSAGE)
        case StaleRevisionError():
            return _request_failure(error, code_pb2.FAILED_PRECONDITION, types_pb2.ERROR_REASON_REVISION_TOO_OLD)
        case RequestError():
            return _request_failure(error, code_pb2.INVALID_ARGUMENT, types_pb2.ERROR_REASON_INVALID_REQUEST)
        case SourcesError():
            return failure_of(RequestError(Violation("sources", str(error))), method)
        case GrantUseError():
            return _failure(code_pb2.UNAVAILABLE, str(error), [_info(types_pb2.ERROR_REASON_CONTROL_STORE_UNAVAILABLE)])
        case NoPolicyError():
            return _failure(code_pb2.UNAVAILABLE, str(error), [_info(types_pb2.ERROR_REASON_NO_POLICY)])
        case UnauthenticatedError():
            return _failure(code_pb2.UNAUTHENTICATED, str(error), [_info(types_pb2.ERROR_REASON_UNAUTHENTICATED)])
        case AccessDeniedError():
            return _failure(code_pb2.PERMISSION_DENIED, str(error), [_info(types_pb2.ERROR_REASON_ACCESS_DENIED)])
        case RateLimitedError():
            details = [_info(types_pb2.ERROR_REASON_RATE_LIMITED), _retry(error.retry_seconds)]
            return _failure(code_pb2.RESOURCE_EXHAUSTED, str(error), details)
        case LimitError():
            return _failure(code_pb2.RESOURCE_EXHAUSTED, str(error), [_info(types_pb2.ERROR_REASON_LIMIT_EXCEEDED)])
        case ProviderError():
            return _failure(code_pb2.UNAVAILABLE, str(error), [_info(types_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE)])
        case StoppingError():
            return _failure(code_pb2.UNAVAILABLE, str(error), [_info(types_pb2.ERROR_REASON_STOPPING)])
        case SpoolError():
            # What is wrong with this node's disk is not the caller's to know.
            message = "the decision cannot be recorded, so it is not answered; ask another node"
            return _failure(code_pb2.UNAVAILABLE, message, [_info(types_pb2.ERROR_REASON_NOT_RECORDED)])
        case FilterError():
            return _filter_failure(error)
        case SnapshotNotFoundError():
            return _failure(code_pb2.NOT_FOUND, str(error), [_info(types_pb2.ERROR_REASON_NO_SNAPSHOT)])
        case EvidenceError():
            return _failure(code_pb2.FAILED_PRECONDITION, str(error), [_info(types_pb2.ERROR_REASON_NO_EVIDENCE)])
        case StoreError():
            return _store_failure(error, method)
        case ControlStoreError() | BlobError() | CompactedError():
            return _control_failure(error, method)
        case ConflictError():
            now = {"actor": error.actor, "time": str(error.time_nanos), "version": str(error.version)}
            return _failure(code_pb2.ABORTED, str(error), [_info(types_pb2.ERROR_REASON_CONFLICT, **now)])
        case NotFoundError():
            return _failure(code_pb2.NOT_FOUND, str(error), [_info(types_pb2.ERROR_REASON_NOT_FOUND)])
        case WrongStateError():
            return _failure(code_pb2.FAILED_PRECONDITION, str(error), [_info(types_pb2.ERROR_REASON_WRONG_STATE)])
        case OutOfSequenceError(expected=expected):
            info = _info(types_pb2.ERROR_REASON_OUT_OF_SEQUENCE, expected=str(expected))
            return _failure(code_pb2.FAILED_PRECONDITION, str(error), [info])
        case UnsettledError():
            return _failure(code_pb2.UNAVAILABLE, str(error), [_info(types_pb2.ERROR_REASON_NOT_RECORDED)])
        case CannotSignError():
            return _failure(code_pb2.FAILED_PRECONDITION, str(error), [_info(types_pb2.ERROR_REASON_CANNOT_SIGN)])
        case PolicyError() | GoldenCaseError():
            return _failure(code_pb2.FAILED_PRECONDITION, str(error), [_info(types_pb2.ERROR_REASON_INVALID_POLICIES)])
    incident = secrets.token_hex(8)
    logs.event(
        log, logging.ERROR, "call.failed", "a call failed unexpectedly",
        method=method, incident=incident, error=type(error).__name__, traceback=list(frames(error)),
    )  # fmt: skip
    message = f"internal error; the server's log tells more under {incident}"
    return _failure(code_pb2.INTERNAL, message, [_info(types_pb2.ERROR_REASON_INTERNAL, incident=incident)])


def first_field(failure: Failure) -> str:
    """Return the first wrong place of a bad request; empty when it is not the request that is wrong."""
    bad = error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(failure.details).details:
        if detail.Unpack(bad):
            return str(bad.field_violations[0].field)
    return ""


def frames(error: BaseException) -> Iterator[str]:
    """Yield where an exception and its causes came from.

    The exceptions' own texts are left out: they may quote what a request held.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from frames(cause)
    yield type(error).__name__
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {frame.filename}:{frame.lineno} in {frame.name}"


def _filter_failure(error: FilterError) -> Failure:
    words = f"{error}; {error.hint}" if error.hint else str(error)
    violation = Violation("filter", f"column {error.column}: {words}")
    problem, hint = _clip(str(error), _MAX_DESCRIPTION), _clip(error.hint, _MAX_DESCRIPTION)
    info = _info(types_pb2.ERROR_REASON_INVALID_FILTER, column=str(error.column), problem=problem, hint=hint)
    details = [info, _bad_request((violation,))]
    return _failure(code_pb2.INVALID_ARGUMENT, f"filter: column {error.column}: {words}", details)


def _store_failure(error: StoreError, method: str) -> Failure:
    logs.event(log, logging.WARNING, "store.failed", "the store of records failed", method=method, reason=str(error))
    # Where the store is, is not everybody's to know.
    message = "the store of records does not answer, or not in time; ask for less, such as of one day, or try again"
    return _failure(code_pb2.UNAVAILABLE, message, [_info(types_pb2.ERROR_REASON_STORE_UNAVAILABLE)])


def _control_failure(error: PdpError, method: str) -> Failure:
    logs.event(log, logging.WARNING, "control.failed", "the control store failed", method=method, reason=str(error))
    if isinstance(error, ControlStoreError):
        # Where the store is, is not everybody's to know.
        message = "the control store does not answer; look whether it was done before trying again"
    else:
        message = str(error)
    return _failure(code_pb2.UNAVAILABLE, message, [_info(types_pb2.ERROR_REASON_CONTROL_STORE_UNAVAILABLE)])


def _request_failure(error: RequestError, code: int, reason: types_pb2.ErrorReason) -> Failure:
    return _failure(code, str(error), [_info(reason), _bad_request(error.violations)])


def _failure(code: int, message: str, details: Iterable[Message]) -> Failure:
    short = _clip(message, _MAX_MESSAGE)
    status = status_pb2.Status(code=code, message=short)
    for detail in details:
        status.details.add().Pack(detail)
    return Failure(code, short, status.SerializeToString())


def _info(reason: types_pb2.ErrorReason, **metadata: str) -> error_details_pb2.ErrorInfo:
    name = types_pb2.ErrorReason.Name(reason)
    return error_details_pb2.ErrorInfo(reason=name, domain=DOMAIN, metadata=metadata)


def _retry(seconds: float) -> error_details_pb2.RetryInfo:
    whole, fraction = divmod(seconds, 1)
    return error_details_pb2.RetryInfo(
        retry_delay=duration_pb2.Duration(seconds=int(whole), nanos=int(fraction * 1_000_000_000))
    )


def _bad_request(violations: tuple[Violation, ...]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=_clip(v.field, _MAX_FIELD), description=_clip(v.description, _MAX_DESCRIPTION)
            )
            for v in violations[:_MAX_VIOLATIONS]
        ]
    )


def _clip(text: str, limit: int) -> str:
    """Return at most `limit` bytes of UTF-8, cut between characters."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode("utf-8")
    return data[: limit - 3].decode("utf-8", "ignore") + "…"
