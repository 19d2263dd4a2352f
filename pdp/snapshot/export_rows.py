"""One record as one row of a table, for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pdp.snapshot.columns import plain_value
from pdp.snapshot.store.base import StoredRecord
from pdp.v1 import snapshot_pb2, types_pb2
from pdp.values import format_timestamp

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_LANGUAGES = ("zh", "en")


def safe(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_COLUMNS: Final = (
    ("时间", "time"), ("编号", "id"), ("类别", "kind"), ("级别", "severity"), ("操作员", "subject"), ("角色", "roles"),
    ("调用系统", "caller"), ("操作", "action"), ("应用", "application"), ("菜单", "menu"),
    ("数据类型", "resource type"),
    ("记录编号", "resource id"), ("记录编号散列", "resource key"), ("明文字段", "shown"), ("脱敏字段", "masked"),
    ("规则", "rules"), ("授权", "grants"), ("授权人", "approvers"), ("义务", "obligations"), ("版本", "revision"),
    ("来源", "source"), ("耗时（微秒）", "latency (µs)"), ("成功", "success"), ("详情", "details"),
)  # fmt: skip
_SEVERITIES: Final = ("NONE", "LOW", "MEDIUM", "HIGH")


def headings(language: str) -> list[str]:
    """Return the headings of the columns."""
    return [column[_LANGUAGES.index(language)] for column in _COLUMNS]


def cells(stored: StoredRecord) -> list[Any]:
    """Return a record as one row below `headings`."""
    record = snapshot_pb2.Record.FromString(stored.body)
    if record.WhichOneof("body") == "operation":
        done = record.operation
        details = json.dumps(dict(sorted(done.details.items())), ensure_ascii=False)
        head = [format_timestamp(done.time_nanos), done.id, done.kind, "", done.actor]
        return [*head, *[""] * (len(_COLUMNS) - len(head) - 2), "true" if done.success else "false", details]
    snapshot = record.snapshot
    facts = snapshot.facts
    fields = {
        effect: [f for v in snapshot.verdicts if v.effect == effect for f in v.fields]
        for effect in (types_pb2.EFFECT_UNMASK, types_pb2.EFFECT_MASK)
    }
    return [
        format_timestamp(snapshot.time_nanos), snapshot.decision_id, "decision", _SEVERITIES[snapshot.severity & 3],
        facts.subject.id, _joined(facts.subject.roles), snapshot.caller, facts.action.name,
        _context(facts, "application"), _context(facts, "menu"), facts.resource.type, facts.resource.id,
        snapshot.resource_key.hex(), _joined(fields[types_pb2.EFFECT_UNMASK]), _joined(fields[types_pb2.EFFECT_MASK]),
        _joined(v.rule for v in snapshot.verdicts), _joined(g.id for g in snapshot.grants),
        _joined(g.approver for g in snapshot.grants), _joined(o.type for o in snapshot.obligations),
        snapshot.revision, snapshot_pb2.SnapshotSource.Name(snapshot.source).removeprefix("SNAPSHOT_SOURCE_").lower(),
        snapshot.latency_micros, "", "",
    ]  # fmt: skip


def _context(facts: Any, name: str) -> str:
    found = plain_value(facts.context[name]) if name in facts.context else ""
    return found if isinstance(found, str) else ""


def _joined(texts: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(text for text in texts if text))
