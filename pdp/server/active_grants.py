"""Hands the grants of the control store to the workers; a `following.GrantSink`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from pdp.control.grants.fence import FENCE_SECONDS
from pdp.errors import WorkerError
from pdp.server import control, logs
from pdp.server.control import Kind, Link
from pdp.server.launch import Launched
from pdp.v1 import account_pb2

_WITHIN: Final = FENCE_SECONDS * 0.8
"""A worker that is silent for longer honours nothing soon, and the others are not to wait for it."""

log = logging.getLogger(__name__)


class Reached(NamedTuple):
    """A worker that can be told something."""

    number: int
    link: Link
    launched: Launched | None


class ActiveGrants:
    """`workers` returns those that are there, also one that is being prepared and was given the `state` already."""

    def __init__(self, workers: Callable[[], Iterable[Reached]]) -> None:
        self._workers = workers
        self._grants: dict[str, bytes] = {}
        self._revision = 0
        self._until = 0

    def state(self) -> bytes:
        """Return what a new worker is told."""
        return self._payload(self._grants.values(), (), reset=True)

    async def change(self, put: Sequence[account_pb2.ActiveGrant], gone: Sequence[str], revision: int) -> None:
        """Let these hold and those no more; a worker that does not do it is ended."""
        # Before anybody is told: who is prepared meanwhile is told the state, and then this too.
        for grant_id in gone:
            self._grants.pop(grant_id, None)
        made = {active.grant.id: active.SerializeToString() for active in put}
        self._grants.update(made)
        self._revision = revision
        await self._send(self._payload(made.values(), gone, reset=False))

    async def honour_until(self, nanos: int) -> None:
        """Let workers honour what holds until then, as `fence.uptime_nanos` tells it."""
        self._until = nanos
        await self._send(self._payload((), (), reset=False))

    def _payload(self, grants: Iterable[bytes], gone: Sequence[str], *, reset: bool) -> bytes:
        words = {"revision": self._revision, "until": self._until, "reset": reset, "gone": list(gone)}
        return control.pack((json.dumps(words).encode(), *grants))

    async def _send(self, payload: bytes) -> None:
        # Not in turn with versions: nobody waits for a compiler before a grant that was taken back is gone.
        await asyncio.gather(*(self._tell(worker, payload) for worker in self._workers()))

    async def _tell(self, worker: Reached, payload: bytes) -> None:
        await tell_or_end(worker, Kind.ACTIVE, payload, "grants")


async def tell_or_end(worker: Reached, kind: Kind, payload: bytes, what: str) -> None:
    """Tell a worker something that no worker may go on without; one that does not take it is ended."""
    try:
        await worker.link.request(kind, payload, within=_WITHIN)
    except WorkerError as error:
        logs.event(
            log, logging.ERROR, f"worker.{what}", f"a worker does not take {what}, and is replaced",
            worker=worker.number, reason=str(error),
        )  # fmt: skip
        if worker.launched is not None:
            worker.launched.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WITHIN):
                    await worker.launched.wait()
