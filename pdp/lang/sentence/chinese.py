"""The phrases in Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pdp.lang.sentence.text import glue, listed
from pdp.lang.sentence.words import Template, Words

_VERBS: Mapping[str, Mapping[str, str]] = {
    "amount": {"lt": "低于", "le": "不高于", "gt": "高于", "ge": "不低于"},
    "count": {"lt": "少于", "le": "不多于", "gt": "多于", "ge": "不少于"},
    "number": {"lt": "小于", "le": "不大于", "gt": "大于", "ge": "不小于"},
    "span": {"lt": "短于", "le": "不超过", "gt": "超过", "ge": "不短于"},
    "time": {"lt": "早于", "le": "不晚于", "gt": "晚于", "ge": "不早于"},
}
# How the names of attributes end that count something: 逾期天数多于 90.
_COUNTS = ("天数", "次数", "笔数", "人数", "个数", "件数", "户数", "张数", "月数", "年数", "数量")
# Denied comparisons of numbers that may be NaN: only what is also right for a NaN.
_DENIED = {"nlt": "不低于", "nle": "并非不高于", "ngt": "不高于", "nge": "未达到"}
_PARTS = {
    "year": "年份",
    "month": "月份序号（0 为 1 月）",
    "day_of_year": "年内天序（0 为 1 月 1 日）",
    "day_of_month": "日期序号（0 为 1 日）",
    "date": "日期（每月第几日）",
    "day_of_week": "星期序号（0 为星期日）",
    "hours": "小时数",
    "minutes": "分钟数",
    "seconds": "秒数",
    "milliseconds": "毫秒数",
}
_DAYS = {"day_of_week": "", "month": "的月份", "date": "的日期", "day_of_month": "的日期"}


class Chinese(Words):
    """Chinese as banks write it: full-width punctuation, a space between Chinese and Latin text."""

    chinese: ClassVar[bool] = True
    nouns: ClassVar[Mapping[str, Template]] = {
        "divide_int": ("（", 0, " ÷ ", 1, " 的整数商）"),
        "divide_double": ("（", 0, " ÷ ", 1, "）"),
        "modulo_int": ("（", 0, " ÷ ", 1, " 的余数）"),
        "negate_int": (0, "的相反数"),
        "negate_double": (0, "的相反数"),
        "concat_string": ("（", 0, "后接", 1, "的文本）"),
        "concat_list": ("（", 0, "后接", 1, "的列表）"),
        "timestamp_minus_timestamp": ("从", 1, "到", 0, "的时长"),
        "index_list": (0, "中第（", 1, " + 1）项"),
        "index_map": (0, "中", 1, "的值"),
        "size_string": (0, "的字符数"),
        "size_list": (0, "的项数"),
        "size_map": (0, "的键数"),
        "int_from_double": (0, "的整数部分"),
        "int_from_timestamp": (0, "的秒数（自 1970 年起）"),
        "timestamp_from_int": ("自 1970 年起第", 0, "秒的时刻"),
        "string_from_int": (0, "的文本形式"),
        "string_from_bool": (0, "的文本形式"),
        "duration_hours": (0, "折合的整小时数"),
        "duration_minutes": (0, "折合的整分钟数"),
        "duration_seconds": (0, "折合的整秒数"),
        "duration_milliseconds": (0, "中不足一秒的毫秒数"),
    }

    def bracket(self, text: str) -> str:
        """（…）."""
        return f"（{text}）"

    def inline(self, op: str, texts: Sequence[str], *, plain: bool) -> str:
        """A且B; A，B，且C."""
        word = "且" if op == "and" else "或"
        return glue(texts[0], word, texts[1]) if plain else glue("，".join(texts[:-1]) + f"，{word}", texts[-1])

    def listing(self, op: str, texts: Sequence[str]) -> str:
        """以下任一成立：A；B."""
        return ("以下全部成立：" if op == "and" else "以下任一成立：") + "；".join(texts)

    def assemble(self, template: Template, args: Sequence[str]) -> str:
        """Put the arguments in their places."""
        return glue(*(part if isinstance(part, str) else args[part] for part in template))

    def constant(self, *, value: bool) -> str:
        """始终成立."""
        return "始终成立" if value else "始终不成立"

    def opaque(self, code: str, *, positive: bool) -> str:
        """「…」成立."""
        return f"{code}成立" if positive else f"{code}不成立"

    def compared(self, op: str, category: str, subject: str, value: str, *, constant: bool) -> str:
        """柜员级别不低于 3."""
        if op in ("eq", "ne"):
            if constant:
                numeric = category in ("amount", "count", "number", "span", "time")
                return glue(subject, "为" if op == "eq" else "不等于" if numeric else "不是", value)
            if category in ("amount", "count", "number"):
                return glue(subject, "等于" if op == "eq" else "不等于", value)
            return glue(subject, "与", value, "相同" if op == "eq" else "不同")
        if op in _DENIED:
            return glue(subject, _DENIED[op], value)
        if category == "amount" and subject.endswith(_COUNTS):
            category = "count"
        if category == "text":
            place = "之前" if op in ("lt", "le") else "之后"
            same = "或与之相同" if op in ("le", "ge") else ""
            return glue(subject, "按字符编码排在", value, place + same)
        return glue(subject, _VERBS.get(category, _VERBS["number"])[op], value)

    def empty(self, subject: str, *, positive: bool, container: bool) -> str:
        """角色为空."""
        return glue(subject, "为空" if positive else "不为空")

    def member(self, subject: str, items: Sequence[str], *, positive: bool) -> str:
        """客户等级为私人银行或钻石; 既不是私人银行，也不是钻石."""
        if positive:
            return glue(subject, "为", listed(items, "或", chinese=True))
        if len(items) == 2:
            return glue(subject, "既不是", items[0], "也不是", items[1])
        return glue(subject, "不属于", "、".join(items), "中的任何一项")

    def between(self, subject: str, low: tuple[str, bool], high: tuple[str, bool], *, positive: bool) -> str:
        """余额在 5 万（含）至 50 万（不含）之间."""
        ends = [self._end(*end) for end in (low, high)]
        return glue(subject, "在" if positive else "不在", f"{ends[0]}至", f"{ends[1]}之间")

    def _end(self, text: str, closed: bool) -> str:
        note = "含" if closed else "不含"
        return f"{text[:-1]}，{note}）" if text.endswith("）") else f"{text}（{note}）"

    def contains_item(self, container: str, item: str, *, positive: bool) -> str:
        """角色包含柜员."""
        return glue(container, "包含" if positive else "不包含", item)

    def includes(self, container: str, items: Sequence[str], *, together: bool, positive: bool) -> str:
        """角色包含柜员或主管; 角色同时包含柜员和主管."""
        if together:
            return glue(container, "同时包含" if positive else "未同时包含", listed(items, "和", chinese=True))
        if positive:
            return glue(container, "包含", listed(items, "或", chinese=True))
        if len(items) == 2:
            return glue(container, "既不包含", items[0], "也不包含", items[1])
        return glue(container, "不包含", "、".join(items), "中的任何一项")

    def has_key(self, container: str, key: str, *, constant: bool, positive: bool) -> str:
        """风险标志中有“risk”项."""
        has = "中有" if positive else "中没有"
        return glue(container, has, key, "项") if constant else glue(container, f"{has}键为", key, "的项")

    def text_test(self, function: str, subject: str, argument: str, *, positive: bool) -> str:
        """手机号以“138”开头."""
        no = "" if positive else "不"
        if function == "contains":
            return glue(subject, f"{no}包含", argument)
        if function == "matches":
            return glue(subject, f"{no}匹配正则表达式", argument)
        return glue(subject, f"{no}以", argument, "开头" if function == "starts_with" else "结尾")

    def flag(self, noun: str, *, positive: bool) -> str:
        """VIP 客户为“是”; 是否已签约 becomes 已签约, 未签约."""
        said = noun.removeprefix("是否")
        if said != noun:
            for start, denied in (("为", "不为"), ("已", "未"), ("有", "没有"), ("在", "不在"), ("属于", "不属于")):
                if said.startswith(start):
                    return said if positive else denied + said.removeprefix(start)
        return glue(said, f"为“{self.truth(value=positive)}”")

    def granted(self, kind: str, shown: str, *, positive: bool) -> str:
        """已获主管授权."""
        if positive and kind in ("supervisor", "customer"):
            return f"已获{shown}"
        return glue("授权类型", "为" if positive else "不是", shown)

    def authorised(self, kind: str, shown: str) -> str:
        """已获有效的主管授权."""
        return f"已获有效的{shown}" if kind in ("supervisor", "customer") else glue("有有效授权且授权类型为", shown)

    def any_grant(self, *, positive: bool) -> str:
        """有有效授权."""
        return "有有效授权" if positive else "没有有效授权"

    def no_grant(self, *, positive: bool) -> str:
        """没有授权."""
        return "没有授权" if positive else "有授权"

    def choice(self, condition: str, then: str, otherwise: str) -> str:
        """（若…，则…；否则…）."""
        return glue("（若", condition, "，则", then, "；否则", otherwise, "）")

    def same(self, left: str, right: str, *, positive: bool) -> str:
        """（A）与（B）同时成立或同时不成立."""
        return f"{left}与{right}同时成立或同时不成立" if positive else f"{left}与{right}恰有一个成立"

    def clock(self, of: str, zone: str, start: int, end: int) -> str:
        """上海时间在 9:00（含）至 17:00（不含）之间."""
        subject = glue(of, f"（{zone}）的钟点") if of else zone
        if start == 0:
            return glue(subject, "早于", f"{end}:00")
        if end == 24:
            return glue(subject, "不早于", f"{start}:00")
        until = "至次日" if end <= start else "至"
        return glue(subject, "在", f"{start}:00（含）{until}", f"{end}:00（不含）之间")

    def days(self, function: str, of: str, zone: str, names: Sequence[str]) -> str:
        """上海时间为星期一至星期五; 上海时间的月份为 3 月."""
        subject = glue(of, f"（{zone}）") if of else zone
        return glue(subject, _DAYS[function] + "为", listed(names, "或", chinese=True))

    def clock_part(self, function: str, of: str, zone: str) -> str:
        """上海时间的小时数."""
        return glue(glue(of, f"（{zone}）") if of else zone, "的", _PARTS[function])

    def shifted(self, moment: str, span: str, *, later: bool) -> str:
        """登录时间之后 8 小时."""
        return glue(moment, "之后" if later else "之前", span, "的时刻")

    def quantifier(self, kind: str, container: str, *, keyed: bool) -> str:
        """角色中至少有一项."""
        item = "键" if keyed else "项"
        words = {"all": f"中每一{item}均", "exists": f"中至少有一{item}", "exists_one": f"中恰有一{item}"}
        return glue(container, words[kind])

    def each(self, kind: str, container: str, named: str, body: str, *, keyed: bool, positive: bool) -> str:
        """角色中至少有一项满足（该项以“a”开头且…）."""
        item, name = "键" if keyed else "项", f"（记为 {named}）" if named else ""
        if not positive:
            return glue(container, f"的各{item}{name}中，满足", body, "的不是恰好一个")
        item += name
        words = {"all": f"中每一{item}均满足", "exists": f"中至少有一{item}满足", "exists_one": f"中恰有一{item}满足"}
        return glue(container, words[kind], body)

    def element(self, *, keyed: bool) -> str:
        """该项."""
        return "该键" if keyed else "该项"

    def selection(self, container: str, named: str, condition: str, transform: str) -> str:
        """角色中满足（…）的各项."""
        items = "各项" + (f"（记为 {named}）" if named else "")
        chosen = glue(container, f"{items}中满足", condition, "的项") if condition else glue(container, items)
        return glue("对", chosen, "取", transform, "所得的列表") if transform else chosen

    def truth(self, *, value: bool) -> str:
        """是, 否."""
        return "是" if value else "否"

    def labelled(self, number: str, label: str) -> str:
        """2（高级）."""
        return f"{number}（{label}）"

    def whether(self, statement: str) -> str:
        """（…）是否成立."""
        return f"{statement}是否成立"

    def alternative(self, condition: str, then: str, otherwise: str) -> str:
        """（若…则取…，否则取…）."""
        return glue("（若", condition, "则取", then, "，否则取", otherwise, "）")

    def item_at(self, container: str, position: int) -> str:
        """角色中第 1 项."""
        return glue(container, "中第", str(position), "项")

    def list_of(self, items: Sequence[str]) -> str:
        """列表（A、B）."""
        return f"列表（{'、'.join(items)}）" if items else "空列表"

    def map_of(self, entries: Sequence[tuple[str, str]]) -> str:
        """映射（A：1；B：2）."""
        return f"映射（{'；'.join(f'{k}：{v}' for k, v in entries)}）" if entries else "空映射"
