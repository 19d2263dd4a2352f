"""Folder mode: what stands in the folder goes through the embedded control store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.errors import PolicyError
from pdp.server.folder import Outcome
from pdp.server.settings import Admin, Audit, Control, Staff, parse_address
from pdp.v1 import decision_service_pb2_grpc, policy_service_pb2, policy_service_pb2_grpc
from tests.integration.clustered import text
from tests.integration.operated import PATIENCE, SENIOR, Operated, wait_for
from tests.integration.running import RunningServer, put

Serve = Callable[..., RunningServer]


def revision(server: RunningServer) -> int:
    with grpc.insecure_channel(server.target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
        return int(stub.Decide(SENIOR, timeout=PATIENCE).revision)


def end(server: RunningServer) -> None:
    server.request_stop()
    server.join()


def change(folder: Path, level: int) -> None:
    policy = folder / "policy.yaml"
    put(policy, policy.read_text().replace("level >= 3", f"level >= {level}"))


def test_numbers_last_over_restarts(serve: Serve, policy_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = serve(policy_folder, data=data)
    assert first.next_load().outcome is Outcome.ACCEPTED
    change(policy_folder, 4)
    assert first.next_load().outcome is Outcome.ACCEPTED
    assert revision(first) == 2
    end(first)
    unchanged = serve(policy_folder, data=data)
    assert unchanged.next_load().outcome is Outcome.ACCEPTED
    assert revision(unchanged) == 2, "an unchanged folder makes no new revision"
    end(unchanged)
    put(policy_folder / "policy.yaml", (policy_folder / "policy.yaml").read_text().replace("level >= 4", "level >= 5"))
    assert revision(serve(policy_folder, data=data)) == 3


def test_a_folder_with_errors_is_no_start_whatever_was_good_before(
    serve: Serve, policy_folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    end(serve(policy_folder, data=data))
    change(policy_folder, 4)
    sound = (policy_folder / "policy.yaml").read_text()
    put(policy_folder / "policy.yaml", sound.replace("subject.level", "subject.levle"))
    with pytest.raises(PolicyError, match=r"has errors; `pdp check"):
        serve(policy_folder, data=data)


def test_without_anything_kept_the_folder_goes_straight_to_the_workers(
    serve: Serve, policy_folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    server = serve(policy_folder, data=data, audit=Audit(durability="off"), staff=Staff(address="off"))
    server.next_load()
    change(policy_folder, 4)
    assert server.next_load().outcome is Outcome.ACCEPTED
    assert revision(server) == 2
    assert server.app.plane is None
    assert not data.exists()


def test_nobody_publishes_past_the_folder(serve: Serve, policy_folder: Path, tmp_path: Path) -> None:
    socket = tmp_path / "run" / "staff.sock"
    socket.parent.mkdir(mode=0o700)
    serve(policy_folder, staff=Staff(address=parse_address(f"unix:{socket}")))
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = policy_service_pb2_grpc.PolicyServiceStub(channel)
        saved = stub.SaveDraft(policy_service_pb2.SaveDraftRequest(name="d", sources=text()), timeout=PATIENCE).draft
        handed = stub.SubmitDraft(policy_service_pb2.SubmitDraftRequest(name="d", version=saved.version)).draft
        with pytest.raises(grpc.RpcError) as caught:
            stub.PublishDraft(policy_service_pb2.PublishDraftRequest(name="d", version=handed.version))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined]
        assert f"follows the folder `{policy_folder}`" in caught.value.details()  # type: ignore[attr-defined]
        (made,) = stub.ListRevisions(policy_service_pb2.ListRevisionsRequest()).revisions
        assert (made.number, made.steps[0].actor) == (1, "folder")


def test_without_a_folder_the_embedded_store_tells(serve: Serve, tmp_path: Path) -> None:
    socket = tmp_path / "data" / "staff.sock"
    ready = tmp_path / "ready.json"
    settings: dict[str, Any] = {
        "data": tmp_path / "data", "staff": Staff(), "admin": Admin(address=parse_address("127.0.0.1:0")),
        "ready_file": ready, "control": Control(labels="zone=a", poll_seconds=0.2),
    }  # fmt: skip
    server = serve(None, **settings)
    assert not ready.exists(), "it waits for a first revision"
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = policy_service_pb2_grpc.PolicyServiceStub(channel)
        saved = stub.SaveDraft(policy_service_pb2.SaveDraftRequest(name="d", sources=text()), timeout=PATIENCE).draft
        handed = stub.SubmitDraft(policy_service_pb2.SubmitDraftRequest(name="d", version=saved.version)).draft
        stub.PublishDraft(policy_service_pb2.PublishDraftRequest(name="d", version=handed.version))
    wait_for(lambda: server.app.supervisor.revision == 1)
    assert revision(server) == 1
    wait_for(ready.exists)
    assert json.loads(ready.read_text())["revision"] == 1
    end(server)
    assert revision(serve(None, **settings)) == 1


def test_an_operator_sees_how_the_node_stands(operate: Callable[..., Operated]) -> None:
    service = operate()
    wait_for(lambda: service.status()["control"]["lease"] == "held")
    node = service.status()["control"]
    assert (node["store"], node["head"], node["wanted"], node["applied"]) == ("sqlite", 1, 1, 1)
    assert not node["stale"]
    assert service.metric("pdp_control_applied_revision") == 1
    assert service.metric("pdp_control_stale") == 0
    shown = service.command("--interval", "0").stdout
    assert "revision 1 in force" in shown
