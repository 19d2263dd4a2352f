"""Any order of transactions, reads of any time, watches and compactions, against a slow and obvious model."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pdp.control.kv.base import Delete, Event, KeyValue, KeyValueStore, Put, Unchanged
from pdp.errors import CompactedError

T = TypeVar("T")

NAMES = st.sampled_from(["a", "aa", "ab", "b", "é", "中", "\uffff", "𠀀"])
PREFIXES = st.sampled_from(["", "a", "b", "é", "zz"])
VALUES = st.one_of(st.none(), st.binary(max_size=8))
CHANGES = st.dictionaries(NAMES, VALUES, max_size=4)
_runs = itertools.count()


class History(RuleBasedStateMachine):
    """Keeps every state of its part of a store, by revision."""

    def __init__(self, store: KeyValueStore, runner: asyncio.Runner) -> None:
        super().__init__()
        self._store = store
        self._runner = runner
        self._root = f"run{next(_runs)}/"
        self._head = self._run(store.revision())
        self._compacted = self._head
        self._states: dict[int, dict[str, KeyValue]] = {self._head: {}}
        self._events: list[list[Event]] = []

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(doing, 60))

    @property
    def _now(self) -> dict[str, KeyValue]:
        return self._states[self._head]

    @rule(changes=CHANGES, looked=st.dictionaries(NAMES, st.integers(-1, 1), max_size=3))
    def commit(self, changes: dict[str, bytes | None], looked: dict[str, int]) -> None:
        conditions = [
            Unchanged(self._root + name, max(0, self._modified(self._root + name) + off))
            for name, off in looked.items()
        ]
        wanted = [
            Delete(self._root + name) if value is None else Put(self._root + name, value)
            for name, value in changes.items()
        ]
        holds = all(condition.modified == self._modified(condition.key) for condition in conditions)
        done = self._run(self._store.commit(conditions, wanted))
        assert done.succeeded == holds
        state, events = dict(self._now), []
        for change in wanted if holds else ():
            old = state.get(change.key)
            revision = self._head + 1
            if isinstance(change, Put):
                version, created = (old.version + 1, old.created) if old else (1, revision)
                state[change.key] = KeyValue(change.key, change.value, version, created, revision)
                events.append(Event(revision, change.key, change.value))
            elif old is not None:
                del state[change.key]
                events.append(Event(revision, change.key, None))
        if events:
            self._head += 1
            self._states[self._head] = state
            self._events.append(events)
        assert done.revision == self._head

    @rule(prefix=PREFIXES, after=st.one_of(st.just(""), NAMES), limit=st.integers(1, 5), at=st.integers(0))
    def range(self, prefix: str, after: str, limit: int, at: int) -> None:
        revision = list(self._states)[at % len(self._states)]
        asked = self._store.range(
            self._root + prefix, after=after and self._root + after, limit=limit, revision=revision
        )
        if revision < self._compacted:
            try:
                self._run(asked)
            except CompactedError:
                return
            raise AssertionError(f"revision {revision} is told though {self._compacted} was compacted")
        page = self._run(asked)
        items = self._states[revision]
        expected = [
            items[key]
            for key in sorted(items)
            if key.startswith(self._root + prefix) and (not after or key > self._root + after)
        ]
        assert list(page.items) == expected[:limit]
        assert page.more == (len(expected) > limit)
        assert page.revision == revision

    @precondition(lambda self: self._events)
    @rule(prefix=PREFIXES, at=st.integers(0))
    def watch(self, prefix: str, at: int) -> None:
        after = list(self._states)[at % len(self._states)]
        chosen = [
            [event for event in events if event.key.startswith(self._root + prefix)]
            for events in self._events
            if events[0].revision > after
        ]
        expected = [events for events in chosen if events]

        async def follow() -> None:
            async with aclosing(self._store.watch(self._root + prefix, after)) as events:
                for one in expected:
                    assert list(await anext(events)) == one

        if after >= self._compacted:
            self._run(follow())
        elif expected:
            try:
                self._run(follow())
            except CompactedError:
                return
            raise AssertionError(f"what came after {after} is told though {self._compacted} was compacted")

    @rule(at=st.integers(0))
    def compact(self, at: int) -> None:
        revision = list(self._states)[at % len(self._states)]
        self._run(self._store.compact(revision))
        self._compacted = max(self._compacted, revision)

    @invariant()
    def is_as_the_model(self) -> None:
        page = self._run(self._store.range(self._root))
        assert {item.key: item for item in page.items} == self._now
        assert page.revision == self._head

    def _modified(self, key: str) -> int:
        found = self._now.get(key)
        return found.modified if found else 0
