"""Life of the server: readiness, reflection, following changes, draining, and refusing to start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pdp.engine.program import Program
from pdp.errors import ConfigError, GoldenCaseError, PolicyError
from pdp.server import folder, watch
from pdp.server.folder import Outcome
from pdp.server.settings import Settings, parse_address
from pdp.v1 import decision_service_pb2, decision_service_pb2_grpc, types_pb2

Stub = decision_service_pb2_grpc.DecisionServiceStub
PATIENCE = 60.0
SERVICE = "pdp.v1.DecisionService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


SCENARIOS = """
kind: Test
id: counter
now: "2026-03-02T10:00:00+08:00"
request: {subject: {id: T1}, resource: {type: customer, id: C1}, context: {menu: "3101"}}
grants:
  - {id: G1, kind: supervisor, subject: T1, resource: {type: customer, id: C1}, fields: [balance], levels: [],
     not_before: "2000-01-01T00:00:00Z", expires_at: "2100-01-01T00:00:00Z", approver: M1, approver_level: 5,
     scenario: service, reason: counter, evidence: ""}
scenarios:
  - {id: approved, grant_ids: [G1], expect: {balance: unmask}}
"""


def ask(stub: Stub, **options: Any) -> decision_service_pb2.DecideResponse:
    request = decision_service_pb2.DecideRequest(
        subject=types_pb2.Subject(id="T1"),
        resource=types_pb2.Resource(type="customer", id="C1"),
        context={"menu": types_pb2.Value(string_value="3101")},
        fields=["mobile", "balance"],
        grant_ids=["G1"],
    )
    request.subject.attributes["level"].int_value = 3
    return stub.Decide(request, **options)


def refusal(stub: Stub) -> grpc.StatusCode:
    """Ask until the server refuses, and return how."""
    try:
        while True:
            ask(stub, timeout=PATIENCE)
    except grpc.RpcError as error:
        return error.code()


def is_shown(response: decision_service_pb2.DecideResponse, field: str) -> bool:
    (verdict,) = [v for v in response.verdicts if v.field == field]
    return verdict.effect == types_pb2.EFFECT_UNMASK


def test_health_of_the_whole_and_of_each_service(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> None:
    health = health_pb2_grpc.HealthStub(connect(serve(policy_folder)))
    for service in ("", SERVICE):
        assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_services_and_can_be_left_out(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> None:
    def names(server: Any) -> set[str]:
        reflection = reflection_pb2_grpc.ServerReflectionStub(connect(server))
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        (answer,) = reflection.ServerReflectionInfo(asked, timeout=30)
        return {service.name for service in answer.list_services_response.service}

    assert {SERVICE, "grpc.health.v1.Health"} <= names(serve(policy_folder))
    with pytest.raises(grpc.RpcError) as caught:
        names(serve(policy_folder, reflection=False))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_until_a_policy_set_is_loaded_it_is_not_ready(
    serve: Callable[..., Any],
    connect: Callable[..., grpc.Channel],
    policy_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, read = threading.Event(), folder.read_policies

    def read_late(path: Path) -> Any:
        assert release.wait(PATIENCE)
        return read(path)

    monkeypatch.setattr(folder, "read_policies", read_late)
    server = serve(policy_folder, wait=False, address=parse_address(f"unix:{tmp_path}/pdp.sock"))
    channel = connect(server)
    stub, health = Stub(channel), health_pb2_grpc.HealthStub(channel)
    for service in ("", SERVICE):
        asked = health_pb2.HealthCheckRequest(service=service)
        assert health.Check(asked, wait_for_ready=True, timeout=PATIENCE).status == NOT_SERVING
    with pytest.raises(grpc.RpcError) as caught:
        ask(stub)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "no policy set is loaded yet" in caught.value.details()
    assert b"ERROR_REASON_NO_POLICY" in dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    release.set()
    server.wait_until_ready()
    assert health.Check(health_pb2.HealthCheckRequest()).status == SERVING
    assert ask(stub).verdicts


def test_follows_the_folder_and_refuses_what_is_wrong(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> None:
    server = serve(policy_folder)
    stub = Stub(connect(server))
    assert server.next_load().outcome is Outcome.ACCEPTED
    first = ask(stub)
    policy = policy_folder / "policy.yaml"
    sound = policy.read_text()

    policy.write_text(sound.replace("subject.level >= 3", "subject.levle >= 3"))
    refused = server.next_load()
    assert refused.outcome is Outcome.REFUSED
    assert isinstance(refused.error, PolicyError)
    assert any("subject.levle" in item.message for item in refused.error.diagnostics)
    assert ask(stub).revision == first.revision == 1
    assert is_shown(ask(stub), "mobile")

    policy.write_text(sound.replace("subject.level >= 3", "subject.level >= 4"))
    assert server.next_load().outcome is Outcome.ACCEPTED
    second = ask(stub)
    assert second.revision == 2
    assert second.policy_hash != first.policy_hash
    assert not is_shown(second, "mobile")

    # Another text that means the same bytes is no new revision.
    (policy_folder / "notes.yaml").write_text("# nothing here yet\n")
    assert server.next_load().outcome is Outcome.UNCHANGED
    assert ask(stub).revision == 2

    # Going back to an old text is a new revision with the old hash.
    policy.write_text(sound)
    assert server.next_load().outcome is Outcome.ACCEPTED
    third = ask(stub)
    assert (third.revision, third.policy_hash) == (3, first.policy_hash)
    assert is_shown(third, "mobile")


def test_follows_a_symbolic_link_that_is_swapped(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path, tmp_path: Path
) -> None:
    link, other = tmp_path / "current", tmp_path / "next"
    link.symlink_to(policy_folder)
    other.mkdir()
    for file in policy_folder.iterdir():
        (other / file.name).write_text(file.read_text().replace("subject.level >= 3", "subject.level >= 4"))
    server = serve(link)
    stub = Stub(connect(server))
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert is_shown(ask(stub), "mobile")
    (tmp_path / "swap").symlink_to(other)
    (tmp_path / "swap").replace(link)
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert not is_shown(ask(stub), "mobile")
    # And the new folder is followed from then on.
    (other / "policy.yaml").write_text((policy_folder / "policy.yaml").read_text())
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert is_shown(ask(stub), "mobile")


def test_a_folder_that_vanishes_leaves_the_last_good_version(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path, tmp_path: Path
) -> None:
    server = serve(policy_folder)
    stub = Stub(connect(server))
    server.next_load()
    policy_folder.rename(tmp_path / "away")
    assert server.next_load().outcome is Outcome.REFUSED
    assert ask(stub).revision == 1
    (tmp_path / "away" / "policy.yaml").write_text("")
    (tmp_path / "away").rename(policy_folder)
    while (load := server.next_load()).outcome is not Outcome.ACCEPTED:
        assert load.outcome is Outcome.REFUSED
    assert not is_shown(ask(stub), "mobile")


def test_follows_the_grants_file(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path, grants_file: Path
) -> None:
    server = serve(policy_folder, grants=grants_file)
    stub = Stub(connect(server))
    assert [server.next_load().what for _ in range(2)] == ["grants", "policies"]
    assert is_shown(ask(stub), "balance")
    sound = grants_file.read_text()

    grants_file.write_bytes(b"\xff\xfe")
    assert server.next_load().outcome is Outcome.REFUSED
    assert is_shown(ask(stub), "balance")

    # Replaced as editors do: another file takes the name.
    other = grants_file.with_suffix(".new")
    other.write_text(sound.replace("2100-01-01", "2001-01-01"))
    other.replace(grants_file)
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert not is_shown(ask(stub), "balance")
    assert ask(stub).revision == 1


def test_a_first_version_with_errors_does_not_start(serve: Callable[..., Any], policy_folder: Path) -> None:
    (policy_folder / "policy.yaml").write_text("kind: Policy\n")
    with pytest.raises(PolicyError, match="pdp check"):
        serve(policy_folder)


def test_a_port_that_is_taken_is_not_shared(serve: Callable[..., Any], policy_folder: Path) -> None:
    taken = serve(policy_folder).app.address
    with pytest.raises(ConfigError, match="in use"):
        serve(policy_folder, address=taken)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:7070", "pdp.example:7070"])
def test_plain_text_stays_on_this_machine(address: str, policy_folder: Path) -> None:
    with pytest.raises(ConfigError, match="--insecure"):
        Settings(policy_folder, parse_address(address))
    assert Settings(policy_folder, parse_address(address), insecure=True).insecure


def test_listens_on_a_unix_socket(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path, tmp_path: Path
) -> None:
    server = serve(policy_folder, address=parse_address(f"unix:{tmp_path}/pdp.sock"))
    assert ask(Stub(connect(server))).verdicts


def test_a_version_that_fails_its_own_scenarios_is_refused(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> None:
    tests = policy_folder / "tests.yaml"
    tests.write_text(SCENARIOS)
    server = serve(policy_folder)
    assert server.next_load().outcome is Outcome.ACCEPTED
    # The grants of scenarios are theirs alone.
    assert not is_shown(ask(Stub(connect(server))), "balance")
    tests.write_text(SCENARIOS.replace("balance: unmask", "balance: mask"))
    refused = server.next_load()
    assert isinstance(refused.error, GoldenCaseError)
    assert "1 of 1 scenarios" in str(refused.error)
    assert "`counter/approved` at `balance`" in str(refused.error)
    assert ask(Stub(connect(server))).revision == 1


def test_without_file_events_times_are_compared(
    serve: Callable[..., Any],
    connect: Callable[..., grpc.Channel],
    policy_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_events(*_: object, **__: object) -> Any:
        raise OSError("inotify watch limit reached")

    monkeypatch.setattr(watch, "awatch", no_events)
    server = serve(policy_folder)
    server.next_load()
    policy = policy_folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("subject.level >= 3", "subject.level >= 4"))
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert not is_shown(ask(Stub(connect(server))), "mobile")


def test_an_unforeseen_failure_of_a_load_keeps_the_last_version(
    serve: Callable[..., Any],
    connect: Callable[..., grpc.Channel],
    policy_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(policy_folder)
    server.next_load()

    def fail(*_: object, **__: object) -> Any:
        raise RecursionError

    policy = policy_folder / "policy.yaml"
    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_policies", fail)
        policy.write_text(policy.read_text().replace("subject.level >= 3", "subject.level >= 4"))
        assert isinstance(server.next_load().error, RecursionError)
    assert is_shown(ask(Stub(connect(server))), "mobile")
    policy.write_text(policy.read_text().replace("subject.level >= 4", "subject.level >= 5"))
    assert server.next_load().outcome is Outcome.ACCEPTED


def test_draining_still_answers_until_it_stops(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> None:
    server = serve(policy_folder, drain_seconds=3600.0)
    channel = connect(server)
    stub, health = Stub(channel), health_pb2_grpc.HealthStub(channel)
    statuses = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    assert next(statuses).status == SERVING
    server.request_stop()
    assert next(statuses).status == NOT_SERVING
    assert ask(stub).verdicts
    # A second request to stop does not wait for the rest of the hour.
    server.request_stop()
    server.join()
    with pytest.raises(grpc.RpcError) as caught:
        ask(stub)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_calls_in_flight_end_before_the_server_stops(
    serve: Callable[..., Any],
    connect: Callable[..., grpc.Channel],
    policy_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, release = threading.Event(), threading.Event()

    def explain(*_: object) -> bytes:
        begun.set()
        assert release.wait(PATIENCE)
        return b""

    monkeypatch.setattr(Program, "explain", explain)
    server = serve(policy_folder, grace_seconds=3600.0)
    stub = Stub(connect(server))
    call = stub.Explain.future(decision_service_pb2.ExplainRequest())
    assert begun.wait(PATIENCE)
    # A long call keeps nobody waiting.
    assert ask(stub).verdicts
    server.request_stop()
    # A call that arrives at the very moment of stopping is cancelled by gRPC itself; later ones find nobody.
    assert refusal(stub) in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert not call.done()
    release.set()
    assert call.result(timeout=PATIENCE) == decision_service_pb2.ExplainResponse()
    server.join()


def test_a_health_watch_does_not_hold_the_server(
    serve: Callable[..., Any], connect: Callable[..., grpc.Channel], policy_folder: Path
) -> None:
    server = serve(policy_folder, grace_seconds=3600.0)
    statuses = health_pb2_grpc.HealthStub(connect(server)).Watch(health_pb2.HealthCheckRequest())
    assert next(statuses).status == SERVING
    server.request_stop()
    server.join()
