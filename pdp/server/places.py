"""A place for a child process: filled when it falls empty, brought up to date, and led out.

A child is whatever `launch` starts and answers on its control channel: a decision worker, or the shipper.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pdp.errors import ConfigError, WorkerError, WorkerRefusedError
from pdp.server import logs
from pdp.server.control import Kind, Link, Serve
from pdp.server.launch import Launched
from pdp.server.status import frames

# A child that lived as long as this is replaced at once; one that did not, after a pause that doubles.
_SOUND_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
END_SECONDS = 5.0
"""How long a child that ends by itself may take beyond the grace that it has."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """When a child is given up: seconds between its signs of life, and how long one may be awaited.

    One that stands `still`, using no processor, is stopped or locked for good. A `busy` one may compile a large policy
    set, or wait for its turn on a crowded machine.
    """

    every: float = 2.0
    still: float = 10.0
    busy: float = 60.0


_USUAL = Patience()


class Place:
    """A place for a child, and the child that has it.

    `role` begins the names of its log entries, and `labels` stand in them. `launch` starts a child on its end of a
    channel; `prepare` then brings it to where it must be, before anything else is sent to it.
    """

    def __init__(
        self,
        role: str,
        launch: Callable[[socket.socket], Awaitable[Launched]],
        prepare: Callable[[Link], Awaitable[None]],
        patience: Patience = _USUAL,
        **labels: Any,
    ) -> None:
        self.role = role
        self.link: Link | None = None
        self.serve: Serve | None = None
        self.launched: Launched | None = None
        # One who brings a child up to date and one who sends it something new must not overtake each other.
        self.lock = asyncio.Lock()
        self.state = "starting"
        self.restarts = 0
        self.started_at = time.time()
        self.error = ""
        self._launch = launch
        self._prepare = prepare
        self._patience = patience
        self._labels = labels
        self._retired = False
        self._grace = 0.0
        self._stopping = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The child's process id; 0 when there is none."""
        return 0 if self.launched is None else self.launched.pid

    async def start(self) -> None:
        """Fill the place, from now on and until `stop`; return once the first child is prepared.

        Raises ConfigError or WorkerError when it does not come up, and then none follows.
        """
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(came))
        await came

    def retire(self) -> None:
        """Let nobody follow the child that is there now."""
        self._retired = True

    async def stop(self, grace: float) -> None:
        """Give the child `grace` seconds for what it is at, and end it. A second call can shorten the first."""
        self._retired = True
        self._grace = grace
        self._stopping.set()
        await self._end(grace)
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)

    def left(self) -> None:
        """Hear that the child is gone; for those who remember what it was told."""
        self.state = "down"

    async def _end(self, grace: float) -> None:
        link, launched = self.link, self.launched
        if link is None or launched is None:
            return
        payload = json.dumps({"grace": grace}).encode()
        try:
            await link.request(Kind.STOP, payload, within=grace + END_SECONDS)
        except WorkerError:
            if self.launched is launched:  # it does not end by itself
                launched.kill()
        link.close()

    async def _keep(self, came: asyncio.Future[None]) -> None:
        """Have a child here until the end. `came` hears how the first one came up."""
        pause = 0.0
        while not self._stopping.is_set():
            started = time.monotonic()
            self.started_at, self.state = time.time(), "starting"
            try:
                how = await self._live(came)
            except Exception as error:  # whatever ends a child, its place is filled again
                how = str(error) or type(error).__name__
                if not isinstance(error, WorkerError | ConfigError | OSError):
                    logs.event(
                        log, logging.ERROR, f"{self.role}.failed", f"a {self.role} could not be led",
                        **self._labels, error=type(error).__name__, traceback=list(frames(error)),
                    )  # fmt: skip
                if not came.done():
                    came.set_exception(self._first(error))
                    return
            self.left()
            if self._retired:
                return
            lived = time.monotonic() - started
            pause = 0.0 if lived >= _SOUND_SECONDS else min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2 * pause))
            # The first death is none too many: it is replaced at once.
            wait = pause if pause > _FIRST_PAUSE else 0.0
            self.restarts += 1
            self.error = how
            logs.event(
                log, logging.ERROR, f"{self.role}.died", f"a {self.role} ended unasked and is replaced",
                **self._labels, how=how, lived=round(lived, 3), pause=wait, restarts=self.restarts,
            )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait or 0.001)

    async def _live(self, came: asyncio.Future[None]) -> str:
        """Start a child, prepare it, and return how it ended once it has."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        try:
            with theirs:
                launched = await self._launch(theirs)
        except BaseException:
            writer.close()
            raise
        link = Link(reader, writer, self.serve)
        listening = asyncio.create_task(link.run())
        beating = asyncio.create_task(self._beat(link, launched))
        self.launched = launched
        failure: WorkerError | None = None
        try:
            async with self.lock:
                await self._prepare(link)
                self.link = link
            if not came.done():
                came.set_result(None)
            if self._stopping.is_set():
                # The stop began before the link was there and did not see it.
                await self._end(self._grace)
            else:
                await listening
        except WorkerRefusedError:
            raise
        except WorkerError as error:
            failure = error
        finally:
            self.link = None
            link.close()
            beating.cancel()
            try:
                how = await asyncio.wait_for(launched.wait(), END_SECONDS)
            except TimeoutError:
                launched.kill()
                how = await launched.wait()
            self.launched = None
            await asyncio.gather(listening, beating, return_exceptions=True)
        if failure is not None:
            raise WorkerError(f"{failure}: {how}") from failure
        return how

    async def _beat(self, link: Link, launched: Launched) -> None:
        """End a child that has stopped answering, which it would not do by itself."""
        try:
            while True:
                await asyncio.sleep(self._patience.every)
                await self._sign_of_life(link, launched)
        except WorkerError as error:
            logs.event(
                log, logging.ERROR, f"{self.role}.silent", f"a {self.role} does not answer",
                **self._labels, reason=str(error),
            )  # fmt: skip
            launched.kill()

    async def _sign_of_life(self, link: Link, launched: Launched) -> None:
        patience, used = self._patience, launched.cpu_ticks()
        asking = asyncio.create_task(link.request(Kind.BEAT, within=patience.busy))
        try:
            while not (await asyncio.wait((asking,), timeout=patience.still))[0]:
                before, used = used, launched.cpu_ticks()
                if used is not None and used == before:
                    raise WorkerError(f"no sign of life for {patience.still:g} s, and no processor used")
            asking.result()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def _first(self, error: Exception) -> Exception:
        """Return what the start of the server fails with when the first child does not come up."""
        if isinstance(error, WorkerRefusedError) and error.reason == ConfigError.code:
            return ConfigError(str(error))
        if isinstance(error, WorkerError | ConfigError):
            return error
        return WorkerError(f"a {self.role} does not start: {error}")
