"""`pdp snapshot export`."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.snapshot_client import Question, Target, asking, connected, filtering
from pdp.cli.snapshot_text import WORDS
from pdp.v1 import snapshot_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS: Final = {
    "csv": snapshot_service_pb2.EXPORT_FORMAT_CSV,
    "jsonl": snapshot_service_pb2.EXPORT_FORMAT_JSON_LINES,
    "xlsx": snapshot_service_pb2.EXPORT_FORMAT_XLSX,
    "evidence": snapshot_service_pb2.EXPORT_FORMAT_EVIDENCE,
}
_EPILOG = """\b
Examples:
  pdp snapshot export --reason "audit 2026-11" --since 30d -o november.xlsx
  pdp snapshot export --reason "case 12" --filter 'subject.id == "T1001"' -o case-12.evidence
  pdp snapshot export --reason "monthly" --format jsonl -o - | gzip > november.gz

An `.evidence` file can be checked with `pdp snapshot verify`, without the store.

Exit codes: 0 written, 1 not, 2 wrong command line.
"""


@click.command(epilog=_EPILOG)
@filtering
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is recorded with the export.")
@click.option(
    "-o", "--out", required=True, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE",
    help="A new file, or `-` for stdout.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(list(_FORMATS)), help="The format.  [default: by the end of the file's name]"
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@asking
def export(*, question: Question, reason: str, out: Path, form: str | None, force: bool, target: Target) -> ExitCode:
    """Write all records that meet a filter to a file. The export is itself recorded."""
    form = form or out.suffix.removeprefix(".").lower()
    if form not in _FORMATS:
        raise click.UsageError(f"`{out}` does not tell the format; add `--format {'|'.join(_FORMATS)}`")
    to_stdout = str(out) == "-"
    if not to_stdout and out.exists() and not force:
        raise CommandError(f"`{out}` is there already; name another file, or add `--force`")
    request = snapshot_service_pb2.ExportSnapshotsRequest(
        filter=question.text, format=_FORMATS[form], reason=reason, language=target.language
    )
    with connected(target, question) as stub:
        if to_stdout:
            count = _receive(stub.ExportSnapshots(request), sys.stdout.buffer)
        else:
            with _written(out) as file:
                count = _receive(stub.ExportSnapshots(request), file)
    if not to_stdout:
        click.echo(WORDS[target.language]["exported"].format(count=count, path=out), err=True)
    return ExitCode.OK


def _receive(pieces: Iterator[snapshot_service_pb2.ExportSnapshotsResponse], file: IO[bytes]) -> int:
    count = 0
    out = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=None)
        for piece in pieces:
            file.write(piece.data)
            count = piece.records
            progress.update(task, completed=count, total=piece.expected if piece.expected >= count else None)
    return count


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """Give a file that takes its name once it is whole; only its owner can read it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)
