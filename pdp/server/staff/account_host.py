"""What the services of accounts need of their host, and how what they do is recorded."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import grpc

from pdp.control.accounts import Accounts
from pdp.errors import PdpError, RateLimitedError, RequestError, SignInError, SpoolError
from pdp.server import logs
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import Run
from pdp.server.staff.guard import address_of
from pdp.server.staff.throttle import AddressThrottle
from pdp.v1 import snapshot_pb2

T = TypeVar("T")

NOBODY: Final = "unknown"
"""Who it is that fails to sign in by a name that no account has: what was typed there may be a password."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountHost:
    """`record` makes an operation durable before it returns, or raises SpoolError."""

    accounts: Accounts
    run: Run
    record: Callable[[snapshot_pb2.Operation], None]
    throttle: AddressThrottle = field(default_factory=AddressThrottle)


class Recorder:
    """Records what is done to accounts: who, from where, on which session, what, and how it went (B20, B22)."""

    def __init__(self, calls: Calls, host: AccountHost) -> None:
        self._calls = calls
        self._host = host

    def change(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        about: Mapping[str, str],
        act: Callable[[], tuple[T, Mapping[str, str]]],
    ) -> T:
        """Return the answer of a change, which is recorded with what `act` tells besides."""
        actor = self._calls.actor(context)

        def changed() -> T:
            try:
                answer, details = act()
            except RequestError:
                raise
            except SignInError as error:
                self.failed(context, error, {"during": kind})
                raise
            except Exception as error:
                code = error.code if isinstance(error, PdpError) else PdpError.code
                self.tell(context, actor, kind, {**about, "error": code}, success=False)
                raise
            self.tell(context, actor, kind, {**about, **details}, success=True)
            return answer

        return self._calls.answer(context, method, None, changed)

    def failed(self, context: grpc.ServicerContext, error: SignInError, details: Mapping[str, str]) -> None:
        """Record a failed sign-in with its reason, never with what was shown."""
        told = {"reason": error.reason, "failures": str(error.failures), **error.details, **details}
        told |= {"identity": error.identity} if error.identity else {}
        if error.locked:
            told["locked"] = "true"
            by_rule = "anomalies" in error.details and error.details.get("locked_by.after")
            words = "a sign-in was unusual, and a rule locks the account until somebody reviews it"
            logs.event(
                log, logging.WARNING, "account.locked",
                words if by_rule else "sign-ins failed too often, and the account is locked",
                account=error.account, failures=error.failures, address=self._calls.address(context),
                **_named(error.details),
            )  # fmt: skip
        elif error.details:
            logs.event(
                log, logging.WARNING, "session.unusual", "sign-ins fail unusually often; look whether it is the owner",
                account=error.account, address=self._calls.address(context), **_named(error.details),
            )  # fmt: skip
        self.tell(context, error.account or NOBODY, "session.failed", told, success=False)
        self.unusual(context, error.account, error.details, success=False)

    def unusual(
        self, context: grpc.ServicerContext, account: str, details: Mapping[str, str], *, success: bool
    ) -> None:
        """Record what was unusual, if anything was, by itself, so that it need not be looked for in sign-ins."""
        told = {key: details[key] for key in ("unusual", "anomalies") if details.get(key)}
        if told:
            self.tell(context, account, "session.unusual", told, success=success)

    def check_address(self, context: grpc.ServicerContext) -> None:
        """See that not too many sign-ins failed from an address. Raises RateLimitedError, which is recorded."""
        throttle = self._host.throttle
        try:
            throttle.check(self.address(context))
        except RateLimitedError:
            suppressed = throttle.told.let_through()
            if suppressed is not None:
                self.throttled(context, suppressed)
            raise

    def throttled(self, context: grpc.ServicerContext, suppressed: int) -> None:
        """Record that somebody has to wait; of many only some, with how many there were in between."""
        words = "too many sign-ins failed from one address, and it has to wait"
        address = self._calls.address(context)
        logs.event(log, logging.WARNING, "session.throttled", words, address=address, suppressed=suppressed)
        self.tell(context, NOBODY, "session.throttled", {"suppressed": str(suppressed)}, success=False)

    def refused(self, context: grpc.ServicerContext, method: str, error: SignInError) -> None:
        """Record a session that was shown on another device. One that has merely ended is no news."""
        if error.reason == "other_device":
            logs.event(
                log, logging.WARNING, "session.stolen", "a session was shown on another device, and has ended",
                account=error.account, address=self._calls.address(context),
            )  # fmt: skip
            details = {"reason": error.reason, "method": method.rpartition("/")[2]}
            self.tell(context, error.account, "session.refused", details, success=False)

    def tell(
        self, context: grpc.ServicerContext, actor: str, kind: str, details: Mapping[str, str], *, success: bool
    ) -> None:
        """Record something that has happened."""
        signed = self._calls.signed(context)
        known: dict[str, str] = {} if signed is None else {"session": signed.session.id}
        operation = snapshot_pb2.Operation(
            actor=actor, kind=kind, success=success, details={**known, **details}, address=self._calls.address(context)
        )
        # It has happened, and the caller is told how it went; the recorder has told in the log that it could not.
        with contextlib.suppress(SpoolError):
            self._host.record(operation)

    def address(self, context: grpc.ServicerContext) -> str:
        """Return the network address of who asks, without a port; empty on this machine's socket file."""
        return address_of(self._calls.address(context))


def _named(details: Mapping[str, str]) -> dict[str, list[str]]:
    """Return which classes and anomalies the log is to name."""
    return {key: details[key].split(", ") for key in ("unusual", "anomalies") if key in details}


def own(calls: Calls, context: grpc.ServicerContext) -> Any:
    """Return who is signed in. Raises SignInError where nobody can be: the guard lets nobody else through."""
    signed = calls.signed(context)
    if signed is None:
        raise SignInError("no_session")
    return signed
