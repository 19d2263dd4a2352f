"""Whoever changes a store behind the system's back is found out: in both stores, by real SQL."""

# ruff: noqa: S608 - the statements are what is tested

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot.evidence.checkpoint import Checkpointer, DirectoryCopy
from pdp.snapshot.evidence.verify import Report, verify
from pdp.snapshot.store import install, open_reader, open_writer
from pdp.snapshot.store.base import StreamState
from tests.integration import test_store_postgres, test_store_sqlite
from tests.integration.postgres import Postgres, postgres
from tests.integration.store_contract import DAY, DAY_NANOS, Stream, decision, key

__all__ = ["postgres"]

COUNT = 20
AT = "position = {first} + "


class Tamper(Protocol):
    def __call__(self, url: str, *statements: str, guarded: bool = False) -> int:
        """Run statements with every right there is."""


@dataclass(frozen=True)
class Kept:
    """A store with records, its node's key and the copy of its checkpoints."""

    url: str
    tamper: Tamper
    trusted: TrustedKeys
    copy: Path

    def change(self, *statements: str) -> None:
        """Run statements; each must meet a row, so that none is a blank shot."""
        is_postgres = self.url.startswith("postgresql")
        names = {
            # The first of two streams, by the numbers that the store gave them.
            "first": "(SELECT number * 1099511627776 FROM {streams} WHERE boot LIKE '%a1')",
            "columns": "time, id, kind, severity, subject_id, caller, resource_key, mark_a, mark_b, facts, body, chain",
            "place": "retention, day, " if is_postgres else "",
            "records": "{records}",
            "streams": "{streams}",
            "checkpoints": "{checkpoints}",
        }
        for statement in statements:
            text = statement.replace("{at}", AT)
            for name, value in names.items():
                text = text.replace(f"{{{name}}}", value)
            assert self.tamper(self.url, text) > 0, text

    def verify(self) -> Report:
        with closing(open_reader(self.url)) as reader:
            return verify(reader, self.trusted, [self.copy])


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A store with two streams of twenty records in three checkpoints."""
    tamper: Tamper = test_store_sqlite.tamper
    url = f"sqlite:{tmp_path}/store/snapshots.db"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        tamper, url = test_store_postgres.tamper, server.url(server.create_database())
        install(url)
    node_key = NodeKey.load_or_create(_made(tmp_path / "keys"))
    copy = _made(tmp_path / "copy")
    with closing(open_writer(url)) as writer:
        checkpointer = Checkpointer(
            writer, "n1", node_key, "sha256", [DirectoryCopy(copy)], lambda: DAY * DAY_NANOS, folder=tmp_path / "keys",
            alarm=lambda event, words: pytest.fail(f"{event}: {words}"),
        )  # fmt: skip
        streams = [Stream(key(boot=boot)) for boot in ("00000000000000a1", "00000000000000b2")]
        states: list[StreamState] = []
        for begin in (0, COUNT // 2):
            records = []
            for stream in streams:
                name = stream.state.key.boot[-2:]
                numbers = range(begin, begin + COUNT // 2)
                records += stream.add([decision(number, name=name, severity=number % 4) for number in numbers])
            states = [stream.state for stream in streams]
            writer.take(records, states)
            checkpointer.tick(states)
        states[1] = streams[1].close()
        writer.take([], states[1:])
        checkpointer.tick(states)
    return Kept(url, tamper, TrustedKeys.of(node_key), copy)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def test_a_store_that_nobody_changed(kept: Kept) -> None:
    report = kept.verify()
    assert report.is_complete, report.plain()
    assert (report.records, report.streams, report.checkpoints) == (2 * COUNT, 2, 3)


@pytest.mark.parametrize(
    ("statements", "kind", "sequence"),
    [
        pytest.param(
            ["UPDATE {records} SET body = (SELECT b.body FROM {records} AS b WHERE b.{at}6) WHERE {at}5"],
            "altered", 5, id="a body",
        ),
        pytest.param(
            ["UPDATE {records} SET chain = (SELECT b.chain FROM {records} AS b WHERE b.{at}6) WHERE {at}5"],
            "altered", 5, id="a chain value",
        ),
        pytest.param(["UPDATE {records} SET severity = 0 WHERE {at}7"], "column_altered", 7, id="a severity"),
        pytest.param(["UPDATE {records} SET subject_id = 'T1' WHERE {at}7"], "column_altered", 7, id="a subject"),
        pytest.param(["UPDATE {records} SET time = time + 1 WHERE {at}0"], "column_altered", 0, id="a time"),
        pytest.param(
            ["UPDATE {records} SET facts = replace(CAST(facts AS text), 'query', 'other') WHERE {at}19"],
            "column_altered", 19, id="facts",
        ),
        pytest.param(["DELETE FROM {records} WHERE {at}5"], "missing", 5, id="one deleted"),
        pytest.param(["DELETE FROM {records} WHERE {at}0"], "missing", 0, id="the first deleted"),
        pytest.param(["DELETE FROM {records} WHERE {at}19"], "missing", 19, id="the last deleted"),
        pytest.param(
            [
                "DELETE FROM {records} WHERE position BETWEEN {first} + 10 AND {first} + 19",
                ("UPDATE {streams} SET count = 10, chain = (SELECT b.chain FROM {records} AS b WHERE b.{at}9), "
                "peaks = (SELECT b.chain FROM {records} AS b WHERE b.{at}9) WHERE boot LIKE '%a1'"),
            ],
            "missing", 10, id="the end cut off with its state",
        ),
        pytest.param(
            [
                "DELETE FROM {records} WHERE {at}5",
                *(f"UPDATE {{records}} SET position = position - 1 WHERE {{at}}{number}" for number in range(6, 20)),
            ],
            "missing", 5, id="one deleted and the gap closed",
        ),
        pytest.param(
            [
                # A copy of another record.
                (
                    "INSERT INTO {records} ({place}position, {columns}) "
                    "SELECT {place}{first} + 20, {columns} FROM {records} WHERE {at}5"
                ),
            ],
            "added", 20, id="one added at the end",
        ),
        pytest.param(
            [
                "UPDATE {records} SET position = -1 WHERE {at}5",
                "UPDATE {records} SET position = position - 1 WHERE {at}6",
                "UPDATE {records} SET position = {first} + 6 WHERE position = -1",
            ],
            "reordered", 5, id="two swapped",
        ),
        pytest.param(
            ["DELETE FROM {records} WHERE position >= {first} AND position < {first} + 20",
             "DELETE FROM {streams} WHERE boot LIKE '%a1'"],
            "stream_missing", None, id="a stream deleted",
        ),
        pytest.param(
            ["DELETE FROM {records} WHERE position >= {first} AND position < {first} + 20",
             "UPDATE {streams} SET dropped_at = 5, dropped_by = 'system', closed = {true} WHERE boot LIKE '%a1'"],
            "root_mismatch", None, id="a stream made to look dropped",
        ),
        pytest.param(
            ["UPDATE {records} SET position = position + 9 * 1099511627776 WHERE {at}19"],
            "added", None, id="one hidden outside every stream",
        ),
        pytest.param(["DELETE FROM {checkpoints} WHERE number = 2"], "checkpoint_missing", None, id="one checkpoint"),
        pytest.param(
            ["DELETE FROM {checkpoints} WHERE number = 3"], "checkpoint_missing", None, id="the last checkpoint"
        ),
        pytest.param(
            [("UPDATE {checkpoints} SET signed = (SELECT b.signed FROM {checkpoints} AS b WHERE b.number = 1) "
              "WHERE number = 2")],
            "checkpoint_altered", None, id="a checkpoint replaced",
        ),
    ],
)  # fmt: skip
def test_whoever_changes_it_is_found_out(kept: Kept, statements: list[str], kind: str, sequence: int | None) -> None:
    true = "true" if kept.url.startswith("postgresql") else "1"
    kept.change(*(statement.replace("{true}", true) for statement in statements))
    report = kept.verify()
    assert not report.is_complete
    found = [(finding.kind.value, finding.sequence) for finding in report.faults]
    assert (kind, sequence) in found, report.plain()
