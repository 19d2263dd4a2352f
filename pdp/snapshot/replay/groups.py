"""Counts what becomes of decisions, by what they have in common, within bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from pdp.snapshot.query import entry
from pdp.snapshot.replay.facts import Place
from pdp.snapshot.replay.recorded import SHOWN, End, Result
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


class _Counts(NamedTuple):
    """How many decisions came to the same end, by each of what a `Place` has."""

    roles: dict[tuple[str, ...], int]
    branch: dict[str, int]
    menu: dict[str, int]
    application: dict[str, int]


class Groups:
    """What was counted so far; `examples` is how many each group shows."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._taken = 0
        self._groups: dict[str, dict[str, _Group]] = {by: {} for by in KINDS}
        # Most decisions are like one before: these are counted together first.
        self._results: dict[Result, int] = {}
        self._ends: dict[End, _Counts] = {end: _Counts({}, {}, {}, {}) for end in End}
        self._waiting = 0
        self._tried: dict[tuple[Place, Result], int] = {}
        self.read = self._changed = self._more_shown = self._undecidable = 0
        self._lacks: dict[str, int] = {}

    def add(self, record: StoredRecord, place: Place, result: Result) -> None:
        """Count a decision."""
        self._results[result] = self._results.get(result, 0) + 1
        by_roles, by_branch, by_menu, by_application = self._ends[result.end]
        roles, branch, menu, application = place
        by_roles[roles] = by_roles.get(roles, 0) + 1
        by_branch[branch] = by_branch.get(branch, 0) + 1
        by_menu[menu] = by_menu.get(menu, 0) + 1
        by_application[application] = by_application.get(application, 0) + 1
        if result.changes:
            self._show(record, place, result)
        self._waiting += 1
        if self._waiting >= _MAX_WAITING:
            self._fold()

    def _show(self, record: StoredRecord, place: Place, result: Result) -> None:
        """Take a decision for an example wherever there is none like it, or too few."""
        tried = self._tried.get((place, result), 0)
        if tried >= self._examples or self._taken >= _MAX_EXAMPLES:
            return
        if len(self._tried) >= _MAX_WAITING:
            self._tried.clear()
        self._tried[place, result] = tried + 1
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
        for result, count in self._results.items():
            self.read += count
            self._changed += count * bool(result.changes)
            self._more_shown += count * (result.end is End.SHOWN)
            self._undecidable += count * result.undecidable
            for name in result.lacks:
                self._lacks[name] = self._lacks.get(name, 0) + count
            # Of the fields of an undecidable decision, those that were decided are known not to change.
            for field in result.decided:
                self._group("field", field).decisions += count
            for change in result.changes:
                group = self._group("field", change.field)
                group.changed += count
                group.more_shown += count * (change.kind == SHOWN)
            for kind in result.kinds:
                self._count("change", kind, count, End.SHOWN if kind == SHOWN else End.CHANGED)
        self._results.clear()
        for end, counts in self._ends.items():
            if end is not End.OPEN:
                for roles, count in counts.roles.items():
                    for role in dict.fromkeys(roles or ("",)):
                        self._count("role", role, count, end)
                for by, keys in (
                    ("branch", counts.branch), ("menu", counts.menu), ("application", counts.application)
                ):  # fmt: skip
                    for key, count in keys.items():
                        self._count(by, key, count, end)
            for held in counts:
                held.clear()
        self._waiting = 0

    def _count(self, by: str, key: str, count: int, end: End) -> None:
        group = self._group(by, key)
        group.decisions += count
        group.changed += count * (end is not End.SAME)
        group.more_shown += count * (end is End.SHOWN)

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


def _changed_keys(place: Place, result: Result) -> dict[str, Collection[str]]:
    """Return the groups in which a decision counts as changed, by kind: of the fields, those that change."""
    return {
        "role": dict.fromkeys(place.roles or ("",)),
        "branch": (place.branch,),
        "menu": (place.menu,),
        "field": [change.field for change in result.changes],
        "application": (place.application,),
        "change": result.kinds,
    }


def _message(by: str, key: str, group: _Group, *, examples: bool) -> policy_service_pb2.ImpactGroup:
    message = policy_service_pb2.ImpactGroup(
        by=by, key=key, decisions=group.decisions, changed=group.changed, more_shown=group.more_shown
    )
    for record, result in group.examples if examples else ():
        changes = [change.message() for change in result.changes]
        message.examples.add(entry=entry(record), changes=changes)
    return message
