"""The documents of docs/guides/policy-language.md load as they stand, into exactly this."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pdp.lang.loader import load_grants, load_texts
from pdp.lang.model import Effect, Label, MaskRef, MaskSpec, Obligation, PolicySet, RecordMode
from pdp.source import Span
from pdp.values import AttributeType, parse_timestamp

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "policy-language.md"

# What the guide's examples use and its own `Attributes` document leaves out.
MORE = """
kind: Attributes
attributes:
  context.application: {type: string}
  context.menu: {type: string}
  resource.customer_class: {type: string}
  resource.balance: {type: double}
  resource.is_vip: {type: bool}
  resource.frozen_until: {type: timestamp}
  context.session: {type: duration}
  subject.projects: {type: list(string)}
  subject.branches: {type: list(int)}
  subject.ratios: {type: list(double)}
  resource.flags: {type: "map(string, string)"}
"""


@pytest.fixture(scope="module")
def guide() -> PolicySet:
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    texts = {re.findall(r"^kind: (\w+)", block, re.MULTILINE)[0]: block for block in blocks}
    policy_set, diagnostics = load_texts({**texts, "More": MORE})
    assert diagnostics.sorted() == []
    return policy_set


def test_attributes(guide: PolicySet) -> None:
    level = guide.attributes["subject.level"]
    assert level.type is AttributeType.INT
    assert level.label == Label("柜员级别", "teller level")
    assert [(a.value, a.label.en) for a in level.allowed] == [(1, "junior"), (2, "senior")]
    assert (level.default, level.record, level.builtin) == (1, RecordMode.FULL, False)
    assert level.span == Span("Attributes", 3, 3, 10, 17)


def test_what_a_snapshot_keeps_by_default(guide: PolicySet) -> None:
    records = {name: attribute.record for name, attribute in guide.attributes.items()}
    assert records["subject.id"] is records["context.menu"] is records["now"] is RecordMode.FULL
    assert records["resource.balance"] is RecordMode.BUCKET
    assert records["resource.id"] is records["resource.is_vip"] is records["resource.flags"] is RecordMode.HASH


@pytest.mark.parametrize(
    ("name", "kind", "label"),
    [
        ("subject.id", "string", Label("员工号", "employee number")),
        ("subject.roles", "list(string)", Label("角色", "roles")),
        ("action.name", "string", Label("操作", "action")),
        ("resource.type", "string", Label("资源类型", "resource type")),
        ("resource.id", "string", Label("资源编号", "resource id")),
        ("now", "timestamp", Label("现在", "now")),
        ("grant.active", "bool", Label("授权有效", "grant active")),
        ("grant.kind", "string", Label("授权方式", "grant kind")),
        ("grant.approver", "string", Label("授权人", "approver")),
        ("grant.approver_level", "int", Label("授权人级别", "approver level")),
        ("grant.scenario", "string", Label("授权场景", "scenario")),
    ],
)
def test_built_in_attributes(name: str, kind: str, label: Label) -> None:
    policy_set, diagnostics = load_texts({})
    assert diagnostics.items == []
    attribute = policy_set.attributes[name]
    assert (attribute.type.value, attribute.label, attribute.builtin) == (kind, label, True)


def test_grant_kinds_are_labelled() -> None:
    policy_set, _ = load_texts({})
    kinds = {a.value: a.label.zh for a in policy_set.attributes["grant.kind"].allowed}
    assert kinds == {"supervisor": "主管授权", "customer": "客户授权", "": "无授权"}


def test_built_in_attributes_can_be_described() -> None:
    text = """
kind: Attributes
attributes:
  action.name: {values: [{value: query, label: {zh: 查询, en: query}}]}
  subject.roles: {type: list(string), values: [{value: teller}], record: none, label: 岗位}
"""
    policy_set, diagnostics = load_texts({"a.yaml": text})
    assert diagnostics.items == []
    action, roles = policy_set.attributes["action.name"], policy_set.attributes["subject.roles"]
    assert (action.label, action.allowed[0].label.zh, action.builtin) == (Label("操作", "action"), "查询", True)
    assert (roles.label, roles.record) == (Label("岗位", "岗位"), RecordMode.NONE)


def test_dictionary(guide: PolicySet) -> None:
    mobile = guide.fields["mobile"]
    assert (mobile.level, mobile.category, mobile.tags, mobile.semantic_type) == ("C2", "contact", ("phone",), "mobile")
    assert mobile.mask == MaskRef("mobile", Span("Dictionary", 10, 11, 10, 17))
    assert (mobile.default, mobile.never_unmask) == (Effect.MASK, False)
    assert guide.level_defaults == {"C1": Effect.UNMASK, "C2": Effect.MASK, "C3": Effect.MASK}


def test_every_level_is_masked_without_defaults() -> None:
    policy_set, _ = load_texts({"d.yaml": "kind: Dictionary\nfields: {}\n"})
    assert policy_set.level_defaults == dict.fromkeys(["C1", "C2", "C3"], Effect.MASK)


def test_masks(guide: PolicySet) -> None:
    mask = guide.masks["mobile"]
    assert (mask.algorithm, mask.parameters) == ("keep", {"prefix": 3, "suffix": 4})
    assert mask.label == Label("显示前 3 后 4", "first 3 and last 4 shown")
    assert mask.parameter_spans["suffix"] == Span("Masks", 3, 102, 3, 103)


def test_message_map(guide: PolicySet) -> None:
    (message,) = guide.message_maps
    assert (message.application, message.name) == ("core-counter", "customer-detail")
    assert message.label == Label("客户详情", "customer detail")
    whole, accounts = message.parts
    assert (whole.name, whole.path.path, whole.resource_type) == ("", "$", "customer")
    assert whole.resource_id is not None
    assert whole.resource_id.path == "$.customer.no"
    assert [p.path for p in whole.fields["email"]] == ["$.customer.email", "$.contacts[*].email"]
    assert whole.attributes["resource.customer_class"].path == "$.customer.class"
    assert (accounts.name, accounts.path.path, accounts.resource_type) == ("accounts", "$.accounts", "account")
    assert list(accounts.fields) == ["account_no", "balance"]
    assert accounts.field_spans["balance"] == Span("MessageMap", 15, 32, 15, 39)
    assert accounts.attribute_spans["resource.currency"] == Span("MessageMap", 16, 47, 16, 64)


def test_policy(guide: PolicySet) -> None:
    (policy,) = guide.policies
    assert (policy.id, policy.title.zh) == ("core-counter", "核心柜面")
    application, menu = policy.scope
    assert (application.attribute, application.values) == ("context.application", ("core-counter",))
    assert menu.values == ("3101", "3102")
    assert menu.value_spans == (Span("Policy", 4, 59, 4, 65), Span("Policy", 4, 67, 4, 73))
    assert menu.span == Span("Policy", 4, 44, 4, 74)
    (variable,) = policy.variables
    assert variable.name == "high_value"
    assert variable.expression.locate(27, 9) == Span("Policy", 6, 42, 6, 51)


def test_rule(guide: PolicySet) -> None:
    (rule,) = guide.policies[0].rules
    assert (rule.id, rule.effect, rule.mask, rule.priority) == ("senior-mobile", Effect.UNMASK, None, 10)
    assert [clause.value for clause in rule.when] == ["subject.level >= 3", "!vars.high_value"]
    assert [(s.id, s.category) for s in rule.fields] == [("mobile", ""), ("", "contact")]
    assert [s.id for s in rule.excluded] == ["email"]
    watermark, alert = rule.obligations
    assert watermark == Obligation("watermark", {}, Span("Policy", 17, 19, 17, 28))
    assert (alert.type, alert.parameters) == ("alert", {"severity": "high"})


def test_test_suite(guide: PolicySet) -> None:
    (suite,) = guide.tests
    (scenario,) = suite.scenarios
    assert (suite.id, suite.title.en, scenario.id, scenario.requirements) == ("counter", "counter", "junior", ("A7",))
    assert scenario.now == parse_timestamp("2026-03-02T20:00:00+08:00")
    assert scenario.attributes == {
        "subject.id": "T1001",
        "subject.roles": ("teller",),
        "subject.level": 1,
        "action.name": "query",
        "resource.type": "customer",
        "resource.id": "C2001",
        "resource.customer_class": "standard",
        "context.application": "core-counter",
        "context.menu": "3101",
    }
    assert scenario.fields == ("mobile", "name")
    mobile, name = scenario.expected
    assert (mobile.effect, mobile.mask, mobile.rule) == (
        Effect.MASK, MaskRef("mobile", Span("Test", 22, 15, 22, 21)), "",
    )  # fmt: skip
    assert (name.effect, name.mask, name.rule) == (Effect.UNMASK, None, "core-counter/senior-mobile")
    assert (scenario.grant_ids, scenario.obligations) == (("G1",), ("alert",))
    (grant,) = scenario.grants
    assert (grant.id, grant.kind, grant.subject_id, grant.resource_id) == ("G1", "supervisor", "T1001", "C2001")
    assert grant.not_before == parse_timestamp("2026-03-02T01:00:00Z")
    assert (grant.fields, grant.levels, grant.approver_level, grant.reason) == (("mobile",), (), 5, "客户临柜")


def test_values_are_typed_by_declarations_in_any_file() -> None:
    test = """
kind: Test
id: t
request:
  subject: {id: T1, projects: [marketing], branches: [1, 0x10], ratios: [1, 0.5]}
  resource: {balance: 500000, is_vip: true, frozen_until: 2026-03-02T10:00:00+08:00, flags: {risk: high}}
  context: {session: 1h30m}
scenarios:
  - id: laid-over
    request: {subject: {branches: null, projects: []}, resource: {flags: {class: vip}, is_vip: False}}
    expect: {mobile: mask}
  - id: bare
    expect: {mobile: {mask: mask, rule: p/r}, name: {mask: {algorithm: keep, prefix: 1}}, email: {mask: e-mail}}
    obligations: []
"""
    policy_set, diagnostics = load_texts({"a-test.yaml": test, "more.yaml": MORE})
    assert diagnostics.sorted() == []
    overlaid, bare = policy_set.tests[0].scenarios
    assert overlaid.attributes == {
        "subject.id": "T1",
        "subject.projects": (),
        "subject.ratios": (1.0, 0.5),
        "resource.balance": 500000.0,
        "resource.is_vip": False,
        "resource.frozen_until": parse_timestamp("2026-03-02T02:00:00Z"),
        "resource.flags": {"class": "vip"},
        "context.session": 5_400_000_000_000,
    }
    assert isinstance(overlaid.attributes["resource.balance"], float)
    assert bare.attributes["subject.branches"] == (1, 16)
    assert (overlaid.now, overlaid.obligations, bare.obligations) == (None, None, ())
    any_mask, written, named = bare.expected
    assert (any_mask.effect, any_mask.mask, any_mask.rule) == (Effect.MASK, None, "p/r")
    assert isinstance(written.mask, MaskSpec)
    assert isinstance(named.mask, MaskRef)


def test_grants_of_a_scenario_are_added() -> None:
    grant = (
        "{{id: {}, kind: customer, subject: T1, resource: {{type: customer}}, "
        "not_before: 2026-01-01T00:00:00Z, expires_at: 2026-01-02T00:00:00Z}}"
    )
    test = (
        f"kind: Test\nid: t\nrequest: {{subject: {{id: T1}}}}\ngrants: [{grant.format('G1')}]\n"
        f"scenarios: [{{id: a, grants: [{grant.format('G2')}], expect: {{x: mask}}}}, {{id: b, expect: {{x: mask}}}}]\n"
    )
    policy_set, diagnostics = load_texts({"t.yaml": test})
    assert diagnostics.sorted() == []
    assert [[g.id for g in s.grants] for s in policy_set.tests[0].scenarios] == [["G1", "G2"], ["G1"]]
    assert policy_set.tests[0].scenarios[0].grants[0].resource_id == ""


def test_rules_that_mask() -> None:
    text = """
kind: Policy
id: p
rules:
  - {id: a, fields: all, mask: default}
  - {id: b, fields: [all], mask: mobile, priority: -1000}
  - {id: c, fields: [{level: C2, category: contact, tag: phone}], mask: {algorithm: bucket, edges: [1, 2.5], label: x}}
  - {id: d, fields: [a.b_c], mask: mobile, when: true}
"""
    policy_set, diagnostics = load_texts({"p.yaml": text})
    assert diagnostics.sorted() == []
    a, b, c, d = policy_set.policies[0].rules
    assert (a.effect, a.mask, a.fields[0].id, a.fields[0].level) == (Effect.MASK, None, "", "")
    assert (b.mask, b.priority, len(b.fields)) == (MaskRef("mobile", Span("p.yaml", 6, 34, 6, 40)), -1000, 1)
    assert isinstance(c.mask, MaskSpec)
    assert (c.mask.name, c.mask.algorithm, c.mask.parameters) == ("", "bucket", {"edges": [1, 2.5]})
    assert (c.fields[0].level, c.fields[0].category, c.fields[0].tag) == ("C2", "contact", "phone")
    assert d.when[0].value == "true"


GRANTS = """
kind: Grants
grants:
  - id: G1
    kind: supervisor
    subject: T1001
    resource: {type: customer, id: C2001}
    fields: [mobile, emial]
    levels: [C2]
    not_before: 2026-03-02T09:00:00+08:00
    expires_at: 2026-03-02T11:00:00+08:00
    approver: M0001
"""


def test_grants_file() -> None:
    grants, diagnostics = load_grants("grants.yaml", GRANTS)
    assert diagnostics.items == []
    assert list(grants) == ["G1"]
    assert (grants["G1"].levels, grants["G1"].span.line) == (("C2",), 4)


def test_grants_file_with_known_fields() -> None:
    grants, diagnostics = load_grants("grants.yaml", GRANTS, {"mobile", "email"})
    (finding,) = diagnostics.items
    assert (finding.code, str(finding.span), finding.hint) == (
        "unknown-field", "grants.yaml:8:22", "did you mean `email`",
    )  # fmt: skip
    assert grants == {}


@pytest.mark.parametrize(
    "text", ["", "kind: Policy\nid: x\nrules: []\n", "kind: Grants\n", "[", "kind: Grants\ngrants: [3]"]
)
def test_grants_file_that_holds_none(text: str) -> None:
    grants, diagnostics = load_grants("grants.yaml", text)
    assert grants == {}
    assert diagnostics.has_errors
