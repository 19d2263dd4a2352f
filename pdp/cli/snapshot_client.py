"""A connection to the staff port, its options, and its errors in words."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import grpc
from google.rpc import error_details_pb2, status_pb2

from pdp.cli.exits import CommandError
from pdp.errors import ConfigError, FilterError, ValueFormatError
from pdp.server.address import parse_address
from pdp.server.settings import Settings
from pdp.snapshot.query import underline
from pdp.v1 import snapshot_service_pb2_grpc
from pdp.values import NANOS, format_timestamp, parse_duration, parse_timestamp

F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT_SECONDS: Final = 60.0
_MAX_ANSWER = 64 * 1024 * 1024
_DAYS = re.compile(r"([0-9]{1,5})d(?:(.*))")


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


def filtering(command: F) -> F:
    """Add `--filter`, `--since` and `--until`, which come as one `question`."""

    def combine(context: click.Context, _parameter: click.Parameter, value: str) -> Question:
        now = now_nanos()
        since, until = (_moment(context.params.pop(name, None), name, now) for name in ("since", "until"))
        return Question(value, since, until)

    for option in (
        click.option("--filter", "question", default="", metavar="CEL", callback=combine, help="Only what meets this."),
        click.option("--until", metavar="WHEN", is_eager=True, help="Before this time, as for --since."),
        click.option(
            "--since", metavar="WHEN", is_eager=True,
            help="From this time on: `7d`, `12h`, `2026-11-01` or `2026-11-01T08:00:00+08:00`.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Question:
    """A filter as it was written, and between which times (nanoseconds since 1970)."""

    filter: str
    since: int | None
    until: int | None

    @property
    def text(self) -> str:
        """The whole as one filter. What was written begins at the second character."""
        bounds = [
            f'time {sign} timestamp("{format_timestamp(moment)}")'
            for sign, moment in ((">=", self.since), ("<", self.until))
            if moment is not None
        ]
        if not bounds:
            return self.filter
        # A line of its own, for what was written may end in a comment.
        return " && ".join([f"({self.filter}\n)", *bounds] if self.filter.strip() else bounds)

    @property
    def shift(self) -> int:
        """How many characters stand in `text` before what was written."""
        return 1 if self.filter.strip() and (self.since is not None or self.until is not None) else 0


def now_nanos() -> int:
    """Return the present time in nanoseconds since 1970."""
    return int(datetime.datetime.now(datetime.UTC).timestamp()) * NANOS


def _moment(text: str | None, name: str, now: int) -> int | None:
    if text is None:
        return None
    try:
        if match := _DAYS.fullmatch(text):
            return now - int(match[1]) * 86_400 * NANOS - (parse_duration(match[2]) if match[2] else 0)
        if re.fullmatch(r"[0-9.]+[a-z].*", text):
            return now - parse_duration(text)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return int(datetime.datetime.fromisoformat(text).astimezone().timestamp()) * NANOS
        return parse_timestamp(text)
    except (ValueFormatError, ValueError) as error:
        message = f"`{text}` is no time; write `7d`, `12h`, `2026-11-01` or `2026-11-01T08:00:00+08:00`"
        raise click.BadParameter(message, param_hint=f"--{name}") from error


def _address(text: str | None, data: Path | None) -> str:
    if text in (None, "", "auto", "off"):
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
def connected(
    target: Target, question: Question | None = None
) -> Iterator[snapshot_service_pb2_grpc.SnapshotServiceStub]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""
    path = target.address.removeprefix("unix:")
    if path != target.address and not Path(path).exists():
        raise CommandError(
            f"there is no socket `{path}`; is `pdp serve` running, and this its data folder (`--data`, `--server`)?"
        )
    options = (("grpc.max_receive_message_length", _MAX_ANSWER),)
    with grpc.insecure_channel(target.address, options=options) as channel:
        try:
            yield snapshot_service_pb2_grpc.SnapshotServiceStub(channel)  # type: ignore[no-untyped-call]
        except grpc.RpcError as error:
            raise failure(error, target, question) from error


def failure(error: grpc.RpcError, target: Target, question: Question | None = None) -> CommandError:
    """Return what a failed call means to the person who made it."""
    wrong = _filter_error(error)
    if wrong is not None and question is not None:
        column = max(wrong.column - question.shift, 1)
        shown = underline(question.filter, FilterError(str(wrong), column))
        hint = f"\n  {wrong.hint}" if wrong.hint else ""
        return CommandError(f"--filter: {wrong}\n{shown}{hint}")
    if not isinstance(error, grpc.Call):
        return CommandError(f"the call failed: {error}")
    if error.code() is grpc.StatusCode.UNAVAILABLE and not _details(error):
        return CommandError(f"no answer from `{target.address}`; is `pdp serve` running, and this its staff port?")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return CommandError(f"`{target.address}` has no SnapshotService; is it the staff port?")
    return CommandError(error.details() or error.code().name.lower())


def _details(error: grpc.Call) -> bytes:
    found = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return found if isinstance(found, bytes) else b""


def _filter_error(error: grpc.RpcError) -> FilterError | None:
    if not isinstance(error, grpc.Call):
        return None
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(_details(error)).details:
        if detail.Unpack(info) and info.reason == "ERROR_REASON_INVALID_FILTER":
            return FilterError(info.metadata["problem"], int(info.metadata["column"]), info.metadata["hint"])
    return None
