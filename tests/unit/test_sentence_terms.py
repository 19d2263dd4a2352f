"""Times, numbers and sums, from CEL to both languages."""

from __future__ import annotations

import pytest

from tests.unit.test_sentence_sample import cases, say

CLOCK = r"""
now.getHours("Asia/Shanghai") >= 9
    上海时间不早于 9:00
    Shanghai time is no earlier than 9:00
now.getHours("Asia/Shanghai") < 9
    上海时间早于 9:00
    Shanghai time is before 9:00
now.getHours("Asia/Shanghai") == 9
    上海时间在 9:00（含）至 10:00（不含）之间
    Shanghai time is between 9:00 (inclusive) and 10:00 (exclusive)
now.getHours("Asia/Shanghai") != 9
    上海时间在 10:00（含）至次日 9:00（不含）之间
    Shanghai time is between 10:00 (inclusive) and 9:00 (exclusive) the next day
now.getHours("Asia/Shanghai") >= 9 && now.getHours("Asia/Shanghai") <= 17
    上海时间在 9:00（含）至 18:00（不含）之间
    Shanghai time is between 9:00 (inclusive) and 18:00 (exclusive)
now.getHours("Asia/Shanghai") < 9 || now.getHours("Asia/Shanghai") >= 17
    上海时间在 17:00（含）至次日 9:00（不含）之间
    Shanghai time is between 17:00 (inclusive) and 9:00 (exclusive) the next day
!(now.getHours("Asia/Shanghai") >= 9 && now.getHours("Asia/Shanghai") < 17)
    上海时间在 17:00（含）至次日 9:00（不含）之间
    Shanghai time is between 17:00 (inclusive) and 9:00 (exclusive) the next day
now.getHours("Asia/Shanghai") in [22, 23, 0, 1]
    上海时间在 22:00（含）至次日 2:00（不含）之间
    Shanghai time is between 22:00 (inclusive) and 2:00 (exclusive) the next day
now.getHours("Asia/Shanghai") in [9, 14]
    上海时间的小时数为 9 或 14
    the hour (Shanghai time) is 9 or 14
now.getHours("Asia/Shanghai") > 30
    上海时间的小时数大于 30
    the hour (Shanghai time) is more than 30
now.getHours("Asia/Shanghai") == subject.level
    上海时间的小时数等于柜员级别
    the hour (Shanghai time) is equal to the teller level
now.getHours() == 9 && now.getMinutes("+08:00") >= 30
    UTC 时间在 9:00（含）至 10:00（不含）之间且 UTC+08:00 时间的分钟数不小于 30
    UTC time is between 9:00 (inclusive) and 10:00 (exclusive) and the minute (UTC+08:00 time) is at least 30
resource.opened_at.getHours("Asia/Tokyo") >= 22
    开户时间（东京时间）的钟点不早于 22:00
    the time of day of the opening time (Tokyo time) is no earlier than 22:00
resource.opened_at.getHours("Asia/Shanghai") > now.getHours("Asia/Shanghai")
    开户时间（上海时间）的小时数大于上海时间的小时数
    the hour of the opening time (Shanghai time) is more than the hour (Shanghai time)
"""

DAYS = r"""
now.getDayOfWeek("Asia/Shanghai") == 0
    上海时间为星期日
    the day of the week (Shanghai time) is Sunday
now.getDayOfWeek("Asia/Shanghai") in [1, 2, 3, 4, 5]
    上海时间为星期一至星期五
    the day of the week (Shanghai time) is Monday to Friday
now.getDayOfWeek("Asia/Shanghai") >= 1 && now.getDayOfWeek("Asia/Shanghai") <= 5
    上海时间为星期一至星期五
    the day of the week (Shanghai time) is Monday to Friday
!(now.getDayOfWeek("Asia/Shanghai") in [0, 6])
    上海时间为星期一至星期五
    the day of the week (Shanghai time) is Monday to Friday
now.getDayOfWeek("Asia/Shanghai") in [0, 6]
    上海时间为星期六或星期日
    the day of the week (Shanghai time) is Saturday or Sunday
now.getDayOfWeek("Asia/Shanghai") in [1, 2, 3, 5]
    上海时间为星期一至星期三或星期五
    the day of the week (Shanghai time) is Monday to Wednesday or Friday
resource.opened_at.getDayOfWeek("Asia/Shanghai") == 6
    开户时间（上海时间）为星期六
    the day of the week of the opening time (Shanghai time) is Saturday
now.getDayOfWeek("Asia/Shanghai") < 7
    上海时间的星期序号（0 为星期日）小于 7
    the day of the week counted from 0 for Sunday (Shanghai time) is less than 7
now.getMonth("Asia/Shanghai") == 0
    上海时间的月份为 1 月
    the month (Shanghai time) is January
now.getMonth("Asia/Shanghai") >= 2 && now.getMonth("Asia/Shanghai") <= 4
    上海时间的月份为 3 月至 5 月
    the month (Shanghai time) is March to May
now.getMonth("Asia/Shanghai") == subject.level
    上海时间的月份序号（0 为 1 月）等于柜员级别
    the month counted from 0 for January (Shanghai time) is equal to the teller level
now.getDate("Asia/Shanghai") >= 25
    上海时间的日期为 25 日至 31 日
    the day of the month (Shanghai time) is 25 to 31
now.getDayOfMonth("Asia/Shanghai") == 0
    上海时间的日期为 1 日
    the day of the month (Shanghai time) is 1
now.getFullYear("Asia/Shanghai") >= 2026
    上海时间的年份不小于 2026
    the year (Shanghai time) is at least 2026
resource.opened_at.getFullYear("Europe/Oslo") == 20260
    开户时间（“Europe/Oslo”时区时间）的年份为 20260
    the year of the opening time (Europe/Oslo time) is 20260
resource.opened_at.getDayOfYear("Asia/Shanghai") < 10
    开户时间（上海时间）的年内天序（0 为 1 月 1 日）小于 10
    the day of the year counted from 0 of the opening time (Shanghai time) is less than 10
"""

TIMES = r"""
now < resource.frozen_until
    当前时间早于冻结截止时间
    the current time is before the end of the freeze
now >= timestamp("2026-03-02T10:00:00+08:00")
    当前时间不早于 2026-03-02 10:00（北京时间）
    the current time is no earlier than 2026-03-02 10:00 (Beijing time)
now > timestamp("2026-03-02T10:00:05.5Z")
    当前时间晚于 2026-03-02 18:00:05.5（北京时间）
    the current time is after 2026-03-02 18:00:05.5 (Beijing time)
now <= timestamp("9999-12-31T23:00:00Z")
    当前时间不晚于 9999-12-31 23:00:00（UTC）
    the current time is no later than 9999-12-31 23:00:00 (UTC)
now == timestamp("0001-01-01T00:00:00Z")
    当前时间为 0001-01-01 08:00（北京时间）
    the current time is 0001-01-01 08:00 (Beijing time)
now != resource.opened_at
    当前时间与开户时间不同
    the current time is not the same as the opening time
now - context.signed_in_at < duration("8h")
    从签到时间到当前时间的时长短于 8 小时
    the time from the sign-in time to the current time is shorter than 8 hours
now - context.signed_in_at >= duration("1h30m")
    从签到时间到当前时间的时长不短于 1 小时 30 分钟
    the time from the sign-in time to the current time is at least 1 hour 30 minutes
now - duration("720h") > resource.opened_at
    当前时间之前 30 天的时刻晚于开户时间
    30 days before the current time is after the opening time
context.signed_in_at + resource.term > now
    （签到时间 + 期限）晚于当前时间
    (the sign-in time + the term) is after the current time
resource.term + context.signed_in_at - duration("-1h") > now
    （（签到时间 + 期限） - 负 1 小时）晚于当前时间
    ((the sign-in time + the term) - minus 1 hour) is after the current time
resource.term == duration("0.25s")
    期限为 0.25 秒
    the term is 0.25 seconds
resource.term > duration("-90s")
    期限超过负 1 分钟 30 秒
    the term is longer than minus 1 minute 30 seconds
resource.term + resource.notice <= duration("0s")
    （期限 + 通知期）不超过 0 秒
    (the term + the notice) is at most 0 seconds
resource.term - resource.notice > duration("36h")
    （期限 - 通知期）超过 36 小时
    (the term - the notice) is longer than 36 hours
resource.term.getHours() > 3
    期限折合的整小时数大于 3
    the full hours in the term is more than 3
int(now) > 1000
    当前时间的秒数（自 1970 年起）大于 1000
    the current time in seconds since 1970 is more than 1000
timestamp(0) < now
    自 1970 年起第 0 秒的时刻早于当前时间
    the time 0 seconds after the start of 1970 is before the current time
"""

SUMS = r"""
resource.balance + resource.credit - 5.0 > 500000.0
    （余额 + 授信额度 - 5）大于 50 万
    (the balance + the credit limit - 5) is more than 500,000
(resource.balance - 2.0) * 3.0 / resource.credit > 1.5
    （（（余额 - 2） × 3） ÷ 授信额度）大于 1.5
    (((the balance - 2) × 3) ÷ the credit limit) is more than 1.5
resource.balance - (resource.credit - 1.0) > 0.0
    （余额 - （授信额度 - 1））大于 0
    (the balance - (the credit limit - 1)) is more than 0
subject.level + 2 * resource.age >= 10
    （柜员级别 + （2 × 年龄））不小于 10
    (the teller level + (2 × the age)) is at least 10
subject.level % 2 == 0
    （柜员级别 ÷ 2 的余数）为 0
    (the remainder of the teller level ÷ 2) is 0
subject.level / 2 == 1
    （柜员级别 ÷ 2 的整数商）为 1
    (the whole part of the teller level ÷ 2) is 1
-subject.level < 0
    柜员级别的相反数小于 0
    the negative of the teller level is less than 0
double(subject.level) < resource.balance
    柜员级别低于余额
    the teller level is less than the balance
int(resource.balance) > 20000
    余额的整数部分大于 2 万
    the whole part of the balance is more than 20,000
string(subject.level) == "3"
    柜员级别的文本形式为“3”
    the teller level as text is “3”
string(resource.is_vip) == "true"
    VIP 客户的文本形式为“true”
    the VIP customer as text is “true”
resource.name + "A" == resource.currency
    （姓名后接“A”的文本）与币种相同
    (the name followed by “A”) is the same as the currency
subject.limits + [1, subject.level] == []
    （限额后接列表（1、柜员级别）的列表）为空列表
    (the list the limits followed by the list (1, the teller level)) is the empty list
subject.level > (resource.is_vip ? 3 : 5)
    柜员级别高于（若 VIP 客户为“是”则取 3，否则取 5）
    the teller level is more than (3 if “VIP customer” is yes, otherwise 5)
subject.limits[0] > 10000
    限额中第 1 项高于 1 万
    item 1 of the limits is more than 10,000
subject.limits[subject.level] == 4
    限额中第（柜员级别 + 1）项为 4
    item (the teller level + 1) of the limits is 4
subject.roles[0] == "teller"
    角色中第 1 项为柜员
    item 1 of the roles is teller
{"a": subject.level}["a"] == 3
    映射（“a”：柜员级别）中“a”的值为 3
    the value of “a” in the map (“a”: the teller level) is 3
[resource.is_vip, true][0]
    列表（VIP 客户、是）中第 1 项为“是”
    item 1 of the list (the VIP customer, yes) is “yes”
"""


@pytest.mark.parametrize(("cel", "zh", "en"), cases(CLOCK, DAYS, TIMES, SUMS))
def test_term_in_words(cel: str, zh: str, en: str) -> None:
    label = say(cel)
    assert (label.zh, label.en) == (zh, en)
