"""Every exception that the client raises on purpose.

JingxiError                     code `internal`
├── DecisionUnavailableError    code `unavailable`     no verdict could be had: service away, too slow or failed
│   └── RevisionTooOldError     code `stale_revision`  the node's revision is below `min_revision`
├── RequestRejectedError        code `invalid_request` the service found the question wrong; `violations` says where
│   └── UnknownMessageError     code `unknown_message` the application has no such message
├── AccessDeniedError           code `access_denied`   the service does not accept this caller
├── ProtocolError               code `protocol`        the service's answer does not fit the question
├── MessageMismatchError        code `mismatch`        the message is not shaped as its map says
├── PathError                   code `path`            a path of a message map cannot be read
├── AttributeValueError         code `attribute`       an attribute's value has no form that can be sent
├── MaskUnavailableError        code `mask`            a mask cannot be performed as told; the field is dropped
├── KeyUnavailableError         code `key`             a key for hashes cannot be read
├── BundleError                 code `bundle`          a bundle may not come into use; `reason` says why
├── ConfigurationError          code `config`          the client was set up wrongly
└── ClientClosedError           code `closed`          the client was used after `close`

No message ever holds a value of the masked message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class JingxiError(Exception):
    """Base of all."""

    code: ClassVar[str] = "internal"


class DecisionUnavailableError(JingxiError):
    """No verdict could be had. `status` is the canonical gRPC code, such as `UNAVAILABLE` or `DEADLINE_EXCEEDED`."""

    code = "unavailable"

    def __init__(self, message: str, status: str = "UNAVAILABLE") -> None:
        super().__init__(message)
        self.status = status


class RevisionTooOldError(DecisionUnavailableError):
    """The node that answered has an older revision than `min_revision` asks for."""

    code = "stale_revision"


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong at one place of a question; `field` is a path such as `items[3].fields`."""

    field: str
    description: str


class RequestRejectedError(JingxiError):
    """The service found the question wrong."""

    code = "invalid_request"

    def __init__(self, message: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(message)
        self.violations = violations


class UnknownMessageError(RequestRejectedError):
    """No message map for the named message."""

    code = "unknown_message"


class AccessDeniedError(JingxiError):
    """The service does not accept this caller."""

    code = "access_denied"


class ProtocolError(JingxiError):
    """The service's answer does not fit the question."""

    code = "protocol"


class MessageMismatchError(JingxiError):
    """The message is not shaped as its map says, so that parts of it could slip through unmasked."""

    code = "mismatch"


class PathError(JingxiError):
    """A path of a message map that cannot be read."""

    code = "path"


class AttributeValueError(JingxiError):
    """An attribute whose value has no form that can be sent."""

    code = "attribute"


class MaskUnavailableError(JingxiError):
    """A mask that cannot be performed exactly as told."""

    code = "mask"


class KeyUnavailableError(JingxiError):
    """A key for hashes that is there and cannot be used."""

    code = "key"


class BundleError(JingxiError):
    """A bundle that may not come into use.

    `reason` is `wrong_format`, `wrong_hash`, `bad_signature`, `unknown_key`, `goes_back` or `golden_case`.
    """

    code = "bundle"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigurationError(JingxiError):
    """A client set up wrongly."""

    code = "config"


class ClientClosedError(JingxiError):
    """A client used after `close`."""

    code = "closed"
