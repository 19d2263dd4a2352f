"""The policy set that the sentence tests speak about."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from pdp.lang.cel import Environment
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.lang.model import Label
from pdp.lang.resolved import Policy, ResolvedSet
from pdp.lang.sentence import Sentences
from pdp.source import whole

SAMPLE = """
kind: Attributes
attributes:
  subject.level:
    type: int
    label: {zh: 柜员级别, en: teller level}
    values:
      - {value: 1}
      - {value: 2}
      - {value: 3, label: {zh: 高级, en: senior}}
      - {value: 4}
      - {value: 5, label: {zh: 负责人, en: head}}
  subject.roles:
    label: {zh: 角色, en: roles}
    values:
      - {value: teller, label: {zh: 柜员, en: teller}}
      - {value: manager, label: {zh: 主管, en: manager}}
      - {value: auditor, label: {zh: 审计员, en: auditor}}
  subject.limits: {type: list(int), label: {zh: 限额, en: limits}}
  subject.rates: {type: list(double), label: {zh: 利率, en: rates}}
  resource.customer_class:
    type: string
    label: {zh: 客户等级, en: customer class}
    values:
      - {value: private, label: {zh: 私人银行, en: private banking}}
      - {value: diamond, label: {zh: 钻石, en: diamond}}
      - {value: gold, label: {zh: 金卡, en: gold}}
  resource.balance: {type: double, label: {zh: 余额, en: balance}}
  resource.credit: {type: double, label: {zh: 授信额度, en: credit limit}}
  resource.age: {type: int, label: {zh: 年龄, en: age}}
  resource.overdue_days: {type: int, label: {zh: 逾期天数, en: days overdue}}
  resource.is_vip: {type: bool, label: {zh: VIP 客户, en: VIP customer}}
  resource.signed: {type: bool, label: {zh: 是否已签约, en: signed}}
  resource.consent:
    type: bool
    label: {zh: 营销意愿, en: attitude to marketing}
    values: [{value: true, label: {zh: 同意, en: consenting}}, {value: false, label: {zh: 拒绝, en: declining}}]
  resource.currency: {type: string, label: {zh: 币种, en: currency}}
  resource.name: {type: string, label: {zh: 姓名, en: name}}
  resource.flags: {type: "map(string, string)", label: {zh: 风险标志, en: risk flags}}
  resource.frozen_until: {type: timestamp, label: {zh: 冻结截止时间, en: end of the freeze}}
  resource.opened_at: {type: timestamp, label: {zh: 开户时间, en: opening time}}
  resource.term: {type: duration, label: {zh: 期限, en: term}}
  resource.notice: {type: duration, label: {zh: 通知期, en: notice}}
  context.signed_in_at: {type: timestamp, label: {zh: 签到时间, en: sign-in time}}
  context.application:
    type: string
    label: {zh: 应用, en: application}
    values: [{value: core, label: {zh: 柜面系统, en: counter}}, {value: crm, label: {zh: 客户关系管理, en: CRM}}]
  context.menu:
    type: string
    label: {zh: 菜单码, en: menu code}
    values:
      - {value: "3101", label: {zh: 客户查询, en: customer enquiry}}
      - {value: "3102", label: {zh: 客户维护, en: customer update}}
      - {value: "3103"}
  context.scenario:
    type: string
    label: {zh: 业务场景, en: business scenario}
    values: [{value: service, label: {zh: 客户服务, en: customer service}}]
---
kind: Dictionary
defaults: {C1: unmask, C2: mask, C3: mask}
fields:
  mobile: {label: {zh: 手机号, en: mobile number}, level: C2, category: contact, mask: mobile}
  email: {label: {zh: 邮箱, en: e-mail address}, level: C2, category: contact, mask: {algorithm: email}}
  name: {label: {zh: 姓名, en: name}, level: C2, category: identity, mask: {algorithm: name}}
  id_no: {label: {zh: 身份证号, en: ID number}, level: C2, category: identity, mask: ends}
  passport: {label: {zh: 护照号, en: passport number}, level: C2, category: identity, mask: ends}
  address: {label: {zh: 住址, en: address}, level: C2, category: home, mask: {algorithm: suppress}}
  balance: {label: {zh: 余额, en: balance}, level: C2, category: money, mask: rounded}
  opened: {label: {zh: 开户日期, en: opening date}, level: C1, category: money}
---
kind: Masks
masks:
  mobile: {label: {zh: 显示前 3 后 4}, algorithm: keep, prefix: 3, suffix: 4}
  ends: {algorithm: keep, prefix: 1, suffix: 1}
  rounded: {label: {zh: 万元取整, en: rounded to ten thousands}, algorithm: round, unit: "10000"}
"""


def resolved(*texts: str) -> ResolvedSet:
    """Return policy documents loaded and checked; they must be free of errors."""
    policy_set, diagnostics = load_texts({f"{index}.yaml": text for index, text in enumerate(texts)})
    found = check(policy_set, diagnostics, analyse=False)
    assert found is not None, diagnostics.sorted()
    return found


@functools.cache
def sample() -> tuple[Sentences, Environment]:
    """Return the sentences and the CEL environment of the sample."""
    found = resolved(SAMPLE)
    return Sentences(found), Environment(found.attributes)


def policy_of(variables: Mapping[str, str] | None = None) -> Policy:
    """Return a policy of the sample with variables, each written before those that use it."""
    text = "".join(f"  {name}: {expression!r}\n" for name, expression in (variables or {}).items())
    if not text:
        return Policy("sample", Label(), (), (), (), whole("sample.yaml"))
    rules = "rules: [{id: r, fields: [mobile], unmask: true}]"
    return resolved(SAMPLE, f"kind: Policy\nid: sample\nvariables:\n{text}{rules}\n").policies[0]


def say(text: str) -> Label:
    """Return the sentence of an expression of the sample."""
    sentences, environment = sample()
    return sentences.expression(policy_of(), environment.scope({}).compile(text).expr)


def cases(*tables: str) -> list[tuple[str, str, str]]:
    """Return (CEL, Chinese, English) of tables in which each stands on a line, the sentences indented."""
    lines = [line for table in tables for line in table.strip().splitlines()]
    rows = [(cel, zh, en) for cel, zh, en in zip(lines[::3], lines[1::3], lines[2::3], strict=True)]
    assert all(zh.startswith("    ") and en.startswith("    ") and not cel.startswith(" ") for cel, zh, en in rows)
    return [(cel, zh.strip(), en.strip()) for cel, zh, en in rows]


def test_sample_is_free_of_errors() -> None:
    assert resolved(SAMPLE).fields["mobile"].mask.label == Label("显示前 3 后 4", "")
