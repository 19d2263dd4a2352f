"""Archives hold just what the store had, are verified without it, and answer questions as it did."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pdp.cli.snapshot_archive import read
from pdp.errors import EvidenceError, StoreError
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot import columns, query
from pdp.snapshot.archive import archive_name, write_archive
from pdp.snapshot.archive_reader import open_archives
from pdp.snapshot.evidence import file as evidence_file
from pdp.snapshot.evidence import proof
from pdp.snapshot.evidence.verify import verify
from pdp.snapshot.filter import Schema, compile_filter, predicate
from pdp.snapshot.retention import RetentionPolicy, expire, verified_by
from pdp.snapshot.store import open_maintainer, open_reader, open_writer
from pdp.snapshot.store.base import Reader, Sql
from pdp.v1 import snapshot_pb2
from pdp.values import AttributeType
from tests.integration.retained import NOW, TODAY, Node, lately

OLD = TODAY - 100
POLICIES = Path(__file__).resolve().parents[2] / "policies"
FILTERS = (
    "",
    'subject.id == "T1002"',
    "flagged",
    "severity == HIGH && !(subject.id in ['T1001'])".replace("'", '"'),
    'unmasked("id_no") && context.menu == "1201"',
    'masked("id_no") || subject.id == "T1003"',
    'context.menu == "none"',
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'snapshots.db'}"


@pytest.fixture
def node(url: str, tmp_path: Path) -> Iterator[Node]:
    with closing(open_writer(url)) as writer:
        yield Node(writer, tmp_path / "keys")


@pytest.fixture
def reader(url: str, node: Node) -> Iterator[Reader]:
    """A store with three old days, and what came since."""
    for back in range(3):
        node.ship("long", OLD - back, 7 + back)
    node.ship("short", OLD, 4)
    lately(node)
    with closing(open_reader(url)) as found:
        yield found


def trusted(node: Node) -> TrustedKeys:
    return TrustedKeys.of(node.key)


def archive(reader: Reader, node: Node, folder: Path, *days: int) -> list[Path]:
    return [write_archive(reader, "long", day, folder, trusted(node)).path for day in days]


def where(reader: Reader, text: str) -> Sql | None:
    schema = Schema({"context.menu": AttributeType.STRING})
    return query.where(reader, compile_filter(text, schema, NOW))


def test_an_archive_holds_the_records_of_its_day(reader: Reader, node: Node, tmp_path: Path) -> None:
    made = write_archive(reader, "long", OLD, tmp_path / "archive", trusted(node))
    assert made.path.name == archive_name("long", OLD) == "snapshots-long-2026-05-27.jxe.gz"
    assert (made.streams, made.records) == (1, 7)
    assert made.path.read_bytes()[:2] == b"\x1f\x8b"
    with closing(open_archives([made.path])) as opened:
        (state,) = opened.streams()
        stored = list(reader.records(state.key))
        assert [(r.sequence, r.body, r.chain) for r in opened.records(state.key)] == [
            (r.sequence, r.body, r.chain) for r in stored
        ]
        assert [r.sequence for r in opened.records(state.key, 5)] == [5, 6]
        assert list(opened.records(state.key._replace(node="other"))) == []


def test_only_its_owner_can_read_it_and_nothing_else_is_left(reader: Reader, node: Node, tmp_path: Path) -> None:
    (path,) = archive(reader, node, tmp_path / "archive", OLD)
    assert path.stat().st_mode & 0o777 == 0o400
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_it_is_verified_without_the_store(reader: Reader, node: Node, tmp_path: Path) -> None:
    paths = archive(reader, node, tmp_path / "archive", OLD, OLD - 2)
    reader.close()
    (tmp_path / "snapshots.db").unlink()
    stranger = TrustedKeys.of(NodeKey.load_or_create(tmp_path / "stranger"))
    with closing(open_archives(paths)) as opened:
        for part, count in zip(opened.parts, (7, 9), strict=True):
            for deep in (False, True):
                report = verify(part, trusted(node), deep=deep)
                assert report.is_complete, report.findings
                assert (report.records, report.streams) == (count, 1)
            assert not verify(part, stranger).is_complete


def test_a_changed_archive_is_found_out(reader: Reader, node: Node, tmp_path: Path) -> None:
    (path,) = archive(reader, node, tmp_path / "archive", OLD)
    changed = tmp_path / "changed.jxe.gz"
    changed.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"T1002", b"T1009")))
    with closing(open_archives([changed])) as opened:
        assert not verify(opened, trusted(node)).is_complete
    cut = tmp_path / "cut.jxe.gz"
    cut.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(EvidenceError, match="cut"):
        open_archives([cut])


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("text", FILTERS)
def test_it_lists_what_the_store_lists(
    reader: Reader, node: Node, tmp_path: Path, text: str, oldest_first: bool
) -> None:
    days = (OLD, OLD - 1, OLD - 2)
    with closing(open_archives(archive(reader, node, tmp_path / "archive", *days))) as opened:
        among = f'({text or "true"}) && time < timestamp("2026-05-28T00:00:00Z") && !(id.endsWith("-x"))'
        everything = [
            record
            for record in reader.select(where(reader, among), after=None, oldest_first=oldest_first, limit=1_000)
            if record.stream.retention == "long"
        ]
        found, after = [], None
        while page := opened.select(where(opened, text), after=after, oldest_first=oldest_first, limit=4):
            assert len(page) <= 4
            found += page
            after = page[-1].place
        assert found == everything
        assert opened.count(where(opened, text), exact=True) == (len(everything), True)
        matches = predicate(compile_filter(text, Schema({"context.menu": AttributeType.STRING}), NOW))
        assert all(matches(record.columns) for record in found)
    assert text in FILTERS[-1:] or everything


def test_it_answers_the_other_questions_too(reader: Reader, node: Node, tmp_path: Path) -> None:
    paths = archive(reader, node, tmp_path / "archive", OLD, OLD - 1)
    with closing(open_archives(paths)) as opened:
        assert opened.count(None, exact=False) == (15, True)
        assert opened.count(where(opened, "flagged"), exact=False) == (-1, False)
        (some,) = opened.select(None, after=None, oldest_first=True, limit=1)
        found = opened.find(some.columns["id"])
        assert found == some
        assert found.columns == columns.extract(found.body)
        assert opened.find("T1001") is None  # which stands in records, but not as an id
        by = query.writer_for(opened).sql_of(query.NAMES["subject.id"])
        groups = opened.group(None, by, limit=2, in_order=False)
        assert [key for key, _, _ in groups] == ["T1001", "T1002"]
        assert sum(count for _, count, _ in opened.group(None, by, limit=9, in_order=True)) == 15
        flagged = opened.group(where(opened, "flagged"), by, limit=9, in_order=True)
        assert [(key, count == high) for key, count, high in flagged] == [
            ("T1001", True), ("T1002", True), ("T1003", True),
        ]  # fmt: skip
        assert (opened.strays(), opened.bundle("x"), opened.recent_streams(OLD + 1)) == (0, None, [])
        assert [state.key.day for state in opened.recent_streams(OLD)] == [OLD]


def test_a_record_of_an_archive_is_proved(reader: Reader, node: Node, tmp_path: Path) -> None:
    with closing(open_archives(archive(reader, node, tmp_path / "archive", OLD))) as opened:
        (some,) = opened.select(None, after=None, oldest_first=True, limit=1)
        made = proof.prove(opened, some.columns["id"])
    assert proof.verify_proof(made, trusted(node)).is_good


def test_a_question_can_be_broken_off(reader: Reader, node: Node, tmp_path: Path) -> None:
    with closing(open_archives(archive(reader, node, tmp_path / "archive", OLD))) as opened:
        with opened.interruptible() as stop:
            assert len(opened.select(None, after=None, oldest_first=True, limit=9)) == 7
            other = threading.Thread(target=stop)
            other.start()
            other.join()
            with pytest.raises(StoreError, match="broken off"):
                opened.select(None, after=None, oldest_first=True, limit=9)
        assert len(opened.select(None, after=None, oldest_first=True, limit=9)) == 7


def test_a_folder_stands_for_its_archives(reader: Reader, node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    paths = archive(reader, node, folder, OLD, OLD - 1)
    with closing(open_archives([folder])) as opened:
        assert len(opened.streams()) == 2
    with pytest.raises(EvidenceError, match="another of the archives"):
        open_archives([folder, paths[0]])
    with pytest.raises(EvidenceError, match="no archive in"):
        open_archives([tmp_path / "keys"])


def test_single_records_are_no_archive(reader: Reader, tmp_path: Path) -> None:
    rows = reader.select(None, after=None, oldest_first=True, limit=2)
    path = tmp_path / "some.jxe"
    evidence_file.save(path, evidence_file.write_selection(reader, rows))
    with pytest.raises(EvidenceError, match="single records"):
        open_archives([path])


def test_an_archive_that_is_there_is_left_alone_when_it_is_good(reader: Reader, node: Node, tmp_path: Path) -> None:
    (path,) = archive(reader, node, tmp_path / "archive", OLD)
    before = path.stat()
    assert archive(reader, node, tmp_path / "archive", OLD) == [path]
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    other = path.with_name(archive_name("long", OLD - 1))
    path.rename(other)
    with pytest.raises(EvidenceError, match="does not hold what the store has"):
        archive(reader, node, tmp_path / "archive", OLD - 1)
    assert other.exists()
    other.chmod(0o600)
    other.write_bytes(b"anything")
    with pytest.raises(EvidenceError):
        archive(reader, node, tmp_path / "archive", OLD - 1)


def test_what_a_crash_left_behind_is_in_nobodys_way(reader: Reader, node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "archive" / f".{archive_name('long', OLD)}.part"
    folder.mkdir(parents=True)
    (folder / archive_name("long", OLD)).write_bytes(b"half")
    (path,) = archive(reader, node, folder.parent, OLD)
    assert list(path.parent.iterdir()) == [path]


def test_nothing_that_may_still_grow_or_cannot_be_verified_is_archived(
    reader: Reader, node: Node, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    with pytest.raises(StoreError, match="no records of class `medium`"):
        write_archive(reader, "medium", OLD, folder, trusted(node))
    node.ship("medium", OLD, closed=False)
    with pytest.raises(StoreError, match="has not ended"):
        write_archive(reader, "medium", OLD, folder, trusted(node))
    node.ship("medium", OLD + 1, signed=False)
    with pytest.raises(EvidenceError, match="no checkpoint covers"):
        write_archive(reader, "medium", OLD + 1, folder, trusted(node))
    stranger = TrustedKeys.of(NodeKey.load_or_create(tmp_path / "stranger"))
    with pytest.raises(EvidenceError, match="cannot be verified"):
        write_archive(reader, "long", OLD, folder, stranger)
    assert list(folder.iterdir()) == []


def test_what_is_dropped_stands_in_an_archive(reader: Reader, node: Node, url: str, tmp_path: Path) -> None:
    kept = reader.select(where(reader, 'subject.id == "T1001"'), after=None, oldest_first=True, limit=1)[0]
    log: list[snapshot_pb2.Operation] = []
    folder = tmp_path / "archive"
    with closing(open_maintainer(url)) as maintainer:
        done = expire(
            maintainer, RetentionPolicy(long=95, allow_shorter=True), TODAY, log.append,
            reader=reader, verify=verified_by(trusted(node)), clock=lambda: NOW,
            archive=lambda retention, day: write_archive(reader, retention, day, folder, trusted(node)),
        )  # fmt: skip
    assert len(done.dropped) == len(log) == len(list(folder.iterdir())) == 4
    assert reader.find(kept.columns["id"]) is None
    with closing(open_archives([folder])) as opened:
        assert opened.find(kept.columns["id"]) == kept
        assert all(verify(part, trusted(node)).is_complete for part in opened.parts)
    # What stays in the store is whole, too.
    assert verify(reader, trusted(node)).is_complete


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(read, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_archives_are_listed_on_the_command_line(reader: Reader, node: Node, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive(reader, node, folder, OLD, OLD - 1)
    code, output = run(folder, "--filter", 'subject.id == "T1002"', "--json", "--oldest")
    entries = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [entry["stream"]["day"] for entry in entries] == [OLD - 1] * 3 + [OLD] * 2
    assert {entry["record"]["snapshot"]["facts"]["subject"]["id"] for entry in entries} == {"T1002"}
    assert run(folder, "--limit", "4")[1].count("T100") == 4
    assert run(folder, "--until", "2026-05-27T00:00:00Z")[1].count("T100") == 8
    assert "T100" not in run(folder, "--filter", 'subject.id == "nobody"')[1]
    menu = ("--filter", 'context.menu == "1201"')
    with pytest.raises(click.ClickException, match=r"--policies"):
        run(folder, *menu)
    assert run(folder, *menu, "--policies", POLICIES, "--lang", "zh")[1].count("T100") == 15
