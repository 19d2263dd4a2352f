"""What a node does, on any store: `test_node_sqlite.py` and `test_node_etcd.py` hold it to this."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pdp.control import applying, blobs, layout
from pdp.control.kv.base import Delete, KeyValueStore, Put
from pdp.control.node import Pace
from pdp.control.nodes import Nodes, View
from pdp.control.revisions import Revisions
from pdp.engine import bundle
from pdp.errors import NotFoundError, WrongStateError
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.server.judge import PolicyJudge
from pdp.signing import NodeKey
from pdp.v1 import cluster_service_pb2, control_pb2, policy_service_pb2
from tests.integration.kv_steps import Opener, scenario
from tests.integration.node_steps import PATIENCE, Life, desk, force, living
from tests.integration.revisions_steps import CANARY, EVA, text, unmet

Sabotage = Callable[[KeyValueStore, Life, bytes], Awaitable[str]]
"""Puts something wrong in force as revision 2, and returns its hash; the bytes are those of a sound bundle."""

STRANGER = NodeKey.of(Ed25519PrivateKey.from_private_bytes(bytes(32)))
LOST = cluster_service_pb2.NODE_HEALTH_LOST


async def _bad_signature(store: KeyValueStore, life: Life, sound: bytes) -> str:
    return await force(store, 2, sound, signature=bytes(64))


async def _unsigned(store: KeyValueStore, life: Life, sound: bytes) -> str:
    return await force(store, 2, sound, signature=b"")


async def _unknown_key(store: KeyValueStore, life: Life, sound: bytes) -> str:
    return await force(store, 2, sound, key=STRANGER)


async def _another_head(store: KeyValueStore, life: Life, sound: bytes) -> str:
    await force(store, 2, sound, said="0" * 64)
    return "0" * 64


async def _altered(store: KeyValueStore, life: Life, sound: bytes) -> str:
    digest = await force(store, 2, sound)
    first = await store.get(f"{layout.blob_prefix(digest)}0000")
    assert first is not None
    await store.commit([], [Put(first.key, first.value[:-9] + b"altered!!")])
    return digest


async def _gone(store: KeyValueStore, life: Life, sound: bytes) -> str:
    return await force(store, 2, None, digest=hashlib.sha256(b"nothing").hexdigest())


async def _garbage(store: KeyValueStore, life: Life, sound: bytes) -> str:
    return await force(store, 2, b"\xff\xff no bundle")


async def _wrong_scenario(store: KeyValueStore, life: Life, sound: bytes) -> str:
    policy_set, diagnostics = load_texts({file.path: file.text for file in unmet().files})
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None
    return await force(store, 2, bundle.build(resolved).bundle)


async def _refused_by_workers(store: KeyValueStore, life: Life, sound: bytes) -> str:
    life.deciding.refuses.add(2)
    return await force(store, 2, sound)


async def _no_disk(store: KeyValueStore, life: Life, sound: bytes) -> str:
    life.last_good.path.with_name(".bundle.new").mkdir()
    return await force(store, 2, sound)


REFUSED = {
    "bad_signature": _bad_signature,
    "bad_signature/unsigned": _unsigned,
    "unknown_key": _unknown_key,
    "wrong_hash": _another_head,
    "wrong_hash/altered": _altered,
    "unreadable": _gone,
    "does_not_compile": _garbage,
    "golden_case": _wrong_scenario,
    "worker_refused": _refused_by_workers,
    "not_kept": _no_disk,
}


async def sound_bundle(level: int) -> bytes:
    """Return the bundle of a text, past the store."""
    return (await PolicyJudge()(text(level), None)).bundle.bundle


async def publish(revisions: Revisions, level: int) -> control_pb2.Revision:
    return await revisions.publish(text(level), EVA)


async def begin_rollout(revisions: Revisions, level: int, canary: policy_service_pb2.Canary = CANARY) -> int:
    """Publish on the canary nodes first, and return the candidate's number."""
    draft = await revisions.save_draft("change", 0, text(level), EVA)
    handed = (await revisions.submit_draft("change", draft.version, EVA)).draft
    return int((await revisions.publish_draft("change", handed.version, EVA, canary)).revision.number)


@contextlib.asynccontextmanager
async def watching(store: KeyValueStore) -> AsyncIterator[Nodes]:
    nodes = Nodes(store)
    nodes.start()
    try:
        yield nodes
    finally:
        await nodes.stop()


async def seen(nodes: Nodes, holds: Callable[[View], bool]) -> View:
    """Return the view once something holds."""
    view = await nodes.look()
    async with asyncio.timeout(PATIENCE):
        while not holds(view):
            view = await nodes.next(view.number, 1.0)
    return view


def healths(view: View) -> dict[str, int]:
    return {node.status.node: node.health for node in view.nodes}


class NodeContract:
    """Tests that need `open_store`."""

    @scenario
    async def test_it_decides_by_what_is_in_force_and_says_so(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            # With a pace so slow, only the watch can bring it.
            life = Life(store, tmp_path, pace=Pace(poll=600, lease=10), zone="a")
            async with living(life), watching(store) as nodes:
                assert life.deciding.revision == 0
                view = await seen(nodes, lambda view: bool(view.nodes))
                assert healths(view) == {"n1": cluster_service_pb2.NODE_HEALTH_EMPTY}
                first = await publish(desk(store), 3)
                await life.decides_by(1)
                second = await publish(desk(store), 4)
                await life.decides_by(2)
                assert first.bundle_hash != second.bundle_hash
                view = await seen(nodes, lambda view: view.nodes[0].status.revision == 2)
                (node,) = view.nodes
                assert node.health == cluster_service_pb2.NODE_HEALTH_CURRENT
                assert node.status.bundle_hash == second.bundle_hash
                assert node.status.labels == {"zone": "a"}
                assert node.status.load.spooled == 2
                assert not node.status.refused_revision
                kept = life.last_good.read()
                assert kept == life.deciding.signed
                assert [details["revision"] for _, details in life.deciding.noted("node.applied")] == ["1", "2"]
            assert await store.get(layout.node_key("n1")) is None
            assert await store.get(layout.known_key("n1")) is not None

    @scenario
    async def test_a_watch_that_is_deaf_costs_no_more_than_a_look(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            life.wire.deaf = True
            async with living(life):
                await publish(desk(store), 3)
                await life.decides_by(1)
                await publish(desk(store), 4)
                await life.decides_by(2)

    @pytest.mark.parametrize("what", REFUSED)
    @scenario
    async def test_what_is_wrong_is_refused_and_the_last_good_one_goes_on(
        self, open_store: Opener, tmp_path: Path, what: str
    ) -> None:
        code = what.partition("/")[0]
        async with open_store() as store:
            life = Life(store, tmp_path)
            async with living(life), watching(store) as nodes:
                await publish(desk(store), 3)
                await life.decides_by(1)
                assert life.deciding.signed is not None
                sound = await sound_bundle(4)
                # Nothing of it is looked at while it is put in place.
                life.wire.cut = True
                digest = await REFUSED[what](store, life, sound)
                life.wire.cut = False
                await life.refuses(code)
                await life.wire.some_looks()
                assert life.deciding.revision == 1
                assert life.last_good.read() == life.deciding.signed
                assert life.deciding.refusals() == [code], "one alarm, however often it looks"
                view = await seen(nodes, lambda view: view.nodes[0].health == cluster_service_pb2.NODE_HEALTH_REFUSING)
                status = view.nodes[0].status
                assert (status.revision, status.refused_revision, status.refused_code) == (1, 2, code)
                assert status.refused_error
                assert status.bundle_hash == life.deciding.signed.hash != digest
                # What comes after counts again.
                life.deciding.refuses.clear()
                with contextlib.suppress(FileNotFoundError):
                    life.last_good.path.with_name(".bundle.new").rmdir()
                await force(store, 3, life.deciding.signed.bundle)
                await life.decides_by(3)
                await seen(nodes, lambda view: not view.nodes[0].status.refused_revision)

    @scenario
    async def test_a_bundle_may_be_too_large(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(applying, "MAX_BUNDLE", 100)
                async with living(life):
                    await publish(desk(store), 3)
                    await life.refuses("too_large")
                    assert life.deciding.revision == 0

    @scenario
    async def test_what_could_not_be_read_is_tried_again(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            async with living(life):
                await publish(desk(store), 3)
                await life.decides_by(1)
                revision = await desk(store).publish(text(4), EVA)
                await life.decides_by(2)
                bundle = (await desk(store).published.bundle(revision)).bundle
                digest = hashlib.sha256(bundle).hexdigest()
                keys = [item.key for item in (await store.range(layout.blob_prefix(digest))).items]
                life.wire.cut = True
                await store.commit([], [Delete(key) for key in keys])
                await force(store, 3, None, digest=digest)
                life.wire.cut = False
                await life.refuses("unreadable")
                await blobs.write(store, bundle)
                await life.decides_by(3)
                assert life.deciding.refusals() == ["unreadable"]

    @scenario
    async def test_no_revision_goes_back_also_over_restarts(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            first, life = Life(store, tmp_path), Life(store, tmp_path)
            async with living(first):
                await publish(desk(store), 3)
                await publish(desk(store), 4)
                await first.decides_by(2)
                revision = await desk(store).published.revision(1)
                back = control_pb2.Head(revision=1, bundle_hash=revision.bundle_hash)
                await store.commit([], [Put(layout.HEAD, back.SerializeToString())])
                await first.refuses("goes_back")
                await first.wire.some_looks()
                assert first.deciding.revision == 2
                assert first.deciding.refusals() == ["goes_back"]
            async with living(life):
                await life.refuses("goes_back")
                assert life.deciding.revision == 2
                assert "Publish until a revision is higher than 2" in life.deciding.noted("node.refused")[0][0]

    @scenario
    async def test_a_number_means_one_bundle_for_ever(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            async with living(life):
                await publish(desk(store), 3)
                await life.decides_by(1)
                await force(store, 1, await sound_bundle(4))
                await life.refuses("wrong_hash")
                assert life.deciding.revision == 1

    @scenario
    async def test_it_starts_by_its_disk_while_the_store_is_away(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            first, life = Life(store, tmp_path), Life(store, tmp_path)
            async with living(first):
                await publish(desk(store), 3)
                await first.decides_by(1)
            life.wire.cut = True
            async with living(life):
                assert life.deciding.revision == 1
                await life.deciding.until(lambda: len(life.deciding.stale) >= 1)
                assert life.agent.standing().stale
                assert life.agent.standing().store_error == "the wire is cut"
                assert life.deciding.stale[0] is not None
                assert life.deciding.stale[0] >= 0.6
                assert len(life.deciding.noted("node.stale")) == 1
                assert life.deciding.revision == 1
                await publish(desk(store), 4)
                life.wire.cut = False
                await life.decides_by(2)
                await life.deciding.until(lambda: life.deciding.stale[-1] is None)
                assert not life.agent.standing().stale
                assert len(life.deciding.noted("node.stale")) == 1
                assert len(life.deciding.noted("node.fresh")) == 1

    @pytest.mark.parametrize("damage", [b"", b"\xff\xff\xff", b"signature"])
    @scenario
    async def test_a_damaged_disk_waits_for_the_store(self, open_store: Opener, tmp_path: Path, damage: bytes) -> None:
        async with open_store() as store:
            first, life = Life(store, tmp_path), Life(store, tmp_path)
            async with living(first):
                await publish(desk(store), 3)
                await first.decides_by(1)
            kept = life.last_good.read()
            assert kept is not None
            if damage == b"signature":
                kept.signature = bytes(64)
                damage = kept.SerializeToString()
            life.last_good.path.write_bytes(damage)
            life.wire.cut = True
            async with living(life):
                assert life.deciding.revision == 0
                assert life.deciding.refusals()[0] in {"damaged", "bad_signature"}
                life.wire.cut = False
                await life.decides_by(1)
            assert life.last_good.read() == first.last_good.read()

    @scenario
    async def test_a_lease_that_was_lost_is_taken_anew(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            async with living(life), watching(store) as nodes:
                await publish(desk(store), 3)
                await seen(nodes, lambda view: bool(view.nodes) and view.nodes[0].status.revision == 1)
                found = await store.get(layout.node_key("n1"))
                assert found is not None
                await store.revoke(found.lease)
                await seen(nodes, lambda view: healths(view) == {"n1": LOST})
                view = await seen(nodes, lambda view: healths(view) != {"n1": LOST})
                assert view.nodes[0].status.revision == life.deciding.revision == 1

    @scenario
    async def test_two_nodes_of_one_name_are_told_of(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            one, other = Life(store, tmp_path / "a"), Life(store, tmp_path / "b")
            async with living(one, other):
                await one.deciding.until(lambda: bool(one.deciding.noted("node.name_taken")))
                await other.deciding.until(lambda: bool(other.deciding.noted("node.name_taken")))

    @pytest.mark.parametrize("ending", ["promote", "stop"])
    @scenario
    async def test_a_candidate_decides_on_the_nodes_with_its_labels(
        self, open_store: Opener, tmp_path: Path, ending: str
    ) -> None:
        async with open_store() as store:
            canary = Life(store, tmp_path, "c1", ring="canary", zone="a")
            other = Life(store, tmp_path, "n1", zone="a")
            async with living(canary, other), watching(store) as nodes:
                revisions = desk(store)
                await publish(revisions, 3)
                await canary.decides_by(1)
                await other.decides_by(1)
                candidate = await begin_rollout(revisions, 4)
                await canary.decides_by(candidate)
                await canary.deciding.until(lambda: canary.deciding.shadow == (1, 0.1))
                await other.wire.some_looks()
                assert other.deciding.revision == 1
                assert other.deciding.shadow is None
                view = await seen(nodes, lambda view: [node.status.revision for node in view.nodes] == [candidate, 1])
                assert [node.wanted for node in view.nodes] == [candidate, 1]
                found = nodes.reached(candidate, view)
                assert found.converged
                assert [node.status.node for node in found.excused] == ["n1"]
                await (revisions.promote if ending == "promote" else revisions.stop)(candidate, EVA)
                number = candidate + (ending == "stop")
                await canary.decides_by(number)
                await other.decides_by(number)
                await canary.deciding.until(lambda: canary.deciding.shadow is None)
                assert not canary.deciding.refusals()
                assert not other.deciding.refusals()
                assert (await publish(revisions, 5)).number == candidate + 2
                await canary.decides_by(candidate + 2)

    @scenario
    async def test_a_candidate_that_a_node_refuses_is_taken_back(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            canary, other = Life(store, tmp_path, "c1", ring="canary"), Life(store, tmp_path, "n1")
            async with living(canary, other):
                revisions = desk(store)
                await publish(revisions, 3)
                await canary.decides_by(1)
                canary.deciding.refuses.add(2)
                assert await begin_rollout(revisions, 4) == 2
                await canary.decides_by(3)
                await other.decides_by(3)
                rollout = await revisions.published.rollout()
                assert rollout is not None
                assert rollout.state == control_pb2.ROLLOUT_STATE_STOPPED
                assert "node c1 refuses it (worker_refused)" in rollout.stopped_because
                assert rollout.steps[-1].actor == "system"
                assert len(canary.deciding.noted("rollout.stopped")) == 1

    @scenario
    async def test_a_candidate_that_differs_too_much_is_taken_back(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            lives = [Life(store, tmp_path, name, ring="canary") for name in ("c1", "c2")]
            async with living(*lives):
                revisions = desk(store)
                await publish(revisions, 3)
                limits = policy_service_pb2.Canary(
                    labels={"ring": "canary"}, sample=1, max_difference=0.1, min_compared=100
                )
                assert await begin_rollout(revisions, 4, limits) == 2
                for life in lives:
                    await life.decides_by(2)
                # Neither has compared enough alone, and what an earlier comparison said does not count.
                lives[0].deciding.counts = [
                    control_pb2.ShadowCount(revision=1, compared=60, differing=2),
                    control_pb2.ShadowCount(revision=9, compared=900, differing=900),
                ]
                await lives[0].wire.some_looks()
                assert lives[0].deciding.revision == 2
                lives[1].deciding.counts = [control_pb2.ShadowCount(revision=1, compared=40, differing=9)]
                for life in lives:
                    await life.decides_by(3)
                rollout = await revisions.published.rollout()
                assert rollout is not None
                assert rollout.stopped_because == "11 of 100 compared decisions differ (11.0%), and 10.0% may"

    @scenario
    async def test_who_waits_learns_who_did_not_follow(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            good, bad, gone = (Life(store, tmp_path, name) for name in ("good", "bad", "gone"))
            await publish(desk(store), 3)
            async with watching(store) as nodes:
                assert not nodes.reached(1, await nodes.look()).converged, "there is no node yet"
            async with watching(store) as nodes, living(good, bad, gone):
                for life in (good, bad, gone):
                    await life.decides_by(1)
                await seen(nodes, lambda view: nodes.reached(1, view).converged and len(view.nodes) == 3)
                await gone.vanish()
                await seen(nodes, lambda view: healths(view).get("gone") == LOST)
                bad.deciding.refuses.add(2)
                await publish(desk(store), 4)
                await good.decides_by(2)
                await bad.refuses("worker_refused")
                view = await seen(nodes, lambda view: len(nodes.reached(2, view).reached) == 1
                                  and healths(view)["bad"] == cluster_service_pb2.NODE_HEALTH_REFUSING)  # fmt: skip
                found = nodes.reached(2, view)
                assert not found.converged
                names = [[node.status.node for node in part] for part in found[:3]]
                assert names == [["good"], ["bad"], ["gone"]]
                assert not nodes.reached(3, view).converged, "nobody has published it"
                with pytest.raises(WrongStateError, match="is not lost"):
                    await nodes.find_lost("good")
                with pytest.raises(NotFoundError):
                    await nodes.find_lost("nobody")
                await nodes.forget(await nodes.find_lost("gone"))
                view = await seen(nodes, lambda view: "gone" not in healths(view))
                assert set(healths(view)) == {"good", "bad"}

    @scenario
    async def test_a_node_that_is_drained_is_excused(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            async with living(life), watching(store) as nodes:
                await publish(desk(store), 3)
                await life.decides_by(1)
                await life.agent.drain()
                view = await seen(
                    nodes, lambda view: healths(view).get("n1") == cluster_service_pb2.NODE_HEALTH_DRAINING
                )
                assert nodes.reached(7, view).excused

    @scenario
    async def test_a_wall_clock_that_jumps_ages_nobody(self, open_store: Opener, tmp_path: Path) -> None:
        async with open_store() as store:
            life = Life(store, tmp_path)
            far = 10**18
            life.agent._now = lambda: far  # the clock of its machine is set
            async with living(life), watching(store) as nodes:
                await publish(desk(store), 3)
                await life.decides_by(1)
                view = await seen(nodes, lambda view: any(node.status.revision == 1 for node in view.nodes))
                assert view.nodes[0].status.told_nanos == far
                assert view.nodes[0].age_millis < PATIENCE * 1000
                assert life.agent.store_age() < PATIENCE
                assert not life.agent.standing().stale
