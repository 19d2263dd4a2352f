"""What the analyser says about small policy sets, and that its requests do in the engine what it says they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.lang.analyse import analyse
from pdp.lang.check import check_folder
from tests.unit.counterexamples import assert_reproduced, resolve, summary

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
    "a comparison that may fail is no cover": (
        """
        - {id: a, when: "dyn(resource.age) < dyn(resource.branch)", unmask: true, priority: 1}
        - {id: b, when: "!(dyn(resource.age) < dyn(resource.branch))", unmask: true, priority: 1}
        - {id: c, mask: {algorithm: full}}
        """,
        NOTHING,
    ),
    "a test keeps its grant": (
        """
        - {id: a, when: "grant.kind == 'supervisor' && !({'x': grant.approver}.all(k, grant.active))", unmask: true}
        - {id: b, when: "grant.approver == subject.id", mask: {algorithm: full}}
        """,
        ["unproven-conflict b a"],
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


def test_counterexamples_of_the_sample_bank_reproduce() -> None:
    checked = check_folder(Path(__file__).parents[2] / "policies", analyse=False)
    assert checked.resolved is not None
    found = analyse(checked.resolved)
    assert any(item.request for item in found)
    assert_reproduced(checked.resolved, found)
