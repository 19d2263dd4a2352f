"""A node of the cluster: follows what is in force, decides by it, says how it stands, and alarms when it cannot.

A watch is the hint that makes it quick, a look at the head every second or so the guarantee. Whatever is wrong with a
revision or with the store, the node goes on deciding by what it has (docs/guides/cluster.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pdp.control import layout, tasks
from pdp.control.applying import LASTING, Applier, Applying
from pdp.control.kv.base import KeyValueStore
from pdp.control.last_good import LastGood
from pdp.control.presence import Identity, Presence
from pdp.control.published import Published
from pdp.control.shadowing import Shadowing
from pdp.control.wanted import Wanted, wanted
from pdp.errors import (
    BlobError,
    CompactedError,
    ConflictError,
    ControlStoreError,
    LeaseEndedError,
    NotFoundError,
    PdpError,
    RefusedError,
    WrongStateError,
)
from pdp.signing import TrustedKeys
from pdp.v1 import control_pb2

# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

# A refused revision that may pass is tried again after so long, then after twice as long, up to the most.
_RETRY, _MOST_RETRY = 0.5, 60.0
_TRIES: Final = 4
"""After so many refusals that might have passed, a candidate counts as refused."""
_TICK: Final = 1.0
_TIDY_SECONDS: Final = 600.0
_LEAVE_SECONDS: Final = 2.0

StopRollout = Callable[[int, str], Awaitable[object]]
"""Takes the candidate of this number back, and says why. Raises ConflictError, WrongStateError or NotFoundError when
somebody else was first."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a node looks, how long its lease lasts, and from when on it is stale, all in seconds."""

    poll: float = 1.0
    lease: int = 10
    stale: float = 60.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A revision that the node refuses: `tries` is how often it did, `since` when it first did, by the wall clock."""

    wanted: Wanted
    code: str
    words: str
    since: float
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How a node stands: `head` is the revision in force, `wanted` what this node should decide by, 0 for none.

    `store_age` is how many seconds ago it saw the store; `store_error` why it does not now, empty while it does.
    """

    head: int
    wanted: int
    applied: int
    candidate: bool
    refused: Refused | None
    store_age: float
    store_error: str
    stale: bool
    lease: Literal["held", "none"]


class NodeAgent:
    """`recover` first, then `start`; all in one event loop.

    `grant_revision` tells the state of grants that it decides by. `tidy` lets it forget the store's history, which is
    for a store that nobody else keeps in order. `monotonic` and `now` are the clocks of ages and of what it says.
    """

    def __init__(
        self,
        store: KeyValueStore,
        applier: Applier,
        trusted: TrustedKeys,
        last_good: LastGood,
        identity: Identity,
        stop_rollout: StopRollout,
        *,
        pace: Pace | None = None,
        tidy: bool = False,
        grant_revision: Callable[[], int] = lambda: 0,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._published = Published(store)
        self._applier = applier
        self._identity = identity
        self._stop_rollout = stop_rollout
        self._pace = pace or Pace()
        self._tidy = tidy
        self._grant_revision = grant_revision
        self._monotonic = monotonic
        self._now = now
        self._applying = Applying(self._published, trusted, last_good, applier)
        self._shadowing = Shadowing(store, self._applying, applier, identity)
        self._presence = Presence(store, identity.name, self._pace.lease, self._name_taken)
        self._looking = asyncio.Lock()
        self._hint = asyncio.Event()
        self._tell = asyncio.Event()
        self._back = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._head: control_pb2.Head | None = None
        self._wanted: Wanted | None = None
        self._refused: Refused | None = None
        self._retry_at = 0.0
        self._seen = monotonic()
        self._store_error = ""
        self._stale = False
        self._draining = False
        self._stopped_rollout = 0
        self.deciding = asyncio.Event()
        """Set once the node decides by something."""

    def standing(self) -> Standing:
        """Return how the node stands now."""
        signed = self._applying.signed
        return Standing(
            head=0 if self._head is None else self._head.revision,
            wanted=0 if self._wanted is None else self._wanted.number,
            applied=0 if signed is None else signed.revision,
            candidate=self._wanted is not None and self._wanted.candidate,
            refused=self._refused,
            store_age=self.store_age(),
            store_error=self._store_error,
            stale=self._stale,
            lease="held" if self._presence.lease else "none",
        )

    def store_age(self) -> float:
        """Return how many seconds ago the node saw the store, or since when it looks for it."""
        return max(self._monotonic() - self._seen, 0.0)

    def status(self) -> control_pb2.NodeStatus:
        """Return what the node says of itself."""
        signed, refused, identity = self._applying.signed, self._refused, self._identity
        status = control_pb2.NodeStatus(
            node=identity.name, boot=identity.boot, address=identity.address, labels=identity.labels,
            version=identity.version, started_nanos=identity.started_nanos, told_nanos=self._now(),
            load=self._applier.load(), shadows=self._applier.shadows(), draining=self._draining,
            grant_revision=self._grant_revision(),
        )  # fmt: skip
        if signed is not None:
            status.revision, status.bundle_hash = signed.revision, signed.hash
        if refused is not None:
            status.refused_revision, status.refused_code = refused.wanted.number, refused.code
            status.refused_error = refused.words
        return status

    @property
    def held_since(self) -> float:
        """See `Presence.held_since`."""
        return self._presence.held_since

    def tell_soon(self) -> None:
        """Say anew how the node is."""
        self._tell.set()

    async def recover(self, *, decide: bool = True) -> None:
        """Decide by the last good revision on the disk; what cannot be used is told, and the store is waited for.

        Without `decide` the node only remembers that it must not go below it.
        """
        try:
            await self._applying.recover(decide=decide)
        except RefusedError as error:
            self._note("node.refused", str(error), {"code": error.reason, "source": "disk"}, success=False)
            return
        signed = self._applying.signed
        if signed is not None:
            self._note_applied(signed.revision, signed.hash, source="disk")

    def start(self) -> None:
        """Follow the store from now on."""
        self._seen = self._monotonic()
        works = (
            self._follow, self._tell_on, self._age,
            lambda: self._watch(layout.HEAD), lambda: self._watch(layout.ROLLOUT),
            *([self._forget] if self._tidy else []),
        )  # fmt: skip
        self._tasks = [asyncio.create_task(self._keep_on(work)) for work in works]

    async def look(self) -> None:
        """Look at what is in force, and decide by it if that is possible. Raises ControlStoreError."""
        async with self._looking:
            try:
                # INVARIANT: `wanted` tells why the rollout comes first.
                rollout = await self._published.rollout()
                head = await self._published.head()
            except ControlStoreError as error:
                self._store_error = str(error)
                raise
            except BlobError as error:
                self._refuse(Wanted(0, ""), RefusedError("unreadable", str(error)))
                return
            self._seen, self._store_error = self._monotonic(), ""
            self._back.set()
            self._head, self._wanted = head, wanted(self._identity.labels, head, rollout)
            if self._wanted is not None:
                await self._reach(self._wanted)
            if rollout is not None and self._wanted is not None and self._wanted.candidate:
                await self._judge(rollout, self._wanted)
            problem = await self._shadowing.follow(head, rollout)
            if problem:
                self._note("node.shadow_failed", problem, {}, success=False)

    async def catch_up(self, number: int) -> None:
        """Look until the node decides by this revision or a higher one.

        Raises RefusedError when it refuses what is in force, ControlStoreError when the store is away.
        """
        while True:
            self._retry_at = 0.0
            await self.look()
            signed, refused = self._applying.signed, self._refused
            if signed is not None and signed.revision >= number:
                return
            if refused is not None:
                raise RefusedError(refused.code, refused.words)
            if self._wanted is None or self._wanted.number < number:
                raise RefusedError("unreadable", f"revision {number} is not in force")

    async def drain(self) -> None:
        """Say that the node stops, to whom it concerns; a store that is away does not hold it up."""
        self._draining = True
        with contextlib.suppress(ControlStoreError, LeaseEndedError, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._presence.tell(self.status())

    async def stop(self) -> None:
        """Follow nothing more, and let the lease go."""
        await tasks.end(self._tasks)
        with contextlib.suppress(ControlStoreError, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._presence.leave()

    async def _reach(self, aim: Wanted) -> None:
        signed, refused = self._applying.signed, self._refused
        if signed is not None and (signed.revision, signed.hash) == aim[:2]:
            self._accept()
            return
        if refused is not None and refused.wanted[:2] == aim[:2] and self._monotonic() < self._retry_at:
            return
        try:
            await self._applying.take(aim)
        except RefusedError as error:
            self._refuse(aim, error)
        else:
            self._accept()
            self._note_applied(aim.number, aim.bundle_hash, source="store")

    def _accept(self) -> None:
        if self._refused is not None:
            self._refused = None
            self._tell.set()

    def _note_applied(self, number: int, digest: str, source: str) -> None:
        details = {"revision": str(number), "hash": digest, "source": source}
        self._note("node.applied", "deciding by a revision", details)
        self.deciding.set()
        self._tell.set()

    def _refuse(self, aim: Wanted, error: RefusedError) -> None:
        before = self._refused
        known = before is not None and before.wanted[:2] == aim[:2] and before.code == error.reason
        tries = before.tries + 1 if before is not None and known else 1
        since = before.since if before is not None and known else self._now() / 1e9
        self._refused = Refused(aim, error.reason, str(error), since, tries)
        lasting = error.reason in LASTING and error.reason != "goes_back"
        wait = float("inf") if lasting else min(_RETRY * 2 ** min(tries - 1, 10), _MOST_RETRY)
        # Whether a number goes back is a comparison, and may be otherwise at the next look.
        self._retry_at = 0.0 if error.reason == "goes_back" else self._monotonic() + wait
        if not known:
            details = {"revision": str(aim.number), "hash": aim.bundle_hash, "code": error.reason}
            self._note("node.refused", str(error), details, success=False)
            self._tell.set()

    async def _judge(self, rollout: control_pb2.Rollout, aim: Wanted) -> None:
        """Take a candidate back that this node refuses, or that decides too differently on the nodes that have it."""
        refused = self._refused
        why = ""
        if refused is not None and refused.wanted.number == aim.number:
            if refused.code in LASTING or refused.tries >= _TRIES:
                why = f"node {self._identity.name} refuses it ({refused.code}): {refused.words}"
        else:
            why = await self._shadowing.too_different(rollout)
        if not why or self._stopped_rollout == rollout.revision:
            return
        with contextlib.suppress(ConflictError, WrongStateError, NotFoundError):  # somebody else was first
            await self._stop_rollout(rollout.revision, why)
            self._note("rollout.stopped", why, {"revision": str(rollout.revision), "reason": why[:500]}, success=False)
        self._stopped_rollout = rollout.revision
        self._hint.set()

    async def _follow(self) -> None:
        # Jittered, so that the nodes of a cluster do not all ask at once.
        await tasks.wait(self._hint, self._pace.poll * _RANDOM.uniform(0.75, 1.25))
        self._hint.clear()
        with contextlib.suppress(ControlStoreError):  # told by its age
            await self.look()

    async def _watch(self, key: str) -> None:
        try:
            after = await self._store.revision()
            self._hint.set()
            async with contextlib.aclosing(self._store.watch(key, after)) as events:
                async for _ in events:
                    self._hint.set()
        except (ControlStoreError, CompactedError):
            pass
        # It is a hint only: what it missed the next look finds.
        await asyncio.sleep(self._pace.poll)

    async def _tell_on(self) -> None:
        every = self._pace.lease / 3
        if self._shadowing.runs:
            every = min(every, self._pace.poll)
        await tasks.wait(self._tell, every)
        self._tell.clear()
        try:
            await self._presence.tell(self.status())
        except (ControlStoreError, LeaseEndedError):
            # What was to be told still is.
            await asyncio.sleep(min(self._pace.poll, 1.0))
            self._tell.set()

    async def _age(self) -> None:
        """Say that the node is stale, and at last that it no longer is."""
        age = self.store_age()
        if age >= self._pace.stale and not self._stale:
            self._stale = True
            self._back.clear()
            words = f"the control store has been away for {age:.0f} s: {self._store_error or 'no answer'}"
            self._note("node.stale", words, {"seconds": f"{age:.0f}", "reason": self._store_error}, success=False)
            await self._applier.set_stale(age)
        elif age < self._pace.stale and self._stale:
            self._stale = False
            self._note("node.fresh", "the control store is there again", {})
            await self._applier.set_stale(None)
        if self._stale:
            await tasks.wait(self._back, _TICK)
        else:
            await asyncio.sleep(min(_TICK, self._pace.stale / 4))

    async def _forget(self) -> None:
        with contextlib.suppress(ControlStoreError):
            before = await self._store.revision()
            await asyncio.sleep(_TIDY_SECONDS)
            await self._store.compact(before)
            return
        await asyncio.sleep(_TICK)

    async def _keep_on(self, work: Callable[[], Awaitable[None]]) -> None:
        told = ""
        while True:
            try:
                await work()
            except Exception as error:  # a node must not cease to follow, whatever it meets
                name = type(error).__name__
                words = f"following the control store failed: {error if isinstance(error, PdpError) else name}"
                if words != told:
                    self._note("node.failed", words, {"error": name}, success=False)
                told = words
                await asyncio.sleep(self._pace.poll)
            else:
                told = ""

    def _name_taken(self) -> None:
        name = self._identity.name
        words = f"another running node is called `{name}` too; give one of them another name by `node`"
        self._note("node.name_taken", words, {"node": name}, success=False)

    def _note(self, event: str, words: str, details: Mapping[str, str], *, success: bool = True) -> None:
        self._applier.note(event, words, details, success=success)
