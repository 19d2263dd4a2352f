"""Records end in the real stores: what goes, what stays behind, and what the stores refuse by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pdp.errors import EvidenceError, StoreError
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot.holds import add_hold, remove_hold
from pdp.snapshot.retention import Expiry, RetentionPolicy, expire, verified_by
from pdp.snapshot.store import install, open_maintainer, open_reader, open_writer
from pdp.v1 import snapshot_pb2
from tests.integration.postgres import database, postgres
from tests.integration.retained import NOW, TODAY, Node, lately

__all__ = ["database", "postgres"]

OLD = TODAY - 100
Log = list[snapshot_pb2.Operation]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'snapshots.db'}"
    found: str = request.getfixturevalue("database")
    install(found)
    return found


@pytest.fixture
def node(url: str, tmp_path: Path) -> Iterator[Node]:
    with closing(open_writer(url)) as writer:
        yield Node(writer, tmp_path / "keys")


def maintained(url: str) -> str:
    """Return the URL with which retention comes: in PostgreSQL with the rights of its role alone."""
    return f"{url}&options=-c%20role%3Djingxi_maintainer" if url.startswith("postgresql") else url


def run(
    url: str, node: Node, log: Log, *, today: int = TODAY, dry_run: bool = False, trusted: TrustedKeys | None = None
) -> Expiry:
    with closing(open_maintainer(maintained(url))) as maintainer, closing(open_reader(maintained(url))) as reader:
        return expire(
            maintainer, RetentionPolicy(), today, log.append,
            reader=reader, verify=verified_by(trusted or TrustedKeys.of(node.key)), actor="ops", clock=lambda: NOW,
            dry_run=dry_run,
        )  # fmt: skip


def days(url: str) -> list[tuple[str, int]]:
    with closing(open_maintainer(maintained(url))) as maintainer:
        return maintainer.parts()


def test_whole_days_go_and_their_roots_stay(url: str, node: Node) -> None:
    state = node.ship("short", OLD, 7)
    node.ship("long", OLD)
    lately(node)
    before, log = days(url), Log()
    assert [part.fate for part in run(url, node, log, dry_run=True).parts] == ["drop"]
    assert (days(url), log) == (before, [])
    done = run(url, node, log)
    assert [(dropped.part.retention, dropped.part.day, dropped.records) for dropped in done.dropped] == [
        ("short", OLD, 7)
    ]
    assert days(url) == [part for part in before if part != ("short", OLD)]
    (entry,) = log
    assert (entry.kind, entry.details["records"], entry.details["streams"]) == ("snapshot.expire", "7", "1")
    with closing(open_reader(maintained(url))) as reader, closing(open_maintainer(maintained(url))) as maintainer:
        (gone,) = maintainer.dropped()
        assert (gone.key, gone.count, gone.chain, gone.tree) == (state.key, 7, state.chain, state.tree)
        assert list(reader.records(state.key)) == []
        roots = {
            head.root
            for _, _, signed in reader.checkpoints("n1")
            for head in verified_by(TrustedKeys.of(node.key))(signed).heads
        }
        assert any(entry.details[name] == f"7 {root.hex()}" for name in entry.details for root in roots)
    assert run(url, node, log).parts == ()
    assert len(log) == 1


def test_a_hold_keeps_a_day_until_it_ends(url: str, node: Node) -> None:
    node.ship("short", OLD)
    node.ship("medium", OLD - 200)
    lately(node)
    log = Log()
    with closing(open_maintainer(maintained(url))) as maintainer:
        hold = add_hold(maintainer, OLD, OLD + 5, "case", "ann", NOW, log.append)
        assert maintainer.holds() == [hold]
        with pytest.raises(StoreError, match="hold"):
            maintainer.drop("short", OLD)
    assert [(part.day, part.fate) for part in run(url, node, log).parts] == [(OLD - 200, "drop"), (OLD, "held")]
    assert ("short", OLD) in days(url)
    with closing(open_maintainer(maintained(url))) as maintainer:
        remove_hold(maintainer, hold.id, "over", "bob", NOW, log.append)
    assert run(url, node, log).dropped
    assert ("short", OLD) not in days(url)
    assert [entry.kind for entry in log] == [
        "snapshot.hold.add", "snapshot.expire", "snapshot.hold.remove", "snapshot.expire",
    ]  # fmt: skip


@pytest.mark.parametrize(("closed", "signed", "fate"), [(False, True, "open"), (True, False, "uncovered")])
def test_what_has_not_ended_or_is_not_signed_for_stays(
    url: str, node: Node, closed: bool, signed: bool, fate: str
) -> None:
    node.ship("short", OLD, closed=closed, signed=signed)
    lately(node)
    log = Log()
    assert [part.fate for part in run(url, node, log).parts] == [fate]
    assert (log, ("short", OLD) in days(url)) == ([], True)


def test_a_checkpoint_of_a_stranger_counts_for_nothing(url: str, node: Node, tmp_path: Path) -> None:
    node.ship("short", OLD)
    lately(node)
    stranger = TrustedKeys.of(NodeKey.load_or_create(tmp_path / "stranger"))
    with pytest.raises(EvidenceError, match="not trusted"):
        run(url, node, [], trusted=stranger)
    assert ("short", OLD) in days(url)


def test_a_clock_that_jumped_drops_nothing(url: str, node: Node) -> None:
    node.ship("short", OLD)
    lately(node)
    before = days(url)
    with pytest.raises(StoreError, match="nothing was dropped"):
        run(url, node, [], today=TODAY + 3_000)
    assert days(url) == before


def test_two_nodes_share_a_day(url: str, node: Node, tmp_path: Path) -> None:
    node.ship("short", OLD, 3)
    lately(node)
    with closing(open_writer(url)) as writer:
        other = Node(writer, tmp_path / "other", "n2")
        other.ship("short", OLD, 4, closed=False)
        both = TrustedKeys.of(node.key, other.key)
        (part,) = run(url, node, [], trusted=both).parts
        assert (part.fate, part.records, part.why) == ("open", 7, f"n2/{OLD:016x}")


def test_what_comes_late_into_a_dropped_day_is_dropped_in_its_turn(url: str, node: Node, tmp_path: Path) -> None:
    node.ship("short", OLD, 3)
    lately(node)
    run(url, node, [])
    with closing(open_writer(url)) as writer:
        late = Node(writer, tmp_path / "late", "n2")
        late.ship("short", OLD, 4)
        log = Log()
        (part,) = run(url, node, log, trusted=TrustedKeys.of(node.key, late.key)).parts
    assert (part.records, part.fate, len(part.streams)) == (4, "drop", 1)
    assert log[0].details["records"] == "4"
    assert ("short", OLD) not in days(url)
