"""What tests of drafts and revisions are made of."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pdp.control import sources
from pdp.control.kv.base import Committed, Delete, Event, KeyValue, KeyValueStore, Page, Put, Unchanged
from pdp.control.revisions import Revisions, Who
from pdp.errors import ControlStoreError
from pdp.server.judge import PolicyJudge
from pdp.signing import NodeKey
from pdp.v1 import control_pb2, policy_service_pb2
from tests.integration.running import ATTRIBUTES, DICTIONARY, POLICY

KEY = NodeKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
EVA, MAX, WANG = Who("eva", "because"), Who("max", "seen"), Who("王芳", "理由：核对 👍")
CANARY = policy_service_pb2.Canary(labels={"ring": "canary"})
START = 1_800_000_000 * 10**9
HOUR = 3_600 * 10**9


def text(level: int = 3, **more: str) -> control_pb2.Sources:
    """Return a small set in which tellers of this level see more."""
    files = {
        "attributes.yaml": ATTRIBUTES,
        "dictionary.yaml": DICTIONARY,
        "policies/核心.yaml": POLICY.replace("subject.level >= 3", f"subject.level >= {level}"),
    }
    return sources.of(files | {f"{name}.yaml": words for name, words in more.items()})


def wrong() -> control_pb2.Sources:
    """Return a set with an error."""
    return text(extra=POLICY.replace("id: core", "id: other").replace("[mobile]", "[nothing]"))


def unmet() -> control_pb2.Sources:
    """Return a set that does not meet its own scenario."""
    return text(
        tests="""
kind: Test
id: small
title: {zh: 小, en: small}
request: {subject: {id: T1, level: 1}, action: {name: query}, resource: {type: customer}, context: {menu: "3101"}}
scenarios:
  - {id: junior, title: {zh: 低级柜员, en: a junior teller}, expect: {mobile: unmask}}
"""
    )


@dataclass
class Clock:
    """Each look is a second later."""

    now: int = START

    def __call__(self) -> int:
        self.now += 10**9
        return self.now


@dataclass
class Faulty:
    """A store that fails where it is told to; everything else is the real one's."""

    store: KeyValueStore
    before: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """What happens before the next commit that changes a key."""
    lost: set[str] = field(default_factory=set)
    """Keys whose next commit is done, and nobody hears of it."""

    async def commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> Committed:
        keys = {change.key for change in changes}
        for key in keys & self.before.keys():
            await self.before.pop(key)()
        done = await self.store.commit(conditions, changes)
        if keys & self.lost:
            self.lost -= keys
            raise ControlStoreError("no answer in time")
        return done

    async def get(self, key: str) -> KeyValue | None:
        return await self.store.get(key)

    async def range(self, prefix: str, *, after: str = "", limit: int = 1_000, revision: int = 0) -> Page:
        return await self.store.range(prefix, after=after, limit=limit, revision=revision)

    async def revision(self) -> int:
        return await self.store.revision()

    def watch(self, prefix: str, after: int) -> AsyncGenerator[Sequence[Event], None]:
        return self.store.watch(prefix, after)

    async def grant(self, seconds: int) -> int:
        return await self.store.grant(seconds)

    async def renew(self, lease: int) -> bool:
        return await self.store.renew(lease)

    async def revoke(self, lease: int) -> None:
        await self.store.revoke(lease)

    async def compact(self, revision: int) -> None:
        await self.store.compact(revision)

    async def close(self) -> None:
        await self.store.close()


async def refuse() -> None:
    """Fail before anything is done."""
    raise ControlStoreError("the store is away")


@dataclass
class Desk:
    """A desk over a store, and what stands around it."""

    store: Faulty
    clock: Clock
    revisions: Revisions

    async def submitted(self, name: str, words: control_pb2.Sources, base: int = 0) -> int:
        """Hand a draft in and return its version."""
        saved = await self.revisions.save_draft(name, 0, words, EVA, base=base)
        return (await self.revisions.submit_draft(name, saved.version, EVA)).draft.version

    async def published(self, name: str, words: control_pb2.Sources) -> control_pb2.Revision:
        """Publish a text everywhere."""
        return (await self.revisions.publish_draft(name, await self.submitted(name, words), MAX)).revision

    async def head(self) -> int:
        found = await self.revisions.published.head()
        return found.revision if found else 0


@contextlib.asynccontextmanager
async def at_desk(
    opened: contextlib.AbstractAsyncContextManager[KeyValueStore], key: NodeKey | None = KEY
) -> AsyncIterator[Desk]:
    async with opened as real:
        judge = PolicyJudge()
        store, clock = Faulty(real), Clock()
        try:
            yield Desk(store, clock, Revisions(store, judge, key, clock=clock))
        finally:
            judge.close()
