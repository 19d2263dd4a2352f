"""What commands that ask for records share: a connection, a filter with its times, and what is wrong in it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import grpc

from pdp.cli.exits import CommandError
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking, channel_to, error_info
from pdp.errors import FilterError, ValueFormatError
from pdp.snapshot.query import underline
from pdp.v1 import snapshot_service_pb2_grpc
from pdp.values import NANOS, format_timestamp, parse_duration, parse_timestamp

__all__ = ["TIMEOUT_SECONDS", "Question", "Target", "asking", "connected", "filtering", "now_nanos", "wrong_filter"]

F = TypeVar("F", bound=Callable[..., Any])

_DAYS = re.compile(r"([0-9]{1,5})d(?:(.*))")


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


@contextmanager
def connected(
    target: Target, question: Question | None = None
) -> Iterator[snapshot_service_pb2_grpc.SnapshotServiceStub]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""

    def explain(error: grpc.Call) -> CommandError | None:
        return wrong_filter(error, question)

    with channel_to(target, "SnapshotService", explain) as channel:
        yield snapshot_service_pb2_grpc.SnapshotServiceStub(channel)  # type: ignore[no-untyped-call]


def wrong_filter(error: grpc.Call, question: Question | None) -> CommandError | None:
    """Return a wrong filter with the place in what was written; None for any other failure."""
    info = error_info(error)
    if question is None or info.reason != "ERROR_REASON_INVALID_FILTER":
        return None
    problem, hint = info.metadata["problem"], info.metadata["hint"]
    column = max(int(info.metadata["column"]) - question.shift, 1)
    shown = underline(question.filter, FilterError(problem, column))
    return CommandError(f"--filter: {problem}\n{shown}" + (f"\n  {hint}" if hint else ""))
