"""The PostgreSQL store: the contract, rights, partitions, and a server that goes away."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from pdp.errors import ConfigError, StoreError
from pdp.snapshot.filter import Schema, compile_filter
from pdp.snapshot.store import install, open_maintainer, open_reader, open_writer, where_postgres
from pdp.snapshot.store.base import Hold, Maintainer, Reader, Sql, Writer
from pdp.snapshot.store.postgres_reader import PostgresReader
from tests.integration.postgres import Postgres, database, postgres
from tests.integration.store_contract import (
    DAY,
    StoreContract,
    Stream,
    checkpoint,
    decision,
    fill,
    ids,
    key,
    pages,
    seal,
)

__all__ = ["database", "postgres"]

ROLES = {"writer": "jingxi_writer", "auditor": "jingxi_auditor", "maintainer": "jingxi_maintainer"}


def as_role(url: str, role: str) -> str:
    """Return a URL with which a session has a role's rights and no others."""
    return f"{url}&options=-c%20role%3D{role}"


def tamper(url: str, *statements: str, guarded: bool = False) -> int:
    """Change rows as a superuser can."""
    names = {
        "records": f"jingxi.records_short_{DAY}",
        "streams": "jingxi.streams",
        "checkpoints": "jingxi.checkpoints",
    }
    with psycopg.connect(url) as connection:
        if not guarded:
            connection.execute("SET session_replication_role = replica")
        for statement in statements:
            met = connection.execute(statement.format(**names)).rowcount
    return met


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def url(self, database: str) -> str:
        install(database)
        return database

    @pytest.fixture
    def writer(self, url: str) -> Iterator[Writer]:
        writer = open_writer(as_role(url, ROLES["writer"]))
        yield writer
        writer.close()

    @pytest.fixture
    def reader(self, url: str) -> Iterator[Reader]:
        reader = open_reader(as_role(url, ROLES["auditor"]))
        yield reader
        reader.close()

    @pytest.fixture
    def maintainer(self, url: str) -> Iterator[Maintainer]:
        maintainer = open_maintainer(as_role(url, ROLES["maintainer"]))
        yield maintainer
        maintainer.close()

    def condition(self, name: str, operator: str, value: object) -> Sql:
        return Sql(f"{name} {operator} %(p0)s", {"p0": value})

    def tamper(self, url: str, *statements: str, guarded: bool = False) -> int:
        return tamper(url, *statements, guarded=guarded)

    # Rights

    @pytest.mark.parametrize("role", ROLES.values())
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE {records} SET severity = 0",
            "UPDATE jingxi.records SET severity = 0",
            "DELETE FROM {records}",
            "DELETE FROM jingxi.records",
            "TRUNCATE {records}",
            "TRUNCATE jingxi.records",
            "DROP TABLE {records}",
            "ALTER TABLE jingxi.records DETACH PARTITION {records}",
            "ALTER TABLE {records} DISABLE TRIGGER ALL",
            "UPDATE jingxi.checkpoints SET signed = ''",
            "DELETE FROM jingxi.checkpoints",
            "UPDATE jingxi.bundles SET signed = ''",
            "DELETE FROM jingxi.streams",
            "UPDATE jingxi.streams SET dropped_at = 1",
            "UPDATE jingxi.streams SET node = 'n2'",
            "SELECT jingxi.create_part('short', 1, 'jingxi_auditor', 'jingxi_auditor', 'jingxi_auditor')",
            "CREATE TABLE jingxi.more (a int)",
        ],
    )
    def test_nobody_changes_what_is_recorded(self, url: str, writer: Writer, role: str, statement: str) -> None:
        fill(writer, key(), [decision(0)])
        with psycopg.connect(as_role(url, role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.format(records=f"jingxi.records_short_{DAY}"))

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE {records} SET severity = 0",
            "DELETE FROM {records} WHERE false",
            "DELETE FROM jingxi.records",
            "TRUNCATE {records}",
            "UPDATE {checkpoints} SET signed = ''",
            "DELETE FROM {checkpoints}",
            "TRUNCATE {checkpoints}",
            "DELETE FROM {streams}",
            "UPDATE {streams} SET count = count - 1",
            "UPDATE {streams} SET node = 'n2'",
        ],
    )
    def test_not_even_the_owner(self, url: str, writer: Writer, statement: str) -> None:
        seal(writer, fill(writer, key(), [decision(0)]))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never"):
            tamper(url, statement, guarded=True)

    def test_a_closed_stream_is_not_opened_again(self, url: str, writer: Writer) -> None:
        seal(writer, fill(writer, key(), [decision(0)]))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a stream never goes back"):
            tamper(url, "UPDATE {streams} SET closed = false", guarded=True)

    def test_an_auditor_reads_and_no_more(self, url: str, writer: Writer, reader: Reader) -> None:
        stream = fill(writer, key(), [decision(0)])
        as_auditor = as_role(url, ROLES["auditor"])
        auditor = open_writer(as_auditor)
        assert auditor.state(key()) is not None
        records = stream.add([decision(1)])
        with pytest.raises(StoreError, match="permission denied"):
            auditor.take(records, [stream.state])
        with pytest.raises(StoreError, match="permission denied"):
            auditor.add_checkpoint("n1", 1, checkpoint("n1", 1, []))
        with pytest.raises(StoreError, match="permission denied"):
            auditor.add_bundle("ab", 1, b"x")
        auditor.close()
        other = open_maintainer(as_auditor)
        with pytest.raises(StoreError, match="permission denied"):
            other.add_hold(Hold("a", 1, 2, "r", "b", 3))
        other.close()
        assert ids(pages(reader)) == ["d0"]

    def test_a_writer_drops_nothing(self, url: str, writer: Writer, reader: Reader) -> None:
        seal(writer, fill(writer, key(), [decision(0)]))
        with (
            psycopg.connect(as_role(url, ROLES["writer"])) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("SELECT jingxi.drop_part('short', %s, 'me', 1)", (DAY,))
        assert ids(pages(reader)) == ["d0"]

    def test_the_database_itself_keeps_what_is_held_or_open(
        self, url: str, writer: Writer, maintainer: Maintainer
    ) -> None:
        stream = fill(writer, key(), [decision(0)])
        with psycopg.connect(as_role(url, ROLES["maintainer"]), autocommit=True) as connection:
            with pytest.raises(psycopg.errors.RaiseException, match="not closed by a checkpoint"):
                connection.execute("SELECT jingxi.drop_part('short', %s, 'me', 1)", (DAY,))
            seal(writer, stream)
            maintainer.add_hold(Hold("a", DAY, DAY, "r", "b", 3))
            with pytest.raises(psycopg.errors.RaiseException, match="under a hold"):
                connection.execute("SELECT jingxi.drop_part('short', %s, 'me', 1)", (DAY,))

    def test_a_reader_changes_nothing_whatever_its_rights(self, url: str, writer: Writer) -> None:
        fill(writer, key(), [decision(0)])
        reader = open_reader(url)
        with pytest.raises(StoreError):
            reader.select(Sql("(SELECT set_config('a.b', 'c', false)) IS NULL) ); DROP SCHEMA jingxi CASCADE; --", {}),
                          after=None, oldest_first=False, limit=1)  # fmt: skip
        with pytest.raises(StoreError, match="read-only transaction"):
            reader.count(Sql("jingxi.ensure_part('long', 5) IS NULL", {}), exact=True)
        assert ids(pages(reader)) == ["d0"]
        reader.close()

    # Partitions

    def test_many_create_the_same_partitions_at_once(self, url: str, reader: Reader) -> None:
        def run(number: int) -> None:
            writer = open_writer(as_role(url, ROLES["writer"]))
            for day in range(DAY, DAY + 6):
                fill(writer, key(f"n{number}", day=day), [decision(0, day=day)])
            writer.close()

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(run, range(6)))
        assert reader.count(None, exact=True) == (36, True)

    def test_each_day_and_class_has_its_table(self, url: str, writer: Writer) -> None:
        fill(writer, key(retention="long"), [decision(0)])
        fill(writer, key(day=DAY + 1), [decision(0)])
        with psycopg.connect(url) as connection:
            query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'jingxi.records'::regclass"
            found = sorted(name for (name,) in connection.execute(query))
        assert found == [f"jingxi.records_long_{DAY}", f"jingxi.records_short_{DAY + 1}"]

    def test_long_records_are_compressed_the_fast_way(self, url: str, writer: Writer, reader: Reader) -> None:
        """A store of before, too, once it is brought up to date; a server without it keeps its own way."""
        before = (
            "CREATE OR REPLACE FUNCTION jingxi.create_part(in_retention text, in_day integer, writer text, "
            "auditor text, maintainer text) RETURNS void LANGUAGE sql AS 'SELECT'"
        )
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(before)
            connection.execute("UPDATE jingxi.version SET version = 1")
            install(url)
            found = connection.execute("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'")
            offered = found.fetchone()
        body = decision(1, subject="T" * 5_000)
        fill(writer, key(), [body])
        with psycopg.connect(url) as connection:
            text = (
                "SELECT attname, attcompression FROM pg_attribute WHERE attrelid = %s::regclass AND attname = ANY(%s)"
            )
            rows = connection.execute(text, (f"jingxi.records_short_{DAY}", ["facts", "body"])).fetchall()
        kind = "l" if offered and "lz4" in offered[0] else ""
        assert sorted(rows) == [("body", kind), ("facts", kind)]
        assert [record.body for record in reader.records(key())] == [body]

    def test_installing_again_gives_other_roles_their_rights(self, url: str, writer: Writer) -> None:
        stream = fill(writer, key(), [decision(0)])
        # Roles belong to the whole server, so they need names of their own here.
        names = {kind: f"{name}_{url.partition('?')[0].rpartition('/')[2]}" for kind, name in ROLES.items()}
        install(url, **names)
        install(url, **names)
        second = open_writer(as_role(url, names["writer"]))
        second.take(stream.add([decision(1)]), [stream.state])
        second.close()
        reader = open_reader(as_role(url, names["auditor"]))
        assert ids(pages(reader)) == ["d1", "d0"]
        reader.close()
        with psycopg.connect(url, autocommit=True) as connection:
            for name in names.values():
                connection.execute(f"DROP OWNED BY {name}")
                connection.execute(f"DROP ROLE {name}")

    def test_the_indexes_are_used(self, url: str, writer: Writer, reader: Reader) -> None:
        stream = Stream(key())
        bodies = [decision(n, subject=f"T{n % 500}", severity=3 * (n % 100 == 0)) for n in range(20_000)]
        records = stream.add(bodies)
        writer.take(records, [stream.state])
        last = pages(reader, limit=300)[200].place
        with psycopg.connect(url) as connection:
            connection.execute("ANALYZE")
        for where, index in (
            (None, "time"),
            (Sql("subject_id = %(p0)s", {"p0": "T77"}), "subject"),
            (Sql("resource_key = %(p0)s", {"p0": "07" * 16}), "resource"),
            (Sql("severity >= 2", {}), "flagged"),
        ):
            plan = _plan(reader, where, last)
            assert f"records_short_{DAY}_{index}" in plan
            assert "Seq Scan on records" not in plan

    def test_a_page_by_marks_ends_once_it_is_full(self, url: str, writer: Writer, reader: Reader) -> None:
        stream = Stream(key())
        records = stream.add([decision(n) for n in range(5_000)])
        writer.take(records, [stream.state])
        last = pages(reader, limit=300)[200].place
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        node = compile_filter('action.name == "query"', Schema(), 0)
        assert node is not None
        where = where_postgres.PostgresWriter().sql(node)
        assert where.marked
        plan = _plan(reader, where, last)
        assert f"Index Only Scan Backward using records_short_{DAY}_time" in plan
        assert "Incremental Sort" in plan
        assert "  ->  Sort" not in plan, "it would sort all that match"
        assert len(reader.select(where, after=last, oldest_first=False, limit=20)) == 20

    # A server that goes away

    def test_a_server_killed_in_the_middle_of_take(
        self, url: str, postgres: Postgres, writer: Writer, reader: Reader
    ) -> None:
        stream = fill(writer, key(), [decision(0)])
        before = stream.state
        records = stream.add([decision(number) for number in range(1, 3_001)])
        other = psycopg.connect(url)
        with contextlib.closing(other), ThreadPoolExecutor(1) as threads:
            # It waits here when all records are copied and their watermark is set.
            other.execute("LOCK TABLE jingxi.parts IN EXCLUSIVE MODE")
            taking = threads.submit(writer.take, records, [stream.state])
            _wait_until_blocked(other)
            with postgres.killed():
                with pytest.raises(StoreError):
                    taking.result(60)
                with pytest.raises(StoreError):
                    writer.take(records, [stream.state])
                with pytest.raises(StoreError):
                    reader.streams()
        assert reader.streams() == [before]
        assert writer.states("n1") == {key(): before}
        writer.take(records, [stream.state])
        assert [record.sequence for record in reader.records(key())] == list(range(3_001))

    def test_a_session_that_is_ended(self, url: str, writer: Writer, reader: Reader) -> None:
        stream = fill(writer, key(), [decision(0)])
        records = stream.add([decision(1)])
        assert reader.find("d0") is not None
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'jingxi %'"
            )
        # Who writes is told, for what was written may be there or not; who reads asks again.
        with pytest.raises(StoreError):
            writer.take(records, [stream.state])
        assert reader.find("d0") is not None
        writer.take(records, [stream.state])
        assert reader.find("d1") is not None

    def test_readers_that_were_all_connected_when_the_server_went_down(
        self, postgres: Postgres, writer: Writer, reader: Reader
    ) -> None:
        fill(writer, key(), [decision(0)])
        together = threading.Barrier(3)

        def ask(_: int) -> bool:
            together.wait(30)
            return reader.find("d0") is not None and reader.count(None, exact=False) == (1, True)

        with ThreadPoolExecutor(3) as pool:
            assert all(pool.map(ask, range(3)))
            with postgres.killed(), pytest.raises(StoreError):
                reader.streams()
            # Each of the connections is dead, and no question fails by it.
            assert all(pool.map(ask, range(3)))
            assert next(iter(reader.records(key()))).columns["id"] == "d0"

    def test_a_partition_dropped_under_a_reader(self, writer: Writer, reader: Reader, maintainer: Maintainer) -> None:
        stream = fill(writer, key(), [decision(number) for number in range(2_500)])
        seal(writer, stream)
        rows = reader.records(key())
        assert next(rows).sequence == 0
        maintainer.drop("short", DAY)
        assert len(list(rows)) == 999  # what it had asked for already

    def test_a_question_that_takes_too_long_is_given_up(self, url: str, writer: Writer) -> None:
        fill(writer, key(), [decision(0)])
        reader = PostgresReader(url, seconds=0.01)
        with pytest.raises(StoreError, match="takes too long for the store; narrow it"):
            reader.select(Sql("pg_sleep(60) IS NULL", {}), after=None, oldest_first=False, limit=1)
        assert len(reader.streams()) == 1
        reader.close()

    # Opening

    def test_a_database_without_the_schema(self, database: str) -> None:
        for opened in (open_writer(database), open_reader(database), open_maintainer(database)):
            with pytest.raises(StoreError, match="run `pdp snapshot init-store`"):
                opened.states("n1") if hasattr(opened, "states") else (
                    opened.streams() if hasattr(opened, "streams") else opened.parts()
                )
            opened.close()

    def test_a_store_of_a_newer_program(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE jingxi.version SET version = 99")
        with pytest.raises(StoreError, match=r"has version 99 .* update the program"):
            install(url)

    def test_a_database_in_another_encoding(self, postgres: Postgres) -> None:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
        with pytest.raises(StoreError, match="UTF-8"):
            install(postgres.url("latin"))

    @pytest.mark.parametrize("url", ["postgresql://[", "postgresql://h/d?no_such=1"])
    def test_urls_that_cannot_be_read(self, url: str) -> None:
        for opening in (open_writer, open_reader, open_maintainer):
            with pytest.raises(ConfigError, match="URL cannot be read"):
                opening(url)

    def test_a_server_that_is_not_there_and_no_password_told(self, tmp_path: Path) -> None:
        writer = open_writer(f"postgresql://u:hunter2@/d?host={tmp_path}")
        with pytest.raises(StoreError, match="the store fails") as caught:
            writer.states("n1")
        assert "hunter2" not in str(caught.value)

    def test_without_the_extra(self) -> None:
        code = (
            "import sys; sys.modules['psycopg'] = None\n"
            "from pdp.errors import ConfigError\n"
            "from pdp.snapshot.store import open_writer\n"
            "try: open_writer('postgresql://h/d')\n"
            "except ConfigError as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert "jingxi[postgres]" in done.stdout


def _plan(reader: Reader, where: Sql | None, after: tuple[int, str, str, str, int, int]) -> str:
    assert isinstance(reader, PostgresReader)
    with reader._at_once() as connection:
        asked: list[str] = []
        real = type(connection).execute

        def spy(self: object, query: str, parameters: object = None, **options: object) -> object:
            if "ORDER BY r.time" in query:
                found = real(connection, f"EXPLAIN {query}", parameters)  # type: ignore[arg-type]
                asked.extend(row[0] for row in found)
            return real(connection, query, parameters, **options)  # type: ignore[arg-type]

        connection.execute = spy.__get__(connection)  # type: ignore[method-assign]
    # The connection is idle now, and so the next to be used.
    reader.select(where, after=after, oldest_first=False, limit=20)
    del connection.execute  # type: ignore[method-assign]
    return "\n".join(asked)


def _wait_until_blocked(connection: psycopg.Connection) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'jingxi shipper' AND wait_event_type = 'Lock'"
    )
    for _ in range(3_000):
        row = connection.execute(f"SELECT pg_stat_clear_snapshot(), ({waiting}), pg_sleep(0.01)").fetchone()
        if row is not None and row[1]:
            return
    pytest.fail("nobody waits")
