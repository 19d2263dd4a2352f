"""Reads the facts of a record: of each attribute that somebody asks for what stands for it, and where it was.

What stands for an attribute is its entry as it was written, which is not looked into: equal bytes have equal values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from pdp.snapshot.replay.wire import attribute_of

ROLES: Final = "subject.roles"
_NAMED: Final = ("subject.branch", "context.menu", "context.application")
_OWN: Final = frozenset({"subject.id", "action.name", "resource.type", "resource.id"})
_MOST_ENTRIES: Final = 200_000
"""So many different entries of one map are remembered, and then others: some 40 MB."""

Values = list[Any]
"""What stands for each attribute, by its slot; None for one that is not there."""


class Place(NamedTuple):
    """By what decisions are grouped."""

    roles: tuple[str, ...]
    branch: str
    menu: str
    application: str


class FactsReader:
    """Reads facts with the `names` in view. One thread at a time may use it."""

    def __init__(self, names: Iterable[str]) -> None:
        # Slot 0 is for what nobody asks for.
        asked = sorted({*names, ROLES, *_NAMED})
        self.slots: Mapping[str, int] = {name: slot for slot, name in enumerate(asked, 1)}
        self._blank: Values = [None] * (len(asked) + 1)
        self._own = [(self.slots[name], attrgetter(name)) for name in asked if name in _OWN]
        self._subject: dict[bytes, int] = {}
        self._action: dict[bytes, int] = {}
        self._resource: dict[bytes, int] = {}
        self._context: dict[bytes, int] = {}
        self._texts: dict[bytes, str] = {}
        self._roles = self.slots[ROLES]
        self._named = [(name, self.slots[name]) for name in _NAMED]

    def read(self, facts: Any) -> Values:
        """Return the values of the facts of a `wire.RecordPart`. Raises DecodeError."""
        values = self._blank.copy()
        subject = facts.subject
        values[self._roles] = (*subject.roles,)
        for slot, own in self._own:
            values[slot] = own(facts)
        for root, known, entries in (
            ("subject", self._subject, subject.attributes),
            ("action", self._action, facts.action.attributes),
            ("resource", self._resource, facts.resource.attributes),
            ("context", self._context, facts.context),
        ):
            for entry in entries:
                slot = known.get(entry)
                values[self._learn(root, known, entry) if slot is None else slot] = entry
        return values

    def _learn(self, root: str, known: dict[bytes, int], entry: bytes) -> int:
        slot = self.slots.get(f"{root}.{attribute_of(entry)[0]}", 0)
        if len(known) >= _MOST_ENTRIES:
            known.clear()
        known[entry] = slot
        return slot

    def place(self, values: Values, hidden: Collection[str]) -> Place:
        """Return where a decision was made; attributes that are `hidden` tell nothing."""
        return Place(values[self._roles], *[
            "" if name in hidden else self._text(values[slot]) for name, slot in self._named
        ])  # fmt: skip

    def _text(self, entry: bytes | None) -> str:
        if entry is None:
            return ""
        text = self._texts.get(entry)
        if text is None:
            if len(self._texts) >= _MOST_ENTRIES:
                self._texts.clear()
            text = self._texts[entry] = attribute_of(entry)[1].string_value
        return text
