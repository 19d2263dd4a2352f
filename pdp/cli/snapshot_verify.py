"""`pdp snapshot verify`, `prove` and `verify-proof`: whether records are what was recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pdp.cli.console import print_json
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.settings import load_settings, require
from pdp.errors import ConfigError, EvidenceError, StoreError
from pdp.lang.model import Label
from pdp.server.settings import Settings
from pdp.signing import TrustedKeys
from pdp.snapshot.evidence import proof as proofs
from pdp.snapshot.evidence import verify as verifying
from pdp.snapshot.evidence.file import EvidenceFile
from pdp.snapshot.evidence.selection import verify_selection
from pdp.snapshot.store import open_reader, sqlite_path
from pdp.snapshot.store.base import Reader
from pdp.values import NANOS, format_timestamp

F = TypeVar("F", bound=Callable[..., Any])

VERIFY_EPILOG = """\b
Examples:
  pdp snapshot verify                              the store of this machine's service
  pdp snapshot verify --store postgresql://auditor@db/jingxi --keys /media/keys --copies /mnt/checkpoints
  pdp snapshot verify long-2026-03-02.evidence.gz --keys /media/keys

The keys and the copies should come from where nobody who can change the store can write.
Exit codes: 0 complete and unchanged, 1 faults found, 2 wrong command line, or something cannot be read.
"""
PROVE_EPILOG = """\b
Examples:
  pdp snapshot prove 01K9ZQ3V7W8X9Y0Z -o proof.bin

Exit codes: 0 written, 1 no such record, or no checkpoint covers it yet, 2 wrong command line.
"""
PROOF_EPILOG = """\b
Examples:
  pdp snapshot verify-proof proof.bin --keys /media/keys

Exit codes: 0 the record is what was recorded, 1 it is not, 2 wrong command line, or something cannot be read.
"""
_MOST_BYTES = 64 * 1024 * 1024
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(exists=True, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
_LANG = click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="The language.")


class UnreadableError(CommandError):
    """Ends a command with exit code 2: nothing can be said about what could not be read."""

    exit_code = ExitCode.USAGE


def _where(command: F) -> F:
    """Add the options that say where the records are."""
    options = (
        click.option("--store", metavar="URL",
                     help="`sqlite:PATH` or `postgresql://…`.  [default: as pdp serve has it]"),
        click.option("--config", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="The configuration of pdp serve; PDP_… variables come before it.  [env: PDP_CONFIG]"),
        click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
                     help="The data folder.  [env: PDP_DATA]"),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command("verify", epilog=VERIFY_EPILOG)
@click.argument("file", type=_FILE, required=False)
@_where
@click.option("--keys", type=_PATH, metavar="PATH",
              help="The public keys of all nodes: a folder or a file.  [default: keys in the data folder]")  # fmt: skip
@click.option("--copies", type=_PATH, multiple=True, metavar="PATH",
              help="A folder or file of copied checkpoints; may be given several times.")  # fmt: skip
@click.option("--chain-only", is_flag=True, help="Leave out the columns for searching; several times faster.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N",
              help="How many processes read.  [default: the processors]")  # fmt: skip
@_JSON
@_LANG
def verify(
    *, file: Path | None, store: str | None, config: Path | None, data: Path | None, keys: Path | None,
    copies: tuple[Path, ...], chain_only: bool, jobs: int | None, as_json: bool, lang: str,
) -> ExitCode:  # fmt: skip
    """Tell whether all records are there, unchanged and in their order, or what was done to them.

    It reads the whole store, or FILE: an archive, or an export as evidence.
    """
    if file is not None and store is not None:
        raise click.UsageError("name either a FILE or a `--store`, not both")
    with _told():
        trusted = TrustedKeys.load(keys or _settings(config, data).data_folder / "keys")
        with _shown(lang) as progress:
            if file is None:
                url = store or _settings(config, data).store_url
                with _opened(url) as reader:
                    report = verifying.verify(
                        reader, trusted, copies, deep=not chain_only, progress=progress, jobs=jobs,
                        reopen=partial(open_reader, url),
                    )  # fmt: skip
            else:
                report = _verify_file(file, trusted, copies, progress)
    if as_json:
        print_json(report.plain())
    else:
        _print(report, lang)
    return ExitCode.OK if report.is_complete else ExitCode.PROBLEMS


def _verify_file(
    path: Path, trusted: TrustedKeys, copies: tuple[Path, ...], progress: Callable[[verifying.Progress], None]
) -> verifying.Report:
    with EvidenceFile(path) as file:
        if file.form == "selection":
            return verify_selection(file, trusted, progress=progress)
        return verifying.verify(file, trusted, copies, progress=progress)


@click.command("prove", epilog=PROVE_EPILOG)
@click.argument("record_id", metavar="ID")
@_where
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The new file for the proof.")  # fmt: skip
def prove(*, record_id: str, store: str | None, config: Path | None, data: Path | None, out: Path) -> ExitCode:
    """Write a proof that the record ID is what was recorded, for whoever has only the nodes' public keys."""
    with _opened(store or _settings(config, data).store_url) as reader:
        made = proofs.prove(reader, record_id)
    try:
        with out.open("xb") as stream:
            stream.write(made.SerializeToString(deterministic=True))
    except FileExistsError as error:
        raise CommandError(f"`{out}` exists already; name another file") from error
    click.echo(f"{out}: the proof of {record_id}; check it with `pdp snapshot verify-proof {out} --keys PATH`")
    return ExitCode.OK


@click.command("verify-proof", epilog=PROOF_EPILOG)
@click.argument("file", type=_FILE)
@click.option("--keys", type=_PATH, metavar="PATH", required=True,
              help="The public keys of the nodes: a folder or a file.")  # fmt: skip
@_JSON
@_LANG
def verify_proof(*, file: Path, keys: Path, as_json: bool, lang: str) -> ExitCode:
    """Tell whether the record in the proof FILE is what a node recorded and signed."""
    with _told(), file.open("rb") as stream:
        told = proofs.verify_proof(proofs.parse_proof(stream.read(_MOST_BYTES)), TrustedKeys.load(keys))
    when = format_timestamp(told.time_nanos // NANOS * NANOS)
    if as_json:
        print_json({
            "good": told.is_good, "id": told.record_id, "stream": told.stream._asdict(), "sequence": told.sequence,
            "checkpoint": told.checkpoint, "time": when, "key_id": told.key_id,
            "problems": [{"zh": problem.zh, "en": problem.en} for problem in told.problems],
        })  # fmt: skip
    elif told.is_good:
        click.echo(_in(lang, Label(
            f"{told.record_id}：与记录时一致；节点 {told.stream.node} 于 {when} 签名（检查点 {told.checkpoint}，"
            f"密钥 {told.key_id}）",
            f"{told.record_id}: as it was recorded; signed by node {told.stream.node} at {when} (checkpoint "
            f"{told.checkpoint}, key {told.key_id})",
        )))  # fmt: skip
    else:
        for problem in told.problems:
            click.echo(f"{file}: {_in(lang, problem)}")
    return ExitCode.OK if told.is_good else ExitCode.PROBLEMS


def _settings(config: Path | None, data: Path | None) -> Settings:
    # Only the server needs policies; without them its settings would not be complete.
    return require(load_settings(config, {"data": data.absolute() if data else None, "policies": Path.cwd()}))


@contextmanager
def _opened(url: str) -> Iterator[Reader]:
    # A store that is not there would be made, and an empty one is complete.
    if url.startswith("sqlite:") and not sqlite_path(url).exists():
        raise StoreError(f"there is no store `{sqlite_path(url)}`; name it by `--store` or `--data`")
    reader = open_reader(url)
    try:
        yield reader
    finally:
        reader.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (EvidenceError, StoreError, ConfigError) as error:
        raise UnreadableError(str(error)) from error
    except OSError as error:
        where = f"`{error.filename}`: " if error.filename else ""
        raise UnreadableError(f"{where}{(error.strerror or str(error)).lower()}") from error


@contextmanager
def _shown(lang: str) -> Iterator[Callable[[verifying.Progress], None]]:
    """Show a bar on a terminal while records are read."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[streams]}"), TimeRemainingColumn(),
    )  # fmt: skip
    out = Console(file=sys.stderr, markup=False, highlight=False)
    first, second, chains = ("检查点", "记录", "条链") if lang == "zh" else ("checkpoints", "records", "chains")
    with Progress(*columns, console=out, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(first, total=None, streams="")

        def show(told: verifying.Progress) -> None:
            if told.total_streams:
                done = f"{told.streams}/{told.total_streams} {chains}"
                bar.update(task, description=second, completed=told.records, total=told.total, streams=done)
            else:
                bar.update(task, completed=told.checkpoints)

        yield show


def _print(report: verifying.Report, lang: str) -> None:
    for finding in report.findings:
        click.echo(_in(lang, finding.sentence))
    click.echo(_in(lang, report.sentence))
    for count, words in (
        (report.unsigned, Label("{} 条记录晚于最后一个检查点", "{} records are later than the last checkpoint")),
        (report.dropped, Label("{} 条记录已按保留期删除", "{} records were dropped at the end of their time")),
    ):
        if count:
            click.echo(_in(lang, words).format(f"{count:,}"))


def _in(lang: str, label: Label) -> str:
    return label.zh if lang == "zh" else label.en
