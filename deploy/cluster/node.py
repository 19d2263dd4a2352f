"""The nodes: `pdp serve` with TLS, callers, both stores, keys and labels; and what all nodes have in common."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from deploy.cluster.errors import ClusterError
from deploy.cluster.pki import Pki
from deploy.cluster.processes import PATIENCE, Part, Place, until, write_json, write_private

CALLER = "core-counter"
"""The business system that may ask every node: the common name of its certificate."""
USER = "pdp"
"""Who the nodes are in the snapshot store."""
_CALLERS = f"""\
kind: Callers
callers:
  - name: {CALLER}
    title: {{zh: 核心柜面, en: core counter}}
    certificates: ["cn:{CALLER}"]
    applications: ["*"]
    subjects: ["*"]
    calls: [decide, explain]
"""


@dataclass(frozen=True, slots=True)
class Commons:
    """What all nodes have in common, as files in one folder."""

    pki: Pki
    folder: Path
    control_store: str
    """The URL of the control store."""
    snapshot_store: str
    """The URL of the snapshot store, as the user `pdp`; empty for an SQLite file of each node's own."""

    def __post_init__(self) -> None:
        """Write the files that are missing: signing key, trusted keys, resource keys, callers."""
        for folder in (self.trust, self.evidence):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.signing_key.exists():
            key = Ed25519PrivateKey.generate()
            write_private(
                self.trust / "policy-1.pub",
                key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            )
            write_private(self.signing_key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        if not self.resource_keys.exists():
            write_private(self.resource_keys, f"1 {secrets.token_hex(32)}\n")
        if not self.callers.exists():
            write_private(self.callers, _CALLERS)

    @property
    def trust(self) -> Path:
        """The public keys by which policies are believed."""
        return self.folder / "trust"

    @property
    def signing_key(self) -> Path:
        """What signs policies."""
        return self.folder / "policy-1.key"

    @property
    def resource_keys(self) -> Path:
        """What hashes resource ids in snapshots; the same on all nodes."""
        return self.folder / "resource-keys"

    @property
    def callers(self) -> Path:
        """Who may call."""
        return self.folder / "callers.yaml"

    @property
    def evidence(self) -> Path:
        """Where copies of checkpoints go, away from the snapshot store."""
        return self.folder / "evidence"


class PdpNode(Part):
    """A node. `settings` are those of pdp.yaml, section by section, and win over what stands here."""

    kind = "node"

    def __init__(
        self,
        name: str,
        folder: Path,
        commons: Commons,
        ports: tuple[int, int],
        place: Place = Place(),  # noqa: B008 - immutable
        *,
        labels: Mapping[str, str] | None = None,
        signs: bool = True,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name, folder, place)
        self.commons = commons
        self.port, self.admin_port = ports
        self.labels = dict(labels or {})
        self.signs = signs
        self.settings = dict(settings or {})

    @property
    def address(self) -> str:
        """Where business systems ask for decisions."""
        return f"{self.place.host}:{self.port}"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def staff(self) -> str:
        """The staff port, as `--server` has it: a socket file, so it is reached from every network namespace."""
        return f"unix:{self.data / 'staff.sock'}"

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.folder / "pdp.yaml"

    @property
    def _ready_file(self) -> Path:
        return self.folder / "ready.json"

    def ports(self) -> Sequence[int]:
        """Return the decision port and the admin port."""
        return self.port, self.admin_port

    def command(self) -> Sequence[str]:
        """Return the command."""
        return *pdp(), "serve", "--config", str(self.configuration)

    def prepare(self) -> None:
        """Write the configuration and issue the certificates."""
        common, pki = self.commons, self.commons.pki
        self._ready_file.unlink(missing_ok=True)
        server = pki.nodes.issue(self.name, [self.place.host])
        etcd = pki.etcd.issue(f"pdp-{self.name}")
        write_private(self.folder / "control-url", common.control_store + "\n")
        control: dict[str, Any] = {
            "store": {"file": "control-url"}, "ca": str(etcd.ca), "certificate": str(etcd.certificate),
            "key": str(etcd.key), "trust": str(common.trust),
            "labels": ",".join(f"{key}={value}" for key, value in self.labels.items()),
        }  # fmt: skip
        if self.signs:
            control["signing_key"] = str(common.signing_key)
        audit: dict[str, Any] = {
            "resource_keys": str(common.resource_keys), "checkpoint_copy": str(common.evidence),
        }  # fmt: skip
        if common.snapshot_store:
            write_private(self.folder / "store-url", common.snapshot_store + "\n")
            audit["store"] = {"file": "store-url"}
        written: dict[str, Any] = {
            "node": self.name,
            "listen": self.address,
            "data": "data",
            "workers": 1,
            "ready_file": "ready.json",
            "callers": str(common.callers),
            "tls": {
                "certificate": str(server.certificate), "key": str(server.key), "client_ca": str(pki.callers.ca),
                "require_client_certificate": True,
            },
            # Open to the network namespace of the node alone where it is not this machine's own.
            "admin": {"listen": f"{self.place.host}:{self.admin_port}", "insecure": self.place.host != "127.0.0.1"},
            "control": control,
            "audit": audit,
        }  # fmt: skip
        for key, value in self.settings.items():
            written[key] = written.get(key, {}) | value if isinstance(value, Mapping) else value
        write_json(self.configuration, written)

    def is_up(self) -> bool:
        """Whether the staff port answers, which it does before there is anything to decide by."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self.data / "staff.sock"))
            except OSError:
                return False
        return True

    def wait_until_up(self, seconds: float = PATIENCE) -> None:
        """Return when the staff port answers. Raises ClusterError."""

        def up() -> bool:
            if self.pid is None:
                raise ClusterError(f"{self} ended; its log {self.log} ends with\n{self.tail()}")
            return self.is_up()

        try:
            until(up, seconds)
        except TimeoutError as error:
            message = f"the staff port of {self} does not answer after {seconds:g} s; its log is {self.log}"
            raise ClusterError(message) from error

    def is_ready(self) -> bool:
        """Whether it answers calls."""
        try:
            return bool(json.loads(self._ready_file.read_text(encoding="utf-8"))["pid"] == self.pid)
        except (OSError, ValueError):
            return False

    def pdp(self, *arguments: str, seconds: float = 2 * PATIENCE) -> str:
        """Run a `pdp` command against this node's staff port and return what it wrote. Raises ClusterError."""
        return self.run([*pdp(), *arguments, "--server", self.staff], seconds=seconds)


def pdp() -> tuple[str, ...]:
    """Return the command `pdp`: that of this environment."""
    beside = Path(sys.executable).with_name("pdp")
    if beside.exists():
        return (str(beside),)
    found = shutil.which("pdp")
    if found is None:
        raise ClusterError(
            "the command `pdp` is missing; install the service with `pip install -e .`, or run `make setup`"
        )
    return (found,)
