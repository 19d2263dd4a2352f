"""A part of a message map, compiled: what to look up in a message, in which order, and where its fields are masked.

A map is a list of paths, and following each of them from the top for every message costs more than the decision. So a
map is compiled once, when it arrives: paths that lead through the same object become one step, which goes to the object
once and then takes its members by name, with the conversion to each attribute's type already chosen. Paths through
lists are followed one by one, as are fields where one encloses another, because there the order of masking counts.

INVARIANT: problems and mismatches are those of following every path by itself in the order of the map: the resource's
id, attributes, fields. tests/reference_reading.py does just that, and a property test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jingxi_client import paths, values
from jingxi_client.errors import AttributeValueError, MessageMismatchError

Names = tuple[str, ...]
Troubles = list[tuple[int, str]]
"""Problems with the place in the map of what has them."""

# What a request holds outside its attributes; a message may not speak about who asks and what for.
_BUILT_IN = frozenset({"subject.id", "subject.roles", "action.name", "resource.type", "resource.id"})
_NAMESPACES = frozenset({"subject", "action", "context", "resource"})
_ID = "resource.id"
_TEXT = values.Type.ATTRIBUTE_TYPE_STRING
# The Python type of which a value needs no conversion: a bool, or a text of ASCII.
_OWN: Mapping[int, type] = {_TEXT: str, values.Type.ATTRIBUTE_TYPE_BOOL: bool}


class Attribute(NamedTuple):
    """An attribute that a part has: its place in the map (-1 for the resource's id), dotted name, path and type."""

    position: int
    name: str
    path: paths.Path
    kind: int
    convert: Any

    @property
    def root(self) -> str:
        """What the attribute is of: `subject`, `action`, `context` or `resource`."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """The name without the root."""
        return self.name.partition(".")[2]


class _Step(NamedTuple):
    """An object to go to by these names, and the attributes among its members: of the resource, and others.

    A member is its key, the attribute's name, the type as of `_OWN`, the conversion and the attribute.

    `path` is the first path of the map that leads through the object. With `along` there is no such object, but a path
    to follow by itself, for `attribute` or, with None, to see that the message fits a field.
    """

    names: Names
    path: paths.Path
    members: tuple[tuple[str, str, Any, Any, Attribute], ...]
    others: tuple[tuple[str, Attribute], ...]
    along: bool = False
    attribute: Attribute | None = None


Group = tuple[paths.Steps, tuple[tuple[int, str], ...]]
"""The steps that lead to an object, or to several through lists, and the fields among its members: position and key."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a part's resource and attributes are read from a message, and where its fields are.

    `groups` and `single` have each field once: those that are members of objects, by object, and the others.
    `names` are the part's attributes of the resource, without the root.
    """

    steps: tuple[_Step, ...]
    troubles: tuple[tuple[int, str], ...]
    groups: tuple[Group, ...]
    single: tuple[tuple[int, tuple[paths.Path, ...]], ...]
    names: frozenset[str]

    def read(
        self, message: Any, document: Any, place: paths.Place, attributes: dict[str, Any], troubles: Troubles
    ) -> tuple[str, list[tuple[Attribute, Any]]]:
        """Read what stands below `place` of the message, which is `document`.

        Attributes of the resource go into `attributes`; returned are the resource's id, empty for none, and the
        attributes that are not of the resource. Raises MessageMismatchError.
        """
        number = ""
        others: list[tuple[Attribute, Any]] = []
        troubles += self.troubles
        # Rules often call one member of a message by two names.
        read = conversion = known = None
        for names, path, members, elsewhere, along, lone in self.steps:
            if along:
                value = _value_along(lone, path, message, place, troubles)
                if lone is None or value is None:
                    continue
                if lone.position < 0:
                    number = value
                elif lone.root == "resource":
                    attributes[lone.key] = value
                else:
                    others.append((lone, value))
                continue
            holder = document
            for name in names:
                if type(holder) is not dict and not isinstance(holder, dict):
                    break
                holder = holder.get(name)
            if type(holder) is not dict and not isinstance(holder, dict):
                if holder is not None:
                    raise _mismatch(message, path, place)
                continue
            get = holder.get
            for key, into, own, convert, attribute in members:
                value = get(key)
                if value is None:
                    continue
                if type(value) is own and (own is bool or value.isascii()):
                    attributes[into] = value  # what converting would give, without the call
                elif value is read and convert is conversion:
                    attributes[into] = known
                else:
                    try:
                        attributes[into] = known = convert(value)
                        read, conversion = value, convert
                    except AttributeValueError as error:
                        troubles.append(_trouble(attribute, error))
            for key, other in elsewhere:
                value = get(key)
                if value is None:
                    continue
                try:
                    converted = other.convert(value)
                except AttributeValueError as error:
                    troubles.append(_trouble(other, error))
                    continue
                if other.position < 0:
                    number = converted
                else:
                    others.append((other, converted))
        return number, others


def compiled(
    fields: Sequence[tuple[str, tuple[paths.Path, ...]]],
    attributes: Iterable[tuple[str, paths.Path]],
    resource_id: paths.Path | None,
    types: Mapping[str, int],
) -> Reading:
    """Return a part's reading by the declared types of attributes."""
    wanted: list[Attribute] = []
    troubles = []
    names = set()
    for position, (name, path) in enumerate(attributes):
        kind = types.get(name)
        names.add(name.removeprefix("resource."))
        if name in _BUILT_IN or kind is None or name.partition(".")[0] not in _NAMESPACES:
            troubles.append((position, f"attribute `{name}` cannot be taken from a message"))
        else:
            wanted.append(Attribute(position, name, path, kind, values.converter(kind)))
    if resource_id is not None:
        wanted.insert(0, Attribute(-1, _ID, resource_id, _TEXT, values.converter(_TEXT)))
    groups, single = _groups(fields)
    steps = _steps(wanted, [path for _, own in fields for path in own])
    return Reading(steps, tuple(troubles), groups, single, frozenset(names))


def _steps(attributes: Iterable[Attribute], fields: Iterable[paths.Path]) -> tuple[_Step, ...]:
    """Return the steps in the order in which the map's paths first want them."""
    steps: list[_Step] = []
    objects: dict[Names, int] = {}

    def step_of(path: paths.Path) -> int:
        names = path.names[:-1]
        if names not in objects:
            objects[names] = len(steps)
            steps.append(_Step(names, path, (), ()))
        return objects[names]

    for attribute in attributes:
        if not _in_one_object(attribute.path):
            steps.append(_Step((), attribute.path, (), (), along=True, attribute=attribute))
            continue
        number = step_of(attribute.path)
        step, key = steps[number], attribute.path.names[-1]
        if attribute.root == "resource" and attribute.position >= 0:
            member = (key, attribute.key, _OWN.get(attribute.kind), attribute.convert, attribute)
            steps[number] = step._replace(members=(*step.members, member))
        else:
            steps[number] = step._replace(others=(*step.others, (key, attribute)))
    followed: set[paths.Steps] = set()
    for path in fields:
        if _in_one_object(path):
            step_of(path)
            continue
        # Following the path of one member through lists finds out whatever another member's would.
        through = path.steps[:-1] if _leads_to_member(path) else path.steps
        if through not in followed:
            followed.add(through)
            steps.append(_Step((), path, (), (), along=True))
    return tuple(steps)


def _groups(
    fields: Sequence[tuple[str, tuple[paths.Path, ...]]],
) -> tuple[tuple[Group, ...], tuple[tuple[int, tuple[paths.Path, ...]], ...]]:
    """Return the fields by the object that holds them, and those that have to be looked for one by one."""
    if _enclosing([path for _, own in fields for path in own]):
        return (), tuple((position, own) for position, (_, own) in enumerate(fields))
    groups: dict[paths.Steps, list[tuple[int, str]]] = {}
    single: list[tuple[int, tuple[paths.Path, ...]]] = []
    for position, (_, own) in enumerate(fields):
        if len(own) == 1 and _leads_to_member(own[0]):
            groups.setdefault(own[0].steps[:-1], []).append((position, own[0].names[-1]))
        else:
            single.append((position, own))
    return tuple((steps, tuple(members)) for steps, members in groups.items()), tuple(single)


def _enclosing(own: Sequence[paths.Path]) -> bool:
    """Whether what one path leads to encloses what another leads to, or is the same."""
    known = [path.steps for path in own]
    every = set(known)
    inside = any(steps[:length] in every for steps in known for length in range(len(steps)))
    return inside or len(every) < len(known)


def _in_one_object(path: paths.Path) -> bool:
    return bool(path.steps) and paths.EVERY not in path.steps


def _leads_to_member(path: paths.Path) -> bool:
    return bool(path.steps) and path.steps[-1] is not paths.EVERY


def _value_along(
    attribute: Attribute | None, path: paths.Path, message: Any, place: paths.Place, troubles: Troubles
) -> Any:
    """Follow a path and return the attribute's value; None when there is none or it does not fit.

    Raises MessageMismatchError.
    """
    found = paths.find(message, path, place)
    if attribute is None or not found:
        return None
    there = [value for _, value in found if value is not None]
    if not there:
        return None
    many = paths.EVERY in attribute.path.steps
    if many and not values.is_list_type(attribute.kind):
        says = f"attribute `{attribute.name}` at `{attribute.path}` has many values and is no list"
        troubles.append((attribute.position, says))
        return None
    try:
        return attribute.convert(there if many else there[0])
    except AttributeValueError as error:
        troubles.append(_trouble(attribute, error))
        return None


def _trouble(attribute: Attribute, error: AttributeValueError) -> tuple[int, str]:
    return attribute.position, f"attribute `{attribute.name}` at `{attribute.path}`: {error}"


def _mismatch(message: Any, path: paths.Path, place: paths.Place) -> MessageMismatchError:
    """Return the error that following the path by itself raises."""
    try:
        paths.find(message, path, place)
    except MessageMismatchError as error:
        return error
    return MessageMismatchError(f"path `{path}` changed while it was read")
