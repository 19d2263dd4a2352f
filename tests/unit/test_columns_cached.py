"""The fast way to draw columns against the plain one, which is also what verification uses."""

from __future__ import annotations

import json
from collections.abc import Sized

import pytest
from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.snapshot import columns, columns_cached
from pdp.snapshot.columns_cached import ColumnCache
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "\0", "\\u0000", '"', "\u2028", "\x7f", "é\U0001f600", "x" * 600, "\0" + "z" * 600]
)
FEW = st.sampled_from(["a", "b", "level", "menu", "", " ", "a.b", "!"]) | TEXT


@st.composite
def values(draw: st.DrawFn) -> types_pb2.Value:
    kind = draw(st.integers(0, 10))
    match kind:
        case 0:
            return types_pb2.Value()
        case 1:
            return types_pb2.Value(string_value=draw(TEXT))
        case 2:
            return types_pb2.Value(int_value=draw(INT64))
        case 3:
            return types_pb2.Value(double_value=draw(st.floats()))
        case 4:
            return types_pb2.Value(bool_value=draw(st.booleans()))
        case 5:
            moment = timestamp_pb2.Timestamp(seconds=draw(st.integers(-(2**33), 2**33)), nanos=draw(st.integers(0, 9)))
            return types_pb2.Value(timestamp_value=moment)
        case 6:
            return types_pb2.Value(duration_value=duration_pb2.Duration(seconds=draw(st.integers(-9, 9)), nanos=5))
        case 7:
            return types_pb2.Value(string_list=types_pb2.StringList(values=draw(st.lists(TEXT, max_size=3))))
        case 8:
            return types_pb2.Value(int_list=types_pb2.IntList(values=draw(st.lists(INT64, max_size=3))))
        case 9:
            return types_pb2.Value(double_list=types_pb2.DoubleList(values=draw(st.lists(st.floats(), max_size=3))))
        case _:
            entries = draw(st.dictionaries(FEW, TEXT, max_size=3))
            return types_pb2.Value(string_map=types_pb2.StringMap(entries=entries))


ATTRIBUTES = st.dictionaries(FEW, values(), max_size=4)
VERDICTS = st.builds(
    snapshot_pb2.RecordedVerdict,
    fields=st.lists(FEW, max_size=3),
    effect=st.sampled_from([0, types_pb2.EFFECT_UNMASK, types_pb2.EFFECT_MASK]),
    rule=st.sampled_from(["", "p/r1", "p/r2", "政策/规则"]),
    grant_id=st.sampled_from(["", "g"]),
)
SNAPSHOTS = st.builds(
    snapshot_pb2.Snapshot,
    decision_id=TEXT,
    request_id=TEXT,
    revision=INT64,
    policy_hash=TEXT,
    time_nanos=INT64,
    caller=TEXT,
    facts=st.builds(
        decision_service_pb2.DecideRequest,
        subject=st.none()
        | st.builds(types_pb2.Subject, id=TEXT, roles=st.lists(FEW, max_size=3), attributes=ATTRIBUTES),
        action=st.none() | st.builds(types_pb2.Action, name=TEXT, attributes=ATTRIBUTES),
        resource=st.none() | st.builds(types_pb2.Resource, type=TEXT, id=TEXT, attributes=ATTRIBUTES),
        context=ATTRIBUTES,
    ),
    resource_key=st.binary(max_size=16) | st.just(bytes(400)),
    verdicts=st.lists(VERDICTS, max_size=4),
    obligations=st.lists(st.builds(types_pb2.Obligation, type=FEW), max_size=1),
    diagnostics=st.lists(st.builds(types_pb2.Diagnostic, attributes=st.lists(FEW, max_size=2)), max_size=1),
    severity=st.integers(0, 3),
    grants=st.lists(st.builds(snapshot_pb2.RecordedGrant, id=FEW, approver=FEW), max_size=1),
    source=st.integers(0, 8),
    latency_micros=st.integers(0, 2**32 - 1),
)
OPERATIONS = st.builds(
    snapshot_pb2.Operation, id=TEXT, time_nanos=INT64, actor=TEXT, kind=TEXT, success=st.booleans(),
    details=st.dictionaries(FEW, TEXT, max_size=3), address=TEXT,
)  # fmt: skip
RECORDS = (
    st.builds(snapshot_pb2.Record, snapshot=SNAPSHOTS)
    | st.builds(snapshot_pb2.Record, operation=OPERATIONS)
    | st.just(snapshot_pb2.Record())
)

# One for all examples, so that its caches meet what came up before.
CACHE = ColumnCache()


def plain(body: bytes) -> tuple[object, ...]:
    return tuple(columns.stored(body).values())


@given(RECORDS)
@settings(max_examples=400, deadline=None)
def test_it_draws_what_the_plain_way_draws(record: snapshot_pb2.Record) -> None:
    body = record.SerializeToString()
    assert CACHE.row(body) == plain(body)
    assert CACHE.row(body) == plain(body)


def test_tags_are_those_of_the_messages() -> None:
    def tag(message: type[Message], name: str) -> int:
        field = message.DESCRIPTOR.fields_by_name[name]
        wire = {FieldDescriptor.TYPE_INT64: 0, FieldDescriptor.TYPE_SFIXED64: 1, FieldDescriptor.TYPE_FIXED32: 5}
        return int(field.number << 3 | wire.get(field.type, 2))

    for name in (
        "decision_id", "request_id", "revision", "policy_hash", "time_nanos", "caller", "facts", "resource_key",
        "buckets", "hashes", "withheld",
    ):  # fmt: skip
        held = columns_cached._TIME if name == "time_nanos" else getattr(columns_cached, f"_{name.upper()}")
        assert held == tag(snapshot_pb2.Snapshot, name)
    latency = tag(snapshot_pb2.Snapshot, "latency_micros")
    assert bytes((latency & 0x7F | 0x80, latency >> 7)) == columns_cached._LATENCY
    assert tag(snapshot_pb2.Record, "snapshot") == columns_cached._RECORD_SNAPSHOT
    assert tag(decision_service_pb2.DecideRequest, "subject") == columns_cached._SUBJECT
    assert tag(types_pb2.Subject, "id") == columns_cached._SUBJECT_ID


def test_what_a_recorder_writes_is_not_unusual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be right all the same, and slow."""
    monkeypatch.setattr(columns, "stored", None)
    snapshot = snapshot_pb2.Snapshot(
        decision_id="d" * 32, request_id="r", revision=300, policy_hash="h" * 64, time_nanos=1, caller="系统",
        facts=decision_service_pb2.DecideRequest(
            subject=types_pb2.Subject(id="T1", roles=["teller"], attributes={"level": types_pb2.Value(int_value=3)}),
            action=types_pb2.Action(name="query"),
            resource=types_pb2.Resource(type="customer", id="C1"),
            context={f"n{number}": types_pb2.Value(string_value="x" * 40) for number in range(8)},
        ),
        resource_key=bytes(16), key_id="k1", hashes={"resource.class": bytes(16)},
        buckets={"resource.balance": snapshot_pb2.Bucket(above=types_pb2.Value(int_value=5))}, withheld=["subject.*"],
        verdicts=[snapshot_pb2.RecordedVerdict(fields=["name"], rule="p/r")],
        obligations=[types_pb2.Obligation(type="alert")], severity=snapshot_pb2.SEVERITY_LOW,
        source=snapshot_pb2.SNAPSHOT_SOURCE_BATCH, latency_micros=12,
    )  # fmt: skip
    cache = ColumnCache()
    assert cache.row(snapshot_pb2.Record(snapshot=snapshot).SerializeToString())[1] == "d" * 32
    # What comes next begins the same way, and is not looked at field by field.
    monkeypatch.setattr(cache, "_any_head", None)
    for caller in ("系统", "other", ""):
        snapshot.MergeFrom(snapshot_pb2.Snapshot(decision_id="e" * 32, request_id="another", time_nanos=2))
        snapshot.caller = caller
        row = cache.row(snapshot_pb2.Record(snapshot=snapshot).SerializeToString())
        assert (row[0], row[1], row[5]) == (2, "e" * 32, caller)


@given(SNAPSHOTS, st.integers(0, 40), st.binary(min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_a_beginning_that_is_nearly_the_usual_one(snapshot: snapshot_pb2.Snapshot, place: int, other: bytes) -> None:
    cache = ColumnCache()
    snapshot.MergeFrom(snapshot_pb2.Snapshot(decision_id="d" * 32, request_id="r", time_nanos=1))
    inner = snapshot.SerializeToString()
    for changed in (inner, inner[:place] + other + inner[place:], inner[:place] + other + inner[place + len(other) :]):
        body = columns_cached._varint(0x0A) + columns_cached._varint(len(changed)) + changed
        if _is_record(body):  # others may be damaged where nothing is drawn from
            assert cache.row(body) == plain(body)


@given(SNAPSHOTS, st.permutations(range(20)), st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_fields_in_any_order_and_bytes_cut_off(snapshot: snapshot_pb2.Snapshot, order: list[int], short: int) -> None:
    fields = [one for field, _ in snapshot.ListFields() if (one := _alone(snapshot, field.name))]
    fields = [fields[place] for place in order if place < len(fields)]
    inner = b"".join(fields)
    body = columns_cached._varint(0x0A) + columns_cached._varint(len(inner)) + inner
    assert CACHE.row(body) == plain(body)
    inner = inner[: max(0, len(inner) - short)]
    body = columns_cached._varint(0x0A) + columns_cached._varint(len(inner)) + inner
    assert CACHE.row(body) == plain(body)


def _is_record(body: bytes) -> bool:
    try:
        snapshot_pb2.Record.FromString(body)
    except DecodeError:
        return False
    return True


def _alone(snapshot: snapshot_pb2.Snapshot, name: str) -> bytes:
    alone = snapshot_pb2.Snapshot()
    alone.CopyFrom(snapshot)
    for field, _ in snapshot.ListFields():
        if field.name != name:
            alone.ClearField(field.name)
    return alone.SerializeToString()


@given(SNAPSHOTS, SNAPSHOTS)
@settings(max_examples=100, deadline=None)
def test_messages_that_stand_twice_are_merged(first: snapshot_pb2.Snapshot, second: snapshot_pb2.Snapshot) -> None:
    body = b"".join(snapshot_pb2.Record(snapshot=each).SerializeToString() for each in (first, second))
    assert CACHE.row(body) == plain(body)


@given(SNAPSHOTS, OPERATIONS)
@settings(max_examples=50, deadline=None)
def test_of_two_bodies_the_last_counts(snapshot: snapshot_pb2.Snapshot, operation: snapshot_pb2.Operation) -> None:
    one = snapshot_pb2.Record(snapshot=snapshot).SerializeToString()
    other = snapshot_pb2.Record(operation=operation).SerializeToString()
    assert CACHE.row(one + other) == plain(one + other)
    assert CACHE.row(other + one) == plain(other + one)


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x0a\x02\x0a\xff", b"\x0a\x03\x0a\x01\xff", b"\x0a\x00", b"\x12\x00"])
def test_bytes_that_are_no_record(body: bytes) -> None:
    assert CACHE.row(body) == plain(body)


def test_a_last_field_that_ends_like_a_latency() -> None:
    snapshot = snapshot_pb2.Snapshot(decision_id="d", resource_key=b"k" + columns_cached._LATENCY + b"\x09\0\0\0")
    body = snapshot_pb2.Record(snapshot=snapshot).SerializeToString()
    assert CACHE.row(body) == plain(body)
    snapshot.resource_key, snapshot.latency_micros = b"", 7
    body = snapshot_pb2.Record(snapshot=snapshot).SerializeToString()
    assert '"latency":7' in CACHE.row(body)[-1]


def test_an_attribute_that_stands_twice() -> None:
    entries = [
        types_pb2.Subject(attributes={"level": types_pb2.Value(int_value=level)}).SerializeToString()
        for level in (5, 3)
    ]
    subject = b"".join(entries)
    facts = b"\x12" + bytes([len(subject)]) + subject
    snapshot = b"\x3a" + bytes([len(facts)]) + facts
    body = b"\x0a" + bytes([len(snapshot)]) + snapshot
    row = CACHE.row(body)
    assert row == plain(body)
    assert '"attributes":{"subject.level":3}' in row[-1]


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_cached, "MOST", 8)
    cache = ColumnCache()
    for number in range(100):
        facts = decision_service_pb2.DecideRequest(context={"n": types_pb2.Value(int_value=number)})
        snapshot = snapshot_pb2.Snapshot(
            request_id="r",
            facts=facts,
            policy_hash=f"h{number}",
            time_nanos=1,
            verdicts=[snapshot_pb2.RecordedVerdict(fields=[f"f{number}"])],
        )
        body = snapshot_pb2.Record(snapshot=snapshot).SerializeToString()
        assert cache.row(body) == plain(body)
    caches: list[Sized] = [cache._versions, cache._outcomes, cache._requests]
    sizes = [len(held) for held in [*caches, *cache._groups.values(), *cache._entries.values()]]
    assert max(sizes) <= 8
    assert min(sizes[:3]) > 0


@given(SNAPSHOTS)
@settings(max_examples=100, deadline=None)
def test_columns_are_found_altered(snapshot: snapshot_pb2.Snapshot) -> None:
    body = snapshot_pb2.Record(snapshot=snapshot).SerializeToString()
    held = columns.stored(body)
    assert columns.altered(held, body) == []
    for name in columns.NAMES:
        other = held[name] + 1 if isinstance(held[name], int) else held[name] + " x"
        assert columns.altered(held | {name: other}, body) == [name]


@pytest.mark.parametrize(
    ("written", "is_same"),
    [
        ('{ "address" : "a", "success": true, "details": {"n": "1"} }', True),
        ('{"success":true,"address":"\\u0061","details":{"n":"1"}}', True),
        ('{"address":"a","success":1,"details":{"n":"1"}}', False),
        ('{"address":"a","success":true,"details":{"n":1}}', False),
        ('{"address":"b","address":"a","success":true,"details":{"n":"1"}}', False),
        ("{", False),
        ("", False),
    ],
)
def test_json_that_is_written_otherwise(written: str, is_same: bool) -> None:
    operation = snapshot_pb2.Operation(success=True, address="a", details={"n": "1"})
    body = snapshot_pb2.Record(operation=operation).SerializeToString()
    held = columns.stored(body) | {"facts": written}
    assert columns.altered(held, body) == ([] if is_same else ["facts"])


@given(SNAPSHOTS)
@settings(max_examples=100, deadline=None)
def test_json_in_another_order(snapshot: snapshot_pb2.Snapshot) -> None:
    """As PostgreSQL gives it back."""
    body = snapshot_pb2.Record(snapshot=snapshot).SerializeToString()
    held = columns.stored(body)
    facts = json.loads(held["facts"])
    turned = json.dumps(dict(sorted(facts.items(), reverse=True)), ensure_ascii=False, indent=1)
    assert columns.altered(held | {"facts": turned}, body) == []
    facts["latency"] = float(facts["latency"]) + 0.5
    assert columns.altered(held | {"facts": json.dumps(facts)}, body) == ["facts"]


def test_numbers_that_are_written_otherwise() -> None:
    facts = decision_service_pb2.DecideRequest(context={"x": types_pb2.Value(double_value=1e22)})
    body = snapshot_pb2.Record(snapshot=snapshot_pb2.Snapshot(facts=facts)).SerializeToString()
    held = columns.stored(body)
    assert "1e+22" in held["facts"]
    as_database = held | {"facts": held["facts"].replace("1e+22", "1" + "0" * 22)}
    assert columns.altered(as_database, body) == []
    # The second is the same double.
    for digits in ("1" + "0" * 21 + "1", "1" + "0" * 22 + ".00001"):
        other = held | {"facts": held["facts"].replace("1e+22", digits)}
        assert columns.altered(other, body) == ["facts"]
