"""The control store in a backup: real revisions, in SQLite and etcd, and back in either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pdp.control import layout
from pdp.control.kv import open_store
from pdp.control.kv.base import KeyValueStore, Put
from pdp.control.revisions import Revisions, Who
from pdp.errors import BackupError, RefusedError
from pdp.server.backup import control_side
from pdp.server.judge import PolicyJudge
from pdp.signing import NodeKey
from pdp.v1 import control_pb2, policy_service_pb2
from tests.integration.backed import Machine
from tests.integration.clustered import text
from tests.integration.etcd import Etcd, etcd
from tests.integration.running import POLICY

__all__ = ["etcd"]

T = TypeVar("T")


@pytest.fixture(params=["sqlite", "etcd"])
def control(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty control store; empty for the one in the data folder."""
    if request.param == "sqlite":
        return ""
    cluster: Etcd = request.getfixturevalue("etcd")
    return f"etcd://{','.join(member.address for member in cluster.members)}/{tmp_path.name}/"


@pytest.fixture
def machine(tmp_path: Path, control: str) -> Machine:
    found = Machine(tmp_path / "data", control=control)
    found.install()
    NodeKey.load_or_create(found.data / "keys" / "control")
    found.write(found.life(), 3)
    found.ship()
    return found


@pytest.fixture
def other(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "new")


def revising(machine: Machine, act: Callable[[Revisions], Coroutine[Any, Any, T]]) -> T:
    """Do something with a node's revisions."""
    key = NodeKey.load_or_create(machine.data / "keys" / "control")
    judge = PolicyJudge()

    async def do(store: KeyValueStore) -> T:
        return await act(Revisions(store, judge, key))

    found: T = machine.control_do(do)
    return found


def publish(machine: Machine, level: int) -> control_pb2.Revision:
    return revising(machine, lambda all_: all_.publish(text(POLICY.replace(">= 3", f">= {level}")), Who("me")))


def head(machine: Machine) -> control_pb2.Head:
    found = revising(machine, lambda all_: all_.published.head())
    assert found is not None
    return found


def test_what_is_in_force_comes_back_and_decides(machine: Machine, other: Machine, tmp_path: Path) -> None:
    publish(machine, 3)
    machine.backup(tmp_path / "b")
    second = publish(machine, 4)
    made = machine.backup(tmp_path / "b")
    assert 0 < made.counts["control_keys"] < len(machine.keys_held())
    restored = other.restored(tmp_path / "b")
    assert (restored.revision, restored.control_keys) == (second.number, len(machine.keys_held()))
    assert head(other) == head(machine)
    assert publish(other, 5).number == second.number + 1


def test_a_floor_lifts_what_is_in_force_above_what_nodes_have_seen(
    machine: Machine, other: Machine, tmp_path: Path
) -> None:
    first = publish(machine, 3)
    machine.backup(tmp_path / "b")
    restored = other.restored(tmp_path / "b", floor=17)
    assert restored.revision == 18
    assert head(other).bundle_hash == first.bundle_hash
    raised = revising(other, lambda all_: all_.published.revision(18))
    assert (raised.previous, raised.rollback_of, raised.steps[0].actor) == (first.number, first.number, "restore")
    assert publish(other, 4).number == 19


def test_a_running_rollout_ends_with_a_floor(machine: Machine, other: Machine, tmp_path: Path) -> None:
    publish(machine, 3)

    async def begin(revisions: Revisions) -> object:
        draft = await revisions.save_draft("d", 0, text(POLICY.replace(">= 3", ">= 4")), Who("me"))
        handed = await revisions.submit_draft("d", draft.version, Who("me"))
        canary = policy_service_pb2.Canary(labels={"ring": "canary"})
        return await revisions.publish_draft("d", handed.draft.version, Who("me"), canary)

    revising(machine, begin)
    machine.backup(tmp_path / "b")
    with pytest.raises(BackupError, match="has revision 3 already"):
        Machine(tmp_path / "low").restored(tmp_path / "b", floor=2)
    restored = other.restored(tmp_path / "b", floor=3)
    assert restored.revision == 4
    rollout = revising(other, lambda all_: all_.published.rollout())
    assert rollout is not None
    assert rollout.state == control_pb2.ROLLOUT_STATE_STOPPED


def test_a_revision_of_somebody_whom_nobody_trusts_is_refused(machine: Machine, tmp_path: Path) -> None:
    publish(machine, 3)
    stranger = NodeKey.load_or_create(tmp_path / "stranger")
    revision = revising(machine, lambda all_: all_.published.revision(1))
    revision.key_id, revision.signature = stranger.id, stranger.sign(b"something else")

    async def forge(store: KeyValueStore) -> object:
        return await store.commit([], [Put(layout.revision_key(1), revision.SerializeToString())])

    machine.control_do(forge)
    machine.backup(tmp_path / "b")
    with pytest.raises(RefusedError, match="does not trust"):
        Machine(tmp_path / "new").restored(tmp_path / "b")


def test_what_hangs_on_a_lease_is_not_kept(machine: Machine, other: Machine, tmp_path: Path) -> None:
    async def live(store: KeyValueStore) -> object:
        lease = await store.grant(600)
        changes = [Put("nodes/n1", b"alive", lease), Put("drafts/x", b"1", lease), Put("known/n1", b"k")]
        return await store.commit([], changes)

    machine.control_do(live)
    machine.backup(tmp_path / "b")
    other.restored(tmp_path / "b")
    assert other.keys_held() == {"known/n1": b"k"}


def test_many_and_large_keys_come_back_page_by_page(machine: Machine, other: Machine, tmp_path: Path) -> None:
    async def fill(store: KeyValueStore) -> None:
        for at in range(0, 2_400, 100):
            await store.commit([], [Put(f"drafts/{number:05d}", b"%d" % number) for number in range(at, at + 100)])
        for number in range(8):
            await store.commit([], [Put(f"blobs/{number:02d}", bytes([number]) * 1_400_000)])

    machine.control_do(fill)
    machine.backup(tmp_path / "b")
    assert other.restored(tmp_path / "b").control_keys == 2_408

    async def same(store: KeyValueStore) -> dict[str, str]:
        return (await control_side.copy(store, {}, lambda _key, _value: None)).digests

    assert other.control_do(same) == machine.control_do(same)


def test_a_copy_is_of_one_revision_whatever_is_written_meanwhile(machine: Machine) -> None:
    async def write_while_reading() -> None:
        store = open_store(machine.control)
        try:
            for at in range(0, 1_500, 100):
                await store.commit([], [Put(f"drafts/{number:05d}", b"old") for number in range(at, at + 100)])
            seen: dict[str, bytes] = {}
            writes: list[asyncio.Task[Any]] = []

            def take(key: str, value: bytes) -> None:
                seen[key] = value
                if len(seen) == 1:
                    # The last key is on the second page.
                    writes.append(asyncio.ensure_future(store.commit([], [Put("drafts/01499", b"new")])))

            held = await control_side.copy(store, {}, take)
            await asyncio.gather(*writes)
            assert held.revision < await store.revision()
            assert set(seen.values()) == {b"old"}
            assert len(seen) == 1_500
        finally:
            await store.close()

    asyncio.run(write_while_reading())


def test_a_store_in_use_is_not_written_to(tmp_path: Path) -> None:
    async def race() -> None:
        store = open_store(f"sqlite:{tmp_path}/control.db")
        try:
            wanted = {"a": control_side._digest(b"1")}
            writing = control_side.Restoring(store, wanted)
            await writing.put("a", b"1")
            await store.commit([], [Put("a", b"mine")])
            with pytest.raises(Exception, match="somebody else writes"):
                await writing.end()
            found = await store.get("a")
            assert found is not None
            assert found.value == b"mine"
        finally:
            await store.close()

    asyncio.run(race())
