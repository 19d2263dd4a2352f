"""What tests of managed callers are made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pdp.control import layout
from pdp.control.accounts.permissions import all_rights
from pdp.control.callers import CallerDesk
from pdp.control.callers.following import CallerFollower
from pdp.control.callers.last_known import LastKnown
from pdp.control.kv.base import KeyValueStore
from pdp.control.steps import Who
from pdp.v1 import account_pb2, caller_pb2
from tests.integration.accounts_steps import Hands
from tests.integration.kv_steps import put

CHEN, WANG, OUTSIDER = Who("chen", "needed"), Who("wang", "looked at"), Who("li", "curious")


def wanted(name: str = "counter", **parts: object) -> caller_pb2.Caller:
    """Return a caller as somebody states it."""
    stated: dict[str, object] = {
        "name": name, "owner": "Zhang San", "applications": ["core-counter"], "subjects": ["T*"],
    } | parts  # fmt: skip
    return caller_pb2.Caller(**stated)  # type: ignore[arg-type]


@asynccontextmanager
async def desk(store: KeyValueStore, clock: Hands | None = None) -> AsyncIterator[CallerDesk]:
    """Give a desk, at which chen and wang may manage callers, and li may not."""
    for who, level in ((CHEN, account_pb2.ACCOUNT_LEVEL_ADMIN), (WANG, account_pb2.ACCOUNT_LEVEL_ADMIN),
                       (OUTSIDER, account_pb2.ACCOUNT_LEVEL_MANAGER)):  # fmt: skip
        account = account_pb2.Account(
            name=who.actor, level=level, state=account_pb2.ACCOUNT_STATE_ACTIVE, rights=all_rights(level)
        )
        await put(store, layout.ACCOUNTS + who.actor, account.SerializeToString())
    yield CallerDesk(store, clock=clock or Hands())


@dataclass
class Judges:
    """Those who judge calls, as far as a follower goes: what they were told, and a way to wait for it."""

    told: list[dict[str, caller_pb2.Caller]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def let(self, callers: Sequence[caller_pb2.Caller]) -> None:
        self.told.append({caller.name: caller for caller in callers})
        self._moved.set()

    async def until(self, *names: str) -> dict[str, caller_pb2.Caller]:
        """Return what they know, once it is these callers."""
        while not self.told or set(self.told[-1]) != set(names):
            self._moved.clear()
            await self._moved.wait()
        return self.told[-1]

    async def next(self) -> dict[str, caller_pb2.Caller]:
        """Return what they are told next."""
        count = len(self.told)
        while len(self.told) == count:
            self._moved.clear()
            await self._moved.wait()
        return self.told[-1]


def follower(store: KeyValueStore, judges: Judges, folder: Path, poll: float = 1.0) -> CallerFollower:
    """Return a follower of a node with this folder of its own."""
    folder.mkdir(exist_ok=True)
    return CallerFollower(store, judges.let, LastKnown(folder), poll=poll, told=judges.words.append)
