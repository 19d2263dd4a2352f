"""The control store: members of an etcd cluster that speak TLS with clients and each other, and take no stranger."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from pathlib import Path

from deploy.cluster.pki import Authority, Files
from deploy.cluster.processes import Part, Place, find_program, write_json

_ASK_SECONDS = 3.0


class EtcdMember(Part):
    """One member. Tell it of the others with `join` before its first start."""

    kind = "etcd"

    def __init__(
        self,
        name: str,
        folder: Path,
        authority: Authority,
        ports: tuple[int, int],
        place: Place = Place(),  # noqa: B008
    ) -> None:
        super().__init__(name, folder, place)
        self._authority = authority
        self.client_port, self.peer_port = ports
        self.members: Sequence[EtcdMember] = (self,)
        self._state = "new"

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{self.place.host}:{self.client_port}"

    @property
    def peer_url(self) -> str:
        """Where the other members reach it."""
        return f"https://{self.place.host}:{self.peer_port}"

    def join(self, members: Sequence[EtcdMember], *, existing: bool = False) -> None:
        """Say who the members are, this one among them; `existing` when the others have begun without it and know of
        it by `etcdctl member add`.
        """
        self.members = members
        self._state = "existing" if existing else "new"

    def ports(self) -> Sequence[int]:
        """Return the ports for clients and for the other members."""
        return self.client_port, self.peer_port

    def command(self) -> Sequence[str]:
        """Return the command."""
        program = find_program("etcd", "etcd-server")
        return program, "--config-file", str(self.folder / "etcd.yaml")

    def prepare(self) -> None:
        """Write the configuration file and issue the certificate."""
        files = self._authority.issue(self.name, [self.place.host])
        url = f"https://{self.address}"
        transport = {
            "cert-file": str(files.certificate), "key-file": str(files.key), "trusted-ca-file": str(files.ca),
            "client-cert-auth": True,
        }  # fmt: skip
        configuration = {
            "name": self.name,
            "data-dir": str(self.folder / "data"),
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": self.peer_url,
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster": ",".join(f"{member.name}={member.peer_url}" for member in self.members),
            "initial-cluster-token": "jingxi",
            "initial-cluster-state": self._state,
            "client-transport-security": transport,
            "peer-transport-security": transport,
            # Old versions of keys are of no use to anybody; revisions of policies are keys of their own.
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": "1h",
            "logger": "zap",
            "log-level": "warn",
            "log-outputs": ["stderr"],
        }
        write_json(self.folder / "etcd.yaml", configuration)

    def client(self) -> Files:
        """Return what an operator needs to ask the members."""
        return self._authority.issue("operator")

    def is_ready(self) -> bool:
        """Whether it answers a read that a majority confirms."""
        files = self.client()
        context = ssl.create_default_context(cafile=str(files.ca))
        context.load_cert_chain(files.certificate, files.key)
        connection = http.client.HTTPSConnection(self.address, timeout=_ASK_SECONDS, context=context)
        try:
            connection.request("GET", "/health")
            response = connection.getresponse()
            return response.status == 200 and json.loads(response.read()).get("health") in {"true", True}
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()


def store_url(members: Sequence[EtcdMember], prefix: str = "/jingxi/") -> str:
    """Return what nodes call the control store."""
    return f"etcd://{','.join(member.address for member in members)}{prefix}"
