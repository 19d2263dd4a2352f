"""A policy folder as commands need it: checked, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pdp.cli.basics import plural, show
from pdp.cli.exits import CommandError
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.errors import PolicyError, ValueFormatError
from pdp.lang.check import check_folder
from pdp.lang.diagnostics import Severity, render_text
from pdp.lang.resolved import ResolvedSet
from pdp.server.grants import GrantTable, read_grants
from pdp.v1 import bundle_pb2
from pdp.values import parse_timestamp


def resolve(folder: Path) -> ResolvedSet:
    """Return a folder's policy set. Writes its errors to stderr and raises CommandError when it has any."""
    result = check_folder(folder, analyse=False)
    if result.resolved is None:
        out = Console(stderr=True, markup=False, highlight=False, emoji=False)
        errors = [item for item in result.diagnostics if item.severity is Severity.ERROR]
        for item in errors:
            show(item, result.sources, out)
        raise CommandError(f"`{folder}` has {plural(len(errors), 'error')}; mend the policies, then try again")
    return result.resolved


def load_program(folder: Path, grants: Path | None = None) -> Program:
    """Return a folder's program, deciding with the grants of a file. Raises CommandError."""
    table = GrantTable()
    if grants is not None:
        table.replace(load_grants(grants))
    return Program.from_bundle(bundle.build(resolve(folder)), grants=table)


def load_grants(path: Path) -> dict[str, bundle_pb2.Grant]:
    """Return the grants of a file. Writes its errors to stderr and raises CommandError when it has any."""
    try:
        return read_grants(path)
    except PolicyError as error:
        for item in error.diagnostics:
            click.echo(render_text(item, {}), err=True)
        raise CommandError(f"`{path}` holds grants that cannot be used; mend them, then try again") from error


def parse_now(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Return the nanoseconds of `--now`."""
    if value is None:
        return None
    try:
        return parse_timestamp(value)
    except ValueFormatError as error:
        raise click.BadParameter(str(error)) from error
