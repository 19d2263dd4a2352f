"""Comparisons, flags, grants and their joining, from CEL to both languages."""

from __future__ import annotations

import pytest

from tests.unit.test_sentence_sample import cases, say

COMPARISONS = r"""
subject.level >= 4
    柜员级别不低于 4
    the teller level is at least 4
4 <= subject.level
    柜员级别不低于 4
    the teller level is at least 4
subject.level >= 3
    柜员级别不低于 3（高级）
    the teller level is at least 3 (senior)
subject.level == 4
    柜员级别为 4
    the teller level is 4
subject.level == 5
    柜员级别为 5（负责人）
    the teller level is 5 (head)
subject.level != 5
    柜员级别不等于 5（负责人）
    the teller level is not 5 (head)
!(subject.level >= 4)
    柜员级别低于 4
    the teller level is less than 4
resource.balance >= 500000.0
    余额不低于 50 万
    the balance is at least 500,000
resource.balance > 1234567.5
    余额高于 1,234,567.5
    the balance is more than 1,234,567.5
resource.balance <= 12000.0
    余额不高于 12,000
    the balance is at most 12,000
resource.balance == 5000.0
    余额为 5000
    the balance is 5000
!(resource.balance >= 500000.0)
    余额未达到 50 万
    the balance does not reach 500,000
!(resource.balance > 500000.0)
    余额不高于 50 万
    the balance is not more than 500,000
!(resource.balance < 500000.0)
    余额不低于 50 万
    the balance is not less than 500,000
!(resource.balance <= 500000.0)
    余额并非不高于 50 万
    the balance is not at most 500,000
resource.overdue_days > 90
    逾期天数多于 90
    the days overdue is more than 90
resource.balance > resource.credit
    余额高于授信额度
    the balance is more than the credit limit
resource.balance == resource.credit
    余额等于授信额度
    the balance is equal to the credit limit
resource.name == resource.currency
    姓名与币种相同
    the name is the same as the currency
resource.name != resource.currency
    姓名与币种不同
    the name is not the same as the currency
resource.name < "M"
    姓名按字符编码排在“M”之前
    the name sorts before “M”
!(resource.name <= "M")
    姓名按字符编码排在“M”之后
    the name sorts after “M”
resource.is_vip < resource.signed
    「resource.is_vip < resource.signed」成立
    `resource.is_vip < resource.signed` is true
dyn(subject.level) < 3.5
    柜员级别低于 3.5
    the teller level is less than 3.5
!(dyn(subject.level) < 3.5)
    柜员级别不低于 3.5
    the teller level is not less than 3.5
subject.limits == [1, 2]
    限额为列表（1、2）
    the limits is the list (1, 2)
subject.level + resource.age >= 60
    （柜员级别 + 年龄）不小于 60
    (the teller level + the age) is at least 60
"""

RANGES = r"""
resource.balance >= 50000.0 && resource.balance < 500000.0
    余额在 5 万（含）至 50 万（不含）之间
    the balance is between 50,000 (inclusive) and 500,000 (exclusive)
resource.age > 18 && subject.level == 1 && resource.age <= 60
    年龄在 18（不含）至 60（含）之间且柜员级别为 1
    the age is between 18 (exclusive) and 60 (inclusive) and the teller level is 1
resource.age < 18 || resource.age > 60
    年龄不在 18（含）至 60（含）之间
    the age is not between 18 (inclusive) and 60 (inclusive)
!(resource.age >= 18 && resource.age <= 60)
    年龄不在 18（含）至 60（含）之间
    the age is not between 18 (inclusive) and 60 (inclusive)
resource.balance < 50000.0 || resource.balance >= 500000.0
    余额低于 5 万或余额不低于 50 万
    the balance is less than 50,000 or the balance is at least 500,000
resource.age > 60 && resource.age < 18
    年龄高于 60 且年龄低于 18
    the age is more than 60 and the age is less than 18
resource.age > 18 && resource.age > 20 && resource.age < 60
    年龄高于 18，年龄高于 20，且年龄低于 60
    the age is more than 18, the age is more than 20, and the age is less than 60
resource.opened_at >= timestamp("2026-01-01T00:00:00+08:00") && resource.opened_at < timestamp("2026-07-01T00:00:00+08:00")
    开户时间在 2026-01-01 00:00（北京时间，含）至 2026-07-01 00:00（北京时间，不含）之间
    the opening time is between 2026-01-01 00:00 (Beijing time, inclusive) and 2026-07-01 00:00 (Beijing time, exclusive)
"""  # noqa: E501

VALUES = r"""
resource.customer_class == "private"
    客户等级为私人银行
    the customer class is private banking
resource.customer_class != "private"
    客户等级不是私人银行
    the customer class is not private banking
resource.customer_class == "unlisted"
    客户等级为“unlisted”
    the customer class is “unlisted”
resource.currency == "CNY"
    币种为“CNY”
    the currency is “CNY”
resource.name == ""
    姓名为空
    the name is empty
resource.name != ""
    姓名不为空
    the name is not empty
resource.customer_class in ["private", "diamond", "gold"]
    客户等级为私人银行、钻石或金卡
    the customer class is private banking, diamond or gold
resource.customer_class in ["private"]
    客户等级为私人银行
    the customer class is private banking
resource.customer_class in ["private", "private", "gold"]
    客户等级为私人银行或金卡
    the customer class is private banking or gold
!(resource.customer_class in ["private", "diamond"])
    客户等级既不是私人银行也不是钻石
    the customer class is neither private banking nor diamond
!(resource.customer_class in ["private", "diamond", "gold"])
    客户等级不属于私人银行、钻石、金卡中的任何一项
    the customer class is none of private banking, diamond and gold
resource.customer_class in []
    空列表包含客户等级
    the customer class is among the empty list
resource.customer_class == "private" || resource.customer_class == "gold"
    客户等级为私人银行或金卡
    the customer class is private banking or gold
resource.customer_class == "private" || subject.level > 3 || resource.customer_class in ["gold"]
    客户等级为私人银行或金卡，或柜员级别高于 3（高级）
    the customer class is private banking or gold, or the teller level is more than 3 (senior)
resource.customer_class != "private" && resource.customer_class != "gold"
    客户等级既不是私人银行也不是金卡
    the customer class is neither private banking nor gold
resource.customer_class != "private" || resource.customer_class != "gold"
    客户等级不是私人银行或客户等级不是金卡
    the customer class is not private banking or the customer class is not gold
subject.level in [4, 5]
    柜员级别为 4 或 5（负责人）
    the teller level is 4 or 5 (head)
subject.level in [1, resource.age]
    柜员级别为 1 或年龄
    the teller level is 1 or the age
resource.name == "a” b"
    姓名为「"a\u201d b"」
    the name is 「"a\u201d b"」
resource.name == "x\ny"
    姓名为「"x\u000ay"」
    the name is 「"x\u000ay"」
"""

FLAGS = r"""
resource.is_vip
    VIP 客户为“是”
    “VIP customer” is yes
!resource.is_vip
    VIP 客户为“否”
    “VIP customer” is no
resource.is_vip == false
    VIP 客户为“否”
    “VIP customer” is no
resource.is_vip != false
    VIP 客户为“是”
    “VIP customer” is yes
true == resource.signed
    已签约
    “signed” is yes
!resource.signed
    未签约
    “signed” is no
resource.consent
    营销意愿为同意
    the attitude to marketing is consenting
!resource.consent
    营销意愿为拒绝
    the attitude to marketing is declining
resource.is_vip == resource.signed
    （VIP 客户为“是”）与（已签约）同时成立或同时不成立
    either both (“VIP customer” is yes) and (“signed” is yes) hold or neither does
resource.is_vip != (subject.level > 3)
    （VIP 客户为“是”）与（柜员级别高于 3（高级））恰有一个成立
    exactly one of (“VIP customer” is yes) and (the teller level is more than 3 (senior)) holds
true
    始终成立
    it is always so
!true || subject.level > 3
    柜员级别高于 3（高级）
    the teller level is more than 3 (senior)
"""

GRANTS = r"""
grant.active
    有有效授权
    there is a valid authorisation
!grant.active
    没有有效授权
    there is no valid authorisation
grant.kind == "supervisor"
    已获主管授权
    there is an authorisation by a supervisor
grant.kind == "customer"
    已获客户本人授权
    there is an authorisation by the customer
grant.kind != "supervisor"
    授权类型不是主管授权
    the kind of authorisation is not authorisation by a supervisor
grant.kind == ""
    没有授权
    there is no authorisation
grant.kind != ""
    有授权
    there is an authorisation
grant.kind in ["supervisor", "customer"]
    授权类型为主管授权或客户本人授权
    the kind of authorisation is authorisation by a supervisor or authorisation by the customer
grant.active && grant.kind == "supervisor"
    已获有效的主管授权
    there is a valid authorisation by a supervisor
grant.active && subject.level > 3 && grant.kind == "customer" && grant.approver_level >= 5
    已获有效的客户本人授权，柜员级别高于 3（高级），且授权人级别不低于 5
    there is a valid authorisation by the customer, the teller level is more than 3 (senior), and the approver level is at least 5
grant.approver != subject.id
    授权人与员工号不同
    the approver is not the same as the employee number
grant.scenario == "service"
    授权场景为客户服务
    the scenario of the authorisation is customer service
grant.scenario == context.scenario
    授权场景与业务场景相同
    the scenario of the authorisation is the same as the business scenario
"""  # noqa: E501

JOINED = r"""
resource.is_vip && subject.level > 3
    VIP 客户为“是”且柜员级别高于 3（高级）
    “VIP customer” is yes and the teller level is more than 3 (senior)
resource.is_vip && subject.level > 3 && resource.age > 18
    VIP 客户为“是”，柜员级别高于 3（高级），且年龄高于 18
    “VIP customer” is yes, the teller level is more than 3 (senior), and the age is more than 18
resource.is_vip || subject.level > 3 || resource.age > 18
    VIP 客户为“是”，柜员级别高于 3（高级），或年龄高于 18
    “VIP customer” is yes, the teller level is more than 3 (senior), or the age is more than 18
resource.is_vip && resource.customer_class in ["private", "gold"]
    VIP 客户为“是”，且客户等级为私人银行或金卡
    “VIP customer” is yes, and the customer class is private banking or gold
resource.is_vip && (subject.level > 3 || resource.age > 18)
    VIP 客户为“是”且（柜员级别高于 3（高级）或年龄高于 18）
    “VIP customer” is yes and (the teller level is more than 3 (senior) or the age is more than 18)
resource.is_vip || (subject.level > 3 && resource.age > 18)
    VIP 客户为“是”或（柜员级别高于 3（高级）且年龄高于 18）
    “VIP customer” is yes or (the teller level is more than 3 (senior) and the age is more than 18)
resource.is_vip && (resource.signed && resource.age > 18)
    VIP 客户为“是”，已签约，且年龄高于 18
    “VIP customer” is yes, “signed” is yes, and the age is more than 18
!(resource.is_vip || resource.age > 18)
    VIP 客户为“否”且年龄不高于 18
    “VIP customer” is no and the age is at most 18
!(resource.is_vip && (resource.signed || subject.level > 3))
    VIP 客户为“否”或（未签约且柜员级别不高于 3（高级））
    “VIP customer” is no or (“signed” is no and the teller level is at most 3 (senior))
resource.is_vip || (subject.level > 3 && (resource.signed || resource.age > 18))
    以下任一成立：VIP 客户为“是”；柜员级别高于 3（高级）且（已签约或年龄高于 18）
    any of the following holds: “VIP customer” is yes; the teller level is more than 3 (senior) and (“signed” is yes or the age is more than 18)
subject.level > 2 && (resource.is_vip || (subject.level > 3 && (resource.signed || resource.age > 18)))
    以下全部成立：柜员级别高于 2；（以下任一成立：VIP 客户为“是”；柜员级别高于 3（高级）且（已签约或年龄高于 18））
    all of the following hold: the teller level is more than 2; (any of the following holds: “VIP customer” is yes; the teller level is more than 3 (senior) and (“signed” is yes or the age is more than 18))
resource.is_vip ? subject.level > 3 : subject.level > 4
    （若 VIP 客户为“是”，则柜员级别高于 3（高级）；否则柜员级别高于 4）
    (if “VIP customer” is yes, then the teller level is more than 3 (senior); otherwise the teller level is more than 4)
!(resource.is_vip ? subject.level > 3 : resource.signed)
    （若 VIP 客户为“是”，则柜员级别不高于 3（高级）；否则未签约）
    (if “VIP customer” is yes, then the teller level is at most 3 (senior); otherwise “signed” is no)
subject.level > 3 && (resource.is_vip ? resource.signed : resource.age > 18)
    柜员级别高于 3（高级）且（若 VIP 客户为“是”，则已签约；否则年龄高于 18）
    the teller level is more than 3 (senior) and (if “VIP customer” is yes, then “signed” is yes; otherwise the age is more than 18)
"""  # noqa: E501


@pytest.mark.parametrize(("cel", "zh", "en"), cases(COMPARISONS, RANGES, VALUES, FLAGS, GRANTS, JOINED))
def test_condition_in_words(cel: str, zh: str, en: str) -> None:
    label = say(cel)
    assert (label.zh, label.en) == (zh, en)
