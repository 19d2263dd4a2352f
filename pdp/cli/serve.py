"""`pdp serve`: decide over gRPC."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path
from typing import Any

import click

from pdp.cli.exits import ExitCode
from pdp.cli.settings import load_settings, require, settings_flags
from pdp.server import app, logs

EPILOG = """\b
Examples:
  pdp serve --policies policies
  pdp serve --config /etc/pdp/pdp.yaml
  pdp serve --policies policies --listen 127.0.0.1:0 --ready-file /run/pdp.json
  pdp serve --policies policies --listen unix:/run/pdp.sock

Every setting can also stand in a file or the environment: `pdp config reference` tells all, `pdp config show` which
values are in force.

Files that change are checked and take force at once; a version with errors is refused and the last good one goes on.
SIGTERM or SIGINT: health says NOT_SERVING, calls are still answered for the drain, then those in flight may end.

Exit codes: 0 stopped by a signal, 1 the policies or settings have errors or the address is taken, 2 wrong command line.
"""

log = logging.getLogger(__name__)


@click.command(epilog=EPILOG)
@settings_flags
@click.option(
    "--until-eof", is_flag=True, help="End as well when standard input, a pipe, ends: with whoever started it."
)  # fmt: skip
def serve(*, config: Path | None, until_eof: bool, **flags: Any) -> ExitCode:
    """Decide over gRPC by the policies in DIR and follow their changes.

    Writes one line to stdout when ready, and logs to stderr. Without TLS it listens on this machine only unless told
    otherwise.
    """
    if until_eof and not stat.S_ISFIFO(os.fstat(0).st_mode):
        raise click.UsageError("--until-eof needs a pipe as standard input")
    loaded = load_settings(config, flags)
    settings = require(loaded)
    logs.configure(settings.log.format, settings.log.level)
    for item in loaded.diagnostics:
        logs.event(
            log, logging.WARNING, "config.warning", item.message, place=str(item.span.file), hint=item.hint
        )  # fmt: skip
    app.serve(settings, _ready, _first_token, until_eof=sys.stdin.buffer if until_eof else None)
    return ExitCode.OK


def _ready(running: app.App) -> None:
    workers = running.supervisor
    click.echo(f"ready {running.address} revision {workers.revision} {workers.hash}")


def _first_token(token: str) -> None:
    # Once, and here alone: the log is for many eyes.
    click.echo(f"first account: pdp account first --token {token}  (good for one use, within a day)")
