"""What changed in the failure rule: what clients may show while they have no verdict (requirement A38)."""

from __future__ import annotations

from collections.abc import Iterator

from pdp.control.changes import words
from pdp.control.changes.sides import Side
from pdp.lang.sentence import failure_sentence
from pdp.v1 import bundle_pb2, control_pb2, types_pb2

_ID = "failure-rule"
_TITLE = types_pb2.LocalizedText(zh="失效规则", en="failure rule")


def failure_rule_changes(before: Side, after: Side) -> Iterator[control_pb2.MeaningChange]:
    """Yield the change, if there is one; it may show in clear what lets a level pass, or lets it for longer."""
    old, new = before.failure_rule, after.failure_rule
    if old == new:
        return
    kind = (
        control_pb2.CHANGE_KIND_ADDED
        if old is None
        else control_pb2.CHANGE_KIND_REMOVED
        if new is None
        else control_pb2.CHANGE_KIND_CHANGED
    )
    was, now = before.passing, after.passing
    longer = old is not None and new is not None and new.until_nanos != old.until_nanos
    yield control_pb2.MeaningChange(
        subject=control_pb2.CHANGE_SUBJECT_FAILURE_RULE,
        id=_ID,
        kind=kind,
        title=_TITLE,
        parts=[words.part("sentence", _said(old), _said(new))],
        fields=sorted(was | now if longer else was ^ now),
        may_unmask=bool(now - was) or (new is not None and old is not None and bool(now) and _later(old, new)),
    )


def _later(old: bundle_pb2.FailureRule, new: bundle_pb2.FailureRule) -> bool:
    return new.until_nanos > old.until_nanos


def _said(rule: bundle_pb2.FailureRule | None) -> types_pb2.LocalizedText | None:
    if rule is None:
        return None
    said = failure_sentence(rule.pass_levels, rule.until_nanos, rule.alarm_events, rule.alarm_seconds)
    return types_pb2.LocalizedText(zh=said.zh, en=said.en)
