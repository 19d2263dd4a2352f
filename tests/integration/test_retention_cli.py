"""`pdp snapshot expire`, `hold` and `archive` on a data folder, and the records that they leave in its spool."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pdp.cli.exits import CommandError
from pdp.cli.snapshot_retention import archive, expire_, hold
from pdp.errors import ConfigError, EvidenceError, StoreError
from pdp.snapshot.archive_reader import open_archives
from pdp.snapshot.holds import iso
from pdp.snapshot.spool.reader import SpoolReader
from pdp.snapshot.store import open_maintainer, open_writer
from pdp.v1 import snapshot_pb2
from tests.integration.retained import TODAY, Node, lately

OLD = TODAY - 100
DATE = iso(TODAY)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service that has been in use."""
    monkeypatch.chdir(tmp_path)
    for name in ("PDP_CONFIG", "PDP_DATA", "PDP_NODE", "PDP_AUDIT_STORE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "data"
    (folder / "store").mkdir(parents=True)
    with closing(open_writer(f"sqlite:{folder / 'store' / 'snapshots.db'}")) as writer:
        node = Node(writer, folder / "keys")
        node.ship("short", OLD, 7)
        node.ship("long", OLD)
        lately(node)
    return folder


def run(command: click.Command, data: Path, *arguments: str) -> tuple[int, str]:
    # A subcommand's options stand behind its name.
    name = [arguments[0]] if isinstance(command, click.Group) else []
    line = [*name, "--data", str(data), "--node", "n1", *arguments[len(name) :]]
    result = CliRunner().invoke(command, line, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def days(data: Path) -> list[tuple[str, int]]:
    with closing(open_maintainer(f"sqlite:{data / 'store' / 'snapshots.db'}")) as maintainer:
        return maintainer.parts()


def recorded(data: Path) -> list[snapshot_pb2.Operation]:
    with closing(SpoolReader([data / "spool"], algorithm="sha256")) as reader:
        records = reader.read({}, 100)
    assert {(record.stream.node, record.stream.retention) for record in records} <= {("n1", "long")}
    found = (snapshot_pb2.Record.FromString(record.body).operation for record in records)
    return sorted(found, key=lambda entry: entry.time_nanos)


def test_a_dry_run_shows_and_changes_nothing(data: Path) -> None:
    before = days(data)
    code, output = run(expire_, data, "--dry-run", "--today", DATE)
    assert code == 0
    lines = [line.split() for line in output.splitlines()]
    assert ["short", iso(OLD), "7", "1", "is", "dropped"] in lines
    assert "删除" in run(expire_, data, "--dry-run", "--today", DATE, "--lang", "zh")[1]
    assert (days(data), recorded(data)) == (before, [])


def test_what_is_over_is_archived_dropped_and_recorded(data: Path, tmp_path: Path) -> None:
    code, output = run(expire_, data, "--today", DATE, "--by", "ann", "--archive-to", "archive", "--json")
    told = json.loads(output)
    assert code == 0
    assert (told["today"], told["dry_run"], told["doubt"]) == (DATE, False, "")
    assert told["parts"] == [
        {"retention": "short", "day": iso(OLD), "records": 7, "streams": 1, "fate": "drop", "why": ""}
    ]
    (dropped,) = told["dropped"]
    assert ("short", OLD) not in days(data)
    (entry,) = recorded(data)
    assert (entry.kind, entry.actor, entry.details["archive"]) == ("snapshot.expire", "ann", dropped["archive"])
    with closing(open_archives([tmp_path / dropped["archive"]])) as opened:
        assert opened.count(None, exact=True) == (7, True)
    assert run(expire_, data, "--today", DATE) == (0, "nothing is due\n")


def test_what_cannot_be_dropped_is_shown_with_why(data: Path) -> None:
    with closing(open_writer(f"sqlite:{data / 'store' / 'snapshots.db'}")) as writer:
        Node(writer, data / "keys").ship("short", OLD - 1, closed=False)
    code, output = run(expire_, data, "--today", DATE)
    assert code == 1
    assert [line.split()[:2] for line in output.splitlines() if "not closed yet" in line] == [["short", iso(OLD - 1)]]
    assert ("short", OLD - 1) in days(data)
    assert ("short", OLD) not in days(data)


def test_a_clock_that_jumped_is_not_believed(data: Path) -> None:
    before, later = days(data), iso(TODAY + 2_000)
    code, output = run(expire_, data, "--dry-run", "--today", later)
    assert code == 1
    assert "nothing would be dropped: the clock says" in output
    with pytest.raises(StoreError, match="nothing was dropped"):
        run(expire_, data, "--today", later)
    assert days(data) == before
    assert run(expire_, data, "--today", later, "--force")[0] == 0
    assert days(data) == []


def test_keeping_less_than_must_be_kept_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDP_AUDIT_LONG_DAYS", "30")
    with pytest.raises(ConfigError, match="1827 days"):
        run(expire_, data, "--today", DATE)
    run(expire_, data, "--today", DATE, "--allow-shorter")
    assert ("long", OLD) not in days(data)


def test_without_the_keys_nothing_goes(data: Path, tmp_path: Path) -> None:
    (data / "keys").rename(tmp_path / "safe")
    with pytest.raises(EvidenceError, match="trusted keys"):
        run(expire_, data, "--today", DATE)
    assert run(expire_, data, "--today", DATE, "--keys", str(tmp_path / "safe"))[0] == 0
    assert ("short", OLD) not in days(data)


def test_holds_are_set_shown_and_ended(data: Path) -> None:
    assert run(hold, data, "list") == (0, "no hold stands\n")
    span = ("--from", iso(OLD), "--to", iso(OLD + 1))
    code, output = run(hold, data, "add", *span, "--reason", "case 12", "--by", "ann", "--json")
    made = json.loads(output)
    assert (code, made["first_day"], made["reason"], made["by"]) == (0, iso(OLD), "case 12", "ann")
    assert json.loads(run(hold, data, "list", "--json")[1]) == [made]
    shown = run(hold, data, "list")[1]
    assert all(made[name] in shown for name in ("id", "first_day", "last_day", "reason", "by"))
    assert "held" in run(expire_, data, "--today", DATE)[1]
    assert ("short", OLD) in days(data)
    code, output = run(hold, data, "remove", made["id"], "--reason", "closed", "--by", "bob")
    assert (code, output) == (0, f"hold {made['id']} has ended\n")
    assert [(entry.kind, entry.actor) for entry in recorded(data)] == [
        ("snapshot.hold.add", "ann"),
        ("snapshot.hold.remove", "bob"),
    ]
    with pytest.raises(StoreError, match="no hold"):
        run(hold, data, "remove", made["id"], "--reason", "closed")


def test_a_day_is_archived_at_any_time(data: Path, tmp_path: Path) -> None:
    code, output = run(archive, data, "long", iso(OLD), "--to", "archive", "--by", "ann")
    name = f"archive/snapshots-long-{iso(OLD)}.jxe.gz"
    assert (code, output) == (0, f"{name}: 5 records, read back and good\n")
    assert (tmp_path / name).exists()
    told = json.loads(run(archive, data, "long", iso(OLD), "--to", "archive", "--json")[1])
    assert (told["records"], told["streams"]) == (5, 1)
    assert ("long", OLD) in days(data)
    entry = recorded(data)[0]
    assert (entry.kind, entry.actor, entry.details["sha256"]) == ("snapshot.archive", "ann", told["sha256"])
    with pytest.raises(StoreError, match="no records of class `long`"):
        run(archive, data, "long", iso(OLD - 9), "--to", "archive")


def test_days_are_asked_for_as_dates(data: Path) -> None:
    for wrong in ("yesterday", "2026-13-01"):
        with pytest.raises(click.BadParameter):
            run(archive, data, "long", wrong, "--to", "archive")
    with pytest.raises(click.ClickException, match="before 1970"):
        run(archive, data, "long", "1969-12-31", "--to", "archive")


def test_another_folder_is_not_taken_for_a_store(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for command, arguments in ((hold, ("list",)), (archive, ("long", iso(OLD), "--to", "archive"))):
        with pytest.raises(click.ClickException, match="there is no store"):
            run(command, tmp_path / "other", *arguments)
    assert list((tmp_path / "other").iterdir()) == []


def test_nothing_is_done_under_a_name_that_no_service_signs_for(data: Path) -> None:
    line = ["--data", str(data), "--node", "other", "--from", DATE, "--to", DATE, "--reason", "case 12"]
    with pytest.raises(CommandError, match="is that of node `n1`, not of `other`; add `--node n1`"):
        CliRunner().invoke(hold, ["add", *line], standalone_mode=False, catch_exceptions=False)
    assert recorded(data) == []
    assert run(hold, data, "list")[1] == "no hold stands\n"
