"""PolicyService over a real socket: what staff do with policies, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.control import layout, sources
from pdp.control.kv.base import Put
from pdp.control.kv.sqlite import SqliteStore
from pdp.control.nodes import Nodes
from pdp.control.revisions import Revisions
from pdp.errors import SpoolError
from pdp.server.address import Address
from pdp.server.judge import PolicyJudge
from pdp.server.staff import ControlHost, StaffServer, make_staff_server
from pdp.server.staff.calls import MAX_CHECKS, THREADS
from pdp.server.staff.control_host import LoopRunner
from pdp.server.staff.policies import SERVICE
from pdp.signing import NodeKey
from pdp.v1 import control_pb2, policy_service_pb2, policy_service_pb2_grpc, snapshot_pb2, types_pb2
from tests.integration.revisions_steps import KEY, Clock, Faulty, refuse, text, unmet, wrong
from tests.integration.running import PATIENCE

ps = policy_service_pb2


@dataclass
class Service:
    """A running staff server over a store in a loop of its own, and what was recorded by it."""

    server: StaffServer
    stub: policy_service_pb2_grpc.PolicyServiceStub
    channel: grpc.Channel
    store: Faulty
    run: LoopRunner
    operations: list[snapshot_pb2.Operation] = field(default_factory=list)
    refuse: bool = False

    def call(self, method: str, /, **fields: Any) -> Any:
        request = getattr(ps, f"{method}Request")(**fields)
        return getattr(self.stub, method)(request, timeout=PATIENCE)

    def fails(self, method: str, code: grpc.StatusCode, reason: int, /, **fields: Any) -> Failed:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(method, **fields)
        failed = Failed.of(caught.value)
        assert (failed.code, failed.reason) == (code, types_pb2.ErrorReason.Name(reason)), failed.message
        return failed

    def submitted(self, name: str, words: control_pb2.Sources) -> int:
        draft = self.call("SaveDraft", name=name, sources=words).draft
        version: int = self.call("SubmitDraft", name=name, version=draft.version).draft.version
        return version

    def published(self, name: str, words: control_pb2.Sources, **more: Any) -> Any:
        return self.call("PublishDraft", name=name, version=self.submitted(name, words), **more)

    def recorded(self) -> list[tuple[str, bool, dict[str, str]]]:
        return [(item.kind, item.success, dict(item.details)) for item in self.operations]


@dataclass
class Failed:
    """What a call that failed tells."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    fields: list[str]

    @classmethod
    def of(cls, error: Any) -> Failed:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        metadata = dict(error.trailing_metadata())
        for detail in status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details:
            _ = detail.Unpack(info) or detail.Unpack(bad)
        fields = [violation.field for violation in bad.field_violations]
        return cls(error.code(), error.details(), info.reason, dict(info.metadata), fields)


@contextmanager
def serving(folder: Path, *, key: NodeKey | None = KEY, follows: str = "") -> Iterator[Service]:
    folder.chmod(0o700)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    run = LoopRunner(loop)

    async def open_store() -> Faulty:
        return Faulty(SqliteStore(folder / "control" / "control.db"))

    store = run(open_store())
    judge = PolicyJudge()

    def record(operation: snapshot_pb2.Operation) -> None:
        if made.refuse:
            raise SpoolError("the disk is full")
        made.operations.append(operation)

    revisions = Revisions(store, judge, key, clock=Clock())
    host = ControlHost(revisions, Nodes(store), run, record, follows)
    server = make_staff_server(Address("", 0, str(folder / "staff.sock")), None, control=host, actor=lambda _: "eva")
    server.start()
    channel = grpc.insecure_channel(
        str(server.address), [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    )
    stub = policy_service_pb2_grpc.PolicyServiceStub(channel)  # type: ignore[no-untyped-call]
    made = Service(server, stub, channel, store, run)
    try:
        yield made
    finally:
        channel.close()
        server.stop(0)
        run(store.close())
        judge.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as found:
        yield found


INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
ABORTED, FAILED = grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION


def test_a_draft_goes_all_the_way(service: Service) -> None:
    saved = service.call("SaveDraft", name="a", sources=text(3), reason="begun")
    submitted = service.call("SubmitDraft", name="a", version=saved.draft.version)
    assert [file.path for file in submitted.changes.files] == [
        "attributes.yaml",
        "dictionary.yaml",
        "policies/核心.yaml",
    ]
    returned = service.call("ReturnDraft", name="a", version=submitted.draft.version, reason="too low")
    again = service.call("SaveDraft", name="a", version=returned.draft.version, sources=text(4))
    found = service.call("GetDraft", name="a", with_sources=True)
    assert (found.draft, found.sources) == (again.draft, text(4))
    version = service.call("SubmitDraft", name="a", version=again.draft.version).draft.version
    made = service.call("PublishDraft", name="a", version=version, reason="agreed")
    assert not made.HasField("rollout")
    shown = service.call("GetRevision", with_sources=True, with_changes=True)
    assert (shown.revision, shown.sources, shown.head.revision) == (made.revision, text(4), 1)
    assert [file.path for file in shown.changes.files] == list(sources.texts(text()))
    assert [step.reason for step in shown.revision.steps] == ["begun", "", "too low", "", "", "agreed"]
    low, high = sources.digest(text(3)), sources.digest(text(4))
    assert service.recorded() == [
        ("policy.draft.save", True, {"draft": "a", "hash": low, "reason": "begun"}),
        ("policy.submit", True, {"draft": "a", "hash": low}),
        ("policy.return", True, {"draft": "a", "hash": low, "reason": "too low"}),
        ("policy.draft.save", True, {"draft": "a", "hash": high}),
        ("policy.submit", True, {"draft": "a", "hash": high}),
        ("policy.publish", True,
         {"draft": "a", "revision": "1", "hash": made.revision.bundle_hash, "reason": "agreed"}),
    ]  # fmt: skip
    assert {operation.actor for operation in service.operations} == {"eva"}


def test_whoever_comes_second_is_told_who_was_first(service: Service) -> None:
    first = service.call("SaveDraft", name="a", sources=text(3)).draft
    second = service.call("SaveDraft", name="a", version=first.version, sources=text(4)).draft
    conflict = types_pb2.ERROR_REASON_CONFLICT
    for method, more in (("SaveDraft", {"sources": text(5)}), ("DeleteDraft", {}), ("SubmitDraft", {})):
        failed = service.fails(method, ABORTED, conflict, name="a", version=first.version, **more)
        told = {"actor": "eva", "time": str(second.steps[-1].time_nanos), "version": str(second.version)}
        assert failed.metadata == told
    assert service.call("GetDraft", name="a").draft == second
    assert service.recorded()[-1] == ("policy.submit", False, {"draft": "a", "error": "conflict"})
    service.call("DeleteDraft", name="a", version=second.version, reason="not needed")
    service.fails("GetDraft", MISSING, types_pb2.ERROR_REASON_NOT_FOUND, name="a")
    done = ("policy.draft.delete", True, {"draft": "a", "hash": second.sources, "reason": "not needed"})
    assert service.recorded()[-1] == done


def test_problems_have_their_places(service: Service) -> None:
    answer = service.call("CheckPolicies", text=ps.PolicyText(sources=wrong()))
    (problem,) = [found for found in answer.problems if found.severity == ps.PROBLEM_SEVERITY_ERROR]
    assert (problem.code, problem.message) == ("unknown-field", "unknown field `nothing`")
    line = sources.texts(wrong())["extra.yaml"].splitlines()[problem.place.line - 1]
    assert problem.place.path == "extra.yaml"
    assert line[problem.place.column - 1 : problem.place.end_column - 1] == "nothing"
    assert answer.bundle_hash == ""
    saved = service.call("SaveDraft", name="a", sources=wrong()).draft
    invalid = types_pb2.ERROR_REASON_INVALID_POLICIES
    failed = service.fails("SubmitDraft", FAILED, invalid, name="a", version=saved.version)
    assert "unknown field `nothing`" in failed.message
    assert service.call("CheckPolicies", text=ps.PolicyText(draft="a")) == answer


def test_a_scenario_that_fails_is_a_problem(service: Service) -> None:
    answer = service.call("CheckPolicies", text=ps.PolicyText(sources=unmet()))
    assert [(found.code, "`small/junior` at `mobile`" in found.message) for found in answer.problems] == [
        ("golden-case", True)
    ]
    assert answer.bundle_hash == ""


def test_a_sound_text_has_the_bundle_that_is_published(service: Service) -> None:
    answer = service.call("CheckPolicies", text=ps.PolicyText(sources=text()), analyse=True)
    assert not answer.problems
    assert service.published("a", text()).revision.bundle_hash == answer.bundle_hash


def crossing(count: int) -> control_pb2.Sources:
    """Return a text with so many rules, of which many meet."""
    rules = "".join(
        f"  - id: r{number}\n    when: [subject.level >= {number % 7}, resource.balance < {number % 13}000.0]\n"
        f"    fields: [balance]\n    {'unmask: true' if number % 3 else 'mask: mobile'}\n    priority: {number % 5}\n"
        for number in range(count)
    )
    made = control_pb2.Sources()
    made.CopyFrom(text())
    title = "title: {zh: 多, en: many}"
    made.files.add(path="zz-crossing.yaml", text=f"kind: Policy\nid: crossing\n{title}\nrules:\n{rules}")
    return made


def test_an_analysis_tells_how_far_it_is_and_finds_the_same(service: Service) -> None:
    asked = ps.PolicyText(sources=crossing(60))
    *told, last = service.stub.AnalysePolicies(ps.AnalysePoliciesRequest(text=asked), timeout=60)
    assert last.result == service.call("CheckPolicies", text=asked, analyse=True)
    assert any(found.code == "conflicting-rules" for found in last.result.problems)
    shares = [100 * one.done // one.total for one in told]
    assert shares == sorted(set(shares))
    assert len(shares) > 20
    assert not any(one.HasField("result") for one in told)
    assert last.done == last.total
    # A text with errors is not analysed, and says so at once.
    asked = ps.PolicyText(sources=wrong())
    [only] = service.stub.AnalysePolicies(ps.AnalysePoliciesRequest(text=asked), timeout=60)
    assert only.result == service.call("CheckPolicies", text=asked)
    with pytest.raises(grpc.RpcError) as error:
        next(service.stub.AnalysePolicies(ps.AnalysePoliciesRequest(text=ps.PolicyText(draft="none")), timeout=60))
    assert error.value.code() is MISSING


def test_an_analysis_that_nobody_waits_for_gives_its_place_back(service: Service) -> None:
    request = ps.AnalysePoliciesRequest(text=ps.PolicyText(sources=crossing(200)))
    going = [service.stub.AnalysePolicies(request, timeout=60) for _ in range(MAX_CHECKS)]
    for stream in going:
        assert next(stream).total > 0
    with pytest.raises(grpc.RpcError) as error:
        next(service.stub.AnalysePolicies(request, timeout=60))
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    for stream in going:
        stream.cancel()

    def has_place() -> bool:
        with contextlib.suppress(grpc.RpcError):
            return bool(next(service.stub.AnalysePolicies(request, timeout=60)).total)
        return False

    deadline = time.monotonic() + 60
    while not has_place():
        assert time.monotonic() < deadline


def test_texts_are_compared_however_they_are_named(service: Service) -> None:
    service.published("a", text(3))
    second = service.published("b", text(4)).revision
    service.call("SaveDraft", name="c", sources=text(5))
    names = {
        3: [ps.PolicyText(revision=1), ps.PolicyText(sources=text(3)), ps.PolicyText(hash=sources.digest(text(3)))],
        4: [ps.PolicyText(revision=0), ps.PolicyText(revision=2), ps.PolicyText(hash=second.sources)],
        5: [ps.PolicyText(draft="c")],
    }
    for before, after in ((3, 4), (4, 5), (5, 3), (3, 3)):
        answers = [
            service.call("ComparePolicies", before=one, after=other).changes
            for one in names[before]
            for other in names[after]
        ]
        assert all(answer == answers[0] for answer in answers)
        assert [change.id for change in answers[0].meaning] == (["core/senior"] if before != after else [])
    whole = service.call("ComparePolicies", after=ps.PolicyText(revision=1)).changes
    assert {file.kind for file in whole.files} == {control_pb2.CHANGE_KIND_ADDED}
    assert service.call("GetRevision", revision=2, with_changes=True).changes.files[0].path == "policies/核心.yaml"
    for named, field_ in (
        (ps.PolicyText(), "after"), (ps.PolicyText(hash="x"), "after.hash"),
        (ps.PolicyText(revision=-1), "after.revision"),
    ):  # fmt: skip
        invalid = types_pb2.ERROR_REASON_INVALID_REQUEST
        assert service.fails("ComparePolicies", INVALID, invalid, after=named).fields == [field_]
    for named in (
        ps.PolicyText(revision=9), ps.PolicyText(draft="x"), ps.PolicyText(hash="0" * 64),
        ps.PolicyText(hash=second.bundle_hash), ps.PolicyText(hash=second.steps[-1].changes),
    ):  # fmt: skip
        service.fails("ComparePolicies", MISSING, types_pb2.ERROR_REASON_NOT_FOUND, after=named)


def test_lists_come_in_pages(service: Service) -> None:
    for number in range(5):
        service.published("p", text(number))
        service.call("SaveDraft", name=f"d{number}", sources=text())

    def pages(method: str, part: Callable[[Any], list[Any]]) -> list[list[Any]]:
        found, token = [], ""
        while True:
            answer = service.call(method, page_size=2, page_token=token)
            found.append(part(answer))
            token = answer.next_page_token
            if not token:
                return found

    assert pages("ListDrafts", lambda answer: [draft.name for draft in answer.drafts]) == [
        ["d0", "d1"], ["d2", "d3"], ["d4"],
    ]  # fmt: skip
    assert pages("ListRevisions", lambda answer: [one.number for one in answer.revisions]) == [[5, 4], [3, 2], [1]]
    assert service.call("ListRevisions").head.revision == 5
    token = service.call("ListDrafts", page_size=2).next_page_token
    invalid = types_pb2.ERROR_REASON_INVALID_REQUEST
    for method, fields, wrong_field in (
        ("ListRevisions", {"page_token": token}, "page_token"), ("ListDrafts", {"page_token": "x"}, "page_token"),
        ("ListDrafts", {"page_token": token[:-4] + "AAAA"}, "page_token"),
        ("ListDrafts", {"page_size": -1}, "page_size"), ("ListRevisions", {"page_size": 1_001}, "page_size"),
    ):  # fmt: skip
        assert service.fails(method, INVALID, invalid, **fields).fields == [wrong_field]


def test_nothing_is_in_force_at_first(service: Service) -> None:
    assert not service.call("ListRevisions").HasField("head")
    for method in ("GetRevision", "GetRollout"):
        service.fails(method, MISSING, types_pb2.ERROR_REASON_NOT_FOUND)


def test_requests_have_bounds(service: Service) -> None:
    invalid = types_pb2.ERROR_REASON_INVALID_REQUEST
    path = control_pb2.Sources(files=[control_pb2.PolicyFile(path="../a.yaml")])
    failed = service.fails("SaveDraft", INVALID, invalid, name="a", sources=path)
    assert (failed.fields, "`../a.yaml` leads out" in failed.message) == (["sources"], True)
    assert service.fails("SaveDraft", INVALID, invalid, name="a/b", sources=text()).fields == ["name"]
    long = {"name": "a", "sources": text(), "reason": "字" * 2_001}
    assert service.fails("SaveDraft", INVALID, invalid, **long).fields == ["reason"]
    assert service.fails("RollBack", INVALID, invalid).fields == ["reason"]
    assert service.fails("RollBack", INVALID, invalid, reason="x", revision=10**12).fields == ["revision"]
    # Only what carries a text may be large.
    too_much = types_pb2.ERROR_REASON_LIMIT_EXCEEDED
    service.fails("DeleteDraft", grpc.StatusCode.RESOURCE_EXHAUSTED, too_much, name="a", reason="x" * 300_000)
    # What was never a change is not recorded as one.
    assert service.recorded() == []


def test_a_large_text_goes_through(service: Service) -> None:
    large = text(3, **{f"part{number}": "# 客户\n" * 120_000 for number in range(5)})
    assert large.ByteSize() > 5_000_000
    made = service.published("large", large).revision
    assert service.call("GetRevision", with_sources=True).sources == large
    assert made.sources == sources.digest(large)


def test_a_rollout_is_seen_and_promoted(service: Service) -> None:
    service.published("a", text(3))
    canary = ps.Canary(labels={"ring": "canary"}, sample=0.5, max_difference=0.0, min_compared=7)
    made = service.published("b", text(4), canary=canary, reason="first there")
    assert (made.revision.number, made.rollout.fallback) == (2, 3)
    assert (made.rollout.sample, made.rollout.max_difference, made.rollout.min_compared) == (0.5, 0.0, 7)
    told = service.recorded()[-1][2]
    assert (told["revision"], told["first"], told["reason"]) == ("2", "ring=canary", "first there")
    nodes = [
        control_pb2.NodeStatus(node="n1", labels={"ring": "canary", "zone": "a"}, revision=2),
        control_pb2.NodeStatus(node="n2", labels={"zone": "a"}, revision=1),
    ]
    service.run(service.store.commit([], [Put(layout.node_key(node.node), node.SerializeToString()) for node in nodes]))
    shown = service.call("GetRollout")
    assert (shown.rollout, list(shown.nodes)) == (made.rollout, [nodes[0]])
    wrong_state = types_pb2.ERROR_REASON_WRONG_STATE
    service.fails("PromoteRollout", FAILED, wrong_state, revision=3)
    service.fails("RollBack", FAILED, wrong_state, reason="x")
    ended = service.call("PromoteRollout", revision=2, reason="went well").rollout
    assert ended.state == control_pb2.ROLLOUT_STATE_PROMOTED
    assert service.call("GetRevision").head.revision == 2
    assert service.recorded()[-1][:2] == ("policy.promote", True)


def test_a_rollout_is_stopped(service: Service) -> None:
    service.published("a", text(3))
    service.published("b", text(4), canary=ps.Canary(labels={"ring": "canary"}))
    invalid = types_pb2.ERROR_REASON_INVALID_REQUEST
    assert service.fails("StopRollout", INVALID, invalid, revision=2).fields == ["reason"]
    ended = service.call("StopRollout", revision=2, reason="too much shown").rollout
    assert (ended.state, ended.stopped_because) == (control_pb2.ROLLOUT_STATE_STOPPED, "too much shown")
    assert service.call("GetRevision").head.revision == 3
    kind, success, details = service.recorded()[-1]
    assert (kind, success, details["revision"], details["reason"]) == ("policy.stop", True, "2", "too much shown")


def test_an_earlier_text_comes_back(service: Service) -> None:
    service.published("a", text(3))
    service.published("b", text(4))
    revision = service.call("RollBack", reason="wrong").revision
    assert (revision.number, revision.rollback_of, revision.sources) == (3, 1, sources.digest(text(3)))
    assert service.recorded()[-1] == (
        "policy.rollback", True,
        {"rollback_of": "1", "revision": "3", "hash": revision.bundle_hash, "reason": "wrong"},
    )  # fmt: skip


def test_who_follows_a_folder_publishes_nothing_else(tmp_path: Path) -> None:
    with serving(tmp_path, follows="/etc/policies") as service:
        version = service.submitted("a", text())
        wrong_state = types_pb2.ERROR_REASON_WRONG_STATE
        failed = service.fails("PublishDraft", FAILED, wrong_state, name="a", version=version)
        assert "follows the folder `/etc/policies`" in failed.message
        service.fails("RollBack", FAILED, wrong_state, reason="x")
        assert service.call("ComparePolicies", after=ps.PolicyText(draft="a")).changes.files
        assert service.recorded()[-1] == (
            "policy.rollback", False, {"rollback_of": "0", "reason": "x", "error": "wrong_state"},
        )  # fmt: skip


def test_a_node_without_a_key_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, key=None) as service:
        version = service.submitted("a", text())
        service.fails("PublishDraft", FAILED, types_pb2.ERROR_REASON_CANNOT_SIGN, name="a", version=version)


def test_without_records_there_is_nothing_to_make_again(service: Service) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(service.stub.AnalyseImpact(ps.AnalyseImpactRequest(candidate=ps.PolicyText(revision=1)), timeout=PATIENCE))
    assert Failed.of(caught.value).reason == "ERROR_REASON_WRONG_STATE"


def test_a_store_that_is_away_is_not_described(service: Service) -> None:
    service.store.before[layout.draft_key("a")] = refuse
    away = types_pb2.ERROR_REASON_CONTROL_STORE_UNAVAILABLE
    failed = service.fails("SaveDraft", grpc.StatusCode.UNAVAILABLE, away, name="a", sources=text())
    assert "look whether it was done" in failed.message
    assert service.recorded() == [("policy.draft.save", False, {"draft": "a", "error": "control_store"})]


def test_what_was_done_is_answered_though_it_cannot_be_recorded(service: Service) -> None:
    service.refuse = True
    saved = service.call("SaveDraft", name="a", sources=text()).draft
    assert service.call("GetDraft", name="a").draft == saved


def test_calls_that_nobody_waits_for_hold_no_thread(service: Service) -> None:
    """More calls than there are threads hang in the store; once they are given up, others are answered."""
    asked, given_up = threading.Semaphore(0), threading.Semaphore(0)

    async def hang(key: str) -> Any:
        if not key.startswith(layout.DRAFTS):
            return await service.store.store.get(key)
        asked.release()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.release()

    service.store.get = hang  # type: ignore[method-assign]
    calls = [service.stub.GetDraft.future(ps.GetDraftRequest(name="a"), timeout=PATIENCE) for _ in range(THREADS)]
    for _ in calls:
        assert asked.acquire(timeout=PATIENCE)
    for call in calls:
        call.cancel()
    for _ in calls:
        assert given_up.acquire(timeout=PATIENCE)
    assert not service.call("ListRevisions").revisions


def test_a_change_goes_on_when_its_caller_goes_away(service: Service) -> None:
    began, go_on, done = threading.Event(), asyncio.Event(), threading.Event()

    async def slow() -> None:
        began.set()
        await go_on.wait()

    service.store.before[layout.draft_key("a")] = slow
    call = service.stub.SaveDraft.future(ps.SaveDraftRequest(name="a", sources=text()), timeout=PATIENCE)
    assert began.wait(PATIENCE)
    service.operations = _Telling(done)
    call.cancel()
    service.run(_set(go_on))
    assert done.wait(PATIENCE)
    assert service.recorded()[-1][:2] == ("policy.draft.save", True)
    assert service.call("GetDraft", name="a").draft.sources == sources.digest(text())


class _Telling(list[snapshot_pb2.Operation]):
    """A list that tells when something was put there."""

    def __init__(self, told: threading.Event) -> None:
        super().__init__()
        self._told = told

    def append(self, operation: snapshot_pb2.Operation) -> None:
        super().append(operation)
        self._told.set()


async def _set(event: asyncio.Event) -> None:
    event.set()


def test_the_service_is_healthy(service: Service) -> None:
    stub = health_pb2_grpc.HealthStub(service.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=PATIENCE)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
