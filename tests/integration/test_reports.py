"""What clients report to a running service: recorded once, as the dictionary says, and told when it is alarming."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pdp.server.settings import Audit
from pdp.snapshot.filter import Schema
from pdp.v1 import fallback_service_pb2, snapshot_pb2, types_pb2
from tests.integration.reporting import CLIENT, NOW, Client, decision, event, recorded, snapshots, wait_for, why
from tests.integration.running import RunningServer, start_server, stopping, write_policies

pytestmark = pytest.mark.filterwarnings("ignore:.*asyncio.*:ResourceWarning")


@dataclasses.dataclass
class Node:
    """A running server and its store."""

    server: RunningServer
    data: Path

    @property
    def store(self) -> Path:
        return self.data / "store" / "snapshots.db"

    def client(self, client_id: str) -> Client:
        return Client(self.server.target, client_id)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("reports")
    server = start_server(write_policies(folder), data=folder / "data", node="n1")
    with stopping([server]):
        yield Node(server, folder / "data")


def of_client(node: Node, client_id: str, count: int) -> list[snapshot_pb2.Snapshot]:
    def look() -> list[snapshot_pb2.Snapshot]:
        found = [s for s in snapshots(node.store) if s.decision_id.startswith(client_id)]
        return found if len(found) >= count else []

    return wait_for(look)  # type: ignore[no-any-return]


def test_each_item_of_an_event_becomes_a_record(node: Node) -> None:
    client_id = "a" * 32
    client = node.client(client_id)
    assert client.fallbacks(event(1, 2), event(2)) == 2
    first, second, third = of_client(node, client_id, 3)
    assert [s.decision_id for s in (first, second, third)] == [f"{client_id}-f{n}" for n in ("1-0", "1-1", "2-0")]
    assert first.source == snapshot_pb2.SNAPSHOT_SOURCE_FALLBACK
    assert (first.time_nanos, first.request_id, first.revision, first.policy_hash) == (NOW + 1, "r1", 1, "ab" * 32)
    assert first.severity == snapshot_pb2.SEVERITY_MEDIUM
    told = [(list(v.fields), v.level, v.effect, v.kind) for v in first.verdicts]
    assert told == [
        (["mobile"], "C2", types_pb2.EFFECT_UNMASK, types_pb2.REASON_KIND_FAILURE_RULE),
        (["name"], "C1", types_pb2.EFFECT_UNMASK, types_pb2.REASON_KIND_FAILURE_RULE),
        (["balance"], "C3", types_pb2.EFFECT_MASK, types_pb2.REASON_KIND_FAILURE_RULE),
    ]
    (diagnostic,) = first.diagnostics
    assert (diagnostic.code, diagnostic.subject) == (types_pb2.DIAGNOSTIC_CODE_NO_VERDICT, "unavailable")
    assert diagnostic.message == "connection refused"
    # As any decision: no clear id of the resource, and its balance by its bucket only.
    assert first.resource_key
    assert first.resource_key != second.resource_key
    assert not first.facts.resource.id
    assert not first.facts.resource.attributes
    assert first.facts.context["menu"].string_value == "3101"
    assert b"123456" not in first.SerializeToString()
    assert first.facts.message.application == "core-counter"
    client.close()


def test_a_repetition_is_recognised_and_goes_on_where_it_ends(node: Node) -> None:
    client_id = "b" * 32
    client = node.client(client_id)
    assert client.fallbacks(event(1), event(2)) == 2
    assert client.fallbacks(event(1), event(2)) == 2
    assert client.fallbacks(event(2), event(3)) == 3
    assert client.fallbacks(event(1)) == 3
    with pytest.raises(grpc.RpcError) as caught:
        client.fallbacks(event(5))
    assert why(caught.value) == ("FAILED_PRECONDITION", "OUT_OF_SEQUENCE", {"expected": "4"})
    assert client.fallbacks(event(4, 0), event(5)) == 5
    of_client(node, client_id, 4)
    found = {k: n for k, n in recorded(node.store).items() if k.startswith(client_id)}
    assert found == {f"{client_id}-f{n}-0": 1 for n in (1, 2, 3, 5)}
    client.close()


def test_events_and_decisions_are_counted_apart(node: Node) -> None:
    client_id = "c" * 32
    client = node.client(client_id)
    assert client.fallbacks(event(1)) == 1
    assert client.decisions(decision(1), decision(2)) == 2
    found = {s.decision_id: s for s in of_client(node, client_id, 3)}
    offline = found[f"{client_id}-2"]
    assert offline.source == snapshot_pb2.SNAPSHOT_SOURCE_OFFLINE
    assert (offline.request_id, offline.policy_hash) == ("d2", "cd" * 32)
    assert offline.severity == snapshot_pb2.SEVERITY_MEDIUM
    assert [(v.rule, list(v.fields), v.mask) for v in offline.verdicts] == [
        ("core/senior", ["mobile"], ""), ("", ["balance"], "full"),
    ]  # fmt: skip
    assert offline.resource_key
    client.close()


def test_a_thousand_events_are_taken_and_one_more_is_not(node: Node) -> None:
    client = node.client("d" * 32)
    many = [event(n, 0) for n in range(1, 1_002)]
    with pytest.raises(grpc.RpcError) as caught:
        client.fallbacks(*many)
    assert why(caught.value) == ("INVALID_ARGUMENT", "INVALID_REQUEST", {"field": "events"})
    assert client.fallbacks(*many[:1_000]) == 1_000
    client.close()


@pytest.mark.parametrize(
    ("client_id", "events", "field"),
    [
        ("short", [event(1)], "client_id"),
        (CLIENT.upper(), [event(1)], "client_id"),
        (CLIENT, [], "events"),
        (CLIENT, [event(0)], "events[0].sequence"),
        (CLIENT, [event(1), event(3)], "events[1].sequence"),
        (CLIENT, [event(1, cause=99)], "events[0].cause"),
        (CLIENT, [event(1, time_nanos=-1)], "events[0].time_nanos"),
        (CLIENT, [event(1, detail="x" * 501)], "events[0].detail"),
        (CLIENT, [event(1, revision=-1)], "events[0].revision"),
        (CLIENT, [event(1), event(2, subject=types_pb2.Subject())], "events[1].subject.id"),
        (CLIENT, [event(1, passed=["f"] * 513)], "events[0].items[0].passed"),
        (CLIENT, [event(1, passed=["f" * 300])], "events[0].items[0].passed"),
    ],
)
def test_a_wrong_report_is_refused_with_its_place(node: Node, client_id: str, events: list[object], field: str) -> None:
    client = node.client(client_id)
    with pytest.raises(grpc.RpcError) as caught:
        client.fallbacks(*events)
    assert why(caught.value) == ("INVALID_ARGUMENT", "INVALID_REQUEST", {"field": field})
    client.close()


def test_a_wrong_decision_is_refused_with_its_place(node: Node) -> None:
    client = node.client("e" * 32)
    wrong = decision(1)
    wrong.response.verdicts[1].mask = 1
    with pytest.raises(grpc.RpcError) as caught:
        client.decisions(wrong)
    assert why(caught.value)[2] == {"field": "decisions[0].response.verdicts[1].mask"}
    wrong.response.verdicts[1].effect = 0
    with pytest.raises(grpc.RpcError) as caught:
        client.decisions(wrong)
    assert why(caught.value)[2] == {"field": "decisions[0].response.verdicts[1].effect"}
    client.close()


def test_what_passed_is_told(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    client_id = "f" * 32
    client = node.client(client_id)
    with caplog.at_level(logging.WARNING):
        assert client.fallbacks(event(1, 2), event(2, passed=[])) == 2
    told = [getattr(record, "pdp_event", ("", {})) for record in caplog.records]
    (details,) = [found for name, found in told if name == "fallback.passed"]
    assert details["client"] == client_id
    assert (details["events"], details["fields"], details["causes"]) == ("1", "C1: 2, C2: 2", "unavailable: 1")
    reports = node.server.app.facts()["reports"]
    assert reports is not None
    assert reports["fallbacks"]["fields"] >= 1
    assert reports["fallbacks"]["nothing"] >= 1
    client.close()


def test_a_large_event_says_what_its_items_share_once(node: Node) -> None:
    client_id = "1" * 32
    client = node.client(client_id)
    menu = "m" * 60_000
    assert client.fallbacks(event(1, 200, context={"menu": types_pb2.Value(string_value=menu)})) == 1
    first, *others = sorted(of_client(node, client_id, 200), key=lambda s: int(s.decision_id.rpartition("-")[2]))
    assert first.facts.context["menu"].string_value == menu
    assert not first.withheld
    assert {len(other.facts.context) for other in others} == {0}
    assert all("context.*" in other.withheld and other.facts.subject.id == "T1" for other in others)
    client.close()


def test_what_is_not_declared_is_not_kept(node: Node) -> None:
    client_id = "3" * 32
    client = node.client(client_id)
    assert client.fallbacks(event(1, context={"secret": types_pb2.Value(string_value="6222")})) == 1
    (found,) = of_client(node, client_id, 1)
    assert "context.*" in found.withheld
    assert b"6222" not in found.SerializeToString()
    client.close()


def test_what_the_service_does_not_know_is_not_kept(node: Node) -> None:
    """Of a client of a later version, in its question as in its answer."""
    client_id = "4" * 32
    client = node.client(client_id)
    told, passed = decision(1), event(1)
    unknown = b"\xfa\x3e\x066222-0"  # field 1007, of bytes
    told.response.obligations.add(type="watermark", rule="core/senior").MergeFromString(unknown)
    told.request.subject.MergeFromString(unknown)
    passed.subject.MergeFromString(unknown)
    passed.items[0].resource.MergeFromString(unknown)
    assert unknown in told.SerializeToString()
    assert (client.decisions(told), client.fallbacks(passed)) == (1, 1)
    found = of_client(node, client_id, 2)
    assert [o.type for each in found for o in each.obligations] == ["watermark"]
    assert not any(b"6222" in each.SerializeToString() for each in found)
    client.close()


def test_over_the_native_transport(tmp_path: Path) -> None:
    pytest.importorskip("pygrpc_native", reason="needs the extra `native`")
    server = start_server(write_policies(tmp_path), data=tmp_path / "data", transport="native")
    with stopping([server]):
        client = Client(server.target)
        assert client.fallbacks(event(1), event(2)) == 2
        assert client.decisions(decision(1)) == 1
        with pytest.raises(grpc.RpcError) as caught:
            client.fallbacks(event(9))
        assert why(caught.value)[2] == {"expected": "3"}
        assert next(client.watch()).header.revision == 1
        client.close()


def test_without_snapshots_reports_are_refused(tmp_path: Path) -> None:
    server = start_server(write_policies(tmp_path), audit=Audit(durability="off"))
    with stopping([server]):
        client = Client(server.target)
        with pytest.raises(grpc.RpcError) as caught:
            client.fallbacks(event(1))
        assert why(caught.value)[:2] == ("FAILED_PRECONDITION", "WRONG_STATE")
        assert "audit.durability" in str(caught.value.details())
        client.close()


def test_filters_find_them(node: Node) -> None:
    client = node.client("2" * 32)
    assert client.fallbacks(event(1)) == 1
    of_client(node, "2" * 32, 1)
    assert Schema().term("source") is not None
    sources = Counter(snapshot_pb2.SnapshotSource.Name(s.source) for s in snapshots(node.store))
    assert set(sources) == {"SNAPSHOT_SOURCE_FALLBACK", "SNAPSHOT_SOURCE_OFFLINE"}
    assert fallback_service_pb2.FALLBACK_CAUSE_UNAVAILABLE == 1
    client.close()
