"""A caller of the decision port, and a change of one, as sections of facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admin_gui.domain import accounts as words
from admin_gui.domain.accounts import word
from admin_gui.domain.facts import Line, Section
from admin_gui.domain.say import Say, plain
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
WIDENS: Final[Mapping[str, Say]] = {
    "caller": Say("新的调用方", "a new caller"), "enabled": Say("重新启用", "enabled again"),
    "certificates": Say("证书", "certificates"), "calls": Say("调用", "calls"), "grants": Say("授权", "grants"),
    "tokens": Say("令牌", "tokens"), "applications": Say("应用", "applications"), "subjects": Say("主体", "subjects"),
    "consent_key": Say("同意公钥", "consent key"), "rate": Say("频率", "rate"), "bundles": Say("取规则包", "bundles"),
    "reports": Say("补报", "reports"),
}  # fmt: skip
"""What a change lets a caller do more, by the service's names."""
_STEPS: Final[Mapping[int, Say]] = {
    caller_pb2.CALLER_CHANGE_STATE_WAITING: Say("申请", "asked"),
    caller_pb2.CALLER_CHANGE_STATE_DONE: Say("批准", "approved"),
    caller_pb2.CALLER_CHANGE_STATE_REFUSED: Say("拒绝", "refused"),
}
_TOKEN: Final = Say(
    "最近使用 {used}，有效至 {expires}，{who} 于 {made} 发放", "last used {used}, until {expires}, made by {who} {made}"
)
_NAMED: Final = Say("{id}：{token}", "{id}: {token}")
_FOR_EVER: Final = Say("永久", "for ever")
_NEVER: Final = Say("从未", "never")
_OVER: Final = Say("{time}（已过期）", "{time} (over)")
_BECOMES: Final = Say("{before} → {after}", "{before} → {after}")
_YES, _NO = Say("是", "yes"), Say("否", "no")
_NONE: Final = Say("无", "none")
_RATE: Final = Say("每秒 {count} 次，突发 {burst} 次", "{count} a second, {burst} at once")


def asker_of(change: caller_pb2.CallerChange) -> str:
    """Return who asked for a change."""
    return change.steps[0].actor if change.steps else ""


def caller_state(caller: caller_pb2.Caller) -> Say:
    """Return whether it may call."""
    return Say("已停用", "disabled") if caller.disabled else Say("有效", "active")


def token_say(token: caller_pb2.CallerToken, now: int) -> Say:
    """Return a token in a line, at a time in nanoseconds since 1970; nothing secret is in it."""
    return _NAMED.filled(id=token.id, token=_token(token, now))


def caller_sections(caller: caller_pb2.Caller, now: int) -> list[Section]:
    """Return what there is to say of a caller at a time in nanoseconds since 1970; the token used last comes first."""
    state = caller_state(caller)
    if caller.disabled_reason:
        state = Say(f"{state.zh}：{caller.disabled_reason}", f"{state.en}: {caller.disabled_reason}")
    about: list[Line] = [
        (Say("名称", "Name"), caller.name),
        (Say("责任人", "Owner"), caller.owner),
        (Say("状态", "State"), state),
        *_parts(caller),
    ]
    if caller.changed_nanos:
        about.append((Say("最近变更", "Changed"), f"{clock(caller.changed_nanos, with_year=True)} {caller.changed_by}"))
    used_last = sorted(caller.tokens, key=lambda one: one.last_used_nanos, reverse=True)
    tokens: list[Line] = [(plain(one.id), _token(one, now)) for one in used_last]
    return [Section(Say("调用方", "Caller"), about), Section(Say("令牌", "Tokens"), tokens or [(None, _NONE)])]


def _token(token: caller_pb2.CallerToken, now: int) -> Say:
    expires: Say | str = _FOR_EVER
    if token.expires_nanos:
        expires = clock(token.expires_nanos, with_year=True)
        expires = _OVER.filled(time=expires) if token.expires_nanos <= now else expires
    used = clock(token.last_used_nanos, with_year=True) if token.last_used_nanos else _NEVER
    return _TOKEN.filled(
        used=used, expires=expires, who=token.created_by, made=clock(token.created_nanos, with_year=True)[:10]
    )


def _parts(caller: caller_pb2.Caller) -> list[Line]:
    """Return what people state of a caller besides its name and who answers for it."""
    rate, key = caller.rate, caller.consent_key
    unlimited = Say("不限", "any")
    told = _RATE.filled(count=rate.per_second, burst=rate.burst or rate.per_second) if rate.per_second else unlimited
    return [
        (Say("说明", "What it is"), caller.description or "–"),
        (Say("应用", "Applications"), ", ".join(caller.applications)),
        (Say("主体", "Subjects"), ", ".join(caller.subjects)),
        (Say("调用", "Calls"), ", ".join(caller.calls)),
        (Say("证书", "Certificates"), ", ".join(caller.certificates) or "–"),
        (Say("频率", "Rate"), told),
        (Say("授权", "Grants"), ", ".join(caller.grants) or "–"),
        *([(Say("同意公钥", "Consent key"), f"{key[:16]}…")] if key else []),
        (Say("取规则包", "Bundles"), _YES if caller.bundles else _NO),
        (Say("补报", "Reports"), _YES if caller.reports or not caller.HasField("reports") else _NO),
    ]


def _differences(before: caller_pb2.Caller, after: caller_pb2.Caller) -> list[Line]:
    """Return what becomes of each part that changes."""
    states = [(Say("责任人", "Owner"), one.owner) for one in (before, after)]
    old, new = ([state, *_parts(one)] for state, one in zip(states, (before, after), strict=True))
    held = {name: value for name, value in old if name is not None}
    none = plain("–")
    return [
        (name, _BECOMES.filled(before=held.get(name, none), after=value))
        for name, value in new
        if name is not None and held.get(name) != value
    ]


def change_sections(change: caller_pb2.CallerChange, current: caller_pb2.Caller | None, now: int) -> list[Section]:
    """Return what a change does to a caller as it is now, None for one that there is not, and who asked for it."""
    about: list[Line] = [
        (Say("事项", "What"), word(CHANGE_KINDS, change.kind)),
        (Say("现状", "State"), word(CHANGE_STATES, change.state)),
        (Say("调用方", "Caller"), change.wanted.name),
        (Say("放宽", "Widens"), words.joined(WIDENS.get(one, plain(one)) for one in change.widens)),
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
    done = Section(Say("经过", "What was done"), steps)
    if current is None:
        return [first, done, *caller_sections(change.wanted, now)]
    differs = _differences(current, change.wanted)
    return [first, *([Section(Say("变化", "What changes"), differs)] if differs else []), done]
