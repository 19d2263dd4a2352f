"""How the analyser puts its findings: places, words, limits and the requests themselves."""

from __future__ import annotations

import json

from pdp.lang.analyse import analyse
from pdp.lang.check import check
from pdp.lang.diagnostics import Severity, render_text, to_json
from pdp.lang.loader import load_texts
from tests.unit.counterexamples import BASE, assert_reproduced, resolve, summary


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
