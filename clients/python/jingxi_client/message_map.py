"""A message and its map: from them the questions to ask.

INVARIANT: of the message nothing but what the map declares as an attribute, a resource's type or its id gets into a
question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jingxi_client import paths, values
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from jingxi_client.decisions import Action, Mask, Resource, Subject
from jingxi_client.errors import AttributeValueError, MessageMismatchError

# What a request holds outside its attributes; a message may not speak about who asks and what for.
_BUILT_IN = frozenset({"subject.id", "subject.roles", "action.name", "resource.type", "resource.id"})
_NAMESPACES = frozenset({"subject", "action", "context", "resource"})

FULL = Mask("full")
"""What holds where no verdict says otherwise."""


Members = tuple[tuple[int, str, paths.Place], ...]
"""Fields that stand in one object: the field's position, its key there, and its place."""


@dataclass(frozen=True, slots=True)
class Part:
    """The fields and attributes of the message itself (`name` empty) or of each item of one of its lists.

    `groups` are fields by the object that holds them, so that it is looked up once for all of them, and `single` the
    positions of those that may stand at several places.
    """

    name: str
    path: paths.Path
    resource_type: str
    resource_id: paths.Path | None
    fields: tuple[tuple[str, tuple[paths.Path, ...]], ...]
    attributes: tuple[tuple[str, paths.Path], ...]
    groups: tuple[tuple[paths.Path, Members], ...]
    single: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FailureRule:
    """What to do with the fields of a map when no verdict can be had.

    `masks` by field; a field that is not there is masked in full. Those in `passing` pass before `pass_until`, in
    nanoseconds since 1970. Alarm when more than `alarm_events` messages fell back within `alarm_seconds`.
    """

    masks: Mapping[str, Mask] = field(default_factory=dict)
    passing: frozenset[str] = frozenset()
    pass_until: int = 0
    alarm_events: int = 0
    alarm_seconds: int = 0


@dataclass(frozen=True, slots=True)
class MessageMap:
    """Where fields and attributes sit in a message, with the declared types of all attributes."""

    application: str
    name: str
    parts: tuple[Part, ...]
    types: Mapping[str, int]
    policy_hash: str
    revision: int = 0
    failure_rule: FailureRule = FailureRule()

    def agrees_with(self, other: MessageMap) -> bool:
        """Whether both ask and mask alike, whatever policy set they come from."""
        return self.parts == other.parts and self.types == other.types


@dataclass(frozen=True, slots=True)
class Caller:
    """What the caller says about a question."""

    subject: Subject
    action: Action | None = None
    resource: Resource | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """One resource of the message: its part, its place, what to ask about it, and where each of its fields is."""

    part: Part
    place: paths.Place
    resource: types_pb2.Resource
    fields: tuple[tuple[str, tuple[paths.Place, ...]], ...]

    def item(self, message_map: MessageMap) -> decision_service_pb2.BatchItem:
        """Return the question as an item of a batch."""
        reference = types_pb2.MessageRef(
            application=message_map.application, name=message_map.name, part=self.part.name
        )
        return decision_service_pb2.BatchItem(resource=self.resource, message=reference)


@dataclass(frozen=True, slots=True)
class Plan:
    """All questions about a message and what they share. `problems` are as in `Masked`."""

    message_map: MessageMap
    subject: types_pb2.Subject
    action: types_pb2.Action
    context: Mapping[str, types_pb2.Value]
    questions: tuple[Question, ...]
    problems: tuple[str, ...]


def from_response(response: decision_service_pb2.GetMessageMapResponse) -> MessageMap:
    """Return the map that the service sent. Raises PathError."""
    source = response.message_map
    parts = tuple(map(_part, source.parts))
    rule = FailureRule(
        {f.field: mask_of(f.mask) for f in response.fallbacks if f.HasField("mask")},
        frozenset(f.field for f in response.fallbacks if getattr(f, "pass")),  # a word of Python
        response.pass_until_nanos,
        response.alarm_events,
        response.alarm_seconds,
    )
    types = dict(response.attribute_types)
    return MessageMap(source.application, source.name, parts, types, response.policy_hash, response.revision, rule)


def _part(source: bundle_pb2.MessagePart) -> Part:
    fields = tuple((f.field, tuple(paths.parse(text) for text in f.paths)) for f in source.fields)
    return Part(
        source.name,
        paths.parse(source.path or "$"),
        source.resource_type,
        paths.parse(source.resource_id) if source.resource_id else None,
        fields,
        tuple((a.attribute, paths.parse(a.path)) for a in source.attributes),
        *_groups(fields),
    )


def _groups(
    fields: tuple[tuple[str, tuple[paths.Path, ...]], ...],
) -> tuple[tuple[tuple[paths.Path, Members], ...], tuple[int, ...]]:
    groups: dict[tuple[str, ...], list[tuple[int, str, paths.Place]]] = {}
    single: list[int] = []
    for position, (_, own) in enumerate(fields):
        if len(own) != 1 or not own[0].steps or paths.EVERY in own[0].steps:
            single.append(position)
            continue
        names = own[0].names
        groups.setdefault(names[:-1], []).append((position, names[-1], names))
    found = ((paths.Path(paths.show(names), names), tuple(members)) for names, members in groups.items())
    return tuple(found), tuple(single)


def mask_of(source: types_pb2.Mask) -> Mask:
    """Return a mask that the service sent."""
    # A parameter of a kind that this client does not know becomes None, which no mask accepts: the field is dropped.
    return Mask(source.algorithm, {name: values.plain(v) for name, v in sorted(source.parameters.items())}, source.name)


def subject_of(subject: Subject, attributes: Mapping[str, types_pb2.Value]) -> types_pb2.Subject:
    """Return the subject with attributes already typed. Raises AttributeValueError."""
    roles = [values.text_of("subject.roles", role) for role in subject.roles]
    return types_pb2.Subject(id=values.text_of("subject.id", subject.id), roles=roles, attributes=attributes)


def action_of(action: Action, attributes: Mapping[str, types_pb2.Value]) -> types_pb2.Action:
    """Return the action with attributes already typed. Raises AttributeValueError."""
    return types_pb2.Action(name=values.text_of("action.name", action.name), attributes=attributes)


def resource_of(resource: Resource, attributes: Mapping[str, types_pb2.Value]) -> types_pb2.Resource:
    """Return the resource with attributes already typed. Raises AttributeValueError."""
    kind, number = values.text_of("resource.type", resource.type), values.text_of("resource.id", resource.id)
    return types_pb2.Resource(type=kind, id=number, attributes=attributes)


def plan(message_map: MessageMap, message: Any, caller: Caller) -> Plan:
    """Return what to ask about a message.

    Raises MessageMismatchError, and AttributeValueError for ids and names that are no text.
    """
    return _Planner(message_map, message, caller).plan()


class _Planner:
    """Builds a Plan. What the caller gives wins over what the message holds."""

    def __init__(self, message_map: MessageMap, message: Any, caller: Caller) -> None:
        self._map = message_map
        self._message = message
        self._caller = caller
        self._problems: list[str] = []
        action, resource = caller.action or Action(), caller.resource or Resource()
        self._shared = {
            "subject": self._declared("subject", caller.subject.attributes),
            "action": self._declared("action", action.attributes),
            "context": self._declared("context", caller.context),
        }
        self._given = resource
        self._given_attributes = self._declared("resource", resource.attributes)

    def plan(self) -> Plan:
        questions = list(self._questions())
        # The map names the application anyway, and most scopes ask for it.
        if "context.application" in self._map.types and "application" not in self._shared["context"]:
            self._shared["context"]["application"] = types_pb2.Value(string_value=self._map.application)
        subject, action = self._caller.subject, self._caller.action or Action()
        return Plan(
            self._map,
            subject_of(subject, self._shared["subject"]),
            action_of(action, self._shared["action"]),
            self._shared["context"],
            tuple(questions),
            tuple(dict.fromkeys(self._problems)),
        )

    def _questions(self) -> Iterator[Question]:
        given = resource_of(self._given, self._given_attributes)
        own = [part for part in self._map.parts if not part.name]
        inherited = given
        for part in own:
            inherited = self._resource(part, (), types_pb2.Resource())
            for name, value in self._attributes(part, ()):
                namespace, _, rest = name.partition(".")
                target = inherited.attributes if namespace == "resource" else self._shared[namespace]
                if rest not in target:
                    _put(target, rest, value)
            inherited.MergeFrom(given)  # attributes by name; type and id unless empty
            if part.fields:
                yield self._question(part, (), inherited)
        for part in self._map.parts:
            if part.name and part.fields:
                yield from self._items(part, inherited)

    def _items(self, part: Part, inherited: types_pb2.Resource) -> Iterator[Question]:
        for place, items in paths.find(self._message, part.path):
            if items is None:
                continue
            if not isinstance(items, list | tuple):
                raise MessageMismatchError(f"path `{part.path}` expects a list at `{paths.show(place)}`")
            for index, item in enumerate(items):
                if item is None:
                    continue
                here = (*place, index)
                resource = self._resource(part, here, inherited)
                for name, _ in part.attributes:
                    # An account without a balance must not be judged by its customer's.
                    resource.attributes.pop(name.removeprefix("resource."), None)
                for name, value in self._attributes(part, here):
                    namespace, _, rest = name.partition(".")
                    if namespace == "resource":
                        _put(resource.attributes, rest, value)
                    else:
                        self._problems.append(f"attribute `{name}` of list `{part.name}` is not of the resource")
                yield self._question(part, here, resource)

    def _question(self, part: Part, place: paths.Place, resource: types_pb2.Resource) -> Question:
        # Found before anything is asked, so that a message that does not fit is refused before anything is decided.
        return Question(part, place, resource, self._places(part, place))

    def _places(self, part: Part, place: paths.Place) -> tuple[tuple[str, tuple[paths.Place, ...]], ...]:
        found: list[tuple[paths.Place, ...]] = [()] * len(part.fields)
        for position in part.single:
            own = part.fields[position][1]
            found[position] = tuple(hit for path in own for hit, _ in paths.find(self._message, path, place))
        for path, members in part.groups:
            for there, holder in paths.find(self._message, path, place):
                if isinstance(holder, dict):
                    for position, key, names in members:
                        if key in holder:
                            found[position] = (place + names if place else names,)
                elif holder is not None:
                    first = part.fields[members[0][0]][1][0]
                    raise MessageMismatchError(f"path `{first}` expects an object at `{paths.show(there)}`")
        return tuple((name, places) for (name, _), places in zip(part.fields, found, strict=True))

    def _resource(self, part: Part, place: paths.Place, inherited: types_pb2.Resource) -> types_pb2.Resource:
        """Return a part's resource: its type and id where the map has them, else the inherited ones."""
        resource = types_pb2.Resource()
        resource.CopyFrom(inherited)
        resource.type = part.resource_type or inherited.type
        if part.resource_id is not None:
            value = self._read("resource.id", part.resource_id, place, values.Type.ATTRIBUTE_TYPE_STRING)
            # Without an id of its own an item must not pass for the message's resource.
            resource.id = value.string_value if value is not None else ""
        return resource

    def _attributes(self, part: Part, place: paths.Place) -> Iterator[tuple[str, types_pb2.Value]]:
        for name, path in part.attributes:
            kind = self._map.types.get(name)
            if name in _BUILT_IN or kind is None or name.partition(".")[0] not in _NAMESPACES:
                self._problems.append(f"attribute `{name}` cannot be taken from a message")
                continue
            value = self._read(name, path, place, kind)
            if value is not None:
                yield name, value

    def _read(self, name: str, path: paths.Path, place: paths.Place, kind: int) -> types_pb2.Value | None:
        found = [value for _, value in paths.find(self._message, path, place) if value is not None]
        if not found:
            return None
        many = paths.EVERY in path.steps
        if not many or values.is_list_type(kind):
            try:
                return values.typed_value(found if many else found[0], kind)
            except AttributeValueError as error:
                self._problems.append(f"attribute `{name}` at `{path}`: {error}")
                return None
        self._problems.append(f"attribute `{name}` at `{path}` has many values and is no list")
        return None

    def _declared(self, namespace: str, attributes: Mapping[str, Any]) -> dict[str, types_pb2.Value]:
        """Return the caller's attributes as the policy set declares them; undeclared ones as Python has them."""
        found = {}
        for name, value in attributes.items():
            if value is None:
                continue
            dotted = f"{namespace}.{values.text_of('the name of an attribute', name)}"
            kind = self._map.types.get(dotted)
            try:
                found[name] = values.to_value(value) if kind is None else values.typed_value(value, kind)
            except AttributeValueError as error:
                self._problems.append(f"attribute `{dotted}`: {error}")
        return found


def _put(target: Any, name: str, value: types_pb2.Value) -> None:
    """Set an entry of a plain dict or of a protobuf map, which has no item assignment for messages."""
    if isinstance(target, dict):
        target[name] = value
    else:
        target[name].CopyFrom(value)
