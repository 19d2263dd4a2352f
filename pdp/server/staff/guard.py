"""The guard of the staff port: who calls, and whether they may.

A call shows the session's token as `authorization: Bearer …` and the device's secret as `x-jingxi-device` in base64url.
Who is nobody is told so before the request is even read, so that nobody fills the memory.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import grpc

from pdp.control.accounts import Accounts, Signed
from pdp.control.accounts.permissions import allows, holds_somewhere, permission_word
from pdp.errors import AccessDeniedError, SignInError
from pdp.server import logs
from pdp.server.peers import TOKEN_HEADER, bearer
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import Run
from pdp.server.staff.permissions import NEEDS, Access, Need, Within

DEVICE_HEADER: Final = "x-jingxi-device"
RECHECK_SECONDS: Final = 2.0
"""How often a stream of answers looks whether its session still may."""
_MAX_TOKEN = 256

log = logging.getLogger(__name__)


class Guard(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Lets a call through when its session may make it, and tells `calls` whose it is."""

    def __init__(self, calls: Calls, accounts: Accounts, run: Run, refused: Callable[..., None]) -> None:
        """`refused` records a session that is not taken: (context, method, error)."""
        self._calls = calls
        self._accounts = accounts
        self._run = run
        self._refused = refused

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See grpc."""
        method = handler_call_details.method
        need = NEEDS.get(method)
        handler = continuation(handler_call_details)
        if handler is None or need is Access.ANYBODY:
            return handler
        # INVARIANT: `Bounds` within makes every call one with a stream of requests, so this begins before one is read.
        streams = handler.response_streaming
        wrap = grpc.stream_stream_rpc_method_handler if streams else grpc.stream_unary_rpc_method_handler
        made: Any = self._guarded(handler, method, need)
        return wrap(
            made,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guarded(
        self, handler: grpc.RpcMethodHandler[Any, Any], method: str, need: Need | None
    ) -> Callable[[Iterator[Any], grpc.ServicerContext], Any]:
        behaviour: Any = handler.stream_stream if handler.response_streaming else handler.stream_unary

        def guarded(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
            with self._calls.failing(context, method):
                self._admit(context, method, need)
            answers = behaviour(requests, context)
            return self._while_admitted(answers, context, method, need) if handler.response_streaming else answers

        return guarded

    def _while_admitted(
        self, answers: Iterator[Any], context: grpc.ServicerContext, method: str, need: Need | None
    ) -> Iterator[Any]:
        """Yield answers while the session may still have them: a stream outlives neither a lock nor a right."""
        looked = time.monotonic()
        for answer in answers:
            if time.monotonic() - looked >= RECHECK_SECONDS:
                with self._calls.failing(context, method):
                    self._admit(context, method, need)
                looked = time.monotonic()
            yield answer

    def _admit(self, context: grpc.ServicerContext, method: str, need: Need | None) -> None:
        token, device = _shown(context.invocation_metadata() or ())
        try:
            signed = self._run(self._accounts.authenticate(token, device, address_of(self._calls.address(context))))
        except SignInError as error:
            self._refused(context, method, error)
            raise
        check(signed, method, need)
        self._calls.identify(context, signed)


def check(signed: Signed, method: str, need: Need | None) -> None:
    """Raise AccessDeniedError when somebody may not call a method."""
    name = signed.account.name
    if need is Access.LIMITED:
        return
    if signed.session.limited:
        raise AccessDeniedError(
            f"`{name}` must first change the password or set up a second factor; run `pdp account password`, then "
            "`pdp account totp`"
        )
    match need:
        case Access.SIGNED_IN:
            return
        case Within(permissions, everywhere):
            holds = allows if everywhere else holds_somewhere
            if any(holds(signed.account, permission) for permission in permissions):
                return
            missing = " or ".join(f"`{permission_word(permission)}`" for permission in permissions)
        case None | Access():
            # What stands in no table is nobody's.
            raise AccessDeniedError(f"nobody may call {method.rpartition('/')[2]}")
        case permission:
            if allows(signed.account, permission):
                return
            missing = f"`{permission_word(permission)}`"
    words = f"`{name}` may not call {method.rpartition('/')[2]}; it needs the right {missing}"
    if signed.session.reading_only:
        words = (
            f"{words}; its rights are overdue for a review, so it may only read until somebody else confirms them by "
            f"`pdp account confirm {name}`"
        )
    raise AccessDeniedError(words)


def address_of(peer: str) -> str:
    """Return the network address of a connection's other end without its port; empty for a socket file."""
    text = unquote(peer)
    host = text.rpartition(":")[0].strip("[]") if text.count(":") == 1 or text.startswith("[") else text
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def told_anomaly(account: str, unusual: Iterable[str], address: str, anomalies: Iterable[str] = ()) -> None:
    """Tell in the log what was unusual about a sign-in, and the ids of what waits for a review."""
    found, waiting = list(unusual), list(anomalies)
    if found:
        logs.event(
            log, logging.WARNING, "session.unusual", "somebody signed in unusually; look whether it was them",
            account=account, unusual=found, address=address, **({"anomalies": waiting} if waiting else {}),
        )  # fmt: skip


def _shown(metadata: Iterable[tuple[str, str | bytes]]) -> tuple[str, bytes]:
    """Return token and device secret; sent twice, or as no text, they count as none."""
    found: dict[str, list[str | bytes]] = {TOKEN_HEADER: [], DEVICE_HEADER: []}
    for key, value in metadata:
        if key in found:
            found[key].append(value)
    tokens, devices = found[TOKEN_HEADER], found[DEVICE_HEADER]
    if len(tokens) != 1 or len(devices) != 1 or not isinstance(tokens[0], str) or not isinstance(devices[0], str):
        return "", b""
    token = bearer(tokens[0])
    try:
        device = base64.b64decode(devices[0] + "=" * (-len(devices[0]) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return "", b""
    return (token if len(token) <= _MAX_TOKEN else ""), device
