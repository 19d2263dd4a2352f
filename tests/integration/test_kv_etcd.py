"""The key-value store in etcd: the contract, and what is its own."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.control.kv import open_store
from pdp.control.kv.base import Event, KeyValueStore, Put, Unchanged
from pdp.control.kv.etcd import EtcdStore
from pdp.control.kv.tls import EtcdTls
from pdp.errors import CompactedError, ConfigError, ControlStoreError
from tests.integration.etcd import Etcd, etcd, etcd_tls
from tests.integration.kv_contract import KeyValueContract
from tests.integration.kv_steps import Opener, opener, put, scenario, take
from tests.integration.pki import Authority

__all__ = ["etcd", "etcd_tls"]

SECONDS = 2.0
"""How long a call may take in these tests; an answer after twice that, on a busy machine, was still bounded."""
BOUND = 20


@pytest.fixture
def namespace() -> str:
    return f"/{uuid.uuid4().hex}/"


@pytest.fixture
def make(etcd: Etcd, namespace: str) -> Callable[[], EtcdStore]:
    return lambda: EtcdStore(etcd.urls, namespace=namespace, timeout=SECONDS)


class TestEtcdStore(KeyValueContract):
    @pytest.fixture
    def open_store(self, etcd: Etcd, namespace: str) -> Opener:
        return opener(lambda: EtcdStore(etcd.urls, namespace=namespace))

    @pytest.fixture
    def place(self, etcd: Etcd, namespace: str) -> list[str]:
        return ["etcd", ",".join(etcd.urls), namespace]


async def insist(store: KeyValueStore, key: str, value: bytes) -> int | None:
    """Write until it is there; return the revision if it was acknowledged at once."""
    with contextlib.suppress(ControlStoreError):
        return await put(store, key, value)
    while True:
        with contextlib.suppress(ControlStoreError):
            found = await store.get(key)
            if found is not None and found.value == value:
                return None
            condition = Unchanged(key, found.modified if found else 0)
            if (await store.commit([condition], [Put(key, value)])).succeeded:
                return None


async def follow(store: KeyValueStore, after: int, last: bytes) -> list[Event]:
    """Follow a watch up to a value, beginning again where it was whenever it ends."""
    seen: list[Event] = []
    while True:
        with contextlib.suppress(ControlStoreError):
            async with aclosing(store.watch("", after)) as events:
                async for one in events:
                    seen.extend(one)
                    after = one[0].revision
                    if one[-1].value == last:
                        return seen


@scenario
async def test_the_leader_is_killed_and_nothing_is_lost(etcd: Etcd, make: Callable[[], EtcdStore]) -> None:
    async with opener(make)() as writer, opener(make)() as reader:
        head = await writer.revision()
        following = asyncio.create_task(follow(reader, head, b"59"))
        lease = await writer.grant(30)
        leader = await asyncio.to_thread(etcd.leader)
        acknowledged: dict[int, bytes] = {}
        with contextlib.ExitStack() as stack:
            for number in range(60):
                if number == 20:
                    await asyncio.to_thread(stack.enter_context, etcd.killed(leader))
                revision = await insist(writer, f"k{number}", b"%d" % number)
                if revision is not None:
                    acknowledged[revision] = b"%d" % number
            seen = await following
            assert await writer.renew(lease)
            await asyncio.to_thread(stack.close)
        assert len(acknowledged) >= 20
        told = {event.revision: event.value for event in seen}
        assert {revision: told.get(revision) for revision in acknowledged} == acknowledged
        assert list(told) == sorted(told)
        # Each once: a write whose outcome nobody knew was looked for before it was made again.
        assert [event.value for event in seen] == [b"%d" % number for number in range(60)]


async def every_call_is_given_up(store: KeyValueStore, *others: Coroutine[Any, Any, object]) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    calls = (
        store.get("a"), store.range(""), store.revision(), store.grant(5), store.commit([], [Put("a", b"hunter2")]),
        store.commit([], []), store.revoke(1), store.compact(1), *others,
    )  # fmt: skip
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert clock() - begun < BOUND
    assert [type(error) for error in errors] == [ControlStoreError] * len(calls)
    assert "hunter2" not in str(errors)


@scenario
async def test_without_a_majority_every_call_is_given_up_in_time(etcd: Etcd, make: Callable[[], EtcdStore]) -> None:
    async with opener(make)() as store:
        before = await put(store, "a", b"before")
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, etcd.killed(*etcd.members[1:]))
            await every_call_is_given_up(store)
            await asyncio.to_thread(stack.close)
        # Back again with the same connections; what was given up may have happened, but never twice.
        found = await store.get("a")
        assert found is not None
        assert found.version <= 2
        assert await store.revision() >= before


@scenario
async def test_with_all_members_paused_every_call_is_given_up_in_time(
    etcd: Etcd, make: Callable[[], EtcdStore]
) -> None:
    async with opener(make)() as store:
        await put(store, "a", b"before")
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, etcd.paused(*etcd.members))
            await every_call_is_given_up(store, store.renew(1), take(store.watch("", 0), 1))
            await asyncio.to_thread(stack.close)
        assert await store.get("a") is not None


@scenario
async def test_a_member_that_hangs_is_left_for_another(etcd: Etcd, make: Callable[[], EtcdStore]) -> None:
    async with opener(make)() as store:
        await put(store, "a", b"0")
        leader = await asyncio.to_thread(etcd.leader)
        for member in etcd.members:
            if member is leader:
                continue
            with contextlib.ExitStack() as stack:
                await asyncio.to_thread(stack.enter_context, etcd.paused(member))
                # Reads go on by themselves; a write that hung is not made twice, so its caller hears of it, once.
                assert await store.get("a") is not None
                assert await store.renew(await store.grant(30))
                await insist(store, "a", member.name.encode())
                await put(store, "b")
                assert await insist(store, "c", b"") is not None
                await asyncio.to_thread(stack.close)


@scenario
async def test_a_watch_on_a_member_that_is_cut_off_ends(etcd: Etcd, make: Callable[[], EtcdStore]) -> None:
    leader = await asyncio.to_thread(etcd.leader)
    alone, *others = sorted(etcd.members, key=lambda member: member is leader)
    async with opener(lambda: EtcdStore([alone.url], timeout=SECONDS))() as store:
        head = await store.revision()
        waiting = asyncio.create_task(anext(store.watch("", head)))
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, etcd.killed(*others))
            with pytest.raises(ControlStoreError):
                await waiting
            await asyncio.to_thread(stack.close)


@scenario
async def test_a_restart_of_the_whole_cluster_is_survived(etcd: Etcd, make: Callable[[], EtcdStore]) -> None:
    async with opener(make)() as store:
        head = await put(store, "a", b"1")
        lease = await store.grant(60)
        kept = await put(store, "b", b"2", lease)
        waiting = asyncio.create_task(anext(store.watch("", kept)))
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, etcd.killed(*etcd.members))
            with pytest.raises(ControlStoreError):
                await waiting
            await asyncio.to_thread(stack.close)
        assert [item.value for item in (await store.range("")).items] == [b"1", b"2"]
        assert await store.renew(lease)
        async with aclosing(store.watch("", head)) as events:
            assert await take(events, 1) == [Event(kept, "b", b"2")]


@scenario
async def test_others_keys_are_neither_seen_nor_touched(etcd: Etcd, namespace: str) -> None:
    def make(name: str) -> Opener:
        return opener(lambda: EtcdStore(etcd.urls, namespace=name))

    async with (
        make(namespace)() as mine,
        make(namespace[:-1] + "0")() as next_door,
        make(namespace + "in/")() as inside,
    ):
        head = await put(next_door, "a", b"theirs")
        assert await mine.get("a") is None
        assert await mine.commit([Unchanged("a", 0)], [Put("a", b"mine")]) == (True, head + 1)
        await put(next_door, "b")
        last = await put(inside, "c", b"within")
        assert [(item.key, item.value) for item in (await mine.range("")).items] == [
            ("a", b"mine"),
            ("in/c", b"within"),
        ]
        async with aclosing(mine.watch("", head - 1)) as events:
            assert await take(events, 2) == [Event(head + 1, "a", b"mine"), Event(last, "in/c", b"within")]


@scenario
async def test_watches_leave_nothing_behind(make: Callable[[], EtcdStore]) -> None:
    store = make()
    head = await put(store, "a")
    for _ in range(20):
        async with aclosing(store.watch("", head - 1)) as events:
            await anext(events)
    assert not store._watches
    await store.compact(head)
    with pytest.raises(CompactedError):
        await anext(store.watch("", head - 1))
    assert not store._watches
    await store.close()


def files(cluster: Etcd) -> EtcdTls:
    assert cluster.files is not None
    return EtcdTls(cluster.files.ca, cluster.files.certificate, cluster.files.key)


@scenario
async def test_both_sides_show_certificates(etcd_tls: Etcd) -> None:
    async with opener(lambda: EtcdStore(etcd_tls.urls, tls=files(etcd_tls)))() as store:
        head = await put(store, "a", b"1")
        async with aclosing(store.watch("", head - 1)) as events:
            assert await take(events, 1) == [Event(head, "a", b"1")]
        assert await store.renew(await store.grant(5))


@scenario
async def test_a_certificate_that_the_other_side_does_not_know_is_refused(etcd_tls: Etcd, tmp_path: Path) -> None:
    known, stranger = files(etcd_tls), Authority.make("stranger")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(stranger.pem)
    certificate, key = stranger.issue("pdp").write(tmp_path, "client")
    for tls in (EtcdTls(ca, known.certificate, known.key), EtcdTls(known.ca, certificate, key)):
        async with opener(lambda tls=tls: EtcdStore(etcd_tls.urls, tls=tls, timeout=SECONDS))() as store:  # type: ignore[misc]
            with pytest.raises(ControlStoreError, match="certificate"):
                await store.get("a")


@scenario
async def test_certificates_that_are_renewed_count_without_a_new_start(etcd_tls: Etcd, tmp_path: Path) -> None:
    good, stranger = files(etcd_tls), Authority.make("stranger")
    mine = EtcdTls(tmp_path / "ca.crt", tmp_path / "client.crt", tmp_path / "client.key")
    stranger.issue("pdp").write(tmp_path, "client")
    mine.ca.write_bytes(good.ca.read_bytes())
    async with opener(lambda: EtcdStore(etcd_tls.urls, tls=mine, timeout=SECONDS))() as store:
        with pytest.raises(ControlStoreError, match="certificate"):
            await store.get("a")
        # One file after the other, as a script renews them.
        mine.key.write_bytes(good.key.read_bytes())
        with pytest.raises(ControlStoreError):
            await store.get("a")
        mine.certificate.write_bytes(good.certificate.read_bytes())
        await insist(store, "a", b"1")
        # A certificate that is broken later changes nothing for connections that stand.
        mine.certificate.write_bytes(b"")
        assert (await store.get("a")) is not None


@scenario
async def test_a_watch_ends_as_one_that_failed_when_its_certificate_was_renewed(etcd_tls: Etcd, tmp_path: Path) -> None:
    """Not as one that was cancelled: whoever follows the store would end with it."""
    good = files(etcd_tls)
    mine = EtcdTls(good.ca, tmp_path / "client.crt", tmp_path / "client.key")
    mine.certificate.write_bytes(good.certificate.read_bytes())
    mine.key.write_bytes(good.key.read_bytes())
    async with opener(lambda: EtcdStore(etcd_tls.urls, tls=mine, timeout=SECONDS))() as store:
        head = await put(store, "a", b"1")
        async with aclosing(store.watch("", head - 1)) as events:
            assert await take(events, 1) == [Event(head, "a", b"1")]
            following = asyncio.ensure_future(anext(events))
            with etcd_tls.killed(*etcd_tls.members):
                with pytest.raises(ControlStoreError):
                    await following
                mine.certificate.write_bytes(mine.certificate.read_bytes() + b"\n")
                with pytest.raises(ControlStoreError):
                    await store.get("a")
        await insist(store, "a", b"2")


def test_what_cannot_be_reached_is_a_wrong_setting(tmp_path: Path) -> None:
    tls = EtcdTls(tmp_path / "ca.crt", tmp_path / "client.crt", tmp_path / "client.key")
    for urls in (
        [], ["etcd1:2379"], ["http://etcd1"], ["https://etcd1:2379"], ["http://root:hunter2@etcd1:2379"],
        ["http://etcd1:2379/path"],
    ):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            EtcdStore(urls)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"cannot read `.*ca\.crt` for TLS"):
        EtcdStore(["https://etcd1:2379"], tls=tls)
    with pytest.raises(ConfigError, match="https"):
        EtcdStore(["http://etcd1:2379"], tls=tls)
    for namespace in ("", "x" * 129):
        with pytest.raises(ConfigError, match="prefix"):
            EtcdStore(["http://etcd1:2379"], namespace=namespace)


@scenario
async def test_a_url_names_the_cluster(etcd: Etcd, etcd_tls: Etcd, namespace: str) -> None:
    for cluster, tls in ((etcd, None), (etcd_tls, files(etcd_tls))):
        members = ",".join(member.address for member in cluster.members)
        named = opener(lambda members=members, tls=tls: open_store(f"etcd://{members}{namespace}", tls=tls))  # type: ignore[misc]
        known = opener(lambda cluster=cluster, tls=tls: EtcdStore(cluster.urls, tls=tls, namespace=namespace))  # type: ignore[misc]
        async with named() as one, known() as other:
            await put(one, "a", b"1")
            assert await other.get("a") == await one.get("a") is not None


@scenario
async def test_where_nobody_answers_it_is_said_in_time() -> None:
    async with opener(lambda: EtcdStore(["http://127.0.0.1:1"], timeout=0.5))() as store:
        with pytest.raises(ControlStoreError, match=r"`127\.0\.0\.1:1` within 0\.5 s"):
            await store.get("a")
        with pytest.raises(ControlStoreError):
            await anext(store.watch("", 0))
