"""`pdp compile`: a policy set as a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from pdp.cli.basics import FOLDER
from pdp.cli.console import console, table
from pdp.cli.exits import ExitCode
from pdp.cli.policies import resolve
from pdp.engine import bundle as bundles
from pdp.engine.program import Program
from pdp.v1 import bundle_pb2

EPILOG = """\b
Examples:
  pdp compile policies                             hash and sizes only
  pdp compile policies --out policies.bundle
  pdp compile policies --dump | less               the Python that decides

The same policies give the same hash on every machine.
Exit codes: 0 made, 1 the policies have errors, 2 wrong command line.
"""


@click.command("compile", epilog=EPILOG)
@click.argument("directory", metavar="DIR", type=FOLDER)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the bundle to this file.")
@click.option("--dump", is_flag=True, help="Print the generated Python instead of the summary.")
def compile_(*, directory: Path, out: Path | None, dump: bool) -> ExitCode:
    """Make a bundle of the policy set in DIR.

    A bundle is one protobuf message with everything needed to decide: attributes, dictionary, masks, message maps,
    rules and the scenarios to reproduce.
    """
    signed = bundles.build(resolve(directory))
    program = Program.from_bundle(signed)
    if out is not None:
        bundles.write(out, signed)
    if dump:
        click.echo(program.source, nl=not program.source.endswith("\n"))
        return ExitCode.OK
    bundle = bundle_pb2.Bundle.FromString(signed.bundle)
    shown = table("", "")
    shown.show_header = False
    for name, value in {
        "hash": signed.hash,
        "bundle": f"{len(signed.bundle):,} bytes",
        "generated Python": f"{len(program.source.encode()):,} bytes",
        "attributes": str(len(bundle.attributes)),
        "fields": str(len(bundle.fields)),
        "masks": str(len(bundle.masks)),
        "message maps": str(len(bundle.message_maps)),
        "policies": str(len(bundle.policies)),
        "rules": str(sum(len(policy.rules) for policy in bundle.policies)),
        "golden cases": str(len(bundle.golden_cases)),
    }.items():
        shown.add_row(name, value)
    if out is not None:
        shown.add_row("written to", str(out))
    console().print(shown)
    return ExitCode.OK
