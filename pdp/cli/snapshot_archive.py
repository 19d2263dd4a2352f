"""`pdp snapshot read`: the records in archives, without a server or a store."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import click

from pdp.cli import console
from pdp.cli.basics import FILE, FOLDER
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.policies import resolve
from pdp.cli.snapshot_client import Question, filtering
from pdp.cli.snapshot_text import COLUMNS, WORDS, row
from pdp.engine import bundle
from pdp.errors import FilterError
from pdp.server.staff_port import schema_of
from pdp.snapshot import query
from pdp.snapshot.archive_reader import open_archives
from pdp.snapshot.filter import Schema, compile_filter
from pdp.snapshot.resource_keys import ResourceKeys

EPILOG = """\b
Examples:
  pdp snapshot read snapshots-long-2026-03-02.jxe.gz
  pdp snapshot read /mnt/archive --filter 'subject.id == "T1001" && flagged' --oldest
  pdp snapshot read /mnt/archive --policies policies --filter 'context.menu == "1201"' --json

It reads all of the files from end to end, about a minute for each million records.
Exit codes: 0 all is well, 1 a file is damaged or the filter is wrong, 2 wrong command line.
"""


@click.command("read", epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@filtering
@click.option("--policies", "folder", type=FOLDER, metavar="DIR",
              help="The policy set whose attributes the filter names.")  # fmt: skip
@click.option("--resource-keys", type=FILE, metavar="FILE",
              help="The keys of that time, to find resources by id.")  # fmt: skip
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at most.")
@click.option("--oldest", is_flag=True, help="Oldest first.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="The language.")
def read(
    *, paths: tuple[Path, ...], question: Question, folder: Path | None, resource_keys: Path | None, limit: int,
    oldest: bool, as_json: bool, lang: str,
) -> ExitCode:  # fmt: skip
    """List the records in archives that meet a filter, newest first. PATH is an archive or a folder of them."""
    schema = _schema(folder, resource_keys)
    try:
        node = compile_filter(question.text, schema, time.time_ns())
    except FilterError as error:
        wrong = FilterError(str(error), max(error.column - question.shift, 1), error.hint)
        hint = f"\n  {error.hint}" if error.hint else ""
        known = "" if folder else "\n  declared attributes are known with `--policies`"
        raise CommandError(f"--filter: {error}\n{query.underline(question.filter, wrong)}{hint}{known}") from error
    with closing(open_archives(paths)) as reader:
        found = reader.select(query.where(reader, node), after=None, oldest_first=oldest, limit=limit)
    entries = [query.entry(record) for record in found]
    if as_json:
        for entry in entries:
            console.print_json(console.message_data(entry), indent=None)
        return ExitCode.OK
    words = WORDS[lang]
    if not entries:
        click.echo(words["none"] + (words["wider"] if question.text else ""), err=True)
        return ExitCode.OK
    table = console.table(*(words[name] for name in COLUMNS))
    for entry in entries:
        table.add_row(*row(entry, lang))
    console.console().print(table)
    return ExitCode.OK


def _schema(folder: Path | None, keys: Path | None) -> Schema:
    known = ResourceKeys.read(keys) if keys else ResourceKeys({})
    if folder is None:
        return Schema(key_of=known.of_resource)
    return schema_of(bundle.parse(bundle.build(resolve(folder))), known)
