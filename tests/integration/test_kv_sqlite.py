"""The embedded key-value store: the contract, and what is its own."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from pdp.control.kv import open_store, sqlite_feed
from pdp.control.kv.base import Delete, Event, Put
from pdp.control.kv.sqlite import SqliteStore
from pdp.control.kv.sqlite_tables import PAGE_BYTES
from pdp.errors import ConfigError, ControlStoreError, LeaseEndedError
from tests.integration.kv_contract import KeyValueContract
from tests.integration.kv_steps import Child, Opener, add_one, opener, put, scenario, take


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control" / "control.db"


class FakeClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.life = "first"

    def now(self) -> int:
        return int(self.seconds * 10**9)

    def boot(self) -> str:
        return self.life


class TestSqliteStore(KeyValueContract):
    @pytest.fixture
    def open_store(self, path: Path) -> Opener:
        return opener(lambda: SqliteStore(path))

    @pytest.fixture
    def place(self, path: Path) -> list[str]:
        return ["sqlite", str(path), ""]


@scenario
async def test_a_url_names_the_file(path: Path) -> None:
    async with opener(lambda: open_store(f"sqlite:{path}"))() as store:
        assert await put(store, "a") == 2
    async with opener(lambda: SqliteStore(path))() as store:
        assert await store.revision() == 2


@pytest.mark.parametrize(
    "url",
    ["", "sqlite:control.db", "sqlite://host/control.db", "sqlite:/control.db?x=hunter2", "etcd://root:hunter2@h:1",
     "etcd://h", "etcd://h:1?x=hunter2", "redis://root:hunter2@h:1"],
)  # fmt: skip
def test_a_url_that_names_no_store_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)


@scenario
async def test_only_the_owner_may_look(path: Path) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        await put(store, "a")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@scenario
async def test_a_lease_ends_on_time_and_not_before(path: Path) -> None:
    clock = FakeClock()
    async with opener(lambda: SqliteStore(path, clock=clock))() as store:
        lease = await store.grant(10)
        head = await put(store, "a", b"", lease)
        clock.seconds += 9.999
        assert await store.renew(lease)
        clock.seconds += 9.999
        await put(store, "b")
        assert await store.get("a") is not None
        clock.seconds += 0.001
        async with aclosing(store.watch("a", head)) as events:
            # Nobody writes: the store looks by itself.
            assert (await anext(events))[0].value is None
        assert not await store.renew(lease)


@scenario
async def test_a_lease_that_ended_unnoticed_keeps_nothing_alive(path: Path) -> None:
    clock = FakeClock()
    async with opener(lambda: SqliteStore(path, clock=clock))() as store:
        lease = await store.grant(10)
        await put(store, "a", b"", lease)
    clock.seconds += 10
    async with opener(lambda: SqliteStore(path, clock=clock))() as store:
        with pytest.raises(LeaseEndedError):
            await store.commit([], [Put("b", b"", lease)])
        assert await store.get("a") is None


@scenario
@pytest.mark.parametrize("seconds", [5.0, 1_005.0, 50_000.0])
async def test_a_new_start_of_the_machine_grants_the_full_time_anew(path: Path, seconds: float) -> None:
    clock = FakeClock()
    async with opener(lambda: SqliteStore(path, clock=clock))() as store:
        lease = await store.grant(10)
        await put(store, "a", b"", lease)
    clock.seconds, clock.life = seconds, "second"
    async with opener(lambda: SqliteStore(path, clock=clock))() as store:
        # Both of the store's connections are there from here on.
        head = await put(store, "b")
        assert await store.revision() == head
        clock.seconds += 9.999
        await put(store, "b")
        assert await store.get("a") is not None
        clock.seconds += 0.001
        assert not await store.renew(lease)
        assert await store.get("a") is None


@scenario
async def test_changes_of_another_process_are_seen_without_file_events(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no more inotify watches")

    monkeypatch.setattr(sqlite_feed, "awatch", broken)
    async with opener(lambda: SqliteStore(path))() as store:
        head = await put(store, "n", b"0")
        async with aclosing(store.watch("n", head)) as events:
            waiting = asyncio.create_task(take(events, 10))
            async with Child.started("count", "sqlite", str(path), "", "10") as child:
                assert [event.value for event in await waiting] == [b"%d" % n for n in range(1, 11)]
                assert await child.line() == "done"


@scenario
async def test_file_events_alone_are_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_feed, "POLL_SECONDS", 3_600)
    monkeypatch.setattr(sqlite_feed, "SWEEP_SECONDS", 3_600)
    async with opener(lambda: SqliteStore(path))() as store:
        head = await put(store, "n", b"0")
        async with aclosing(store.watch("w/", head)) as events:
            waiting = asyncio.create_task(take(events, 20))
            # It goes on writing, for the events may not be listened to yet when it begins.
            async with Child.started("write", "sqlite", str(path), ""):
                assert [event.value for event in (await waiting)[:20]] == [b"%d" % n for n in range(1, 21)]


@scenario
async def test_what_a_killed_process_was_told_is_there(path: Path) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        head = await store.revision()
        for _ in range(3):
            async with Child.started("write", "sqlite", str(path), "") as child:
                told = [await child.line() for _ in range(30)][-1]
                child.process.kill()
                await child.process.wait()
                rest = (await child.process.stdout.read()).split() if child.process.stdout else []
            last = int(rest[-1] if rest else told)
            keys = [item.key for item in (await store.range("w/")).items]
            # One more may be there than it lived to tell.
            assert keys in ([f"w/{n:06}" for n in range(1, last + extra + 1)] for extra in (0, 1))
            async with aclosing(store.watch("w/", head)) as events:
                assert [event.key for event in await take(events, len(keys))] == keys
            while page := [item.key for item in (await store.range("w/", limit=100)).items]:
                head = (await store.commit([], [Delete(key) for key in page])).revision


@scenario
async def test_one_process_that_ends_takes_nothing_of_the_others(path: Path) -> None:
    # Who is last ends the WAL: a process that wrongly takes itself for the last loses the others' commits.
    async with opener(lambda: SqliteStore(path))() as store:
        for turn in range(1, 4):
            await add_one(store, "n")
            async with Child.started("count", "sqlite", str(path), "", "5") as child:
                assert await child.line() == "done"
                await child.process.wait()
            found = await store.get("n")
            assert found is not None
            assert found.value == b"%d" % (turn * 6)
    async with opener(lambda: SqliteStore(path))() as store:
        found = await store.get("n")
        assert found is not None
        assert found.value == b"18"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a writer, as a process does that hangs in its transaction."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


@scenario
async def test_a_store_that_somebody_holds_is_given_up_in_time(path: Path) -> None:
    clock = asyncio.get_running_loop().time
    async with opener(lambda: SqliteStore(path))() as store:
        head = await put(store, "a")
        async with opener(lambda: SqliteStore(path, timeout=0.5))() as hasty:
            with locked(path):
                begun = clock()
                for call in (hasty.commit([], [Put("b", b"")]), hasty.grant(5), hasty.compact(head), hasty.revoke(1)):
                    # Either gives up first: the database, or who waits for it.
                    with pytest.raises(ControlStoreError, match=r"locked|does not answer within 0\.5 s"):
                        await call
                assert clock() - begun < 30
                # Whoever only reads waits for nobody.
                assert await store.get("a") is not None
        assert (await store.commit([], [Put("b", b"")])).revision == head + 1


@scenario
async def test_a_store_that_somebody_opens_without_end_is_given_up_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with path.with_name("control.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with opener(lambda: SqliteStore(path, timeout=0.3))() as store:
            with pytest.raises(ControlStoreError, match=r"has had it locked|does not answer within 0\.3 s"):
                await store.get("a")
        for thread in threading.enumerate():
            if thread.name.startswith("kv-"):
                thread.join(30)
                assert not thread.is_alive()
    async with opener(lambda: SqliteStore(path))() as store:
        assert await put(store, "a") == 2


@scenario
async def test_a_disk_that_hangs_is_given_up_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    async with opener(lambda: SqliteStore(path))() as store:
        await put(store, "a")
        async with opener(lambda: SqliteStore(path, timeout=0.3))() as hung:
            tables = hung._writer._tables  # type: ignore[attr-defined]
            monkeypatch.setattr(tables, "grant", lambda _: release.wait(60))
            try:
                for call in (hung.grant(5), hung.commit([], [Put("b", b"")])):
                    with pytest.raises(ControlStoreError, match=r"does not answer within 0\.3 s"):
                        await call
            finally:
                release.set()
        # What was given up while it waited never happens.
        assert await store.get("b") is None


@scenario
async def test_a_damaged_file_is_told_and_a_mended_one_used(path: Path) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        await put(store, "secret", b"hunter2")
    good = path.with_name("good")
    await asyncio.to_thread(path.rename, good)
    await asyncio.to_thread(path.write_bytes, b"x" * 8_192)
    async with opener(lambda: SqliteStore(path))() as store:
        for _ in range(2):
            with pytest.raises(ControlStoreError, match=r"control\.db` fails: file is not a database"):
                await store.get("secret")
        with pytest.raises(ControlStoreError):
            await anext(store.watch("", 0))
        # By renaming: the store must never see half a file.
        await asyncio.to_thread(good.rename, path)
        assert await store.get("secret") is not None


@scenario
async def test_a_watch_is_told_when_the_store_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        head = await put(store, "a")
        async with aclosing(store.watch("a", head)) as events:
            waiting = asyncio.create_task(anext(events))
            await asyncio.wait({waiting}, timeout=0.1)

            def fails() -> bool:
                raise ControlStoreError("the disk is gone")

            tables = store._reader._tables  # type: ignore[attr-defined]
            with monkeypatch.context() as broken:
                broken.setattr(tables, "is_changed", fails)
                with pytest.raises(ControlStoreError, match="the disk is gone"):
                    await waiting
        async with aclosing(store.watch("a", head)) as events:
            assert (await put(store, "a", b"1"), "a", b"1") == (await anext(events))[0]


@scenario
async def test_a_slow_watch_keeps_little_in_memory(path: Path) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        head = await store.revision()
        for number in range(40):
            await put(store, f"k{number:02}", bytes(1_000_000))
        async with aclosing(store.watch("", head)) as events:
            await anext(events)
            tables = store._reader._tables  # type: ignore[attr-defined]
            batch = await store._reader.ask(lambda _: tables.changes("", head))  # type: ignore[attr-defined]
            size = sum(len(event.value or b"") for events in batch.revisions for event in events)
            assert PAGE_BYTES <= size < PAGE_BYTES + 1_500_000
            assert len(await take(events, 39)) == 39


@scenario
async def test_compaction_removes_what_nobody_may_read(path: Path) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        for number in range(700):
            await put(store, f"k{number % 7}", b"%d" % number)
        await store.commit([], [Delete(f"k{n}") for n in range(3)])
        head = await put(store, "last")
        await store.compact(head - 1)
        rows = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            found = rows.execute("SELECT key FROM history ORDER BY key").fetchall()
        finally:
            rows.close()
        assert [key for (key,) in found] == ["k3", "k4", "k5", "k6", "last"]
        async with aclosing(store.watch("", head - 1)) as events:
            assert await take(events, 1) == [Event(head, "last", b"")]


@scenario
async def test_writing_waits_for_the_disk(path: Path) -> None:
    async with opener(lambda: SqliteStore(path))() as store:
        await put(store, "a")
        for worker in (store._writer, store._reader):  # type: ignore[attr-defined]
            pragmas = await worker.ask(
                lambda tables: [
                    tables._connection().execute(f"PRAGMA {name}").fetchone()[0]
                    for name in ("journal_mode", "synchronous")
                ]
            )
            assert pragmas == ["wal", 2]


@scenario
async def test_several_open_a_new_store_at_once(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(8)]
    try:
        revisions = await asyncio.gather(*(put(store, f"k{n}") for n, store in enumerate(stores)))
        assert sorted(revisions) == list(itertools.islice(itertools.count(2), 8))
    finally:
        for store in stores:
            await store.close()
