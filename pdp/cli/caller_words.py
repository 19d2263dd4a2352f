"""The words in which commands about managed callers speak, and how they show them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.snapshot_text import local
from pdp.control.callers.telling import kind_word
from pdp.v1 import caller_pb2

STATES: Final[Mapping[int, tuple[str, str, str]]] = {
    caller_pb2.CALLER_CHANGE_STATE_WAITING: ("待复核", "waits", "yellow"),
    caller_pb2.CALLER_CHANGE_STATE_DONE: ("已生效", "done", "green"),
    caller_pb2.CALLER_CHANGE_STATE_REFUSED: ("已拒绝", "refused", "red"),
}
"""By state of a change: in Chinese, in English, and its colour."""

WORDS: Final = {
    "en": {
        "name": "caller", "owner": "owner", "state": "state", "applications": "applications", "subjects": "subjects",
        "known_by": "known by", "may": "may", "rate": "rate", "source": "from", "managed": "staff", "file": "file",
        "enabled": "enabled", "disabled": "disabled", "hidden": "hidden by the callers file",
        "tokens": "tokens", "token": "token", "created": "made", "expires": "until", "used": "last used",
        "never": "never", "for_ever": "for ever", "description": "description", "version": "version {version}",
        "certificates": "certificates", "consent_key": "consent key", "reason": "why", "changed": "changed",
        "by": "{time} by {actor}", "unlimited": "any", "at_once": "{per_second}/s, {burst} at once",
        "none": "no callers", "more": "more: --page {page}", "no_changes": "no changes",
        "ineffective": "managed callers may not call on this node; set `control.callers: true`",
        "id": "change", "what": "what", "widens": "widens", "steps": "steps",
        "added": "caller `{name}` may call, version {version}", "edited": "caller `{name}` changed, version {version}",
        "disabled_done": "caller `{name}` is turned away", "enabled_done": "caller `{name}` may call again",
        "removed": "caller `{name}` removed", "token_added": "token added to `{name}`, version {version}",
        "token_revoked": "token of `{name}` revoked, version {version}",
        "waits": "change {id} of `{name}` waits for a second person ({widens}): pdp caller approve {id}",
        "approved": "approved and done: caller `{name}`, version {version}", "refused_done": "change {id} refused",
        "token_shown": "The token, shown this once; give it to the system and to nobody else:\n\n    {token}\n",
        "token_file": "The token is in {file}; give it to the system and to nobody else.",
        "conflict": "{actor} changed it at {time} (version {version})",
    },
    "zh": {
        "name": "调用方", "owner": "负责人", "state": "状态", "applications": "应用", "subjects": "主体",
        "known_by": "辨识依据", "may": "可以", "rate": "频率", "source": "来源", "managed": "管理端", "file": "文件",
        "enabled": "启用", "disabled": "停用", "hidden": "被调用方文件遮蔽",
        "tokens": "令牌", "token": "令牌", "created": "生成", "expires": "有效至", "used": "最近使用",
        "never": "从未", "for_ever": "长期", "description": "说明", "version": "版本 {version}",
        "certificates": "证书", "consent_key": "同意签名公钥", "reason": "原因", "changed": "最近更改",
        "by": "{time}，{actor}", "unlimited": "不限", "at_once": "每秒 {per_second}，同时 {burst}",
        "none": "没有调用方", "more": "还有：--page {page}", "no_changes": "没有变更",
        "ineffective": "管理端的调用方在此节点上不能调用；请设置 `control.callers: true`",
        "id": "变更", "what": "内容", "widens": "放宽", "steps": "经过",
        "added": "调用方 `{name}` 可以调用，版本 {version}", "edited": "调用方 `{name}` 已更改，版本 {version}",
        "disabled_done": "调用方 `{name}` 已停用", "enabled_done": "调用方 `{name}` 已恢复",
        "removed": "调用方 `{name}` 已删除", "token_added": "已为 `{name}` 增加令牌，版本 {version}",
        "token_revoked": "`{name}` 的令牌已撤销，版本 {version}",
        "waits": "`{name}` 的变更 {id} 须由另一人复核（{widens}）：pdp caller approve {id}",
        "approved": "已复核并生效：调用方 `{name}`，版本 {version}", "refused_done": "变更 {id} 已拒绝",
        "token_shown": "令牌只显示这一次；只交给该系统：\n\n    {token}\n",
        "token_file": "令牌在 {file} 中；只交给该系统。",
        "conflict": "{actor} 于 {time} 更改（版本 {version}）",
    },
}  # fmt: skip


def callers_table(
    managed: Collection[caller_pb2.Caller], of_file: Collection[caller_pb2.Caller], lang: str
) -> Table:  # fmt: skip
    """Return callers as a table: those of staff, then those of the node's file."""
    words = WORDS[lang]
    names = ("name", "source", "state", "owner", "applications", "subjects", "may", "rate", "known_by")
    table = console.table(*(words[name] for name in names))
    hidden = {caller.name for caller in of_file}
    for source, callers in (("managed", managed), ("file", of_file)):
        for caller in callers:
            covered = source == "managed" and caller.name in hidden
            state = "hidden" if covered else "disabled" if caller.disabled else "enabled"
            known = [*caller.certificates, *(f"{words['token']} {token.id}" for token in caller.tokens)]
            table.add_row(
                Text(caller.name), words[source], words[state], Text(caller.owner),
                Text(", ".join(caller.applications)), Text(", ".join(caller.subjects)),
                Text(", ".join(_may(caller))), _rate(caller, lang), Text(", ".join(known)),
            )  # fmt: skip
    return table


def caller_lines(caller: caller_pb2.Caller, lang: str, *, hidden: bool) -> Iterator[Text]:
    """Yield a caller line by line."""
    words = WORDS[lang]
    state = "hidden" if hidden else "disabled" if caller.disabled else "enabled"
    version = words["version"].format(version=caller.version)
    yield Text.assemble(
        (caller.name, "bold"), f"  {version}  ", (words[state], "green" if state == "enabled" else "red")
    )
    facts = {
        "reason": caller.disabled_reason, "owner": caller.owner, "description": caller.description,
        "certificates": ", ".join(caller.certificates), "applications": ", ".join(caller.applications),
        "subjects": ", ".join(caller.subjects), "may": ", ".join(_may(caller)), "rate": _rate(caller, lang),
        "consent_key": caller.consent_key,
        "created": words["by"].format(time=local(caller.created_nanos), actor=caller.created_by),
        "changed": words["by"].format(time=local(caller.changed_nanos), actor=caller.changed_by),
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            yield Text(f"  {words[name]}: {value}")
    for token in caller.tokens:
        until = local(token.expires_nanos) if token.expires_nanos else words["for_ever"]
        used = local(token.last_used_nanos) if token.last_used_nanos else words["never"]
        yield Text(
            f"  {words['token']} {token.id}: {words['created']} {local(token.created_nanos)} {token.created_by}, "
            f"{words['expires']} {until}, {words['used']} {used}"
        )


def changes_table(changes: Iterable[caller_pb2.CallerChange], lang: str) -> Table:
    """Return changes as a table."""
    words = WORDS[lang]
    table = console.table(*(words[name] for name in ("id", "state", "what", "name", "widens", "steps")))
    for change in changes:
        steps = "\n".join(
            f"{_state(step.state, lang)} {step.actor} {local(step.time_nanos)} {step.reason}" for step in change.steps
        )
        table.add_row(
            change.id, Text(_state(change.state, lang), _style(change.state)), kind_word(change.kind),
            Text(change.wanted.name), ", ".join(change.widens), Text(steps),
        )  # fmt: skip
    return table


def _may(caller: caller_pb2.Caller) -> Iterator[str]:
    yield from caller.calls
    yield from (f"grant-{word}" for word in caller.grants)
    yield from (name for name in ("bundles", "reports") if getattr(caller, name))


def _rate(caller: caller_pb2.Caller, lang: str) -> str:
    if not caller.HasField("rate"):
        return WORDS[lang]["unlimited"]
    return WORDS[lang]["at_once"].format(per_second=caller.rate.per_second, burst=caller.rate.burst)


def _state(state: int, lang: str) -> str:
    zh, en, _ = STATES.get(state, ("", "", ""))
    return zh if lang == "zh" else en


def _style(state: int) -> str:
    return STATES.get(state, ("", "", ""))[2]
