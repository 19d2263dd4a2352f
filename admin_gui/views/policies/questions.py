"""What is asked before something is done with a draft or a revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtWidgets import QWidget

from admin_gui.domain.drafts import name_wrong
from admin_gui.domain.rollouts import parse_labels
from admin_gui.domain.say import Say
from admin_gui.widgets.ask import Ask, Line, reason
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import policy_service_pb2

_NOTE: Final = Say("说明（可不填）", "Note (may be empty)")
_WHY: Final = Say("原因", "Reason")
_NAME: Final = Say("草稿名称", "Name of the draft")
_NEW: Final = Say("建立草稿", "Begin a draft")
_NEW_ABOUT: Final = Say(
    "以{what}的文本建立草稿。修改会自动保存为草稿，发布之前不影响任何裁决。",
    "Begins a draft from {what}. Changes are saved as a draft by themselves and touch no decision until it is "
    "published.",
)
_SAVE_AS: Final = Say("另存为", "Save under another name")
_SAVE_AS_ABOUT: Final = Say("您的文本另存为一份新草稿，对方的不动。", "Your text becomes a new draft; theirs stays.")
_THEIRS: Final = Say("采用对方的文本？", "Take their text?")
_THEIRS_ABOUT: Final = Say(
    "您在此草稿中未保存的修改将被放弃。", "Your changes to this draft that are not saved are given up."
)
_TAKE: Final = Say("放弃我的，采用对方的", "Give mine up, take theirs")
_DELETE: Final = Say("删除草稿 {name}？", "Delete draft {name}?")
_DELETE_ABOUT: Final = Say("删除后不能恢复。", "It cannot be brought back.")
_SUBMIT: Final = Say("提交草稿 {name}", "Hand draft {name} in")
_SUBMIT_ABOUT: Final = Say(
    "提交后文本不能再改，由他人复核；有错误的文本不能提交。",
    "Its text stands still from then on, and somebody else looks at it. A text with errors cannot be handed in.",
)
_SUBMIT_OK: Final = Say("提交", "Hand in")
_RETURN: Final = Say("退回草稿 {name}", "Hand draft {name} back")
_RETURN_ABOUT: Final = Say("作者可以继续修改，已有的批准作废。", "Its authors may change it again; approvals are void.")
_RETURN_OK: Final = Say("退回", "Hand back")
_APPROVE: Final = Say("批准草稿 {name}", "Approve draft {name}")
_APPROVE_ABOUT: Final = Say(
    "您批准的是这份文本：\n{hash}\n\n变化：{changes}\n影响：{impact}",
    "You approve this text:\n{hash}\n\nChanges: {changes}\nImpact: {impact}",
)
_APPROVE_OK: Final = Say("批准", "Approve")
_PUBLISH: Final = Say("发布草稿 {name}", "Publish draft {name}")
_PUBLISH_ABOUT: Final = Say(
    "发布后立即生效。填写节点标签则先只在这些节点生效，之后再全面生效或撤回。",
    "It takes force at once. With labels it does so first on those nodes only, to be promoted or stopped later.",
)
_PUBLISH_OK: Final = Say("发布", "Publish")
_LABELS: Final = Say(
    "灰度节点标签，如 ring=canary（留空则全部节点）", "Labels of the first nodes, as ring=canary (empty: all nodes)"
)
_LABELS_WRONG: Final = Say("标签写作 名=值，以逗号分隔。", "Labels are written as name=value, separated by commas.")
_SAMPLE: Final = Say("灰度节点上对比的请求比例（%）", "Share of requests compared there (%)")
_DIFFERENCE: Final = Say(
    "差异超过此比例（%）时自动撤回（留空则不自动撤回）",
    "Stop by itself above this share of differences (%), empty: never",
)
_PERCENT_WRONG: Final = Say("请输入 0 到 100 之间的数。", "Enter a number from 0 to 100.")
_EMERGENCY: Final = Say("紧急发布草稿 {name}", "Publish draft {name} in an emergency")
_EMERGENCY_ABOUT: Final = Say(
    "未经他人批准即全部生效，会触发告警并须事后复核。",
    "It takes force everywhere without an approval, raises an alarm, and is reviewed afterwards.",
)
_EMERGENCY_OK: Final = Say("紧急发布", "Publish now")
_BACK: Final = Say("回滚到版本 {number}", "Roll back to revision {number}")
_BACK_ABOUT: Final = Say(
    "版本 {number} 的文本将作为新版本重新生效。", "The text of revision {number} takes force again, as a new revision."
)
_BACK_OK: Final = Say("回滚", "Roll back")
_PROMOTE: Final = Say("版本 {number} 全面生效", "Promote revision {number}")
_PROMOTE_ABOUT: Final = Say("灰度版本将在全部节点生效。", "The revision takes force on all nodes.")
_PROMOTE_OK: Final = Say("全面生效", "Promote")
_STOP: Final = Say("撤回版本 {number}", "Stop revision {number}")
_STOP_ABOUT: Final = Say("灰度节点回到现行版本的文本。", "Its nodes decide by the text in force again.")
_STOP_OK: Final = Say("撤回", "Stop")
_UNSAVED: Final = Say("有未保存的修改", "There are unsaved changes")
_UNSAVED_ABOUT: Final = Say("离开之前保存 {files} 吗？", "Save {files} before you leave?")
_SAVE: Final = Say("保存", "Save")
_DISCARD: Final = Say("不保存", "Do not save")
_LOST: Final = Say("草稿未能保存", "The draft could not be saved")
_LOST_ABOUT: Final = Say(
    "修改已留在本机，下次打开时可以恢复。现在离开吗？",
    "The changes are kept on this machine and offered next time. Leave now?",
)
_LEAVE: Final = Say("离开", "Leave")
_OVERTAKEN: Final = Say("磁盘上的文件已被他人修改", "Somebody else has changed the files on the disk")
_OVERTAKEN_ABOUT: Final = Say(
    "{files} 在打开之后被他人修改或删除，您的修改尚未保存。",
    "Changed or removed since it was opened: {files}. What you wrote is not saved yet.",
)
_OVER: Final = Say("用我的覆盖", "Write over theirs")
_FROM_DISK: Final = Say("读取磁盘上的文件", "Take theirs")
_COMPARE: Final = Say("比较", "Compare")
_FILES_NAMED: Final = 5
_NOTE_PART: Final = reason(_NOTE, required=False)
_WHY_PART: Final = reason(_WHY)


def leave(context: Context, parent: QWidget, files: Sequence[str]) -> Ask:
    """Ask what becomes of unsaved files: `answered` saves, `chosen` gives them up, `cancelled` stays."""
    about = _UNSAVED_ABOUT.filled(files=named(files))
    return _open(Ask(context, parent, _UNSAVED, about, _SAVE, others={"discard": _DISCARD}))


def leave_unsaved(context: Context, parent: QWidget) -> Ask:
    """Ask whether to leave although a draft could not be saved."""
    return _open(Ask(context, parent, _LOST, _LOST_ABOUT, _LEAVE, danger=True))


def overtaken(context: Context, parent: QWidget, files: Sequence[str]) -> Ask:
    """Ask whose files are to stay: `answered` writes over them; `theirs` and `compare` are `chosen`."""
    others = {"theirs": _FROM_DISK, "compare": _COMPARE}
    about = _OVERTAKEN_ABOUT.filled(files=named(files))
    return _open(Ask(context, parent, _OVERTAKEN, about, _OVER, others=others, danger=True))


def new_draft(context: Context, parent: QWidget, what: Say, suggestion: str) -> Ask:
    """Ask for the name of a new draft."""
    name = Line("name", _NAME, suggestion, wrong=name_wrong)
    return _open(Ask(context, parent, _NEW, _NEW_ABOUT.filled(what=what), _NEW, (name, _NOTE_PART)))


def save_as(context: Context, parent: QWidget, suggestion: str) -> Ask:
    """Ask for another name."""
    name = Line("name", _NAME, suggestion, wrong=name_wrong)
    return _open(Ask(context, parent, _SAVE_AS, _SAVE_AS_ABOUT, _SAVE_AS, (name,)))


def take_theirs(context: Context, parent: QWidget) -> Ask:
    """Ask whether to give up what one wrote."""
    return _open(Ask(context, parent, _THEIRS, _THEIRS_ABOUT, _TAKE, danger=True))


def delete(context: Context, parent: QWidget, name: str) -> Ask:
    """Ask before a draft is removed."""
    say = _DELETE.filled(name=name)
    return _open(Ask(context, parent, say, _DELETE_ABOUT, Say("删除", "Delete"), (_NOTE_PART,), danger=True))


def submit(context: Context, parent: QWidget, name: str) -> Ask:
    """Ask for a note."""
    return _open(Ask(context, parent, _SUBMIT.filled(name=name), _SUBMIT_ABOUT, _SUBMIT_OK, (_NOTE_PART,)))


def hand_back(context: Context, parent: QWidget, name: str) -> Ask:
    """Ask why."""
    return _open(Ask(context, parent, _RETURN.filled(name=name), _RETURN_ABOUT, _RETURN_OK, (_WHY_PART,)))


def approve(context: Context, parent: QWidget, name: str, digest: str, changes: Say, impact: Say) -> Ask:
    """Ask whether this is the text that was looked at."""
    about = _APPROVE_ABOUT.filled(hash=digest, changes=changes, impact=impact)
    return _open(Ask(context, parent, _APPROVE.filled(name=name), about, _APPROVE_OK, (_NOTE_PART,)))


def publish(context: Context, parent: QWidget, name: str, *, first: bool) -> Ask:
    """Ask where first; the `first` revision of all can only go everywhere."""
    more = (
        Line("labels", _LABELS, required=False, wrong=_labels_wrong),
        Line("sample", _SAMPLE, "10", required=False, wrong=_percent_wrong),
        Line("most", _DIFFERENCE, required=False, wrong=_percent_wrong),
    )
    parts = (_NOTE_PART, *(() if first else more))
    return _open(Ask(context, parent, _PUBLISH.filled(name=name), _PUBLISH_ABOUT, _PUBLISH_OK, parts))


def canary_of(answers: dict[str, Any]) -> policy_service_pb2.Canary | None:
    """Return where a publication begins, by the answers of `publish`; None for everywhere."""
    if not answers.get("labels"):
        return None
    made = policy_service_pb2.Canary(labels=parse_labels(answers["labels"]), sample=float(answers["sample"] or 0) / 100)
    if answers["most"]:
        made.max_difference = float(answers["most"]) / 100
    return made


def emergency(context: Context, parent: QWidget, name: str) -> Ask:
    """Ask why nobody else has to look at it."""
    say = _EMERGENCY.filled(name=name)
    return _open(Ask(context, parent, say, _EMERGENCY_ABOUT, _EMERGENCY_OK, (_WHY_PART,), danger=True))


def roll_back(context: Context, parent: QWidget, number: int) -> Ask:
    """Ask why."""
    say, about = _BACK.filled(number=number), _BACK_ABOUT.filled(number=number)
    return _open(Ask(context, parent, say, about, _BACK_OK, (_WHY_PART,), danger=True))


def promote(context: Context, parent: QWidget, number: int) -> Ask:
    """Ask before a rollout goes everywhere."""
    return _open(Ask(context, parent, _PROMOTE.filled(number=number), _PROMOTE_ABOUT, _PROMOTE_OK, (_NOTE_PART,)))


def stop(context: Context, parent: QWidget, number: int) -> Ask:
    """Ask why."""
    say = _STOP.filled(number=number)
    return _open(Ask(context, parent, say, _STOP_ABOUT, _STOP_OK, (_WHY_PART,), danger=True))


def named(files: Sequence[str]) -> str:
    """Return the first few of some files in a line."""
    return ", ".join(files[:_FILES_NAMED]) + (" …" if len(files) > _FILES_NAMED else "")


def _labels_wrong(text: str) -> Say | None:
    try:
        parse_labels(text)
    except ValueError:
        return _LABELS_WRONG
    return None


def _percent_wrong(text: str) -> Say | None:
    try:
        return None if 0 <= float(text) <= 100 else _PERCENT_WRONG
    except ValueError:
        return _PERCENT_WRONG


def _open(ask: Ask) -> Ask:
    ask.open()
    return ask
