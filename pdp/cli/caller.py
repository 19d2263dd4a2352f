"""`pdp caller`: tokens for the systems that may call, and what is wrong with a callers file."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import click

from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.policies import FILE, clock, plural
from pdp.errors import PolicyError
from pdp.lang.diagnostics import Severity, render_text
from pdp.server.callers import read_callers
from pdp.control.callers.tokens import make_token, token_hash
from pdp.values import NANOS, format_timestamp

EPILOG = """\b
Examples:
  pdp caller token                              a token for a year, with the line for the callers file
  pdp caller token --out counter.token          the token goes to a file that only its owner can read
  pdp caller check callers.yaml                 what is wrong with a callers file

Exit codes: 0 all is well, 1 the file has errors or exists already, 2 wrong command line.
"""


@click.group(epilog=EPILOG)
def caller() -> None:
    """Give systems access: tokens, and the file that says what each may ask for."""


@caller.command()
@click.option("--id", "token_id", metavar="ID", help="What the log calls the token.  [default: today's date]")
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(0, 3650), help="How long it holds; 0 for ever."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the token to this new file instead of the terminal.")  # fmt: skip
def token(*, token_id: str | None, days: int, out: Path | None) -> ExitCode:
    """Make a token and show the line that goes into the callers file.

    The token is shown once and kept nowhere. The callers file holds its SHA-256, from which nobody gets the token back.
    """
    now = clock()
    token_id = token_id or datetime.datetime.fromtimestamp(now / NANOS, datetime.UTC).date().isoformat()
    made = make_token()
    if out is not None:
        _write_new(out, made)
    line = f'- {{id: "{token_id}", sha256: "{token_hash(made)}"'
    if days:
        end = (now // NANOS + days * 86_400) * NANOS
        line += f', expires_at: "{format_timestamp(end)}"'
    if out is None:
        click.echo(f"The token, shown this once; give it to the system and to nobody else:\n\n    {made}\n")
    else:
        click.echo(f"The token is in {out}; give it to the system and to nobody else.\n")
    click.echo(f"The line for `tokens` of the system's entry in the callers file:\n\n    {line}}}")
    return ExitCode.OK


def _write_new(path: Path, text: str) -> None:
    # Readable by its owner alone from the first moment, and never over a token that may still be in use.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"`{path}` exists already and may hold a token in use; name another file") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")


@caller.command()
@click.argument("file", type=FILE)
def check(*, file: Path) -> ExitCode:
    """Find everything that is wrong with a callers file."""
    try:
        callers = read_callers(file)
    except PolicyError as error:
        errors = [item for item in error.diagnostics if item.severity is Severity.ERROR]
        for item in error.diagnostics:
            click.echo(render_text(item, {}))  # without the lines of the file, which may hold what is secret
        click.echo(f"{file}: {plural(len(errors), 'error')}")
        return ExitCode.PROBLEMS
    now = clock()
    for one in callers:
        for held in one.tokens:
            if held.expires_at is not None and held.expires_at <= now and not held.disabled:
                click.echo(f"{file}: the token `{held.id}` of `{one.name}` has expired")
    click.echo(f"{file}: {plural(len(callers), 'caller')}, no problems")
    return ExitCode.OK
