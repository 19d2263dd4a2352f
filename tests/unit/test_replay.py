"""What can be concluded from a record, and what not: each case by hand."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pdp.control import sources
from pdp.engine.bundle import parse
from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.engine.wire import length_delimited
from pdp.server.staff.impact import compile_text
from pdp.snapshot.recorder import recorder
from pdp.snapshot.replay import sieve
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.known import inside
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.recorded import Result
from pdp.snapshot.replay.replayer import Replayer
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2
from pdp.values import AttributeType

NOW = 1_790_000_000_000_000_000
KEYS = ResourceKeys({"k1": b"0" * 32})
SET = """
kind: Attributes
attributes:
  subject.level: {{type: int, label: {{zh: 级别, en: level}}}}
  subject.roles: {{record: {roles}, label: {{zh: 角色, en: roles}}}}
  resource.balance: {{type: int, record: bucket, label: {{zh: 余额, en: balance}}}}
  resource.branch: {{type: string, record: hash, label: {{zh: 机构, en: branch}}}}
{more}
---
kind: Masks
masks:
  mobile: {{label: {{zh: 手机号, en: mobile}}, algorithm: keep, prefix: {prefix}, suffix: 4}}
---
kind: Dictionary
defaults: {{C1: unmask, C2: mask, C3: mask}}
fields:
  mobile: {{label: {{zh: 手机号, en: mobile number}}, level: C2, mask: mobile}}
---
kind: Policy
id: core
title: {{zh: 核心, en: core}}
rules:
{rules}
"""


def built(
    *conditions: str, prefix: int = 3, roles: str = "full", more: str = "", mask: bool = False
) -> bundle_pb2.SignedBundle:
    """Return a set with a rule for each condition, the first of the highest priority; all unmask, or all mask."""
    effect = "mask: {algorithm: full}" if mask else "unmask: true"
    rules = [
        f"  - {{id: r{number}, title: {{zh: 规则, en: rule}}, when: ['{condition}'], fields: [mobile], "
        f"priority: {-number}, {effect}}}"
        for number, condition in enumerate(conditions)
    ]
    text = SET.format(rules="\n".join(rules), prefix=prefix, roles=roles, more=more)
    return compile_text(sources.of({"set.yaml": text}))


def request(balance: int | None = 700_000, level: int = 3, **more: Any) -> decision_service_pb2.DecideRequest:
    found = decision_service_pb2.DecideRequest(fields=["mobile"], **more)
    found.subject.id = "T1"
    found.subject.roles.append("teller")
    found.subject.attributes["level"].int_value = level
    found.resource.type = "customer"
    found.resource.attributes["branch"].string_value = "0101"
    if balance is not None:
        found.resource.attributes["balance"].int_value = balance
    return found


def replay(
    then: bundle_pb2.SignedBundle, now: bundle_pb2.SignedBundle, asked: decision_service_pb2.DecideRequest, **more: Any
) -> Result:
    notes = Notes()
    body = _recorded(then, asked, notes, **more)
    origin = Origin(parse(then))
    return Replayer(Candidate(now), lambda _: origin).replay(body)[1]


def _recorded(
    then: bundle_pb2.SignedBundle, asked: decision_service_pb2.DecideRequest, notes: Notes, **more: Any
) -> bytes:
    Program.from_bundle(then, recorder=recorder(KEYS), **more).decide(asked.SerializeToString(), NOW, None, notes)
    [(_, body)] = notes.take()
    return body


def kinds(result: Result) -> list[str]:
    return [change.kind for change in result.changes]


class TestBuckets:
    """A balance of 700 000 is kept as above 500 000 and below 1 000 000."""

    THEN = built("resource.balance < 500000")

    @pytest.mark.parametrize(
        ("condition", "changes"),
        [
            ("resource.balance < 1000000", ["masked>clear"]),
            ("resource.balance >= 1000000", []),
            ("resource.balance != 500000", ["masked>clear"]),
            ("resource.balance == 2000000", []),
            ("500000 < resource.balance", ["masked>clear"]),
        ],
    )
    def test_tell_what_lies_at_or_beyond_their_edges(self, condition: str, changes: list[str]) -> None:
        result = replay(self.THEN, built(condition), request())
        assert (kinds(result), result.lacks) == (changes, frozenset())

    @pytest.mark.parametrize(
        "condition",
        [
            "resource.balance < 600000", "resource.balance == 700000", "resource.balance != 700000",
            "resource.balance in [600000, 2000000]", "resource.balance % 2 == 0", "resource.balance * 2 > 10",
        ],
    )  # fmt: skip
    def test_tell_nothing_of_what_lies_inside_or_is_calculated(self, condition: str) -> None:
        result = replay(self.THEN, built(condition), request())
        assert (result.changes, result.lacks, result.undecidable) == ((), {"resource.balance"}, True)

    def test_do_not_matter_where_another_rule_decides(self) -> None:
        result = replay(self.THEN, built("subject.level >= 3", "resource.balance == 700000"), request())
        assert (kinds(result), result.lacks) == (["masked>clear"], frozenset())

    def test_are_told_by_the_clause_itself_where_another_one_looks_inside(self) -> None:
        now = built("resource.balance > 400000 || resource.balance == 600000")
        assert kinds(replay(self.THEN, now, request())) == ["masked>clear"]

    def test_absent_is_known_to_be_absent(self) -> None:
        result = replay(self.THEN, built("resource.balance == 700000"), request(balance=None))
        assert (result.decided, result.changes) == (("mobile",), ())


@pytest.mark.parametrize(
    ("kind", "above", "below", "value"),
    [
        (AttributeType.INT, 9.2e18, 1e19, True), (AttributeType.INT, 3, 4, None), (AttributeType.INT, 3, 4.5, 4),
        (AttributeType.INT, None, None, True), (AttributeType.DOUBLE, 1e308, None, True),
        (AttributeType.DOUBLE, -1e308, 1e308, True), (AttributeType.DOUBLE, 0.0, 5e-324, None),
        (AttributeType.TIMESTAMP, None, 0, True), (AttributeType.DURATION, 0, None, True),
    ],
)  # fmt: skip
def test_a_value_inside_two_edges_is_found_where_there_is_one(
    kind: AttributeType, above: Any, below: Any, value: Any
) -> None:
    found = inside(kind, above, below)
    if value is True:
        assert above is None or found > above
        assert below is None or found < below
    else:
        assert found == value


class TestWhatWasNotKept:
    def test_a_hash_tells_nothing_of_another_condition(self) -> None:
        result = replay(built('resource.branch == "0101"'), built('resource.branch == "0102"'), request())
        assert result.lacks == {"resource.branch"}

    @pytest.mark.parametrize("branch", ["0101", "0102"])
    def test_a_condition_that_decided_then_is_known_to_have_held_or_not(self, branch: str) -> None:
        rule = f'resource.branch == "{branch}"'
        same = replay(built(rule), built(rule), request())
        assert (same.decided, same.changes, same.lacks) == (("mobile",), (), frozenset())
        masks = replay(built(rule), built(rule, mask=True), request())
        # That a rule did not unmask may also be for want of an attribute, and then one that masks applies.
        told = (["clear>masked"], frozenset()) if branch == "0101" else ([], {"resource.branch"})
        assert (kinds(masks), masks.lacks) == told

    def test_what_was_not_declared_then_may_have_been_there(self) -> None:
        more = "  context.shift: {type: string, label: {zh: 班次, en: shift}}"
        now = built('context.shift == "night"', more=more)
        then = built("subject.level >= 5")
        asked = request()
        assert not replay(then, now, asked).lacks
        asked.context["other"].string_value = "x"
        assert replay(then, now, asked).lacks == {"context.shift"}

    def test_a_default_of_the_candidate_counts_where_nothing_was_sent(self) -> None:
        more = "  context.shift: {type: string, default: night, label: {zh: 班次, en: shift}}"
        now = built('context.shift == "night"', more=more)
        assert kinds(replay(built("subject.level >= 5"), now, request())) == ["masked>clear"]

    def test_roles_that_were_withheld_are_not_taken_for_none(self) -> None:
        then = built("subject.level >= 5", roles="none")
        for condition in ('"lead" in subject.roles', "size(subject.roles) == 0", '!("teller" in subject.roles)'):
            assert replay(then, built(condition, roles="none"), request()).lacks == {"subject.roles"}


class TestSharing:
    """One replayer tells records apart by what conditions read of them, and by nothing else."""

    @pytest.mark.parametrize(
        ("condition", "shown"),
        [
            ('subject.id == "T1"', ["T1"]), ('"teller" in subject.roles', ["T1", "T2"]),
            ('subject.id == "T1" && "teller" in subject.roles', ["T1"]),
            ('subject.id != "T1" || subject.level > 3', ["T2"]), ('size(subject.roles) == 0', []),
        ],
    )  # fmt: skip
    def test_a_key_called_as_a_part_of_a_request_is_not_taken_for_it(self, condition: str, shown: list[str]) -> None:
        then, now = built("subject.level >= 5"), built(condition)
        notes, origin = Notes(), Origin(parse(then))
        replayer = Replayer(Candidate(now), lambda _: origin)
        found = []
        for number in range(4):
            asked = request()
            asked.subject.id = f"T{number % 2 + 1}"
            body = _recorded(then, asked, notes)
            # Nobody may declare such names, but a caller may send them.
            record = snapshot_pb2.Record.FromString(body)
            for key, other in (("id", "T1"), ("roles", "lead")):
                record.snapshot.facts.subject.attributes[key].string_value = other
            result = replayer.replay(record.SerializeToString())[1]
            if kinds(result) == ["masked>clear"]:
                found.append(asked.subject.id)
        assert found == shown * 2


@pytest.mark.parametrize(("kept", "crowd"), [(0, 100), (1, 100), (100, 100), (100, 0), (100, 1), (100, 2)])
def test_surroundings_are_told_apart_whether_they_are_remembered_or_not(
    kept: int, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sieve, "_MOST_SURROUNDINGS", kept)
    monkeypatch.setattr(sieve, "_CROWD", crowd)
    more = "\n".join(f"  context.{name}: {{type: string, label: {{zh: 名, en: name}}}}" for name in ("shift", "desk"))
    now = built('context.shift == "night" && context.desk == "A" && action.name == "query"', more=more)
    then = built("subject.level >= 5", more=more)
    origin = Origin(parse(then))
    replayer = Replayer(Candidate(now), lambda _: origin)
    shown = []
    for shift, desk, action in [*itertools.product(("day", "night", ""), "AB", ("query", "print"))] * 2:
        asked = request()
        asked.action.name = action
        asked.context["desk"].string_value = desk
        if shift:
            asked.context["shift"].string_value = shift
        if replayer.replay(_recorded(then, asked, Notes()))[1].changes:
            shown.append((shift, desk, action))
    assert shown == [("night", "A", "query")] * 2


def test_what_has_many_values_is_not_looked_up_together_with_where_somebody_asks() -> None:
    more = "\n".join(
        f"  context.{name}: {{type: string, label: {{zh: 名, en: name}}}}" for name in ("menu", "desk", "no")
    )
    now = built('context.menu == "1" && context.desk == "A" && context.no.startsWith("7")', more=more)
    then = built("subject.level >= 5", more=more)
    origin, candidate, notes = Origin(parse(then)), Candidate(now), Notes()
    replayer = Replayer(candidate, lambda _: origin)
    asked, shown = request(), []
    for number in range(2 * sieve._CROWD):
        for name, value in (("menu", str(number % 2)), ("desk", "AB"[number % 3 == 0]), ("no", str(number))):
            asked.context[name].string_value = value
        if replayer.replay(_recorded(then, asked, notes))[1].changes:
            shown.append(number)
    assert shown == [n for n in range(2 * sieve._CROWD) if n % 2 and n % 3 and str(n).startswith("7")]
    # The menu and the desk alone: what was remembered with each number before is forgotten.
    assert [len(found) for found in candidate._sieve._around.values()] == [0, 4]
    assert candidate._sieve._around_kept == 4


class TestMasks:
    def test_other_parameters_are_a_change(self) -> None:
        [change] = replay(built("subject.level >= 5"), built("subject.level >= 5", prefix=2), request()).changes
        assert (change.kind, change.before.mask and change.before.mask.shown) == ("mask>mask", "mobile")
        assert change.after.mask is not None
        assert change.after.mask.shown == "mobile"


class TestGrants:
    """What a grant covered is not recorded."""

    class Source:
        def get(self, grant_id: str) -> bundle_pb2.Grant | None:
            return bundle_pb2.Grant(
                id=grant_id, kind="supervisor", subject_id="T1", resource_type="customer", approver_level=4,
                expires_at_nanos=NOW + 1,
            )  # fmt: skip

    def test_a_field_that_was_shown_under_it_was_covered(self) -> None:
        then, now = built("grant.active"), built("grant.approver_level >= 3")
        result = replay(then, now, request(grant_ids=["G1"]), grants=self.Source())
        assert (result.decided, result.changes) == (("mobile",), ())
        stricter = replay(then, built("grant.approver_level >= 5"), request(grant_ids=["G1"]), grants=self.Source())
        assert kinds(stricter) == ["clear>masked"]

    def test_any_other_field_may_not_have_been(self) -> None:
        then, now = built("subject.level >= 5"), built("grant.active")
        result = replay(then, now, request(grant_ids=["G1"]), grants=self.Source())
        assert result.lacks == {"grant.covers"}


@pytest.mark.parametrize(
    "piece",
    [
        b"\x5a\x00", b"\x5a\x01\x0a",  # an entry of `hashes` without a name
        b"\x3a\x04\x2a\x02\x0a\x05", b"\x3a\x03\x2a\x01\xff",  # an entry of the context that ends too early
        b"\x3a\x0b\x2a\x09\x0a\x01k\x12\x04\x0a\x02\xc3\x28",  # a text that is no UTF-8
    ],
)  # fmt: skip
def test_a_damaged_entry_is_told_as_such(piece: bytes) -> None:
    then = built("subject.level >= 3")
    origin = Origin(parse(then))
    replayer = Replayer(Candidate(then), lambda _: origin)
    snapshot = snapshot_pb2.Record.FromString(_recorded(then, request(), Notes())).snapshot.SerializeToString()
    for more, lacks in ((b"", frozenset()), (piece, {"record"})):
        body = length_delimited(b"\x0a", snapshot + more)
        assert replayer.replay(body)[1].lacks == lacks


def test_damaged_bytes_are_told_as_such() -> None:
    result = Replayer(Candidate(built("subject.level >= 5")), lambda _: None).replay(b"\x0a\xff")[1]
    assert (result.lacks, result.undecidable) == ({"record"}, True)
