"""`pdp backup` and `pdp restore`: copies of everything that a service keeps, and the way back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pdp.cli import console
from pdp.cli.basics import plural
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.settings import load_settings, require
from pdp.control.kv import open_store
from pdp.control.kv.base import KeyValueStore
from pdp.control.kv.tls import EtcdTls
from pdp.errors import BackupError, SpoolError
from pdp.server.backup import check, keys, make, restore, shelf
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.shelf import FULL, INCREMENTAL, Backup, Chain
from pdp.server.settings import NODE_FILE, Settings
from pdp.server.spools import open_spool
from pdp.signing import TrustedKeys
from pdp.snapshot.holds import operation
from pdp.snapshot.store import sqlite_path
from pdp.v1 import snapshot_pb2

BACKUP_EPILOG = """\b
Examples:
  pdp backup key --new /media/safe/backup.key        once; keep a copy away from this machine and from the backups
  pdp backup --to /mnt/backup --key /media/safe/backup.key
  pdp backup --config /etc/pdp/pdp.yaml --to /mnt/backup --key /etc/pdp/backup.key --full --keep 4
  pdp backup list /mnt/backup
  pdp backup verify /mnt/backup --key /media/safe/backup.key

The service runs on meanwhile. Without --full and --incremental a backup holds what is new since the last one in the
folder, or everything when there is none that it can follow.

Exit codes: 0 all is well, 1 no backup was made, or one has a fault, 2 wrong command line.
"""
RESTORE_EPILOG = """\b
Examples:
  pdp restore /mnt/backup --data /var/lib/jingxi --key /media/safe/backup.key
  pdp restore /mnt/backup --data /var/lib/jingxi --key backup.key --at 20261122T015000.000000Z-incremental
  pdp restore /mnt/backup --data /var/lib/jingxi --key backup.key \\
      --control etcd://e1:2379,e2:2379,e3:2379/jingxi/ --store postgresql://owner@db/jingxi --revision-floor 120

It writes into empty places only. The URLs are of users who may write, and for PostgreSQL make tables and roles; a
password belongs into ~/.pgpass.

Exit codes: 0 restored, and verified to be what was backed up, 1 not, 2 wrong command line.
"""
KIND = "backup.made"
_RETENTION = "long"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
_KEY = click.option("--key", "key_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                    envvar="PDP_BACKUP_KEY", help="The backup key.  [env: PDP_BACKUP_KEY]")  # fmt: skip
_KEYS = click.option("--keys", type=click.Path(exists=True, path_type=Path), metavar="PATH",
                     help="All nodes' public keys, a folder or file.  [default: as in the backup]")  # fmt: skip


@click.group("backup", epilog=BACKUP_EPILOG, invoke_without_command=True)
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The configuration of pdp serve; PDP_… variables come before it.  [env: PDP_CONFIG]")  # fmt: skip
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="The data folder of the service.  [env: PDP_DATA]")  # fmt: skip
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Where backups are kept: another disk, or better another machine.")  # fmt: skip
@_KEY
@click.option("--full", "kind", flag_value=FULL, help="Copy everything.")
@click.option("--incremental", "kind", flag_value=INCREMENTAL, help="Copy what is new, or fail.")
@click.option("--keep", type=click.IntRange(1, 10_000), metavar="N",
              help="Keep the last N full backups with what follows them, once the newest is verified.")  # fmt: skip
@click.option("--keys", "public", type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="The public keys of all nodes of a cluster, to be copied too: a folder or file.")  # fmt: skip
@click.option("--wait", default=30.0, show_default=True, type=click.FloatRange(0, 3600), metavar="SECONDS",
              help="How long to wait for records on their way to the store.")  # fmt: skip
@click.option("--node-only", is_flag=True, help="Copy this node's keys and configuration, and not the stores.")
@click.option("--with-tls", is_flag=True, help="Copy TLS keys and certificates too.")
@_JSON
@click.pass_context
def backup(
    context: click.Context, *, config: Path | None, data: Path | None, to: Path | None, key_file: Path | None,
    kind: str | None, keep: int | None, public: Path | None, wait: float, node_only: bool, with_tls: bool,
    as_json: bool,
) -> ExitCode | None:  # fmt: skip
    """Copy all that a service keeps into an encrypted file, while it runs: records, the control store, keys, settings.

    Commands: key, list, verify.
    """
    if context.invoked_subcommand is not None:
        return None
    if to is None:
        raise click.UsageError("Missing option '--to', the folder of the backups.")
    key = _load(key_file)
    settings = _settings(config, data)
    if not settings.data_folder.is_dir():
        raise CommandError(f"there is no data folder `{settings.data_folder}`; name it by `--data` or `--config`")
    source = make.Source(settings, config, _control(settings), public=public, tls=with_tls, node_only=node_only)
    _check_store(settings, node_only=node_only)
    removed: list[Backup] = []
    with shelf.locked(to), _shown() as progress:
        made = make.make(source, to, key, kind, wait_seconds=wait, progress=progress)
        recorded = _record(settings, made)
        if keep is not None:
            removed = _prune(to, key, keep, progress)
    if as_json:
        console.print_json(made.plain() | {"recorded": recorded, "removed": [one.name for one in removed]})
    else:
        _tell(made, removed, recorded=recorded)
    return ExitCode.OK


@backup.command("key")
@click.option("--new", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", required=True,
              help="The new file.")  # fmt: skip
def key_(*, new: Path) -> ExitCode:
    """Make a key for backups. Whoever loses it has no backups; whoever finds it can read them."""
    made = keys.make(new)
    click.echo(f"{new}: key {made.id}; keep a copy of it away from this machine and from the backups")
    return ExitCode.OK


@backup.command("list")
@click.argument("folder", type=_FOLDER)
@_JSON
def list_(*, folder: Path, as_json: bool) -> ExitCode:
    """List the backups in FOLDER, oldest first, as their headers tell them."""
    chains, problems = shelf.read(folder)
    if as_json:
        console.print_json({
            "chains": [[one.plain() for one in chain.backups] for chain in chains], "problems": problems,
        })  # fmt: skip
    else:
        table = console.table("backup", "created", "node", "size", "key")
        for chain in chains:
            for one in chain.backups:
                table.add_row(one.name, one.created, one.node, _size(one.size), one.key_id)
        if chains:
            console.console().print(table)
        else:
            click.echo("there is no backup here", err=True)
        for problem in problems:
            click.echo(problem, err=True)
    return ExitCode.PROBLEMS if problems else ExitCode.OK


@backup.command("verify")
@click.argument("folder", type=_FOLDER)
@_KEY
@click.option("--at", metavar="BACKUP", help="Up to this one.  [default: the newest]")
@_KEYS
@_JSON
def verify(*, folder: Path, key_file: Path | None, at: str | None, keys: Path | None, as_json: bool) -> ExitCode:
    """Read the newest full backup in FOLDER with all that follows it, as a restore would, and check everything.

    Each byte is decrypted, each record is compared with its chain and the nodes' signed checkpoints.
    """
    key = _load(key_file)
    chain = shelf.newest(folder, at)
    with _shown() as progress:
        checked = check.check(chain, key, None if keys is None else TrustedKeys.load(keys), progress=progress)
    problems = chain.problems
    if as_json:
        console.print_json(checked.plain() | {"problems": problems})
    else:
        for finding in checked.faults:
            click.echo(finding.sentence.en)
        for problem in problems:
            click.echo(problem, err=True)
        words = f"{plural(len(checked.faults), 'fault')} found" if checked.faults else "complete, nothing changed"
        click.echo(
            f"{words}: {plural(len(chain.backups), 'backup')} up to {chain.last.name}, {_counts(checked.counts)}"
        )
        for finding in checked.findings:
            if not finding.is_fault:
                click.echo(finding.sentence.en)
    return ExitCode.PROBLEMS if checked.faults or problems else ExitCode.OK


@click.command("restore", epilog=RESTORE_EPILOG)
@click.argument("folder", type=_FOLDER)
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="NEWDIR", required=True,
              help="The new data folder.")  # fmt: skip
@_KEY
@click.option("--at", metavar="BACKUP", help="As it was at this one.  [default: the newest]")
@click.option("--control", metavar="URL", help="The empty control store.  [default: SQLite in the data folder]")
@click.option("--control-tls", nargs=3, type=_FILE, metavar="CA CERTIFICATE KEY", help="PEM files for etcd with TLS.")
@click.option("--store", metavar="URL", help="The empty store of records.  [default: SQLite in the data folder]")
@_KEYS
@click.option(
    "--revision-floor",
    type=click.IntRange(1),
    metavar="N",
    help="Sign what was in force anew, above N: the highest revision that a node which goes on has applied.",
)
@click.option(
    "--signing-key",
    type=_FILE,
    metavar="FILE",
    help="What revisions are signed by, for --revision-floor.  [default: the key in the backup]",
)
@click.option(
    "--checkpoint-floor",
    type=click.IntRange(1),
    metavar="N",
    help="The number of the node's next checkpoint.  [default: above all that it can have signed]",
)
@click.option("--node-only", is_flag=True, help="Restore the node's keys and configuration; the stores are there.")
@click.option("--force", is_flag=True, help="Restore records that were changed before they were backed up, too.")
@_JSON
def restore_(
    *, folder: Path, data: Path, key_file: Path | None, at: str | None, control: str | None,
    control_tls: tuple[Path, Path, Path] | None, store: str | None, keys: Path | None, revision_floor: int | None,
    signing_key: Path | None, checkpoint_floor: int | None, node_only: bool, force: bool, as_json: bool,
) -> ExitCode:  # fmt: skip
    """Restore a service from the backups in FOLDER into empty places, and verify it.

    On one machine or in a cluster, also from one into the other. The node goes on under its own name.
    """
    key = _load(key_file)
    chain = shelf.newest(folder, at)
    if (node_only or chain.last.node_only) and store is None:
        raise click.UsageError("a node without the stores needs `--store`: where its checkpoints are is asked there")
    new = data.absolute()
    control_url = control or f"sqlite:{quote(str(new / 'control' / 'control.db'))}"
    tls = None if control_tls is None else EtcdTls(*control_tls)
    target = restore.Target(
        new, store or f"sqlite:{quote(str(new / 'store' / 'snapshots.db'))}", lambda: open_store(control_url, tls=tls),
        node_only=node_only, force=force, floor=revision_floor or 0, signing_key=signing_key,
        trusted=None if keys is None else TrustedKeys.load(keys), checkpoint_floor=checkpoint_floor or 0,
    )  # fmt: skip
    with _shown() as progress:
        restored = restore.restore(chain, key, target, progress=progress)
    if as_json:
        console.print_json(restored.plain())
    else:
        _tell_restored(restored, new)
    return ExitCode.OK if restored.is_complete else ExitCode.PROBLEMS


def _load(path: Path | None) -> BackupKey:
    if path is None:
        raise click.UsageError("Missing option '--key'; make a key with `pdp backup key --new FILE`.")
    return BackupKey.load(path)


def _settings(config: Path | None, data: Path | None) -> Settings:
    return require(load_settings(config, {"data": data.absolute() if data else None}))


def _check_store(settings: Settings, *, node_only: bool) -> None:
    url = settings.store_url
    # A store that is not there would be made, and a backup of nothing looks like one.
    if not node_only and url.startswith("sqlite:") and not sqlite_path(url).exists():
        raise CommandError(f"there is no store `{sqlite_path(url)}`; is this the service's data folder (`--data`)?")


def _control(settings: Settings) -> Callable[[], KeyValueStore] | None:
    """Return what opens the control store; None on a machine that never had one."""
    url = settings.control_url
    if url.startswith("sqlite:") and not sqlite_path(url).exists():
        return None
    control = settings.control
    files = (control.ca, control.certificate, control.key)
    tls = None if None in files else EtcdTls(*(path for path in files if path is not None))
    return lambda: open_store(url, tls=tls)


def _record(settings: Settings, made: make.Made) -> bool:
    """Leave a record of the backup in the node's spool; it is in the next backup."""
    if not (settings.data_folder / NODE_FILE).exists():
        return False
    details = {"backup": made.backup.name, "kind": made.backup.kind, "key": made.backup.key_id}
    details |= {name: str(count) for name, count in made.counts.items()}
    entry = operation(KIND, "system", time.time_ns(), details)
    try:
        spool = open_spool(settings)
        try:
            spool.append([(_RETENTION, snapshot_pb2.Record(operation=entry).SerializeToString())], last=True)
        finally:
            spool.close()
    except SpoolError:
        return False
    return True


def _prune(folder: Path, key: BackupKey, keep: int, progress: Callable[[str, int, int], None]) -> list[Backup]:
    """Remove old chains; the newest that is to stay must be good. Raises BackupError."""
    chains, _ = shelf.read(folder)
    if len(chains) <= keep:
        return []
    newest: Chain = chains[-1]
    if newest.problems:
        raise BackupError(f"nothing was removed: {newest.problems[0]}")
    checked = check.check(newest, key, progress=progress)
    if checked.faults:
        raise BackupError(f"nothing was removed: the newest backup has faults, first: {checked.faults[0].sentence.en}")
    return shelf.prune(chains, keep)


@contextmanager
def _shown() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    out = Console(file=sys.stderr, markup=False, highlight=False)
    with Progress(*columns, console=out, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield show


def _tell(made: make.Made, removed: list[Backup], *, recorded: bool) -> None:
    one = made.backup
    if made.because and one.kind == FULL and one.sequence == 1:
        click.echo(f"a full one: {made.because}", err=True)
    click.echo(f"{one.path}: {_counts(made.counts)}, {_size(one.size)} in {made.seconds:.1f} s")
    if made.waiting:
        words = f"{plural(made.waiting, 'record')} had not reached the store in time and will be in the next backup"
        click.echo(f"{words}; see `pdp status`", err=True)
    if not recorded:
        click.echo("the backup itself could not be recorded as an operation", err=True)
    for old in removed:
        click.echo(f"removed {old.name}")


def _tell_restored(restored: restore.Restored, data: Path) -> None:
    one = restored.backup
    click.echo(f"{data}: node {one.node} as it was at {one.created}, {plural(restored.files, 'file')}")
    if restored.revision:
        click.echo(
            f"control store: {plural(restored.control_keys, 'key')}, revision {restored.revision} in force, "
            f"{plural(restored.golden_cases, 'scenario')} as expected"
        )
    if restored.report is not None:
        for finding in restored.report.faults:
            click.echo(finding.sentence.en)
        click.echo(f"records: {restored.report.sentence.en}")
    click.echo(f"the node signs from checkpoint {restored.checkpoint} on")
    if restored.configuration is not None:
        click.echo(f"configuration: {restored.configuration}; put it where it belongs, and start the service")


def _counts(counts: Mapping[str, Any]) -> str:
    names = {"records": "record", "checkpoints": "checkpoint", "bundles": "bundle", "files": "file"}
    told = [plural(counts.get(name, 0), word) for name, word in names.items()]
    return ", ".join([*told, f"{plural(counts.get('control_keys', 0), 'key')} of the control store"])


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
