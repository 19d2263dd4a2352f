"""Records as rows of a table, and what each cell asks for when somebody wants only these."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final, Literal

from admin_gui.domain import times
from admin_gui.domain.form import shown, value_of
from admin_gui.domain.say import Say, plain
from admin_gui.domain.snapshot_filter import quoted
from admin_gui.domain.snapshot_words import Vocabulary
from jingxi_client._gen.pdp.v1 import decision_service_pb2, snapshot_pb2, snapshot_service_pb2, types_pb2

Part = Literal["time", "severity", "who", "what", "whom", "menu", "fields", "id"]
NANOS: Final = 1_000_000_000
LEVELS: Final = ("–", "C1", "C2", "C3")
SEVERITIES: Final = ("NONE", "LOW", "MEDIUM", "HIGH")
_FAILED: Final = Say("（失败）", " (failed)")
_REPEATS: Final = Say("不计：重复了 {other} 的记录", "does not count: repeats the record of {other}")
_NOTHING: Final = Say("全部脱敏", "all masked")
_MASKS: Final = 3
KINDS: Final = {
    "all": "",
    "decisions": 'kind == "decision"',
    "operations": 'kind != "decision"',
    "security": '(kind.startsWith("session.") || kind.startsWith("anomaly.") || kind.startsWith("alarm.") || '
    'kind.startsWith("account.") || kind.endsWith(".refused") || kind == "policy.emergency")',
}
"""Classes of records, each as a clause."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record as a line. `severity` is 0 to 3 (C3), None for an operation; `menu` and `what` are as recorded."""

    id: str
    place: tuple[str, str, str, int, int]
    time_nanos: int
    severity: int | None
    who: str
    what: str
    whom: str
    menu: str
    fields: tuple[str, ...]
    note: Say
    resource: tuple[str, str] = ("", "")
    failed: bool = False
    repeats: str = ""

    @property
    def is_decision(self) -> bool:
        """Whether it is a decision, not an operation."""
        return self.severity is not None


def row_of(entry: snapshot_service_pb2.SnapshotEntry) -> Row:
    """Return an entry as a row."""
    stream = entry.stream
    place = (stream.node, stream.boot, stream.retention, stream.day, entry.sequence)
    if entry.record.HasField("operation"):
        done = entry.record.operation
        details = "  ".join(f"{name}={value}" for name, value in sorted(done.details.items()) if value)
        return Row(
            done.id, place, done.time_nanos, None, done.actor, done.kind, "", "", (), plain(details),
            failed=not done.success,
        )  # fmt: skip
    snapshot = entry.record.snapshot
    facts = snapshot.facts
    fields = tuple(name for one in snapshot.verdicts if one.effect == types_pb2.EFFECT_UNMASK for name in one.fields)
    return Row(
        snapshot.decision_id, place, snapshot.time_nanos, snapshot.severity & _MASKS, facts.subject.id,
        facts.action.name, about(snapshot), context_of(facts, "menu"), fields,
        _NOTHING if snapshot.verdicts and not fields else plain(""),
        (facts.resource.type, facts.resource.id), repeats=entry.repeats,
    )  # fmt: skip


def text_of(row: Row, part: Part, words: Vocabulary) -> Say:
    """Return what a cell shows."""
    match part:
        case "time":
            return plain(clock(row.time_nanos))
        case "severity":
            return plain("" if row.severity is None else LEVELS[row.severity])
        case "who":
            return plain(row.who)
        case "what":
            label = words.label("action.name" if row.is_decision else "kind", row.what)
            name = label if any(label) else plain(row.what)
            return Say(name.zh + _FAILED.zh, name.text("en") + _FAILED.en) if row.failed else name
        case "whom":
            return plain(row.whom)
        case "menu":
            return words.named("context.menu", row.menu)
        case "fields":
            if row.repeats:
                return _REPEATS.filled(other=row.repeats)
            labels = [words.field(name) for name in row.fields]
            return Say("、".join(one.zh for one in labels), ", ".join(map(_english, labels))) if labels else row.note
        case "id":
            return plain(row.id)


def clauses(row: Row, part: Part) -> list[tuple[str, str, str]]:
    """Return what a cell can be asked for: what it says, the clause for only these and the one for all without these.

    A record that does not hold what is asked is found by neither a comparison nor its opposite, so the clause without
    these says what it is about.
    """
    match part:
        case "time":
            moment = f'timestamp("{stamp(row.time_nanos)}")'
            return [(f"≤ {clock(row.time_nanos)}", f"time <= {moment}", f"time > {moment}")]
        case "severity" if row.severity is not None:
            name = SEVERITIES[row.severity]
            return [(LEVELS[row.severity], f"severity == {name}", f"severity != {name}")]
        case "who" if row.who:
            value = quoted(row.who)
            return [(row.who, f"subject.id == {value}", f"subject.id != {value}")]
        case "what" if row.what and row.is_decision:
            return [(row.what, *_both("action.name", row.what))]
        case "what" if row.what:
            return [(row.what, f"kind == {quoted(row.what)}", f"kind != {quoted(row.what)}")]
        case "whom" if row.resource[0]:
            kind, number = row.resource
            found = [(kind, *_both("resource.type", kind))]
            if number:
                both = f"resource.type == {quoted(kind)} && resource.id == {quoted(number)}"
                found.insert(0, (f"{kind} {number}", both, f'!(recorded("resource.id") && {both})'))
            return found
        case "menu" if row.menu:
            return [(row.menu, *_both("context.menu", row.menu))]
        case "fields":
            return [
                (name, f"unmasked({quoted(name)})", f'!(kind == "decision" && unmasked({quoted(name)}))')
                for name in row.fields
            ]
        case "id":
            return [(row.id, f"id == {quoted(row.id)}", f"id != {quoted(row.id)}")]
    return []


def about(snapshot: snapshot_pb2.Snapshot) -> str:
    """Return whom a decision is about: the type, with the clear id where it was kept, else with the keyed one."""
    resource = snapshot.facts.resource
    keyed = f"#{snapshot.resource_key.hex()[:8]}" if snapshot.resource_key else ""
    return " ".join(part for part in (resource.type, resource.id or keyed) if part)


def context_of(facts: decision_service_pb2.DecideRequest, name: str) -> str:
    """Return an attribute of the context as a text; empty when it was not kept."""
    return shown(value_of(facts.context[name])) if name in facts.context else ""


def clock(nanos: int) -> str:
    """Return a time as people here read it."""
    return times.clock(nanos, with_year=True)


def stamp(nanos: int) -> str:
    """Return a time as filters write it, down to the nanosecond, in this place's zone."""
    moment = _local(nanos)
    zone = moment.strftime("%z")
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos % NANOS:09}{zone[:3]}:{zone[3:5]}"


def _local(nanos: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(nanos // NANOS, datetime.UTC).astimezone()


def _both(name: str, value: str) -> tuple[str, str]:
    clause = f"{name} == {quoted(value)}"
    return clause, f'!(recorded("{name}") && {clause})'


def _english(say: Say) -> str:
    return say.text("en")


def group_clause(part: Part, key: str) -> str:
    """Return the clause for the records of a group that the service told."""
    match part:
        case "severity":
            return f"severity == {key}"
        case "who":
            return f"subject.id == {quoted(key)}"
        case "what":
            return f"action.name == {quoted(key)}"
        case _:
            return f"context.menu == {quoted(key)}"
