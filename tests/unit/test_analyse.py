"""What the analyser says about small policy sets, and that its requests do in the engine what it says they do."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, timestamp_pb2

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.analyse import analyse
from pdp.lang.check import check, check_folder
from pdp.lang.diagnostics import Diagnostic, Severity, render_text, to_json
from pdp.lang.loader import load_texts
from pdp.lang.model import Effect
from pdp.lang.resolved import ResolvedSet, Rule
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

BASE = """
kind: Attributes
attributes:
  subject.level: {type: int, label: l, values: [{value: 1, label: a}, {value: 2, label: b}, {value: 3, label: c}]}
  subject.branch: {type: string, label: b}
  subject.branches: {type: list(string), label: bs}
  subject.skills: {type: list(string), label: s, values: [{value: loans, label: l}, {value: wealth, label: w}]}
  resource.balance: {type: double, label: b}
  resource.age: {type: int, label: a}
  resource.branch: {type: string, label: b}
  resource.vip: {type: bool, label: v}
  resource.flags: {type: "map(string, string)", label: f}
  resource.frozen_until: {type: timestamp, label: f}
  resource.term: {type: duration, label: t}
  resource.scores: {type: list(int), label: s}
  context.menu: {type: string, label: m, default: home}
  context.channel: {type: string, label: c, values: [{value: counter, label: c}, {value: phone, label: p}]}
  context.signed_in_at: {type: timestamp, label: s}
---
kind: Dictionary
fields:
  mobile: {label: m, level: C2, category: contact, mask: {algorithm: keep, prefix: 3, suffix: 4}}
  email: {label: e, level: C2, category: contact}
  name: {label: n, level: C2, category: identity}
"""


def resolve(rules: str, scope: str = "{}", variables: str = "{}") -> ResolvedSet:
    """Return a set with one policy `p` of these rules, fields `[mobile]` and title added where they lack."""
    lines = []
    for line in textwrap.dedent(rules).strip().splitlines():
        body = line.strip().removeprefix("- {").removesuffix("}")
        body += "" if "fields:" in body else ", fields: [mobile]"
        lines.append(f"  - {{{body}, title: t}}")
    policy = f"kind: Policy\nid: p\ntitle: t\nscope: {scope}\nvariables: {variables}\nrules:\n" + "\n".join(lines)
    loaded, diagnostics = load_texts({"base.yaml": BASE, "policy.yaml": policy})
    resolved = check(loaded, diagnostics, analyse=False)
    assert resolved is not None, [item.message for item in diagnostics.items]
    return resolved


def summary(found: list[Diagnostic], resolved: ResolvedSet) -> list[str]:
    """Return findings as `code rule [other rules]`."""
    by_span = {rule.span: rule.id for policy in resolved.policies for rule in policy.rules}
    lines = []
    for item in found:
        others = " ".join(by_span[r.span] for r in item.related if r.span in by_span)
        lines.append(f"{item.code} {by_span.get(item.span, '')} {others}".strip())
    return lines


class Engine:
    """Explains counterexamples by the real engine."""

    def __init__(self, resolved: ResolvedSet) -> None:
        self._grants: dict[str, bundle_pb2.Grant] = {}
        self._program = Program.from_bundle(bundle.build(resolved), grants=self)

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        return self._grants.get(grant_id)

    def outcomes(self, found: Mapping[str, Any]) -> tuple[dict[str, set[int]], set[str]]:
        """Return how each rule came out, and which rules decided a field."""
        request = json_format.ParseDict(found.get("request", found), decision_service_pb2.DecideRequest())
        now = timestamp_pb2.Timestamp()
        now.FromJsonString(found.get("now", "2026-03-02T02:00:00Z"))
        self._grants = {g["id"]: json_format.ParseDict(g, bundle_pb2.Grant()) for g in found.get("grants", [])}
        question = decision_service_pb2.ExplainRequest(request=request, now=now)
        answer = decision_service_pb2.ExplainResponse.FromString(self._program.explain(question.SerializeToString()))
        results: dict[str, set[int]] = {}
        for trace in answer.rules:
            results.setdefault(trace.rule, set()).add(trace.outcome)
        ignored = [d for d in answer.decision.diagnostics if "GRANT" in types_pb2.DiagnosticCode.Name(d.code)]
        assert not ignored, ignored
        return results, {trace.rule for trace in answer.rules if trace.wins}


def assert_reproduced(resolved: ResolvedSet, found: list[Diagnostic]) -> None:
    rules = {rule.span: rule for policy in resolved.policies for rule in policy.rules}
    engine = Engine(resolved)
    for item in found:
        if item.request is None:
            continue
        results, deciding = engine.outcomes(item.request)
        first, *others = [rules[item.span], *(rules[r.span] for r in item.related)]
        assert applied(first, results[first.name]), (item, results)
        assert any(applied(other, results[other.name]) for other in others), (item, results)
        if item.code == "shadowed-rule":
            assert first.name not in deciding, item


def applied(rule: Rule, results: set[int]) -> bool:
    undecided = {decision_service_pb2.RULE_OUTCOME_UNDECIDED} if rule.effect is Effect.MASK else set()
    return bool(results & {decision_service_pb2.RULE_OUTCOME_MATCHED, *undecided})


NOTHING: list[str] = []

CASES: dict[str, tuple[str, list[str]]] = {
    "rules on different values never meet": (
        """
        - {id: a, when: "context.menu == '1'", unmask: true}
        - {id: b, when: "context.menu in ['2', '3']", mask: {algorithm: full}}
        - {id: c, when: "context.menu.startsWith('4')", mask: {algorithm: suppress}}
        """,
        NOTHING,
    ),
    "different fields never meet": (
        """
        - {id: a, unmask: true, fields: [name]}
        - {id: b, mask: {algorithm: full}}
        """,
        NOTHING,
    ),
    "a value outside the possible ones": (
        """
        - {id: a, when: "subject.level >= 2 && subject.level < 2", unmask: true}
        - {id: b, when: "subject.level > 3", unmask: true}
        """,
        ["unreachable-rule a", "unreachable-rule b"],
    ),
    "intervals without a common number": (
        """
        - {id: a, when: ["resource.balance > 10.0", "resource.balance <= 10.0"], unmask: true}
        - {id: b, when: ["resource.balance >= 10.0", "resource.balance <= 10.0"], unmask: true}
        - {id: c, when: ["resource.age > 5", "resource.age < 6"], unmask: true}
        """,
        ["unreachable-rule a", "unreachable-rule c"],
    ),
    "contradicting members of a list": (
        """
        - {id: a, when: ["'x' in subject.roles", "!('x' in subject.roles)"], unmask: true}
        - {id: b, when: ["'x' in subject.roles", "!('y' in subject.roles)"], unmask: true}
        - {id: d, when: ["['x'].exists(r, r in subject.roles)", "!('x' in subject.roles)"], unmask: true}
        """,
        ["unreachable-rule a", "unreachable-rule d"],
    ),
    "a constant condition": ("- {id: a, when: 'false', unmask: true}", ["unreachable-rule a"]),
    "a hidden rule": (
        """
        - {id: a, when: "subject.level >= 2", unmask: true, priority: 5}
        - {id: b, when: "subject.level == 3 && resource.vip", mask: {algorithm: full}}
        """,
        ["shadowed-rule b a"],
    ),
    "a rule hidden by two together": (
        """
        - {id: a, when: "resource.vip", unmask: true, priority: 5}
        - {id: b, when: "!resource.vip", unmask: true, priority: 6}
        - {id: c, when: "subject.level == 3", mask: {algorithm: full}}
        """,
        ["shadowed-rule c a b"],
    ),
    "one field is enough to be alive": (
        """
        - {id: a, unmask: true, priority: 5}
        - {id: b, mask: {algorithm: full}, fields: [mobile, email]}
        """,
        ["overlapping-rules b a"],
    ),
    "a number that is none keeps a rule alive": (
        """
        - {id: a, when: "resource.balance < 10.0 || resource.balance >= 10.0", unmask: true, priority: 5}
        - {id: b, mask: {algorithm: full}}
        """,
        ["overlapping-rules b a"],
    ),
    "the same verdict twice": (
        """
        - {id: a, when: "subject.level >= 2", unmask: true}
        - {id: b, when: "subject.level == 3", unmask: true}
        """,
        ["shadowed-rule b a"],
    ),
    "an obligation is still kept": (
        """
        - {id: a, when: "subject.level >= 2", unmask: true, priority: 1}
        - {id: b, when: "subject.level == 3", unmask: true, obligations: [alert]}
        """,
        NOTHING,
    ),
    "an obligation that is never kept": (
        """
        - {id: a, when: "subject.level >= 2", mask: {algorithm: full}, priority: 1}
        - {id: b, when: "subject.level == 3", unmask: true, obligations: [alert]}
        """,
        ["shadowed-rule b a"],
    ),
    "a conflict": (
        """
        - {id: a, when: "subject.level >= 2", unmask: true}
        - {id: b, when: "resource.vip", mask: {algorithm: full}}
        """,
        ["conflicting-rules b a"],
    ),
    "two masks conflict too": (
        """
        - {id: a, when: "subject.level >= 2", mask: default}
        - {id: b, when: "resource.vip", mask: {algorithm: full}}
        """,
        ["conflicting-rules b a", "redundant-rule a"],
    ),
    "the same mask under two names does not": (
        """
        - {id: a, when: "subject.level >= 2", mask: default, fields: [email], obligations: [alert]}
        - {id: b, when: "resource.vip", mask: {algorithm: full}, fields: [email], obligations: [alert]}
        """,
        NOTHING,
    ),
    "an overlap": (
        """
        - {id: a, when: "subject.level >= 2", unmask: true, priority: 1}
        - {id: b, when: "resource.vip", mask: {algorithm: full}}
        """,
        ["overlapping-rules b a"],
    ),
    "what the dictionary says anyhow": (
        """
        - {id: a, when: "subject.level >= 2", mask: default}
        - {id: b, when: "subject.level == 1", mask: {algorithm: full}}
        """,
        ["redundant-rule a"],
    ),
    "not redundant where it overrides": (
        """
        - {id: a, when: "subject.level >= 2", mask: default, priority: 1}
        - {id: b, when: "resource.vip", unmask: true}
        """,
        ["overlapping-rules b a"],
    ),
    "map entries": (
        """
        - {id: a, when: "resource.flags.risk == 'high'", unmask: true}
        - {id: b, when: "has(resource.flags.risk) && resource.flags.risk != 'high'", mask: {algorithm: full}}
        - {id: c, when: "!has(resource.flags.risk) && resource.flags['kyc'] == 'done'", mask: {algorithm: suppress}}
        """,
        NOTHING,
    ),
    "a mask applies where an entry is missing": (
        """
        - {id: a, when: "resource.flags.risk == 'high'", mask: {algorithm: full}}
        - {id: b, when: "!has(resource.flags.risk)", unmask: true}
        """,
        ["conflicting-rules b a", "shadowed-rule b a"],
    ),
    "opening hours": (
        """
        - {id: a, when: "now.getHours('Asia/Shanghai') >= 9 && now.getHours('Asia/Shanghai') < 18", unmask: true}
        - {id: b, when: "now.getHours('Asia/Shanghai') < 9", mask: {algorithm: full}}
        - {id: c, when: "now.getDayOfWeek('Asia/Shanghai') in [0, 6]", mask: {algorithm: suppress}}
        """,
        ["conflicting-rules c a", "conflicting-rules c b"],
    ),
    "a point in time": (
        """
        - {id: a, when: "now < timestamp('2026-01-01T00:00:00Z')", unmask: true}
        - {id: b, when: "now >= timestamp('2026-01-01T00:00:00Z')", mask: {algorithm: full}}
        - {id: c, when: "resource.frozen_until > timestamp('2030-06-01T00:00:00Z')", mask: {algorithm: suppress}}
        """,
        ["conflicting-rules c a", "conflicting-rules c b"],
    ),
    "spans of time": (
        """
        - {id: a, when: "resource.term > duration('720h')", unmask: true}
        - {id: b, when: "resource.term <= duration('720h')", mask: {algorithm: full}}
        - {id: c, when: "resource.term >= duration('1440h')", mask: {algorithm: suppress}, priority: 1}
        """,
        ["overlapping-rules a c"],
    ),
    "attributes compared with each other": (
        """
        - {id: a, when: ["now - context.signed_in_at < duration('8h')", vars.own_branch], unmask: true}
        - {id: b, when: ["resource.branch == subject.branch", "subject.branch != ''"], mask: {algorithm: full}}
        """,
        ["conflicting-rules b a"],
    ),
    "arithmetic": (
        """
        - {id: a, when: "resource.age * 2 > 100", unmask: true}
        - {id: b, when: "resource.balance / 2.0 > 50.0", mask: {algorithm: full}}
        """,
        ["conflicting-rules b a"],
    ),
    "sizes of lists": (
        """
        - {id: a, when: "size(subject.roles) > 2", unmask: true}
        - {id: b, when: "'teller' in subject.roles", mask: {algorithm: full}}
        - {id: c, when: "size(subject.skills) == 2", mask: {algorithm: suppress}}
        """,
        ["conflicting-rules b a", "conflicting-rules c a", "conflicting-rules c b"],
    ),
    "patterns": (
        """
        - {id: a, when: "subject.branch.matches('^31[0-9]{4}$')", unmask: true}
        - {id: b, when: "subject.branch.matches('^32')", mask: {algorithm: full}}
        - {id: c, when: "subject.branch.matches('[0-9]{6}')", mask: {algorithm: suppress}}
        - {id: d, when: "subject.branch.matches('^310101$')", mask: {algorithm: suppress}, priority: 1}
        """,
        ["overlapping-rules a d", "conflicting-rules c a", "conflicting-rules c b"],
    ),
    "what cannot be settled is said": (
        """
        - {id: a, when: "resource.age * resource.age == 54756", unmask: true}
        - {id: b, when: "resource.vip", mask: {algorithm: full}}
        """,
        ["unproven-conflict b a"],
    ),
    "the same test with both outcomes": (
        """
        - {id: a, when: "resource.branch == subject.branch", unmask: true}
        - {id: b, when: "resource.branch != subject.branch", mask: {algorithm: full}}
        - {id: c, when: "!(resource.branch == subject.branch)", mask: {algorithm: suppress}}
        """,
        ["conflicting-rules c b", "shadowed-rule b c"],
    ),
    "loops over constants": (
        """
        - {id: a, when: "['x', 'y'].exists(r, r in subject.roles)", unmask: true}
        - {id: b, when: "subject.roles.all(r, r != 'x' && r != 'y')", mask: {algorithm: full}}
        - {id: c, when: "subject.roles.exists(r, r in ['x', 'y'])", mask: {algorithm: suppress}, priority: 1}
        """,
        ["shadowed-rule a c"],
    ),
    "grants": (
        """
        - {id: a, when: ["grant.active", "grant.approver_level > subject.level"], unmask: true, priority: 5}
        - {id: b, when: "grant.kind == 'supervisor'", mask: {algorithm: full}, priority: 5}
        - {id: c, when: "grant.kind == 'customer' && !grant.active", unmask: true}
        - {id: d, when: "!grant.active", unmask: true}
        """,
        ["conflicting-rules b a", "unreachable-rule c"],
    ),
    "an unmasking grant may leave out the field": (
        """
        - {id: a, when: "grant.active", unmask: true, priority: 5}
        - {id: b, when: "grant.active", mask: {algorithm: full}}
        """,
        ["overlapping-rules b a"],
    ),
    "two grants at once": (
        """
        - {id: a, when: "grant.kind == 'supervisor'", unmask: true}
        - {id: b, when: "grant.kind == 'customer'", mask: {algorithm: full}}
        """,
        ["conflicting-rules b a"],
    ),
    "conditionals and numbers of other types": (
        """
        - {id: a, when: "resource.vip ? subject.level > 2 : subject.level > 1", unmask: true}
        - {id: b, when: "!resource.vip && subject.level == 1", mask: {algorithm: full}}
        - {id: c, when: "resource.balance > dyn(100)", mask: {algorithm: suppress}, priority: 1}
        - {id: d, when: "resource.balance <= 100.0", mask: {algorithm: full}, priority: 2}
        """,
        ["overlapping-rules a c", "overlapping-rules a d", "overlapping-rules b c"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_findings(name: str) -> None:
    rules, expected = CASES[name]
    resolved = resolve(rules, variables="{own_branch: resource.branch in subject.branches}")
    found = analyse(resolved)
    assert sorted(summary(found, resolved)) == sorted(expected)
    assert_reproduced(resolved, found)


def test_scope_and_variables_count() -> None:
    resolved = resolve(
        """
        - {id: a, when: "vars.trusted && context.channel == 'phone'", unmask: true}
        - {id: b, when: "vars.trusted && subject.level == 2", unmask: true}
        """,
        scope="{context.channel: counter}",
        variables="{senior: subject.level >= 3, trusted: vars.senior && !resource.vip}",
    )
    found = analyse(resolved)
    assert summary(found, resolved) == ["unreachable-rule a", "unreachable-rule b"]
    assert [related.message for related in found[0].related] == [
        "the scope constrains `context.channel` here",
        "`context.channel` constrained here",
    ]


def test_messages_say_what_and_why() -> None:
    resolved = resolve(
        """
        - {id: a, when: ["subject.level > 2", "subject.level < 2"], unmask: true}
        - {id: b, when: ["resource.age > 60", "resource.age < 18"], unmask: true}
        - {id: c, when: "'cards' == 'x' || 'x' in subject.roles", unmask: true, fields: [mobile, email]}
        - {id: d, when: resource.vip, mask: {algorithm: full}, fields: [mobile, email]}
        """
    )
    found = {item.code + " " + item.message.split("`")[1]: item for item in analyse(resolved)}
    assert found["unreachable-rule p/a"].message == (
        "rule `p/a` can never apply: none of the allowed values of `subject.level` (`1`, `2`, `3`) fulfils its "
        "constraints"
    )
    assert found["unreachable-rule p/b"].message == (
        "rule `p/b` can never apply: its constraints on `resource.age` contradict each other"
    )
    conflict = found["conflicting-rules p/d"]
    assert conflict.severity is Severity.WARNING
    assert conflict.message == (
        "rules `p/d` and `p/c` have the same priority 0 and can both apply, but differ on `mobile` (and 1 more field): "
        "`mask full` and `unmask`; `mask full` wins because it is stricter"
    )
    assert conflict.request is not None
    assert conflict.request["fields"] == ["mobile", "email"]
    assert "such as" in render_text(conflict, resolved.sources)
    assert to_json(conflict)["request"] == conflict.request


def test_requests_use_pleasant_values() -> None:
    resolved = resolve(
        """
        - {id: a, when: ["subject.level >= 2", "resource.balance > 500000.0", "resource.age >= 18"], unmask: true}
        - {id: b, when: "resource.branch.startsWith('31') && context.channel != 'counter' && context.menu != ''",
           mask: {algorithm: full}}
        """.replace("\n           mask", " mask")
    )
    [conflict] = analyse(resolved)
    assert conflict.request == {
        "subject": {"id": "T1001", "attributes": {"level": {"intValue": "2"}}},
        "resource": {
            "attributes": {
                "age": {"intValue": "18"},
                "balance": {"doubleValue": 500001.0},
                "branch": {"stringValue": "31"},
            }
        },
        "context": {"channel": {"stringValue": "phone"}, "menu": {"stringValue": "home"}},
        "fields": ["mobile"],
    }


def test_requests_with_a_time_or_grants_are_wrapped() -> None:
    resolved = resolve(
        """
        - {id: a, when: ["grant.kind == 'customer'", "grant.approver_level < 3"], unmask: true}
        - {id: b, when: "now.getHours('+08:00') == 3", mask: {algorithm: full}}
        """
    )
    [conflict] = analyse(resolved)
    assert conflict.request is not None
    assert conflict.request["request"]["grantIds"] == ["G1"]
    assert conflict.request["now"] == "2026-03-01T19:00:00Z"
    [grant] = conflict.request["grants"]
    assert (grant["kind"], grant["approverLevel"], grant["subjectId"]) == ("customer", "0", "T1001")
    assert_reproduced(resolved, [conflict])


def test_a_condition_with_too_many_cases_is_left_out() -> None:
    clauses = [f"resource.flags['k{i}'] == 'x' || resource.flags['m{i}'] == 'y'" for i in range(7)]
    resolved = resolve(
        f"""
        - {{id: a, when: {json.dumps(clauses)}, unmask: true}}
        - {{id: b, mask: {{algorithm: full}}}}
        """
    )
    found = analyse(resolved)
    assert summary(found, resolved) == ["rule-not-analysed a"]
    assert found[0].severity is Severity.INFO


def test_overlaps_are_listed_up_to_a_number() -> None:
    rules = [f"- {{id: r{i}, when: \"'{i}' in subject.roles\", unmask: true, priority: {i + 1}}}" for i in range(8)]
    resolved = resolve("\n".join([*rules, "- {id: low, mask: {algorithm: full}}"]))
    found = analyse(resolved)
    assert summary(found, resolved) == [f"overlapping-rules low r{i}" for i in range(5)] + ["overlapping-rules low"]
    assert found[-1].message == "up to 3 more overlaps of rule `p/low` are not listed"


def test_a_set_without_policies_has_no_findings() -> None:
    loaded, diagnostics = load_texts({"base.yaml": BASE})
    resolved = check(loaded, diagnostics, analyse=False)
    assert resolved is not None
    assert analyse(resolved) == []


def test_check_adds_the_findings() -> None:
    policy = (
        "kind: Policy\nid: p\ntitle: t\nrules:\n"
        "  - {id: a, title: t, when: subject.level > 2, fields: [mobile], unmask: true}\n"
        "  - {id: b, title: t, fields: [mobile], mask: {algorithm: full}}\n"
    )
    loaded, diagnostics = load_texts({"base.yaml": BASE, "policy.yaml": policy})
    assert check(loaded, diagnostics) is not None
    assert [item.code for item in diagnostics.items] == ["shadowed-rule", "conflicting-rules"]


def test_counterexamples_of_the_sample_bank_reproduce() -> None:
    checked = check_folder(Path(__file__).parents[2] / "policies", analyse=False)
    assert checked.resolved is not None
    found = analyse(checked.resolved)
    assert any(item.request for item in found)
    assert_reproduced(checked.resolved, found)
