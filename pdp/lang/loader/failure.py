"""Reads the `FailureRule` document: what clients do while no verdict can be had (requirement A38)."""

from __future__ import annotations

import re
from typing import Final

from pdp.errors import ValueFormatError
from pdp.lang.loader import names
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.reader import Reader, Record, Shape
from pdp.lang.loader.report import quote
from pdp.lang.model import FailureRule
from pdp.source import Span
from pdp.values import NANOS, parse_timestamp

_DOCUMENT = Shape("FailureRule document", "kind levels", "until alarm")
_LEVELS = Shape("mapping of levels", "", " ".join(names.LEVELS))
_ALARM = Shape("alarm", "", "events seconds")
_SHOWN: Final = {"pass": True, "mask": False}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_NANOS: Final = 86_400 * NANOS
MAX_EVENTS: Final = 1_000_000
MAX_SECONDS: Final = 86_400
DEFAULT_EVENTS: Final = 100
DEFAULT_SECONDS: Final = 60


class FailureRuleReader:
    """Reads the one failure rule that a set may have."""

    def __init__(self, reader: Reader) -> None:
        self.failure_rule: FailureRule | None = None
        self._reader = reader
        self._seen: dict[str, Span] = {}

    def read(self, document: MappingNode) -> None:
        """Take in a `FailureRule` document."""
        message = "a policy set has one failure rule at most"
        is_first = self._reader.is_new(self._seen, "", document.span, message, "duplicate-document")
        record = self._reader.record(document, _DOCUMENT)
        if record is None:
            return
        levels, spans = self._levels(record)
        until = _until(record)
        if any(levels.values()) and "until" not in document.entries:
            hint = "add `until: …`, the last day on which they pass, or a time"
            text = "the FailureRule document has no `until`, and lets fields pass"
            self._reader.error("missing-key", text, document, hint)
        events, seconds = self._alarm(record)
        if is_first:
            self.failure_rule = FailureRule(
                passes=tuple(level for level in names.LEVELS if levels.get(level)),
                until=until,
                alarm_events=events,
                alarm_seconds=seconds,
                span=document.span,
                level_spans=spans,
                until_span=record.span("until") if "until" in document.entries else document.span,
            )

    def _levels(self, record: Record) -> tuple[dict[str, bool], dict[str, Span]]:
        node = record.get("levels")
        found = None if node is None else self._reader.record(node, _LEVELS, "`levels`")
        levels: dict[str, bool] = {}
        spans: dict[str, Span] = {}
        for level in names.LEVELS if found is not None else ():
            assert found is not None  # noqa: S101 - as said
            shown = found.choice(level, _SHOWN)
            if shown is not None:
                levels[level], spans[level] = shown, found.span(level)
        return levels, spans

    def _alarm(self, record: Record) -> tuple[int, int]:
        node = record.get("alarm")
        alarm = None if node is None else self._reader.record(node, _ALARM, "`alarm`")
        if alarm is None:
            return DEFAULT_EVENTS, DEFAULT_SECONDS
        events = alarm.whole("events", DEFAULT_EVENTS, 1, MAX_EVENTS)
        return events, alarm.whole("seconds", DEFAULT_SECONDS, 1, MAX_SECONDS)


def _until(record: Record) -> int | None:
    """Return until when fields pass: just before a time, or to the end of a day in UTC."""
    node = record.get("until")
    text = None if node is None else record.reader.text(node, "`until`")
    if text is None or node is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return parse_timestamp(f"{text}T00:00:00Z") + _DAY_NANOS
        return parse_timestamp(text)
    except ValueFormatError:
        hint = "write a day such as `2027-06-30` or a time such as `2027-06-30T18:00:00+08:00`"
        record.reader.error("bad-value", f"`until` cannot be {quote(text)}", node, hint)
        return None
