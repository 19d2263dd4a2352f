"""`pdp account anomalies`, and the review of one: what was unusual, and what somebody found of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.account_client import as_json
from pdp.cli.exits import ExitCode
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking, channel_to
from pdp.control.accounts.unusual import SEVERITIES, class_word
from pdp.v1 import anomaly_pb2, security_service_pb2, security_service_pb2_grpc

Stub = security_service_pb2_grpc.SecurityServiceStub

_STATES: Final[Mapping[str, anomaly_pb2.AnomalyState]] = {
    "open": anomaly_pb2.ANOMALY_STATE_OPEN,
    "legitimate": anomaly_pb2.ANOMALY_STATE_LEGITIMATE,
    "compromised": anomaly_pb2.ANOMALY_STATE_COMPROMISED,
}
_CLASSES: Final = {class_word(kind).replace("_", "-"): kind for kind in SEVERITIES}
VERDICTS: Final = ("legitimate", "compromised")
_WORDS: Final = {
    "en": {
        "id": "anomaly", "class": "what", "severity": "severity", "state": "state", "account": "account",
        "address": "from", "count": "times", "last": "last", "details": "details", "review": "review",
        "none": "nothing unusual", "more": "more: --page {page}", "here": "this machine",
        "reviewed": "anomaly {id} of `{account}`: {verdict}", "locks": "locked",
    },
    "zh": {
        "id": "异常", "class": "类别", "severity": "程度", "state": "状态", "account": "账户", "address": "来源",
        "count": "次数", "last": "最近", "details": "详情", "review": "复核", "none": "没有异常",
        "more": "还有：--page {page}", "here": "本机", "reviewed": "`{account}` 的异常 {id}：{verdict}",
        "locks": "已锁定",
    },
}  # fmt: skip
_ZH: Final = {
    "new_device": "新设备", "new_network": "新网络", "odd_hour": "非常用时段", "many_failures": "多次失败",
    "impossible_travel": "不可能的行程", "unused_account": "久未使用的账户", "emergency_publication": "紧急发布",
    "low": "低", "medium": "中", "high": "高",
    "open": "待复核", "legitimate": "正常", "compromised": "被冒用",
}  # fmt: skip
_STYLES: Final = {"high": "red", "medium": "yellow", "open": "yellow", "compromised": "red", "legitimate": "green"}
_EPILOG = """\b
Examples:
  pdp account anomalies
  pdp account anomalies --class impossible-travel --state open
  pdp account review 7e2d1f --verdict legitimate --reason "was in Beijing, by telephone"

Exit codes: 0 listed, 1 not allowed, or the service does not answer, 2 wrong command line.
"""


@contextmanager
def _connected(target: Target) -> Iterator[Stub]:
    with channel_to(target, "SecurityService") as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


@click.command(epilog=_EPILOG)
@click.option("--state", type=click.Choice(sorted(_STATES)), default="open", show_default=True,
              help="Only those in this state.")  # fmt: skip
@click.option("--all", "all_", is_flag=True, help="Those in any state.")
@click.option("--class", "kind", type=click.Choice(sorted(_CLASSES)), help="Only those of this class.")
@click.option("--account", default="", metavar="NAME", help="Only those of this account.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--page", default="", metavar="TOKEN", help="From what the page before ended with.")
@as_json
@asking
def anomalies(
    *, state: str, all_: bool, kind: str | None, account: str, limit: int, page: str, as_json: bool, target: Target
) -> ExitCode:
    """List what was unusual about sign-ins, and publications without an approval, the newest first."""
    words = _WORDS[target.language]
    request = security_service_pb2.ListAnomaliesRequest(
        state=anomaly_pb2.ANOMALY_STATE_UNSPECIFIED if all_ else _STATES[state],
        kind=anomaly_pb2.ANOMALY_CLASS_UNSPECIFIED if kind is None else _CLASSES[kind],
        account=account, page_size=limit, page_token=page,
    )  # fmt: skip
    with _connected(target) as stub:
        answer = stub.ListAnomalies(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if answer.anomalies:
        console.console().print(_table(answer.anomalies, target.language))
    else:
        click.echo(words["none"])
    if answer.next_page_token:
        click.echo(words["more"].format(page=answer.next_page_token), err=True)
    return ExitCode.OK


def review_anomaly(anomaly_id: str, verdict: str, note: str, target: Target, *, as_json: bool) -> ExitCode:
    """Say what an anomaly was."""
    request = security_service_pb2.ReviewAnomalyRequest(id=anomaly_id, verdict=_STATES[verdict], note=note)
    with _connected(target) as stub:
        answer = stub.ReviewAnomaly(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        told = {"id": anomaly_id, "account": answer.anomaly.account, "verdict": _word(verdict, target.language)}
        click.echo(_WORDS[target.language]["reviewed"].format(**told))
    return ExitCode.OK


def _table(found: Iterable[anomaly_pb2.Anomaly], lang: str) -> Table:
    words = _WORDS[lang]
    names = ("id", "class", "severity", "state", "account", "address", "count", "last", "details", "review")
    table = console.table(*(words[name] for name in names))
    for item in found:
        severity = anomaly_pb2.AnomalySeverity.Name(item.severity).removeprefix("ANOMALY_SEVERITY_").lower()
        state = anomaly_pb2.AnomalyState.Name(item.state).removeprefix("ANOMALY_STATE_").lower()
        told = _word(state, lang)
        if state == "open" and item.action == anomaly_pb2.ANOMALY_ACTION_LOCK:
            told += f" ({words['locks']})"
        details = ", ".join(f"{key} {item.details[key]}" for key in sorted(item.details))
        review = f"{item.reviewer} {local(item.reviewed_nanos)} {item.note}" if item.reviewer else ""
        table.add_row(
            item.id, _word(class_word(item.kind), lang), Text(_word(severity, lang), _STYLES.get(severity, "")),
            Text(told, _STYLES.get(state, "")), Text(item.account), Text(item.address or words["here"]),
            str(item.count), local(item.last_nanos), Text(details), Text(review),
        )  # fmt: skip
    return table


def _word(word: str, lang: str) -> str:
    return _ZH.get(word, word) if lang == "zh" else word.replace("_", " ")
