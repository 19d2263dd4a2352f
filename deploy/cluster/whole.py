"""The whole: which parts there are, where their folders and ports are, and in which order they start and stop."""

from __future__ import annotations

import contextlib
import fcntl
import json
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from deploy.cluster.errors import ClusterError
from deploy.cluster.etcd import EtcdMember, store_url
from deploy.cluster.node import CALLER, Commons, PdpNode, pdp
from deploy.cluster.pki import Files, Pki
from deploy.cluster.postgres import Postgres
from deploy.cluster.processes import PATIENCE, Part, find_program, write_json
from deploy.cluster.snapshots import install_store, postgres_url

PORTS: Final = 14
"""How many ports are taken, one after another."""
HOST: Final = "127.0.0.1"
# Below the ports that the system gives to outgoing connections: one of those may come to sit on a part's port.
_RANGE: Final = range(10_000, 30_000, 20)
_STATE: Final = "cluster.json"

Say = Callable[[str, str], None]
"""Tells of progress: what, and what became of it."""


class Cluster:
    """Three etcd members, two PostgreSQL servers and three nodes in one folder."""

    def __init__(self, folder: Path, base_port: int) -> None:
        self.folder = folder
        self.base_port = base_port
        port = base_port
        self.pki = Pki(folder / "pki")
        self.etcd = [
            EtcdMember(name, folder / name, self.pki.etcd, (port + 2 * n, port + 2 * n + 1))
            for n, name in enumerate(("etcd-1", "etcd-2", "etcd-3"))
        ]
        for member in self.etcd:
            member.join(self.etcd)
        self.postgres = [
            Postgres(name, folder / name, self.pki.postgres, port + 6 + n)
            for n, name in enumerate(("postgres-1", "postgres-2"))
        ]
        self.commons = Commons(self.pki, folder / "common", store_url(self.etcd), postgres_url(self.postgres, self.pki))
        self.nodes = [
            # Two can publish, so that the loss of one does not keep the bank from it; the third has no key to lose.
            PdpNode(
                f"node-{zone}", folder / f"node-{zone}", self.commons, (port + 8 + 2 * n, port + 9 + 2 * n),
                labels={"zone": zone}, signs=zone != "c",
            )
            for n, zone in enumerate("abc")
        ]  # fmt: skip

    @classmethod
    def make(cls, folder: Path, base_port: int | None = None) -> Cluster:
        """Return the cluster in a folder, or a new one on these ports (free ones). Raises ClusterError."""
        known = _known(folder)
        if known is not None:
            if base_port not in {None, known}:
                raise ClusterError(
                    f"the cluster in `{folder}` has the ports from {known} on, and its members know each other by "
                    "them; begin anew with `--fresh`, or leave `--base-port` out"
                )
            return cls(folder, known)
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise ClusterError(
                f"cannot make the folder `{folder}`: {(error.strerror or str(error)).lower()}"
            ) from error
        if any(folder.iterdir()):
            raise ClusterError(f"the folder `{folder}` holds something else; name another one with `--state`")
        chosen = free_ports() if base_port is None else base_port
        write_json(folder / _STATE, {"base_port": chosen}, 0o644)
        return cls(folder, chosen)

    @classmethod
    def find(cls, folder: Path) -> Cluster:
        """Return the cluster in a folder. Raises ClusterError when there is none."""
        known = _known(folder)
        if known is None:
            raise ClusterError(f"there is no cluster in `{folder}`; `make cluster` makes one")
        return cls(folder, known)

    @property
    def parts(self) -> list[Part]:
        """All parts in the order of their start."""
        return [*self.etcd, *self.postgres, *self.nodes]

    def part(self, name: str) -> Part:
        """Return the part of a name. Raises ClusterError."""
        for part in self.parts:
            if part.name == name:
                return part
        names = ", ".join(f"`{part.name}`" for part in self.parts)
        raise ClusterError(f"there is no part `{name}`; the parts are {names}")

    def primary(self) -> Postgres | None:
        """Return the server that takes writes; None when none does."""
        return next((server for server in self.postgres if server.pid and server.is_primary()), None)

    def client_files(self) -> Files:
        """Return what a business system needs: whom to believe, and its own certificate."""
        own = self.pki.callers.issue(CALLER)
        return Files(self.pki.nodes.ca, own.certificate, own.key)

    def up(self, say: Say, *, policies: Path) -> None:
        """Start all parts, and publish the folder of policies when nothing is published yet. Raises ClusterError."""
        self.check_programs()
        say("certificates", str(self.folder / "pki"))
        for member in self.etcd:
            member.start()
        for member in self.etcd:
            member.wait_until_ready()
            say(member.name, f"{member.address}, process {member.pid}")
        self._start_postgres(say)
        install_store(self.postgres, self.pki)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_up()
        if not self._is_published():
            self.publish(policies, "first-policies", "the sample bank")
        for node in self.nodes:
            node.wait_until_ready()
            say(node.name, f"{node.address}, process {node.pid}, zone {node.labels['zone']}")

    def down(self, say: Say) -> None:
        """Stop all parts in order; what does not stop is killed."""
        primary = self.primary()
        # The primary first: it hands its last records to the standby before it ends.
        servers = sorted(self.postgres, key=lambda server: server is not primary)
        for part in (*self.nodes, *servers, *self.etcd):
            if part.pid is None:
                continue
            try:
                part.stop()
                say(part.name, "stopped")
            except ClusterError as error:
                part.kill()
                say(part.name, f"killed: {error}")

    def start_part(self, name: str) -> str:
        """Start a part again and return what became of it; a PostgreSQL server that was lost comes back as standby."""
        part = self.part(name)
        if part.pid is not None:
            return "runs already"
        if not isinstance(part, Postgres):
            part.start()
            part.wait_until_ready()
            return f"process {part.pid}"
        primary = self.primary()
        if primary is None:
            part.start()
            part.wait_until_ready()
        elif not part.is_standby:
            # What it wrote after the other took over, if anything, nobody was told of.
            part.follow(primary)
            part.start()
            part.wait_until_ready()
        else:
            part.start()
            part.wait_until_ready()
        if primary is not None:
            primary.require([part])
            return f"process {part.pid}, synchronous standby"
        return f"process {part.pid}"

    def fail_over(self) -> str:
        """Make the standby the primary and return its name. Raises ClusterError while there is a primary."""
        found = self.primary()
        if found is not None:
            raise ClusterError(f"`{found.name}` is the primary and runs; kill it first")
        for server in self.postgres:
            if server.pid is not None and server.is_ready():
                server.promote()
                return server.name
        raise ClusterError("no standby runs that could become the primary; start one with `start`")

    def publish(self, policies: Path, draft: str, reason: str) -> None:
        """Publish a folder by way of a draft and wait until every node decides by it. Raises ClusterError."""
        node = self.nodes[0]
        node.pdp("policy", "draft", draft, "--from", str(policies), "--reason", reason)
        node.pdp("policy", "submit", draft)
        node.pdp("policy", "publish", draft, "--reason", reason, "--wait", f"{PATIENCE:g}")

    def _is_published(self) -> bool:
        return bool(self.nodes[0].pdp("policy", "history", "--limit", "1", "--json"))

    def _start_postgres(self, say: Say) -> None:
        first, second = self.postgres
        if not first.is_made:
            first.create()
        # After a promotion both may look like primaries; the one that was promoted last is.
        primary = max(self.postgres, key=lambda server: (server.is_made and not server.is_standby, server.timeline))
        standby = second if primary is first else first
        primary.start()
        primary.wait_until_ready()
        primary.create_replicator()
        say(primary.name, f"{HOST}:{primary.port}, process {primary.pid}, primary")
        if not standby.is_standby:
            standby.follow(primary)
        standby.start()
        standby.wait_until_ready()
        primary.require([standby])
        say(standby.name, f"{HOST}:{standby.port}, process {standby.pid}, synchronous standby")

    def check_programs(self) -> None:
        """See that all programs are there. Raises ClusterError."""
        pdp()
        find_program("etcd", "etcd-server")
        self.postgres[0].find_programs()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other command change the cluster in a folder meanwhile. Raises ClusterError when one does."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClusterError(f"another command is at work on the cluster in `{folder}`; wait for it") from error
        yield


def remove(folder: Path) -> None:
    """Take a cluster that does not run away, with all its data. Raises ClusterError when the folder is none."""
    if _known(folder) is None:
        if folder.exists() and any(folder.iterdir()):
            raise ClusterError(f"the folder `{folder}` holds something else than a cluster; it stays as it is")
        return
    shutil.rmtree(folder)


def free_ports() -> int:
    """Return the first of as many free ports as a cluster takes. Raises ClusterError."""
    for first in random.sample(_RANGE, len(_RANGE)):
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + PORTS):
                held.enter_context(socket.socket()).bind((HOST, port))
            return first
    raise ClusterError(f"there are no {PORTS} free ports in a row; choose with `--base-port`")


def _known(folder: Path) -> int | None:
    """Return the first port of the cluster in a folder; None when there is none."""
    try:
        return int(json.loads((folder / _STATE).read_text(encoding="utf-8"))["base_port"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"`{folder / _STATE}` is damaged: {error}; begin anew with another `--state`") from error
