"""`pdp caller check`: what is wrong with a callers file."""

from __future__ import annotations

from pathlib import Path

import click

from pdp.cli.basics import FILE, clock, plural
from pdp.cli.exits import ExitCode
from pdp.errors import PolicyError
from pdp.lang.diagnostics import Severity, render_text
from pdp.server.callers import read_callers

_EPILOG = """\b
Examples:
  pdp caller check callers.yaml

Exit codes: 0 no problems, 1 the file has errors, 2 wrong command line.
"""


@click.command(epilog=_EPILOG)
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
