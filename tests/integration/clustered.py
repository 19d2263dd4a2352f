"""Real nodes: `pdp serve` processes on one control store, and what staff ask them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pdp.control import sources
from pdp.signing import NodeKey
from pdp.v1 import (
    cluster_service_pb2_grpc,
    control_pb2,
    decision_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
)
from tests.commands import kill, program
from tests.integration.operated import SENIOR
from tests.integration.running import ATTRIBUTES, DICTIONARY, POLICY

PATIENCE = 60.0


def text(policy: str = POLICY) -> control_pb2.Sources:
    """Return the small policy set as a text; `policy` stands in the place of its only policy."""
    return sources.of({"attributes.yaml": ATTRIBUTES, "dictionary.yaml": DICTIONARY, "policy.yaml": policy})


def write_key(path: Path) -> NodeKey:
    """Make a signing key in a file, with its public half beside it as `.pub`, and return it."""
    made = Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.touch(0o600)
    path.write_bytes(pem)
    key = NodeKey.of(made)
    path.with_suffix(".pub").write_bytes(key.public_pem())
    return key


class Node:
    """A `pdp serve` process with a data folder of its own."""

    def __init__(self, folder: Path, name: str, store: str, config: str = "") -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(exist_ok=True)
        (self.folder / "store-url").write_text(store)
        (self.folder / "store-url").chmod(0o600)
        self._store = store
        self._config = config
        self._ready = self.folder / "ready.json"
        self.log = self.folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the process; it may be started again after its end."""
        self._ready.unlink(missing_ok=True)
        config = self.folder / "pdp.yaml"
        config.write_text(
            f"node: {self.name}\ndata: data\nlisten: 127.0.0.1:0\nworkers: 1\nready_file: ready.json\n"
            f"drain_seconds: 0\ncontrol:\n  store: {{file: store-url}}\n{self._config}"
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program(), "serve", "--config", str(config)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=dict(os.environ),
            )  # fmt: skip

    def facts(self) -> Mapping[str, Any]:
        """Return what the ready file says, once calls are answered."""
        eventually(self._ready.exists, self)
        found: Mapping[str, Any] = json.loads(self._ready.read_text())
        return found

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the log's entries of one event."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if entry.get("event") == event]

    @contextlib.contextmanager
    def staff(self) -> Iterator[grpc.Channel]:
        """Connect to the staff port, once it is there."""
        path = self.folder / "data" / "staff.sock"
        eventually(path.exists, self)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 * 1024 * 1024)]
        with grpc.insecure_channel(f"unix:{path}", options=options) as channel:
            yield channel

    @contextlib.contextmanager
    def decisions(self) -> Iterator[decision_service_pb2_grpc.DecisionServiceStub]:
        """Connect to the decision port."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.facts()["address"], options=options) as channel:
            yield decision_service_pb2_grpc.DecisionServiceStub(channel)

    def revision(self) -> int:
        """Decide, and return by which revision."""
        with self.decisions() as stub:
            return int(stub.Decide(SENIOR, timeout=PATIENCE).revision)

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        kill(self.process)

    def end(self) -> None:
        """Let it end in order."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


def eventually(holds: Any, node: Node) -> None:
    """Return when it holds; fails with the node's log when it does not in time."""
    end = time.monotonic() + PATIENCE
    pace = threading.Event()
    while not holds():
        log = node.log.read_text(errors="replace")[-4_000:] if node.log.exists() else ""
        assert node.process is None or node.process.poll() is None, log
        assert time.monotonic() < end, log
        pace.wait(0.05)


def publish(
    channel: grpc.Channel, policies: control_pb2.Sources, canary: policy_service_pb2.Canary | None = None
) -> control_pb2.Revision:
    """Lead a text through a draft to a revision."""
    stub = policy_service_pb2_grpc.PolicyServiceStub(channel)
    saved = stub.SaveDraft(policy_service_pb2.SaveDraftRequest(name="change", sources=policies), timeout=PATIENCE).draft
    handed = stub.SubmitDraft(
        policy_service_pb2.SubmitDraftRequest(name="change", version=saved.version), timeout=PATIENCE
    ).draft
    made = stub.PublishDraft(
        policy_service_pb2.PublishDraftRequest(name="change", version=handed.version, canary=canary), timeout=PATIENCE
    )
    revision: control_pb2.Revision = made.revision
    return revision


def cluster(channel: grpc.Channel) -> cluster_service_pb2_grpc.ClusterServiceStub:
    """Return the stub of the cluster service."""
    return cluster_service_pb2_grpc.ClusterServiceStub(channel)
