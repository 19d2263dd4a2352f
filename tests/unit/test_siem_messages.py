"""What a SIEM is told of a record: classes, severities, RFC 5424, JSON lines; and nothing that must stay behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.server.siem.classes import RULES, Severity, rule_of
from pdp.server.siem.events import Event, event_of
from pdp.server.siem.lines import line
from pdp.server.siem.syslog import MAX_BYTES, frame, message
from pdp.snapshot.chain import StreamKey
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2
from tests.integration.syslog_receiver import frames, parse

KEY = StreamKey("n1", "00112233445566ff", "long", 20_000)
AT = 1_763_784_000_123_456_789
SECRET = "6222020200112233445"  # noqa: S105 - a card number


def told(event: Event) -> bytes:
    return message(event, facility="audit", enterprise=32473)


def operation(**values: object) -> Event:
    known = {"id": "op1", "time_nanos": AT, "actor": "wang", "kind": "session.sign_in", "success": True}
    made = snapshot_pb2.Operation(**{**known, **values})  # type: ignore[arg-type]
    event = event_of(KEY, 7, snapshot_pb2.Record(operation=made).SerializeToString(), 0)
    assert event is not None
    return event


def snapshot(severity: snapshot_pb2.Severity.ValueType) -> snapshot_pb2.Record:
    held = types_pb2.Value(string_value=SECRET)
    facts = decision_service_pb2.DecideRequest(
        subject=types_pb2.Subject(id="T1", roles=["teller"], attributes={"phone": held}),
        resource=types_pb2.Resource(type="customer", id=SECRET),
        context={"menu": held},
    )
    shown = snapshot_pb2.RecordedVerdict(
        fields=["balance", "card"], level="C3", effect=types_pb2.EFFECT_UNMASK, rule="core/approved", grant_id="G1"
    )
    hidden = snapshot_pb2.RecordedVerdict(fields=["mobile"], level="C2", effect=types_pb2.EFFECT_MASK, mask="mobile")
    return snapshot_pb2.Record(
        snapshot=snapshot_pb2.Snapshot(
            decision_id="d1", request_id="r1", revision=3, policy_hash="ab", time_nanos=AT, caller="core", facts=facts,
            resource_key=b"\x01\x02", key_id="k1", verdicts=[shown, hidden], severity=severity,
            grants=[snapshot_pb2.RecordedGrant(id="G1", approver="zhao", evidence="E1")],
        )
    )  # fmt: skip


def test_a_sign_in_is_told_with_who_where_and_how() -> None:
    event = operation(address="10.0.0.9", details={"session": "s1", "factors": "password, totp"})
    found = parse(told(event))
    assert (found.priority, found.time) == (13 * 8 + 6, "2025-11-22T04:00:00.123456Z")
    assert (found.host, found.app, found.process, found.kind) == ("n1", "jingxi", KEY.boot, "session.sign_in")
    assert found.facts == {
        "id": "op1", "class": "sign-in", "kind": "session.sign_in", "node": "n1", "actor": "wang", "success": "true",
        "address": "10.0.0.9", "stream": f"{KEY.boot}/long/20000", "sequence": "7",
    }  # fmt: skip
    assert found.elements["details"] == {"session": "s1", "factors": "password, totp"}
    assert found.elements["origin"]["software"] == "jingxi"
    assert found.text == "session.sign_in by wang: done"


@pytest.mark.parametrize(
    ("kind", "success", "details", "name", "severity"),
    [
        ("session.failed", False, {"reason": "password"}, "sign-in", Severity.WARNING),
        ("session.failed", False, {"reason": "password", "locked": "true"}, "sign-in", Severity.ERROR),
        ("session.refused", False, {}, "sign-in", Severity.CRITICAL),
        ("session.unusual", True, {}, "anomaly", Severity.WARNING),
        ("request.approve", True, {}, "account", Severity.NOTICE),
        ("grant.approve", True, {}, "grant", Severity.NOTICE),
        ("grants.fenced", False, {}, "grant", Severity.ERROR),
        ("policy.publish", True, {}, "publication", Severity.NOTICE),
        ("policy.refused", False, {"reason": "…"}, "publication", Severity.ERROR),
        ("policy.emergency", True, {}, "publication", Severity.WARNING),
        ("node.refused", False, {}, "node", Severity.ERROR),
        ("alarm.disk", False, {"from": "alarm", "to": "shed"}, "alarm", Severity.ERROR),
        ("alarm.disk", True, {"from": "shed", "to": "normal"}, "alarm", Severity.NOTICE),
        ("snapshot.export", True, {}, "evidence", Severity.NOTICE),
        ("what.comes.next", False, {}, "operation", Severity.WARNING),
        ("", True, {}, "operation", Severity.NOTICE),
    ],
)
def test_kinds_have_classes_and_severities(
    kind: str, success: bool, details: dict[str, str], name: str, severity: Severity
) -> None:
    event = operation(kind=kind, success=success, details=details)
    assert (event.name, event.severity) == (name, severity)


@pytest.mark.parametrize("name", ["siem.md", "siem.zh-CN.md"])
def test_the_guide_shows_the_classes(name: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "guides" / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]*)(…?)` \| `([\w-]+)` \| (\d) \w+ \| (\d) \w+ \|", text, re.MULTILINE)
    shown = {(kind, name, int(done), int(failed)) for kind, _, name, done, failed in rows}
    others = {("decision", "decision", 4, 4), ("record.unreadable", "evidence", 3, 3)}
    assert shown == {*(tuple(rule) for rule in RULES), *others}


def test_every_rule_decides_for_its_own_kind() -> None:
    for rule in RULES:
        assert rule_of(f"{rule.kind}x" if rule.kind.endswith(".") else rule.kind) == rule


@pytest.mark.parametrize("encode", [told, line])
def test_of_a_decision_no_value_is_told(encode: object) -> None:
    event = event_of(KEY, 1, snapshot(snapshot_pb2.SEVERITY_HIGH).SerializeToString(), snapshot_pb2.SEVERITY_HIGH)
    assert event is not None
    assert callable(encode)
    assert SECRET not in encode(event).decode()
    assert (event.name, event.severity) == ("decision", Severity.WARNING)
    assert event.decision == {
        "request_id": "r1", "caller": "core", "subject": "T1", "roles": "teller", "resource_type": "customer",
        "resource_key": "0102", "key_id": "k1", "level": "high", "shown": "balance:C3,card:C3", "masked": "1",
        "rules": "core/approved", "grants": "G1", "approvers": "zhao", "revision": "3", "hash": "ab",
        "source": "unspecified",
    }  # fmt: skip


def test_decisions_below_the_level_are_not_told() -> None:
    data = snapshot(snapshot_pb2.SEVERITY_MEDIUM).SerializeToString()
    assert event_of(KEY, 1, data, snapshot_pb2.SEVERITY_HIGH) is None
    found = event_of(KEY, 1, data, snapshot_pb2.SEVERITY_MEDIUM)
    assert found is not None
    assert found.severity is Severity.NOTICE


def test_the_filter_of_an_export_stays_behind_and_that_is_said() -> None:
    event = operation(kind="snapshot.export", details={"filter": f'resource.id == "{SECRET}"', "format": "csv"})
    assert event.details == {"format": "csv", "withheld": "filter"}
    assert SECRET not in line(event).decode() + told(event).decode()


def test_chinese_brackets_quotes_and_line_ends_arrive_as_they_were() -> None:
    reason = '客户"张三"要求[加急]\\尽快'
    event = operation(kind="grant.ask", details={"reason": reason, '键 a="]': "b"}, actor="王五")
    found = parse(told(event))
    assert found.elements["details"] == {"reason": reason, "__a___": "b"}
    assert found.facts["actor"] == "王五"
    broken = parse(told(operation(success=False, details={"reason": "a\n<14>1 forged\u202e"})))
    assert broken.text == "session.sign_in by wang: failed: a\ufffd<14>1 forged\ufffd"
    assert json.loads(line(event))["details"]["reason"] == reason
    assert line(operation(actor="a\nb")).count(b"\n") == 1


def test_a_node_with_a_chinese_name_is_still_a_host() -> None:
    key = KEY._replace(node="节点 一")
    made = snapshot_pb2.Record(operation=snapshot_pb2.Operation(id="x", kind="service.started"))
    event = event_of(key, 0, made.SerializeToString(), 0)
    assert event is not None
    found = parse(told(event))
    assert (found.host, found.facts["node"], found.time) == ("????", "节点 一", "-")


def test_what_is_too_long_is_cut_and_says_so() -> None:
    event = operation(details={f"name{n:02}": "汉" * 900 for n in range(40)}, actor="]" * 4_000)
    data = told(event)
    assert MAX_BYTES // 2 < len(data) <= MAX_BYTES
    found = parse(data)
    assert found.elements["details"]["cut"] == "true"
    assert found.elements["details"]["name00"].endswith("…")


def test_bytes_that_are_no_record_are_told_as_such() -> None:
    event = event_of(KEY, 9, b"\xff\xff\xff", 0)
    assert event is not None
    assert (event.kind, event.severity) == ("record.unreadable", Severity.ERROR)
    assert parse(told(event)).facts["sequence"] == "9"


@given(
    st.builds(
        snapshot_pb2.Operation,
        id=st.text(max_size=30), time_nanos=st.integers(-(2**63), 2**63 - 1), actor=st.text(max_size=300),
        kind=st.text(max_size=80), success=st.booleans(), address=st.text(max_size=40),
        details=st.dictionaries(st.text(max_size=50), st.text(max_size=2_000), max_size=12),
    )
)  # fmt: skip
def test_whatever_is_recorded_can_be_told(made: snapshot_pb2.Operation) -> None:
    event = event_of(KEY, 0, snapshot_pb2.Record(operation=made).SerializeToString(), 0)
    assert event is not None
    data = told(event)
    assert len(data) <= MAX_BYTES
    assert parse(data).facts["class"] == event.name
    written = line(event)
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    assert json.loads(written)["id"] == made.id


@given(st.binary(max_size=200))
def test_whatever_a_store_holds_can_be_told(body: bytes) -> None:
    event = event_of(KEY, 0, body, 0)
    assert event is not None
    parse(told(event))
    json.loads(line(event))


def test_frames_are_counted_in_octets() -> None:
    data = [told(operation(actor=name)) for name in ("王", "b", "李四")]
    stream = b"".join(map(frame, data))
    pieces = iter([stream[n : n + 5] for n in range(0, len(stream), 5)] + [b""])
    assert list(frames(lambda _: next(pieces))) == data
