"""Keeps the workers: starts them, hands them what to decide by, replaces those that die, and leads them out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pickle
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from pdp.errors import ConfigError, WorkerError, WorkerRefusedError
from pdp.server import control, logs
from pdp.server.address import Address
from pdp.server.callers import Registry
from pdp.server.control import Kind, Link
from pdp.server.facts import Snapshot, WorkerFacts
from pdp.server.launch import Launch, Launched, launch_process
from pdp.server.ports import Reservation
from pdp.server.rate import Cells
from pdp.server.settings import Settings
from pdp.server.status import frames
from pdp.server.worker import WorkerConfig
from pdp.v1 import bundle_pb2

# A worker that lived as long as this is replaced at once; one that did not, after a pause that doubles.
_SOUND_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
# Compiling the largest set takes a few seconds; who needs longer is stuck.
_WORK_SECONDS = 120.0
_START_SECONDS = 60.0
_COLLECT_SECONDS = 5.0
_BEAT_SECONDS = 5.0
_END_SECONDS = 5.0

log = logging.getLogger(__name__)


class _Place:
    """One of the N places for a worker, and the worker that has it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.link: Link | None = None
        self.launched: Launched | None = None
        # One who brings a worker up to date and one who sends it something new must not overtake each other.
        self.lock = asyncio.Lock()
        self.state = "starting"
        self.revision, self.hash = 0, ""
        self.restarts = 0
        self.started_at = time.time()
        self.error = ""
        self.address = ""
        self.refused: tuple[int, str] | None = None

    def facts(self) -> WorkerFacts:
        facts = WorkerFacts(
            pid=0 if self.launched is None else self.launched.pid, state=self.state, revision=self.revision,
            hash=self.hash, restarts=self.restarts, started_at=self.started_at,
        )  # fmt: skip
        if self.address:
            facts["address"] = self.address
        if self.error:
            facts["error"] = self.error
        return facts


class Supervisor:
    """The workers of one server; a `folder.Sink`. `launch` starts one of them."""

    def __init__(self, settings: Settings, *, launch: Launch = launch_process) -> None:
        """Raises ConfigError when several workers are to share a socket file."""
        self._settings = settings
        self._launch = launch
        self._count = _count(settings)
        self._places = [_Place(number) for number in range(self._count)]
        self._begun = time.monotonic_ns()
        self._cells = Cells.create() if settings.callers is not None else None
        self._reservation: Reservation | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._draining = False
        self._version: bundle_pb2.SignedBundle | None = None
        self._grants: bytes | None = None
        self._callers: bytes | None = None
        self.address = settings.address

    @property
    def revision(self) -> int:
        """The revision that workers decide by; 0 before the first."""
        return 0 if self._version is None else self._version.revision

    @property
    def hash(self) -> str:
        """The hash of that revision."""
        return "" if self._version is None else self._version.hash

    def workers(self) -> list[WorkerFacts]:
        """Return how each worker does."""
        return [place.facts() for place in self._places]

    async def start(self) -> Address:
        """Take the ports, start every worker and return the address once all listen; none is ready yet.

        Raises ConfigError when the address cannot be had or the settings cannot be used, WorkerError when a worker
        does not come up.
        """
        own = self._count if self._settings.worker_ports else 0
        self._reservation = await asyncio.to_thread(Reservation.take, self._settings.address, own)
        self.address = self._reservation.address
        up: list[asyncio.Future[None]] = []
        for place in self._places:
            came = asyncio.get_running_loop().create_future()
            up.append(came)
            self._keepers.append(asyncio.create_task(self._keep(place, came)))
        await asyncio.gather(*up)
        return self.address

    async def set_version(self, signed: bundle_pb2.SignedBundle) -> None:
        """Let every worker decide by a version, and those that come later.

        A worker that refuses it stays as it is and says so in the log and in `workers`. Raises WorkerRefusedError when
        all of them refuse.
        """
        payload = signed.SerializeToString()
        results = await self._to_all(lambda place: self._give(place, signed, payload))
        if results and not any(results):
            raise WorkerRefusedError(f"no worker can decide by it: {self._places[0].error}", "worker_refused")
        self._version = signed
        # Workers that came up meanwhile were given the version before.
        await self._to_all(lambda place: self._give(place, signed, payload))

    async def set_grants(self, grants: Iterable[bundle_pb2.Grant]) -> None:
        """Give every worker these grants in place of all."""
        self._grants = control.pack(grant.SerializeToString() for grant in grants)
        await self._to_all(lambda place: self._send(place, Kind.GRANTS, self._grants or b""))

    async def set_callers(self, registry: Registry) -> None:
        """Let every worker judge calls by this registry."""
        self._callers = json.dumps(registry.serialize()).encode()
        await self._to_all(lambda place: self._send(place, Kind.CALLERS, self._callers or b""))

    async def collect(self) -> list[Snapshot]:
        """Return what the workers that answer have counted."""

        async def ask(link: Link) -> Any:
            with contextlib.suppress(WorkerError):  # a worker that is gone has nothing to tell
                return await link.request(Kind.COLLECT, within=_COLLECT_SECONDS)
            return None

        found = await asyncio.gather(*(ask(link) for link in self._links()))
        return [snapshot for snapshot in found if snapshot]

    async def drain(self) -> None:
        """Let every worker say NOT_SERVING; from now on none is replaced."""
        self._draining = True
        for place in self._places:
            if place.state == "ready":
                place.state = "draining"

        async def tell(link: Link) -> None:
            with contextlib.suppress(WorkerError):  # one that is gone takes no calls, one that is stuck is ended later
                await link.request(Kind.DRAIN, within=_END_SECONDS)

        # Without the places' locks: a drain does not wait for a version that is being compiled.
        await asyncio.gather(*(tell(link) for link in self._links()))

    async def stop(self, grace: float) -> None:
        """Let calls in flight take `grace` seconds, end all workers and give the ports back.

        A second call can shorten the grace of the first.
        """
        self._draining = True
        self._stopping.set()
        try:
            await asyncio.gather(*(self._end(place, grace) for place in self._places))
            await asyncio.gather(*self._keepers, return_exceptions=True)
        finally:
            if self._reservation is not None:
                self._reservation.release()

    async def _end(self, place: _Place, grace: float) -> None:
        link, launched = place.link, place.launched
        if link is None or launched is None:
            return
        payload = json.dumps({"grace": grace}).encode()
        try:
            await link.request(Kind.STOP, payload, within=grace + _END_SECONDS)
        except WorkerError:
            if place.launched is launched:  # it does not end by itself
                launched.kill()
        link.close()

    async def _keep(self, place: _Place, came: asyncio.Future[None]) -> None:
        """Have a worker in a place until the end. `came` hears how the first one came up."""
        pause = 0.0
        while not self._stopping.is_set():
            started = time.monotonic()
            place.started_at, place.state = time.time(), "starting"
            try:
                how = await self._live(place, came)
            except Exception as error:  # whatever ends a worker, its place is filled again
                how = str(error) or type(error).__name__
                if not isinstance(error, WorkerError | ConfigError | OSError):
                    logs.event(
                        log, logging.ERROR, "worker.failed", "a worker could not be led",
                        worker=place.number, error=type(error).__name__, traceback=list(frames(error)),
                    )  # fmt: skip
                if not came.done():
                    came.set_exception(_first(error))
                    return
            place.state, place.revision, place.hash, place.refused = "down", 0, "", None
            if self._draining:
                return
            lived = time.monotonic() - started
            pause = 0.0 if lived >= _SOUND_SECONDS else min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2 * pause))
            # The first death is none too many: it is replaced at once.
            wait = pause if pause > _FIRST_PAUSE else 0.0
            place.restarts += 1
            place.error = how
            logs.event(
                log, logging.ERROR, "worker.died", "a worker ended unasked and is replaced",
                worker=place.number, how=how, lived=round(lived, 3), pause=wait, restarts=place.restarts,
            )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait or 0.001)

    async def _live(self, place: _Place, came: asyncio.Future[None]) -> str:
        """Start a worker, bring it up to date, and return how it ended once it has."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        try:
            with theirs:
                descriptors = () if self._cells is None or self._cells.fd is None else (self._cells.fd,)
                launched = await self._launch(theirs, descriptors)
        except BaseException:
            writer.close()
            raise
        link = Link(reader, writer)
        listening = asyncio.create_task(link.run())
        beating = asyncio.create_task(self._beat(link, launched))
        place.launched = launched
        failure: WorkerError | None = None
        try:
            async with place.lock:
                await self._prepare(place, link)
                place.link = link
            if not came.done():
                came.set_result(None)
            # A stop that began before the link was there did not see it.
            if not self._stopping.is_set():
                await listening
        except WorkerRefusedError:
            raise
        except WorkerError as error:
            failure = error
        finally:
            place.link = None
            link.close()
            beating.cancel()
            try:
                how = await asyncio.wait_for(launched.wait(), _END_SECONDS)
            except TimeoutError:
                launched.kill()
                how = await launched.wait()
            place.launched = None
            await asyncio.gather(listening, beating, return_exceptions=True)
        if failure is not None:
            raise WorkerError(f"{failure}: {how}") from failure
        return how

    async def _prepare(self, place: _Place, link: Link) -> None:
        """Bring a new worker to where the others are. It listens last, so that no caller finds it unready."""
        config = WorkerConfig(
            self._settings, place.number, self._listen(place), share=not self.address.path, begun=self._begun,
            cells_fd=None if self._cells is None else self._cells.fd,
        )  # fmt: skip
        await link.request(Kind.CONFIGURE, pickle.dumps(config), within=_START_SECONDS)
        if self._callers is not None:
            await link.request(Kind.CALLERS, self._callers, within=_WORK_SECONDS)
        if self._grants is not None:
            await link.request(Kind.GRANTS, self._grants, within=_WORK_SECONDS)
        if self._version is not None:
            data = await link.request(Kind.VERSION, self._version.SerializeToString(), within=_WORK_SECONDS)
            self._accepted(place, data)
        data = await link.request(Kind.LISTEN, within=_START_SECONDS)
        place.address = data["addresses"][1] if self._settings.worker_ports else ""
        facts = {"pid": 0 if place.launched is None else place.launched.pid, "addresses": data["addresses"]}
        logs.event(log, logging.INFO, "worker.started", "a worker takes calls", worker=place.number, **facts)

    def _listen(self, place: _Place) -> tuple[Address, ...]:
        own = () if self._reservation is None else self._reservation.workers
        return (self.address, own[place.number]) if own else (self.address,)

    async def _beat(self, link: Link, launched: Launched) -> None:
        """End a worker that has stopped answering, which it would not do by itself."""
        try:
            while True:
                await asyncio.sleep(_BEAT_SECONDS)
                await link.request(Kind.COLLECT, within=_START_SECONDS)
        except WorkerRefusedError:
            return
        except WorkerError as error:
            logs.event(log, logging.ERROR, "worker.silent", "a worker does not answer", reason=str(error))
            launched.kill()

    def _links(self) -> list[Link]:
        return [place.link for place in self._places if place.link is not None]

    async def _to_all(self, send: Callable[[_Place], Awaitable[bool]]) -> list[bool]:
        """Send something to every worker that is up, and return which of those that still are took it."""

        async def one(place: _Place) -> bool | None:
            async with place.lock:
                if place.link is None:
                    return None
                try:
                    return await send(place)
                except WorkerRefusedError as error:
                    return self._refused(place, str(error))
                except WorkerError as error:
                    if place.launched is not None:  # gone, or stuck: another one will be brought up to date
                        place.launched.kill()
                    place.error = str(error)
                    return None

        results = await asyncio.gather(*(one(place) for place in self._places))
        return [result for result in results if result is not None]

    async def _send(self, place: _Place, kind: Kind, payload: bytes) -> bool:
        if place.link is not None:
            await place.link.request(kind, payload, within=_WORK_SECONDS)
        return True

    async def _give(self, place: _Place, signed: bundle_pb2.SignedBundle, payload: bytes) -> bool:
        wanted = (signed.revision, signed.hash)
        if (place.revision, place.hash) == wanted or place.link is None:
            return True
        if place.refused == wanted:
            return False
        try:
            data = await place.link.request(Kind.VERSION, payload, within=_WORK_SECONDS)
        except WorkerRefusedError:
            place.refused = wanted
            raise
        self._accepted(place, data)
        return True

    def _accepted(self, place: _Place, data: control.Data) -> None:
        place.revision, place.hash = data["revision"], data["hash"]
        place.state, place.error, place.refused = "ready", "", None

    def _refused(self, place: _Place, reason: str) -> bool:
        place.error = reason
        logs.event(
            log, logging.ERROR, "worker.refused", "a worker cannot use what it was sent and stays as it is",
            worker=place.number, revision=place.revision, reason=reason,
        )  # fmt: skip
        return False


def _count(settings: Settings) -> int:
    if not settings.address.path:
        return settings.worker_count
    if isinstance(settings.workers, int) and settings.workers > 1:
        raise ConfigError(
            f"`{settings.address}` can be served by one worker alone; set `workers: 1`, or listen on a host and port"
        )
    return 1


def _first(error: Exception) -> Exception:
    """Return what the start of the server fails with when the first worker of a place does not come up."""
    if isinstance(error, WorkerRefusedError) and error.reason == ConfigError.code:
        return ConfigError(str(error))
    return error if isinstance(error, WorkerError | ConfigError) else WorkerError(f"a worker does not start: {error}")
