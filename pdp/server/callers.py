"""Which systems may call, how each is recognised, what it may ask for, and how often.

A callers file names them, and staff do in the control store (docs/guides/callers.md). Of a token only the SHA-256 is
known, here and there: a token has 256 random bits, so nothing slower is needed, and finding it by its hash compares in
no time that an attacker learns from. Neither tokens nor values of requests are ever logged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from pdp.errors import (
    AccessDeniedError,
    CallersFileError,
    PolicyError,
    RateLimitedError,
    UnauthenticatedError,
)
from pdp.lang.loader import load_callers
from pdp.lang.loader.callers import CallerSpec, RateSpec, TokenSpec
from pdp.server import logs
from pdp.server.failures import Failures
from pdp.server.peers import Peer
from pdp.server.rate import SLOTS, Bucket, Cells, Throttle
from pdp.v1.decision_service_pb2 import (
    DecideBatchRequest,
    DecideRequest,
    ExplainRequest,
    GetMessageMapRequest,
)
from pdp.v1.grant_service_pb2 import AskForGrantRequest, GetGrantRequest, RecordConsentRequest, RevokeGrantRequest

ANY = "*"
# What each word of `calls` in a callers file stands for.
CALLS: Mapping[str, frozenset[str]] = {
    "decide": frozenset({"Decide", "DecideBatch", "DecideStream", "GetMessageMap"}),
    "explain": frozenset({"Explain"}),
}
# Likewise for each word of `grants`.
GRANT_CALLS: Mapping[str, frozenset[str]] = {
    "ask": frozenset({"AskForGrant", "GetGrant", "RevokeGrant"}),
    "consent": frozenset({"RecordConsent", "GetGrant", "RevokeGrant"}),
}
BUNDLE_CALLS: Final = frozenset({"WatchBundle", "ReportDecisions"})
REPORT_CALLS: Final = frozenset({"ReportFallbacks"})
# Log entries of one kind a second and at once, for each caller.
_LOGGED = (0.2, 5.0)

log = logging.getLogger(__name__)


class Caller:
    """One system that may call: `admit` each call, then `check` its decoded request."""

    __slots__ = (
        "_applications", "_bucket", "_denials_logged", "_exact", "_limits_logged", "_methods", "_prefixes",
        "bundles", "consent_key", "name", "reports",
    )  # fmt: skip

    def __init__(self, spec: CallerSpec, bucket: Bucket | None) -> None:
        self.name = spec.name
        self.consent_key = spec.consent_key
        self.bundles = spec.bundles
        self.reports = spec.reports
        self._methods = frozenset().union(
            *(CALLS[call] for call in spec.calls), *(GRANT_CALLS[word] for word in spec.grants),
            BUNDLE_CALLS if spec.bundles else (), REPORT_CALLS if spec.reports else (),
        )  # fmt: skip
        self._applications = None if ANY in spec.applications else frozenset(spec.applications)
        self._exact = frozenset(s for s in spec.subjects if not s.endswith("*"))
        self._prefixes = tuple(s[:-1] for s in spec.subjects if s.endswith("*"))
        self._bucket = bucket
        self._denials_logged = Throttle(*_LOGGED)
        self._limits_logged = Throttle(*_LOGGED)

    def admit(self, method: str) -> None:
        """Count a call of a method, such as `Decide`. Raises AccessDeniedError and RateLimitedError."""
        if self._bucket is not None and (wait := self._bucket.take()):
            self._log(self._limits_logged, "caller.limited", "a caller asks too often")
            raise RateLimitedError(f"the caller `{self.name}` asks too often; wait {wait:.3f} s", wait)
        if method not in self._methods:
            message = (
                f"the caller `{self.name}` may not call {method}; its entry says so by `calls`, `grants`, "
                "`bundles` and `reports`"
            )
            raise self._denied("method", message)

    def check(self, request: Any) -> None:
        """Judge a decoded request of any method. Raises AccessDeniedError, which names the wrong place."""
        if isinstance(request, DecideRequest):
            self._check_subject(request.subject.id, "subject.id")
            if self._applications is not None:
                named = self._check_context(request, self._applications)
                self._check_message(request, "", self._applications, named=named)
        elif isinstance(request, DecideBatchRequest):
            self._check_subject(request.subject.id, "subject.id")
            if self._applications is not None:
                named = self._check_context(request, self._applications)
                for index, item in enumerate(request.items):
                    self._check_message(item, f"items[{index}].", self._applications, named=named)
            if self._bucket is not None and len(request.items) > 1:
                # The first was paid for on admission. A batch is let through whole and paid for afterwards.
                self._bucket.charge(len(request.items) - 1)
        elif isinstance(request, ExplainRequest):
            self.check(request.request)
        elif isinstance(request, GetMessageMapRequest):
            if self._applications is not None and request.application not in self._applications:
                raise self._outside("application", request.application)
        elif isinstance(request, AskForGrantRequest | RecordConsentRequest):
            self._check_subject(request.subject_id, "subject_id")
            if self._applications is not None and request.application not in self._applications:
                raise self._outside("application", request.application)
        elif isinstance(request, GetGrantRequest | RevokeGrantRequest):
            # Whose grant it is, is known where it is kept.
            return
        else:
            raise TypeError(f"no rule for a {type(request).__name__}")  # a new method must not slip through

    def _check_subject(self, subject: str, place: str) -> None:
        if not subject.startswith(self._prefixes) and subject not in self._exact:
            message = f"{place}: the caller `{self.name}` may not ask for `{subject}`"
            raise self._denied("subject", f"{message}; its entry says which `subjects` it may")

    def _check_context(self, request: Any, applications: frozenset[str]) -> bool:
        """Return whether the context names the application, which must then be one of the caller's."""
        value = request.context.get("application")
        if value is None:
            return False
        # A value of another kind, such as a list, reads as the empty text, which is no application.
        if value.string_value not in applications:
            raise self._outside("context.application", value.string_value)
        return True

    def _check_message(self, item: Any, place: str, applications: frozenset[str], *, named: bool) -> None:
        if item.HasField("message"):
            if item.message.application not in applications:
                raise self._outside(f"{place}message.application", item.message.application)
        elif not named:
            message = f"context.application: the caller `{self.name}` must say for which application it asks"
            raise self._denied("application", message)

    def _outside(self, place: str, application: str) -> AccessDeniedError:
        message = f"{place}: the caller `{self.name}` may not ask for `{application}`"
        return self._denied("application", f"{message}; its entry says which `applications` it may")

    def _denied(self, what: str, message: str) -> AccessDeniedError:
        self._log(self._denials_logged, "caller.denied", "a caller asked for what it may not have", what=what)
        return AccessDeniedError(message)

    def _log(self, throttle: Throttle, event: str, message: str, **details: str) -> None:
        suppressed = throttle.let_through()
        if suppressed is not None:
            logs.event(log, logging.WARNING, event, message, caller=self.name, suppressed=suppressed, **details)


class _OpenCaller(Caller):
    """Everybody, when no callers file is configured. Its checks cost nothing, for they hold nothing."""

    __slots__ = ()

    def admit(self, method: str) -> None:
        """Let every call through."""

    def check(self, request: Any) -> None:
        """Let every request through."""


class _Token:
    __slots__ = ("caller", "expires_at", "id", "refusal", "used")

    def __init__(self, spec: TokenSpec, caller: Caller, *, disabled: bool) -> None:
        self.caller = caller
        self.id = spec.id
        self.expires_at = spec.expires_at
        self.used = False
        self.refusal = "the caller is disabled" if disabled else "the token is disabled" if spec.disabled else ""


class Registry:
    """The callers of one file. Immutable but for the buckets, whose cells outlive it; safe to share."""

    def __init__(
        self,
        specs: Iterable[CallerSpec],
        *,
        cells: Cells | None = None,
        slots: Mapping[str, int] | None = None,
        workers: int = 1,
        clock: Callable[[], int] = time.time_ns,
        failures: Failures | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self.cells = cells or Cells.local()
        self._slots = _allocate(self.specs, slots or {})
        self._clock = clock
        self._failures = failures or Failures()
        # Each worker counts alone when the cells are its own.
        share = 1 if self.cells.is_shared else workers
        self._tokens: dict[bytes, _Token] = {}
        self._certificates: dict[str, tuple[Caller, bool]] = {}
        for spec in self.specs:
            caller = Caller(spec, self._bucket(spec, share))
            for token in spec.tokens:
                self._tokens[bytes.fromhex(token.sha256)] = _Token(token, caller, disabled=spec.disabled)
            for name in spec.certificates:
                self._certificates[name] = (caller, spec.disabled)

    @property
    def slots(self) -> Mapping[str, int]:
        """The callers' places in the cells, for the registry that comes after this one."""
        return self._slots

    def used(self) -> set[tuple[str, str]]:
        """Return the tokens that were used since this was last asked, each as the names of caller and token."""
        found = set()
        for token in self._tokens.values():
            if token.used:
                token.used = False
                found.add((token.caller.name, token.id))
        return found

    def _bucket(self, spec: CallerSpec, share: int) -> Bucket | None:
        if spec.rate is None:
            return None
        burst = max(1.0, spec.rate.burst / share)
        return Bucket(spec.rate.per_second / share, burst, self.cells, self._slots[spec.name])

    @classmethod
    def load(cls, path: Path, previous: Registry | None = None) -> Registry:
        """Read a callers file; `previous` keeps its callers' places in the cells.

        Raises PolicyError with every diagnostic, CallersFileError and OSError.
        """
        return cls(read_callers(path), slots=None if previous is None else previous._slots)

    def serialize(self) -> dict[str, Any]:
        """Return plain data for JSON, with hashes of tokens and nothing more secret."""
        return {"callers": [asdict(spec) for spec in self.specs], "slots": self._slots}

    @classmethod
    def deserialize(
        cls,
        data: Mapping[str, Any],
        *,
        cells: Cells | None = None,
        workers: int = 1,
        clock: Callable[[], int] = time.time_ns,
        failures: Failures | None = None,
    ) -> Self:
        """Return the registry of what `serialize` made.

        `cells` and `failures` are kept over all registries of a process, or a reload would forget what was counted.
        Cells that are not shared hold each caller to its rate divided by `workers`.
        """
        specs = [_spec(caller) for caller in data["callers"]]
        return cls(specs, cells=cells, slots=data["slots"], workers=workers, clock=clock, failures=failures)

    def identify(self, peer: Peer) -> Caller:
        """Return whose call it is. Raises UnauthenticatedError, and RateLimitedError to who fails too often."""
        token, names, address = peer
        by_certificate = None
        for name in names:
            found = self._certificates.get(name)
            if found is None:
                continue
            caller, disabled = found
            if disabled:
                raise self._failed(address, "the caller is disabled", caller.name)
            if by_certificate is not None and by_certificate is not caller:
                raise self._failed(address, "the certificate's names belong to different callers", caller.name)
            by_certificate = caller
        if token is None:
            if by_certificate is None:
                raise self._failed(address, "the call has neither a token nor a certificate of a known caller")
            return by_certificate
        known = self._tokens.get(sha256(token.encode("utf-8", "replace")).digest())
        if known is None:
            raise self._failed(address, "the token is not known")
        if known.refusal:
            raise self._failed(address, known.refusal, known.caller.name, known.id)
        if known.expires_at is not None and self._clock() >= known.expires_at:
            raise self._failed(address, "the token has expired", known.caller.name, known.id)
        if by_certificate is not None and by_certificate is not known.caller:
            raise self._failed(address, "token and certificate belong to different callers", known.caller.name)
        known.used = True
        return known.caller

    def _failed(self, address: str, reason: str, caller: str = "", token_id: str = "") -> Exception:
        wait, suppressed = self._failures.add(address)
        if suppressed is not None:
            details = {key: value for key, value in (("caller", caller), ("token_id", token_id)) if value}
            logs.event(
                log, logging.WARNING, "caller.refused", "a call was refused before it was read",
                reason=reason, address=address, suppressed=suppressed, **details,
            )  # fmt: skip
        if wait:
            return RateLimitedError(f"too many failed calls from this address; wait {wait:.3f} s", wait)
        return UnauthenticatedError(f"{reason}; send `authorization: Bearer …` or a certificate of a known caller")


class _OpenRegistry(Registry):
    """The registry of a server without a callers file."""

    def __init__(self) -> None:
        super().__init__(())
        self._caller = _OpenCaller(CallerSpec("", (), (), (ANY,), (ANY,)), None)

    def identify(self, peer: Peer) -> Caller:
        """Return the one unnamed caller."""
        return self._caller


def read_callers(path: Path) -> tuple[CallerSpec, ...]:
    """Return the callers of a file. Raises PolicyError with every diagnostic, CallersFileError and OSError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CallersFileError(f"`{path}` is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    specs, diagnostics = load_callers(path.name, text)
    if diagnostics.has_errors:
        raise PolicyError(f"`{path}` holds callers that cannot be used", diagnostics.sorted())
    return specs


def _allocate(specs: Iterable[CallerSpec], known: Mapping[str, int]) -> dict[str, int]:
    """Return a cell for each caller with a rate, the same as before where there was one."""
    names = [spec.name for spec in specs if spec.rate is not None]
    kept = {name: known[name] for name in names if name in known}
    free = iter(sorted(set(range(SLOTS)) - set(kept.values())))
    return {name: kept[name] if name in kept else next(free) for name in names}


def _spec(data: Mapping[str, Any]) -> CallerSpec:
    return CallerSpec(
        name=data["name"],
        certificates=tuple(data["certificates"]),
        tokens=tuple(TokenSpec(**token) for token in data["tokens"]),
        applications=tuple(data["applications"]),
        subjects=tuple(data["subjects"]),
        calls=tuple(data["calls"]),
        rate=None if data["rate"] is None else RateSpec(**data["rate"]),
        disabled=data["disabled"],
        grants=tuple(data["grants"]),
        consent_key=data["consent_key"],
        bundles=data["bundles"],
        reports=data["reports"],
    )


OPEN: Registry = _OpenRegistry()
"""Everybody may ask for anything, as often as they like. Only for a server that nobody else can reach."""
