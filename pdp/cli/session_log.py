"""`pdp session sign-ins`: what is on record of somebody's sign-ins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.account_client import as_json, sessions
from pdp.cli.account_words import factor_word
from pdp.cli.exits import ExitCode
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import account_service_pb2

WORDS: Final = {
    "en": {
        "time": "time", "outcome": "outcome", "how": "how, or why not", "place": "place", "device": "device",
        "unusual": "unusual", "record": "record", "none": "no sign-in is on record", "more": "more: --page {page}",
        "here": "this machine", "at": "{address} ({city})", "during": "{reason} ({kind})", "joined": ", ",
        "reasons.password": "wrong password", "reasons.code": "wrong code, or used before",
        "reasons.no_code": "no second factor", "reasons.waiting": "has to wait after failures",
        "reasons.locked": "account locked", "reasons.closed": "account closed",
        "reasons.device": "new device, and no second factor", "reasons.time": "outside its hours",
        "reasons.place": "outside its networks", "reasons.anomaly": "unusual, and locked by a rule",
        "reasons.sealed": "its secret cannot be opened", "reasons.other_device": "shown on another device",
    },
    "zh": {
        "time": "时间", "outcome": "结果", "how": "方式或原因", "place": "地点", "device": "设备",
        "unusual": "异常", "record": "记录", "none": "没有登录记录", "more": "还有：--page {page}",
        "here": "本机", "at": "{address}（{city}）", "during": "{reason}（{kind}）", "joined": "、",
        "reasons.password": "口令不对", "reasons.code": "验证码不对或已用过", "reasons.no_code": "没有第二因素",
        "reasons.waiting": "连续失败，须等待", "reasons.locked": "账户已锁定", "reasons.closed": "账户已注销",
        "reasons.device": "新设备，且没有第二因素", "reasons.time": "不在允许的时段", "reasons.place": "不在允许的网络",
        "reasons.anomaly": "异常，按规则锁定", "reasons.sealed": "密钥无法解开",
        "reasons.other_device": "在别的设备上出示",
    },
}  # fmt: skip
OUTCOMES: Final[Mapping[int, tuple[str, str, str]]] = {
    account_service_pb2.SIGN_IN_OUTCOME_SIGNED_IN: ("登录", "signed in", "green"),
    account_service_pb2.SIGN_IN_OUTCOME_FAILED: ("失败", "failed", "red"),
    account_service_pb2.SIGN_IN_OUTCOME_SESSION_REFUSED: ("会话被拒", "session refused", "red"),
}
"""In Chinese, in English, and the colour."""
_EPILOG = """\b
Examples:
  pdp session sign-ins
  pdp session sign-ins --account zhang --limit 20
  pdp session sign-ins --account zhang --json | jq '.signIns[] | select(.reason)'

Those of others are shown to who may read accounts. What was tried under a name that no account has stands in the record
of operations alone: pdp snapshot list 'kind == "session.failed"'.

Exit codes: 0 listed, 1 not allowed, or the service does not answer, 2 wrong command line.
"""


@click.command(name="sign-ins", epilog=_EPILOG)
@click.option("--account", default="", metavar="NAME", help="Those of this account.  [default: one's own]")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--page", default="", metavar="TOKEN", help="From what the page before ended with.")
@as_json
@asking
def sign_ins(*, account: str, limit: int, page: str, as_json: bool, target: Target) -> ExitCode:
    """List sign-ins, failed ones too, the newest first: when, how or why not, from where, on which device."""
    words = WORDS[target.language]
    request = account_service_pb2.ListSignInsRequest(account=account, page_size=limit, page_token=page)
    with sessions(target) as stub:
        answer = stub.ListSignIns(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if answer.sign_ins:
        console.console().print(_table(answer.sign_ins, target.language))
    else:
        click.echo(words["none"])
    if answer.next_page_token:
        click.echo(words["more"].format(page=answer.next_page_token), err=True)
    return ExitCode.OK


def _table(found: Iterable[account_service_pb2.SignInRecord], lang: str) -> Table:
    words = WORDS[lang]
    table = console.table(*(words[name] for name in ("time", "outcome", "how", "place", "device", "unusual", "record")))
    for item in found:
        zh, en, style = OUTCOMES.get(item.outcome, ("", "", ""))
        place = words["at"].format(address=item.address, city=item.city) if item.city else item.address
        table.add_row(
            local(item.time_nanos), Text(zh if lang == "zh" else en, style), Text(_how(item, lang)),
            Text(place or words["here"]), Text(item.device), Text(", ".join(item.unusual)), Text(item.id),
        )  # fmt: skip
    return table


def _how(item: account_service_pb2.SignInRecord, lang: str) -> str:
    words = WORDS[lang]
    if not item.reason:
        return words["joined"].join(factor_word(factor, lang) for factor in item.factors)
    reason = words.get(f"reasons.{item.reason}", item.reason)
    return words["during"].format(reason=reason, kind=item.during) if item.during else reason
