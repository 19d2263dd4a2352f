"""Counts what becomes of decisions, by what they have in common, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pdp.snapshot.query import entry
from pdp.snapshot.replay.facts import Place
from pdp.snapshot.replay.recorded import SHOWN, Result
from pdp.snapshot.store.base import StoredRecord
from pdp.v1 import policy_service_pb2

KINDS: Final = ("role", "branch", "menu", "field", "application", "change")
OTHER: Final = "(other)"
"""The key of what has no group of its own any more."""
MAX_GROUPS: Final = 1_000
"""Groups of each kind in an answer."""
MAX_WITH_EXAMPLES: Final = 100
"""Groups of each kind in an answer that come with examples."""
_MAX_COUNTED: Final = 10_000
_MAX_EXAMPLES: Final = 10_000
_MAX_WAITING: Final = 20_000


class _Group:
    __slots__ = ("changed", "decisions", "examples", "more_shown")

    def __init__(self) -> None:
        self.decisions = self.changed = self.more_shown = 0
        self.examples: list[tuple[StoredRecord, Result]] = []


class Groups:
    """What was counted so far; `examples` is how many each group shows."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._taken = 0
        self._groups: dict[str, dict[str, _Group]] = {by: {} for by in KINDS}
        # Most decisions are like one before: these are counted together first.
        self._waiting: dict[tuple[Place, Result], int] = {}
        self.read = self._changed = self._more_shown = self._undecidable = 0
        self._lacks: dict[str, int] = {}

    def add(self, record: StoredRecord, place: Place, result: Result) -> None:
        """Count a decision."""
        key = place, result
        count = self._waiting.get(key, 0)
        self._waiting[key] = count + 1
        if result.changes and count < self._examples:
            self._keep(record, place, result)
        if len(self._waiting) > _MAX_WAITING:
            self._fold()

    def _keep(self, record: StoredRecord, place: Place, result: Result) -> None:
        if self._taken >= _MAX_EXAMPLES:
            return
        kept = False
        for by, keys in _changed_keys(place, result).items():
            for key in keys:
                group = self._group(by, key)
                if len(group.examples) < self._examples:
                    group.examples.append((record, result))
                    kept = True
        self._taken += kept

    def _group(self, by: str, key: str) -> _Group:
        groups = self._groups[by]
        found = groups.get(key)
        if found is None:
            if len(groups) >= _MAX_COUNTED:
                key = OTHER
            found = groups.setdefault(key, _Group())
        return found

    def _fold(self) -> None:
        for (place, result), count in self._waiting.items():
            self.read += count
            shown = any(change.kind == SHOWN for change in result.changes)
            self._changed += count * bool(result.changes)
            self._more_shown += count * shown
            self._undecidable += count * result.undecidable
            for name in result.lacks:
                self._lacks[name] = self._lacks.get(name, 0) + count
            if result.undecidable:
                # Of its fields, those that were decided are known not to change.
                for field in result.decided:
                    self._group("field", field).decisions += count
                continue
            changed = _changed_keys(place, result)
            for by, keys in _keys(place, result).items():
                for key in keys:
                    group = self._group(by, key)
                    group.decisions += count
                    if key in changed[by]:
                        group.changed += count
                        group.more_shown += count * _is_more(by, key, result, shown=shown)
        self._waiting.clear()

    def totals(self) -> policy_service_pb2.AnalyseImpactResponse:
        """Return what was counted so far, without the groups."""
        self._fold()
        return policy_service_pb2.AnalyseImpactResponse(
            read=self.read, changed=self._changed, more_shown=self._more_shown, undecidable=self._undecidable,
            insufficient=self._lacks,
        )  # fmt: skip

    def result(self) -> Iterator[policy_service_pb2.ImpactGroup]:
        """Yield the groups, the most changed first within each kind; those beyond the bound as one."""
        self._fold()
        for by, groups in self._groups.items():
            ranked = sorted(
                groups.items(), key=lambda item: (item[0] == OTHER, -item[1].changed, -item[1].decisions, item[0])
            )
            for number, (key, group) in enumerate(ranked[:MAX_GROUPS]):
                if key != OTHER:
                    yield _message(by, key, group, examples=number < MAX_WITH_EXAMPLES)
            rest = [group for number, (key, group) in enumerate(ranked) if number >= MAX_GROUPS or key == OTHER]
            if rest:
                yield policy_service_pb2.ImpactGroup(
                    by=by, key=OTHER, decisions=sum(group.decisions for group in rest),
                    changed=sum(group.changed for group in rest), more_shown=sum(group.more_shown for group in rest),
                )  # fmt: skip


def _keys(place: Place, result: Result) -> dict[str, frozenset[str]]:
    """Return the groups of a decision, by kind."""
    return {
        "role": frozenset(place.roles or ("",)),
        "branch": frozenset({place.branch}),
        "menu": frozenset({place.menu}),
        "field": frozenset(result.decided),
        "application": frozenset({place.application}),
        "change": result.kinds,
    }


def _changed_keys(place: Place, result: Result) -> dict[str, frozenset[str]]:
    """Return the groups in which a decision counts as changed: of the fields, those that change."""
    if not result.changes:
        return dict.fromkeys(KINDS, frozenset())
    return _keys(place, result) | {"field": frozenset(change.field for change in result.changes)}


def _is_more(by: str, key: str, result: Result, *, shown: bool) -> bool:
    """Whether a change shows something that was masked: of a field, that field; of a kind of change, that kind."""
    if by == "field":
        return any(change.field == key and change.kind == SHOWN for change in result.changes)
    return key == SHOWN if by == "change" else shown


def _message(by: str, key: str, group: _Group, *, examples: bool) -> policy_service_pb2.ImpactGroup:
    message = policy_service_pb2.ImpactGroup(
        by=by, key=key, decisions=group.decisions, changed=group.changed, more_shown=group.more_shown
    )
    for record, result in group.examples if examples else ():
        changes = [change.message() for change in result.changes]
        message.examples.add(entry=entry(record), changes=changes)
    return message
