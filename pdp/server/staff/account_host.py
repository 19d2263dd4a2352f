"""What the services of accounts need of their host, and how what they do is recorded."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc

from pdp.control.accounts import Accounts
from pdp.errors import PdpError, RequestError, SignInError, SpoolError
from pdp.server import logs
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import Run
from pdp.server.staff.guard import address_of
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
        told = {"reason": error.reason, "failures": str(error.failures), **details}
        told |= {"identity": error.identity} if error.identity else {}
        if error.locked:
            told["locked"] = "true"
            logs.event(
                log, logging.WARNING, "account.locked", "sign-ins failed too often, and the account is locked",
                account=error.account, failures=error.failures, address=self._calls.address(context),
            )  # fmt: skip
        self.tell(context, error.account or NOBODY, "session.failed", told, success=False)

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


def own(calls: Calls, context: grpc.ServicerContext) -> Any:
    """Return who is signed in. Raises SignInError where nobody can be: the guard lets nobody else through."""
    signed = calls.signed(context)
    if signed is None:
        raise SignInError("no_session")
    return signed
