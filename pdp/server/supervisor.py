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
from functools import partial
from typing import Any

from pdp.errors import ConfigError, WorkerError, WorkerRefusedError
from pdp.server import control, logs
from pdp.server.active_grants import ActiveGrants, Reached, tell_or_end
from pdp.server.address import Address
from pdp.server.callers import Registry
from pdp.server.control import Kind, Link, Serve
from pdp.server.facts import Snapshot, WorkerFacts
from pdp.server.launch import Launch, Launched, launch_process
from pdp.server.places import END_SECONDS, Place
from pdp.server.ports import Reservation
from pdp.server.rate import Cells
from pdp.server.settings import Settings
from pdp.server.worker import WorkerConfig
from pdp.v1 import bundle_pb2

# Compiling the largest set takes a few seconds; who needs longer is stuck.
_WORK_SECONDS = 120.0
_START_SECONDS = 60.0
_COLLECT_SECONDS = 5.0

log = logging.getLogger(__name__)


class _Worker(Place):
    """One of the N places for a worker."""

    def __init__(self, number: int, supervisor: Supervisor) -> None:
        super().__init__("worker", supervisor.launch, partial(supervisor.prepare, self), worker=number)
        self.number = number
        # Where it can be told of grants already while it is prepared.
        self.joining: Link | None = None
        self.revision, self.hash = 0, ""
        self.address = ""
        self.refused: tuple[int, str] | None = None

    def left(self) -> None:
        super().left()
        self.joining = None
        self.revision, self.hash, self.refused = 0, "", None

    def facts(self) -> WorkerFacts:
        facts = WorkerFacts(
            pid=self.pid, state=self.state, revision=self.revision, hash=self.hash, restarts=self.restarts,
            started_at=self.started_at,
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
        self._places = [_Worker(number, self) for number in range(self._count)]
        self.active_grants = ActiveGrants(self._reached)
        self._begun = time.monotonic_ns()
        self._cells = Cells.create() if settings.knows_callers else None
        self._reservation: Reservation | None = None
        self._version: bundle_pb2.SignedBundle | None = None
        self._grants: bytes | None = None
        self._callers: bytes | None = None
        self._shadow = b""
        self._stale = b""
        self.address = settings.address

    @property
    def revision(self) -> int:
        """The revision that workers decide by; 0 before the first."""
        return 0 if self._version is None else self._version.revision

    @property
    def hash(self) -> str:
        """The hash of that revision."""
        return "" if self._version is None else self._version.hash

    def serve(self, answer: Serve) -> None:
        """Answer what workers ask by this. Before `start`."""
        for place in self._places:
            place.serve = answer

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
        await asyncio.gather(*(place.start() for place in self._places))
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
        payload = self._callers = json.dumps(registry.serialize()).encode()
        # Not in turn with versions: a token that was taken out does not hold until something is compiled.
        await asyncio.gather(*(tell_or_end(worker, Kind.CALLERS, payload, "callers") for worker in self._reached()))

    async def set_shadow(self, signed: bundle_pb2.SignedBundle | None, sample: float) -> None:
        """Let every worker compare a share of its decisions, 0 to 1, with what this bundle decides; None for no more.

        Those that come later do so too. What they counted is in `collect`. A worker that refuses the bundle decides
        on as before and says so in the log. Raises WorkerRefusedError when all of them refuse, and then the bundle
        that was there before stays.
        """
        if not 0 <= sample <= 1:
            raise ValueError(f"a share must be 0 to 1, not {sample}")
        before = self._shadow
        self._shadow = b""
        if signed is not None:
            self._shadow = control.pack((json.dumps({"sample": sample}).encode(), signed.SerializeToString()))
        payload, reasons = self._shadow, list[str]()
        results = await self._to_all(lambda place: self._compare(place.number, place.link, payload, reasons))
        if results and not any(results):
            self._shadow = before
            raise WorkerRefusedError(f"no worker can compare with it: {reasons[0]}", "worker_refused")

    async def set_stale(self, seconds: float | None) -> None:
        """Let every answer say that the control store was last heard so many seconds ago; None when it is heard.

        The age grows by itself. It holds for workers that come later too.
        """
        heard = time.monotonic_ns() - int((seconds or 0.0) * 1e9)
        payload = self._stale = b"" if seconds is None else json.dumps({"heard": heard}).encode()
        await self._to_all(lambda place: self._send(place, Kind.STALE, payload))

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
        for place in self._places:
            place.retire()
            if place.state == "ready":
                place.state = "draining"

        async def tell(link: Link) -> None:
            with contextlib.suppress(WorkerError):  # one that is gone takes no calls, one that is stuck is ended later
                await link.request(Kind.DRAIN, within=END_SECONDS)

        # Without the places' locks: a drain does not wait for a version that is being compiled.
        await asyncio.gather(*(tell(link) for link in self._links()))

    async def stop(self, grace: float) -> None:
        """Let calls in flight take `grace` seconds, end all workers and give the ports back.

        A second call can shorten the grace of the first.
        """
        try:
            await asyncio.gather(*(place.stop(grace) for place in self._places))
        finally:
            if self._reservation is not None:
                self._reservation.release()

    async def launch(self, channel: socket.socket) -> Launched:
        """Start a worker on its end of a channel."""
        descriptors = () if self._cells is None or self._cells.fd is None else (self._cells.fd,)
        return await self._launch(channel, descriptors)

    async def prepare(self, place: _Worker, link: Link) -> None:
        """Bring a new worker to where the others are. It listens last, so that no caller finds it unready."""
        config = WorkerConfig(
            self._settings, place.number, self._listen(place), share=not self.address.path, begun=self._begun,
            cells_fd=None if self._cells is None else self._cells.fd,
        )  # fmt: skip
        await link.request(Kind.CONFIGURE, pickle.dumps(config), within=_START_SECONDS)
        if self._grants is not None:
            await link.request(Kind.GRANTS, self._grants, within=_WORK_SECONDS)
        if self._version is not None:
            data = await link.request(Kind.VERSION, self._version.SerializeToString(), within=_WORK_SECONDS)
            self._accepted(place, data)
        if self._stale:
            await link.request(Kind.STALE, self._stale, within=_START_SECONDS)
        # INVARIANT: what changes from here on is sent to it too, and what it is sent twice does no harm.
        place.joining = link
        if self._callers is not None:
            await link.request(Kind.CALLERS, self._callers, within=_WORK_SECONDS)
        await link.request(Kind.ACTIVE, self.active_grants.state(), within=_WORK_SECONDS)
        data = await link.request(Kind.LISTEN, within=_START_SECONDS)
        place.address = data["addresses"][1] if self._settings.worker_ports else ""
        facts = {"pid": place.pid, "addresses": data["addresses"]}
        logs.event(log, logging.INFO, "worker.started", "a worker takes calls", worker=place.number, **facts)
        if self._shadow:
            # Last: no caller waits for it.
            await self._compare(place.number, link, self._shadow, [])

    def _listen(self, place: _Worker) -> tuple[Address, ...]:
        own = () if self._reservation is None else self._reservation.workers
        return (self.address, own[place.number]) if own else (self.address,)

    def _reached(self) -> list[Reached]:
        return [
            Reached(place.number, link, place.launched)
            for place in self._places
            if (link := place.link or place.joining) is not None
        ]

    def _links(self) -> list[Link]:
        return [place.link for place in self._places if place.link is not None]

    async def _to_all(self, send: Callable[[_Worker], Awaitable[bool]]) -> list[bool]:
        """Send something to every worker that is up, and return which of those that still are took it."""

        async def one(place: _Worker) -> bool | None:
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

    async def _send(self, place: _Worker, kind: Kind, payload: bytes) -> bool:
        if place.link is not None:
            await place.link.request(kind, payload, within=_WORK_SECONDS)
        return True

    async def _give(self, place: _Worker, signed: bundle_pb2.SignedBundle, payload: bytes) -> bool:
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

    async def _compare(self, number: int, link: Link | None, payload: bytes, reasons: list[str]) -> bool:
        """Send what to compare with; return whether the worker took it, and add to the reasons if not."""
        if link is None:
            return True
        try:
            await link.request(Kind.SHADOW, payload, within=_WORK_SECONDS)
        except WorkerRefusedError as error:
            reasons.append(str(error))
            logs.event(
                log, logging.ERROR, "worker.shadow_refused", "a worker cannot compare with what it was sent",
                worker=number, reason=str(error),
            )  # fmt: skip
            return False
        return True

    def _accepted(self, place: _Worker, data: control.Data) -> None:
        place.revision, place.hash = data["revision"], data["hash"]
        place.state, place.error, place.refused = "ready", "", None

    def _refused(self, place: _Worker, reason: str) -> bool:
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
