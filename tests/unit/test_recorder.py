"""What the record of a decision holds, and what it never does."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdp.cli.policies import resolve
from pdp.engine import bundle
from pdp.engine.grants import GrantSource
from pdp.engine.program import Program
from pdp.engine.recording import BATCH, EXPLAIN, Notes
from pdp.engine.request import build_request, wire_value
from pdp.engine.wire import length_delimited
from pdp.errors import ConfigError
from pdp.snapshot import columns
from pdp.snapshot import recorder as module
from pdp.snapshot.buckets import bucket_writer, representative
from pdp.snapshot.columns_cached import ColumnCache
from pdp.snapshot.recorder import recorder
from pdp.snapshot.resource_keys import KEY_BYTES, Hash, ResourceKeys
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, types_pb2
from pdp.values import AttributeType

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000_000_000_000
KEYS = ResourceKeys({"2025": b"o" * 32, "2026": b"k" * 32})
RESOURCE_ID = "6222000011112222"

POLICIES = """
kind: Attributes
attributes:
  subject.level: {type: int, label: {zh: 级别, en: level}}
  subject.phone: {type: string, record: none, label: {zh: 电话, en: phone}}
  action.amount: {type: double, record: bucket, label: {zh: 金额, en: amount}}
  resource.balance: {type: int, label: {zh: 余额, en: balance}}
  resource.class: {type: string, record: full, label: {zh: 类别, en: class}}
  resource.branch: {type: string, label: {zh: 机构, en: branch}}
  resource.opened: {type: timestamp, record: bucket, label: {zh: 开户, en: opened}}
  context.menu: {type: string, label: {zh: 菜单, en: menu}}
  context.terminal: {type: string, record: hash, label: {zh: 终端, en: terminal}}
---
kind: Dictionary
defaults: {C1: unmask, C2: mask, C3: mask}
fields:
  name: {label: {zh: 姓名, en: name}, level: C1}
  mobile: {label: {zh: 手机号, en: mobile number}, level: C2}
  balance: {label: {zh: 余额, en: balance}, level: C3}
---
kind: Policy
id: core
title: {zh: 核心, en: core}
scope: {context.menu: ["3101"]}
rules:
  - id: senior
    title: {zh: 高级柜员, en: senior tellers}
    when: [subject.level >= 3, resource.balance < 500000]
    fields: [mobile]
    unmask: true
    obligations: [{type: watermark}]
  - id: old
    title: {zh: 老客户, en: old customers}
    when: ['resource.opened < timestamp("2020-01-01T00:00:00Z")', 'resource.branch == "0101"']
    fields: [mobile]
    priority: -1
    mask: {algorithm: keep, prefix: 3, suffix: 4}
  - id: approved
    title: {zh: 经授权, en: authorised}
    when: [grant.active]
    fields: [balance]
    unmask: true
"""


class Grants:
    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        if grant_id != "G1":
            return None
        return bundle_pb2.Grant(
            id="G1", kind="supervisor", subject_id="T1", resource_type="customer", resource_id=RESOURCE_ID,
            not_before_nanos=0, expires_at_nanos=NOW * 2, approver="M7", approver_level=5, evidence="E1",
        )  # fmt: skip


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> bundle_pb2.SignedBundle:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "all.yaml").write_text(POLICIES, encoding="utf-8")
    return bundle.build(resolve(folder), 7)


@pytest.fixture(scope="module")
def program(signed: bundle_pb2.SignedBundle) -> Program:
    return recording(signed)


def recording(signed: bundle_pb2.SignedBundle, keys: ResourceKeys = KEYS, grants: GrantSource | None = None) -> Program:
    return Program.from_bundle(signed, grants=grants or Grants(), recorder=recorder(keys))


TYPES = {
    "subject.level": AttributeType.INT,
    "subject.phone": AttributeType.STRING,
    "action.amount": AttributeType.DOUBLE,
    "resource.balance": AttributeType.INT,
    "resource.class": AttributeType.STRING,
    "resource.branch": AttributeType.STRING,
    "resource.opened": AttributeType.TIMESTAMP,
    "context.menu": AttributeType.STRING,
    "context.terminal": AttributeType.STRING,
}
USUAL: Mapping[str, Any] = {
    "subject.id": "T1",
    "subject.roles": ["teller"],
    "subject.level": 4,
    "subject.phone": "13800001111",
    "action.name": "query",
    "action.amount": 1234.5,
    "resource.type": "customer",
    "resource.id": RESOURCE_ID,
    "resource.balance": 123_456,
    "resource.class": "gold",
    "resource.branch": "0101",
    "resource.opened": 1_500_000_000_000_000_000,
    "context.menu": "3101",
    "context.terminal": "WS-77",
}


def ask(attributes: Mapping[str, Any] = USUAL, *more: str, **members: Any) -> decision_service_pb2.DecideRequest:
    request = build_request(attributes, TYPES, more or ("name", "mobile", "balance"))
    request.MergeFrom(decision_service_pb2.DecideRequest(**members))
    return request


def only(notes: Notes) -> tuple[int, snapshot_pb2.Snapshot, bytes]:
    ((shown, body),) = notes.take()
    return shown, snapshot_pb2.Record.FromString(body).snapshot, body


def decide(
    program: Program, request: decision_service_pb2.DecideRequest
) -> tuple[decision_service_pb2.DecideResponse, int, snapshot_pb2.Snapshot, bytes]:
    notes = Notes()
    notes.caller = "counter"
    reply = decision_service_pb2.DecideResponse.FromString(
        program.decide(request.SerializeToString(), NOW, None, notes)
    )
    return reply, *only(notes)


def test_tags_are_those_of_the_messages() -> None:
    def number(message: Any, field: str) -> int:
        return int(message.DESCRIPTOR.fields_by_name[field].number)

    snapshot = snapshot_pb2.Snapshot
    for tag, field, wire_type in (
        (module._TIME, "time_nanos", 1), (module._CALLER, "caller", 2), (module._FACTS, "facts", 2),
        (module._RESOURCE_KEY, "resource_key", 2), (module._BUCKETS, "buckets", 2), (module._HASHES, "hashes", 2),
        (module._WITHHELD, "withheld", 2), (module._SOURCE, "source", 0), (module._LATENCY, "latency_micros", 5),
    ):  # fmt: skip
        value, shift = 0, 0
        for byte in tag:
            value |= (byte & 127) << shift
            shift += 7
        assert value == number(snapshot, field) << 3 | wire_type, field
    for field in ("decision_id", "request_id", "revision", "policy_hash"):
        assert number(snapshot, field) == number(decision_service_pb2.DecideResponse, field)
    assert module._RESOURCE[0] == number(decision_service_pb2.DecideRequest, "resource") << 3 | 2
    assert module._MESSAGE[0] == number(decision_service_pb2.DecideRequest, "message") << 3 | 2
    assert module._RECORD_SNAPSHOT[0] == number(snapshot_pb2.Record, "snapshot") << 3 | 2


def test_a_record_tells_who_asked_for_what_and_what_came_out(program: Program) -> None:
    reply, shown, record, _ = decide(program, ask(request_id="R-1"))
    assert (record.decision_id, record.request_id) == (reply.decision_id, "R-1")
    assert (record.revision, record.policy_hash) == (7, program.hash)
    assert record.time_nanos == NOW
    assert record.caller == "counter"
    assert record.source == snapshot_pb2.SNAPSHOT_SOURCE_DECIDE
    assert (record.severity, shown) == (snapshot_pb2.SEVERITY_MEDIUM, 2)
    assert record.facts.subject.id == "T1"
    assert list(record.facts.subject.roles) == ["teller"]
    assert record.facts.subject.attributes["level"].int_value == 4
    assert record.facts.resource.type == "customer"
    assert record.facts.resource.attributes["class"].string_value == "gold"
    told = {
        field: (verdict.effect, verdict.level, verdict.rule) for verdict in record.verdicts for field in verdict.fields
    }
    assert told == {
        "name": (types_pb2.EFFECT_UNMASK, "C1", ""),
        "mobile": (types_pb2.EFFECT_UNMASK, "C2", "core/senior"),
        "balance": (types_pb2.EFFECT_MASK, "C3", ""),
    }
    assert [obligation.type for obligation in record.obligations] == ["watermark"]


def test_what_must_not_be_kept_is_not_there(program: Program) -> None:
    odd = {**USUAL}
    request = ask(odd)
    request.context["note"].string_value = "undeclared-secret"
    _, _, record, body = decide(program, request)
    for secret in (RESOURCE_ID, "13800001111", "0101", "WS-77", "undeclared-secret", "note"):
        assert secret.encode() not in body, secret
    assert set(record.facts.resource.attributes) == {"class"}
    assert not record.facts.action.attributes
    assert sorted(record.withheld) == ["context.*", "subject.phone"]
    assert set(record.hashes) == {"resource.branch", "context.terminal"}
    assert set(record.buckets) == {"resource.balance", "resource.opened", "action.amount"}
    assert record.buckets["resource.balance"].above.int_value == 100_000
    assert record.buckets["resource.balance"].below.int_value == 500_000
    assert not record.facts.fields
    assert not record.facts.request_id


def test_what_the_service_does_not_know_is_not_kept(program: Program) -> None:
    """Whatever a client of a later version, or an odd one, sends besides: it may hold a field's value."""
    request = ask(grant_ids=["G1"])
    odd = [b"at-the-top", b"of-the-subject", b"of-the-resource", b"of-an-attribute"]
    value = types_pb2.Value(string_value="3101").SerializeToString() + unknown(odd[3])
    parts = (
        types_pb2.Subject().SerializeToString() + unknown(odd[1]),
        request.resource.SerializeToString() + unknown(odd[2]),
        length_delimited(b"\x0a", b"menu") + length_delimited(b"\x12", value),
    )
    # One more piece of a message in a message is part of it.
    payload = request.SerializeToString() + unknown(odd[0])
    for tag, part in zip((b"\x12", b"\x22", b"\x2a"), parts, strict=True):
        payload += length_delimited(tag, part)
    notes = Notes()
    program.decide(payload, NOW, None, notes)
    batch = decision_service_pb2.DecideBatchRequest(
        subject=types_pb2.Subject.FromString(request.subject.SerializeToString() + parts[0]), context=request.context
    )
    batch.items.add(resource=types_pb2.Resource.FromString(parts[1]), fields=request.fields)
    batch.context["menu"].MergeFromString(value)
    program.decide_batch(batch.SerializeToString() + unknown(odd[0]), NOW, None, notes)
    records = [body for _, body in notes.take()]
    assert len(records) == 2
    for body in records:
        assert [secret for secret in odd if secret in body] == []
        facts = snapshot_pb2.Record.FromString(body).snapshot.facts
        assert (facts.subject.id, facts.context["menu"].string_value) == ("T1", "3101")


def unknown(content: bytes) -> bytes:
    """Return a field that no message has."""
    return length_delimited(b"\xfa\x3e", content)  # 1007, of bytes


def test_what_is_not_there_leaves_nothing(program: Program) -> None:
    """Reading an absent attribute leaves an empty one behind, which is not what a caller sent."""
    kept = {"subject.level", "resource.class", "context.menu"}
    there = {name: value for name, value in USUAL.items() if name in kept or name not in TYPES}
    _, _, record, _ = decide(program, ask(there))
    assert (dict(record.buckets), dict(record.hashes), list(record.withheld)) == ({}, {}, [])
    request = ask(there)
    for name in ("balance", "branch", "opened"):
        request.resource.attributes[name].SetInParent()
    request.subject.attributes["phone"].SetInParent()
    _, _, record, _ = decide(program, request)
    assert (dict(record.buckets), dict(record.hashes), list(record.withheld)) == ({}, {}, [])


def test_columns_are_drawn_the_fast_way(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [decide(program, ask())[-1]]
    notes = Notes()
    notes.caller = "counter"
    request = decision_service_pb2.DecideBatchRequest(items=[{"resource": ask().resource, "fields": ["mobile"]}])
    for name in ("subject", "action", "context"):
        party = getattr(ask(), name)
        if name == "context":
            for key, value in party.items():
                request.context[key].CopyFrom(value)
        else:
            getattr(request, name).CopyFrom(party)
    program.decide_batch(request.SerializeToString(), NOW, None, notes)
    bodies.append(only(notes)[-1])
    wanted = [tuple(columns.stored(body).values()) for body in bodies]
    # Else they would be the same, and slow.
    monkeypatch.setattr(columns, "stored", None)
    cache = ColumnCache()
    for _ in range(2):
        assert [cache.row(body) for body in bodies] == wanted


def test_a_resource_is_found_by_its_keyed_hash(program: Program) -> None:
    _, _, record, _ = decide(program, ask())
    assert record.key_id == "2026"
    expected = hmac.digest(b"k" * 32, f"customer\0{RESOURCE_ID}".encode(), "sha256")[:KEY_BYTES]
    assert record.resource_key == expected
    assert expected.hex() in KEYS.of_resource("customer", RESOURCE_ID)
    assert len(KEYS.of_resource("customer", RESOURCE_ID)) == 2


def test_a_clear_id_only_where_it_is_configured(tmp_path: Path) -> None:
    text = POLICIES.replace("attributes:\n", "attributes:\n  resource.id: {type: string, record: full}\n", 1)
    text = text.replace("  subject.level:", "  subject.id: {type: string, record: hash}\n  subject.level:", 1)
    (tmp_path / "all.yaml").write_text(text, encoding="utf-8")
    _, _, record, body = decide(recording(bundle.build(resolve(tmp_path))), ask())
    assert record.facts.resource.id == RESOURCE_ID
    assert record.resource_key
    assert not record.facts.subject.id
    assert b"T1" not in body
    assert set(record.hashes) == {"resource.branch", "context.terminal", "subject.id"}


def test_recording_changes_no_answer(signed: bundle_pb2.SignedBundle, program: Program) -> None:
    plain = Program.from_bundle(signed, grants=Grants())
    for attributes in (USUAL, {**USUAL, "subject.level": 1}, {"subject.id": "T1"}):
        for grants in ([], ["G1"], ["G1", "none"]):
            request = ask(attributes, "name", "mobile", "balance", "odd", grant_ids=grants)
            payload = request.SerializeToString()
            expected = decision_service_pb2.DecideResponse.FromString(plain.decide(payload, NOW))
            found = decision_service_pb2.DecideResponse.FromString(program.decide(payload, NOW, None, Notes()))
            found.decision_id = expected.decision_id
            assert found == expected


def test_grants_and_diagnostics_are_recorded(program: Program) -> None:
    request = ask({"subject.id": "T1", "resource.type": "customer", "resource.id": RESOURCE_ID, "context.menu": "3101"})
    request.grant_ids.extend(["G1", "nope"])
    _, shown, record, _ = decide(program, request)
    assert shown == 3
    assert record.severity == snapshot_pb2.SEVERITY_HIGH
    (grant,) = record.grants
    assert (grant.id, grant.kind, grant.approver, grant.approver_level, grant.evidence) == (
        "G1", "supervisor", "M7", 5, "E1"
    )  # fmt: skip
    codes = [found.code for found in record.diagnostics]
    assert types_pb2.DIAGNOSTIC_CODE_GRANT_NOT_FOUND in codes
    assert types_pb2.DIAGNOSTIC_CODE_UNDECIDED_RULE in codes
    assert list(record.facts.grant_ids) == ["G1", "nope"]


def test_a_batch_records_each_item_as_decide_would(program: Program) -> None:
    second = {**USUAL, "resource.id": "C2", "resource.balance": 900_000}
    batch = decision_service_pb2.DecideBatchRequest(request_id="B-1", grant_ids=["G1"])
    for attributes in (USUAL, second, USUAL):
        request = ask(attributes)
        request.context["odd"].string_value = "x"
        batch.subject.CopyFrom(request.subject)
        batch.action.CopyFrom(request.action)
        for key, value in request.context.items():
            batch.context[key].CopyFrom(value)
        batch.items.add(resource=request.resource, fields=request.fields)
    batch.items.add()  # has no fields and so no decision
    notes = Notes()
    notes.source = BATCH
    reply = decision_service_pb2.DecideBatchResponse.FromString(
        program.decide_batch(batch.SerializeToString(), NOW, None, notes)
    )
    records = notes.take()
    ids = [result.decision.decision_id for result in reply.results if result.HasField("decision")]
    assert len(records) == len(ids) == 3
    for (shown, body), decision_id, attributes in zip(records, ids, (USUAL, second, USUAL), strict=True):
        record = snapshot_pb2.Record.FromString(body).snapshot
        request = ask(attributes, grant_ids=["G1"], request_id="B-1")
        request.context["odd"].string_value = "x"
        _, expected_shown, expected, _ = decide(program, request)
        assert (shown, record.decision_id, record.source) == (
            expected_shown, decision_id, snapshot_pb2.SNAPSHOT_SOURCE_BATCH
        )  # fmt: skip
        for member in ("decision_id", "source", "latency_micros", "caller"):
            record.ClearField(member)  # type: ignore[arg-type]
            expected.ClearField(member)  # type: ignore[arg-type]
        record.withheld.sort()
        expected.withheld.sort()
        assert record == expected


def test_an_explanation_is_recorded_too(program: Program) -> None:
    notes = Notes()
    notes.source = EXPLAIN
    question = decision_service_pb2.ExplainRequest(request=ask())
    reply = decision_service_pb2.ExplainResponse.FromString(
        program.explain(question.SerializeToString(), NOW, None, notes)
    )
    shown, record, _ = only(notes)
    assert record.decision_id == reply.decision.decision_id
    assert (shown, record.source) == (2, snapshot_pb2.SNAPSHOT_SOURCE_EXPLAIN)
    assert reply.rules


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False), max_size=6),
    st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1]),
)
def test_a_bucket_holds_enough_for_every_comparison_of_whole_numbers(constants: list[Any], value: int) -> None:
    check_bucket(AttributeType.INT, constants, value)


@example([2**53 + 1], float(2**53))
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1), max_size=6),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_bucket_holds_enough_for_every_comparison_of_fractions(constants: list[float], value: float) -> None:
    check_bucket(AttributeType.DOUBLE, constants, value)


def check_bucket(kind: AttributeType, constants: list[Any], value: Any) -> None:
    wire = bucket_writer(kind, constants, lambda piece: piece)(wire_value(kind, value))
    assert wire is not None
    found = representative(snapshot_pb2.Bucket.FromString(wire), kind)
    assert found is not None
    other = found.int_value if kind is AttributeType.INT else found.double_value
    for constant in constants:
        assert (value < constant, value == constant) == (other < constant, other == constant)


@given(st.binary(min_size=16, max_size=100), st.binary(max_size=200))
def test_the_hash_is_hmac(key: bytes, message: bytes) -> None:
    assert Hash(key).digest(message) == hmac.digest(key, message, "sha256")[:KEY_BYTES]


@pytest.mark.parametrize(
    "text", ["", "# only\n", "a zz\n", "a 00\n", f"a {'00' * 32}\na {'11' * 32}\n", "one-word\n", "é 00\n"]
)
def test_a_key_file_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        ResourceKeys.read(path)
    assert str(path) in str(caught.value)
    assert "0000" not in str(caught.value)


def test_the_last_key_of_a_file_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# rotated in spring\na {'00' * 32}\nb {'11' * 32}\n")
    assert ResourceKeys.read(path).current == ("b", b"\x11" * 32)
    assert "11" not in repr(ResourceKeys.read(path))
