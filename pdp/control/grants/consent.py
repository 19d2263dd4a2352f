"""What a business system signs when it says that a customer consented.

The statement is a line `jingxi-consent-1`, then for each part a line `name:bytes:value`, in the order of `statement`;
`bytes` is how many bytes the value has in UTF-8, so nothing needs to be escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pdp.errors import AccessDeniedError, RequestError, Violation
from pdp.v1 import grant_service_pb2

OLDEST_SECONDS: Final = 600
AHEAD_SECONDS: Final = 60
"""How far the calling system's clock may be ahead."""


def statement(caller: str, request: grant_service_pb2.RecordConsentRequest) -> bytes:
    """Return the bytes that the caller of this name signs."""
    return b"jingxi-consent-1\n" + b"".join(_line(name, value) for name, value in _parts(caller, request))


def verify(caller: str, key: str, request: grant_service_pb2.RecordConsentRequest, now: int) -> None:
    """Raise AccessDeniedError for a signature that is not the caller's, RequestError for a consent that is too old.

    `key` is the caller's public key, 64 hexadecimal digits; `now` is in nanoseconds since 1970.
    """
    age = (now - request.consented_nanos) / 1e9
    if not -AHEAD_SECONDS <= age <= OLDEST_SECONDS:
        raise RequestError(
            Violation("consented_nanos", f"is {age:.0f} s ago; a consent counts for {OLDEST_SECONDS} s, not before it")
        )
    if not key:
        raise AccessDeniedError(f"the caller `{caller}` has no `consent_key` in its entry")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(request.signature, statement(caller, request))
    except InvalidSignature:
        raise AccessDeniedError(
            f"the signature is not that of the caller `{caller}` over this consent; see docs/guides/grants.md"
        ) from None


def _parts(caller: str, request: grant_service_pb2.RecordConsentRequest) -> Iterator[tuple[str, str]]:
    yield "caller", caller
    yield "consent_id", request.consent_id
    yield "subject_id", request.subject_id
    yield "application", request.application
    yield "resource_type", request.resource_type
    yield "resource_id", request.resource_id
    for field in request.fields:
        yield "field", field
    for level in request.levels:
        yield "level", level
    yield "scenario", request.scenario
    yield "evidence", request.evidence
    yield "consented_nanos", str(request.consented_nanos)
    yield "validity_nanos", str(request.validity.seconds * 10**9 + request.validity.nanos)
    yield "max_uses", str(request.max_uses)


def _line(name: str, value: str) -> bytes:
    data = value.encode()
    return b"%s:%d:%s\n" % (name.encode(), len(data), data)
