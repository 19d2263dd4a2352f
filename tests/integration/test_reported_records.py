"""Which of several records with one id counts, in both stores of records."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.snapshot import repeats
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.evidence import merkle
from pdp.snapshot.store import install, open_reader, open_writer
from pdp.snapshot.store.base import StreamState, TreeState
from tests.integration.postgres import database, postgres
from tests.unit.test_reported_records import ID, NOW, body

__all__ = ["database", "postgres"]


def keep(url: str, node: str, *bodies: bytes) -> None:
    """Put records of a node into a store."""
    key = StreamKey(node, f"{ord(node[0]):016x}", "long", NOW // (86_400 * 10**9))
    writer = open_writer(url)
    records = [SpooledRecord(key, number, data, bytes(32)) for number, data in enumerate(bodies)]
    tree = merkle.extend(TreeState(0, ()), [record.chain for record in records])
    writer.take(records, [StreamState(key, len(records), bytes(32), tree)])
    writer.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    url = f"sqlite:{tmp_path}/snapshots.db" if request.param == "sqlite" else request.getfixturevalue("database")
    install(url)
    return url


def told(url: str) -> dict[str, str]:
    """Return what each node's record of the id says of whom it repeats."""
    reader = open_reader(url)
    try:
        found = reader.select(None, after=None, oldest_first=True, limit=10)
        return {record.stream.node: repeats.entry(reader, record).repeats for record in found}
    finally:
        reader.close()


def test_a_record_that_may_repeat_counts_while_there_is_no_other(url: str) -> None:
    keep(url, "new", body("new", "old/1"))
    assert told(url) == {"new": ""}
    keep(url, "old", body("old"))
    assert told(url) == {"new": f"old/{ord('o'):016x}", "old": ""}


def test_of_two_that_may_repeat_the_first_counts(url: str) -> None:
    keep(url, "b", body("b", "gone/1"))
    keep(url, "a", body("a", "gone/1"))
    assert told(url) == {"a": "", "b": f"a/{ord('a'):016x}"}


def test_a_counting_record_is_found_by_its_id(url: str) -> None:
    keep(url, "new", body("new", "old/1"), body("new", record_id="other"))
    keep(url, "old", body("old"))
    reader = open_reader(url)
    found = reader.find(ID)
    assert found is not None
    assert repeats.counting(reader, ID, found).stream.node == "old"
    reader.close()
