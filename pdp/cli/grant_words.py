"""The words in which commands about grants speak, and how they show them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any, Final

import click
from google.protobuf import duration_pb2
from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.snapshot_text import local
from pdp.v1 import account_pb2

STATES: Final = {
    account_pb2.GRANT_STATE_ASKED: ("asked", "待审批", "waits", "yellow"),
    account_pb2.GRANT_STATE_ACTIVE: ("active", "有效", "holds", "green"),
    account_pb2.GRANT_STATE_REFUSED: ("refused", "已拒绝", "refused", "red"),
    account_pb2.GRANT_STATE_REVOKED: ("revoked", "已撤销", "taken back", "red"),
    account_pb2.GRANT_STATE_EXPIRED: ("expired", "已过期", "expired", "dim"),
    account_pb2.GRANT_STATE_USED_UP: ("used-up", "已用完", "used up", "dim"),
}
"""By state: its name on the command line, in Chinese, in English, and its colour."""

WORDS: Final = {
    "en": {
        "id": "grant", "state": "state", "for": "for", "resource": "resource", "what": "shows", "left": "left",
        "uses": "uses", "by": "by", "reason": "why", "all": "every field that grants may show", "none": "no grants",
        "asked": "grant {id} asked for; somebody with authority over it runs `pdp grant approve {id}`",
        "approved": "grant {id} holds until {until}; grant revision {revision}",
        "refused": "grant {id} refused",
        "revoked": "grant {id} holds no more on any node; grant revision {revision}",
        "silent": "did not say so, and by now honour no grant: {names}",
        "more": "more: --page {page}", "kind": "kind", "application": "application", "branch": "branch",
        "scenario": "scenario", "evidence": "evidence", "expires": "until", "steps": "steps",
    },
    "zh": {
        "id": "授权", "state": "状态", "for": "授予", "resource": "资源", "what": "可见", "left": "剩余",
        "uses": "次数", "by": "经办", "reason": "理由", "all": "授权可显示的全部字段", "none": "没有授权",
        "asked": "已申请授权 {id}；由有权审批的人运行 `pdp grant approve {id}`",
        "approved": "授权 {id} 有效至 {until}；授权版本号 {revision}",
        "refused": "授权 {id} 已拒绝",
        "revoked": "授权 {id} 在所有节点上已失效；授权版本号 {revision}",
        "silent": "未答复、此时已不认任何授权的节点：{names}",
        "more": "还有：--page {page}", "kind": "种类", "application": "应用", "branch": "机构",
        "scenario": "场景", "evidence": "凭证", "expires": "有效至", "steps": "经过",
    },
}  # fmt: skip

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d{1,6})([smh])")


class Span(click.ParamType[duration_pb2.Duration]):
    """A time such as `90s`, `30m` or `2h`."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> duration_pb2.Duration:
        """Return it as a Duration."""
        if isinstance(value, duration_pb2.Duration):
            return value
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"`{value}` is no time; write `90s`, `30m` or `2h`", param, ctx)
        return duration_pb2.Duration(seconds=int(found[1]) * _UNITS[found[2]])


def grants_table(records: Iterable[account_pb2.GrantRecord], lang: str) -> Table:
    """Return grants as a table."""
    words = WORDS[lang]
    names = ("id", "state", "left", "uses", "for", "resource", "what", "by", "reason")
    table = console.table(*(words[name] for name in names))
    for record in records:
        grant = record.grant
        _, zh, en, style = STATES.get(record.state, ("", "", "", ""))
        table.add_row(
            Text(grant.id), Text(zh if lang == "zh" else en, style), Text(_left(record)), Text(_uses(record)),
            Text(grant.subject_id), Text(f"{grant.resource_type} {grant.resource_id}"), Text(_shows(record, lang)),
            Text(grant.approver or record.steps[0].actor), Text(grant.reason or grant.evidence),
        )  # fmt: skip
    return table


def grant_lines(record: account_pb2.GrantRecord, lang: str) -> Iterable[Text]:
    """Yield a grant with its story, line by line."""
    words, grant = WORDS[lang], record.grant
    _, zh, en, style = STATES.get(record.state, ("", "", "", ""))
    yield Text.assemble((grant.id, "bold"), "  ", (zh if lang == "zh" else en, style))
    facts = {
        "kind": grant.kind, "for": grant.subject_id, "resource": f"{grant.resource_type} {grant.resource_id}",
        "what": _shows(record, lang), "uses": _uses(record), "application": record.application,
        "branch": record.branch, "scenario": grant.scenario, "evidence": grant.evidence,
        "expires": local(grant.expires_at_nanos) if grant.expires_at_nanos else "", "reason": grant.reason,
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            yield Text(f"  {words[name]}: {value}")
    yield Text(f"  {words['steps']}:")
    for step in record.steps:
        _, zh, en, style = STATES.get(step.state, ("", "", "", ""))
        yield Text.assemble(
            f"    {local(step.time_nanos)}  ", (zh if lang == "zh" else en, style), f"  {step.actor}  {step.reason}"
        )


def _left(record: account_pb2.GrantRecord) -> str:
    if record.state != account_pb2.GRANT_STATE_ACTIVE:
        return ""
    seconds = max(record.grant.expires_at_nanos - time.time_ns(), 0) // 10**9
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _uses(record: account_pb2.GrantRecord) -> str:
    return f"{record.uses}/{record.max_uses}" if record.max_uses else ""


def _shows(record: account_pb2.GrantRecord, lang: str) -> str:
    return ", ".join((*record.grant.fields, *record.grant.levels)) or WORDS[lang]["all"]
