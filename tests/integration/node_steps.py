"""What tests of nodes are made of: agents on a real store, with something that really decides in each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pdp.control import blobs, layout, signatures
from pdp.control.kv.base import Committed, Event, KeyValueStore, Put
from pdp.control.last_good import LastGood
from pdp.control.node import NodeAgent, Pace
from pdp.control.presence import Identity
from pdp.control.revisions import Revisions, Who
from pdp.engine.program import Program
from pdp.errors import ControlStoreError, WorkerRefusedError
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.server.judge import PolicyJudge
from pdp.signing import NodeKey, TrustedKeys
from pdp.v1 import bundle_pb2, control_pb2
from pdp.v1.decision_service_pb2 import DecideResponse
from tests.integration.operated import SENIOR
from tests.integration.revisions_steps import KEY

# Long enough for a loaded machine; nothing waits that long when all is well.
PATIENCE = 60.0
QUICK = Pace(poll=0.1, lease=2, stale=0.6)


class Deciding:
    """An `Applier` in the test's process: it compiles what it gets, and decides by it."""

    def __init__(self) -> None:
        self.signed: bundle_pb2.SignedBundle | None = None
        self.program: Program | None = None
        self.notes: list[tuple[str, str, Mapping[str, str], bool]] = []
        self.stale: list[float | None] = []
        self.shadow: tuple[int, float] | None = None
        self.counts: list[control_pb2.ShadowCount] = []
        self.refuses: set[int] = set()
        self.changed = asyncio.Event()

    async def check(self, signed: bundle_pb2.SignedBundle) -> None:
        trial = GrantTable()
        golden.verify(Program.from_bundle(signed, grants=trial), trial)

    async def apply(self, signed: bundle_pb2.SignedBundle) -> None:
        if signed.revision in self.refuses:
            raise WorkerRefusedError("no worker can decide by it", "worker_refused")
        self.program = Program.from_bundle(signed, grants=GrantTable())
        self.signed = signed
        self._tell()

    async def set_shadow(self, signed: bundle_pb2.SignedBundle | None, sample: float) -> None:
        self.shadow = None if signed is None else (signed.revision, sample)
        self._tell()

    async def set_stale(self, seconds: float | None) -> None:
        self.stale.append(seconds)
        self._tell()

    def load(self) -> control_pb2.NodeLoad:
        return control_pb2.NodeLoad(decisions_per_second=1.5, spooled=2)

    def shadows(self) -> Sequence[control_pb2.ShadowCount]:
        return self.counts

    def note(self, event: str, words: str, details: Mapping[str, str], *, success: bool = True) -> None:
        self.notes.append((event, words, details, success))
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    @property
    def revision(self) -> int:
        """By which revision it decides, asked of a decision."""
        if self.program is None:
            return 0
        return int(DecideResponse.FromString(self.program.decide(SENIOR.SerializeToString(), 0)).revision)

    def noted(self, event: str) -> list[tuple[str, Mapping[str, str]]]:
        """Return words and details of what was noted of one event."""
        return [(words, details) for name, words, details, _ in self.notes if name == event]

    def refusals(self) -> list[str]:
        """Return the codes that were alarmed for, in order."""
        return [details["code"] for _, details in self.noted("node.refused")]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when something holds; looked at whenever anything happened here."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await self.changed.wait()


@dataclass
class Cut:
    """A store on a wire that can be cut; everything else is the real one's."""

    store: KeyValueStore
    cut: bool = False
    deaf: bool = False
    """Watches end at once: only looks tell."""
    looks: int = 0
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, key: str) -> Any:
        self._check()
        found = await self.store.get(key)
        if key == layout.HEAD:
            self.looks += 1
            self.looked.set()
            self.looked = asyncio.Event()
        return found

    async def commit(self, *arguments: Any) -> Committed:
        self._check()
        return await self.store.commit(*arguments)

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        self._check()
        if self.deaf:
            raise ControlStoreError("deaf")
        async with contextlib.aclosing(self.store.watch(prefix, after)) as events:
            async for one in events:
                self._check()
                yield one

    def __getattr__(self, name: str) -> Any:
        if name in {"range", "revision", "grant", "renew", "revoke"}:
            self._check()
        return getattr(self.store, name)

    def _check(self) -> None:
        if self.cut:
            raise ControlStoreError("the wire is cut")

    async def some_looks(self, count: int = 3) -> None:
        """Return after as many more looks at the head."""
        async with asyncio.timeout(PATIENCE):
            end = self.looks + count
            while self.looks < end:
                await self.looked.wait()


class Life:
    """One life of a node."""

    def __init__(
        self,
        store: KeyValueStore,
        folder: Path,
        name: str = "n1",
        *,
        trusted: TrustedKeys | None = None,
        pace: Pace = QUICK,
        **labels: str,
    ) -> None:
        folder = folder / name / "applied"
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.deciding = Deciding()
        self.wire = Cut(store)
        self.last_good = LastGood(folder)
        self.revisions = Revisions(self.wire, PolicyJudge(), None)
        identity = Identity(name, f"{id(self):016x}", "127.0.0.1:7070", "1.0", 1, labels)
        self.agent = NodeAgent(
            self.wire, self.deciding, trusted or TrustedKeys.of(KEY), self.last_good, identity, self._stop, pace=pace
        )

    async def _stop(self, revision: int, why: str) -> None:
        await self.revisions.stop(revision, Who("system", why))

    async def decides_by(self, number: int) -> None:
        """Return when it decides by a revision."""
        await self.deciding.until(lambda: self.deciding.revision == number)

    async def refuses(self, code: str) -> None:
        """Return when it refuses something for this reason."""
        await self.deciding.until(lambda: code in self.deciding.refusals())

    async def vanish(self) -> None:
        """End without a word, as a process that is killed."""
        self.wire.cut = True
        await self.agent.stop()


@contextlib.asynccontextmanager
async def living(*lives: Life) -> AsyncIterator[None]:
    """Let nodes live: first by their disk, then by the store."""
    for life in lives:
        await life.agent.recover()
        life.agent.start()
    try:
        yield
    finally:
        await asyncio.gather(*(life.agent.stop() for life in lives))


def desk(store: KeyValueStore, key: NodeKey | None = KEY) -> Revisions:
    """Return the revisions of somebody who may publish."""
    return Revisions(store, PolicyJudge(), key)


async def force(
    store: KeyValueStore,
    number: int,
    bundle: bytes | None,
    *,
    digest: str = "",
    key: NodeKey = KEY,
    signature: bytes | None = None,
    said: str = "",
) -> str:
    """Put bytes in force past everything that judges them, and return their hash.

    Without a bundle it is not there, and `digest` names it. `said` is the hash in the head, if it is another one.
    """
    digest = digest if bundle is None else await blobs.write(store, bundle)
    revision = control_pb2.Revision(
        number=number, bundle_hash=digest, key_id=key.id,
        signature=signatures.sign(key, number, digest) if signature is None else signature,
    )  # fmt: skip
    head = control_pb2.Head(revision=number, bundle_hash=said or digest)
    await store.commit(
        [],
        [
            Put(layout.revision_key(number), revision.SerializeToString()),
            Put(layout.HEAD, head.SerializeToString()),
        ],
    )
    return digest
