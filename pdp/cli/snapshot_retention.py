"""`pdp snapshot expire`, `hold` and `archive`: how records end, what holds them up, and where they are kept then."""

from __future__ import annotations

import datetime
import functools
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from pdp.cli import console
from pdp.cli.basics import clock, plural
from pdp.cli.exits import CommandError, ExitCode
from pdp.cli.settings import load_settings, require
from pdp.server.settings import Settings
from pdp.server.spools import open_spool
from pdp.signing import TrustedKeys
from pdp.snapshot.archive import Archived, write_archive
from pdp.snapshot.chain import RETENTIONS
from pdp.snapshot.evidence.checkpoint import STATE_NAME, parse_checkpoint
from pdp.snapshot.holds import add_hold, day_of, iso, operation, remove_hold
from pdp.snapshot.retention import Dropped, Expiry, Part, RetentionPolicy, expire, verified_by
from pdp.snapshot.spool.writer import Spool
from pdp.snapshot.store import open_maintainer, open_reader, sqlite_path
from pdp.snapshot.store.base import Hold, Maintainer, Reader
from pdp.v1 import snapshot_pb2

EXPIRE_EPILOG = """\b
Examples:
  pdp snapshot expire --dry-run                    what would be dropped, and what keeps the rest
  pdp snapshot expire --archive-to /mnt/archive    write an archive of each day before it is dropped
  pdp snapshot expire --json

Exit codes: 0 all is well, 1 something could not be dropped or lies too long, 2 wrong command line.
"""
HOLD_EPILOG = """\b
Examples:
  pdp snapshot hold add --from 2026-03-01 --to 2026-03-31 --reason "case 12/2026"
  pdp snapshot hold list
  pdp snapshot hold remove 2026-04-02-9f3a1c --reason "case closed"

Days are those of UTC: take a day more on both sides.
Exit codes: 0 all is well, 1 no such hold, or the store is away, 2 wrong command line.
"""
ARCHIVE_EPILOG = """\b
Examples:
  pdp snapshot archive long 2026-03-02 --to /mnt/archive

Exit codes: 0 written and read back, 1 not, 2 wrong command line.
"""
_WORDS: Final = {
    "en": {
        "retention": "class", "day": "day", "records": "records", "streams": "streams", "fate": "", "why": "why",
        "drop": "is dropped", "dropped": "dropped", "held": "held", "open": "not closed yet",
        "uncovered": "no checkpoint covers it", "id": "hold", "first": "from", "last": "to", "reason": "reason",
        "by": "by", "at": "since", "none": "nothing is due", "no_holds": "no hold stands",
        "doubt": "nothing would be dropped",
    },
    "zh": {
        "retention": "类别", "day": "日期", "records": "记录数", "streams": "链数", "fate": "", "why": "原因",
        "drop": "将删除", "dropped": "已删除", "held": "保全中", "open": "尚未结束",
        "uncovered": "没有检查点覆盖", "id": "保全", "first": "自", "last": "至", "reason": "原因",
        "by": "操作人", "at": "起始时间", "none": "没有到期的记录", "no_holds": "没有保全",
        "doubt": "不会删除任何记录",
    },
}  # fmt: skip
_RETENTION: Final = "long"
"""What becomes of records is told for as long as any of them is kept."""
_DAY = click.DateTime(["%Y-%m-%d"])
_JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
_LANG = click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="The language.")
_BY = click.option(
    "--by", metavar="NAME", default=getpass.getuser, show_default="this account", help="Who does it, for the record."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the records are, and the settings of the service that writes them."""

    settings: Settings
    url: str

    @contextmanager
    def maintainer(self) -> Iterator[Maintainer]:
        """Open the store for retention."""
        found = open_maintainer(self.url)
        try:
            yield found
        finally:
            found.close()

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Open the store for reading."""
        found = open_reader(self.url)
        try:
            yield found
        finally:
            found.close()

    @contextmanager
    def record(self) -> Iterator[Callable[[snapshot_pb2.Operation], None]]:
        """Give what makes an operation durable: this node's spool, from where its service ships it.

        Raises CommandError for a name that no service signs for: to verification its chain would be at fault for ever.
        """
        self._check_node()
        spool: Spool | None = None

        def append(entry: snapshot_pb2.Operation) -> None:
            nonlocal spool
            if spool is None:
                spool = open_spool(self.settings)
            spool.append([(_RETENTION, snapshot_pb2.Record(operation=entry).SerializeToString())], last=True)

        try:
            yield append
        finally:
            if spool is not None:
                spool.close()

    def _check_node(self) -> None:
        try:
            signed = (self.settings.data_folder / "keys" / STATE_NAME).read_bytes()
        except FileNotFoundError:
            return
        name = parse_checkpoint(signed)[1].node
        if name != self.settings.node_name:
            raise CommandError(
                f"the data folder `{self.settings.data_folder}` is that of node `{name}`, not of "
                f"`{self.settings.node_name}`; add `--node {name}`, or set PDP_NODE"
            )

    def keys(self, path: Path | None) -> TrustedKeys:
        """Return the keys whose checkpoints count. Raises EvidenceError."""
        return TrustedKeys.load(path or self.settings.data_folder / "keys")


def _placed(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options that say where the records are; the command gets them as one `place`."""

    @functools.wraps(command)
    def found(
        *, store: str | None, config: Path | None, data: Path | None, node: str | None, **others: Any
    ) -> ExitCode:
        return command(place=_find(store, config, data, node), **others)

    options = (
        click.option("--store", metavar="URL",
                     help="`sqlite:PATH` or `postgresql://…`.  [default: as pdp serve has it]"),
        click.option("--config", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="The configuration of pdp serve; PDP_… variables come before it.  [env: PDP_CONFIG]"),
        click.option("--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
                     help="The data folder.  [env: PDP_DATA]"),
        click.option("--node", metavar="NAME", help="The name of this node.  [env: PDP_NODE]"),
    )  # fmt: skip
    for option in reversed(options):
        found = option(found)
    return found


def _find(store: str | None, config: Path | None, data: Path | None, node: str | None) -> Place:
    # Only the server needs policies; without them its settings would not be complete.
    given = {"data": data.absolute() if data else None, "node": node, "policies": Path.cwd()}
    settings = require(load_settings(config, given))
    url = store or settings.store_url
    if url.startswith("sqlite:") and not sqlite_path(url).exists():
        raise CommandError(f"there is no store `{sqlite_path(url)}`; is this the service's data folder (`--data`)?")
    return Place(settings, url)


@click.command("expire", epilog=EXPIRE_EPILOG)
@_placed
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--archive-to", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Write an archive of each partition here before it is dropped.")  # fmt: skip
@click.option("--keys", type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="The public keys of all nodes: a folder or file.  [default: keys in the data folder]")  # fmt: skip
@click.option("--today", type=_DAY, metavar="DATE", help="The UTC day it is.  [default: by the clock]")
@click.option("--allow-shorter", is_flag=True, help="Accept settings below the days that records must be kept.")
@click.option("--force", is_flag=True, help="Believe the clock even if the newest records contradict it.")
@_BY
@_JSON
@_LANG
def expire_(
    *, place: Place, dry_run: bool, archive_to: Path | None,
    keys: Path | None, today: datetime.datetime | None, allow_shorter: bool, force: bool, by: str, as_json: bool,
    lang: str,
) -> ExitCode:  # fmt: skip
    """Drop the records whose time is over, day by day.

    A day is dropped as a whole: when all its chains have ended, a signed checkpoint covers them and no hold stands.
    Each drop is itself recorded.
    """
    audit = place.settings.audit
    policy = RetentionPolicy(audit.short_days, audit.medium_days, audit.long_days, allow_shorter=allow_shorter)
    day = day_of(clock()) if today is None else _number(today)
    trusted = place.keys(keys)
    with place.maintainer() as maintainer, place.reader() as reader, place.record() as record:
        archiver = None
        if archive_to is not None:
            folder = archive_to
            archiver = lambda retention, day: write_archive(reader, retention, day, folder, trusted)  # noqa: E731
        done = expire(
            maintainer, policy, day, record,
            reader=reader, verify=verified_by(trusted), actor=by, archive=archiver, clock=clock,
            dry_run=dry_run, force=force,
        )  # fmt: skip
    if as_json:
        console.print_json(_expiry_data(done, iso(day), dry_run=dry_run))
    else:
        _show_expiry(done, _WORDS[lang], dry_run=dry_run)
    stuck = any(part.fate in ("open", "uncovered") for part in done.parts)
    return ExitCode.PROBLEMS if stuck or done.doubt else ExitCode.OK


def _expiry_data(done: Expiry, today: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "today": today,
        "dry_run": dry_run,
        "doubt": done.doubt,
        "parts": [_part_data(part) for part in done.parts],
        "dropped": [_dropped_data(dropped) for dropped in done.dropped],
    }


def _part_data(part: Part) -> dict[str, Any]:
    return {
        "retention": part.retention, "day": part.date, "records": part.records, "streams": len(part.streams),
        "fate": part.fate, "why": part.why,
    }  # fmt: skip


def _dropped_data(dropped: Dropped) -> dict[str, Any]:
    return {
        "retention": dropped.part.retention,
        "day": dropped.part.date,
        "records": dropped.records,
        "archive": None if dropped.archive is None else str(dropped.archive),
    }


def _show_expiry(done: Expiry, words: dict[str, str], *, dry_run: bool) -> None:
    if not done.parts:
        click.echo(words["none"])
        return
    table = console.table(*(words[name] for name in ("retention", "day", "records", "streams", "fate", "why")))
    archives = {(d.part.retention, d.part.day): d.archive for d in done.dropped}
    for part in done.parts:
        fate = "drop" if part.fate == "drop" and dry_run else "dropped" if part.fate == "drop" else part.fate
        why = str(archives.get((part.retention, part.day)) or part.why)
        table.add_row(part.retention, part.date, f"{part.records:,}", str(len(part.streams)), words[fate], why)
    console.console().print(table)
    if done.doubt:
        click.echo(f"{words['doubt']}: {done.doubt}")


@click.group("hold", epilog=HOLD_EPILOG)
def hold() -> None:
    """Keep the records of some days for as long as a case needs them."""


@hold.command("list")
@_placed
@_JSON
@_LANG
def list_(*, place: Place, as_json: bool, lang: str) -> ExitCode:
    """Show the holds that stand."""
    with place.maintainer() as maintainer:
        found = maintainer.holds()
    if as_json:
        console.print_json([_hold_data(item) for item in found])
        return ExitCode.OK
    words = _WORDS[lang]
    if not found:
        click.echo(words["no_holds"])
        return ExitCode.OK
    table = console.table(*(words[name] for name in ("id", "first", "last", "by", "at", "reason")))
    for item in found:
        table.add_row(*(_hold_data(item)[name] for name in ("id", "first_day", "last_day", "by", "at", "reason")))
    console.console().print(table)
    return ExitCode.OK


@hold.command("add")
@_placed
@click.option("--from", "first", type=_DAY, required=True, metavar="DATE", help="The first UTC day.")
@click.option("--to", "last", type=_DAY, required=True, metavar="DATE", help="The last UTC day.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, such as the number of the case.")
@_BY
@_JSON
def add(
    *, place: Place, first: datetime.datetime, last: datetime.datetime,
    reason: str, by: str, as_json: bool,
) -> ExitCode:  # fmt: skip
    """Forbid dropping the records of some days."""
    with place.maintainer() as maintainer, place.record() as record:
        made = add_hold(maintainer, _number(first), _number(last), reason, by, clock(), record)
    if as_json:
        console.print_json(_hold_data(made))
    else:
        click.echo(f"hold {made.id} stands for {iso(made.first_day)} to {iso(made.last_day)}")
    return ExitCode.OK


@hold.command("remove")
@_placed
@click.argument("hold_id", metavar="HOLD")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is no longer needed.")
@_BY
@_JSON
def remove(
    *,
    place: Place,
    hold_id: str,
    reason: str,
    by: str,
    as_json: bool,
) -> ExitCode:
    """End a hold; the records of its days are dropped once their time is over."""
    with place.maintainer() as maintainer, place.record() as record:
        ended = remove_hold(maintainer, hold_id, reason, by, clock(), record)
    if as_json:
        console.print_json(_hold_data(ended))
    else:
        click.echo(f"hold {ended.id} has ended")
    return ExitCode.OK


def _hold_data(item: Hold) -> dict[str, str]:
    at = datetime.datetime.fromtimestamp(item.at_nanos // 10**9, datetime.UTC)
    return {
        "id": item.id, "first_day": iso(item.first_day), "last_day": iso(item.last_day), "reason": item.reason,
        "by": item.by, "at": at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip


@click.command("archive", epilog=ARCHIVE_EPILOG)
@_placed
@click.argument("retention", type=click.Choice(RETENTIONS), metavar="|".join(RETENTIONS))
@click.argument("day", type=_DAY, metavar="DATE")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR",
              help="The folder to write to.")  # fmt: skip
@click.option("--keys", type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="The public keys of all nodes: a folder or file.  [default: keys in the data folder]")  # fmt: skip
@_BY
@_JSON
def archive(
    *, place: Place, retention: str, day: datetime.datetime, folder: Path,
    keys: Path | None, by: str, as_json: bool,
) -> ExitCode:  # fmt: skip
    """Write the records of one class and day to a compressed file, and read it back."""
    with place.reader() as reader, place.record() as record:
        made = write_archive(reader, retention, _number(day), folder, place.keys(keys))
        record(operation("snapshot.archive", by, clock(), _archive_data(made)))
    if as_json:
        console.print_json({**_archive_data(made), "records": made.records, "streams": made.streams})
    else:
        click.echo(f"{made.path}: {plural(made.records, 'record')}, read back and good")
    return ExitCode.OK


def _archive_data(made: Archived) -> dict[str, Any]:
    return {
        "archive": str(made.path), "retention": made.retention, "day": iso(made.day), "records": str(made.records),
        "streams": str(made.streams), "sha256": made.sha256,
    }  # fmt: skip


def _number(day: datetime.datetime) -> int:
    found = (day.date() - datetime.date(1970, 1, 1)).days
    if found < 0:
        raise CommandError(f"`{day.date().isoformat()}` lies before 1970")
    return found
