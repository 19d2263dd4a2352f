"""Reads the facts of a record: of each attribute that somebody asks for what stands for it, and where it was.

What stands for an attribute is its entry as it was written, behind its length, which is not looked into: equal bytes
have equal values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.engine.wire import length_delimited
from pdp.snapshot.replay.wire import FactsPart, checked_name, text_of
from pdp.v1 import types_pb2

ROLES: Final = "subject.roles"
_BRANCH: Final = "subject.branch"
_MENU: Final = "context.menu"
_APPLICATION: Final = "context.application"
PLACES: Final = frozenset({_BRANCH, _MENU, _APPLICATION})
"""Attributes that tell where a decision was made."""
_OWN: Final = ("subject.id", ROLES, "action.name", "resource.type", "resource.id")
_MOST_ENTRIES: Final = 200_000
"""So many different entries of one map are remembered, and then others: some 40 MB."""
_MOST_PARTS: Final = 50_000
_MOST_UNASKED: Final = 10_000
_SHORT: Final = 0x7F
"""The longest that is as long as one byte says."""
# Tags of decision_service_pb2.DecideRequest and types_pb2.Subject; `test_replay_cut` compares them with descriptors.
_SUBJECT, _CONTEXT = 0x12, b"\x2a"
_ID, _ATTRIBUTE = 0x0A, b"\x1a"
_VALUE = 0x12  # in the entry of a map

_Held = tuple[tuple[int, Any], ...]
Values = list[Any]
"""What stands for each attribute, by its slot; None for one that is not there."""


class Place(NamedTuple):
    """By what decisions are grouped."""

    roles: tuple[str, ...]
    branch: str
    menu: str
    application: str


class _Objects(NamedTuple):
    """What stands in an action and a resource, and which of them there were."""

    roots: frozenset[str]
    held: _Held


class _UnusualError(Exception):
    """Facts that are to be taken apart by protobuf."""


class _Slots(dict[bytes, int]):
    """The slots of entries of one map, each behind its length as in a message.

    A new entry is looked at, DecodeError where it is damaged; but not the values of what nobody asks for.
    """

    def __init__(self, root: str, slots: Mapping[str, int]) -> None:
        super().__init__()
        self._root = root
        self._slots = slots
        # The length of entries that nobody asks for, by what stands before their values, of which it tells the length.
        # They are not kept themselves, for there is no end of them.
        self._unasked: dict[bytes, int] = {}

    def __missing__(self, piece: bytes) -> int:
        size, end = len(piece), 5 + piece[2]
        if self._unasked.get(piece[:end]) == size:
            return 0
        if piece[0] != size - 1 or size > _SHORT:
            raise _UnusualError
        slot = self.slot(piece[1:])
        # A key and a value, and nothing behind them.
        if not slot and piece[end - 2] == _VALUE and piece[end - 1] == size - end:
            if len(self._unasked) < _MOST_UNASKED:
                self._unasked[piece[:end]] = size
            return slot
        if len(self) >= _MOST_ENTRIES:
            self.clear()
        self[piece] = slot
        return slot

    def slot(self, entry: bytes) -> int:
        """Return the slot of an entry, looked at. Raises DecodeError and UnicodeDecodeError."""
        name = f"{self._root}.{checked_name(entry)}"
        # A key of a map may be called as what stands beside the map.
        return 0 if name in _OWN else self._slots.get(name, 0)


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
        self._objects: dict[bytes, _Objects] = {}
        self._role_lists: dict[bytes, tuple[str, ...]] = {}
        self._texts: dict[bytes | None, str] = {}

    def read(self, facts: bytes) -> Values:
        """Return the values of serialized facts. Raises DecodeError and UnicodeDecodeError."""
        try:
            return self._split(facts)
        except (_UnusualError, IndexError):
            return self._read_message(FactsPart.FromString(facts))

    def _split(self, facts: bytes) -> Values:
        """Return the values of facts as most are: a subject, other objects, the context, and perhaps objects again.

        The entries of a map are found by their tag, a byte that may stand in them as well: then one of the pieces is
        not as long as it says, or is no message.
        """
        values = self._blank.copy()
        length, at = facts[1], 2
        if facts[0] != _SUBJECT:
            raise _UnusualError
        if length > _SHORT:
            if facts[2] > _SHORT:
                raise _UnusualError
            length += facts[2] - 1 << 7
            at = 3
        end = at + length
        if facts[at] == _ID:
            begin = at + 2
            at = begin + facts[at + 1]
            if at > begin + _SHORT:
                raise _UnusualError
            if self._id:
                values[self._id] = facts[begin:at].decode()
        if not at <= end <= len(facts):
            raise _UnusualError
        roles, *entries = facts[at:end].split(_ATTRIBUTE)
        values[self._roles] = self._role_lists.get(roles) or self._listed(roles)
        known = self._subject
        for entry in entries:
            values[known[entry]] = entry
        about, *entries = facts[end:].split(_CONTEXT)
        objects = self._objects.get(about) or self._held(about)
        for slot, value in objects.held:
            values[slot] = value
        if entries:
            last = entries[-1]
            end = last[0] + 1
            if end < len(last):
                entries[-1] = last[:end]
                for slot, value in self._more(objects, last[end:]):
                    values[slot] = value
        known = self._context
        for entry in entries:
            values[known[entry]] = entry
        return values

    def _listed(self, data: bytes) -> tuple[str, ...]:
        """Return the roles of a subject that has nothing else."""
        try:
            roles = (*types_pb2.Subject.FromString(data).roles,)
        except DecodeError as error:
            raise _UnusualError from error
        if types_pb2.Subject(roles=roles).SerializeToString() != data:
            raise _UnusualError
        if len(self._role_lists) >= _MOST_PARTS:
            self._role_lists.clear()
        self._role_lists[data] = roles
        return roles

    def _held(self, data: bytes) -> _Objects:
        """Return what stands in facts that have neither a subject nor a context."""
        try:
            facts = FactsPart.FromString(data)
            if facts.HasField("subject") or facts.context:
                raise _UnusualError
            found = self._objects_of(facts)
        except DecodeError as error:
            raise _UnusualError from error  # it was cut in the wrong place
        if len(self._objects) >= _MOST_PARTS:
            self._objects.clear()
        self._objects[data] = found
        return found

    def _more(self, before: _Objects, data: bytes) -> _Held:
        """Return what stands in facts behind the context, as in those of a batch."""
        found = self._objects.get(data) or self._held(data)
        if before.roots & found.roots:
            raise _UnusualError  # parts of one message
        return found.held

    def _objects_of(self, facts: Any) -> _Objects:
        """Return the action and the resource of a `FactsPart`."""
        held: list[tuple[int, Any]] = []
        found = (("action", types_pb2.Action, facts.action), ("resource", types_pb2.Resource, facts.resource))
        for root, kind, parts in found:
            if parts:
                message = kind.FromString(b"".join(parts))
                own = [name for name in _OWN if name.startswith(f"{root}.")]
                held += [(self.slots.get(name, 0), getattr(message, name.partition(".")[2])) for name in own]
                values = {f"{root}.{key}": value.SerializeToString() for key, value in message.attributes.items()}
                held += [(self.slots.get(name, 0), value) for name, value in values.items() if name not in _OWN]
        roots = frozenset([root for root, _, parts in found if parts])
        return _Objects(roots, tuple([(slot, value) for slot, value in held if slot]))

    def _read_message(self, facts: Any) -> Values:
        """Return the values of a `FactsPart`, however it was written."""
        values = self._blank.copy()
        values[self._roles] = (*facts.subject.roles,)
        if self._id:
            values[self._id] = facts.subject.id
        for known, entries in ((self._subject, facts.subject.attributes), (self._context, facts.context)):
            for entry in entries:
                values[known.slot(entry)] = length_delimited(b"", entry)
        for slot, value in self._objects_of(facts).held:
            values[slot] = value
        return values

    def place(self, values: Values, hidden: Collection[str] = ()) -> Place:
        """Return where a decision was made; attributes that are `hidden` tell nothing."""
        texts = self._texts
        branch, menu, application = values[self._branch], values[self._menu], values[self._application]
        if hidden:
            branch, menu, application = (
                None if name in hidden else values[self.slots[name]] for name in (_BRANCH, _MENU, _APPLICATION)
            )
        found = (
            values[self._roles],
            texts.get(branch) or self._text(branch),
            texts.get(menu) or self._text(menu),
            texts.get(application) or self._text(application),
        )
        return tuple.__new__(Place, found)  # `Place(*found)` takes twice the time

    def _text(self, entry: bytes | None) -> str:
        if entry is None:
            return ""
        if len(self._texts) >= _MOST_ENTRIES:
            self._texts.clear()
        text = self._texts[entry] = text_of(entry)
        return text
