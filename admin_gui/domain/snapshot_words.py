"""The words of filters: names, functions, operators and values, with what people call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from admin_gui.domain.form import Choice, value_of
from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import bundle_pb2

NAMES: Final[Mapping[str, Say]] = {
    "id": Say("编号", "id"),
    "kind": Say("种类", "kind"),
    "time": Say("时间", "time"),
    "severity": Say("明文级别", "how much was shown"),
    "flagged": Say("展示了 C2 或 C3 明文", "showed C2 or C3 in clear"),
    "caller": Say("调用系统", "calling system"),
    "subject.id": Say("操作员", "operator"),
    "subject.roles": Say("岗位角色", "roles"),
    "action.name": Say("操作", "operation"),
    "resource.type": Say("对象类型", "kind of resource"),
    "resource.id": Say("对象编号（按哈希查找）", "number of the resource (found by its hash)"),
    "request_id": Say("请求号", "request id"),
    "revision": Say("策略版本", "revision"),
    "policy_hash": Say("策略哈希", "policy hash"),
    "source": Say("来源", "source"),
    "latency": Say("耗时（微秒）", "latency in microseconds"),
    "success": Say("是否成功", "whether it succeeded"),
    "address": Say("网络地址", "network address"),
    "details": Say("详情", "details"),
    "now": Say("当前时间", "the time of asking"),
}
FUNCTIONS: Final[Mapping[str, Say]] = {
    "unmasked": Say("明文展示了字段…", "showed this field in clear"),
    "masked": Say("脱敏了字段…", "masked this field"),
    "rule": Say("由规则…裁决", "decided by this rule"),
    "grant": Say("凭授权…", "under this grant"),
    "approver": Say("由…授权", "by this approver's leave"),
    "obligation": Say("带有义务…", "carries this obligation"),
    "undecided": Say("…无法判定", "could not be decided for this attribute"),
    "recorded": Say("留存了…", "holds a value of this name"),
}
_SEVERITIES: Final = (
    Choice("NONE", Say("没有明文", "nothing in clear")),
    Choice("LOW", Say("至多 C1", "C1 at most")),
    Choice("MEDIUM", Say("C2", "C2")),
    Choice("HIGH", Say("C3 或字典外", "C3, or not in the dictionary")),
)
_SOURCES: Final = (
    Choice("decide", Say("单笔裁决", "one decision")),
    Choice("batch", Say("批量", "batch")),
    Choice("stream", Say("流式", "stream")),
    Choice("explain", Say("解释", "explain")),
    Choice("offline", Say("客户端离线裁决", "decided offline by a client")),
    Choice("fallback", Say("客户端未能询问", "passed through by a client")),
)
_KINDS: Final = (
    Choice("decision", Say("裁决", "decision")),
    Choice("snapshot.export", Say("导出快照", "export of snapshots")),
    Choice("snapshot.export.end", Say("导出结束", "end of an export")),
    Choice("session.failed", Say("登录失败", "failed sign-in")),
    Choice("session.refused", Say("会话被拒", "refused session")),
    Choice("policy.publish", Say("发布策略", "publication")),
    Choice("policy.emergency", Say("紧急发布", "emergency publication")),
    Choice("grant.approve", Say("批准授权", "approval of a grant")),
)
_VALUES: Final[Mapping[str, Sequence[Choice]]] = {"severity": _SEVERITIES, "source": _SOURCES, "kind": _KINDS}


def _labels(values: Mapping[str, Sequence[Choice]]) -> dict[tuple[str, str], Say]:
    return {(name, str(one.value)): one.label for name, found in values.items() for one in found}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a filter may say. `names` are names with labels, `values` the known values by name or function.

    `texts` are the names whose values stand in quotes.
    """

    names: Mapping[str, Say] = field(default_factory=lambda: dict(NAMES))
    values: Mapping[str, Sequence[Choice]] = field(default_factory=lambda: dict(_VALUES))
    labels: Mapping[tuple[str, str], Say] = field(default_factory=lambda: _labels(_VALUES))

    def label(self, name: str, value: str) -> Say:
        """Return what people call a value; empty when it has no name of its own."""
        return self.labels.get((name, value), plain(""))

    def named(self, name: str, value: str) -> Say:
        """Return a value with what people call it, which may hold the value already."""
        label = self.label(name, value)
        return Say(_joined(value, label.text("zh")), _joined(value, label.text("en")))

    def field(self, name: str) -> Say:
        """Return what people call a field of the dictionary."""
        found = self.label("unmasked", name)
        return found if any(found) else plain(name)


def vocabulary(bundle: bundle_pb2.Bundle) -> Vocabulary:
    """Return the words of filters with what a policy set declares."""
    known = Vocabulary()
    names, values = dict(known.names), {name: tuple(found) for name, found in known.values.items()}
    for attribute in bundle.attributes:
        if attribute.name.partition(".")[0] not in ("subject", "action", "resource", "context"):
            continue
        label = Say(attribute.label.zh, attribute.label.en)
        if any(label) or attribute.name not in names:
            names[attribute.name] = label
        choices = tuple(
            Choice(value_of(one.value), Say(one.label.zh, one.label.en)) for one in attribute.allowed_values
        )
        if choices:
            values[attribute.name] = choices
    fields = _choices((one.id, Say(one.label.zh, one.label.en)) for one in bundle.fields)
    rules = _choices(
        (f"{policy.id}/{rule.id}", Say(rule.title.zh, rule.title.en))
        for policy in bundle.policies
        for rule in policy.rules
    )
    duties = _choices(
        (duty.type, plain("")) for policy in bundle.policies for rule in policy.rules for duty in rule.obligations
    )
    asked = _choices((name, names[name]) for name in names if "." in name)
    values |= {"unmasked": fields, "masked": fields, "rule": rules, "obligation": duties, "undecided": asked}
    return Vocabulary(names, values, _labels(values))


def _joined(value: str, label: str) -> str:
    if not label:
        return value
    return label if value in label else f"{value}  {label}"


def _choices(found: Iterable[tuple[str, Say]]) -> tuple[Choice, ...]:
    return tuple(Choice(value, label) for value, label in dict(found).items())
