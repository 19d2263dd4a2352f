"""Reads the facts of a record: of each attribute that somebody asks for what stands for it, and where it was.

What stands for an attribute is its entry as it was written, which is not looked into: equal bytes have equal values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from pdp.snapshot.replay.wire import attribute_of, checked_name
from pdp.v1 import types_pb2

ROLES: Final = "subject.roles"
_BRANCH: Final = "subject.branch"
_MENU: Final = "context.menu"
_APPLICATION: Final = "context.application"
_NAMED: Final = frozenset({_BRANCH, _MENU, _APPLICATION})
_OWN: Final = ("subject.id", ROLES, "action.name", "resource.type", "resource.id")
_MOST_ENTRIES: Final = 200_000
"""So many different entries of one map are remembered, and then others: some 40 MB."""
_MOST_PARTS: Final = 50_000

_Held = tuple[tuple[int, Any], ...]
Values = list[Any]
"""What stands for each attribute, by its slot; None for one that is not there."""


class Place(NamedTuple):
    """By what decisions are grouped."""

    roles: tuple[str, ...]
    branch: str
    menu: str
    application: str


def _slot(slots: Mapping[str, int], root: str, key: str) -> int:
    name = f"{root}.{key}"
    # A key of a map may be called as what stands beside the map.
    return 0 if name in _OWN else slots.get(name, 0)


class _Slots(dict[bytes, int]):
    """The slots of entries of one map. A new entry is looked at: DecodeError where it is damaged."""

    def __init__(self, root: str, slots: Mapping[str, int]) -> None:
        super().__init__()
        self._root = root
        self._slots = slots

    def __missing__(self, entry: bytes) -> int:
        slot = _slot(self._slots, self._root, checked_name(entry))
        if len(self) >= _MOST_ENTRIES:
            self.clear()
        self[entry] = slot
        return slot


class FactsReader:
    """Reads facts with the `names` in view. One thread at a time may use it."""

    def __init__(self, names: Iterable[str]) -> None:
        # Slot 0 is for what nobody asks for.
        asked = sorted({*names, ROLES, _BRANCH, _MENU, _APPLICATION})
        self.slots: Mapping[str, int] = {name: slot for slot, name in enumerate(asked, 1)}
        self._blank: Values = [None] * (len(asked) + 1)
        self._id, self._roles = self.slots.get("subject.id", 0), self.slots[ROLES]
        self._branch, self._menu, self._application = (self.slots[name] for name in (_BRANCH, _MENU, _APPLICATION))
        self._subject = _Slots("subject", self.slots)
        self._context = _Slots("context", self.slots)
        self._actions: dict[bytes, _Held] = {}
        self._resources: dict[bytes, _Held] = {}
        self._texts: dict[bytes | None, str] = {}

    def read(self, facts: Any) -> Values:
        """Return the values of the facts of a `wire.RecordPart`. Raises DecodeError."""
        # Slices, for protobuf's own iterators take twice the time.
        values = self._blank.copy()
        subject = facts.subject
        values[self._roles] = (*subject.roles[:],)
        if self._id:
            values[self._id] = subject.id
        known = self._subject
        for entry in subject.attributes[:]:
            values[known[entry]] = entry
        known = self._context
        for entry in facts.context[:]:
            values[known[entry]] = entry
        parts = facts.action
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        for slot, value in self._actions.get(whole) or self._part("action", types_pb2.Action, self._actions, whole):
            values[slot] = value
        parts = facts.resource
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        found = self._resources.get(whole)
        for slot, value in found or self._part("resource", types_pb2.Resource, self._resources, whole):
            values[slot] = value
        return values

    def _part(self, root: str, kind: Any, known: dict[bytes, _Held], whole: bytes) -> _Held:
        """Return the slots and what stands there, of an action or a resource."""
        message = kind.FromString(whole)
        own = [name for name in _OWN if name.startswith(f"{root}.")]
        if len(known) >= _MOST_PARTS:
            known.clear()
        found = known[whole] = (
            *((self.slots.get(name, 0), getattr(message, name.partition(".")[2])) for name in own),
            *((_slot(self.slots, root, key), value.SerializeToString()) for key, value in message.attributes.items()),
        )
        return found

    def place(self, values: Values, hidden: Collection[str]) -> Place:
        """Return where a decision was made; attributes that are `hidden` tell nothing."""
        texts = self._texts
        if not hidden or _NAMED.isdisjoint(hidden):
            branch, menu, application = values[self._branch], values[self._menu], values[self._application]
        else:
            branch, menu, application = (
                None if name in hidden else values[self.slots[name]] for name in (_BRANCH, _MENU, _APPLICATION)
            )
        return Place(
            values[self._roles],
            texts.get(branch) or self._text(branch),
            texts.get(menu) or self._text(menu),
            texts.get(application) or self._text(application),
        )

    def _text(self, entry: bytes | None) -> str:
        if entry is None:
            return ""
        if len(self._texts) >= _MOST_ENTRIES:
            self._texts.clear()
        text = self._texts[entry] = attribute_of(entry)[1].string_value
        return text
