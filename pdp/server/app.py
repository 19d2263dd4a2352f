"""Puts the server together and leads it through its life: listen, load, serve, drain, stop.

This process is the supervisor: it reads and judges, and its workers decide.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Self

from pdp.errors import ControlStoreError
from pdp.server import data_folder, logs, spools
from pdp.server.admin import AdminServer
from pdp.server.alarm_records import AlarmRecords
from pdp.server.audit import AuditTrail, KeepingSink
from pdp.server.caller_register import CallerRegister
from pdp.server.control_plane import ControlPlane
from pdp.server.facts import Facts, Refusal
from pdp.server.folder import Direct, FolderSource, InForce, Load, Outcome, refusal_details
from pdp.server.grant_calls import GrantCalls
from pdp.server.judge import PolicyJudge
from pdp.server.launch import Launch, launch_process, launch_shipper
from pdp.server.node_applier import NodeApplier
from pdp.server.report_calls import ReportCalls, SpooledEvidence, repeating
from pdp.server.settings import Settings
from pdp.server.staff.control_host import CallerHost
from pdp.server.status import frames
from pdp.server.supervisor import Supervisor
from pdp.server.watch import FileWatch
from pdp.server.zygote import Launchers, launching
from pdp.v1 import control_pb2
from pdp.values import format_timestamp

log = logging.getLogger(__name__)


class App:
    """One server: `async with App(settings) as app` serves until the block ends.

    What it decides by comes from a folder or from the control store; what a folder holds goes through that store too,
    unless nothing is kept at all.

    `observe` hears of every look at policies, grants and callers; `launch` starts a worker, `launch_shipping` the
    shipper. `tell_first_token` gets the token for the first account while there is none.
    """

    def __init__(
        self,
        settings: Settings,
        observe: Callable[[Load], None] = lambda load: None,
        launch: Launch = launch_process,
        launch_shipping: Launch = launch_shipper,
        tell_first_token: Callable[[str], None] = lambda token: None,
    ) -> None:
        """Raises ConfigError."""
        self.settings = settings
        self.supervisor = Supervisor(settings, launch=launch)
        self.audit = AuditTrail(settings, launch=launch_shipping)
        self._observe = observe
        self._tell_first_token = tell_first_token
        self.stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._unwatch = asyncio.Event()
        # One thread, so that versions take force in the order in which they were read.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        sink = KeepingSink(self.supervisor, self.audit)
        self._judge = PolicyJudge()
        self._direct = Direct(self._judge, sink)
        self._applier = NodeApplier(
            sink, self.supervisor, self._judge, self.audit.note, follows_folder=settings.policies is not None
        )
        self._alarms = AlarmRecords(self.audit.note)
        self.plane: ControlPlane | None = None
        self._reports: ReportCalls | None = None
        self._register = CallerRegister(sink.set_callers)
        self._source = FolderSource(
            settings.policies, settings.grants, sink, self._publish,
            callers=settings.callers, executor=self._loader, observe=self._looked, let=self._register.set_file,
        )  # fmt: skip
        self._watchers: list[asyncio.Task[None]] = []
        self._admin = None if (at := settings.admin_address) is None else AdminServer(at, self.facts, self._collect)
        self._started_at = time.time()
        self._draining = False
        self._announced = asyncio.Event()
        self._announcing: asyncio.Task[None] | None = None
        self._errors: dict[str, Refusal | None] = {}
        self._loads: dict[str, dict[str, int]] = {}

    @property
    def address(self) -> Any:
        """Where the decision port listens."""
        return self.supervisor.address

    @property
    def admin_address(self) -> Any:
        """Where the admin port listens; None when it is off."""
        return None if self._admin is None else self._admin.address

    def facts(self) -> Facts:
        """Return what is known of the server, for the admin port."""
        return Facts(
            workers=self.supervisor.workers(),
            revision=self.supervisor.revision,
            hash=self.supervisor.hash,
            started_at=self._started_at,
            draining=self._draining,
            address=str(self.address),
            transport=self.settings.transport,
            policies_error=self._errors.get("policies"),
            grants_error=self._errors.get("grants"),
            shipper=self.audit.facts(),
            control=None if self.plane is None else self.plane.facts(),
            grants=None if self.plane is None else self.plane.grant_facts(),
            people=None if self.plane is None else self.plane.people_facts(self.audit.throttled),
            access_ends=[] if self.plane is None else self.plane.access_ends(),
            token_uses=[] if self.plane is None else self.plane.token_uses(),
            reports=None if self._reports is None else self._reports.facts(),
            loads=self._loads,
        )

    async def __aenter__(self) -> Self:
        """Listen, load the first version and say that the server is ready.

        Without a folder the first version may still be to come: then it is ready when it is there.

        Raises ConfigError when the address or the data folder cannot be had, SpoolError when nothing can be written
        there; PolicyError, GrantFileError, CallersFileError or OSError when the first version, the grants or the
        callers cannot be used; WorkerError when the workers or the shipper do not start.
        """
        try:
            await self._start()
        except BaseException:
            await self._close(0)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Say NOT_SERVING, still answer for a while, refuse new calls, let those in flight end, and stop."""
        self._draining = True
        self.audit.stopping()
        await asyncio.gather(self.supervisor.drain(), self._drain_plane())
        logs.event(log, logging.INFO, "server.draining", "turning callers away")
        await _either(self._hurry, asyncio.sleep(self.settings.drain_seconds))
        await self._close(self.settings.grace_seconds)
        logs.event(log, logging.INFO, "server.stopped", "stopped")

    async def decides(self) -> None:
        """Return once calls are answered."""
        await self._announced.wait()

    async def wait(self) -> None:
        """Return when `request_stop` was called."""
        await self.stopping.wait()

    def request_stop(self) -> None:
        """End `wait`; called again, cut the drain short."""
        if self.stopping.is_set():
            self._hurry.set()
        self.stopping.set()

    async def _start(self) -> None:
        settings = self.settings
        if settings.clock is not None:
            now = format_timestamp(settings.clock)
            logs.event(log, logging.WARNING, "clock.set", "deciding as if it were another time", now=now)
        # Before the workers start, which write there.
        await self.audit.open()
        if data_folder.is_needed(settings):
            self.plane = ControlPlane(settings, self._judge, self._applier, self._collect, self._register)
            if self.audit.operations is not None:
                operations = self.audit.operations
                grants = GrantCalls(self.plane.grants, self.plane.uses, operations.record)
                evidence = SpooledEvidence(settings, operations, spools.folders(settings))
                book = self.plane.take_reports(evidence, repeating)
                self._reports = ReportCalls(settings, book, grants, self.audit.note)
                self.supervisor.serve(self._reports)
        # Likewise: who may call must be known before anybody can.
        if self.plane is not None:
            await self.plane.know_callers()
        await self._follow(settings.callers, self._source.load_callers)
        await asyncio.gather(self.supervisor.start(), self.audit.start())
        if self.plane is not None:
            self.plane.begin(str(self.address))
            await self.audit.start_staff(
                self.plane.revisions, self.plane.nodes, self.plane.accounts, self.plane.grants,
                CallerHost(
                    self.plane.callers, self._register, settings.control.callers, self.plane.look_at_callers
                ),
                self.plane.acted,
            )  # fmt: skip
            await self._offer_first_account(self.plane)
        if self._admin is not None:
            await self._admin.start()
        await self._follow(settings.grants, self._source.load_grants)
        if self.plane is not None:
            await self.plane.recover()
        await self._follow(settings.policies, self._source.load_policies)
        if self.plane is not None:
            self.plane.start()
        if self.supervisor.revision:
            await self._announce()
            return
        logs.event(
            log, logging.WARNING, "server.waiting", "nothing to decide by yet; waiting for a first revision",
            address=str(self.address),
        )  # fmt: skip
        self._announcing = asyncio.create_task(self._announce_later())

    async def _offer_first_account(self, plane: ControlPlane) -> None:
        if plane.accounts is None:
            return
        try:
            token = await plane.accounts.make_first_token()
        except ControlStoreError as error:
            words = "the control store is away; start again when it is there, if the first account is still to be made"
            logs.event(log, logging.WARNING, "account.no_token", words, reason=str(error))
            return
        if token is not None:
            self._tell_first_token(token)

    async def _announce_later(self) -> None:
        assert self.plane is not None  # noqa: S101 - without one there is a folder
        await self.plane.decides()
        await self._announce()

    async def _announce(self) -> None:
        """Say that calls are answered."""
        facts = {"address": str(self.address), "revision": self.supervisor.revision, "hash": self.supervisor.hash}
        if self._admin is not None:
            facts["admin"] = str(self._admin.address)
        self.audit.started(facts)
        told = facts if self.audit.staff_address is None else facts | {"staff": str(self.audit.staff_address)}
        logs.event(log, logging.INFO, "server.ready", "ready", workers=len(self.supervisor.workers()), **told)
        if self.settings.ready_file is not None:
            text = json.dumps(facts | {"pid": os.getpid()}) + "\n"
            await asyncio.to_thread(_write, self.settings.ready_file, text)
        self._announced.set()

    async def _publish(self, text: control_pb2.Sources) -> InForce:
        return await (self._direct(text) if self.plane is None else self.plane.publish(text))

    async def _drain_plane(self) -> None:
        if self.plane is not None:
            await self.plane.drain()

    async def _collect(self) -> list[Any]:
        found, _ = await asyncio.gather(self.supervisor.collect(), self.audit.collect())
        shipper = self.audit.facts()
        self._applier.meter.update(found, shipper)
        if self.plane is not None:
            for snapshot in found:
                self.plane.note_used((name, token) for name, token in snapshot.get("tokens_used", ()))
        self._alarms.look(found, shipper)
        return list(found)

    def _looked(self, load: Load) -> None:
        counts = self._loads.setdefault(load.what, {outcome.value: 0 for outcome in Outcome})
        counts[load.outcome.value] += 1
        if load.error is None:
            self._errors[load.what] = None
        else:
            details = refusal_details(load.error)
            details.pop("traceback", None)
            self._errors[load.what] = Refusal(at=time.time(), **details)  # type: ignore[typeddict-item]
        self.audit.looked(load, self.supervisor.revision, self.supervisor.hash)
        self._observe(load)

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
        self._unwatch.set()
        if self._announcing is not None:
            self._announcing.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._end(self.audit.stop_staff, grace)
        if self.plane is not None:
            await self.plane.stop()
        await self._end(self.supervisor.stop, grace)
        # Last, so that everything is shipped.
        await self._end(self.audit.stop, grace)
        if self.plane is not None:
            await self.plane.close()
        if self._admin is not None:
            await self._admin.stop()
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._judge.close()

    async def _end(self, stop: Callable[[float], Coroutine[Any, Any, None]], grace: float) -> None:
        stopping = asyncio.create_task(stop(grace))
        await _either(self._hurry, _done(stopping))
        if not stopping.done():
            await stop(0)
        await stopping


def serve(
    settings: Settings,
    ready: Callable[[App], None],
    first_token: Callable[[str], None],
    *,
    until_eof: BinaryIO | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, or until a pipe ends; `ready` is called once calls are answered, `first_token`
    with the token for the first account while there is none.

    Raises what making and entering an App raises.
    """
    with launching() as launchers:
        asyncio.run(_serve(settings, launchers, ready, first_token, until_eof))


async def _serve(
    settings: Settings,
    launchers: Launchers,
    ready: Callable[[App], None],
    first_token: Callable[[str], None],
    until_eof: BinaryIO | None,
) -> None:
    loop = asyncio.get_running_loop()
    app = App(
        settings, launch=launchers.worker, launch_shipping=launchers.shipper, tell_first_token=first_token
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.request_stop)
    if until_eof is not None:
        pipe = until_eof.fileno()

        def read() -> None:
            if not os.read(pipe, 4096):
                loop.remove_reader(pipe)
                app.request_stop()

        loop.add_reader(pipe, read)
    async with app:
        await _either(app.stopping, app.decides())
        if not app.stopping.is_set():
            # What is there now stays: an analysis need not look through it for garbage each time that it grows.
            gc.collect()
            gc.freeze()
            ready(app)
        await app.wait()


async def _done(task: asyncio.Task[None]) -> None:
    await asyncio.wait((task,))


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
