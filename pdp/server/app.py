"""Puts the server together and leads it through its life: listen, load, serve, drain, stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from pdp.server import clock, logs
from pdp.server.core import SERVICE, DecisionCore
from pdp.server.folder import FolderSource, Load
from pdp.server.holder import Holder
from pdp.server.servicers import decision_handlers
from pdp.server.settings import Settings
from pdp.server.status import frames
from pdp.server.transport import GrpcTransport
from pdp.server.watch import FileWatch
from pdp.values import format_timestamp

_SWITCH_SECONDS = 0.001

log = logging.getLogger(__name__)


class App:
    """One server process in folder mode: `async with App(settings) as app` serves until the block ends.

    `observe` hears of every look at policies and grants.
    """

    def __init__(self, settings: Settings, observe: Callable[[Load], None] = lambda load: None) -> None:
        self.settings = settings
        self.holder = Holder()
        self.address = settings.address
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._unwatch = asyncio.Event()
        # One thread, so that versions take force in the order in which they were read.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        # One thread for long calls: Python runs one thread at a time, and short calls are to have every other turn.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="call")
        self._source = FolderSource(
            settings.policies, settings.grants, self.holder, executor=self._loader, observe=observe
        )
        core = DecisionCore(self.holder, self._clock())
        handlers = decision_handlers(core, self._worker)
        self._transport = GrpcTransport([handlers], [SERVICE], reflect=settings.reflection)
        self._watchers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Listen, load the first version and say that the server is ready.

        Raises ConfigError when the address cannot be had; PolicyError, GrantFileError or OSError when the first
        version or the grants cannot be used.
        """
        try:
            await self._start()
        except BaseException:
            await self._close(0)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Say NOT_SERVING, still answer for a while, refuse new calls, let those in flight end, and stop."""
        logs.event(log, logging.INFO, "server.draining", "turning callers away")
        await self._transport.drain()
        await _either(self._hurry, asyncio.sleep(self.settings.drain_seconds))
        await self._close(self.settings.grace_seconds)
        logs.event(log, logging.INFO, "server.stopped", "stopped")

    async def wait(self) -> None:
        """Return when `request_stop` was called."""
        await self._stop.wait()

    def request_stop(self) -> None:
        """End `wait`; called again, cut the drain short."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _clock(self) -> clock.Clock:
        if self.settings.clock is None:
            return clock.machine_clock
        now = format_timestamp(self.settings.clock)
        logs.event(log, logging.WARNING, "clock.set", "deciding as if it were another time", now=now)
        return clock.starting_at(self.settings.clock)

    async def _start(self) -> None:
        self.address = await self._transport.start(self.settings.address)
        await self._follow(self.settings.grants, self._source.load_grants)
        await self._follow(self.settings.policies, self._source.load_policies)
        await self._transport.set_ready(ready=True)
        program = self.holder.require().program
        facts = {"address": str(self.address), "revision": program.revision, "hash": program.hash}
        logs.event(log, logging.INFO, "server.ready", "ready", **facts)
        if self.settings.ready_file is not None:
            text = json.dumps(facts | {"pid": os.getpid()}) + "\n"
            await asyncio.to_thread(_write, self.settings.ready_file, text)

    async def _follow(self, path: Path | None, load: Callable[[], Awaitable[Load]]) -> None:
        """Load what is at a path, which must succeed, and load it again whenever it changes."""
        if path is None:
            return
        watch = FileWatch(path, self.settings.poll_seconds)
        await watch.mark()
        first = await load()
        if first.error is not None:
            raise first.error

        self._watchers.append(asyncio.create_task(self._keep_watching(watch, load)))

    async def _keep_watching(self, watch: FileWatch, load: Callable[[], Awaitable[Load]]) -> None:
        while not self._unwatch.is_set():
            try:
                await watch.run(load, self._unwatch)
            except Exception as error:  # a server that stops following its rules must not do so in silence
                logs.event(
                    log, logging.ERROR, "watch.failed", "cannot follow changes; trying again",
                    error=type(error).__name__, traceback=list(frames(error)),
                )  # fmt: skip
                await _either(self._unwatch, asyncio.sleep(self.settings.poll_seconds))

    async def _close(self, grace: float) -> None:
        await _either(self._hurry, self._transport.stop(grace))
        await self._transport.stop(0)
        self._unwatch.set()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for executor in (self._loader, self._worker):
            executor.shutdown(wait=False, cancel_futures=True)


def serve(settings: Settings, ready: Callable[[App], None]) -> None:
    """Serve in this process until SIGTERM or SIGINT; `ready` is called once calls are answered.

    Raises what entering an App raises.
    """
    # How long a call waits for its turn while a version is compiled or a long call runs.
    sys.setswitchinterval(_SWITCH_SECONDS)
    asyncio.run(_serve(settings, ready))


async def _serve(settings: Settings, ready: Callable[[App], None]) -> None:
    loop = asyncio.get_running_loop()
    app = App(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.request_stop)
    async with app:
        ready(app)
        await app.wait()


async def _either(event: asyncio.Event, other: Coroutine[Any, Any, Any]) -> None:
    """Return when the event is set or the other has ended, which is then cancelled."""
    tasks = [asyncio.create_task(event.wait()), asyncio.create_task(other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _write(path: Path, text: str) -> None:
    """Put a whole file in place at once, so that a script that waits for it never reads half."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)
