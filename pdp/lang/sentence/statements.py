"""What a whole rule, a policy's heading and a verdict say around their conditions, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pdp.lang.sentence.names import the
from pdp.lang.sentence.text import code, glue, listed, quoted

MAX_FIELDS = 6

_MASKING_ZH = (
    "显示", "展示", "只", "仅", "遮", "隐", "不", "全", "返回", "以", "按", "用", "舍去", "四舍五入", "取整", "保留",
    "脱敏", "替换", "屏蔽", "截", "加密", "哈希", "完全", "部分",
)  # fmt: skip
# How an English mask begins → one field, several fields, what follows the rest of it.
_MASKING_EN = (
    ("show as ", "is shown as ", "are shown as ", ""),
    ("show ", "shows ", "show ", ""),
    ("mask in ", "is masked in ", "are masked in ", ""),
    ("mask ", "has ", "have ", " masked"),
    ("leave out", "is left out", "are left out", ""),
    ("round ", "is rounded ", "are rounded ", ""),
)
_OBLIGATIONS: Mapping[str, tuple[str, str]] = {
    "alert": ("触发告警", "raise an alert"),
    "watermark": ("叠加水印", "show a watermark"),
    "require_reason": ("要求填写理由", "ask for a reason"),
}
_PARAMETERS: Mapping[str, str] = {"severity": "级别"}
_SETTINGS: Mapping[str, str] = {"high": "高", "medium": "中", "low": "低"}


@dataclass(frozen=True, slots=True)
class Place:
    """One part of where a rule applies: what it is called, and the values with their labels, None without one."""

    name: str
    values: Sequence[tuple[str, str | None]]
    is_application: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in words: one text, or the items of a list of which all or any must hold."""

    text: str = ""
    op: str = ""
    items: Sequence[str] = ()


class Statements(Protocol):
    """What both languages say. Arguments are texts of the language, field names without an article."""

    def place(self, places: Sequence[Place]) -> str:
        """Return where a rule applies; empty for no places."""

    def fields(self, names: Sequence[str], count: int, *, every: bool) -> str:
        """Return the fields that a rule speaks about as a subject: the first MAX_FIELDS by name, of so many."""

    def shown(self, subject: str) -> str:
        """Say that fields are shown in clear."""

    def masked(self, subject: str, mask: str, *, plural: bool) -> str:
        """Say how fields are masked."""

    def masked_by_default(self, subject: str, mask: str, *, plural: bool) -> str:
        """Say that fields are masked by their default masks; `mask` is empty when these differ."""

    def obligations(self, effect: str, items: Sequence[tuple[str, Mapping[str, str]]]) -> str:
        """Add what the caller must do besides."""

    def rule(self, place: str, condition: Condition | None, effect: str) -> str:
        """Return the sentence of a rule."""

    def policy(self, title: str, place: str, condition: Condition | None) -> str:
        """Return a policy's title and where it applies."""

    def verdict(self, field: str, said: str, kind: str, title: str, *, undecided: bool) -> str:
        """Return what was decided about a field, and why; `said` is empty for a field shown in clear."""


class ChineseStatements:
    """Rules, headings and verdicts in Chinese."""

    def place(self, places: Sequence[Place]) -> str:
        """柜面系统的客户查询菜单."""
        return "的".join(self._place(place) for place in places)

    def _place(self, place: Place) -> str:
        labels = [label for _, label in place.values if label]
        if len(labels) < len(place.values):
            return glue(place.name, listed([label or quoted(v) for v, label in place.values], "或", chinese=True))
        shown = listed(labels, "或", chinese=True)
        if place.is_application or all(label.endswith(place.name) for label in labels):
            return shown
        return glue(shown, place.name)

    def fields(self, names: Sequence[str], count: int, *, every: bool) -> str:
        """手机号、邮箱等 8 项."""
        if every:
            return f"字典的全部 {count} 个字段"
        shown = "、".join(names)
        return shown if count == len(names) else glue(shown, "等", str(count), "项")

    def shown(self, subject: str) -> str:
        """手机号明文显示."""
        return glue(subject, "明文显示")

    def masked(self, subject: str, mask: str, *, plural: bool) -> str:
        """手机号显示前 3 后 4."""
        return glue(subject, mask if mask.startswith(_MASKING_ZH) else f"按“{mask}”脱敏")

    def masked_by_default(self, subject: str, mask: str, *, plural: bool) -> str:
        """手机号按默认方式脱敏（显示前 3 后 4）."""
        if mask:
            return glue(subject, f"按默认方式脱敏（{mask}）")
        return glue(subject, "按各自的默认方式脱敏" if plural else "按默认方式脱敏")

    def obligations(self, effect: str, items: Sequence[tuple[str, Mapping[str, str]]]) -> str:
        """…，并须触发告警（级别：高）、叠加水印."""
        return f"{effect}，并须{duties(items, chinese=True)}" if items else effect

    def rule(self, place: str, condition: Condition | None, effect: str) -> str:
        """在柜面系统的客户查询菜单中，柜员级别不低于 3 时，手机号明文显示."""
        where = f"{glue('在', place, '中')}，" if place else ""
        if condition is None:
            return where + effect if place else f"任何情况下，{effect}"
        if condition.items:
            which = "同时满足以下全部条件时" if condition.op == "and" else "满足以下任一条件时"
            return f"{where}{which}，{effect}：{_numbered(condition.items, '；', '（', '）')}"
        return f"{where}{self._when(condition.text)}，{effect}"

    def _when(self, text: str) -> str:
        return glue(text, "的情况下" if text.endswith("时") else "时")

    def policy(self, title: str, place: str, condition: Condition | None) -> str:
        """核心柜面：适用于柜面系统的客户查询菜单."""
        if condition is None:
            return f"{title}：" + (glue("适用于", place) if place else "适用于所有请求")
        text = condition.text or "；".join(condition.items)
        return f"{title}：" + (f"{glue('适用于', place)}，条件是{text}" if place else f"{self._when(text)}适用")

    def verdict(self, field: str, said: str, kind: str, title: str, *, undecided: bool) -> str:
        """手机号：显示前 3 后 4，依据规则“高级柜员查看手机号”."""
        text = f"{field}：{said or '明文显示'}"
        if kind == "unknown":
            return f"{text}，因为字典中没有该字段"
        if kind == "default":
            return f"{text}，没有规则适用，按字典默认"
        if kind == "failure":
            return f"{text}，当时没有裁决，按失效规则"
        reason = f"依据规则{quoted(title)}" if title else "依据匹配的规则"
        return f"{text}，{reason}" + ("（该规则的条件无法判定，从严脱敏）" if undecided else "")


class EnglishStatements:
    """Rules, headings and verdicts in English."""

    def place(self, places: Sequence[Place]) -> str:
        """The customer query menu of the core counter application."""
        return " of ".join(self._place(place) for place in reversed(places))

    def _place(self, place: Place) -> str:
        labels = [label for _, label in place.values if label]
        if len(labels) < len(place.values):
            shown = listed([label or quoted(v) for v, label in place.values], "or", chinese=False)
            return f"{the(place.name)} {shown}"
        shown = the(listed(labels, "or", chinese=False))
        return shown if all(label.endswith(place.name) for label in labels) else f"{shown} {place.name}"

    def fields(self, names: Sequence[str], count: int, *, every: bool) -> str:
        """The mobile number, email and 3 more fields."""
        if every:
            return f"all {count} fields of the dictionary"
        shown = [the(names[0]), *names[1:]]
        left = count - len(names)
        if left:
            return f"{', '.join(shown)} and {left} more field{'' if left == 1 else 's'}"
        return listed(shown, "and", chinese=False)

    def shown(self, subject: str) -> str:
        """The mobile number may be shown in clear."""
        return f"{subject} may be shown in clear"

    def masked(self, subject: str, mask: str, *, plural: bool) -> str:
        """The mobile number shows the first 3 and last 4."""
        for start, one, several, end in _MASKING_EN:
            if mask.startswith(start):
                return f"{subject} {several if plural else one}{mask.removeprefix(start)}{end}"
        return f"{subject} {'are' if plural else 'is'} masked ({mask})"

    def masked_by_default(self, subject: str, mask: str, *, plural: bool) -> str:
        """The mobile number is masked by default (show the first 3 and last 4)."""
        if mask:
            return f"{subject} {'are' if plural else 'is'} masked by default ({mask})"
        return f"{subject} {'are masked, each by its default mask' if plural else 'is masked by default'}"

    def obligations(self, effect: str, items: Sequence[tuple[str, Mapping[str, str]]]) -> str:
        """…, and the caller must raise an alert (severity: high) and show a watermark."""
        return f"{effect}, and the caller must {duties(items, chinese=False)}" if items else effect

    def rule(self, place: str, condition: Condition | None, effect: str) -> str:
        """In the customer query menu of the core counter application, when …, the mobile number …."""
        where = f"in {place}, " if place else ""
        if condition is None:
            return where + effect if place else f"in every case, {effect}"
        if condition.items:
            which = "when all of the following hold" if condition.op == "and" else "when any of the following holds"
            return f"{where}{which}, {effect}: {_numbered(condition.items, '; ', '(', ') ')}"
        return f"{where}when {condition.text}, {effect}"

    def policy(self, title: str, place: str, condition: Condition | None) -> str:
        """Core counter: applies in the customer query menu of the core counter application."""
        if condition is None:
            return f"{title}: " + (f"applies in {place}" if place else "applies to every request")
        text = condition.text or "; ".join(condition.items)
        return f"{title}: " + (f"applies in {place}, when {text}" if place else f"applies when {text}")

    def verdict(self, field: str, said: str, kind: str, title: str, *, undecided: bool) -> str:
        """Mobile number: show the first 3 and last 4, by the rule “senior tellers see the mobile number”."""
        text = f"{field}: {said or 'show in clear'}"
        if kind == "unknown":
            return f"{text}, because the field is not in the dictionary"
        if kind == "default":
            return f"{text}, by the dictionary's default, as no rule applies"
        if kind == "failure":
            return f"{text}, by the failure rule, as no verdict could be had"
        reason = f"by the rule {quoted(title)}" if title else "by a matching rule"
        return f"{text}, {reason}" + (" (its condition cannot be decided, so it masks)" if undecided else "")


def duties(items: Sequence[tuple[str, Mapping[str, str]]], *, chinese: bool) -> str:
    """Return obligations by type and parameters: 触发告警（级别：高）、叠加水印."""
    said = []
    for kind, parameters in items:
        known = _OBLIGATIONS.get(kind)
        if chinese:
            settings = "，".join(f"{_PARAMETERS.get(k, k)}：{_SETTINGS.get(v, v)}" for k, v in parameters.items())
            action = known[0] if known else f"执行{code(kind, chinese=True)}"
            said.append(f"{action}（{settings}）" if settings else action)
        else:
            settings = ", ".join(f"{k}: {v}" for k, v in parameters.items())
            action = known[1] if known else f"carry out {code(kind, chinese=False)}"
            said.append(f"{action} ({settings})" if settings else action)
    return "、".join(said) if chinese else listed(said, "and", chinese=False)


def _numbered(items: Sequence[str], separator: str, before: str, after: str) -> str:
    return separator.join(f"{before}{number}{after}{item}" for number, item in enumerate(items, 1))
