"""What grants must do, whatever the store."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import duration_pb2

from pdp.control import layout
from pdp.control.grants import consent, ids
from pdp.control.grants.desk import GrantDesk
from pdp.control.grants.fence import uptime
from pdp.control.grants.following import GrantFollower
from pdp.control.grants.knowing import Knowing
from pdp.control.grants.rules import Authority, FieldFacts
from pdp.control.grants.uses import Uses
from pdp.control.kv.base import KeyValueStore, Put
from pdp.errors import (
    AccessDeniedError,
    ConflictError,
    NotFoundError,
    RequestError,
    WrongStateError,
)
from pdp.v1 import account_pb2, control_pb2, grant_service_pb2
from tests.integration.kv_steps import Opener

ASKED, ACTIVE = account_pb2.GRANT_STATE_ASKED, account_pb2.GRANT_STATE_ACTIVE
REFUSED, REVOKED = account_pb2.GRANT_STATE_REFUSED, account_pb2.GRANT_STATE_REVOKED
EXPIRED, USED_UP = account_pb2.GRANT_STATE_EXPIRED, account_pb2.GRANT_STATE_USED_UP

FIELDS = {"name": FieldFacts("C1", False), "balance": FieldFacts("C3", False), "cvv": FieldFacts("C3", True)}
TELLER = Authority("li", branch="b1")
CHIEF = Authority("chen", 5, "b1", lambda application, branch: branch == "b1")
OTHER_CHIEF = Authority("wang", 5, "b2", lambda application, branch: branch == "b2")
SYSTEM = Authority("caller:counter")
PATIENCE = 30.0


def with_store(test: Callable[[Any, KeyValueStore], Coroutine[Any, Any, None]]) -> Callable[[Any, Opener], None]:
    """Run a test in an event loop of its own, with a store."""

    def run(self: Any, open_store: Opener) -> None:
        async def opened() -> None:
            async with asyncio.timeout(2 * PATIENCE), open_store() as store:
                await test(self, store)

        asyncio.run(opened())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class Clock:
    def __init__(self) -> None:
        self.now = time.time_ns()

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


class Deciders:
    """A `following.GrantSink` that remembers."""

    def __init__(self) -> None:
        self.holds: dict[str, account_pb2.ActiveGrant] = {}
        self.until = 0
        self.changed = asyncio.Event()

    async def change(self, put: Sequence[account_pb2.ActiveGrant], gone: Sequence[str], revision: int) -> None:
        self.holds.update({active.grant.id: active for active in put})
        for grant_id in gone:
            self.holds.pop(grant_id, None)
        self.changed.set()

    async def honour_until(self, nanos: int) -> None:
        self.until = nanos

    async def wait(self, grant_id: str, *, holds: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while (grant_id in self.holds) != holds:
                self.changed.clear()
                await self.changed.wait()


def asking(**given: object) -> grant_service_pb2.AskForGrantRequest:
    usual = {
        "subject_id": "T1", "branch": "b1", "application": "core", "resource_type": "customer", "resource_id": "C1",
        "fields": ["balance"], "reason": "counter",
    }  # fmt: skip
    return grant_service_pb2.AskForGrantRequest(**(usual | given))  # type: ignore[arg-type]


def approving(grant_id: str, **given: object) -> grant_service_pb2.ApproveGrantRequest:
    return grant_service_pb2.ApproveGrantRequest(id=grant_id, **given)  # type: ignore[arg-type]


def seconds(count: float) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=int(count), nanos=int(count % 1 * 1e9))


class Office:
    """A desk on a store, with a clock that the test moves."""

    def __init__(self, store: KeyValueStore, *, outlast: float = 0.2) -> None:
        self.store = store
        self.clock = Clock()
        self.desk = GrantDesk(store, lambda: FIELDS, knowing=Knowing(store, outlast=outlast), clock=self.clock)
        self.uses = Uses(store, self.clock)

    async def given(self, **given: object) -> account_pb2.GrantRecord:
        asked = await self.desk.ask(asking(**given), TELLER)
        return (await self.desk.approve(approving(asked.grant.id), CHIEF)).record

    def follower(self, sink: Deciders, **given: object) -> GrantFollower:
        options = {"held_since": uptime, "tell": lambda: None, "poll": 0.05, "lease": 10.0}
        return GrantFollower(self.store, sink, **(options | given))  # type: ignore[arg-type]


class GrantsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def open_store(self) -> Opener: ...

    @with_store
    async def test_a_grant_is_asked_for_given_and_taken_back(self, store: KeyValueStore) -> None:
        office = Office(store)
        asked = await office.desk.ask(asking(validity=seconds(600)), TELLER)
        assert (asked.state, asked.grant.kind, asked.grant.approver) == (ASKED, "supervisor", "")
        assert await store.get(layout.active_key(asked.grant.id)) is None

        made = await office.desk.approve(approving(asked.grant.id, reason="seen"), CHIEF)
        held = await store.get(layout.active_key(asked.grant.id))
        assert held is not None
        assert held.lease
        assert made.revision == held.modified
        grant = account_pb2.ActiveGrant.FromString(held.value).grant
        assert (grant.approver, grant.approver_level, grant.application) == ("chen", 5, "core")
        assert grant.expires_at_nanos == office.clock.now + 600 * 10**9

        revoked = await office.desk.revoke(asked.grant.id, CHIEF, "over")
        assert revoked.record.state == REVOKED
        assert revoked.revision > made.revision
        assert await store.get(layout.active_key(asked.grant.id)) is None
        steps = [(step.state, step.actor) for step in (await office.desk.get(asked.grant.id)).steps]
        assert steps == [(ASKED, "li"), (ACTIVE, "chen"), (REVOKED, "chen")]

    @with_store
    async def test_taking_back_twice_is_no_error(self, store: KeyValueStore) -> None:
        office = Office(store)
        record = await office.given()
        first = await office.desk.revoke(record.grant.id, CHIEF, "over")
        again = await office.desk.revoke(record.grant.id, CHIEF, "over")
        assert again.revision == first.revision
        assert len(again.record.steps) == len(first.record.steps)

    @with_store
    async def test_nobody_gives_what_is_not_theirs_to_give(self, store: KeyValueStore) -> None:
        office = Office(store)
        record = await office.desk.ask(asking(), CHIEF)
        with pytest.raises(AccessDeniedError, match="asked for themselves"):
            await office.desk.approve(approving(record.grant.id), CHIEF)
        own = await office.desk.ask(asking(subject_id="CHEN"), TELLER)
        with pytest.raises(AccessDeniedError, match="for themselves"):
            await office.desk.approve(approving(own.grant.id), CHIEF)
        with pytest.raises(AccessDeniedError, match="no authority over the branch `b1`"):
            await office.desk.approve(approving(own.grant.id), OTHER_CHIEF)
        with pytest.raises(AccessDeniedError, match="no authority"):
            await office.desk.refuse(own.grant.id, OTHER_CHIEF, "not mine")
        given = await office.given()
        with pytest.raises(AccessDeniedError, match="no authority"):
            await office.desk.revoke(given.grant.id, OTHER_CHIEF, "not mine")

    @with_store
    async def test_nobody_asks_for_their_own_in_the_name_of_another_branch(self, store: KeyValueStore) -> None:
        with pytest.raises(RequestError, match="branch"):
            await Office(store).desk.ask(asking(subject_id="li", branch="b2"), TELLER)

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"fields": ["cvv"]}, r"fields\[0\]: `cvv` is never shown"),
            ({"fields": ["name", "shoe"]}, r"fields\[1\]: `shoe` is not in the dictionary"),
            ({"levels": ["C9"]}, r"levels\[0\]"),
            ({"resource_id": ""}, "resource_id: is required"),
            ({"resource_type": " "}, "resource_type: is required"),
            ({"reason": ""}, "reason: is required"),
            ({"max_uses": -1}, "max_uses"),
            ({"validity": duration_pb2.Duration(seconds=86_401)}, "validity"),
            ({"validity": duration_pb2.Duration()}, "validity"),
            ({"subject_id": "x" * 257}, "subject_id"),
            ({"fields": ["name"] * 513}, "fields"),
        ],
    )
    def test_what_cannot_be_asked_for(self, open_store: Opener, given: dict[str, object], field: str) -> None:
        async def run() -> None:
            async with open_store() as store:
                with pytest.raises(RequestError, match=field):
                    await Office(store).desk.ask(asking(**given), TELLER)

        asyncio.run(run())

    @with_store
    async def test_what_is_decided_stays_decided(self, store: KeyValueStore) -> None:
        office = Office(store)
        refused = await office.desk.ask(asking(), TELLER)
        assert (await office.desk.refuse(refused.grant.id, CHIEF, "no need")).state == REFUSED
        with pytest.raises(WrongStateError, match="was refused by `chen`"):
            await office.desk.approve(approving(refused.grant.id), CHIEF)
        with pytest.raises(WrongStateError, match="was refused"):
            await office.desk.revoke(refused.grant.id, CHIEF, "x")
        given = await office.given()
        with pytest.raises(WrongStateError, match="was given already"):
            await office.desk.approve(approving(given.grant.id), CHIEF)
        with pytest.raises(NotFoundError):
            await office.desk.get(ids.new_id(5))
        with pytest.raises(RequestError, match="no id"):
            await office.desk.get("../head")

    @with_store
    async def test_of_two_who_decide_at_once_one_does(self, store: KeyValueStore) -> None:
        office = Office(store)
        chiefs = [Authority(f"chief{n}", n) for n in range(6)]
        for _ in range(4):
            asked = await office.desk.ask(asking(), TELLER)
            outcomes = await asyncio.gather(
                *(office.desk.approve(approving(asked.grant.id), chief) for chief in chiefs[:3]),
                *(office.desk.refuse(asked.grant.id, chief, "no") for chief in chiefs[3:]),
                return_exceptions=True,
            )
            done = [found for found in outcomes if not isinstance(found, BaseException)]
            assert len(done) == 1
            assert all(
                isinstance(found, ConflictError | WrongStateError) for found in outcomes if isinstance(found, Exception)
            )
            record = await office.desk.get(asked.grant.id)
            assert len(record.steps) == 2
            held = await store.get(layout.active_key(asked.grant.id))
            assert (held is not None) == (record.state == ACTIVE)

    @with_store
    async def test_an_approver_may_shorten_and_not_lengthen(self, store: KeyValueStore) -> None:
        office = Office(store)
        for wanted, expected in ((60, 60), (6_000, 600)):
            asked = await office.desk.ask(asking(validity=seconds(600)), TELLER)
            made = await office.desk.approve(approving(asked.grant.id, validity=seconds(wanted)), CHIEF)
            assert made.record.grant.expires_at_nanos == office.clock.now + expected * 10**9

    @with_store
    async def test_a_grant_goes_with_its_lease_though_nobody_cleans_up(self, store: KeyValueStore) -> None:
        office, sink = Office(store), Deciders()
        follower = office.follower(sink)
        follower.start()
        try:
            asked = await office.desk.ask(asking(validity=seconds(1)), TELLER)
            made = await office.desk.approve(approving(asked.grant.id), CHIEF)
            await sink.wait(asked.grant.id, holds=True)
            await sink.wait(asked.grant.id, holds=False)
            assert follower.revision > made.revision
            assert await store.get(layout.active_key(asked.grant.id)) is None
            office.clock.pass_by(1)
            assert (await office.desk.get(asked.grant.id)).state == EXPIRED
        finally:
            await follower.stop()

    @with_store
    async def test_what_nobody_decides_on_lapses(self, store: KeyValueStore) -> None:
        office = Office(store)
        asked = await office.desk.ask(asking(), TELLER)
        office.clock.pass_by(86_400)
        assert (await office.desk.get(asked.grant.id)).state == EXPIRED
        with pytest.raises(WrongStateError, match="has expired"):
            await office.desk.approve(approving(asked.grant.id), CHIEF)

    @with_store
    async def test_lists_are_new_first_in_pages_and_within_reach(self, store: KeyValueStore) -> None:
        office = Office(store)
        made = []
        for n in range(7):
            office.clock.pass_by(0.01)
            made.append(await office.desk.ask(asking(subject_id=f"T{n % 2}", branch="b1" if n < 5 else "b2"), SYSTEM))
        found, after = [], ""
        while True:
            page = await office.desk.list(after=after, limit=3)
            found += page.records
            if not (after := page.after):
                break
        assert [record.grant.id for record in found] == [record.grant.id for record in reversed(made)]
        mine = await office.desk.list(for_approval_by=CHIEF)
        assert {record.branch for record in mine.records} == {"b1"}
        assert len(mine.records) == 5
        assert len((await office.desk.list(subject_id="T1")).records) == 3
        assert not (await office.desk.list(state=ACTIVE)).records
        assert len((await office.desk.list(reach=OTHER_CHIEF)).records) == 2

    @with_store
    async def test_uses_never_exceed_the_bound_on_three_nodes_at_once(self, store: KeyValueStore) -> None:
        office = Office(store)
        record = await office.given(max_uses=20)
        nodes = [Uses(store, office.clock) for _ in range(3)]
        taken = await asyncio.gather(*(nodes[n % 3].take(record.grant.id, 1 + n % 2) for n in range(45)))
        assert sum(taken) == 20
        assert (await office.desk.get(record.grant.id)).state == USED_UP
        assert (await office.desk.get(record.grant.id)).uses == 20
        assert await office.uses.take(record.grant.id, 1) == 0

    @with_store
    async def test_what_is_taken_back_has_no_uses(self, store: KeyValueStore) -> None:
        office = Office(store)
        record = await office.given(max_uses=3)
        assert await office.uses.take(record.grant.id, 1) == 1
        await office.desk.revoke(record.grant.id, CHIEF, "over")
        assert await office.uses.take(record.grant.id, 1) == 0

    @with_store
    async def test_a_node_follows_grants_and_finds_what_a_watch_swallowed(self, store: KeyValueStore) -> None:
        office, sink = Office(store), Deciders()
        follower = office.follower(sink)
        first = await office.given()
        await follower.look()
        assert set(sink.holds) == {first.grant.id}
        # No watch runs: the look alone must find it.
        second = await office.given()
        await office.desk.revoke(first.grant.id, CHIEF, "over")
        await follower.look()
        assert set(sink.holds) == {second.grant.id}
        assert follower.is_honouring

    @with_store
    async def test_a_node_without_a_lease_honours_nothing(self, store: KeyValueStore) -> None:
        office, sink = Office(store), Deciders()
        held = [0.0]
        follower = office.follower(sink, held_since=lambda: held[0])
        await office.given()
        await follower.look()
        assert not follower.is_honouring
        held[0] = uptime()
        await follower.look()
        assert follower.is_honouring
        assert len(sink.holds) == 1
        # The lease was last renewed too long ago, though the store answers.
        held[0] = uptime() - 11.0
        before = sink.until
        await follower.look()
        assert sink.until == before

    @with_store
    async def test_taking_back_waits_for_every_node_or_until_its_time_is_up(self, store: KeyValueStore) -> None:
        office = Office(store, outlast=PATIENCE)
        record = await office.given()

        async def tell(name: str, revision: int) -> None:
            status = control_pb2.NodeStatus(node=name, grant_revision=revision)
            await store.commit([], [Put(layout.node_key(name), status.SerializeToString())])

        await tell("n1", 1)
        await tell("n2", 1)
        record_revision = await store.revision()
        revoking = asyncio.create_task(office.desk.revoke(record.grant.id, CHIEF, "over"))
        async with contextlib.aclosing(store.watch(layout.active_key(record.grant.id), record_revision)) as events:
            await anext(events)
        await tell("n1", 10**9)
        done, _ = await asyncio.wait([revoking], timeout=0.3)
        assert not done
        await tell("n2", 10**9)
        async with asyncio.timeout(PATIENCE):
            assert not (await revoking).silent

        hurried = Office(store)
        record = await hurried.given()
        await tell("n2", 1)
        assert (await hurried.desk.revoke(record.grant.id, CHIEF, "over")).silent == ["n2"]

    @with_store
    async def test_consents_are_signed_fresh_and_recorded_once(self, store: KeyValueStore) -> None:
        office = Office(store)
        private = Ed25519PrivateKey.generate()
        key = private.public_key().public_bytes_raw().hex()

        def signed(**given: object) -> grant_service_pb2.RecordConsentRequest:
            usual = {
                "subject_id": "T1", "application": "core", "resource_type": "customer", "resource_id": "C1",
                "fields": ["balance"], "evidence": "pad-7", "consented_nanos": office.clock.now, "consent_id": "c-1",
            }  # fmt: skip
            request = grant_service_pb2.RecordConsentRequest(**(usual | given))  # type: ignore[arg-type]
            request.signature = private.sign(consent.statement("counter", request))
            return request

        request = signed()
        made = await office.desk.consent(request, SYSTEM, "counter", key)
        assert (made.record.grant.kind, made.record.grant.evidence, made.record.state) == ("customer", "pad-7", ACTIVE)
        assert made.record.grant.application == "core"
        again = await office.desk.consent(request, SYSTEM, "counter", key)
        assert again.record.grant.id == made.record.grant.id
        assert again.revision == made.revision

        with pytest.raises(ConflictError, match="consent_id"):
            await office.desk.consent(signed(resource_id="C2"), SYSTEM, "counter", key)
        both = await asyncio.gather(
            *(office.desk.consent(signed(consent_id="c-2"), SYSTEM, "counter", key) for _ in range(5))
        )
        assert len({found.record.grant.id for found in both}) == 1

        for changed in ({"resource_id": "C9"}, {"evidence": "pad-8"}, {"max_uses": 5}, {"subject_id": "T2"}):
            forged = signed(consent_id="c-3")
            forged.MergeFrom(grant_service_pb2.RecordConsentRequest(**changed))  # type: ignore[arg-type]
            with pytest.raises(AccessDeniedError, match="signature"):
                await office.desk.consent(forged, SYSTEM, "counter", key)
        with pytest.raises(AccessDeniedError, match="signature"):
            await office.desk.consent(signed(consent_id="c-3"), SYSTEM, "another", key)
        with pytest.raises(AccessDeniedError, match="consent_key"):
            await office.desk.consent(signed(consent_id="c-3"), SYSTEM, "counter", "")
        for age in (601, -61):
            old = signed(consent_id="c-3", consented_nanos=office.clock.now - age * 10**9)
            with pytest.raises(RequestError, match="consented_nanos"):
                await office.desk.consent(old, SYSTEM, "counter", key)
        with pytest.raises(RequestError, match="never shown"):
            await office.desk.consent(signed(consent_id="c-3", fields=["cvv"]), SYSTEM, "counter", key)

    @with_store
    async def test_old_grants_are_forgotten_and_those_that_hold_are_not(self, store: KeyValueStore) -> None:
        office = Office(store)
        gone = await office.given(max_uses=2)
        await office.uses.take(gone.grant.id, 1)
        await office.desk.revoke(gone.grant.id, CHIEF, "over")
        holds = await office.given(validity=seconds(86_400))
        office.clock.pass_by(60)
        young = await office.desk.ask(asking(), TELLER)
        await office.desk.refuse(young.grant.id, CHIEF, "no")
        assert await office.desk.forget(office.clock.now - 30 * 10**9) == 1
        left = {record.grant.id for record in (await office.desk.list()).records}
        assert left == {holds.grant.id, young.grant.id}
        assert await store.get(layout.uses_key(gone.grant.id)) is None
