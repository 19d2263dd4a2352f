"""`make cluster`: the whole of it, as its own words tell people to use it, through losses, a stop and a new start."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from deploy.cluster import ClusterError, Files, PdpNode
from deploy.cluster.ask import ask
from deploy.cluster.processes import until
from deploy.cluster.whole import Cluster
from jingxi_client import AccessDeniedError, Action, Client, DecisionUnavailableError, Resource, Subject
from tests.integration.needs import missing

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120
pytestmark = pytest.mark.slow

ASK = dict.fromkeys(("node-a", "node-b", "node-c"))


class Run:
    """A cluster that somebody started with `up`, and the commands that they type meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "cluster"
        self.told = ""
        self._process: subprocess.Popen[str] | None = None

    def up(self) -> None:
        """Start it and read what it tells, up to its last line."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cluster", "--state", str(self.state), "up"], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        )  # fmt: skip
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C ends it"):
                break
        self.told = "".join(lines)
        assert "The cluster is up" in self.told, self.told

    def stop(self) -> str:
        """End it as Ctrl-C does and return what it said."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, said
        self._process = None
        return said

    def command(self, *words: str) -> str:
        """Run a command of the cluster's and return what it said."""
        return self._run([sys.executable, "-m", "deploy.cluster", "--state", str(self.state), *words], ROOT)

    def typed(self, line: str) -> str:
        """Run a line that `up` told people to type, in a folder that holds the sample bank."""
        environ = re.search(r"export PATH=(\S+):\$PATH PDP_STAFF_LISTEN=(\S+)", self.told)
        assert environ is not None
        path = f"{shlex.split(environ[1])[0]}:{os.environ['PATH']}"
        more = {"PATH": path, "PDP_STAFF_LISTEN": environ[2], "PYTHONPATH": str(ROOT)}
        return self._run(["bash", "-c", line], self.folder, more)

    def lines(self, *, after: str, before: str) -> list[str]:
        """Return the commands that `up` told between two of its sentences."""
        part = self.told.partition(after)[2].partition(before)[0]
        return [line.partition("#")[0].strip() for line in part.splitlines() if line.startswith("  ")]

    @property
    def cluster(self) -> Cluster:
        return Cluster.find(self.state)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        if (self.state / "cluster.json").exists():
            for part in self.cluster.parts:
                part.kill()

    def _run(self, command: list[str], folder: Path, more: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False, timeout=PATIENCE,
            env=os.environ | (more or {}),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    # Not pytest's folder: PostgreSQL's user must come to it, and paths of sockets are short.
    with tempfile.TemporaryDirectory(prefix="pdp-cluster-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "policies").symlink_to(ROOT / "policies")
        made = Run(folder)
        try:
            try:
                Cluster.make(made.state).check_programs()
            except ClusterError as error:
                missing(str(error))
            made.up()
            yield made
        finally:
            made.close()


def _asked(text: str) -> dict[str, str]:
    return dict(line.split(None, 1) for line in text.splitlines())


def test_a_change_reaches_every_node(run: Run) -> None:
    first = run.lines(after="by the same revision:", before="Publish a change")
    assert _asked(run.typed(first[0])) == dict.fromkeys(ASK, "revision 1: 张* 0519-******88")
    assert run.typed(first[1]).count(" current ") == 3
    *lines, back = run.lines(after="and ask again:", before="Break something:")
    # `cp` of a link would change the sample bank itself.
    said = [run.typed(line.replace("cp -r", "cp -rL")) for line in lines]
    assert _asked(said[-1]) == dict.fromkeys(ASK, "revision 2: 张* *************")
    run.typed(back)
    until(lambda: _asked(run.command("ask")) == dict.fromkeys(ASK, "revision 3: 张* 0519-******88"), 30)


def test_records_of_all_nodes_are_in_one_store(run: Run) -> None:
    def nodes() -> set[str]:
        listed = run.typed("pdp snapshot list --since 1h --limit 1000 --json --filter 'kind == \"decision\"'")
        return set(re.findall(r'"node": "(node-.)"', listed))

    until(lambda: nodes() == set(ASK), 30)


def test_nodes_answer_nobody_without_a_certificate(run: Run) -> None:
    cluster = run.cluster
    good, pki = cluster.client_files(), cluster.pki
    other = pki.etcd.issue("pdp-node-a")
    unknown = pki.callers.issue("nobody-knows")
    strangers: list[tuple[grpc.ChannelCredentials | None, type[Exception]]] = [
        (None, DecisionUnavailableError),  # no TLS
        (grpc.ssl_channel_credentials(good.ca.read_bytes()), DecisionUnavailableError),
        (_credentials(Files(good.ca, other.certificate, other.key)), DecisionUnavailableError),
        (_credentials(Files(good.ca, unknown.certificate, unknown.key)), AccessDeniedError),
        # And nobody takes another server for a node.
        (_credentials(Files(pki.etcd.ca, good.certificate, good.key)), DecisionUnavailableError),
    ]
    for node in cluster.nodes:
        for credentials, error in strangers:
            with pytest.raises(error):
                _decide(node, credentials)
        assert _decide(node, _credentials(good)) > 0


def _decide(node: PdpNode, credentials: grpc.ChannelCredentials | None) -> int:
    with Client(node.address, credentials=credentials, deadline=5) as client:
        return client.decide(
            ["mobile"], subject=Subject("T1001", roles=["teller"]), resource=Resource("customer", "C2001"),
            action=Action("query"), context={"application": "core-counter"},
        ).revision  # fmt: skip


def _credentials(files: Files) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(files.ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes())


def test_the_policy_key_is_replaced_in_four_steps(run: Run) -> None:
    """As the guide says, with the guide's commands; a step left out is told by the node, not by silence."""
    guide = (ROOT / "docs" / "guides" / "cluster.md").read_text(encoding="utf-8")
    again = guide.partition("pdp policy export head")
    publish = (again[1] + again[2].partition("```")[0]).splitlines()
    assert len(publish) == 4
    cluster = run.cluster
    common = cluster.commons
    old = (common.signing_key.read_bytes(), (common.trust / "policy-1.pub").read_bytes())
    second = Ed25519PrivateKey.generate()
    # 1. Both are trusted.
    (common.trust / "policy-2.pub").write_bytes(
        second.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    _restart(cluster, cluster.nodes)
    # 2. The new one signs. `make cluster` keeps it under the name of the first.
    common.signing_key.write_bytes(second.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _restart(cluster, [node for node in cluster.nodes if node.signs])
    before = _revisions(run)
    # 3. What is in force bears its signature.
    for line in publish:
        run.typed(line)
    after = _revisions(run)
    assert set(after) == set(before)
    assert {int(n) for n in after.values()} == {int(n) + 1 for n in before.values()}
    # 4. The old one is dropped.
    (common.trust / "policy-1.pub").unlink()
    _restart(cluster, cluster.nodes)
    assert _revisions(run) == after
    assert old[0] != common.signing_key.read_bytes()


def _restart(cluster: Cluster, nodes: Sequence[PdpNode]) -> None:
    """Start nodes again one at a time, while the others decide."""
    for node in nodes:
        node.stop()
        others = [other for other in cluster.nodes if other is not node]
        answers = list(ask(others, cluster.client_files(), ROOT / "policies"))
        assert not [answer.problem for answer in answers if answer.problem]
        node.start()
        node.wait_until_ready()


def _revisions(run: Run) -> dict[str, str]:
    return {node: said.split()[1].rstrip(":") for node, said in _asked(run.command("ask")).items()}


def test_losses_are_survived_and_mended(run: Run) -> None:
    lines = run.lines(after="Break something:", before="Ctrl-C")
    before = _revisions(run)
    kills, start = [line for line in lines if " kill " in line or " failover" in line], lines[-1]
    assert [line.split()[-1] for line in kills] == ["etcd-1", "postgres-1", "failover", "node-c"]
    for line in kills:
        run.typed(line)
    assert set(_asked(run.command("ask", "node-a", "node-b"))) == {"node-a", "node-b"}
    said = _asked(run.typed(start))
    assert "synchronous standby" in said["postgres-1"]
    assert _revisions(run) == before
    assert all(part.pid for part in run.cluster.parts)
    primary = run.cluster.primary()
    assert primary is not None
    assert primary.name == "postgres-2"


def test_data_outlive_a_stop(run: Run) -> None:
    before = _revisions(run)
    primary = run.cluster.primary()
    assert primary is not None
    said = run.stop()
    assert said.count("stopped") == 8, said
    assert "killed" not in said
    assert all(part.pid is None for part in run.cluster.parts)
    run.up()
    assert primary.name in next(line for line in run.told.splitlines() if "primary" in line)
    assert _revisions(run) == before
    said = run.command("down")
    assert said.count("stopped") == 8


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for words in (["up"], ["--fresh", "up"]):
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cluster", "--state", str(tmp_path), *words], cwd=ROOT, capture_output=True,
            text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 1
        assert "cluster: " in done.stderr
        assert (tmp_path / "mine").read_text() == "mine"
        assert "Traceback" not in done.stderr
