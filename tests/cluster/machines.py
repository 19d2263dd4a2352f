"""The cluster of `deploy/cluster`, each part on a machine of its own, and the processes that a fault picks."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from aetcd.rpc import MaintenanceStub, StatusRequest

from deploy.cluster.etcd import EtcdMember, store_url
from deploy.cluster.node import Commons, PdpNode
from deploy.cluster.pki import Pki
from deploy.cluster.postgres import Postgres
from deploy.cluster.processes import Part
from deploy.cluster.snapshots import install_store, postgres_url
from deploy.cluster.whole import Cluster
from tests.cluster.load import Way
from tests.cluster.network import Machine, Network
from tests.processes import SHIPPER, WORKER, named, pause

CLIENT_PORT: Final = 2379
POSTGRES_PORT: Final = 5432
PORTS: Final = 7443, 7071
ZONES: Final = "abc"
NAME: Final = "decisions.bank.example"
"""What stands in every node's certificate: a client that goes round them checks this."""
CLOCK: Final = "node-b"
"""The node whose clock can be set."""
SHORT: Final = "node-c"
"""The node whose certificates can be made to expire; it has no key to sign by either."""
_SETTINGS: Final[Mapping[str, Any]] = {
    "workers": 2, "audit": {"checkpoint_seconds": 1.0}, "control": {"stale_seconds": 10.0},
}  # fmt: skip


class Node(PdpNode):
    """A node of a service that all callers know by one name, NAME. A fault may prepare something more at its start."""

    prepare_with: Callable[[], object] | None = None

    def certify(self, days: int = 30) -> None:
        """Issue a certificate for callers, for so many days."""
        self.commons.pki.nodes.issue(self.name, [self.place.host, NAME], renew=True, days=days)

    def prepare(self) -> None:
        """Write the configuration, and then what the fault wants."""
        super().prepare()
        self.certify()
        if self.prepare_with is not None:
            self.prepare_with()


class Machines(Cluster):
    """Three etcd members, two PostgreSQL servers and three nodes on eight machines.

    `faketime` is the library by which the node CLOCK gets its time while its clock is set.
    """

    def __init__(self, folder: Path, network: Network, faketime: Path) -> None:
        # Not that of the base class, whose parts share one address.
        self.folder, self.network, self.base_port = folder, network, 0
        self.pki = Pki(folder / "pki")
        names = [f"etcd-{n}" for n in (1, 2, 3)], [f"postgres-{n}" for n in (1, 2)], [f"node-{z}" for z in ZONES]
        self.machines = {name: network.add(name) for group in names for name in group}
        self.etcd = [
            EtcdMember(name, folder / name, self.pki.etcd, (CLIENT_PORT, CLIENT_PORT + 1), self.machines[name].place)
            for name in names[0]
        ]
        for member in self.etcd:
            member.join(self.etcd)
        self.postgres = [
            Postgres(name, folder / name, self.pki.postgres, POSTGRES_PORT, self.machines[name].place)
            for name in names[1]
        ]
        self.commons = Commons(self.pki, folder / "common", store_url(self.etcd), postgres_url(self.postgres, self.pki))
        self._clock = folder / "clock"
        self._faketime = faketime
        self.set_clock(0)
        self.nodes: list[PdpNode] = [
            Node(
                name, folder / name, self.commons, PORTS,
                self.machines[name].place,
                labels={"zone": name[-1]}, signs=name != SHORT, settings=_SETTINGS,
            )
            for name in names[2]
        ]  # fmt: skip

    def start(self) -> None:
        """Start all parts; nothing is published yet, so no node answers calls."""
        for part in self.etcd:
            part.start()
        for part in self.etcd:
            part.wait_until_ready()
        self._start_postgres(lambda *_: None)
        install_store(self.postgres, self.pki)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_up()

    def close(self) -> None:
        """End what still runs."""
        for part in self.parts:
            with contextlib.suppress(OSError):
                part.kill()

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if isinstance(node, Node) and node.name == name)

    def machine(self, part: Part) -> Machine:
        return self.machines[part.name]

    def way(self) -> Way:
        """Return how business systems come to the nodes."""
        files = self.client_files()
        return Way(
            {node.name: node.address for node in self.nodes}, files.ca.read_bytes(), files.certificate.read_bytes(),
            files.key.read_bytes(), NAME,
        )  # fmt: skip

    def restart(self, node: PdpNode, *, faked: bool) -> None:
        """Start a node anew, with or without the library by which it gets its time: that makes it much slower."""
        environment = {
            "LD_PRELOAD": str(self._faketime), "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
        }  # fmt: skip
        node.stop()
        node.place = self.machine(node).place_with(environment) if faked else self.machine(node).place
        node.start()
        node.wait_until_ready()

    def set_clock(self, seconds: float) -> None:
        """Put the clock of the node CLOCK beside the machine's; it counts within a second or so."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{seconds:+.0f}")
        fresh.replace(self._clock)

    def etcd_leader(self) -> EtcdMember:
        """Return the member that leads; waits until one does."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for member in self.etcd:
                if member.pid is not None and self._leads(member):
                    return member
            time.sleep(0.1)
        raise AssertionError("no etcd member leads")

    def _leads(self, member: EtcdMember) -> bool:
        files = member.client()
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
        )
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
        with grpc.secure_channel(member.address, credentials, options) as channel:
            try:
                status = MaintenanceStub(channel).Status(StatusRequest(), timeout=2)
            except grpc.RpcError:
                return False
        return bool(status.leader and status.leader == status.header.member_id)

    def standing_primary(self) -> Postgres:
        """Return the PostgreSQL server that takes writes."""
        found = self.primary()
        assert found is not None, "no PostgreSQL server takes writes"
        return found


def worker_of(node: PdpNode) -> list[int]:
    """Return the process ids of a node's workers."""
    return [] if node.pid is None else named(node.pid, WORKER)


def shipper_of(node: PdpNode) -> list[int]:
    """Return the process id of a node's shipper."""
    return [] if node.pid is None else named(node.pid, SHIPPER)


def supervisor_of(node: PdpNode) -> list[int]:
    """Return the process id of a node's supervisor."""
    return [] if node.pid is None else [node.pid]


@contextlib.contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Keep processes from running; they keep their connections and answer nothing."""
    pause(pids)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
