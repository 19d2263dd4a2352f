"""Every method of every service of staff, as everybody and nobody, over a real staff port with TLS."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pdp.control.accounts.sessions import LIMITED_SECONDS
from pdp.control.steps import Who
from pdp.server.staff.permissions import NEEDS, Access
from pdp.v1 import account_pb2, account_service_pb2, cluster_service_pb2
from tests.integration.accounts_steps import (
    ADMIN,
    MANAGER,
    PASSWORD,
    RESTRICTED,
    RISK,
    USER,
    Person,
    secret_of,
)
from tests.integration.pki import Authority
from tests.integration.revisions_steps import text
from tests.integration.staffed import METHODS, Staffed, shown, staffed

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
LEVELS = {"A": ADMIN, "M": MANAGER, "U": USER, "R": RESTRICTED}
SESSION, ACCOUNT, POLICY = "/pdp.v1.SessionService/", "/pdp.v1.AccountService/", "/pdp.v1.PolicyService/"
SIMULATION = "/pdp.v1.SimulationService/"
CALLER, SECURITY = "/pdp.v1.CallerService/", "/pdp.v1.SecurityService/"
CLUSTER, SNAPSHOT, GRANT = "/pdp.v1.ClusterService/", "/pdp.v1.SnapshotService/", "/pdp.v1.GrantService/"
# Written by hand: who may call what when a level has every right that it may have (requirement B8).
WHO = {
    SESSION: {
        "CreateFirstAccount": "*", "SignIn": "*", "BeginOidc": "*", "FinishOidc": "*", "SignOut": "AMUR",
        "GetSession": "AMUR", "ChangePassword": "AMUR", "BeginTotp": "AMUR", "ConfirmTotp": "AMUR",
        "ListSessions": "AMUR", "RevokeSession": "AMUR", "ListSignIns": "AMUR",
    },
    ACCOUNT: {
        "ListAccounts": "AM", "GetAccount": "AM", "AskForRights": "AMU", "ReviewRequest": "AM", "ApproveRequest": "A",
        "ExecuteRequest": "A", "RefuseRequest": "AMUR", "ListRequests": "AMUR", "LockAccount": "A",
        "UnlockAccount": "A", "ListRightsReviews": "AM", "ConfirmRights": "AM", "GetSignInMethods": "*",
    },
    POLICY: {
        "CheckPolicies": "MUR", "ListDrafts": "MUR", "GetDraft": "MUR", "SaveDraft": "U", "DeleteDraft": "U",
        "SubmitDraft": "U", "ReturnDraft": "MU", "PublishDraft": "M", "RollBack": "M", "ListRevisions": "MUR",
        "GetRevision": "MUR", "ComparePolicies": "MUR", "GetRollout": "MUR", "PromoteRollout": "M", "StopRollout": "M",
        "AnalyseImpact": "MUR", "ApproveDraft": "M", "GetBundle": "MUR", "AnalysePolicies": "MUR",
    },
    SIMULATION: {"DescribePolicies": "MUR", "Simulate": "MUR", "RunScenarios": "MUR"},
    CALLER: {
        "ListCallers": "A", "GetCaller": "A", "CreateCaller": "A", "UpdateCaller": "A", "DisableCaller": "A",
        "EnableCaller": "A", "AddCallerToken": "A", "RevokeCallerToken": "A", "DeleteCaller": "A",
        "ListCallerChanges": "A", "ApproveCallerChange": "A", "RefuseCallerChange": "A",
    },
    SECURITY: {"ListAnomalies": "AM", "ReviewAnomaly": "AM"},
    CLUSTER: {"ListNodes": "AMUR", "WatchNodes": "AMUR", "AwaitRevision": "AMUR", "ForgetNode": "A"},
    SNAPSHOT: {
        "ListSnapshots": "MUR", "GetSnapshot": "MUR", "WatchSnapshots": "MUR", "ExportSnapshots": "M",
        "GetSnapshotStats": "MUR", "ProveSnapshot": "MUR",
    },
    GRANT: {
        "AskForGrant": "U", "ApproveGrant": "M", "RefuseGrant": "M", "RevokeGrant": "MU", "RecordConsent": "",
        "GetGrant": "MUR", "ListGrants": "MUR",
    },
}  # fmt: skip
# Without these two a call counts as a failed sign-in: the session stands for no password.
FIELDS = {f"{SESSION}ChangePassword": ("old_password",), f"{SESSION}BeginTotp": ("password",)}
EXPECTED = {service + name: who for service, methods in WHO.items() for name, who in methods.items()}
GUARDED = [path for path in METHODS if EXPECTED[path] != "*"]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Staffed]:
    with staffed(tmp_path) as found:
        yield found


def people(port: Staffed) -> dict[str, Person]:
    """Make somebody of each level, with all rights that the level may have, and a bare account of each."""

    async def make() -> dict[str, Person]:
        office = port.office
        one, two = await office.admins(2)
        found = {"A": one, "admin": two}
        for letter, level in LEVELS.items():
            if letter != "A":
                found[letter] = await office.hire(one, two, f"full-{letter.lower()}", level)
                await office.set_up(found[letter])
            bare = await office.hire(one, two, f"bare-{letter.lower()}", level, rights=[])
            await office.set_up(bare)
            found[f"bare {letter}"] = bare
        return found

    return port.run(make())


def test_every_method_stands_in_the_table() -> None:
    listed = {path for path in NEEDS if path.startswith("/pdp.v1.")}
    assert listed == set(METHODS)
    assert {path for path, need in NEEDS.items() if need is Access.ANYBODY and path in METHODS} == {
        path for path, who in EXPECTED.items() if who == "*" and path in METHODS
    }


def test_every_method_as_every_level(port: Staffed) -> None:
    known = people(port)
    for letter in LEVELS:
        person = known[letter]
        for path in GUARDED:
            # A session of its own for each: some of the methods end it.
            fields = dict.fromkeys(FIELDS.get(path, ()), person.password)
            code = port.code(path, shown(port.token(person), person.device), **fields)
            allowed = letter in EXPECTED[path]
            assert code is not UNAUTHENTICATED, (letter, path)
            assert (code is not DENIED) == allowed, (letter, path, code)
    bare = {
        "bare A": ("ListAccounts", "GetAccount", "ListRightsReviews", "ListNodes", "WatchNodes", "AwaitRevision"),
        "bare M": ("CheckPolicies", "ListDrafts", "GetDraft", "ListRevisions", "GetRevision", "ComparePolicies",
                   "GetRollout", "GetBundle", "DescribePolicies", "ListNodes", "WatchNodes", "AwaitRevision",
                   "AnalysePolicies"),
        "bare R": (),
    }  # fmt: skip
    everybody = {path for path, need in NEEDS.items() if isinstance(need, Access)}
    for name, methods in bare.items():
        person = known[name]
        for path in GUARDED:
            fields = dict.fromkeys(FIELDS.get(path, ()), person.password)
            code = port.code(path, shown(port.token(person), person.device), **fields)
            allowed = path in everybody or path.rpartition("/")[2] in methods
            assert (code is not DENIED) == allowed, (name, path, code)


def test_every_method_without_a_session_that_counts(port: Staffed) -> None:
    admins = port.run(port.office.admins(2))
    person = admins[0]
    revoked, over, stolen, other = (port.token(person) for _ in range(4))
    closed_person = port.run(port.office.hire(admins[0], admins[1], "gone", USER))
    port.run(port.office.set_up(closed_person))
    closed = port.token(closed_person)
    gone = account_pb2.Account(name="gone")
    port.run(port.office.carry_out(account_pb2.REQUEST_KIND_CLOSE, gone, admins[0], admins[1]))
    mine = port.run(port.office.accounts.authenticate(revoked, person.device))
    port.run(port.office.accounts.revoke_session(mine.session.id))
    flipped = other[:-2] + ("A" if other[-2] != "A" else "B") + other[-1]
    cases = {
        "nothing": [],
        "no device": shown(other, person.device)[:1],
        "no token": shown(other, person.device)[1:],
        "garbage": [("authorization", "Bearer x"), ("x-jingxi-device", "!!")],
        "basic": [("authorization", f"Basic {other}"), shown(other, person.device)[1]],
        "twice": [*shown(other, person.device), ("authorization", "Bearer x")],
        "tampered": shown(flipped, person.device),
        "revoked": shown(revoked, person.device),
        "closed": shown(closed, closed_person.device),
    }
    words = set()
    for path in GUARDED:
        for metadata in cases.values():
            words.add(port.fails(path, UNAUTHENTICATED, metadata))
    assert len(words) == 1
    # Shown on another device it ends, for everybody.
    thief = secrets.token_bytes(32)
    words.add(port.fails(f"{SNAPSHOT}ListSnapshots", UNAUTHENTICATED, shown(stolen, thief)))
    words.add(port.fails(f"{SESSION}GetSession", UNAUTHENTICATED, shown(stolen, person.device)))
    assert port.recorded("session.refused") == [{"reason": "other_device", "method": "ListSnapshots"}]
    port.office.clock.later(3601)
    for path in GUARDED:
        words.add(port.fails(path, UNAUTHENTICATED, shown(over, person.device)))
    assert len(words) == 1


def test_a_limited_session_sets_up_factors_and_nothing_else(port: Staffed) -> None:
    async def hired() -> Person:
        one, two = await port.office.admins(2)
        return await port.office.hire(one, two, "zhang", USER)

    person = port.run(hired())
    answer = port.call(f"{SESSION}SignIn", name="zhang", password=person.password, device=person.device)
    mine = shown(answer.token, person.device)
    assert answer.session.limited
    may = {path for path, need in NEEDS.items() if need is Access.LIMITED}
    for path in GUARDED:
        if path not in may:
            assert port.code(path, mine) is DENIED, path
    port.call(f"{SESSION}ChangePassword", mine, old_password=person.password, new_password=PASSWORD)
    assert port.code(f"{POLICY}ListDrafts", mine) is DENIED
    person.secret = secret_of(port.call(f"{SESSION}BeginTotp", mine, password=PASSWORD).uri)
    codes = port.call(f"{SESSION}ConfirmTotp", mine, code=person.code(port.office.clock)).recovery_codes
    assert len(codes) == 10
    assert port.code(f"{POLICY}ListDrafts", mine) is grpc.StatusCode.OK
    told = port.call(f"{SESSION}GetSession", mine)
    assert (told.account.name, told.session.limited) == ("zhang", False)
    port.office.clock.later(LIMITED_SECONDS + 1)
    assert port.code(f"{POLICY}ListDrafts", mine) is grpc.StatusCode.OK


def test_whoever_fails_to_sign_in_is_told_the_same(port: Staffed) -> None:
    person = port.run(port.office.first())
    port.office.accounts.hasher.verified = 0
    given = {
        "unknown": {"name": "nobody", "password": PASSWORD},
        "password": {"name": person.name, "password": "wrong"},
        "code": {"name": person.name, "password": PASSWORD, "code": "000000"},
        "no_code": {"name": person.name, "password": PASSWORD},
        "waiting": {"name": person.name, "password": PASSWORD, "code": person.code(port.office.clock)},
    }
    words = {
        port.fails(f"{SESSION}SignIn", UNAUTHENTICATED, device=person.device, **fields) for fields in given.values()
    }
    assert len(words) == 1
    assert port.office.accounts.hasher.verified == len(given)
    failed = port.recorded("session.failed")
    assert [item["reason"] for item in failed] == list(given)
    assert [item["failures"] for item in failed] == ["0", "1", "2", "3", "3"]
    assert [item.get("locked") for item in failed] == [None, None, None, "true", None]
    assert {item.actor for item in port.operations if item.kind == "session.failed"} == {"unknown", person.name}


def test_who_does_what_is_recorded_and_nothing_secret_is(port: Staffed, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    token = port.run(port.office.accounts.make_first_token())
    one = Person("chen", f"{PASSWORD}-first")
    port.call(f"{SESSION}CreateFirstAccount", token=token, name="chen", owner="Chen Wei", password=one.password)
    answer = port.call(f"{SESSION}SignIn", name="chen", password=one.password, device=one.device, device_name="desk 7")
    mine = shown(answer.token, one.device)
    uri = port.call(f"{SESSION}BeginTotp", mine, password=one.password).uri
    one.secret = secret_of(uri)
    codes = port.call(f"{SESSION}ConfirmTotp", mine, code=one.code(port.office.clock)).recovery_codes
    rights = [account_pb2.Right(permission=account_pb2.PERMISSION_ACCOUNT_APPROVE)]
    wanted = account_pb2.Account(name="li", owner="Li Si", level=ADMIN, rights=rights)
    asked = port.call(
        f"{ACCOUNT}AskForRights", mine, kind=account_pb2.REQUEST_KIND_CREATE, wanted=wanted, risk=RISK, reason="second"
    ).request
    port.call(f"{ACCOUNT}ReviewRequest", mine, id=asked.id, reason="known")
    port.call(f"{ACCOUNT}ApproveRequest", mine, id=asked.id)
    first = port.call(f"{ACCOUNT}ExecuteRequest", mine, id=asked.id).password
    port.fails(f"{ACCOUNT}ApproveRequest", grpc.StatusCode.FAILED_PRECONDITION, mine, id=asked.id)
    port.call(f"{ACCOUNT}LockAccount", mine, name="li", reason="not yet")
    port.fails(f"{SESSION}SignIn", UNAUTHENTICATED, name="li", password=first, device=bytes(32))
    listed = port.call(f"{ACCOUNT}ListAccounts", mine)
    port.call(f"{SESSION}SignOut", mine)
    kinds = [operation.kind for operation in port.operations]
    assert kinds == [
        "account.first", "session.sign_in", "account.totp.begin", "account.totp.confirm", "request.ask",
        "request.review", "request.approve", "request.execute", "request.approve", "account.lock", "session.failed",
        "session.sign_out",
    ]  # fmt: skip
    made = port.recorded("request.execute")[0]
    assert (made["level.after"], made["rights.after"], made["state.after"]) == ("admin", "account-approve", "active")
    assert port.recorded("account.lock")[0]["state.before"] == "active"
    assert port.recorded("session.sign_in")[0]["device"] == "desk 7"
    assert {operation.actor for operation in port.operations} == {"chen", "li"}
    hashed = port.run(port.office.accounts.get("chen")).password.hash
    secret = base64.b32encode(one.secret).decode().rstrip("=")
    told = caplog.text + str(listed) + "".join(map(str, port.operations))
    for hidden in (token, one.password, first, answer.token, secret, hashed, *codes, mine[1][1], "$argon2"):
        assert hidden not in told


def test_a_certificate_is_a_second_factor(tmp_path: Path) -> None:
    made = Authority.make("people")
    client = made.issue("zhang")
    with staffed(tmp_path, client=client, client_ca=made) as port:
        one, two = port.run(port.office.admins(2))
        digest = client.certificate.fingerprint(hashes.SHA256()).hex()
        person = port.run(port.office.hire(one, two, "zhang", USER, certificates=[digest]))
        answer = port.call(f"{SESSION}SignIn", name="zhang", password=person.password, device=person.device)
        assert list(answer.session.factors) == ["password", "certificate"]


def test_health_is_for_all_and_reflection_for_who_is_signed_in(port: Staffed) -> None:
    person = port.run(port.office.first())
    health = health_pb2_grpc.HealthStub(port.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=30).status == serving
    reflection = reflection_pb2_grpc.ServerReflectionStub(port.channel)
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    with pytest.raises(grpc.RpcError) as caught:
        next(reflection.ServerReflectionInfo(iter(asked), timeout=30))
    assert caught.value.code() is UNAUTHENTICATED
    mine = shown(port.token(person), person.device)
    answer = next(reflection.ServerReflectionInfo(iter(asked), metadata=mine, timeout=30))
    names = {service.name for service in answer.list_services_response.service}
    # What is served is what is listed, and whoever asks for the health of any of it is told.
    served = {path.split("/")[1] for path in METHODS}
    assert {name for name in names if name.startswith("pdp.")} == served
    told = [health.Check(health_pb2.HealthCheckRequest(service=name), timeout=30).status for name in served]
    assert set(told) == {serving}


def test_a_scope_is_not_the_whole(port: Staffed) -> None:
    async def hired() -> Person:
        one, two = await port.office.admins(2)
        scope = account_pb2.Scope(applications=["loans"])
        rights = [account_pb2.Right(permission=account_pb2.PERMISSION_SNAPSHOT_READ, scope=scope)]
        person = await port.office.hire(one, two, "zhang", USER, rights=rights)
        await port.office.set_up(person)
        return person

    person = port.run(hired())
    # Nothing tells of a record whether it belongs to the scope, so nothing is shown.
    assert port.code(f"{SNAPSHOT}ListSnapshots", shown(port.token(person), person.device)) is DENIED


def test_a_lock_ends_what_is_going_on(port: Staffed) -> None:
    one, two = port.run(port.office.admins(2))
    mine = shown(port.token(two), two.device)
    assert port.code(f"{CLUSTER}ListNodes", mine) is grpc.StatusCode.OK
    port.run(port.office.accounts.lock(two.name, Who(one.name, "suspicious")))
    assert port.code(f"{CLUSTER}ListNodes", mine) is UNAUTHENTICATED


def test_a_stream_does_not_outlive_its_session(port: Staffed) -> None:
    one, two = port.run(port.office.admins(2))
    path = f"{CLUSTER}WatchNodes"
    stream: Any = port.channel.unary_stream(
        path,
        request_serializer=cluster_service_pb2.WatchNodesRequest.SerializeToString,
        response_deserializer=cluster_service_pb2.WatchNodesResponse.FromString,
    )(cluster_service_pb2.WatchNodesRequest(), metadata=tuple(shown(port.token(two), two.device)), timeout=60)
    assert next(stream).HasField("nodes")
    port.run(port.office.accounts.lock(two.name, Who(one.name, "suspicious")))
    with pytest.raises(grpc.RpcError) as caught:
        for _ in stream:
            pass
    assert caught.value.code() is UNAUTHENTICATED


def test_a_draft_takes_force_by_four_eyes_or_with_an_alarm(port: Staffed, caplog: pytest.LogCaptureFixture) -> None:
    known = people(port)
    writer, manager = (shown(port.token(known[letter]), known[letter].device) for letter in "UM")
    draft = port.call(f"{POLICY}SaveDraft", writer, name="a", sources=text(3)).draft
    draft = port.call(f"{POLICY}SubmitDraft", writer, name="a", version=draft.version).draft
    precondition = grpc.StatusCode.FAILED_PRECONDITION
    words = port.fails(f"{POLICY}PublishDraft", precondition, manager, name="a", version=draft.version)
    assert "pdp policy approve" in words
    approved = port.call(f"{POLICY}ApproveDraft", manager, name="a", version=draft.version, reason="read").draft
    # Changed after that, it is another text.
    returned = port.call(f"{POLICY}ReturnDraft", writer, name="a", version=approved.version, reason="typo").draft
    saved = port.call(f"{POLICY}SaveDraft", writer, name="a", version=returned.version, sources=text(4)).draft
    again = port.call(f"{POLICY}SubmitDraft", writer, name="a", version=saved.version).draft
    port.fails(f"{POLICY}PublishDraft", precondition, manager, name="a", version=again.version)
    approved = port.call(f"{POLICY}ApproveDraft", manager, name="a", version=again.version).draft
    assert port.call(f"{POLICY}PublishDraft", manager, name="a", version=approved.version).revision.number == 1
    draft = port.call(f"{POLICY}SaveDraft", writer, name="b", sources=text(5)).draft
    draft = port.call(f"{POLICY}SubmitDraft", writer, name="b", version=draft.version).draft
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    port.fails(f"{POLICY}PublishDraft", invalid, manager, name="b", version=draft.version, emergency=True)
    done = port.call(f"{POLICY}PublishDraft", manager, name="b", version=draft.version, emergency=True, reason="leak")
    assert done.revision.number == 2
    assert "policy.emergency" in {getattr(item, "pdp_event", ("",))[0] for item in caplog.records}
    assert [dict(item.details)["reason"] for item in port.operations if item.kind == "policy.emergency"] == ["leak"]


def test_a_publisher_without_the_right_to_emergencies_has_none(port: Staffed) -> None:
    async def hired() -> Person:
        one, two = await port.office.admins(2)
        rights = [account_pb2.Right(permission=account_pb2.PERMISSION_POLICY_PUBLISH)]
        person = await port.office.hire(one, two, "wang", MANAGER, rights=rights)
        await port.office.set_up(person)
        return person

    person = port.run(hired())
    mine = shown(port.token(person), person.device)
    assert port.code(f"{POLICY}PublishDraft", mine, name="a", version=1) is grpc.StatusCode.NOT_FOUND
    fields = {"name": "a", "version": 1, "emergency": True, "reason": "leak"}
    assert port.code(f"{POLICY}PublishDraft", mine, **fields) is DENIED


def test_a_flood_of_sign_ins_leaves_room_for_those_who_work(tmp_path: Path) -> None:
    with staffed(tmp_path, failure_seconds=2.0) as port:
        person = port.run(port.office.first())
        mine = shown(port.token(person), person.device)
        flood = port.channel.unary_unary(
            f"{SESSION}SignIn",
            request_serializer=account_service_pb2.SignInRequest.SerializeToString,
            response_deserializer=account_service_pb2.SignInResponse.FromString,
        )
        asked = account_service_pb2.SignInRequest(name="nobody", password=PASSWORD, device=bytes(32))
        tries = [flood.future(asked, timeout=60) for _ in range(40)]
        assert port.code(f"{CLUSTER}ListNodes", mine) is grpc.StatusCode.OK
        codes = {attempt.code() for attempt in tries}
        assert codes == {UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
