"""`pdp config`: what the settings of `pdp serve` are, and what is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pdp.cli import console
from pdp.cli.basics import FILE, plural
from pdp.cli.exits import ExitCode
from pdp.cli.settings import load_settings, settings_flags
from pdp.lang.diagnostics import to_json
from pdp.server.config import reference as pages
from pdp.server.config import show as shown
from pdp.server.config.load import Loaded, load

EPILOG = """\b
Examples:
  pdp config example > pdp.yaml                 a file to start with
  pdp config check pdp.yaml                     what is wrong with it
  pdp config show --config pdp.yaml             what is in force, and where each value came from
  pdp config reference                          every setting

Exit codes: 0 all is well, 1 the settings have errors, 2 wrong command line.
"""
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to write it."
)


@click.group(epilog=EPILOG)
def config() -> None:
    """Show, check and explain the settings of pdp serve."""


@config.command()
@click.argument("file", type=FILE)
@click.option("--elsewhere", is_flag=True, help="Judge it for another machine: do not look for files and secrets.")
@_FORMAT
def check(*, file: Path, elsewhere: bool, form: str) -> ExitCode:
    """Find everything that is wrong with a configuration file; the environment is left out."""
    loaded = load(file, {}, {}, elsewhere=elsewhere)
    if form == "json":
        console.print_json({"diagnostics": [to_json(item) for item in loaded.diagnostics]})
    else:
        _findings(loaded, err=False)
        click.echo(f"{file}: {plural(len(loaded.errors), 'error')}" if loaded.errors else f"{file}: no problems")
    return ExitCode.PROBLEMS if loaded.errors else ExitCode.OK


@config.command()
@settings_flags
@_FORMAT
def show(*, config: Path | None, form: str, **flags: Any) -> ExitCode:
    """Tell the values that are in force and where each came from; takes the flags of pdp serve."""
    loaded = load_settings(config, flags)
    if form == "json":
        console.print_json(shown.to_json(loaded))
    else:
        table = console.table("setting", "value", "from")
        for name, value in loaded.values.items():
            table.add_row(name, shown.as_text(shown.plain(value)), value.origin.place)
        console.console().print(table)
    _findings(loaded, err=True)
    return ExitCode.PROBLEMS if loaded.errors else ExitCode.OK


@config.command()
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="The language.")
def reference(*, lang: str) -> ExitCode:
    """Write all settings with their meaning, in Markdown."""
    click.echo(pages.tables(lang), nl=False)
    return ExitCode.OK


@config.command()
def example() -> ExitCode:
    """Write a configuration with every setting, commented."""
    click.echo(shown.example(), nl=False)
    return ExitCode.OK


def _findings(loaded: Loaded, *, err: bool) -> None:
    for item in loaded.diagnostics:
        click.echo(loaded.render(item), err=err)
