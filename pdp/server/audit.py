"""What a server keeps besides deciding: its data folder, the record of its own doings, shipper and staff port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from pdp import __version__
from pdp.control.accounts import Accounts
from pdp.control.grants.desk import GrantDesk
from pdp.control.nodes import Nodes
from pdp.control.revisions import Revisions
from pdp.errors import PdpError, WorkerError
from pdp.server import data_folder, logs, spools
from pdp.server.address import Address
from pdp.server.callers import Registry
from pdp.server.control import Kind, Link
from pdp.server.data_folder import DataFolder, write_new
from pdp.server.facts import ShipperFacts, Shipping
from pdp.server.folder import Load, Outcome, Sink
from pdp.server.launch import Launch, Launched, launch_shipper
from pdp.server.operations import Operations
from pdp.server.places import Place
from pdp.server.settings import Settings
from pdp.server.staff.account_host import AccountHost
from pdp.server.staff.control_host import CallerHost, ControlHost, LoopRunner
from pdp.server.staff.throttle import AddressThrottle
from pdp.server.staff_port import StaffPort
from pdp.v1 import bundle_pb2, snapshot_pb2

_START_SECONDS = 60.0
_COLLECT_SECONDS = 5.0
_STAFF_SECONDS = 5.0
"""How long a call of the staff may still take: an export can be repeated, and nobody decides by it."""
_MAX_REASON = 500

log = logging.getLogger(__name__)


class AuditTrail:
    """The supervisor's side of records. With neither snapshots nor a staff port it keeps nothing at all.

    `launch` starts the shipper.
    """

    def __init__(self, settings: Settings, *, launch: Launch = launch_shipper) -> None:
        self._settings = settings
        self._launch = launch
        self._place = Place("shipper", self._launched, self._prepare)
        self._folder: DataFolder | None = None
        # What a shipper told, by its process id: of one that is gone it does not count.
        self._told: tuple[int, Shipping] | None = None
        self._unkept: dict[str, bundle_pb2.SignedBundle] = {}
        self._staff: StaffPort | None = None
        self.operations: Operations | None = None
        self.staff_address: Address | None = None
        self._throttle = AddressThrottle()

    async def open(self) -> None:
        """Take the data folder, and begin to record operations.

        Raises ConfigError when the folder cannot be used, SpoolError when nothing can be written there.
        """
        if not data_folder.is_needed(self._settings):
            return
        self._folder = await asyncio.to_thread(DataFolder.open, self._settings)
        self.operations = Operations(await asyncio.to_thread(spools.open_spool, self._settings))

    async def start(self) -> None:
        """Start the shipper. Raises ConfigError or WorkerError when it cannot work with the settings."""
        if self._folder is not None:
            await self._place.start()

    async def start_staff(
        self,
        revisions: Revisions,
        nodes: Nodes,
        accounts: Accounts | None = None,
        grants: GrantDesk | None = None,
        callers: CallerHost | None = None,
        acted: Callable[[], None] | None = None,
    ) -> None:
        """Open the staff port, with `accounts` for those who are signed in; `acted` hears that somebody has done
        something, in this event loop. Raises ConfigError.
        """
        address = self._settings.staff_address
        if address is not None and self.operations is not None:
            follows = self._settings.policies
            loop, record = asyncio.get_running_loop(), self.operations.record

            def recorded(operation: snapshot_pb2.Operation) -> None:
                record(operation)
                if acted is not None:
                    loop.call_soon_threadsafe(acted)

            host = ControlHost(
                revisions, nodes, LoopRunner(loop), recorded, follows="" if follows is None else str(follows),
                grants=grants, callers=callers,
            )  # fmt: skip
            people = None
            if accounts is not None:
                self._throttle = AddressThrottle(self._settings.accounts.address_failures)
                people = AccountHost(accounts, host.run, host.record, self._throttle)
            self._staff = StaffPort(self._settings, address, host, people)
            self.staff_address = await self._staff.start()

    async def stop_staff(self, grace: float) -> None:
        """End the staff port; calls may take at most `grace` seconds."""
        staff, self._staff = self._staff, None
        if staff is not None:
            await staff.stop(min(grace, _STAFF_SECONDS))

    async def stop(self, grace: float) -> None:
        """Let the shipper bring what there is into the store for `grace` seconds, end it, and leave the folder.

        A second call can shorten the grace of the first.
        """
        operations, self.operations = self.operations, None
        if operations is not None:
            # Before the shipper looks for the last time.
            await asyncio.to_thread(operations.close)
        await self._place.stop(grace)
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()

    def started(self, facts: Mapping[str, object]) -> None:
        """Record that the service answers."""
        told = {key: str(value) for key, value in facts.items()}
        self._note("service.started", told | {"version": __version__, "pid": str(os.getpid())})

    def stopping(self) -> None:
        """Record that the service ends, and turn the staff away."""
        if self._staff is not None:
            self._staff.drain()
        self._note("service.stopped", {"pid": str(os.getpid())})

    def looked(self, load: Load, revision: int, hash_: str) -> None:
        """Record that a version was taken into use or refused."""
        what = "policy" if load.what == "policies" else load.what
        if load.error is not None:
            reason = str(load.error) if isinstance(load.error, PdpError | OSError) else type(load.error).__name__
            self._note(f"{what}.refused", {"reason": reason[:_MAX_REASON]}, success=False)
        elif load.outcome is Outcome.ACCEPTED:
            self._note(f"{what}.applied", {"revision": str(revision), "hash": hash_} if what == "policy" else {})

    def note(self, kind: str, details: Mapping[str, str], success: bool) -> None:
        """Record what the node did about a revision."""
        self._note(kind, details, success=success)

    async def keep(self, signed: bundle_pb2.SignedBundle) -> None:
        """Keep a version for the store, where replaying a decision will look for it.

        What cannot be kept now is tried again at every `collect`: it must not keep a version from taking force.
        """
        if self._folder is not None:
            self._unkept[signed.hash] = signed
            await self._keep_all()

    async def follow(self, signed: bundle_pb2.SignedBundle) -> None:
        """Let the staff ask by the names of the version that is in force now."""
        if self._staff is not None:
            await asyncio.to_thread(self._staff.follow, signed)

    async def collect(self) -> None:
        """Ask the shipper how it fares, for `facts`."""
        await self._keep_all()
        link, pid = self._place.link, self._place.pid
        if link is not None:
            with contextlib.suppress(WorkerError):  # it is gone, and the next one will tell
                told = await link.request(Kind.COLLECT, within=_COLLECT_SECONDS)
                self._told = (pid, cast("Shipping", told)) if told else None

    @property
    def throttled(self) -> int:
        """How many sign-ins were refused because too many failed from their address."""
        return self._throttle.refused

    def facts(self) -> ShipperFacts | None:
        """Return how the shipper does; None when nothing is kept."""
        if not data_folder.is_needed(self._settings):
            return None
        place = self._place
        facts = ShipperFacts(
            pid=place.pid, state=place.state, restarts=place.restarts, started_at=place.started_at
        )  # fmt: skip
        if place.error:
            facts["error"] = place.error
        if self._told is not None and self._told[0] == place.pid:
            facts["shipping"] = self._told[1]
        return facts

    def _note(self, kind: str, details: Mapping[str, str], *, success: bool = True) -> None:
        if self.operations is not None:
            self.operations.note(kind, details, success=success)

    async def _keep_all(self) -> None:
        folder = self._folder
        for hash_, signed in list(self._unkept.items()) if folder is not None else []:
            assert folder is not None  # noqa: S101 - as said
            try:
                await asyncio.to_thread(write_new, folder.bundles / hash_, signed.SerializeToString())
            except OSError as error:
                reason = (error.strerror or type(error).__name__).lower()
                logs.event(
                    log, logging.ERROR, "bundle.unkept", "a version in force cannot be kept for the store yet",
                    hash=hash_, reason=reason,
                )  # fmt: skip
            else:
                self._unkept.pop(hash_, None)

    async def _launched(self, channel: socket.socket) -> Launched:
        return await self._launch(channel, ())

    async def _prepare(self, link: Link) -> None:
        await link.request(Kind.CONFIGURE, pickle.dumps(self._settings), within=_START_SECONDS)
        self._place.state = "ready"
        logs.event(log, logging.INFO, "shipper.started", "records are brought into the store", pid=self._place.pid)


class KeepingSink:
    """A `folder.Sink` that keeps each version for the store before it takes force."""

    def __init__(self, sink: Sink, trail: AuditTrail) -> None:
        self._sink = sink
        self._trail = trail

    async def set_version(self, signed: bundle_pb2.SignedBundle) -> None:
        """Keep a version and decide by it."""
        await self._trail.keep(signed)
        await self._sink.set_version(signed)
        await self._trail.follow(signed)

    async def set_grants(self, grants: Iterable[bundle_pb2.Grant]) -> None:
        """Put other grants in place of all."""
        await self._sink.set_grants(grants)

    async def set_callers(self, registry: Registry) -> None:
        """Let others call."""
        await self._sink.set_callers(registry)
