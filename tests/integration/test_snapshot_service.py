"""The staff's SnapshotService over a real socket and a real store."""

from __future__ import annotations

import csv
import io
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import openpyxl
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pdp.engine import bundle as bundles
from pdp.errors import ConfigError, SpoolError, StoreError
from pdp.lang.check import check_folder
from pdp.server.address import Address, parse_address
from pdp.server.staff import SnapshotHost, StaffServer, make_staff_server
from pdp.snapshot import export_sheets, query
from pdp.snapshot.evidence.file import EvidenceFile
from pdp.snapshot.filter import Schema
from pdp.snapshot.query import Asking, Tokens
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.store import install, open_reader, open_writer
from pdp.snapshot.store.base import Reader, Writer
from pdp.v1 import decision_service_pb2, snapshot_pb2, snapshot_service_pb2, snapshot_service_pb2_grpc, types_pb2
from pdp.values import AttributeType
from tests.integration.postgres import database, postgres
from tests.integration.running import write_policies
from tests.integration.store_contract import DAY, DAY_NANOS, fill, key, seal

__all__ = ["database", "postgres"]  # fixtures

NOW = (DAY + 1) * DAY_NANOS
PATIENCE = 60.0
KEYS = ResourceKeys({"k1": b"0" * 16, "k2": b"1" * 16})
TYPES = {
    "subject.level": AttributeType.INT,
    "context.menu": AttributeType.STRING,
    "resource.balance": AttributeType.DOUBLE,
}


def text(value: str) -> types_pb2.Value:
    return types_pb2.Value(string_value=value)


def decision(number: int, *, severity: int = 0, **more: Any) -> bytes:
    """Return the record of a decision; `more` are fields of a Snapshot in place of the usual ones."""
    shown = types_pb2.EFFECT_UNMASK if severity else types_pb2.EFFECT_MASK
    given: dict[str, Any] = {
        "decision_id": f"d{number:04}",
        "time_nanos": DAY * DAY_NANOS + number * 10**9,
        "revision": 7,
        "caller": "teller-app",
        "severity": severity,
        "facts": decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(
                id=f"T{number % 3}", roles=["teller"], attributes={"level": types_pb2.Value(int_value=number % 5)}
            ),
            action=types_pb2.Action(name="query"),
            resource=types_pb2.Resource(type="customer"),
            context={"menu": text("3101" if number % 2 else "3102")},
        ),
        "resource_key": bytes.fromhex(KEYS.of_resource("customer", f"C{number}")[number % 2]),
        "key_id": "k1",
        "verdicts": [
            snapshot_pb2.RecordedVerdict(fields=["mobile"], level="C2", effect=shown, rule="core/senior", kind=1)
        ],
    }
    snapshot = snapshot_pb2.Snapshot(**(given | more))
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()


@dataclass
class Service:
    """A running staff server, the store behind it, and what was recorded by it."""

    server: StaffServer
    writer: Writer
    reader: Reader
    stub: snapshot_service_pb2_grpc.SnapshotServiceStub
    channel: grpc.Channel
    operations: list[snapshot_pb2.Operation] = field(default_factory=list)
    refuse: bool = False

    def list(self, filter_: str = "", **more: Any) -> snapshot_service_pb2.ListSnapshotsResponse:
        request = snapshot_service_pb2.ListSnapshotsRequest(filter=filter_, **more)
        answer: snapshot_service_pb2.ListSnapshotsResponse = self.stub.ListSnapshots(request, timeout=PATIENCE)
        return answer

    def stats(self, group: str, filter_: str = "", **more: Any) -> dict[str, tuple[int, int]]:
        request = snapshot_service_pb2.GetSnapshotStatsRequest(filter=filter_, group_by=group, **more)
        answer = self.stub.GetSnapshotStats(request, timeout=PATIENCE)
        return {group.key: (group.count, group.flagged) for group in answer.groups}

    def export(self, form: int, filter_: str = "", **more: Any) -> list[snapshot_service_pb2.ExportSnapshotsResponse]:
        given = {"reason": "audit", "language": "en"} | more
        request = snapshot_service_pb2.ExportSnapshotsRequest(filter=filter_, format=form, **given)  # type: ignore[arg-type]
        return list(self.stub.ExportSnapshots(request, timeout=PATIENCE))


def ids(entries: Any) -> list[str]:
    return [entry.record.snapshot.decision_id or entry.record.operation.id for entry in entries]


@contextmanager
def serving(url: str, folder: Path) -> Iterator[Service]:
    folder.chmod(0o700)
    writer, reader = open_writer(url), open_reader(url)
    asking = Asking(Schema(TYPES, KEYS.of_resource, ("customer",)), Tokens(b"t" * 32), lambda: NOW)

    def record(operation: snapshot_pb2.Operation) -> None:
        if service.refuse:
            raise SpoolError("the disk is full")
        service.operations.append(operation)

    host = SnapshotHost(reader, lambda: asking, record)
    server = make_staff_server(Address("", 0, str(folder / "staff.sock")), host, actor=lambda _: "auditor")
    server.start()
    channel = grpc.insecure_channel(str(server.address))
    stub = snapshot_service_pb2_grpc.SnapshotServiceStub(channel)
    service = Service(server, writer, reader, stub, channel)
    try:
        yield service
    finally:
        channel.close()
        server.stop(0)
        reader.close()
        writer.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/store/snapshots.db"
    found: str = request.getfixturevalue("database")
    install(found)
    return found


@pytest.fixture
def service(url: str, tmp_path: Path) -> Iterator[Service]:
    with serving(url, tmp_path) as running:
        yield running


@contextmanager
def failing(code: grpc.StatusCode) -> Iterator[dict[str, Any]]:
    """Expect a status; what was caught has its message, reason, metadata and field violations."""
    caught: dict[str, Any] = {}
    with pytest.raises(grpc.RpcError) as raised:
        yield caught
    error: Any = raised.value
    assert error.code() is code, error.details()
    caught["message"] = error.details()
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Unpack(info):
            caught["reason"], caught["metadata"] = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            caught["fields"] = [violation.field for violation in bad.field_violations]


class TestListing:
    def test_pages_have_every_record_once_newest_first(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n) for n in range(0, 20, 2)])
        fill(service.writer, key("n2"), [decision(n) for n in range(1, 20, 2)])
        found, token = [], ""
        while True:
            page = service.list(page_size=7, page_token=token)
            found += ids(page.entries)
            assert page.total_size == 20
            token = page.next_page_token
            if not token:
                break
        assert found == [f"d{n:04}" for n in reversed(range(20))]

    def test_a_page_of_large_records_is_shorter(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(service.writer, key(), [decision(n) for n in range(5)])
        monkeypatch.setattr(query, "MAX_PAGE_BYTES", 2 * len(decision(1)))
        page = service.list()
        assert ids(page.entries) == ["d0004", "d0003"]
        assert ids(service.list(page_token=page.next_page_token).entries) == ["d0002", "d0001"]

    def test_filters(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n, severity=n % 4) for n in range(12)])
        assert ids(service.list('subject.id == "T1" && flagged').entries) == ["d0010", "d0007"]
        assert ids(service.list('resource.type == "customer" && resource.id in ["C4", "C5"]').entries) == [
            "d0005",
            "d0004",
        ]
        assert ids(service.list('resource.id == "C4"', oldest_first=True).entries) == ["d0004"]
        assert ids(service.list('subject.level >= 4 && context.menu == "3101"').entries) == ["d0009"]
        assert ids(service.list('unmasked("mobile") && severity == HIGH').entries) == ["d0011", "d0007", "d0003"]
        assert ids(service.list('kind != "decision"').entries) == []

    def test_a_wrong_filter_tells_where(self, service: Service) -> None:
        with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
            service.list("flagged && subject.levl > 3")
        assert caught["reason"] == "ERROR_REASON_INVALID_FILTER"
        assert caught["metadata"]["column"] == "12"
        assert caught["metadata"]["hint"] == "did you mean `subject.level`"
        assert caught["fields"] == ["filter"]

    def test_a_token_belongs_to_its_filter_and_order_and_to_nobody_elses(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n) for n in range(4)])
        token = service.list(page_size=1).next_page_token
        other = "A" if token[0] != "A" else "B"
        for changed in (
            {"filter_": "flagged", "page_token": token},
            {"oldest_first": True, "page_token": token},
            {"page_token": other + token[1:]},
            {"page_token": "é"},
            {"page_token": "AAAA"},
        ):
            with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
                service.list(**changed)  # type: ignore[arg-type]
            assert caught["fields"] == ["page_token"]

    @pytest.mark.parametrize("size", [-1, 1001])
    def test_a_wrong_size_of_pages(self, service: Service, size: int) -> None:
        with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
            service.list(page_size=size)
        assert caught["fields"] == ["page_size"]


class TestStory:
    def keep(
        self, service: Service, tmp_path: Path, clause: str = "subject.level >= 3", **more: Any
    ) -> snapshot_service_pb2.GetSnapshotResponse:
        """Record a decision by the small policy set, in which a rule has this clause, and return its story."""
        folder = write_policies(tmp_path)
        policy = folder / "policy.yaml"
        policy.write_text(policy.read_text().replace("subject.level >= 3", clause))
        checked = check_folder(folder, analyse=False)
        assert checked.resolved is not None
        signed = bundles.build(checked.resolved, 7)
        service.writer.add_bundle(signed.hash, 7, signed.SerializeToString())
        fill(service.writer, key(), [decision(8, policy_hash=signed.hash, severity=2, **more)])
        answer: snapshot_service_pb2.GetSnapshotResponse = service.stub.GetSnapshot(
            snapshot_service_pb2.GetSnapshotRequest(id="d0008"), timeout=PATIENCE
        )
        return answer

    def facts(self, **attributes: types_pb2.Value) -> decision_service_pb2.DecideRequest:
        return decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id="T1", attributes=attributes), context={"menu": text("3101")}
        )

    def test_clauses_sentences_and_rules(self, service: Service, tmp_path: Path) -> None:
        told = self.keep(service, tmp_path, facts=self.facts(level=types_pb2.Value(int_value=4)))
        (rule,) = told.rules
        assert (rule.rule, rule.outcome) == ("core/senior", decision_service_pb2.RULE_OUTCOME_MATCHED)
        assert [clause.outcome for clause in rule.clauses] == [decision_service_pb2.CLAUSE_OUTCOME_TRUE] * 2
        assert list(rule.wins) == ["mobile"]
        assert [text.id for text in told.rule_texts] == ["core/senior"]
        assert told.sentences["mobile"].zh.startswith("手机号")
        assert told.sentences["mobile"].en.startswith("mobile number")
        assert not told.insufficient
        assert len(told.chain) == 32
        assert told.checkpoint == 0

    def test_a_bucket_is_enough_for_a_comparison(self, service: Service, tmp_path: Path) -> None:
        bucket = snapshot_pb2.Bucket(above=types_pb2.Value(int_value=3))
        told = self.keep(service, tmp_path, facts=self.facts(), buckets={"subject.level": bucket})
        (rule,) = told.rules
        assert rule.outcome == decision_service_pb2.RULE_OUTCOME_MATCHED
        assert rule.clauses[1].values["subject.level"] == "> 3"
        assert not told.insufficient

    def test_a_bucket_is_not_enough_for_arithmetic(self, service: Service, tmp_path: Path) -> None:
        bucket = snapshot_pb2.Bucket(above=types_pb2.Value(int_value=3))
        more = {"facts": self.facts(), "buckets": {"subject.level": bucket}}
        told = self.keep(service, tmp_path, "subject.level + 1 >= 4", **more)
        (rule,) = told.rules
        assert rule.outcome == decision_service_pb2.RULE_OUTCOME_UNDECIDED
        assert "subject.level" not in rule.clauses[1].values
        assert list(told.insufficient) == ["subject.level"]

    @pytest.mark.parametrize(
        "lost", [{"hashes": {"subject.level": b"x" * 16}}, {"withheld": ["subject.level", "context.*"]}]
    )
    def test_what_was_not_kept_is_not_told(self, service: Service, tmp_path: Path, lost: dict[str, Any]) -> None:
        told = self.keep(service, tmp_path, facts=self.facts(), **lost)
        (rule,) = told.rules
        assert rule.outcome == decision_service_pb2.RULE_OUTCOME_UNDECIDED
        assert list(rule.clauses[1].attributes) == ["subject.level"]
        assert list(told.insufficient) == ["subject.level"]
        assert list(rule.wins) == ["mobile"]

    def test_a_grant_counts_as_recorded(self, service: Service, tmp_path: Path) -> None:
        facts = self.facts(level=types_pb2.Value(int_value=1))
        facts.grant_ids.append("G1")
        told = self.keep(
            service, tmp_path, facts=facts,
            grants=[snapshot_pb2.RecordedGrant(id="G1", kind="supervisor", approver="M1", approver_level=5)],
            verdicts=[
                snapshot_pb2.RecordedVerdict(
                    fields=["balance"], effect=types_pb2.EFFECT_UNMASK, kind=1, rule="core/approved", grant_id="G1"
                )
            ],
        )  # fmt: skip
        (rule,) = told.rules
        assert (rule.rule, rule.grant_id) == ("core/approved", "G1")
        assert rule.outcome == decision_service_pb2.RULE_OUTCOME_MATCHED
        assert list(rule.wins) == ["balance"]

    def test_without_the_bundle_the_verdicts_are_told_all_the_same(self, service: Service) -> None:
        stream = fill(service.writer, key(), [decision(8, policy_hash="ab" * 32)])
        stream.close()
        seal(service.writer, stream, number=3)
        told = service.stub.GetSnapshot(snapshot_service_pb2.GetSnapshotRequest(id="d0008"), timeout=PATIENCE)
        assert not told.rules
        assert "mobile" in told.sentences["mobile"].en
        assert told.checkpoint == 3

    def test_an_unknown_id(self, service: Service) -> None:
        with failing(grpc.StatusCode.NOT_FOUND) as caught:
            service.stub.GetSnapshot(snapshot_service_pb2.GetSnapshotRequest(id="nothing"))
        assert caught["reason"] == "ERROR_REASON_NO_SNAPSHOT"
        with failing(grpc.StatusCode.INVALID_ARGUMENT):
            service.stub.GetSnapshot(snapshot_service_pb2.GetSnapshotRequest())


class TestWatching:
    def watch(self, service: Service, filter_: str = "", token: str = "") -> Any:
        request = snapshot_service_pb2.WatchSnapshotsRequest(filter=filter_, resume_token=token)
        call = service.stub.WatchSnapshots(request, timeout=PATIENCE)
        assert not next(call).HasField("entry")
        return call

    def take(self, call: Any, count: int) -> tuple[list[str], str]:
        found, token = [], ""
        while len(found) < count:
            answer = next(call)
            token = answer.resume_token
            if answer.HasField("entry"):
                found.append(answer.entry.record.snapshot.decision_id)
        return found, token

    def test_only_what_comes_in_from_now_on_and_late_records_too(self, service: Service) -> None:
        first = fill(service.writer, key(), [decision(5)])
        call = self.watch(service)
        service.writer.take(first.add([decision(9)]), [first.state])
        assert self.take(call, 1)[0] == ["d0009"]
        fill(service.writer, key("n2"), [decision(2), decision(3)])
        assert self.take(call, 2)[0] == ["d0002", "d0003"]
        call.cancel()

    def test_a_break_loses_nothing_and_doubles_nothing(self, service: Service) -> None:
        streams = [fill(service.writer, key(node), [decision(0)]) for node in ("n1", "n2", "n3")]
        call = self.watch(service, "subject.level >= 0")
        seen: list[str] = []
        for turn in range(1, 6):
            for place, stream in enumerate(streams):
                bodies = [decision(turn * 100 + place * 10 + n) for n in range(3)]
                service.writer.take(stream.add(bodies), [stream.state])
            found, token = self.take(call, 4)  # in the midst of what came in
            seen += found
            call.cancel()
            call = self.watch(service, "subject.level >= 0", token)
            seen += self.take(call, 5)[0]
        call.cancel()
        assert sorted(seen) == [f"d{t * 100 + p * 10 + n:04}" for t in range(1, 6) for p in range(3) for n in range(3)]

    def test_an_old_stream_that_ends_during_a_break(self, service: Service) -> None:
        old = fill(service.writer, key(day=DAY - 20), [decision(0)])
        call = self.watch(service)
        new = fill(service.writer, key("n2"), [decision(1)])
        _, token = self.take(call, 1)
        call.cancel()
        records = old.add([decision(2), decision(3)])
        service.writer.take(records, [old.close()])
        call = self.watch(service, token=token)
        assert self.take(call, 2)[0] == ["d0002", "d0003"]
        service.writer.take(new.add([decision(4)]), [new.state])
        found, token = self.take(call, 1)
        call.cancel()
        call = self.watch(service, token=token)
        service.writer.take(new.add([decision(5)]), [new.state])
        assert (found, self.take(call, 1)[0]) == (["d0004"], ["d0005"])
        call.cancel()

    def test_what_does_not_match_is_left_out(self, service: Service) -> None:
        call = self.watch(service, "severity >= HIGH")
        fill(service.writer, key(), [decision(n, severity=n % 4) for n in range(12)])
        assert self.take(call, 3)[0] == ["d0003", "d0007", "d0011"]
        call.cancel()

    def test_a_token_of_another_filter_is_refused(self, service: Service) -> None:
        call = self.watch(service)
        fill(service.writer, key(), [decision(1)])
        _, token = self.take(call, 1)
        call.cancel()
        with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
            next(
                service.stub.WatchSnapshots(
                    snapshot_service_pb2.WatchSnapshotsRequest(filter="flagged", resume_token=token)
                )
            )
        assert caught["fields"] == ["resume_token"]

    def test_watches_end_with_the_server(self, service: Service) -> None:
        call = self.watch(service)
        stopping = threading.Thread(target=service.server.stop, args=(PATIENCE,))
        stopping.start()
        with failing(grpc.StatusCode.UNAVAILABLE) as caught:
            next(call)
        stopping.join(PATIENCE)
        assert caught["reason"] == "ERROR_REASON_STOPPING"

    def test_too_many_watches(self, service: Service) -> None:
        calls = [self.watch(service) for _ in range(16)]
        with failing(grpc.StatusCode.RESOURCE_EXHAUSTED):
            next(service.stub.WatchSnapshots(snapshot_service_pb2.WatchSnapshotsRequest()))
        for call in calls:
            call.cancel()


class TestStatistics:
    def test_groups(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n, severity=n % 4) for n in range(12)])
        assert service.stats("severity") == {"NONE": (3, 0), "LOW": (3, 0), "MEDIUM": (3, 3), "HIGH": (3, 3)}
        assert service.stats("menu", "flagged") == {"3101": (3, 3), "3102": (3, 3)}
        assert service.stats("subject.id", limit=1) == {"T0": (4, 2)}
        assert service.stats("caller") == {"teller-app": (12, 6)}
        assert service.stats("action") == {"query": (12, 6)}
        assert service.stats("application") == {"": (12, 6)}
        (day,) = service.stats("day").items()
        assert day[1] == (12, 6)

    def test_a_time(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n * 3600) for n in range(5)])
        request = snapshot_service_pb2.GetSnapshotStatsRequest(group_by="hour")
        getattr(request, "from").seconds = DAY * 86_400 + 3600
        request.to.seconds = DAY * 86_400 + 3 * 3600
        answer = service.stub.GetSnapshotStats(request, timeout=PATIENCE)
        assert (answer.total, answer.flagged) == (2, 0)
        assert [group.key[10:] for group in answer.groups] == ["T01:00:00Z", "T02:00:00Z"]

    def test_what_cannot_be_asked(self, service: Service) -> None:
        with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
            service.stats("phase of the moon")
        assert caught["fields"] == ["group_by"]
        with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
            service.stats("menu", limit=1001)
        assert caught["fields"] == ["limit"]


def whole(pieces: list[snapshot_service_pb2.ExportSnapshotsResponse]) -> bytes:
    return b"".join(piece.data for piece in pieces)


class TestExports:
    def test_csv_is_safe_in_a_spreadsheet(self, service: Service) -> None:
        facts = decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id="=1+1"), action=types_pb2.Action(name='@sum("a,b")\n+')
        )
        fill(service.writer, key(), [decision(1, severity=2, facts=facts), decision(2)])
        pieces = service.export(snapshot_service_pb2.EXPORT_FORMAT_CSV)
        data = whole(pieces)
        assert data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        assert [row["id"] for row in rows] == ["d0001", "d0002"]
        assert rows[0]["subject"] == "'=1+1"
        assert rows[0]["action"] == '\'@sum("a,b")\n+'
        assert (pieces[-1].records, pieces[-1].expected) == (2, 2)

    def test_json_lines_are_complete(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n, severity=n) for n in range(3)])
        lines = whole(service.export(snapshot_service_pb2.EXPORT_FORMAT_JSON_LINES, "flagged")).splitlines()
        (found,) = map(json.loads, lines)
        assert found["record"]["snapshot"]["decisionId"] == "d0002"
        assert (found["stream"]["node"], found["sequence"], len(found["chain"])) == ("n1", 2, 64)

    def test_a_workbook_has_texts_and_a_next_sheet(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(export_sheets, "SHEET_ROWS", 3)
        facts = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="=1+1\x01"))
        fill(service.writer, key(), [decision(0, facts=facts), *(decision(n) for n in range(1, 5))])
        data = whole(service.export(snapshot_service_pb2.EXPORT_FORMAT_XLSX, language="zh"))
        book = openpyxl.load_workbook(io.BytesIO(data))
        sheets = [list(sheet.values) for sheet in book.worksheets]
        assert [len(rows) for rows in sheets] == [3, 3, 2]
        assert sheets[0][0][:2] == ("时间", "编号")
        cell = book.worksheets[0]["E2"]
        assert (cell.value, cell.data_type) == ("=1+1\ufffd", "s")

    def test_evidence_of_all_and_of_some(self, service: Service, tmp_path: Path) -> None:
        stream = fill(service.writer, key(), [decision(n, severity=n % 4) for n in range(8)])
        stream.close()
        seal(service.writer, stream)
        path = tmp_path / "all.evidence"
        pieces = service.export(snapshot_service_pb2.EXPORT_FORMAT_EVIDENCE)
        path.write_bytes(whole(pieces))
        file = EvidenceFile(path)
        assert (file.form, file.records_held, pieces[-1].records) == ("streams", 8, 8)
        file.close()
        pieces = service.export(snapshot_service_pb2.EXPORT_FORMAT_EVIDENCE, "flagged")
        path.write_bytes(whole(pieces))
        file = EvidenceFile(path)
        assert (file.form, file.records_held, pieces[-1].records) == ("selection", 4, 4)
        file.close()

    def test_an_export_is_recorded_before_and_after(self, service: Service) -> None:
        fill(service.writer, key(), [decision(1)])
        service.export(snapshot_service_pb2.EXPORT_FORMAT_CSV, 'subject.id == "T1"', reason=" case 12 ")
        begun, ended = service.operations
        assert (begun.kind, begun.actor, begun.success) == ("snapshot.export", "auditor", True)
        assert begun.details["filter"] == 'subject.id == "T1"'
        assert (begun.details["reason"], begun.details["format"]) == ("case 12", "CSV")
        assert (ended.kind, ended.success, ended.details["records"]) == ("snapshot.export.end", True, "1")
        assert ended.details["export"] == begun.details["export"]
        assert len(ended.details["sha256"]) == 64

    def test_an_export_that_is_broken_off_is_recorded_as_such(self, service: Service) -> None:
        fill(service.writer, key(), [decision(n) for n in range(2_000)])
        request = snapshot_service_pb2.ExportSnapshotsRequest(
            format=snapshot_service_pb2.EXPORT_FORMAT_JSON_LINES, reason="x"
        )
        call = service.stub.ExportSnapshots(request, timeout=PATIENCE)
        next(call)
        call.cancel()
        service.server.stop(PATIENCE)
        ended = service.operations[-1]
        assert (ended.kind, ended.success, ended.details["why"]) == ("snapshot.export.end", False, "broken off")

    def test_without_a_record_nothing_leaves(self, service: Service) -> None:
        fill(service.writer, key(), [decision(1)])
        service.refuse = True
        with failing(grpc.StatusCode.UNAVAILABLE):
            service.export(snapshot_service_pb2.EXPORT_FORMAT_CSV)

    def test_what_cannot_be_exported(self, service: Service) -> None:
        with failing(grpc.StatusCode.INVALID_ARGUMENT) as caught:
            service.export(0, reason=" ", language="fr")
        assert caught["fields"] == ["format", "reason", "language"]
        assert not service.operations


class TestServer:
    def test_only_its_owner_can_reach_the_socket(self, service: Service, tmp_path: Path) -> None:
        path = Path(service.server.address.path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        tmp_path.chmod(0o755)
        host = SnapshotHost(service.reader, _no_asking, service.operations.append)
        with pytest.raises(ConfigError, match="chmod 700"):
            make_staff_server(Address("", 0, str(tmp_path / "other.sock")), host).start()

    def test_a_socket_in_use_is_not_taken_over(self, service: Service) -> None:
        host = SnapshotHost(service.reader, _no_asking, service.operations.append)
        with pytest.raises(ConfigError, match="in use"):
            make_staff_server(service.server.address, host).start()

    def test_no_plain_text_beyond_this_machine(self, service: Service) -> None:
        host = SnapshotHost(service.reader, _no_asking, service.operations.append)
        with pytest.raises(ConfigError, match="plain text"):
            make_staff_server(parse_address("0.0.0.0:0"), host)

    def test_a_port_of_this_machine(self, service: Service) -> None:
        host = SnapshotHost(service.reader, _no_asking, service.operations.append)
        server = make_staff_server(parse_address("127.0.0.1:0"), host)
        address = server.start()
        with grpc.insecure_channel(str(address)) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="pdp.v1.SnapshotService"), timeout=PATIENCE
            )
        server.stop(0)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING

    @pytest.mark.parametrize("url", ["sqlite"], indirect=True)
    def test_a_store_that_is_away(self, service: Service, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "snapshots.db").write_bytes(b"no database" * 1000)
        with failing(grpc.StatusCode.UNAVAILABLE) as caught:
            service.list()
        assert caught["reason"] == "ERROR_REASON_STORE_UNAVAILABLE"
        assert "snapshots.db" not in caught["message"]

    def test_a_call_that_is_cancelled_ends_its_question(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, ended = threading.Event(), threading.Event()
        ask = service.reader.select

        def select(where: Any, **more: Any) -> Any:
            begun.set()
            try:
                while True:  # until it is stopped
                    ask(where, **more)
            except StoreError:
                ended.set()
                raise

        monkeypatch.setattr(service.reader, "select", select)
        call = service.stub.ListSnapshots.future(snapshot_service_pb2.ListSnapshotsRequest(), timeout=PATIENCE)
        assert begun.wait(PATIENCE)
        call.cancel()
        assert ended.wait(PATIENCE)


def _no_asking() -> Asking:
    raise AssertionError("nobody asks here")
