"""How two texts differ, for people: lines side by side, and what the difference means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from admin_gui.domain.say import Say, plain
from admin_gui.domain.service_words import said
from jingxi_client._gen.pdp.v1 import control_pb2, types_pb2

Mark = Literal[" ", "+", "-", "@", "~"]

SUBJECTS: Final[Mapping[int, Say]] = {
    control_pb2.CHANGE_SUBJECT_RULE: Say("规则", "rule"),
    control_pb2.CHANGE_SUBJECT_POLICY: Say("策略", "policy"),
    control_pb2.CHANGE_SUBJECT_FIELD: Say("字段", "field"),
    control_pb2.CHANGE_SUBJECT_ATTRIBUTE: Say("属性", "attribute"),
    control_pb2.CHANGE_SUBJECT_MASK: Say("脱敏方式", "mask"),
    control_pb2.CHANGE_SUBJECT_MESSAGE_MAP: Say("报文映射", "message map"),
    control_pb2.CHANGE_SUBJECT_GOLDEN_CASE: Say("用例", "golden case"),
    control_pb2.CHANGE_SUBJECT_FAILURE_RULE: Say("失效规则", "failure rule"),
}
_KINDS: Final[Mapping[int, tuple[str, Say]]] = {
    control_pb2.CHANGE_KIND_ADDED: ("+", Say("新增", "added")),
    control_pb2.CHANGE_KIND_REMOVED: ("−", Say("删除", "removed")),
    control_pb2.CHANGE_KIND_CHANGED: ("~", Say("修改", "changed")),
}
PARTS: Final[Mapping[str, Say]] = {
    "allowed_values": Say("允许值", "allowed values"), "attributes": Say("属性", "attributes"),
    "category": Say("类别", "category"), "default": Say("默认", "default"), "effect": Say("效果", "effect"),
    "expected": Say("预期", "expected"), "fields": Say("字段", "fields"), "grants": Say("授权", "grants"),
    "label": Say("名称", "label"), "level": Say("级别", "level"), "mask": Say("脱敏方式", "mask"),
    "never_unmask": Say("永不明文", "never unmask"), "obligations": Say("义务", "obligations"),
    "priority": Say("优先级", "priority"), "record": Say("留存", "record"), "request": Say("请求", "request"),
    "resource": Say("资源", "resource"), "scope": Say("范围", "scope"),
    "semantic_type": Say("语义类型", "semantic type"), "sentence": Say("内容", "says"), "tags": Say("标签", "tags"),
    "time": Say("时间", "time"), "title": Say("标题", "title"), "type": Say("类型", "type"),
    "used_by": Say("使用者", "used by"), "when": Say("条件", "when"),
}  # fmt: skip
_UNKNOWN: Final = Say("其他", "other")
_EVERYBODY: Final = Say("所有人", "everybody")
_CAREFUL: Final = Say(
    "{total} 项变更，其中 {count} 项可能使原来脱敏的内容明文显示",
    "{total} changes, {count} of which may show in clear what was masked",
)
_TOTAL: Final = Say(
    "{total} 项变更，都不会使原来脱敏的内容明文显示", "{total} changes; none shows in clear what was masked"
)
_SAME: Final = Say("没有差异", "no difference")
_LAYOUT: Final = Say("只有写法不同，含义没有变化", "only the wording differs; it means the same")
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a thing, before and after, in words; empty where there was or is nothing."""

    say: Say
    before: Say
    after: Say


@dataclass(frozen=True, slots=True)
class Meaning:
    """What changed, in words. `mark` is `+`, `−` or `~`; `place` names what it is about, as `policy/rule`."""

    mark: str
    kind: Say
    subject: Say
    place: str
    title: Say
    parts: tuple[Part, ...]
    fields: Say
    who: Say
    may_unmask: bool


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a unified diff. Numbers are 0 where a side has no such line."""

    mark: Mark
    before: int
    after: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """Two lines side by side: `~` where one took the place of the other, `@` for a gap between parts."""

    mark: Mark
    before: int
    left: str
    after: int
    right: str


def meanings(changes: control_pb2.Changes) -> list[Meaning]:
    """Return what a difference means; what may show more comes first."""
    found = [
        Meaning(
            *_KINDS.get(change.kind, ("?", _UNKNOWN)), SUBJECTS.get(change.subject, _UNKNOWN), change.id,
            _said(change.title),
            tuple(
                Part(PARTS.get(part.part, plain(part.part)), _said(part.before), _said(part.after))
                for part in change.parts
            ),
            Say("、".join(change.fields), ", ".join(change.fields)),
            _said(change.who) if any(_said(change.who)) else _EVERYBODY, change.may_unmask,
        )
        for change in changes.meaning
    ]  # fmt: skip
    return sorted(found, key=lambda one: not one.may_unmask)


def summary(changes: control_pb2.Changes) -> Say:
    """Return a difference in one sentence."""
    if not changes.files:
        return _SAME
    if not changes.meaning:
        return said(changes.incomplete) if changes.incomplete else _LAYOUT
    careful = sum(change.may_unmask for change in changes.meaning)
    return (_CAREFUL if careful else _TOTAL).filled(total=len(changes.meaning), count=careful)


def diff_lines(diff: str) -> Iterator[DiffLine]:
    """Yield the lines of a unified diff with their numbers; other text of it is left out."""
    before = after = 0
    for line in diff.splitlines():
        if (hunk := _HUNK.match(line)) is not None:
            before, after = int(hunk[1]), int(hunk[2])
            yield DiffLine("@", 0, 0, line)
        elif line.startswith("+"):
            yield DiffLine("+", 0, after, line[1:])
            after += 1
        elif line.startswith("-"):
            yield DiffLine("-", before, 0, line[1:])
            before += 1
        elif not line.startswith("\\"):
            yield DiffLine(" ", before, after, line[1:])
            before, after = before + 1, after + 1


def side_by_side(lines: Sequence[DiffLine]) -> list[Row]:
    """Pair removed with added lines, in their order."""
    rows: list[Row] = []
    gone: list[DiffLine] = []
    come: list[DiffLine] = []

    def flush() -> None:
        for place in range(max(len(gone), len(come))):
            old = gone[place] if place < len(gone) else None
            new = come[place] if place < len(come) else None
            mark: Mark = "~" if old and new else "-" if old else "+"
            rows.append(
                Row(mark, old.before if old else 0, old.text if old else "", new.after if new else 0,
                    new.text if new else "")
            )  # fmt: skip
        gone.clear()
        come.clear()

    for line in lines:
        if line.mark == "-":
            gone.append(line)
        elif line.mark == "+":
            come.append(line)
        else:
            flush()
            rows.append(Row(line.mark, line.before, line.text, line.after, line.text))
    flush()
    return rows


def _said(text: types_pb2.LocalizedText) -> Say:
    return Say(text.zh, text.en)
