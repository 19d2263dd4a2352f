"""Records that are cut into pieces come to the same as those that protobuf takes apart."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.engine.wire import length_delimited
from pdp.snapshot.recorder import recorder
from pdp.snapshot.replay import cut, facts, replayer
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.facts import FactsReader
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.replayer import Replayer
from pdp.snapshot.replay.wire import FactsPart
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, types_pb2
from tests.strategies import PROPERTY, sources
from tests.unit.test_replay import NOW, built, request

KEYS = ResourceKeys({"k1": b"0" * 32})
SET = built(
    "resource.balance < 500000", 'context.desk == "A" && subject.level > 3', 'resource.branch == "0101"',
    more="  context.desk: {type: string, label: {zh: 柜台, en: desk}}",
)  # fmt: skip
NAMES = ("subject.id", "subject.level", "context.desk", "action.name", "resource.kind", "resource.id")
# Of the second ones, some are the tags that stand between the entries of maps.
CHARACTERS = ("a7柜", "*\x1a\x12\na")


def tag(message: Any, field: str) -> int:
    found = message.DESCRIPTOR.fields_by_name[field]
    kinds = {found.TYPE_INT64: 0, found.TYPE_ENUM: 0, found.TYPE_SFIXED64: 1, found.TYPE_FIXED32: 5}
    number: int = found.number << 3 | kinds.get(found.type, 2)
    # Of more than four bits, a number is written in two bytes.
    return number if number < 0x80 else 0x80 | number & 0x7F | number >> 7 << 8


def test_tags_are_those_of_the_messages() -> None:
    of = snapshot_pb2.Snapshot
    names = "decision_id request_id revision policy_hash time_nanos caller facts resource_key buckets hashes withheld"
    assert [tag(of, name) for name in names.split()] == [
        cut._DECISION_ID, cut._REQUEST_ID, cut._REVISION, cut._POLICY_HASH, cut._TIME, cut._CALLER, cut._FACTS,
        cut._RESOURCE_KEY, cut._BUCKETS, cut._HASHES, cut._WITHHELD,
    ]  # fmt: skip
    assert tag(snapshot_pb2.Record, "snapshot") == cut._RECORD_SNAPSHOT
    assert tag(of, "latency_micros").to_bytes(2, "little") == cut._LATENCY
    assert {tag(of, name) for name in ("key_id", "verdicts", "obligations", "diagnostics")} == cut._TEXTS
    assert {tag(of, name) for name in ("severity", "source")} == cut._NUMBERS
    asked = decision_service_pb2.DecideRequest
    assert [tag(asked, "subject"), tag(asked, "context")] == [facts._SUBJECT, facts._CONTEXT[0]]
    assert [tag(types_pb2.Subject, "id"), tag(types_pb2.Subject, "attributes")] == [facts._ID, facts._ATTRIBUTE[0]]


def recorded(*asked: decision_service_pb2.DecideRequest, caller: str = "") -> list[bytes]:
    """Return the records of requests, each alone and all as a batch."""
    notes, program = Notes(), Program.from_bundle(SET, recorder=recorder(KEYS))
    notes.caller = caller
    batch = decision_service_pb2.DecideBatchRequest(subject=asked[0].subject, context=asked[0].context)
    for each in asked:
        program.decide(each.SerializeToString(), NOW, None, notes)
        batch.items.add(resource=each.resource, fields=each.fields)
    program.decide_batch(batch.SerializeToString(), NOW, None, notes)
    return [body for _, body in notes.take()]


def some_requests() -> list[decision_service_pb2.DecideRequest]:
    found: list[decision_service_pb2.DecideRequest] = []
    for balance, level, desk in ((700_000, 3, "A"), (300_000, 5, "A"), (1, 5, "B"), (300_000, 4, "*")):
        asked = request(balance, level, request_id=f"R{len(found)}")
        asked.context["desk"].string_value = desk
        asked.context["trace"].string_value = f"no {len(found)}"  # not declared
        found.append(asked)
    return found


def both(body: bytes, quick: Replayer, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return what becomes of a record as it is replayed, and as it is when nothing can be cut."""
    origin = Origin(bundle_pb2.Bundle.FromString(SET.bundle))
    with monkeypatch.context() as patch:
        patch.setattr(replayer, "cut", lambda _: None)
        place, result = Replayer(Candidate(SET), lambda _: origin).replay(body)
    found_place, found = quick.replay(body)
    return (place, result.decided, result.changes, result.lacks), (
        found_place, found.decided, found.changes, found.lacks,
    )  # fmt: skip


def a_replayer() -> Replayer:
    origin = Origin(bundle_pb2.Bundle.FromString(SET.bundle))
    return Replayer(Candidate(SET), lambda _: origin)


@pytest.mark.parametrize("caller", ["", "counter-system"])
def test_what_was_met_before_is_cut_and_comes_to_the_same(caller: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, bodies = a_replayer(), recorded(*some_requests(), caller=caller)
    assert len(bodies) == 8
    for body in bodies:
        slow, found = both(body, quick, monkeypatch)
        assert slow == found
    monkeypatch.setattr(quick, "_by_message", None)  # all are known by their pieces
    for body in bodies:
        quick.replay(body)


def test_what_is_remembered_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, bodies = a_replayer(), recorded(*some_requests())
    monkeypatch.setattr(replayer, "MAX_PLANS", 2)
    monkeypatch.setattr(replayer, "MAX_VERDICTS", 1)
    for body in bodies * 2:
        slow, found = both(body, quick, monkeypatch)
        assert slow == found
        assert len(quick._outcomes) <= 1
        assert all(len(read.plans) <= 3 for read in quick._verdicts.values())


@pytest.mark.parametrize(
    "more",
    [
        b"\x22\x00", b"\x22\x03abc", b"\x29" + bytes(8), b"\x42\x00", b"\x3a\x00", b"\x8a\x01\x04\x0a\x02G1",
        b"\x90\x01\x02", b"\x82\x01\x00", b"\x4a\x02k2", b"\x6a\x00", b"\xa2\x01\x01x",
    ],
)  # fmt: skip
def test_fields_that_stand_where_they_do_not_belong_are_read_by_protobuf(
    more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, body = a_replayer(), recorded(*some_requests())[0]
    snapshot = snapshot_pb2.Record.FromString(body).snapshot.SerializeToString()
    assert cut.cut(body) is not None
    latency = snapshot[-6:]
    odd = length_delimited(b"\x0a", snapshot[:-6] + more + latency)
    for each in (body, odd, body, odd):
        slow, found = both(each, quick, monkeypatch)
        assert slow == found


def with_diagnostics(number: int) -> bytes:
    """Return a record of a request without its balance; its number is all that tells it from others."""
    return recorded(request(balance=None, request_id=f"R{number}"))[0]


def test_records_with_diagnostics_are_cut_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, bodies = a_replayer(), [with_diagnostics(number) for number in range(3)]
    assert snapshot_pb2.Record.FromString(bodies[0]).snapshot.diagnostics
    slow, found = both(bodies[0], quick, monkeypatch)
    assert slow == found
    monkeypatch.setattr(quick, "_by_message", None)  # the others are known by their pieces
    for body in bodies[1:]:
        _, found = both(body, quick, monkeypatch)
        assert slow == found


def test_what_looks_like_a_latency_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = a_replayer()
    for mask in ("\u075d\x01abcd", "a\u075d\x01", "a\u075d\x01\u075d\x01abc"):
        record = snapshot_pb2.Record.FromString(with_diagnostics(0))
        record.snapshot.verdicts[0].mask = mask
        body = record.SerializeToString()
        pieces = cut.cut(body)
        assert pieces is not None
        assert not cut.is_outcome(pieces[4])
        for _ in range(2):
            slow, found = both(body, quick, monkeypatch)
            assert slow == found
    assert not quick._outcomes


@pytest.mark.parametrize("body", [recorded(*some_requests())[0], with_diagnostics(0)], ids=["usual", "diagnostics"])
def test_a_record_that_is_cut_off_anywhere_is_never_taken_for_another(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = a_replayer()
    quick.replay(body)
    snapshot = snapshot_pb2.Record.FromString(body).snapshot.SerializeToString()
    for size in range(0, len(snapshot), 3):
        for odd in (body[: size + 3], length_delimited(b"\x0a", snapshot[:size])):
            slow, found = both(odd, quick, monkeypatch)
            assert slow == found


@pytest.mark.parametrize("data", [b"\x6a\x05abc", b"\x6a", b"\x0a\x00", b"\x8a\x01\x00", b"\x78\x80", b"\x90"])
def test_what_is_no_outcome_is_told(data: bytes) -> None:
    assert not cut.is_outcome(data)
    assert cut.is_outcome(b"\x4a\x02k1\x78\x02\x90\x01\x01")


class TestFacts:
    @staticmethod
    def text(source: Random, *, empty: bool = True) -> str:
        size = source.choice([*range(not empty, 6)] * 4 + [20, 26, 36, 42, 130])
        characters = CHARACTERS[source.random() < 0.1]
        return "".join(source.choice(characters) for _ in range(size))

    def value(self, source: Random) -> types_pb2.Value:
        if source.random() < 0.6:
            return types_pb2.Value(string_value=self.text(source))
        return types_pb2.Value(int_value=source.choice([0, 1, 2, 3, 5, 18, 26, 42, 5_000_000]))

    def part(self, source: Random) -> bytes:
        """Return some facts, which may be a part of others."""
        found = decision_service_pb2.DecideRequest()
        for root, of in (("subject", found.subject), ("action", found.action), ("resource", found.resource)):
            if source.random() < 0.1:
                found.ClearField(root)
                continue
            for key in source.sample(["level", "kind", "id", self.text(source, empty=False)], source.randint(0, 3)):
                of.attributes[key].CopyFrom(self.value(source))
        if found.HasField("subject"):
            found.subject.id = self.text(source)
            found.subject.roles.extend(self.text(source) for _ in range(source.randint(0, 3)))
        if found.HasField("action"):
            found.action.name = self.text(source)
        for key in source.sample(["desk", "menu", self.text(source, empty=False)], source.randint(0, 3)):
            found.context[key].CopyFrom(self.value(source))
        if source.random() < 0.2:
            found.message.name = self.text(source)
        if source.random() < 0.2:
            found.grant_ids.append(self.text(source))
        data: bytes = found.SerializeToString()
        return data

    @settings(PROPERTY, max_examples=300)
    @given(source=sources())
    def test_are_read_as_protobuf_reads_them(self, source: Random) -> None:
        reader, other = FactsReader(NAMES), FactsReader(NAMES)
        for _ in range(3):
            whole = b"".join(self.part(source) for _ in range(source.choice([1, 1, 1, 2])))
            for _ in range(2):  # the second time, entries are known
                self.assert_same(reader, other, whole)

    @staticmethod
    def assert_same(reader: FactsReader, other: FactsReader, whole: bytes) -> None:
        """What stands for an attribute may be written in two ways; it is there, and it says the same."""
        expected = other._read_message(FactsPart.FromString(whole))
        found = reader.read(whole)
        assert found[1:] == [*map(lambda one, two: one if not one and not two else two, found, expected)][1:]

    def test_usual_ones_need_no_protobuf(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reader = FactsReader(NAMES)
        [snapshot] = [snapshot_pb2.Record.FromString(body).snapshot for body in recorded(request())[:1]]
        data = snapshot.facts.SerializeToString()
        once = reader.read(data)
        monkeypatch.setattr(facts, "FactsPart", None)
        assert reader.read(data) == once
