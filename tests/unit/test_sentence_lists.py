"""Lists, maps, texts and loops, from CEL to both languages."""

from __future__ import annotations

import pytest

from tests.unit.test_sentence_sample import cases, say

LISTS = r"""
"teller" in subject.roles
    角色包含柜员
    teller is among the roles
!("teller" in subject.roles)
    角色不包含柜员
    teller is not among the roles
"teller" in subject.roles || "manager" in subject.roles
    角色包含柜员或主管
    teller or manager is among the roles
"teller" in subject.roles || "manager" in subject.roles || "auditor" in subject.roles
    角色包含柜员、主管或审计员
    teller, manager or auditor is among the roles
"teller" in subject.roles && "manager" in subject.roles
    角色同时包含柜员和主管
    both teller and manager are among the roles
"teller" in subject.roles && "manager" in subject.roles && "auditor" in subject.roles
    角色同时包含柜员、主管和审计员
    all of teller, manager and auditor are among the roles
!("teller" in subject.roles) && !("manager" in subject.roles)
    角色既不包含柜员也不包含主管
    neither teller nor manager is among the roles
!("teller" in subject.roles) || !("manager" in subject.roles)
    角色未同时包含柜员和主管
    not both teller and manager are among the roles
"unlisted" in subject.roles
    角色包含“unlisted”
    “unlisted” is among the roles
resource.currency in subject.roles
    角色包含币种
    the currency is among the roles
3 in subject.limits
    限额包含 3
    3 is among the limits
"a" in ["b", resource.name]
    列表（“b”、姓名）包含“a”
    “a” is among the list (“b”, the name)
size(subject.roles) == 0
    角色为空
    there is nothing in the roles
size(subject.roles) > 0
    角色不为空
    there is something in the roles
!(size(subject.roles) >= 1)
    角色为空
    there is nothing in the roles
size(subject.roles) >= 2
    角色的项数不少于 2
    the number of items in the roles is at least 2
"""

MAPS = r"""
has(resource.flags.risk)
    风险标志中有“risk”项
    there is an entry “risk” in the risk flags
!has(resource.flags.risk)
    风险标志中没有“risk”项
    there is no entry “risk” in the risk flags
"risk" in resource.flags
    风险标志中有“risk”项
    there is an entry “risk” in the risk flags
resource.name in resource.flags
    风险标志中有键为姓名的项
    there is an entry whose key is the name in the risk flags
!(resource.name in resource.flags)
    风险标志中没有键为姓名的项
    there is no entry whose key is the name in the risk flags
resource.flags.risk == "high"
    风险标志中“risk”的值为“high”
    the value of “risk” in the risk flags is “high”
resource.flags["risk"] in ["high", "mid"]
    风险标志中“risk”的值为“high”或“mid”
    the value of “risk” in the risk flags is “high” or “mid”
size(resource.flags) != 0
    风险标志不为空
    there is something in the risk flags
size(resource.flags) < 3
    风险标志的键数少于 3
    the number of entries in the risk flags is less than 3
"""

TEXTS = r"""
resource.name.contains("张")
    姓名包含“张”
    the name contains “张”
!resource.name.contains("张")
    姓名不包含“张”
    the name does not contain “张”
resource.name.startsWith("张")
    姓名以“张”开头
    the name starts with “张”
!resource.name.startsWith("张")
    姓名不以“张”开头
    the name does not start with “张”
resource.name.endsWith(resource.currency)
    姓名以币种结尾
    the name ends with the currency
resource.name.matches("^张.*$")
    姓名匹配正则表达式「^张.*$」
    the name matches the regular expression `^张.*$`
!resource.name.matches("[「」]")
    姓名不匹配正则表达式「"[\u300c\u300d]"」
    the name does not match the regular expression 「"[\u300c\u300d]"」
size(resource.name) > 3
    姓名的字符数多于 3
    the number of characters in the name is more than 3
size(resource.name) == 0
    姓名为空
    the name is empty
"""

LOOPS = r"""
subject.roles.exists(r, r == "teller")
    角色中至少有一项为柜员
    at least one item of the roles is teller
subject.roles.exists(r, r in ["teller", "manager"])
    角色中至少有一项为柜员或主管
    at least one item of the roles is teller or manager
subject.roles.exists(r, r.startsWith("te"))
    角色中至少有一项以“te”开头
    at least one item of the roles starts with “te”
subject.roles.exists(r, r.startsWith("te") && r != "teller")
    角色中至少有一项满足（该项以“te”开头且该项不是柜员）
    at least one item of the roles satisfies (that item starts with “te” and that item is not teller)
subject.roles.all(r, r != "teller")
    角色中每一项均不是柜员
    no item of the roles is teller
!subject.roles.exists(r, r == "teller")
    角色中每一项均不是柜员
    no item of the roles is teller
!subject.roles.all(r, r in ["teller", "manager"])
    角色中至少有一项既不是柜员也不是主管
    at least one item of the roles is neither teller nor manager
subject.roles.all(r, r in ["teller", "manager"])
    角色中每一项均为柜员或主管
    every item of the roles is teller or manager
subject.rates.all(r, !(r >= 3.5))
    利率中每一项均未达到 3.5
    no item of the rates is at least 3.5
subject.roles.exists_one(r, r == "teller")
    角色中恰有一项为柜员
    exactly one item of the roles is teller
!subject.roles.exists_one(r, r == "teller")
    角色的各项中，满足（该项为柜员）的不是恰好一个
    it is not so that exactly one item of the roles satisfies (that item is teller)
subject.limits.exists(x, x > x * x)
    限额中至少有一项满足（该项高于（该项 × 该项））
    at least one item of the limits satisfies (that item is more than (that item × that item))
resource.flags.all(k, k.startsWith("a"))
    风险标志中每一键均以“a”开头
    every key of the risk flags starts with “a”
resource.flags.exists(k, k == "risk" || resource.flags[k] == "high")
    风险标志中至少有一键满足（该键为“risk”或风险标志中该键的值为“high”）
    at least one key of the risk flags satisfies (that key is “risk” or the value of that key in the risk flags is “high”)
subject.limits.exists(x, subject.limits.all(y, y <= x))
    限额中至少有一项（记为 x）满足（限额中每一项均不高于 x）
    at least one item x of the limits satisfies (every item of the limits is at most x)
subject.limits.exists(x, subject.rates.exists(x, x > 3.5 || x < 1.0))
    限额中至少有一项（记为 x）满足（利率中至少有一项（记为 x′）满足（x′高于 3.5 或 x′低于 1））
    at least one item x of the limits satisfies (at least one item x′ of the rates satisfies (x′ is more than 3.5 or x′ is less than 1))
!subject.limits.exists_one(x, subject.rates.exists(y, double(x) > y))
    限额的各项（记为 x）中，满足（利率中至少有一项（记为 y）满足（x 高于 y））的不是恰好一个
    it is not so that exactly one item x of the limits satisfies (at least one item y of the rates satisfies (x is more than y))
size(subject.roles.filter(r, r.startsWith("te"))) >= 2
    角色各项中满足（该项以“te”开头）的项的项数不少于 2
    the number of items in the items of the roles for which (that item starts with “te”) is at least 2
subject.roles.filter(r, r != "teller") == ["manager"]
    角色各项中满足（该项不是柜员）的项为列表（主管）
    the items of the roles for which (that item is not teller) is the list (manager)
subject.limits.map(x, x * 2).exists(y, y > 100000)
    对限额各项取（该项 × 2）所得的列表中至少有一项高于 10 万
    at least one item of the list of (that item × 2) for every item of the limits is more than 100,000
subject.limits.map(x, x > 3, x)[0] == 4
    限额各项中满足（该项高于 3）的项中第 1 项为 4
    item 1 of the items of the limits for which (that item is more than 3) is 4
subject.limits.map(x, x > 3)[0]
    对限额各项取（该项高于 3）所得的列表中第 1 项为“是”
    item 1 of the list of (that item is more than 3) for every item of the limits is “yes”
subject.limits.map(x, size(subject.limits.filter(y, y > x))).exists(z, z > 1)
    对限额各项（记为 x）取（限额各项（记为 y）中满足（y 高于 x）的项的项数）所得的列表中至少有一项高于 1
    at least one item of the list of (the number of items in the items y of the limits for which (y is more than x)) for every item x of the limits is more than 1
"""  # noqa: E501


@pytest.mark.parametrize(("cel", "zh", "en"), cases(LISTS, MAPS, TEXTS, LOOPS))
def test_list_in_words(cel: str, zh: str, en: str) -> None:
    label = say(cel)
    assert (label.zh, label.en) == (zh, en)
