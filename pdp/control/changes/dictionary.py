"""What changed in the dictionary, in attributes, in named masks, in message maps and in golden cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pdp.control.changes import words
from pdp.control.changes.rules import concern, same_mask
from pdp.control.changes.sides import Side, who
from pdp.lang.loader.builtins import REQUEST, SUPPLIED
from pdp.v1 import bundle_pb2, control_pb2, types_pb2

_UNMASK = types_pb2.EFFECT_UNMASK
_ADDED, _REMOVED, _CHANGED = (
    control_pb2.CHANGE_KIND_ADDED,
    control_pb2.CHANGE_KIND_REMOVED,
    control_pb2.CHANGE_KIND_CHANGED,
)
_BUILT_IN: Final = frozenset({*REQUEST, *SUPPLIED})
_RESOURCE: Final = frozenset({"resource.type", "resource.id"})

T = TypeVar("T")


def _pairs(before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    """Yield what stands on either side, but for what is the same on both."""
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old != new:
            yield name, old, new


def _kind(old: object, new: object) -> control_pb2.ChangeKind:
    return _ADDED if old is None else _REMOVED if new is None else _CHANGED


class _Parts:
    """Collects the parts of one thing that are otherwise now."""

    def __init__(self, old: Any, new: Any) -> None:
        self._old = old
        self._new = new
        self.found: list[control_pb2.ChangedPart] = []

    def __contains__(self, name: str) -> bool:
        return any(part.part == name for part in self.found)

    def compare(self, name: str, tell: Callable[[Any], types_pb2.LocalizedText]) -> None:
        """Add a part whose words are not the same, or that stands on one side only."""
        before = tell(self._old) if self._old is not None else words.NOTHING
        after = tell(self._new) if self._new is not None else words.NOTHING
        if before != after:
            self.add(name, before, after)

    def compare_both(self, name: str, tell: Callable[[Any], types_pb2.LocalizedText]) -> None:
        """Add a part whose words are not the same on both sides; what stands on one side only is told otherwise."""
        if self._old is not None and self._new is not None:
            self.compare(name, tell)

    def add(self, name: str, before: types_pb2.LocalizedText, after: types_pb2.LocalizedText) -> None:
        """Add a part that is known to have changed."""
        self.found.append(words.part(name, before, after))


# Fields


def field_changes(before: Side, after: Side) -> Iterator[control_pb2.MeaningChange]:
    """Yield what changed in fields of the dictionary."""
    passing = after.passing - before.passing
    for name, old, new in _pairs(before.fields, after.fields):
        parts = _Parts(old, new)
        parts.compare_both("label", lambda field: field.label)
        parts.compare("level", lambda field: words.same(field.level))
        parts.compare("category", lambda field: words.same(field.category))
        parts.compare("tags", lambda field: words.same(", ".join(field.tags)))
        parts.compare("semantic_type", lambda field: words.same(field.semantic_type))
        if old is None or new is None:
            parts.compare("mask", lambda field: words.mask(field.default_mask))
        elif not same_mask(old.default_mask, new.default_mask):
            parts.add("mask", *words.masks(old.default_mask, new.default_mask))
        parts.compare("default", lambda field: words.effect(field.default_effect))
        if any(field is not None and field.never_unmask for field in (old, new)):
            parts.compare("never_unmask", lambda field: words.yes(field.never_unmask))
        if not parts.found:
            continue  # only a mask that has a name changed, which is a change of its own
        granted = "level" in parts and any(_granted(side, name) for side in (before, after))
        decisive = old is None or new is None or granted or any(p in parts for p in ("mask", "default", "never_unmask"))
        passes = old is not None and name in passing and ("level" in parts or "never_unmask" in parts)
        found = new or old
        assert found is not None  # noqa: S101 - it is on one side
        yield control_pb2.MeaningChange(
            subject=control_pb2.CHANGE_SUBJECT_FIELD,
            id=name,
            kind=_kind(old, new),
            title=words.field(after if new is not None else before, name),
            parts=parts.found,
            fields=[name] if decisive else [],
            may_unmask=_field_may_unmask(name, old, new, after) or passes,
        )


def _granted(side: Side, field: str) -> bool:
    """Whether a rule shows the field under a grant, which may be for its level."""
    return side.unmaskable(field) and any(
        found.unmasks and field in found.fields and side.needs_grant(name) for name, found in side.rules.items()
    )


def _field_may_unmask(
    name: str, old: bundle_pb2.FieldDefinition | None, new: bundle_pb2.FieldDefinition | None, after: Side
) -> bool:
    if new is None or new.never_unmask:
        return False
    if new.default_effect == _UNMASK and (old is None or old.default_effect != _UNMASK or old.never_unmask):
        return True
    if old is None:
        return False  # the rules that speak about it are changes of their own
    if old.never_unmask:
        return any(found.unmasks and name in found.fields for found in after.rules.values())
    return old.level != new.level and _granted(after, name)


# Attributes


def attribute_changes(before: Side, after: Side) -> Iterator[control_pb2.MeaningChange]:
    """Yield what changed in attributes."""
    for name, old, new in _pairs(before.attributes, after.attributes):
        if name in _BUILT_IN and (old is None or new is None):
            continue  # every policy set has it
        parts = _Parts(old, new)
        parts.compare_both("label", lambda attribute: attribute.label)
        parts.compare("type", lambda attribute: words.attribute_type(attribute.type))
        if old is None or new is None or old.default_value != new.default_value:
            parts.compare("default", lambda attribute: words.same(words.value(attribute.default_value)))
            if old is not None and new is not None and "default" not in parts:
                parts.add("default", *(_default(attribute) for attribute in (old, new)))
        if old is None or new is None:
            parts.compare("allowed_values", lambda attribute: words.allowed(attribute.allowed_values))
        elif old.allowed_values != new.allowed_values:
            had, has = (
                {value.SerializeToString(deterministic=True) for value in attribute.allowed_values}
                for attribute in (old, new)
            )
            parts.add(
                "allowed_values",
                words.allowed(old.allowed_values, had - has),
                words.allowed(new.allowed_values, has - had),
            )
        parts.compare("record", lambda attribute: words.record(attribute.record))
        found = new or old
        assert found is not None  # noqa: S101 - it is on one side
        change = control_pb2.MeaningChange(
            subject=control_pb2.CHANGE_SUBJECT_ATTRIBUTE,
            id=name,
            kind=_kind(old, new),
            title=found.label,
            parts=parts.found,
        )
        # No rule can name an attribute that is not declared: where one came or went, the rules changed too.
        if change.kind == _CHANGED and ("type" in parts or "default" in parts):
            concern(change, before, after, _users(before, after, {name}))
        yield change


def _default(attribute: bundle_pb2.AttributeDefinition) -> types_pb2.LocalizedText:
    """Return a default in a form that tells none from an empty text."""
    return words.message(attribute.default_value) if attribute.HasField("default_value") else words.NOTHING


def _users(before: Side, after: Side, attributes: Iterable[str]) -> list[str]:
    """Return the rules of both sides that depend on an attribute."""
    wanted = set(attributes)
    return [
        name
        for name in before.rules.keys() & after.rules.keys()
        if any(not wanted.isdisjoint(side.used(name)) for side in (before, after))
    ]


# Masks


def mask_changes(before: Side, after: Side) -> Iterator[control_pb2.MeaningChange]:
    """Yield what changed in named masks. One that came or went says so; whoever names it is a change of its own."""
    for name, old, new in _pairs(before.masks, after.masks):
        found = new or old
        assert found is not None  # noqa: S101 - it is on one side
        change = control_pb2.MeaningChange(
            subject=control_pb2.CHANGE_SUBJECT_MASK, id=name, kind=_kind(old, new), title=words.mask(found)
        )
        if old is None or new is None:
            change.parts.append(words.part("mask", words.mask(old) if old else None, words.mask(new) if new else None))
        else:
            change.parts.append(words.part("mask", *words.masks(old, new)))
            _concern_users(change, before, after, name)
        yield change


def _concern_users(change: control_pb2.MeaningChange, before: Side, after: Side, mask: str) -> None:
    """Write into the change of a mask which rules and fields use it. It masks still, so nothing is shown by it."""
    rules = [
        [
            (side, name)
            for name, found in sorted(side.rules.items())
            if not found.unmasks and found.rule.mask.name == mask
        ]
        for side in (before, after)
    ]
    defaults = [
        sorted(name for name, field in side.fields.items() if field.default_mask.name == mask)
        for side in (before, after)
    ]
    fields = {field for found in rules for side, name in found for field in side.rules[name].fields}
    change.fields.extend(sorted(fields.union(*defaults)))
    if not any(defaults) and (said := who(rules[0] + rules[1])) is not None:
        change.who.CopyFrom(said)
    users = [
        words.enumeration([words.field(side, name) for name in named] + [words.same(f"`{name}`") for _, name in found])
        for side, named, found in zip((before, after), defaults, rules, strict=True)
    ]
    change.parts.append(words.part("used_by", *users))


# Message maps


def message_map_changes(before: Side, after: Side) -> Iterator[control_pb2.MeaningChange]:
    """Yield what changed in message maps."""
    for name, old, new in _pairs(before.message_maps, after.message_maps):
        places, new_places = _places(old), _places(new)
        differing = {key for key in places.keys() | new_places.keys() if places.get(key) != new_places.get(key)}
        parts = _Parts(old, new)
        parts.compare_both("label", lambda message: message.label)
        for part, kind in (("fields", "field"), ("attributes", "attribute"), ("resource", "resource")):
            keys = sorted(key for key in differing if key[0] == kind)
            if keys:
                said = (_told(side, found, keys) for side, found in ((before, places), (after, new_places)))
                parts.add(part, *said)
        if old is not None and new is not None and not parts.found:
            continue  # the same places in another order
        found = new or old
        assert found is not None  # noqa: S101 - it is on one side
        change = control_pb2.MeaningChange(
            subject=control_pb2.CHANGE_SUBJECT_MESSAGE_MAP,
            id=name,
            kind=_kind(old, new),
            title=found.label,
            parts=parts.found,
        )
        read = {key[2] for key in differing if key[0] == "attribute"}
        if any(key[0] == "resource" for key in differing):
            read |= _RESOURCE
        if read and change.kind == _CHANGED:
            granted = [n for n in before.rules.keys() & after.rules.keys() if read & _RESOURCE and after.needs_grant(n)]
            concern(change, before, after, {*_users(before, after, read), *granted})
        placed = {key[2] for key in differing if key[0] == "field"}
        if placed:
            fields = sorted({*change.fields, *placed})
            change.ClearField("fields")
            change.fields.extend(fields)
            change.ClearField("who")
        # What a map names no longer, a caller that masks by it shows as it came.
        change.may_unmask |= any(
            places.get(key, set()) - new_places.get(key, set()) for key in differing if key[0] == "field"
        )
        yield change


_Place = tuple[str, str, str]


def _places(message: bundle_pb2.MessageMap | None) -> dict[_Place, set[str]]:
    """Return where a message holds what: paths from its root by (`field`, `attribute` or `resource`, part, name)."""
    found: dict[_Place, set[str]] = {}
    for part in message.parts if message is not None else ():
        for field in part.fields:
            found["field", part.name, field.field] = {_joined(part, path) for path in field.paths}
        for attribute in part.attributes:
            found["attribute", part.name, attribute.attribute] = {_joined(part, attribute.path)}
        if part.resource_type or part.resource_id:
            found["resource", part.name, ""] = {f"{part.resource_type} {part.resource_id}".strip()}
    return found


def _joined(part: bundle_pb2.MessagePart, path: str) -> str:
    return f"{part.path}[*]{path.removeprefix('$')}" if part.name else path


def _told(side: Side, places: Mapping[_Place, set[str]], keys: Iterable[_Place]) -> types_pb2.LocalizedText:
    said = []
    for key in keys:
        paths = ", ".join(sorted(places.get(key, ())))
        if not paths:
            continue
        name = words.field(side, key[2]) if key[0] == "field" else words.same(key[2] or key[1])
        zh, en = (f"{text}：{paths}" if text else paths for text in (name.zh, name.en))
        said.append(types_pb2.LocalizedText(zh=zh, en=en.replace("：", ": ", 1)))
    return words.enumeration(said)


# Golden cases


def golden_case_changes(before: Side, after: Side) -> Iterator[control_pb2.MeaningChange]:
    """Yield what changed in golden cases. They hold nodes to what is decided and change no verdict."""
    for name, old, new in _pairs(before.golden_cases, after.golden_cases):
        parts = _Parts(old, new)
        if old is None or new is None or list(old.expected) != list(new.expected):
            said = (
                words.expected(side, case.expected) if case is not None else words.NOTHING
                for side, case in ((before, old), (after, new))
            )
            parts.add("expected", *said)
        if old is not None and new is not None:
            if old.request != new.request:
                parts.add("request", *words.requests(old.request, new.request))
            parts.compare("time", lambda case: words.moment(case.now_nanos))
            if list(old.grants) != list(new.grants):
                parts.add("grants", *words.grants(old.grants, new.grants))
        yield control_pb2.MeaningChange(
            subject=control_pb2.CHANGE_SUBJECT_GOLDEN_CASE,
            id=name,
            kind=_kind(old, new),
            title=words.same(name),
            parts=parts.found,
        )
