"""A message and its map, plainly: every path followed by itself from the top, in the order of the map.

What `jingxi_client` compiles a map to is compared with this.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jingxi_client import paths, values
from jingxi_client._gen.pdp.v1 import types_pb2
from jingxi_client.decisions import Action, Mask, Resource
from jingxi_client.errors import AttributeValueError, MaskUnavailableError, MessageMismatchError
from jingxi_client.masks import DROP, masker
from jingxi_client.message_map import FULL, Caller, MessageMap, Part

BUILT_IN = {"subject.id", "subject.roles", "action.name", "resource.type", "resource.id"}
ROOTS = ("subject", "action", "context", "resource")
TEXT = values.Type.ATTRIBUTE_TYPE_STRING

Values = dict[str, types_pb2.Value]
Verdicts = Mapping[str, Mask | None] | None
"""Masks by field, None for showing it; None for a question that has no decision."""


@dataclass
class Asked:
    """A question: the part's name, the place, the resource, and the places of each field."""

    part: str
    place: paths.Place
    type: str
    id: str
    attributes: Values
    fields: list[tuple[str, list[paths.Place]]]


@dataclass
class Read:
    """All that is asked about a message; `shared` by root."""

    shared: dict[str, Values]
    asked: list[Asked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(known: MessageMap, message: Any, caller: Caller) -> Read:
    """Return what to ask about a message. Raises MessageMismatchError and AttributeValueError."""
    found = Read({})
    action, given = caller.action or Action(), caller.resource or Resource()
    said = {"subject": caller.subject.attributes, "action": action.attributes, "context": caller.context}
    for root, attributes in {**said, "resource": given.attributes}.items():
        found.shared[root] = _declared(known, root, attributes, found.problems)
    own = found.shared.pop("resource")
    inherited = Asked("", (), given.type, given.id, own, [])
    for part in known.parts:
        if part.name:
            continue
        number, attributes = _read(known, part, message, (), found.problems)
        of_resource = {n.removeprefix("resource."): v for n, v in attributes if n.startswith("resource.")}
        for name, value in attributes:
            root, _, key = name.partition(".")
            if root != "resource":
                found.shared[root].setdefault(key, value)
        kind = given.type or part.resource_type
        inherited = Asked("", (), kind, given.id or number or "", {**of_resource, **own}, _places(part, message, ()))
        if part.fields:
            found.asked.append(inherited)
    for part in known.parts:
        if part.name and part.fields:
            found.asked += _items(known, part, message, inherited, found.problems)
    if "context.application" in known.types:
        found.shared["context"].setdefault("application", types_pb2.Value(string_value=known.application))
    return found


def masked(message: Any, asked: list[Asked], verdicts: list[Verdicts], today: datetime.date) -> Any:
    """Return the masked copy: each field after the other, what is dropped taken out at the end."""
    document = paths.copied(message)
    dropped: list[paths.Place] = []
    for question, masks in zip(asked, verdicts, strict=True):
        for name, places in question.fields:
            mask = FULL if masks is None else masks.get(name, FULL)
            for place in places if mask is not None else ():
                assert mask is not None
                held = _held(document, place)
                if held is not None:
                    shown = _shown(mask, held[0], today)
                    if shown is DROP:
                        dropped.append(place)
                        shown = "***"
                    document = paths.replace(document, place, shown)
    return paths.remove(document, dropped)


def _shown(mask: Mask, value: Any, today: datetime.date) -> Any:
    try:
        return masker(mask.algorithm, mask.parameters, today=today)(value)
    except MaskUnavailableError:
        return DROP


def _held(document: Any, place: paths.Place) -> tuple[Any] | None:
    """Return what is at a place, in a tuple; None when a mask has replaced what enclosed it."""
    for key in place:
        if isinstance(document, dict) and key in document:
            document = document[key]  # type: ignore[index]
        elif isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
        else:
            return None
    return (document,)


def _items(known: MessageMap, part: Part, message: Any, inherited: Asked, problems: list[str]) -> Iterator[Asked]:
    for place, items in paths.find(message, part.path):
        if items is None:
            continue
        if not isinstance(items, list | tuple):
            raise MessageMismatchError(f"path `{part.path}` expects a list at `{paths.show(place)}`")
        for index, item in enumerate(items):
            if item is None:
                continue
            here = (*place, index)
            number, attributes = _read(known, part, message, here, problems, in_list=True)
            own = {name.removeprefix("resource."): value for name, value in attributes}
            names = {name.removeprefix("resource.") for name, _ in part.attributes}
            passed = {name: value for name, value in inherited.attributes.items() if name not in names}
            kind = part.resource_type or inherited.type
            number = inherited.id if part.resource_id is None else number or ""
            yield Asked(part.name, here, kind, number, {**passed, **own}, _places(part, message, here))


def _places(part: Part, message: Any, place: paths.Place) -> list[tuple[str, list[paths.Place]]]:
    return [(name, [hit for path in own for hit, _ in paths.find(message, path, place)]) for name, own in part.fields]


def _read(
    known: MessageMap, part: Part, message: Any, place: paths.Place, problems: list[str], *, in_list: bool = False
) -> tuple[str | None, list[tuple[str, types_pb2.Value]]]:
    number = None
    if part.resource_id is not None:
        held = _value("resource.id", part.resource_id, message, place, TEXT, problems)
        number = None if held is None else held.string_value
    found = []
    for name, path in part.attributes:
        kind = known.types.get(name)
        if name in BUILT_IN or kind is None or name.partition(".")[0] not in ROOTS:
            problems.append(f"attribute `{name}` cannot be taken from a message")
            continue
        value = _value(name, path, message, place, kind, problems)
        if value is None:
            continue
        if in_list and not name.startswith("resource."):
            problems.append(f"attribute `{name}` of list `{part.name}` is not of the resource")
            continue
        found.append((name, value))
    return number, found


def _value(
    name: str, path: paths.Path, message: Any, place: paths.Place, kind: int, problems: list[str]
) -> types_pb2.Value | None:
    found = [value for _, value in paths.find(message, path, place) if value is not None]
    if not found:
        return None
    many = paths.EVERY in path.steps
    if many and not values.is_list_type(kind):
        problems.append(f"attribute `{name}` at `{path}` has many values and is no list")
        return None
    try:
        return values.typed_value(found if many else found[0], kind)
    except AttributeValueError as error:
        problems.append(f"attribute `{name}` at `{path}`: {error}")
        return None


def _declared(known: MessageMap, root: str, attributes: Mapping[str, Any], problems: list[str]) -> Values:
    found = {}
    for name, value in attributes.items():
        if value is None:
            continue
        kind = known.types.get(f"{root}.{name}")
        try:
            found[name] = values.to_value(value) if kind is None else values.typed_value(value, kind)
        except AttributeValueError as error:
            problems.append(f"attribute `{root}.{name}`: {error}")
    return found
