"""The failure rule: its document, what is wrong with it, its words, and what a change of it means."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pdp.control.changes import compare
from pdp.engine import bundle as bundles
from pdp.engine.program import Program
from pdp.engine.wire_masks import mask_parameters
from pdp.lang.check import check, check_folder
from pdp.lang.diagnostics import Diagnostic, Severity
from pdp.lang.loader import load_texts
from pdp.lang.resolved import ResolvedSet
from pdp.lang.sentence import failure_sentence
from pdp.masks import catalogue
from pdp.server.messages import MessageMaps
from pdp.v1 import bundle_pb2, control_pb2, decision_service_pb2
from pdp.values import parse_timestamp

POLICIES = Path(__file__).parents[2] / "policies"
NOW = parse_timestamp("2026-03-02T10:00:00+08:00")
SET = """
kind: Dictionary
defaults: {C1: mask}
fields:
  branch: {level: C1}
  mobile: {level: C2}
  card_cvv: {level: C3, never_unmask: true}
  id_no: {level: C3}
"""
RULE = 'kind: FailureRule\nlevels: {C1: pass, C2: mask, C3: mask}\nuntil: "2026-12-31T18:00:00+08:00"\n'


def checked(*texts: str) -> tuple[ResolvedSet | None, list[Diagnostic]]:
    policy_set, diagnostics = load_texts({f"f{n}.yaml": text for n, text in enumerate(texts)})
    found = check(policy_set, diagnostics, now=NOW)
    return found, [d for d in diagnostics.sorted() if d.severity is not Severity.INFO]


def made(*texts: str) -> bundle_pb2.Bundle:
    found, diagnostics = checked(*texts)
    assert found is not None, diagnostics
    return bundles.parse(bundles.build(found))


def test_the_document_reaches_the_bundle() -> None:
    rule = made(SET, RULE + "alarm: {events: 5, seconds: 10}\n").failure_rule
    assert list(rule.pass_levels) == ["C1"]
    assert rule.until_nanos == parse_timestamp("2026-12-31T10:00:00Z")
    assert (rule.alarm_events, rule.alarm_seconds) == (5, 10)


def test_what_is_left_out() -> None:
    assert not made(SET).HasField("failure_rule")
    rule = made(SET, "kind: FailureRule\nlevels: {}\n").failure_rule
    assert (list(rule.pass_levels), rule.until_nanos, rule.alarm_events, rule.alarm_seconds) == ([], 0, 100, 60)


def test_a_day_holds_to_its_end() -> None:
    rule = made(SET, "kind: FailureRule\nlevels: {C1: pass}\nuntil: 2026-06-30\n").failure_rule
    assert rule.until_nanos == parse_timestamp("2026-07-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        (RULE + "---\n" + RULE, "duplicate-document", (5, 1), "a policy set has one failure rule at most"),
        ("kind: FailureRule\nlevels: {C4: pass}\n", "unknown-key", (2, 10), "a mapping of levels has no key `C4`"),
        ("kind: FailureRule\nlevels: {C1: show}\n", "bad-value", (2, 14), "`C1` cannot be `show`"),
        ("kind: FailureRule\nlevels: {C1: pass}\n", "missing-key", (1, 1), "has no `until`, and lets fields pass"),
        ("kind: FailureRule\n", "missing-key", (1, 1), "the FailureRule document has no `levels`"),
        ("kind: FailureRule\nlevels: {C1: pass}\nuntil: soon\n", "bad-value", (3, 8), "`until` cannot be `soon`"),
        ("kind: FailureRule\nlevels: {}\nuntil: 2026-02-30\n", "bad-value", (3, 8), "`until` cannot be `2026-02-30`"),
        ("kind: FailureRule\nlevels: {}\nalarm: {events: 0}\n", "bad-value", (3, 17), "`events` is 0, outside 1 to"),
        ("kind: FailureRule\nlevels: {}\nalarms: {}\n", "unknown-key", (3, 1), "has no key `alarms`"),
        ("kind: FailureRules\nlevels: {}\n", "unknown-kind", (1, 7), "`FailureRules` is not a kind of document"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, code: str, place: tuple[int, int], message: str) -> None:
    found, diagnostics = checked(SET, text)
    assert found is None
    (problem,) = diagnostics
    assert (problem.code, problem.span.file) == (code, "f1.yaml")
    assert (problem.span.line, problem.span.column) == place
    assert message in problem.message
    assert problem.hint or problem.related or "outside" in problem.message


@pytest.mark.parametrize(
    ("levels", "until", "codes"),
    [
        ("{C1: pass}", "2026-12-31", []),
        ("{C1: pass}", '"2026-03-02T10:00:00+08:00"', ["failure-rule-over"]),
        ("{C1: pass}", "2027-03-02", []),
        ("{C1: pass}", "2027-03-04", ["failure-rule-long"]),
        ("{C3: pass}", "2026-12-31", ["failure-rule-c3"]),
        ("{C1: mask}", "2020-12-31", []),
    ],
)
def test_warnings(levels: str, until: str, codes: list[str]) -> None:
    found, diagnostics = checked(SET, f"kind: FailureRule\nlevels: {levels}\nuntil: {until}\n")
    assert found is not None
    assert [d.code for d in diagnostics] == codes


def test_in_words() -> None:
    said = failure_sentence(["C1", "C2"], parse_timestamp("2027-06-30T10:00:00Z"), 100, 60)
    assert said.zh == (
        "无法取得裁决时，C1、C2 级字段原样显示，至 2027-06-30T10:00:00Z 为止；其余及永不明文的字段按默认方式脱敏。"
        "60 秒内超过 100 条报文时告警。"
    )
    assert said.en == (
        "while no verdict can be had, fields of level C1 and C2 are shown as they are until 2027-06-30T10:00:00Z; "
        "all others, and those that are never unmasked, are masked by their default masks; clients alarm above 100 "
        "messages in 60 s"
    )
    assert "every field is masked" in failure_sentence([], 0, 100, 60).en


def changes(before: tuple[str, ...], after: tuple[str, ...]) -> list[control_pb2.MeaningChange]:
    found = compare(None, control_pb2.Sources(), bundle_before=made(*before), bundle_after=made(*after))
    return list(found.meaning)


ALL = RULE.replace("C2: mask", "C2: pass").replace("C3: mask", "C3: pass")
LATER = RULE.replace("2026-12-31", "2027-01-01")
NONE = "kind: FailureRule\nlevels: {C1: mask}\n"
ALARM = RULE + "alarm: {events: 5}\n"


@pytest.mark.parametrize(
    ("before", "after", "fields", "may_unmask"),
    [
        ((), (RULE,), ["branch"], True),
        ((RULE,), (), ["branch"], False),
        ((RULE,), (ALL,), ["id_no", "mobile"], True),
        ((ALL,), (RULE,), ["id_no", "mobile"], False),
        ((RULE,), (LATER,), ["branch"], True),
        ((LATER,), (RULE,), ["branch"], False),
        ((), (NONE,), [], False),
        ((RULE,), (ALARM,), [], False),
    ],
)
def test_what_a_change_means(
    before: tuple[str, ...], after: tuple[str, ...], fields: list[str], may_unmask: bool
) -> None:
    (change,) = changes((SET, *before), (SET, *after))
    assert (change.subject, change.id) == (control_pb2.CHANGE_SUBJECT_FAILURE_RULE, "failure-rule")
    assert (list(change.fields), change.may_unmask) == (fields, may_unmask)
    (part,) = change.parts
    assert (part.part, part.before != part.after) == ("sentence", True)


def test_a_field_that_passes_by_its_new_level_may_show_in_clear() -> None:
    (change,) = changes((SET, RULE), (SET.replace("mobile: {level: C2}", "mobile: {level: C1}"), RULE))
    assert (change.id, change.may_unmask) == ("mobile", True)
    (change,) = changes((SET,), (SET.replace("mobile: {level: C2}", "mobile: {level: C1}"),))
    assert (change.id, change.may_unmask) == ("mobile", False)


def test_masks_are_numbered_by_strictness() -> None:
    bundle = made(
        """
kind: Attributes
attributes: {context.menu: {type: string}}
---
kind: Masks
masks:
  wide: {algorithm: keep, prefix: 4, suffix: 4}
  narrow: {algorithm: keep, prefix: 1}
---
kind: Dictionary
fields:
  a: {level: C2, mask: wide}
  b: {level: C2, mask: {algorithm: keep, prefix: 4, suffix: 4}}
  c: {level: C2}
---
kind: Policy
id: p
rules:
  - {id: r1, when: [context.menu == "1"], fields: [a], mask: narrow}
  - {id: r2, when: [context.menu == "2"], fields: [a], unmask: true}
  - {id: r3, when: [context.menu == "3"], fields: [a], mask: {algorithm: suppress}}
  - {id: r4, when: [context.menu == "4"], fields: [a], mask: default}
"""
    )
    assert {field.id: field.default_strictness for field in bundle.fields} == {"a": 1, "b": 1, "c": 3}
    (policy,) = bundle.policies
    assert [rule.strictness for rule in policy.rules] == [2, 0, 4, 0]


MAPPED = (
    SET
    + """
---
kind: MessageMap
application: counter
message: customer
fields: {mobile: $.m, card_cvv: $.c, branch: $.b}
each:
  - {name: accounts, path: $.accounts, fields: {id_no: $.i, mobile: $.m}}
"""
)


def message_map(*texts: str) -> decision_service_pb2.GetMessageMapResponse:
    found, _ = checked(*texts)
    assert found is not None
    asked = decision_service_pb2.GetMessageMapRequest(application="counter", name="customer")
    answer = MessageMaps(Program.from_bundle(bundles.build(found, 3))).get(asked.SerializeToString())
    return decision_service_pb2.GetMessageMapResponse.FromString(answer)


def test_a_message_map_tells_what_holds_without_a_verdict() -> None:
    answer = message_map(MAPPED, ALL + "alarm: {events: 5, seconds: 10}\n")
    told = [(f.field, f.level, getattr(f, "pass"), f.mask.algorithm) for f in answer.fallbacks]
    assert told == [
        ("branch", "C1", True, "full"),
        ("card_cvv", "C3", False, "full"),
        ("id_no", "C3", True, "full"),
        ("mobile", "C2", True, "full"),
    ]
    assert answer.pass_until_nanos == parse_timestamp("2026-12-31T10:00:00Z")
    assert (answer.alarm_events, answer.alarm_seconds, answer.revision) == (5, 10, 3)


@pytest.mark.parametrize("texts", [(MAPPED,), (MAPPED, NONE)])
def test_nothing_passes_without_a_rule_that_says_so(texts: tuple[str, ...]) -> None:
    answer = message_map(*texts)
    assert [getattr(f, "pass") for f in answer.fallbacks] == [False] * 4
    assert (answer.pass_until_nanos, answer.alarm_events, answer.alarm_seconds) == (0, 100, 60)


def test_numbers_order_the_sample_banks_masks_as_the_catalogue_does_and_change_no_decision() -> None:
    found = check_folder(POLICIES, analyse=False).resolved
    assert found is not None
    signed = bundles.build(found)
    bundle = bundles.parse(signed)
    rules = [rule for policy in bundle.policies for rule in policy.rules]
    numbered = [(field.default_strictness, field.default_mask) for field in bundle.fields]
    numbered += [(rule.strictness, rule.mask) for rule in rules if rule.HasField("mask")]
    keys = {number: catalogue.strictness(mask.algorithm, mask_parameters(mask)) for number, mask in numbered}
    assert [keys[number] for number in sorted(keys)] == sorted(set(keys.values()))
    assert all(keys[n] == catalogue.strictness(m.algorithm, mask_parameters(m)) for n, m in numbered)
    assert all((rule.strictness > 0) == rule.HasField("mask") for rule in rules)
    for message in (*bundle.fields, *rules):
        message.ClearField("default_strictness" if isinstance(message, bundle_pb2.FieldDefinition) else "strictness")
    data = bundle.SerializeToString(deterministic=True)
    bare = bundle_pb2.SignedBundle(bundle=data, hash=hashlib.sha256(data).hexdigest())
    with_numbers, without = Program.from_bundle(signed), Program.from_bundle(bare)
    for case in bundle.golden_cases:
        said = [
            decision_service_pb2.DecideResponse.FromString(program.decide(case.request, case.now_nanos))
            for program in (with_numbers, without)
        ]
        for answer in said:
            answer.ClearField("decision_id")
            answer.ClearField("policy_hash")
        assert said[0] == said[1]
