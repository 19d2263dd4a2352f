"""A caller of the decision port, and a change of one, as sections of facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admin_gui.domain.accounts import word
from admin_gui.domain.facts import Line, Section
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from jingxi_client._gen.pdp.v1 import caller_pb2

CHANGE_KINDS: Final[Mapping[int, Say]] = {
    caller_pb2.CALLER_CHANGE_KIND_CREATE: Say("新建", "create"),
    caller_pb2.CALLER_CHANGE_KIND_UPDATE: Say("放宽", "widen"),
    caller_pb2.CALLER_CHANGE_KIND_ENABLE: Say("启用", "enable"),
    caller_pb2.CALLER_CHANGE_KIND_ADD_TOKEN: Say("增发令牌", "add a token"),
}
CHANGE_STATES: Final[Mapping[int, Say]] = {
    caller_pb2.CALLER_CHANGE_STATE_WAITING: Say("待批准", "waiting"),
    caller_pb2.CALLER_CHANGE_STATE_DONE: Say("已完成", "done"),
    caller_pb2.CALLER_CHANGE_STATE_REFUSED: Say("已拒绝", "refused"),
}
_STEPS: Final[Mapping[int, Say]] = {
    caller_pb2.CALLER_CHANGE_STATE_WAITING: Say("申请", "asked"),
    caller_pb2.CALLER_CHANGE_STATE_DONE: Say("批准", "approved"),
    caller_pb2.CALLER_CHANGE_STATE_REFUSED: Say("拒绝", "refused"),
}
_TOKEN: Final = Say(
    "{id}，至 {expires}，最近使用 {used}，{who} 发放", "{id}, until {expires}, last used {used}, made by {who}"
)
_FOR_EVER: Final = Say("永久", "for ever")
_NONE: Final = Say("无", "none")
_RATE: Final = Say("每秒 {count} 次，突发 {burst} 次", "{count} a second, {burst} at once")


def asker_of(change: caller_pb2.CallerChange) -> str:
    """Return who asked for a change."""
    return change.steps[0].actor if change.steps else ""


def caller_state(caller: caller_pb2.Caller) -> Say:
    """Return whether it may call."""
    return Say("已停用", "disabled") if caller.disabled else Say("有效", "active")


def token_say(token: caller_pb2.CallerToken) -> Say:
    """Return a token in a line; nothing secret is in it."""
    expires = clock(token.expires_nanos, with_year=True) if token.expires_nanos else _FOR_EVER
    return _TOKEN.filled(id=token.id, expires=expires, used=clock(token.last_used_nanos), who=token.created_by)


def caller_sections(caller: caller_pb2.Caller) -> list[Section]:
    """Return what there is to say of a caller."""
    state = caller_state(caller)
    if caller.disabled_reason:
        state = Say(f"{state.zh}：{caller.disabled_reason}", f"{state.en}: {caller.disabled_reason}")
    about: list[Line] = [
        (Say("名称", "Name"), caller.name),
        (Say("责任人", "Owner"), caller.owner),
        (Say("说明", "What it is"), caller.description or "–"),
        (Say("状态", "State"), state),
        (Say("应用", "Applications"), ", ".join(caller.applications)),
        (Say("主体", "Subjects"), ", ".join(caller.subjects)),
        (Say("调用", "Calls"), ", ".join(caller.calls)),
        (Say("证书", "Certificates"), ", ".join(caller.certificates) or "–"),
    ]
    if caller.grants:
        about.append((Say("授权", "Grants"), ", ".join(caller.grants)))
    if caller.HasField("rate"):
        rate = caller.rate
        about.append((Say("频率", "Rate"), _RATE.filled(count=rate.per_second, burst=rate.burst or rate.per_second)))
    if caller.changed_nanos:
        about.append((Say("最近变更", "Changed"), f"{clock(caller.changed_nanos, with_year=True)} {caller.changed_by}"))
    tokens: list[Line] = [(None, token_say(one)) for one in caller.tokens]
    return [Section(Say("调用方", "Caller"), about), Section(Say("令牌", "Tokens"), tokens or [(None, _NONE)])]


def change_sections(change: caller_pb2.CallerChange) -> list[Section]:
    """Return what a change does, and who asked for it."""
    about: list[Line] = [
        (Say("事项", "What"), word(CHANGE_KINDS, change.kind)),
        (Say("现状", "State"), word(CHANGE_STATES, change.state)),
        (Say("放宽", "Widens"), ", ".join(change.widens) or "–"),
        (Say("编号", "Id"), change.id),
    ]
    steps: list[Line] = []
    for one in change.steps:
        did = word(_STEPS, one.state)
        time = clock(one.time_nanos)
        steps.append(
            (None, Say(f"{time} {one.actor} {did.zh}：{one.reason}", f"{time} {one.actor} {did.en}: {one.reason}"))
        )
    first = Section(Say("变更", "Change"), about)
    return [first, *caller_sections(change.wanted), Section(Say("经过", "What was done"), steps)]
