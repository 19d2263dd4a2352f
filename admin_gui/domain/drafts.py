"""Drafts and revisions for people: where they are on their way, who did what, and what may be done next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from admin_gui.domain.rights import Rights
from admin_gui.domain.say import Say, plain
from admin_gui.domain.times import clock
from jingxi_client._gen.pdp.v1 import control_pb2

Action = Literal["open", "edit", "delete", "submit", "return", "approve", "publish", "emergency"]

OPEN: Final = control_pb2.DRAFT_STATE_OPEN
SUBMITTED: Final = control_pb2.DRAFT_STATE_SUBMITTED
STEPS: Final[Mapping[int, Say]] = {
    control_pb2.STEP_KIND_SAVED: Say("保存", "saved"),
    control_pb2.STEP_KIND_SUBMITTED: Say("提交", "handed in"),
    control_pb2.STEP_KIND_RETURNED: Say("退回", "handed back"),
    control_pb2.STEP_KIND_APPROVED: Say("批准", "approved"),
    control_pb2.STEP_KIND_PUBLISHED: Say("发布", "published"),
    control_pb2.STEP_KIND_ROLLED_BACK: Say("回滚", "rolled back"),
    control_pb2.STEP_KIND_PROMOTED: Say("全面生效", "promoted"),
    control_pb2.STEP_KIND_STOPPED: Say("撤回", "stopped"),
}
_OPEN: Final = Say("编写中", "open")
_SUBMITTED: Final = Say("已提交", "handed in")
_WAITS: Final = Say("待复核", "waits for approval")
_APPROVED: Final = Say("已批准", "approved")
_IN_FORCE: Final = Say("现行", "in force")
_CANDIDATE: Final = Say("灰度中", "on some nodes")
_BACK: Final = Say("版本 {number} 的文本", "text of revision {number}")
_DRAFT: Final = Say("草稿 {name}", "draft {name}")
_FOLDER: Final = Say("策略目录", "policy folder")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME_WRONG: Final = Say(
    "名称以字母或数字开头，只含字母、数字、“.”“-”“_”，最多 64 个字符。",
    "A name begins with a letter or digit and has letters, digits, `.`, `-` and `_`, at most 64.",
)


def name_wrong(name: str) -> Say | None:
    """Return what is wrong with a name for a draft; None when nothing is."""
    return None if _NAME.fullmatch(name) else _NAME_WRONG


@dataclass(frozen=True, slots=True)
class StepLine:
    """Something that was done. A run of saves by the same person is one line; `count` says how many there were."""

    what: Say
    who: str
    when: str
    why: str
    hash: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A draft as a row."""

    name: str
    state: Say
    base: str
    who: str
    when: str
    why: str
    waits: bool
    draft: control_pb2.Draft


@dataclass(frozen=True, slots=True)
class RevisionLine:
    """A revision as a row."""

    number: int
    state: Say
    what: Say
    who: str
    when: str
    why: str
    approvers: str
    origin: Say
    revision: control_pb2.Revision


def draft_lines(drafts: Iterable[control_pb2.Draft], rights: Rights) -> list[DraftLine]:
    """Return a row for each draft: what waits for somebody first, then the latest."""
    ordered = sorted(drafts, key=lambda draft: (draft.state != SUBMITTED, -_last(draft.steps).time_nanos))
    return [
        DraftLine(
            draft.name, state(draft, rights), str(draft.base or "–"), last.actor, clock(last.time_nanos), last.reason,
            draft.state == SUBMITTED, draft,
        )
        for draft in ordered
        for last in [_last(draft.steps)]
    ]  # fmt: skip


def state(draft: control_pb2.Draft, rights: Rights) -> Say:
    """Return where a draft is; where nobody signs in, nobody has to approve it."""
    if draft.state != SUBMITTED:
        return _OPEN
    if approvers(draft):
        return _APPROVED
    return _SUBMITTED if rights.everything else _WAITS


def authors(draft: control_pb2.Draft) -> frozenset[str]:
    """Return who wrote a draft or handed it in; they may not approve it."""
    made = (control_pb2.STEP_KIND_SAVED, control_pb2.STEP_KIND_SUBMITTED)
    return frozenset(step.actor for step in draft.steps if step.kind in made)


def approvers(draft: control_pb2.Draft) -> tuple[str, ...]:
    """Return who approved the present text of a draft since it was last handed in."""
    found: list[str] = []
    for step in draft.steps:
        if step.kind == control_pb2.STEP_KIND_SUBMITTED:
            found = []
        elif step.kind == control_pb2.STEP_KIND_APPROVED and step.sources == draft.sources:
            found.append(step.actor)
    return tuple(dict.fromkeys(who for who in found if who not in authors(draft)))


def actions(draft: control_pb2.Draft, rights: Rights) -> frozenset[Action]:
    """Return what somebody with these rights may do with a draft as it is."""
    found: set[Action] = {"open"}
    signed, submitted = not rights.everything, draft.state == SUBMITTED
    if rights.may("policy_write"):
        found.add("delete")
        found.update(() if submitted else ("edit", "submit"))
    if not submitted:
        return frozenset(found)
    if rights.may_any(("policy_write", "policy_approve")):
        found.add("return")
    done = approvers(draft)
    if signed and rights.may("policy_approve") and rights.account not in {*authors(draft), *done}:
        found.add("approve")
    if rights.may("policy_publish"):
        if done or not signed:
            found.add("publish")
        elif rights.may("policy_emergency"):
            found.add("emergency")
    return frozenset(found)


def revision_lines(
    revisions: Iterable[control_pb2.Revision], head: int, rollout: control_pb2.Rollout | None
) -> list[RevisionLine]:
    """Return a row for each revision, in their order. `head` is the one in force, 0 for none."""
    running = rollout is not None and rollout.state == control_pb2.ROLLOUT_STATE_RUNNING
    candidate = rollout.revision if running and rollout is not None else 0
    return [
        RevisionLine(
            one.number,
            _IN_FORCE if one.number == head else _CANDIDATE if one.number == candidate else plain(""),
            STEPS.get(last.kind, plain("")), last.actor, clock(last.time_nanos, with_year=True), last.reason,
            ", ".join(dict.fromkeys(s.actor for s in one.steps if s.kind == control_pb2.STEP_KIND_APPROVED)),
            _origin(one), one,
        )
        for one in revisions
        for last in [_last(one.steps)]
    ]  # fmt: skip


def step_lines(steps: Sequence[control_pb2.Step]) -> list[StepLine]:
    """Return what was done, the latest first."""
    found: list[StepLine] = []
    before: control_pb2.Step | None = None
    for step in steps:
        line = StepLine(
            STEPS.get(step.kind, plain("?")), step.actor, clock(step.time_nanos, with_year=True), step.reason,
            step.sources[:12],
        )  # fmt: skip
        same = before is not None and (step.kind, step.actor) == (before.kind, before.actor)
        if same and step.kind == control_pb2.STEP_KIND_SAVED:
            last = found.pop()
            line = StepLine(line.what, line.who, line.when, line.why or last.why, line.hash, last.count + 1)
        found.append(line)
        before = step
    return found[::-1]


class Brought(NamedTuple):
    """A text brought up to another base: `open` are the files that both sides changed, which are left as mine."""

    texts: dict[str, str]
    open: list[str]


def bring_up(base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]) -> Brought:
    """Take over what changed from `base` to `theirs`, file by file, where it was not changed in mine."""
    texts: dict[str, str] = {}
    left: list[str] = []
    for path in sorted({*base, *mine, *theirs}):
        old, own, new = (side.get(path) for side in (base, mine, theirs))
        taken = new if own == old else own
        if own not in (old, new) and new != old:
            left.append(path)
        if taken is not None:
            texts[path] = taken
    return Brought(texts, left)


def _last(steps: Sequence[control_pb2.Step]) -> control_pb2.Step:
    return steps[-1] if steps else control_pb2.Step()


def _origin(revision: control_pb2.Revision) -> Say:
    if revision.rollback_of:
        return _BACK.filled(number=revision.rollback_of)
    return _DRAFT.filled(name=revision.draft) if revision.draft else _FOLDER
