"""A message and its map: from them the questions to ask.

INVARIANT: of the message nothing but what the map declares as an attribute, a resource's type or its id gets into a
question.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

from jingxi_client import paths, values
from jingxi_client._caller import Callers, Said
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from jingxi_client._reading import Reading, Troubles, compiled
from jingxi_client._wire import Coder, TypedResource, delimited, message_ref
from jingxi_client.decisions import Action, Mask, Resource, Subject
from jingxi_client.errors import MessageMismatchError

FULL = Mask("full")
"""What holds where no verdict says otherwise."""


@dataclass(frozen=True, slots=True)
class Part:
    """The fields and attributes of the message itself (`name` empty) or of each item of one of its lists.

    `names` are those of the fields, and `reading` is how they are found, compiled by `types`, the declared types of
    attributes.
    """

    name: str
    path: paths.Path
    resource_type: str
    resource_id: paths.Path | None
    fields: tuple[tuple[str, tuple[paths.Path, ...]], ...]
    attributes: tuple[tuple[str, paths.Path], ...]
    types: InitVar[Mapping[str, int]]
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    reading: Reading = field(init=False, repr=False, compare=False)

    def __post_init__(self, types: Mapping[str, int]) -> None:
        reading = compiled(self.fields, self.attributes, self.resource_id, types)
        object.__setattr__(self, "reading", reading)
        # Interned, as the engine of the service does: it looks its answers up by them.
        object.__setattr__(self, "names", tuple(sys.intern(name) for name, _ in self.fields))


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
    coder: Coder = field(init=False, repr=False, compare=False)
    callers: Callers = field(init=False, repr=False, compare=False)
    references: Mapping[str, bytes] = field(init=False, repr=False, compare=False)
    own: tuple[Part, ...] = field(init=False, repr=False, compare=False)
    lists: tuple[Part, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        coder = Coder(self.types)
        references = {part.name: message_ref(self.application, self.name, part.name) for part in self.parts}
        object.__setattr__(self, "coder", coder)
        object.__setattr__(self, "callers", Callers(self.application, self.types, coder))
        object.__setattr__(self, "references", references)
        # The message itself, and the lists of which something is asked.
        object.__setattr__(self, "own", tuple(part for part in self.parts if not part.name))
        object.__setattr__(self, "lists", tuple(part for part in self.parts if part.name and part.fields))

    def agrees_with(self, other: MessageMap) -> bool:
        """Whether both ask and mask alike, whatever policy set they come from."""
        return self.parts == other.parts and self.types == other.types


@dataclass(slots=True)
class Caller:
    """What the caller says about a question."""

    subject: Subject
    action: Action | None = None
    resource: Resource | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Question:
    """One resource of the message: its part, its place, and what to ask about it."""

    message_map: MessageMap
    message: Any
    part: Part
    place: paths.Place
    about: TypedResource

    @property
    def fields(self) -> tuple[tuple[str, tuple[paths.Place, ...]], ...]:
        """The part's fields, each with where it is."""
        message, place = self.message, self.place
        return tuple(
            (name, tuple(hit for path in own for hit, _ in paths.find(message, path, place)))
            for name, own in self.part.fields
        )

    @property
    def encoded(self) -> bytes:
        """The resource, serialized."""
        return self.message_map.coder.resource(self.about)

    @property
    def resource(self) -> types_pb2.Resource:
        """The resource as a message."""
        return types_pb2.Resource.FromString(self.encoded)

    def item(self) -> decision_service_pb2.BatchItem:
        """Return the question as an item of a batch."""
        known = self.message_map
        reference = types_pb2.MessageRef(application=known.application, name=known.name, part=self.part.name)
        return decision_service_pb2.BatchItem(resource=self.resource, message=reference)


@dataclass(slots=True)
class Plan:
    """All questions about a message and what they share. `problems` are as in `Masked`."""

    message_map: MessageMap
    said: Said
    questions: tuple[Question, ...]
    problems: tuple[str, ...]

    @property
    def subject(self) -> types_pb2.Subject:
        """Who asks, as a message."""
        return self._shared.subject

    @property
    def action(self) -> types_pb2.Action:
        """What is about to be done, as a message."""
        return self._shared.action

    @property
    def context(self) -> Mapping[str, types_pb2.Value]:
        """Under what circumstances, as a request has them."""
        return self._shared.context

    @property
    def _shared(self) -> decision_service_pb2.DecideRequest:
        return decision_service_pb2.DecideRequest.FromString(self.said.head + self.said.tail)

    def request(self, question: Question) -> bytes:
        """Return what `Decide` is asked about a question, serialized, without ids and revisions."""
        said = self.said
        resource = delimited(b"\x22", question.encoded)
        return b"".join((said.head, resource, said.tail, self.message_map.references[question.part.name]))


def from_response(response: decision_service_pb2.GetMessageMapResponse) -> MessageMap:
    """Return the map that the service sent. Raises PathError."""
    source = response.message_map
    types = dict(response.attribute_types)
    parts = tuple(_part(part, types) for part in source.parts)
    rule = FailureRule(
        {f.field: mask_of(f.mask) for f in response.fallbacks if f.HasField("mask")},
        frozenset(f.field for f in response.fallbacks if getattr(f, "pass")),  # a word of Python
        response.pass_until_nanos,
        response.alarm_events,
        response.alarm_seconds,
    )
    return MessageMap(source.application, source.name, parts, types, response.policy_hash, response.revision, rule)


def _part(source: bundle_pb2.MessagePart, types: Mapping[str, int]) -> Part:
    return Part(
        source.name,
        paths.parse(source.path or "$"),
        source.resource_type,
        paths.parse(source.resource_id) if source.resource_id else None,
        tuple((f.field, tuple(paths.parse(text) for text in f.paths)) for f in source.fields),
        tuple((a.attribute, paths.parse(a.path)) for a in source.attributes),
        types,
    )


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
    callers = message_map.callers
    said, resource = callers.said(caller), caller.resource
    problems = [*said.problems]
    inherited = given = _NOTHING if resource is None else _given(message_map, resource, problems)
    questions: list[Question] = []
    for part in message_map.own:
        attributes: dict[str, Any] = {}
        troubles: Troubles = []
        number, others = part.reading.read(message, message, (), attributes, troubles)
        if others:
            said = callers.with_more(said, others)
        if troubles:
            _note(troubles, problems)
        attributes.update(given.attributes)
        inherited = TypedResource(given.type or part.resource_type, given.id or number, attributes)
        if part.fields:
            questions.append(Question(message_map, message, part, (), inherited))
    for part in message_map.lists:
        _items(message_map, part, message, inherited, questions, problems)
    return Plan(message_map, said, tuple(questions), tuple(dict.fromkeys(problems)) if problems else ())


_NOTHING = TypedResource("", "", {})


def _given(message_map: MessageMap, resource: Resource, problems: list[str]) -> TypedResource:
    """Return the resource that the caller gives."""
    attributes = message_map.callers.declared("resource", resource.attributes, problems)
    kind, number = values.text_of("resource.type", resource.type), values.text_of("resource.id", resource.id)
    return TypedResource(kind, number, attributes)


def _items(
    message_map: MessageMap,
    part: Part,
    message: Any,
    inherited: TypedResource,
    questions: list[Question],
    problems: list[str],
) -> None:
    """Add a question for each item of a list."""
    reading = part.reading
    kind = part.resource_type or inherited.type
    for place, items in paths.find(message, part.path):
        if items is None:
            continue
        if not isinstance(items, list | tuple):
            raise MessageMismatchError(f"path `{part.path}` expects a list at `{paths.show(place)}`")
        # An account without a balance must not be judged by its customer's.
        passed = {name: value for name, value in inherited.attributes.items() if name not in reading.names}
        for index, item in enumerate(items):
            if item is None:
                continue
            here = (*place, index)
            attributes = passed.copy()
            troubles: Troubles = []
            number, others = reading.read(message, item, here, attributes, troubles)
            for attribute, _ in others:
                says = f"attribute `{attribute.name}` of list `{part.name}` is not of the resource"
                troubles.append((attribute.position, says))
            _note(troubles, problems)
            # Without an id of its own an item must not pass for the message's resource.
            number = inherited.id if part.resource_id is None else number
            questions.append(Question(message_map, message, part, here, TypedResource(kind, number, attributes)))


def _note(troubles: Troubles, problems: list[str]) -> None:
    """Add what was in the way to the problems, in the order of the map."""
    troubles.sort(key=lambda trouble: trouble[0])
    problems += [says for _, says in troubles]
