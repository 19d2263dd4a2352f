"""What a text would have decided otherwise, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.say import Say, plain
from admin_gui.domain.times import clock
from jingxi_client._gen.pdp.v1 import policy_service_pb2, types_pb2

KINDS: Final[Mapping[str, Say]] = {
    "change": Say("变化", "Change"),
    "field": Say("字段", "Field"),
    "role": Say("角色", "Role"),
    "branch": Say("机构", "Branch"),
    "menu": Say("菜单", "Menu"),
    "application": Say("应用", "Application"),
}
"""The ways to group, in the order in which they are shown."""
_CHANGES: Final[Mapping[str, Say]] = {
    "masked>clear": Say("脱敏 → 明文", "masked → clear"),
    "clear>masked": Say("明文 → 脱敏", "clear → masked"),
    "mask>mask": Say("脱敏方式不同", "another mask"),
    "(other)": Say("（其余）", "(other)"),
}
PERIODS: Final[tuple[tuple[int, Say], ...]] = (
    (7 * 24, Say("最近 7 天", "last 7 days")),
    (1, Say("最近 1 小时", "last hour")),
    (24, Say("最近 24 小时", "last 24 hours")),
    (30 * 24, Say("最近 30 天", "last 30 days")),
    (90 * 24, Say("最近 90 天", "last 90 days")),
)
"""Hours back from now; the first one is the usual."""
_NONE: Final = Say("这段时间没有裁决记录，请选更长的时间。", "Nothing was decided in this time; choose a longer one.")
_SUMMARY: Final = Say(
    "重放 {read} 次裁决：{changed} 次会改变（{share}），其中 {shown} 次会显示原先脱敏的内容；{unsure} 次无法判定。",
    "{read} decisions made again: {changed} would change ({share}), {shown} of them showing what was masked; {unsure} "
    "cannot be told.",
)
_LACKS: Final = Say("无法判定是因为快照未留存：{names}", "Not told, for the records do not keep: {names}")
_PROGRESS: Final = Say("已重放 {read} 次，{changed} 次会改变", "{read} made again, {changed} would change")
_CLEAR: Final = Say("明文", "clear")
_MASKED: Final = Say("脱敏", "masked")
_DEFAULT: Final = Say("默认", "default")


@dataclass(frozen=True, slots=True)
class Group:
    """Decisions that have something in common."""

    key: str
    title: Say
    decisions: int
    changed: int
    shown: int
    examples: tuple[policy_service_pb2.ImpactExample, ...]

    @property
    def share(self) -> str:
        """How many of them would change, as a percentage."""
        return f"{self.changed / self.decisions:.1%}" if self.decisions else "–"


@dataclass(frozen=True, slots=True)
class Example:
    """A decision that would change. `id` names its snapshot."""

    id: str
    when: str
    who: str
    menu: str
    changes: Say
    example: policy_service_pb2.ImpactExample


def groups(answer: policy_service_pb2.AnalyseImpactResponse, kind: str) -> list[Group]:
    """Return the groups of a kind in which something changes, the most changed first."""
    return [
        Group(
            group.key, _CHANGES.get(group.key) or plain(group.key or "–"), group.decisions, group.changed,
            group.more_shown, tuple(group.examples),
        )
        for group in answer.groups
        if group.by == kind and group.changed
    ]  # fmt: skip


def examples(group: Group) -> list[Example]:
    """Return the decisions that a group shows."""
    found = []
    for example in group.examples:
        snapshot = example.entry.record.snapshot
        menu = snapshot.facts.context["menu"].string_value if "menu" in snapshot.facts.context else ""
        found.append(
            Example(
                snapshot.decision_id, clock(snapshot.time_nanos, with_year=True), snapshot.facts.subject.id, menu,
                _told(example.changes), example,
            )
        )  # fmt: skip
    return found


def summary(answer: policy_service_pb2.AnalyseImpactResponse) -> Say:
    """Return a result in one sentence, or two."""
    if not answer.read:
        return _NONE
    said = _SUMMARY.filled(
        read=f"{answer.read:,}", changed=f"{answer.changed:,}", share=f"{answer.changed / answer.read:.2%}",
        shown=f"{answer.more_shown:,}", unsure=f"{answer.undecidable:,}",
    )  # fmt: skip
    lacks = sorted(answer.insufficient.items(), key=lambda item: (-item[1], item[0]))
    if not lacks:
        return said
    more = _LACKS.filled(names=", ".join(f"{name} ({count:,})" for name, count in lacks[:8]))
    return Say(f"{said.zh}\n{more.zh}", f"{said.en}\n{more.en}")


def progress(answer: policy_service_pb2.AnalyseImpactResponse) -> Say:
    """Return how far it is."""
    return _PROGRESS.filled(read=f"{answer.read:,}", changed=f"{answer.changed:,}")


def _told(changes: Iterable[policy_service_pb2.VerdictChange]) -> Say:
    parts = []
    for change in changes:
        before = _verdict(change.before, change.mask_before, change.rule_before)
        after = _verdict(change.after, change.mask_after, change.rule_after)
        parts.append(Say(f"{change.field}：{before.zh} → {after.zh}", f"{change.field}: {before.en} → {after.en}"))
    return Say("；".join(part.zh for part in parts), "; ".join(part.en for part in parts))


def _verdict(effect: types_pb2.Effect, mask: str, rule: str) -> Say:
    shown = _CLEAR if effect == types_pb2.EFFECT_UNMASK else plain(mask) if mask else _MASKED
    why = plain(rule) if rule else _DEFAULT
    return Say(f"{shown.zh}（{why.zh}）", f"{shown.en} ({why.en})")
