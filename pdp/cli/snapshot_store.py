"""`pdp snapshot init-store`: makes the tables of a store and the roles that may use it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pdp.cli.exits import ExitCode
from pdp.errors import ConfigError
from pdp.snapshot.store import install

EPILOG = """\b
Examples:
  pdp snapshot init-store postgresql://postgres@db/jingxi
  pdp snapshot init-store --url-file admin-url --writer pdp_writer --auditor pdp_auditor
  PDP_INIT_STORE=postgresql://postgres:…@db/jingxi pdp snapshot init-store

The roles are made without a password and without the right to log in where they are missing; grant them to the users
that the service, the auditors and the one who ends records log in as. A password belongs into a file or the
environment, for others can read command lines.
Exit codes: 0 the store is ready, 1 it cannot be reached or refuses, 2 wrong command line.
"""
_VARIABLE = "PDP_INIT_STORE"


@click.command("init-store", epilog=EPILOG)
@click.argument("url", required=False, metavar="[URL]")
@click.option("--url-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Read the URL from this file.")  # fmt: skip
@click.option("--writer", default="jingxi_writer", show_default=True, metavar="ROLE", help="May add records.")
@click.option("--auditor", default="jingxi_auditor", show_default=True, metavar="ROLE", help="May read them.")
@click.option("--maintainer", default="jingxi_maintainer", show_default=True, metavar="ROLE",
              help="May end them when their time is over, and set holds.")  # fmt: skip
def init_store(*, url: str | None, url_file: Path | None, writer: str, auditor: str, maintainer: str) -> ExitCode:
    """Make a store's tables and roles, or bring them up to date.

    URL is `sqlite:PATH` or `postgresql://…` of a user who may create tables and roles; else PDP_INIT_STORE has it.
    """
    if url and url_file:
        raise click.UsageError("give the URL or --url-file, not both")
    found = url or (url_file.read_text(encoding="utf-8").strip() if url_file else os.environ.get(_VARIABLE, ""))
    if not found:
        raise click.UsageError(f"which store? give its URL, --url-file, or {_VARIABLE} in the environment")
    roles = (writer, auditor, maintainer)
    if len(set(roles)) < len(roles):
        raise ConfigError("the roles of writer, auditor and maintainer must differ, or one could do what another does")
    install(found, writer=writer, auditor=auditor, maintainer=maintainer)
    # Without the URL, which may hold a password.
    click.echo("the store is ready")
    return ExitCode.OK
