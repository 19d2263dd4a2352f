"""Whole rules, headings and verdicts in Chinese and English (requirement A16), and what their names come from."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import pytest

from pdp.lang.model import Effect, Label, Obligation, ScopeClause
from pdp.lang.resolved import Mask, Policy, ResolvedSet
from pdp.lang.sentence import Sentences, verdict_sentence
from pdp.source import whole
from tests.unit.test_sentence_sample import SAMPLE, cases, resolved

HERE = whole("here.yaml")
POLICIES = """
kind: Policy
id: everywhere
title: {zh: 全行, en: bank-wide}
rules:
  - {id: target, when: [subject.level >= 4, 'resource.customer_class == "private"'], fields: [mobile], mask: mobile}
  - {id: always, fields: [name], unmask: true}
  - {id: two, when: resource.is_vip, fields: [mobile, email], unmask: true}
  - {id: seven, when: resource.is_vip, fields: all, except: [opened], unmask: true}
  - {id: every, when: resource.is_vip, fields: all, mask: {algorithm: full}}
  - {id: noun, when: resource.is_vip, fields: [balance], mask: rounded}
  - {id: dropped, when: resource.is_vip, fields: [mobile, email], mask: {algorithm: suppress}}
  - {id: default-one, when: resource.is_vip, fields: [mobile], mask: default}
  - {id: default-same, when: resource.is_vip, fields: [id_no, passport], mask: default}
  - {id: default-other, when: resource.is_vip, fields: [id_no, mobile], mask: default}
  - id: obliged
    when: resource.is_vip
    fields: [mobile]
    unmask: true
    obligations: [{type: alert, severity: high}, watermark, {type: call_back, within: 1h}]
  - {id: long, when: 'now - context.signed_in_at > duration("8h")', fields: [mobile], unmask: true}
  - id: five
    when: [subject.level >= 4, resource.is_vip, resource.signed, resource.age > 18, resource.consent]
    fields: [mobile]
    unmask: true
    obligations: [watermark]
  - id: nested
    when: resource.is_vip || (subject.level > 3 && (resource.signed || resource.age > 18))
    fields: [mobile]
    unmask: true
  - id: across
    when: [resource.age >= 18, resource.balance < 50000.0, resource.age < 60]
    fields: [mobile]
    unmask: true
---
kind: Policy
id: counter
title: {zh: 柜面, en: counter}
scope: {context.application: core, context.menu: ["3101", "3102"], resource.currency: CNY}
variables:
  senior: 'subject.level >= 4 && "manager" in subject.roles'
rules:
  - {id: senior, when: vars.senior, fields: [mobile], unmask: true}
  - {id: not-senior, when: "!vars.senior", fields: [mobile], unmask: true}
---
kind: Policy
id: place
scope: {context.application: core, context.menu: "3103"}
rules:
  - {id: all, fields: [mobile], unmask: true}
---
kind: Policy
id: flagged
title: flagged
scope: {resource.is_vip: true}
rules:
  - {id: all, fields: [mobile], unmask: true}
"""

RULES = """
everywhere/target
    柜员级别不低于 4 且客户等级为私人银行时，手机号显示前 3 后 4
    when the teller level is at least 4 and the customer class is private banking, the mobile number shows the first 3 and last 4
everywhere/always
    任何情况下，姓名明文显示
    in every case, the name may be shown in clear
everywhere/two
    VIP 客户为“是”时，手机号、邮箱明文显示
    when “VIP customer” is yes, the mobile number and e-mail address may be shown in clear
everywhere/seven
    VIP 客户为“是”时，手机号、邮箱、姓名、身份证号、护照号、住址等 7 项明文显示
    when “VIP customer” is yes, the mobile number, e-mail address, name, ID number, passport number, address and 1 more field may be shown in clear
everywhere/every
    VIP 客户为“是”时，字典的全部 8 个字段全部遮盖
    when “VIP customer” is yes, all 8 fields of the dictionary are masked in full
everywhere/noun
    VIP 客户为“是”时，余额按“万元取整”脱敏
    when “VIP customer” is yes, the balance is masked (rounded to ten thousands)
everywhere/dropped
    VIP 客户为“是”时，手机号、邮箱不返回
    when “VIP customer” is yes, the mobile number and e-mail address are left out
everywhere/default-one
    VIP 客户为“是”时，手机号按默认方式脱敏（显示前 3 后 4）
    when “VIP customer” is yes, the mobile number is masked by default (show the first 3 and last 4)
everywhere/default-same
    VIP 客户为“是”时，身份证号、护照号按默认方式脱敏（显示前 1 后 1）
    when “VIP customer” is yes, the ID number and passport number are masked by default (show the first 1 and last 1)
everywhere/default-other
    VIP 客户为“是”时，手机号、身份证号按各自的默认方式脱敏
    when “VIP customer” is yes, the mobile number and ID number are masked, each by its default mask
everywhere/obliged
    VIP 客户为“是”时，手机号明文显示，并须触发告警（级别：高）、叠加水印、执行「call_back」（within：1h）
    when “VIP customer” is yes, the mobile number may be shown in clear, and the caller must raise an alert (severity: high), show a watermark and carry out `call_back` (within: 1h)
everywhere/long
    从签到时间到当前时间的时长超过 8 小时的情况下，手机号明文显示
    when the time from the sign-in time to the current time is longer than 8 hours, the mobile number may be shown in clear
everywhere/five
    同时满足以下全部条件时，手机号明文显示，并须叠加水印：（1）柜员级别不低于 4；（2）VIP 客户为“是”；（3）已签约；（4）年龄高于 18；（5）营销意愿为同意
    when all of the following hold, the mobile number may be shown in clear, and the caller must show a watermark: (1) the teller level is at least 4; (2) “VIP customer” is yes; (3) “signed” is yes; (4) the age is more than 18; (5) the attitude to marketing is consenting
everywhere/nested
    满足以下任一条件时，手机号明文显示：（1）VIP 客户为“是”；（2）柜员级别高于 3（高级）且（已签约或年龄高于 18）
    when any of the following holds, the mobile number may be shown in clear: (1) “VIP customer” is yes; (2) the teller level is more than 3 (senior) and (“signed” is yes or the age is more than 18)
everywhere/across
    年龄在 18（含）至 60（不含）之间且余额低于 5 万时，手机号明文显示
    when the age is between 18 (inclusive) and 60 (exclusive) and the balance is less than 50,000, the mobile number may be shown in clear
counter/senior
    在柜面系统的客户查询或客户维护菜单中，币种为“CNY”，柜员级别不低于 4，且角色包含主管时，手机号明文显示
    in the customer enquiry or customer update menu of the counter application, when the currency is “CNY”, the teller level is at least 4, and manager is among the roles, the mobile number may be shown in clear
counter/not-senior
    在柜面系统的客户查询或客户维护菜单中，币种为“CNY”且（柜员级别低于 4 或角色不包含主管）时，手机号明文显示
    in the customer enquiry or customer update menu of the counter application, when the currency is “CNY” and (the teller level is less than 4 or manager is not among the roles), the mobile number may be shown in clear
place/all
    在柜面系统的菜单“3103”中，手机号明文显示
    in the menu “3103” of the counter application, the mobile number may be shown in clear
flagged/all
    VIP 客户为“是”时，手机号明文显示
    when “VIP customer” is yes, the mobile number may be shown in clear
"""  # noqa: E501

HEADINGS = """
everywhere
    全行：适用于所有请求
    bank-wide: applies to every request
counter
    柜面：适用于柜面系统的客户查询或客户维护菜单，条件是币种为“CNY”
    counter: applies in the customer enquiry or customer update menu of the counter application, when the currency is “CNY”
place
    place：适用于柜面系统的菜单“3103”
    place: applies in the menu “3103” of the counter application
flagged
    flagged：VIP 客户为“是”时适用
    flagged: applies when “VIP customer” is yes
"""  # noqa: E501


@functools.cache
def policies() -> tuple[ResolvedSet, Sentences]:
    """Return the sample with POLICIES."""
    found = resolved(SAMPLE, POLICIES)
    return found, Sentences(found)


def policy_named(name: str) -> Policy:
    """Return a policy by id."""
    return next(policy for policy in policies()[0].policies if policy.id == name)


@pytest.mark.parametrize(("name", "zh", "en"), cases(RULES))
def test_rule_in_words(name: str, zh: str, en: str) -> None:
    policy = policy_named(name.partition("/")[0])
    rule = next(rule for rule in policy.rules if rule.name == name)
    assert policies()[1].rule(policy, rule) == Label(zh, en)


@pytest.mark.parametrize(("name", "zh", "en"), cases(HEADINGS))
def test_heading_in_words(name: str, zh: str, en: str) -> None:
    assert policies()[1].policy(policy_named(name)) == Label(zh, en)


def test_every_rule_is_in_the_table() -> None:
    names = {rule.name for policy in policies()[0].policies for rule in policy.rules}
    assert names == {name for name, _, _ in cases(RULES)}


def test_clause_in_words() -> None:
    policy = policy_named("counter")
    label = policies()[1].clause(policy, policy.rules[0].clauses[0])
    assert label == Label(
        "柜员级别不低于 4 且角色包含主管", "the teller level is at least 4 and manager is among the roles"
    )


@pytest.mark.parametrize(
    ("attribute", "values", "zh", "en"),
    [
        ("context.application", ("core",), "应用为柜面系统", "the application is counter"),
        ("context.menu", ("3101", "3103"), "菜单码为客户查询或“3103”", "the menu code is customer enquiry or “3103”"),
        ("resource.is_vip", (True,), "VIP 客户为“是”", "“VIP customer” is yes"),
        ("resource.is_vip", (False,), "VIP 客户为“否”", "“VIP customer” is no"),
        ("subject.level", (3,), "柜员级别为 3（高级）", "the teller level is 3 (senior)"),
        ("subject.level", (1, 5), "柜员级别为 1 或 5（负责人）", "the teller level is 1 or 5 (head)"),
        ("context.undeclared", ("x",), "context.undeclared 为“x”", "context.undeclared is “x”"),
    ],
)
def test_scope_clause_in_words(attribute: str, values: tuple[Any, ...], zh: str, en: str) -> None:
    clause = ScopeClause(attribute, values, HERE, (HERE,) * len(values))
    assert policies()[1].scope(clause) == Label(zh, en)


def test_rule_without_fields_says_so() -> None:
    policy = policy_named("flagged")
    rule = dataclasses.replace(policy.rules[0], fields=(), obligations=(Obligation("watermark", {}, HERE),))
    label = policies()[1].rule(policy, rule)
    assert label.zh == "VIP 客户为“是”时，不涉及任何字段，并须叠加水印"
    assert label.en == "when “VIP customer” is yes, no field is concerned, and the caller must show a watermark"


# Verdicts

TITLE = Label("高级柜员查看手机号", "senior tellers see the mobile number")
KEEP = Mask("", "keep", {"prefix": 3, "suffix": 4}, Label())


@pytest.mark.parametrize(
    ("effect", "title", "kind", "zh", "en"),
    [
        (
            Effect.MASK, TITLE, "rule",
            "手机号：显示前 3 后 4，依据规则“高级柜员查看手机号”",
            "mobile number: show the first 3 and last 4, by the rule “senior tellers see the mobile number”",
        ),
        (
            Effect.UNMASK, TITLE, "rule",
            "手机号：明文显示，依据规则“高级柜员查看手机号”",
            "mobile number: show in clear, by the rule “senior tellers see the mobile number”",
        ),
        (
            Effect.MASK, TITLE, "undecided",
            "手机号：显示前 3 后 4，依据规则“高级柜员查看手机号”（该规则的条件无法判定，从严脱敏）",
            "mobile number: show the first 3 and last 4, by the rule “senior tellers see the mobile number” (its condition cannot be decided, so it masks)",  # noqa: E501
        ),
        (
            Effect.MASK, None, "rule",
            "手机号：显示前 3 后 4，依据匹配的规则",
            "mobile number: show the first 3 and last 4, by a matching rule",
        ),
        (
            Effect.MASK, None, "default",
            "手机号：显示前 3 后 4，没有规则适用，按字典默认",
            "mobile number: show the first 3 and last 4, by the dictionary's default, as no rule applies",
        ),
    ],
)  # fmt: skip
def test_verdict_in_words(effect: Effect, title: Label | None, kind: str, zh: str, en: str) -> None:
    found, sentences = policies()
    undecided, kind = kind == "undecided", kind.replace("undecided", "rule")
    said = sentences.verdict(found.fields["mobile"], effect, KEEP, title, kind, undecided=undecided)
    assert said == Label(zh, en)
    parameters: Mapping[str, Any] = KEEP.parameters if effect is Effect.MASK else {}
    algorithm = KEEP.algorithm if effect is Effect.MASK else ""
    field = found.fields["mobile"].label
    alone = verdict_sentence(
        field, effect, algorithm, parameters, kind=kind, title=title or Label(), undecided=undecided
    )
    assert alone == said


def test_verdict_about_an_unknown_field() -> None:
    full = Mask("", "full", {}, Label())
    said = policies()[1].verdict("card_pin", Effect.MASK, full, None, "unknown")
    assert said.zh == "card_pin：全部遮盖，因为字典中没有该字段"
    assert said.en == "card_pin: mask in full, because the field is not in the dictionary"


def test_verdict_without_a_mask_says_no_more_than_masked() -> None:
    said = policies()[1].verdict("mobile", Effect.MASK, None, TITLE)
    assert said.zh == "手机号：脱敏，依据规则“高级柜员查看手机号”"
    assert said.en.startswith("mobile number: mask, by the rule")


def test_masks_are_described_by_what_is_injected() -> None:
    sentences = Sentences(resolved(SAMPLE), describe=lambda algorithm, _: (f"显示{algorithm}", f"show {algorithm}"))
    assert sentences.verdict("mobile", Effect.MASK, KEEP, None).zh == "手机号：显示keep，依据匹配的规则"


# Names

NAMES = """
kind: Attributes
attributes:
  subject.region: {type: string, label: {zh: 地区, en: region}}
  resource.region: {type: string, label: {zh: 地区, en: region}}
  resource.bare: {type: string}
  resource.chinese: {type: string, label: {zh: 仅中文}}
  resource.english: {type: string, label: {en: English only}}
  resource.kind:
    type: string
    label: kind
    values:
      - {value: a, label: {zh: 同名, en: alike}}
      - {value: b, label: {zh: 同名, en: alike}}
      - {value: c, label: {zh: 甲或乙, en: this or that}}
      - {value: d, label: {zh: 未核验, en: not verified}}
      - {value: "", label: {zh: 无, en: none}}
  resource.level: {type: int, label: "  级\\n别 ", values: [{value: 1, label: {zh: 一, en: one}}]}
---
kind: Dictionary
fields:
  mobile: {label: {zh: 电话, en: phone}, level: C2}
  phone: {label: {zh: 电话, en: phone}, level: C2}
  both: {label: {zh: 姓名和住址, en: name and address}, level: C2}
  bare: {level: C2}
---
kind: Policy
id: p
rules:
  - id: r
    when:
      - subject.region == resource.region
      - resource.bare == resource.chinese
      - resource.english == "x"
      - resource.kind in ["a", "c"]
      - resource.kind != "d"
      - resource.kind != ""
      - dyn(resource.level) == true
    fields: all
    unmask: true
"""

NAMED = """
0
    地区（subject.region）与地区（resource.region）相同
    the region (subject.region) is the same as the region (resource.region)
1
    resource.bare 与仅中文相同
    resource.bare is the same as 仅中文
2
    English only 为“x”
    the English only is “x”
3
    kind 为同名（a）或“甲或乙”
    the kind is alike (a) or “this or that”
4
    kind 不是未核验
    the kind is not “not verified”
5
    kind 不为空
    the kind is not empty
6
    级 别为“是”
    级 别 is “yes”
"""


@pytest.mark.parametrize(("index", "zh", "en"), cases(NAMED))
def test_names_are_unambiguous_and_fall_back(index: str, zh: str, en: str) -> None:
    found = resolved(NAMES)
    policy = found.policies[0]
    assert Sentences(found).clause(policy, policy.rules[0].clauses[int(index)]) == Label(zh, en)


def test_fields_of_one_name_are_told_apart() -> None:
    found = resolved(NAMES)
    policy = found.policies[0]
    rule = dataclasses.replace(policy.rules[0], clauses=(), fields=("mobile", "both", "bare"))
    assert Sentences(found).rule(policy, rule) == Label(
        "任何情况下，电话（mobile）、“姓名和住址”、bare 明文显示",
        "in every case, the phone (mobile), “name and address” and bare may be shown in clear",
    )


def test_the_same_set_says_the_same() -> None:
    for policy in policies()[0].policies:
        for rule in policy.rules:
            assert Sentences(resolved(SAMPLE, POLICIES)).rule(policy, rule) == policies()[1].rule(policy, rule)
