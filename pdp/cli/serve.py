"""`pdp serve`: decide over gRPC."""

from __future__ import annotations

from pathlib import Path

import click

from pdp.cli.exits import ExitCode
from pdp.cli.policies import FILE, FOLDER, parse_now
from pdp.errors import ConfigError
from pdp.server import app, logs
from pdp.server.settings import Address, Settings, parse_address

EPILOG = """\b
Examples:
  pdp serve --policies policies
  pdp serve --policies policies --listen 127.0.0.1:0 --ready-file /run/pdp.json
  pdp serve --policies policies --listen unix:/run/pdp.sock

Files that change are checked and take force at once; a version with errors is refused and the last good one goes on.
SIGTERM or SIGINT: health says NOT_SERVING, calls are still answered for the drain, then those in flight may end.

Exit codes: 0 stopped by a signal, 1 the policies have errors or the address is taken, 2 wrong command line.
"""


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> Address:
    try:
        return parse_address(value)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


@click.command(epilog=EPILOG)
@click.option("--policies", required=True, type=FOLDER, metavar="DIR", help="Folder of policies to decide by.")
@click.option(
    "--listen", default="127.0.0.1:7070", show_default=True, callback=_address, metavar="HOST:PORT",
    help="Where to listen; port 0 picks a free one; `unix:PATH` is a socket file.",
)  # fmt: skip
@click.option("--grants", type=FILE, metavar="FILE", help="Grants that requests may name (a YAML file of kind Grants).")
@click.option("--insecure", is_flag=True, help="Accept plain text on an address that other machines can reach.")
@click.option("--reflection/--no-reflection", default=True, help="Serve gRPC reflection.  [default: on]")
@click.option("--ready-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write address, revision and process id here as JSON once calls are answered.")  # fmt: skip
@click.option("--drain", default=1.0, show_default=True, type=click.FloatRange(0, 3600), metavar="SECONDS",
              help="How long to go on answering after health said NOT_SERVING.")  # fmt: skip
@click.option("--grace", default=10.0, show_default=True, type=click.FloatRange(0, 3600), metavar="SECONDS",
              help="How long calls in flight may take after that.")  # fmt: skip
@click.option("--clock", callback=parse_now, metavar="RFC3339",
              help="Decide as if it were this time now; for demonstrations and tests.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True,
    help="debug adds a line a call.",
)  # fmt: skip
def serve(
    *,
    policies: Path,
    listen: Address,
    grants: Path | None,
    ready_file: Path | None,
    drain: float,
    grace: float,
    clock: int | None,
    log_format: str,
    log_level: str,
    insecure: bool,
    reflection: bool,
) -> ExitCode:
    """Decide over gRPC by the policies in DIR and follow their changes.

    Writes one line to stdout when ready, and logs to stderr. It speaks plain text, so it listens on this machine
    only unless told otherwise.
    """
    settings = Settings(
        policies=policies, address=listen, grants=grants, insecure=insecure, reflection=reflection,
        ready_file=ready_file, drain_seconds=drain, grace_seconds=grace, clock=clock,
    )  # fmt: skip
    logs.configure(log_format, log_level)
    app.serve(settings, _ready)
    return ExitCode.OK


def _ready(running: app.App) -> None:
    program = running.holder.require().program
    click.echo(f"ready {running.address} revision {program.revision} {program.hash}")
