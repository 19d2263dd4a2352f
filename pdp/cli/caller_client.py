"""What commands about managed callers share: a connection, what they tell, and where a token goes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import grpc

from pdp.cli import console
from pdp.cli.caller_words import WORDS
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import Target, channel_to, error_info
from pdp.v1 import caller_service_pb2_grpc

F = TypeVar("F", bound=Callable[..., Any])
Stub = caller_service_pb2_grpc.CallerServiceStub


@contextmanager
def connected(target: Target) -> Iterator[Stub]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""

    def explain(error: grpc.Call) -> CommandError | None:
        info = error_info(error)
        if info.reason != "ERROR_REASON_CONFLICT" or not info.metadata.get("actor"):
            return None
        found = {key: info.metadata.get(key, "") for key in ("actor", "version")}
        time = local(int(info.metadata.get("time") or 0))
        return CommandError(f"{error.details()}\n  {WORDS[target.language]['conflict'].format(time=time, **found)}")

    with channel_to(target, "CallerService", explain) as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


def as_json(command: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON.")(command)


def token_wanted(command: F) -> F:
    """Add the options of a token that is to be made."""
    for option in (
        click.option("--id", "token_id", default="", metavar="ID", help="What to call the token.  [default: the date]"),
        click.option("--days", default=365, show_default=True, type=click.IntRange(0, 3650),
                     help="How long the token holds; 0 for ever."),
        click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="Write the token to this new file instead of the terminal."),
    ):  # fmt: skip
        command = option(command)
    return command


@contextmanager
def hand_over(out: Path | None) -> Iterator[Callable[[Any], None]]:
    """Give what takes the token out of an answer and into the new file, if one is named; without a token there is
    none. Raises CommandError when there is such a file.
    """
    if out is not None and out.exists():
        # Before anybody is asked: a token that nobody can write down would have to be revoked.
        raise CommandError(f"`{out}` exists already and may hold a token in use; name another file")

    def hand(answer: Any) -> None:
        if out is not None and answer.token:
            write_new(out, answer.token)
            answer.token = ""

    yield hand


def write_new(path: Path, text: str) -> None:
    """Write a secret into a new file, readable by its owner alone from the first moment. Raises CommandError."""
    # Never over a token that may still be in use.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"`{path}` exists already and may hold a token in use; name another file") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")


def told(answer: Any, done: str, lang: str, *, out: Path | None = None, as_json: bool) -> ExitCode:
    """Tell what became of a change: done, or waiting for a second person; and the token, if it is to be shown."""
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    words = WORDS[lang]
    fields = {field.name for field in answer.DESCRIPTOR.fields}
    if "change" in fields and answer.HasField("change"):
        change = answer.change
        click.echo(words["waits"].format(id=change.id, widens=", ".join(change.widens), name=change.wanted.name))
    else:
        click.echo(words[done].format(name=answer.caller.name, version=answer.caller.version))
    if out is not None:
        click.echo(words["token_file"].format(file=out))
    elif "token" in fields and answer.token:
        click.echo(words["token_shown"].format(token=answer.token))
    return ExitCode.OK
