"""A decision worker: a process that answers calls by the version that the supervisor sent it.

`python -m pdp.server.worker --control-fd N` is started by the supervisor and does what comes over the control channel.
When the supervisor is gone it ends its calls and itself.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import pickle
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pdp.engine.decision_ids import DecisionIds
from pdp.engine.program import Program
from pdp.engine.recording import MakeRecorder
from pdp.errors import ConfigError, WorkerError
from pdp.server import clock, control, logs, spools
from pdp.server.address import Address
from pdp.server.bundles import BundleFeed
from pdp.server.callers import Registry
from pdp.server.control import Asking, Data, Frame, Kind
from pdp.server.core import GRANT_METHODS, SERVICE, STREAM, DecisionCore
from pdp.server.data_folder import resource_keys
from pdp.server.failures import Failures
from pdp.server.grants import GrantTable
from pdp.server.health import Health
from pdp.server.holder import Decider, Holder, Version
from pdp.server.journal import NEVER, Journal, JournalRules
from pdp.server.launch import call_process
from pdp.server.metrics import WorkerMetrics
from pdp.server.peers import PeerReader
from pdp.server.rate import Cells
from pdp.server.reports import REPORT_METHODS, Reports
from pdp.server.settings import Audit, Settings
from pdp.server.shadow import Beside, Shadow
from pdp.server.staleness import Stale, Staleness
from pdp.server.tls import TlsFiles, server_credentials
from pdp.server.tracing import tracer_of
from pdp.server.transports.base import Transport, TransportOptions
from pdp.server.transports.calls import Calls
from pdp.snapshot.recorder import recorder
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.spool import Spool
from pdp.v1 import account_pb2, bundle_pb2

# How long a call waits for its turn while a version is compiled or a long call runs.
_SWITCH_SECONDS = 0.001
# Without a supervisor nobody counts on the calls' full grace, and its successor waits for the port.
_ORPHAN_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is told first of all. `begun` is the monotonic time at which `settings.clock` begins."""

    settings: Settings
    number: int
    addresses: tuple[Address, ...]
    share: bool
    begun: int
    cells_fd: int | None = None


class Worker:
    """What a worker holds. `handle` does what the supervisor asks for; by `asking` it asks something itself."""

    def __init__(self, *, own_process: bool, asking: Asking | None = None) -> None:
        self._own_process = own_process
        self._asking = asking
        self._holder = Holder()
        self._table = GrantTable()
        # Kept over all versions, or two of them could give one name to two decisions.
        self._ids = DecisionIds()
        self._shadow = Shadow(self._table)
        self._staleness: Staleness | None = None
        self._feed = BundleFeed()
        # One thread, so that versions take force in the order in which they were sent.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._failures = Failures()
        self._health = Health([SERVICE])
        self._config: WorkerConfig | None = None
        self._calls: Calls | None = None
        self._metrics: WorkerMetrics | None = None
        self._transport: Transport | None = None
        self._cells: Cells | None = None
        self._recorder: MakeRecorder | None = None
        self._tokens_used: set[tuple[str, str]] = set()
        self._spool: Spool | None = None
        self._journal: Journal | None = None
        self.stopped = asyncio.Event()

    async def handle(self, frame: Frame) -> Data:
        """Do what a frame says. Raises PdpError when it cannot be done, and then nothing has changed."""
        match frame.kind:
            case Kind.CONFIGURE:
                # The only one at the other end is the supervisor, which started this process.
                self._configure(pickle.loads(frame.payload))  # noqa: S301 - as said
            case Kind.CALLERS:
                self._set_callers(json.loads(frame.payload))
            case Kind.GRANTS:
                grants = map(bundle_pb2.Grant.FromString, control.unpack(frame.payload))
                self._table.replace({grant.id: grant for grant in grants})
            case Kind.ACTIVE:
                self._change_grants(frame.payload)
            case Kind.VERSION:
                return await self._load(frame.payload)
            case Kind.SHADOW:
                await self._load_shadow(frame.payload)
            case Kind.STALE:
                self._staleness = Staleness(json.loads(frame.payload)["heard"]) if frame.payload else None
                self._feed.staleness = self._staleness
                self._decide_by(self._holder.version)
            case Kind.LISTEN:
                bound = await asyncio.to_thread(self._require().start, self._addresses)
                return {"addresses": [str(address) for address in bound]}
            case Kind.COLLECT:
                return await asyncio.to_thread(self._collect)
            case Kind.DRAIN:
                self._drain()
            case Kind.STOP:
                await self.stop(json.loads(frame.payload)["grace"])
            case _:
                raise WorkerError(f"{frame.kind.name} is no request")
        return {}

    def _configure(self, config: WorkerConfig) -> None:
        settings = config.settings
        if self._own_process:
            logs.configure(settings.log.format, settings.log.level, worker=config.number)
        tell = clock.machine_clock if settings.clock is None else clock.starting_at(settings.clock, config.begun)
        proxy = settings.trusted_proxy
        core = DecisionCore(self._holder, tell)
        if settings.audit.durability != "off":
            self._recorder = recorder(ResourceKeys.read(resource_keys(settings)))
            self._spool = spools.open_spool(settings, reserve=0)  # decisions have no last words
            self._journal = Journal(self._spool, journal_rules(settings.audit))
        self._metrics = WorkerMetrics([*core.methods, STREAM, *GRANT_METHODS, *REPORT_METHODS])
        self._calls = Calls(
            core,
            self._metrics,
            reader=PeerReader(proxy_secret=None if proxy is None else proxy.value),
            tracer=tracer_of(settings.tracing, SERVICE, config.number),
            max_calls=settings.limits.calls,
            reply_bytes=settings.limits.reply_bytes,
            journal=self._journal,
            revision_wait=settings.limits.revision_wait,
            grants=self._table,
            asking=self._asking,
            reports=Reports(self._holder),
            feed=self._feed,
        )
        self._cells = None if config.cells_fd is None else Cells.attach(config.cells_fd)
        self._config = config
        self._transport = make_transport(config, self._calls, self._health)

    def _collect(self) -> Data:
        if self._metrics is None:
            return {}
        found = dict(self._metrics.snapshot())
        if self._calls is not None and (used := self._take_used(self._calls.registry)):
            found["tokens_used"] = sorted(used)
        if self._journal is not None and self._spool is not None:
            stats = self._spool.stats()
            found["audit"] = {
                **self._journal.facts(),
                "bytes": stats.bytes,
                "level": stats.level.name,
                "rotations": stats.rotations,
                "quarantined": stats.quarantined,
            }
        compared = self._shadow.facts()
        if compared is not None:
            found["shadow"] = compared
        return found

    @property
    def _addresses(self) -> tuple[Address, ...]:
        return () if self._config is None else self._config.addresses

    def _require(self) -> Transport:
        if self._transport is None:
            raise WorkerError("not configured yet")
        return self._transport

    def _set_callers(self, data: Data) -> None:
        if self._calls is None or self._config is None:
            raise WorkerError("not configured yet")
        workers = self._config.settings.worker_count
        self._tokens_used |= self._calls.registry.used()
        self._calls.registry = Registry.deserialize(data, cells=self._cells, workers=workers, failures=self._failures)

    def _take_used(self, registry: Registry) -> set[tuple[str, str]]:
        used, self._tokens_used = self._tokens_used, set()
        return used | registry.used()

    def _change_grants(self, payload: bytes) -> None:
        header, *changed = control.unpack(payload)
        words = json.loads(header)
        if changed or words["gone"] or words["reset"] or words["revision"] != self._table.state:
            put = map(account_pb2.ActiveGrant.FromString, changed)
            self._table.change(put, words["gone"], words["revision"], reset=words["reset"])
        self._table.honour_until(words["until"])
        if self._calls is not None:
            self._calls.room.look()

    async def _load(self, payload: bytes) -> Data:
        version = await asyncio.get_running_loop().run_in_executor(self._loader, self._compile, payload)
        if version is not None:
            if self._metrics is not None:
                self._metrics.follow(version.program)
            self._decide_by(version)
            self._feed.follow(version.signed)
            self._health.set_ready(ready=True)
            if self._calls is not None:
                self._calls.room.look()
        program = self._holder.require().program
        return {"revision": program.revision, "hash": program.hash}

    def _decide_by(self, version: Version | None) -> None:
        """Let a version decide, with what is done besides."""
        if version is None:
            return
        decider: Decider = self._shadow.comparing(version.program) or version.program
        if self._staleness is not None:
            decider = Stale(decider, self._staleness)
        # INVARIANT: the one place where a version takes force. A call that runs keeps the one it read.
        self._holder.version = replace(version, decider=decider)

    async def _load_shadow(self, payload: bytes) -> None:
        # In the thread of versions even when there is nothing to compile: the order is that of sending.
        share, beside = await asyncio.get_running_loop().run_in_executor(self._loader, self._compile_shadow, payload)
        if share is None:
            self._shadow.clear()
        else:
            self._shadow.set(beside, share)
        self._decide_by(self._holder.version)

    def _compile_shadow(self, payload: bytes) -> tuple[float | None, Beside | None]:
        """Return the share, None to compare no more, and the revision, None when it is the one there is."""
        if not payload:
            return None, None
        options, bundle = control.unpack(payload)
        share = float(json.loads(options)["sample"])
        signed = bundle_pb2.SignedBundle.FromString(bundle)
        # What it is made of is not frozen for the collector, as little as that of a second version: it goes again.
        return share, None if self._shadow.matches(signed) else Beside(signed)

    def _compile(self, payload: bytes) -> Version | None:
        signed = bundle_pb2.SignedBundle.FromString(payload)
        current = self._holder.version
        if current is not None and (current.program.revision, current.program.hash) == (signed.revision, signed.hash):
            return None
        program = Program.from_bundle(signed, grants=self._table, ids=self._ids, recorder=self._recorder)
        version = Version.of(program, signed)
        if self._own_process and current is None:
            # What is there now stays, so the collector need not look at it: a full collection takes 4 µs and not 11 ms.
            gc.collect()
            gc.freeze()
        return version

    async def stop(self, grace: float) -> None:
        """End the calls, at the latest after `grace` seconds, and take no more."""
        self._drain()
        if self._transport is not None:
            await asyncio.to_thread(self._transport.stop, grace)
        if self._calls is not None:
            await asyncio.to_thread(self._calls.close)
        self._loader.shutdown(wait=False, cancel_futures=True)
        self._shadow.close()
        self.stopped.set()

    def _drain(self) -> None:
        self._health.drain()
        if self._calls is not None:
            # Whatever they wait for, another node is to answer what comes from now on.
            self._calls.room.end()


def journal_rules(audit: Audit) -> JournalRules:
    """Return which answers wait for the disk, and what happens when it fails."""
    levels = {"all": 0, "C1": 1, "C2": 2, "C3": 3}
    return JournalRules(
        wait_from=levels[audit.wait_from] if audit.durability == "sync" else NEVER,
        answer_unrecorded=audit.on_failure == "answer",
        wait_seconds=audit.wait_seconds,
        shown=audit.retention_shown,
        masked=audit.retention_masked,
    )


def make_transport(config: WorkerConfig, calls: Calls, health: Health) -> Transport:
    """Return the transport that the settings name. Raises ConfigError."""
    # Imported here, so that a worker holds no more than it needs.
    settings = config.settings
    tls = settings.tls
    credentials = None
    if tls.certificate is not None and tls.key is not None:
        credentials = server_credentials(
            TlsFiles(tls.certificate, tls.key, tls.client_ca, tls.require_client_certificate)
        )
    options = TransportOptions(settings.limits, settings.reflection, config.share, credentials)
    if settings.transport == "native":
        from pdp.server.transports.native import NativeTransport  # noqa: PLC0415

        return NativeTransport(calls, options, health)
    if settings.transport == "grpc":
        from pdp.server.transports.grpcio import GrpcTransport  # noqa: PLC0415

        return GrpcTransport(calls, options, health)
    raise ConfigError(f"there is no transport `{settings.transport}`; choose `grpc` or `native`")


async def work(channel: socket.socket, *, own_process: bool) -> None:
    """Do what comes over the channel until told to stop, or until the supervisor is gone."""
    reader, writer = await asyncio.open_unix_connection(sock=channel, limit=1 << 20)
    asking = Asking(asyncio.get_running_loop(), writer)
    worker = Worker(own_process=own_process, asking=asking)
    answering = asyncio.create_task(control.answer(reader, writer, worker.handle, asking))
    stopping = asyncio.create_task(worker.stopped.wait())
    await asyncio.wait((answering, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not worker.stopped.is_set():
        logs.event(log, logging.WARNING, "worker.orphaned", "the supervisor is gone; stopping")
        await worker.stop(_ORPHAN_SECONDS)
    stopping.cancel()
    await asyncio.wait((answering,), timeout=_ORPHAN_SECONDS)  # the supervisor hangs up once it has the reply
    answering.cancel()
    writer.close()
    await asyncio.gather(answering, stopping, return_exceptions=True)


def main(arguments: list[str] | None = None) -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser(prog=Path(__file__).stem, description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True)
    channel = socket.socket(fileno=parser.parse_args(arguments).control_fd)
    # A terminal or a service manager signals all processes at once; the supervisor alone leads the way out.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    call_process("pdp-worker")
    sys.setswitchinterval(_SWITCH_SECONDS)
    asyncio.run(work(channel, own_process=True))


if __name__ == "__main__":
    main()
