"""The checker of the fault runs notices what must not be: a record that is lost, there twice, changed or unproved."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from pdp.signing import NodeKey
from pdp.snapshot.chain import SpooledRecord, StreamKey, genesis, link
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.checkpoint import Checkpointer
from pdp.snapshot.store import open_writer
from pdp.snapshot.store.base import StreamState
from pdp.v1 import snapshot_pb2, types_pb2
from tests.faults.checker import Checked, check_folder
from tests.faults.load import Answer

KEY = StreamKey("n1", "00112233445566aa", "long", 20_000)
TIME = (20_000 * 86_400 + 100) * 10**9
TOLD = Answer("", "hash", frozenset({"name"}), frozenset({"mobile"}))
ANSWERS = {f"d{number}": TOLD._replace(request_id=f"r{number}") for number in range(9)}


def record(name: str, *, request: str = "", shown: str = "name") -> bytes:
    snapshot = snapshot_pb2.Snapshot(
        decision_id=name, request_id=request or name.replace("d", "r"), policy_hash="hash", time_nanos=TIME
    )
    snapshot.verdicts.add(fields=[shown], effect=types_pb2.EFFECT_UNMASK)
    snapshot.verdicts.add(fields=["mobile"], effect=types_pb2.EFFECT_MASK)
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()


def operation(name: str) -> bytes:
    return snapshot_pb2.Record(
        operation=snapshot_pb2.Operation(id=name, kind="service.started", time_nanos=TIME)
    ).SerializeToString()


def fill(folder: Path, bodies: Sequence[bytes], *, signed: bool = True) -> None:
    """Make a store of one stream, as a shipper does."""
    key = NodeKey.load_or_create(folder / "keys")
    (folder / "store").mkdir()
    chain, records = genesis(KEY, "sha256"), []
    for sequence, body in enumerate(bodies):
        chain = link(chain, sequence, body)
        records.append(SpooledRecord(KEY, sequence, body, chain))
    tree = merkle.extend(merkle.EMPTY, [found.chain for found in records])
    writer = open_writer(f"sqlite:{store(folder)}")
    writer.take(records, [StreamState(KEY, len(records), chain, tree)])
    if signed:
        checkpointer = Checkpointer(
            writer, "n1", key, "sha256", [], lambda: TIME, folder=folder / "keys", alarm=lambda *_: None
        )
        checkpointer.tick(writer.states("n1").values())
    writer.close()


def store(folder: Path) -> Path:
    return folder / "store" / "snapshots.db"


def look(folder: Path, **options: list[str]) -> Checked:
    return check_folder(f"sqlite:{store(folder)}", folder, ANSWERS, 0, **options)


def test_a_whole_store_has_no_problems(tmp_path: Path) -> None:
    fill(tmp_path, [*map(record, ANSWERS), record("d99"), operation("o1")])
    found = look(tmp_path)
    assert found.problems == []
    assert (found.acknowledged, found.unanswered, found.operations) == (9, 1, {"service.started": 1})
    assert (found.records, found.verified, found.checkpoints, found.proofs) == (11, 11, 1, 11)


def test_a_lost_record_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, [record(name) for name in ANSWERS if name != "d4"])
    assert look(tmp_path).lost == ("d4",)
    assert look(tmp_path).problems == ["1 lost: d4"]
    excused = look(tmp_path, named=["d4"])
    assert (excused.problems, excused.excused) == ([], 1)


def test_a_record_that_is_there_twice_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, [*map(record, ANSWERS), record("d4")])
    assert look(tmp_path).problems == ["1 duplicated: d4"]


@pytest.mark.parametrize("other", [{"request": "r99"}, {"shown": "balance"}])
def test_a_record_that_says_otherwise_than_the_answer_is_noticed(tmp_path: Path, other: dict[str, str]) -> None:
    fill(tmp_path, [record(name, **(other if name == "d4" else {})) for name in ANSWERS])
    assert look(tmp_path).problems == ["1 altered: d4"]


def test_a_record_that_was_changed_in_the_store_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, list(map(record, ANSWERS)))
    change(tmp_path, "UPDATE {table} SET body = ? WHERE id = 'd4'", record("d4").replace(b"hash", b"hasH"))
    found = look(tmp_path)
    assert found.altered == ("d4",)
    assert any("changed after it was recorded" in problem for problem in found.problems)


def test_a_record_that_was_deleted_in_the_store_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, list(map(record, ANSWERS)))
    change(tmp_path, "DELETE FROM {table} WHERE id = 'd4'")
    found = look(tmp_path)
    assert found.lost == ("d4",)
    assert any("missing" in problem for problem in found.faults)


def test_records_without_a_checkpoint_are_noticed(tmp_path: Path) -> None:
    fill(tmp_path, list(map(record, ANSWERS)), signed=False)
    problems = look(tmp_path).problems
    assert any("it has none at all" in problem for problem in problems)
    assert any("cannot be proved" in problem for problem in problems)


def change(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(store(folder))
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'records%'"
    ((table,),) = connection.execute(tables).fetchall()
    assert connection.execute(statement.format(table=table), values).rowcount == 1
    connection.commit()
    connection.close()
