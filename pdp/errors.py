"""Every exception that `pdp` raises on purpose.

PdpError                    code `internal`
├── PolicyError             code `policy`          the policy set has errors; `diagnostics` lists them all
├── BundleError             code `bundle`          a bundle is damaged or of another format
├── GoldenCaseError         code `golden_case`     a bundle's own scenarios come out otherwise than expected
├── RequestError            code `invalid_request` a request breaks a bound or a form; `violations` names the places
│   ├── UnknownMessageError code `unknown_message` no message map for the named message
│   │   └── NoMessageMapError                      the same, when it is the map itself that was asked for
│   └── StaleRevisionError  code `stale_revision`  the node's revision is below the request's `min_revision`
│       └── StaleGrantsError                       the same for its grants and `min_grant_revision`
├── ValueFormatError        code `value`           a text or YAML value does not fit its declared type
├── GrantFileError          code `grants`          a grants file cannot be read
├── GrantUseError           code `grant_use`       a grant of limited use, of which no use is at hand
├── NoPolicyError           code `no_policy`       the server has nothing to decide by yet
├── CallersFileError        code `callers`         a callers file cannot be read
├── UnauthenticatedError    code `unauthenticated` a caller that nobody knows, or whose token no longer holds
│   └── SignInError         code `sign_in`         somebody who cannot sign in; `reason` is for the record alone
├── ProviderError           code `provider`        the OpenID provider is away, or answers as none
├── AccessDeniedError       code `access_denied`   a known caller that asks for what it may not have
├── RateLimitedError        code `rate_limited`    a caller that asks too often; `retry_seconds` says when it may again
├── LimitError              code `limit`           a request, a reply or calls in flight exceed a bound of the server
├── StoppingError           code `stopping`        a call to a server that stops
├── WorkerError             code `worker`          a decision worker is gone or silent
│   └── WorkerRefusedError  code `worker_refused`  a decision worker cannot do as told; `reason` is its error code
├── SpoolError              code `spool`           a record cannot be made durable on this node
│   └── SpoolFullError      code `spool_full`      there is no room for it
├── StoreError              code `store`           the store of records is away or refuses
│   └── WatermarkError      code `watermark`       a stream has come further in the store than the writer knew
├── SiemError               code `siem`            a collector or file of security events does not take them
├── EvidenceError           code `evidence`        a checkpoint, key, proof or exported file is damaged or does not fit
├── ControlStoreError       code `control_store`   the store of the control plane is away or refuses
├── CompactedError          code `compacted`       the store's history no longer goes back that far
├── LeaseEndedError         code `lease_ended`     a change that hangs on a lease that has ended
├── BlobError               code `blob`            what the control store holds is damaged
│   └── BlobMissingError    code `blob_missing`    it, or part of it, is not there (yet)
├── SourcesError            code `sources`         a folder, archive or message that holds no text of a policy set
├── ConflictError           code `conflict`        somebody else was first; `actor`, `time_nanos`, `version` tell more
├── NotFoundError           code `not_found`       no draft, revision, rollout or node has this name
├── WrongStateError         code `wrong_state`     what is asked does not fit where things are
├── OutOfSequenceError      code `out_of_sequence` a client's report leaves a gap; `expected` is the next number
├── UnsettledError          code `unsettled`       somebody else must find out first whether it was done already
├── CannotSignError         code `cannot_sign`     a node without a key that revisions are signed by
├── RefusedError            code `refused`         a revision that a node must not decide by; `reason` is a stable code
├── BackupError             code `backup`          a backup, its key or its folder that cannot be used as it is
│   └── DivergedError       code `diverged`        a store that does not go on where the last backup ended
├── FilterError             code `filter`          a filter over records is wrong; `column` tells where
├── SnapshotNotFoundError   code `no_snapshot`     no record has this id
├── ConfigError             code `config`          a setting that the server cannot start with
└── UndecidedError          code `undecided`       a CEL evaluation has no value (missing attribute, overflow…)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class PdpError(Exception):
    """Base of all."""

    code: ClassVar[str] = "internal"


class PolicyError(PdpError):
    """A policy set that cannot be used; `diagnostics` holds `pdp.lang.diagnostics.Diagnostic` objects."""

    code = "policy"

    def __init__(self, message: str, diagnostics: Sequence[Any]) -> None:
        super().__init__(message)
        self.diagnostics = list(diagnostics)


class BundleError(PdpError):
    """A bundle that cannot be loaded."""

    code = "bundle"


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong at one place of a request; `field` is a path such as `items[3].fields`."""

    field: str
    description: str


class GoldenCaseError(PdpError):
    """A bundle that does not decide its golden cases as expected, and so must not be taken into use."""

    code = "golden_case"


class RequestError(PdpError):
    """A request that cannot be decided."""

    code = "invalid_request"

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations))
        self.violations = violations


class UnknownMessageError(RequestError):
    """A request that names a message without a map."""

    code = "unknown_message"


class NoMessageMapError(UnknownMessageError):
    """A request for a message map that does not exist."""


class StaleRevisionError(RequestError):
    """A request that demands a newer revision, `wanted`, than the node has."""

    code = "stale_revision"

    def __init__(self, wanted: int, revision: int) -> None:
        super().__init__(Violation("min_revision", f"is {wanted}, this node has revision {revision}"))
        self.wanted = wanted


class StaleGrantsError(StaleRevisionError):
    """A request that demands a newer state of grants, `wanted`, than the node has."""

    def __init__(self, wanted: int, revision: int) -> None:
        RequestError.__init__(
            self, Violation("min_grant_revision", f"is {wanted}, this node knows the grants of {revision}")
        )
        self.wanted = wanted


class ValueFormatError(PdpError):
    """A value that does not fit its declared type."""

    code = "value"


class GrantFileError(PdpError):
    """A file of grants that cannot be read."""

    code = "grants"


class GrantUseError(PdpError):
    """A decision that would show something by grants of limited use, `grant_ids`, of which no use is at hand (yet)."""

    code = "grant_use"

    def __init__(self, grant_ids: Sequence[str]) -> None:
        super().__init__(f"no use of the grants {', '.join(f'`{grant_id}`' for grant_id in grant_ids)} is at hand")
        self.grant_ids = tuple(grant_ids)


class NoPolicyError(PdpError):
    """A request that comes before the first policy set is loaded."""

    code = "no_policy"


class CallersFileError(PdpError):
    """A file of callers that cannot be read."""

    code = "callers"


class UnauthenticatedError(PdpError):
    """A call whose token or certificate names no caller that may call now. The message never quotes a token."""

    code = "unauthenticated"


class SignInError(UnauthenticatedError):
    """A failed attempt to sign in, or a session that is refused. Its message is the same whatever the `reason`.

    `reason` is a stable word, `failures` how many there were in a row, `locked` whether this one locked the account,
    `account` whose it is where that is known, `identity` whom the OpenID provider named, `details` what else is known:
    all are for the record alone.
    """

    code = "sign_in"

    def __init__(
        self,
        reason: str,
        *,
        failures: int = 0,
        locked: bool = False,
        account: str = "",
        identity: str = "",
        message: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:
        usual = "this does not sign anybody in; look at the name or identity, the password, the code and the device"
        super().__init__(message or usual)
        self.reason = reason
        self.failures = failures
        self.locked = locked
        self.account = account
        self.identity = identity
        self.details = details or {}


class ProviderError(PdpError):
    """An OpenID provider that does not answer in time and size, or not as one; nobody is to blame who signs in."""

    code = "provider"


class AccessDeniedError(PdpError):
    """A call that its caller may not make, for an application or a subject that is not the caller's."""

    code = "access_denied"


class RateLimitedError(PdpError):
    """A call beyond its caller's rate; `retry_seconds` is how long the caller should wait."""

    code = "rate_limited"

    def __init__(self, message: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class LimitError(PdpError):
    """What the server does not carry: the message names the bound."""

    code = "limit"


class StoppingError(PdpError):
    """A call that comes while the server stops."""

    code = "stopping"


class WorkerError(PdpError):
    """A decision worker that is gone or does not answer."""

    code = "worker"


class WorkerRefusedError(WorkerError):
    """A decision worker's own word on why it does not do something; `reason` is the code of its exception."""

    code = "worker_refused"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigError(PdpError):
    """A setting with which the server refuses to start; the message names it and the mend.

    `problems` are pairs of a setting's dotted name and a message, where it is known which settings are to blame.
    """

    code = "config"

    def __init__(self, message: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class SpoolError(PdpError):
    """A record that cannot be made durable; whoever waits for it must not be answered with an unmask verdict."""

    code = "spool"


class SpoolFullError(SpoolError):
    """A spool that has reached its bound or filled its disk."""

    code = "spool_full"


class StoreError(PdpError):
    """A store of records that is away, damaged or refuses."""

    code = "store"


class WatermarkError(StoreError):
    """A stream that has come further than the writer knew: somebody else writes for this node."""

    code = "watermark"


class SiemError(PdpError):
    """A collector of security events, or the file for them, does not take them now."""

    code = "siem"


class EvidenceError(PdpError):
    """A checkpoint, key, proof or exported file that is damaged or does not fit."""

    code = "evidence"


class ControlStoreError(PdpError):
    """A store of the control plane that is away, too slow, damaged or refuses.

    A transaction that ends so may or may not have happened. The message never holds a value.
    """

    code = "control_store"


class CompactedError(PdpError):
    """A revision that the store has forgotten. Not a ControlStoreError: to try again as if it were away never helps."""

    code = "compacted"


class LeaseEndedError(PdpError):
    """A change that hangs on a lease that is not there any more: none of its transaction was made."""

    code = "lease_ended"


class BlobError(PdpError):
    """Something in the control store that is damaged."""

    code = "blob"


class BlobMissingError(BlobError):
    """Something that the control store does not hold, or not whole."""

    code = "blob_missing"


class SourcesError(PdpError):
    """What is no text of a policy set, or cannot be read or written as one; `path` is that of the file to blame."""

    code = "sources"

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class ConflictError(PdpError):
    """A change of what somebody else has changed since it was read; nothing was overwritten.

    `actor` changed it at `time_nanos` to `version`.
    """

    code = "conflict"

    def __init__(self, message: str, actor: str = "", time_nanos: int = 0, version: int = 0) -> None:
        super().__init__(message)
        self.actor = actor
        self.time_nanos = time_nanos
        self.version = version


class NotFoundError(PdpError):
    """A name that no draft, revision, rollout or node has."""

    code = "not_found"


class WrongStateError(PdpError):
    """Something that cannot be done as things are; the message says what must be done first."""

    code = "wrong_state"


class OutOfSequenceError(PdpError):
    """A client's report that begins after `expected`, the next number that is not recorded of it."""

    code = "out_of_sequence"

    def __init__(self, expected: int) -> None:
        super().__init__(f"what is recorded of this client ends before number {expected}; report from there on")
        self.expected = expected


class UnsettledError(PdpError):
    """Something that somebody else was about to do: whether it was done must show first."""

    code = "unsettled"


class CannotSignError(PdpError):
    """A publication on a node that has no key to sign by."""

    code = "cannot_sign"


class RefusedError(PdpError):
    """A revision that a node must not decide by; `reason` is a stable code, as in `NodeStatus.refused_code`."""

    code = "refused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BackupError(PdpError):
    """A backup that is damaged, incomplete or of another key, or a place that one cannot be made in or restored to."""

    code = "backup"


class DivergedError(BackupError):
    """A store that is another than at the last backup: put back, made anew or tampered with."""

    code = "diverged"


class FilterError(PdpError):
    """A filter over records that is wrong; `column` counts from 1, and `hint` says how to mend it."""

    code = "filter"

    def __init__(self, message: str, column: int, hint: str = "") -> None:
        super().__init__(message)
        self.column = column
        self.hint = hint


class SnapshotNotFoundError(PdpError):
    """An id that no record has."""

    code = "no_snapshot"


class UndecidedError(PdpError):
    """A CEL evaluation without a value; `&&` and `||` absorb it as the CEL specification says."""

    code = "undecided"
