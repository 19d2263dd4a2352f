"""A connection to the staff port, its options, and its errors in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click
import grpc
from google.rpc import error_details_pb2, status_pb2

from pdp.cli.exits import CommandError
from pdp.cli.session_file import Known, SessionFile
from pdp.errors import ConfigError
from pdp.server.address import parse_address

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT_SECONDS: Final = 60.0
_SIGNING_IN = ("SessionService",)
_MAX_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where the staff port is; `language` is that of the answers."""

    address: str
    language: str


def asking(command: F) -> F:
    """Add `--server`, `--data` and `--lang`, which come as one `target`."""

    def combine(context: click.Context, _parameter: click.Parameter, value: str | None) -> Target:
        data = context.params.pop("data_folder", None)
        return Target(_address(value, data), context.params.pop("lang", None) or _language())

    for option in (
        click.option(
            "--server", "target", metavar="ADDRESS", callback=combine, envvar="PDP_STAFF_LISTEN",
            help="The staff port: HOST:PORT or unix:PATH.  [default: the socket in the data folder]",
        ),
        click.option(
            "--data", "data_folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", is_eager=True,
            envvar="PDP_DATA", help="The service's data folder.",
        ),
        click.option(
            "--lang", type=click.Choice(["zh", "en"]), is_eager=True,
            help="The language.  [default: that of the terminal]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _address(text: str | None, data: Path | None) -> str:
    if text in (None, "", "auto", "off"):
        from pdp.server.settings import Settings  # noqa: PLC0415 - long to import, and an address is often named

        found = Settings(Path(), data=data).staff_address
        assert found is not None  # noqa: S101 - the default is a socket
        return str(found)
    try:
        return str(parse_address(str(text)))
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


def _language() -> str:
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if named.startswith("zh") else "en"


@contextmanager
def channel_to(
    target: Target, service: str, explain: Callable[[grpc.Call], CommandError | None] = lambda error: None
) -> Iterator[grpc.Channel]:
    """Give a channel; what goes wrong in calls ends the command with words. Raises CommandError.

    `service` is what the staff port must have. `explain` may know better words for a status than the usual ones.
    """
    path = target.address.removeprefix("unix:")
    if path != target.address and not Path(path).exists():
        raise CommandError(
            f"there is no socket `{path}`; is `pdp serve` running, and this its data folder (`--data`, `--server`)?"
        )
    session = SessionFile()
    port = session.known(target.address) or Known(tls=not parse_address(target.address).is_local)
    with open_channel(target.address, port) as channel:
        try:
            yield grpc.intercept_channel(channel, _Showing(session.metadata(target.address)))
        except grpc.RpcError as error:
            known = explain(error) if isinstance(error, grpc.Call) else None
            raise (known or failure(error, target, service)) from error


def open_channel(address: str, known: Known) -> grpc.Channel:
    """Return a channel to a staff port. Raises CommandError for certificates that cannot be read."""
    options = (("grpc.max_receive_message_length", _MAX_ANSWER),)
    if not known.tls:
        return grpc.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(_pem(known.ca), _pem(known.key), _pem(known.certificate))
    return grpc.secure_channel(address, credentials, options=options)


def _pem(path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read `{path}`: {(error.strerror or str(error)).lower()}") from error


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Showing(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    """Shows the session with every call."""

    def __init__(self, shown: Sequence[tuple[str, str]]) -> None:
        self._shown = shown

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """See grpc."""
        return continuation(self._with(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """See grpc."""
        return continuation(self._with(client_call_details), request)

    def _with(self, details: Any) -> _Details:
        metadata = [*(details.metadata or ()), *self._shown]
        return _Details(
            details.method, details.timeout, metadata, details.credentials,
            getattr(details, "wait_for_ready", None), getattr(details, "compression", None),
        )  # fmt: skip


def failure(error: grpc.RpcError, target: Target, service: str) -> CommandError:
    """Return what a failed call means to the person who made it."""
    if not isinstance(error, grpc.Call):
        return CommandError(f"the call failed: {error}")
    if error.code() is grpc.StatusCode.UNAVAILABLE and not _details(error):
        return CommandError(f"no answer from `{target.address}`; is `pdp serve` running, and this its staff port?")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return CommandError(f"`{target.address}` has no {service}; is it the staff port?")
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CommandError(f"no answer from `{target.address}` in time; look whether it was done before trying again")
    if error.code() is grpc.StatusCode.UNAUTHENTICATED and service not in _SIGNING_IN:
        return CommandError(f"nobody is signed in at `{target.address}`, or the session has ended; run `pdp login`")
    return CommandError(error.details() or error.code().name.lower())


def error_info(error: grpc.RpcError | grpc.Call) -> error_details_pb2.ErrorInfo:
    """Return the stable reason of a failed call and what goes with it; empty when it has none."""
    info = error_details_pb2.ErrorInfo()
    if isinstance(error, grpc.Call):
        for detail in status_pb2.Status.FromString(_details(error)).details:
            if detail.Unpack(info):
                break
    return info


def _details(error: grpc.Call) -> bytes:
    found = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return found if isinstance(found, bytes) else b""
