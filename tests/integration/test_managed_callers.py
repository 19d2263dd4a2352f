"""Callers that staff manage, of the whole service as processes: tokens rotate under load, and what is taken away is
refused by every worker of every node.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import duration_pb2

from pdp.control.grants import consent
from pdp.v1 import caller_service_pb2, caller_service_pb2_grpc, grant_service_pb2, grant_service_pb2_grpc
from tests.integration.callers_steps import wanted
from tests.integration.test_callers import CALLERS, COUNTER, PATIENCE, Service, Stub, bearer, digest, request

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
BOUND = 1.0
"""Seconds until every node knows of a change."""


class Node(Service):
    """A service with two workers, each also on a port of its own, and its staff port."""

    def __init__(self, folder: Path, policies: Path | None, transport: str, database: Path, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        (folder / "store-url").write_text(f"sqlite:{database}")
        (folder / "store-url").chmod(0o600)
        store = {"store": {"file": "store-url"}, "callers": True, "lease_seconds": 3}
        super().__init__(
            folder, policies, transport,
            **{"workers": 2, "worker_ports": True, "control": store, "callers": None, "node": folder.name} | settings,
        )  # fmt: skip
        host, _, port = self.address.rpartition(":")
        self.ports = [f"{host}:{int(port) + number}" for number in (1, 2)]

    @contextlib.contextmanager
    def staff(self) -> Iterator[caller_service_pb2_grpc.CallerServiceStub]:
        with grpc.insecure_channel(f"unix:{self.folder / 'data' / 'staff.sock'}") as channel:
            yield caller_service_pb2_grpc.CallerServiceStub(channel)

    def entries(self, event: str) -> list[dict[str, Any]]:
        """Return the log's entries of a kind so far."""
        return [entry for entry in list(self.log) if entry["event"] == event]

    def codes(self, token: str) -> set[grpc.StatusCode]:
        """Return how each worker answers a token."""
        return {answer(address, token) for address in self.ports}

    def refuses(self, token: str) -> bool:
        """Whether every worker refuses a token; who fails often is told to wait instead of why."""
        return self.codes(token) <= {UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}

    def until_refused(self, token: str) -> float:
        """Return after how many seconds every worker refuses a token."""
        begun = time.monotonic()
        while not self.refuses(token):
            assert time.monotonic() - begun < PATIENCE, self.log[-20:]
        return time.monotonic() - begun

    def until(self, token: str, code: grpc.StatusCode, within: float = PATIENCE) -> float:
        """Return after how many seconds every worker answers a token so."""
        begun = time.monotonic()
        while self.codes(token) != {code}:
            assert time.monotonic() - begun < within, self.log[-20:]
        return time.monotonic() - begun


def answer(address: str, token: str) -> grpc.StatusCode:
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            Stub(channel).Decide(request(), **bearer(token))
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.fixture(scope="module", params=["grpc", "native"])
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "native":
        pytest.importorskip("pygrpc_native", reason="needs jingxi[native]")
    return str(request.param)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.integration.running import write_policies

    return write_policies(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def nodes(transport: str, policies: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Two nodes on one control store, the second with a callers file besides."""
    folder = tmp_path_factory.mktemp(transport)
    control = folder / "control" / "control.db"
    first = Node(folder / "a", policies, transport, control)
    started = [first]
    try:
        # Both publish the same folder, signed by the same key.
        shutil.copytree(folder / "a" / "data" / "keys" / "control", folder / "b" / "data" / "keys" / "control")
        for path in ("b", "b/data", "b/data/keys"):
            (folder / path).chmod(0o700)
        started.append(Node(folder / "b", policies, transport, control, callers="callers.yaml"))
        yield started
    finally:
        for node in started:
            node.stop()


def create(node: Node, name: str, **parts: Any) -> str:
    """Make a caller with a token that counts on all workers of the node when this returns."""
    with node.staff() as staff:
        made = staff.CreateCaller(
            caller_service_pb2.CreateCallerRequest(
                caller=wanted(name, applications=["*"], **parts), token=caller_service_pb2.TokenWish(id="first"),
                reason="set up",
            ), timeout=PATIENCE,
        )  # fmt: skip
    assert made.caller.version == 1
    assert node.codes(made.token) == {grpc.StatusCode.OK}
    return str(made.token)


class Load:
    """Calls all workers of all nodes all the time, each time with the token that is the present one."""

    def __init__(self, nodes: list[Node], token: str) -> None:
        self.token = token
        self.refused: list[str] = []
        self.answered = 0
        self._end = threading.Event()
        self._turns = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(at,)) for node in nodes for at in node.ports]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, address: str) -> None:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = Stub(channel)
            while not self._end.is_set():
                try:
                    stub.Decide(request(), **bearer(self.token))
                except grpc.RpcError as error:
                    self.refused.append(f"{address}: {error.code()} {error.details()}")
                with self._turns:
                    self.answered += 1
                    self._turns.notify_all()

    def go_on(self, calls: int = 100) -> None:
        """Return after so many more calls."""
        with self._turns:
            wanted = self.answered + calls
            assert self._turns.wait_for(lambda: self.answered >= wanted, PATIENCE)


def test_a_token_rotates_under_load_and_no_call_is_refused(nodes: list[Node]) -> None:
    one, other = nodes
    old = create(one, "rotating")
    other.until(old, grpc.StatusCode.OK, BOUND * 5)
    with Load(nodes, old) as load, one.staff() as staff:
        for number in range(3):
            load.go_on()
            made = staff.AddCallerToken(
                caller_service_pb2.AddCallerTokenRequest(
                    name="rotating", token=caller_service_pb2.TokenWish(id=f"next-{number}"), reason="rotation",
                ), timeout=PATIENCE,
            )  # fmt: skip
            assert one.codes(made.token) == {grpc.StatusCode.OK}
            other.until(made.token, grpc.StatusCode.OK)
            load.token = made.token
            load.go_on()
            assert one.codes(old) == other.codes(old) == {grpc.StatusCode.OK}
            revoked = "first" if not number else f"next-{number - 1}"
            staff.RevokeCallerToken(
                caller_service_pb2.RevokeCallerTokenRequest(name="rotating", id=revoked, reason="rotated"),
                timeout=PATIENCE,
            )
            assert one.refuses(old)
            other.until_refused(old)
            old = made.token
        load.go_on()
    assert load.refused == []


def test_a_revoked_token_is_refused_on_every_node_within_a_second(nodes: list[Node]) -> None:
    one, other = nodes
    token = create(one, "revoked")
    other.until(token, grpc.StatusCode.OK)
    with one.staff() as staff:
        staff.RevokeCallerToken(
            caller_service_pb2.RevokeCallerTokenRequest(name="revoked", id="first", reason="lost"), timeout=PATIENCE
        )
        assert one.refuses(token)
        # The questions themselves take their time on a loaded machine.
        assert other.until_refused(token) < BOUND * 3


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_who_may_not_call_any_more_is_refused(nodes: list[Node], how: str) -> None:
    one, other = nodes
    token = create(one, how)
    other.until(token, grpc.StatusCode.OK)
    with one.staff() as staff:
        match how:
            case "disabled":
                staff.DisableCaller(
                    caller_service_pb2.DisableCallerRequest(name=how, reason="stolen"), timeout=PATIENCE
                )
            case "deleted":
                staff.DeleteCaller(caller_service_pb2.DeleteCallerRequest(name=how, reason="gone"), timeout=PATIENCE)
    assert one.refuses(token)
    other.until_refused(token)
    if how == "disabled":
        with one.staff() as staff:
            staff.EnableCaller(caller_service_pb2.EnableCallerRequest(name=how, reason="found"), timeout=PATIENCE)
        assert one.codes(token) == {grpc.StatusCode.OK}


def test_a_rate_holds_for_all_workers_together(nodes: list[Node]) -> None:
    token = create(nodes[0], "limited-by-staff", rate={"per_second": 1, "burst": 40})
    begun = time.monotonic()
    codes = [answer(nodes[0].ports[number % 2], token) for number in range(100)]
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    # Two were let through when it was made.
    assert 37 <= codes.count(grpc.StatusCode.OK) <= 41 + time.monotonic() - begun


def test_the_last_use_of_a_token_is_told(nodes: list[Node]) -> None:
    create(nodes[0], "used")
    with nodes[0].staff() as staff:

        def used() -> int:
            found = staff.GetCaller(caller_service_pb2.GetCallerRequest(name="used"), timeout=PATIENCE)
            return int(found.caller.tokens[0].last_used_nanos)

        wait_for(lambda: used() > 0)
        assert abs(used() - time.time_ns()) < 60 * 10**9


def test_the_key_by_which_a_caller_signs_consents_is_managed_too(nodes: list[Node]) -> None:
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    shown = [key.public_key().public_bytes_raw().hex() for key in keys]
    token = create(nodes[0], "consenting", grants=["consent"], consent_key=shown[0])

    def consents(key: Ed25519PrivateKey) -> grpc.StatusCode:
        asked = grant_service_pb2.RecordConsentRequest(
            subject_id="T1", resource_type="customer", resource_id="C1", evidence="pad-1",
            consent_id=uuid.uuid4().hex, application="core-counter", consented_nanos=time.time_ns(),
            validity=duration_pb2.Duration(seconds=60),
        )  # fmt: skip
        asked.signature = key.sign(consent.statement("consenting", asked))
        with grpc.insecure_channel(nodes[0].ports[0]) as channel:
            try:
                grant_service_pb2_grpc.GrantServiceStub(channel).RecordConsent(asked, **bearer(token))
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

    denied = grpc.StatusCode.PERMISSION_DENIED
    assert [consents(key) for key in keys] == [grpc.StatusCode.OK, denied]
    with nodes[0].staff() as staff:
        caller = staff.GetCaller(caller_service_pb2.GetCallerRequest(name="consenting"), timeout=PATIENCE).caller
        caller.consent_key = shown[1]
        staff.UpdateCaller(caller_service_pb2.UpdateCallerRequest(caller=caller, reason="new key"), timeout=PATIENCE)
    assert [consents(key) for key in keys] == [denied, grpc.StatusCode.OK]


def wait_for(holds: Callable[[], bool]) -> None:
    """Ask again until it holds: each question is a call, which paces the loop."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def test_a_file_counts_beside_them_and_wins(nodes: list[Node]) -> None:
    one, other = nodes
    assert other.codes(COUNTER) == {grpc.StatusCode.OK}
    assert one.refuses(COUNTER)
    token = create(one, "counter")
    wait_for(lambda: [entry["names"] for entry in other.entries("callers.hidden")] == [["counter"]])
    assert other.refuses(token)
    with other.staff() as staff:
        assert staff.GetCaller(caller_service_pb2.GetCallerRequest(name="counter"), timeout=PATIENCE).hidden
        listed = staff.ListCallers(caller_service_pb2.ListCallersRequest(), timeout=PATIENCE)
        assert [caller.name for caller in listed.file_callers] == ["counter", "desk", "limited"]
        assert listed.effective
    (other.folder / "callers.yaml").write_text(CALLERS.replace("name: counter", "name: other"))
    other.until(token, grpc.StatusCode.OK)


def test_nobody_else_may_call_and_nothing_secret_is_kept(nodes: list[Node]) -> None:
    one, other = nodes
    shown = [create(one, "secret"), "jx_" + "x" * 43]
    assert one.refuses(shown[1])
    shown += [digest(token) for token in shown]
    for node in nodes:
        text = json.dumps(node.log)
        assert "callers.managed" in text
        assert not [word for word in shown if word in text]
    control = one.folder.parent / "control"
    found = [path for folder in (control, one.folder, other.folder) for path in folder.rglob("*") if path.is_file()]
    assert len(found) > 10
    for path in found:
        # What is written whole under another name first may be gone again.
        with contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
            assert not [token for token in shown[:2] if token.encode() in data], path
    for node in nodes:
        assert stat.S_IMODE((node.folder / "data" / "applied" / "callers").stat().st_mode) == 0o600


def test_without_the_store_those_known_last_go_on(
    policies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINGXI_TEST_AWAY", "etcd://127.0.0.1:1/nobody/")
    control = tmp_path / "control" / "control.db"
    node = Node(tmp_path / "a", policies, "grpc", control)
    try:
        token = create(node, "known")
    finally:
        node.stop()
    pytest.importorskip("aetcd", reason="needs jingxi[cluster]")
    again = Node(
        tmp_path / "a", None, "grpc", control, staff={"listen": "off"},
        control={"store": {"env": "JINGXI_TEST_AWAY"}, "callers": True, "trust": "data/keys/control"},
    )  # fmt: skip
    try:
        assert again.codes(token) == {grpc.StatusCode.OK}
        assert again.refuses("jx_" + "x" * 43)
        assert again.entries("callers.unheard")[0]["reason"]
    finally:
        again.stop()
