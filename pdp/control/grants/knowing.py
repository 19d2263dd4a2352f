"""Waits until every node that still decides knows of a change of grants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from google.protobuf.message import DecodeError

from pdp.control import layout
from pdp.control.grants.fence import OUTLAST_SECONDS, uptime
from pdp.control.kv.base import KeyValueStore
from pdp.errors import CompactedError, ControlStoreError
from pdp.v1 import control_pb2

_PAUSE, _MOST_PAUSE = 0.005, 0.2


class Knowing:
    """`uptime` and `sleep` are the clock of the wait."""

    def __init__(
        self,
        store: KeyValueStore,
        *,
        outlast: float = OUTLAST_SECONDS,
        uptime: Callable[[], float] = uptime,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._outlast: Final = outlast
        self._uptime = uptime
        self._sleep = sleep

    async def wait(self, revision: int) -> Sequence[str]:
        """Return once no node decides by grants as they were before a revision that is in the store already.

        Those that did not say so are returned by name; their time has run out, as `fence` tells. That takes a while,
        and is the most that it takes; it happens too when the store goes away meanwhile.
        """
        end = self._uptime() + self._outlast
        silent: Sequence[str] = ()
        pause = _PAUSE
        while (left := end - self._uptime()) > 0:
            try:
                async with asyncio.timeout(left):
                    silent = await self._silent(revision)
                if not silent:
                    return ()
            except (ControlStoreError, CompactedError, TimeoutError):
                # Who cannot look waits for the end.
                silent = silent or ("?",)
            await self._sleep(min(pause, max(end - self._uptime(), 0.0)))
            pause = min(pause * 1.5, _MOST_PAUSE)
        return silent

    async def _silent(self, revision: int) -> Sequence[str]:
        # INVARIANT: this look begins after the change, so that a node that is not in it honours nothing until it has
        # told that it is there, and then it looks at the grants first.
        found, after, at = [], "", 0
        while True:
            page = await self._store.range(layout.NODES, after=after, revision=at)
            for item in page.items:
                try:
                    known = control_pb2.NodeStatus.FromString(item.value).grant_revision
                except DecodeError:
                    known = 0
                if known < revision:
                    found.append(item.key.removeprefix(layout.NODES))
            if not page.more:
                return found
            after, at = page.items[-1].key, page.revision
