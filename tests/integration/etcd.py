"""A real etcd cluster of our own: three members on free ports, which may be killed, paused and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.integration.needs import as_user
from tests.integration.pki import Authority
from tests.processes import pause

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from aetcd.rpc import MaintenanceStub, RangeRequest, StatusRequest
from aetcd.rpc.rpc_pb2_grpc import KVStub

PATIENCE = 60
# Below the ports that the system gives to outgoing connections: one of those may sit on a dead member's port.
_PORTS = range(10_000, 30_000)


def find() -> str:
    """Return the server's program; without it tests are skipped, but not where they must run."""
    found = shutil.which("etcd")
    if found is None:
        reason = "needs an etcd server; on Debian: apt-get install etcd-server"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


@dataclass(frozen=True)
class ClientFiles:
    """What a client needs for TLS, as files."""

    ca: Path
    certificate: Path
    key: Path


class Member:
    """One server of a cluster."""

    def __init__(self, name: str, folder: Path, ports: tuple[int, int], scheme: str) -> None:
        self.name = name
        self.folder = folder
        self.address = f"127.0.0.1:{ports[0]}"
        self.url = f"{scheme}://{self.address}"
        self.peer_url = f"http://127.0.0.1:{ports[1]}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def kill(self) -> None:
        """End it at once, as the loss of its machine does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def pause(self) -> None:
        """Stop it so that it keeps its connections and answers nothing."""
        assert self.process is not None
        pause([self.process.pid])

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class Etcd:
    """A cluster in a folder of its own; with `tls` its clients must show a certificate."""

    def __init__(self, *, tls: bool = False, size: int = 3) -> None:
        self._program = find()
        self._folder = Path(tempfile.mkdtemp(prefix="pdp-etcd-"))
        self._as_user: list[str] = []
        self.files: ClientFiles | None = None
        self._tls: list[str] = []
        if tls:
            self._make_certificates()
        ports = _free_ports(2 * size)
        scheme = "https" if tls else "http"
        pairs = zip(ports[::2], ports[1::2], strict=True)
        self.members = [Member(f"m{n}", self._folder, pair, scheme) for n, pair in enumerate(pairs)]
        if os.geteuid() == 0:
            # Nobody's business as root, and a folder that only its owner may write to is part of what is tested.
            user = pwd.getpwnam("nobody")
            self._as_user = as_user(user)
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        for member in self.members:
            self.start(member)
        self.wait_until_ready()

    @property
    def urls(self) -> list[str]:
        """Where clients reach the members."""
        return [member.url for member in self.members]

    def start(self, member: Member) -> None:
        """Start a member, for the first time or again."""
        command = [
            *self._as_user, str(self._program), "--name", member.name,
            "--data-dir", str(self._folder / f"{member.name}.data"),
            "--listen-client-urls", member.url, "--advertise-client-urls", member.url,
            "--listen-peer-urls", member.peer_url, "--initial-advertise-peer-urls", member.peer_url,
            "--initial-cluster", ",".join(f"{m.name}={m.peer_url}" for m in self.members),
            "--initial-cluster-token", self._folder.name, "--logger", "zap", "--log-level", "warn",
            "--log-outputs", "stderr", *self._tls,
        ]  # fmt: skip
        with member.log.open("ab") as log:
            member.process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_ready(self, members: Sequence[Member] = ()) -> None:
        """Return when these members (all) answer reads that a majority confirms."""
        for member in members or self.members:
            _eventually(lambda member=member: self._answers(member), member)  # type: ignore[misc]

    def leader(self) -> Member:
        """Return the member that leads."""
        found: list[Member] = []

        def ask() -> bool:
            for member in self.members:
                if member.process is None or member.process.poll() is not None:
                    continue
                with self._channel(member) as channel, contextlib.suppress(grpc.RpcError):
                    status = MaintenanceStub(channel).Status(StatusRequest(), timeout=1)
                    if status.leader and status.leader == status.header.member_id:
                        found.append(member)
                        return True
            return False

        _eventually(ask, self.members[0])
        return found[0]

    @contextlib.contextmanager
    def killed(self, *members: Member) -> Iterator[None]:
        """Kill members, and start them again afterwards."""
        for member in members:
            member.kill()
        try:
            yield
        finally:
            for member in members:
                self.start(member)
            self.wait_until_ready()

    @contextlib.contextmanager
    def paused(self, *members: Member) -> Iterator[None]:
        """Keep members from running for a while."""
        for member in members:
            member.pause()
        try:
            yield
        finally:
            for member in members:
                member.resume()
            self.wait_until_ready()

    def close(self) -> None:
        """Kill the members and take the folder away."""
        for member in self.members:
            if member.process is not None and member.process.poll() is None:
                member.kill()
        shutil.rmtree(self._folder)

    def _answers(self, member: Member) -> bool:
        assert member.process is not None
        assert member.process.poll() is None, member.log.read_text(errors="replace")[-4_000:]
        with self._channel(member) as channel:
            try:
                KVStub(channel).Range(RangeRequest(key=b"ready"), timeout=2, wait_for_ready=True)
            except grpc.RpcError:
                return False
        return True

    def _channel(self, member: Member) -> grpc.Channel:
        # Channels with the same arguments share a connection that may be waiting to try again; these have their own.
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
        if self.files is None:
            return grpc.insecure_channel(member.address, options)
        credentials = grpc.ssl_channel_credentials(
            self.files.ca.read_bytes(), self.files.key.read_bytes(), self.files.certificate.read_bytes()
        )
        return grpc.secure_channel(member.address, credentials, options)

    def _make_certificates(self) -> None:
        authority = Authority.make("etcd CA")
        ca = self._folder / "ca.crt"
        ca.write_bytes(authority.pem)
        certificate, key = authority.server().write(self._folder, "server")
        self._tls = [
            "--client-cert-auth", "--trusted-ca-file", str(ca), "--cert-file", str(certificate), "--key-file", str(key),
        ]  # fmt: skip
        self.files = ClientFiles(ca, *authority.issue("pdp").write(self._folder, "client"))


def _eventually(holds: Callable[[], bool], member: Member) -> None:
    deadline = time.monotonic() + PATIENCE
    pace = threading.Event()
    while not holds():
        log = member.log.read_text(errors="replace")[-4_000:] if member.log.exists() else ""
        assert time.monotonic() < deadline, log
        pace.wait(0.05)


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
            if len(found) == count:
                return found
    pytest.fail("there are no free ports")


@pytest.fixture(scope="module")
def etcd() -> Iterator[Etcd]:
    cluster = Etcd()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def etcd_tls() -> Iterator[Etcd]:
    cluster = Etcd(tls=True)
    yield cluster
    cluster.close()
