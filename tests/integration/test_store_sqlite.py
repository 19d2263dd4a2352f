"""The SQLite store: the contract, and what is its own."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pdp.errors import ConfigError, StoreError
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.filter import Schema, compile_filter
from pdp.snapshot.store import install, open_maintainer, open_reader, open_writer, where_sqlite
from pdp.snapshot.store.base import Reader, Sql, StreamState, TreeState, Writer
from pdp.snapshot.store.sqlite_reader import SqliteReader
from tests.integration.store_contract import DAY, StoreContract, Stream, decision, fill, key, pages


def tamper(url: str, *statements: str, guarded: bool = False) -> int:
    """Change rows as somebody could who has the file."""
    connection = sqlite3.connect(url.removeprefix("sqlite:"))
    try:
        if not guarded:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            names = {"records": f"records_short_{DAY}", "streams": "streams", "checkpoints": "checkpoints"}
            met = connection.execute(statement.format(**names)).rowcount
        connection.commit()
    finally:
        connection.close()
    return met


def written(text: str) -> Sql:
    node = compile_filter(text, Schema(), 0)
    assert node is not None
    return where_sqlite.SqliteWriter().sql(node)


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:{tmp_path}/store/snapshots.db"

    def condition(self, name: str, operator: str, value: object) -> Sql:
        return Sql(f"{name} {operator} :p0", {"p0": value})

    def tamper(self, url: str, *statements: str, guarded: bool = False) -> int:
        return tamper(url, *statements, guarded=guarded)

    def test_only_the_owner_may_look(self, url: str, writer: Writer) -> None:
        fill(writer, key(), [decision(0)])
        folder = Path(url.removeprefix("sqlite:")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_a_reader_cannot_write(self, url: str, writer: Writer, reader: Reader) -> None:
        fill(writer, key(), [decision(0)])
        evil = Sql("1); DELETE FROM streams; --", {})
        with pytest.raises(StoreError):
            reader.select(evil, after=None, oldest_first=False, limit=1)
        assert len(reader.streams()) == 1

    def test_whoever_comes_first_creates_it(self, url: str) -> None:
        for opened in (open_reader(url), open_maintainer(url), open_writer(url)):
            opened.close()
        reader = open_reader(url)
        assert reader.streams() == []
        reader.close()
        install(url)
        install(url)

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "snapshots.db"
        path.write_bytes(b"no database at all" * 100)
        writer = open_writer(f"sqlite:{path}")
        with pytest.raises(StoreError, match="file is not a database"):
            writer.states("n1")
        path.unlink()
        assert writer.states("n1") == {}
        writer.close()

    def test_the_last_of_a_disk_is_left_to_others(
        self, url: str, writer: Writer, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = fill(writer, key(), [decision(0)])
        records = stream.add([decision(1)])
        enough = 8 * 1024 * 1024 + 6 * len(records[0].body)
        room = enough - 1
        statvfs = os.statvfs

        def looked_at(path: Path) -> os.statvfs_result:
            found = statvfs(path)
            return os.statvfs_result((1, 1, *found[2:4], room, *found[5:]))

        monkeypatch.setattr(os, "statvfs", looked_at)
        with pytest.raises(StoreError, match="has 8 MiB of room, and the next records are taken from 9 MiB on"):
            writer.take(records, [stream.state])
        assert [state.count for state in reader.streams()] == [1]
        room = enough
        writer.take(records, [stream.state])
        assert [state.count for state in reader.streams()] == [2]

    def test_a_store_that_somebody_opens_without_end(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pdp.snapshot.store.sqlite_connection.BUSY_MS", 100)
        (tmp_path / "store").mkdir()
        holder = os.open(tmp_path / "store", os.O_RDONLY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        writer = open_writer(url)
        with pytest.raises(StoreError, match=r"another process has had it locked for 0\.1 s"):
            writer.states("n1")
        os.close(holder)
        monkeypatch.undo()
        assert writer.states("n1") == {}
        writer.close()

    @pytest.mark.parametrize("url", ["sqlite:relative.db", "sqlite://host/x.db", "sqlite:", "mysql://x", "", "/x.db"])
    def test_urls_that_name_no_store(self, url: str) -> None:
        with pytest.raises(ConfigError, match="URL"):
            open_writer(url)

    def test_a_question_that_takes_too_long_is_given_up(self, url: str, writer: Writer) -> None:
        fill(writer, key(), [decision(number) for number in range(3_000)])
        reader = SqliteReader(Path(url.removeprefix("sqlite:")), seconds=0)
        with pytest.raises(StoreError, match="takes longer than 0 s; narrow it"):
            reader.select(Sql("facts LIKE '%no such%'", {}), after=None, oldest_first=False, limit=1)
        reader.close()

    def test_an_estimate_that_would_take_long_is_given_up(
        self, reader: Reader, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(writer, key(), [decision(number) for number in range(3_000)])
        where = Sql("facts LIKE '%no such%'", {})
        assert reader.count(where, exact=False) == (0, True)
        monkeypatch.setattr("pdp.snapshot.store.sqlite_reader.COUNT_STEPS", 0)
        assert reader.count(where, exact=False) == (-1, False)
        assert reader.count(where, exact=True) == (0, True)

    @pytest.mark.parametrize("statement", ["INSERT INTO streams", "CREATE INDEX", 'INSERT INTO "records', "COMMIT"])
    def test_killed_while_it_takes(self, url: str, writer: Writer, reader: Reader, statement: str) -> None:
        stream = fill(writer, key(), [decision(0)])
        writer.close()
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, url, statement], cwd=Path(__file__).parents[2], check=False, timeout=60
        )
        assert done.returncode == -signal.SIGKILL
        assert reader.streams() == [stream.state]
        assert [record.sequence for record in pages(reader)] == [0]
        more = Stream(key(day=DAY + 1))
        writer.take(more.add([decision(1)]), [more.state])
        assert reader.count(None, exact=True) == (2, True)

    def test_the_indexes_are_used(self, url: str, writer: Writer) -> None:
        fill(writer, key(), [decision(number) for number in range(50)])
        statements: list[str] = []
        reader = SqliteReader(Path(url.removeprefix("sqlite:")))
        with reader._pool.use() as watched:
            watched.ask(lambda connection: connection.set_trace_callback(statements.append), 9)
        for where, index in (
            (None, "time"),
            (Sql("subject_id = :p0", {"p0": "T1"}), "subject"),
            (Sql("resource_key = :p0", {"p0": "00"}), "resource"),
            (Sql("severity >= 2", {}), "flagged"),
            *((written(f"severity {about}"), "flagged") for about in ("== HIGH", "== MEDIUM", ">= HIGH", "> LOW")),
        ):
            last = pages(reader)[20].place
            statements.clear()
            reader.select(where, after=last, oldest_first=False, limit=5)
            asked = next(text for text in statements if "records_" in text)
            connection = sqlite3.connect(url.removeprefix("sqlite:"))
            plan = str(connection.execute(f"EXPLAIN QUERY PLAN {asked}").fetchall())
            connection.close()
            assert f"USING INDEX records_short_{DAY}_{index} (" in plan
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan
        reader.close()


_KILLED = """
import os, signal, sys
from pdp.snapshot.store import open_writer
from tests.integration.store_contract import DAY, Stream, decision, key

url, begin = sys.argv[1:]
writer = open_writer(url)
writer.states("n1")

def watch(statement):
    if statement.startswith(begin):
        os.kill(os.getpid(), signal.SIGKILL)

writer._opened.conn.set_trace_callback(watch)
stream = Stream(key(day=DAY + 1))
writer.take(stream.add([decision(n) for n in range(3000)]), [stream.state])
"""


def test_another_process_that_looks_in_takes_nothing_away(tmp_path: Path) -> None:
    # Closing a descriptor of a file drops all locks that the process holds on it, and SQLite's are such locks.
    path = tmp_path / "snapshots.db"
    look = "import sqlite3, sys; t = sqlite3.connect(sys.argv[1]); print(*t.execute('SELECT count(*) FROM streams'))"

    def others_see() -> int:
        done = subprocess.run([sys.executable, "-c", look, path], capture_output=True, check=True, text=True)
        return int(done.stdout.strip("(,)\n"))

    writer, reader = open_writer(f"sqlite:{path}"), open_reader(f"sqlite:{path}")
    try:
        for number in range(3):
            key = StreamKey("n1", f"{number:016x}", "long", 20_000)
            writer.take([], [StreamState(key, 0, b"\0" * 32, TreeState(0, ()))])
            assert len(reader.streams()) == others_see() == number + 1
            assert path.with_name("snapshots.db-wal").exists()
    finally:
        reader.close()
        writer.close()
