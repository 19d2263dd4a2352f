"""Verification in several processes says to the letter what it says in one, and ends them."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pdp.errors import EvidenceError
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot import chain
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence import verify as verifying
from pdp.snapshot.evidence.checkpoint import Checkpointer
from pdp.snapshot.evidence.passes import Source
from pdp.snapshot.evidence.verify import Report, verify
from pdp.snapshot.store import open_reader, open_writer
from pdp.snapshot.store.base import StreamState
from tests.unit.evidence import NOW, body, stream

RECORDS = 30
STREAMS = [stream(boot=f"{number:016x}", retention=kept) for number in range(3) for kept in ("long", "short")]


Stored = tuple[str, TrustedKeys]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    folder = tmp_path_factory.mktemp("whole")
    key = NodeKey.load_or_create(folder / "keys")
    url = f"sqlite:{folder / 's.db'}"
    with closing(open_writer(url)) as writer:
        checkpointer = Checkpointer(
            writer, "n1", key, "sha256", [], lambda: NOW, folder=folder / "keys",
            alarm=lambda _event, words: pytest.fail(words),
        )  # fmt: skip
        for part in range(2):
            states = [_write(writer, one, part) for one in STREAMS]
            checkpointer.tick(states)
    return url, TrustedKeys.of(key)


def _write(writer: object, key: StreamKey, part: int) -> StreamState:
    state = writer.state(key) or StreamState(key, 0, chain.genesis(key, "sha256"), merkle.EMPTY)  # type: ignore[attr-defined]
    records, value = [], state.chain
    for sequence in range(state.count, state.count + RECORDS // 2):
        data = body(f"{key.boot[-1]}-{key.retention}-{sequence}")
        value = chain.link(value, sequence, data)
        records.append(SpooledRecord(key, sequence, data, value))
    tree = merkle.extend(state.tree, [record.chain for record in records])
    state = replace(state, count=tree.size, chain=value, tree=tree)
    writer.take(records, [state])  # type: ignore[attr-defined]
    return state


@pytest.fixture
def changed(whole: Stored, tmp_path: Path) -> Stored:
    """Return a store of which nearly every chain was changed in another way."""
    url, trusted = whole
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(url.removeprefix("sqlite:"))) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        for (trigger,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            target.execute(f'DROP TRIGGER "{trigger}"')
        tables = dict(
            target.execute(
                "SELECT CASE WHEN name LIKE '%long%' THEN 'long' ELSE 'short' END, name FROM sqlite_master "
                "WHERE type = 'table' AND name LIKE 'records_%'"
            )
        )
        for kept, statement in (
            ("long", "UPDATE {} SET body = x'00' WHERE id IN ('0-long-7', '0-long-20')"),
            ("long", "DELETE FROM {} WHERE id IN ('1-long-3', '1-long-29')"),
            ("short", "UPDATE {} SET caller = 'another' WHERE id IN ('0-short-4', '2-short-9')"),
            ("short", "UPDATE {} SET chain = zeroblob(32) WHERE id = '1-short-11'"),
        ):
            assert target.execute(statement.format(tables[kept])).rowcount > 0
        target.commit()
    path.chmod(0o600)
    return f"sqlite:{path}", trusted


def told(store: Stored, jobs: int | None, *, deep: bool) -> Report:
    url, trusted = store
    with closing(open_reader(url)) as reader:
        report = verify(reader, trusted, deep=deep, jobs=jobs, reopen=partial(open_reader, url))
    return replace(report, seconds=0.0)


def test_the_report_is_the_same_from_several_processes(changed: Stored) -> None:
    alone = told(changed, 1, deep=True)
    assert len(alone.faults) >= 7
    assert alone.records == len(STREAMS) * RECORDS - 2
    assert told(changed, 2, deep=True) == alone


def test_by_default_a_small_store_is_read_by_one_process(whole: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "ProcessPoolExecutor", None)
    assert told(whole, None, deep=False).is_complete


def test_a_large_store_is_read_by_a_process_for_each_processor(
    changed: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Pool(verifying.ProcessPoolExecutor):
        def __init__(self, jobs: int, *more: object) -> None:
            asked.append(jobs)
            super().__init__(jobs, *more)  # type: ignore[arg-type]

    alone = told(changed, 1, deep=False)
    assert len(alone.faults) >= 5
    monkeypatch.setattr(verifying, "WORTH_PROCESSES", RECORDS)
    monkeypatch.setattr(verifying, "processors", lambda: 2)
    monkeypatch.setattr(verifying, "ProcessPoolExecutor", Pool)
    assert told(changed, None, deep=False) == alone
    assert asked == [2]


def test_an_end_from_outside_ends_all_processes(whole: Stored) -> None:
    url, trusted = whole

    def interrupt(progress: verifying.Progress) -> None:
        if progress.streams:
            raise KeyboardInterrupt

    with closing(open_reader(url)) as reader, pytest.raises(KeyboardInterrupt):
        verify(reader, trusted, jobs=2, reopen=partial(open_reader, url), progress=interrupt)
    assert multiprocessing.active_children() == []


def _cannot() -> Source:
    raise EvidenceError("away")


def test_a_process_that_cannot_begin_is_told(whole: Stored, capfd: pytest.CaptureFixture[str]) -> None:
    url, trusted = whole
    with closing(open_reader(url)) as reader, pytest.raises(EvidenceError, match="--jobs 1"):
        verify(reader, trusted, jobs=2, reopen=_cannot)
    assert multiprocessing.active_children() == []
