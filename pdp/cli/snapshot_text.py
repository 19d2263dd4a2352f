"""Records as rows, lines and trees for people, in Chinese and English."""

from __future__ import annotations

import datetime
from typing import Any, Final

from rich.text import Text
from rich.tree import Tree

from pdp.cli.trace import decision_tree
from pdp.snapshot.columns import plain_value
from pdp.v1 import decision_service_pb2, snapshot_pb2, snapshot_service_pb2, types_pb2
from pdp.values import NANOS

WORDS: Final = {
    "en": {
        "time": "time", "id": "id", "severity": "level", "subject": "who", "action": "what", "resource": "of whom",
        "menu": "menu", "shown": "shown in clear", "none": "no record",
        "wider": "; try a longer time or another filter",
        "more": "more: --page {page}, or --all", "of": "{count} of {total}", "about": "about {total}", "group": "group",
        "count": "records", "flagged": "C2/C3 shown", "total": "total", "share": "", "kept": "what was known",
        "place": "place in its chain", "checkpoint": "covered by checkpoint {number} of node {node}",
        "uncovered": "no checkpoint covers it yet", "bundle": "the policy set that decided is not in the store",
        "lost": "not kept", "insufficient": "not enough was kept to tell clauses about", "rules": "rules as they stood",
        "exported": "{count} records in `{path}`", "waiting": "waiting for records; Ctrl-C ends", "failed": "failed",
        "gone": "cut off; trying again", "repeats": "does not count, repeats the record of",
    },
    "zh": {
        "time": "时间", "id": "编号", "severity": "级别", "subject": "操作员", "action": "操作", "resource": "对象",
        "menu": "菜单", "shown": "明文字段", "none": "没有记录", "wider": "；可放宽时间范围或更改条件",
        "more": "还有更多：--page {page} 或 --all", "of": "第 {count} 条止，共 {total} 条", "about": "约 {total}",
        "group": "分组",
        "count": "记录数", "flagged": "明文 C2/C3", "total": "合计", "share": "", "kept": "当时已知",
        "place": "链中位置", "checkpoint": "由节点 {node} 的第 {number} 号检查点覆盖",
        "uncovered": "尚无检查点覆盖", "bundle": "当时的策略集不在存储中",
        "lost": "未留存", "insufficient": "留存不足，以下属性的条件无法重现", "rules": "当时的规则",
        "exported": "已导出 {count} 条记录到 `{path}`", "waiting": "等待新记录，Ctrl-C 结束", "failed": "失败",
        "gone": "连接中断，正在重试", "repeats": "不计，重复了此处的记录：",
    },
}  # fmt: skip
_SEVERITIES = ("", "C1", "C2", "C3")
_STYLES = ("dim", "", "yellow", "bold red")
COLUMNS: Final = ("time", "id", "severity", "subject", "action", "resource", "menu", "shown")


def local(nanos: int, *, seconds: bool = True) -> str:
    """Return a time as people here read it."""
    moment = datetime.datetime.fromtimestamp(nanos / NANOS, datetime.UTC).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}" if seconds else f"{moment:%Y-%m-%d %H:%M}"


def row(entry: snapshot_service_pb2.SnapshotEntry, lang: str) -> list[Text]:
    """Return an entry as a row of a table with COLUMNS."""
    record = entry.record
    if record.WhichOneof("body") == "operation":
        done = record.operation
        details = " ".join(f"{key}={value}" for key, value in sorted(done.details.items()))
        failed = "" if done.success else f" ({WORDS[lang]['failed']})"
        texts = [local(done.time_nanos), done.id, "", done.actor, done.kind + failed, "", "", details]
        return [Text(text, "cyan") for text in texts]
    snapshot = record.snapshot
    facts = snapshot.facts
    shown = [f for v in snapshot.verdicts if v.effect == types_pb2.EFFECT_UNMASK for f in v.fields]
    severity = snapshot.severity & 3
    return [
        Text(local(snapshot.time_nanos)),
        Text(snapshot.decision_id),
        Text(_SEVERITIES[severity], _STYLES[severity]),
        Text(facts.subject.id),
        Text(facts.action.name),
        Text(_resource(snapshot)),
        Text(_context(facts, "menu")),
        Text(" ".join(shown) + (f" ({WORDS[lang]['repeats']} {entry.repeats})" if entry.repeats else "")),
    ]


def record_tree(response: snapshot_service_pb2.GetSnapshotResponse, lang: str) -> Tree:
    """Return one record with its story."""
    words = WORDS[lang]
    entry = response.entry
    if entry.record.WhichOneof("body") == "operation":
        root = Tree(Text("  ".join(text.plain for text in row(entry, lang)[:5] if text.plain)))
        details = root.add(Text(words["kept"], "bold"))
        for key, value in sorted(entry.record.operation.details.items()):
            details.add(Text(f"{key} = {value}"))
    else:
        snapshot = entry.record.snapshot
        root = decision_tree(_explained(response), lang)
        _add_facts(root, snapshot, words)
        if response.insufficient:
            branch = root.add(Text(words["insufficient"], "bold yellow"))
            for name in response.insufficient:
                branch.add(Text(name))
        if not response.rules and not response.rule_texts:
            root.add(Text(words["bundle"], "yellow"))
    stream = entry.stream
    place = root.add(Text(words["place"], "bold"))
    place.add(Text(f"{stream.node}/{stream.boot}/{stream.retention}/{stream.day} #{entry.sequence}"))
    place.add(Text(response.chain.hex(), "dim"))
    covered = words["checkpoint"].format(number=response.checkpoint, node=stream.node)
    place.add(Text(covered if response.checkpoint else words["uncovered"], "" if response.checkpoint else "yellow"))
    return root


def _add_facts(root: Tree, snapshot: snapshot_pb2.Snapshot, words: dict[str, str]) -> None:
    facts = snapshot.facts
    branch = root.add(Text(words["kept"], "bold"))
    plain: dict[str, Any] = {
        "caller": snapshot.caller, "subject.id": facts.subject.id, "subject.roles": ", ".join(facts.subject.roles),
        "action.name": facts.action.name, "resource.type": facts.resource.type, "resource.id": facts.resource.id,
        "resource key": snapshot.resource_key.hex(),
    }  # fmt: skip
    for base, values in (
        ("subject", facts.subject.attributes), ("action", facts.action.attributes),
        ("resource", facts.resource.attributes), ("context", facts.context),
    ):  # fmt: skip
        plain |= {f"{base}.{key}": plain_value(value) for key, value in sorted(values.items())}
    for name, bucket in sorted(snapshot.buckets.items()):
        sides = (("=", "exactly"), (">", "above"), ("<", "below"))
        plain[name] = " ".join(
            f"{sign} {plain_value(getattr(bucket, side))}" for sign, side in sides if bucket.HasField(side)
        )
    plain |= {name: f"#{value.hex()}" for name, value in sorted(snapshot.hashes.items())}
    for name, value in plain.items():
        if value not in ("", None):
            branch.add(Text(f"{name} {value}" if name in snapshot.buckets else f"{name} = {value}"))
    if snapshot.withheld:
        branch.add(Text(f"{words['lost']}: {', '.join(snapshot.withheld)}", "dim"))


def _explained(response: snapshot_service_pb2.GetSnapshotResponse) -> decision_service_pb2.ExplainResponse:
    """Return a record in the form in which decisions are told."""
    snapshot = response.entry.record.snapshot
    told = decision_service_pb2.ExplainResponse(rules=response.rules, sentences=response.sentences)
    told.now.seconds, told.now.nanos = divmod(snapshot.time_nanos, NANOS)
    decision = told.decision
    decision.decision_id, decision.revision = snapshot.decision_id, snapshot.revision
    decision.obligations.extend(snapshot.obligations)
    decision.diagnostics.extend(snapshot.diagnostics)
    for number, verdict in enumerate(snapshot.verdicts):
        decision.masks.add(algorithm=verdict.mask)
        decision.reasons.add(
            kind=verdict.kind, rule=verdict.rule, grant_id=verdict.grant_id, undecided=verdict.undecided
        )
        for field in verdict.fields:
            decision.verdicts.add(field=field, effect=verdict.effect, mask=number, reason=number)
    return told


def _resource(snapshot: snapshot_pb2.Snapshot) -> str:
    resource = snapshot.facts.resource
    found = resource.id or (f"#{snapshot.resource_key.hex()[:8]}" if snapshot.resource_key else "")
    return " ".join(filter(None, (resource.type, found)))


def _context(facts: decision_service_pb2.DecideRequest, name: str) -> str:
    return str(plain_value(facts.context[name]) or "") if name in facts.context else ""
