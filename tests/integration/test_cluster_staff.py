"""Three real nodes on one etcd and one PostgreSQL, with accounts over TLS: who may what is the same on every node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import Any

import grpc
import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")
pytest.importorskip("psycopg", reason="needs the extra `postgres`")

from google.protobuf import duration_pb2

from pdp.control.accounts import AccountRules, Accounts, SecretKey, totp
from pdp.control.kv import open_store
from pdp.control.steps import Who
from pdp.snapshot.store import install
from pdp.v1 import (
    account_pb2,
    decision_service_pb2,
    decision_service_pb2_grpc,
    grant_service_pb2_grpc,
    types_pb2,
)
from tests.integration.accounts_steps import MANAGER, USER, Hands, Office, Person, quick_hasher
from tests.integration.clustered import Node, text, write_key
from tests.integration.etcd import Etcd, etcd
from tests.integration.operated import request as decide_request
from tests.integration.pki import Authority
from tests.integration.postgres import Postgres, postgres
from tests.integration.staffed import METHODS, shown
from tests.integration.test_staff_guard import EXPECTED, FIELDS, GUARDED, LEVELS

__all__ = ["etcd", "postgres"]

PATIENCE = 60.0
UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
SESSION, POLICY, GRANT = "/pdp.v1.SessionService/", "/pdp.v1.PolicyService/", "/pdp.v1.GrantService/"
SNAPSHOT = "/pdp.v1.SnapshotService/"
BRANCH = "b1"
TOKEN = "jx_" + "b" * 43
METADATA = (("authorization", f"Bearer {TOKEN}"),)
CALLERS = f"""
kind: Callers
callers:
  - name: counter
    tokens: [{{id: one, sha256: "{hashlib.sha256(TOKEN.encode()).hexdigest()}"}}]
    applications: ["*"]
    subjects: ["*"]
    grants: [ask]
"""
HOUR = 3_600 * 10**9
ENDING = f"{SESSION}SignOut"
"""Asked last, for it ends the session."""


class Machine:
    """A node, with connections to its staff port over TLS and to its decision port."""

    def __init__(self, node: Node, staff_port: int, authority: Authority, stack: contextlib.ExitStack) -> None:
        self.node = node
        options = [("grpc.use_local_subchannel_pool", 1)]
        credentials = grpc.ssl_channel_credentials(authority.pem)
        self.staff = stack.enter_context(grpc.secure_channel(f"localhost:{staff_port}", credentials, options))
        self._stack = stack

    def decide_by(self) -> None:
        """Connect to the decision port, once there is something to decide by."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = self._stack.enter_context(grpc.insecure_channel(self.node.facts()["address"], options=options))
        self.decisions = decision_service_pb2_grpc.DecisionServiceStub(channel)
        self.asking = grant_service_pb2_grpc.GrantServiceStub(channel)

    def call(self, path: str, metadata: Any = (), /, **fields: Any) -> Any:
        """Call a method of staff and return its answer, the first one of a stream."""
        file, method = METHODS[path]
        asked = getattr(file, method.input_type.name)(**fields)
        answer: Any = getattr(file, method.output_type.name)
        asking = self.staff.unary_stream if method.server_streaming else self.staff.unary_unary
        done: Any = asking(
            path, request_serializer=type(asked).SerializeToString, response_deserializer=answer.FromString
        )(asked, metadata=metadata, timeout=PATIENCE, wait_for_ready=True)
        if not method.server_streaming:
            return done
        try:
            return next(iter(done), None)
        finally:
            done.cancel()

    def code(self, path: str, metadata: Any = (), /, **fields: Any) -> grpc.StatusCode:
        """Return the status of a call."""
        try:
            self.call(path, metadata, **fields)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def grants(self) -> dict[str, Any]:
        """Return what the node tells of grants."""
        connection = http.client.HTTPConnection(self.node.facts()["admin"], timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/status")
            found: dict[str, Any] = json.loads(connection.getresponse().read())["grants"]
            return found

    def decide(self, grant_id: str = "", at_least: int = 0) -> decision_service_pb2.DecideResponse:
        """Ask for a customer's balance."""
        asked = decide_request()
        asked.MergeFrom(
            decision_service_pb2.DecideRequest(
                resource=types_pb2.Resource(type="customer", id="C1"), min_grant_revision=at_least,
                grant_ids=[grant_id] if grant_id else [],
            )
        )  # fmt: skip
        return self.decisions.Decide(asked, timeout=PATIENCE, metadata=METADATA)


class Cluster:
    """The nodes, and the people who work with them; made with a clock that is hours behind, so that codes are fresh."""

    def __init__(self, store: str, key: SecretKey, machines: list[Machine]) -> None:
        self.machines = machines
        self.people: dict[str, Person] = {}
        self.over: Any = None
        self._store, self._key = store, key

    def office(self, act: Callable[[Office], Any], hours: float = 6) -> Any:
        """Do something with accounts in the store, as of some hours ago."""

        async def do() -> Any:
            store = open_store(self._store)
            hands = Hands()
            hands.now = time.time_ns() - int(hours * HOUR)
            rules = AccountRules(failure_seconds=0, zone=UTC)
            accounts = Accounts(store, self._key, rules, quick_hasher(), clock=hands)
            try:
                return await act(Office(accounts, hands))
            finally:
                accounts.hasher.close()
                await store.close()

        return asyncio.run(do())

    def sessions(self, hours: float, *names: str) -> dict[str, Any]:
        """Return the metadata of a session of each of these, begun some hours ago, one minute after another."""

        async def sign_in(office: Office) -> dict[str, Any]:
            found = {}
            for name in names:
                person = self.people[name]
                found[name] = shown((await office.sign_in(person)).token, person.device)
                office.clock.later(60)
            return found

        made: dict[str, Any] = self.office(sign_in, hours)
        return made

    def sign_in(self, machine: Machine, name: str) -> Any:
        """Sign somebody in over the wire, now."""
        person = self.people[name]
        code = totp.code_at(person.secret, totp.step_at(time.time_ns()))
        answer = machine.call(
            f"{SESSION}SignIn", name=person.name, password=person.password, code=code, device=person.device
        )  # fmt: skip
        return shown(answer.token, person.device)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


async def hire(office: Office) -> dict[str, Person]:
    """Make somebody of each level with all rights that it may have, a teller and the head of a branch."""
    one, two = await office.admins(2)
    found = {"A": one, "judge": two}
    for letter, level in LEVELS.items():
        if letter != "A":
            found[letter] = await office.hire(one, two, f"full-{letter.lower()}", level)
            await office.set_up(found[letter])
    scope = account_pb2.Scope(branches=[BRANCH])
    wanted: Mapping[str, tuple[Any, list[account_pb2.Permission], dict[str, Any]]] = {
        "t1001": (USER, [account_pb2.PERMISSION_GRANT_ASK], {}),
        "m1000": (MANAGER, [account_pb2.PERMISSION_GRANT_APPROVE], {"authority_level": 5}),
    }
    for name, (level, permissions, more) in wanted.items():
        rights = [account_pb2.Right(permission=permission, scope=scope) for permission in permissions]
        found[name] = await office.hire(one, two, name, level, rights=rights, branch=BRANCH, **more)
        await office.set_up(found[name])
    return found


@pytest.fixture(scope="module")
def cluster(etcd: Etcd, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    write_key(folder / "publish.key")
    authority = Authority.make()
    authority.server().write(folder, "staff")
    store = "etcd://" + ",".join(member.address for member in etcd.members) + f"/{uuid.uuid4().hex}/"
    records = postgres.url(postgres.create_database())
    install(records)
    digits = secrets.token_hex(32)
    for name, value in {
        "secret": digits, "records": records, "resource": f"k1 {'ab' * 32}", "callers.yaml": CALLERS,
    }.items():  # fmt: skip
        (folder / name).write_text(f"{value}\n")
        (folder / name).chmod(0o600)
    ports = free_ports(3)
    with contextlib.ExitStack() as stack:
        nodes = []
        for number, port in enumerate(ports):
            config = (
                f"  trust: {folder}/publish.pub\n  signing_key: {folder}/publish.key\n  secret_key: {folder}/secret\n"
                f"callers: {folder}/callers.yaml\nstaff:\n  listen: 127.0.0.1:{port}\n"
                f"  certificate: {folder}/staff.crt\n  key: {folder}/staff.key\n"
                f"accounts:\n  idle_seconds: 86400\n  session_seconds: 86400\n"
                f"audit:\n  store: {{file: {folder}/records}}\n  resource_keys: {folder}/resource\n"
                f"admin:\n  listen: 127.0.0.1:0\n"
            )
            nodes.append(Node(folder, f"n{number}", store, config))
            stack.callback(nodes[-1].kill)
        machines = [Machine(node, port, authority, stack) for node, port in zip(nodes, ports, strict=True)]
        made = Cluster(store, SecretKey.load(folder / "secret"), machines)
        made.people = made.office(hire, hours=48)
        # Before all other sessions: a code counts only once, and none that is older afterwards.
        made.over = made.sessions(30, "R")["R"]
        begin(made)
        for machine in machines:
            machine.decide_by()
        yield made


def begin(cluster: Cluster) -> None:
    """Publish a first policy set by four eyes: written on one node, approved on another, published on the third."""
    known = cluster.sessions(5, "U", "M")
    one, two, three = cluster.machines
    saved = one.call(f"{POLICY}SaveDraft", known["U"], name="first", sources=text()).draft
    handed = one.call(f"{POLICY}SubmitDraft", known["U"], name="first", version=saved.version).draft
    approved = two.call(f"{POLICY}ApproveDraft", known["M"], name="first", version=handed.version, reason="read").draft
    three.call(f"{POLICY}PublishDraft", known["M"], name="first", version=approved.version)


def until(holds: Callable[[], bool]) -> None:
    end, pace = time.monotonic() + PATIENCE, threading.Event()
    while not holds():
        assert time.monotonic() < end
        pace.wait(0.05)


def is_shown(decided: decision_service_pb2.DecideResponse) -> bool:
    return decided.verdicts[2].effect == types_pb2.EFFECT_UNMASK


def test_a9_on_three_nodes(cluster: Cluster) -> None:
    """Masked; the branch head approves on the first node; clear on the second; over, and masked, on the third."""
    first, second, third = cluster.machines
    teller, head = cluster.sign_in(third, "t1001"), cluster.sign_in(first, "m1000")
    counted = [machine.grants() for machine in cluster.machines]
    before = first.decide()
    assert not is_shown(before)
    asked = second.call(
        f"{GRANT}AskForGrant", teller, subject_id="T1", branch=BRANCH, resource_type="customer", resource_id="C1",
        fields=["balance"], reason="the customer is here", validity=duration_pb2.Duration(seconds=4),
    ).grant  # fmt: skip
    grant_id = asked.grant.id
    waiting = first.call(f"{GRANT}ListGrants", head, mine_to_approve=True).grants
    assert [found.grant.id for found in waiting] == [grant_id]
    # Who asked does not approve, on whatever node.
    for machine in cluster.machines:
        assert machine.code(f"{GRANT}ApproveGrant", teller, id=grant_id) is DENIED
    given = first.call(f"{GRANT}ApproveGrant", head, id=grant_id, reason="known to me")
    clear = second.decide(grant_id, given.grant_revision)
    assert is_shown(clear)
    until(
        lambda: all(m.grants()["active"] == old["active"] + 1 for m, old in zip(cluster.machines, counted, strict=True))
    )
    assert clear.reasons[clear.verdicts[2].reason].grant_id == grant_id
    over: list[decision_service_pb2.DecideResponse] = []

    def is_over() -> bool:
        over[:] = [third.decide(grant_id, given.grant_revision)]
        return not is_shown(over[0])

    until(is_over)
    assert over[0].diagnostics[0].code == types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE
    assert all(not is_shown(machine.decide(grant_id)) for machine in cluster.machines)

    until(lambda: all(m.grants()["expired"] > old["expired"] for m, old in zip(cluster.machines, counted, strict=True)))
    for machine, old, done in zip(cluster.machines, counted, ({"approved"}, {"asked"}, set()), strict=True):
        now = machine.grants()
        assert {step for step, count in now["steps"].items() if count - old["steps"][step] == 1} == done
        assert (now["active"], now["honoured"]) == (old["active"], True)
        assert now["look_age_seconds"] < 10

    # Every look is on record, whichever node is asked for it, with who authorised the one that showed it.
    auditor = cluster.sessions(4, "M")["M"]
    for reader in cluster.machines:
        for decided, shows in ((before, False), (clear, True), (over[0], False)):
            found = recorded(reader, auditor, decided.decision_id)
            held = [(grant.id, grant.approver, grant.approver_level) for grant in found.grants]
            assert held == ([(grant_id, "m1000", 5)] if shows else []), found
    nodes = {machine.node.name for machine in cluster.machines}
    told = third.call(f"{SNAPSHOT}ListSnapshots", auditor, filter='kind.startsWith("grant.")', page_size=20)
    operations = {entry.record.operation.kind: entry for entry in told.entries if entry.record.operation.success}
    assert operations["grant.ask"].stream.node == second.node.name
    assert operations["grant.approve"].stream.node == first.node.name
    assert {entry.stream.node for entry in told.entries} <= nodes
    assert operations["grant.approve"].record.operation.actor == "m1000"


def recorded(machine: Machine, auditor: Any, decision_id: str) -> Any:
    """Return the snapshot of a decision, once it is in the store."""
    found: list[Any] = []

    def is_there() -> bool:
        try:
            answer = machine.call(f"{SNAPSHOT}GetSnapshot", auditor, id=decision_id)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            raise
        found.append(answer.entry.record.snapshot)
        return True

    until(is_there)
    return found[0]


def test_every_method_as_every_level_on_every_node(cluster: Cluster) -> None:
    for number, machine in enumerate(cluster.machines):
        known = cluster.sessions(3 - number * 0.5, *LEVELS)
        for letter in LEVELS:
            for path in sorted(GUARDED, key=lambda path: path == ENDING):
                fields = dict.fromkeys(FIELDS.get(path, ()), cluster.people[letter].password)
                code = machine.code(path, known[letter], **fields)
                assert code is not UNAUTHENTICATED, (machine.node.name, letter, path)
                assert (code is not DENIED) == (letter in EXPECTED[path]), (machine.node.name, letter, path, code)


def test_what_counts_on_no_node(cluster: Cluster) -> None:
    first, second, third = cluster.machines
    person = cluster.people["A"]
    known = cluster.sessions(1.2, "A", "M", "U")
    good, revoked, stolen = known["A"], known["M"], known["U"]
    token = good[0][1]
    flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    # Revoked on one node, shown on another device on another: it is over on all of them at once.
    mine = second.call(f"{SESSION}GetSession", revoked).session.id
    assert first.code(f"{SESSION}RevokeSession", revoked, id=mine) is grpc.StatusCode.OK
    thief = [stolen[0], shown("x", secrets.token_bytes(32))[1]]
    assert second.code(f"{SESSION}GetSession", thief) is UNAUTHENTICATED
    cases = {
        "nothing": [], "no device": good[:1], "no token": good[1:], "expired": cluster.over, "revoked": revoked,
        "stolen": stolen,
        "garbage": [("authorization", "Bearer x"), ("x-jingxi-device", "!!")],
        "tampered": [("authorization", flipped), good[1]],
    }  # fmt: skip
    for machine in cluster.machines:
        for path in GUARDED:
            for name, metadata in cases.items():
                assert machine.code(path, metadata) is UNAUTHENTICATED, (machine.node.name, name, path)
    assert third.code(f"{SESSION}GetSession", good) is grpc.StatusCode.OK
    cluster.office(lambda office: office.accounts.lock(person.name, Who(cluster.people["judge"].name, "gone")), hours=0)
    assert [machine.code(f"{SESSION}GetSession", good) for machine in cluster.machines] == [UNAUTHENTICATED] * 3
