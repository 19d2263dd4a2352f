"""`pdp grant` against a real node, on which nobody has an account."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from pdp.cli.main import main
from pdp.v1 import (
    decision_service_pb2,
    decision_service_pb2_grpc,
    grant_service_pb2,
    grant_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
    types_pb2,
)
from tests.integration.clustered import PATIENCE, Node, eventually, publish, text

TOKEN = "jx_" + "b" * 43
METADATA = (("authorization", f"Bearer {TOKEN}"),)
CALLERS = f"""
kind: Callers
callers:
  - name: counter
    tokens: [{{id: one, sha256: "{hashlib.sha256(TOKEN.encode()).hexdigest()}"}}]
    applications: ["*"]
    subjects: ["T*"]
    grants: [ask]
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    (folder / "callers.yaml").write_text(CALLERS)
    made = Node(folder, "gz-1", f"sqlite:{folder}/control.db", f"callers: {folder}/callers.yaml\n")
    with made.staff() as channel:
        publish(channel, text())
        made.facts()
        yield made
    made.kill()


@pytest.fixture
def run(node: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PDP_DATA", str(node.folder / "data"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def call(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(["grant", *map(str, arguments)])
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


class System:
    """The business system on the decision port."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.grants = grant_service_pb2_grpc.GrantServiceStub(channel)
        self._decisions = decision_service_pb2_grpc.DecisionServiceStub(channel)

    def ask(self, **given: Any) -> grant_service_pb2.AskForGrantResponse:
        usual = {"subject_id": "T1", "resource_type": "customer", "resource_id": "C1", "reason": "counter"}
        request = grant_service_pb2.AskForGrantRequest(**(usual | given))
        return self.grants.AskForGrant(request, timeout=PATIENCE, metadata=METADATA)

    def shows(self, grant_id: str, at_least: int = 0) -> bool:
        request = decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id="T1"), resource=types_pb2.Resource(type="customer", id="C1"),
            context={"menu": types_pb2.Value(string_value="3101")}, fields=["balance"], grant_ids=[grant_id],
            min_grant_revision=at_least,
        )  # fmt: skip
        found = self._decisions.Decide(request, timeout=PATIENCE, metadata=METADATA)
        return found.verdicts[0].effect == types_pb2.EFFECT_UNMASK


@pytest.fixture
def system(node: Node) -> Iterator[System]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(node.facts()["address"], options=options) as channel:
        yield System(channel)


def test_a_grant_from_its_beginning_to_its_end(node: Node, run: Run, system: System) -> None:
    grant_id = system.ask().grant.grant.id
    assert grant_id in run("list", "--mine").out
    assert not system.shows(grant_id)

    approved = json.loads(run("approve", grant_id, "--reason", "seen", "--json").out)
    assert system.shows(grant_id, int(approved["grantRevision"]))
    shown = run("show", grant_id)
    assert "caller:counter" in shown.out
    assert "holds" in shown.out

    revoked = run("revoke", grant_id, "--reason", "over")
    assert (revoked.code, "holds no more on any node" in revoked.out) == (0, True)
    assert not system.shows(grant_id)
    again = run("approve", grant_id)
    assert again.code == 1
    assert "was taken back by" in again.err

    with node.staff() as channel:
        stub = snapshot_service_pb2_grpc.SnapshotServiceStub(channel)

        def kept() -> bool:
            found = stub.ListSnapshots(
                snapshot_service_pb2.ListSnapshotsRequest(filter=f'grant("{grant_id}")'), timeout=PATIENCE
            )
            return bool(found.entries)

        eventually(kept, node)


def test_nobody_decides_on_what_they_asked_for(run: Run) -> None:
    asked = run(
        "ask", "--subject", "T1", "--resource", "customer:C1", "--field", "balance", "--for", "10m", "--uses", 3,
        "--reason", "counter", "--json",
    )  # fmt: skip
    record = json.loads(asked.out)["grant"]
    assert (record["state"], record["maxUses"]) == ("GRANT_STATE_ASKED", "3")
    refused = run("approve", record["grant"]["id"])
    assert refused.code == 1
    assert "asked for themselves" in refused.err
    assert run("revoke", record["grant"]["id"], "--reason", "no more").code == 0


def test_what_is_refused_says_so(run: Run, system: System) -> None:
    grant_id = system.ask().grant.grant.id
    assert run("refuse", grant_id, "--reason", "no need").code == 0
    listed = json.loads(run("list", "--state", "refused", "--json").out)
    assert grant_id in [record["grant"]["id"] for record in listed["grants"]]
    assert "no field" not in run("list", "--lang", "zh").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("ask", "--resource", "customer", "--reason", "x"), 2, "TYPE:ID"),
        (("ask", "--resource", "customer:C1", "--reason", "x", "--for", "soon"), 2, "is no time"),
        (("ask", "--resource", "customer:C1", "--reason", "x", "--field", "shoe"), 1, "not in the dictionary"),
        (("show", "g1"), 1, "is no id of a grant"),
        (("approve", "g" + "0" * 21), 1, "there is no grant"),
        (("list", "--page", "forged"), 1, "page_token"),
    ],
)
def test_what_is_wrong_is_told(run: Run, arguments: tuple[str, ...], code: int, says: str) -> None:
    ended = run(*arguments)
    assert (ended.code, says in ended.err) == (code, True), ended.err


def test_a_system_does_only_what_its_entry_says(run: Run, system: System) -> None:
    with pytest.raises(grpc.RpcError, match="may not call RecordConsent"):
        system.grants.RecordConsent(
            grant_service_pb2.RecordConsentRequest(subject_id="T1"), timeout=PATIENCE, metadata=METADATA
        )
    with pytest.raises(grpc.RpcError, match="may not ask for `X1`"):
        system.ask(subject_id="X1")
    asked = run("ask", "--subject", "T1", "--resource", "customer:C1", "--reason", "counter", "--json")
    grant_id = json.loads(asked.out)["grant"]["grant"]["id"]
    with pytest.raises(grpc.RpcError, match="what it asked for or recorded itself"):
        system.grants.GetGrant(grant_service_pb2.GetGrantRequest(id=grant_id), timeout=PATIENCE, metadata=METADATA)
    own = system.ask().grant.grant.id
    found = system.grants.GetGrant(grant_service_pb2.GetGrantRequest(id=own), timeout=PATIENCE, metadata=METADATA)
    assert found.grant.steps[0].actor == "caller:counter"


def test_every_step_is_on_record(node: Node, run: Run, system: System) -> None:
    grant_id = system.ask().grant.grant.id
    run("approve", grant_id)
    run("revoke", grant_id, "--reason", "over")
    data = b"".join(path.read_bytes() for path in Path(node.folder / "data").rglob("*") if path.is_file())
    for kind in (b"grant.ask", b"grant.approve", b"grant.revoke"):
        assert kind in data
    assert grant_id.encode() in data
